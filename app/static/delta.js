/**
 * The difference of two states of a plane (class indices or object numbers) inside a rectangle, packed. Its own
 * inverse: the same delta leads forth and back. Stretches that are alike take a few numbers, all else itself and
 * little more, so no delta is noticeably larger than the pixels it stands for.
 */

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {Uint8Array | Uint16Array} Plane */

/** A shorter run costs more than it saves. */
const MIN_RUN = 4;

/**
 * before XOR after inside a rectangle, row by row.
 * @template {Plane} T
 * @param {T} before
 * @param {T} after
 * @param {number} width  of the map
 * @param {Rect} rect  inside the map
 * @returns {T}
 */
export function xorOf(before, after, width, rect) {
  const out = alike(before, rect.w * rect.h);
  for (let y = rect.y, at = 0; y < rect.y + rect.h; y++) {
    for (let i = y * width + rect.x, end = i + rect.w; i < end; i++) out[at++] = before[i] ^ after[i];
  }
  return out;
}

/**
 * Puts the other state in place: XORs a rectangle with what `xorOf` found there.
 * @param {Plane} plane
 * @param {number} width
 * @param {Rect} rect
 * @param {Plane} difference
 */
export function applyXor(plane, width, rect, difference) {
  for (let y = rect.y, at = 0; y < rect.y + rect.h; y++) {
    for (let i = y * width + rect.x, end = i + rect.w; i < end; i++) plane[i] ^= difference[at++];
  }
}

/** Whether every value is 0. @param {Plane} plane */
export function isZero(plane) {
  for (let i = 0; i < plane.length; i++) if (plane[i]) return false;
  return true;
}

/**
 * Packs values as stretches: a length, doubled, plus 1 where one value repeats; then that value, or all of them.
 * @template {Plane} T
 * @param {T} values
 * @returns {T}
 */
export function pack(values) {
  let out = alike(values, 64);
  let length = 0;
  const room = (/** @type {number} */ more) => {
    if (length + more <= out.length) return;
    const larger = alike(values, Math.max(length + more, 2 * out.length));
    larger.set(out);
    out = larger;
  };
  const put = (/** @type {number} */ from, /** @type {number} */ to, /** @type {boolean} */ run) => {
    const stretch = run ? values.subarray(from, from + 1) : values.subarray(from, to);
    room(stretch.length + 5);
    length = putNumber(out, length, 2 * (to - from) + (run ? 1 : 0));
    out.set(stretch, length);
    length += stretch.length;
  };
  let plain = 0; // where the values begin that are not yet written
  for (let at = 0; at < values.length; ) {
    let end = at + 1;
    while (end < values.length && values[end] === values[at]) end++;
    if (end - at >= MIN_RUN) {
      if (plain < at) put(plain, at, false);
      put(at, end, true);
      plain = end;
    }
    at = end;
  }
  if (plain < values.length) put(plain, values.length, false);
  return /** @type {T} */ (out.slice(0, length));
}

/**
 * The inverse of `pack`.
 * @template {Plane} T
 * @param {T} packed
 * @param {number} length  how many values were packed
 * @returns {T}
 */
export function unpack(packed, length) {
  const out = alike(packed, length);
  const more = radix(packed);
  for (let at = 0, filled = 0; filled < length; ) {
    let head = 0;
    for (let scale = 1, part = more; part >= more; scale *= more) {
      part = packed[at++];
      head += (part % more) * scale;
    }
    const count = Math.floor(head / 2);
    const run = head % 2;
    if (run) out.fill(packed[at], filled, filled + count);
    else out.set(packed.subarray(at, at + count), filled);
    at += run ? 1 : count;
    filled += count;
  }
  return out;
}

/** The weight of the top bit of an element, which says that a number goes on. @param {Plane} plane */
function radix(plane) {
  return 2 ** (8 * plane.BYTES_PER_ELEMENT - 1);
}

/**
 * @param {Plane} out
 * @param {number} at
 * @param {number} number
 * @returns {number} where to go on
 */
function putNumber(out, at, number) {
  const more = radix(out);
  for (; number >= more; number = Math.floor(number / more)) out[at++] = more + (number % more);
  out[at++] = number;
  return at;
}

/**
 * @template {Plane} T
 * @param {T} plane
 * @param {number} length
 * @returns {T}
 */
function alike(plane, length) {
  return /** @type {T} */ (plane instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length));
}
