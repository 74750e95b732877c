/**
 * The sheets over the canvas: keys and gestures, the size of a new map, and what a picture is to be opened as.
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

/** @typedef {{element: HTMLDialogElement, open: () => void}} Sheet */

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

/** @returns {Sheet} */
export function helpSheet() {
  const sections = HELP_SHEET.map(([name, rows]) => {
    const lines = rows.map(([keys, what]) => {
      const caps = keys.split(", ").flatMap((key) => (key ? [el("kbd", {}, keyLabel(key)), " "] : []));
      return el("div", { class: "sw-help-row" }, el("dt", {}, ...caps), el("dd", {}, what));
    });
    return el("section", {}, el("h4", {}, name), el("dl", {}, ...lines));
  });
  const element = sheet("Keys and gestures", el("div", { class: "sw-help" }, ...sections));
  return { element, open: () => element.showModal() };
}

/**
 * Proposes the size of the present map.
 * @param {Editor} editor
 * @returns {Sheet}
 */
export function newMapSheet(editor) {
  const side = (/** @type {string} */ name) =>
    el("input", { type: "number", min: MIN_SIDE, max: MAX_SIDE, step: 1, required: true, "aria-label": name });
  const [width, height] = [side("Width"), side("Height")];
  const propose = (/** @type {number} */ w, /** @type {number} */ h) => {
    width.value = w;
    height.value = h;
  };
  const presets = SIZES.map(([w, h]) =>
    el("button", { type: "button", class: "sw-preset", click: () => propose(w, h) }, `${w} × ${h}`),
  );
  const form = el(
    "form",
    { method: "dialog", submit: () => editor.newMap(width.valueAsNumber, height.valueAsNumber) },
    el("div", { class: "sw-presets" }, ...presets),
    el("div", { class: "sw-sides" }, el("label", {}, "Width ", width), el("label", {}, "Height ", height)),
    el("p", {}, `${MIN_SIDE} to ${MAX_SIDE} pixels a side. Undo brings the present map back.`),
    el("button", { type: "submit", class: "sw-primary", autofocus: true }, "New map"),
  );
  const element = sheet("New map", form);
  const open = () => {
    propose(editor.doc.width, editor.doc.height);
    element.showModal();
  };
  return { element, open };
}

/**
 * Asks what a picture that came by itself is meant as.
 * @param {Editor} editor
 * @returns {{element: HTMLDialogElement, open: (file: File) => void}}
 */
export function kindSheet(editor) {
  /** @type {File | null} */
  let asked = null;
  const choose = (/** @type {import("./editor.js").Kind} */ as) => () => {
    element.close();
    if (asked) editor.openFile(asked, as);
  };
  const button = (/** @type {string} */ style, /** @type {string} */ text, /** @type {() => void} */ click) =>
    el("button", { type: "button", class: style, click }, text);
  const name = el("p", {});
  const photo = button("sw-primary", "Edit it as a photo", choose("photo"));
  const map = button("sw-preset", "Open it as a map", choose("map"));
  const element = sheet("Photo or map?", name, el("div", { class: "sw-presets" }, photo, map));
  const open = (/** @type {File} */ file) => {
    asked = file;
    name.textContent = `${file.name} may be a photo to edit, or a label map in colours.`;
    element.showModal();
    photo.focus();
  };
  return { element, open };
}
