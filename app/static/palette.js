/**
 * The palette panel: the current class and the one before it, the row of the keys 1 to 9, a search, every class by
 * name, and how they are shown.
 */

import { SLOTS } from "./classes.js";
import { ClassList } from "./classlist.js";
import { KNOWLEDGE, knowledgeMark, showKnowledge } from "./classrow.js";
import { CLASSES, keyLabel } from "./commands.js";
import { Display } from "./display.js";
import { DisplayMenu } from "./displaymenu.js";
import { el, paintSwatch } from "./dom.js";
import { icon } from "./icons.js";
import { shares } from "./regions.js";

/** @typedef {import("./editor.js").Editor} Editor */

const [SWAP, SEARCH] = CLASSES;
const BRIEFLY = { known: "", hardly: "Hardly seen", never: "Never seen" };

export class PalettePanel {
  /**
   * @param {Editor} editor
   * @param {() => void} done  gives the focus back to the canvas
   */
  constructor(editor, done) {
    this.editor = editor;
    this.done = done;
    /** @type {number[]} the classes in the map as it was counted last */
    this.inMap = [];
    this.frame = 0;
    this.field = el("input", {
      type: "search",
      class: "sw-search",
      placeholder: `Search classes  ${keyLabel(SEARCH.keys[0])}`,
      "aria-label": "Search classes",
      autocomplete: "off",
      spellcheck: "false",
      input: () => this.#find(),
      keydown: (/** @type {KeyboardEvent} */ event) => this.#searchKey(event),
    });
    this.heard = el("span", { class: "sw-heard", role: "status" });
    this.list = new ClassList(editor, () => this.#leave(), () => this.field.focus());
    this.menu = new DisplayMenu(editor.picker, editor.id);
    this.element = el(
      "section",
      { class: "sw-palette", "aria-label": "Palette" },
      ...[this.#buildCurrent(), this.#buildSlots(), this.field, this.heard, this.list.element, this.menu.element],
    );
    this.update();
  }

  #buildCurrent() {
    this.now = el("span", { class: "sw-swatch sw-now" });
    this.nowName = el("span", { class: "sw-now-name" });
    this.mark = knowledgeMark();
    this.warning = el("span", { class: "sw-warning" }, this.mark, el("span", { "aria-hidden": "true" }));
    const words = el("div", { class: "sw-now-words" }, this.nowName, this.warning);
    this.before = el("span", { class: "sw-swatch sw-before" });
    this.swap = el(
      "button",
      { type: "button", class: "sw-swap", "aria-keyshortcuts": "X", click: () => SWAP.run(this.editor) },
      this.before,
      icon(/** @type {string} */ (SWAP.icon)),
    );
    return el("div", { class: "sw-current" }, this.now, words, this.swap);
  }

  #buildSlots() {
    this.slots = Array.from({ length: SLOTS }, (_, i) =>
      el("button", {
        type: "button",
        class: "sw-swatch sw-slot",
        "aria-keyshortcuts": String(i + 1),
        "data-key": i + 1,
        click: () => this.editor.chooseSlot(i),
      }),
    );
    return el("div", { class: "sw-slots", role: "group", "aria-label": "Favourite and recent classes" }, ...this.slots);
  }

  focusSearch() {
    this.field.focus();
    this.field.select();
  }

  /** The map changed: its classes are counted in the next frame. */
  recount() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const { doc, picker } = this.editor;
      if (doc.stroke || doc.palette !== picker.palette.name) return; // the end of the stroke asks again
      const found = shares(doc.labels, picker.palette.classes.length);
      this.inMap = [...found.keys()].filter((index) => found[index] > 0);
      this.list.shares = found;
      this.update();
    });
  }

  /** Shows the editor's palette and choice, and the preferences. */
  update() {
    const { picker } = this.editor;
    const { palette, preferences, choice, current } = picker;
    if (this.shown !== palette) this.#begin();
    const { display } = this;
    const unlike = this.preferences !== preferences;
    if (unlike) display.setLook(preferences);
    if (display.setUsed([...this.inMap, current.index]) || unlike) this.editor.view.setDisplay(display);
    if (unlike || this.seen !== picker.seen[palette.name]) {
      this.preferences = preferences;
      this.seen = picker.seen[palette.name];
      this.list.find(this.list.query);
    }
    this.#showCurrent();
    this.#showSlots();
    this.menu.update(display);
    this.list.update();
    if (this.revealed !== choice.current) this.list.reveal();
    this.revealed = choice.current;
  }

  /** Another palette. */
  #begin() {
    const { palette, preferences } = this.editor.picker;
    this.shown = palette;
    this.inMap = [];
    this.preferences = preferences;
    this.display = new Display(palette, preferences);
    this.editor.view.setDisplay(this.display);
    this.field.value = this.heard.textContent = "";
    this.list.build(this.display);
    this.recount();
  }

  #showCurrent() {
    const { current, previous } = this.editor.picker;
    const knowledge = this.editor.picker.knowledge(current.index);
    paintSwatch(this.now, current.index, this.display);
    paintSwatch(this.before, previous.index, this.display);
    this.nowName.textContent = current.name;
    this.warning.hidden = knowledge === "known";
    this.warning.title = KNOWLEDGE[knowledge];
    this.warning.lastChild.textContent = BRIEFLY[knowledge];
    showKnowledge(this.mark, knowledge);
    this.swap.setAttribute("aria-label", `${SWAP.title}: back to ${previous.name}`);
    this.swap.dataset.tip = `Back to ${previous.name}  (${SWAP.keys[0]})`;
  }

  #showSlots() {
    const { picker } = this.editor;
    const { slots } = picker;
    this.slots.forEach((slot, i) => {
      const held = slots[i];
      slot.disabled = !held;
      slot.setAttribute("aria-pressed", String(held?.index === picker.choice.current));
      if (!held) return this.#emptySlot(slot, i);
      const kind = picker.isFavourite(held.index) ? "favourite" : "recent";
      paintSwatch(slot, held.index, this.display);
      slot.setAttribute("aria-label", `${held.name}, ${kind} class ${i + 1}`);
      slot.dataset.tip = `${held.name}  (${i + 1})`;
    });
  }

  /**
   * @param {HTMLElement} slot
   * @param {number} place  from 0
   */
  #emptySlot(slot, place) {
    slot.style.background = "";
    slot.classList.remove("sw-bare");
    slot.setAttribute("aria-label", `Key ${place + 1}: no class yet`);
    delete slot.dataset.tip;
  }

  #find() {
    const query = this.field.value.trim();
    const count = this.list.find(query);
    this.heard.textContent = query ? `${count || "No"} ${count === 1 ? "class" : "classes"}` : "";
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    const { first } = this.list;
    if (event.key === "ArrowDown" && first) this.list.focus(0);
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && first) {
      first.choose.click();
      this.#leave();
    } else if (event.key === "Escape") this.#leave();
    else return;
    event.preventDefault();
  }

  /** Ends the search, and goes back to the canvas. */
  #leave() {
    this.field.value = "";
    this.#find();
    this.list.reveal();
    this.done();
  }
}
