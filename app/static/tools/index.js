/** The gesture of each tool. */

import { Fill } from "./fill.js";
import { Lasso } from "./lasso.js";
import { Marker } from "./marker.js";
import { Move } from "./move.js";
import { Pan } from "./pan.js";
import { Pick } from "./pick.js";
import { Polygon } from "./polygon.js";
import { Select } from "./select.js";
import { Shape } from "./shape.js";
import { Stroke } from "./stroke.js";

/** @typedef {import("./gesture.js").Gesture} Gesture */
/** @typedef {"brush" | "eraser" | "marker" | "shape" | "polygon" | "lasso" | "fill" | "select" | "pick" | "move" | "pan"} GestureName */

/**
 * @param {import("../editor.js").Editor} editor
 * @returns {Record<GestureName, Gesture>}
 */
export function gesturesFor(editor) {
  const stroke = new Stroke(editor);
  return {
    brush: stroke,
    eraser: stroke,
    marker: new Marker(editor),
    shape: new Shape(editor),
    polygon: new Polygon(editor),
    lasso: new Lasso(editor),
    fill: new Fill(editor),
    select: new Select(editor),
    pick: new Pick(editor),
    move: new Move(editor),
    pan: new Pan(editor),
  };
}
