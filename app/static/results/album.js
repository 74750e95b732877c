/**
 * Pictures as the artist goes through them, without any drawing: which there are and in what order, which one the
 * keyboard is on, which two are marked to be compared, what is a favourite or rejected.
 */

/** @typedef {"waiting" | "forming" | "done" | "stopped"} State */
/**
 * A picture of a run or of the history.
 * @typedef {object} Picture
 * @property {string} key  tells it apart inside its album
 * @property {number} seed
 * @property {State} state
 * @property {string} [url]  of the whole picture, or of a preview while it forms
 * @property {string} [thumb]
 * @property {string} [id]  of its entry in the history, once it is kept
 * @property {string} [draft]  what it can be kept by, where it was only looked at
 * @property {boolean} favourite
 * @property {boolean} rejected
 * @property {boolean} deleted
 * @property {number} width
 * @property {number} height
 * @property {string} [name]  of its file
 * @property {string} [made]  when, as ISO 8601
 */
/** @typedef {Partial<Pick<Picture, "favourite" | "rejected" | "deleted" | "url" | "name">>} Changes */
/** @typedef {{title: string, pictures: Picture[]}} Section */

const PAIR = 2;

export class Album {
  constructor() {
    /** @type {string} the key of the picture that the keyboard is on */
    this.current = "";
    /** @type {string[]} keys, the one that was marked first in front */
    this.checked = [];
  }

  /** @returns {Picture[]} in the order they are shown */
  get pictures() {
    return this.sections.flatMap((section) => section.pictures);
  }

  /** @returns {Section[]} */
  get sections() {
    return [];
  }

  /** @param {string} key */
  find(key) {
    return this.pictures.find((picture) => picture.key === key);
  }

  /**
   * The picture so many places on, or the last one on that side; the one at hand where there is none.
   * @param {string} key
   * @param {number} by
   */
  beside(key, by) {
    const all = this.pictures;
    const at = all.findIndex((picture) => picture.key === key);
    return all[Math.max(0, Math.min(all.length - 1, at + by))];
  }

  /** The key that Tab leads to. */
  get entrance() {
    return (this.find(this.current) ?? this.pictures[0])?.key ?? "";
  }

  /** Marks a picture to be compared, or unmarks it; a third takes the place of the first. @param {string} key */
  check(key) {
    if (this.checked.includes(key)) this.checked = this.checked.filter((each) => each !== key);
    else if (comparable(this.find(key))) this.checked = [...this.checked, key].slice(-PAIR);
  }

  /** @returns {[Picture, Picture] | null} the two that are marked, in the order in which they are shown */
  get pair() {
    const [a, b] = this.pictures.filter((picture) => this.checked.includes(picture.key));
    return a && b ? [a, b] : null;
  }

  /**
   * Takes over what changed of a picture.
   * @param {string} id
   * @param {Changes} changes
   */
  change(id, changes) {
    for (const picture of this.held) if (picture.id === id) Object.assign(picture, changes);
    this.checked = this.checked.filter((key) => this.find(key));
  }

  /** @returns {Picture[]} all pictures, those too that are not shown */
  get held() {
    return this.pictures;
  }
}

/** @param {Picture | undefined} picture */
export const comparable = (picture) => Boolean(picture?.url && picture.state === "done");

/**
 * What a picture is called for those who don't see it.
 * @param {Picture} picture
 */
export function describe(picture) {
  const { seed, state, draft, id, favourite, rejected, deleted } = picture;
  const marks = { "not saved": draft && !id, favourite, rejected, deleted };
  return [`Seed ${seed}`, state, ...Object.entries(marks).flatMap(([word, so]) => (so ? [word] : []))].join(", ");
}
