import assert from "node:assert/strict";
import test from "node:test";
import { ClassPicker, HARDLY, SLOTS, groups, percent, search } from "../../app/static/classes.js";
import { face, scene } from "./palettes.mjs";

const names = (query) => search(scene, query).map(({ found }) => found.name);
const picker = () => new ClassPicker({ scene, face }, "scene");

test("an empty search lists every class in order", () => {
  assert.deepEqual(names("  "), scene.classes.map((c) => c.name));
});

test("the whole name comes first, then names that begin with it", () => {
  assert.deepEqual(names("SKY"), ["sky", "skyscraper"]);
});

test("synonyms answer too, at any word, and say so", () => {
  assert.deepEqual(search(scene, "tv"), [{ found: scene.classes[3], synonym: "TV set" }]);
  assert.deepEqual(names("tube"), ["television"]);
  assert.equal(search(scene, "mountain")[0].synonym, null);
});

test("letters within a word are found last", () => {
  assert.deepEqual(names("labelled"), ["unlabelled"]);
  assert.deepEqual(names("zebra"), []);
});

test("swap goes back and forth between the last two", () => {
  const p = picker();
  p.choose(2);
  p.choose(3);
  p.swap();
  assert.equal(p.current.name, "skyscraper");
  p.swap();
  assert.equal(p.current.name, "television");
});

test("each palette keeps its own choice", () => {
  const p = picker();
  p.choose(3);
  p.use("face");
  assert.equal(p.current.name, "skin", "never begins with unlabelled");
  p.choose(2);
  p.use("scene");
  assert.equal(p.current.name, "television");
});

/** A picker of twenty classes, of which the last is unlabelled. */
function ofMany() {
  const classes = Array.from({ length: 20 }, (_, index) => ({ ...scene.classes[0], index, name: `class ${index}` }));
  return new ClassPicker({ many: { ...scene, name: "many", classes, unlabelled: 19 } }, "many");
}

/** @param {ClassPicker} p @param {...number} indices  painted one after the other */
function paint(p, ...indices) {
  for (const index of indices) {
    p.choose(index);
    p.used();
  }
}

const slots = (p) => p.slots.map((c) => c.index);

