import assert from "node:assert/strict";
import test from "node:test";
import * as regions from "../../app/static/regions.js";
import * as oracle from "./oracle.mjs";

const content = (labels, width, height, instances = null) => ({ width, height, palette: "scene", labels, instances });

function randomMask(roll) {
  const [w, h] = [1 + roll(16), 1 + roll(14)];
  const data = Uint8Array.from({ length: w * h }, () => (roll(9) ? roll(2) : 1));
  return { x: roll(34) - 6, y: roll(30) - 6, w, h, data };
}

const isTight = ({ w, h, data }) => {
  const row = (j) => data.subarray(j * w, (j + 1) * w).includes(1);
  const column = (i) => Array.from({ length: h }, (_, j) => data[j * w + i]).includes(1);
  return !w || (row(0) && row(h - 1) && column(0) && column(w - 1));
};

test("an area is what hangs together by edges, of one class, of one object too where asked", () => {
  const roll = oracle.dice(1);
  for (let k = 0; k < 60; k++) {
    const [w, h] = [1 + roll(24), 1 + roll(20)];
    const labels = k % 2 ? oracle.blots(roll, w, h, 4) : oracle.noise(roll, w * h, 2);
    const instances = Uint16Array.from(labels, () => 300 * roll(2));
    const at = roll(w * h);
    const [x, y] = [(at % w) + 0.9, Math.floor(at / w) + 0.1];
    const areas = oracle.areasOf(w, h, (a, b) => labels[a] === labels[b]);
    const mask = regions.areaAt(content(labels, w, h, instances), x, y);
    assert.deepEqual(oracle.pixelsOf(mask, w, h), areas.find((area) => area.includes(at)));
    assert.ok(isTight(mask));
    const objects = oracle.areasOf(w, h, (a, b) => labels[a] === labels[b] && instances[a] === instances[b]);
    const object = regions.areaAt(content(labels, w, h, instances), x, y, { byInstance: true });
    assert.deepEqual(oracle.pixelsOf(object, w, h), objects.find((area) => area.includes(at)));
  }
  for (const [x, y] of [[-0.1, 2], [2, 5], [NaN, 1]]) {
    assert.equal(regions.areaAt(content(new Uint8Array(25), 5, 5), x, y).data.length, 0);
  }
});

test("an area finds its way round a spiral", () => {
  const maze = "........ #######. ......#. .####.#. .#..#.#. .##.#.#. .......# ........".replaceAll(" ", "");
  const labels = Uint8Array.from(maze, (c) => (c === "#" ? 1 : 4));
  const areas = oracle.areasOf(8, 8, (a, b) => maze[a] === maze[b]);
  assert.deepEqual(oracle.pixelsOf(regions.areaAt(content(labels, 8, 8), 0, 0), 8, 8), areas[0]);
});

test("a class everywhere, and all but a set", () => {
  const roll = oracle.dice(2);
  const labels = oracle.noise(roll, 20 * 15, 183);
  for (const label of [labels[7], 182, 200]) {
    const mask = regions.everywhere(labels, 20, 15, label);
    assert.deepEqual(oracle.pixelsOf(mask, 20, 15), oracle.pixelsWhere(20, 15, (i, j, at) => labels[at] === label));
    assert.ok(isTight(mask));
  }
  for (let k = 0; k < 30; k++) {
    const mask = randomMask(roll);
    const rest = regions.invertMask(mask, 20, 15);
    assert.deepEqual(oracle.pixelsOf(rest, 20, 15), oracle.pixelsWhere(20, 15, (i, j) => !oracle.isIn(mask, i, j)));
  }
});

test("shares are counted", () => {
  const labels = Uint8Array.of(0, 0, 182, 5, 0, 5, 5, 5);
  const shares = regions.shares(labels, 183);
  assert.deepEqual([shares.length, shares[0], shares[5], shares[182], shares[1]], [183, 3 / 8, 4 / 8, 1 / 8, 0]);
});

