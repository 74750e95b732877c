/**
 * The list of the palette panel: favourites, the classes in this map, every class by group; or what a search found.
 * It is built once a palette and brought up to date row by row.
 */

import { groups, search } from "./classes.js";
import { ClassRow } from "./classrow.js";
import { el } from "./dom.js";

/** @typedef {import("./display.js").Display} Display */
/** @typedef {import("./editor.js").Editor} Editor */

/** A heading that folds its rows away, and the rows. */
class Section {
  /**
   * @param {string} name
   * @param {() => void} fold
   */
  constructor(name, fold) {
    this.name = name;
    /** @type {ClassRow[]} */
    this.rows = [];
    this.count = el("span", { class: "sw-count" });
    const words = [el("span", {}, name), " ", this.count];
    this.button = el("button", { type: "button", class: "sw-fold", click: fold }, ...words);
    this.body = el("div", { class: "sw-rows", role: "group", "aria-label": name });
    this.element = el("section", { class: "sw-section" }, el("h4", { class: "sw-group" }, this.button), this.body);
  }

  /**
   * @param {ClassRow[]} rows
   * @param {boolean} closed
   */
  show(rows, closed) {
    if (rows.length !== this.rows.length || rows.some((row, i) => row !== this.rows[i])) {
      this.rows = rows;
      this.body.replaceChildren(...rows.map((row) => row.element));
      this.count.textContent = String(rows.length);
    }
    this.element.hidden = !rows.length;
    this.body.hidden = closed;
    this.button.setAttribute("aria-expanded", String(!closed));
  }

  /** The rows that can be seen. */
  get open() {
    return this.body.hidden ? [] : this.rows;
  }
}

export class ClassList {
  /**
   * @param {Editor} editor
   * @param {() => void} leave  back to the canvas
   * @param {() => void} above  Arrow up from the first row
   */
  constructor(editor, leave, above) {
    this.editor = editor;
    this.leave = leave;
    this.above = above;
    this.query = "";
    /** @type {Float64Array | null} of each class of the map */
    this.shares = null;
    /** @type {Display | null} */
    this.display = null;
    this.sections = el("div", { class: "sw-sections" });
    this.found = el("div", { class: "sw-rows sw-found", role: "group", "aria-label": "Found" });
    this.hidden = el("div", { class: "sw-none" });
    this.element = el(
      "div",
      {
        class: "sw-list",
        role: "group",
        "aria-label": "Classes",
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      },
      this.sections,
      this.found,
      this.hidden,
    );
    /** @type {ClassRow[]} */
    this.hits = [];
  }

  /** Begins with another palette. @param {Display} display */
  build(display) {
    const { picker } = this.editor;
    this.display = display;
    this.shares = null;
    this.favourites = this.#section("Favourites");
    this.inMap = this.#section("In this map");
    this.groups = groups(picker.palette).map(([name, classes]) => {
      const section = this.#section(name);
      return { section, rows: classes.map((each) => new ClassRow(this.editor, each, {})) };
    });
    /** @type {Map<string, ClassRow>} rows of the two sections whose classes come and go */
    this.made = new Map();
    const all = [this.favourites, this.inMap, ...this.groups.map(({ section }) => section)];
    this.sections.replaceChildren(...all.map((section) => section.element));
    this.element.scrollTop = 0;
    this.find("");
  }

