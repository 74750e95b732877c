/** Sets of pixels: windows of a map that hold 1 where a pixel belongs to the set. */

import { clip } from "./raster.js";

/** @typedef {import("./raster.js").Rect} Rect */
/**
 * Row by row; may reach past the map.
 * @typedef {{x: number, y: number, w: number, h: number, data: Uint8Array}} Mask
 */

/** @returns {Mask} of no pixel */
export function nothing() {
  return { x: 0, y: 0, w: 0, h: 0, data: new Uint8Array(0) };
}

/**
 * Another window on the same set: what lies outside the old one is 0.
 * @param {Mask} mask
 * @param {Rect} rect
 * @returns {Mask}
 */
export function windowOf(mask, rect) {
  const { x, y, w, h } = rect;
  const data = new Uint8Array(w * h);
  const shared = clip({ x: mask.x - x, y: mask.y - y, w: mask.w, h: mask.h }, w, h);
  for (let row = shared?.y ?? 0, end = row + (shared?.h ?? 0); row < end; row++) {
    const at = (row + y - mask.y) * mask.w + shared.x + x - mask.x;
    data.set(mask.data.subarray(at, at + shared.w), row * w + shared.x);
  }
  return { x, y, w, h, data };
}

/**
 * The part of a set that lies on the map.
 * @param {Mask} mask
 * @param {number} width
 * @param {number} height
 * @returns {Mask}
 */
export function clipped(mask, width, height) {
  const rect = clip(mask, width, height);
  return rect ? windowOf(mask, rect) : nothing();
}

/**
 * The set in the smallest window that holds it.
 * @param {Mask} mask
 * @returns {Mask}
 */
export function trimmed(mask) {
  let [x0, y0, x1, y1] = [mask.w, mask.h, -1, -1];
  for (let y = 0; y < mask.h; y++) {
    const row = mask.data.subarray(y * mask.w, (y + 1) * mask.w);
    const first = row.indexOf(1);
    if (first < 0) continue;
    x0 = Math.min(x0, first);
    x1 = Math.max(x1, row.lastIndexOf(1));
    y0 = Math.min(y0, y);
    y1 = y;
  }
  if (y1 < 0) return nothing();
  return windowOf(mask, { x: mask.x + x0, y: mask.y + y0, w: x1 - x0 + 1, h: y1 - y0 + 1 });
}

/**
 * Calls back for each run of a set along the rows of a map.
 * @param {Mask} mask
 * @param {number} width  of the map; what lies outside is left out
 * @param {number} height
 * @param {(y: number, start: number, end: number) => void} visit  the row, and the columns [start, end)
 */
export function eachRun(mask, width, height, visit) {
  const rect = clip(mask, width, height);
  if (!rect) return;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const row = (y - mask.y) * mask.w - mask.x;
    for (let x = rect.x, end = rect.x + rect.w; x < end; x++) {
      if (!mask.data[row + x]) continue;
      const start = x;
      while (x < end && mask.data[row + x]) x++;
      visit(y, start, x);
    }
  }
}
