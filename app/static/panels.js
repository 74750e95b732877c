/**
 * The panels behind two buttons, Limits (what the tools may paint over) and Clean up (the whole map, or the selection,
 * at once), and the badges that tell of limits and mirror while they hold.
 */

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { popover } from "./popover.js";

/** @typedef {import("./editor.js").Editor} Editor */

const MAX_RADIUS = 8;
const MAX_SPECK = 4096;
/** Classes that a badge names before it counts the rest. */
const NAMED = 3;
const RULES = /** @type {const} */ ([
  ["only", "Only over"],
  ["never", "Never over"],
]);
const MIRRORED = { x: "left and right", y: "top and bottom", both: "both ways" };

/** The classes that the map holds, by name. @param {Editor} editor */
function classesOf({ doc, picker }) {
  const present = new Uint8Array(256);
  for (const label of doc.labels) present[label] = 1;
  return picker.palette.classes.filter((c) => present[c.index]).sort((a, b) => a.name.localeCompare(b.name));
}

/** The classes of the map, but for the current one. @param {Editor} editor */
function options(editor) {
  const others = classesOf(editor).filter((c) => c !== editor.picker.current);
  return others.map((c) => el("option", { value: c.index }, c.name));
}

/**
 * @param {string} text
 * @param {() => void} click
 * @param {string} [label]
 */
function chip(text, click, label = `Remove ${text}`) {
  const node = el("button", { type: "button", class: "sw-chip", "aria-label": label, title: label, click }, text);
  node.append(icon("close"));
  return node;
}

/** @param {string} text @param {() => void} click */
const action = (text, click) => el("button", { type: "button", class: "sw-preset", click }, text);

/**
 * @param {Editor} editor
 * @param {() => void} closed
 */
export function limitsPanel(editor, closed) {
  const sections = RULES.map(([rule, title]) => ruleSection(editor, rule, title));
  const hint = "K: never over the class under the pointer. Shift+K: only over it.";
  const update = () => sections.forEach((section) => section.update());
  const id = `sw-limits-${editor.id}`;
  const made = popover(
    { id, name: "Limits", shape: "limits", opened: update, closed },
    el("h4", {}, "Limits"),
    ...sections.map((section) => section.element),
    el("p", {}, hint),
  );
  return { ...made, update };
}

/**
 * @param {Editor} editor
 * @param {"only" | "never"} rule
 * @param {string} title
 */
function ruleSection(editor, rule, title) {
  const chips = el("div", { class: "sw-chips" });
  const current = action("Add", () => editor.limit(rule, editor.picker.choice.current));
  const others = el("select", {
    "aria-label": `Paint ${title.toLowerCase()} a class of the map`,
    change: () => editor.limit(rule, Number(others.value)),
  });
  const update = () => {
    const { classes } = editor.picker.palette;
    const names = [...editor.doc.rules[rule]].map((index) => chip(classes[index].name, () => editor.unlimit(rule, index)));
    chips.replaceChildren(...(names.length ? names : [el("span", { class: "sw-quiet" }, "No limit")]));
    current.textContent = `Add ${editor.picker.current.name}`;
    others.replaceChildren(el("option", { value: "", disabled: true, selected: true }, "Add from the map"), ...options(editor));
  };
  const adding = el("div", { class: "sw-line" }, current, others);
  const element = el("section", { role: "group", "aria-label": title }, el("h5", {}, title), chips, adding);
  return { element, update };
}

/**
 * @param {Editor} editor
 * @param {() => void} closed
 */
export function cleanUpPanel(editor, closed) {
  const number = (/** @type {string} */ name, /** @type {number} */ value, /** @type {number} */ max) =>
    el("input", { type: "number", min: 1, max, step: 1, value, required: true, "aria-label": name });
  const line = (/** @type {string} */ name, /** @type {HTMLElement} */ field, /** @type {HTMLElement} */ button) =>
    el("div", { class: "sw-line" }, el("label", {}, el("span", {}, name), field), button);
  const radius = number("Smooth, radius in pixels", 2, MAX_RADIUS);
  const specks = number("Specks smaller than, in pixels", 16, MAX_SPECK);
  const from = el("select", { "aria-label": "Class to replace" });
  const told = el("output", { class: "sw-told", role: "status" });
  const checked = (/** @type {HTMLInputElement} */ field, /** @type {(value: number) => void} */ act) => () => {
    if (field.reportValidity()) act(field.valueAsNumber);
    update();
  };
  const replace = action("Replace", () => {
    editor.replaceClass(Number(from.value));
    update();
  });
  const where = el("p", {});
  const update = () => {
    where.textContent = editor.doc.selection ? "Acts inside the selection." : "Acts on the whole map.";
    replace.textContent = `Replace with ${editor.picker.current.name}`;
    const chosen = from.value;
    from.replaceChildren(...options(editor));
    if ([...from.options].some((option) => option.value === chosen)) from.value = chosen;
    told.textContent = editor.said;
  };
  const id = `sw-clean-${editor.id}`;
  const made = popover(
    { id, name: "Clean up", shape: "clean", opened: update, closed },
    el("h4", {}, "Clean up"),
    line("Radius", radius, action("Smooth", checked(radius, (r) => editor.smooth(r)))),
    line("Below, px", specks, action("Remove specks", checked(specks, (px) => editor.removeSpecks(px)))),
    line("Class", from, replace),
    where,
    told,
  );
  return { ...made, update };
}

/** What limits the tools at this moment; a press takes it away. */
export class Badges {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.element = el("div", { class: "sw-badges", role: "group", "aria-label": "What limits the tools" });
  }

  update() {
    const { editor } = this;
    const { rules, mirror } = editor.doc;
    const badges = RULES.filter(([rule]) => rules[rule].size).map(([rule, title]) => {
      const text = `${title} ${this.#names(rules[rule])}`;
      return chip(text, () => editor.unlimit(rule), `Remove the limit: ${text}`);
    });
    if (mirror !== "none") {
      const text = `Mirror ${MIRRORED[/** @type {keyof typeof MIRRORED} */ (mirror)]}`;
      badges.push(chip(text, () => editor.setMirror("none"), `Turn off: ${text}`));
    }
    const shown = badges.map((badge) => badge.textContent).join();
    if (shown === this.shown) return;
    this.shown = shown;
    this.element.replaceChildren(...badges);
  }

  /** @param {Set<number>} labels */
  #names(labels) {
    const names = [...labels].map((label) => this.editor.picker.palette.classes[label].name);
    const more = names.length - NAMED;
    return more > 0 ? `${names.slice(0, NAMED).join(", ")} and ${more} more` : names.join(", ");
  }
}
