/** A picture as large as the window, with what made it and what can be done with it; or two of them compared. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { describe } from "./album.js";
import { Comparison } from "./compare.js";

/** @typedef {import("./album.js").Album} Album */
/** @typedef {import("./album.js").Picture} Picture */
/** @typedef {"use" | "settings" | "map" | "edit"} Order */
/**
 * What the viewer needs done by others.
 * @typedef {object} Helpers
 * @property {import("./cell.js").Do} act
 * @property {import("./ask.js").Ask} ask
 * @property {(order: Order, picture: Picture) => void} order  changes the desk
 * @property {(error: Error) => void} complain
 * @property {(key: string) => void} left  the viewer closed on this picture
 */

/** @type {[Order, string][]} */
const ORDERS = [
  ["use", "Use map and settings"],
  ["settings", "Use settings"],
  ["map", "Use map"],
  ["edit", "Send to Edit"],
];
const NO_DETAILS = { model: "", guidance: 0, steps: 0, sampler: "", made: "", classes: [] };

/**
 * What made a picture, in one line.
 * @param {any} entry  as the history tells it
 */
export function detailsOf({ model, guidance, steps, sampler, made, classes } = NO_DETAILS) {
  if (!model) return "";
  const when = new Date(made).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const parts = [model, `Guidance ${guidance}`, `${steps} steps`, sampler, when, classes.join(", ")];
  return parts.filter(Boolean).join(" · ");
}

export class Viewer {
  /** @param {Helpers} helpers */
  constructor(helpers) {
    this.helpers = helpers;
    /** @type {Album | null} */
    this.album = null;
    this.key = "";
    /** @type {Map<string, string>} URLs of maps, by the picture's id */
    this.maps = new Map();
    /** @type {Map<string, string>} */
    this.details = new Map();
    this.image = el("img", { class: "sw-large", draggable: "false" });
    this.map = el("img", { class: "sw-map-over", alt: "", hidden: true, draggable: "false" });
    this.one = el("div", { class: "sw-one-picture" }, this.image, this.map);
    this.comparison = new Comparison();
    this.title = el("h3", { tabindex: -1 });
    this.facts = el("p", { class: "sw-facts" });
    this.say = el("p", { class: "sw-problem", role: "alert", hidden: true });
    this.buttons = this.#buttons();
    this.element = this.#dialog();
  }

