/**
 * What the artist works with: a document, a view of it, the photo under it, a tool with its options, a brush size,
 * and the class and object to paint.
 */

import { blank } from "./document.js";
import { changed } from "./region.js";
import { areaAt, everywhere } from "./regions.js";
import { gesturesFor } from "./tools/index.js";

/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/** @typedef {import("./document.js").Ink} Ink */
/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {import("./view.js").View} View */
/** @typedef {import("./classes.js").ClassPicker} ClassPicker */
/** @typedef {import("./underlay.js").Underlay} Underlay */
/** @typedef {"new" | "help" | "search"} Question  what the page is asked to show */
/** @typedef {"map" | "photo"} Kind  what a file is opened as */
/** @typedef {"brush" | "eraser" | "shape" | "lasso" | "fill" | "select" | "pick" | "move" | "pan"} Tool */
/** @typedef {"paint" | "select"} Use  what a brush or an outline is there for */
/** @typedef {"replace" | "add" | "subtract" | "intersect"} Combination */

export const MIN_BRUSH = 1;
export const MAX_BRUSH = 200;
export const MAX_AMOUNT = 64;
export const SHAPES = /** @type {const} */ (["line", "rectangle", "ellipse", "polygon"]);
export const FILLS = /** @type {const} */ (["connected", "everywhere"]);
export const SELECTS = /** @type {const} */ (["area", "class"]);
export const LAYOUTS = /** @type {const} */ (["side", "over", "map", "result"]);
export const MIRRORS = /** @type {const} */ (["none", "x", "y", "both"]);
const BRUSHES = ["brush", "eraser"];
/** Tools that lay down the current class. */
const PAINTING = ["brush", "fill", "shape", "lasso"];
/** Tools at which Alt picks the class under the pointer; the others mean something else by it. */
const PICKING = ["brush", "eraser", "fill"];
/** What of all this a reload brings back. */
const KEPT = /** @type {const} */ ([
  "size", "square", "pressure", "brushMode", "fillMode", "shape", "shapeMode", "lassoMode", "selectMode", "amount", "hole", "edges", "layout",
]);

/** The one after it, round and round. @template T @param {readonly T[]} all @param {T} now */
const after = (all, now) => all[(all.indexOf(now) + 1) % all.length];

export class Editor {
  /**
   * @param {string} id
   * @param {LabelDocument} doc
   * @param {View} view
   * @param {ClassPicker} picker
   * @param {Underlay} underlay
   */
  constructor(id, doc, view, picker, underlay) {
    this.id = id;
    this.doc = doc;
    this.view = view;
    this.picker = picker;
    this.underlay = underlay;
    /** @type {Tool} */
    this.tool = "brush";
    this.size = 40;
    this.square = false;
    /** A pen's pressure makes the brush smaller. */
    this.pressure = true;
    /** A pen was seen. */
    this.pen = false;
    /** What brush and eraser work on: the map, or the selection. @type {Use} */
    this.brushMode = "paint";
    /** @type {typeof FILLS[number]} */
    this.fillMode = "connected";
    /** @type {typeof SHAPES[number]} */
    this.shape = "rectangle";
    /** @type {Use} */
    this.shapeMode = "paint";
    /** @type {Use} */
    this.lassoMode = "select";
    /** @type {typeof SELECTS[number]} */
    this.selectMode = "area";
    /** By how many pixels a selection grows or shrinks. */
    this.amount = 4;
    /** What a moved area leaves behind. @type {"nearest" | "unlabelled"} */
    this.hole = "nearest";
    /** Lines between objects are shown, where the palette has objects. */
    this.edges = true;
    /** Results are shown beside the map. */
    this.hasResults = false;
    /** The result pane shows what the model sees of the map. */
    this.seen = false;
    /** The photo as it was is shown, while a key is held. */
    this.peeking = false;
    /** How map and result share the room. @type {typeof LAYOUTS[number]} */
    this.layout = "side";
    /** The object that is painted; 0 where objects are the connected areas. */
    this.object = 0;
    /** Where the pointer is above the map, in map pixels. @type {{x: number, y: number} | null} */
    this.pointer = null;
    /** What the artist was told last. */
    this.said = "";
    this.gestures = gesturesFor(this);
    /** @type {() => void} tool, size, class, or history changed */
    this.onchange = () => {};
    /** @type {(question: Question) => void} */
    this.onask = () => {};
    /** @type {(file: File) => void} asks what it is to be opened as */
    this.onfile = () => {};
    /** @type {() => void} */
    this.onsave = () => {};
    /** @type {(text: string) => void} told what came of the last thing done */
    this.onsay = () => {};
  }

