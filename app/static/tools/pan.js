/** Moves the view. */

import { Gesture } from "./gesture.js";

/** @typedef {import("./gesture.js").Press} Press */

export class Pan extends Gesture {
  /** @type {Press | null} */
  held = null;

  /** @param {Press} press */
  down(press) {
    this.held = press;
  }

  /** @param {Press} press */
  move(press) {
    if (!this.held) return;
    this.editor.view.panBy(press.clientX - this.held.clientX, press.clientY - this.held.clientY);
    this.held = press;
  }

  up() {
    this.held = null;
  }

  cancel() {
    this.held = null;
  }
}
