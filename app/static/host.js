/**
 * The host's side of a document: its value is kept in step with what is painted, and what it sends is taken over.
 */

import { decode, encode, encodeArea } from "./codec.js";
import { MAX_SIDE, MIN_SIDE } from "./raster.js";

/** @typedef {import("./codec.js").Payload} Payload */
/** @typedef {import("./classes.js").Palette} Palette */
/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/**
 * Anything with a value, events and a way to be told of a new value.
 * @typedef {object} Host
 * @property {{value: Payload | null}} props
 * @property {(event: string) => void} trigger
 * @property {(name: string, callback: () => void) => void} watch
 */
/** @typedef {{doc: LabelDocument, seq: number, ready: Promise<void>}} Source */

/**
 * Whether a map is whole and can be shown with the palettes at hand.
 * @param {Content} content
 * @param {Record<string, Palette>} palettes
 */
export function belongs({ width, height, palette, labels, instances }, palettes) {
  const size = palettes[palette]?.classes.length ?? 0;
  if ([width, height].some((side) => !(side >= MIN_SIDE && side <= MAX_SIDE))) return false;
  if (!(labels instanceof Uint8Array) || labels.length !== width * height) return false;
  if (instances && !(instances instanceof Uint16Array && instances.length === labels.length)) return false;
  for (let i = 0; i < labels.length; i++) if (labels[i] >= size) return false;
  return true;
}

/**
 * What the host is told: the map and, over an open photo, the selection as the region.
 * @param {Pick<Source, "doc" | "seq">} source
 * @returns {Payload}
 */
export function payloadOf({ doc, seq }) {
  const payload = encode(doc.content, seq);
  return doc.photo && doc.selection ? { ...payload, region: encodeArea(doc.selection, doc.width) } : payload;
}

export class HostLink {
  /**
   * @param {Host} host
   * @param {Source} source
   * @param {Record<string, Palette>} palettes
   */
  constructor(host, source, palettes) {
    this.host = host;
    this.source = source;
    this.palettes = palettes;
    /** @type {Payload | null} the newest one the host asked for */
    this.wanted = null;
    /** @type {() => void} told once a map of the host's is shown */
    this.onload = () => {};
    host.watch("value", () => this.#accept());
  }

  /** Hands the newest map to the host. Synchronous: once this returns, every handler of the host sees it. */
  publish() {
    this.source.seq++;
    this.host.props.value = payloadOf(this.source);
    this.host.trigger("input");
  }

  /**
   * What the host began with, if anything.
   */
  async first() {
    const payload = this.host.props.value;
    return payload?.z ? { content: await decode(payload) } : null;
  }

  /** Numbers up to our own count are what this page sent; the server's are far above. */
  async #accept() {
    const payload = this.host.props.value;
    if (!payload?.z || payload.seq <= this.source.seq) return;
    this.wanted = payload;
    await this.source.ready;
    const content = await decode(payload);
    if (this.wanted !== payload || !belongs(content, this.palettes)) return;
    this.source.doc.replace(content);
    this.onload();
  }
}
