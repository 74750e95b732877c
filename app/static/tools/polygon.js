/** A polygon, corner by corner: Enter or a press on the first corner closes it, Backspace takes the last corner back. */

import { polygon } from "../shapes.js";
import { Gesture, combination, constrainLine } from "./gesture.js";

/** @typedef {import("./gesture.js").Point} Point */
/** @typedef {import("./gesture.js").Press} Press */

/** Css pixels round the first corner that close the polygon. */
const CLOSE_BY = 9;
/** Two presses at one place within this many milliseconds close it too. */
const DOUBLE = 400;

export class Polygon extends Gesture {
  /** @type {Point[]} */
  corners = [];
  mode = "replace";
  /** Where the next corner would be. @type {Point | null} */
  next = null;
  pressed = -Infinity;

  get running() {
    return this.corners.length > 0;
  }

  get preview() {
    if (!this.corners.length) return null;
    const points = this.next ? [...this.corners, this.next] : this.corners;
    const look = this.editor.shapeMode === "paint" ? { fill: this.editor.inkColour } : {};
    return { points, closed: points.length > 2, corners: true, ...look };
  }

  /** @param {Press} press */
  down(press) {
    if (!this.corners.length) this.mode = combination(press);
    const again = press.time - this.pressed < DOUBLE && this.#near(press, this.corners.at(-1));
    this.pressed = press.time;
    if (again || (this.corners.length > 2 && this.#near(press, this.corners[0]))) this.#close();
    else this.corners.push(this.#corner(press));
    this.next = null;
  }

  /** The corner follows until the pointer comes up. @param {Press} press */
  move(press) {
    if (!this.corners.length) return;
    this.corners.pop();
    this.corners.push(this.#corner(press));
  }

  /** @param {Press | null} press */
  hover(press) {
    this.next = press && this.corners.length ? this.#corner(press) : null;
  }

  cancel() {
    this.corners = [];
    this.next = null;
  }

  lost() {}

  /** @param {string} key */
  key(key) {
    if (!this.corners.length) return false;
    if (key === "Enter") this.#close();
    else if (key === "Backspace" || key === "Delete" || key === "Ctrl+Z") this.corners.pop();
    else return false;
    return true;
  }

  #close() {
    const { corners, mode, editor } = this;
    this.cancel();
    if (corners.length > 2) editor.lay(polygon(corners), editor.shapeMode, mode);
  }

  /** @param {Press} press @returns {Point} */
  #corner(press) {
    const before = this.corners.at(-1);
    const free = this.editor.shapeMode === "paint" || this.mode === "replace"; // else Shift already means “add”
    return press.shift && before && free ? constrainLine(before, press) : { x: press.x, y: press.y };
  }

  /** @param {Point} a @param {Point | undefined} b */
  #near(a, b) {
    return Boolean(b) && Math.hypot(a.x - b.x, a.y - b.y) * this.editor.view.scale < CLOSE_BY;
  }
}
