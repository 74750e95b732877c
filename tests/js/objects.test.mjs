import assert from "node:assert/strict";
import test from "node:test";
import { highestOf, joinObjects, lowestUnused } from "../../app/static/objects.js";
import { blots, dice, neighboursOf, noise } from "./oracle.mjs";

/** Steps through changed pixels of the same class to the first that did not change, all ways at once. */
function slowSteps(before, labels, w, h, start) {
  let ring = [start];
  const seen = new Set(ring);
  for (let steps = 1; ring.length; steps++) {
    const beside = ring.flatMap((at) => neighboursOf(at, w, h)).filter((n) => !seen.has(n) && labels[n] === labels[start]);
    const found = beside.filter((n) => before[n] === labels[n]);
    if (found.length) return found;
    beside.forEach((n) => seen.add(n));
    ring = [...new Set(beside)];
  }
  return [];
}

test("changed pixels join an object of their class that is fewest steps away, or none", () => {
  const roll = dice(11);
  for (let k = 0; k < 60; k++) {
    const [width, height] = [1 + roll(20), 1 + roll(16)];
    const [before, labels] = [blots(roll, width, height, 4), blots(roll, width, height, 4)];
    if (k % 3) labels.forEach((_, at) => roll(4) && (labels[at] = before[at]));
    const was = Uint16Array.from(noise(roll, width * height, 256), (n) => 256 * n + 1);
    const instances = was.slice();
    joinObjects(before, { width, height, palette: "scene", labels, instances });
    labels.forEach((label, at) => {
      if (label === before[at]) return assert.equal(instances[at], was[at]);
      const nearest = slowSteps(before, labels, width, height, at).map((n) => was[n]);
      assert.ok(nearest.length ? nearest.includes(instances[at]) : instances[at] === 0, `pixel ${at} of ${width} × ${height}`);
    });
  }
});

test("the highest number, and the lowest that is free", () => {
  assert.deepEqual([highestOf(null), highestOf(Uint16Array.of(3, 0, 700, 2))], [0, 700]);
  assert.deepEqual([lowestUnused(Uint16Array.of(0, 1, 3, 2, 5)), lowestUnused(new Uint16Array(4))], [4, 1]);
  assert.equal(lowestUnused(Uint16Array.from({ length: 65536 }, (_, n) => n)), null);
});
