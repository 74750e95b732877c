import assert from "node:assert/strict";
import test from "node:test";
import zlib from "node:zlib";
import { crc32, labelMapPng } from "../../app/static/png.js";
import { scene } from "./palettes.mjs";

function chunks(bytes) {
  const found = {};
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    assert.equal(bytes.readUInt32BE(at + 8 + length), crc32(body), "checksum");
    found[body.toString("latin1", 0, 4)] = body.subarray(4);
    at += 12 + length;
  }
  return found;
}

test("CRC-32 has the standard check value", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

test("pixels are file values, PLTE the display colours, the text names the palette", async () => {
  const content = { width: 3, height: 2, palette: "scene", labels: Uint8Array.of(0, 1, 2, 3, 4, 0) };
  const blob = labelMapPng(content, scene);
  assert.equal(blob.type, "image/png");
  const bytes = Buffer.from(await blob.arrayBuffer());
  assert.equal(bytes.toString("latin1", 1, 4), "PNG");
  const found = chunks(bytes);
  assert.deepEqual(Object.keys(found), ["IHDR", "PLTE", "tEXt", "IDAT", "IEND"]);
  assert.deepEqual([...found.IHDR], [0, 0, 0, 3, 0, 0, 0, 2, 8, 3, 0, 0, 0]);
  assert.deepEqual([...zlib.inflateSync(found.IDAT)], [0, 1, 2, 3, 0, 5, 255, 1]);
  assert.equal(found.tEXt.toString("latin1"), "spadework:palette\0scene");
  assert.equal(found.PLTE.length, 3 * 256);
  for (const { value, colour } of scene.classes) assert.deepEqual([...found.PLTE.subarray(3 * value, 3 * value + 3)], colour);
});
