/**
 * The accepted edits of a photo as they are shown, without any drawing: the newest on top, and which of them the keyboard
 * is on.
 */

/** @typedef {{words: string, thumb: string, hidden: boolean}} Edit  thumb: a JPEG as base64 */
/** @typedef {Edit & {at: number}} Row  at: its place from the lowest, as the server counts */
/** @typedef {{seq: number, version: string, edits: Edit[], aside: number, told: any}} Message */

export class EditList {
  constructor() {
    this.seq = 0;
    /** @type {string} of the photo; empty for none */
    this.version = "";
    /** @type {Edit[]} from the lowest up */
    this.edits = [];
    this.aside = 0;
  }

  /**
   * Takes over a message, unless a newer one was there before.
   * @param {any} message
   * @returns {boolean}
   */
  take(message) {
    if (!message?.told || message.seq <= this.seq) return false;
    const { seq, version, edits, aside } = message;
    Object.assign(this, { seq, version, edits, aside });
    return true;
  }

  /** @returns {Row[]} the newest on top */
  get rows() {
    return this.edits.map((edit, at) => ({ ...edit, at })).reverse();
  }

  /** What stands under the list; empty where there is nothing to say. */
  get note() {
    if (!this.aside) return "";
    return this.aside === 1 ? "One edit waits aside until you accept." : `${this.aside} edits wait aside until you accept.`;
  }
}
