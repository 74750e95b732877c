import assert from "node:assert/strict";
import test from "node:test";
import { LabelDocument, blank } from "../../app/static/document.js";
import { gesturesFor } from "../../app/static/tools/index.js";
import { constrainLine } from "../../app/static/tools/gesture.js";
import * as oracle from "./oracle.mjs";

/** An editor that writes down what the gestures ask of it. */
function editor(options = {}) {
  const told = [];
  const note = (name) => (...args) => void told.push([name, ...args]);
  const made = {
    tool: "brush", shape: "rectangle", shapeMode: "paint", lassoMode: "select", size: 10, pressure: true, told,
    ink: { label: 2, instance: 0 }, rubber: { label: 4, instance: 0 }, inkColour: "red",
    view: { scale: 2, panBy: note("panBy") },
    picker: { choice: { current: 2 }, used() {} },
    doc: { abortStroke: note("abortStroke"), selection: null },
    ...options,
  };
  for (const name of ["beginStroke", "strokeTo", "endStroke", "drawLine", "lay", "fill", "pick", "selectAt", "moveArea"]) {
    made[name] = note(name);
  }
  made.movable = () => ({ x: 0, y: 0, w: 1, h: 1, data: Uint8Array.of(1) });
  made.gestures = gesturesFor(made);
  return made;
}

let clock = 0;
const press = (x, y, more = {}) => ({
  x, y, clientX: 2 * x, clientY: 2 * y, shift: false, alt: false, pressure: 1, eraser: false, time: (clock += 1000), ...more,
});
const names = (e) => e.told.map(([name]) => name);
const area = ({ x, y, w, h }) => [x, y, w, h];

test("a stroke goes where the pointer goes; Shift goes on from its end", () => {
  const e = editor();
  const { brush } = e.gestures;
  brush.down(press(1, 1));
  assert.ok(brush.running);
  brush.move(press(5, 1));
  brush.up(press(5, 1));
  brush.down(press(20, 9, { shift: true }));
  brush.up(press(20, 9));
  assert.ok(!brush.running);
  const steps = e.told.filter(([name]) => name === "strokeTo").map(([, x, y, share]) => [x, y, share]);
  assert.deepEqual(steps, [[1, 1, 1], [5, 1, 1], [5, 1, 1], [20, 9, 1]]);
  assert.equal(names(e).filter((name) => name === "endStroke").length, 2);
});

test("a pen's pressure is a share of the size, never less than a tenth, unless it is switched off", () => {
  const e = editor();
  const { brush } = e.gestures;
  brush.down(press(1, 1, { pressure: 0.5 }));
  brush.move(press(2, 1, { pressure: 0.01 }));
  e.pressure = false;
  brush.move(press(3, 1, { pressure: 0.01 }));
  assert.deepEqual(e.told.filter(([name]) => name === "strokeTo").map((t) => t[3]), [0.5, 0.1, 1]);
});

test("the eraser end of a pen erases whatever the class", () => {
  const e = editor();
  e.gestures.brush.down(press(1, 1, { eraser: true }));
  assert.deepEqual(e.told[0], ["beginStroke", e.rubber]);
});

test("Escape takes a stroke back; losing the pointer keeps it", () => {
  const e = editor();
  e.gestures.brush.down(press(1, 1));
  e.gestures.brush.cancel();
  e.gestures.brush.move(press(9, 9));
  assert.equal(names(e).at(-1), "abortStroke");
  e.gestures.brush.down(press(1, 1));
  e.gestures.brush.lost(press(1, 1));
  assert.equal(names(e).at(-1), "endStroke");
});

test("a rectangle from corner to corner, as a square with Shift, about its centre with Alt", () => {
  const e = editor();
  const draw = (held, then) => {
    e.gestures.shape.down(press(10, 10, held));
    e.gestures.shape.up(press(20, 14, then));
    const [, mask, use, how] = e.told.at(-1);
    return [area(mask), use, how];
  };
  assert.deepEqual(draw({}, {}), [[10, 10, 10, 4], "paint", "replace"]);
  assert.deepEqual(draw({}, { shift: true })[0], [10, 10, 10, 10]);
  assert.deepEqual(draw({}, { alt: true })[0], [0, 6, 20, 8]);
  assert.deepEqual(draw({}, { alt: true, shift: true })[0], [0, 0, 20, 20]);
});

