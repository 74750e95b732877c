/**
 * The painting component: builds itself into an element of a host and wires its parts to each other.
 */

import { ClassPicker } from "./classes.js";
import { encodeArea } from "./codec.js";
import { helpSheet, kindSheet, newMapSheet } from "./dialogs.js";
import { LabelDocument, blank } from "./document.js";
import { el } from "./dom.js";
import { Editor } from "./editor.js";
import { HostLink, payloadOf } from "./host.js";
import { CanvasInput, listenForGlobalKeys } from "./input.js";
import { autosave, restore } from "./keeping.js";
import { Overlay } from "./overlay.js";
import { PalettePanel } from "./palette.js";
import { Badges } from "./panels.js";
import { PhotoDesk } from "./photodesk.js";
import { labelMapPng } from "./png.js";
import { EDGE, inWords } from "./region.js";
import { ResultPane } from "./result.js";
import { acceptDrops, followSize, followTheme, returnFocus } from "./surroundings.js";
import { StatusLine, Toolbar } from "./toolbar.js";
import { Underlay } from "./underlay.js";
import { RegionWatch } from "./veil.js";
import { View } from "./view.js";

/**
 * @typedef {object} Config
 * @property {string} id  names the autosave
 * @property {string} palette  of the first, empty map
 * @property {number} width
 * @property {number} height
 * @property {Record<string, import("./classes.js").Palette>} palettes
 * @property {boolean} [results]  a pane for results stands beside the map
 */
/**
 * What outlives a mount: the host may take the component off the page and put it back.
 * @typedef {object} Session
 * @property {LabelDocument} doc
 * @property {ClassPicker} picker
 * @property {Underlay} underlay
 * @property {number} seq  counts what was sent to the host
 * @property {PhotoDesk} desk  the versions of the open photo
 * @property {import("./region.js").Edge} edge  of the region
 * @property {RegionWatch} [region]
 * @property {AbortController} mounted
 * @property {Promise<void>} ready  the autosave has been read
 * @property {Editor} [editor]
 * @property {ResultPane} [result]
 * @property {import("./result.js").Shown | null} [shown]  the result that is shown
 */
/** @typedef {ReturnType<typeof build>} Parts */

/** @type {Map<string, Session>} */
const sessions = new Map();

/** What the page told of a model before the canvas stood. @type {Map<string, [string, Record<string, number> | null]>} */
const toldOf = new Map();

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
    if (fresh) session.desk.begin();
    update();
    parts.panel.recount();
    parts.overlay.readSelection();
    parts.region.ask();
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
function announce(id, { doc }) {
  const detail = { id, version: doc.photo?.version ?? "" };
  document.dispatchEvent(new CustomEvent("spadework:restored", { detail }));
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
  const doc = new LabelDocument(blank(config.width, config.height, config.palette, unlabelled));
  const underlay = new Underlay();
  const session = {
    doc,
    picker: new ClassPicker(config.palettes, config.palette),
    underlay,
    desk: new PhotoDesk(config.id, doc, underlay, config.palettes),
    edge: EDGE,
    seq: 0,
    mounted: new AbortController(),
    ready: Promise.resolve(),
  };
  sessions.set(config.id, session);
  const told = toldOf.get(config.id);
  if (told) session.picker.know(...told);
  return { session, fresh: true };
}

/** @param {Session} session @param {Config} config */
function build(session, config) {
  const [canvas, above] = [el("canvas", { class: "sw-pixels" }), el("canvas", { class: "sw-pixels" })];
  const label = "Label map. Paint with the pointer; press the question mark for keys.";
  const stage = el("div", { class: "sw-stage", tabindex: 0, role: "application", "aria-label": label }, canvas, above);
  const { doc, picker, underlay } = session;
  const { signal } = session.mounted;
  const view = new View(canvas, doc, underlay, picker.palette);
  const editor = new Editor(config.id, doc, view, picker, underlay);
  editor.hasResults = Boolean(config.results);
  if (session.editor) editor.takeOver(session.editor);
  session.editor = editor;
  const focusStage = () => stage.focus({ preventScroll: true });
  const toolbar = new Toolbar(editor, focusStage);
  const panel = new PalettePanel(editor, focusStage);
  const badges = new Badges(editor);
  const status = new StatusLine(editor, badges.element, toolbar.photo, toolbar.views);
  const sheets = { help: helpSheet(), new: newMapSheet(editor), kind: kindSheet(editor) };
  const region = new RegionWatch(() => questionOf(session, editor), signal);
  session.region = region;
  const result = new ResultPane(view);
  if (session.shown) result.show(session.shown);
  session.result = result;
  const panes = el("div", { class: "sw-panes" }, stage, ...(config.results ? [result.element] : []));
  const frame = el("div", { class: "sw-frame" }, toolbar.options, toolbar.tools, panes, panel.element, status.element);
  const root = el("div", { class: "sw-root" }, frame, ...Object.values(sheets).map((sheet) => sheet.element));
  const input = new CanvasInput(root, stage, editor, signal);
  const overlay = new Overlay(above, editor, input, signal);
  result.listen(signal);
  const shown = { root, stage, panes, view, overlay, result };
  return { ...shown, editor, toolbar, panel, badges, status, sheets, input, region, focusStage };
}

