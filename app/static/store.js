/**
 * The browser's own copy of each canvas, so that a reload, a closed tab or a stopped server costs no work.
 * Where the browser refuses storage (private windows), painting goes on without it.
 */

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./selection.js").Selection} Selection */
/** @typedef {Record<string, any>} Tools  how the tools are set: plain data, none of the store's business */
/** @typedef {{content: Content, selection: Selection, tools: Tools}} Saved */
/** @typedef {import("./history.js").PhotoVersion} PhotoVersion */
/** @typedef {{url: string, photo: PhotoVersion | null}} SavedPhoto  url: empty for none */

const DATABASE = "spadework";
const SHELF = "canvases";

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @type {Promise<IDBDatabase> | null} */
let opening = null;

function database() {
  if (!opening) {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(SHELF);
    opening = settled(request);
  }
  return opening;
}

/**
 * @param {IDBTransactionMode} mode
 * @returns {Promise<IDBObjectStore>}
 */
async function shelf(mode) {
  return (await database()).transaction(SHELF, mode).objectStore(SHELF);
}

/**
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>} kept only once all of it is: a full disk shows at the end
 */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * @param {string} key
 * @returns {Promise<any>} null where nothing is kept
 */
async function read(key) {
  try {
    return (await settled((await shelf("readonly")).get(key))) ?? null;
  } catch (error) {
    console.warn("Spadework can't read its autosave:", error);
    return null;
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {Promise<boolean>} whether it is safely kept
 */
async function put(key, value) {
  try {
    const place = await shelf("readwrite");
    place.put(value, key);
    place.transaction.commit(); // now: of a page that goes away, the browser drops what is not
    await committed(place.transaction);
    return true;
  } catch (error) {
    console.warn("Spadework can't autosave:", error);
    return false;
  }
}

/**
 * By key: what waits for the writing before it, the newest alone, so that writing never falls behind painting.
 * @type {Map<string, {value: unknown, done: Promise<boolean>, put?: Promise<boolean>}>}
 */
const waiting = new Map();

/** By key: the last writing. @type {Map<string, Promise<boolean>>} */
const writing = new Map();

/**
 * @param {string} key
 * @param {unknown} value  must not change until it is written
 * @returns {Promise<boolean>} whether it, or something newer, is safely kept
 */
function write(key, value) {
  if (leaving) return put(key, value);
  const before = waiting.get(key);
  if (before) {
    before.value = value;
    return before.done;
  }
  /** @type {{value: unknown, done: Promise<boolean>, put?: Promise<boolean>}} */
  const mine = { value, done: Promise.resolve(false) };
  mine.done = (writing.get(key) ?? Promise.resolve(true)).then(() => {
    if (mine.put) return mine.put;
    waiting.delete(key);
    return put(key, mine.value);
  });
  waiting.set(key, mine);
  writing.set(key, mine.done);
  return mine.done;
}

/** A page that goes away waits for nothing: what is left is handed over at once. */
let leaving = false;
globalThis.addEventListener?.("pageshow", () => (leaving = false));
globalThis.addEventListener?.("pagehide", () => {
  leaving = true;
  waiting.forEach((mine, key) => (mine.put = put(key, mine.value)));
  waiting.clear();
});

/** @param {string} id  the canvas's */
const photoKey = (id) => `${id} photo`;

/**
 * @param {string} id  the canvas's
 * @returns {Promise<Saved | null>} null where nothing is kept
 */
export async function load(id) {
  const saved = await read(id);
  // Before there were objects and selections, neither was kept.
  return saved && { selection: null, ...saved, content: { instances: null, ...saved.content } };
}

/** @type {(id: string, saved: Saved) => Promise<boolean>} whether it, or something newer, is safely kept */
export const save = write;

/**
 * @param {string} id  the canvas's
 * @returns {Promise<SavedPhoto | null>} the photo as it was kept last; null where none ever was
 */
export async function loadPhoto(id) {
  const saved = await read(photoKey(id));
  return typeof saved === "string" ? { url: saved, photo: null } : saved; // before photos had versions
}

/**
 * @param {string} id  the canvas's
 * @param {SavedPhoto} saved
 * @returns {Promise<boolean>} whether it is safely kept
 */
export function savePhoto(id, saved) {
  return write(photoKey(id), saved);
}
