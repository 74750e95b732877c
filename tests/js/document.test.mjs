import assert from "node:assert/strict";
import test from "node:test";
import { LabelDocument, blank } from "../../app/static/document.js";
import { ellipse, rectangle } from "../../app/static/shapes.js";
import * as oracle from "./oracle.mjs";

const paper = (width = 64, height = 48) => new LabelDocument(blank(width, height, "scene", 4));
const count = (labels, label) => labels.reduce((n, v) => n + (v === label), 0);
const ink = (label, instance = 0) => ({ label, instance });
const LEAVE = ["nearest", "unlabelled", "copy"];
const whole = (doc) => rectangle({ x: 0, y: 0 }, { x: doc.width, y: doc.height });

function stroke(doc, points, diameter, label, { square = false, instance = 0 } = {}) {
  doc.beginStroke(ink(label, instance), { square });
  for (const [x, y, d = diameter] of points) doc.strokeTo(x, y, d);
  return doc.endStroke();
}

/** Everything that undo has to bring back; no object numbers at all are as good as zeros. */
const stateOf = ({ width, height, palette, labels, instances, selection, photo }) => ({
  size: `${width} × ${height} ${palette}`,
  labels: labels.slice(),
  instances: instances?.slice() ?? new Uint16Array(labels.length),
  selection: selection?.slice() ?? null,
  photo: structuredClone(photo),
});

/** A version of a photo, with or without a first map. */
function version(roll, name) {
  const base = roll(2) ? { width: 7, height: 5, palette: "scene", labels: oracle.noise(roll, 35, 3) } : null;
  return { version: name, width: 70, height: 50, base };
}

/** How many pixels of two states are not alike. */
function differing(a, b) {
  const unlike = (at) => a.labels[at] !== b.labels[at] || a.instances[at] !== b.instances[at];
  return oracle.pixelsWhere(a.labels.length, 1, unlike).length;
}

/** A map with object numbers, in which every class from 0 to 5 occurs. */
function busy(seed, width = 40, height = 31) {
  const roll = oracle.dice(seed);
  const doc = paper(width, height);
  doc.labels.set(oracle.blots(roll, width, height, 6));
  doc.content.instances = Uint16Array.from(doc.labels, (label) => (label === 3 ? 1 + roll(2) : 0));
  return { roll, doc };
}

test("a fast stroke has no gaps and nothing but the class", () => {
  const doc = paper();
  stroke(doc, [[2, 2], [60, 40]], 3, 1);
  for (let x = 3; x < 60; x++) {
    const column = Array.from({ length: 48 }, (_, y) => doc.at(x, y));
    assert.ok(column.includes(1), `column ${x} is empty`);
  }
  assert.deepEqual([...new Set(doc.labels)].sort(), [1, 4]);
});

test("strokes past the edge are cut, not wrapped", () => {
  const doc = paper();
  stroke(doc, [[-30, 20], [1, 20]], 5, 1);
  assert.equal(doc.at(63, 19), 4);
  assert.equal(doc.at(0, 20), 1);
  assert.equal(stroke(doc, [[200, 200], [300, 300]], 20, 2), 0);
  assert.equal(count(doc.labels, 2), 0);
  assert.equal(doc.history.past.length, 1, "a stroke outside the map is no step");
});

test("a stroke tells how many pixels it changed, and says nothing of none", () => {
  const doc = paper();
  assert.equal(stroke(doc, [[5, 5]], 3, 1), 9);
  assert.equal(stroke(doc, [[6, 5]], 3, 1), 3);
  doc.onstep = () => assert.fail("nothing happened");
  assert.equal(stroke(doc, [[5, 5], [6, 5]], 3, 1), 0);
});

