import assert from "node:assert/strict";
import test from "node:test";
import zlib from "node:zlib";
import { adler32, decode, deflate, encode, fromBase64, inflate, toBase64 } from "../../app/static/codec.js";
import { LabelDocument, blank } from "../../app/static/document.js";

function painted(width, height, { objects = 0 } = {}) {
  const doc = new LabelDocument(blank(width, height, "scene", 150));
  for (let k = 0; k < 40; k++) {
    doc.beginStroke({ label: (k * 5) % 183, instance: k % 3 ? objects * k * 997 : 0 });
    doc.strokeTo((k * 37) % width, (k * 91) % height, 1 + (k % 50));
    doc.strokeTo((k * 53) % width, (k * 29) % height, 1 + (k % 50));
    doc.endStroke();
  }
  return doc.content;
}

function noise(length) {
  let state = 7;
  return Uint8Array.from({ length }, () => (state = (state * 1103515245 + 12345) % 2147483648) >>> 16);
}

test("any zlib reads what is written, at every row length", () => {
  const cases = [
    [new Uint8Array(0), 1],
    [Uint8Array.of(255), 8],
    [new Uint8Array(70000).fill(150), 8],
    [noise(5000), 100],
    [Uint8Array.from({ length: 256 * 40 }, (_, i) => i), 256],
  ];
  for (const [bytes, stride] of cases) assert.deepEqual(new Uint8Array(zlib.inflateSync(deflate(bytes, stride))), bytes);
  for (const width of [8, 9, 63, 512, 1025, 2048]) {
    const { labels } = painted(width, 40);
    assert.deepEqual(new Uint8Array(zlib.inflateSync(deflate(labels, width))), labels);
  }
});

test("every match length and both distances are written right", () => {
  for (let length = 1; length <= 600; length++) {
    const bytes = new Uint8Array(length + 2).fill(9, 1, length + 1);
    assert.deepEqual(new Uint8Array(zlib.inflateSync(deflate(bytes, 3000))), bytes);
  }
  for (const stride of [2, 3, 4, 5, 8, 13, 100, 1000, 32768]) {
    const row = noise(stride);
    const bytes = Uint8Array.from({ length: stride * 3 }, (_, i) => row[i % stride]);
    const packed = deflate(bytes, stride);
    assert.deepEqual(new Uint8Array(zlib.inflateSync(packed)), bytes);
  }
});

test("a map is small and noise hardly grows", () => {
  const { labels } = painted(512, 512);
  assert.ok(deflate(labels, 512).length < 2 * zlib.deflateSync(labels).length);
  assert.ok(deflate(noise(2 ** 16), 256).length < 2 ** 16 * 1.13);
});

test("Adler-32 agrees with a plain count", () => {
  const bytes = noise(20000).map((v) => v | 128);
  let [a, b] = [1, 0];
  for (const v of bytes) {
    a = (a + v) % 65521;
    b = (b + a) % 65521;
  }
  assert.equal(adler32(bytes), b * 65536 + a);
});

test("payloads go round", async () => {
  const content = painted(300, 200);
  const payload = encode(content, 3);
  assert.deepEqual(Object.keys(payload), ["w", "h", "z", "palette", "seq"]);
  assert.deepEqual(await decode(payload), content);
  assert.deepEqual(await decode(JSON.parse(JSON.stringify(payload))), content);
});

test("object numbers go along where there are any, two bytes each, the low one first", async () => {
  const content = painted(300, 200, { objects: 1 });
  const payload = encode(content, 3);
  assert.deepEqual(Object.keys(payload), ["w", "h", "z", "palette", "seq", "i"]);
  const bytes = zlib.inflateSync(fromBase64(payload.i));
  assert.equal(bytes.length, 2 * 300 * 200);
  assert.ok(content.instances.some((n) => n > 255));
  content.instances.forEach((n, at) => n !== bytes.readUInt16LE(2 * at) && assert.fail(`pixel ${at}`));
  assert.deepEqual(await decode(payload), content);
  assert.ok(payload.i.length < 3 * zlib.deflateSync(bytes).toString("base64").length);
  const one = { ...blank(2048, 8, "scene", 0), instances: new Uint16Array(2 ** 14).fill(263) };
  assert.ok(encode(one, 1).i.length < 300);
  content.instances.fill(0);
  assert.deepEqual(Object.keys(encode(content, 4)), ["w", "h", "z", "palette", "seq"]);
});

test("two bytes a pixel are packed by pixels and rows", () => {
  for (const width of [1, 7, 300, 20000]) {
    const bytes = Uint8Array.from({ length: 2 * width * 5 }, (_, i) => (i % 2 ? 3 : 200 + Math.floor(i / width) % 3));
    assert.deepEqual(new Uint8Array(zlib.inflateSync(deflate(bytes, 2 * width, 2))), bytes);
    const alike = Uint8Array.from(bytes, (_, i) => 3 + (i % 2));
    assert.ok(deflate(alike, alike.length, 2).length < 50 + alike.length / 100, "one row");
  }
});

test("base64 goes round past the size of one call", () => {
  const bytes = noise(100001);
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  assert.equal(toBase64(bytes), Buffer.from(bytes).toString("base64"));
});

test("inflate stops at its limit, and too short a map is refused", async () => {
  const bomb = new Uint8Array(zlib.deflateSync(new Uint8Array(5_000_000)));
  await assert.rejects(inflate(bomb, 1000), RangeError);
  const short = { w: 10, h: 10, z: toBase64(deflate(new Uint8Array(99), 10)), palette: "scene", seq: 1 };
  await assert.rejects(decode(short), RangeError);
  const good = encode(painted(10, 10, { objects: 1 }), 1);
  for (const length of [199, 201, 5_000_000]) {
    await assert.rejects(decode({ ...good, i: toBase64(deflate(new Uint8Array(length), 20)) }), RangeError);
  }
});
