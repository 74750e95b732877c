/**
 * What the page around the canvas does by itself: the canvas asks (open a file, generate, cancel) through events on the
 * document, and the widgets that can answer are clicked for it.
 */

import { kindOf } from "./filekind.js";
import { followStrokes } from "./live.js";
import { followSaid } from "./said.js";

/** @param {string} id  of the widget, as given in ui.py */
const button = (id) => {
  const found = document.getElementById(id);
  return found?.matches("button") ? found : found?.querySelector("button");
};

/**
 * @param {string} id  of an upload button; its file input stands right before it
 * @returns {HTMLInputElement | null}
 */
const fileInput = (id) => {
  const input = document.getElementById(id)?.previousElementSibling;
  return input instanceof HTMLInputElement ? input : null;
};

/** @param {string} id  of a checkbox */
const ticked = (id) => Boolean(document.querySelector(`#${id} input:checked`));

/**
 * Whether a widget can be pressed now.
 * @param {HTMLElement | null | undefined} element
 */
const usable = (element) => Boolean(element && element.offsetParent && !element.disabled);

/** @param {string[]} ids  the first usable one is clicked */
const click = (...ids) => ids.map(button).find(usable)?.click();

/**
 * Photos go to the photo side; what may be a photo or a map, the artist is asked about; everything else is read as a
 * map, a result or a project.
 * @param {string} canvas  its id
 * @param {File} file
 * @param {"photo" | "map"} [as]  what the artist wants it to be
 */
async function open(canvas, file, as) {
  const kind = as ?? (await kindOf(file));
  if (kind === "either") return window.spadework.askKind(canvas, file);
  const input = fileInput(kind === "photo" ? "sw-photo" : "sw-open");
  if (!input) return;
  const files = new DataTransfer();
  files.items.add(file);
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Files dropped beside the canvas, or pasted anywhere but into a field, are opened too. @param {string} canvas */
function takeFiles(canvas) {
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    if (event.defaultPrevented || !file) return;
    event.preventDefault();
    open(canvas, file);
  });
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file || (event.target instanceof HTMLElement && event.target.matches("input, textarea"))) return;
    event.preventDefault();
    open(canvas, file);
  });
}

/** The canvas's keys go on after a click on what belongs to painting; a press by key leaves the focus where it is. */
function returnFocus() {
  for (const id of ["sw-actions", "sw-quick", "sw-find-map", "sw-stack"]) {
    document.getElementById(id)?.addEventListener("click", (event) => {
      if (event.detail) document.querySelector(".sw-stage")?.focus({ preventScroll: true });
    });
  }
}

/**
 * Listens for the canvas. Called once a page.
 * @param {string} canvas  its id
 */
export function wire(canvas) {
  const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ act) =>
    document.addEventListener(`spadework:${type}`, (event) => act(/** @type {CustomEvent} */ (event).detail));
  on("open", () => click("sw-open"));
  on("open-file", ({ file, as }) => open(canvas, file, as));
  on("generate", () => click("sw-repaint", "sw-generate"));
  // Escape with nothing to stop must not take away what the status says.
  on("cancel", () => document.querySelector('#sw-running [data-kind="busy"]') && click("sw-cancel"));
  on("accept", () => click("sw-accept"));
  on("seen", () => button("sw-look")?.click());
  on("settings", ({ swap }) => {
    /** @type {any} */ (window).spadeworkSwap = swap;
    button("sw-swap")?.click();
  });
  on("result", (shown) => window.spadework.result(canvas, shown));
  const live = { on: () => ticked("sw-live"), draft: () => button("sw-draft")?.click() };
  followStrokes(live, document);
  document.getElementById("sw-live")?.addEventListener("change", () => live.on() && live.draft());
  takeFiles(canvas);
  returnFocus();
  const [answers, jobs] = ["sw-status", "sw-running"].map((line) => document.getElementById(line));
  if (answers && jobs) followSaid(answers, jobs);
  document.documentElement.dataset.wired = "";
}
