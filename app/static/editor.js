/**
 * What the artist works with: a document, a view of it, the photo under it, a tool, a brush size and the
 * class to paint.
 */

import { blank } from "./document.js";

/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/** @typedef {import("./view.js").View} View */
/** @typedef {import("./classes.js").ClassPicker} ClassPicker */
/** @typedef {import("./underlay.js").Underlay} Underlay */
/** @typedef {"new" | "help" | "search"} Question  what the page is asked to show */

export const MIN_BRUSH = 1;
export const MAX_BRUSH = 200;

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
    this.tool = "brush";
    this.size = 40;
    /** @type {() => void} tool, size, class, or history changed */
    this.onchange = () => {};
    /** @type {(question: Question) => void} */
    this.onask = () => {};
    /** @type {() => void} */
    this.onsave = () => {};
  }

  get unlabelled() {
    return this.picker.palette.unlabelled;
  }

  /** The class that the tool lays down. */
  get ink() {
    return this.tool === "eraser" ? this.unlabelled : this.picker.choice.current;
  }

  /** @param {string} tool */
  setTool(tool) {
    this.tool = tool;
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

  /**
   * Chooses a class to paint; from a tool that lays down none, goes back to the brush.
   * @param {number} index
   */
  choose(index) {
    this.picker.choose(index);
    if (this.tool !== "brush" && this.tool !== "fill") this.setTool("brush");
  }

  /** @param {number} place  from 0 */
  chooseRecent(place) {
    const recent = this.picker.recents[place];
    if (recent) this.choose(recent.index);
  }

  /**
   * Takes the class under a point.
   * @param {number} x  map pixels
   * @param {number} y
   */
  pick(x, y) {
    const label = this.doc.at(x, y);
    if (label !== null) this.picker.choose(label);
  }

  /**
   * @param {number} x  map pixels
   * @param {number} y
   */
  fill(x, y) {
    this.picker.used();
    this.doc.fill(x, y, this.ink);
  }

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

  /** @param {File} file */
  openFile(file) {
    document.dispatchEvent(new CustomEvent("spadework:open-file", { detail: { id: this.id, file } }));
  }

  savePng() {
    this.onsave();
  }
}
