/** Carries an area to another place: the selection where the press lies in it, else the connected area under it. */

import { Gesture } from "./gesture.js";

/** @typedef {import("./gesture.js").Mask} Mask */
/** @typedef {import("./gesture.js").Press} Press */

const ARROWS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
});
/** Map pixels that an arrow moves with Shift held. */
const LEAP = 10;

export class Move extends Gesture {
  /** @type {{mask: Mask, from: Press, dx: number, dy: number, copy: boolean} | null} */
  drag = null;

  get running() {
    return this.drag !== null;
  }

  get preview() {
    return this.drag && { points: [], carried: this.drag };
  }

  /** @param {Press} press */
  down(press) {
    const mask = this.editor.movable(press.x, press.y);
    this.drag = mask && { mask, from: press, dx: 0, dy: 0, copy: press.alt };
  }

  /** @param {Press} press */
  move(press) {
    if (!this.drag) return;
    let [dx, dy] = [press.x - this.drag.from.x, press.y - this.drag.from.y];
    if (press.shift) [dx, dy] = Math.abs(dx) > Math.abs(dy) ? [dx, 0] : [0, dy];
    Object.assign(this.drag, { dx: Math.round(dx), dy: Math.round(dy), copy: press.alt });
  }

  /** @param {Press} press */
  up(press) {
    this.move(press);
    const drag = this.drag;
    this.drag = null;
    if (drag && (drag.dx || drag.dy)) this.editor.moveArea(drag.mask, drag.dx, drag.dy, drag.copy);
  }

  cancel() {
    this.drag = null;
  }

  /** Arrows move the selection by a pixel. @param {string} key @param {boolean} shift */
  key(key, shift) {
    const arrow = ARROWS[key];
    const { doc } = this.editor;
    if (!arrow || this.drag || !doc.selection) return false;
    const [dx, dy] = arrow.map((step) => step * (shift ? LEAP : 1));
    this.editor.moveArea(doc.selectionMask(), dx, dy, false);
    return true;
  }
}
