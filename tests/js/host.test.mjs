import assert from "node:assert/strict";
import test from "node:test";
import { decodeArea, encode } from "../../app/static/codec.js";
import { LabelDocument, blank } from "../../app/static/document.js";
import { HostLink, belongs, payloadOf } from "../../app/static/host.js";
import { scene } from "./palettes.mjs";

/** A host that sends, and the document that it sends to. */
function pair() {
  let told = () => {};
  const props = { value: null };
  const host = { props, trigger() {}, watch: (_, callback) => (told = callback) };
  const source = { doc: new LabelDocument(blank(8, 8, "scene", 4)), seq: 0, ready: Promise.resolve() };
  const link = new HostLink(host, source, { scene });
  source.doc.onstep = () => link.publish();
  let seq = 1e15;
  const send = (label, more = {}) => {
    const shown = new Promise((resolve) => (link.onload = resolve));
    props.value = { ...encode(blank(8, 8, "scene", label), ++seq), ...more };
    told();
    return shown;
  };
  return { ...source, props, send };
}

test("a map belongs where it is whole and the palettes have its classes", () => {
  const map = { width: 8, height: 9, palette: "scene", labels: new Uint8Array(72).fill(4), instances: null };
  const numbers = (length) => new Uint16Array(length).fill(65535);
  for (const more of [{}, { instances: undefined }, { instances: numbers(72) }, { width: 9, height: 8 }]) {
    assert.equal(belongs({ ...map, ...more }, { scene }), true, JSON.stringify(Object.keys(more)));
  }
  const wrong = [
    { palette: "nonesuch" },
    { labels: new Uint8Array(72).fill(5) },
    { labels: new Uint8Array(71) },
    { labels: new Array(72).fill(4) },
    { instances: numbers(71) },
    { instances: new Uint8Array(72) },
    { width: 72, height: 1 },
    { width: 2056, height: 8, labels: new Uint8Array(2056 * 8) },
    { width: undefined },
  ];
  for (const more of wrong) assert.equal(belongs({ ...map, ...more }, { scene }), false, JSON.stringify(more));
});

test("objects come with a load, and go back to the host", async () => {
  const { doc, props, send } = pair();
  const numbers = { ...blank(8, 8, "scene", 0), instances: new Uint16Array(64).fill(513) };
  const { i } = encode(numbers, 1);
  await send(1, { i });
  assert.deepEqual([doc.instanceAt(3, 3), props.value.i], [513, i]);
  await send(2);
  assert.deepEqual([doc.instanceAt(3, 3), "i" in props.value], [0, false]);
});

test("over an open photo the selection goes along as the region, and only then", async () => {
  const { doc, props } = pair();
  doc.select({ x: 1, y: 0, w: 2, h: 1, data: Uint8Array.of(1, 1) }, "replace");
  assert.equal("region" in payloadOf({ doc, seq: 1 }), false);
  doc.setPhoto({ version: "a", width: 80, height: 80, base: null });
  doc.onstep();
  const expected = Uint8Array.from({ length: 64 }, (_, i) => Number(i === 1 || i === 2));
  assert.deepEqual(await decodeArea(props.value.region), expected);
  assert.deepEqual([props.value.region.w, props.value.region.h], [8, 8]);
  doc.selectNone();
  assert.equal("region" in payloadOf({ doc, seq: 1 }), false);
});
