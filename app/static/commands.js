/**
 * Everything the artist can do by button or key, once: the toolbar, the tooltips, the help sheet and the keys all
 * read this list.
 */

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./editor.js").Tool} Tool */
/**
 * @typedef {object} Command
 * @property {string} id
 * @property {string} title
 * @property {string[]} keys  the first one is shown
 * @property {(editor: Editor) => void} run
 * @property {string | ((editor: Editor) => string)} [icon]
 * @property {(editor: Editor) => boolean} [active]  pressed in
 * @property {(editor: Editor) => boolean} [enabled]
 * @property {boolean} [once]  a key held down does not repeat it
 * @property {boolean} [here]  its keys act only while the canvas itself has the focus: elsewhere they move something else
 * @property {(editor: Editor) => void} [release]  once its key comes up
 * @property {boolean} [still]  waits for the pointer to come up: it changes the map or its history
 */

/**
 * @param {Tool} id
 * @param {string} title
 * @param {string} key
 * @param {Partial<Command>} [more]
 * @returns {Command}
 */
function tool(id, title, key, more = {}) {
  return { id, title, keys: [key], icon: id, run: (e) => e.setTool(id), active: (e) => e.tool === id, ...more };
}

/** @type {Command[]} */
export const TOOLS = [
  tool("brush", "Brush", "B"),
  tool("eraser", "Eraser", "E"),
  tool("shape", "Shape", "U", { icon: (e) => e.shape, run: (e) => e.setOrTurn("shape"), once: true }),
  tool("lasso", "Lasso", "L"),
  tool("fill", "Fill", "G"),
  tool("select", "Select", "W"),
  tool("move", "Move area", "V"),
  tool("pick", "Pick class", "I"),
  tool("pan", "Move view", "H"),
];

/** What each tool is among its kinds. @type {Command[]} */
const KINDS = [
  { id: "next-brush", title: "Brush and eraser: paint or select", keys: ["Shift+B"], run: (e) => e.turn("brush") },
  { id: "next-shape", title: "Next shape: line, rectangle, ellipse, polygon", keys: ["Shift+U"], run: (e) => e.turn("shape") },
  { id: "next-lasso", title: "Lasso: paint or select", keys: ["Shift+L"], run: (e) => e.turn("lasso") },
  { id: "next-fill", title: "Fill: connected or everywhere", keys: ["Shift+G"], run: (e) => e.turn("fill") },
  { id: "next-select", title: "Select: area or class", keys: ["Shift+W"], run: (e) => e.turn("select") },
];

/** @param {Editor} e */
const selected = (e) => e.doc.selection !== null;

/** @param {Editor} e */
const hasPhoto = (e) => e.doc.photo !== null;

/** @type {Command[]} */
export const HISTORY = [
  {
    id: "undo",
    title: "Undo",
    keys: ["Ctrl+Z"],
    icon: "undo",
    run: (e) => e.undo(),
    enabled: (e) => e.doc.canUndo,
    still: true,
  },
  {
    id: "redo",
    title: "Redo",
    keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
    icon: "redo",
    run: (e) => e.redo(),
    enabled: (e) => e.doc.canRedo,
    still: true,
  },
];

/** What the bar of options shows while something is selected, or a photo is open. @type {Command[]} */
export const SELECTION = [
  { id: "grow", title: "Grow", keys: [], icon: "grow", run: (e) => e.doc.growSelection(e.amount), enabled: selected },
  { id: "shrink", title: "Shrink", keys: [], icon: "shrink", run: (e) => e.doc.shrinkSelection(e.amount), enabled: selected },
  {
    id: "invert",
    title: "Invert selection",
    keys: ["Ctrl+Shift+I", "Shift+F7"],
    icon: "invert",
    run: (e) => e.doc.invertSelection(),
    enabled: selected,
    still: true,
  },
  {
    id: "deselect",
    title: "Deselect",
    keys: ["Ctrl+D"],
    icon: "deselect",
    run: (e) => e.doc.selectNone(),
    enabled: selected,
    still: true,
  },
];

/** @type {Command} */
export const CHANGE = {
  id: "select-change",
  title: "Select what you painted on the photo",
  keys: ["Shift+A"],
  icon: "marquee",
  run: (e) => e.selectChange(),
  enabled: hasPhoto,
  still: true,
};

/** @type {Command[]} */
const SELECTING = [
  { id: "select-all", title: "Select all", keys: ["Ctrl+A"], run: (e) => e.doc.selectAll(), still: true },
  ...SELECTION,
  {
    id: "erase-selection",
    title: "Erase the selection",
    keys: ["Delete", "Backspace"],
    run: (e) => e.eraseSelection(),
    enabled: selected,
    still: true,
  },
];

