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
import { acceptDrops, followSize, followTheme, returnFocus } from "./surroundings.js";
import { StatusLine, Toolbar } from "./toolbar.js";
import { MAP_OPACITY, Underlay, openPhoto } from "./underlay.js";
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
 * @property {Underlay} underlay
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
    if (fresh) announce(config.id, session);
  });
}

/**
 * Tells the page that what the browser kept is back. The server may have forgotten the photo that it once sent.
 * @param {string} id
 * @param {Session} session
 */
function announce(id, { underlay }) {
  document.dispatchEvent(new CustomEvent("spadework:restored", { detail: { id, under: underlay.photo !== null } }));
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
    underlay: new Underlay(),
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
  const { doc, picker, underlay } = session;
  const view = new View(canvas, doc, underlay, picker.palette);
  const editor = new Editor(config.id, doc, view, picker, underlay);
  if (session.editor) Object.assign(editor, { tool: session.editor.tool, size: session.editor.size });
  session.editor = editor;
  const focusStage = () => stage.focus({ preventScroll: true });
  const toolbar = new Toolbar(editor);
  const panel = new PalettePanel(editor, focusStage);
  const status = new StatusLine(editor, toolbar.views);
  const sheets = { help: helpSheet(), new: newMapSheet(editor) };
  const frame = el("div", { class: "sw-frame" }, toolbar.options, toolbar.tools, stage, panel.element, status.element);
  const root = el("div", { class: "sw-root" }, frame, sheets.help.element, sheets.new.element);
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
  const { doc, picker, underlay } = session;
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
    underlay.showMap();
    view.repaint(rect);
  };
  const keep = autosave(session, editor, status);
  doc.onstep = () => {
    update();
    link.publish();
    keep.map();
  };
  underlay.onphoto = keep.photo;
  underlay.onchange = () => {
    update();
    view.request();
  };
  let shown = picker.palette;
  picker.onchange = () => {
    if (picker.palette !== shown) view.setPalette((shown = picker.palette));
    update();
  };
  editor.onchange = update;
  editor.onask = (question) => (question === "search" ? panel.focusSearch() : sheets[question].open());
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
 * Keeps the session in this browser: the map after each step, the photo, which is large, only when it changes.
 * @param {Session} session
 * @param {Editor} editor
 * @param {StatusLine} status
 */
function autosave({ doc, picker, underlay }, editor, status) {
  let photoKept = Promise.resolve(true);
  return {
    photo() {
      photoKept = store.savePhoto(editor.id, underlay.photo?.url ?? "");
    },
    async map() {
      const content = { ...doc.content, labels: doc.labels.slice() };
      const tools = { size: editor.size, choices: picker.choices, mapOpacity: underlay.opacity };
      const kept = await Promise.all([store.save(editor.id, { content, tools }), photoKept]);
      status.warn(kept.every(Boolean) ? "" : "Not kept in this browser");
    },
  };
}

/**
 * Begins with what this browser kept, else with what the host was given.
 * @param {Session} session
 * @param {Parts} parts
 * @param {Config} config
 * @param {HostLink} link
 */
async function restore({ doc, picker, underlay }, { view, editor }, config, link) {
  const saved = await store.load(config.id);
  const photo = await store.loadPhoto(config.id);
  const first = saved ?? (await link.first());
  if (first && belongs(first.content, config.palettes)) Object.assign(doc.content, first.content);
  if (photo !== null) underlay.photo = await openPhoto(photo);
  else if (first?.photo) underlay.show(first.photo);
  if (saved) {
    picker.restore(saved.tools.choices);
    editor.setSize(saved.tools.size);
    underlay.setOpacity(saved.tools.mapOpacity ?? MAP_OPACITY);
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

  /**
   * Puts a photo under the map, or takes it away; the map stays as it is.
   * @param {string} id
   * @param {string} url  a JPEG or PNG as a data URL; empty for none
   */
  async under(id, url) {
    const session = sessions.get(id);
    await session?.ready;
    await session?.underlay.open(url);
  },

  /**
   * Whether a photo lies under the map; false as long as the session is not restored.
   * @param {string} id
   * @returns {boolean}
   */
  hasUnder(id) {
    return Boolean(sessions.get(id)?.underlay.photo);
  },
};
