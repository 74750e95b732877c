/**
 * Steps back and forth. Every step is its own inverse: `toggle` leads forth the first time and back the next. It holds
 * what differs between the two states, packed, never a state.
 */

import { applyXor, isZero, pack, unpack, xorOf } from "./delta.js";
import { orNone } from "./selection.js";

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {import("./delta.js").Plane} Plane */
/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./selection.js").Selection} Selection */
/** @typedef {{content: Content, selection: Selection}} State  `content` stays the same object, its fields change */
/**
 * @typedef {object} Step
 * @property {number} bytes
 * @property {(state: State) => Rect | null} toggle  returns where pixels changed, if any did
 */

/** However large the steps, this many can be undone ... */
const KEPT_STEPS = 200;
/** ... and more of them while they stay small. */
const MAX_STEPS = 2000;
const MAX_BYTES = 64 * 2 ** 20;

export class History {
  constructor() {
    /** @type {Step[]} */
    this.past = [];
    /** @type {Step[]} */
    this.future = [];
  }

  /** @param {Step} step */
  push(step) {
    this.past.push(step);
    this.future.length = 0;
    let bytes = this.past.reduce((sum, one) => sum + one.bytes, 0);
    while (this.past.length > KEPT_STEPS && (this.past.length > MAX_STEPS || bytes > MAX_BYTES)) {
      bytes -= /** @type {Step} */ (this.past.shift()).bytes;
    }
  }

  /**
   * @param {State} state
   * @returns {{rect: Rect | null} | null} null where there is nothing to undo
   */
  undo(state) {
    return walk(this.past, this.future, state);
  }

  /**
   * @param {State} state
   * @returns {{rect: Rect | null} | null}
   */
  redo(state) {
    return walk(this.future, this.past, state);
  }
}

/**
 * @param {Step[]} from
 * @param {Step[]} to
 * @param {State} state
 */
function walk(from, to, state) {
  const step = from.pop();
  if (!step) return null;
  to.push(step);
  return { rect: step.toggle(state) };
}

/**
 * Several steps as one.
 * @param {(Step | null)[]} steps  null for what did not change
 * @returns {Step | null} null where nothing did
 */
export function together(steps) {
  const all = /** @type {Step[]} */ (steps.filter((step) => step !== null));
  if (!all.length) return null;
  return {
    bytes: all.reduce((sum, step) => sum + step.bytes, 0),
    toggle: (state) => all.map((step) => step.toggle(state)).reduce((a, b) => a ?? b, null),
  };
}

/**
 * The step between two states of a plane inside a rectangle.
 * @template {Plane} T
 * @param {"labels" | "instances"} name
 * @param {Rect} rect
 * @param {T} difference  before XOR after
 * @returns {Step | null} null where nothing differs
 */
export function planeStep(name, rect, difference) {
  if (isZero(difference)) return null;
  const packed = pack(difference);
  return {
    bytes: packed.byteLength,
    toggle({ content }) {
      applyXor(/** @type {Plane} */ (content[name]), content.width, rect, unpack(packed, rect.w * rect.h));
      return rect;
    },
  };
}

/**
 * The step from one selection of a map to another.
 * @param {Selection} before
 * @param {Selection} after
 * @param {number} length  pixels of the map
 * @returns {Step | null} null where they are equal
 */
export function selectionStep(before, after, length) {
  const flat = { x: 0, y: 0, w: length, h: 1 };
  const none = before && after ? null : new Uint8Array(length);
  const difference = xorOf(before ?? none, after ?? none, length, flat);
  if (isZero(difference)) return null;
  const packed = pack(difference);
  return {
    bytes: packed.byteLength,
    toggle(state) {
      const other = unpack(packed, length);
      if (state.selection) applyXor(other, length, flat, state.selection);
      state.selection = orNone(other);
      return null;
    },
  };
}

/**
 * The step that puts another map, unselected, in place of this one.
 * @param {Content} content
 * @returns {Step}
 */
export function exchange(content) {
  let other = packed({ content, selection: null });
  const bytes = other.planes.reduce((sum, plane) => sum + (plane?.byteLength ?? 0), 0);
  return {
    bytes,
    toggle(state) {
      const present = packed(state);
      const { width, height, palette } = other;
      const [labels, instances, selection] = other.planes.map((plane) => plane && unpack(plane, width * height));
      Object.assign(state.content, { width, height, palette, labels, instances });
      state.selection = /** @type {Selection} */ (selection);
      other = present;
      return { x: 0, y: 0, w: width, h: height };
    },
  };
}

/** @param {State} state */
function packed({ content: { width, height, palette, labels, instances }, selection }) {
  return { width, height, palette, planes: [labels, instances, selection].map((plane) => plane && pack(plane)) };
}
