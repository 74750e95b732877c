/**
 * The Results component: builds itself into an element of a host, takes in what the server tells of runs, and does what
 * is asked of a picture.
 */

import { el } from "../dom.js";
import { asker } from "./ask.js";
import { HistoryPanel } from "./history.js";
import { Notice } from "./notice.js";
import { Sheet } from "./sheet.js";
import { Shelf } from "./shelf.js";
import { Variations } from "./variations.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("./album.js").Album} Album */
/** @typedef {import("./album.js").Picture} Picture */
/** @typedef {import("./cell.js").Deed} Deed */
/** @typedef {{sheet: Sheet, shelf: Shelf, tab: Tab, begun: boolean, mounted?: AbortController}} Session */
/** @typedef {"variations" | "history"} Tab */
/**
 * @typedef {object} Host
 * @property {{value: any}} props
 * @property {(event: string) => void} trigger
 * @property {(name: string, callback: () => void) => void} watch
 * @property {Record<string, (asked: any) => Promise<any>>} server
 */

/** @type {Map<string, Session>} what outlives a mount: the host may take the component off the page and put it back */
const sessions = new Map();

/**
 * Builds the component.
 * @param {HTMLElement} element  emptied and filled
 * @param {Host} host
 * @param {{id: string}} config  id: what the session is known by
 */
export function mount(element, host, { id }) {
  loadStyle();
  /** @type {Session} */
  const session = sessions.get(id) ?? { sheet: new Sheet(), shelf: new Shelf(), tab: "variations", begun: false };
  sessions.set(id, session);
  session.mounted?.abort();
  session.mounted = new AbortController();
  const results = new Results(host, session);
  const browse = (/** @type {CustomEvent} */ { detail }) => results.browse(detail.step);
  document.addEventListener("spadework:browse", /** @type {any} */ (browse), { signal: session.mounted.signal });
  element.replaceChildren(results.element);
  style?.then(() => results.start());
}

