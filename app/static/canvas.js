/**
 * The painting component: builds itself into an element of a host and wires its parts to each other.
 */

import { ClassPicker } from "./classes.js";
import { encode } from "./codec.js";
import { helpSheet, newMapSheet } from "./dialogs.js";
import { LabelDocument, blank } from "./document.js";
import { el } from "./dom.js";
import { Editor } from "./editor.js";
import { HostLink, belongs } from "./host.js";
import { CanvasInput, listenForGlobalKeys } from "./input.js";
import { PalettePanel } from "./palette.js";
import { labelMapPng } from "./png.js";
import { discCorner } from "./raster.js";
import * as store from "./store.js";
import { StatusLine, Toolbar } from "./toolbar.js";
import { View } from "./view.js";

/**
 * @typedef {object} Config
 * @property {string} id  names the autosave
 * @property {string} palette  of the first, empty map
 * @property {number} width
 * @property {number} height
 * @property {Record<string, import("./classes.js").Palette>} palettes
 */
/**
 * What outlives a mount: the host may take the component off the page and put it back.
 * @typedef {object} Session
 * @property {LabelDocument} doc
 * @property {ClassPicker} picker
 * @property {number} seq  counts what was sent to the host
 * @property {AbortController} mounted
 * @property {Promise<void>} ready  the autosave has been read
 * @property {Editor} [editor]
 */
/** @typedef {ReturnType<typeof build>} Parts */

/** @type {Map<string, Session>} */
const sessions = new Map();

/**
 * Builds the component.
 * @param {HTMLElement} element  emptied and filled
 * @param {import("./host.js").Host} host
 * @param {Config} config
 */
export function mount(element, host, config) {
  loadStyle();
  const { session, fresh } = sessionFor(config);
  const parts = build(session, config);
  const { root, stage, view } = parts;
  const link = new HostLink(host, session, config.palettes);
  const update = wire(parts, session, config, link);
  const { signal } = session.mounted;
  acceptDrops(stage, parts.editor, signal);
  returnFocus(root, parts.focusStage, signal);
  followSize(stage, view, signal);
  followTheme(view, signal);
  if (fresh) session.ready = restore(session, parts, config, link);
  root.style.visibility = "hidden";
  element.replaceChildren(root);
  Promise.all([session.ready, style]).then(() => {
    root.style.visibility = "";
    view.readGround();
    update();
    link.publish();
    root.dataset.ready = "";
  });
}

/**
 * @param {Config} config
 * @returns {{session: Session, fresh: boolean}}
 */
function sessionFor(config) {
  const known = sessions.get(config.id);
  if (known) {
    known.mounted.abort();
    known.mounted = new AbortController();
    return { session: known, fresh: false };
  }
  const { unlabelled } = config.palettes[config.palette];
  const session = {
    doc: new LabelDocument(blank(config.width, config.height, config.palette, unlabelled)),
    picker: new ClassPicker(config.palettes, config.palette),
    seq: 0,
    mounted: new AbortController(),
    ready: Promise.resolve(),
  };
  sessions.set(config.id, session);
  return { session, fresh: true };
}

/** @param {Session} session @param {Config} config */
function build(session, config) {
  const canvas = el("canvas", { class: "sw-pixels" });
  const ring = el("div", { class: "sw-ring" });
  const label = "Label map. Paint with the pointer; press the question mark for keys.";
  const stage = el("div", { class: "sw-stage", tabindex: 0, role: "application", "aria-label": label }, canvas, ring);
  const view = new View(canvas, session.doc, session.picker.palette);
  const editor = new Editor(config.id, session.doc, view, session.picker);
  if (session.editor) Object.assign(editor, { tool: session.editor.tool, size: session.editor.size });
  session.editor = editor;
  const focusStage = () => stage.focus({ preventScroll: true });
  const toolbar = new Toolbar(editor);
  const panel = new PalettePanel(editor, focusStage);
  const status = new StatusLine(editor, toolbar.views);
  const sheets = { help: helpSheet(), new: newMapSheet(editor) };
  const frame = el("div", { class: "sw-frame" }, toolbar.options, toolbar.tools, stage, panel.element, status.element);
  const root = el("div", { class: "sw-root" }, frame, sheets.help, sheets.new);
  const input = new CanvasInput(root, stage, editor, session.mounted.signal);
  return { root, stage, ring, view, editor, toolbar, panel, status, sheets, input, focusStage };
}

/**
 * Lets every part hear of what concerns it.
 * @param {Parts} parts
 * @param {Session} session
 * @param {Config} config
 * @param {HostLink} link
 * @returns {() => void} shows the present state in every part
 */