  get unlabelled() {
    return this.picker.palette.unlabelled;
  }

  /** The palette tells objects of one class apart. */
  get hasObjects() {
    return Boolean(this.picker.palette.edges);
  }

  /** The class and object that the tool lays down. @returns {Ink} */
  get ink() {
    if (this.tool === "eraser") return this.rubber;
    return { label: this.picker.choice.current, instance: this.hasObjects ? this.object : 0 };
  }

  /** What the eraser lays down. @returns {Ink} */
  get rubber() {
    return { label: this.unlabelled, instance: 0 };
  }

  /** What the current class looks like, as a css colour; grey where it has none. */
  get inkColour() {
    return this.view.display.css(this.ink.label) || "rgb(128 128 128)";
  }

  /** The gesture that a press would begin. */
  get gesture() {
    if (this.isMarking) return this.gestures.marker;
    return this.gestures[this.tool === "shape" && this.shape === "polygon" ? "polygon" : this.tool];
  }

  /** A pane shows results, rather than the map alone. */
  get showsResult() {
    return this.hasResults && (this.layout === "side" || this.layout === "result");
  }

  /** Brush or eraser is chosen. */
  get isBrush() {
    return BRUSHES.includes(this.tool);
  }

  /** A brush is there to select. */
  get isMarking() {
    return this.isBrush && this.brushMode === "select";
  }

  /** The gesture of a pen's eraser end. */
  get penEraser() {
    return this.isMarking ? this.gestures.marker : this.gestures.eraser;
  }

  /** Whether Alt picks a class with this tool. */
  get altPicks() {
    return PICKING.includes(this.tool) && !this.isMarking;
  }

  // --- Tools and their options ---

  /** @param {Tool} tool */
  setTool(tool) {
    if (tool !== this.tool) this.gesture.cancel();
    this.tool = tool;
    this.onchange();
  }

  /** Chooses the tool; the one that is chosen goes on to its next kind. @param {"shape"} tool */
  setOrTurn(tool) {
    if (this.tool === tool) this.turn(tool);
    else this.setTool(tool);
  }

  /** Goes on to the next kind of a tool, and to the tool. @param {"brush" | "shape" | "fill" | "select" | "lasso"} tool */
  turn(tool) {
    if (tool === "brush") this.set({ brushMode: this.brushMode === "paint" ? "select" : "paint" });
    if (tool === "shape") this.set({ shape: after(SHAPES, this.shape) });
    if (tool === "fill") this.set({ fillMode: after(FILLS, this.fillMode) });
    if (tool === "select") this.set({ selectMode: after(SELECTS, this.selectMode) });
    if (tool === "lasso") this.set({ lassoMode: this.lassoMode === "paint" ? "select" : "paint" });
    if (tool !== "brush" || !this.isBrush) this.setTool(tool);
  }

  /** @param {Partial<Editor>} options  of the tools */
  set(options) {
    this.gesture.cancel();
    Object.assign(this, options);
    this.onchange();
  }

  /** @param {number} size  map pixels */
  setSize(size) {
    this.size = Math.min(MAX_BRUSH, Math.max(MIN_BRUSH, Math.round(size)));
    this.onchange();
  }

