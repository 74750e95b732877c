/**
 * Buttons, the brush's size, and the status line.
 */

import { FILE, HELP, HISTORY, SIZE, TOOLS, VIEW, keyLabel } from "./commands.js";
import { el, paintSwatch } from "./dom.js";
import { MAX_BRUSH, MIN_BRUSH } from "./editor.js";
import { icon } from "./icons.js";

/** @typedef {import("./commands.js").Command} Command */
/** @typedef {import("./editor.js").Editor} Editor */

const NOTCHES = 100;

/** The slider gives small brushes more room than large ones. @param {number} notch */
const sizeOf = (notch) => MIN_BRUSH + (MAX_BRUSH - MIN_BRUSH) * (notch / NOTCHES) ** 2;
/** @param {number} size */
const notchOf = (size) => NOTCHES * Math.sqrt((size - MIN_BRUSH) / (MAX_BRUSH - MIN_BRUSH));

/**
 * @param {Command} command
 * @param {Editor} editor
 * @returns {HTMLButtonElement}
 */
function button(command, editor) {
  const key = command.keys.length ? `  (${keyLabel(command.keys[0])})` : "";
  const node = el("button", {
    type: "button",
    class: "sw-button",
    "aria-label": command.title,
    "aria-keyshortcuts": command.keys.map((k) => k.replace("Ctrl", "Control")).join(" ") || null,
    "data-command": command.id,
    "data-tip": command.title + key,
    click: () => command.run(editor),
  });
  node.append(icon(/** @type {string} */ (command.icon)));
  return node;
}

export class Toolbar {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    /** @type {[Command, HTMLButtonElement][]} */
    this.buttons = [];
    const group = (/** @type {string} */ name, /** @type {Command[]} */ commands) =>
      el("div", { class: "sw-buttons", role: "group", "aria-label": name }, ...commands.map((c) => this.#add(c)));
    this.slider = el("input", {
      type: "range",
      min: 0,
      max: NOTCHES,
      step: 0.5,
      class: "sw-slider",
      "aria-label": "Brush size",
      input: () => editor.setSize(sizeOf(Number(this.slider.value))),
    });
    this.size = el("output", { class: "sw-size-value" });
    const keys = SIZE.map((c) => c.keys[0]).join(" ");
    const size = el("label", { class: "sw-size", "data-tip": `Brush size  (${keys})` }, icon("brush"), this.slider, this.size);
    this.tools = el("div", { class: "sw-tools", role: "toolbar", "aria-label": "Tools" }, ...TOOLS.map((c) => this.#add(c)));
    this.options = el("div", { class: "sw-options" }, size, group("History", HISTORY), group("Map", FILE), group("Help", [HELP]));
    this.zoom = el("output", { class: "sw-zoom", "aria-label": "Zoom" });
    this.views = group("View", VIEW);
    this.views.firstChild.after(this.zoom);
  }

  /** @param {Command} command */
  #add(command) {
    const node = button(command, this.editor);
    this.buttons.push([command, node]);
    return node;
  }

  /** Shows the editor's tool, size and history. */
  update() {
    const { editor } = this;
    for (const [command, node] of this.buttons) {
      if (command.active) node.setAttribute("aria-pressed", String(command.active(editor)));
      if (command.enabled) node.setAttribute("aria-disabled", String(!command.enabled(editor)));
    }
    this.slider.value = notchOf(editor.size);
    this.slider.setAttribute("aria-valuetext", `${editor.size} pixels`);
    this.size.textContent = `${editor.size} px`;
  }

  updateZoom() {
    this.zoom.textContent = `${Math.round(this.editor.view.scale * 100)} %`;
  }
}

export class StatusLine {
  /**
   * @param {Editor} editor
   * @param {HTMLElement} views  the zoom buttons
   */
  constructor(editor, views) {
    this.editor = editor;
    this.swatch = el("span", { class: "sw-swatch" });
    this.name = el("span", { class: "sw-under" });
    this.place = el("span", { class: "sw-place" });
    this.kept = el("span", { class: "sw-kept", role: "status" });
    this.map = el("span", { class: "sw-map" });
    this.element = el("div", { class: "sw-status" }, this.swatch, this.name, this.place, this.kept, this.map, views);
  }

  /** @param {{x: number, y: number} | null} at  map pixels */
  update(at) {
    const { doc, picker } = this.editor;
    const label = at && doc.at(at.x, at.y);
    const under = label === null || label === undefined ? null : picker.palette.classes[label];
    this.swatch.hidden = !under;
    if (under) paintSwatch(this.swatch, under, picker.palette);
    this.name.textContent = under ? under.name : "";
    this.place.textContent = at && under ? `${Math.floor(at.x)}, ${Math.floor(at.y)}` : "";
    this.map.textContent = `${doc.width} × ${doc.height}`;
  }

  /** @param {string} text  something that needs the artist's attention; empty takes it away */
  warn(text) {
    this.kept.textContent = text;
  }
}
