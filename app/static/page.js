/**
 * What the page around the canvas does by itself: the canvas asks (open a file, generate, cancel) through events on the
 * document, and the widgets that can answer are clicked for it.
 */

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

/**
 * Whether a widget can be pressed now.
 * @param {HTMLElement | null | undefined} element
 */
const usable = (element) => Boolean(element && element.offsetParent && !element.disabled);

/** @param {string[]} ids  the first usable one is clicked */
const click = (...ids) => ids.map(button).find(usable)?.click();

/** Photos go to the photo side, everything else is read as a map. @param {File} file */
function open(file) {
  const input = fileInput(file.type === "image/jpeg" ? "sw-photo" : "sw-open");
  if (!input) return;
  const files = new DataTransfer();
  files.items.add(file);
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Listens for the canvas. Called once a page. */
export function wire() {
  document.addEventListener("spadework:open", () => click("sw-open"));
  document.addEventListener("spadework:open-file", (event) => open(/** @type {CustomEvent<{file: File}>} */ (event).detail.file));
  document.addEventListener("spadework:generate", () => click("sw-repaint", "sw-generate"));
  document.addEventListener("spadework:cancel", () => click("sw-cancel"));
  document.documentElement.dataset.wired = "";
}
