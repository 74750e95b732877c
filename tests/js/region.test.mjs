import assert from "node:assert/strict";
import test from "node:test";
import { changed, inWords, regionOf } from "../../app/static/region.js";
import { drawVeil } from "../../app/static/veil.js";
import * as oracle from "./oracle.mjs";

const [W, H] = [37, 26];
const photo = { width: 2 * W, height: 2 * H };

/** A question about a map of a few classes; class 4 is unlabelled. */
function question(seed, more = {}) {
  const labels = oracle.blots(oracle.dice(seed), W, H, 6);
  return { width: W, height: H, labels, selection: null, base: null, unlabelled: 4, photo, edge: { grow: 4, feather: 6 }, ...more };
}

/** What is made anew, how strongly, pixel by pixel, from 0 to 1: grown and softened in pixels of the photo. */
function slow(core, { grow, feather }, scale) {
  const distances = (from) => (at) => Math.min(...from.map((p) => Math.hypot((p % W) - (at % W), Math.floor(p / W) - Math.floor(at / W))));
  const toCore = distances(core);
  const grown = oracle.pixelsWhere(W, H, (x, y, at) => toCore(at) <= grow * scale);
  const inside = new Set(grown);
  const toOutside = distances(oracle.pixelsWhere(W, H, (x, y, at) => !inside.has(at)));
  return Float64Array.from({ length: W * H }, (_, at) => {
    return inside.has(at) ? Math.min(1, toOutside(at) / scale / (feather + 1)) : 0;
  });
}

/** The region's opacity over the whole map, from 0 to 1. */
function opacityOf({ opacity }) {
  const all = new Float64Array(W * H);
  oracle.each(W, H, (x, y, at) => {
    const [i, j] = [x - opacity.x, y - opacity.y];
    if (i >= 0 && j >= 0 && i < opacity.w && j < opacity.h) all[at] = opacity.data[j * opacity.w + i] / 255;
  });
  return all;
}

function assertClose(found, expected) {
  found.forEach((value, at) => assert.ok(Math.abs(value - expected[at]) < 0.003, `pixel ${at}: ${value}, not ${expected[at]}`));
}

test("the region is what is painted, grown and soft as a slow version has it", () => {
  for (const [seed, edge] of [[1, { grow: 4, feather: 6 }], [2, { grow: 0, feather: 0 }], [3, { grow: 7.5, feather: 11 }]]) {
    const asked = question(seed, { edge });
    for (const at of asked.labels.keys()) if (at % 5) asked.labels[at] = 4;
    for (let at = 300; at < 306; at++) asked.labels[at] = 1;
    const core = oracle.pixelsWhere(W, H, (x, y, at) => asked.labels[at] !== 4);
    const found = regionOf(asked);
    const expected = slow(core, edge, 0.5);
    assert.equal(found.kind, "change");
    assertClose(opacityOf(found), expected);
    assert.ok(Math.abs(found.share - expected.filter(Boolean).length / (W * H)) < 1e-12);
  }
});

test("the selection goes before what is painted", () => {
  const selection = new Uint8Array(W * H);
  for (const at of [400, 401, 440, 700]) selection[at] = 1;
  const found = regionOf(question(1, { selection }));
  assert.equal(found.kind, "selection");
  assertClose(opacityOf(found), slow([400, 401, 440, 700], { grow: 4, feather: 6 }, 0.5));
});

test("without a softness of its own the edge is soft by a 64th of the photo's shorter side", () => {
  const selection = new Uint8Array(W * H).fill(1, 0, W * 20);
  const core = Array.from({ length: W * 20 }, (_, at) => at);
  const large = { width: 20 * W, height: 20 * H };
  const found = regionOf(question(1, { selection, photo: large, edge: { grow: 40, feather: null } }));
  assertClose(opacityOf(found), slow(core, { grow: 40, feather: (20 * H) / 64 }, 1 / 20));
});

test("without a growth of its own the region grows by a 64th of the photo's shorter side, at least by 4 pixels", () => {
  const core = Array.from({ length: W * 20 }, (_, at) => at);
  const selection = new Uint8Array(W * H).fill(1, 0, W * 20);
  for (const scale of [1, 20]) {
    const sized = { width: scale * W, height: scale * H };
    const found = regionOf(question(1, { selection, photo: sized, edge: { grow: null, feather: 2 } }));
    const by = Math.max(4, Math.floor((scale * Math.min(W, H)) / 64));
    assertClose(opacityOf(found), slow(core, { grow: by, feather: 2 }, 1 / scale));
  }
});

test("in a small region that softness is no more than a quarter of its depth", () => {
  const map = { width: 200, height: 150, labels: new Uint8Array(200 * 150), selection: new Uint8Array(200 * 150) };
  for (let y = 50; y < 90; y++) map.selection.fill(1, y * 200 + 60, y * 200 + 72); // 6 deep; a 64th of 150 is more
  const { opacity } = regionOf(question(1, { ...map, photo: { width: 200, height: 150 }, edge: { grow: 0, feather: null } }));
  const row = Array.from(opacity.data.slice(20 * opacity.w, 20 * opacity.w + 4));
  assert.deepEqual(row, [1, 2, 3, 4].map((far) => Math.round(255 * Math.min(1, far / (6 / 4 + 1)))));
});

test("what differs from the first map is changed, and a first map of another size counts by its nearest pixels", () => {
  const base = { width: 3, height: 2, labels: Uint8Array.of(0, 1, 2, 3, 4, 5) };
  const labels = Uint8Array.from({ length: 24 }, (_, at) => base.labels[Math.floor(at / 12) * 3 + Math.floor((at % 6) / 2)]);
  const map = { width: 6, height: 4, labels };
  assert.equal(changed(map, base, 4).w, 0);
  labels[8] ^= 1;
  labels[15] ^= 1;
  assert.deepEqual(changed(map, base, 4), { x: 2, y: 1, w: 2, h: 2, data: Uint8Array.of(1, 0, 0, 1) });
});

test("no region where nothing is painted; all of the photo where everything is", () => {
  const none = question(1);
  none.labels.fill(4);
  assert.deepEqual(regionOf(none), { kind: "none", share: 0, opacity: null });
  none.labels.fill(2);
  const all = regionOf(none);
  assert.equal(all.share, 1);
  assert.ok(all.opacity.data.every((opaque) => opaque === 255), "the photo's own edge is not soft");
});

test("the region in words", () => {
  assert.equal(inWords({ kind: "none", share: 0 }), "No region yet: paint, or select");
  assert.equal(inWords({ kind: "selection", share: 0.1234 }), "Region: the selection, 12 % of the photo");
  assert.equal(inWords({ kind: "change", share: 0.0001 }), "Region: what you painted, under 1 % of the photo");
  assert.equal(inWords({ kind: "change", share: 0.999 }), "Region: what you painted, over 99 % of the photo");
  assert.equal(inWords({ kind: "change", share: 1 }), "Region: what you painted, 100 % of the photo");
});

test("the veil is dense where nothing changes, and clears over the soft edge", () => {
  const pixels = drawVeil({ x: 1, y: 1, w: 2, h: 1, data: Uint8Array.of(255, 51) }, 4, 2);
  const alphas = Array.from({ length: 8 }, (_, at) => pixels[4 * at + 3]);
  assert.deepEqual(alphas, [150, 150, 150, 150, 150, 0, 120, 150]);
  assert.deepEqual([...pixels.slice(0, 3)], [126, 128, 134]);
});
