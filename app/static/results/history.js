/** Every picture there is, by day, newest first: searched, fetched a page at a time as one scrolls. */

import { el } from "../dom.js";
import { Grid } from "./grid.js";

/** @typedef {import("./shelf.js").Shelf} Shelf */
/** @typedef {import("./cell.js").Do} Do */

const PAUSE = 200; // ms without typing before a search starts
const AHEAD = "600px"; // below the window, where the next page is fetched already
const HINT = "Search: sky, boat, model, seed 7, 2026-11 …";

/**
 * What an empty list says.
 * @param {Shelf["query"]} query
 */
export function emptyText({ text, favourites, deleted }) {
  if (text.trim()) {
    const hint = "Search for what is in the map (sky, tree), a model, a seed or a date (2026-11).";
    return `No result fits “${text.trim()}”. ${hint}`;
  }
  if (favourites) return "No favourites here yet. Press F on a result, or its star.";
  if (deleted) return "Nothing is deleted. What you delete waits here, and Restore brings it back.";
  return "Nothing here yet. Press Generate or Repaint: every finished result is kept here, with its map and settings.";
}

export class HistoryPanel {
  /**
   * @param {Shelf} shelf
   * @param {Do} act
   * @param {object} helpers
   * @param {import("./ask.js").Ask} helpers.ask
   * @param {() => void} helpers.compare
   * @param {(error: Error) => void} helpers.complain
   */
  constructor(shelf, act, { ask, compare, complain }) {
    this.shelf = shelf;
    this.ask = ask;
    this.complain = complain;
    this.shown = "";
    this.tickets = 0;
    this.loading = false;
    this.grid = new Grid(shelf, act, { name: "History", inHistory: true });
    const name = "Search the history";
    this.search = el("input", { type: "search", class: "sw-find", placeholder: HINT, "aria-label": name });
    this.search.addEventListener("input", () => this.#later(() => this.renew({ text: this.search.value })));
    this.favourites = this.#filter("Favourites", "favourites");
    this.deleted = this.#filter("Deleted", "deleted");
    this.compareButton = el("button", { type: "button", class: "sw-word", click: compare }, "Compare");
    const tools = [this.search, this.favourites, this.deleted, this.compareButton];
    this.tools = el("div", { class: "sw-tools-row" }, ...tools);
    this.empty = el("p", { class: "sw-empty", hidden: true });
    this.end = el("div", { class: "sw-end" });
    this.element = el("div", { class: "sw-panel" }, this.tools, this.empty, this.grid.element, this.end);
    this.watch = new IntersectionObserver(([seen]) => seen.isIntersecting && this.#next(), { rootMargin: AHEAD });
  }

  /** @param {string} text @param {"favourites" | "deleted"} name */
  #filter(text, name) {
    const press = () => this.renew({ [name]: !this.shelf.query[name] });
    return el("button", { type: "button", class: "sw-word", "aria-pressed": "false", click: press }, text);
  }

  /** @param {() => void} act */
  #later(act) {
    clearTimeout(this.timer);
    this.timer = setTimeout(act, PAUSE);
  }

  /** The panel came to be seen: what is new comes in. */
  open() {
    if (this.shelf.entries.length) this.refresh();
    this.watch.observe(this.end);
  }

  close() {
    this.watch.disconnect();
  }

  /** Another search. @param {Partial<Shelf["query"]>} changes */
  renew(changes) {
    this.shelf.ask(changes);
    this.loading = false;
    this.tickets++;
    return this.#next();
  }

  /** Brings in what was made since. */
  async refresh() {
    const page = await this.#fetch({ ...this.shelf.query });
    if (page) this.shelf.insert(page.entries);
    this.update();
  }

  async #next() {
    if (this.loading || !this.shelf.more) return;
    this.loading = true;
    const page = await this.#fetch(this.shelf.question);
    if (page === undefined) return; // of a search that another one replaced
    this.loading = false;
    if (page === null) this.shelf.more = false;
    else this.shelf.append(page);
    this.update();
    this.watch.unobserve(this.end); // and anew: it tells of changes only
    if (this.element.isConnected && !this.element.hidden) this.watch.observe(this.end);
  }

  /**
   * @param {Record<string, any>} question
   * @returns {Promise<any>} null where it failed, undefined where it came too late
   */
  async #fetch(question) {
    const ticket = this.tickets;
    try {
      const page = await this.ask("search", question);
      return ticket === this.tickets ? page : undefined;
    } catch (error) {
      this.complain(/** @type {Error} */ (error));
      return null;
    }
  }

  update() {
    const { shelf } = this;
    const { favourites, deleted } = shelf.query;
    this.favourites.setAttribute("aria-pressed", String(favourites));
    this.deleted.setAttribute("aria-pressed", String(deleted));
    this.compareButton.disabled = !shelf.pair;
    this.compareButton.setAttribute("data-tip", shelf.pair ? "Compare the two (C)" : "Mark two results first (Space)");
    this.grid.update({ shown: this.shown });
    this.empty.hidden = this.loading || shelf.pictures.length > 0;
    this.empty.textContent = emptyText(shelf.query);
  }
}
