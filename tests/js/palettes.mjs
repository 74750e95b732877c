/** A palette small enough to read, with a gap in its file values and unlabelled at the end. */
export const scene = {
  name: "scene",
  title: "Scene",
  unlabelled: 4,
  classes: [
    { index: 0, value: 1, name: "sky", synonyms: ["heavens"], colour: [6, 230, 230], group: "nature" },
    { index: 1, value: 2, name: "mountain", synonyms: ["mount"], colour: [143, 255, 140], group: "nature" },
    { index: 2, value: 3, name: "skyscraper", synonyms: [], colour: [140, 140, 140], group: "built" },
    { index: 3, value: 5, name: "television", synonyms: ["TV set", "boob tube"], colour: [0, 255, 194], group: "indoor" },
    { index: 4, value: 255, name: "unlabelled", synonyms: [], colour: [0, 0, 0], group: "" },
  ],
};

export const face = {
  name: "face",
  title: "Face",
  unlabelled: 0,
  classes: [
    { index: 0, value: 0, name: "background", synonyms: [], colour: [0, 0, 0], group: "" },
    { index: 1, value: 1, name: "skin", synonyms: [], colour: [204, 0, 0], group: "" },
    { index: 2, value: 2, name: "hair", synonyms: [], colour: [0, 0, 204], group: "" },
  ],
};
