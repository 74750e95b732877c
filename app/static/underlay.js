/**
 * The photo under the map, for painting on it what should be there instead: its picture, how strongly the map shows
 * over it, and whether the map is hidden for a look at the photo alone. It is no part of the document: undo and redo
 * leave it as it is.
 */

/** @typedef {{url: string, image: ImageBitmap}} Photo */

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
    this.opacity = MAP_OPACITY;
    /** The photo alone is shown, without the map. */
    this.alone = false;
    this.asked = 0;
    /** @type {() => void} another photo, or none */
    this.onphoto = () => {};
    /** @type {() => void} anything of this changed */
    this.onchange = () => {};
  }

  /** How strongly the map is to be drawn, from 0 to 1. */
  get mapOpacity() {
    if (!this.photo) return 1;
    return this.alone ? 0 : this.opacity;
  }

  /** @param {Photo | null} photo */
  show(photo) {
    this.asked++;
    this.photo = photo;
    this.alone = false;
    this.onphoto();
    this.onchange();
  }

  /**
   * Shows a photo once it is decoded, unless another one has been asked for since.
   * @param {string} url  empty for no photo
   */
  async open(url) {
    const ticket = ++this.asked;
    const photo = await openPhoto(url);
    if (ticket === this.asked) this.show(photo);
  }

  /** @param {number} opacity  of the map */
  setOpacity(opacity) {
    this.opacity = Math.min(1, Math.max(0, opacity));
    this.alone = false;
    this.onchange();
  }

  toggleAlone() {
    this.alone = !this.alone && this.photo !== null;
    this.onchange();
  }

  /** Brings a hidden map back: nobody paints on what is not to be seen. */
  showMap() {
    if (this.alone) this.toggleAlone();
  }
}
