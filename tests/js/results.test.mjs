import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "../../app/static/results/album.js";
import { asker } from "../../app/static/results/ask.js";
import { moved } from "../../app/static/results/compare.js";
import { Sheet } from "../../app/static/results/sheet.js";
import { Shelf, dayName } from "../../app/static/results/shelf.js";

let seq = 0;

/** A message of a run; cells by their state, with what else is given. */
const message = (run, cells, more = {}) => ({
  seq: ++seq,
  run,
  kind: "busy",
  share: 0.5,
  width: 64,
  height: 48,
  cells: cells.map((cell, i) => ({ seed: 7 + i, ...cell })),
  ...more,
});
const waiting = { state: "waiting" };
const forming = (url) => ({ state: "forming", url });
const done = (id, more = {}) => ({ state: "done", id, url: `${id}.png`, favourite: false, rejected: false, ...more });
const seeds = (album) => album.pictures.map((picture) => picture.seed);

const sheetOf = (...ids) => {
  const sheet = new Sheet();
  sheet.apply(message("r", ids.map((id) => done(id)), { kind: "done" }));
  return sheet;
};

test("a message holds all: one that came too late changes nothing", () => {
  const sheet = new Sheet();
  const [first, second] = [message("r", [waiting, waiting]), message("r", [done("a"), forming("x")])];
  assert.equal(sheet.apply(second), true);
  assert.equal(sheet.apply(first), false);
  assert.equal(sheet.apply({ action: "show", id: "a" }), false);
  assert.equal(sheet.apply(null), false);
  assert.deepEqual(sheet.cells.map((cell) => cell.state), ["done", "forming"]);
});

test("progress is told in words", () => {
  const sheet = new Sheet();
  assert.equal(sheet.progress, "");
  sheet.apply(message("r", [done("a"), waiting]));
  assert.equal(sheet.progress, "1 of 2 results done");
  sheet.apply(message("r", [done("a"), done("b")]));
  assert.equal(sheet.progress, "2 results done");
  sheet.apply(message("r", [done("a"), { state: "stopped" }], { kind: "stopped" }));
  assert.equal(sheet.progress, "Stopped: 1 of 2 results done");
  sheet.apply(message("s", [done("c")]));
  assert.equal(sheet.progress, "1 result done");
});

test("a picture that stops keeps its last preview; a new run begins with nothing", () => {
  const sheet = new Sheet();
  sheet.apply(message("r", [forming("x"), waiting]));
  sheet.apply(message("r", [{ state: "stopped" }, { state: "stopped" }], { kind: "stopped", width: 0, height: 0 }));
  assert.deepEqual(sheet.cells.map((cell) => cell.url), ["x", undefined]);
  assert.equal(sheet.cells[0].width, 64);
  assert.equal(sheet.busy, false);
  sheet.check("r/0");
  sheet.apply(message("s", [waiting, waiting]));
  assert.equal(sheet.cells[0].url, undefined);
});

test("what is shown follows the run until the artist picks, and again from the next run on", () => {
  const sheet = new Sheet();
  sheet.apply(message("r", [done("a"), forming("x")], { shown: 0 }));
  assert.equal(sheet.shown, "r/0");
  sheet.pick("r/1");
  sheet.apply(message("r", [done("a"), done("b")], { shown: 0 }));
  assert.equal(sheet.find(sheet.shown).id, "b");
  sheet.apply(message("s", [waiting], { shown: 0 }));
  assert.equal(sheet.shown, "s/0");
});

test("marks that the artist made outlast what the run says later", () => {
  const sheet = new Sheet();
  sheet.apply(message("r", [done("a"), forming("x")]));
  sheet.change("a", { favourite: true, rejected: true });
  sheet.apply(message("r", [done("a"), done("b", { favourite: true })]));
  assert.deepEqual(sheet.cells.map((cell) => [cell.favourite, cell.rejected]), [[true, true], [true, false]]);
});

