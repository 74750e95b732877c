import assert from "node:assert/strict";
import { test } from "node:test";

import { followStrokes } from "../../app/static/live.js";

/** A desk whose frames come when the test says so. */
function desk() {
  const [events, waiting] = [new EventTarget(), []];
  const state = { on: true, drafts: 0 };
  followStrokes({ on: () => state.on, draft: () => state.drafts++ }, events, (callback) => waiting.push(callback));
  return {
    state,
    stroke: () => events.dispatchEvent(new Event("spadework:stroke")),
    frame: () => waiting.splice(0).forEach((callback) => callback()),
  };
}

test("one draft a frame, however many steps", () => {
  const { state, stroke, frame } = desk();
  for (let i = 0; i < 5; i++) stroke();
  assert.equal(state.drafts, 0);
  frame();
  assert.equal(state.drafts, 1);
  stroke();
  frame();
  assert.equal(state.drafts, 2);
});

test("nothing while Live is off, nor where it was switched off meanwhile", () => {
  const { state, stroke, frame } = desk();
  stroke();
  state.on = false;
  frame();
  stroke();
  frame();
  assert.equal(state.drafts, 0);
});
