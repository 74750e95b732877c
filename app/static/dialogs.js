/**
 * The two sheets over the canvas: keys and gestures, and the size of a new map.
 */

import { HELP_SHEET, keyLabel } from "./commands.js";
import { MAX_SIDE, MIN_SIDE } from "./document.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./editor.js").Editor} Editor */

const SIZES = [
  [256, 256],
  [512, 512],
  [768, 512],
  [512, 768],
  [1024, 1024],
];

/**
 * @param {string} title
 * @param {...Node} children
 * @returns {HTMLDialogElement}
 */
function sheet(title, ...children) {
  const close = () => dialog.close();
  const cross = el("button", { type: "button", class: "sw-button", "aria-label": "Close", click: close });
  cross.append(icon("close"));
  const dialog = el(
    "dialog",
    {
      class: "sw-sheet",
      "aria-label": title,
      keydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(),
      click: (/** @type {MouseEvent} */ event) => event.target === dialog && close(),
    },
    el("div", { class: "sw-sheet-body" }, el("header", {}, el("h3", {}, title), cross), ...children),
  );
  return dialog;
}

/** @returns {HTMLDialogElement} */
export function helpSheet() {
  const sections = HELP_SHEET.map(([name, rows]) => {
    const lines = rows.map(([keys, what]) => {
      const caps = keys.split(", ").flatMap((key) => (key ? [el("kbd", {}, keyLabel(key)), " "] : []));
      return el("div", { class: "sw-help-row" }, el("dt", {}, ...caps), el("dd", {}, what));
    });
    return el("section", {}, el("h4", {}, name), el("dl", {}, ...lines));
  });
  return sheet("Keys and gestures", el("div", { class: "sw-help" }, ...sections));
}

/**
 * @param {Editor} editor
 * @returns {HTMLDialogElement}
 */
export function newMapSheet(editor) {
  const side = (/** @type {string} */ name) =>
    el("input", { type: "number", min: MIN_SIDE, max: MAX_SIDE, step: 1, required: true, "aria-label": name, value: 512 });
  const [width, height] = [side("Width"), side("Height")];
  const presets = SIZES.map(([w, h]) => {
    const take = () => {
      width.value = w;
      height.value = h;
    };
    return el("button", { type: "button", class: "sw-preset", click: take }, `${w} × ${h}`);
  });
  const form = el(
    "form",
    { method: "dialog", submit: () => editor.newMap(width.valueAsNumber, height.valueAsNumber) },
    el("div", { class: "sw-presets" }, ...presets),
    el("div", { class: "sw-sides" }, el("label", {}, "Width ", width), el("label", {}, "Height ", height)),
    el("p", {}, `${MIN_SIDE} to ${MAX_SIDE} pixels a side. Undo brings the present map back.`),
    el("button", { type: "submit", class: "sw-primary" }, "New map"),
  );
  return sheet("New map", form);
}
