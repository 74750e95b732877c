import assert from "node:assert/strict";
import test from "node:test";
import { COMMANDS, HELP_SHEET, commandOf } from "../../app/static/commands.js";

const press = (key, code, held = []) =>
  commandOf({
    key,
    code,
    ctrlKey: held.includes("Control"),
    metaKey: held.includes("Meta"),
    shiftKey: held.includes("Shift"),
    altKey: held.includes("Alt"),
    getModifierState: (name) => held.includes(name),
  })?.id;

test("letters, with and without capitals", () => {
  assert.equal(press("b", "KeyB"), "brush");
  assert.equal(press("B", "KeyB"), "brush");
  assert.equal(press("b", "KeyB", ["Control"]), undefined);
});

test("undo and redo, on every machine", () => {
  assert.equal(press("z", "KeyZ", ["Control"]), "undo");
  assert.equal(press("z", "KeyZ", ["Meta"]), "undo");
  assert.equal(press("Z", "KeyZ", ["Control", "Shift"]), "redo");
  assert.equal(press("y", "KeyY", ["Control"]), "redo");
});

test("digits go by place: fit, 100 %, the row of classes", () => {
  assert.equal(press("0", "Digit0"), "fit");
  assert.equal(press("0", "Numpad0"), "fit");
  assert.equal(press(")", "Digit0", ["Shift"]), "actual");
  assert.equal(press("=", "Digit0", ["Shift"]), "actual");
  assert.equal(press("é", "Digit2"), "slot-2");
  assert.equal(press("7", "Digit7", ["Control"]), undefined);
});

test("signs that some layouts put on digits stay what they are", () => {
  assert.equal(press("/", "Slash"), "search");
  assert.equal(press("/", "Digit7", ["Shift"]), "search");
  assert.equal(press("[", "Digit8", ["Control", "Alt", "AltGraph"]), "smaller");
  assert.equal(press("?", "Slash", ["Shift"]), "help");
  assert.equal(press("+", "Equal", ["Shift"]), "zoom-in");
});

test("other alphabets reach the letters by their place", () => {
  assert.equal(press("и", "KeyB"), "brush");
  assert.equal(press("я", "KeyZ", ["Control"]), "undo");
});

test("Alt is the eyedropper's, not a key's", () => {
  assert.equal(press("b", "KeyB", ["Alt"]), undefined);
});

test("O shows the photo alone, once a press", () => {
  assert.equal(press("o", "KeyO"), "photo");
  assert.ok(COMMANDS.find((c) => c.id === "photo").once);
});

test("the help sheet has every key", () => {
  const listed = HELP_SHEET.flatMap(([, rows]) => rows.flatMap(([keys]) => keys.split(", ")));
  const keys = COMMANDS.filter((c) => !c.id.startsWith("slot-")).flatMap((c) => c.keys);
  assert.ok(keys.length > 15);
  assert.deepEqual(keys.filter((key) => !listed.includes(key)), []);
});
