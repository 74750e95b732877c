/** One picture as a cell: what it shows, and what can be done with it. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { describe } from "./album.js";

/** @typedef {import("./album.js").Picture} Picture */
/** @typedef {(what: Deed, picture: Picture) => void} Do */
/** @typedef {"show" | "enlarge" | "star" | "reject" | "check" | "compare" | "remove" | "restore" | "keep"} Deed */
/** @typedef {{current: boolean, checked: boolean, shown: boolean, share: number | null, heat: string}} Look */

/** What is said of a picture beside its seed. @param {Picture} picture @param {boolean} inHistory */
function remark({ state, draft, id, made }, inHistory) {
  if (inHistory) return new Date(made ?? 0).toLocaleTimeString("en-GB", { timeStyle: "short" });
  if (draft && !id) return "draft, not saved";
  return state === "done" ? "" : state;
}

/**
 * @param {Deed} deed
 * @param {string} shape
 * @param {string} tip
 */
function deedButton(deed, shape, tip) {
  const button = el("button", { type: "button", class: `sw-deed sw-${deed}`, "data-tip": tip });
  button.append(icon(shape));
  return button;
}

export class Cell {
  /** @param {Do} act */
  constructor(act) {
    /** @type {Picture | null} */
    this.picture = null;
    this.image = el("img", { alt: "", draggable: "false", decoding: "async", loading: "lazy" });
    this.heat = el("img", { class: "sw-heat", alt: "", hidden: true });
    this.bar = el("span", { class: "sw-bar" });
    this.frame = el("span", { class: "sw-picture" }, this.image, this.heat, this.bar);
    this.caption = el("span", { class: "sw-caption" });
    this.main = el("button", { type: "button", class: "sw-main" }, this.frame, this.caption);
    this.deeds = {
      check: deedButton("check", "check", "Compare this (Space)"),
      star: deedButton("star", "star", "Favourite (F)"),
      reject: deedButton("reject", "reject", "Reject (R)"),
      enlarge: deedButton("enlarge", "enlarge", "Enlarge (E)"),
      remove: deedButton("remove", "clear", "Delete (Del)"),
      restore: el("button", { type: "button", class: "sw-word sw-restore" }, "Restore"),
      keep: el("button", { type: "button", class: "sw-word sw-keep" }, "Keep"),
    };
    this.element = el("li", { class: "sw-cell" }, this.main, ...Object.values(this.deeds));
    this.main.addEventListener("click", () => this.picture && act("show", this.picture));
    this.main.addEventListener("dblclick", () => this.picture && act("enlarge", this.picture));
    for (const [deed, button] of Object.entries(this.deeds)) {
      button.addEventListener("click", () => this.picture && act(/** @type {Deed} */ (deed), this.picture));
    }
  }

  /**
   * @param {Picture} picture
   * @param {Look} look
   * @param {boolean} inHistory  where pictures are deleted; in a run they are rejected
   */
  update(picture, look, inHistory) {
    this.picture = picture;
    const { state, id, draft, favourite, rejected, deleted } = picture;
    const url = picture.thumb ?? picture.url;
    if (url && this.image.getAttribute("src") !== url) this.image.src = url;
    this.image.hidden = !url;
    this.frame.style.aspectRatio = inHistory ? "1" : `${picture.width} / ${picture.height}`;
    this.#showHeat(look.heat);
    this.bar.hidden = state !== "forming" || look.share === null;
    this.bar.style.setProperty("--share", String(look.share ?? 0));
    this.caption.textContent = [`Seed ${picture.seed}`, remark(picture, inHistory)].filter(Boolean).join(" · ");
    Object.assign(this.element.dataset, { state, key: picture.key });
    for (const [name, so] of Object.entries({ rejected, checked: look.checked, shown: look.shown, favourite })) {
      this.element.toggleAttribute(`data-${name}`, so);
    }
    this.main.tabIndex = look.current ? 0 : -1;
    this.main.setAttribute("aria-label", describe(picture));
    if (look.shown) this.main.setAttribute("aria-current", "true");
    else this.main.removeAttribute("aria-current");
    this.#offer({
      check: [state === "done" && Boolean(url) && !deleted, "Compare", look.checked],
      star: [Boolean(id) && !deleted, "Favourite", favourite],
      reject: [Boolean(id) && !deleted && !inHistory, "Reject", rejected],
      enlarge: [Boolean(url), "Enlarge"],
      remove: [inHistory && !deleted, "Delete"],
      restore: [deleted, "Restore"],
      keep: [Boolean(draft && !id && state === "done"), "Keep"],
    });
  }

  /** @param {string} url  empty for none */
  #showHeat(url) {
    const shown = Boolean(url) && this.picture?.state === "done" && !this.picture.draft && !this.picture.rejected;
    if (shown && this.heat.getAttribute("src") !== url) this.heat.src = url;
    this.heat.hidden = !shown;
  }

  /**
   * @param {Record<string, [boolean, string, boolean?]>} offered  by deed: whether it can be done, its name, whether it
   *   is on
   */
  #offer(offered) {
    const { tabIndex } = this.main;
    for (const [deed, [so, name, on]] of Object.entries(offered)) {
      const button = this.deeds[/** @type {keyof Cell["deeds"]} */ (deed)];
      button.hidden = !so;
      button.tabIndex = tabIndex;
      button.setAttribute("aria-label", `${name}, seed ${this.picture?.seed}`);
      if (on !== undefined) button.setAttribute("aria-pressed", String(on));
    }
  }
}
