import assert from "node:assert/strict";
import { test } from "node:test";

import { Said } from "../../app/static/said.js";

/** What shows after all that was heard: "a" what the artist was answered, "j" what a job says. */
function shows(...heard) {
  const said = new Said();
  heard.forEach((each) => said.hear(each));
  return `${said.answer ? "a" : ""}${said.job ? "j" : ""}`;
}
const job = (kind, run = "1") => ({ job: { kind, run } });
const ANSWER = { answer: true };

test("a job takes the place of what was said before it", () => {
  assert.equal(shows(), "a");
  assert.equal(shows(ANSWER, job("busy")), "j");
  assert.equal(shows(job("busy"), job("busy")), "j");
  assert.equal(shows(job("busy"), job("done")), "j");
});

test("an answer stands beside the job that goes on, and beside its end", () => {
  assert.equal(shows(job("busy"), ANSWER), "aj");
  assert.equal(shows(job("busy"), ANSWER, job("busy")), "aj");
  assert.equal(shows(job("busy"), ANSWER, job("busy"), job("done")), "aj");
});

test("another job takes its place, another answer that of both", () => {
  assert.equal(shows(job("busy"), ANSWER, job("done"), job("busy", "2")), "j");
  assert.equal(shows(job("busy"), ANSWER, job("busy", "2")), "j");
  assert.equal(shows(job("busy"), ANSWER, job("done"), ANSWER), "a");
  assert.equal(shows(job("busy"), job("done"), ANSWER), "a");
});

test("what is heard in one moment shows as a whole", () => {
  assert.equal(shows(job("busy"), { ...ANSWER, ...job("busy") }), "aj");
  assert.equal(shows(job("busy"), { ...ANSWER, ...job("done") }), "aj");
  assert.equal(shows({ ...ANSWER, ...job("busy") }), "aj");
});

test("a line of no run belongs to the job that goes on, else it begins something", () => {
  assert.equal(shows(job("busy"), ANSWER, job("busy", "")), "aj");
  assert.equal(shows(job("busy"), job("busy", ""), ANSWER, job("busy"), job("done")), "aj");
  assert.equal(shows(ANSWER, job("busy", "")), "j");
  assert.equal(shows(job("busy", ""), ANSWER, job("busy", "")), "aj");
});

test("a job that says nothing does not show", () => {
  assert.equal(shows({ job: null }), "a");
  assert.equal(shows(job("busy", ""), { job: null, ...ANSWER }), "a");
});
