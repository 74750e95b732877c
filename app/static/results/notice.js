/** One line that says what was just done, with a way back. */

import { el } from "../dom.js";

export class Notice {
  constructor() {
    this.text = el("span", {});
    this.button = el("button", { type: "button", class: "sw-word", click: () => this.undo() }, "Undo");
    this.element = el("p", { class: "sw-notice", role: "status" }, this.text, this.button);
    /** @type {(() => void) | null} */
    this.back = null;
    this.clear();
  }

  /**
   * @param {string} text
   * @param {(() => void) | null} [back]  undoes it
   */
  say(text, back = null) {
    this.back = back;
    this.text.textContent = text;
    this.element.dataset.kind = "said";
    this.button.hidden = !back;
  }

  /** @param {Error} error */
  complain({ message }) {
    this.say(message);
    this.element.dataset.kind = "problem";
  }

  clear() {
    this.say("");
  }

  /** @returns {boolean} whether there was something to undo */
  undo() {
    const { back } = this;
    this.clear();
    back?.();
    return back !== null;
  }
}
