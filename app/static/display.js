/**
 * How classes look: their colours and the hatching over them. It changes what is seen and never the document.
 */

import { distance, lab } from "./colours.js";

/** @typedef {import("./classes.js").Palette} Palette */
/** @typedef {import("./classes.js").PaletteClass} PaletteClass */
/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {"standard" | "safe"} Colours  the palette's own, or such as the colour-blind tell apart */
/** @typedef {{colours: Colours, hatch: boolean}} Look */

/**
 * Found by a search over the sRGB cube for colours near the usual meanings (sky, tree, grass, road, brick, sea, earth,
 * sand …) of which no two lie closer than SAFE_GAP, to the usual eye and to one without red, green or blue cones.
 */
export const SAFE_COLOURS = [
  [160, 200, 255],
  [40, 80, 0],
  [200, 240, 100],
  [120, 140, 160],
  [220, 120, 100],
  [0, 60, 200],
  [80, 40, 40],
  [240, 220, 160],
  [200, 0, 100],
  [120, 60, 160],
  [120, 240, 220],
  [180, 140, 0],
];
/** The least CIE76 distance between any two of them, as every one of those eyes sees them. */
export const SAFE_GAP = 23;
const SAFE_LAB = SAFE_COLOURS.map(lab);

/** Side of a pattern in map pixels. */
const TILE = 8;
/** Eight rows of eight pixels, lowest bit left; nothing finer than two, for maps shown at half their size. */
const PATTERNS = [
  [0x0f, 0x1e, 0x3c, 0x78, 0xf0, 0xe1, 0xc3, 0x87],
  [0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x0f, 0x0f, 0x0f, 0xf0, 0xf0, 0xf0, 0xf0],
  [0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f],
  [0x87, 0xc3, 0xe1, 0xf0, 0x78, 0x3c, 0x1e, 0x0f],
  [0x0f, 0x0f, 0x0f, 0x0f, 0x00, 0x00, 0x00, 0x00],
  [0xff, 0xff, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03],
  [0x33, 0x33, 0xcc, 0xcc, 0x33, 0x33, 0xcc, 0xcc],
  [0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03, 0x03],
  [0x03, 0x06, 0x0c, 0x18, 0x30, 0x60, 0xc0, 0x81],
  [0x81, 0xc0, 0x60, 0x30, 0x18, 0x0c, 0x06, 0x03],
  [0x81, 0xc3, 0x66, 0x3c, 0x18, 0x3c, 0x66, 0xc3],
  [0x33, 0x33, 0x00, 0x00, 0x33, 0x33, 0x00, 0x00],
  [0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00],
  [0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33],
];
/** How far a pattern's pixels go towards black on light colours, towards white on dark ones. */
const SHADE = 0.34;
const MIDDLE_LIGHTNESS = 50;

/** @param {number[]} colour @returns {number[]} */
function shaded(colour) {
  const goal = lab(colour)[0] > MIDDLE_LIGHTNESS ? 0 : 255;
  return colour.map((value) => Math.round(value + (goal - value) * SHADE));
}

/** @param {number[]} colour */
const rgb = (colour) => `rgb(${colour.join(" ")})`;

/**
 * The place of the least value.
 * @param {number[]} values
 */
const least = (values) => values.indexOf(Math.min(...values));

export class Display {
  /**
   * @param {Palette} palette
   * @param {Look} [look]
   */
  constructor(palette, look = { colours: "standard", hatch: false }) {
    this.palette = palette;
    this.look = look;
    /** @type {Set<number>} the classes in the map, and the one that is about to be painted */
    this.used = new Set();
    /** @type {Map<number, number>} which of the safe colours a class was given when it was first used */
    this.slots = new Map();
    /** Counts the changes of looks. */
    this.version = 0;
    this.meant = palette.classes.map(({ colour }) => lab(colour));
    this.ownPatterns = spreadPatterns(this.meant);
    /** @type {Map<number, number>} patterns given along with the slots */
    this.slotPatterns = new Map();
    this.#settle();
  }

  /** Classes in use share a safe colour, for they are or were more than there are: only hatching tells them apart. */
  get crowded() {
    const taken = new Set([...this.used].map((index) => this.slots.get(index)));
    return this.look.colours === "safe" && taken.size < this.used.size;
  }

  get hatched() {
    return this.look.hatch || this.crowded;
  }

  /** @param {Look} look */
  setLook(look) {
    this.look = look;
    this.#settle();
  }

