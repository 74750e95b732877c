/**
 * Pointer, wheel and keys. A gesture begins with the first pointer and owns the canvas until it ends.
 */

import { commandOf } from "./commands.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {"stroke" | "fill" | "pick" | "pan" | "pinch"} Gesture */

const MIDDLE = 1;
/** The eraser end of a pen, in PointerEvent.buttons. */
const PEN_ERASER = 32;
const LINE_HEIGHT = 16;
const ZOOM_PER_PIXEL = 0.0015;
const PINCH_PER_PIXEL = 0.01;

/** Fields in which letters are text. @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input:not([type=range], [type=checkbox], [type=radio], [type=button])");
}

/**
 * The point between two fingers, and how far they are apart.
 * @param {PointerEvent} a
 * @param {PointerEvent} b
 */
function middle(a, b) {
  const gap = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2, gap };
}

export class CanvasInput {
  /**
   * @param {HTMLElement} root  the whole component: keys act while the focus is in it, or nowhere
   * @param {HTMLElement} stage  the part that is painted on
   * @param {Editor} editor
   * @param {AbortSignal} signal  ends all listening
   */
  constructor(root, stage, editor, signal) {
    this.root = root;
    this.stage = stage;
    this.editor = editor;
    /** @type {Map<number, PointerEvent>} */
    this.pointers = new Map();
    /** @type {Gesture | null} */
    this.gesture = null;
    this.space = false;
    this.alt = false;
    this.control = false;
    /** @type {PointerEvent | null} the last place of a hovering pointer */
    this.hover = null;
    /** @type {() => void} */
    this.onhover = () => {};
    const on = (/** @type {EventTarget} */ target, /** @type {Record<string, any>} */ handlers) => {
      for (const [type, handler] of Object.entries(handlers)) {
        target.addEventListener(type, handler.bind(this), { signal, passive: false });
      }
    };
    on(stage, {
      pointerdown: this.#down,
      pointermove: this.#move,
      pointerup: this.#up,
      pointercancel: this.#up,
      pointerleave: this.#leave,
      wheel: this.#wheel,
      mousedown: (/** @type {Event} */ event) => event.preventDefault(), // else the middle button starts to scroll
      contextmenu: (/** @type {Event} */ event) => event.preventDefault(),
    });
    on(document, { keydown: this.#keydown, keyup: this.#keyup });
    on(window, { blur: this.#release });
  }

  /** What a press at this moment would do; the cursor shows it. */
  get intent() {
    if (this.gesture) return this.gesture;
    if (this.space || this.editor.tool === "pan") return "pan";
    return this.alt || this.editor.tool === "pick" ? "pick" : this.editor.tool;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > MIDDLE && event.buttons !== PEN_ERASER) return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.hover = event;
    if (this.pointers.size > 1) this.#beginPinch();
    else this.#begin(event);
    this.onhover();
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    const { editor } = this;
    const at = editor.view.toMap(event.clientX, event.clientY);
    if (event.button === MIDDLE || this.space || editor.tool === "pan") this.gesture = "pan";
    else if (event.altKey || editor.tool === "pick") {
      this.gesture = "pick";
      editor.pick(at.x, at.y);
    } else if (editor.tool === "fill") {
      this.gesture = "fill"; // on release, for until then a second finger may turn it into a pinch
    } else {
      this.gesture = "stroke";
      this.ink = event.buttons === PEN_ERASER ? editor.unlabelled : editor.ink;
      if (this.ink === editor.picker.choice.current) editor.picker.used();
      editor.doc.beginStroke();
      editor.doc.strokeTo(at.x, at.y, editor.size, this.ink);
    }
  }

  /** A second finger: what the first one painted on landing was not meant. */
  #beginPinch() {
    this.editor.doc.abortStroke();
    this.gesture = "pinch";
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.hover = event;
    const before = this.pointers.get(event.pointerId);
    if (before && this.gesture === "pinch") this.#pinch(event);
    else if (before && this.gesture === "pan") {
      this.editor.view.panBy(event.clientX - before.clientX, event.clientY - before.clientY);
    } else if (before && (this.gesture === "stroke" || this.gesture === "pick")) this.#paint(event);
    if (before) this.pointers.set(event.pointerId, event);
    this.onhover();
  }

  /** @param {PointerEvent} event */
  #paint(event) {
    const { editor } = this;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    for (const { clientX, clientY } of coalesced.length ? coalesced : [event]) {
      const { x, y } = editor.view.toMap(clientX, clientY);
      if (this.gesture === "pick") editor.pick(x, y);
      else editor.doc.strokeTo(x, y, editor.size, /** @type {number} */ (this.ink));
    }
  }

  /** Moves and zooms so that what lay under the two fingers stays under them. @param {PointerEvent} event */
  #pinch(event) {
    const [a, b] = [...this.pointers.values()].slice(0, 2);
    if (!b) return;
    const [c, d] = [a, b].map((p) => (p.pointerId === event.pointerId ? event : p));
    const box = this.stage.getBoundingClientRect();
    const { view } = this.editor;
    const was = middle(a, b);
    const is = middle(c, d);
    view.panBy(is.x - was.x, is.y - was.y);
    view.zoomBy(is.gap / Math.max(1, was.gap), is.x - box.left, is.y - box.top);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.gesture === "stroke") this.editor.doc.endStroke();
    if (this.gesture === "fill" && event.type === "pointerup") {
      const { x, y } = this.editor.view.toMap(event.clientX, event.clientY);
      this.editor.fill(x, y);
    }
    if (this.gesture !== "pinch" || !this.pointers.size) this.gesture = null;
    if (event.pointerType === "touch") this.hover = null;
    this.onhover();
  }

  #leave() {
    if (this.gesture) return;
    this.hover = null;
    this.onhover();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const { editor } = this;
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * LINE_HEIGHT;
    if (event.ctrlKey && this.control) {
      editor.stepSize(-Math.sign(pixels));
      return;
    }
    // A pinch on a touchpad arrives as a wheel with Ctrl that nobody holds.
    const rate = event.ctrlKey ? PINCH_PER_PIXEL : ZOOM_PER_PIXEL;
    const box = this.stage.getBoundingClientRect();
    editor.view.zoomBy(Math.exp(-pixels * rate), event.clientX - box.left, event.clientY - box.top);
    this.onhover();
  }

  /** Keys are the canvas's while the focus is in it, or nowhere and the canvas is to be seen. */
  get #listens() {
    const focus = document.activeElement;
    return this.root.contains(focus) || ((!focus || focus === document.body) && this.root.offsetParent !== null);
  }

  /** @param {KeyboardEvent} event */
  #keydown(event) {
    this.control = event.ctrlKey || event.key === "Control";
    this.alt = event.altKey || event.key === "Alt";
    if (event.defaultPrevented || isTyping(event.target) || !this.#listens) return;
    if (this.root.querySelector("dialog[open]")) return;
    if (event.key === "Alt" && this.hover) {
      event.preventDefault(); // else it opens the browser's menu
      this.onhover();
    }
    if (event.key === " " && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      this.space = true;
      this.onhover();
      return;
    }
    const command = commandOf(event);
    if (!command) return;
    event.preventDefault();
    if (event.repeat && command.once) return;
    if (command.enabled?.(this.editor) ?? true) command.run(this.editor);
    this.onhover();
  }

  /** @param {KeyboardEvent} event */
  #keyup(event) {
    this.control = event.ctrlKey && event.key !== "Control";
    this.alt = event.altKey && event.key !== "Alt";
    if (event.key === " ") this.space = false;
    if (event.key === " " || event.key === "Alt") this.onhover();
  }

  /** The window lost the focus: no key-up will come. */
  #release() {
    this.space = false;
    this.alt = false;
    this.control = false;
  }
}

/**
 * The two keys that act wherever the focus is, for all canvases of a page at once.
 */
export function listenForGlobalKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.dispatchEvent(new CustomEvent("spadework:generate"));
    } else if (event.key === "Escape") {
      document.dispatchEvent(new CustomEvent("spadework:cancel"));
    }
  });
}