test("selecting, keys held at the press combine and constrain only when pressed anew", () => {
  const e = editor({ shapeMode: "select" });
  const { shape } = e.gestures;
  shape.down(press(10, 10, { shift: true }));
  shape.up(press(20, 14, { shift: true }));
  assert.deepEqual(area(e.told.at(-1)[1]), [10, 10, 10, 4]);
  assert.deepEqual(e.told.at(-1).slice(2), ["select", "add"]);
  shape.down(press(10, 10, { alt: true }));
  shape.move(press(15, 12));
  shape.up(press(20, 14, { shift: true }));
  assert.deepEqual(area(e.told.at(-1)[1]), [10, 10, 10, 10]);
  assert.deepEqual(e.told.at(-1).slice(2), ["select", "subtract"]);
});

test("a line keeps to whole angles with Shift", () => {
  assert.deepEqual(constrainLine({ x: 0, y: 0 }, { x: 10, y: 3 }), { x: 10, y: 0 });
  assert.deepEqual(constrainLine({ x: 0, y: 0 }, { x: -2, y: 10 }), { x: 0, y: 10 });
  assert.deepEqual(constrainLine({ x: 0, y: 0 }, { x: 10, y: -8 }), { x: 10, y: -10 });
  const e = editor({ shape: "line" });
  e.gestures.shape.down(press(0, 0));
  e.gestures.shape.up(press(10, 3, { shift: true }));
  assert.deepEqual(e.told.at(-1), ["drawLine", { x: 0, y: 0 }, { x: 10, y: 0 }]);
});

test("a polygon: corners, one taken back, closed by Enter, by its first corner, by two presses", () => {
  const e = editor();
  const { polygon } = e.gestures;
  const corner = (x, y, more) => {
    polygon.down(press(x, y, more));
    polygon.up(press(x, y));
  };
  const closes = (how) => {
    for (const [x, y] of [[0, 0], [10, 0], [50, 50]]) corner(x, y);
    assert.ok(polygon.key("Backspace"));
    corner(10, 10);
    how();
    assert.ok(!polygon.running);
    const [name, mask] = e.told.pop();
    assert.equal(name, "lay");
    const inside = mask.data.reduce((sum, pixel) => sum + pixel, 0);
    assert.ok(inside === 45 || inside === 55, `${inside} pixels`); // half of 100, the diagonal on one side or the other
  };
  closes(() => polygon.key("Enter"));
  closes(() => corner(1, 1));
  closes(() => corner(10, 10, { time: polygon.pressed + 100 }));
  assert.equal(polygon.key("Enter"), false);
});

test("a polygon that is given up leaves nothing, and two corners are none", () => {
  const e = editor();
  const { polygon } = e.gestures;
  polygon.down(press(0, 0));
  polygon.down(press(10, 0));
  polygon.key("Enter");
  polygon.down(press(0, 0));
  polygon.cancel();
  assert.ok(!polygon.running);
  assert.deepEqual(e.told, []);
});

test("a lasso selects what it goes round, and paints when it is told to", () => {
  const e = editor();
  const round = (held = {}) => {
    e.gestures.lasso.down(press(0, 0, held));
    for (const [x, y] of [[8, 0], [8, 8], [0, 8]]) e.gestures.lasso.move(press(x, y));
    e.gestures.lasso.up(press(0, 8));
    return [area(e.told.at(-1)[1]), ...e.told.at(-1).slice(2)];
  };
  assert.deepEqual(round(), [[0, 0, 8, 8], "select", "replace"]);
  assert.deepEqual(round({ alt: true, shift: true }).slice(1), ["select", "intersect"]);
  e.lassoMode = "paint";
  assert.equal(round()[1], "paint");
});

test("fill and select act when the pointer comes up, and not after they were given up", () => {
  const e = editor();
  for (const name of ["fill", "select"]) {
    e.gestures[name].down(press(3, 4));
    assert.deepEqual(e.told, []);
    e.gestures[name].lost(press(3, 4));
    e.gestures[name].up(press(3, 4));
    assert.deepEqual(e.told, []);
    e.gestures[name].down(press(3, 4));
    e.gestures[name].up(press(3, 4));
    assert.deepEqual(e.told.pop().slice(1, 3), [3, 4]);
  }
});

