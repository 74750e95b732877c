/** Fills what lies under the pointer, when it comes up: until then a second finger may turn the press into a pinch. */

import { Gesture } from "./gesture.js";

/** @typedef {import("./gesture.js").Press} Press */

export class Fill extends Gesture {
  pressed = false;

  down() {
    this.pressed = true;
  }

  /** @param {Press} press */
  up({ x, y }) {
    if (this.pressed) this.editor.fill(x, y);
    this.pressed = false;
  }

  cancel() {
    this.pressed = false;
  }
}
