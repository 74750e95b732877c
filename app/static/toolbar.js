/**
 * Buttons, the sliders for the brush's size and the map's opacity, and the status line.
 */

import { FILE, HELP, HISTORY, PHOTO, SIZE, TOOLS, VIEW, keyLabel } from "./commands.js";
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

/** A slider from 0 to NOTCHES with an icon before it and its value in words behind it. */
class Dial {
  /**
   * @param {string} kind  part of its class names
   * @param {string} name
   * @param {string} tip
   * @param {string} shape  of the icon
   * @param {(notch: number) => void} turned
   */
  constructor(kind, name, tip, shape, turned) {
    this.slider = el("input", {
      type: "range",
      min: 0,
      max: NOTCHES,
      step: 0.5,
      class: "sw-slider",
      "aria-label": name,
      input: () => turned(Number(this.slider.value)),
    });
    this.value = el("output", { class: `sw-value sw-${kind}-value` });
    this.element = el("label", { class: `sw-dial sw-${kind}`, "data-tip": tip }, icon(shape), this.slider, this.value);
  }

  /**
   * @param {number} notch
   * @param {string} text
   * @param {string} spoken
   */
  show(notch, text, spoken) {
    this.slider.value = notch;
    this.slider.setAttribute("aria-valuetext", spoken);
    this.value.textContent = text;
  }
}

export class Toolbar {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    /** @type {[Command, HTMLButtonElement][]} */
    this.buttons = [];
    const group = (/** @type {string} */ name, /** @type {Command[]} */ commands) =>
      el("div", { class: "sw-buttons", role: "group", "aria-label": name }, ...commands.map((c) => this.#add(c)));
    const keys = SIZE.map((c) => c.keys[0]).join(" ");
    const resize = (/** @type {number} */ notch) => editor.setSize(sizeOf(notch));
    this.size = new Dial("size", "Brush size", `Brush size  (${keys})`, "brush", resize);
    const fade = (/** @type {number} */ notch) => editor.underlay.setOpacity(notch / NOTCHES);
    this.opacity = new Dial("opacity", "Map opacity", "Map opacity over the photo", "layers", fade);
    this.photo = el("div", { class: "sw-photo" }, this.opacity.element, this.#add(PHOTO));
    const dials = el("div", { class: "sw-dials" }, this.size.element, this.photo);
    const tools = TOOLS.map((c) => this.#add(c));
    this.tools = el("div", { class: "sw-tools", role: "toolbar", "aria-label": "Tools" }, ...tools);
    const groups = [group("History", HISTORY), group("Map", FILE), group("Help", [HELP])];
    this.options = el("div", { class: "sw-options" }, dials, ...groups);
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

  /** Shows the editor's tool, size, history and photo. */
  update() {
    const { editor } = this;
    const { opacity, photo } = editor.underlay;
    for (const [command, node] of this.buttons) {
      if (command.active) node.setAttribute("aria-pressed", String(command.active(editor)));
      if (command.enabled) node.setAttribute("aria-disabled", String(!command.enabled(editor)));
    }
    this.size.show(notchOf(editor.size), `${editor.size} px`, `${editor.size} pixels`);
    const percent = `${Math.round(opacity * 100)} %`;
    this.opacity.show(opacity * NOTCHES, percent, percent);
    this.photo.hidden = !photo;
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
