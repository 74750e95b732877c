/**
 * Sets of pixels found in a map: connected areas, classes, what lies within a distance. Distances are those between
 * the centres of pixels, exact.
 */

import { clipped, nothing, trimmed, windowOf } from "./masks.js";
import { clip } from "./raster.js";

/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {import("./document.js").Content} Content */

export { majority } from "./majority.js";
export { withoutSpecks } from "./specks.js";

/** Further than any two pixels are apart. */
const FAR = 2 ** 14;

/**
 * The pixels of one class that hang together with (x, y); neighbours share an edge.
 * @param {Content} content
 * @param {number} x  map pixels
 * @param {number} y
 * @param {{byInstance?: boolean}} [how]  byInstance: of one object too
 * @returns {Mask} of no pixel where (x, y) lies outside the map
 */
export function areaAt({ width, height, labels, instances }, x, y, { byInstance = false } = {}) {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  if (!(i >= 0 && j >= 0 && i < width && j < height)) return nothing();
  const start = j * width + i;
  const objects = byInstance ? instances : null;
  const [label, object] = [labels[start], objects?.[start]];
  const data = new Uint8Array(labels.length);
  const open = (/** @type {number} */ at) =>
    labels[at] === label && !data[at] && (objects === null || objects[at] === object);
  const seeds = [start];
  const seedRow = (/** @type {number} */ from, /** @type {number} */ to) => {
    for (let at = from, before = false; at < to; at++) {
      const now = open(at);
      if (now && !before) seeds.push(at);
      before = now;
    }
  };
  while (seeds.length) {
    const at = /** @type {number} */ (seeds.pop());
    if (!open(at)) continue;
    const row = at - (at % width);
    let [left, right] = [at, at + 1];
    while (left > row && open(left - 1)) left--;
    while (right < row + width && open(right)) right++;
    data.fill(1, left, right);
    if (row > 0) seedRow(left - width, right - width);
    if (row + width < labels.length) seedRow(left + width, right + width);
  }
  return trimmed({ x: 0, y: 0, w: width, h: height, data });
}

/**
 * Every pixel of a class.
 * @param {Uint8Array} labels
 * @param {number} width
 * @param {number} height
 * @param {number} label
 * @returns {Mask}
 */
export function everywhere(labels, width, height, label) {
  const data = new Uint8Array(labels.length);
  for (let i = 0; i < data.length; i++) data[i] = labels[i] === label ? 1 : 0;
  return trimmed({ x: 0, y: 0, w: width, h: height, data });
}

/**
 * Every pixel of the map that a set does not hold.
 * @param {Mask} mask
 * @param {number} width
 * @param {number} height
 * @returns {Mask}
 */
export function invertMask(mask, width, height) {
  const all = windowOf(mask, { x: 0, y: 0, w: width, h: height });
  for (let i = 0; i < all.data.length; i++) all.data[i] ^= 1;
  return trimmed(all);
}

/**
 * Each class's share of the map.
 * @param {Uint8Array} labels
 * @param {number} count  classes of the palette
 * @returns {Float64Array} (count); together 1
 */
export function shares(labels, count) {
  const pixels = new Uint32Array(256);
  for (let i = 0; i < labels.length; i++) pixels[labels[i]]++;
  return Float64Array.from(pixels.subarray(0, count), (n) => n / labels.length);
}

/**
 * The pixels of the map no further than `r` from a set.
 * @param {Mask} mask
 * @param {number} r  map pixels, from 0
 * @param {number} width
 * @param {number} height
 * @returns {Mask}
 */
export function grow(mask, r, width, height) {
  const inner = clipped(mask, width, height);
  if (!inner.w) return inner;
  const around = widened(inner, Math.floor(r), width, height);
  return trimmed({ ...around, data: within(around, r) });
}

/**
 * The pixels of a set that are further than `r` from every pixel of the map outside it. The map's edge takes nothing.
 * @param {Mask} mask
 * @param {number} r  map pixels, from 0
 * @param {number} width
 * @param {number} height
 * @returns {Mask}
 */
export function shrink(mask, r, width, height) {
  // The nearest pixel outside a window's set lies in the window or on the ring around it.
  const inner = widened(mask, 1, width, height);
  const outer = { ...inner, data: inner.data.map((inside) => inside ^ 1) };
  const lost = within(outer, r);
  return trimmed({ ...inner, data: inner.data.map((inside, i) => inside & ~lost[i]) });
}

/**
 * How far each pixel of a set lies inside it: its distance from the nearest pixel of the map outside the set. The map's
 * edge is no outside.
 * @param {Mask} mask  inside the map
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array} by the pixels of the mask's window; 0 outside the set, infinite where it covers the map
 */
export function depths(mask, width, height) {
  const { x, y, w, h, data } = widened(mask, 1, width, height);
  const rows = nearestRows(data.map((inside) => inside ^ 1), w, h);
  const found = new Float32Array(mask.data.length);
  const covers = !rows.some((row) => row >= 0);
  for (let j = mask.y - y; j < mask.y - y + mask.h; j++) {
    const row = data.subarray(j * w, (j + 1) * w);
    if (!row.includes(1)) continue;
    const to = (j + y - mask.y) * mask.w + x - mask.x;
    const columns = covers ? null : nearestColumns(rows.subarray(j * w, (j + 1) * w), j);
    for (let i = 0; i < w; i++) {
      if (!row[i]) continue;
      const [across, down] = columns ? [columns[i] - i, rows[j * w + columns[i]] - j] : [Infinity, 0];
      found[to + i] = Math.sqrt(across * across + down * down);
    }
  }
  return found;
}

