/**
 * The payload between page and server: {w, h, z, palette, seq}, z = base64 of the zlib stream of the class indices;
 * with objects also i, the same of the object numbers, two bytes each, the low one first. Over an open photo it carries
 * the selection: `region`, an area {w, h, z} whose pixels are 0 or 1.
 *
 * Compression is written out here because it must be synchronous: the newest map is then in place before the
 * pointer-up handler returns, and no press of Generate, however quick, can miss the last stroke. Label maps are runs
 * and rows that repeat the row above, so two match distances (one pixel and one row) come close to a full search.
 */

import { isZero } from "./delta.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {{w: number, h: number, z: string}} Area  one byte a pixel */
/**
 * @typedef {Area & {i?: string, palette: string, seq: number, region?: Area}} Payload
 */

const MIN_MATCH = 3;
const MAX_MATCH = 258;
const MAX_DISTANCE = 32768;
const END_OF_BLOCK = 256;
const ADLER = 65521;
/** The longest stretch whose sums stay exact in Adler-32 without a modulo. */
const ADLER_STRETCH = 3800;

/**
 * Huffman codes go out most significant bit first, everything else least significant bit first.
 * @param {number} code
 * @param {number} bits
 */
function reversed(code, bits) {
  let out = 0;
  for (let i = 0; i < bits; i++) out |= ((code >> i) & 1) << (bits - 1 - i);
  return out;
}

/** RFC 1951, 3.2.6: the fixed code of literals and lengths. */
const LITERAL_BITS = Uint8Array.from({ length: 288 }, (_, s) => (s < 144 || s >= 280 ? 8 : s < 256 ? 9 : 7));
const LITERALS = Uint16Array.from(LITERAL_BITS, (bits, s) => {
  const base = s < 144 ? 0x30 : s < 256 ? 0x190 - 144 : s < 280 ? -256 : 0xc0 - 280;
  return reversed(base + s, bits);
});

/**
 * RFC 1951, 3.2.5: the lowest value of each symbol, and its extra bits.
 * @param {number} first
 * @param {number} plain  how many symbols have no extra bits
 * @param {number} each  how many symbols share a number of extra bits
 * @param {number} count
 */
function ladder(first, plain, each, count) {
  const steps = [];
  for (let s = 0, base = first; s < count; s++) {
    const extra = s < plain ? 0 : Math.floor((s - plain) / each) + 1;
    steps.push([base, extra]);
    base += 1 << extra;
  }
  return steps;
}

const LENGTHS = [...ladder(MIN_MATCH, 8, 4, 28), [MAX_MATCH, 0]];
const DISTANCES = ladder(1, 4, 2, 30);

/** The symbol of each match length. */
const LENGTH_SYMBOL = new Uint8Array(MAX_MATCH + 1);
LENGTHS.forEach(([base], s) => LENGTH_SYMBOL.fill(s, base));

class BitWriter {
  constructor() {
    this.bytes = new Uint8Array(4096);
    this.length = 0;
    this.held = 0;
    this.count = 0;
  }

  /**
   * @param {number} value
   * @param {number} bits  at most 16
   */
  put(value, bits) {
    this.held |= value << this.count;
    this.count += bits;
    while (this.count >= 8) this.#byte();
  }

  flush() {
    if (this.count > 0) this.#byte();
    this.held = 0;
    this.count = 0;
  }

  #byte() {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = this.held & 255;
    this.held >>>= 8;
    this.count -= 8;
  }
}

/** @param {Uint8Array} bytes */
export function adler32(bytes) {
  let a = 1;
  let b = 0;
  for (let start = 0; start < bytes.length; start += ADLER_STRETCH) {
    const end = Math.min(start + ADLER_STRETCH, bytes.length);
    for (let i = start; i < end; i++) b += a += bytes[i];
    a %= ADLER;
    b %= ADLER;
  }
  return ((b << 16) | a) >>> 0;
}

/**
 * How many bytes from `at` on repeat those `distance` before.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} distance
 */
function matchLength(bytes, at, distance) {
  if (at < distance) return 0;
  const limit = Math.min(MAX_MATCH, bytes.length - at);
  let n = 0;
  while (n < limit && bytes[at + n] === bytes[at + n - distance]) n++;
  return n;
}

/**
 * zlib (RFC 1950) of an image's bytes, in one fixed-Huffman block.
 * @param {Uint8Array} bytes
 * @param {number} stride  bytes a row
 * @param {number} [each]  bytes a pixel
 * @returns {Uint8Array}
 */
