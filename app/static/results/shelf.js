/**
 * What is shown of the history: the pages that were fetched so far of one search, grouped by day.
 */

import { Album } from "./album.js";

/** @typedef {import("./album.js").Picture} Picture */
/** @typedef {Picture & {id: string, made: string}} Entry */

export class Shelf extends Album {
  constructor() {
    super();
    /** @type {Entry[]} newest first */
    this.entries = [];
    this.more = true;
    this.query = { text: "", favourites: false, deleted: false };
    /** @type {() => Date} */
    this.now = () => new Date();
  }

  /** What the next page is asked for with. */
  get question() {
    return { ...this.query, before: this.entries.at(-1)?.id };
  }

  /**
   * Another search: begins anew.
   * @param {Partial<Shelf["query"]>} changes
   */
  ask(changes) {
    Object.assign(this.query, changes);
    Object.assign(this, { entries: [], more: true, checked: [], current: "" });
  }

  /**
   * The next page.
   * @param {{entries: any[], more: boolean}} page
   */
  append({ entries, more }) {
    for (const entry of entries) if (!this.#has(entry.id)) this.entries.push(asPicture(entry));
    this.more = more;
  }

  /** Puts entries where they belong by their time; those of another search's are left out. @param {any[]} entries */
  insert(entries) {
    const { deleted, favourites } = this.query;
    for (const entry of entries) {
      if (this.#has(entry.id) || entry.deleted !== deleted || (favourites && !entry.favourite)) continue;
      const at = this.entries.findIndex((each) => each.made < entry.made);
      this.entries.splice(at < 0 ? this.entries.length : at, 0, asPicture(entry));
    }
  }

  /** @param {string} id */
  #has(id) {
    return this.entries.some((entry) => entry.id === id);
  }

  get held() {
    return this.entries;
  }

  get sections() {
    /** @type {import("./album.js").Section[]} */
    const sections = [];
    for (const entry of this.entries.filter((each) => each.deleted === this.query.deleted)) {
      const title = dayName(new Date(entry.made), this.now());
      if (sections.at(-1)?.title !== title) sections.push({ title, pictures: [] });
      sections.at(-1)?.pictures.push(entry);
    }
    return sections;
  }

  /** Whether nothing narrows the search. */
  get whole() {
    return !this.query.text.trim() && !this.query.favourites;
  }
}

/** @param {any} entry @returns {Entry} */
const asPicture = (entry) => ({ ...entry, key: entry.id, state: "done" });

/**
 * Today, Yesterday, or the date; in local time.
 * @param {Date} date
 * @param {Date} now
 */
export function dayName(date, now) {
  const day = (/** @type {Date} */ each) => new Date(each.getFullYear(), each.getMonth(), each.getDate()).getTime();
  const days = Math.round((day(now) - day(date)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  /** @type {Intl.DateTimeFormatOptions} */
  const parts = { weekday: "long", day: "numeric", month: "long" };
  if (date.getFullYear() !== now.getFullYear()) parts.year = "numeric";
  return date.toLocaleDateString("en-GB", parts).replace(",", "");
}
