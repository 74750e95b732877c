/**
 * An 8-bit palette PNG: the pixel value is the dataset's own file value of the class, PLTE holds the display colours,
 * and a tEXt chunk names the palette. Written byte by byte, so no colour management comes between map and file.
 */

import { deflate } from "./codec.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./classes.js").Palette} Palette */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const PALETTE_KEYWORD = "spadework:palette";
const PALETTE_MODE = 3;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * @param {string} type  four letters
 * @param {Uint8Array} data
 */
function chunk(type, data) {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

/**
 * @param {Content} content
 * @param {Palette} palette  the one `content` was painted with
 * @returns {Blob}
 */
export function labelMapPng({ width, height, labels }, palette) {
  const size = new DataView(new ArrayBuffer(13));
  size.setUint32(0, width);
  size.setUint32(4, height);
  size.setUint8(8, 8);
  size.setUint8(9, PALETTE_MODE);
  const values = Uint8Array.from(palette.classes, (c) => c.value);
  const colours = new Uint8Array(3 * (Math.max(...values) + 1));
  for (const c of palette.classes) colours.set(c.colour, 3 * c.value);
  const rows = new Uint8Array(height * (width + 1)); // each row begins with its filter: 0, none
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = values[labels[y * width + x]];
  }
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", new Uint8Array(size.buffer)),
    chunk("PLTE", colours),
    chunk("tEXt", new TextEncoder().encode(`${PALETTE_KEYWORD}\0${palette.name}`)),
    chunk("IDAT", deflate(rows, width + 1)),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}
