/**
 * The pictures of the run at hand, as the messages of the server tell of them, and the draft of Live beside them.
 */

import { Album } from "./album.js";

/** @typedef {import("./album.js").Picture} Picture */
/** @typedef {import("./album.js").State} State */
/**
 * The whole present state of a run (app/feed.py).
 * @typedef {object} Message
 * @property {number} seq  rises
 * @property {string} run
 * @property {string} kind  busy | done | stopped | problem
 * @property {number | null} [share]
 * @property {number} width  0 where not known yet
 * @property {number} height
 * @property {boolean} [quiet]  of a job that nobody pressed for
 * @property {number} [shown]
 * @property {{seed: number, state: State, url?: string, id?: string, draft?: string, favourite?: boolean,
 *             rejected?: boolean}[]} cells
 */

export class Sheet extends Album {
  constructor() {
    super();
    this.seq = 0;
    this.run = "";
    this.busy = false;
    /** @type {number | null} of the run, 0 to 1 */
    this.share = null;
    this.width = 1;
    this.height = 1;
    /** @type {Picture[]} in the order of their seeds */
    this.cells = [];
    /** @type {Picture | null} */
    this.draft = null;
    /** @type {string} key of the picture that the result pane shows */
    this.shown = "";
    this.picked = false; // the artist chose what is shown: the run no longer does
  }

  /**
   * Takes over a message, unless a newer one was there before.
   * @param {Message} message
   * @returns {boolean}
   */
  apply(message) {
    if (!message?.cells || message.seq <= this.seq) return false;
    this.seq = message.seq;
    if (message.quiet) this.#takeDraft(message);
    else this.#takeRun(message);
    return true;
  }

  /**
   * Fills the empty sheet with what was made before the page was opened.
   * @param {any[]} entries
   */
  begin(entries) {
    if (this.cells.length || !entries.length) return;
    const { run, width, height } = entries[0];
    Object.assign(this, { run, width, height });
    this.cells = entries.map((entry, i) => ({ ...entry, key: `${run}/${i}`, state: /** @type {State} */ ("done") }));
  }

  /** @param {Message} message */
  #takeRun(message) {
    const fresh = message.run !== this.run;
    if (fresh) Object.assign(this, { run: message.run, cells: [], checked: [], current: "", picked: false });
    this.draft = null;
    this.busy = message.kind === "busy";
    this.share = message.share ?? null;
    this.#takeSize(message);
    this.cells = message.cells.map((cell, i) => this.#merged(this.cells[i], cell, `${message.run}/${i}`));
    if (!this.picked) this.shown = this.cells[message.shown ?? 0]?.key ?? "";
  }

  /** @param {Message} message */
  #takeDraft(message) {
    this.busy = message.kind === "busy";
    this.share = null;
    this.#takeSize(message);
    const former = this.draft?.key === "draft" ? this.draft : undefined;
    this.draft = this.#merged(former, message.cells[0], "draft");
    this.shown = "draft";
  }

  /** @param {Message} message */
  #takeSize({ width, height }) {
    if (width && height) Object.assign(this, { width, height });
  }

  /**
   * What the server says now of a picture; marks that the artist made since, and the last preview, stay.
   * @param {Picture | undefined} former
   * @param {Message["cells"][number]} cell
   * @param {string} key
   * @returns {Picture}
   */
  #merged(former, cell, key) {
    const same = cell.id !== undefined && former?.id === cell.id;
    const marks = same ? former : { favourite: false, rejected: false, ...cell };
    const { favourite, rejected } = marks;
    return {
      ...cell,
      key,
      url: same ? former.url : (cell.url ?? former?.url),
      favourite: Boolean(favourite),
      rejected: Boolean(rejected),
      deleted: same && former.deleted,
      width: this.width,
      height: this.height,
    };
  }

  get held() {
    return this.draft ? [this.draft, ...this.cells] : this.cells;
  }

  /** The draft in front, rejected pictures at the end, deleted ones not at all. */
  get sections() {
    const there = this.held.filter((picture) => !picture.deleted);
    const ordered = [...there.filter((each) => !each.rejected), ...there.filter((each) => each.rejected)];
    return [{ title: "", pictures: ordered }];
  }

  /** Finished pictures that are not rejected: those worth comparing with each other. */
  get finished() {
    return this.cells.filter((cell) => cell.id && cell.state === "done" && !cell.rejected && !cell.deleted);
  }

  /** How far the run is, in words. */
  get progress() {
    const [done, all] = [this.cells.filter((cell) => cell.state === "done").length, this.cells.length];
    if (!all) return "";
    const results = all === 1 ? "result" : "results";
    if (done === all) return `${all} ${results} done`;
    return `${this.busy ? "" : "Stopped: "}${done} of ${all} ${results} done`;
  }

  /** The artist wants to see this one, whatever the run goes on to. @param {string} key */
  pick(key) {
    this.shown = key;
    this.picked = true;
  }

  /**
   * The draft was kept: it has an entry now.
   * @param {string} draft
   * @param {any} entry
   */
  kept(draft, entry) {
    if (this.draft?.draft === draft) Object.assign(this.draft, { ...entry, key: "draft", draft: undefined });
  }
}
