/**
 * The browser's own copy of each canvas, so that a reload, a closed tab or a stopped server costs no work.
 * Where the browser refuses storage (private windows), painting goes on without it.
 */

/** @typedef {import("./document.js").Content} Content */
/** @typedef {{size: number, choices: Record<string, import("./classes.js").Choice>, mapOpacity?: number}} Tools */
/** @typedef {{content: Content, tools: Tools}} Saved */

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
async function write(key, value) {
  try {
    await settled((await shelf("readwrite")).put(value, key));
    return true;
  } catch (error) {
    console.warn("Spadework can't autosave:", error);
    return false;
  }
}

/** @param {string} id  the canvas's */
const photoKey = (id) => `${id} photo`;

/** @type {(id: string) => Promise<Saved | null>} */
export const load = read;

/** @type {(id: string, saved: Saved) => Promise<boolean>} whether it is safely kept */
export const save = write;

/** @type {(id: string) => Promise<string | null>} the photo as it was kept last; empty where it was taken away */
export const loadPhoto = (id) => read(photoKey(id));

/**
 * @param {string} id  the canvas's
 * @param {string} url  empty for no photo
 * @returns {Promise<boolean>} whether it is safely kept
 */
export function savePhoto(id, url) {
  return write(photoKey(id), url);
}
