/** Specks: areas too small to be meant. They are given to what surrounds them. */

/**
 * The connected areas of a map; neighbours share an edge. An area goes by its root, the first of its pixels in row
 * order. Areas that come to touch are joined, without ever walking through the larger one.
 */
class Areas {
  /**
   * @param {Uint8Array} labels  the areas' classes; changed as areas are given to others
   * @param {number} w
   * @param {number} h
   */
  constructor(labels, w, h) {
    this.labels = labels;
    this.w = w;
    this.parents = new Int32Array(w * h);
    this.sizes = new Int32Array(w * h).fill(1); // at the roots
    this.next = new Int32Array(w * h); // each area's pixels in a ring
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0; x < w; x++, i++) {
        this.parents[i] = this.next[i] = i;
        const alike = x > 0 && labels[i - 1] === labels[i];
        if (alike) this.#append(this.rootOf(i - 1), i);
        if (!y || labels[i - w] !== labels[i]) continue;
        if (!alike || labels[i - w - 1] !== labels[i]) this.join(i - w, i); // else they are one already
      }
    }
  }

  /** The root of a pixel's area. @param {number} i */
  rootOf(i) {
    const { parents } = this;
    while (parents[i] !== i) i = parents[i] = parents[parents[i]];
    return i;
  }

  /**
   * Makes one area of two pixels' areas.
   * @param {number} i
   * @param {number} j
   */
  join(i, j) {
    const a = this.rootOf(i);
    const b = this.rootOf(j);
    if (a === b) return;
    if (a < b) this.#append(a, b);
    else this.#append(b, a);
  }

  /**
   * @param {number} root
   * @param {number} other  another root, further on in row order
   */
  #append(root, other) {
    const { next } = this;
    this.parents[other] = root;
    this.sizes[root] += this.sizes[other];
    const after = next[root];
    next[root] = next[other];
    next[other] = after;
  }

  /**
   * @param {number} root
   * @param {number} label
   */
  relabel(root, label) {
    let i = root;
    do {
      this.labels[i] = label;
      i = this.next[i];
    } while (i !== root);
  }

  /**
   * Calls back for each pixel outside an area and each of the edges that it shares with the area.
   * @param {number} root
   * @param {(neighbour: number) => void} visit
   */
  eachNeighbour(root, visit) {
    const { w, next, labels } = this;
    let i = root;
    do {
      const label = labels[i];
      const x = i % w;
      if (x && labels[i - 1] !== label) visit(i - 1);
      if (x < w - 1 && labels[i + 1] !== label) visit(i + 1);
      if (i >= w && labels[i - w] !== label) visit(i - w);
      if (i + w < labels.length && labels[i + w] !== label) visit(i + w);
      i = next[i];
    } while (i !== root);
  }
}

/** Above every index of a pixel: one number then orders areas by size and, among equals, by their first pixel. */
const ORDER = 2 ** 22;

/** What is due, the smallest first: much that is known at the start, and what comes later. */
class Queue {
  /** @param {Float64Array} known  in order */
  constructor(known) {
    this.known = known;
    this.at = 0;
    /** @type {number[]} a binary heap */
    this.late = [];
  }

  /** @param {number} key */
  push(key) {
    const { late } = this;
    let i = late.push(key) - 1;
    for (let up = (i - 1) >> 1; i && late[up] > key; i = up, up = (i - 1) >> 1) late[i] = late[up];
    late[i] = key;
  }

  /** @returns {number | undefined} undefined at the end */
  pop() {
    const { late, known } = this;
    if (!late.length || known[this.at] <= late[0]) return known[this.at++];
    const [least] = late;
    const key = /** @type {number} */ (late.pop());
    if (late.length) this.#sink(key);
    return least;
  }

  /** @param {number} key  takes the place of the least */
  #sink(key) {
    const { late } = this;
    let i = 0;
    for (let down = 1; down < late.length; down = 2 * i + 1) {
      if (late[down + 1] < late[down]) down++;
      if (late[down] >= key) break;
      late[i] = late[down];
      i = down;
    }
    late[i] = key;
  }
}

