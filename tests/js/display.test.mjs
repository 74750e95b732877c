import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { distance, lab } from "../../app/static/colours.js";
import { Display, SAFE_COLOURS, SAFE_GAP } from "../../app/static/display.js";
import { scene } from "./palettes.mjs";
import { eyes, seen } from "./vision.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../../palettes/${name}.json`, import.meta.url), "utf8"));
const ade = read("ade20k");
const coco = read("coco_stuff");
const safe = { colours: "safe", hatch: false };
const named = (palette, ...names) => names.map((name) => palette.classes.find((c) => c.name === name).index);
const COMMON = [
  ...named(ade, "wall", "building", "sky", "floor", "tree", "ceiling"),
  ...named(ade, "road", "bed", "windowpane", "grass", "cabinet", "sidewalk"),
];

/** The least distance between two of some colours. */
function leastGap(colours, eye) {
  const looks = colours.map((colour) => seen(colour, eye));
  return Math.min(...looks.flatMap((a, i) => looks.slice(0, i).map((b) => distance(a, b))));
}

/** Every pixel of a map, as [r, g, b, a]. */
function pixels(display, labels, width, rect = { x: 0, y: 0, w: width, h: labels.length / width }) {
  const words = new Uint32Array(labels.length);
  display.fill(labels, width, rect, words);
  const bytes = new Uint8Array(words.buffer);
  return Array.from(labels, (_, i) => [...bytes.subarray(4 * i, 4 * i + 4)]);
}

/** The pattern of a class as text. */
function pattern(display, index) {
  const shown = pixels(display, new Uint8Array(64).fill(index), 8);
  return shown.map((pixel) => (String(pixel.slice(0, 3)) === String(display.colourOf(index)) ? "." : "#")).join("");
}

test("L*a*b* of the corners of sRGB", () => {
  const near = (colour, expected) => assert.ok(distance(lab(colour), expected) < 0.05, `${colour}: ${lab(colour)}`);
  near([255, 255, 255], [100, 0, 0]);
  near([0, 0, 0], [0, 0, 0]);
  near([255, 0, 0], [53.24, 80.09, 67.2]);
  near([0, 0, 255], [32.3, 79.19, -107.86]);
});

test("the palette's own colours, and nothing where the map is unlabelled", () => {
  const display = new Display(scene);
  assert.deepEqual(pixels(display, Uint8Array.of(0, 2, 4, 1), 2), [
    [6, 230, 230, 255],
    [140, 140, 140, 255],
    [0, 0, 0, 0],
    [143, 255, 140, 255],
  ]);
  assert.equal(display.css(0), "rgb(6 230 230)");
  assert.equal(display.css(4), "");
  assert.equal(display.cssHatch(0), "");
});

test("only the rectangle is written", () => {
  const words = new Uint32Array(20).fill(7);
  new Display(scene).fill(new Uint8Array(20), 5, { x: 1, y: 1, w: 3, h: 2 }, words);
  const changed = [...words.keys()].filter((i) => words[i] !== 7);
  assert.deepEqual(changed, [6, 7, 8, 11, 12, 13]);
});

test("any twelve classes in use stay apart to every eye, whichever they are", () => {
  assert.equal(SAFE_COLOURS.length, 12);
  for (const palette of [ade, coco]) {
    for (let first = 0; first + 12 < palette.classes.length; first += 7) {
      const used = palette.classes.slice(first, first + 12).map((c) => c.index);
      const display = new Display(palette, safe);
      display.setUsed(used);
      assert.equal(display.crowded, false);
      const colours = used.map((index) => display.colourOf(index));
      for (const eye of eyes) assert.ok(leastGap(colours, eye) > SAFE_GAP, `${palette.name} from ${first}, ${eye}`);
    }
  }
});

test("they stay further apart than the palette's own colours do", () => {
  const display = new Display(ade, safe);
  display.setUsed(COMMON);
  for (const eye of eyes.slice(1)) {
    const [own, chosen] = [COMMON.map((i) => ade.classes[i].colour), COMMON.map((i) => display.colourOf(i))];
    const gaps = [leastGap(chosen, eye), leastGap(own, eye)];
    assert.ok(gaps[0] > 2 * gaps[1], `${eye}: ${gaps}`);
  }
});

test("a class keeps its safe colour as others come and go", () => {
  const display = new Display(ade, safe);
  const [sea, sky, grass, road] = named(ade, "sea", "sky", "grass", "road");
  assert.ok(display.setUsed([sea, sky]));
  const before = [sea, sky].map((index) => display.css(index));
  assert.ok(display.setUsed([sky, grass, road, sea]));
  assert.deepEqual([sea, sky].map((index) => display.css(index)), before);
  const was = display.css(grass);
  assert.equal(display.setUsed([sky, sea]), false, "nothing that is shown changed");
  display.setUsed(COMMON.filter((index) => index !== grass).slice(0, 8));
  display.setUsed([sky, sea, grass]);
  assert.equal(display.css(grass), was, "undo brings it back in its colour while nobody needed that");
});

