/**
 * The picture under the map: the photo, for painting on it what should be there instead, or the result that was made
 * last; how strongly the map shows over it, and whether the map is hidden for a look at the picture alone. It is no part of the document: undo and redo
 * leave it as it is.
 */

/** @typedef {{url: string, image: CanvasImageSource}} Photo */

/** Of the map over a photo, from 0 to 1. */
export const MAP_OPACITY = 0.55;

/**
 * Decodes a photo. One that can't be shown counts as none: the map matters more.
 * @param {string} url  a JPEG or PNG as a data URL, so that nothing is fetched; empty for no photo
 * @returns {Promise<Photo | null>}
 */
export async function openPhoto(url) {
  if (!url) return null;
  try {
    if (!/^data:image\/(jpeg|png)[;,]/.test(url)) throw new TypeError("It is no data URL of a JPEG or PNG.");
    const image = new Image();
    image.src = url;
    await image.decode();
    return { url, image: await createImageBitmap(image) };
  } catch (error) {
    console.warn("Spadework can't show the photo:", error);
    return null;
  }
}

export class Underlay {
  constructor() {
    /** @type {Photo | null} */
    this.photo = null;
    /** @type {Photo | null} the picture that was made last */
    this.result = null;
    /** The result lies under the map, instead of the photo. */
    this.over = false;
    this.opacity = MAP_OPACITY;
    /** The photo alone is shown, without the map. */
    this.alone = false;
    /** The photo alone is shown for a moment, while a key is held. */
    this.peeking = false;
    /** @type {() => void} another photo, or none */
    this.onphoto = () => {};
    /** @type {() => void} anything of this changed */
    this.onchange = () => {};
  }

  /** What lies under the map now. */
  get picture() {
    return this.over && !this.peeking ? (this.result ?? this.photo) : this.photo;
  }

  /** A picture is shown without anything over it. */
  get bare() {
    return this.picture !== null && (this.alone || this.peeking);
  }

  /** How strongly the map is to be drawn, from 0 to 1. */
  get mapOpacity() {
    if (!this.picture) return 1;
    return this.bare ? 0 : this.opacity;
  }

  /** @param {Photo | null} photo */
  show(photo) {
    this.photo = photo;
    this.alone = false;
    this.onphoto();
    this.onchange();
  }

  /** @param {Photo} result */
  showResult(result) {
    this.result = result;
    if (this.over) this.onchange();
  }

  /** @param {boolean} over  whether the result lies under the map */
  setOver(over) {
    this.over = over;
    this.alone &&= this.picture !== null;
    this.onchange();
  }

  /** @param {number} opacity  of the map */
  setOpacity(opacity) {
    this.opacity = Math.min(1, Math.max(0, opacity));
    this.alone = false;
    this.onchange();
  }

  toggleAlone() {
    this.alone = !this.alone && this.picture !== null;
    this.onchange();
  }

  /** @param {boolean} peeking  whether the photo alone is shown for a moment */
  peek(peeking) {
    this.peeking = peeking;
    this.onchange();
  }

  /** Brings a hidden map back: nobody paints on what is not to be seen. */
  showMap() {
    if (this.alone) this.toggleAlone();
  }
}
