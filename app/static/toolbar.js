/**
 * Buttons, the options of the chosen tool, and the status line.
 */

import { CHANGE, FILE, HELP, HISTORY, LAYOUT, MIRROR, OBJECTS, PHOTO, SEEN, SELECTION, SIZE, TOOLS, VIEW, keyLabel } from "./commands.js";
import { el, paintSwatch } from "./dom.js";
import { MAX_AMOUNT, MAX_BRUSH, MIN_BRUSH } from "./editor.js";
import { icon } from "./icons.js";
import { cleanUpPanel, limitsPanel } from "./panels.js";

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
    click: () => (command.enabled?.(editor) ?? true) && command.run(editor),
  });
  node.append(icon(iconOf(command, editor)));
  return node;
}

/** @param {Command} command @param {Editor} editor */
function iconOf({ icon: shape }, editor) {
  return /** @type {string} */ (typeof shape === "function" ? shape(editor) : shape);
}

/**
 * Several buttons of which one is pressed in.
 * @typedef {object} Choice
 * @property {string} name
 * @property {string} key  of the command that goes on to the next
 * @property {string} option  of the editor
 * @property {[value: any, title: string, shape?: string][]} values  in words, or by an icon
 * @property {(editor: Editor) => boolean} when  it concerns what the artist does
 */

/** @type {Choice[]} */
const CHOICES = [
  {
    name: "Tip",
    key: "",
    option: "square",
    values: [[false, "Round", "round"], [true, "Square", "square"]],
    when: (e) => e.isBrush || (e.tool === "shape" && e.shape === "line"),
  },
  {
    name: "Brush and eraser are there to",
    key: "Shift+B",
    option: "brushMode",
    values: [["paint", "Paint"], ["select", "Select"]],
    when: (e) => e.isBrush,
  },
  {
    name: "Shape",
    key: "Shift+U",
    option: "shape",
    values: [
      ["line", "Line", "line"],
      ["rectangle", "Rectangle", "rectangle"],
      ["ellipse", "Ellipse", "ellipse"],
      ["polygon", "Polygon", "polygon"],
    ],
    when: (e) => e.tool === "shape",
  },
  {
    name: "The shape is there to",
    key: "",
    option: "shapeMode",
    values: [["paint", "Paint"], ["select", "Select"]],
    when: (e) => e.tool === "shape" && e.shape !== "line",
  },
  {
    name: "The lasso is there to",
    key: "Shift+L",
    option: "lassoMode",
    values: [["paint", "Paint"], ["select", "Select"]],
    when: (e) => e.tool === "lasso",
  },
  {
    name: "Fill",
    key: "Shift+G",
    option: "fillMode",
    values: [["connected", "Connected"], ["everywhere", "Everywhere"]],
    when: (e) => e.tool === "fill",
  },
  {
    name: "Select",
    key: "Shift+W",
    option: "selectMode",
    values: [["area", "Area"], ["class", "Class"]],
    when: (e) => e.tool === "select",
  },
  {
    name: "The place it leaves",
    key: "",
    option: "hole",
    values: [["nearest", "Close the gap"], ["unlabelled", "Leave a gap"]],
    when: (e) => e.tool === "move",
  },
];

/**
 * @param {Choice} choice
 * @param {Editor} editor
 */