test("growing and shrinking go by the distance between centres, and know the map's edge", () => {
  const roll = oracle.dice(3);
  for (let k = 0; k < 80; k++) {
    const [w, h] = [8 + roll(24), 8 + roll(20)];
    const mask = randomMask(roll);
    const r = [0, 1, 1.5, 2, 3, 4.3, 7, 60][roll(8)];
    const [held, rest] = [true, false].map((is) => oracle.pixelsWhere(w, h, (x, y) => oracle.isIn(mask, x, y) === is));
    const near = (i, j, set) => set.some((at) => ((at % w) - i) ** 2 + (Math.floor(at / w) - j) ** 2 <= r * r);
    const grown = regions.grow(mask, r, w, h);
    assert.deepEqual(oracle.pixelsOf(grown, w, h), oracle.pixelsWhere(w, h, (i, j) => near(i, j, held)), `grow ${r}`);
    const shrunk = regions.shrink(mask, r, w, h);
    const kept = oracle.pixelsWhere(w, h, (i, j) => oracle.isIn(mask, i, j) && !near(i, j, rest));
    assert.deepEqual(oracle.pixelsOf(shrunk, w, h), kept, `shrink ${r}`);
    assert.ok(isTight(grown) && isTight(shrunk));
  }
});

test("a hole takes what is nearest, the leftmost of several", () => {
  const roll = oracle.dice(4);
  for (let k = 0; k < 80; k++) {
    const [w, h] = [6 + roll(20), 6 + roll(16)];
    const labels = oracle.noise(roll, w * h, 183);
    const numbers = Uint16Array.from(labels, () => roll(65536));
    const hole = randomMask(roll);
    if (k % 2) hole.data.fill(1);
    const pixels = oracle.pixelsOf(hole, w, h);
    if (pixels.length === w * h) continue;
    const nearest = oracle.nearestOutside(pixels, w, h);
    for (const plane of [labels, numbers]) {
      const expected = plane.slice();
      for (const at of pixels) expected[at] = plane[nearest(at)];
      assert.deepEqual(regions.nearestFill(plane, w, h, hole), expected);
    }
  }
  assert.equal(regions.nearestFill(new Uint8Array(64), 8, 8, oracle.maskOf([...new Array(64).keys()], 8, 8)), null);
});

test("the majority is that of the disc, ties to the present class, then to the lowest", () => {
  const roll = oracle.dice(5);
  for (let k = 0; k < 24; k++) {
    const [w, h] = [3 + roll(20), 3 + roll(16)];
    const labels = k % 2 ? oracle.blots(roll, w, h, 5) : oracle.noise(roll, w * h, [2, 183, 256][roll(3)]);
    const inside = k % 3 ? null : oracle.noise(roll, w * h, 2);
    const radius = [1, 1.5, 2, 3, 5, 8][roll(6)];
    const before = labels.slice();
    assert.deepEqual(regions.majority(labels, w, h, radius, inside), oracle.majority(labels, w, h, radius, inside));
    assert.deepEqual(labels, before, "the map itself is left as it is");
  }
  const tie = Uint8Array.of(7, 3, 5); // each has one vote of two or three
  assert.deepEqual([...regions.majority(tie, 3, 1, 1, null)], [7, 3, 5]);
  assert.deepEqual([...regions.majority(Uint8Array.of(9, 9, 5, 3, 3), 5, 1, 2, null)], [9, 9, 3, 3, 3]);
});

test("specks go to the longest border, the smallest first, until none has a larger neighbour", () => {
  const roll = oracle.dice(7);
  for (let k = 0; k < 40; k++) {
    const [w, h] = [2 + roll(12), 2 + roll(10)];
    const labels = [oracle.blots(roll, w, h, 5), oracle.noise(roll, w * h, 3), oracle.noise(roll, w * h, 183)][k % 3];
    const inside = k % 4 ? null : Uint8Array.from(labels, () => (roll(9) ? 1 : 0));
    const minPixels = [2, 4, 9, 30][roll(4)];
    const expected = oracle.withoutSpecks(labels, w, h, minPixels, inside);
    const found = regions.withoutSpecks(labels, w, h, minPixels, inside);
    assert.deepEqual(found, expected, `${k}: ${w} × ${h}, ${minPixels}`);
  }
});

test("a map of one area stays, whatever its size, and so does a chequerboard", () => {
  assert.deepEqual(regions.withoutSpecks(new Uint8Array(64).fill(3), 8, 8, 1000, null), new Uint8Array(64).fill(3));
  const board = Uint8Array.from({ length: 64 }, (_, at) => (at + (at >> 3)) % 2);
  assert.deepEqual(regions.withoutSpecks(board, 8, 8, 4, null), board);
});
