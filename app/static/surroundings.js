/**
 * What comes to the canvas from around it: dropped files, the focus, the size and theme of the page.
 * Every listener ends with the signal it is given.
 */

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./view.js").View} View */

/** @param {HTMLElement} stage @param {Editor} editor @param {AbortSignal} signal */
export function acceptDrops(stage, editor, signal) {
  const mark = (/** @type {boolean} */ over) => stage.classList.toggle("sw-drop", over);
  stage.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  }, { signal });
  stage.addEventListener("dragleave", () => mark(false), { signal });
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const file = event.dataTransfer?.files[0];
    if (file) editor.openFile(file);
  }, { signal });
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