/**
 * A window with some ground around it, as far as there is map.
 * @param {Mask} mask
 * @param {number} r  whole pixels
 * @param {number} width
 * @param {number} height
 */
function widened(mask, r, width, height) {
  const rect = { x: mask.x - r, y: mask.y - r, w: mask.w + 2 * r, h: mask.h + 2 * r };
  return windowOf(mask, clip(rect, width, height) ?? { x: 0, y: 0, w: 0, h: 0 });
}

/**
 * The pixels of a window no further than `r` from those of its set: in each row, every column that has a pixel of the
 * set `g` above or below covers as far to both sides as Pythagoras lets it.
 * @param {Mask} mask
 * @param {number} r
 * @returns {Uint8Array}
 */
function within({ w, h, data }, r) {
  const most = Math.min(r, w + h); // further than that is no pixel of the window
  const reach = Array.from({ length: Math.floor(most) + 1 }, (_, g) => Math.floor(Math.sqrt(most * most - g * g)));
  const rows = nearestRows(data, w, h);
  const found = new Uint8Array(w * h);
  const starts = new Int32Array(w + 1);
  for (let y = 0; y < h; y++) {
    starts.fill(0);
    for (let x = 0; x < w; x++) {
      const far = reach[Math.abs(rows[y * w + x] - y)];
      if (far === undefined) continue;
      starts[Math.max(0, x - far)]++;
      starts[Math.min(w, x + far + 1)]--;
    }
    for (let x = 0, covers = 0; x < w; x++) found[y * w + x] = (covers += starts[x]) > 0 ? 1 : 0;
  }
  return found;
}

/**
 * For each pixel of a window the row of the nearest 1 in its own column, the upper one of two; -FAR for none.
 * @param {Uint8Array} data
 * @param {number} w
 * @param {number} h
 * @returns {Int16Array}
 */
function nearestRows(data, w, h) {
  const rows = new Int16Array(w * h).fill(-FAR);
  for (let i = 0; i < rows.length; i++) {
    if (data[i]) rows[i] = Math.floor(i / w);
    else if (i >= w) rows[i] = rows[i - w];
  }
  for (let y = h - 2; y >= 0; y--) {
    for (let i = y * w, end = i + w; i < end; i++) {
      if (rows[i + w] >= 0 && rows[i + w] > y && (rows[i] < 0 || rows[i + w] - y < y - rows[i])) rows[i] = rows[i + w];
    }
  }
  return rows;
}

/**
 * A plane with a hole filled: each pixel of the hole takes the value of the nearest pixel outside it, the leftmost of
 * several, the upper one in that column.
 * @template {Uint8Array | Uint16Array} T
 * @param {T} plane  class indices or object numbers
 * @param {number} width
 * @param {number} height
 * @param {Mask} hole
 * @returns {T | null} null where the hole leaves nothing of the map
 */
export function nearestFill(plane, width, height, hole) {
  const { x, y, w, h, data } = widened(hole, 1, width, height);
  const rows = nearestRows(data.map((inside) => inside ^ 1), w, h);
  if (rows.length && !rows.some((row) => row >= 0)) return null;
  const filled = /** @type {T} */ (plane.slice());
  for (let j = 0; j < h; j++) {
    const row = data.subarray(j * w, (j + 1) * w);
    if (!row.includes(1)) continue;
    const columns = nearestColumns(rows.subarray(j * w, (j + 1) * w), j);
    for (let i = 0; i < w; i++) {
      const from = (y + rows[j * w + columns[i]]) * width + x + columns[i];
      if (row[i]) filled[(y + j) * width + x + i] = plane[from];
    }
  }
  return filled;
}

/**
 * For each pixel of a row the column whose nearest pixel is nearest to it: the lower envelope of one parabola a column
 * (Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions"), in whole numbers.
 * @param {Int16Array} rows  of the nearest pixel in each column, negative for none
 * @param {number} y  the row
 * @returns {Int32Array} the leftmost of several
 */
function nearestColumns(rows, y) {
  const vertices = new Int32Array(rows.length);
  const ends = new Float64Array(rows.length); // parabola k is lowest up to ends[k], itself included
  let last = -1;
  for (let q = 0; q < rows.length; q++) {
    if (rows[q] < 0) continue;
    const height = (rows[q] - y) ** 2 + q * q;
    for (; last >= 0; last--) {
      const v = vertices[last];
      ends[last] = Math.floor((height - (rows[v] - y) ** 2 - v * v) / (2 * (q - v)));
      if (ends[last] > (last ? ends[last - 1] : -1)) break;
    }
    vertices[++last] = q;
    ends[last] = Infinity;
  }
  const columns = new Int32Array(rows.length);
  for (let x = 0, k = 0; x < rows.length && last >= 0; x++) {
    while (ends[k] < x) k++;
    columns[x] = vertices[k];
  }
  return columns;
}