test("one stroke is one step, and redo brings back the very pixels", () => {
  const doc = paper();
  const states = [doc.labels.slice()];
  for (let k = 0; k < 220; k++) {
    const points = [[k % 64, (k * 7) % 48], [(k * 13) % 64, (k * 5) % 48]];
    if (stroke(doc, points, 1 + (k % 9), k % 4)) states.push(doc.labels.slice());
  }
  const steps = doc.history.past.length;
  assert.ok(steps >= 200);
  for (let k = steps - 1; k >= 0; k--) {
    doc.undo();
    assert.deepEqual(doc.labels, states[k]);
  }
  assert.equal(doc.canUndo, false);
  for (let k = 1; k <= steps; k++) {
    doc.redo();
    assert.deepEqual(doc.labels, states[k]);
  }
  assert.equal(doc.canRedo, false);
});

test("200 steps stay however large, no more than that of large ones, and 2000 of small ones", () => {
  const [w, h] = [1024, 512];
  const doc = paper(w, h);
  const all = oracle.noise(oracle.dice(5), w * h + 230, 183);
  for (let k = 0; k < 230; k++) doc.replace({ ...doc.content, labels: all.slice(k, k + w * h) });
  const bytes = doc.history.past.reduce((sum, step) => sum + step.bytes, 0);
  assert.equal(doc.history.past.length, 200);
  assert.ok(bytes < 1.01 * 200 * w * h, `${bytes}`);
  for (let k = 228; k >= 30; k--) doc.undo();
  assert.ok(doc.canUndo && Buffer.from(doc.labels).equals(Buffer.from(all.slice(30, 30 + w * h))));
  const small = paper(8, 8);
  for (let k = 0; k < 2100; k++) small.clear(k % 2);
  assert.equal(small.history.past.length, 2000);
});

test("a new step forgets what was undone", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  doc.undo();
  stroke(doc, [[9, 9]], 3, 2);
  assert.equal(doc.canRedo, false);
});

test("an aborted stroke leaves no trace", () => {
  const { doc } = busy(3);
  doc.mirror = "both";
  const before = stateOf(doc);
  doc.beginStroke(ink(1, 7));
  doc.strokeTo(10, 10, 9);
  assert.notDeepEqual(stateOf(doc), before);
  doc.abortStroke();
  assert.deepEqual(stateOf(doc), before);
  assert.equal(doc.canUndo, false);
});

test("undo waits while a stroke is running", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  doc.beginStroke(ink(2));
  doc.strokeTo(20, 20, 3);
  doc.undo();
  doc.endStroke();
  assert.equal(doc.history.past.length, 2);
  assert.equal(doc.at(5, 5), 1);
});

test("undo leaves rules and mirror as they are", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  doc.rules = { only: new Set([4]), never: new Set([1]) };
  doc.mirror = "y";
  doc.undo();
  assert.deepEqual([doc.rules, doc.mirror, doc.at(5, 5)], [{ only: new Set([4]), never: new Set([1]) }, "y", 4]);
});

