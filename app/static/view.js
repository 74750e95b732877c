/**
 * Drawing: class indices → display colours, at any zoom, one redraw a frame. Colour exists only here.
 */

import { union } from "./raster.js";

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/** @typedef {import("./classes.js").Palette} Palette */
/** @typedef {import("./underlay.js").Underlay} Underlay */

const MIN_SCALE = 0.05;
const MAX_SCALE = 64;
/** Css pixels of the map that stay in sight however far it is panned. */
const KEPT_IN_SIGHT = 48;
const FIT_MARGIN = 12;

/**
 * One RGBA word per class index; unlabelled is transparent and shows the photo or the ground.
 * @param {Palette} palette
 */
function colourTable(palette) {
  const bytes = new Uint8ClampedArray(256 * 4);
  for (const { index, colour } of palette.classes) {
    bytes.set([...colour, index === palette.unlabelled ? 0 : 255], 4 * index);
  }
  return new Uint32Array(bytes.buffer);
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
    this.table = colourTable(palette);
    /** Css pixels per map pixel, and where the map's corner lies in the canvas. */
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    /** @type {() => void} told of every change of zoom or place */
    this.onview = () => {};
    /** @type {Rect | null} what the pixels of `map` still lack */
    this.stale = null;
    this.frame = 0;
    this.map = document.createElement("canvas");
    this.ground = this.#checker();
    this.#resizeMap();
  }

  /** @param {Palette} palette */
  setPalette(palette) {
    this.table = colourTable(palette);
    this.repaint({ x: 0, y: 0, w: this.doc.width, h: this.doc.height });
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
    this.stale = union(this.stale, rect);
    this.request();
  }

  request() {
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
    const { labels, width } = this.doc;
    for (let row = y; row < y + h; row++) {
      for (let i = row * width + x, end = i + w; i < end; i++) this.words[i] = this.table[labels[i]];
    }
    this.map.getContext("2d")?.putImageData(this.pixels, 0, 0, x, y, w, h);
    this.stale = null;
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    if (!context || !this.canvas.width) return;
    this.#colourStale();
    const ratio = this.canvas.width / this.width;
    const [x, y] = [Math.round(this.x * ratio), Math.round(this.y * ratio)];
    const [w, h] = [this.doc.width, this.doc.height].map((side) => Math.round(side * this.scale * ratio));
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.fillStyle = /** @type {CanvasPattern} */ (context.createPattern(this.ground, "repeat"));
    context.fillRect(x, y, w, h);
    const { photo, mapOpacity } = this.underlay;
    context.imageSmoothingEnabled = true;
    if (photo) context.drawImage(photo.image, x, y, w, h);
    context.imageSmoothingEnabled = false;
    context.globalAlpha = mapOpacity;
    context.drawImage(this.map, x, y, w, h);
    context.globalAlpha = 1;
  }
}