  /**
   * One step larger or smaller: single pixels at first, about a tenth later.
   * @param {number} direction  1 or -1
   */
  stepSize(direction) {
    this.setSize(this.size + direction * Math.max(1, Math.round(this.size / 10)));
  }

  /** Goes on with what another editor of the same document was set to. @param {Editor} other */
  takeOver(other) {
    Object.assign(this, other.options, { tool: other.tool, object: other.object, pen: other.pen });
  }

  /** The tools' options, to be kept. */
  get options() {
    return Object.fromEntries(KEPT.map((name) => [name, this[name]]));
  }

  /** Takes up options kept earlier; older ones may lack some. @param {Record<string, any>} options */
  restore(options) {
    for (const name of KEPT) if (typeof options[name] === typeof this[name]) Object.assign(this, { [name]: options[name] });
    this.setSize(this.size);
  }

  // --- Classes and objects ---

  /**
   * Chooses a class to paint; from a tool that lays down none, goes back to the brush. It belongs to no object yet.
   * @param {number} index
   */
  choose(index) {
    this.object = 0;
    this.picker.choose(index);
    if (this.isMarking) this.set({ brushMode: "paint" });
    if (!PAINTING.includes(this.tool)) this.setTool("brush");
  }

  /** @param {number} place  from 0 */
  chooseSlot(place) {
    const wanted = this.picker.slots[place];
    if (wanted) this.choose(wanted.index);
  }

  swap() {
    this.object = 0;
    this.picker.swap();
  }

  /** What is painted from now on is an object of its own, also where it touches another of its class. */
  newObject() {
    this.object = this.doc.nextObject();
    this.onchange();
  }

  /** What is painted from now on belongs to the area that it touches. */
  noObject() {
    this.object = 0;
    this.onchange();
  }

  /**
   * Takes the class under a point, and its object.
   * @param {number} x  map pixels
   * @param {number} y
   */
  pick(x, y) {
    const label = this.doc.at(x, y);
    if (label === null) return;
    this.object = this.doc.instanceAt(x, y) ?? 0;
    this.picker.choose(label);
    this.onchange();
  }

  // --- Painting ---

  /** @param {Ink} ink */
  beginStroke(ink) {
    this.refused = false;
    this.doc.beginStroke(ink, { square: this.square });
    this.running = ink;
  }

  /**
   * @param {number} x  map pixels
   * @param {number} y
   * @param {number} share  of the brush's size, from 0 to 1
   */
  strokeTo(x, y, share) {
    this.#notice(x, y, /** @type {Ink} */ (this.running));
    this.doc.strokeTo(x, y, Math.max(MIN_BRUSH, Math.round(this.size * share)));
  }

  endStroke() {
    this.#tell(this.doc.endStroke());
  }

  /**
   * A straight line of the brush's size.
   * @param {{x: number, y: number}} a  map pixels
   * @param {{x: number, y: number}} b
   */
  drawLine(a, b) {
    this.picker.used();
    this.beginStroke(this.ink);
    this.strokeTo(a.x, a.y, 1);
    this.strokeTo(b.x, b.y, 1);
    this.endStroke();
  }

  /**
   * Paints or selects an outlined area.
   * @param {Mask} mask
   * @param {Use} use
   * @param {Combination} how  a selection goes with the one before
   */
  lay(mask, use, how) {
    if (use === "select") {
      if (mask.w > 0 && mask.h > 0) this.doc.select(mask, how);
      else if (how === "replace") this.doc.selectNone();
      return;
    }
    this.picker.used();
    this.refused = false;
    this.#notice(mask.x + mask.w / 2, mask.y + mask.h / 2, this.ink);
    this.#tell(this.doc.paint(mask, this.ink));
  }

  /**
   * @param {number} x  map pixels
   * @param {number} y
   */
  fill(x, y) {
    this.picker.used();
    this.refused = false;
    this.#notice(x, y, this.ink);
    this.#tell(this.doc.fill(x, y, this.ink, { everywhere: this.fillMode === "everywhere" }));
  }

