import assert from "node:assert/strict";
import test from "node:test";
import { encode, encodeArea } from "../../app/static/codec.js";
import { LabelDocument, blank } from "../../app/static/document.js";
import { PhotoDesk } from "../../app/static/photodesk.js";
import { Underlay } from "../../app/static/underlay.js";
import { scene } from "./palettes.mjs";
import { PNG, canPicture } from "./pictures.mjs";

const heard = [];
globalThis.document = new EventTarget();
document.addEventListener("spadework:photo-version", ({ detail }) => heard.push(detail));

const url = (name) => `${PNG}${name}`;

/** A desk with a map of 8 × 8, and what the server tells of a version. */
function desk() {
  canPicture().finish();
  heard.length = 0;
  const doc = new LabelDocument(blank(8, 8, "scene", 4));
  const underlay = new Underlay();
  const made = new PhotoDesk("canvas", doc, underlay, { scene });
  doc.onphoto = (walked) => walked && made.walked();
  const tell = (id, more = {}) => made.turn({ id, width: 80, height: 80, base: null, record: true, url: id && url(id), ...more });
  const sees = () => [doc.photo?.version, underlay.photo?.url];
  return { doc, underlay, made, tell, sees };
}

test("map, first map, selection and picture come with a version, and go with one undo", async () => {
  const { doc, tell, sees } = desk();
  const labels = new Uint8Array(64).fill(2);
  const { w, h, z } = encode({ ...doc.content, labels }, 0);
  const region = encodeArea(Uint8Array.from({ length: 64 }, (_, at) => Number(at < 8)), 8);
  await tell("a", { labels: { w, h, z, palette: "scene" }, base: encodeArea(Uint8Array.of(1, 2, 3, 0), 2), region });
  assert.deepEqual(sees(), ["a", url("a")]);
  assert.deepEqual([doc.at(0, 0), doc.selectionMask().data.length, doc.photo.width], [2, 8, 80]);
  assert.deepEqual(doc.photo.base, { width: 2, height: 2, palette: "scene", labels: Uint8Array.of(1, 2, 3, 0) });
  doc.undo();
  assert.deepEqual([...sees(), doc.at(0, 0), doc.selection], [undefined, undefined, 4, null]);
  assert.deepEqual(heard, [{ id: "canvas", version: "" }]);
});

test("what is not told stays: picture, map, selection", async () => {
  const { doc, tell, sees } = desk();
  await tell("a");
  doc.selectAll();
  await tell("b", { url: undefined });
  assert.deepEqual([...sees(), doc.at(0, 0)], ["b", url("a"), 4]);
  assert.ok(doc.selection);
  await tell("c", { region: null });
  assert.equal(doc.selection, null);
});

test("a version that was seen is back at once, and the server's word on it changes nothing", async () => {
  const { doc, tell, sees } = desk();
  await tell("a");
  await tell("b");
  doc.undo();
  assert.deepEqual(sees(), ["a", url("a")]);
  await tell("a", { record: false });
  assert.deepEqual([...sees(), doc.history.past.length, doc.history.future.length], ["a", url("a"), 1, 1]);
  doc.redo();
  assert.deepEqual(sees(), ["b", url("b")]);
});

test("the settings of a reopened edit go with it, and come again", async () => {
  const { doc, made, tell } = desk();
  const panel = { settings: ["mine"] };
  const swap = ({ detail }) => (panel.settings = detail.swap(panel.settings));
  document.addEventListener("spadework:settings", swap);
  await tell("a");
  await tell("b", { name: "accept" });
  made.settings = panel.settings;
  await tell("a", { name: "reopen" });
  panel.settings = ["the edit's"];
  doc.undo();
  assert.deepEqual([doc.photo.version, panel.settings], ["b", ["mine"]]);
  await tell("b", { record: false });
  doc.undo();
  doc.redo();
  assert.deepEqual([doc.photo.version, panel.settings], ["b", ["mine"]], "redo of what was accepted is another step");
  panel.settings = ["mine, changed"];
  doc.redo();
  assert.deepEqual([doc.photo.version, panel.settings], ["a", ["the edit's"]]);
  doc.undo();
  assert.deepEqual(panel.settings, ["mine, changed"]);
  await tell("c", { name: "reopen" });
  doc.undo();
  assert.deepEqual(panel.settings, ["mine, changed"], "a result that was opened comes with its own");
  document.removeEventListener("spadework:settings", swap);
});

test("an answer that comes after the artist has walked on is dropped", async () => {
  const { doc, tell, sees } = desk();
  for (const id of ["a", "b", "c"]) await tell(id);
  doc.undo();
  doc.undo();
  assert.deepEqual(heard.map(({ version }) => version), ["b", "a"]);
  await tell("b", { record: false });
  assert.deepEqual(sees(), ["a", url("a")]);
  await tell("a", { record: false, url: url("a, afresh") });
  assert.deepEqual(sees(), ["a", url("a, afresh")]);
});

test("what the server tells unasked is taken over without a step, even while it owes an answer", async () => {
  const { doc, tell, sees } = desk();
  await tell("a");
  await tell("b");
  doc.undo();
  await tell("z", { record: false });
  assert.deepEqual([...sees(), doc.history.past.length], ["z", url("z"), 1]);
});

test("without a picture at hand the former one stays until the server sends it", async () => {
  const { doc, made, tell, sees } = desk();
  await tell("a");
  await tell("b");
  made.pictures.clear();
  doc.undo();
  assert.deepEqual(sees(), ["a", url("b")]);
  await tell("c", { url: undefined });
  doc.undo();
  assert.notDeepEqual(made.pictures.get("a")?.url, url("b"), "the wrong picture is not remembered");
  await tell("a", { record: false });
  assert.deepEqual(sees(), ["a", url("a")]);
});

test("versions told in a row come in that row, however long their pictures take", async () => {
  const { tell, sees, doc } = desk();
  const pictures = canPicture();
  const told = [tell("a"), tell("b"), tell("", { url: "" })];
  await new Promise((resolve) => setTimeout(resolve, 10));
  pictures.finish();
  await Promise.all(told);
  assert.deepEqual([...sees(), doc.history.past.length], [undefined, undefined, 3]);
});

test("a damaged map is refused, nothing of it taken over, and the next word is heard", async () => {
  const { doc, tell, sees } = desk();
  await tell("a");
  const labels = encodeArea(new Uint8Array(64).fill(9), 8);
  await assert.rejects(tell("b", { labels }), /palette/);
  await assert.rejects(tell("b", { base: { w: 9, h: 9, z: labels.z } }), /9 × 9/);
  assert.deepEqual([...sees(), doc.at(0, 0)], ["a", url("a"), 4]);
  await tell("c");
  assert.deepEqual(sees(), ["c", url("c")]);
});
