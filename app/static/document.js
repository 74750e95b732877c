/**
 * The document: class indices, object numbers, the selection, which version of a photo lies under them, and their
 * history. It knows nothing of the page, of tools or of the current class, so undo can never change those; nor does undo
 * change rules or mirror.
 *
 * What changes pixels returns how many it changed, what changes the selection whether it did. Where that is 0 or false,
 * nothing was told to anyone and no step was taken.
 */

import { xorOf } from "./delta.js";
import { History, exchange, photoStep, planeStep, selectionStep, together } from "./history.js";
import { clipped, eachRun, nothing, trimmed } from "./masks.js";
import { MOST_OBJECTS, highestOf, joinObjects, lowestUnused } from "./objects.js";
import { clip, discCorner, layRun, sweep, union } from "./raster.js";
import { areaAt, everywhere, grow, invertMask, majority, nearestFill, shrink, withoutSpecks } from "./regions.js";
import { carried, combined, orNone, selectedPart } from "./selection.js";

export { MAX_SIDE, MIN_SIDE } from "./raster.js";

/** @typedef {import("./raster.js").Rect} Rect */
/** @typedef {import("./raster.js").Ink} Ink */
/** @typedef {import("./raster.js").Stamp} Stamp */
/** @typedef {import("./raster.js").Ground} Ground */
/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {import("./history.js").Step} Step */
/** @typedef {import("./history.js").PhotoVersion} PhotoVersion */
/** @typedef {import("./selection.js").Selection} Selection */
/** @typedef {import("./selection.js").SelectMode} SelectMode */
/**
 * @typedef {object} Content
 * @property {number} width
 * @property {number} height
 * @property {string} palette
 * @property {Uint8Array} labels
 * @property {Uint16Array | null} instances  above 0 the number of an object; null or 0 where it is a connected area
 */
/** @typedef {{labels: Uint8Array, instances: Uint16Array | null}} Planes */
/** @typedef {"none" | "x" | "y" | "both"} Mirror  about the map's centre; x: left and right, y: top and bottom */
/** @typedef {{only: Set<number>, never: Set<number>}} Rules  classes; an empty set is no rule */
/**
 * @typedef {object} Stroke
 * @property {Ink} ink
 * @property {boolean} square
 * @property {Ground} ground
 * @property {Planes} before
 * @property {Stamp | null} last
 * @property {Rect | null} rect
 */

/** By mirror: the images of what is painted, as [left and right swapped, top and bottom swapped]. */
const IMAGES = {
  none: [[false, false]],
  x: [[false, false], [true, false]],
  y: [[false, false], [false, true]],
  both: [[false, false], [true, false], [false, true], [true, true]],
};

/**
 * An empty map.
 * @param {number} width
 * @param {number} height
 * @param {string} palette
 * @param {number} unlabelled  the class index it is filled with
 * @returns {Content}
 */
export function blank(width, height, palette, unlabelled) {
  return { width, height, palette, labels: new Uint8Array(width * height).fill(unlabelled), instances: null };
}

export class LabelDocument {
  /** @type {Planes | null} room for the state before a step, used again */
  #room = null;
  /** The highest object number ever seen or given out. */
  #objects = 0;

  /** @param {Content} content */
  constructor(content) {
    this.content = content;
    /** @type {Selection} changed by steps alone, and never in place: another selection is another array */
    this.selection = null;
    /** @type {PhotoVersion | null} the open photo; its pixels are no part of the document */
    this.photo = null;
    /** @type {Rules} `only`: these alone are painted over; `never`: these are not */
    this.rules = { only: new Set(), never: new Set() };
    /** @type {Mirror} */
    this.mirror = "none";
    this.history = new History();
    /** @type {Stroke | null} */
    this.stroke = null;
    /** @type {(rect: Rect) => void} told of every change of pixels, also within a stroke */
    this.onpixels = () => {};
    /** @type {() => void} told once a step is done, undone or redone, after the other two */
    this.onstep = () => {};
    /** @type {() => void} told of every change of the selection */
    this.onselection = () => {};
    /** @type {(walked: boolean) => void} told of every other version of the photo; walked: by undo or redo */
    this.onphoto = () => {};
  }