test("a stroke covers its discs or squares, gaps in a row closed, mirrored, where selection and rules let it", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { roll, doc } = busy(seed);
    const { width: w, height: h } = doc;
    doc.mirror = ["none", "x", "y", "both"][seed % 4];
    if (seed % 3 === 0) doc.rules.only.add(roll(6)).add(roll(6)).add(roll(6));
    if (seed % 5 === 0) doc.rules.never.add(roll(6));
    if (seed % 2) doc.select(ellipse({ x: roll(20), y: roll(10) }, { x: 20 + roll(40), y: 10 + roll(30) }), "replace");
    const pressed = seed % 3 === 1; // the brush changes its width
    const width = 1 + roll(14);
    const place = () => [roll(60) - 10 + roll(10) / 10, roll(45) - 7, pressed ? 1 + roll(14) : width];
    const points = Array.from({ length: 1 + roll(4) }, place);
    const may = Uint8Array.from(doc.labels, (_, at) => (doc.allows(at) ? 1 : 0));
    const before = stateOf(doc);
    const square = seed % 7 === 0;
    const pen = ink(roll(6), seed % 4 ? 0 : 9);
    const changed = stroke(doc, points, 0, pen.label, { square, instance: pen.instance });
    const segments = points.map((point, k) => slowStamps(points[Math.max(0, k - 1)], point));
    const covered = new Set(segments.flatMap((stamps) => {
      const on = oracle.pixelsWhere(w + 80, h, (i, y) => stamps.some((stamp) => covers(stamp, i - 40, y, square)));
      const rows = Array.from({ length: h }, (_, y) => on.filter((at) => Math.floor(at / (w + 80)) === y));
      const closed = rows.flatMap((row) => stretch(row[0], row.at(-1)));
      return (pressed ? closed : on).map((at) => `${(at % (w + 80)) - 40} ${Math.floor(at / (w + 80))}`);
    }));
    const across = ["x", "both"].includes(doc.mirror) ? [0, 1] : [0];
    const flips = (["y", "both"].includes(doc.mirror) ? [0, 1] : [0]).flatMap((fy) => across.map((fx) => [fx, fy]));
    oracle.each(w, h, (x, y, at) => {
      const painted = may[at] && flips.some(([fx, fy]) => covered.has(`${fx ? w - 1 - x : x} ${fy ? h - 1 - y : y}`));
      if (!painted) return;
      before.labels[at] = pen.label;
      before.instances[at] = pen.instance;
    });
    const after = stateOf(doc);
    assert.deepEqual(after.labels, before.labels, `seed ${seed}`);
    assert.deepEqual(after.instances, before.instances, `seed ${seed}`);
    doc.undo();
    assert.equal(changed, differing(after, stateOf(doc)));
  }
});

const stretch = (from, to) => (from === undefined ? [] : Array.from({ length: to - from + 1 }, (_, k) => from + k));

/** The brush at every whole step of the longest way: across, down, or in width. */
function slowStamps(...points) {
  const [a, b] = points.map(([x, y, d]) => [Math.floor(x - (d - 1) / 2), Math.floor(y - (d - 1) / 2), d]);
  const [dx, dy, grown] = [b[0] + b[2] / 2 - a[0] - a[2] / 2, b[1] + b[2] / 2 - a[1] - a[2] / 2, b[2] - a[2]];
  const steps = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy), Math.abs(grown), 1));
  return Array.from({ length: steps + 1 }, (_, n) => {
    const d = a[2] + Math.round((grown * n) / steps);
    return [...[dx, dy].map((v, axis) => a[axis] + Math.round((v * n) / steps - (d - a[2]) / 2)), d];
  });
}

function covers([left, top, d], x, y, square) {
  if (square) return x >= left && y >= top && x < left + d && y < top + d;
  return Math.hypot(x + 0.5 - left - d / 2, y + 0.5 - top - d / 2) <= d / 2;
}

test("fill stays within edge-connected pixels of the class", () => {
  const doc = paper(9, 9);
  for (let i = 0; i < 9; i++) stroke(doc, [[i, 8 - i]], 1, 1); // a diagonal wall
  assert.equal(doc.fill(0.5, 0.5, ink(2)), 36);
  assert.equal(count(doc.labels, 2), 36);
  assert.equal(doc.at(8, 8), 4);
  doc.undo();
  assert.equal(count(doc.labels, 2), 0);
  assert.equal(doc.fill(-1, 3, ink(2)), 0);
});

test("fill takes one object of a class, everywhere all of them", () => {
  const doc = paper(9, 3);
  doc.paint(rectangle({ x: 0, y: 0 }, { x: 3, y: 3 }), ink(1, 5));
  doc.paint(rectangle({ x: 3, y: 0 }, { x: 6, y: 3 }), ink(1, 6));
  doc.paint(rectangle({ x: 7, y: 0 }, { x: 9, y: 3 }), ink(1));
  assert.equal(doc.fill(1, 1, ink(2)), 9);
  doc.undo();
  assert.equal(doc.fill(1, 1, ink(1, 6)), 9, "the same class, another object");
  assert.equal(doc.fill(1, 1, ink(1, 6)), 0);
  assert.equal(doc.fill(4, 1, ink(0), { everywhere: true }), 24);
});