test("an area moves by whole pixels, along one axis with Shift, as a copy with Alt, by arrows where selected", () => {
  const e = editor();
  const carry = (held) => {
    e.gestures.move.down(press(0.2, 0.2));
    e.gestures.move.up(press(7.5, -3.1, held));
    return e.told.at(-1).slice(2);
  };
  assert.deepEqual(carry({}), [7, -3, false]);
  assert.deepEqual(carry({ shift: true }), [7, 0, false]);
  assert.deepEqual(carry({ alt: true }), [7, -3, true]);
  assert.equal(e.gestures.move.key("ArrowLeft", false), false);
  e.doc.selection = Uint8Array.of(1);
  e.doc.selectionMask = () => ({ x: 0, y: 0, w: 1, h: 1, data: Uint8Array.of(1) });
  assert.equal(e.gestures.move.key("ArrowLeft", true), true);
  assert.deepEqual(e.told.at(-1).slice(2), [-10, 0, false]);
});

test("panning moves the view by what the pointer moved on the page", () => {
  const e = editor();
  e.gestures.pan.down(press(0, 0));
  e.gestures.pan.move(press(3, 5));
  e.gestures.pan.up(press(3, 5));
  e.gestures.pan.move(press(9, 9));
  assert.deepEqual(e.told, [["panBy", 6, 10]]);
});

/** An editor with a map of 40 × 30 whose brush selects. */
function selecting(options = {}) {
  const doc = { width: 40, height: 30, selection: new Uint8Array(1200).fill(1), abortStroke() {} };
  const e = editor({ doc, brushMode: "select", square: false, ...options });
  e.say = (text) => void e.told.push(["say", text]);
  return e;
}

/** The pixels of the last area laid, in the map. */
const laid = (e) => oracle.pixelsOf(e.told.findLast(([name]) => name === "lay")[1], 40, 30);

test("a brush that selects adds the pixels that it would paint; the eraser and Alt take them away", () => {
  const paper = new LabelDocument(blank(40, 30, "scene", 4));
  paper.beginStroke({ label: 1, instance: 0 });
  for (const [x, y] of [[5, 5], [30, 8], [44, 20]]) paper.strokeTo(x, y, 10);
  paper.endStroke();
  const expected = oracle.pixelsWhere(40, 30, (x, y, at) => paper.labels[at] === 1);
  for (const [more, held, how] of [[{}, {}, "add"], [{}, { alt: true }, "subtract"], [{ tool: "eraser" }, {}, "subtract"]]) {
    const e = selecting(more);
    const { marker } = e.gestures;
    marker.down(press(5, 5, held));
    marker.move(press(30, 8));
    marker.up(marker.move(press(44, 20)));
    assert.deepEqual(e.told.map(([name, , use, combine]) => [name, use, combine]), [["lay", "select", how]]);
    assert.deepEqual(laid(e), expected);
  }
});

test("what a selecting stroke has covered is told once, and Escape gives it up", () => {
  const e = selecting();
  const { marker } = e.gestures;
  marker.down(press(10, 10));
  const { stain } = marker.preview;
  assert.deepEqual(stain.fresh(), { x: 5, y: 5, w: 10, h: 10 });
  assert.equal(stain.fresh(), null);
  marker.move(press(16, 10));
  assert.deepEqual(stain.fresh(), { x: 5, y: 5, w: 16, h: 10 });
  marker.cancel();
  assert.deepEqual([marker.preview, e.told], [null, []]);
  marker.down(press(3, 3, { shift: true }));
  marker.lost(press(3, 3));
  assert.ok(laid(e).includes(8 * 40 + 10), "with Shift it goes straight on from where the last one was");
});

test("nothing can be taken from no selection, and the eraser says so", () => {
  const e = selecting({ tool: "eraser" });
  e.doc.selection = null;
  e.gestures.marker.down(press(5, 5));
  e.gestures.marker.up(press(9, 9));
  assert.deepEqual(e.told, [["say", "Nothing is selected."]]);
});
