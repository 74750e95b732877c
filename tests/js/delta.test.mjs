import assert from "node:assert/strict";
import test from "node:test";
import { applyXor, pack, unpack, xorOf } from "../../app/static/delta.js";
import { dice, noise } from "./oracle.mjs";

const lengths = [0, 1, 3, 4, 5, 63, 64, 127, 128, 129, 255, 256, 8191, 8192, 16384, 70000, 2 ** 21 + 7];

test("what is packed comes back, at every length, runs and all", () => {
  const roll = dice(3);
  for (const Plane of [Uint8Array, Uint16Array]) {
    for (const length of lengths) {
      const mixed = new Plane(length);
      for (let at = 0; at < length; at += 1 + roll(300)) mixed.fill(roll(2) ? roll(65536) : 0, at, at + roll(200));
      const alike = [new Plane(length), new Plane(length).fill(77)];
      for (const values of [mixed, ...alike, Plane.from(noise(roll, length, 256))]) {
        const back = unpack(pack(values), length);
        assert.ok(back instanceof Plane);
        assert.ok(Buffer.from(back.buffer).equals(Buffer.from(values.buffer)), `${Plane.name} ${length}`);
      }
    }
  }
});

test("what is alike takes next to nothing, noise hardly more than itself", () => {
  assert.ok(pack(new Uint8Array(2 ** 22)).length < 8);
  assert.ok(pack(new Uint16Array(2 ** 22).fill(3)).length < 8);
  const bytes = noise(dice(4), 2 ** 20, 256);
  assert.ok(pack(bytes).length <= 2 ** 20 + 16);
});

test("a difference leads forth and back inside its rectangle, and leaves the rest alone", () => {
  const roll = dice(8);
  const before = noise(roll, 20 * 15, 183);
  const after = before.slice();
  const rect = { x: 3, y: 4, w: 11, h: 6 };
  for (let k = 0; k < 40; k++) after[(4 + roll(6)) * 20 + 3 + roll(11)] = roll(183);
  const difference = xorOf(before, after, 20, rect);
  const plane = before.slice();
  applyXor(plane, 20, rect, difference);
  assert.deepEqual(plane, after);
  applyXor(plane, 20, rect, difference);
  assert.deepEqual(plane, before);
});