/** @type {Command[]} */
export const VIEW = [
  { id: "zoom-out", title: "Zoom out", keys: ["-"], icon: "minus", run: (e) => e.view.zoomBy(1 / 1.25) },
  { id: "zoom-in", title: "Zoom in", keys: ["+", "="], icon: "plus", run: (e) => e.view.zoomBy(1.25) },
  { id: "fit", title: "Fit to view", keys: ["0"], icon: "fit", run: (e) => e.view.fit() },
  { id: "actual", title: "Zoom to 100 %", keys: ["Shift+0"], icon: "actual", run: (e) => e.view.actualSize() },
];

/** @type {Command} */
export const LAYOUT = {
  id: "layout",
  title: "Result: beside the map, under it, hidden, alone",
  keys: ["T"],
  icon: (e) => `layout-${e.layout}`,
  run: (e) => e.nextLayout(),
  enabled: (e) => e.hasResults,
};

/** @type {Command} */
export const SEEN = {
  id: "seen",
  title: "What the model sees",
  keys: ["Q"],
  icon: "seen",
  run: (e) => e.askSeen(),
  active: (e) => e.seen,
  enabled: (e) => e.hasResults,
  once: true,
};

/** @type {Command} */
export const PHOTO = {
  id: "photo",
  title: "Show the picture under the map alone",
  keys: ["O"],
  icon: "photo",
  run: (e) => e.underlay.toggleAlone(),
  active: (e) => e.underlay.alone,
  enabled: (e) => e.underlay.picture !== null,
  once: true,
};

/** What there is to do with the results of a photo. @type {Command[]} */
const VARIATIONS = [
  { id: "browse-back", title: "The result before", keys: ["ArrowLeft"], run: (e) => e.browse(-1), enabled: browsing, here: true },
  { id: "browse", title: "The next result", keys: ["ArrowRight"], run: (e) => e.browse(1), enabled: browsing, here: true },
  {
    id: "before",
    title: "The photo as it was, while held",
    keys: ["P"],
    run: (e) => e.peek(true),
    release: (e) => e.peek(false),
    enabled: (e) => e.underlay.photo !== null,
    once: true,
  },
  { id: "accept", title: "Accept the result into the photo", keys: ["A"], run: (e) => e.accept(), enabled: hasPhoto, once: true },
];

/** Arrows move the selected area with that tool. @param {Editor} e */
function browsing(e) {
  return e.hasResults && e.tool !== "move";
}

/** @type {Command} */
export const MIRROR = {
  id: "mirror",
  title: "Mirror: left and right, top and bottom, both",
  keys: ["M"],
  icon: "mirror",
  run: (e) => e.setMirror(),
  active: (e) => e.doc.mirror !== "none",
  once: true,
};

/** @type {Command[]} */
const LIMITS = [
  {
    id: "never-here",
    title: "Never over the class under the pointer",
    keys: ["K"],
    run: (e) => e.limitHere("never"),
    once: true,
  },
  {
    id: "only-here",
    title: "Only over the class under the pointer",
    keys: ["Shift+K"],
    run: (e) => e.limitHere("only"),
    once: true,
  },
];

/** Only where the palette tells objects apart. @type {Command[]} */
export const OBJECTS = [
  {
    id: "object",
    title: "New object",
    keys: ["N"],
    icon: "object",
    run: (e) => e.newObject(),
    active: (e) => e.object > 0,
    enabled: (e) => e.hasObjects,
    once: true,
  },
  {
    id: "edges",
    title: "Edges between objects",
    keys: ["Shift+N"],
    icon: "edges",
    run: (e) => e.set({ edges: !e.edges }),
    active: (e) => e.edges,
    enabled: (e) => e.hasObjects,
    once: true,
  },
];

/** @type {Command[]} */
export const FILE = [
  { id: "new", title: "New map…", keys: [], icon: "new", run: (e) => e.onask("new") },
  { id: "clear", title: "Clear map", keys: [], icon: "clear", run: (e) => e.clear() },
  { id: "open", title: "Open map…", keys: [], icon: "open", run: (e) => e.open() },
  { id: "save", title: "Save map", keys: [], icon: "save", run: (e) => e.savePng() },
];

/** @type {Command} */
export const HELP = { id: "help", title: "Keys and gestures", keys: ["?"], icon: "help", run: (e) => e.onask("help") };

/** @type {Command[]} */
export const CLASSES = [
  { id: "swap", title: "Swap the last two classes", keys: ["X"], icon: "swap", run: (e) => e.swap() },
  { id: "search", title: "Search classes", keys: ["/"], run: (e) => e.onask("search") },
];

