/**
 * One class in a list: its swatch and name, what the model knows of it, and the buttons that belong to it.
 */

import { percent } from "./classes.js";
import { el, paintSwatch } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./classes.js").Knowledge} Knowledge */
/** @typedef {import("./classes.js").PaletteClass} PaletteClass */
/** @typedef {import("./display.js").Display} Display */
/** @typedef {import("./editor.js").Editor} Editor */

/** @type {Record<Knowledge, string>} */
export const KNOWLEDGE = {
  known: "",
  hardly: "The model has hardly seen this class",
  never: "The model has never seen this class",
};

/**
 * A mark that says how little the model knows of a class.
 * @returns {HTMLElement}
 */
export const knowledgeMark = () => el("span", { class: "sw-mark", role: "img" });

/** @param {HTMLElement} mark @param {Knowledge} knowledge */
export function showKnowledge(mark, knowledge) {
  mark.hidden = knowledge === "known";
  mark.dataset.knowledge = knowledge;
  mark.setAttribute("aria-label", KNOWLEDGE[knowledge]);
}

/** One class: choose it, make it a favourite, select it on the map. */
export class ClassRow {
  /**
   * @param {Editor} editor
   * @param {PaletteClass} shown
   * @param {object} kind
   * @param {boolean} [kind.selects]  the class is in the map and can be selected there
   * @param {string | null} [kind.synonym]  what a search found it by, if not by its name
   */
  constructor(editor, shown, { selects = false, synonym = null }) {
    this.editor = editor;
    this.shown = shown;
    this.swatch = el("span", { class: "sw-swatch" });
    this.mark = knowledgeMark();
    this.share = el("span", { class: "sw-share" });
    const also = synonym ? [el("span", { class: "sw-also" }, synonym)] : [];
    const name = el("span", { class: "sw-name" }, shown.name, ...also);
    const choose = () => editor.choose(shown.index);
    this.choose = el(
      "button",
      { type: "button", class: "sw-row", "aria-keyshortcuts": "F", click: choose },
      ...[this.swatch, name, this.mark, this.share],
    );
    this.star = this.#action("star", "sw-star", () => editor.picker.toggleFavourite(shown.index));
    const actions = el("span", { class: "sw-actions" }, ...(selects ? [this.#select()] : []), this.star);
    this.element = el("div", { class: "sw-class" }, this.choose, actions);
  }

  #select() {
    const { index, name } = this.shown;
    const button = this.#action("marquee", "sw-select", () => this.editor.selectClass(index));
    button.setAttribute("aria-label", `Select ${name} on the map`);
    button.title = "Select on the map";
    return button;
  }

  /**
   * @param {string} shape
   * @param {string} kind  its class name
   * @param {() => void} run
   */
  #action(shape, kind, run) {
    return el("button", { type: "button", class: `sw-action ${kind}`, tabindex: -1, click: run }, icon(shape));
  }

  /**
   * Shows the present state, where it changed.
   * @param {Display} display
   */
  update(display) {
    const { picker } = this.editor;
    const { index } = this.shown;
    const pressed = index === picker.choice.current;
    const [favourite, knowledge] = [picker.isFavourite(index), picker.knowledge(index)];
    const state = `${pressed} ${favourite} ${knowledge} ${display.version}`;
    if (state === this.state) return;
    this.state = state;
    paintSwatch(this.swatch, index, display);
    this.choose.setAttribute("aria-pressed", String(pressed));
    const names = [this.shown.name, ...this.shown.synonyms].join(", ");
    this.choose.title = knowledge === "known" ? names : `${names}. ${KNOWLEDGE[knowledge]}`;
    showKnowledge(this.mark, knowledge);
    this.element.classList.toggle("sw-unknown", knowledge !== "known");
    this.star.setAttribute("aria-pressed", String(favourite));
    this.star.setAttribute("aria-label", `Favourite: ${this.shown.name}`);
    this.star.title = favourite ? "No favourite any more  (F)" : "Favourite  (F)";
  }

  /** @param {number} share  of the map */
  setShare(share) {
    const words = percent(share);
    if (words !== this.share.textContent) this.share.textContent = words;
  }
}
