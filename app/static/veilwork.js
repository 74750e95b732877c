/** The region, worked out on a thread of its own, so that no stroke has to wait for it. */

import { regionOf } from "./region.js";
import { drawVeil } from "./veil.js";

/** @typedef {{kind: import("./region.js").Kind, share: number, veil: ImageBitmap | null}} Answer */

/** Answers a `Question` with an `Answer`; the veil is of the map's size. */
addEventListener("message", async ({ data: question }) => {
  const { kind, share, opacity } = regionOf(question);
  const { width, height } = question;
  const pixels = opacity && new ImageData(drawVeil(opacity, width, height), width, height);
  const veil = pixels && (await createImageBitmap(pixels));
  /** @type {any} */ (globalThis).postMessage({ kind, share, veil }, veil ? [veil] : []);
});
