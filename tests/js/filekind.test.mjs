import assert from "node:assert/strict";
import test from "node:test";
import { isMap, kindByType, kindOf } from "../../app/static/filekind.js";
import { crc32, labelMapPng } from "../../app/static/png.js";
import { scene } from "./palettes.mjs";

/** A PNG of a colour type with text chunks before its pixels. */
function png(colourType, texts = []) {
  const header = [0, 0, 0, 8, 0, 0, 0, 8, 8, colourType, 0, 0, 0];
  const chunks = [["IHDR", header], ...texts.map(([type, text]) => [type, [...Buffer.from(text)]]), ["IDAT", [1, 2, 3]]];
  const parts = chunks.map(([type, data]) => {
    const out = Buffer.alloc(data.length + 12);
    out.writeUInt32BE(data.length);
    out.write(type, 4, "latin1");
    out.set(data, 8);
    out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
  });
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts]);
}

test("what the type tells: JPEG and what phones make are photos, other pictures may be either, the rest is for Open", () => {
  for (const type of ["image/jpeg", "image/heic", "image/avif"]) assert.equal(kindByType(type), "photo");
  for (const type of ["image/png", "image/webp", "image/bmp", "image/tiff"]) assert.equal(kindByType(type), "either");
  for (const type of ["", "application/zip", "text/plain"]) assert.equal(kindByType(type), "map");
  assert.equal(kindByType("", "IMG_0001.HEIC"), "photo");
  assert.equal(kindByType("", "town.spadework"), "map");
});

test("a PNG of indices or grey values, or with our record inside, can only be a map", async () => {
  const ours = await labelMapPng({ width: 8, height: 8, labels: new Uint8Array(64) }, scene).arrayBuffer();
  assert.equal(isMap(new Uint8Array(ours)), true);
  assert.equal(isMap(png(0)), true);
  assert.equal(isMap(png(2, [["tEXt", "Software\0x"], ["iTXt", "spadework\0\0\0\0\0{}"]])), true);
  assert.equal(isMap(png(2, [["tEXt", "spadework-format\0JPEG"]])), false, "a photo that was kept");
  assert.equal(isMap(png(2)), false);
  assert.equal(isMap(png(6)), false);
});

test("a damaged head is no map and ends", () => {
  const whole = png(2, [["tEXt", "Software\0x"]]);
  for (let length = 0; length < whole.length; length++) assert.equal(isMap(whole.subarray(0, length)), false);
  const long = Buffer.from(whole);
  long.writeUInt32BE(0xffffffff, 33);
  assert.equal(isMap(long), false);
});

test("a file is looked into where its type leaves it open", async () => {
  const file = (bytes, name, type) => new File([bytes], name, { type });
  assert.equal(await kindOf(file(png(3), "a.png", "image/png")), "map");
  assert.equal(await kindOf(file(png(2), "a.png", "image/png")), "either");
  assert.equal(await kindOf(file(png(3), "a.jpg", "image/jpeg")), "photo");
  assert.equal(await kindOf(file("", "a.webp", "image/webp")), "either");
});
