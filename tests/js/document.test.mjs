import assert from "node:assert/strict";
import test from "node:test";
import { LabelDocument, blank } from "../../app/static/document.js";
import { discCorner, discEdges } from "../../app/static/raster.js";

const paper = (width = 64, height = 48) => new LabelDocument(blank(width, height, "scene", 4));
const count = (labels, label) => labels.reduce((n, v) => n + (v === label), 0);

function stroke(doc, points, diameter, label) {
  doc.beginStroke();
  for (const [x, y] of points) doc.strokeTo(x, y, diameter, label);
  doc.endStroke();
}

test("a disc holds exactly the pixels whose centre lies in it", () => {
  for (const diameter of [1, 2, 3, 7, 10, 100, 200]) {
    const edges = discEdges(diameter);
    for (let j = 0; j < diameter; j++) {
      for (let i = 0; i < diameter; i++) {
        const inside = Math.hypot(i + 0.5 - diameter / 2, j + 0.5 - diameter / 2) <= diameter / 2;
        assert.equal(i >= edges[j] && i < diameter - edges[j], inside, `${diameter}: ${i}, ${j}`);
      }
    }
  }
});

test("a brush of one pixel marks the pixel under the point", () => {
  for (const [x, y] of [[0, 0], [5.02, 7.98], [63.9, 47.9]]) {
    assert.deepEqual(discCorner(x, y, 1), { x: Math.floor(x), y: Math.floor(y) });
  }
});

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
  stroke(doc, [[200, 200], [300, 300]], 20, 2);
  assert.equal(count(doc.labels, 2), 0);
  assert.equal(doc.past.length, 1, "a stroke outside the map is no step");
});

test("one stroke is one step, and redo brings back the very pixels", () => {
  const doc = paper();
  const states = [doc.labels.slice()];
  for (let k = 0; k < 220; k++) {
    stroke(doc, [[k % 64, (k * 7) % 48], [(k * 13) % 64, (k * 5) % 48]], 1 + (k % 9), k % 4);
    if (doc.past.length === states.length) states.push(doc.labels.slice());
  }
  const steps = doc.past.length;
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

test("200 steps stay however large, and the history does not grow without bound", () => {
  const doc = paper(2048, 64);
  for (let k = 0; k < 2100; k++) doc.clear(k % 2);
  assert.ok(doc.past.length >= 200 && doc.past.length <= 2000);
});

test("a new step forgets what was undone", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  doc.undo();
  stroke(doc, [[9, 9]], 3, 2);
  assert.equal(doc.canRedo, false);
});

test("a stroke that changes nothing is no step", () => {
  const doc = paper();
  stroke(doc, [[5, 5], [9, 9]], 3, 4);
  assert.equal(doc.canUndo, false);
});

test("an aborted stroke leaves no trace", () => {
  const doc = paper();
  doc.beginStroke();
  doc.strokeTo(10, 10, 9, 1);
  doc.abortStroke();
  assert.equal(count(doc.labels, 1), 0);
  assert.equal(doc.canUndo, false);
});

test("undo waits while a stroke is running", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  doc.beginStroke();
  doc.strokeTo(20, 20, 3, 2);
  doc.undo();
  doc.endStroke();
  assert.equal(doc.past.length, 2);
  assert.equal(doc.at(5, 5), 1);
});

test("fill stays within edge-connected pixels of the class", () => {
  const doc = paper(9, 9);
  for (let i = 0; i < 9; i++) stroke(doc, [[i, 8 - i]], 1, 1); // a diagonal wall
  doc.fill(0.5, 0.5, 2);
  assert.equal(count(doc.labels, 2), 36);
  assert.equal(doc.at(8, 8), 4);
  doc.undo();
  assert.equal(count(doc.labels, 2), 0);
});

test("fill finds its way round a spiral", () => {
  const maze = ["........", "#######.", "......#.", ".####.#.", ".#..#.#.", ".##.#.#.", ".......#", "........"].join("");
  const doc = paper(8, 8);
  doc.labels.set(Uint8Array.from(maze, (c) => (c === "#" ? 1 : 4)));
  const seen = new Set([0]);
  for (const at of seen) {
    const [x, y] = [at % 8, Math.floor(at / 8)];
    for (const [i, j] of [[x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]]) {
      if (i >= 0 && j >= 0 && i < 8 && j < 8 && maze[j * 8 + i] === ".") seen.add(j * 8 + i);
    }
  }
  doc.fill(0, 0, 3);
  assert.equal(count(doc.labels, 3), seen.size);
});

test("a replaced map comes back with its size and palette", () => {
  const doc = paper();
  stroke(doc, [[5, 5]], 3, 1);
  const before = doc.labels.slice();
  doc.replace(blank(16, 24, "face", 0));
  stroke(doc, [[5, 5]], 3, 2);
  doc.undo();
  doc.undo();
  assert.deepEqual([doc.width, doc.height, doc.palette], [64, 48, "scene"]);
  assert.deepEqual(doc.labels, before);
  doc.redo();
  doc.redo();
  assert.deepEqual([doc.width, doc.height, doc.palette, doc.at(5, 5)], [16, 24, "face", 2]);
});

test("every change is told with a rectangle that holds it", () => {
  const doc = paper();
  let shown = doc.labels.slice();
  doc.onpixels = ({ x, y, w, h }) => {
    for (let j = y; j < y + h; j++) for (let i = x; i < x + w; i++) shown[j * 64 + i] = doc.labels[j * 64 + i];
    assert.deepEqual(shown, doc.labels);
  };
  stroke(doc, [[-4, 3], [70, 44], [8, 8]], 12, 1);
  doc.fill(63, 0, 2);
  doc.undo();
  doc.undo();
  doc.redo();
  doc.clear(3);
});