test("rejected pictures go to the end, deleted ones away, and neither counts for diversity", () => {
  const sheet = sheetOf("a", "b", "c", "d");
  sheet.change("a", { rejected: true });
  sheet.change("c", { deleted: true, url: "gone.png" });
  assert.deepEqual(seeds(sheet), [8, 10, 7]);
  assert.deepEqual(sheet.finished.map((cell) => cell.id), ["b", "d"]);
  sheet.apply(message("r", [done("a"), done("b"), done("c"), done("d")]));
  assert.deepEqual(seeds(sheet), [8, 10, 7]);
  sheet.change("c", { deleted: false, url: "back.png" });
  sheet.change("a", { rejected: false });
  assert.deepEqual(seeds(sheet), [7, 8, 9, 10]);
  sheet.apply(message("r", [done("a"), done("b"), done("c"), done("d")]));
  assert.equal(sheet.cells[2].url, "back.png");
});

test("a draft stands in front of the run until a run is pressed for", () => {
  const sheet = sheetOf("a", "b");
  sheet.apply(message("live", [{ seed: 3, state: "done", url: "x", draft: "d1" }], { quiet: true, kind: "done" }));
  assert.deepEqual(seeds(sheet), [3, 7, 8]);
  assert.equal(sheet.shown, "draft");
  assert.equal(describe(sheet.draft), "Seed 3, done, not saved");
  sheet.kept("another", { id: "no" });
  assert.equal(sheet.draft.id, undefined);
  sheet.kept("d1", { id: "e", seed: 3, url: "e.png", favourite: false, rejected: false, deleted: false });
  assert.equal(sheet.draft.id, "e");
  sheet.apply(message("live2", [{ seed: 4, state: "forming", url: "y" }], { quiet: true }));
  assert.equal(sheet.draft.id, undefined);
  sheet.apply(message("s", [waiting]));
  assert.deepEqual(seeds(sheet), [7]);
});

test("two pictures are marked to be compared; a third takes the place of the first", () => {
  const sheet = sheetOf("a", "b", "c");
  for (const key of ["r/2", "r/0"]) sheet.check(key);
  assert.deepEqual(sheet.pair.map((picture) => picture.id), ["a", "c"]);
  sheet.check("r/1");
  assert.deepEqual(sheet.pair.map((picture) => picture.id), ["a", "b"]);
  sheet.change("a", { deleted: true });
  assert.equal(sheet.pair, null);
  sheet.check("r/1");
  assert.deepEqual(sheet.checked, []);
});

test("a picture that isn't finished can't be compared", () => {
  const sheet = new Sheet();
  sheet.apply(message("r", [forming("x"), waiting]));
  for (const key of ["r/0", "r/1", "nonesuch"]) sheet.check(key);
  assert.deepEqual(sheet.checked, []);
});

test("walking stops at both ends; Tab leads to where one was, or to the first", () => {
  const sheet = sheetOf("a", "b");
  assert.equal(sheet.beside("r/0", -1).key, "r/0");
  assert.equal(sheet.beside("r/0", 1).key, "r/1");
  assert.equal(sheet.beside("r/1", 1).key, "r/1");
  assert.equal(sheet.entrance, "r/0");
  sheet.current = "r/1";
  assert.equal(sheet.entrance, "r/1");
  sheet.change("b", { deleted: true });
  assert.equal(sheet.entrance, "r/0");
  assert.equal(new Sheet().entrance, "");
});

test("an empty sheet begins with the newest run, one with pictures doesn't", () => {
  const entries = [{ id: "a", run: "old", seed: 1, width: 10, height: 20, favourite: true, rejected: false, deleted: false }];
  const sheet = new Sheet();
  sheet.begin(entries);
  assert.deepEqual([sheet.run, sheet.cells[0].state, sheet.cells[0].favourite, sheet.width], ["old", "done", true, 10]);
  const full = sheetOf("x");
  full.begin(entries);
  assert.deepEqual(full.cells.map((cell) => cell.id), ["x"]);
});

// --- The history ---

const NOW = new Date(2026, 10, 21, 12);
const entry = (id, made, more = {}) => ({ id, made, seed: 1, deleted: false, favourite: false, rejected: false, ...more });
const at = (day, hour) => new Date(2026, 10, day, hour).toISOString();