test("fill, replace and clear change what they should, as far as selection and rules let them", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { roll, doc } = busy(seed);
    const { width: w, height: h } = doc;
    doc.mirror = "both"; // of no concern here
    if (seed % 2) doc.select(ellipse({ x: roll(20), y: roll(10) }, { x: 20 + roll(40), y: 10 + roll(30) }), "replace");
    if (seed % 3 === 0) doc.rules.never.add(roll(6));
    const { labels, instances } = stateOf(doc);
    const may = Uint8Array.from(labels, (_, at) => (doc.allows(at) ? 1 : 0));
    const [x, y] = [roll(w), roll(h)];
    const at = y * w + x;
    const areas = oracle.areasOf(w, h, (a, b) => labels[a] === labels[b] && instances[a] === instances[b]);
    const area = new Set(areas.find((one) => one.includes(at)));
    const to = ink(roll(6), roll(3));
    const cases = [
      [() => doc.fill(x + 0.4, y + 0.9, to), (n) => may[at] && area.has(n), to],
      [() => doc.fill(x, y, to, { everywhere: true }), (n) => may[at] && labels[n] === labels[at], to],
      [() => doc.replaceClass(2, to), (n) => labels[n] === 2, to],
      [() => doc.clear(3), () => true, ink(3)],
    ];
    for (const [run, meant, used] of cases) {
      const changed = run();
      const expected = { labels: labels.slice(), instances: instances.slice() };
      oracle.each(w, h, (i, j, n) => {
        if (!may[n] || !meant(n)) return;
        expected.labels[n] = used.label;
        expected.instances[n] = used.instance;
      });
      assert.deepEqual(doc.labels, expected.labels);
      assert.deepEqual(stateOf(doc).instances, expected.instances);
      if (changed) doc.undo();
      assert.deepEqual(doc.labels, labels, "undone, or never changed");
    }
  }
});

test("a moved area lands on top, leaves what it should, and takes its numbers and selection along", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { roll, doc } = busy(seed, 24, 19);
    const { width: w, height: h } = doc;
    const shape = ellipse({ x: roll(12) - 4, y: roll(9) - 3 }, { x: 10 + roll(20), y: 9 + roll(14) });
    if (seed % 3 === 0) doc.select(rectangle({ x: roll(10), y: 0 }, { x: 24, y: 4 + roll(15) }), "replace");
    if (seed % 4 === 0) doc.rules.never.add(roll(6));
    if (seed % 5 === 0) doc.rules.only.add(roll(6)).add(roll(6));
    const leave = LEAVE[roll(3)];
    const [dx, dy] = [roll(25) - 12, roll(17) - 8];
    const before = stateOf(doc);
    const part = new Set(oracle.pixelsOf(shape, w, h).filter((at) => before.selection?.[at] ?? 1));
    const changed = doc.moveArea(shape, dx, dy, { leave, unlabelled: 5 });
    const expected = slowMove(before, doc.rules, part, dx, dy, leave, w, h);
    assert.deepEqual(doc.labels, expected.labels, `seed ${seed} ${leave}`);
    assert.deepEqual(doc.instances, expected.instances, `seed ${seed} ${leave}`);
    assert.deepEqual(doc.selection, expected.selection, `seed ${seed}`);
    assert.equal(changed, differing(before, doc));
    doc.undo();
    if (changed) assert.deepEqual(stateOf(doc), before);
  }
});

