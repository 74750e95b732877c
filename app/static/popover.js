/** A button that opens a small panel under itself; a press elsewhere or Escape closes it. */

import { el } from "./dom.js";
import { icon } from "./icons.js";

/** Css pixels between the button and its panel, and between the panel and the window's edge. */
const GAP = 6;

/**
 * @param {object} what
 * @param {string} what.id  unique on the page
 * @param {string} what.name
 * @param {string} what.shape  of the icon
 * @param {() => void} what.opened  brings the panel up to date
 * @param {() => void} what.closed
 * @param {...Node} children  of the panel
 * @returns {{button: HTMLButtonElement, panel: HTMLElement}}
 */
export function popover({ id, name, shape, opened, closed }, ...children) {
  const button = el("button", {
    type: "button",
    class: "sw-button",
    popovertarget: id,
    "aria-label": name,
    "data-tip": name,
  });
  button.append(icon(shape));
  const panel = el("div", { id, class: "sw-popover", popover: "auto", role: "dialog", "aria-label": name }, ...children);
  panel.addEventListener("toggle", (/** @type {ToggleEvent} */ event) => {
    if (event.newState === "closed") closed();
    else {
      opened();
      place(panel, button.getBoundingClientRect());
    }
  });
  return { button, panel };
}

/** @param {HTMLElement} panel @param {DOMRect} under */
function place(panel, under) {
  const { clientWidth, clientHeight } = document.documentElement;
  const left = Math.max(GAP, Math.min(under.left, clientWidth - panel.offsetWidth - GAP));
  const top = Math.max(GAP, Math.min(under.bottom + GAP, clientHeight - panel.offsetHeight - GAP));
  panel.style.left = `${left}px`;
  panel.style.top = `${top}px`;
}
