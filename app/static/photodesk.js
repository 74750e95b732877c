/**
 * The versions of the open photo, as the server names them: what it tells of one is laid on the desk, as one step of the
 * history, and when the artist walks back to one, the server is told.
 */

import { decode, decodeArea } from "./codec.js";
import { belongs } from "./host.js";
import { openPhoto } from "./underlay.js";

/** @typedef {import("./codec.js").Area} Area */
/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/** @typedef {import("./history.js").PhotoVersion} PhotoVersion */
/** @typedef {import("./underlay.js").Photo} Photo */
/** @typedef {import("./underlay.js").Underlay} Underlay */
/**
 * @typedef {object} Told
 * @property {string} id  of the version; empty for no photo
 * @property {number} width  of the photo itself
 * @property {number} height
 * @property {string} [url]  of its picture at the map's size, a data URL; the present one stays without it
 * @property {(Area & {palette?: string}) | null} [base]  the first map; null: all of it unlabelled
 * @property {Area & {palette?: string, i?: string}} [labels]  another map
 * @property {Area | null} [region]  becomes the selection; null ends it
 * @property {boolean} [record]  it can be undone; else it takes the present version's place without a step
 * @property {string} [name]  of what was done; “reopen” comes with settings of its own
 */
/** @typedef {any[]} Settings  the values of the panel's widgets; none of the canvas's business */

/** So many pictures of former versions stay at hand. */
const PICTURES = 8;

export class PhotoDesk {
  /**
   * @param {string} id  of the canvas
   * @param {LabelDocument} doc
   * @param {Underlay} underlay
   * @param {Record<string, import("./classes.js").Palette>} palettes
   */
  constructor(id, doc, underlay, palettes) {
    this.id = id;
    this.doc = doc;
    this.underlay = underlay;
    this.palettes = palettes;
    /** @type {Map<string, Photo>} by version, the one used last at the end */
    this.pictures = new Map();
    /** @type {string[]} versions that the server was told of and has not answered yet, the first one first */
    this.asked = [];
    this.turning = Promise.resolve();
    /** The present version's step. */
    this.step = 0;
    this.steps = 0;
    /** @type {Settings | null} as they were when an edit was asked to be reopened, until it is */
    this.settings = null;
    /**
     * By the step of a reopened edit: the step before, and the settings of whichever of both is not there now.
     * @type {Map<number, {before: number, settings: Settings}>}
     */
    this.reopened = new Map();
  }

  /**
   * Takes over what the server tells, one after the other.
   * @param {Told} told
   * @returns {Promise<void>} rejected where a map in it is damaged: all stays as it was
   */
  turn(told) {
    const mine = this.turning.then(() => this.#turn(told));
    this.turning = mine.catch(() => {});
    return mine;
  }

  /** Undo or redo led to another version: its picture comes back, and the server is told. */
  walked() {
    const version = this.doc.photo?.version ?? "";
    const known = this.pictures.get(version);
    if (known || !version) this.underlay.show(known ?? null);
    this.asked.push(version);
    this.#walkedFrom(this.step);
    document.dispatchEvent(new CustomEvent("spadework:photo-version", { detail: { id: this.id, version } }));
  }

  /** Settings that came with a reopened edit go with it, and come again. @param {number} before  the former step */
  #walkedFrom(before) {
    this.step = this.doc.photo?.step ?? 0;
    const later = this.reopened.get(Math.max(before, this.step));
    if (later?.before !== Math.min(before, this.step)) return;
    const swap = (/** @type {Settings} */ now) => {
      const { settings } = later;
      later.settings = now;
      return settings;
    };
    document.dispatchEvent(new CustomEvent("spadework:settings", { detail: { id: this.id, swap } }));
  }

  /** @param {Told} told */
  async #turn(told) {
    const { doc, underlay } = this;
    const [photo, content, selection, picture] = await Promise.all([
      this.#version(told),
      told.labels ? decode({ seq: 0, palette: doc.palette, ...told.labels }) : null,
      told.region ? decodeArea(told.region) : told.region,
      told.url === undefined ? undefined : openPhoto(told.url),
    ]);
    if (content && !belongs(content, this.palettes)) throw new RangeError("The map is not in the classes of its palette.");
    if (!told.record && this.#isLate(told.id)) return;
    const same = this.pictures.get(doc.photo?.version ?? "");
    if (told.record) {
      this.asked = [];
      const before = this.step;
      this.step = photo ? ++this.steps : 0;
      if (photo) photo.step = this.step;
      if (told.name === "reopen" && this.settings) this.reopened.set(this.step, { before, settings: this.settings });
      this.settings = null;
      doc.turnPhoto(photo, { content, selection });
    } else {
      if (photo) photo.step = this.step;
      doc.setPhoto(photo);
      if (content) doc.replace(content);
    }
    this.#remember(photo, picture === undefined ? same : picture);
    if (picture !== undefined) underlay.show(picture);
  }

  /** The picture under the map is that of the present version. */
  begin() {
    this.step = this.steps = this.doc.photo?.step ?? 0;
    this.#remember(this.doc.photo, this.underlay.photo);
  }

  /** Whether the artist has walked on since the server was told of this version. @param {string} version */
  #isLate(version) {
    const at = this.asked.indexOf(version);
    this.asked = at < 0 ? [] : this.asked.slice(at + 1);
    return this.asked.length > 0;
  }

  /** @param {Told} told @returns {Promise<PhotoVersion | null>} */
  async #version({ id, width, height, base }) {
    if (!id) return null;
    if (!base) return { version: id, width, height, base: null, step: 0 };
    const { w, h, palette = this.doc.palette } = base;
    return { version: id, width, height, base: { width: w, height: h, palette, labels: await decodeArea(base) }, step: 0 };
  }

  /** @param {PhotoVersion | null} photo @param {Photo | null | undefined} picture */
  #remember(photo, picture) {
    if (!photo || !picture) return;
    this.pictures.delete(photo.version);
    this.pictures.set(photo.version, picture);
    const [oldest] = this.pictures.keys();
    if (this.pictures.size > PICTURES) this.pictures.delete(oldest);
  }
}