function slowMove({ labels, instances, selection }, rules, part, dx, dy, leave, w, h) {
  const out = { labels: labels.slice(), instances: instances.slice(), selection: selection?.slice() ?? null };
  if (!part.size || (!dx && !dy)) return out;
  const nearest = oracle.nearestOutside(part, w, h);
  for (const at of leave === "copy" ? [] : part) {
    const from = nearest(at);
    [out.labels[at], out.instances[at]] = leave === "nearest" ? [labels[from], instances[from]] : [5, 0];
  }
  for (const at of selection ? part : []) out.selection[at] = 0;
  for (const at of part) {
    const [x, y] = [(at % w) + dx, Math.floor(at / w) + dy];
    if (x < 0 || y < 0 || x >= w || y >= h) continue;
    const to = y * w + x;
    if (selection) out.selection[to] = 1;
    const held = rules.never.has(labels[to]) || (rules.only.size && !rules.only.has(labels[to]));
    if (held && (leave === "copy" || !part.has(to))) continue;
    out.labels[to] = labels[at];
    out.instances[to] = instances[at];
  }
  if (selection && !out.selection.includes(1)) out.selection = null;
  return out;
}

test("all of a map can be moved: what has no surroundings becomes unlabelled", () => {
  const doc = paper(8, 8);
  doc.clear(1);
  doc.moveArea(whole(doc), 3, 0, { leave: "nearest", unlabelled: 4 });
  assert.deepEqual([...doc.labels.subarray(0, 8)], [4, 4, 4, 1, 1, 1, 1, 1]);
});

test("selecting adds, takes away and cuts; an empty selection is none", () => {
  const doc = paper(10, 10);
  const [a, b] = [rectangle({ x: 1, y: 1 }, { x: 6, y: 6 }), rectangle({ x: 4, y: 4 }, { x: 40, y: 9 })];
  const [inA, inB] = [a, b].map((mask) => (i, j) => Boolean(oracle.isIn(mask, i, j)));
  const selected = () => oracle.pixelsWhere(10, 10, (i, j, at) => doc.selection[at]);
  const cases = {
    replace: inB,
    add: (i, j) => inA(i, j) || inB(i, j),
    subtract: (i, j) => inA(i, j) && !inB(i, j),
    intersect: (i, j) => inA(i, j) && inB(i, j),
  };
  for (const [mode, holds] of Object.entries(cases)) {
    doc.select(a, "replace");
    assert.equal(doc.select(b, mode), true);
    assert.deepEqual(selected(), oracle.pixelsWhere(10, 10, holds), mode);
    assert.deepEqual(oracle.pixelsOf(doc.selectionMask(), 10, 10), selected());
    doc.selectNone();
  }
  assert.equal(doc.select(a, "subtract"), true, "from no selection: all but that");
  assert.equal(selected().length, 75);
  doc.invertSelection();
  assert.equal(selected().length, 25);
  assert.equal(doc.select(whole(doc), "intersect"), false);
  doc.select(a, "subtract");
  assert.equal(doc.selection, null);
  assert.equal(doc.selectionMask(), null);
});

test("all, none and inverted are steps, and come back", () => {
  const doc = paper(9, 8);
  let told = 0;
  doc.onselection = () => told++;
  doc.onpixels = () => assert.fail("no pixel changed");
  assert.deepEqual([doc.selectNone(), doc.growSelection(2), doc.shrinkSelection(2)], [false, false, false]);
  assert.equal(doc.selectAll(), true);
  assert.equal(doc.selectAll(), false);
  assert.equal(doc.shrinkSelection(3), false, "the map's edge takes nothing");
  assert.equal(doc.selection.length, 72);
  assert.equal(doc.invertSelection(), true);
  assert.equal(doc.selection, null);
  assert.equal(doc.invertSelection(), true);
  assert.equal(told, 3);
  for (const expected of [null, 1, null]) {
    doc.undo();
    assert.equal(doc.selection?.[0] ?? null, expected);
  }
  doc.redo();
  assert.equal(doc.selection.includes(0), false);
  assert.equal(told, 7);
});

