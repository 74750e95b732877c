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
/** @typedef {import("./region.js").Base} Base */
/**
 * An open photo in one of its versions; another version is another object.
 * @typedef {object} PhotoVersion
 * @property {string} version  the server's name for it
 * @property {number} width  of the photo itself
 * @property {number} height
 * @property {(Base & {palette: string}) | null} base  its first map; null: all of it unlabelled
 * @property {number} step  with which it came, another one each time
 */
/**
 * @typedef {object} State
 * @property {Content} content  stays the same object, its fields change
 * @property {Selection} selection
 * @property {PhotoVersion | null} photo
 */
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
 * The step that puts another map in place of this one.
 * @param {Content} content
 * @param {Selection} [selection]  in it
 * @returns {Step}
 */
export function exchange(content, selection = null) {
  let other = packed({ content, selection });
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

/**
 * The step to another version of the photo, or to none.
 * @param {PhotoVersion | null} photo
 * @returns {Step}
 */
export function photoStep(photo) {
  let other = rolledUp(photo);
  return {
    bytes: other?.base?.labels.byteLength ?? 0,
    toggle(state) {
      const present = rolledUp(state.photo);
      state.photo = rolledOut(other);
      other = present;
      return null;
    },
  };
}

/** A version whose first map takes little room. @param {PhotoVersion | null} photo @returns {PhotoVersion | null} */
function rolledUp(photo) {
  return photo?.base ? { ...photo, base: { ...photo.base, labels: pack(photo.base.labels) } } : photo;
}

/** The inverse of `rolledUp`. @param {PhotoVersion | null} photo @returns {PhotoVersion | null} */
function rolledOut(photo) {
  if (!photo?.base) return photo;
  const { base } = photo;
  return { ...photo, base: { ...base, labels: unpack(base.labels, base.width * base.height) } };
}

/** @param {Pick<State, "content" | "selection">} state */
function packed({ content: { width, height, palette, labels, instances }, selection }) {
  return { width, height, palette, planes: [labels, instances, selection].map((plane) => plane && pack(plane)) };
}