  /**
   * Tells which classes are in use. Those that were keep their safe colours; the others find one that is free.
   * @param {Iterable<number>} indices  in order of their use
   * @returns {boolean} whether any class looks different now
   */
  setUsed(indices) {
    const before = this.#signature();
    this.used = new Set([...indices].filter((index) => index !== this.palette.unlabelled));
    for (const index of this.used) if (!this.slots.has(index)) this.#give(index);
    if (this.look.colours !== "safe" || before === this.#signature()) return false;
    this.#settle();
    return true;
  }

  /** @param {number} index  of a class without a slot */
  #give(index) {
    const holders = SAFE_COLOURS.map(() => 0);
    for (const [held, slot] of this.slots) if (this.used.has(held)) holders[slot]++;
    const fewest = Math.min(...holders);
    const slot = least(SAFE_LAB.map((each, i) => (holders[i] > fewest ? Infinity : distance(each, this.meant[index]))));
    if (!fewest) for (const [held, its] of this.slots) if (its === slot) this.#takeBack(held);
    this.slots.set(index, slot);
    const others = [...this.slotPatterns].map(([other, pattern]) => ({ pattern, look: this.#safeLab(other) }));
    this.slotPatterns.set(index, farthestPattern(SAFE_LAB[slot], others));
  }

  /** @param {number} index  of a class that left the map; another needs its colour */
  #takeBack(index) {
    this.slots.delete(index);
    this.slotPatterns.delete(index);
  }

  /** @param {number} index */
  #safeLab(index) {
    return SAFE_LAB[/** @type {number} */ (this.slots.get(index))];
  }

  #signature() {
    return `${this.hatched} ${[...this.slots]}`;
  }

  /** Works out two words a class: its colour, and the colour of its pattern's pixels. */
  #settle() {
    const { palette } = this;
    const bytes = [new Uint8ClampedArray(256 * 4), new Uint8ClampedArray(256 * 4)];
    this.rows = new Uint8Array(256 * TILE);
    /** @type {string[]} */
    this.tiles = [];
    for (const { index } of palette.classes) {
      const colour = this.colourOf(index);
      const alpha = index === palette.unlabelled ? 0 : 255;
      bytes[0].set([...colour, alpha], 4 * index);
      bytes[1].set([...shaded(colour), alpha], 4 * index);
      this.rows.set(PATTERNS[this.#patternOf(index)], TILE * index);
    }
    this.version++;
    [this.table, this.shades] = bytes.map((each) => new Uint32Array(each.buffer));
  }

  /** @param {number} index */
  #patternOf(index) {
    return (this.look.colours === "safe" ? this.slotPatterns.get(index) : undefined) ?? this.ownPatterns[index];
  }

  /**
   * A class that is not in use yet shows the safe colour nearest to its own; it may find another once it is used.
   * @param {number} index
   * @returns {number[]} 0 to 255
   */
  colourOf(index) {
    if (this.look.colours === "standard") return this.palette.classes[index].colour;
    return SAFE_COLOURS[this.slots.get(index) ?? least(SAFE_LAB.map((each) => distance(each, this.meant[index])))];
  }

  /**
   * The colour for the style of a swatch; empty for unlabelled, which has none.
   * @param {number} index
   */
  css(index) {
    return index === this.palette.unlabelled ? "" : rgb(this.colourOf(index));
  }

  /**
   * The hatching for the style of a swatch, as a background image of 8 × 8 pixels to lay over its colour.
   * @param {number} index
   * @returns {string} empty where there is none
   */
  cssHatch(index) {
    if (!this.hatched || index === this.palette.unlabelled) return "";
    return (this.tiles[index] ??= `url("data:image/svg+xml,${encodeURIComponent(this.#tile(index))}")`);
  }

  /** @param {number} index */
  #tile(index) {
    const dots = [];
    for (let y = 0; y < TILE; y++) {
      const row = this.rows[TILE * index + y];
      for (let x = 0; x < TILE; x++) if ((row >> x) & 1) dots.push(`M${x} ${y}h1v1h-1z`);
    }
    const style = `shape-rendering="crispEdges" fill="${rgb(shaded(this.colourOf(index)))}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><path ${style} d="${dots.join("")}"/></svg>`;
  }

  /**
   * Writes a part of the map as it is to be seen; unlabelled is transparent and shows the photo or the ground.
   * @param {Uint8Array} labels  of the whole map
   * @param {number} width  of the map
   * @param {Rect} rect  of the map
   * @param {Uint32Array} words  RGBA, one a pixel of the map
   */
  fill(labels, width, { x, y, w, h }, words) {
    const { table, shades, rows, hatched } = this;
    for (let row = y; row < y + h; row++) {
      const start = row * width;
      for (let column = x, i = start + x; column < x + w; column++, i++) {
        const label = labels[i];
        const shade = hatched && (rows[(label << 3) | (row & 7)] >> (column & 7)) & 1;
        words[i] = shade ? shades[label] : table[label];
      }
    }
  }
}

/**
 * The pattern whose present holders look least like a newcomer; one that nobody has, as long as there is any.
 * @param {number[]} look  L*a*b* of the newcomer
 * @param {{pattern: number, look: number[]}[]} others
 * @returns {number} its place in PATTERNS
 */
function farthestPattern(look, others) {
  const gaps = PATTERNS.map(() => Infinity);
  for (const other of others) gaps[other.pattern] = Math.min(gaps[other.pattern], distance(look, other.look));
  return gaps.indexOf(Math.max(...gaps));
}

/**
 * A pattern for each class, such that classes that look alike get different ones.
 * @param {number[][]} looks  L*a*b* of each class
 * @returns {number[]} places in PATTERNS
 */
function spreadPatterns(looks) {
  /** @type {{pattern: number, look: number[]}[]} */
  const given = [];
  for (const look of looks) given.push({ pattern: farthestPattern(look, given), look });
  return given.map(({ pattern }) => pattern);
}