  /** @param {string} name */
  #section(name) {
    return new Section(name, () => this.editor.picker.toggleClosed(name));
  }

  /**
   * The row of a class in one of the sections that change.
   * @param {number} index
   * @param {boolean} selects
   */
  #rowIn(index, selects) {
    const made = /** @type {Map<string, ClassRow>} */ (this.made);
    const key = `${index} ${selects}`;
    let row = made.get(key);
    if (!row) made.set(key, (row = new ClassRow(this.editor, this.editor.picker.palette.classes[index], { selects })));
    return row;
  }

  /** The rows that can be seen, from above. @returns {ClassRow[]} */
  get rows() {
    if (this.query) return this.hits;
    const groups = (this.groups ?? []).map(({ section }) => section);
    return [this.favourites, this.inMap, ...groups].flatMap((section) => section?.open ?? []);
  }

  /**
   * Shows what answers a query; every class for an empty one.
   * @param {string} query
   * @returns {number} how many answer
   */
  find(query) {
    const { picker } = this.editor;
    if (query !== this.query) this.element.scrollTop = 0;
    this.query = query;
    const all = query ? search(picker.palette, query) : [];
    const seen = all.filter(({ found }) => !picker.isHidden(found.index));
    this.hits = seen.map(({ found, synonym }) => new ClassRow(this.editor, found, { synonym }));
    this.found.replaceChildren(...this.hits.map((row) => row.element));
    this.sections.hidden = Boolean(query);
    this.found.hidden = !query;
    this.#tellHidden(all.length - seen.length);
    this.update();
    return seen.length;
  }

  /** Why there may be nothing to see. @param {number} hidden  how many classes the model does not know are left out */
  #tellHidden(hidden) {
    const none = this.query && !this.hits.length && !hidden ? `No class is called “${this.query}”.` : "";
    const classes = hidden === 1 ? "1 class is" : `${hidden} classes are`;
    const words = hidden ? `${classes} hidden, for the model does not know ${hidden === 1 ? "it" : "them"}. ` : none;
    const show = () => {
      this.editor.picker.prefer({ known: false });
      if (this.query) this.above();
    };
    const button = hidden ? [el("button", { type: "button", class: "sw-link", click: show }, "Show all")] : [];
    this.hidden.replaceChildren(words, ...button);
    this.hidden.hidden = !words;
  }

  /** Shows the choice, the favourites, the shares and what is hidden. */
  update() {
    const { picker } = this.editor;
    if (!this.display || !this.groups) return;
    if (!this.query) this.#fillSections();
    const { rows } = this;
    for (const row of rows) row.update(this.display);
    const focused = rows.find((row) => row.choose === document.activeElement);
    const reached = focused ?? rows.find((row) => row.shown.index === picker.choice.current) ?? rows[0];
    for (const row of rows) row.choose.tabIndex = row === reached ? 0 : -1;
  }

  #fillSections() {
    const { picker } = this.editor;
    const { favourites } = picker.choice;
    this.favourites?.show(favourites.map((index) => this.#rowIn(index, false)), picker.isClosed("Favourites"));
    const shares = this.shares ?? new Float64Array();
    const present = [...shares.keys()].filter((index) => shares[index] > 0).sort((a, b) => shares[b] - shares[a]);
    const rows = present.map((index) => this.#rowIn(index, true));
    for (const row of rows) row.setShare(shares[row.shown.index]);
    this.inMap?.show(rows, picker.isClosed("In this map"));
    for (const { section, rows } of this.groups ?? []) {
      section.show(rows.filter((row) => !picker.isHidden(row.shown.index)), picker.isClosed(section.name));
    }
    if (!this.query) this.#tellHidden(picker.palette.classes.filter(({ index }) => picker.isHidden(index)).length);
  }

  /** Scrolls the list, and never the page, to the current class, unless one of its rows is in sight. */
  reveal() {
    const list = this.element.getBoundingClientRect();
    const boxes = this.rows
      .filter((row) => row.shown.index === this.editor.picker.choice.current)
      .map((row) => row.element.getBoundingClientRect());
    if (!boxes.length) return;
    const head = Math.max(...[...this.element.querySelectorAll(".sw-group")].map((heading) => heading.clientHeight));
    const away = boxes.map(({ top, bottom }) => {
      return Math.floor(Math.min(0, top - head - list.top)) + Math.ceil(Math.max(0, bottom - list.bottom));
    });
    if (!away.includes(0)) this.element.scrollTop += away[0];
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const line = event.target instanceof Element ? event.target.closest(".sw-class") : null;
    const place = this.rows.findIndex((row) => row.element === line);
    const handled = event.key === "Escape" ? this.leave : line && this.#keyOf(event, line, place);
    if (!handled) return;
    event.preventDefault();
    handled();
  }

  /**
   * What a key does on a row.
   * @param {KeyboardEvent} event
   * @param {Element} line
   * @param {number} place  of the row
   * @returns {(() => void) | null}
   */
  #keyOf({ key, target }, line, place) {
    const row = this.rows[place];
    const choose = () => {
      row.choose.click();
      this.leave();
    };
    if (key === "ArrowDown" || key === "ArrowUp") return () => this.#walk(place + (key === "ArrowDown" ? 1 : -1));
    if (key === "ArrowRight" || key === "ArrowLeft") return () => walkLine(line, key === "ArrowRight" ? 1 : -1);
    if (key === "Enter" && target === row.choose) return choose;
    return key.toLowerCase() === "f" ? () => this.#star(row, place) : null;
  }

  /** @param {ClassRow} row @param {number} place */
  #star(row, place) {
    row.star.click();
    if (!row.element.contains(document.activeElement)) this.focus(Math.min(place, this.rows.length - 1));
  }

  /** @param {number} place  above the first row is the search */
  #walk(place) {
    if (place < 0) this.above();
    else this.focus(place);
  }

  /** @param {number} place  of a row that can be seen */
  focus(place) {
    const row = this.rows[place];
    row?.choose.focus();
    row?.element.scrollIntoView({ block: "nearest" });
  }

  /** @returns {ClassRow | undefined} */
  get first() {
    return this.rows[0];
  }
}

/**
 * To the next button of a row.
 * @param {Element} line
 * @param {number} step
 */
function walkLine(line, step) {
  const buttons = [...line.querySelectorAll("button")].filter((button) => button.offsetParent);
  buttons[buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + step]?.focus();
}