test("a selection grows and shrinks by discs", () => {
  const doc = paper(20, 20);
  doc.select(rectangle({ x: 10, y: 10 }, { x: 11, y: 11 }), "replace");
  doc.growSelection(4);
  const disc = oracle.pixelsWhere(20, 20, (i, j) => Math.hypot(i - 10, j - 10) <= 4);
  assert.deepEqual(oracle.pixelsOf(doc.selectionMask(), 20, 20), disc);
  doc.shrinkSelection(4);
  assert.deepEqual(oracle.pixelsOf(doc.selectionMask(), 20, 20), [210]);
  doc.shrinkSelection(1);
  assert.equal(doc.selection, null);
});

test("smoothing and removal of specks keep to selection and rules, and count", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { roll, doc } = busy(seed, 22, 17);
    const { width: w, height: h } = doc;
    if (seed % 2) doc.select(ellipse({ x: 2, y: 2 }, { x: 20, y: 16 }), "replace");
    if (seed % 3 === 0) doc.rules.never.add(roll(6));
    const before = stateOf(doc);
    const inside = Uint8Array.from(before.labels, (_, at) => (doc.allows(at) ? 1 : 0));
    const cases = [
      [() => doc.smooth(2), oracle.majority(before.labels, w, h, 2, inside)],
      [() => doc.removeSpecks(5), oracle.withoutSpecks(before.labels, w, h, 5, inside)],
    ];
    for (const [run, expected] of cases) {
      const changed = run();
      assert.deepEqual(doc.labels, expected, `seed ${seed}`);
      assert.equal(changed, count(expected.map((label, at) => (label === before.labels[at] ? 0 : 1)), 1));
      if (changed) doc.undo();
      assert.deepEqual(stateOf(doc), before);
    }
  }
});

test("pixels that are cleaned up join the object beside them, or none", () => {
  const doc = paper(12, 9);
  doc.paint(rectangle({ x: 0, y: 0 }, { x: 6, y: 9 }), ink(1, 7));
  doc.paint(rectangle({ x: 6, y: 0 }, { x: 12, y: 9 }), ink(1, 8));
  for (const [x, y, side] of [[1, 1, 3], [9, 5, 1], [8, 5, 1]]) {
    doc.paint(rectangle({ x, y }, { x: x + side, y: y + side }), ink(0, 30));
  }
  assert.equal(doc.removeSpecks(10), 11);
  for (const [x, y, object] of [[1, 1, 7], [2, 2, 7], [3, 3, 7], [9, 5, 8], [8, 5, 8]]) {
    assert.equal(doc.instanceAt(x, y), object);
  }
  doc.undo();
  assert.equal(doc.instanceAt(9, 5), 30);
});

test("object numbers are new ones, even after undo, in another map, and when the highest is taken", () => {
  const doc = paper();
  assert.deepEqual([doc.nextObject(), doc.nextObject()], [1, 2]);
  stroke(doc, [[5, 5]], 3, 1, { instance: 9 });
  assert.equal(doc.instanceAt(5, 5), 9);
  assert.equal(doc.nextObject(), 10);
  doc.replace(blank(16, 16, "scene", 0));
  assert.equal(doc.nextObject(), 11);
  stroke(doc, [[5, 5]], 3, 1, { instance: 65535 });
  stroke(doc, [[9, 5]], 1, 1, { instance: 1 });
  assert.equal(doc.nextObject(), 2);
  assert.equal(doc.instanceAt(-1, 5), null);
});

test("painting without a number takes the object's away", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1, { instance: 2 });
  assert.equal(stroke(doc, [[5, 5]], 1, 1), 1);
  assert.deepEqual([doc.instanceAt(5, 5), doc.instanceAt(4, 5)], [0, 2]);
});

