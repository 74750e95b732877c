/**
 * What a gesture is: one way to use the pointer on the map. `input.js` calls it, `overlay.js` draws its preview.
 */

import { constrainSquare } from "../shapes.js";

/** @typedef {import("../editor.js").Editor} Editor */
/** @typedef {import("../masks.js").Mask} Mask */
/** @typedef {import("../raster.js").Rect} Rect */
/** @typedef {{x: number, y: number}} Point  map pixels */
/**
 * The pointer at one moment.
 * @typedef {object} Press
 * @property {number} x  map pixels
 * @property {number} y
 * @property {number} clientX  css pixels of the page
 * @property {number} clientY
 * @property {boolean} shift
 * @property {boolean} alt
 * @property {number} pressure  0 to 1; 1 for what knows none
 * @property {boolean} eraser  the eraser end of a pen
 * @property {number} time  milliseconds
 */
/**
 * What a running gesture shows over the map.
 * @typedef {object} Preview
 * @property {Point[]} points  of a line through the map
 * @property {boolean} [closed]
 * @property {number} [width]  of the line, in map pixels; a hair without it
 * @property {boolean} [corners]  each point is marked
 * @property {string} [fill]  css colour
 * @property {{mask: Mask, dx: number, dy: number}} [carried]  an area on its way to another place
 * @property {Stain} [stain]
 */
/**
 * What a brush that selects has covered so far.
 * @typedef {object} Stain
 * @property {Mask} mask  of the whole map; the same object throughout the stroke
 * @property {boolean} takes  from the selection
 * @property {() => Rect | null} fresh  where it grew since the last call
 */

/** Does nothing; the gestures say only what they do differently. */
export class Gesture {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
  }

  /** Whether something is begun that Escape would give up. */
  get running() {
    return false;
  }

  /** @returns {Preview | null} */
  get preview() {
    return null;
  }

  /** The pointer goes down. @param {Press} press */
  down(press) {}

  /** The pointer moves while it is down. @param {Press} press */
  move(press) {}

  /** The pointer comes up. @param {Press} press */
  up(press) {}

  /** The pointer moves above the map, or has left it. @param {Press | null} press */
  hover(press) {}

  /** Given up: everything is as it was before. */
  cancel() {}

  /** The pointer was taken away, by the system say. @param {Press} press */
  lost(press) {
    this.cancel();
  }

  /**
   * A key without a modifier.
   * @param {string} key
   * @param {boolean} shift
   * @returns {boolean} whether it was meant for this gesture
   */
  key(key, shift) {
    return false;
  }
}

/** How a new selection goes with the one before: as the keys held at its beginning say. @param {Press} press */
export function combination({ shift, alt }) {
  if (shift) return alt ? "intersect" : "add";
  return alt ? "subtract" : "replace";
}

/** From one point to another, straight across, down, or on a diagonal. @param {Point} from @param {Point} to */
export function constrainLine(from, to) {
  const [dx, dy] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
  if (dx > 2 * dy) return { x: to.x, y: from.y };
  if (dy > 2 * dx) return { x: from.x, y: to.y };
  return constrainSquare(from, to);
}
