/**
 * Colours as the eye compares them. No page in here.
 */

/** @typedef {[number, number, number] | number[]} Triple */

/** sRGB to XYZ over the white point D65, row by row. */
const TO_XYZ = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const WHITE = TO_XYZ.map(([r, g, b]) => r + g + b);

/**
 * The light of a colour, without the curve of the display.
 * @param {Triple} colour  0 to 255
 * @returns {number[]} 0 to 1
 */
export function linear(colour) {
  return colour.map((value) => {
    const v = value / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
}

/**
 * @param {Triple} light  0 to 1
 * @returns {[number, number, number]} CIE L*a*b*; L* from 0 to 100
 */
export function labOfLight(light) {
  const [x, y, z] = TO_XYZ.map((row, i) => {
    const t = (row[0] * light[0] + row[1] * light[1] + row[2] * light[2]) / WHITE[i];
    return t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * @param {Triple} colour  0 to 255
 * @returns {[number, number, number]} CIE L*a*b*
 */
export function lab(colour) {
  return labOfLight(linear(colour));
}

/**
 * CIE76: the distance in L*a*b*. Two patches side by side are told apart from about 2.3 on.
 * @param {Triple} a  L*a*b*
 * @param {Triple} b
 */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