/**
 * What the region depends on; null while no photo is open.
 * @param {Session} session
 * @param {Editor} editor
 */
function questionOf({ doc, edge }, editor) {
  const { photo, selection } = doc;
  if (!photo) return null;
  const { width, height, labels } = doc;
  const { width: w, height: h } = photo;
  return { width, height, labels, selection, base: editor.firstMap, unlabelled: editor.unlabelled, photo: { width: w, height: h }, edge };
}

/**
 * Lets every part hear of what concerns it.
 * @param {Parts} parts
 * @param {Session} session
 * @param {Config} config
 * @param {HostLink} link
 * @returns {() => void} shows the present state in every part
 */
function wire(parts, session, config, link) {
  const { stage, panes, view, overlay, result, editor, toolbar, panel, badges, status, sheets, input } = parts;
  const showPointer = () => {
    editor.pointer = input.hover && view.toMap(input.hover.clientX, input.hover.clientY);
    status.update(editor.pointer);
    stage.dataset.intent = input.intent;
    overlay.request();
    result.mark(editor.pointer);
  };
  const update = () => {
    toolbar.update();
    panel.update();
    badges.update();
    view.showEdges(editor.hasObjects && editor.edges);
    if (!editor.seen) result.back(session.shown ?? null);
    panes.dataset.layout = editor.hasResults ? editor.layout : "map";
    result.showBefore(session.doc.photo ? (session.underlay.photo?.url ?? "") : "");
    showPointer();
  };
  const keep = autosave(session, editor, status);
  wireDocument(parts, session, link, keep, update);
  wireRegion(parts, session, keep);
  session.underlay.onphoto = keep.photo;
  session.underlay.onchange = () => {
    update();
    view.request();
  };
  session.picker.onchange = update;
  session.picker.onkeep = keep.map;
  editor.onchange = () => {
    const over = editor.hasResults && editor.layout === "over";
    if (session.underlay.over !== over) session.underlay.setOver(over);
    showPeek(parts, session);
    update();
    keep.soon();
  };
  editor.onfile = (file) => sheets.kind.open(file);
  editor.onsay = (text) => status.say(text);
  editor.onask = (question) => (question === "search" ? panel.focusSearch() : sheets[question].open());
  editor.onsave = () => download(...mapFile(session));
  view.onview = () => {
    toolbar.updateZoom();
    result.place();
    showPointer();
  };
  input.onhover = showPointer;
  link.onload = () => view.fit();
  return update;
}

/**
 * The region follows the document, and the page is told.
 * @param {Parts} parts
 * @param {Session} session
 * @param {ReturnType<typeof autosave>} keep
 */
function wireRegion({ region, view, status, editor }, { doc, desk }, keep) {
  doc.onphoto = (walked) => {
    region.ask();
    keep.photo();
    if (walked) desk.walked();
  };
  region.onregion = () => {
    const { told, veil } = region;
    view.showVeil(veil);
    status.showRegion(told ? inWords(told) : "");
    if (told) document.dispatchEvent(new CustomEvent("spadework:region", { detail: { id: editor.id, ...told } }));
  };
}

/**
 * While the photo as it was is asked for, the result's pane shows it, or the stage where that pane is hidden.
 * @param {Parts} parts
 * @param {Session} session
 */
function showPeek({ editor, result }, { underlay }) {
  const { peeking } = editor;
  if (result.peeking !== peeking) result.peek(peeking);
  const alone = peeking && !editor.showsResult;
  if (underlay.peeking !== alone) underlay.peek(alone);
}

