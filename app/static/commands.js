/**
 * Everything the artist can do by button or key, once: the toolbar, the tooltips, the help sheet and the keys all
 * read this list.
 */

/** @typedef {import("./editor.js").Editor} Editor */
/**
 * @typedef {object} Command
 * @property {string} id
 * @property {string} title
 * @property {string[]} keys  the first one is shown
 * @property {(editor: Editor) => void} run
 * @property {string} [icon]
 * @property {(editor: Editor) => boolean} [active]  pressed in
 * @property {(editor: Editor) => boolean} [enabled]
 * @property {boolean} [once]  a key held down does not repeat it
 */

/**
 * @param {string} id
 * @param {string} title
 * @param {string} key
 * @returns {Command}
 */
function tool(id, title, key) {
  return { id, title, keys: [key], icon: id, run: (e) => e.setTool(id), active: (e) => e.tool === id };
}

/** @type {Command[]} */
export const TOOLS = [
  tool("brush", "Brush", "B"),
  tool("eraser", "Eraser", "E"),
  tool("fill", "Fill region", "G"),
  tool("pick", "Pick class", "I"),
  tool("pan", "Move view", "H"),
];

/** @type {Command[]} */
export const HISTORY = [
  { id: "undo", title: "Undo", keys: ["Ctrl+Z"], icon: "undo", run: (e) => e.undo(), enabled: (e) => e.doc.canUndo },
  {
    id: "redo",
    title: "Redo",
    keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
    icon: "redo",
    run: (e) => e.redo(),
    enabled: (e) => e.doc.canRedo,
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
export const PHOTO = {
  id: "photo",
  title: "Show the photo alone",
  keys: ["O"],
  icon: "photo",
  run: (e) => e.underlay.toggleAlone(),
  active: (e) => e.underlay.alone,
  enabled: (e) => e.underlay.photo !== null,
  once: true,
};

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
  { id: "swap", title: "Swap the last two classes", keys: ["X"], icon: "swap", run: (e) => e.picker.swap() },
  { id: "search", title: "Search classes", keys: ["/"], run: (e) => e.onask("search") },
];

/** @type {Command[]} */
export const SIZE = [
  { id: "smaller", title: "Smaller brush", keys: ["["], run: (e) => e.stepSize(-1) },
  { id: "larger", title: "Larger brush", keys: ["]"], run: (e) => e.stepSize(1) },
];

/** @type {Command[]} */
const RECENT = Array.from({ length: 9 }, (_, i) => ({
  id: `recent-${i + 1}`,
  title: `Recent class ${i + 1}`,
  keys: [String(i + 1)],
  run: (e) => e.chooseRecent(i),
}));

/** The help sheet's sections; gestures have no command of their own. @type {[string, [string, string][]][]} */
export const HELP_SHEET = [
  ["Tools", [...rows(TOOLS), ["Alt held", "Pick the class under the pointer"], ["Space held, middle button", "Move the view"]]],
  ["Brush", [...rows(SIZE), ["Ctrl + wheel", "Brush size"], ["Eraser of a pen", "Erase"]]],
  ["Classes", [...rows(CLASSES), ["1 to 9", "Choose from the recent classes"]]],
  [
    "View",
    [...rows([...VIEW, PHOTO]), ["Wheel", "Zoom at the pointer"], ["Two fingers", "Zoom and move on a touch screen"]],
  ],
  ["Map", [...rows(HISTORY), ["Drop a file", "Open it as the map"]]],
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
export const COMMANDS = [...TOOLS, ...HISTORY, ...VIEW, PHOTO, ...FILE, HELP, ...CLASSES, ...SIZE, ...RECENT];

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
  return control + event.key;
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
