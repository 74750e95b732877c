/**
 * What the page asks for is answered on one stream, which the server closes once no answer is due. Something asked in that
 * very moment would wait for ever: Gradio sees a stream that is open, and the word that closes it is already on its way.
 * So that word is passed on only where nothing is due; else the stream goes on with a new one.
 */

const ASKED = "/queue/join";
const TOLD = "/queue/data";
const END = "\n\n"; // of a message
const HEAD = 200; // characters of a message in which its kind and event stand

/**
 * Stands in for fetch from now on.
 * @param {{fetch: typeof fetch}} scope  the window
 */
export function keepListening(scope) {
  const plain = scope.fetch.bind(scope);
  const due = new Due();
  scope.fetch = async (input, options) => {
    const [path] = String(input instanceof Request ? input.url : input).split("?");
    if (path.endsWith(ASKED)) return noted(await plain(input, options), due);
    if (!path.endsWith(TOLD)) return plain(input, options);
    const listen = () => plain(input instanceof Request ? input.clone() : input, options);
    const response = await listen();
    if (!response.ok || !response.body) return response;
    return new Response(streamOf(told(response, listen, due)), { status: response.status, headers: response.headers });
  };
}

/** The events whose last word has not come. An answer can come before the page has heard that it asked. */
class Due {
  constructor() {
    /** @type {Set<string>} */
    this.waiting = new Set();
    /** @type {Set<string>} */
    this.early = new Set();
  }

  /** @param {string} event */
  ask(event) {
    if (!this.early.delete(event)) this.waiting.add(event);
  }

  /** @param {string} event */
  complete(event) {
    if (!this.waiting.delete(event)) this.early.add(event);
  }

  /** No stream will tell of them any more. */
  clear() {
    this.waiting.clear();
    this.early.clear();
  }
}

/** @param {Response} response  to a question @param {Due} due */
async function noted(response, due) {
  const answer = response.ok ? await response.clone().json() : null;
  if (answer?.event_id) due.ask(answer.event_id);
  return response;
}

/**
 * The messages of a stream, and of those that take its place.
 * @param {Response} response
 * @param {() => Promise<Response>} listen  opens another one
 * @param {Due} due
 * @returns {AsyncGenerator<string>}
 */
async function* told(response, listen, due) {
  try {
    for (let closed = true; closed; ) {
      closed = false;
      for await (const message of messages(/** @type {ReadableStream<Uint8Array>} */ (response.body))) {
        const { kind, event } = headOf(message);
        if (kind === "process_completed" && event) due.complete(event);
        closed = kind === "close_stream";
        if (closed && due.waiting.size) break;
        yield message;
        if (closed) return;
      }
      if (closed) response = await listen();
      if (!response.ok) throw new Error(`The stream of answers did not go on (${response.status}).`);
    }
  } catch (error) {
    due.clear();
    throw error;
  }
}

/** @param {string} message */
function headOf(message) {
  const head = message.slice(0, HEAD);
  return { kind: /"msg":\s*"(\w+)"/.exec(head)?.[1], event: /"event_id":\s*"(\w+)"/.exec(head)?.[1] };
}

/**
 * Server-sent events, each with the empty line that ends it.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* messages(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let looked = 0; // so far there is no end in it
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += decoder.decode(part.value, { stream: true });
      for (let end = text.indexOf(END, looked); end >= 0; end = text.indexOf(END)) {
        yield text.slice(0, end + END.length);
        text = text.slice(end + END.length);
      }
      looked = Math.max(0, text.length - 1);
    }
    if (text) yield text;
  } finally {
    reader.cancel().catch(() => {}); // where it is left early
  }
}

/** @param {AsyncGenerator<string>} texts */
function streamOf(texts) {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: () => texts.return(undefined).then(() => {}),
  });
}