  #dialog() {
    const { before, after, close } = this.buttons;
    const stage = el("div", { class: "sw-view" }, before, this.one, this.comparison.element, after);
    const { star, reject, compare, peek, save } = this.buttons;
    const marks = el("div", { class: "sw-marks" }, star, reject, peek, compare);
    const orders = el("div", { class: "sw-orders" }, ...this.orders, save);
    const head = el("header", {}, el("div", {}, this.title, this.facts), close);
    const foot = el("div", { class: "sw-viewer-foot" }, marks, orders);
    return el(
      "dialog",
      {
        class: "sw-viewer",
        "aria-label": "Result, enlarged",
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
        keyup: (/** @type {KeyboardEvent} */ event) => event.key.toLowerCase() === "m" && this.#peek(false),
        close: () => this.#closed(),
      },
      el("div", { class: "sw-viewer-body" }, head, stage, this.say, foot),
    );
  }

  #buttons() {
    const button = (/** @type {string} */ shape, /** @type {string} */ tip, /** @type {() => void} */ click) => {
      const made = el("button", { type: "button", class: "sw-round", "aria-label": tip, "data-tip": tip, click });
      made.append(icon(shape));
      return made;
    };
    const act = (/** @type {"star" | "reject"} */ deed) => () => this.picture && this.helpers.act(deed, this.picture);
    this.orders = ORDERS.map(([order, text]) =>
      el("button", { type: "button", class: "sw-word", click: () => this.#order(order) }, text),
    );
    const peek = button("layers", "Hold to see the map (M)", () => {});
    peek.addEventListener("pointerdown", () => this.#peek(true));
    for (const type of ["pointerup", "pointercancel", "pointerleave"]) {
      peek.addEventListener(type, () => this.#peek(false));
    }
    return {
      before: button("before", "The one before (Left)", () => this.#browse(-1)),
      after: button("after", "The next one (Right)", () => this.#browse(1)),
      close: button("close", "Close (Esc)", () => this.element.close()),
      star: button("star", "Favourite (F)", act("star")),
      reject: button("reject", "Reject (R)", act("reject")),
      compare: button("compare", "Compare with the next one (C)", () => this.#toggleComparison()),
      peek,
      save: el("a", { class: "sw-word", "data-tip": "The PNG, with its map and settings inside" }, "Save"),
    };
  }

  get picture() {
    return this.album?.find(this.key);
  }

  get comparing() {
    return !this.comparison.element.hidden;
  }

  /** @param {Album} album @param {Picture} picture */
  open(album, picture) {
    this.album = album;
    this.comparison.element.hidden = true;
    this.#go(picture.key);
    this.#show();
  }

  /** @param {Album} album @param {[Picture, Picture]} pair */
  compare(album, pair) {
    this.album = album;
    this.key = pair[0].key;
    this.comparison.show(pair);
    this.comparison.element.hidden = false;
    this.update();
    this.#show();
    this.comparison.handle.focus();
  }

  #show() {
    if (this.element.open) return;
    this.element.showModal();
    this.title.focus({ preventScroll: true }); // rather than the first button, which a key would press
  }

  /** Draws the picture at hand anew: its marks, or a later preview of it. */
  update() {
    const { picture, comparing } = this;
    if (!picture) return this.element.open ? this.element.close() : undefined;
    const { id, url, seed, favourite, rejected, deleted, name } = picture;
    this.one.hidden = comparing;
    if (this.image.getAttribute("src") !== url) this.image.src = url;
    this.image.alt = describe(picture);
    this.one.style.setProperty("--ratio", String(picture.width / picture.height));
    this.title.textContent = comparing ? "Two results" : `Seed ${seed}`;
    this.facts.textContent = comparing ? "" : (this.details.get(id ?? "") ?? "");
    const { before, after, star, reject, compare, peek, save } = this.buttons;
    const kept = Boolean(id) && !comparing;
    for (const each of [star, reject]) each.hidden = !kept || deleted;
    star.setAttribute("aria-pressed", String(favourite));
    reject.setAttribute("aria-pressed", String(rejected));
    compare.setAttribute("aria-pressed", String(comparing));
    for (const each of [...this.orders, peek]) each.hidden = !kept;
    for (const each of [before, after]) each.hidden = comparing;
    before.disabled = this.album?.beside(this.key, -1)?.key === this.key;
    after.disabled = this.album?.beside(this.key, 1)?.key === this.key;
    save.hidden = !kept;
    if (kept) Object.assign(save, { href: url, download: name ?? `seed-${seed}.png` });
  }

  /** @param {string | undefined} key */
  #go(key) {
    if (!key) return;
    this.key = key;
    this.#peek(false);
    this.#complain("");
    this.update();
    this.#learn();
  }

  /** Asks what made the picture, where the album doesn't tell. */
  async #learn() {
    const { picture } = this;
    if (!picture?.id || this.details.has(picture.id)) return;
    try {
      const { entry } = await this.helpers.ask("entry", { id: picture.id });
      this.details.set(entry.id, detailsOf(entry));
      this.update();
    } catch (error) {
      this.#complain(/** @type {Error} */ (error).message);
    }
  }

  /** @param {number} by */
  #browse(by) {
    if (!this.comparing) this.#go(this.album?.beside(this.key, by)?.key);
  }

  #toggleComparison() {
    const { album, picture } = this;
    if (!album || !picture) return;
    if (this.comparing) {
      this.comparison.element.hidden = true;
      return this.#go(picture.key);
    }
    const next = album.beside(picture.key, 1);
    const other = next && next.key !== picture.key ? next : album.beside(picture.key, -1);
    if (other?.url && other.key !== picture.key) this.compare(album, [picture, other]);
  }

  /** Shows the map over the picture, or no longer. @param {boolean} so */
  async #peek(so) {
    this.peeking = so;
    const { picture } = this;
    if (!so || !picture?.id || this.comparing) {
      this.map.hidden = true;
      return;
    }
    try {
      const url = this.maps.get(picture.id) ?? (await this.helpers.ask("map_of", { id: picture.id })).url;
      this.maps.set(picture.id, url);
      if (this.picture !== picture) return;
      this.map.src = url;
      this.map.hidden = !this.peeking;
    } catch (error) {
      this.#complain(/** @type {Error} */ (error).message);
    }
  }

  /** @param {Order} order */
  #order(order) {
    const { picture } = this;
    this.element.close();
    if (picture) this.helpers.order(order, picture);
  }

  /** @param {string} text */
  #complain(text) {
    this.say.textContent = text;
    this.say.hidden = !text;
  }

  #closed() {
    this.#peek(false);
    this.helpers.left(this.key);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { picture } = this;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const marks = picture?.id && !this.comparing && !picture.deleted;
    /** @type {Record<string, () => void>} */
    const deeds = {
      ArrowLeft: () => this.#browse(-1),
      ArrowRight: () => this.#browse(1),
      Home: () => !this.comparing && this.#go(this.album?.pictures[0]?.key),
      End: () => !this.comparing && this.#go(this.album?.pictures.at(-1)?.key),
      f: () => marks && this.helpers.act("star", picture),
      r: () => marks && this.helpers.act("reject", picture),
      Delete: () => marks && this.helpers.act("reject", picture),
      c: () => this.#toggleComparison(),
      m: () => this.#peek(true),
    };
    if (!deeds[key]) return;
    event.preventDefault();
    if (!event.repeat || key.startsWith("Arrow")) deeds[key]();
  }
}
