/** Two pictures over each other with a handle between them: left of it the one, right of it the other. */

import { el } from "../dom.js";

/** @typedef {import("./album.js").Picture} Picture */

const STEP = 2; // percent
const LEAP = 10;

/**
 * Where a key moves the handle, in percent from the left; null for a key that doesn't.
 * @param {string} key
 * @param {boolean} shift
 * @param {number} at
 */
export function moved(key, shift, at) {
  const step = shift ? LEAP : STEP;
  const by = { ArrowLeft: -step, ArrowRight: step, PageDown: -LEAP, PageUp: LEAP, Home: -100, End: 100 }[key];
  return by === undefined ? null : Math.max(0, Math.min(100, at + by));
}

export class Comparison {
  constructor() {
    this.at = 50;
    this.left = el("img", { class: "sw-one", draggable: "false" });
    this.right = el("img", { class: "sw-other", draggable: "false" });
    this.names = [el("span", { class: "sw-side sw-left" }), el("span", { class: "sw-side sw-right" })];
    this.handle = el("div", {
      class: "sw-handle",
      role: "slider",
      tabindex: 0,
      "aria-label": "Divide between the two results",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    });
    this.element = el("div", { class: "sw-comparison" }, this.right, this.left, ...this.names, this.handle);
    this.element.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.element.setPointerCapture(event.pointerId);
      this.handle.focus({ preventScroll: true });
      this.#follow(event);
    });
    this.element.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (this.element.hasPointerCapture(event.pointerId)) this.#follow(event);
    });
  }

  /** @param {[Picture, Picture]} pair */
  show(pair) {
    [this.left, this.right].forEach((image, i) => {
      image.src = pair[i].url;
      image.alt = this.names[i].textContent = `Seed ${pair[i].seed}`;
    });
    this.element.style.aspectRatio = `${pair[0].width} / ${pair[0].height}`;
    this.element.style.setProperty("--ratio", String(pair[0].width / pair[0].height));
    this.#move(50);
  }

  /** @param {number} at  percent from the left */
  #move(at) {
    this.at = at;
    this.element.style.setProperty("--at", `${at}%`);
    this.handle.setAttribute("aria-valuenow", String(Math.round(at)));
    this.handle.setAttribute("aria-valuetext", `${Math.round(at)} % of ${this.left.alt}`);
  }

  /** @param {PointerEvent} event */
  #follow({ clientX }) {
    const box = this.element.getBoundingClientRect();
    this.#move(Math.max(0, Math.min(100, ((clientX - box.left) / box.width) * 100)));
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
