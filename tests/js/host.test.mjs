import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "../../app/static/codec.js";
import { LabelDocument, blank } from "../../app/static/document.js";
import { HostLink } from "../../app/static/host.js";
import { Underlay } from "../../app/static/underlay.js";
import { scene } from "./palettes.mjs";
import { PNG, canPicture } from "./pictures.mjs";

/** A host that sends, and the document that it sends to. */
function pair() {
  let told = () => {};
  const props = { value: null };
  const host = { props, trigger() {}, watch: (_, callback) => (told = callback) };
  const source = {
    doc: new LabelDocument(blank(8, 8, "scene", 4)),
    underlay: new Underlay(),
    seq: 0,
    ready: Promise.resolve(),
  };
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

test("a load brings its photo, leaves the one that is there, or takes it away", async () => {
  const { doc, underlay, send } = pair();
  canPicture().finish();
  await send(1, { under: PNG });
  assert.deepEqual([doc.at(0, 0), underlay.photo?.url], [1, PNG]);
  await send(2);
  assert.deepEqual([doc.at(0, 0), underlay.photo?.url], [2, PNG]);
  await send(3, { under: "" });
  assert.deepEqual([doc.at(0, 0), underlay.photo], [3, null]);
});

test("map and photo change in the same moment", async () => {
  const { doc, underlay, send } = pair();
  const pictures = canPicture();
  const shown = send(1, { under: PNG });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([doc.at(0, 0), underlay.photo], [4, null]);
  pictures.finish();
  await shown;
  assert.deepEqual([doc.at(0, 0), underlay.photo?.url], [1, PNG]);
});

test("what goes back to the host has no photo, and undo leaves the photo", async () => {
  const { doc, underlay, props, send } = pair();
  canPicture().finish();
  await send(1, { under: PNG });
  assert.deepEqual(Object.keys(props.value), ["w", "h", "z", "palette", "seq"]);
  doc.undo();
  assert.equal(doc.at(0, 0), 4);
  assert.equal(underlay.photo?.url, PNG);
});