export function deflate(bytes, stride, each = 1) {
  const out = new BitWriter();
  const above = Math.min(stride, MAX_DISTANCE);
  const distances = [each, above].map((distance) => {
    const symbol = DISTANCES.findLastIndex(([base]) => base <= distance);
    return { distance, code: reversed(symbol, 5), extra: distance - DISTANCES[symbol][0], bits: DISTANCES[symbol][1] };
  });
  out.put(0x78, 8);
  out.put(0x01, 8);
  out.put(0b011, 3);
  for (let at = 0; at < bytes.length; ) {
    const run = matchLength(bytes, at, each);
    const repeat = run < MAX_MATCH ? matchLength(bytes, at, above) : 0;
    const length = Math.max(run, repeat);
    if (length < MIN_MATCH) {
      out.put(LITERALS[bytes[at]], LITERAL_BITS[bytes[at]]);
      at++;
      continue;
    }
    const symbol = LENGTH_SYMBOL[length];
    const { code, extra, bits } = distances[repeat > run ? 1 : 0];
    out.put(LITERALS[257 + symbol], LITERAL_BITS[257 + symbol]);
    out.put(length - LENGTHS[symbol][0], LENGTHS[symbol][1]);
    out.put(code, 5);
    out.put(extra, bits);
    at += length;
  }
  out.put(LITERALS[END_OF_BLOCK], LITERAL_BITS[END_OF_BLOCK]);
  out.flush();
  const check = adler32(bytes);
  for (const shift of [24, 16, 8, 0]) out.put((check >>> shift) & 255, 8);
  return out.bytes.slice(0, out.length);
}

/**
 * The inverse of `deflate`, and of any other zlib stream; stops at `limit` bytes.
 * @param {Uint8Array} bytes
 * @param {number} limit
 * @returns {Promise<Uint8Array>}
 */
export async function inflate(bytes, limit) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const out = new Uint8Array(limit);
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return out.subarray(0, length);
    if (length + value.length > limit) {
      await reader.cancel();
      throw new RangeError(`The stream holds more than ${limit} bytes.`);
    }
    out.set(value, length);
    length += value.length;
  }
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

/** @param {string} text */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/**
 * @param {Uint16Array} numbers
 * @returns {Uint8Array} two bytes each, the low one first
 */
function toBytes(numbers) {
  const bytes = new Uint8Array(2 * numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    bytes[2 * i] = numbers[i] & 255;
    bytes[2 * i + 1] = numbers[i] >> 8;
  }
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Uint16Array}
 */
function fromBytes(bytes) {
  const numbers = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < numbers.length; i++) numbers[i] = bytes[2 * i] | (bytes[2 * i + 1] << 8);
  return numbers;
}

/**
 * @param {Content} content
 * @param {number} seq  counts what this page has sent
 * @returns {Payload}
 */
export function encode({ width, height, palette, labels, instances }, seq) {
  const payload = { ...encodeArea(labels, width), palette, seq };
  if (!instances || isZero(instances)) return payload;
  return { ...payload, i: toBase64(deflate(toBytes(instances), 2 * width, 2)) };
}

/**
 * @param {Uint8Array} pixels
 * @param {number} width
 * @returns {Area}
 */
export function encodeArea(pixels, width) {
  return { w: width, h: pixels.length / width, z: toBase64(deflate(pixels, width)) };
}

/**
 * @param {Area} area
 * @returns {Promise<Uint8Array>}
 */
export async function decodeArea({ w, h, z }) {
  const pixels = await inflate(fromBase64(z), w * h);
  if (pixels.length !== w * h) throw new RangeError(`The map holds ${pixels.length} pixels where ${w} × ${h} are due.`);
  return pixels;
}

/**
 * @param {Payload} payload
 * @returns {Promise<Content>}
 */
export async function decode({ w, h, z, i, palette }) {
  const labels = await decodeArea({ w, h, z });
  const numbers = i ? await inflate(fromBase64(i), 2 * w * h) : null;
  if (numbers && numbers.length !== 2 * w * h) {
    throw new RangeError(`The map holds ${numbers.length} bytes of object numbers where 2 × ${w} × ${h} are due.`);
  }
  return { width: w, height: h, palette, labels, instances: numbers && fromBytes(numbers) };
}
