/**
 * Which class is painted: the current one, the one before it, the recently used, and the search. No page in here.
 */

/**
 * @typedef {object} PaletteClass
 * @property {number} index  what the map holds
 * @property {number} value  what the dataset's own file holds
 * @property {string} name
 * @property {string[]} synonyms
 * @property {[number, number, number]} colour  display only
 * @property {string} group
 */
/** @typedef {{name: string, title: string, unlabelled: number, classes: PaletteClass[]}} Palette */
/** @typedef {{current: number, previous: number, recents: number[]}} Choice */

export const RECENTS = 9;

/** @param {string} text */
const plain = (text) => text.toLowerCase().trim();

/**
 * How well a name answers a query: 0 whole, 1 begins with it, 2 a word begins with it, 3 holds it, Infinity not at all.
 * @param {string} name
 * @param {string} query
 */
function distance(name, query) {
  const text = plain(name);
  if (text === query) return 0;
  if (text.startsWith(query)) return 1;
  if (text.split(/[\s,\-/]+/).some((word) => word.startsWith(query))) return 2;
  return text.includes(query) ? 3 : Infinity;
}

/**
 * The classes whose name or synonym answers the query, best first; a name goes before an equal synonym.
 * @param {Palette} palette
 * @param {string} query
 * @returns {{found: PaletteClass, synonym: string | null}[]} `synonym` is the one that answered, where the name did not
 */
export function search(palette, query) {
  const wanted = plain(query);
  if (!wanted) return palette.classes.map((found) => ({ found, synonym: null }));
  const hits = [];
  for (const found of palette.classes) {
    let best = { rank: 2 * distance(found.name, wanted), synonym: /** @type {string | null} */ (null) };
    for (const synonym of found.synonyms) {
      const rank = 2 * distance(synonym, wanted) + 1;
      if (rank < best.rank) best = { rank, synonym };
    }
    if (best.rank < Infinity) hits.push({ found, ...best });
  }
  return hits.sort((a, b) => a.rank - b.rank || a.found.index - b.found.index).map(({ found, synonym }) => ({ found, synonym }));
}

/** What a landscape begins with comes first, what stands for nothing last. */
const GROUP_ORDER = ["sky", "plants", "ground", "water", "buildings", "street", "vehicles", "people", "animals"];
const LAST_GROUP = "void";

/**
 * The palette's classes by group, each group in the palette's order.
 * @param {Palette} palette
 * @returns {[string, PaletteClass[]][]}
 */
export function groups(palette) {
  /** @type {Map<string, PaletteClass[]>} */
  const found = new Map([...GROUP_ORDER, ...palette.classes.map((c) => c.group)].map((name) => [name, []]));
  for (const c of palette.classes) found.get(c.group)?.push(c);
  const filled = [...found].filter(([, classes]) => classes.length);
  return [...filled.filter(([name]) => name !== LAST_GROUP), ...filled.filter(([name]) => name === LAST_GROUP)];
}

export class ClassPicker {
  /**
   * @param {Record<string, Palette>} palettes
   * @param {string} name  of the palette to begin with
   */
  constructor(palettes, name) {
    this.palettes = palettes;
    /** @type {Record<string, Choice>} each palette keeps its own */
    this.choices = {};
    /** @type {() => void} */
    this.onchange = () => {};
    this.use(name);
  }

  /**
   * Goes over to another palette, with the class last used in it.
   * @param {string} name
   */
  use(name) {
    if (this.palette?.name === name) return;
    this.palette = this.palettes[name];
    if (!this.choices[name]) {
      const named = groups(this.palette).flatMap(([, classes]) => classes.filter((c) => c.index !== this.palette.unlabelled));
      this.choices[name] = { current: named[0].index, previous: (named[1] ?? named[0]).index, recents: [] };
    }
    this.onchange();
  }

  get choice() {
    return this.choices[this.palette.name];
  }

  get current() {
    return this.palette.classes[this.choice.current];
  }

  get previous() {
    return this.palette.classes[this.choice.previous];
  }

  get recents() {
    return this.choice.recents.map((index) => this.palette.classes[index]);
  }

  /**
   * @param {number} index
   */
  choose(index) {
    if (index === this.choice.current) return;
    this.choice.previous = this.choice.current;
    this.choice.current = index;
    this.onchange();
  }

  swap() {
    this.choose(this.choice.previous);
  }

  /** Notes that the current class was painted: a new one goes to the end, and those there keep their place and key. */
  used() {
    const { current, recents } = this.choice;
    if (recents.includes(current)) return;
    recents.push(current);
    if (recents.length > RECENTS) recents.shift();
    this.onchange();
  }

  /**
   * Takes up choices kept from an earlier visit, as far as the palettes still hold those classes.
   * @param {Record<string, Choice>} choices
   */
  restore(choices) {
    for (const [name, choice] of Object.entries(choices)) {
      const size = this.palettes[name]?.classes.length ?? 0;
      if ([choice.current, choice.previous, ...choice.recents].every((index) => index < size)) this.choices[name] = choice;
    }
    this.onchange();
  }
}
