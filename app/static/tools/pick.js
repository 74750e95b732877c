/** The eyedropper: the class under the pointer becomes the current one. */

import { Gesture } from "./gesture.js";

/** @typedef {import("./gesture.js").Press} Press */

export class Pick extends Gesture {
  /** @param {Press} press */
  down({ x, y }) {
    this.editor.pick(x, y);
  }

  /** @param {Press} press */
  move(press) {
    this.down(press);
  }
}