const shelfOf = (...entries) => {
  const shelf = new Shelf();
  shelf.now = () => NOW;
  shelf.append({ entries, more: true });
  return shelf;
};

test("days have the names that one calls them", () => {
  assert.equal(dayName(new Date(2026, 10, 21, 0), NOW), "Today");
  assert.equal(dayName(new Date(2026, 10, 20, 23, 59), NOW), "Yesterday");
  assert.equal(dayName(new Date(2026, 10, 19), NOW), "Thursday 19 November");
  assert.equal(dayName(new Date(2025, 10, 21), NOW), "Friday 21 November 2025");
});

test("pages join, are grouped by day, and ask for what comes after", () => {
  const shelf = shelfOf(entry("c", at(21, 9)), entry("b", at(21, 8)));
  assert.equal(shelf.question.before, "b");
  shelf.append({ entries: [entry("b", at(21, 8)), entry("a", at(20, 23))], more: false });
  assert.deepEqual(
    shelf.sections.map(({ title, pictures }) => [title, pictures.map((each) => each.id)]),
    [["Today", ["c", "b"]], ["Yesterday", ["a"]]],
  );
  assert.equal(shelf.more, false);
});

test("what is new goes where it belongs, once, and only if the search would find it", () => {
  const shelf = shelfOf(entry("c", at(21, 9)), entry("a", at(20, 9)));
  shelf.insert([entry("d", at(21, 10)), entry("b", at(20, 12)), entry("c", at(21, 9)), entry("z", at(19, 1))]);
  assert.deepEqual(shelf.pictures.map((each) => each.id), ["d", "c", "b", "a", "z"]);
  shelf.insert([entry("x", at(21, 11), { deleted: true })]);
  assert.equal(shelf.find("x"), undefined);
  shelf.ask({ favourites: true });
  shelf.insert([entry("p", at(21, 1)), entry("q", at(21, 1), { favourite: true })]);
  assert.deepEqual(shelf.pictures.map((each) => each.id), ["q"]);
});

test("a deleted picture leaves the list and comes back to its place", () => {
  const shelf = shelfOf(entry("c", at(21, 9)), entry("b", at(21, 8)), entry("a", at(21, 7)));
  shelf.change("b", { deleted: true });
  assert.deepEqual(shelf.pictures.map((each) => each.id), ["c", "a"]);
  shelf.change("b", { deleted: false });
  assert.deepEqual(shelf.pictures.map((each) => each.id), ["c", "b", "a"]);
});

test("another search begins anew", () => {
  const shelf = shelfOf(entry("a", at(21, 9)));
  shelf.check("a");
  shelf.append({ entries: [], more: false });
  shelf.ask({ text: "sky" });
  assert.deepEqual([shelf.pictures, shelf.more, shelf.checked], [[], true, []]);
  assert.deepEqual(shelf.question, { text: "sky", favourites: false, deleted: false, before: undefined });
});

// --- Small things ---

test("a picture is described by its seed, its state and its marks", () => {
  const picture = { seed: 7, state: "done", id: "a", favourite: true, rejected: true, deleted: false };
  assert.equal(describe(picture), "Seed 7, done, favourite, rejected");
  assert.equal(describe({ ...picture, favourite: false, rejected: false, state: "forming" }), "Seed 7, forming");
});

test("keys move the handle within its bounds; others don't", () => {
  assert.equal(moved("ArrowRight", false, 50), 52);
  assert.equal(moved("ArrowLeft", true, 50), 40);
  assert.equal(moved("ArrowLeft", true, 3), 0);
  assert.equal(moved("End", false, 3), 100);
  assert.equal(moved("Home", false, 3), 0);
  assert.equal(moved("a", false, 3), null);
});

test("a server that answers with a problem, or not at all, is an error with a text", async () => {
  const ask = asker({ fine: async (asked) => ({ got: asked }), wrong: async () => ({ error: "No room." }), dead: async () => {} });
  assert.deepEqual(await ask("fine", { id: "a" }), { got: { id: "a" } });
  assert.deepEqual(await ask("fine"), { got: {} });
  await assert.rejects(ask("wrong"), /^Error: No room\.$/);
  await assert.rejects(ask("dead"), /does not answer/);
});