  /**
   * Everything of a class becomes the current one, within the selection if there is one.
   * @param {number} from
   */
  replaceClass(from) {
    this.picker.used();
    this.#tellCount(this.doc.replaceClass(from, this.ink));
  }

  /** @param {number} radius  map pixels */
  smooth(radius) {
    this.#tellCount(this.doc.smooth(radius));
  }

  /** @param {number} pixels  smaller areas go */
  removeSpecks(pixels) {
    this.#tellCount(this.doc.removeSpecks(pixels));
  }

  // --- Selecting and moving ---

  /**
   * The connected area that holds a point, or null outside the map.
   * @param {number} x  map pixels
   * @param {number} y
   * @returns {Mask | null}
   */
  areaAt(x, y) {
    if (this.doc.at(x, y) === null) return null;
    return areaAt(this.doc.content, Math.floor(x), Math.floor(y), { byInstance: this.hasObjects });
  }

  /**
   * @param {number} x  map pixels
   * @param {number} y
   * @param {Combination} how
   */
  selectAt(x, y, how) {
    const label = this.doc.at(x, y);
    const mask = this.areaAt(x, y);
    if (label === null || !mask) this.lay({ x: 0, y: 0, w: 0, h: 0, data: new Uint8Array() }, "select", how);
    else if (this.selectMode === "class") this.selectClass(label, how);
    else this.doc.select(mask, how);
  }

  /**
   * @param {number} label
   * @param {Combination} [how]
   */
  selectClass(label, how = "replace") {
    this.doc.select(everywhere(this.doc.labels, this.doc.width, this.doc.height, label), how);
  }

  /** Selects what differs from the photo's first map. */
  selectChange() {
    const { doc, firstMap, unlabelled } = this;
    const mask = changed(doc, firstMap, unlabelled);
    if (mask.w) this.doc.select(mask, "replace");
    else this.say("Nothing is painted yet.");
  }

  /** The open photo's first map, if it is in the classes of the present one; null: all of it unlabelled. */
  get firstMap() {
    const base = this.doc.photo?.base ?? null;
    return base?.palette === this.doc.palette ? base : null;
  }

  /** Empties the selection of its classes. */
  eraseSelection() {
    this.refused = this.doc.rules.only.size + this.doc.rules.never.size > 0;
    if (this.doc.selection) this.#tell(this.doc.paint(this.doc.selectionMask(), this.rubber));
  }

  /**
   * What a press at a point would carry off: the selection if it lies there, else the connected area.
   * @param {number} x  map pixels
   * @param {number} y
   */
  movable(x, y) {
    const { doc } = this;
    const inside = doc.selection?.[Math.floor(y) * doc.width + Math.floor(x)] && doc.at(x, y) !== null;
    return inside ? doc.selectionMask() : this.areaAt(x, y);
  }

  /**
   * @param {Mask} mask
   * @param {number} dx  whole map pixels
   * @param {number} dy
   * @param {boolean} copy  the area stays where it was, too
   */
  moveArea(mask, dx, dy, copy) {
    const leave = copy ? "copy" : this.hole;
    this.#tell(this.doc.moveArea(mask, dx, dy, { leave, unlabelled: this.unlabelled }));
  }

  // --- Limits ---

  /** @param {"only" | "never"} rule @param {number} label */
  limit(rule, label) {
    this.doc.rules[rule].add(label);
    this.onchange();
  }

  /** @param {"only" | "never"} rule @param {number} [label]  all of them without it */
  unlimit(rule, label) {
    if (label === undefined) this.doc.rules[rule].clear();
    else this.doc.rules[rule].delete(label);
    this.onchange();
  }

  /** Shows what the model sees of the map, or the result again. */
  askSeen() {
    this.showSeen(!this.seen);
    if (this.seen) document.dispatchEvent(new CustomEvent("spadework:seen", { detail: { id: this.id } }));
  }