/** Gives specks away, the smallest first, until none is left that has a larger neighbour. */
class Sweeper {
  /**
   * @param {Areas} areas
   * @param {number} minPixels
   * @param {Uint8Array | null} inside
   */
  constructor(areas, minPixels, inside) {
    this.areas = areas;
    this.minPixels = minPixels;
    this.kept = new Uint8Array(areas.labels.length); // at the roots: areas that may not change
    this.waiting = new Uint8Array(areas.labels.length); // at the roots: specks without a larger neighbour
    this.asleep = 0; // how many are waiting
    this.borders = new Int32Array(256); // by class: its border to the speck at hand
    for (let i = 0; inside && i < inside.length; i++) if (!inside[i]) this.kept[areas.rootOf(i)] = 1;
    this.queue = new Queue(this.#inOrder());
  }

  /** The specks there are, the smallest first, those of one size in row order. */
  #inOrder() {
    const { sizes } = this.areas;
    const places = new Int32Array(Math.min(this.minPixels, sizes.length) + 1); // by size: where the next one goes
    for (let i = 0; i < sizes.length; i++) if (this.#isSpeck(i)) places[sizes[i]]++;
    let count = 0;
    for (let size = 0; size < places.length; size++) [places[size], count] = [count, count + places[size]];
    const keys = new Float64Array(count);
    for (let i = 0; i < sizes.length; i++) if (this.#isSpeck(i)) keys[places[sizes[i]]++] = sizes[i] * ORDER + i;
    return keys;
  }

  run() {
    for (let key = this.queue.pop(); key !== undefined; key = this.queue.pop()) {
      const root = key % ORDER;
      if (!this.#isSpeck(root) || this.areas.sizes[root] !== Math.floor(key / ORDER)) continue; // has grown since
      const label = this.#heir(root);
      if (label !== null) this.#give(root, label);
      else if (!this.waiting[root]) this.asleep += this.waiting[root] = 1;
    }
  }

  /** @param {number} root */
  #isSpeck(root) {
    const { parents, sizes } = this.areas;
    return parents[root] === root && sizes[root] < this.minPixels && !this.kept[root];
  }

  /**
   * The class with the longest border to a speck, the lowest of several; null where no neighbour is larger.
   * @param {number} root
   */
  #heir(root) {
    const { areas, borders } = this;
    const size = areas.sizes[root];
    let larger = false;
    areas.eachNeighbour(root, (i) => {
      borders[areas.labels[i]]++;
      larger ||= areas.sizes[areas.rootOf(i)] > size;
    });
    let best = 0;
    areas.eachNeighbour(root, (i) => {
      const label = areas.labels[i];
      if (borders[label] > borders[best] || (borders[label] === borders[best] && label < best)) best = label;
    });
    areas.eachNeighbour(root, (i) => (borders[areas.labels[i]] = 0));
    return larger ? best : null;
  }

  /**
   * Gives a speck to a class, and so joins it with all its neighbours of that class.
   * @param {number} root
   * @param {number} label
   */
  #give(root, label) {
    const { areas, kept } = this;
    /** @type {number[]} */
    const parts = [root];
    areas.eachNeighbour(root, (i) => areas.labels[i] === label && parts.push(areas.rootOf(i)));
    let keep = 0;
    for (const part of parts) {
      keep |= kept[part];
      this.#rouse(part);
      if (this.asleep && areas.sizes[part] < this.minPixels) this.#wake(part); // around a larger one, none is waiting
    }
    areas.relabel(root, label);
    for (const part of parts) areas.join(root, part);
    const joined = areas.rootOf(root);
    kept[joined] = keep;
    if (this.#isSpeck(joined)) this.queue.push(areas.sizes[joined] * ORDER + joined);
  }

  /** An area is about to grow: those that waited beside it are looked at again. @param {number} root */
  #wake(root) {
    this.areas.eachNeighbour(root, (i) => {
      const neighbour = this.areas.rootOf(i);
      if (this.#rouse(neighbour)) this.queue.push(this.areas.sizes[neighbour] * ORDER + neighbour);
    });
  }

  /** @param {number} root @returns {boolean} whether it was waiting */
  #rouse(root) {
    if (!this.waiting[root]) return false;
    this.waiting[root] = 0;
    this.asleep--;
    return true;
  }
}

/**
 * A map without specks. The smallest area below `minPixels` that has a larger neighbour (of equal ones the first in
 * row order) takes the class with which it shares the longest border (of several the lowest), and so on until there is
 * none.
 * @param {Uint8Array} labels
 * @param {number} w
 * @param {number} h
 * @param {number} minPixels
 * @param {Uint8Array | null} inside  an area may change if it is 1 in all its pixels; null all areas
 * @returns {Uint8Array} a new map
 */
export function withoutSpecks(labels, w, h, minPixels, inside) {
  const areas = new Areas(labels.slice(), w, h);
  new Sweeper(areas, minPixels, inside).run();
  return areas.labels;
}