  get width() {
    return this.content.width;
  }

  get height() {
    return this.content.height;
  }

  get palette() {
    return this.content.palette;
  }

  get labels() {
    return this.content.labels;
  }

  get instances() {
    return this.content.instances;
  }

  get canUndo() {
    return this.history.past.length > 0;
  }

  get canRedo() {
    return this.history.future.length > 0;
  }

  /**
   * The class index at a point, or null outside the map.
   * @param {number} x
   * @param {number} y
   */
  at(x, y) {
    const i = this.#pixel(x, y);
    return i === null ? null : this.labels[i];
  }

  /**
   * The object number at a point, or null outside the map.
   * @param {number} x
   * @param {number} y
   */
  instanceAt(x, y) {
    const i = this.#pixel(x, y);
    return i === null ? null : (this.instances?.[i] ?? 0);
  }

  /**
   * Whether selection and rules let a pixel be painted now.
   * @param {number} i  its index
   */
  allows(i) {
    const { only, never } = this.rules;
    const label = this.labels[i];
    return (!this.selection || this.selection[i] === 1) && (!only.size || only.has(label)) && !never.has(label);
  }

  /** An object number that no pixel has; each call gives another one. */
  nextObject() {
    this.#objects = Math.max(this.#objects, highestOf(this.instances)) + 1;
    if (this.#objects <= MOST_OBJECTS) return this.#objects;
    this.#objects = MOST_OBJECTS;
    const unused = lowestUnused(this.#instances());
    if (unused !== null) return unused;
    throw new RangeError(`All ${MOST_OBJECTS} object numbers are in use. Paint over an object first.`);
  }

  /**
   * Starts a stroke: everything until `endStroke` is one step of the history.
   * @param {Ink} ink
   * @param {{square?: boolean}} [brush]
   */
  beginStroke(ink, { square = false } = {}) {
    this.endStroke();
    const ground = this.#ground(ink);
    this.stroke = { ink, square, ground, before: this.#snapshot(), last: null, rect: null };
  }

  /**
   * Goes on with the stroke to a point, in map pixels; the brush's width changes evenly on the way.
   * @param {number} x
   * @param {number} y
   * @param {number} diameter  map pixels, rounded to whole ones, from 1
   */
  strokeTo(x, y, diameter) {
    const { stroke } = this;
    if (!stroke) return;
    const whole = Math.max(1, Math.round(diameter));
    const to = { ...discCorner(x, y, whole), diameter: whole };
    const from = stroke.last ?? to;
    stroke.last = to;
    const { top, lefts, rights } = sweep(from, to, stroke.square, this.height);
    for (let j = 0; j < lefts.length; j++) {
      const [start, end] = [Math.max(0, lefts[j]), Math.min(this.width, rights[j])];
      if (start < end) this.#lay(stroke.ground, top + j, start, end, stroke.ink);
    }
    const boxes = [from, to].map(({ diameter: side, ...corner }) => ({ ...corner, w: side, h: side }));
    const rect = clip(/** @type {Rect} */ (union(boxes[0], boxes[1])), this.width, this.height);
    for (const image of rect ? this.#imagesOf(rect) : []) {
      stroke.rect = union(stroke.rect, image);
      this.onpixels(image);
    }
  }

  /** Ends the stroke; one that changed nothing leaves no step. @returns {number} pixels changed */
  endStroke() {
    const { stroke } = this;
    this.stroke = null;
    if (!stroke?.rect) return 0;
    const { step, changed } = this.#stepSince(stroke.before, stroke.rect);
    if (step) this.#push(step);
    return changed;
  }

  /** Takes the running stroke back as if it had never begun. */
  abortStroke() {
    const { stroke } = this;
    this.stroke = null;
    if (!stroke?.rect) return;
    this.labels.set(stroke.before.labels);
    if (stroke.before.instances) this.instances?.set(stroke.before.instances);
    this.onpixels(stroke.rect);
  }

  /**
   * Paints a set of pixels, and its mirror images.
   * @param {Mask} mask
   * @param {Ink} ink
   */
  paint(mask, ink) {
    const rect = clip(mask, this.width, this.height);
    if (!rect) return 0;
    return this.#edit(this.#imagesOf(rect).reduce(union, null), ink, (ground) => {
      eachRun(mask, this.width, this.height, (y, start, end) => this.#lay(ground, y, start, end, ink));
    });
  }

  /**
   * Fills the connected area of one class and object under a point, or every pixel of its class. Never mirrored; from
   * a point that may not be painted nothing is filled.
   * @param {number} x
   * @param {number} y
   * @param {Ink} ink
   * @param {{everywhere?: boolean}} [how]
   */
  fill(x, y, ink, { everywhere: all = false } = {}) {
    this.endStroke();
    const i = this.#pixel(x, y);
    if (i === null || !this.allows(i)) return 0;
    if (all) return this.replaceClass(this.labels[i], ink);
    return this.#cover(areaAt(this.content, x, y, { byInstance: true }), ink);
  }

  /**
   * Gives every pixel of a class, as far as it may be painted, another one.
   * @param {number} from  class index
   * @param {Ink} ink
   */
  replaceClass(from, ink) {
    this.endStroke();
    return this.#cover(everywhere(this.labels, this.width, this.height, from), ink);
  }

  /**
   * Gives every pixel that may be painted one class.
   * @param {number} label
   */
  clear(label) {
    const whole = { x: 0, y: 0, w: this.width, h: this.height };
    return this.#cover({ ...whole, data: new Uint8Array(this.labels.length).fill(1) }, { label, instance: 0 });
  }

  /**
   * Moves the pixels of a set, of its selected part where there is a selection, with their object numbers; the
   * selection goes along. They land on top of what is there, but behind what the rules hold, and are cut at the map's
   * edge.
   * @param {Mask} mask
   * @param {number} dx  whole pixels
   * @param {number} dy
   * @param {object} how
   * @param {"nearest" | "unlabelled" | "copy"} how.leave  what comes in their place: the nearest surroundings, the
   *   class `unlabelled`, or they themselves
   * @param {number} how.unlabelled  also where there are no surroundings
   */
  moveArea(mask, dx, dy, { leave, unlabelled }) {
    this.endStroke();
    const { width, height } = this;
    const from = selectedPart(clipped(mask, width, height), this.selection, width, height);
    if (!from.w || (!dx && !dy)) return 0;
    const to = clip({ ...from, x: from.x + dx, y: from.y + dy }, width, height);
    const none = { label: unlabelled, instance: 0 };
    const selection = carried(this.selection, from, dx, dy, width, height);
    const move = (/** @type {Ground} */ { open }, /** @type {Planes} */ before) => {
      const vacated = leave === "copy" ? null : this.#vacate(from, leave === "nearest", none);
      this.#land(from, dx, dy, before, (i) => !open || open[before.labels[i]] === 1 || vacated?.[i] === 1);
    };
    return this.#edit(union(from, to), none, move, selection);
  }

  /**
   * @param {Mask} mask
   * @param {SelectMode} mode  "subtract" and "intersect" take no selection for all of the map
   * @returns {boolean}
   */
  select(mask, mode) {
    return this.#select(combined(this.selection, mask, mode, this.width, this.height));
  }

  /** Selects every pixel. @returns {boolean} */
  selectAll() {
    return this.#select(new Uint8Array(this.labels.length).fill(1));
  }

  /** Ends the selection: everything may be painted again. @returns {boolean} */
  selectNone() {
    return this.#select(null);
  }

  /** Selects what is not selected: all, where nothing is. @returns {boolean} */
  invertSelection() {
    return this.select(invertMask(this.selectionMask() ?? nothing(), this.width, this.height), "replace");
  }

  /** @param {number} px  map pixels @returns {boolean} */
  growSelection(px) {
    const mask = this.selectionMask();
    return mask !== null && this.select(grow(mask, px, this.width, this.height), "replace");
  }

  /** @param {number} px  map pixels; the map's edge takes nothing @returns {boolean} */
  shrinkSelection(px) {
    const mask = this.selectionMask();
    return mask !== null && this.select(shrink(mask, px, this.width, this.height), "replace");
  }

  /** The selected pixels in the smallest window that holds them, or null where nothing is selected. */
  selectionMask() {
    return this.selection && trimmed({ x: 0, y: 0, w: this.width, h: this.height, data: this.selection });
  }

  /**
   * Gives each pixel that may be painted the class that most pixels around it have.
   * @param {number} radius  map pixels, from 1
   */
  smooth(radius) {
    return this.#cleanUp((inside) => majority(this.labels, this.width, this.height, radius, inside));
  }

  /**
   * Gives areas smaller than this, as far as they may be painted whole, to what surrounds them.
   * @param {number} minPixels
   */
  removeSpecks(minPixels) {
    return this.#cleanUp((inside) => withoutSpecks(this.labels, this.width, this.height, minPixels, inside));
  }

  /**
   * Puts another map in place of this one, as one step that can be undone. Nothing is selected in it.
   * @param {Content} content
   */
  replace(content) {
    this.endStroke();
    this.#objects = Math.max(this.#objects, highestOf(this.instances));
    const step = exchange({ ...content, instances: content.instances ?? null });
    this.#tell(this.selection, step.toggle(this));
    this.#push(step);
  }

  /**
   * Goes on to another version of the photo, or to none, and with it, where they are given, to another map and another
   * selection: one step.
   * @param {PhotoVersion | null} photo
   * @param {{content?: Content | null, selection?: Selection}} [along]  without a selection nothing is selected in
   *   another map, and in the present one what is selected now
   */
  turnPhoto(photo, { content = null, selection } = {}) {
    this.endStroke();
    const [selected, { length }] = [this.selection, content?.labels ?? this.labels];
    const wanted = selection === undefined ? undefined : sound(selection, length);
    if (content) this.#objects = Math.max(this.#objects, highestOf(this.instances));
    const select = () => (wanted === undefined ? null : selectionStep(selected, wanted, length));
    const map = content ? exchange({ ...content, instances: content.instances ?? null }, wanted) : select();
    const step = /** @type {Step} */ (together([map, photoStep(photo)]));
    this.#tell(selected, step.toggle(this));
    this.onphoto(false);
    this.#push(step);
  }

  /**
   * Takes another version of the photo for the present one, without a step.
   * @param {PhotoVersion | null} photo
   */
  setPhoto(photo) {
    this.photo = photo;
    this.onphoto(false);
  }

  /**
   * Begins with what was kept from an earlier visit. No step: there is nothing before it.
   * @param {Content} content
   * @param {Selection} [selection]  ignored where it is not of the map's size
   */
  restore(content, selection = null) {
    Object.assign(this.content, content, { instances: content.instances ?? null });
    this.stroke = null;
    this.history = new History();
    this.selection = sound(selection, this.labels.length);
    this.onpixels({ x: 0, y: 0, w: this.width, h: this.height });
    this.onselection();
  }

  undo() {
    if (!this.stroke) this.#walked(this.selection, this.photo, this.history.undo(this));
  }

  redo() {
    if (!this.stroke) this.#walked(this.selection, this.photo, this.history.redo(this));
  }

  /**
   * The index of the pixel under a point, or null outside the map.
   * @param {number} x
   * @param {number} y
   */
  #pixel(x, y) {
    const [i, j] = [Math.floor(x), Math.floor(y)];
    return i >= 0 && j >= 0 && i < this.width && j < this.height ? j * this.width + i : null;
  }

  /** The object numbers, which a map has no room for until the first is needed. */
  #instances() {
    return (this.content.instances ??= new Uint16Array(this.labels.length));
  }

