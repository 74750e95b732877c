/**
 * What comes to the canvas from around it: dropped files, the focus, the size and theme of the page.
 * Every listener ends with the signal it is given.
 */

import { el } from "./dom.js";
import { kindByType } from "./filekind.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./editor.js").Kind} Kind */
/** @typedef {import("./filekind.js").FileKind} FileKind */
/** @typedef {import("./view.js").View} View */

/** By what a file can be: where it may be dropped, and what for. @type {Record<FileKind, [as: Kind, text: string][]>} */
const ZONES = {
  either: [["photo", "Drop here to edit it as a photo"], ["map", "Drop here to open it as a map"]],
  photo: [["photo", "Drop to edit this photo"]],
  map: [["map", "Drop to open this file"]],
};

/**
 * Shows, while a file is dragged over the canvas, where it can be dropped, and opens it as what that place is for.
 * @param {HTMLElement} stage
 * @param {Editor} editor
 * @param {AbortSignal} signal
 */
export function acceptDrops(stage, editor, signal) {
  const zones = el("div", { class: "sw-drops", hidden: true });
  stage.append(zones);
  let shown = "";
  const show = (/** @type {FileKind} */ kind) => {
    zones.hidden = false;
    if (shown === kind) return;
    shown = kind;
    zones.replaceChildren(...ZONES[kind].map(([as, text]) => el("div", { class: "sw-drop", "data-as": as }, text)));
  };
  const zoneAt = (/** @type {DragEvent} */ { target }) => target instanceof Element && target.closest(".sw-drop");
  const on = (/** @type {string} */ type, /** @type {(event: any) => void} */ act) =>
    stage.addEventListener(type, act, { signal });
  on("dragover", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    show(kindByType(event.dataTransfer?.items[0]?.type ?? ""));
    for (const zone of zones.children) zone.classList.toggle("sw-over", zone === zoneAt(event));
  });
  on("dragleave", (/** @type {DragEvent} */ { relatedTarget }) => {
    if (!(relatedTarget instanceof Node && stage.contains(relatedTarget))) zones.hidden = true;
  });
  on("drop", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    const zone = zones.hidden || zones.children.length < 2 ? null : zoneAt(event);
    zones.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) editor.openFile(file, zone ? zone.dataset.as : undefined);
  });
}

/**
 * Keeps the focus where the hands are.
 * After a click by pointer the canvas has the focus again, so that Space moves the view and does not press the button
 * once more. A press by key leaves the focus where it is.
 * @param {HTMLElement} root
 * @param {() => void} focusStage
 * @param {AbortSignal} signal
 */
export function returnFocus(root, focusStage, signal) {
  root.addEventListener("click", (event) => {
    const pressed = event.target instanceof Element && event.target.closest(".sw-frame button:not([popovertarget], [popover] *)");
    if (pressed && event.detail > 0 && !root.querySelector("dialog[open]")) focusStage();
  }, { signal });
  const tabbing = (/** @type {boolean} */ on) => root.classList.toggle("sw-tabbing", on);
  document.addEventListener("keydown", (event) => event.key === "Tab" && tabbing(true), { signal });
  root.addEventListener("pointerdown", () => tabbing(false), { signal });
}

/** @param {HTMLElement} stage @param {View} view @param {AbortSignal} signal */
export function followSize(stage, view, signal) {
  const measure = () => stage.clientWidth && view.resize(stage.clientWidth, stage.clientHeight, window.devicePixelRatio);
  const observer = new ResizeObserver(measure);
  observer.observe(stage);
  signal.addEventListener("abort", () => observer.disconnect());
  window.addEventListener("resize", measure, { signal });
}

/** @param {View} view @param {AbortSignal} signal */
export function followTheme(view, signal) {
  const observer = new MutationObserver(() => view.readGround());
  for (const node of [document.documentElement, document.body]) observer.observe(node, { attributeFilter: ["class"] });
  signal.addEventListener("abort", () => observer.disconnect());
}
