import assert from "node:assert/strict";
import test from "node:test";
import { discCorner, discEdges, layRun, stampsAlong, sweep } from "../../app/static/raster.js";
import { dice } from "./oracle.mjs";

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

test("stamps go from end to end by at most a pixel, their width evenly", () => {
  const roll = dice(2);
  for (let k = 0; k < 300; k++) {
    const [from, to] = [0, 1].map(() => ({ x: roll(99), y: roll(99), diameter: 1 + roll(40) }));
    const stamps = [...stampsAlong(from, to)];
    assert.deepEqual([stamps[0], stamps.at(-1)], [from, to]);
    for (let n = 1; n < stamps.length; n++) {
      const [a, b] = stamps.slice(n - 1, n + 1);
      const grown = b.diameter - a.diameter;
      assert.ok(Math.abs(grown) <= 1 && (b.diameter - from.diameter) * (to.diameter - b.diameter) >= 0);
      for (const axis of ["x", "y"]) assert.ok(Math.abs(b[axis] - a[axis] + grown / 2) <= 1.5, JSON.stringify([a, b]));
      const share = n / (stamps.length - 1);
      assert.ok(Math.abs(b.diameter - from.diameter - share * (to.diameter - from.diameter)) <= 0.5 + 1e-9);
    }
  }
});

test("a sweep of constant width is the union of its stamps, to the pixel", () => {
  const roll = dice(9);
  for (let k = 0; k < 400; k++) {
    const [diameter, square] = [1 + roll(25), k % 3 === 0];
    const [from, to] = [0, 1].map(() => ({ x: roll(60) - 20, y: roll(60) - 20, diameter }));
    const { top, lefts, rights } = sweep(from, to, square, 30);
    const edges = discEdges(diameter);
    const union = new Set();
    for (const { x, y } of stampsAlong(from, to)) {
      for (let j = Math.max(0, -y); j < Math.min(diameter, 30 - y); j++) {
        const edge = square ? 0 : edges[j];
        for (let i = x + edge; i < x + diameter - edge; i++) union.add(`${i} ${y + j}`);
      }
    }
    const swept = [];
    lefts.forEach((left, j) => {
      for (let i = left; i < rights[j]; i++) swept.push(`${i} ${top + j}`);
    });
    assert.equal(swept.length, union.size);
    assert.ok(swept.every((pixel) => union.has(pixel)));
  }
});

test("ink stays where selection and classes let it, and off all else", () => {
  const labels = Uint8Array.of(0, 1, 2, 0, 1, 2);
  const ground = { labels, instances: null, selection: Uint8Array.of(1, 1, 0, 0, 1, 1), open: null };
  layRun(ground, 1, 5, { label: 9, instance: 0 });
  assert.deepEqual([...labels], [0, 9, 2, 0, 9, 2]);
  const open = new Uint8Array(256);
  open[2] = 1;
  const instances = new Uint16Array(6);
  layRun({ labels, instances, selection: null, open }, 0, 5, { label: 7, instance: 300 });
  assert.deepEqual([[...labels], [...instances]], [[0, 9, 7, 0, 9, 2], [0, 0, 300, 0, 0, 0]]);
  layRun({ labels, instances, selection: null, open: null }, 4, 6, { label: 3, instance: 1 });
  assert.deepEqual([[...labels], [...instances]], [[0, 9, 7, 0, 3, 3], [0, 0, 300, 0, 1, 1]]);
});