  /** Which classes the rules let be painted over; null all. */
  #open() {
    const { only, never } = this.rules;
    if (!only.size && !never.size) return null;
    const open = new Uint8Array(256).fill(only.size ? 0 : 1);
    for (const label of only) open[label] = 1;
    for (const label of never) open[label] = 0;
    return open;
  }

  /**
   * What an ink is to be laid on, by the selection and rules of this moment.
   * @param {Ink} ink
   * @returns {Ground}
   */
  #ground({ instance }) {
    const instances = instance ? this.#instances() : this.instances;
    return { labels: this.labels, instances, selection: this.selection, open: this.#open() };
  }

  /**
   * Lays ink on a run of pixels inside the map and on its mirror images.
   * @param {Ground} ground
   * @param {number} y
   * @param {number} start
   * @param {number} end
   * @param {Ink} ink
   */
  #lay(ground, y, start, end, ink) {
    const { width, height } = this;
    for (const [across, down] of IMAGES[this.mirror]) {
      const row = (down ? height - 1 - y : y) * width;
      layRun(ground, row + (across ? width - end : start), row + (across ? width - start : end), ink);
    }
  }

  /**
   * A rectangle inside the map and its mirror images.
   * @param {Rect} rect
   * @returns {Rect[]}
   */
  #imagesOf({ x, y, w, h }) {
    return IMAGES[this.mirror].map(([across, down]) => ({
      x: across ? this.width - x - w : x,
      y: down ? this.height - y - h : y,
      w,
      h,
    }));
  }

  /**
   * Lays ink on a set of pixels, without mirror images.
   * @param {Mask} mask
   * @param {Ink} ink
   */
  #cover(mask, ink) {
    if (!mask.w) return 0;
    const { width, height } = this;
    return this.#edit(mask, ink, (ground) => {
      eachRun(mask, width, height, (y, start, end) => layRun(ground, y * width + start, y * width + end, ink));
    });
  }

  /**
   * Puts into the place of a set of pixels what surrounds it, or nothing.
   * @param {Mask} mask
   * @param {boolean} nearest
   * @param {Ink} none
   * @returns {Uint8Array} the set, by the map's pixels
   */
  #vacate(mask, nearest, none) {
    const { width, height, labels, instances } = this;
    const filled = nearest ? nearestFill(labels, width, height, mask) : null;
    const objects = nearest && instances ? nearestFill(instances, width, height, mask) : null;
    const vacated = new Uint8Array(labels.length);
    eachRun(mask, width, height, (y, start, end) => {
      for (let i = y * width + start; i < y * width + end; i++) {
        vacated[i] = 1;
        labels[i] = filled ? filled[i] : none.label;
        if (instances) instances[i] = objects ? objects[i] : none.instance;
      }
    });
    return vacated;
  }

  /**
   * Puts pixels down in another place.
   * @param {Mask} mask  where they were
   * @param {number} dx
   * @param {number} dy
   * @param {Planes} before  what they were
   * @param {(i: number) => boolean} open  whether they may land on a pixel
   */
  #land(mask, dx, dy, before, open) {
    const { width, height, labels, instances } = this;
    eachRun(mask, width, height, (y, start, end) => {
      if (y + dy < 0 || y + dy >= height) return;
      for (let x = Math.max(start, -dx); x < Math.min(end, width - dx); x++) {
        const [from, to] = [y * width + x, (y + dy) * width + x + dx];
        if (!open(to)) continue;
        labels[to] = before.labels[from];
        if (instances && before.instances) instances[to] = before.instances[from];
      }
    });
  }

  /** @param {(inside: Uint8Array | null) => Uint8Array} clean  makes the new class indices; told which may change */
  #cleanUp(clean) {
    const whole = { x: 0, y: 0, w: this.width, h: this.height };
    return this.#edit(whole, { label: 0, instance: 0 }, ({ open, selection }, before) => {
      const inside = open ? this.labels.map((label, i) => open[label] & (selection?.[i] ?? 1)) : selection;
      this.labels.set(clean(inside));
      joinObjects(before.labels, this.content);
    });
  }

  /**
   * Makes one step of a change of pixels and, it may be, of the selection.
   * @param {Rect | null} rect  holds all that changes
   * @param {Ink} ink
   * @param {(ground: Ground, before: Planes) => void} change
   * @param {Selection} [selection]  as it is afterwards
   * @returns {number} pixels changed
   */
  #edit(rect, ink, change, selection = this.selection) {
    this.endStroke();
    const ground = this.#ground(ink);
    const before = this.#snapshot();
    change(ground, before);
    const inside = /** @type {Rect} */ (clip(/** @type {Rect} */ (rect), this.width, this.height));
    const { step, changed } = this.#stepSince(before, inside);
    const carry = selection === this.selection ? null : selectionStep(this.selection, selection, this.labels.length);
    const both = together([step, carry]);
    if (!both) return 0;
    const was = this.selection;
    this.selection = selection;
    this.#tell(was, step && inside);
    this.#push(both);
    return changed;
  }

  /**
   * The state of the planes now, to compare with later; valid until the next one is taken.
   * @returns {Planes}
   */
  #snapshot() {
    const { labels, instances } = this;
    if (this.#room?.labels.length !== labels.length) this.#room = { labels: labels.slice(), instances: null };
    else this.#room.labels.set(labels);
    if (!instances) this.#room.instances = null;
    else if (this.#room.instances) this.#room.instances.set(instances);
    else this.#room.instances = instances.slice();
    return this.#room;
  }

  /**
   * @param {Planes} before
   * @param {Rect} rect
   * @returns {{step: Step | null, changed: number}}
   */
  #stepSince(before, rect) {
    const { labels, instances, width } = this;
    const classes = xorOf(before.labels, labels, width, rect);
    const objects = before.instances && instances ? xorOf(before.instances, instances, width, rect) : null;
    let changed = 0;
    for (let i = 0; i < classes.length; i++) if (classes[i] || objects?.[i]) changed++;
    if (!changed) return { step: null, changed };
    const steps = [planeStep("labels", rect, classes), objects && planeStep("instances", rect, objects)];
    return { step: together(steps), changed };
  }

  /** @param {Selection} selection @returns {boolean} */
  #select(selection) {
    this.endStroke();
    const step = selectionStep(this.selection, selection, this.labels.length);
    if (!step) return false;
    const was = this.selection;
    this.selection = selection;
    this.#tell(was, null);
    this.#push(step);
    return true;
  }

  /** @param {Step} step */
  #push(step) {
    this.history.push(step);
    this.onstep();
  }

  /**
   * @param {Selection} selection  as it was
   * @param {PhotoVersion | null} photo  as it was
   * @param {{rect: Rect | null} | null} walked
   */
  #walked(selection, photo, walked) {
    if (!walked) return;
    this.#tell(selection, walked.rect);
    if (photo !== this.photo) this.onphoto(true);
    this.onstep();
  }

  /**
   * @param {Selection} selection  as it was
   * @param {Rect | null} rect  where pixels changed, if any did
   */
  #tell(selection, rect) {
    if (rect) this.onpixels(rect);
    if (selection !== this.selection) this.onselection();
  }
}

/**
 * A selection that belongs to a map of so many pixels; none where it doesn't, or is empty.
 * @param {Selection} selection
 * @param {number} length
 * @returns {Selection}
 */
function sound(selection, length) {
  return selection?.length === length ? orNone(selection) : null;
}
