import assert from "node:assert/strict";
import { test } from "node:test";

import { keepListening } from "../../app/static/answers.js";

const AT = "http://127.0.0.1/gradio_api/queue";
const say = (kind, event = null, rest = "") => `data: {"msg":"${kind}","event_id":${JSON.stringify(event)}${rest}}\n\n`;
const CLOSE = say("close_stream");

/** A server whose streams say what the test lets them say. */
function server() {
  const streams = [];
  const scope = {
    answers: {},
    async fetch(input) {
      const url = String(input.url ?? input);
      if (url.endsWith("/join")) return Response.json({ event_id: this.answers.next });
      if (!url.includes("/data")) return new Response("else");
      let tell;
      const body = new ReadableStream({ start: (controller) => (tell = controller) });
      streams.push({
        tell: (said) => tell.enqueue(typeof said === "string" ? new TextEncoder().encode(said) : said),
        end: () => tell.close(),
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  };
  keepListening(scope);
  const ask = async (event) => {
    scope.answers.next = event;
    return (await scope.fetch(`${AT}/join`, { method: "POST" })).json();
  };
  return { scope, streams, ask, listen: () => scope.fetch(new Request(`${AT}/data?session_hash=x`)) };
}

/** Lets what is on its way happen until the condition holds, for so many turns at most. */
async function until(condition, told) {
  for (let turn = 0; turn < 100 && !condition(); turn++) await new Promise((wait) => setImmediate(wait));
  assert.ok(condition(), told);
}

/** All that a stream says until it ends, which it must without waiting for anything more. */
async function heard(response) {
  const parts = [];
  let ended = false;
  const reading = (async () => {
    for await (const part of (await response).body.pipeThrough(new TextDecoderStream())) parts.push(part);
    ended = true;
  })();
  await Promise.race([reading, until(() => ended, "the stream does not end")]);
  return parts.join("");
}

test("a stream ends as the server says where nothing is due", async () => {
  const { streams, ask, listen } = server();
  assert.deepEqual(await ask("a"), { event_id: "a" });
  const response = listen();
  await response;
  const words = [say("process_starts", "a"), say("process_completed", "a", ',"output":{"data":["ü"]}'), CLOSE];
  streams[0].tell(words.join(""));
  streams[0].end();
  assert.equal(await heard(response), words.join(""));
  assert.equal(streams.length, 1);
});

test("what is asked while the word to close is on its way is answered on a new stream", async () => {
  const { streams, ask, listen } = server();
  await ask("a");
  const response = listen();
  await response;
  await ask("b"); // the server has closed the first one by then, but nobody has heard of that
  streams[0].tell(say("process_completed", "a") + CLOSE);
  const text = heard(response);
  text.catch(() => {}); // it is looked at below
  await until(() => streams.length === 2, "no second stream was opened, though an answer is due");
  streams[1].tell(say("process_completed", "b") + CLOSE);
  streams[1].end();
  assert.equal(await text, say("process_completed", "a") + say("process_completed", "b") + CLOSE);
});

test("an answer that comes before the page knows that it asked is no longer due", async () => {
  const { streams, ask, listen } = server();
  await ask("a");
  const response = listen();
  await response;
  streams[0].tell(say("process_completed", "b"));
  await new Promise((wait) => setImmediate(wait)); // the stream reads ahead
  await ask("b");
  streams[0].tell(say("process_completed", "a") + CLOSE);
  streams[0].end();
  assert.equal(await heard(response), say("process_completed", "b") + say("process_completed", "a") + CLOSE);
  assert.equal(streams.length, 1);
});

test("messages that come in pieces are whole, to the byte", async () => {
  const { streams, ask, listen } = server();
  await ask("a");
  const response = listen();
  await response;
  const words = say("process_completed", "a", ',"output":"größer"') + CLOSE;
  const text = heard(response);
  const bytes = new TextEncoder().encode(words);
  for (let at = 0; at < bytes.length; at += 3) streams[0].tell(bytes.slice(at, at + 3));
  streams[0].end();
  assert.equal(await text, words);
});

test("everything else is fetched as ever", async () => {
  const { scope } = server();
  assert.equal(await (await scope.fetch("http://127.0.0.1/gradio_api/file=x.js")).text(), "else");
});