class Results {
  /** @param {Host} host @param {Session} session */
  constructor(host, session) {
    this.host = host;
    this.session = session;
    const { sheet, shelf } = session;
    this.ask = asker(host.server);
    this.notice = new Notice();
    this.said = el("p", { class: "sw-unseen", role: "status", "aria-live": "polite" });
    this.shownUrl = "";
    const complain = (/** @type {Error} */ error) => this.notice.complain(error);
    this.variations = new Variations(sheet, (deed, picture) => this.act(sheet, deed, picture), {
      compare: () => this.compare(sheet),
      remove: (pictures) => this.remove(pictures),
      diversity: (ids) => this.ask("spread", { ids }).catch((error) => (complain(error), null)),
    });
    this.history = new HistoryPanel(shelf, (deed, picture) => this.act(shelf, deed, picture), {
      ask: this.ask,
      compare: () => this.compare(shelf),
      complain,
    });
    this.viewer = new Viewer({
      act: (deed, picture) => this.act(this.viewer.album ?? sheet, deed, picture),
      ask: this.ask,
      order: (action, picture) => this.order(action, picture),
      complain,
      left: (key) => this.panel.grid.focus(key),
    });
    this.tabs = { variations: this.#tab("variations", "Variations"), history: this.#tab("history", "History") };
    this.element = this.#root();
  }

  /** @param {Tab} tab @param {string} text */
  #tab(tab, text) {
    const button = el("button", { type: "button", class: "sw-tab", role: "tab", click: () => this.open(tab) }, text);
    button.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      event.stopPropagation();
      const other = tab === "history" ? "variations" : "history";
      this.open(other);
      this.tabs[other].focus();
    });
    return button;
  }

  #root() {
    const list = el("div", { class: "sw-tabs", role: "tablist", "aria-label": "Results" }, ...Object.values(this.tabs));
    const head = el("div", { class: "sw-results-head" }, list, this.notice.element);
    for (const panel of [this.variations, this.history]) panel.element.setAttribute("role", "tabpanel");
    const parts = [head, this.variations.element, this.history.element, this.said, this.viewer.element];
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    return el("div", { class: "sw-results", keydown }, ...parts);
  }

  start() {
    this.host.watch("value", () => this.take(this.host.props.value));
    this.open(this.session.tab);
    this.take(this.host.props.value);
    this.#begin();
    this.element.dataset.ready = "";
  }

  /** Before anything was asked for: the newest run there is. */
  async #begin() {
    if (this.session.begun) return;
    this.session.begun = true;
    try {
      this.session.sheet.begin((await this.ask("last_run")).entries);
      this.variations.update();
    } catch (error) {
      this.notice.complain(/** @type {Error} */ (error));
    }
  }

  get panel() {
    return this.session.tab === "history" ? this.history : this.variations;
  }

  /** @param {Tab} tab */
  open(tab) {
    this.session.tab = tab;
    this.notice.clear();
    for (const [name, button] of Object.entries(this.tabs)) {
      button.setAttribute("aria-selected", String(name === tab));
      button.tabIndex = name === tab ? 0 : -1;
    }
    this.variations.element.hidden = tab !== "variations";
    this.history.element.hidden = tab !== "history";
    if (tab === "history") this.history.open();
    else this.history.close();
    this.update();
  }

  update() {
    this.variations.update();
    this.history.update();
    if (this.viewer.element.open) this.viewer.update();
  }

  // --- What the server tells ---

  /** @param {any} message */
  take(message) {
    const { sheet } = this.session;
    const { run, progress } = sheet;
    if (!sheet.apply(message)) return;
    this.element.dataset.seq = String(sheet.seq);
    if (sheet.run !== run) this.notice.clear();
    if (sheet.progress !== progress && sheet.run === run) this.said.textContent = sheet.progress;
    if (sheet.shown) this.history.shown = "";
    this.#followShown();
    this.update();
    if (!sheet.busy && this.session.tab === "history") this.history.refresh();
  }

  /** The result pane shows what the sheet says is shown, in its newest state. */
  #followShown() {
    const picture = this.session.sheet.find(this.session.sheet.shown);
    if (picture?.url && picture.url !== this.shownUrl) this.#lay(picture);
  }

  /** @param {Picture} picture */
  #lay({ url, state, seed, id, draft, width, height }) {
    this.shownUrl = url ?? "";
    const detail = { url, final: state === "done", state, seed, id, draft, size: [width, height] };
    document.dispatchEvent(new CustomEvent("spadework:result", { detail }));
  }

  /**
   * Shows the picture so many places on from the one that is shown, as far as there is something to see of it.
   * @param {number} step
   */
  browse(step) {
    const { sheet } = this.session;
    const next = sheet.find(sheet.shown) ? sheet.beside(sheet.shown, step) : sheet.pictures[0];
    if (!next || next.key === sheet.shown) return;
    this.show(sheet, next);
    this.update();
  }

  // --- What is asked of a picture ---

  /** @param {Album} album @param {Deed} deed @param {Picture} picture */
  act(album, deed, picture) {
    const deeds = {
      show: () => this.show(album, picture),
      enlarge: () => picture.url && this.viewer.open(album, picture),
      star: () => this.mark(picture, { favourite: !picture.favourite }),
      reject: () => this.reject(album, picture),
      check: () => album.check(picture.key),
      compare: () => this.compare(album),
      remove: () => this.remove([picture]),
      restore: () => this.restore([picture]),
      keep: () => this.keep(picture),
    };
    deeds[deed]();
    this.update();
  }

  /** @param {Album} album @param {Picture} picture */
  show(album, picture) {
    if (!picture.url) return;
    const { sheet } = this.session;
    sheet.pick(album === sheet ? picture.key : "");
    this.history.shown = album === sheet ? "" : picture.key;
    this.#lay(picture);
    this.order("show", picture);
  }

  /** Asks the page for a change of the desk. @param {string} action @param {Picture} picture */
  order(action, { id }) {
    if (!id) return;
    this.host.props.value = { action, id };
    this.host.trigger("input");
  }

  /**
   * Sets marks, at once to the eye; they go back where the server can't keep them.
   * @param {Picture} picture
   * @param {{favourite?: boolean, rejected?: boolean}} marks
   */
  async mark({ id, deleted, favourite, rejected }, marks) {
    if (!id || deleted) return;
    this.#change(id, marks);
    try {
      await this.ask("set_marks", { id, ...marks });
    } catch (error) {
      this.#change(id, { favourite, rejected });
      this.notice.complain(/** @type {Error} */ (error));
    }
  }

  /** @param {string} id @param {import("./album.js").Changes} changes */
  #change(id, changes) {
    for (const album of [this.session.sheet, this.session.shelf]) album.change(id, changes);
    this.update();
  }

  /**
   * Rejects or takes back; the keyboard stays at the place, on the picture that moves up to it.
   * @param {Album} album
   * @param {Picture} picture
   */
  reject(album, picture) {
    if (!picture.id || picture.deleted) return;
    const rejected = !picture.rejected;
    const next = album.beside(picture.key, 1);
    const inCell = this.panel.grid.element.contains(document.activeElement);
    this.mark(picture, { rejected });
    if (rejected && inCell && next) this.panel.grid.focus(next.key);
    if (rejected) this.notice.say(`Seed ${picture.seed} rejected.`, () => this.mark(picture, { rejected: false }));
    else this.notice.clear();
  }

  /** @param {Album} album */
  compare(album) {
    if (album.pair) this.viewer.compare(album, album.pair);
    else this.notice.say("Mark two results to compare: press Space on each.");
  }

  /** @param {Picture[]} pictures */
  async remove(pictures) {
    const next = this.panel.grid.album.beside(pictures[0].key, 1);
    const inCell = this.panel.grid.element.contains(document.activeElement);
    const deleted = await this.#moved("delete_pictures", pictures);
    if (deleted.length < pictures.length) return; // the problem is told; what did go waits under Deleted
    const many = deleted.length === 1 ? `Seed ${deleted[0].seed}` : `${deleted.length} results`;
    this.notice.say(`${many} deleted.`, () => this.restore(pictures));
    const { grid } = this.panel;
    if (inCell) grid.focus(next && grid.album.find(next.key) ? next.key : grid.album.pictures.at(-1)?.key);
  }

  /** @param {Picture[]} pictures */
  async restore(pictures) {
    const back = await this.#moved("restore_pictures", pictures);
    this.session.shelf.insert(back);
    this.update();
  }

  /**
   * One after the other, so that a problem with one leaves it known what became of those before.
   * @param {string} question
   * @param {Picture[]} pictures
   * @returns {Promise<any[]>} the entries of those that were moved, as they are now
   */
  async #moved(question, pictures) {
    const moved = [];
    try {
      for (const picture of pictures) moved.push(...(await this.ask(question, { ids: [picture.id] })).entries);
    } catch (error) {
      this.notice.complain(/** @type {Error} */ (error));
    }
    for (const { id, deleted, url, name } of moved) this.#change(id, { deleted, url, name });
    return moved;
  }

  /** Saves a draft of Live. @param {Picture} picture */
  async keep({ draft }) {
    if (!draft) return;
    try {
      const { entry } = await this.ask("keep_draft", { draft });
      this.session.sheet.kept(draft, entry);
      this.notice.say(`Saved as ${entry.name}.`);
      this.order("show", entry);
      this.update();
    } catch (error) {
      this.notice.complain(/** @type {Error} */ (error));
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const typing = event.target instanceof HTMLInputElement;
    if (typing || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    if (!this.notice.undo()) return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @type {Promise<unknown> | null} */
let style = null;

function loadStyle() {
  if (style) return;
  const link = el("link", { rel: "stylesheet", href: new URL("results.css", import.meta.url).href });
  style = new Promise((resolve) => {
    for (const type of ["load", "error"]) link.addEventListener(type, resolve, { once: true });
  });
  document.head.append(link);
}
