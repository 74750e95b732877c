import assert from "node:assert/strict";
import test from "node:test";
import { blank } from "../../app/static/document.js";

/** As much of a browser's database as the store uses: it copies what is put at once, writes what is committed,
 * and finishes when told. */
const kept = new Map();
const open = [];
let refuse = null;

function request(result) {
  const asked = { result };
  queueMicrotask(() => asked.onsuccess?.());
  return asked;
}

globalThis.indexedDB = {
  open: () => request({
    transaction() {
      let written;
      const transaction = { commit: () => open.push(written) };
      const objectStore = () => ({
        transaction,
        get: (key) => request(structuredClone(kept.get(key))),
        put(value, key) {
          const copy = structuredClone(value);
          written = () => {
            if (!refuse) kept.set(key, copy);
            transaction.error = refuse;
            (refuse ? transaction.onabort : transaction.oncomplete)();
          };
        },
      });
      return Object.assign(transaction, { objectStore });
    },
  }),
};
const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
const store = await import("../../app/static/store.js");

const saved = (label) => ({
  content: { ...blank(8, 8, "scene", label), instances: new Uint16Array(64).fill(label) },
  selection: new Uint8Array(64).fill(1, 3),
  tools: { size: label, anything: { of: ["theirs"] } },
});
/** Everything that can go on without the database has gone on. */
const pause = () => new Promise((resolve) => setTimeout(resolve));

test("what is saved comes back, tools and all", async () => {
  const done = store.save("a", saved(3));
  await pause();
  open.shift()();
  assert.equal(await done, true);
  assert.deepEqual(await store.load("a"), saved(3));
  assert.equal(await store.load("b"), null);
});

test("what was saved before there were objects and selections opens", async () => {
  const { content, tools } = saved(2);
  const { instances: _, ...old } = content;
  kept.set("old", { content: old, tools });
  assert.deepEqual(await store.load("old"), { content: { ...old, instances: null }, selection: null, tools });
});

test("a photo that was kept before photos had versions opens", async () => {
  kept.set("f photo", "data:image/png;base64,AAAA");
  assert.deepEqual(await store.loadPhoto("f"), { url: "data:image/png;base64,AAAA", photo: null });
  assert.equal(await store.loadPhoto("none"), null);
});

test("while one is written only the newest waits", async () => {
  const first = store.save("c", saved(1));
  await pause();
  const later = [2, 3, 4].map((label) => store.save("c", saved(label)));
  await pause();
  assert.equal(open.length, 1);
  open.shift()();
  assert.equal(await first, true);
  await pause();
  assert.equal(open.length, 1);
  open.shift()();
  assert.deepEqual(await Promise.all(later), [true, true, true]);
  assert.deepEqual(await store.load("c"), saved(4));
});

test("a disk that is full shows at the end, and the next save goes on", async () => {
  const warn = console.warn;
  console.warn = () => {};
  refuse = new Error("full");
  const done = store.save("d", saved(1));
  await pause();
  open.shift()();
  assert.equal(await done, false);
  refuse = null;
  console.warn = warn;
  const again = store.save("d", saved(2));
  await pause();
  open.shift()();
  assert.equal(await again, true);
});

test("a page that goes away waits for nothing", async () => {
  store.save("e", saved(1));
  await pause();
  store.save("e", saved(2));
  page.dispatchEvent(new Event("pagehide"));
  store.save("e", saved(3));
  await pause();
  assert.equal(open.length, 3);
  open.splice(0).forEach((finish) => finish());
  await pause();
  assert.equal(open.length, 0, "and nothing is written twice");
  assert.deepEqual(await store.load("e"), saved(3));
  page.dispatchEvent(new Event("pageshow"));
});
