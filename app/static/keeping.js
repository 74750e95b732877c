/**
 * The session as this browser keeps it: written after each step, and read when the page comes back.
 */

import { belongs } from "./host.js";
import * as store from "./store.js";
import { MAP_OPACITY, openPhoto } from "./underlay.js";

/** @typedef {import("./canvas.js").Session} Session */
/** @typedef {import("./document.js").LabelDocument} LabelDocument */
/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./toolbar.js").StatusLine} StatusLine */

/** Milliseconds. */
const SAVED_EVERY = 2000;

const ELSEWHERE = "Painted in another tab too: what is painted last is kept";

/**
 * Keeps the session in this browser: the map after each step, and every two seconds of a long stroke; the photo, which
 * is large, only when it changes.
 * @param {Session} session
 * @param {Editor} editor
 * @param {StatusLine} status
 */
export function autosave(session, editor, status) {
  const { doc, picker, underlay, mounted } = session;
  let photoKept = Promise.resolve(true);
  let timer = 0;
  let elsewhere = false;
  let kept = true;
  const tell = () => status.warn(kept ? (elsewhere ? ELSEWHERE : "") : "Not kept in this browser");
  const tabs = new BroadcastChannel(`spadework ${editor.id}`); // they share one place in this browser
  tabs.onmessage = () => {
    elsewhere = true;
    tell();
  };
  mounted.signal.addEventListener("abort", () => tabs.close());
  const keep = {
    photo() {
      photoKept = store.savePhoto(editor.id, { url: underlay.photo?.url ?? "", photo: doc.photo });
    },
    async map() {
      await session.ready; // nothing is written before what was kept has been read
      window.clearTimeout(timer);
      timer = 0;
      const { choices, preferences } = picker;
      const tools = { ...editor.options, choices, preferences, mapOpacity: underlay.opacity, limits: editor.limits };
      const done = await Promise.all([store.save(editor.id, stateOf(doc, tools)), photoKept]);
      kept = done.every(Boolean);
      tell();
      if (!mounted.signal.aborted) tabs.postMessage("kept");
    },
    /** What is not worth a save by itself is kept within two seconds: a part of a stroke, a tool's option. */
    soon() {
      timer ||= window.setTimeout(keep.map, SAVED_EVERY);
    },
  };
  window.addEventListener("pagehide", () => timer && keep.map(), { signal: mounted.signal });
  return keep;
}

/**
 * A copy that a running stroke no longer changes.
 * @param {LabelDocument} doc
 * @param {import("./store.js").Tools} tools
 */
function stateOf({ content, labels, instances, selection }, tools) {
  const copy = { ...content, labels: labels.slice(), instances: instances?.slice() ?? null };
  return { content: copy, selection: selection?.slice() ?? null, tools };
}

/**
 * Begins with what this browser kept, else with what the host was given.
 * @param {Session} session
 * @param {{editor: Editor}} parts
 * @param {import("./canvas.js").Config} config
 * @param {import("./host.js").HostLink} link
 */
export async function restore({ doc, picker, underlay }, { editor }, config, link) {
  const [saved, kept] = await Promise.all([store.load(config.id), store.loadPhoto(config.id)]);
  const first = saved ?? (await link.first());
  const under = kept && (await openPhoto(kept.url));
  // From here on in one go: a half-restored session is never kept.
  if (first && belongs(first.content, config.palettes)) doc.restore(first.content, saved?.selection);
  if (kept) underlay.photo = under;
  if (under && isWhole(kept.photo)) doc.setPhoto(kept.photo);
  picker.use(doc.palette);
  if (!saved) return;
  picker.restore(saved.tools.choices, saved.tools.preferences);
  editor.restore(saved.tools);
  if (saved.tools.limits) editor.restoreLimits(saved.tools.limits);
  underlay.setOpacity(saved.tools.mapOpacity ?? MAP_OPACITY);
}

/** Whether a kept version of a photo is one. @param {import("./history.js").PhotoVersion | null} photo */
function isWhole(photo) {
  if (!photo || typeof photo.version !== "string" || !(photo.width > 0 && photo.height > 0)) return false;
  const { base } = photo;
  return !base || (base.labels instanceof Uint8Array && base.labels.length === base.width * base.height);
}
