import assert from "node:assert/strict";
import test from "node:test";
import { ClassPicker, RECENTS, groups, search } from "../../app/static/classes.js";
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

test("recents keep their places, and the oldest goes when they are full", () => {
  const classes = Array.from({ length: 20 }, (_, index) => ({ ...scene.classes[0], index, name: `class ${index}` }));
  const p = new ClassPicker({ many: { ...scene, name: "many", classes, unlabelled: 19 } }, "many");
  for (const index of [1, 2, 1, 3]) {
    p.choose(index);
    p.used();
  }
  assert.deepEqual(p.recents.map((c) => c.index), [1, 2, 3]);
  for (let index = 4; index < 12; index++) {
    p.choose(index);
    p.used();
  }
  assert.equal(p.recents.length, RECENTS);
  assert.equal(p.recents.at(-1).index, 11);
});

test("choices that no longer fit a palette are not taken up", () => {
  const p = picker();
  p.restore({ scene: { current: 3, previous: 99, recents: [] }, gone: { current: 0, previous: 0, recents: [] } });
  assert.equal(p.current.index, 0);
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
