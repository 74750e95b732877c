/**
 * The list of the open photo's edits, and the way on which the canvas hears of the photo: what the server tells comes in
 * as the component's value, and goes on to `window.spadework.photo`.
 */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { EditList } from "./list.js";

/** @typedef {import("./list.js").Row} Row */
/** @typedef {import("./list.js").Message} Message */
/**
 * @typedef {object} Host
 * @property {{value: any}} props
 * @property {(event: string) => void} trigger
 * @property {(name: string, callback: () => void) => void} watch
 */

/** @type {Map<string, EditList>} by canvas: what outlives a mount */
const lists = new Map();

/** What is to be told to the canvas, one after the other, once it stands. */
let telling = Promise.resolve();

/** The result that was shown last, as the event told of it: what Accept means. @type {any} */
let shown = null;
document.addEventListener("spadework:result", (event) => (shown = /** @type {CustomEvent} */ (event).detail));

/** What Accept and a re-roll are sent along with. */
/** @type {any} */ (window).spadeworkShown = () =>
  shown && { id: shown.id ?? "", draft: shown.draft ?? "", final: Boolean(shown.final) };

/**
 * Builds the component.
 * @param {HTMLElement} element  emptied and filled
 * @param {Host} host
 * @param {{canvas: string}} config  canvas: the id of the one that the photo lies on
 */
export function mount(element, host, { canvas }) {
  loadStyle();
  const list = lists.get(canvas) ?? new EditList();
  lists.set(canvas, list);
  const view = new StackView(host, list, canvas);
  element.replaceChildren(view.element);
  view.start();
}

class StackView {
  /** @param {Host} host @param {EditList} list @param {string} canvas */
  constructor(host, list, canvas) {
    this.host = host;
    this.list = list;
    this.canvas = canvas;
    this.rows = el("ol", { class: "sw-edits", "aria-label": "Edits, the newest first" });
    this.note = el("p", { class: "sw-edits-note" });
    this.element = el("section", { class: "sw-stack", "aria-label": "Edits" }, el("h2", {}, "Edits"), this.rows, this.note);
    this.signal = listening(canvas);
  }

  start() {
    this.host.watch("value", () => this.take(this.host.props.value));
    const walked = (/** @type {any} */ event) => event.detail.id === this.canvas && this.ask("version", null, event.detail.version);
    document.addEventListener("spadework:photo-version", walked, { signal: this.signal });
    this.take(this.host.props.value);
    this.update();
    this.element.dataset.ready = "";
  }

  /** @param {any} message */
  take(message) {
    if (!this.list.take(message)) return;
    this.update();
    telling = telling.then(() => tell(this.canvas, message.told)).catch((error) => console.error(error));
  }

  update() {
    const { rows, note } = this.list;
    const focused = this.#focused();
    this.element.hidden = !rows.length && !note;
    this.note.textContent = note;
    this.note.hidden = !note;
    this.rows.replaceChildren(...rows.map((row) => this.#row(row)));
    if (focused) this.#focus(focused);
  }

  /** @param {Row} row */
  #row({ at, words, thumb, hidden }) {
    const [what, ...how] = words.split(" · ");
    const image = el("img", { src: `data:image/jpeg;base64,${thumb}`, alt: "", draggable: "false" });
    const text = el("span", { class: "sw-edit-words", title: words }, el("b", {}, what), el("span", {}, how.join(" · ")));
    const button = (/** @type {string} */ action, /** @type {string} */ shape, /** @type {string} */ tip) => {
      const label = `${tip}: ${words}`;
      const made = el("button", { type: "button", title: tip, "aria-label": label, "data-action": action, "data-at": at });
      made.append(icon(shape));
      made.addEventListener("click", () => this.ask(action, at, this.list.version));
      return made;
    };
    const eye = hidden ? button("show", "reject", "Show") : button("hide", "seen", "Hide");
    const parts = [image, text, eye, button("reopen", "open", "Reopen"), button("remove", "close", "Remove")];
    return el("li", { class: hidden ? "sw-hidden-edit" : "" }, ...parts);
  }

  /** The button of the list that the keyboard is on. */
  #focused() {
    const { activeElement } = document;
    return activeElement instanceof HTMLElement && this.rows.contains(activeElement) ? { ...activeElement.dataset } : null;
  }

  /** The same button, or what took its place. @param {DOMStringMap} was */
  #focus({ action, at }) {
    const twin = { hide: "show", show: "hide" }[action ?? ""] ?? action;
    const of = (/** @type {string | undefined} */ name) => this.rows.querySelector(`[data-action="${name}"][data-at="${at}"]`);
    (of(action) ?? of(twin) ?? this.rows.querySelector("button"))?.focus();
  }

  /** @param {string} action @param {number | null} at @param {string} version */
  ask(action, at, version) {
    this.host.props.value = { action, at, version };
    this.host.trigger("input");
  }
}

/** @type {Map<string, AbortController>} the listening of each canvas's last mount */
const mounts = new Map();

/** @param {string} canvas */
function listening(canvas) {
  mounts.get(canvas)?.abort();
  const controller = new AbortController();
  mounts.set(canvas, controller);
  return controller.signal;
}

/** @param {string} canvas @param {any} told */
async function tell(canvas, told) {
  const page = /** @type {any} */ (window);
  while (!page.spadework) await new Promise((wait) => setTimeout(wait, 50));
  await page.spadework.photo(canvas, told);
}

/** @type {HTMLElement | null} */
let style = null;

function loadStyle() {
  if (style) return;
  style = el("link", { rel: "stylesheet", href: new URL("stack.css", import.meta.url).href });
  document.head.append(/** @type {HTMLElement} */ (style));
}
