/**
 * What lies over the map and is no part of it: the outline of the brush, what a gesture is about to do, the selection's
 * edge and the mirror's axes. On a canvas of its own, so that the map stays as drawn while these move.
 */

import { windowOf } from "./masks.js";
import { discCorner, discEdges } from "./raster.js";
import { outlineOf } from "./shapes.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./tools/gesture.js").Point} Point */
/** @typedef {import("./tools/gesture.js").Preview} Preview */
/** @typedef {import("./masks.js").Mask} Mask */

/** The selection's edge walks in stripes of this many device pixels, one pixel a tick. */
const STRIPE = 4;
const TICK = 80;
/** An edge of more pieces than this (the selection of noise, say) stands still. */
const WALKING = 20_000;
const CORNER = 3;
const LIGHT = "#ffffffe0";
const DARK = "#000000d0";
/** What a brush adds to the selection or takes from it, as pixels. */
const ADDED = 0x992e9aff;
const TAKEN = 0x99202020;

/** @param {Point[]} points @param {boolean} [closed] */
function pathOf(points, closed) {
  const path = new Path2D();
  points.forEach(({ x, y }, i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  if (closed) path.closePath();
  return path;
}

/** The edge of a mask in map pixels. @param {Mask} mask */
function edgeOf(mask) {
  const path = new Path2D();
  const pieces = outlineOf(mask);
  for (const [x0, y0, x1, y1] of pieces) {
    path.moveTo(x0, y0);
    path.lineTo(x1, y1);
  }
  return { path, pieces: pieces.length };
}

/**
 * The edge of the very pixels that a brush covers, its corner at the origin.
 * @param {number} diameter
 * @param {boolean} square
 */
function brushEdge(diameter, square) {
  if (square) return pathOf([[0, 0], [diameter, 0], [diameter, diameter], [0, diameter]].map(([x, y]) => ({ x, y })), true);
  const left = [...discEdges(diameter)].flatMap((edge, row) => [{ x: edge, y: row }, { x: edge, y: row + 1 }]);
  return pathOf([...left, ...left.map(({ x, y }) => ({ x: diameter - x, y })).reverse()], true);
}

/** A tile of slanting stripes, light and dark. */
function stripes() {
  const tile = document.createElement("canvas");
  const side = (tile.width = tile.height = 2 * STRIPE);
  const context = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      context.fillStyle = (x + 2 * y) % side < STRIPE ? "#ffffff" : "#000000";
      context.fillRect(x, y, 1, 1);
    }
  }
  return tile;
}

export class Overlay {
  /**
   * @param {HTMLCanvasElement} canvas  lies over the view's
   * @param {Editor} editor
   * @param {import("./input.js").CanvasInput} input
   * @param {AbortSignal} signal  ends the walking of the selection's edge
   */
  constructor(canvas, editor, input, signal) {
    this.canvas = canvas;
    this.editor = editor;
    this.input = input;
    this.frame = 0;
    this.walked = 0;
    this.timer = 0;
    /** @type {{path: Path2D, pieces: number} | null} */
    this.selection = null;
    /** @type {{diameter: number, square: boolean, path: Path2D} | null} */
    this.brush = null;
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    signal.addEventListener("abort", () => window.clearInterval(this.timer));
  }

  request() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  /** The selection changed: its edge is worked out once, and walks as long as there is one. */
  readSelection() {
    const { doc } = this.editor;
    this.selection = doc.selection && edgeOf(doc.selectionMask());
    window.clearInterval(this.timer);
    if (this.selection && this.selection.pieces < WALKING && !this.calm.matches) {
      this.timer = window.setInterval(() => {
        this.walked++;
        if (!document.hidden) this.request();
      }, TICK);
    }
    this.request();
  }

  #draw() {
    const { canvas } = this;
    const below = this.editor.view.canvas;
    const context = canvas.getContext("2d");
    if (!context || !below.width) return;
    if (canvas.width !== below.width || canvas.height !== below.height) {
      [canvas.width, canvas.height] = [below.width, below.height];
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.#axes(context);
    if (this.selection) this.#ants(context, this.selection.path);
    const preview = this.input.shown.preview;
    if (preview?.stain) this.#stain(context, preview.stain);
    else if (preview) this.#mirrored(context, () => this.#preview(context, preview));
    this.#ring(context);
  }

