/**
 * The palette panel: the current class and the one before it, the recent ones, a search, and every class by name.
 */

import { el, paintSwatch } from "./dom.js";
import { icon } from "./icons.js";
import { CLASSES, keyLabel } from "./commands.js";
import { groups, search } from "./classes.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./classes.js").PaletteClass} PaletteClass */

const [SWAP, SEARCH] = CLASSES;

export class PalettePanel {
  /**
   * @param {Editor} editor
   * @param {() => void} done  gives the focus back to the canvas
   */
  constructor(editor, done) {
    this.editor = editor;
    this.done = done;
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    this.now = el("span", { class: "sw-swatch sw-now" });
    this.nowName = el("span", { class: "sw-now-name" });
    this.before = el("span", { class: "sw-swatch sw-before" });
    const swap = el(
      "button",
      { type: "button", class: "sw-swap", "aria-keyshortcuts": "X", click: () => SWAP.run(editor) },
      this.before,
      icon(/** @type {string} */ (SWAP.icon)),
    );
    this.swap = swap;
    this.recents = el("div", { class: "sw-recents", role: "group", "aria-label": "Recent classes" });
    this.field = el("input", {
      type: "search",
      class: "sw-search",
      placeholder: `Search classes  ${keyLabel(SEARCH.keys[0])}`,
      "aria-label": "Search classes",
      autocomplete: "off",
      spellcheck: "false",
      input: () => this.#list(),
      keydown: (/** @type {KeyboardEvent} */ event) => this.#searchKey(event),
    });
    this.list = el("div", {
      class: "sw-list",
      role: "group",
      "aria-label": "Classes",
      keydown: (/** @type {KeyboardEvent} */ event) => this.#listKey(event),
    });
    const current = el("div", { class: "sw-current" }, this.now, this.nowName, swap);
    this.element = el("section", { class: "sw-palette", "aria-label": "Palette" }, current, this.recents, this.field, this.list);
    this.update();
  }

  focusSearch() {
    this.field.focus();
    this.field.select();
  }

  /** Shows the editor's palette and choice. */
  update() {
    const { palette, current, previous } = this.editor.picker;
    if (this.shown !== palette) {
      this.shown = palette;
      this.field.value = "";
      this.#list();
    }
    paintSwatch(this.now, current, palette);
    paintSwatch(this.before, previous, palette);
    this.nowName.textContent = current.name;
    this.swap.setAttribute("aria-label", `${SWAP.title}: back to ${previous.name}`);
    this.swap.dataset.tip = `Back to ${previous.name}  (${SWAP.keys[0]})`;
    this.#mark();
    this.#listRecents();
  }

  #mark() {
    const { current } = this.editor.picker.choice;
    if (this.marked !== current) this.#reveal();
    this.marked = current;
    for (const [index, row] of this.rows) {
      row.setAttribute("aria-pressed", String(index === current));
      row.tabIndex = index === current ? 0 : -1;
    }
    const first = this.rows.values().next().value;
    if (first && !this.rows.has(current)) first.tabIndex = 0;
  }

  /** Scrolls the list, and never the page, to the current class. */
  #reveal() {
    const row = this.rows.get(this.editor.picker.choice.current);
    if (!row) return;
    const [box, list] = [row.getBoundingClientRect(), this.list.getBoundingClientRect()];
    this.list.scrollTop += Math.floor(Math.min(0, box.top - list.top)) + Math.ceil(Math.max(0, box.bottom - list.bottom));
  }

  #listRecents() {
    const { palette, recents, choice } = this.editor.picker;
    const swatches = recents.map((recent, i) => {
      const swatch = el("button", {
        type: "button",
        class: "sw-swatch",
        "aria-label": `${recent.name}, recent class ${i + 1}`,
        "aria-pressed": String(recent.index === choice.current),
        "aria-keyshortcuts": String(i + 1),
        "data-tip": `${recent.name}  (${i + 1})`,
        click: () => this.editor.chooseRecent(i),
      });
      paintSwatch(swatch, recent, palette);
      return swatch;
    });
    this.recents.replaceChildren(...swatches);
    this.recents.hidden = !swatches.length;
  }

  #list() {
    const { palette } = this.editor.picker;
    const query = this.field.value.trim();
    this.rows.clear();
    const nodes = query ? this.#hits(query) : this.#groups(groups(palette));
    this.list.replaceChildren(...nodes);
    this.list.scrollTop = 0;
    this.#mark();
  }

  /** @param {string} query */
  #hits(query) {
    const hits = search(this.editor.picker.palette, query);
    if (!hits.length) return [el("p", { class: "sw-none" }, `No class is called “${query}”.`)];
    return hits.map(({ found, synonym }) => this.#row(found, synonym));
  }

  /** @param {[string, PaletteClass[]][]} all */
  #groups(all) {
    const heading = (/** @type {string} */ name) => (all.length > 1 ? [el("h4", { class: "sw-group" }, name)] : []);
    return all.flatMap(([name, classes]) => [...heading(name), ...classes.map((c) => this.#row(c, null))]);
  }

  /**
   * @param {PaletteClass} found
   * @param {string | null} synonym
   */
  #row(found, synonym) {
    const swatch = el("span", { class: "sw-swatch" });
    paintSwatch(swatch, found, this.editor.picker.palette);
    const also = synonym ? [el("span", { class: "sw-also" }, synonym)] : [];
    const hint = [found.name, ...found.synonyms].join(", ");
    const name = el("span", { class: "sw-name" }, found.name, ...also);
    const choose = () => this.editor.choose(found.index);
    const row = el("button", { type: "button", class: "sw-row", title: hint, click: choose }, swatch, name);
    this.rows.set(found.index, row);
    return row;
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    const first = this.rows.values().next().value;
    if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && first) {
      event.preventDefault();
      first.click();
      this.#leaveSearch();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.#leaveSearch();
    }
  }

  #leaveSearch() {
    this.field.value = "";
    this.#list();
    this.#reveal();
    this.done();
  }

  /** @param {KeyboardEvent} event */
  #listKey(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const rows = [...this.rows.values()];
    const next = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step;
    if (next < 0) this.field.focus();
    else rows[next]?.focus();
  }
}
