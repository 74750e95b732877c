/** Colours as people without one kind of cones see them. */

import { labOfLight, linear } from "../../app/static/colours.js";

/** Machado, Oliveira and Fernandes 2009, table 1 at full severity; they act on linear light. */
const EYES = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

export const eyes = ["usual", ...Object.keys(EYES)];

/**
 * CIE L*a*b* of a colour as an eye sees it.
 * @param {number[]} colour  0 to 255
 * @param {string} eye  one of `eyes`
 */
export function seen(colour, eye) {
  const light = linear(colour);
  const rows = EYES[eye];
  const reached = rows ? rows.map((row) => row.reduce((sum, k, i) => sum + k * light[i], 0)) : light;
  return labOfLight(reached.map((value) => Math.min(1, Math.max(0, value))));
}