  /**
   * Everything drawn after this is in map pixels, from a point of the map on; lines are measured in css pixels by `hair`.
   * @param {CanvasRenderingContext2D} context
   * @param {{flipX?: boolean, flipY?: boolean}} [flips]
   */
  #toMap(context, { flipX = false, flipY = false } = {}) {
    const { view, doc } = this.editor;
    const ratio = this.canvas.width / view.width;
    const scale = view.scale * ratio;
    context.setTransform(scale, 0, 0, scale, Math.round(view.x * ratio), Math.round(view.y * ratio));
    context.transform(flipX ? -1 : 1, 0, 0, flipY ? -1 : 1, flipX ? doc.width : 0, flipY ? doc.height : 0);
    this.hair = 1 / view.scale;
  }

  /**
   * Draws once, and once more for each place that the mirror adds, fainter.
   * @param {CanvasRenderingContext2D} context
   * @param {() => void} draw
   */
  #mirrored(context, draw) {
    const { mirror } = this.editor.doc;
    const [x, y] = [mirror === "x" || mirror === "both", mirror === "y" || mirror === "both"];
    const flips = [[false, false], [true, false], [false, true], [true, true]];
    for (const [flipX, flipY] of flips.filter((flip) => (x || !flip[0]) && (y || !flip[1]))) {
      this.#toMap(context, { flipX, flipY });
      context.globalAlpha = flipX || flipY ? 0.6 : 1;
      draw();
    }
    context.globalAlpha = 1;
  }

  /**
   * A line that is seen on every colour.
   * @param {CanvasRenderingContext2D} context
   * @param {Path2D} path
   */
  #line(context, path) {
    context.lineWidth = 3 * this.hair;
    context.strokeStyle = DARK;
    context.stroke(path);
    context.lineWidth = 1.25 * this.hair;
    context.strokeStyle = LIGHT;
    context.stroke(path);
  }

  /**
   * Slanting stripes that the edge is a window on: an edge in steps shows them as well as a straight one.
   * @param {CanvasRenderingContext2D} context
   * @param {Path2D} path
   */
  #ants(context, path) {
    this.#toMap(context);
    const pixel = 1 / context.getTransform().a;
    this.stripes ??= context.createPattern(stripes(), "repeat");
    const step = this.walked % (2 * STRIPE);
    this.stripes?.setTransform(new DOMMatrix([pixel, 0, 0, pixel, step * pixel, 0]));
    context.strokeStyle = /** @type {CanvasPattern} */ (this.stripes);
    context.lineWidth = 1.5 * this.hair;
    context.stroke(path);
  }

  /** @param {CanvasRenderingContext2D} context */
  #axes(context) {
    const { mirror, width, height } = this.editor.doc;
    if (mirror === "none") return;
    this.#toMap(context);
    const path = new Path2D();
    if (mirror !== "y") path.addPath(pathOf([{ x: width / 2, y: 0 }, { x: width / 2, y: height }]));
    if (mirror !== "x") path.addPath(pathOf([{ x: 0, y: height / 2 }, { x: width, y: height / 2 }]));
    context.globalAlpha = 0.5;
    this.#line(context, path);
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context @param {Preview} preview */
  #preview(context, { points, closed, width, corners, fill, carried }) {
    const path = pathOf(points, closed);
    context.save();
    if (fill) {
      context.globalAlpha *= 0.5;
      context.fillStyle = context.strokeStyle = fill;
      context.lineWidth = width ?? 0;
      context.lineCap = "round";
      if (width) context.stroke(path);
      else context.fill(path, "evenodd");
    }
    context.restore();
    if (points.length) this.#line(context, path);
    if (corners) points.forEach((point, i) => this.#corner(context, point, i === 0));
    if (carried) this.#carried(context, carried);
  }

  /** @param {CanvasRenderingContext2D} context @param {Point} at @param {boolean} first */
  #corner(context, { x, y }, first) {
    const r = CORNER * this.hair * (first ? 1.6 : 1);
    context.fillStyle = LIGHT;
    context.strokeStyle = DARK;
    context.lineWidth = this.hair;
    context.fillRect(x - r, y - r, 2 * r, 2 * r);
    context.strokeRect(x - r, y - r, 2 * r, 2 * r);
  }

  /**
   * An area on its way, in its colours.
   * @param {CanvasRenderingContext2D} context
   * @param {NonNullable<Preview["carried"]>} carried
   */
  #carried(context, { mask, dx, dy }) {
    if (this.cargo?.mask !== mask) this.cargo = { mask, picture: this.#cutOut(mask), edge: edgeOf(mask).path };
    context.translate(dx, dy);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.cargo.picture, mask.x, mask.y);
    this.#line(context, this.cargo.edge);
  }

  /**
   * What a brush that selects has covered; of that only what is new is drawn.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./tools/gesture.js").Stain} stain
   */
  #stain(context, stain) {
    const { mask, takes, fresh } = stain;
    if (this.stained?.of !== stain) {
      this.stained = { of: stain, picture: document.createElement("canvas") };
      Object.assign(this.stained.picture, { width: mask.w, height: mask.h });
    }
    const { picture } = this.stained;
    const rect = fresh();
    if (rect) {
      const pixels = new ImageData(rect.w, rect.h);
      const words = new Uint32Array(pixels.data.buffer);
      const inside = windowOf(mask, rect).data;
      for (let i = 0; i < words.length; i++) if (inside[i]) words[i] = takes ? TAKEN : ADDED;
      picture.getContext("2d")?.putImageData(pixels, rect.x, rect.y);
    }
    this.#toMap(context);
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0);
  }

  /** The pixels of the map under a mask. @param {Mask} mask */
  #cutOut({ x, y, w, h, data }) {
    const { view } = this.editor;
    const picture = document.createElement("canvas");
    picture.width = w;
    picture.height = h;
    const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
    context.drawImage(view.map, -x, -y);
    const pixels = context.getImageData(0, 0, w, h);
    for (let i = 0; i < data.length; i++) if (!data[i]) pixels.data[4 * i + 3] = 0;
    context.putImageData(pixels, 0, 0);
    return picture;
  }

  /** The outline of what the brush would cover, on the very pixels. @param {CanvasRenderingContext2D} context */
  #ring(context) {
    const { editor, input } = this;
    const { view } = editor;
    const line = input.intent === "shape" && editor.shape === "line";
    if (!input.hover || !(line || ["brush", "eraser", "marker"].includes(input.intent))) return;
    const at = view.toMap(input.hover.clientX, input.hover.clientY);
    const corner = discCorner(at.x, at.y, editor.size);
    const path = this.#brush;
    this.#mirrored(context, () => {
      context.translate(corner.x, corner.y);
      this.#line(context, path);
    });
  }

  get #brush() {
    const { size: diameter, square } = this.editor;
    if (this.brush?.diameter !== diameter || this.brush.square !== square) {
      this.brush = { diameter, square, path: brushEdge(diameter, square) };
    }
    return this.brush.path;
  }
}
