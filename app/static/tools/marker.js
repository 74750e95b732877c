/** The brush and the eraser where they work on the selection: the one adds to it, the other, or Alt, takes from it. */

import { trimmed } from "../masks.js";
import { clip, discCorner, sweep, union } from "../raster.js";
import { Gesture } from "./gesture.js";
import { LIGHTEST } from "./stroke.js";

/** @typedef {import("../raster.js").Rect} Rect */
/** @typedef {import("./gesture.js").Press} Press */

export class Marker extends Gesture {
  /** Where the last stroke ended: a press with Shift goes straight on from there. @type {{x: number, y: number} | null} */
  end = null;
  /** @type {import("./gesture.js").Stain | null} */
  stain = null;
  /** @type {import("../raster.js").Stamp | null} */
  last = null;
  /** @type {Rect | null} what nobody has seen yet */
  grown = null;

  get running() {
    return this.stain !== null;
  }

  get preview() {
    return this.stain && { points: [], stain: this.stain };
  }

  /** @param {Press} press */
  down(press) {
    const { doc, tool } = this.editor;
    const takes = tool === "eraser" || press.eraser || press.alt;
    if (takes && !doc.selection) return this.editor.say("Nothing is selected.");
    const mask = { x: 0, y: 0, w: doc.width, h: doc.height, data: new Uint8Array(doc.width * doc.height) };
    this.stain = { mask, takes, fresh: () => this.#fresh() };
    this.last = this.grown = null;
    if (press.shift && this.end) this.#to({ ...press, ...this.end });
    this.#to(press);
  }

  /** @param {Press} press */
  move(press) {
    if (this.stain) this.#to(press);
  }

  up() {
    const { stain } = this;
    this.stain = null;
    if (stain) this.editor.lay(trimmed(stain.mask), "select", stain.takes ? "subtract" : "add");
  }

  lost() {
    this.up();
  }

  cancel() {
    this.stain = null;
  }

  #fresh() {
    const { grown } = this;
    this.grown = null;
    return grown;
  }

  /** Covers what the brush does on its way to a point. @param {Press} press */
  #to({ x, y, pressure }) {
    const { size, square, pressure: felt, doc } = this.editor;
    const diameter = Math.max(1, Math.round(size * (felt ? Math.max(LIGHTEST, pressure) : 1)));
    const to = { ...discCorner(x, y, diameter), diameter };
    const from = this.last ?? to;
    const { top, lefts, rights } = sweep(from, to, square, doc.height);
    const { data, w } = /** @type {import("./gesture.js").Stain} */ (this.stain).mask;
    lefts.forEach((left, j) => {
      const [start, end] = [Math.max(0, left), Math.min(w, rights[j])];
      if (start < end) data.fill(1, (top + j) * w + start, (top + j) * w + end);
    });
    const boxes = [from, to].map(({ diameter: side, ...corner }) => ({ ...corner, w: side, h: side }));
    const box = clip(/** @type {Rect} */ (union(boxes[0], boxes[1])), doc.width, doc.height);
    this.grown = union(this.grown, box);
    this.end = { x, y };
    this.last = to;
  }
}
