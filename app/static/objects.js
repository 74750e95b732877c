/** Objects: the numbers that tell areas of one class apart. 0 is no number: then a connected area is an object. */

/** @typedef {import("./document.js").Content} Content */

export const MOST_OBJECTS = 65535;

/** @param {Uint16Array | null} instances */
export function highestOf(instances) {
  let highest = 0;
  if (instances) for (let i = 0; i < instances.length; i++) if (instances[i] > highest) highest = instances[i];
  return highest;
}

/**
 * The lowest number that no pixel has.
 * @param {Uint16Array} instances
 * @returns {number | null} null where all are taken
 */
export function lowestUnused(instances) {
  const taken = new Uint8Array(MOST_OBJECTS + 1);
  for (let i = 0; i < instances.length; i++) taken[instances[i]] = 1;
  const found = taken.indexOf(0, 1);
  return found < 0 ? null : found;
}

/** What became of a pixel in `joinObjects`. */
const [SAME, CHANGED, JOINED] = [0, 1, 2];

/**
 * Pixels that changed class become part of the object of that class with which they now hang together, the one that is
 * fewest steps away; where there is none, of no object.
 * @param {Uint8Array} before  the class indices as they were
 * @param {Content} content  as they are; its object numbers are changed
 */
export function joinObjects(before, { width, labels, instances }) {
  if (!instances) return;
  const { length } = labels;
  const state = new Uint8Array(length);
  const joined = new Int32Array(length);
  let count = 0;
  const join = (/** @type {number} */ i, /** @type {number} */ number) => {
    instances[i] = number;
    state[i] = JOINED;
    joined[count++] = i;
  };
  for (let i = 0; i < length; i++) if (before[i] !== labels[i]) state[i] = CHANGED;
  for (let i = 0; i < length; i++) {
    if (state[i] === CHANGED) instances[i] = 0;
    for (let side = 0; side < 4 && state[i] === CHANGED; side++) {
      const n = beside(i, side, width, length);
      if (n >= 0 && state[n] === SAME && labels[n] === labels[i]) join(i, instances[n]);
    }
  }
  for (let k = 0; k < count; k++) {
    for (let side = 0; side < 4; side++) {
      const n = beside(joined[k], side, width, length);
      if (n >= 0 && state[n] === CHANGED && labels[n] === labels[joined[k]]) join(n, instances[joined[k]]);
    }
  }
}

/**
 * The pixel above, left, right or below, or a negative number where the map ends.
 * @param {number} i
 * @param {number} side  0 to 3
 * @param {number} width
 * @param {number} length
 */
function beside(i, side, width, length) {
  if (side === 0) return i - width;
  if (side === 1) return i % width ? i - 1 : -1;
  if (side === 2) return (i + 1) % width ? i + 1 : -1;
  return i + width < length ? i + width : -1;
}