test("a replaced map comes back with its size, palette, objects and selection", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1, { instance: 6 });
  doc.select(rectangle({ x: 1, y: 1 }, { x: 9, y: 9 }), "replace");
  const before = stateOf(doc);
  doc.replace({ width: 16, height: 24, palette: "face", labels: new Uint8Array(16 * 24) });
  assert.deepEqual([doc.instances, doc.selection], [null, null]);
  stroke(doc, [[5, 5]], 3, 2);
  doc.undo();
  doc.undo();
  assert.deepEqual(stateOf(doc), before);
  doc.redo();
  doc.redo();
  assert.deepEqual([doc.width, doc.height, doc.palette, doc.at(5, 5), doc.selection], [16, 24, "face", 2, null]);
});

test("what an earlier visit left is taken up without a step", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  const { content } = busy(1).doc;
  const selection = new Uint8Array(content.labels.length).fill(1, 5, 50);
  doc.restore(content, selection);
  assert.deepEqual([doc.canUndo, doc.width, doc.instances, doc.selection], [false, 40, content.instances, selection]);
  doc.restore({ ...blank(16, 16, "scene", 2), instances: undefined }, selection);
  assert.deepEqual([doc.width, doc.instances, doc.selection], [16, null, null]);
});

test("every change is told with a rectangle that holds it, and the step once", () => {
  const { doc } = busy(8, 64, 48);
  const shown = doc.labels.slice();
  let steps = 0;
  doc.onpixels = ({ x, y, w, h }) => {
    for (let j = y; j < y + h; j++) for (let i = x; i < x + w; i++) shown[j * 64 + i] = doc.labels[j * 64 + i];
  };
  doc.onstep = () => {
    steps++;
    assert.deepEqual(shown, doc.labels);
  };
  doc.mirror = "both";
  stroke(doc, [[-4, 3], [30, 24], [8, 8]], 12, 1);
  doc.paint(rectangle({ x: -3, y: 5 }, { x: 9, y: 12 }), ink(2));
  doc.fill(63, 0, ink(2, 4));
  doc.moveArea(ellipse({ x: 50, y: 30 }, { x: 70, y: 47 }), -20, 5, { leave: "nearest", unlabelled: 4 });
  doc.smooth(2);
  doc.removeSpecks(9);
  doc.undo();
  doc.undo();
  doc.redo();
  doc.clear(3);
  assert.equal(steps, 10);
});

test("500 random steps of all kinds, undone and redone, byte for byte", () => {
  const { roll, doc } = busy(77, 48, 36);
  doc.content.palette = "scene";
  const states = [stateOf(doc)];
  let told = 0;
  doc.onstep = () => told++;
  for (let k = 0; states.length <= 500; k++) {
    doc.mirror = ["none", "x", "y", "both"][roll(4)];
    doc.rules.only = new Set(roll(3) ? [] : [roll(183), roll(6), roll(6)]);
    doc.rules.never = new Set(roll(3) ? [] : [roll(6)]);
    randomStep(doc, roll);
    if (doc.history.past.length === states.length) states.push(stateOf(doc));
    else assert.deepEqual(stateOf(doc), states.at(-1), "what is no step changes nothing");
  }
  assert.equal(told, 500);
  let at = 500;
  const walk = (to) => {
    for (; at > to; at--) doc.undo();
    for (; at < to; at++) doc.redo();
    assert.deepEqual(stateOf(doc), states[at], `step ${at}`);
  };
  for (let k = 499; k >= 250; k--) walk(k);
  for (let k = 0; k < 40; k++) walk(roll(501));
  for (let k = 0; k <= 500; k++) walk(k);
});

/** Another version, none, and now and then another map or selection with it. */
function turned({ content }, roll) {
  const photo = roll(4) ? version(roll, `v${roll(1000)}`) : null;
  const map = roll(3) ? null : { ...content, labels: oracle.blots(roll, 48, 36, 6), instances: null };
  const selection = [undefined, null, oracle.noise(roll, 48 * 36, 2)][roll(3)];
  return [photo, { content: map, selection }];
}

