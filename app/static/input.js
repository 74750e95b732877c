/**
 * Pointer, wheel and keys, turned into calls: of a gesture, which owns the canvas from the press to the release, of the
 * view, or of a command.
 */

import { chord, commandOf } from "./commands.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./tools/gesture.js").Gesture} Gesture */
/** @typedef {import("./tools/gesture.js").Press} Press */
/** @typedef {import("./tools/index.js").GestureName} GestureName */

const MIDDLE = 1;
/** The eraser end of a pen, in PointerEvent.buttons. */
const PEN_ERASER = 32;
const LINE_HEIGHT = 16;
const ZOOM_PER_PIXEL = 0.0015;
const PINCH_PER_PIXEL = 0.01;
/** Milliseconds after which a second finger ends what the first one painted, and no longer takes it back. */
const LANDING = 300;

/** Fields in which letters are text. @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input:not([type=range], [type=checkbox], [type=radio], [type=button])");
}

/** What has a meaning of its own for Space, Enter or the arrows. @param {EventTarget | null} target */
const isWidget = (target) => target instanceof Element && target.matches("button, input, a, summary");

/** A field that Escape closes a list of. @param {EventTarget | null} target */
const isList = (target) => target instanceof Element && target.matches("[role=combobox], [role=listbox]");

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
    /** @type {Gesture | null} what the pointer that is down does */
    this.active = null;
    this.pinching = false;
    this.space = false;
    this.alt = false;
    this.control = false;
    /** @type {{code: string, release: (editor: Editor) => void} | null} what ends with the key that is held */
    this.held = null;
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
    on(document, { keydown: this.#keydown, keyup: this.#keyup, visibilitychange: () => document.hidden && this.settle() });
    on(window, { blur: this.#release, pagehide: this.settle });
    signal.addEventListener("abort", () => this.settle());
  }

  /** What a press at this moment would do, or the one that is down does; cursor and ring show it. @returns {GestureName} */
  get intent() {
    const { editor } = this;
    const gesture = this.active ?? this.#gestureFor(this.space, this.alt && editor.altPicks);
    const found = Object.entries(editor.gestures).find(([, each]) => each === gesture);
    return /** @type {GestureName} */ (found?.[0] ?? "pan");
  }

  /** The gesture whose preview is to be seen. */
  get shown() {
    return this.active ?? this.editor.gesture;
  }

  /**
   * @param {boolean} pans
   * @param {boolean} picks
   */
  #gestureFor(pans, picks) {
    const { gestures, gesture } = this.editor;
    if (pans) return gestures.pan;
    return picks ? gestures.pick : gesture;
  }

  /** Ends what is being done, as if the pointer had come up: the page may be about to go. */
  settle() {
    const event = this.last;
    if (this.active && event) this.active.lost(this.#press(event));
    this.active = null;
    this.pointers.clear();
  }

  /**
   * @param {PointerEvent} event  where
   * @param {{shiftKey: boolean, altKey: boolean}} keys  with which keys held
   * @returns {Press}
   */
  #press(event, keys = event) {
    const { clientX, clientY, pointerType, pressure, buttons, timeStamp } = event;
    return {
      ...this.editor.view.toMap(clientX, clientY),
      clientX,
      clientY,
      shift: keys.shiftKey,
      alt: keys.altKey,
      pressure: pointerType === "pen" ? pressure : 1,
      eraser: buttons === PEN_ERASER,
      time: timeStamp,
    };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > MIDDLE && event.buttons !== PEN_ERASER) return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.hover = event;
    if (event.pointerType === "pen" && !this.editor.pen) this.editor.set({ pen: true });
    if (this.pointers.size > 1) this.#beginPinch(event);
    else this.#begin(event);
    this.onhover();
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    const { editor } = this;
    this.first = this.last = event;
    const press = this.#press(event);
    const pans = event.button === MIDDLE || this.space;
    this.active = press.eraser ? editor.penEraser : this.#gestureFor(pans, event.altKey && editor.altPicks);
    this.active.down(press);
  }

  /** A second finger: what the first one painted on landing was not meant; what it did before is kept. */
  #beginPinch(/** @type {PointerEvent} */ event) {
    const { first, active } = this;
    if (active && first && event.timeStamp - first.timeStamp > LANDING) active.lost(this.#press(first));
    else active?.cancel();
    this.active = null;
    this.pinching = true;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.hover = event;
    const before = this.pointers.get(event.pointerId);
    if (before && this.pinching) this.#pinch(event);
    else if (before && this.active) this.#drag(event, this.active);
    else if (!before) this.editor.gesture.hover(this.#press(event));
    if (before) this.pointers.set(event.pointerId, event);
    this.onhover();
  }

  /**
   * Hands over every place that the pointer was at since the last frame.
   * @param {PointerEvent} event
   * @param {Gesture} gesture
   */
  #drag(event, gesture) {
    this.last = event;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length ? passed : [event]) gesture.move(this.#press(each));
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
    const { active } = this;
    this.active = null;
    if (!this.pointers.size) this.pinching = false;
    if (event.type === "pointercancel") active?.lost(this.#press(this.last ?? event));
    else active?.up(this.#press(event));
    if (event.pointerType === "touch") this.#leave();
    this.onhover();
  }

  #leave() {
    if (this.active) return;
    this.hover = null;
    this.editor.gesture.hover(null);
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
    if (this.root.querySelector("dialog[open], :popover-open")) return;
    if (event.key === "Alt" && this.hover) event.preventDefault(); // else it opens the browser's menu
    if (event.key === "Alt" || event.key === "Shift") this.#holding(event);
    else if (event.key === " " && !isWidget(event.target)) {
      event.preventDefault();
      this.space = true;
      this.onhover();
    } else if (this.#keyOfGesture(event)) {
      event.preventDefault();
      this.onhover();
    } else this.#command(event);
  }

  /** Escape, and the keys that the gesture itself knows. @param {KeyboardEvent} event */
  #keyOfGesture(event) {
    const gesture = this.shown;
    if (event.key === "Escape" && gesture.running) {
      gesture.cancel();
      this.active = null;
      return true;
    }
    return !isWidget(event.target) && gesture.key(chord(event), event.shiftKey);
  }

  /** @param {KeyboardEvent} event */
  #command(event) {
    const command = commandOf(event);
    if (!command || (command.here && this.stage !== event.target && document.body !== event.target)) return;
    event.preventDefault();
    if ((event.repeat && command.once) || (this.active && command.still)) return;
    if (command.enabled?.(this.editor) ?? true) {
      command.run(this.editor);
      if (command.release) this.held = { code: event.code, release: command.release };
    }
    this.onhover();
  }

  /** A key that changes what the gesture does was pressed or released, with the pointer at rest. */
  #holding(/** @type {KeyboardEvent} */ event) {
    if (this.active && this.last) this.active.move(this.#press(this.last, event));
    this.onhover();
  }

  /** @param {KeyboardEvent} event */
  #keyup(event) {
    this.control = event.ctrlKey && event.key !== "Control";
    this.alt = event.altKey && event.key !== "Alt";
    if (event.key === " ") this.space = false;
    if (event.code === this.held?.code) this.#letGo();
    if (event.key === "Alt" || event.key === "Shift") this.#holding(event);
    else if (event.key === " ") this.onhover();
  }

  /** The key that is held came up. */
  #letGo() {
    const { held } = this;
    this.held = null;
    held?.release(this.editor);
  }

  /** The window lost the focus: no key-up will come. */
  #release() {
    this.#letGo();
    this.space = false;
    this.alt = false;
    this.control = false;
  }
}

/**
 * The two keys that act wherever the focus is, for all canvases of a page at once. They come last: Escape gives up a
 * gesture or closes a sheet first, and only then cancels the job.
 */
export function listenForGlobalKeys() {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.dispatchEvent(new CustomEvent("spadework:generate"));
    } else if (event.key === "Escape") {
      if (isList(event.target) || document.querySelector("dialog[open], :popover-open")) return;
      document.dispatchEvent(new CustomEvent("spadework:cancel"));
    }
  });
}