test("a colour that its class no longer needs goes to the next one", () => {
  const display = new Display(ade, safe);
  display.setUsed(COMMON);
  const [sea, mountain] = named(ade, "sea", "mountain");
  const kept = COMMON.slice(1);
  const before = kept.map((index) => display.css(index));
  display.setUsed([...kept, sea]);
  assert.equal(display.crowded, false);
  assert.equal(new Set([...kept, sea].map((index) => display.css(index))).size, 12);
  assert.deepEqual(kept.map((index) => display.css(index)), before);
  display.setUsed([...kept, sea, mountain]);
  assert.equal(display.crowded, true);
  const alike = kept.find((index) => display.css(index) === display.css(mountain)) ?? sea;
  display.setUsed([alike, mountain]);
  assert.equal(display.css(alike), display.css(mountain), "they keep their colour");
  assert.equal(display.crowded, true, "and the hatching that tells them apart");
});

test("safe colours keep the usual meanings where they are free", () => {
  const display = new Display(ade, safe);
  const [sky, grass, sea] = named(ade, "sky", "grass", "sea");
  display.setUsed([sky, grass, sea]);
  const [r, g, b] = display.colourOf(sky);
  assert.ok(b > g && g > r);
  assert.ok(display.colourOf(grass)[1] === Math.max(...display.colourOf(grass)));
  assert.ok(display.colourOf(sea)[2] === Math.max(...display.colourOf(sea)));
});

test("more than twelve: hatching is on, and colour with pattern tells all of them apart", () => {
  const display = new Display(coco, safe);
  display.setUsed(coco.classes.map((c) => c.index));
  assert.ok(display.crowded && display.hatched);
  const shown = coco.classes.filter((c) => c.index !== coco.unlabelled);
  const looks = shown.map(({ index }) => `${display.css(index)} ${pattern(display, index)}`);
  assert.equal(new Set(looks).size, shown.length);
});

test("hatching covers every class, and none that look alike share a pattern", () => {
  for (const palette of [ade, coco]) {
    const display = new Display(palette, { colours: "standard", hatch: true });
    const shown = palette.classes.filter((c) => c.index !== palette.unlabelled);
    const patterns = shown.map(({ index }) => pattern(display, index));
    for (const each of patterns) assert.ok(each.includes("#") && each.includes("."));
    assert.equal(new Set(patterns).size, 16);
    let alike = Infinity;
    for (let i = 0; i < shown.length; i++) {
      for (let j = 0; j < i; j++) {
        if (patterns[i] === patterns[j]) alike = Math.min(alike, distance(lab(shown[i].colour), lab(shown[j].colour)));
      }
    }
    const all = leastGap(shown.map((c) => c.colour), "usual");
    assert.ok(alike > 20 && alike > 1.5 * all, `${palette.name}: ${alike}, of all ${all}`);
  }
});

test("a pattern changes lightness enough to be seen, repeats every eight pixels, and leaves unlabelled alone", () => {
  const display = new Display(ade, { colours: "standard", hatch: true });
  for (const { index } of ade.classes) {
    const shown = pixels(display, new Uint8Array(256).fill(index), 16);
    if (index === ade.unlabelled) {
      assert.ok(shown.every((pixel) => pixel[3] === 0));
      assert.equal(display.cssHatch(index), "");
      continue;
    }
    const lightness = shown.map((pixel) => lab(pixel.slice(0, 3))[0]);
    assert.ok(Math.max(...lightness) - Math.min(...lightness) > 12, ade.classes[index].name);
    assert.deepEqual(shown[0], shown[8 * 16 + 8]);
    assert.match(display.cssHatch(index), /^url\("data:image\/svg\+xml,/);
  }
});

test("painting a part writes the same pixels as painting the whole", () => {
  const labels = Uint8Array.from({ length: 40 * 30 }, (_, i) => (i * i) % 150);
  const display = new Display(ade, { colours: "safe", hatch: true });
  display.setUsed(labels);
  const whole = new Uint32Array(labels.length);
  display.fill(labels, 40, { x: 0, y: 0, w: 40, h: 30 }, whole);
  const parts = new Uint32Array(labels.length);
  for (const x of [0, 13]) {
    for (const y of [0, 7]) display.fill(labels, 40, { x, y, w: x ? 27 : 13, h: y ? 23 : 7 }, parts);
  }
  assert.deepEqual(parts, whole);
});

test("another look comes and goes", () => {
  const display = new Display(scene);
  display.setLook(safe);
  display.setUsed([0, 1]);
  assert.notEqual(display.css(0), "rgb(6 230 230)");
  display.setLook({ colours: "standard", hatch: false });
  assert.equal(display.css(0), "rgb(6 230 230)");
});
