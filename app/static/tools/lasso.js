/** A freehand outline, closed where the pointer comes up. */

import { polygon } from "../shapes.js";
import { Gesture, combination } from "./gesture.js";

/** @typedef {import("./gesture.js").Point} Point */
/** @typedef {import("./gesture.js").Press} Press */

export class Lasso extends Gesture {
  /** @type {Point[]} */
  points = [];
  mode = "replace";

  get running() {
    return this.points.length > 0;
  }

  get preview() {
    if (!this.points.length) return null;
    const look = this.editor.lassoMode === "paint" ? { fill: this.editor.inkColour } : {};
    return { points: this.points, closed: true, ...look };
  }

  /** @param {Press} press */
  down(press) {
    this.mode = combination(press);
    this.points = [{ x: press.x, y: press.y }];
  }

  /** @param {Press} press */
  move({ x, y }) {
    const last = this.points.at(-1);
    if (last && (last.x !== x || last.y !== y)) this.points.push({ x, y });
  }

  up() {
    const { points, mode, editor } = this;
    this.points = [];
    if (points.length) editor.lay(polygon(points), editor.lassoMode, mode);
  }

  lost() {
    this.up();
  }

  cancel() {
    this.points = [];
  }
}
