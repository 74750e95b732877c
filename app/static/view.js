/**
 * Drawing the map: class indices → display colours, at any zoom, one redraw a frame, and of that only what changed.
 */

import { Display } from "./display.js";
import { clip, union } from "./raster.js";

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/** @typedef {import("./classes.js").Palette} Palette */
/** @typedef {import("./underlay.js").Underlay} Underlay */

const MIN_SCALE = 0.05;
const MAX_SCALE = 64;
/** Css pixels of the map that stay in sight however far it is panned. */
const KEPT_IN_SIGHT = 48;
const FIT_MARGIN = 12;

/** Black, half transparent. */
const SHADOW = 0x80000000;

/**
 * Darkens the last pixels of each object to the right and downwards: a line one map pixel wide.
 * @param {{labels: Uint8Array, instances: Uint16Array | null, width: number, height: number}} map
 * @param {Rect} rect
 * @param {Uint32Array} words
 */
export function drawEdges({ labels, instances, width, height }, { x, y, w, h }, words) {
  const differ = (/** @type {number} */ i, /** @type {number} */ j) =>
    labels[i] !== labels[j] || (instances !== null && instances[i] !== instances[j]);
  for (let row = y; row < y + h; row++) {
    for (let column = x, i = row * width + x; column < x + w; column++, i++) {
      const edge = (column + 1 < width && differ(i, i + 1)) || (row + 1 < height && differ(i, i + width));
      if (edge) words[i] = shaded(words[i]);
    }
  }
}

/** A word in half a shadow; the ground shows through it. @param {number} word */
function shaded(word) {
  return word >>> 24 === 0 ? SHADOW : ((word & 0xff000000) | ((word >>> 1) & 0x7f7f7f)) >>> 0;
}

export class View {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {LabelDocument} doc
   * @param {Underlay} underlay
   * @param {Palette} palette
   */
  constructor(canvas, doc, underlay, palette) {
    this.canvas = canvas;
    this.doc = doc;
    this.underlay = underlay;
    this.display = new Display(palette);
    /** Lines between objects are drawn. */
    this.edges = false;
    /** @type {CanvasImageSource | null} laid over what stays of a photo */
    this.veil = null;
    /** Css pixels per map pixel, and where the map's corner lies in the canvas. */
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    /** @type {() => void} told of every change of zoom or place */
    this.onview = () => {};
    /** @type {Rect | null} what the pixels of `map` still lack */
    this.stale = null;
    /** @type {Rect | null} what the screen still lacks, of the map */
    this.dirty = null;
    /** The whole screen has to be drawn: the view moved, say. */
    this.moved = true;
    this.frame = 0;
    this.map = document.createElement("canvas");
    this.ground = this.#checker();
    this.#resizeMap();
  }

  /** The whole map, in its own pixels. */
  get whole() {
    return { x: 0, y: 0, w: this.doc.width, h: this.doc.height };
  }

  /** @param {Display} display  what the classes look like from now on */
  setDisplay(display) {
    this.display = display;
    this.repaint(this.whole);
  }

  /** @param {boolean} on  whether lines between objects are drawn */
  showEdges(on) {
    if (on === this.edges) return;
    this.edges = on;
    this.repaint(this.whole);
  }

  /** @param {CanvasImageSource | null} veil  laid over the map, stretched to its size */
  showVeil(veil) {
    if (veil === this.veil) return;
    this.veil = veil;
    this.request();
  }

  /**
   * Pixels of the document changed.
   * @param {Rect} rect
   */
  repaint(rect) {
    if (this.map.width !== this.doc.width || this.map.height !== this.doc.height) {
      this.#resizeMap();
      this.fit();
      return;
    }
    // The line between two pixels belongs to the left or upper one.
    const { x, y, w, h } = rect;
    const seen = this.edges ? clip({ x: x - 1, y: y - 1, w: w + 1, h: h + 1 }, this.doc.width, this.doc.height) : rect;
    this.stale = union(this.stale, seen);
    this.dirty = union(this.dirty, seen);
    this.#schedule();
  }

  /** Draws everything anew in the next frame. */
  request() {
    this.moved = true;
    this.#schedule();
  }

  #schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  /**
   * The canvas's size on the page changed.
   * @param {number} width  css pixels
   * @param {number} height
   * @param {number} ratio  device pixels per css pixel
   */
  resize(width, height, ratio) {
    const [dx, dy] = [(width - this.width) / 2 || 0, (height - this.height) / 2 || 0];
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (this.fitted) this.fit();
    else this.#place(this.scale, this.x + dx, this.y + dy);
  }

  /** Css pixels. */
  get width() {
    return this.canvas.clientWidth;
  }

  get height() {
    return this.canvas.clientHeight;
  }

  fit() {
    const [w, h] = [this.width - 2 * FIT_MARGIN, this.height - 2 * FIT_MARGIN];
    if (w <= 0 || h <= 0) return;
    const scale = Math.min(w / this.doc.width, h / this.doc.height);
    this.#centre(scale);
    this.fitted = true;
  }

