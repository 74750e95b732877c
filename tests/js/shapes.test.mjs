import assert from "node:assert/strict";
import test from "node:test";
import { constrainSquare, ellipse, outlineOf, polygon, rectangle } from "../../app/static/shapes.js";
import { dice, each, insideLine, isIn, noise, pixelsOf, pixelsWhere } from "./oracle.mjs";

const [W, H] = [40, 30];

/** Points on and off the map, some on the middle or edge of a pixel. */
function points(roll, count) {
  const at = (side) => [roll(side * 8) / 4 - side / 2, roll(side * 800) / 400 - side / 2, roll(side) + 0.5][roll(3)];
  return Array.from({ length: count }, () => ({ x: at(W), y: at(H) }));
}

const agrees = (mask, holds, what) => {
  assert.deepEqual(pixelsOf(mask, W, H), pixelsWhere(W, H, (i, j) => holds(i + 0.5, j + 0.5)), what);
  assert.equal(mask.data.length, mask.w * mask.h);
};

test("a rectangle holds the pixels whose centres lie in it, left and top edge included", () => {
  const roll = dice(1);
  for (let k = 0; k < 200; k++) {
    const [a, b] = points(roll, 2);
    const [x0, x1, y0, y1] = [Math.min(a.x, b.x), Math.max(a.x, b.x), Math.min(a.y, b.y), Math.max(a.y, b.y)];
    agrees(rectangle(a, b), (x, y) => x >= x0 && x < x1 && y >= y0 && y < y1);
    const corners = [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
    assert.deepEqual(pixelsOf(polygon(corners), W, H), pixelsOf(rectangle(a, b), W, H));
  }
});

test("an ellipse holds the pixels whose centres lie in it", () => {
  const roll = dice(2);
  for (let k = 0; k < 200; k++) {
    const [a, b] = points(roll, 2);
    const [cx, cy, rx, ry] = [(a.x + b.x) / 2, (a.y + b.y) / 2, Math.abs(a.x - b.x) / 2, Math.abs(a.y - b.y) / 2];
    const inside = (x, y) => rx && ry && ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1;
    const inBox = (x, y) => x >= cx - rx && x < cx + rx && y >= cy - ry && y < cy + ry;
    agrees(ellipse(a, b), (x, y) => inside(x, y) && inBox(x, y), JSON.stringify([a, b]));
  }
});

test("a polygon holds the pixels that its line goes round an odd number of times", () => {
  const roll = dice(3);
  for (let k = 0; k < 200; k++) {
    const line = points(roll, 3 + roll(12));
    agrees(polygon(line), (x, y) => insideLine(line, x, y), JSON.stringify(line));
  }
  assert.deepEqual([polygon([]).w, polygon([{ x: 1, y: 1 }, { x: 9, y: 9 }]).w], [0, 0]);
});

test("a shape drawn far past the map is no larger than a map can be", () => {
  const [a, b] = [{ x: -1e6, y: -1e6 }, { x: 1e6, y: 1e6 }];
  for (const mask of [rectangle(a, b), ellipse(a, b), polygon([a, { x: 1e6, y: -1e6 }, b, { x: -1e6, y: 1e6 }])]) {
    assert.deepEqual([mask.x, mask.y, mask.w, mask.h], [0, 0, 2048, 2048]);
    assert.ok(!mask.data.includes(0));
  }
});

test("a press without a drag is no shape", () => {
  const a = { x: 5.3, y: 5.3 };
  for (const mask of [rectangle(a, a), ellipse(a, a), polygon([a, a, a])]) assert.equal(mask.data.length, 0);
});

test("the square keeps the longer side and the direction", () => {
  const a = { x: 10, y: 10 };
  assert.deepEqual(constrainSquare(a, { x: 14, y: 11 }), { x: 14, y: 14 });
  assert.deepEqual(constrainSquare(a, { x: 8, y: 3 }), { x: 3, y: 3 });
  assert.deepEqual(constrainSquare(a, { x: 4, y: 12 }), { x: 4, y: 16 });
  assert.deepEqual(constrainSquare(a, { x: 10, y: 4 }), { x: 16, y: 4 });
});

test("the outline is every edge between inside and outside, once, in pieces as long as they go", () => {
  const roll = dice(6);
  for (let k = 0; k < 60; k++) {
    const [w, h] = [1 + roll(9), 1 + roll(9)];
    const mask = { x: roll(20) - 5, y: roll(20) - 5, w, h, data: noise(roll, w * h, 2) };
    const expected = new Set();
    each(w + 1, h + 1, (i, j) => {
      const [x, y] = [mask.x + i, mask.y + j];
      if (Boolean(isIn(mask, x, y)) !== Boolean(isIn(mask, x, y - 1))) expected.add(`${x} ${y} ${x + 1} ${y}`);
      if (Boolean(isIn(mask, x, y)) !== Boolean(isIn(mask, x - 1, y))) expected.add(`${x} ${y} ${x} ${y + 1}`);
    });
    const pieces = outlineOf(mask);
    const found = pieces.flatMap(([x0, y0, x1, y1]) =>
      Array.from({ length: x1 - x0 + y1 - y0 }, (_, n) =>
        y0 === y1 ? `${x0 + n} ${y0} ${x0 + n + 1} ${y0}` : `${x0} ${y0 + n} ${x0} ${y0 + n + 1}`,
      ),
    );
    assert.deepEqual(found.sort(), [...expected].sort());
    const ends = new Set(pieces.map(([, , x1, y1]) => `${x1} ${y1}`));
    for (const [x0, y0, x1, y1] of pieces) {
      const before = y0 === y1 ? `${x0 - 1} ${y0} ${x0} ${y0}` : `${x0} ${y0 - 1} ${x0} ${y0}`;
      assert.ok(!expected.has(before) && ends.has(`${x1} ${y1}`), "a piece could be longer");
    }
  }
});
