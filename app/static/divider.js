/**
 * Before and after: the photo as it was over the left part of the result, up to a line that is dragged. It lies where
 * the result lies, and stays within the pane, so that it can be reached at any zoom.
 */

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { moved } from "./results/compare.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Place  css pixels of the pane */

export class Divider {
  constructor() {
    /** Percent of the picture that show the photo before. */
    this.at = 0;
    this.peeking = false;
    /** @type {Place} */
    this.lies = { x: 0, y: 0, width: 0, height: 0 };
    this.before = el("img", { class: "sw-result-image sw-before", alt: "", draggable: "false", hidden: true });
    this.names = ["Before", "After"].map((name) => el("span", { class: `sw-pane-name sw-${name.toLowerCase()}-name` }, name));
    this.handle = el("div", {
      class: "sw-divider",
      role: "slider",
      tabindex: 0,
      "aria-label": "Divide between the photo as it was and the result",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "data-tip": "Drag: the photo as it was",
      hidden: true,
      keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      pointerdown: (/** @type {PointerEvent} */ event) => this.#down(event),
      pointermove: (/** @type {PointerEvent} */ event) => this.handle.hasPointerCapture(event.pointerId) && this.#follow(event),
    });
    const grip = el("span", { class: "sw-divider-grip", "aria-hidden": "true" });
    grip.append(icon("divider"));
    this.handle.append(grip);
    this.elements = [this.before, ...this.names, this.handle];
    this.show("", false);
  }

  /**
   * @param {string} url  of the photo as it was; empty for none
   * @param {boolean} result  there is one to compare it with
   */
  show(url, result) {
    if (url && this.before.getAttribute("src") !== url) this.before.src = url;
    this.there = Boolean(url);
    this.handle.hidden = !url || !result;
    this.#draw();
  }

  /** Shows all of the photo as it was, or the part up to the line again. @param {boolean} peeking */
  peek(peeking) {
    this.peeking = peeking;
    this.#draw();
  }

  /** @param {Place} lies  where the result does @param {number} room  the pane's width */
  place(lies, room) {
    this.lies = lies;
    this.room = room;
    this.#draw();
  }

  #draw() {
    const { x, y, width, height } = this.lies;
    const split = !this.handle.hidden && !this.peeking;
    const shown = this.peeking ? 100 : split ? this.at : 0;
    this.before.hidden = !this.there || shown === 0;
    Object.assign(this.before.style, { width: `${width}px`, height: `${height}px`, transform: `translate(${x}px, ${y}px)` });
    this.before.style.clipPath = `inset(0 ${100 - shown}% 0 0)`;
    const line = Math.max(0, Math.min(this.room ?? 0, x + (width * this.at) / 100));
    this.handle.style.insetInlineStart = `${line}px`;
    this.names[0].hidden = this.names[1].hidden = !split || this.at === 0 || this.at === 100;
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.at)));
    this.handle.setAttribute("aria-valuetext", `${Math.round(this.at)} % before`);
  }

  /** @param {number} at  percent from the left */
  #move(at) {
    this.at = Math.max(0, Math.min(100, at));
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation(); // else the pane pans
    this.handle.setPointerCapture(event.pointerId);
    this.handle.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  #follow({ clientX }) {
    const left = this.handle.parentElement.getBoundingClientRect().left + this.lies.x;
    this.#move(((clientX - left) / this.lies.width) * 100);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const to = moved(event.key, event.shiftKey, this.at);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.#move(to);
  }
}
