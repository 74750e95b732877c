/**
 * How long the document takes for what an artist does to a large map, and how much memory its history holds:
 * `node --expose-gc bench/canvas.mjs [side]`. The best and the median of several runs, in milliseconds.
 */

import { encode } from "../app/static/codec.js";
import { LabelDocument, blank } from "../app/static/document.js";
import { windowOf } from "../app/static/masks.js";
import { EDGE, regionOf } from "../app/static/region.js";
import { areaAt, everywhere, grow, majority, nearestFill, shares, shrink } from "../app/static/regions.js";
import { ellipse, outlineOf, polygon, rectangle } from "../app/static/shapes.js";
import { withoutSpecks } from "../app/static/specks.js";

const side = Number(process.argv[2] ?? 1024);
const CLASSES = 183;
const RUNS = 9;

let state = 12345;
const roll = (below) => (state = (state * 1103515245 + 12345) % 2147483648) % below;

function timed(name, run, { runs = RUNS, each = 1, prepare = () => {} } = {}) {
  const times = [];
  for (let k = 0; k < runs; k++) {
    prepare(k);
    const start = performance.now();
    for (let n = 0; n < each; n++) run(n);
    times.push((performance.now() - start) / each);
  }
  times.sort((a, b) => a - b);
  console.log(`${name.padEnd(58)} ${times[0].toFixed(3).padStart(9)} ${times[runs >> 1].toFixed(3).padStart(9)}`);
}

/** A landscape of a dozen classes with ragged borders, and one of noise. */
function painted() {
  const doc = new LabelDocument(blank(side, side, "bench", 0));
  for (let k = 0; k < 60; k++) {
    const a = { x: roll(side), y: roll(side) };
    doc.paint(ellipse(a, { x: a.x + roll(side / 2), y: a.y + roll(side / 2) }), { label: roll(12), instance: 0 });
  }
  for (let k = 0; k < (side * side) / 100; k++) doc.labels[roll(side * side)] = roll(12);
  return new LabelDocument(doc.content);
}

function noisy() {
  const doc = new LabelDocument(blank(side, side, "bench", 0));
  for (let i = 0; i < doc.labels.length; i++) doc.labels[i] = (roll(2 ** 30) >> 12) % CLASSES;
  return doc;
}

function strokes() {
  const everything = rectangle({ x: 0, y: 0 }, { x: side, y: side });
  const limits = {
    "": () => {},
    ", selection and rules": (doc) => limited(doc, everything),
    ", and mirrored twice": (doc) => mirrored(doc, everything),
  };
  for (const [name, limit] of Object.entries(limits)) {
    const doc = painted();
    limit(doc);
    doc.beginStroke({ label: 3, instance: 0 });
    const again = () => doc.strokeTo(side / 3, side / 3, 100);
    timed(`stamp of 100 px${name}`, again, { each: 100, prepare: again });
    let [x, y] = [0, 0];
    timed(`100 px brush, 20 px on${name}`, () => doc.strokeTo((x += 20) % side, (y += 7) % side, 100), { each: 40 });
    doc.abortStroke();
  }
  const doc = painted();
  timed("the first pen down", () => doc.beginStroke({ label: 3, instance: 0 }), { runs: 1 });
  timed("pen down", () => doc.beginStroke({ label: 3, instance: 0 }), { prepare: () => doc.abortStroke() });
  doc.abortStroke();
  doc.paint(rectangle({ x: 0, y: 0 }, { x: 9, y: 9 }), { label: 3, instance: 7 });
  timed("pen down, with objects", () => doc.beginStroke({ label: 3, instance: 1 }), {
    prepare: () => doc.abortStroke(),
  });
  timed("pen up after a stroke across the map", () => doc.endStroke(), {
    prepare(k) {
      doc.beginStroke({ label: 20 + k, instance: k });
      doc.strokeTo(0, 0, 100);
      doc.strokeTo(side, side, 100);
    },
  });
  timed("encode, with objects", () => encode(doc.content, 1));
}

