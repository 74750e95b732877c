/** The contact sheet of the run at hand, and over it the map of where its pictures differ. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { Grid } from "./grid.js";

/** @typedef {import("./sheet.js").Sheet} Sheet */
/** @typedef {import("./cell.js").Do} Do */
/** @typedef {{url: string, low: number, high: number, unit: string, colours: string[]}} Heat */

const EMPTY =
  "Nothing here yet. Paint, then press Generate, or Repaint on a photo (Ctrl+Enter). With several Variations you choose " +
  "among results of the same map.";
const KEYS = "Arrows walk · Enter shows · E enlarges · F favourite · R rejects · Space marks, C compares";

/** @param {string} shape @param {string} text @param {() => void} click */
function button(shape, text, click) {
  const made = el("button", { type: "button", class: "sw-word", click }, text);
  made.prepend(icon(shape));
  return made;
}

export class Variations {
  /**
   * @param {Sheet} sheet
   * @param {Do} act
   * @param {object} helpers
   * @param {() => void} helpers.compare
   * @param {(pictures: import("./album.js").Picture[]) => void} helpers.remove
   * @param {(ids: string[]) => Promise<Heat | null>} helpers.diversity
   */
  constructor(sheet, act, { compare, remove, diversity }) {
    this.sheet = sheet;
    this.diversity = diversity;
    /** @type {Heat | null} */
    this.heat = null;
    this.heatOf = ""; // the ids that it was asked for
    this.heatOn = false;
    this.grid = new Grid(sheet, act, { name: "Variations", inHistory: false });
    this.compareButton = button("compare", "Compare", compare);
    this.heatButton = button("heat", "Diversity", () => this.toggleHeat());
    this.heatButton.setAttribute("data-tip", "Where the results differ: bright is most, in ΔE of colour");
    this.removeButton = button("clear", "", () => remove(this.rejected));
    this.progress = el("span", { class: "sw-progress" });
    this.legend = el("span", { class: "sw-legend", hidden: true });
    const keys = el("span", { class: "sw-keys" }, KEYS);
    const tools = [this.progress, this.compareButton, this.heatButton, this.legend, this.removeButton, keys];
    this.tools = el("div", { class: "sw-tools-row sw-run-tools" }, ...tools);
    this.empty = el("p", { class: "sw-empty" }, EMPTY);
    this.element = el("div", { class: "sw-panel" }, this.tools, this.empty, this.grid.element);
  }

  get rejected() {
    return this.sheet.pictures.filter((picture) => picture.rejected && picture.id);
  }

  update() {
    const { sheet, heat, heatOn } = this;
    const any = sheet.held.length > 0;
    this.tools.hidden = !any;
    this.empty.hidden = any;
    this.progress.textContent = sheet.progress;
    this.compareButton.disabled = !sheet.pair;
    this.compareButton.setAttribute("data-tip", sheet.pair ? "Compare the two (C)" : "Mark two results first (Space)");
    this.heatButton.disabled = sheet.finished.length < 2;
    this.heatButton.setAttribute("aria-pressed", String(heatOn));
    this.removeButton.hidden = !this.rejected.length;
    this.removeButton.lastChild.textContent = `Delete rejected (${this.rejected.length})`;
    this.legend.hidden = !(heatOn && heat);
    this.grid.update({ shown: sheet.shown, share: sheet.share, heat: heatOn && heat ? heat.url : "" });
    if (heatOn) this.#renewHeat();
  }

  toggleHeat() {
    this.heatOn = !this.heatOn;
    this.update();
  }

  /** Asks for the heat map of the pictures there are now, if it isn't the one at hand. */
  async #renewHeat() {
    const ids = this.sheet.finished.map((picture) => picture.id ?? "");
    const name = ids.join(" ");
    if (name === this.heatOf) return;
    this.heatOf = name;
    const heat = ids.length > 1 ? await this.diversity(ids) : null;
    if (this.heatOf !== name) return;
    this.heat = heat;
    if (!heat) this.heatOn = false;
    else this.#drawLegend(heat);
    this.update();
  }

  /** @param {Heat} heat */
  #drawLegend({ colours, low, high, unit }) {
    const scale = el("span", { class: "sw-scale" });
    scale.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
    this.legend.replaceChildren(`${low}`, scale, `${high.toFixed(0)} ${unit}`);
  }
}
