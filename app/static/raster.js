/**
 * Pixels of a label map: rectangles, the rows that a brush covers on its way, and ink laid on a row.
 * Nothing here blends: every pixel holds exactly one class index and one object number, before and after.
 */

/** @typedef {{x: number, y: number, w: number, h: number}} Rect  whole pixels; w and h may be 0 or less: empty */
/** @typedef {{label: number, instance: number}} Ink  a class index, and an object's number or 0 for none */
/** @typedef {{x: number, y: number, diameter: number}} Stamp  the top-left pixel of a brush, and its whole width */
/**
 * What ink is laid on, and what holds it back.
 * @typedef {object} Ground
 * @property {Uint8Array} labels
 * @property {Uint16Array | null} instances
 * @property {Uint8Array | null} selection  1 where ink may go; null everywhere
 * @property {Uint8Array | null} open  by class index: 1 where that class may be painted over; null all of them
 */
/** @typedef {{top: number, lefts: Int32Array, rights: Int32Array}} Rows  row top + j covers [lefts[j], rights[j]) */

export const MIN_SIDE = 8;
export const MAX_SIDE = 2048;

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
 * The top-left pixel of a disc or square whose centre is nearest to a point of the map.
 * @param {number} x  map pixels; pixel i covers [i, i + 1)
 * @param {number} y
 * @param {number} diameter
 * @returns {{x: number, y: number}}
 */
export function discCorner(x, y, diameter) {
  return { x: Math.floor(x - (diameter - 1) / 2), y: Math.floor(y - (diameter - 1) / 2) };
}

/**
 * The stamps along a segment, one at every whole pixel of its longer side, the diameter changing evenly on the way.
 * @param {Stamp} from
 * @param {Stamp} to
 * @returns {Generator<Stamp>}
 */
export function* stampsAlong(from, to) {
  const grown = to.diameter - from.diameter;
  const [dx, dy] = [to.x - from.x + grown / 2, to.y - from.y + grown / 2]; // of the centre
  const steps = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy), Math.abs(grown), 1));
  for (let k = 0; k <= steps; k++) {
    const diameter = from.diameter + Math.round((grown * k) / steps);
    const back = (diameter - from.diameter) / 2;
    const [x, y] = [from.x + Math.round((dx * k) / steps - back), from.y + Math.round((dy * k) / steps - back)];
    yield { x, y, diameter };
  }
}

/**
 * All that a brush covers on its way along a segment. In each row that is one run, for neighbouring stamps touch; where
 * a changing width is rounded so that for once they don't, the gap is closed.
 * @param {Stamp} from
 * @param {Stamp} to
 * @param {boolean} square
 * @param {number} height  of the map; rows outside it are left out
 * @returns {Rows}
 */
export function sweep(from, to, square, height) {
  const top = Math.max(0, Math.min(from.y, to.y) - 1);
  const bottom = Math.min(height, Math.max(from.y + from.diameter, to.y + to.diameter) + 1);
  const lefts = new Int32Array(Math.max(0, bottom - top)).fill(2 ** 30);
  const rights = new Int32Array(lefts.length).fill(-(2 ** 30));
  for (const { x, y, diameter } of stampsAlong(from, to)) {
    const edges = discEdges(diameter);
    const last = Math.min(diameter, bottom - y);
    for (let j = Math.max(0, top - y); j < last; j++) {
      const edge = square ? 0 : edges[j];
      const row = y + j - top;
      if (x + edge < lefts[row]) lefts[row] = x + edge;
      if (x + diameter - edge > rights[row]) rights[row] = x + diameter - edge;
    }
  }
  return { top, lefts, rights };
}

/**
 * Lays ink on the pixels [start, end), wherever the ground lets it.
 * @param {Ground} ground
 * @param {number} start  index of a pixel
 * @param {number} end
 * @param {Ink} ink
 */
export function layRun({ labels, instances, selection, open }, start, end, { label, instance }) {
  if (!selection && !open) {
    labels.fill(label, start, end);
    instances?.fill(instance, start, end);
    return;
  }
  for (let i = start; i < end; i++) {
    if ((selection && !selection[i]) || (open && !open[labels[i]])) continue;
    labels[i] = label;
    if (instances) instances[i] = instance;
  }
}