function limited(doc, everything) {
  doc.select(everything, "replace");
  doc.rules.never.add(11);
}

function mirrored(doc, everything) {
  limited(doc, everything);
  doc.mirror = "both";
}

function operations(name, doc) {
  const { labels, content } = doc;
  console.log(`\n${name}`);
  const area = areaAt(content, side / 2, side / 2);
  const disc = ellipse({ x: side / 8, y: side / 8 }, { x: side * 0.9, y: side * 0.9 });
  timed("areaAt", () => areaAt(content, side / 2, side / 2));
  timed("fill and undo", () => doc.fill(side / 2, side / 2, { label: 200, instance: 0 }) && doc.undo());
  timed("everywhere", () => everywhere(labels, side, side, labels[7]));
  timed("shares", () => shares(labels, CLASSES));
  for (const r of [4, 40]) {
    timed(`grow by ${r}`, () => grow(disc, r, side, side));
    timed(`shrink by ${r}`, () => shrink(disc, r, side, side));
  }
  timed("nearestFill", () => nearestFill(labels, side, side, disc));
  timed("moveArea", () => doc.moveArea(disc, 9, 5, { leave: "nearest", unlabelled: 0 }), { prepare: () => doc.undo() });
  for (const r of [1, 3, 8]) timed(`majority, radius ${r}`, () => majority(labels, side, side, r, null), { runs: 3 });
  for (const n of [9, 100]) timed(`withoutSpecks, ${n}`, () => withoutSpecks(labels, side, side, n, null), { runs: 3 });
  timed("outline of a class", () => outlineOf(everywhere(labels, side, side, labels[7])));
  timed("outline of an area", () => outlineOf(area));
  timed("encode", () => encode(content, 1));
  const asked = { width: side, height: side, labels, selection: null, base: null, unlabelled: 0, edge: EDGE };
  const photo = { width: 4 * side, height: 4 * side };
  const selection = windowOf(disc, { x: 0, y: 0, w: side, h: side }).data;
  timed("the region: what is painted, on its own thread", () => regionOf({ ...asked, photo }));
  timed("the region: a disc selected, on its own thread", () => regionOf({ ...asked, photo, selection }));
}

function shapes() {
  console.log("\nshapes");
  const round = Array.from({ length: 3000 }, (_, k) => {
    const turn = (2 * Math.PI * k) / 3000;
    return { x: side * (0.5 + 0.45 * Math.cos(turn)), y: side * (0.5 + 0.3 * Math.sin(3 * turn)) };
  });
  timed("ellipse", () => ellipse({ x: 0, y: 0 }, { x: side, y: side }));
  timed("lasso of 3000 points", () => polygon(round));
}

function memory() {
  console.log("\nhistory: MB held");
  const held = (name, change) => {
    const doc = painted();
    globalThis.gc?.();
    const before = process.memoryUsage();
    for (let k = 0; k < 250; k++) change(doc, k);
    globalThis.gc?.();
    const after = process.memoryUsage();
    const packed = doc.history.past.reduce((sum, step) => sum + step.bytes, 0);
    const grown = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
    const [step, all] = [packed, grown].map((bytes) => (bytes / 2 ** 20).toFixed(1));
    console.log(`${name.padEnd(58)} ${step.padStart(9)} packed, ${all} in all`);
  };
  held("250 strokes across the map", (doc, k) => {
    doc.beginStroke({ label: k % 12, instance: 0 });
    for (let n = 0; n < 8; n++) doc.strokeTo(roll(side), roll(side), 60);
    doc.endStroke();
  });
  const { labels } = noisy();
  held("250 maps of noise", (doc, k) => {
    doc.replace({ ...doc.content, labels: labels.map((label) => (label + k) % CLASSES) });
  });
}

console.log(`${side} × ${side}, node ${process.version}${" ".repeat(30)}      best    median (ms)`);
strokes();
operations("a painted map", painted());
operations(`noise of ${CLASSES} classes`, noisy());
shapes();
memory();
