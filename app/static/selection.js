/** The selection: null, or one byte a pixel of the map, 1 where it is selected. An empty selection is none. */

import { eachRun, trimmed, windowOf } from "./masks.js";

/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {Uint8Array | null} Selection */
/** @typedef {"replace" | "add" | "subtract" | "intersect"} SelectMode */

/**
 * A selection and a set of pixels made one. Where nothing was selected, subtracting and intersecting begin with
 * everything, for everything could be painted.
 * @param {Selection} selection
 * @param {Mask} mask
 * @param {SelectMode} mode
 * @param {number} width
 * @param {number} height
 * @returns {Selection} a new one
 */
export function combined(selection, mask, mode, width, height) {
  const one = windowOf(mask, { x: 0, y: 0, w: width, h: height }).data;
  if (mode === "subtract") for (let i = 0; i < one.length; i++) one[i] = one[i] ? 0 : (selection?.[i] ?? 1);
  if (mode === "intersect" && selection) for (let i = 0; i < one.length; i++) one[i] &= selection[i];
  if (mode === "add" && selection) for (let i = 0; i < one.length; i++) one[i] |= selection[i];
  return orNone(one);
}

/**
 * A selection after part of it was carried off: unselected where it was, selected where it came to lie.
 * @param {Selection} selection
 * @param {Mask} mask  the part
 * @param {number} dx
 * @param {number} dy
 * @param {number} width
 * @param {number} height
 * @returns {Selection} a new one
 */
export function carried(selection, mask, dx, dy, width, height) {
  const rest = selection && combined(selection, mask, "subtract", width, height);
  return selection && combined(rest, { ...mask, x: mask.x + dx, y: mask.y + dy }, "add", width, height);
}

/**
 * The part of a set that is selected; all of it where nothing is.
 * @param {Mask} mask  inside the map
 * @param {Selection} selection
 * @param {number} width
 * @param {number} height
 * @returns {Mask}
 */
export function selectedPart(mask, selection, width, height) {
  if (!selection) return mask;
  const data = new Uint8Array(mask.data.length);
  eachRun(mask, width, height, (y, start, end) => {
    const at = (y - mask.y) * mask.w - mask.x;
    for (let x = start; x < end; x++) data[at + x] = selection[y * width + x];
  });
  return trimmed({ ...mask, data });
}

/**
 * @param {Uint8Array} bytes
 * @returns {Selection}
 */
export function orNone(bytes) {
  return bytes.includes(1) ? bytes : null;
}