  /** @param {boolean} seen */
  showSeen(seen) {
    this.set(seen && !this.showsResult ? { seen, layout: "side" } : { seen });
  }

  nextLayout() {
    if (this.hasResults) this.set({ layout: after(LAYOUTS, this.layout) });
  }

  /** @param {typeof MIRRORS[number]} [mirror]  the next one without it */
  setMirror(mirror = after(MIRRORS, /** @type {any} */ (this.doc.mirror))) {
    this.doc.mirror = mirror;
    this.onchange();
  }

  /** Turns a limit on or off for the class under the pointer. @param {"only" | "never"} rule */
  limitHere(rule) {
    const label = this.pointer && this.doc.at(this.pointer.x, this.pointer.y);
    if (label === null) return;
    if (this.doc.rules[rule].has(label)) this.unlimit(rule, label);
    else this.limit(rule, label);
  }

  /** The limits and the mirror, to be kept. */
  get limits() {
    const { rules, mirror, palette } = this.doc;
    return { palette, only: [...rules.only], never: [...rules.never], mirror };
  }

  /** Takes up limits kept earlier, where they are about the present palette. */
  restoreLimits(/** @type {Editor["limits"]} */ { palette, only, never, mirror }) {
    this.doc.mirror = mirror;
    if (palette === this.doc.palette) this.doc.rules = { only: new Set(only), never: new Set(never) };
  }

  // --- History, map and files ---

  undo() {
    this.doc.undo();
  }

  redo() {
    this.doc.redo();
  }

  clear() {
    this.doc.clear(this.unlabelled);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  newMap(width, height) {
    this.doc.replace(blank(width, height, this.doc.palette, this.unlabelled));
    this.view.fit();
  }

  /** Asks the page for a file to open: the server knows every format of label map. */
  open() {
    document.dispatchEvent(new CustomEvent("spadework:open", { detail: { id: this.id } }));
  }

  /** @param {File} file @param {Kind} [as]  without it the page finds out */
  openFile(file, as) {
    document.dispatchEvent(new CustomEvent("spadework:open-file", { detail: { id: this.id, file, as } }));
  }

  /** Asks what a file is to be opened as. @param {File} file */
  askKind(file) {
    this.onfile(file);
  }

  // --- A photo's variations ---

  /** Shows the photo as it was, or no longer. @param {boolean} peeking */
  peek(peeking) {
    this.peeking = peeking;
    this.onchange();
  }

  /** Shows the result before or after the present one. @param {1 | -1} step */
  browse(step) {
    document.dispatchEvent(new CustomEvent("spadework:browse", { detail: { id: this.id, step } }));
  }

  /** The result in front becomes part of the photo. */
  accept() {
    document.dispatchEvent(new CustomEvent("spadework:accept", { detail: { id: this.id } }));
  }

  savePng() {
    this.onsave();
  }

  // --- What came of it ---

  /**
   * Remembers whether a pixel that should have changed was not allowed to.
   * @param {number} x  map pixels
   * @param {number} y
   * @param {Ink} ink
   */
  #notice(x, y, ink) {
    const label = this.doc.at(x, y);
    if (label === null || label === ink.label) return;
    if (!this.doc.allows(Math.floor(y) * this.doc.width + Math.floor(x))) this.refused = true;
  }

  /** Nobody should wonder why a tool did nothing. @param {unknown} changed */
  #tell(changed) {
    this.say(changed || !this.refused ? "" : this.#reason);
  }

  /** @param {string} text  empty where nothing needs words */
  say(text) {
    this.said = text;
    this.onsay(text);
  }

  get #reason() {
    const { only, never } = this.doc.rules;
    if (only.size || never.size) return "Nothing changed: Limits protect what is there.";
    return "Nothing changed: this lies outside the selection.";
  }

  /** @param {number} pixels */
  #tellCount(pixels) {
    const count = pixels.toLocaleString("en");
    this.say(pixels ? `${count} ${pixels === 1 ? "pixel" : "pixels"} changed` : "Nothing to change");
  }
}
