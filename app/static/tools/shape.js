/** Line, rectangle and ellipse, drawn from one corner to the other. */

import { constrainSquare, ellipse, rectangle } from "../shapes.js";
import { Gesture, combination, constrainLine } from "./gesture.js";

/** @typedef {import("./gesture.js").Point} Point */
/** @typedef {import("./gesture.js").Press} Press */

const ROUND = 72;

/** The outline of each shape, for the eye. @type {Record<string, (a: Point, b: Point) => Point[]>} */
const OUTLINES = {
  line: (a, b) => [a, b],
  rectangle: (a, b) => [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }],
  ellipse: (a, b) =>
    Array.from({ length: ROUND }, (_, i) => {
      const turn = (2 * Math.PI * i) / ROUND;
      const [cx, cy] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
      return { x: cx + ((b.x - a.x) / 2) * Math.cos(turn), y: cy + ((b.y - a.y) / 2) * Math.sin(turn) };
    }),
};

export class Shape extends Gesture {
  /** @type {{mode: string, from: Point, press: Press, shift: boolean, alt: boolean} | null} */
  drag = null;

  get running() {
    return this.drag !== null;
  }

  get preview() {
    if (!this.drag) return null;
    const { editor } = this;
    const [a, b] = this.#ends();
    const line = editor.shape === "line";
    const look = editor.shapeMode === "paint" || line ? { fill: editor.inkColour } : {};
    return { points: OUTLINES[editor.shape](a, b), closed: !line, width: line ? editor.size : 0, ...look };
  }

  /** @param {Press} press */
  down(press) {
    // Keys held from the beginning say how a selection combines; they constrain only once pressed anew.
    const selects = this.editor.shapeMode === "select" && this.editor.shape !== "line";
    const free = { shift: !selects || !press.shift, alt: !selects || !press.alt };
    this.drag = { mode: combination(press), from: { x: press.x, y: press.y }, press, ...free };
  }

  /** @param {Press} press */
  move(press) {
    if (!this.drag) return;
    this.drag.press = press;
    this.drag.shift ||= !press.shift;
    this.drag.alt ||= !press.alt;
  }

  /** @param {Press} press */
  up(press) {
    if (!this.drag) return;
    this.move(press);
    const [a, b] = this.#ends();
    const { mode } = this.drag;
    const { editor } = this;
    this.drag = null;
    if (editor.shape === "line") editor.drawLine(a, b);
    else editor.lay(editor.shape === "ellipse" ? ellipse(a, b) : rectangle(a, b), editor.shapeMode, mode);
  }

  cancel() {
    this.drag = null;
  }

  /** The two ends as Shift (square, or whole angles) and Alt (from the centre) make them. @returns {[Point, Point]} */
  #ends() {
    const { from, press, shift, alt } = /** @type {NonNullable<typeof this.drag>} */ (this.drag);
    const constrain = this.editor.shape === "line" ? constrainLine : constrainSquare;
    const to = shift && press.shift ? constrain(from, press) : { x: press.x, y: press.y };
    return alt && press.alt ? [{ x: 2 * from.x - to.x, y: 2 * from.y - to.y }, to] : [from, to];
  }
}
