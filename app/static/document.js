/**
 * The document: class indices and their history. It knows nothing of the page, of tools or of the current class,
 * so undo can never change those.
 */

import { applyDelta, clip, deltaOf, discCorner, floodFill, stampSegment, union } from "./raster.js";

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {{width: number, height: number, palette: string, labels: Uint8Array}} Content */

export const MIN_SIDE = 8;
export const MAX_SIDE = 2048;

/** However large the steps, this many can be undone ... */
const KEPT_STEPS = 250;
/** ... and more of them while they stay small. */
const MAX_STEPS = 2000;
const MAX_BYTES = 64 * 2 ** 20;

/**
 * A step of the history. Every step is its own inverse: `toggle` leads forth the first time and back the next.
 * @typedef {{bytes: number, toggle: (content: Content) => Rect}} Command
 */

/**
 * @param {Rect} rect
 * @param {Uint8Array} delta
 * @returns {Command}
 */
function patch(rect, delta) {
  return {
    bytes: delta.length,
    toggle(content) {
      applyDelta(content.labels, content.width, rect, delta);
      return rect;
    },
  };
}

/**
 * @param {Content} other
 * @returns {Command}
 */
function exchange(other) {
  return {
    bytes: other.labels.length,
    toggle(content) {
      const { width, height, palette, labels } = content;
      Object.assign(content, other);
      other = { width, height, palette, labels };
      return { x: 0, y: 0, w: content.width, h: content.height };
    },
  };
}

/**
 * An empty map.
 * @param {number} width
 * @param {number} height
 * @param {string} palette
 * @param {number} unlabelled  the class index it is filled with
 * @returns {Content}
 */
export function blank(width, height, palette, unlabelled) {
  return { width, height, palette, labels: new Uint8Array(width * height).fill(unlabelled) };
}

export class LabelDocument {
  /** @param {Content} content */
  constructor(content) {
    this.content = content;
    /** @type {Command[]} */
    this.past = [];
    /** @type {Command[]} */
    this.future = [];
    /** @type {{before: Uint8Array, corner: {x: number, y: number} | null, rect: Rect | null} | null} */
    this.stroke = null;
    /** @type {(rect: Rect) => void} told of every change of pixels, also within a stroke */
    this.onpixels = () => {};
    /** @type {() => void} told once a step is done, undone or redone */
    this.onstep = () => {};
  }

  get width() {
    return this.content.width;
  }

  get height() {
    return this.content.height;
  }

  get palette() {
    return this.content.palette;
  }

  get labels() {
    return this.content.labels;
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /**
   * The class index at a point, or null outside the map.
   * @param {number} x
   * @param {number} y
   */
  at(x, y) {
    const [i, j] = [Math.floor(x), Math.floor(y)];
    return i >= 0 && j >= 0 && i < this.width && j < this.height ? this.labels[j * this.width + i] : null;
  }

  /** Starts a stroke: everything until `endStroke` is one step of the history. */
  beginStroke() {
    this.endStroke();
    this.stroke = { before: this.labels.slice(), corner: null, rect: null };
  }

  /**
   * Goes on with the stroke to a point, in map pixels.
   * @param {number} x
   * @param {number} y
   * @param {number} diameter  whole pixels
   * @param {number} label
   */
  strokeTo(x, y, diameter, label) {
    if (!this.stroke) return;
    const to = discCorner(x, y, diameter);
    const from = this.stroke.corner ?? to;
    this.stroke.corner = to;
    const rect = stampSegment(this.labels, this.width, this.height, from, to, diameter, label);
    if (!rect) return;
    this.stroke.rect = union(this.stroke.rect, rect);
    this.onpixels(rect);
  }

  /** Ends the stroke; one that changed nothing leaves no step. */
  endStroke() {
    const stroke = this.stroke;
    this.stroke = null;
    if (stroke?.rect) this.#record(stroke.before, stroke.rect);
  }

  /** Takes the running stroke back as if it had never begun. */
  abortStroke() {
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke?.rect) return;
    this.labels.set(stroke.before);
    this.onpixels(stroke.rect);
  }

  /**
   * Fills the connected region under a point.
   * @param {number} x
   * @param {number} y
   * @param {number} label
   */
  fill(x, y, label) {
    this.endStroke();
    if (this.at(x, y) === null) return;
    const before = this.labels.slice();
    const rect = floodFill(this.labels, this.width, this.height, Math.floor(x), Math.floor(y), label);
    if (!rect) return;
    this.onpixels(rect);
    this.#record(before, rect);
  }

  /**
   * Gives every pixel one class.
   * @param {number} label
   */
  clear(label) {
    this.endStroke();
    const before = this.labels.slice();
    const whole = { x: 0, y: 0, w: this.width, h: this.height };
    this.labels.fill(label);
    this.onpixels(whole);
    this.#record(before, whole);
  }

  /**
   * Puts another map in place of this one, as one step that can be undone.
   * @param {Content} content
   */
  replace(content) {
    this.endStroke();
    const command = exchange(content);
    this.onpixels(command.toggle(this.content));
    this.#push(command);
  }

  undo() {
    this.#walk(this.past, this.future);
  }

  redo() {
    this.#walk(this.future, this.past);
  }

  /**
   * @param {Command[]} from
   * @param {Command[]} to
   */
  #walk(from, to) {
    if (this.stroke) return;
    const command = from.pop();
    if (!command) return;
    to.push(command);
    this.onpixels(command.toggle(this.content));
    this.onstep();
  }

  /**
   * @param {Uint8Array} before
   * @param {Rect} rect
   */
  #record(before, rect) {
    const inside = /** @type {Rect} */ (clip(rect, this.width, this.height));
    const delta = deltaOf(before, this.labels, this.width, inside);
    if (delta) this.#push(patch(inside, delta));
  }

  /** @param {Command} command */
  #push(command) {
    this.past.push(command);
    this.future.length = 0;
    let bytes = this.past.reduce((sum, step) => sum + step.bytes, 0);
    while (this.past.length > KEPT_STEPS && (this.past.length > MAX_STEPS || bytes > MAX_BYTES)) {
      bytes -= /** @type {Command} */ (this.past.shift()).bytes;
    }
    this.onstep();
  }
}
