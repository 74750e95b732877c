/**
 * Which class is painted: the current one, the one before it, the favourites and the recently used; the search; and
 * what the model knows of each. No page in here.
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
/**
 * What is kept of each palette.
 * @typedef {object} Choice
 * @property {number} current
 * @property {number} previous
 * @property {number[]} recents  no favourites among them; each keeps its place
 * @property {number[]} order  the recents again, the one whose painting is longest ago first
 * @property {number[]} favourites
 * @property {string[]} closed  headings whose classes are folded away
 */
/** @typedef {"known" | "hardly" | "never"} Knowledge  how much of a class the model has seen */
/** @typedef {{colours: import("./display.js").Colours, hatch: boolean, known: boolean}} Preferences  of the panel */

/** As many as there are digit keys. */
export const SLOTS = 9;

/**
 * The share of the training pixels below which a class counts as hardly seen: one pixel in a thousand. Of a class that
 * covers a tenth of its photos that is one photo in a hundred; a network has learnt little of what is rarer than that.
 */
export const HARDLY = 0.001;

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

/**
 * A share as the list says it, never 0 % for a class that is there nor 100 % where it is not alone.
 * @param {number} share  of 1
 */
export function percent(share) {
  const hundredths = 100 * share;
  if (hundredths < 0.1) return "<0.1 %";
  if (share < 1 && hundredths > 99) return ">99 %";
  return `${hundredths.toFixed(hundredths < 9.95 ? 1 : 0)} %`;
}

/**
 * A choice that was kept, or null where the palette no longer holds its classes. Older ones lack the later entries.
 * @param {Choice} choice
 * @param {number} size  of the palette
 * @returns {Choice | null}
 */
function checked({ current, previous, recents, order = recents, favourites = [], closed = [] }, size) {
  const indices = [current, previous, ...recents, ...order, ...favourites];
  if (!indices.every((index) => Number.isInteger(index) && index >= 0 && index < size)) return null;
  return structuredClone({ current, previous, recents, order, favourites, closed });
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
    /** @type {Preferences} */
    this.preferences = { colours: "standard", hatch: false, known: false };
    /** @type {Record<string, Record<string, number> | null>} */
    this.seen = {};
    /** @type {() => void} */
    this.onchange = () => {};
    /** @type {() => void} told of what is worth keeping and no step of the document */
    this.onkeep = () => {};
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
      const [current, previous] = [named[0].index, (named[1] ?? named[0]).index];
      this.choices[name] = { current, previous, recents: [], order: [], favourites: [], closed: [] };
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

  /** What the keys 1 to 9 choose: the favourites first, the recently painted in the rest. */
  get slots() {
    const { favourites, recents } = this.choice;
    return [...favourites, ...recents].slice(0, SLOTS).map((index) => this.palette.classes[index]);
  }

  /** @param {number} index */
  choose(index) {
    if (index === this.choice.current) return;
    this.choice.previous = this.choice.current;
    this.choice.current = index;
    this.onchange();
  }

  swap() {
    this.choose(this.choice.previous);
  }

  /**
   * Notes that the current class was painted. The recents keep their places: once there is no room, a new one takes the
   * place of the one whose painting is longest ago.
   */
  used() {
    const { choice } = this;
    const { current, recents, favourites } = choice;
    if (favourites.includes(current)) return;
    choice.order = [...choice.order.filter((index) => index !== current), current];
    if (recents.includes(current)) return;
    if (recents.length < this.#room) recents.push(current);
    else if (this.#room) recents[recents.indexOf(this.#oldest)] = current;
    this.#tidy();
    this.onchange();
  }

  /** How many recents there is room for. */
  get #room() {
    return Math.max(0, SLOTS - this.choice.favourites.length);
  }

  get #oldest() {
    const { order, recents } = this.choice;
    return /** @type {number} */ (order.find((index) => recents.includes(index)));
  }

  #tidy() {
    const { choice } = this;
    while (choice.recents.length > this.#room) choice.recents.splice(choice.recents.indexOf(this.#oldest), 1);
    choice.order = choice.order.filter((index) => choice.recents.includes(index));
  }

  /** @param {number} index */
  isFavourite(index) {
    return this.choice.favourites.includes(index);
  }

  /**
   * Makes a class the last of the favourites, or the first of the recents again.
   * @param {number} index
   */
  toggleFavourite(index) {
    const { choice } = this;
    const was = this.isFavourite(index);
    choice.favourites = choice.favourites.filter((each) => each !== index);
    choice.recents = choice.recents.filter((each) => each !== index);
    if (!was) choice.favourites.push(index);
    else if (choice.recents.length < this.#room) {
      choice.recents.unshift(index);
      choice.order.push(index);
    }
    this.#tidy();
    this.onkeep();
    this.onchange();
  }

  /** @param {string} heading */
  isClosed(heading) {
    return this.choice.closed.includes(heading);
  }

  /** @param {string} heading  its classes are folded away, or shown again */
  toggleClosed(heading) {
    const { choice } = this;
    const others = choice.closed.filter((each) => each !== heading);
    choice.closed = others.length < choice.closed.length ? others : [...others, heading];
    this.onkeep();
    this.onchange();
  }

  /**
   * Tells what the model has seen.
   * @param {string} name  of the palette
   * @param {Record<string, number> | null} shares  of the training pixels, from 0 to 1, by class name; null: not known
   */
  know(name, shares) {
    this.seen[name] = shares;
    this.onchange();
  }

  /** Whether it is known what the model has seen of the present palette. */
  get isKnowing() {
    return Boolean(this.seen[this.palette.name]);
  }

  /**
   * @param {number} index
   * @returns {Knowledge} known where nobody told otherwise
   */
  knowledge(index) {
    const seen = this.seen[this.palette.name];
    if (!seen || index === this.palette.unlabelled) return "known";
    const share = seen[this.palette.classes[index].name] ?? 0;
    if (share >= HARDLY) return "known";
    return share > 0 ? "hardly" : "never";
  }

  /** Whether a class is to be left out of the list and the search. @param {number} index */
  isHidden(index) {
    return this.preferences.known && this.knowledge(index) !== "known";
  }

  /** @param {Partial<Preferences>} changes */
  prefer(changes) {
    this.preferences = { ...this.preferences, ...changes };
    this.onkeep();
    this.onchange();
  }

  /**
   * Takes up what was kept from an earlier visit, as far as the palettes still hold those classes.
   * @param {Record<string, Choice>} choices
   * @param {Partial<Preferences>} [preferences]
   */
  restore(choices, preferences) {
    for (const [name, kept] of Object.entries(choices)) {
      const choice = this.palettes[name] && checked(kept, this.palettes[name].classes.length);
      if (choice) this.choices[name] = choice;
    }
    this.preferences = { ...this.preferences, ...preferences };
    this.onchange();
  }
}
