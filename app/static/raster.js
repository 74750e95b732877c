/**
 * Pixels of a label map: stamping discs, flooding regions, and the difference between two states.
 * Nothing here blends: every pixel holds exactly one class index, before and after.
 */

/** @typedef {{x: number, y: number, w: number, h: number}} Rect  whole pixels; w and h may be 0 or less: empty */

const RUN = 255;

/** @type {Map<number, Int16Array>} */
const discs = new Map();

/**
 * The smallest rectangle that holds both.
 * @param {Rect | null} a
 * @param {Rect | null} b
 * @returns {Rect | null}
 */
export function union(a, b) {
  if (!a || !b) return a || b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, w: Math.max(a.x + a.w, b.x + b.w) - x, h: Math.max(a.y + a.h, b.y + b.h) - y };
}

/**
 * The part of a rectangle that lies inside a map, or null where none does.
 * @param {Rect} rect
 * @param {number} width
 * @param {number} height
 * @returns {Rect | null}
 */
export function clip(rect, width, height) {
  const x = Math.max(0, rect.x);
  const y = Math.max(0, rect.y);
  const w = Math.min(width, rect.x + rect.w) - x;
  const h = Math.min(height, rect.y + rect.h) - y;
  return w > 0 && h > 0 ? { x, y, w, h } : null;
}

/**
 * The disc as one left edge per row; row j covers [left, diameter - left). A pixel belongs to the disc when its
 * centre lies in it.
 * @param {number} diameter  whole map pixels, from 1
 * @returns {Int16Array}
 */
export function discEdges(diameter) {
  let edges = discs.get(diameter);
  if (!edges) {
    const r = diameter / 2;
    edges = Int16Array.from({ length: diameter }, (_, j) => Math.ceil(r - 0.5 - Math.sqrt(r * r - (j + 0.5 - r) ** 2)));
    discs.set(diameter, edges);
  }
  return edges;
}

/**
 * The top-left pixel of a disc whose centre is nearest to a point of the map.
 * @param {number} x  map pixels; pixel i covers [i, i + 1)
 * @param {number} y
 * @param {number} diameter
 * @returns {{x: number, y: number}}
 */
export function discCorner(x, y, diameter) {
  return { x: Math.floor(x - (diameter - 1) / 2), y: Math.floor(y - (diameter - 1) / 2) };
}

/**
 * Stamps discs along a segment, one at every whole pixel of its longer side.
 * @param {Uint8Array} labels
 * @param {number} width
 * @param {number} height
 * @param {{x: number, y: number}} from  corner of the first disc
 * @param {{x: number, y: number}} to  corner of the last disc
 * @param {number} diameter
 * @param {number} label
 * @returns {Rect | null} what may have changed
 */
export function stampSegment(labels, width, height, from, to, diameter, label) {
  const edges = discEdges(diameter);
  const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
  for (let i = 0; i <= steps; i++) {
    const left = from.x + Math.round(((to.x - from.x) * i) / steps);
    const top = from.y + Math.round(((to.y - from.y) * i) / steps);
    const last = Math.min(diameter, height - top);
    for (let j = Math.max(0, -top); j < last; j++) {
      const start = Math.max(0, left + edges[j]);
      const end = Math.min(width, left + diameter - edges[j]);
      if (start < end) labels.fill(label, (top + j) * width + start, (top + j) * width + end);
    }
  }
  const a = { x: from.x, y: from.y, w: diameter, h: diameter };
  const b = { x: to.x, y: to.y, w: diameter, h: diameter };
  return clip(/** @type {Rect} */ (union(a, b)), width, height);
}

/**
 * Fills the region of one class that holds (x, y); neighbours share an edge.
 * @param {Uint8Array} labels
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {number} label
 * @returns {Rect | null} what changed
 */
export function floodFill(labels, width, height, x, y, label) {
  const target = labels[y * width + x];
  if (target === label) return null;
  let [x0, y0, x1, y1] = [x, y, x, y];
  const seeds = [y * width + x];
  const seedRow = (/** @type {number} */ from, /** @type {number} */ to) => {
    for (let i = from; i < to; i++) if (labels[i] === target && (i === from || labels[i - 1] !== target)) seeds.push(i);
  };
  while (seeds.length) {
    const at = /** @type {number} */ (seeds.pop());
    if (labels[at] !== target) continue;
    const row = at - (at % width);
    let left = at;
    let right = at + 1;
    while (left > row && labels[left - 1] === target) left--;
    while (right < row + width && labels[right] === target) right++;
    labels.fill(label, left, right);
    if (row > 0) seedRow(left - width, right - width);
    if (row + width < labels.length) seedRow(left + width, right + width);
    x0 = Math.min(x0, left - row);
    x1 = Math.max(x1, right - row - 1);
    y0 = Math.min(y0, row / width);
    y1 = Math.max(y1, row / width);
  }
  return { x: x0, y: y0, w: x1 - x0 + 1, h: y1 - y0 + 1 };
}

/**
 * before XOR after inside a rectangle, as pairs (count, value). Its own inverse: the same delta leads forth and back.
 * @param {Uint8Array} before
 * @param {Uint8Array} after
 * @param {number} width
 * @param {Rect} rect
 * @returns {Uint8Array | null} null where nothing differs
 */
export function deltaOf(before, after, width, rect) {
  const runs = [];
  let count = 0;
  let value = 0;
  let differs = false;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    for (let i = y * width + rect.x, end = i + rect.w; i < end; i++) {
      const next = before[i] ^ after[i];
      if (count && (next !== value || count === RUN)) {
        runs.push(count, value);
        count = 0;
      }
      value = next;
      count++;
      differs ||= next !== 0;
    }
  }
  runs.push(count, value);
  return differs ? Uint8Array.from(runs) : null;
}

/**
 * Applies a delta in place.
 * @param {Uint8Array} labels
 * @param {number} width
 * @param {Rect} rect
 * @param {Uint8Array} delta
 */
export function applyDelta(labels, width, rect, delta) {
  let x = 0;
  let at = rect.y * width + rect.x;
  for (let k = 0; k < delta.length; k += 2) {
    for (let n = delta[k]; n > 0; n--) {
      labels[at++] ^= delta[k + 1];
      if (++x === rect.w) {
        x = 0;
        at += width - rect.w;
      }
    }
  }
}
