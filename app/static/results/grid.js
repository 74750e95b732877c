/** The pictures of an album as cells, through which the arrow keys walk. */

import { el } from "../dom.js";
import { Cell } from "./cell.js";

/** @typedef {import("./album.js").Album} Album */
/** @typedef {import("./cell.js").Do} Do */
/** @typedef {import("./cell.js").Deed} Deed */

/** @type {Record<string, Deed>} */
const KEYS = { Enter: "show", " ": "check", e: "enlarge", f: "star", c: "compare", r: "reject", k: "keep" };

export class Grid {
  /**
   * @param {Album} album
   * @param {Do} act
   * @param {{name: string, inHistory: boolean}} options  name: for screen readers
   */
  constructor(album, act, { name, inHistory }) {
    this.album = album;
    this.act = act;
    this.name = name;
    this.inHistory = inHistory;
    /** @type {Map<string, Cell>} */
    this.cells = new Map();
    this.element = el("div", { class: "sw-grid", keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
    this.element.addEventListener("focusin", (/** @type {FocusEvent} */ event) => this.#arrive(event));
  }

  /**
   * Draws what the album holds now. The focus stays on its picture, wherever that goes.
   * @param {{shown?: string, share?: number | null, heat?: string}} [look]
   */
  update({ shown = "", share = null, heat = "" } = {}) {
    const focused = document.activeElement;
    const held = focused instanceof HTMLElement && this.element.contains(focused) ? focused : null;
    const { entrance } = this.album;
    const sections = this.album.sections.map(({ title, pictures }) => {
      const items = pictures.map((picture) => {
        const cell = this.#cell(picture.key);
        const checked = this.album.checked.includes(picture.key);
        const look = { current: picture.key === entrance, checked, shown: picture.key === shown, share, heat };
        cell.update(picture, look, this.inHistory);
        return cell.element;
      });
      return { title, items };
    });
    this.#arrange(sections);
    for (const [key, cell] of this.cells) if (!cell.element.isConnected) this.cells.delete(key);
    if (held?.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
  }

  /** @param {string} key */
  #cell(key) {
    const cell = this.cells.get(key) ?? new Cell(this.act);
    this.cells.set(key, cell);
    return cell;
  }

  /** @param {{title: string, items: HTMLElement[]}[]} sections */
  #arrange(sections) {
    while (this.element.children.length > sections.length) this.element.lastElementChild?.remove();
    sections.forEach(({ title, items }, i) => {
      const section = this.element.children[i] ?? this.element.appendChild(this.#section());
      const [heading, list] = section.children;
      heading.textContent = title;
      /** @type {HTMLElement} */ (heading).hidden = !title;
      list.setAttribute("aria-label", title ? `${this.name}, ${title}` : this.name);
      const same = list.children.length === items.length && items.every((item, j) => list.children[j] === item);
      if (!same) list.replaceChildren(...items);
    });
  }

  #section() {
    return el("section", {}, el("h4", { class: "sw-day" }), el("ul", { class: "sw-cells", role: "list" }));
  }

  /** Puts the keyboard on a picture. @param {string | undefined} key */
  focus(key) {
    this.cells.get(key ?? "")?.main.focus();
  }

  /**
   * Tab leads to where the keyboard was last, and from there through that picture's buttons.
   * @param {FocusEvent} event
   */
  #arrive({ target }) {
    const key = /** @type {HTMLElement} */ (target).closest("li")?.dataset.key;
    if (!key || key === this.album.current) return;
    this.album.current = key;
    for (const [each, { main, deeds }] of this.cells) {
      for (const button of [main, ...Object.values(deeds)]) button.tabIndex = each === key ? 0 : -1;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const picture = this.album.find(/** @type {HTMLElement} */ (event.target).closest("li")?.dataset.key ?? "");
    if (!picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const onMain = /** @type {HTMLElement} */ (event.target).classList.contains("sw-main");
    const to = this.#target(event.key, picture.key);
    const removes = event.key === "Delete" || event.key === "Backspace";
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const deed = removes ? (this.inHistory ? "remove" : "reject") : KEYS[key];
    if (!to && (!deed || (!onMain && (key === "Enter" || key === " ")))) return;
    event.preventDefault();
    event.stopPropagation();
    if (to) this.focus(to);
    else if (!event.repeat) this.act(deed, picture);
  }

  /**
   * Where a key leads from a picture, if anywhere.
   * @param {string} key
   * @param {string} from
   */
  #target(key, from) {
    const { album } = this;
    if (key === "ArrowRight") return album.beside(from, 1)?.key;
    if (key === "ArrowLeft") return album.beside(from, -1)?.key;
    if (key === "Home") return album.pictures[0]?.key;
    if (key === "End") return album.pictures.at(-1)?.key;
    if (key === "ArrowDown" || key === "ArrowUp") return this.#vertically(from, key === "ArrowDown" ? 1 : -1);
    return undefined;
  }

  /** The nearest picture in the next row. @param {string} from @param {1 | -1} way */
  #vertically(from, way) {
    const centre = (/** @type {string} */ key) => {
      const box = /** @type {Cell} */ (this.cells.get(key)).element.getBoundingClientRect();
      return { x: box.left + box.width / 2, y: box.top + box.height / 2, half: box.height / 2 };
    };
    const here = centre(from);
    const far = this.album.pictures.map(({ key }) => {
      const { x, y } = centre(key);
      return { key, down: (y - here.y) * way, across: Math.abs(x - here.x) };
    });
    const beyond = far.filter(({ down }) => down > here.half);
    beyond.sort((a, b) => (Math.abs(a.down - b.down) > 4 ? a.down - b.down : a.across - b.across));
    return beyond[0]?.key ?? from;
  }
}