test("recents keep their places, and a new one takes that of the one painted longest ago", () => {
  const p = ofMany();
  paint(p, 1, 2, 1, 3);
  assert.deepEqual(slots(p), [1, 2, 3]);
  paint(p, 4, 5, 6, 7, 8, 9, 1);
  assert.deepEqual(slots(p), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(slots(p).length, SLOTS);
  paint(p, 10);
  assert.deepEqual(slots(p), [1, 10, 3, 4, 5, 6, 7, 8, 9], "2 was painted before 1 was painted again");
  paint(p, 3, 11);
  assert.deepEqual(slots(p), [1, 10, 3, 11, 5, 6, 7, 8, 9]);
});

test("favourites come first in the row, in their own order, and painting them moves nothing", () => {
  const p = ofMany();
  paint(p, 1, 2, 3);
  p.toggleFavourite(7);
  p.toggleFavourite(2);
  assert.deepEqual(slots(p), [7, 2, 1, 3]);
  paint(p, 2, 7, 1);
  assert.deepEqual(slots(p), [7, 2, 1, 3]);
  p.toggleFavourite(2);
  assert.deepEqual(slots(p), [7, 2, 1, 3], "it stays as the first of the recents");
  assert.ok(!p.isFavourite(2));
  assert.ok(p.isFavourite(7));
});

test("a favourite takes the room of the class painted longest ago; nine favourites leave none", () => {
  const p = ofMany();
  paint(p, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  p.toggleFavourite(12);
  assert.deepEqual(slots(p), [12, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const index of [2, 3, 4, 5, 6, 7, 8, 9, 10]) p.toggleFavourite(index);
  assert.deepEqual(slots(p), [12, 2, 3, 4, 5, 6, 7, 8, 9]);
  paint(p, 15);
  assert.deepEqual(slots(p), [12, 2, 3, 4, 5, 6, 7, 8, 9]);
  p.toggleFavourite(12);
  assert.deepEqual(slots(p), [2, 3, 4, 5, 6, 7, 8, 9, 10], "the tenth favourite moves up");
});

test("five hundred random strokes and stars: no class twice, never more than nine, no class moves by painting", () => {
  const p = ofMany();
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 500; i++) {
    const before = slots(p);
    if (random(5)) {
      paint(p, random(19));
      const moved = before.filter((index, place) => slots(p).includes(index) && slots(p)[place] !== index);
      assert.deepEqual(moved, []);
    } else p.toggleFavourite(random(19));
    assert.equal(new Set(slots(p)).size, slots(p).length);
    assert.ok(slots(p).length <= SLOTS);
  }
});

test("favourites, closed headings and preferences are kept; what was kept before there were any still opens", () => {
  const p = picker();
  let kept = 0;
  p.onkeep = () => kept++;
  p.toggleFavourite(3);
  p.toggleClosed("nature");
  p.prefer({ hatch: true });
  assert.equal(kept, 3);
  const later = picker();
  later.restore(structuredClone(p.choices), structuredClone(p.preferences));
  assert.deepEqual(slots(later), [3]);
  assert.ok(later.isClosed("nature"));
  assert.deepEqual(later.preferences, { colours: "standard", hatch: true, known: false });
  const old = picker();
  old.restore({ scene: { current: 2, previous: 1, recents: [2, 1] } });
  assert.deepEqual(slots(old), [2, 1]);
  assert.equal(old.isClosed("nature"), false);
  assert.equal(old.preferences.colours, "standard");
  paint(old, 3);
  assert.deepEqual(slots(old), [2, 1, 3]);
});

test("what the model knows of a class goes by its share of the training pixels", () => {
  const p = picker();
  const known = () => scene.classes.map(({ index }) => p.knowledge(index));
  assert.deepEqual(new Set(known()), new Set(["known"]), "nobody said anything");
  p.know("scene", { sky: 0.3, mountain: HARDLY, skyscraper: HARDLY * 0.99 });
  assert.deepEqual(known(), ["known", "known", "hardly", "never", "known"], "unlabelled is no class to know");
  p.use("face");
  assert.equal(p.knowledge(1), "known", "it is another palette's model");
  p.use("scene");
  assert.ok(!p.isHidden(3));
  p.prefer({ known: true });
  assert.deepEqual(scene.classes.map(({ index }) => p.isHidden(index)), [false, false, true, true, false]);
  p.know("scene", null);
  assert.deepEqual(new Set(known()), new Set(["known"]));
});

test("shares as the list says them", () => {
  assert.deepEqual([1, 0.9996, 0.425, 0.0996].map(percent), ["100 %", ">99 %", "43 %", "10 %"]);
  assert.deepEqual([0.0994, 0.02, 0.001, 0.0004].map(percent), ["9.9 %", "2.0 %", "0.1 %", "<0.1 %"]);
});

test("choices that no longer fit a palette are not taken up", () => {
  const p = picker();
  p.restore({
    scene: { current: 3, previous: 99, recents: [] },
    face: { current: 1, previous: 0, recents: [], favourites: [3] },
    gone: { current: 0, previous: 0, recents: [] },
  });
  assert.equal(p.current.index, 0);
  p.use("face");
  assert.deepEqual(p.choice.favourites, []);
});

test("groups: the landscape first, nothing last, every class once", () => {
  const order = ["void", "indoors", "water", "indoors", "sky"];
  const classes = order.map((group, index) => ({ ...scene.classes[0], index, group }));
  const found = groups({ ...scene, classes });
  assert.deepEqual(found.map(([name, members]) => [name, members.map((c) => c.index)]), [
    ["sky", [4]],
    ["water", [2]],
    ["indoors", [1, 3]],
    ["void", [0]],
  ]);
});
