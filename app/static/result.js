/**
 * The result beside the map: a picture that lies exactly as the map does, at the same zoom and place, so that the eye
 * goes from one to the other. Where the pointer is on the one, a cross marks the other. Of an
 * open photo's results a divider shows the photo as it was.
 */

import { Divider } from "./divider.js";
import { el } from "./dom.js";

/** @typedef {import("./view.js").View} View */
/**
 * A picture to be shown.
 * @typedef {object} Shown
 * @property {string} url
 * @property {boolean} final  false while it forms
 * @property {number} [seed]
 * @property {string} [name]  instead of the result's
 */

const EMPTY = "The result appears here. Press Generate, or switch Live on.";
const EMPTY_OF_PHOTO = "The result appears here. Paint or select a region, and press Repaint.";
const NAME = "Result";

export class ResultPane {
  /** @param {View} view  of the map */
  constructor(view) {
    this.view = view;
    /** @type {Shown | null} */
    this.shown = null;
    this.asked = 0;
    this.image = el("img", { class: "sw-result-image", alt: "", draggable: "false" });
    this.cross = el("div", { class: "sw-cross", "aria-hidden": "true" });
    this.empty = el("p", { class: "sw-result-empty" }, EMPTY);
    this.caption = el("span", { class: "sw-pane-name" }, NAME);
    this.divider = new Divider();
    /** Url of the open photo as it was; empty for none. */
    this.before = "";
    this.peeking = false;
    this.element = el(
      "div",
      { class: "sw-result", role: "group", "aria-label": NAME },
      this.image,
      ...this.divider.elements,
      this.cross,
      this.empty,
      this.caption,
    );
    this.image.hidden = true;
    this.cross.hidden = true;
  }

  /**
   * Shows a picture once it is decoded, unless a newer one was asked for since: the former stays until then.
   * @param {Shown} shown
   * @returns {Promise<boolean>} whether it is the one that is shown now
   */
  async show(shown) {
    const ticket = ++this.asked;
    const next = new Image();
    next.src = shown.url;
    try {
      await next.decode();
    } catch {
      return false; // a file that was moved meanwhile: what is shown stays
    }
    if (ticket !== this.asked) return false;
    this.shown = shown;
    this.image.src = next.src;
    this.image.hidden = false;
    this.element.classList.toggle("sw-forming", !shown.final);
    this.image.alt = shown.final ? this.#name : `${this.#name}, forming`;
    this.#compare();
    this.place();
    return true;
  }

  get #name() {
    if (!this.shown) return NAME;
    return this.shown.name ?? (this.shown.seed === undefined ? NAME : `${NAME}, seed ${this.shown.seed}`);
  }

  /** @param {string} url  of the open photo as it was, with which results are compared; empty for none */
  showBefore(url) {
    this.before = url;
    this.#compare();
  }

  /** @param {boolean} peeking  the photo as it was is shown alone */
  peek(peeking) {
    this.peeking = peeking;
    this.#compare();
  }

  #compare() {
    const result = Boolean(this.shown && !this.shown.name); // what the model sees is no result
    const peeking = this.peeking && this.before !== "";
    this.divider.show(this.before, result);
    this.divider.peek(peeking);
    const forming = this.shown && !this.shown.final ? " …" : "";
    this.caption.textContent = peeking ? "The photo as it was" : this.#name + forming;
    this.empty.hidden = Boolean(this.shown) || peeking;
    this.empty.textContent = this.before ? EMPTY_OF_PHOTO : EMPTY;
  }

  /**
   * Takes up the result again, where something else was shown.
   * @param {Shown | null} result
   */
  back(result) {
    if (!this.shown?.name) return;
    if (result) return void this.show(result);
    this.asked++;
    this.shown = null;
    this.image.hidden = true;
    this.#compare();
  }

  /** Lays the picture where the map lies. */
  place() {
    const { x, y, scale, doc } = this.view;
    this.image.style.width = `${doc.width * scale}px`;
    this.image.style.height = `${doc.height * scale}px`;
    this.image.style.transform = `translate(${x}px, ${y}px)`;
    this.divider.place({ x, y, width: doc.width * scale, height: doc.height * scale }, this.element.clientWidth);
  }

  /** @param {{x: number, y: number} | null} at  map pixels under the pointer */
  mark(at) {
    this.cross.hidden = !at || !this.shown;
    if (!at) return;
    const { x, y, scale } = this.view;
    this.cross.style.transform = `translate(${x + at.x * scale}px, ${y + at.y * scale}px)`;
  }

  /**
   * The pane moves the view as the map does: drag to pan, wheel to zoom.
   * @param {AbortSignal} signal
   */
  listen(signal) {
    const { element, view } = this;
    element.addEventListener(
      "wheel",
      (/** @type {WheelEvent} */ event) => {
        event.preventDefault();
        const box = element.getBoundingClientRect();
        const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 16;
        view.zoomBy(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
      },
      { signal, passive: false },
    );
    /** @type {PointerEvent | null} */
    let held = null;
    const on = (/** @type {string} */ type, /** @type {(event: any) => void} */ handle) =>
      element.addEventListener(type, handle, { signal });
    on("pointerdown", (event) => {
      if (event.button > 1) return;
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      held = event;
    });
    on("pointermove", (event) => {
      if (held?.pointerId !== event.pointerId) return;
      view.panBy(event.clientX - held.clientX, event.clientY - held.clientY);
      held = event;
    });
    for (const type of ["pointerup", "pointercancel"]) on(type, () => (held = null));
  }
}
