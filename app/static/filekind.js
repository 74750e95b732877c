/**
 * What a file that comes to the page is, as far as it can be told without the server: a photo, something to be laid on
 * the desk as a map, or a picture that may be either.
 */

/** @typedef {"photo" | "map" | "either"} FileKind */

/** No label map comes in these: they lose pixels, or nobody writes maps in them. */
const PHOTOS = /^image\/(jpeg|heic|heif|avif|x-adobe-dng)$/;
const PHOTO_NAMES = /\.(jpe?g|heic|heif|avif|dng)$/i;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Where a PNG's header says what its pixels are. */
const COLOUR_TYPE = 25;
const GREY = 0;
const INDEXED = 3;
/** Text chunks stand before the pixels; so much of a file holds all that matter. */
const HEAD = 2 ** 16;
/** The keyword of the text chunk in which a result of ours holds what made it. */
const RECORD = "spadework";

/**
 * By what the browser says of it alone, as while it is dragged.
 * @param {string} type  MIME; empty where not known
 * @param {string} [name]
 * @returns {FileKind}
 */
export function kindByType(type, name = "") {
  if (PHOTOS.test(type) || PHOTO_NAMES.test(name)) return "photo";
  return type.startsWith("image/") ? "either" : "map";
}

/**
 * @param {File} file
 * @returns {Promise<FileKind>}
 */
export async function kindOf(file) {
  const kind = kindByType(file.type, file.name);
  if (kind !== "either") return kind;
  return isMap(new Uint8Array(await file.slice(0, HEAD).arrayBuffer())) ? "map" : "either";
}

/**
 * Whether a PNG can only be meant as a map: it holds grey values or indices, or is a result of ours.
 * @param {Uint8Array} head  the file's first bytes
 */
export function isMap(head) {
  if (SIGNATURE.some((byte, i) => head[i] !== byte)) return false;
  if (head[COLOUR_TYPE] === GREY || head[COLOUR_TYPE] === INDEXED) return true;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const text = (/** @type {number} */ from, /** @type {number} */ length) =>
    String.fromCharCode(...head.subarray(from, from + length));
  for (let at = SIGNATURE.length; at + 8 <= head.length; at += 12 + view.getUint32(at)) {
    const name = text(at + 4, 4);
    if (name === "IDAT") return false;
    if (/^[tiz]/.test(name) && text(at + 8, RECORD.length + 1) === `${RECORD}\0`) return true;
  }
  return false;
}
