/**
 * The region of an open photo: what is to be made anew. It is what the artist selected, else everything whose class
 * differs from the photo's first map; it grows by some pixels, and its edge is soft, both in pixels of the photo.
 */

import { trimmed } from "./masks.js";
import { depths, grow } from "./regions.js";

/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {{width: number, height: number, labels: Uint8Array}} Base  a first map, of any size */
/** @typedef {{grow: number | null, feather: number | null}} Edge  pixels of the photo; null: as its size has it */
/** @typedef {"selection" | "change" | "none"} Kind  what the region comes from */
/**
 * @typedef {object} Question
 * @property {number} width  of the map
 * @property {number} height
 * @property {Uint8Array} labels
 * @property {Uint8Array | null} selection
 * @property {Base | null} base  the first map; null: all of it unlabelled
 * @property {number} unlabelled  class index
 * @property {{width: number, height: number}} photo
 * @property {Edge} edge
 */
/**
 * @typedef {object} Region
 * @property {Kind} kind
 * @property {number} share  of the photo, grown, from 0 to 1
 * @property {Mask | null} opacity  of what is made anew, from 0 to 255 and 0 outside the mask's window; null without region
 */

/** @type {Edge} */
export const EDGE = { grow: null, feather: null };

/** Of the photo's shorter side, where the artist sets no other softness or growth. */
const FEATHER = 1 / 64;
const GROWTH = 1 / 64;
const LEAST_GROWTH = 4;
/** Of the region's depth, which is as far as that softness reaches: a small region would else be new nowhere. */
const DEEP = 0.25;

/**
 * What differs from the first map.
 * @param {{width: number, height: number, labels: Uint8Array}} map
 * @param {Base | null} base
 * @param {number} unlabelled
 * @returns {Mask}
 */
export function changed({ width, height, labels }, base, unlabelled) {
  const data = new Uint8Array(labels.length);
  const whole = { x: 0, y: 0, w: width, h: height, data };
  if (!base) {
    for (let i = 0; i < data.length; i++) data[i] = labels[i] === unlabelled ? 0 : 1;
    return trimmed(whole);
  }
  const columns = Int32Array.from({ length: width }, (_, x) => Math.floor((x * base.width) / width));
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor((y * base.height) / height) * base.width;
    for (let x = 0; x < width; x++, i++) data[i] = labels[i] === base.labels[row + columns[x]] ? 0 : 1;
  }
  return trimmed(whole);
}

/**
 * The region as the server will take it, at the map's size.
 * @param {Question} question
 * @returns {Region}
 */
export function regionOf({ width, height, labels, selection, base, unlabelled, photo, edge }) {
  const selected = selection && trimmed({ x: 0, y: 0, w: width, h: height, data: selection });
  const core = selected ?? changed({ width, height, labels }, base, unlabelled);
  if (!core.w) return { kind: "none", share: 0, opacity: null };
  const scale = Math.sqrt((width * height) / (photo.width * photo.height)); // map pixels to one of the photo
  const short = Math.min(photo.width, photo.height);
  const by = edge.grow ?? Math.max(LEAST_GROWTH, Math.floor(short * GROWTH));
  const grown = grow(core, by * scale, width, height);
  const far = depths(grown, width, height);
  const feather = edge.feather ?? Math.min(short * FEATHER, (DEEP * most(far)) / scale);
  const opacity = softened(grown, far, (feather + 1) * scale);
  return { kind: selected ? "selection" : "change", share: sizeOf(grown) / (width * height), opacity };
}

/**
 * A set whose edge rises from nothing to all over some pixels inwards.
 * @param {Mask} mask
 * @param {ArrayLike<number>} far  of each of its pixels from what lies outside, in map pixels
 * @param {number} over  map pixels
 * @returns {Mask} from 0 to 255
 */
function softened(mask, far, over) {
  const data = new Uint8Array(far.length);
  for (let i = 0; i < far.length; i++) data[i] = Math.round(255 * Math.min(1, far[i] / over));
  return { ...mask, data };
}

/** @param {ArrayLike<number>} values */
function most(values) {
  let found = 0;
  for (let i = 0; i < values.length; i++) found = Math.max(found, values[i]);
  return found;
}

/** @param {Mask} mask @returns {number} pixels */
function sizeOf({ data }) {
  let size = 0;
  for (let i = 0; i < data.length; i++) size += data[i];
  return size;
}

/**
 * The region in words.
 * @param {Pick<Region, "kind" | "share">} region
 */
export function inWords({ kind, share }) {
  if (kind === "none") return "No region yet: paint, or select";
  const what = kind === "selection" ? "the selection" : "what you painted";
  const percent = share < 0.01 ? "under 1" : share > 0.99 && share < 1 ? "over 99" : String(Math.round(share * 100));
  return `Region: ${what}, ${percent} % of the photo`;
}
