/** Brush and eraser. */

import { Gesture } from "./gesture.js";

/** @typedef {import("./gesture.js").Press} Press */

/** Of the brush's size, however lightly a pen touches. */
export const LIGHTEST = 0.1;

export class Stroke extends Gesture {
  /** Where the last stroke ended: a press with Shift goes straight on from there. @type {{x: number, y: number} | null} */
  last = null;
  painting = false;

  get running() {
    return this.painting;
  }

  /** @param {Press} press */
  down(press) {
    const { editor } = this;
    const ink = press.eraser ? editor.rubber : editor.ink;
    if (ink.label === editor.picker.choice.current) editor.picker.used();
    this.painting = true;
    editor.beginStroke(ink);
    if (press.shift && this.last) this.#to({ ...press, ...this.last });
    this.#to(press);
  }

  /** @param {Press} press */
  move(press) {
    if (this.painting) this.#to(press);
  }

  up() {
    this.painting = false;
    this.editor.endStroke();
  }

  lost() {
    this.up();
  }

  cancel() {
    if (!this.painting) return;
    this.painting = false;
    this.editor.doc.abortStroke();
  }

  /** @param {Press} press */
  #to({ x, y, pressure }) {
    this.last = { x, y };
    this.editor.strokeTo(x, y, this.editor.pressure ? Math.max(LIGHTEST, pressure) : 1);
  }
}