/**
 * What follows a change of the document: it is drawn, shown, kept, and told to the host and the page.
 * @param {Parts} parts
 * @param {Session} session
 * @param {HostLink} link
 * @param {ReturnType<typeof autosave>} keep
 * @param {() => void} update
 */
function wireDocument({ view, overlay, editor, panel, region }, { doc, picker, underlay }, link, keep, update) {
  let painted = false;
  doc.onpixels = (rect) => {
    painted = true;
    picker.use(doc.palette);
    underlay.showMap();
    view.repaint(rect);
    keep.soon();
  };
  doc.onselection = () => overlay.readSelection();
  doc.onstep = () => {
    update();
    region.ask();
    keep.map();
    if (!painted) return; // a step of the selection alone
    painted = false;
    panel.recount();
    link.publish();
    document.dispatchEvent(new CustomEvent("spadework:stroke", { detail: { id: editor.id } }));
  };
}

/** @param {Session} session @returns {[Blob, string]} the map as a file, and its name */
function mapFile({ doc, picker }) {
  return [labelMapPng(doc.content, picker.palette), `${doc.palette}-${doc.width}x${doc.height}.png`];
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
    return payloadOf(session);
  },

  /**
   * Lays a photo, or another version of the open one, under the map.
   * @param {string} id
   * @param {import("./photodesk.js").Told} told
   */
  async photo(id, told) {
    const session = sessions.get(id);
    await session?.ready;
    await session?.desk.turn(told);
  },

  /**
   * The artist asks for an edit to be reopened: with it come settings of its own, and Undo brings these back.
   * @param {string} id
   * @param {import("./photodesk.js").Settings} settings  as they are now
   */
  leaving(id, settings) {
    const desk = sessions.get(id)?.desk;
    if (desk) desk.settings = settings;
  },

  /**
   * The version of the open photo; empty for no photo.
   * @param {string} id
   * @returns {string}
   */
  version(id) {
    return sessions.get(id)?.doc.photo?.version ?? "";
  },

  /**
   * By how much the region grows, and over how much its edge fades.
   * @param {string} id
   * @param {import("./region.js").Edge} edge
   */
  edge(id, edge) {
    const session = sessions.get(id);
    if (!session) return;
    session.edge = edge;
    session.region?.ask();
  },

  /**
   * What of the open photo is to be made anew.
   * @param {string} id
   * @returns {import("./veil.js").Told | null} null without a photo, and until the first is worked out
   */
  region(id) {
    return sessions.get(id)?.region?.told ?? null;
  },

  /**
   * Asks the artist what a picture is to be opened as.
   * @param {string} id
   * @param {File} file
   */
  askKind(id, file) {
    sessions.get(id)?.editor?.askKind(file);
  },

  /**
   * Shows a result beside the map, or under it.
   * @param {string} id
   * @param {import("./result.js").Shown} shown
   */
  async result(id, shown) {
    const session = sessions.get(id);
    if (!session?.result || !(await session.result.show(shown))) return;
    session.editor?.showSeen(false);
    session.shown = shown;
    session.underlay.showResult({ url: shown.url, image: session.result.image });
  },

  /**
   * Shows what the model sees of the map, in the result's place, if that is still wanted.
   * @param {string} id
   * @param {import("./result.js").Shown} shown
   */
  seen(id, shown) {
    const session = sessions.get(id);
    if (session?.editor?.seen) session.result?.show(shown);
  },

  /**
   * An area of the map, as the server's records hold one: the selection's pixels or those of the current class.
   * @param {string} id
   * @param {"selection" | "class"} which
   * @returns {{w: number, h: number, z: string} | null} null where there is none
   */
  area(id, which) {
    const session = sessions.get(id);
    if (!session) return null;
    const { doc, picker } = session;
    const inside = which === "selection" ? doc.selection : doc.labels.map((label) => Number(label === picker.choice.current));
    return inside && encodeArea(Uint8Array.from(inside), doc.width);
  },

  /**
   * Hands a file of the server's to the artist.
   * @param {{url: string, name: string}} link
   */
  download({ url, name }) {
    el("a", { href: new URL(url, document.baseURI).href, download: name }).click();
  },

  /**
   * Tells what the model has seen, so that the palette can mark the classes that it hardly knows.
   * @param {string} id
   * @param {string} palette  the model's
   * @param {Record<string, number> | null} shares  of the training pixels, from 0 to 1, by class name; null: not known
   */
  know(id, palette, shares) {
    toldOf.set(id, [palette, shares]);
    sessions.get(id)?.picker.know(palette, shares);
  },
};
