import assert from "node:assert/strict";
import { test } from "node:test";
import { EditList } from "../../app/static/stack/list.js";

const edit = (words) => ({ words, thumb: "", hidden: false });
const message = (seq, edits, aside = 0) => ({ seq, version: `v${seq}`, edits, aside, told: {} });

test("the newest edit is on top, and each knows its place from the lowest", () => {
  const list = new EditList();
  assert.ok(list.take(message(1, [edit("a"), edit("b"), edit("c")])));
  assert.deepEqual(
    list.rows.map(({ words, at }) => [words, at]),
    [["c", 2], ["b", 1], ["a", 0]],
  );
  assert.equal(list.version, "v1");
});

test("what is older, or no message at all, changes nothing", () => {
  const list = new EditList();
  list.take(message(5, [edit("a")]));
  for (const other of [message(5, []), message(4, []), null, { action: "hide", at: 0, version: "v5" }]) {
    assert.equal(list.take(other), false);
  }
  assert.equal(list.rows.length, 1);
  assert.equal(list.version, "v5");
});

test("what waits aside is told", () => {
  const list = new EditList();
  list.take(message(1, [], 0));
  assert.equal(list.note, "");
  list.take(message(2, [], 1));
  assert.match(list.note, /^One edit waits/);
  list.take(message(3, [], 2));
  assert.match(list.note, /^2 edits wait/);
});
