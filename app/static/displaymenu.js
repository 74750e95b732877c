/**
 * The menu in the palette's foot: how classes look, and which of them are listed. It changes what is seen alone.
 */

import { el } from "./dom.js";

/** @typedef {import("./classes.js").ClassPicker} ClassPicker */
/** @typedef {import("./display.js").Colours} Colours */
/** @typedef {import("./display.js").Display} Display */

/** @type {[Colours, string][]} */
const COLOURS = [
  ["standard", "Standard"],
  ["safe", "Colour-blind safe"],
];

/** Css pixels between the button and its sheet, and between the sheet and the window's edge. */
const GAP = 6;

export class DisplayMenu {
  /**
   * @param {ClassPicker} picker
   * @param {string} id  of the canvas, for names that are unique on the page
   */
  constructor(picker, id) {
    this.picker = picker;
    this.colours = COLOURS.map(([value, title]) => {
      const change = () => picker.prefer({ colours: value });
      const input = el("input", { type: "radio", name: `${id}-colours`, value, change });
      return { input, label: el("label", { class: "sw-option" }, input, title) };
    });
    this.hatch = this.#box("Hatching", (checked) => picker.prefer({ hatch: checked }));
    this.known = this.#box("Only what the model knows", (checked) => picker.prefer({ known: checked }));
    const legend = el("legend", {}, "Colours");
    const labels = this.colours.map(({ label }) => label);
    const sheet = `${id}-display`;
    this.button = el("button", { type: "button", class: "sw-menu", popovertarget: sheet }, "Display");
    this.sheet = el(
      "div",
      { id: sheet, class: "sw-popover sw-display", popover: "auto", role: "dialog", "aria-label": "Display" },
      el("fieldset", {}, el("legend", {}, "Colours"), ...this.colours.map(({ label }) => label)),
      ...[this.hatch.label, this.known.label],
    );
    this.sheet.addEventListener("toggle", () => this.#place());
    this.hint = el("span", { class: "sw-hint", role: "status" });
    this.element = el("div", { class: "sw-foot" }, this.button, this.sheet, this.hint);
  }

  /**
   * @param {string} title
   * @param {(checked: boolean) => void} changed
   */
  #box(title, changed) {
    const input = el("input", { type: "checkbox", change: () => changed(input.checked) });
    return { input, label: el("label", { class: "sw-option" }, input, title) };
  }

  /** Above its button, within the window. */
  #place() {
    const { left, top } = this.button.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    this.sheet.style.left = `${Math.max(GAP, Math.min(left, clientWidth - this.sheet.offsetWidth - GAP))}px`;
    this.sheet.style.bottom = `${Math.max(GAP, clientHeight - top + GAP)}px`;
  }

  /** Shows the preferences. @param {Display} display */
  update(display) {
    const { colours, hatch, known } = this.picker.preferences;
    for (const { input } of this.colours) input.checked = input.value === colours;
    this.hatch.input.checked = display.hatched;
    this.hatch.input.disabled = display.crowded;
    this.known.input.checked = known && this.picker.isKnowing;
    this.known.input.disabled = !this.picker.isKnowing;
    this.known.label.title = this.picker.isKnowing ? "" : "It is not known what this model has seen";
    const hint = display.crowded && !hatch ? "Hatched: more classes than safe colours" : "";
    if (this.hint.textContent !== hint) this.hint.textContent = hint;
  }
}