function wire({ stage, ring, view, editor, toolbar, panel, status, sheets, input }, session, config, link) {
  const { doc, picker } = session;
  const showPointer = () => {
    const at = input.hover && view.toMap(input.hover.clientX, input.hover.clientY);
    status.update(at);
    stage.dataset.intent = input.intent;
    placeRing(ring, editor, input, at);
  };
  const update = () => {
    toolbar.update();
    panel.update();
    showPointer();
  };
  doc.onpixels = (rect) => {
    picker.use(doc.palette);
    view.repaint(rect);
  };
  doc.onstep = async () => {
    update();
    link.publish();
    const content = { ...doc.content, labels: doc.labels.slice() };
    const kept = await store.save(config.id, { content, tools: { size: editor.size, choices: picker.choices } });
    status.warn(kept ? "" : "Not kept in this browser");
  };
  let shown = picker.palette;
  picker.onchange = () => {
    if (picker.palette !== shown) view.setPalette((shown = picker.palette));
    update();
  };
  editor.onchange = update;
  editor.onask = (question) => (question === "search" ? panel.focusSearch() : sheets[question].showModal());
  editor.onsave = () => {
    download(labelMapPng(doc.content, picker.palette), `${doc.palette}-${doc.width}x${doc.height}.png`);
  };
  view.onview = () => {
    toolbar.updateZoom();
    showPointer();
  };
  input.onhover = showPointer;
  link.onload = () => view.fit();
  return update;
}

/**
 * Begins with what this browser kept, else with what the host was given.
 * @param {Session} session
 * @param {Parts} parts
 * @param {Config} config
 * @param {HostLink} link
 */
async function restore({ doc, picker }, { view, editor }, config, link) {
  const saved = await store.load(config.id);
  const first = saved?.content ?? (await link.first());
  if (first && belongs(first, config.palettes)) Object.assign(doc.content, first);
  if (saved) {
    picker.restore(saved.tools.choices);
    editor.setSize(saved.tools.size);
  }
  picker.use(doc.palette);
  view.repaint({ x: 0, y: 0, w: doc.width, h: doc.height });
}

/**
 * The outline of what the brush would cover, on the very pixels.
 * @param {HTMLElement} ring
 * @param {Editor} editor
 * @param {CanvasInput} input
 * @param {{x: number, y: number} | null} at
 */
function placeRing(ring, editor, input, at) {
  const brush = ["brush", "eraser", "stroke"].includes(input.intent);
  ring.hidden = !at || !brush;
  if (!at || !brush) return;
  const { scale, x, y } = editor.view;
  const corner = discCorner(at.x, at.y, editor.size);
  ring.style.width = ring.style.height = `${editor.size * scale}px`;
  ring.style.transform = `translate(${x + corner.x * scale}px, ${y + corner.y * scale}px)`;
  ring.classList.toggle("sw-square", editor.size < 3);
}

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** @param {HTMLElement} stage @param {Editor} editor @param {AbortSignal} signal */
function acceptDrops(stage, editor, signal) {
  const mark = (/** @type {boolean} */ over) => stage.classList.toggle("sw-drop", over);
  stage.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  }, { signal });
  stage.addEventListener("dragleave", () => mark(false), { signal });
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const file = event.dataTransfer?.files[0];
    if (file) editor.openFile(file);
  }, { signal });
}

/**
 * Keeps the focus where the hands are.
 * After a click by pointer the canvas has the focus again, so that Space moves the view and does not press the button
 * once more. A press by key leaves the focus where it is.
 * @param {HTMLElement} root
 * @param {() => void} focusStage
 * @param {AbortSignal} signal
 */
function returnFocus(root, focusStage, signal) {
  root.addEventListener("click", (event) => {
    const pressed = event.target instanceof Element && event.target.closest(".sw-frame button");
    if (pressed && event.detail > 0 && !root.querySelector("dialog[open]")) focusStage();
  }, { signal });
  const tabbing = (/** @type {boolean} */ on) => root.classList.toggle("sw-tabbing", on);
  document.addEventListener("keydown", (event) => event.key === "Tab" && tabbing(true), { signal });
  root.addEventListener("pointerdown", () => tabbing(false), { signal });
}

/** @param {HTMLElement} stage @param {View} view @param {AbortSignal} signal */
function followSize(stage, view, signal) {
  const measure = () => stage.clientWidth && view.resize(stage.clientWidth, stage.clientHeight, window.devicePixelRatio);
  const observer = new ResizeObserver(measure);
  observer.observe(stage);
  signal.addEventListener("abort", () => observer.disconnect());
  window.addEventListener("resize", measure, { signal });
}

/** @param {View} view @param {AbortSignal} signal */
function followTheme(view, signal) {
  const observer = new MutationObserver(() => view.readGround());
  for (const node of [document.documentElement, document.body]) observer.observe(node, { attributeFilter: ["class"] });
  signal.addEventListener("abort", () => observer.disconnect());
}

/** @type {Promise<unknown> | null} */
let style = null;

function loadStyle() {
  if (style) return;
  const link = el("link", { rel: "stylesheet", href: new URL("canvas.css", import.meta.url).href });
  style = new Promise((resolve) => ["load", "error"].forEach((type) => link.addEventListener(type, resolve, { once: true })));
  document.head.append(link);
}

listenForGlobalKeys();

/** What the rest of the page may ask of the canvases on it, each by its id. */
/** @type {any} */ (window).spadework = {
  /**
   * The newest map, a running stroke included.
   * @param {string} id
   * @returns {Promise<Payload | null>}
   */
  async payload(id) {
    const session = sessions.get(id);
    if (!session) return null;
    await session.ready;
    return encode(session.doc.content, session.seq);
  },
};