/** @type {Command[]} */
export const SIZE = [
  { id: "smaller", title: "Smaller brush", keys: ["["], run: (e) => e.stepSize(-1) },
  { id: "larger", title: "Larger brush", keys: ["]"], run: (e) => e.stepSize(1) },
];

/** @type {Command[]} */
const SLOTS = Array.from({ length: 9 }, (_, i) => ({
  id: `slot-${i + 1}`,
  title: `Class ${i + 1} of the row`,
  keys: [String(i + 1)],
  run: (e) => e.chooseSlot(i),
}));

/** The help sheet's sections; gestures have no command of their own. @type {[string, [string, string][]][]} */
export const HELP_SHEET = [
  ["Tools", [...rows(TOOLS), ...rows(KINDS), ["Space held, middle button", "Move the view"]]],
  [
    "Brush",
    [
      ...rows(SIZE),
      ["Ctrl + wheel", "Brush size"],
      ["Shift + press", "Straight on from the last stroke"],
      ["Alt held", "Pick the class under the pointer"],
      ["Eraser of a pen", "Erase"],
      ...rows([MIRROR, ...LIMITS]),
    ],
  ],
  [
    "Shapes",
    [
      ["Shift held", "Square, circle, whole angles"],
      ["Alt held", "From the centre"],
      ["Enter", "Close the polygon"],
      ["Backspace", "Take its last corner back"],
      ["Escape", "Give it up"],
    ],
  ],
  [
    "Selecting",
    [
      ...rows([...SELECTING.filter((command) => command.keys.length), CHANGE]),
      ["Shift + press", "Add to the selection"],
      ["Alt + press", "Take from the selection"],
      ["Arrows", "Move the selected area, with Move area"],
      ["Alt + drag", "Move a copy, with Move area"],
    ],
  ],
  [
    "Classes",
    [
      ...rows(CLASSES),
      ["1 to 9", "Choose from the row of favourite and recent classes"],
      ["F", "Favourite or not, in the list of classes"],
      ...rows(OBJECTS),
    ],
  ],
  [
    "View",
    [...rows([...VIEW, LAYOUT, SEEN, PHOTO]), ["Wheel", "Zoom at the pointer"], ["Two fingers", "Zoom and move on a touch screen"]],
  ],
  ["Photo", [...rows(VARIATIONS), ["Drop or paste a picture", "Edit it as a photo, or open it as a map"]]],
  ["Map", rows(HISTORY)],
  ["Picture", [["Ctrl+Enter", "Generate"], ["Escape", "Cancel"]]],
  ["Help", rows([HELP])],
];

/**
 * @param {Command[]} commands
 * @returns {[string, string][]}
 */
function rows(commands) {
  return commands.map((command) => [command.keys.join(", "), command.title]);
}

/** All of them. @type {Command[]} */
export const COMMANDS = [
  ...TOOLS, ...KINDS, ...HISTORY, ...SELECTING, CHANGE, ...VIEW, LAYOUT, SEEN, PHOTO, ...VARIATIONS, MIRROR, ...LIMITS, ...OBJECTS, ...FILE, HELP, ...CLASSES, ...SIZE,
  ...SLOTS,
];

const BY_KEY = new Map(COMMANDS.flatMap((command) => command.keys.map((key) => [key, command])));

/** Keys that some layouts put on a digit. */
const SYMBOLS = "/?[]+-";

/**
 * The key press as it is written in the lists above. Digits go by place and letters fall back to it, so that other
 * keyboard layouts reach every command.
 * @param {KeyboardEvent} event
 */
export function chord(event) {
  const control = (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph") ? "Ctrl+" : "";
  const shift = event.shiftKey ? "Shift+" : "";
  const digit = /^Digit(\d)$/.exec(event.code);
  if (digit && !SYMBOLS.includes(event.key)) return control + shift + digit[1];
  if (/^[a-z]$/i.test(event.key)) return control + shift + event.key.toUpperCase();
  const letter = /^Key([A-Z])$/.exec(event.code);
  if (letter && event.key.length === 1 && event.key.charCodeAt(0) > 127) return control + shift + letter[1];
  return control + (event.key.length > 1 && /^F\d/.test(event.key) ? shift : "") + event.key;
}

/**
 * The command of a key press, if any.
 * @param {KeyboardEvent} event
 * @returns {Command | undefined}
 */
export function commandOf(event) {
  return event.altKey && !event.getModifierState("AltGraph") ? undefined : BY_KEY.get(chord(event));
}

/**
 * A key as this machine's keyboard names it.
 * @param {string} key
 */
export function keyLabel(key) {
  return /Mac|iP(hone|ad)/.test(navigator.platform) ? key.replace("Ctrl+", "⌘ ").replace("Shift+", "⇧ ") : key;
}
