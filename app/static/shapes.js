/**
 * Shapes as sets of pixels. Points are map pixels in floats: pixel (i, j) covers [i, i + 1) × [j, j + 1), and belongs
 * to a shape when its centre lies in it. No shape reaches past the largest map there can be, however far it is drawn.
 */

import { nothing, trimmed, windowOf } from "./masks.js";
import { MAX_SIDE } from "./raster.js";

/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {{x: number, y: number}} Point */

/** The first pixel whose centre is not left of (above) a coordinate, on the largest map. @param {number} at */
const pixelFrom = (at) => Math.min(MAX_SIDE, Math.max(0, Math.ceil(at - 0.5)));

/**
 * An empty window around the pixels whose centres lie between two points; left and top edge included, the others not.
 * @param {Point} a
 * @param {Point} b
 * @returns {Mask}
 */
function windowBetween(a, b) {
  const [x, y] = [pixelFrom(Math.min(a.x, b.x)), pixelFrom(Math.min(a.y, b.y))];
  const [w, h] = [pixelFrom(Math.max(a.x, b.x)) - x, pixelFrom(Math.max(a.y, b.y)) - y];
  return w && h ? { x, y, w, h, data: new Uint8Array(w * h) } : nothing();
}

/**
 * The rectangle with two opposite corners.
 * @param {Point} a
 * @param {Point} b
 * @returns {Mask}
 */
export function rectangle(a, b) {
  const mask = windowBetween(a, b);
  mask.data.fill(1);
  return mask;
}

/**
 * The ellipse that touches the four sides of the rectangle between two points.
 * @param {Point} a
 * @param {Point} b
 * @returns {Mask}
 */
export function ellipse(a, b) {
  const mask = windowBetween(a, b);
  const [cx, cy] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
  const [rx, ry] = [Math.abs(b.x - a.x) / 2, Math.abs(b.y - a.y) / 2];
  for (let j = 0, at = 0; j < mask.h; j++) {
    const v = ((mask.y + j + 0.5 - cy) / ry) ** 2;
    for (let i = 0; i < mask.w; i++) mask.data[at++] = ((mask.x + i + 0.5 - cx) / rx) ** 2 + v <= 1 ? 1 : 0;
  }
  return trimmed(mask);
}

/**
 * The inside of a closed line, by the even-odd rule: what the line goes round twice is outside again.
 * @param {Point[]} points  the last is joined to the first
 * @returns {Mask}
 */
export function polygon(points) {
  if (points.length < 3) return nothing();
  let [a, b] = [{ ...points[0] }, { ...points[0] }];
  for (const { x, y } of points) {
    a = { x: Math.min(a.x, x), y: Math.min(a.y, y) };
    b = { x: Math.max(b.x, x), y: Math.max(b.y, y) };
  }
  const mask = windowBetween(a, b);
  crossings(points, mask).forEach((row, j) => {
    row.sort((p, q) => p - q);
    for (let k = 0; k + 1 < row.length; k += 2) {
      const [start, end] = [pixelFrom(row[k]) - mask.x, pixelFrom(row[k + 1]) - mask.x];
      if (start < end) mask.data.fill(1, j * mask.w + start, j * mask.w + end);
    }
  });
  return trimmed(mask);
}

/**
 * Where a closed line crosses the middle of each row of a window.
 * @param {Point[]} points
 * @param {Mask} mask
 * @returns {number[][]}
 */
function crossings(points, mask) {
  const rows = Array.from({ length: mask.h }, () => /** @type {number[]} */ ([]));
  points.forEach((p, k) => {
    const q = points[(k + 1) % points.length];
    const first = Math.max(mask.y, pixelFrom(Math.min(p.y, q.y)));
    const end = Math.min(mask.y + mask.h, pixelFrom(Math.max(p.y, q.y)));
    const slope = (q.x - p.x) / (q.y - p.y);
    for (let y = first; y < end; y++) rows[y - mask.y].push(p.x + (y + 0.5 - p.y) * slope);
  });
  return rows;
}

/**
 * The opposite corner that makes a square of the rectangle from `a` to `b`, as large as its longer side.
 * @param {Point} a
 * @param {Point} b
 * @returns {Point}
 */
export function constrainSquare(a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const side = Math.max(Math.abs(dx), Math.abs(dy));
  return { x: a.x + (dx < 0 ? -side : side), y: a.y + (dy < 0 ? -side : side) };
}

/**
 * The edges between a set and what is not in it, as straight pieces as long as they go.
 * @param {Mask} mask
 * @returns {[number, number, number, number][]} x0, y0, x1, y1 in map pixels; left to right or top to bottom
 */
export function outlineOf(mask) {
  const { x, y, w, h } = mask;
  const stride = w + 2;
  const { data } = windowOf(mask, { x: x - 1, y: y - 1, w: stride, h: h + 2 }); // so that every edge has two sides
  /** @type {[number, number, number, number][]} */
  const pieces = [];
  for (let j = 0; j <= h; j++) {
    eachStretch(data, (j + 1) * stride + 1, w, 1, stride, (from, to) => pieces.push([x + from, y + j, x + to, y + j]));
  }
  for (let i = 0; i <= w; i++) {
    eachStretch(data, stride + i + 1, h, stride, 1, (from, to) => pieces.push([x + i, y + from, x + i, y + to]));
  }
  return pieces;
}

/**
 * Calls back for each stretch of a line of pixels in which every one differs from its neighbour.
 * @param {Uint8Array} data
 * @param {number} start  index of the first pixel
 * @param {number} count  pixels of the line
 * @param {number} step  from one pixel to the next
 * @param {number} back  from a pixel to its neighbour
 * @param {(from: number, to: number) => void} visit  pixels [from, to) of the line
 */
function eachStretch(data, start, count, step, back, visit) {
  for (let n = 0, i = start; n < count; n++, i += step) {
    if (data[i] === data[i - back]) continue;
    const from = n;
    for (; n < count && data[i] !== data[i - back]; n++) i += step;
    visit(from, n);
  }
}
