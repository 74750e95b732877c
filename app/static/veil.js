/**
 * What stays of a photo, veiled, so that the region stands out and its soft edge is seen; and the watch that keeps veil
 * and region in step with the document.
 */

/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {import("./region.js").Question} Question */
/** @typedef {{kind: import("./region.js").Kind, share: number}} Told */

/** A grey that lightens a dark photo and darkens a bright one, and takes the colours back. */
const GREY = [126, 128, 134];
/** Of the veil where nothing changes, from 0 to 255. */
const DENSE = 150;

/**
 * @param {Mask} opacity  of what is made anew, 0 to 255
 * @param {number} width  of the map
 * @param {number} height
 * @returns {Uint8ClampedArray} (height, width, 4), alpha not multiplied in
 */
export function drawVeil({ x, y, w, h, data }, width, height) {
  const pixels = new Uint8ClampedArray(4 * width * height);
  const words = new Uint32Array(pixels.buffer);
  const shades = Uint32Array.from({ length: 256 }, (_, opaque) => {
    const [r, g, b] = GREY;
    const alpha = Math.round((DENSE * (255 - opaque)) / 255);
    return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
  words.fill(shades[0]);
  for (let row = 0; row < h; row++) {
    const to = (y + row) * width + x;
    for (let column = 0; column < w; column++) words[to + column] = shades[data[row * w + column]];
  }
  return pixels;
}

/** Asks for the region whenever something of it changed, one question at a time, and tells the newest answer. */
export class RegionWatch {
  /**
   * @param {() => Question | null} question  as things stand; null while no photo is open
   * @param {AbortSignal} signal  ends it
   */
  constructor(question, signal) {
    this.question = question;
    /** @type {Told | null} null while no photo is open, and until the first answer */
    this.told = null;
    /** @type {ImageBitmap | null} */
    this.veil = null;
    this.due = false;
    this.working = false;
    /** @type {Worker | null} */
    this.worker = null;
    /** @type {() => void} the region is another one */
    this.onregion = () => {};
    this.signal = signal;
    signal.addEventListener("abort", () => this.worker?.terminate());
  }

  /** Something changed. Of several changes at once, and of those during the work, only the last is looked at. */
  ask() {
    if (this.due || this.signal.aborted) return;
    this.due = true;
    if (!this.working) setTimeout(() => this.#send(), 0);
  }

  #send() {
    if (!this.due || this.signal.aborted) return;
    this.due = false;
    const question = this.question();
    if (!question) return this.#take(null, null);
    this.working = true;
    this.#hand.postMessage(question);
  }

  get #hand() {
    if (!this.worker) {
      this.worker = new Worker(new URL("veilwork.js", import.meta.url), { type: "module" });
      this.worker.addEventListener("message", ({ data: { veil, ...told } }) => {
        this.working = false;
        if (this.question()) this.#take(told, veil);
        this.#send();
      });
      this.worker.addEventListener("error", ({ message }) => {
        this.working = false; // the next change asks anew
        console.error("Spadework can't show the region:", message);
      });
    }
    return this.worker;
  }

  /** @param {Told | null} told @param {ImageBitmap | null} veil */
  #take(told, veil) {
    if (!told && !this.told) return;
    this.told = told;
    this.veil = veil;
    this.onregion();
  }
}
