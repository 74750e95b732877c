/** Selects the area under the pointer, or everything of its class. */

import { Gesture, combination } from "./gesture.js";

/** @typedef {import("./gesture.js").Press} Press */

export class Select extends Gesture {
  mode = "replace";
  pressed = false;

  /** @param {Press} press */
  down(press) {
    this.mode = combination(press);
    this.pressed = true;
  }

  /** @param {Press} press */
  up({ x, y }) {
    if (this.pressed) this.editor.selectAt(x, y, this.mode);
    this.pressed = false;
  }

  cancel() {
    this.pressed = false;
  }
}