  actualSize() {
    this.#centre(1);
  }

  /**
   * Zooms about a point of the canvas, which stays where it is.
   * @param {number} factor
   * @param {number} [cx]  css pixels
   * @param {number} [cy]
   */
  zoomBy(factor, cx = this.width / 2, cy = this.height / 2) {
    const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, this.scale * factor));
    const k = scale / this.scale;
    this.#place(scale, cx - (cx - this.x) * k, cy - (cy - this.y) * k);
  }

  /**
   * @param {number} dx  css pixels
   * @param {number} dy
   */
  panBy(dx, dy) {
    this.#place(this.scale, this.x + dx, this.y + dy);
  }

  /**
   * A point of the page in map pixels.
   * @param {number} clientX
   * @param {number} clientY
   */
  toMap(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (clientX - box.left - this.x) / this.scale, y: (clientY - box.top - this.y) / this.scale };
  }

  /** @param {number} scale */
  #centre(scale) {
    this.#place(scale, (this.width - this.doc.width * scale) / 2, (this.height - this.doc.height * scale) / 2);
  }

  /**
   * @param {number} scale
   * @param {number} x
   * @param {number} y
   */
  #place(scale, x, y) {
    const [w, h] = [this.doc.width * scale, this.doc.height * scale];
    const kept = Math.min(KEPT_IN_SIGHT, w, h);
    this.scale = scale;
    this.x = Math.min(this.width - kept, Math.max(kept - w, x));
    this.y = Math.min(this.height - kept, Math.max(kept - h, y));
    this.fitted = false;
    this.request();
    this.onview();
  }

  #resizeMap() {
    const { width, height } = this.doc;
    this.map.width = width;
    this.map.height = height;
    this.pixels = new ImageData(width, height);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.stale = { x: 0, y: 0, w: width, h: height };
  }

  #checker() {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 16;
    return tile;
  }

  /** Takes the ground's two greys from the style sheet, so that they follow light and dark. */
  readGround() {
    const style = getComputedStyle(this.canvas);
    const context = /** @type {CanvasRenderingContext2D} */ (this.ground.getContext("2d"));
    context.fillStyle = style.getPropertyValue("--sw-ground-a");
    context.fillRect(0, 0, 16, 16);
    context.fillStyle = style.getPropertyValue("--sw-ground-b");
    context.fillRect(0, 0, 8, 8);
    context.fillRect(8, 8, 8, 8);
    this.request();
  }

  #colourStale() {
    if (!this.stale || !this.words || !this.pixels) return;
    const { x, y, w, h } = this.stale;
    this.display.fill(this.doc.labels, this.doc.width, this.stale, this.words);
    if (this.edges) drawEdges(this.doc, this.stale, this.words);
    this.map.getContext("2d")?.putImageData(this.pixels, 0, 0, x, y, w, h);
    this.stale = null;
  }

  /** Where the map lies, in device pixels. @returns {Rect} */
  #lies() {
    const ratio = this.canvas.width / this.width;
    const [w, h] = [this.doc.width, this.doc.height].map((side) => Math.round(side * this.scale * ratio));
    return { x: Math.round(this.x * ratio), y: Math.round(this.y * ratio), w, h };
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    if (!context || !this.canvas.width) return;
    this.#colourStale();
    const at = this.#lies();
    context.save();
    if (!this.moved && this.dirty) clipTo(context, onScreen(this.dirty, at, this.doc));
    this.moved = false;
    this.dirty = null;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.fillStyle = /** @type {CanvasPattern} */ (context.createPattern(this.ground, "repeat"));
    context.fillRect(at.x, at.y, at.w, at.h);
    const { picture, mapOpacity, bare } = this.underlay;
    context.imageSmoothingEnabled = true;
    if (picture) context.drawImage(picture.image, at.x, at.y, at.w, at.h);
    context.imageSmoothingEnabled = false;
    context.globalAlpha = mapOpacity;
    context.drawImage(this.map, at.x, at.y, at.w, at.h);
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = true;
    if (this.veil && !bare) context.drawImage(this.veil, at.x, at.y, at.w, at.h);
    context.restore();
  }
}

/**
 * The device pixels that a rectangle of the map touches.
 * @param {Rect} rect  map pixels
 * @param {Rect} at  where the map lies, in device pixels
 * @param {{width: number, height: number}} map
 * @returns {Rect}
 */
function onScreen({ x, y, w, h }, at, { width, height }) {
  const [sx, sy] = [at.w / width, at.h / height];
  const left = Math.floor(at.x + x * sx);
  const top = Math.floor(at.y + y * sy);
  return { x: left, y: top, w: Math.ceil(at.x + (x + w) * sx) - left, h: Math.ceil(at.y + (y + h) * sy) - top };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Rect} rect
 */
function clipTo(context, { x, y, w, h }) {
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
}