test("a version of the photo comes with its map and selection, in one step, and is told of", () => {
  const doc = paper(8, 8);
  const roll = oracle.dice(5);
  const heard = [];
  doc.onphoto = (walked) => heard.push([doc.photo?.version, walked]);
  doc.onselection = () => heard.push("selection");
  const labels = new Uint8Array(64).fill(2);
  const selection = Uint8Array.from({ length: 64 }, (_, i) => Number(i < 9));
  const a = { ...version(roll, "a"), base: null };
  doc.turnPhoto(a, { content: { ...doc.content, labels, instances: null }, selection });
  assert.deepEqual([doc.history.past.length, doc.at(3, 3), doc.selectionMask().data.length], [1, 2, 16]);
  doc.turnPhoto({ ...a, version: "b" });
  assert.deepEqual([doc.at(3, 3), doc.selection], [2, selection], "neither was given: both stay");
  doc.turnPhoto(null, { selection: null });
  assert.equal(doc.selection, null);
  for (const _ of "123") doc.undo();
  assert.deepEqual([doc.photo, doc.at(3, 3), doc.selection], [null, 4, null]);
  doc.redo();
  assert.deepEqual([doc.photo, doc.selection], [a, selection]);
  const told = ["selection", ["a", false], ["b", false], "selection", [undefined, false]];
  const walked = ["selection", ["b", true], ["a", true], "selection", [undefined, true], "selection", ["a", true]];
  assert.deepEqual(heard, [...told, ...walked]);
});

test("a selection of another size, and an empty one, select nothing", () => {
  for (const selection of [new Uint8Array(9).fill(1), new Uint8Array(64)]) {
    const doc = paper(8, 8);
    doc.selectAll();
    doc.turnPhoto(version(oracle.dice(1), "a"), { selection });
    assert.equal(doc.selection, null);
  }
});

test("a version that is set is no step, and a stroke under way is ended by a turn, not lost", () => {
  const doc = paper(8, 8);
  doc.setPhoto(version(oracle.dice(1), "a"));
  assert.deepEqual([doc.photo.version, doc.canUndo], ["a", false]);
  doc.beginStroke(ink(1));
  doc.strokeTo(4, 4, 2);
  doc.turnPhoto(null);
  assert.equal(doc.history.past.length, 2);
  doc.undo();
  assert.deepEqual([doc.photo.version, doc.at(4, 4)], ["a", 1]);
});

function randomStep(doc, roll) {
  const point = () => ({ x: roll(60) - 6, y: roll(46) - 5 });
  const used = ink(roll(5) ? roll(6) : roll(183), roll(3) ? 0 : roll(4));
  const area = () => [rectangle, ellipse][roll(2)](point(), point());
  const steps = [
    () => doc.paint(area(), used),
    () => doc.fill(roll(48), roll(36), used, { everywhere: roll(2) === 1 }),
    () => doc.replaceClass(roll(6), used),
    () => doc.moveArea(area(), roll(21) - 10, roll(21) - 10, { leave: LEAVE[roll(3)], unlabelled: 4 }),
    () => doc.select(area(), ["replace", "add", "subtract", "intersect"][roll(4)]),
    () => (roll(2) ? doc.growSelection(1 + roll(4)) : doc.shrinkSelection(1 + roll(4))),
    () => [() => doc.selectNone(), () => doc.selectAll(), () => doc.invertSelection()][roll(3)](),
    () => (roll(2) ? doc.smooth(1 + roll(3)) : doc.removeSpecks(2 + roll(8))),
    () => doc.turnPhoto(...turned(doc, roll)),
    () => roll(10) || doc.replace({ ...doc.content, labels: oracle.blots(roll, 48, 36, 6), instances: null }),
  ];
  const points = Array.from({ length: 1 + roll(3) }, () => Object.values(point()));
  const strokes = () => stroke(doc, points, 1 + roll(12), used.label, { square: !roll(2), instance: used.instance });
  (roll(2) ? strokes : steps[roll(steps.length)])();
}