function choiceBar({ name, key, option, values, when }, editor) {
  const buttons = values.map(([value, title, shape]) => {
    const node = el("button", {
      type: "button",
      class: shape ? "sw-button" : "sw-word",
      "data-option": `${option}-${value}`,
      "aria-label": shape ? title : null,
      "data-tip": key ? `${title}  (${key})` : title,
      click: () => editor.set({ [option]: value }),
    });
    node.append(shape ? icon(shape) : title);
    return node;
  });
  const element = el("div", { class: "sw-choice", role: "group", "aria-label": name }, ...buttons);
  const update = () => {
    element.hidden = !when(editor);
    const now = /** @type {any} */ (editor)[option];
    values.forEach(([value], i) => buttons[i].setAttribute("aria-pressed", String(value === now)));
  };
  return { element, update };
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
  /**
   * @param {Editor} editor
   * @param {() => void} done  gives the focus back to the canvas
   */
  constructor(editor, done) {
    this.editor = editor;
    /** @type {[Command, HTMLButtonElement][]} */
    this.buttons = [];
    const tools = TOOLS.map((c) => this.#add(c));
    this.tools = el("div", { class: "sw-tools", role: "toolbar", "aria-label": "Tools" }, ...tools);
    this.choices = CHOICES.map((choice) => choiceBar(choice, editor));
    this.limits = limitsPanel(editor, done);
    this.cleanUp = cleanUpPanel(editor, done);
    const always = this.#group("All tools", [MIRROR], this.limits.button, this.cleanUp.button);
    const groups = [always, this.#group("History", HISTORY), this.#group("Map", FILE), this.#group("Help", [HELP])];
    this.options = el("div", { class: "sw-options" }, this.#ofTheTool(), ...groups, this.limits.panel, this.cleanUp.panel);
    this.photo = this.#photo();
    this.zoom = el("output", { class: "sw-zoom", "aria-label": "Zoom" });
    this.views = this.#group("View", editor.hasResults ? [SEEN, LAYOUT, ...VIEW] : VIEW);
    this.views.querySelector("[data-command=zoom-out]").after(this.zoom);
  }

  /** @param {Command} command */
  #add(command) {
    const node = button(command, this.editor);
    this.buttons.push([command, node]);
    return node;
  }

  /** @param {string} name @param {Command[]} commands @param {...Node} more */
  #group(name, commands, ...more) {
    const nodes = commands.map((c) => this.#add(c));
    return el("div", { class: "sw-buttons", role: "group", "aria-label": name }, ...nodes, ...more);
  }

  /** What concerns the chosen tool, the selection and the objects. */
  #ofTheTool() {
    const { editor } = this;
    const keys = SIZE.map((c) => c.keys[0]).join(" ");
    this.size = new Dial("size", "Brush size", `Brush size  (${keys})`, "brush", (notch) => editor.setSize(sizeOf(notch)));
    this.pressure = this.#add({
      id: "pressure",
      title: "Pen pressure changes the size",
      keys: [],
      icon: "pressure",
      run: (e) => e.set({ pressure: !e.pressure }),
      active: (e) => e.pressure,
    });
    this.amount = el("input", {
      type: "number",
      class: "sw-amount",
      min: 1,
      max: MAX_AMOUNT,
      step: 1,
      "aria-label": "Grow and shrink by, in pixels",
      change: () => this.amount.reportValidity() && editor.set({ amount: this.amount.valueAsNumber }),
    });
    this.selection = this.#group("Selection", [CHANGE, ...SELECTION]);
    this.change = this.selection.querySelector(`[data-command=${CHANGE.id}]`);
    this.selection.querySelector("[data-command=grow]").after(this.amount);
    this.objects = this.#group("Objects", OBJECTS);
    const choices = this.choices.map((choice) => choice.element);
    return el("div", { class: "sw-dials" }, this.size.element, this.pressure, ...choices, this.selection, this.objects);
  }

  #photo() {
    const fade = (/** @type {number} */ notch) => this.editor.underlay.setOpacity(notch / NOTCHES);
    this.opacity = new Dial("opacity", "Map opacity", "Map opacity over the picture", "layers", fade);
    return el("div", { class: "sw-photo" }, this.opacity.element, this.#add(PHOTO));
  }

  /** Shows the editor's tool, its options, history and photo. */
  update() {
    const { editor } = this;
    for (const [command, node] of this.buttons) {
      if (command.active) node.setAttribute("aria-pressed", String(command.active(editor)));
      if (command.enabled) node.setAttribute("aria-disabled", String(!command.enabled(editor)));
      if (typeof command.icon === "function") this.#redraw(node, command.icon(editor));
    }
    this.choices.forEach((choice) => choice.update());
    this.size.element.hidden = !editor.isBrush && !(editor.tool === "shape" && editor.shape === "line");
    this.size.show(notchOf(editor.size), `${editor.size} px`, `${editor.size} pixels`);
    this.pressure.hidden = !editor.isBrush || !editor.pen;
    this.selection.hidden = editor.doc.selection === null && !editor.doc.photo;
    this.change.hidden = !editor.doc.photo;
    if (document.activeElement !== this.amount) this.amount.value = editor.amount;
    this.objects.hidden = !editor.hasObjects;
    const { only, never } = editor.doc.rules;
    this.limits.button.setAttribute("aria-pressed", String(only.size + never.size > 0));
    for (const { panel, update } of [this.limits, this.cleanUp]) if (panel.matches(":popover-open")) update();
    this.#showPhoto();
  }

  /** @param {HTMLButtonElement} node @param {string} shape */
  #redraw(node, shape) {
    if (node.dataset.icon === shape) return;
    node.dataset.icon = shape;
    node.replaceChildren(icon(shape));
  }

  #showPhoto() {
    const { opacity, picture } = this.editor.underlay;
    const percent = `${Math.round(opacity * 100)} %`;
    this.opacity.show(opacity * NOTCHES, percent, percent);
    this.photo.hidden = !picture;
  }

  updateZoom() {
    this.zoom.textContent = `${Math.round(this.editor.view.scale * 100)} %`;
  }
}

export class StatusLine {
  /**
   * @param {Editor} editor
   * @param {HTMLElement} badges  what limits the tools
   * @param {...HTMLElement} views  how the map is shown
   */
  constructor(editor, badges, ...views) {
    this.editor = editor;
    this.swatch = el("span", { class: "sw-swatch" });
    this.name = el("span", { class: "sw-under" });
    this.place = el("span", { class: "sw-place" });
    this.said = el("span", { class: "sw-said", role: "status" });
    this.kept = el("span", { class: "sw-kept", role: "status" });
    this.region = el("span", { class: "sw-region", role: "status" });
    this.map = el("span", { class: "sw-map" });
    const told = [this.swatch, this.name, this.place, badges, this.region, this.said, this.kept, this.map];
    this.element = el("div", { class: "sw-status" }, ...told, ...views);
  }

  /** @param {{x: number, y: number} | null} at  map pixels */
  update(at) {
    const { doc, picker } = this.editor;
    const label = at && doc.at(at.x, at.y);
    const under = label === null || label === undefined ? null : picker.palette.classes[label];
    this.swatch.hidden = !under;
    if (under) paintSwatch(this.swatch, under.index, this.editor.view.display);
    this.name.textContent = under ? under.name : "";
    this.place.textContent = at && under ? `${Math.floor(at.x)}, ${Math.floor(at.y)}` : "";
    this.map.textContent = `${doc.width} × ${doc.height}`;
  }

  /** @param {string} text  what came of the last thing done; empty for what needs no words */
  say(text) {
    this.said.textContent = text;
  }

  /** @param {string} text  what of an open photo is to be made anew; empty without a photo */
  showRegion(text) {
    if (this.region.textContent !== text) this.region.textContent = text;
  }

  /** @param {string} text  something that needs the artist's attention; empty takes it away */
  warn(text) {
    this.kept.textContent = text;
  }
}
