import assert from "node:assert/strict";
import test from "node:test";
import { drawEdges } from "../../app/static/view.js";

const random = (() => {
  let state = 7;
  return (below) => (state = (state * 16807) % 2147483647) % below;
})();

/** A map of a few classes and objects. */
function noise(width, height) {
  const labels = Uint8Array.from({ length: width * height }, () => random(2));
  const instances = Uint16Array.from(labels, () => random(2));
  return { width, height, labels, instances };
}

test("the last pixel of each object, to the right and downwards, is darker; nothing else is", () => {
  const map = noise(13, 9);
  const { width, height, labels, instances } = map;
  const words = new Uint32Array(labels.length).fill(0xff804020);
  drawEdges(map, { x: 0, y: 0, w: width, h: height }, words);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const neighbours = [x + 1 < width ? i + 1 : i, y + 1 < height ? i + width : i];
      const edge = neighbours.some((j) => labels[j] !== labels[i] || instances[j] !== instances[i]);
      assert.equal(words[i], edge ? 0xff402010 : 0xff804020, `pixel ${x}, ${y}`);
    }
  }
});

test("only the rectangle is touched, and without object numbers the classes make the edges", () => {
  const map = { ...noise(8, 8), instances: null };
  map.labels.fill(1);
  map.labels.fill(2, 32);
  const words = new Uint32Array(64).fill(0xff000002);
  drawEdges(map, { x: 2, y: 0, w: 3, h: 8 }, words);
  const dark = [...words.keys()].filter((i) => words[i] !== 0xff000002);
  assert.deepEqual(dark, [26, 27, 28]);
});

test("an edge shows on the bare ground too, half through", () => {
  const map = { width: 2, height: 1, labels: Uint8Array.of(0, 1), instances: null };
  const words = new Uint32Array(2);
  drawEdges(map, { x: 0, y: 0, w: 2, h: 1 }, words);
  assert.deepEqual([...words], [0x80000000, 0]);
});
