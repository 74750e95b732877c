/**
 * The browser's own copy of each canvas, so that a reload, a closed tab or a stopped server costs no work.
 * Where the browser refuses storage (private windows), painting goes on without it.
 */

/** @typedef {import("./document.js").Content} Content */
/** @typedef {{size: number, choices: Record<string, import("./classes.js").Choice>}} Tools */
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
 * @param {string} id  the canvas's
 * @returns {Promise<Saved | null>}
 */
export async function load(id) {
  try {
    return (await settled((await shelf("readonly")).get(id))) ?? null;
  } catch (error) {
    console.warn("Spadework can't read its autosave:", error);
    return null;
  }
}

/**
 * @param {string} id
 * @param {Saved} saved
 * @returns {Promise<boolean>} whether it is safely kept
 */
export async function save(id, saved) {
  try {
    await settled((await shelf("readwrite")).put(saved, id));
    return true;
  } catch (error) {
    console.warn("Spadework can't autosave:", error);
    return false;
  }
}
