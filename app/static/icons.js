/** Icons on a grid of 20, drawn with one stroke width. */

const SHAPES = {
  brush: "M16.5 3.5 8.8 10.2M11 12.6 17.2 4.2M8.6 10.4l2.2 2.2c.4 2.6-1.7 4.7-6.6 4.1 1.2-.9 1.3-1.7 1.5-3 .3-1.8 1.4-2.9 2.9-3.3Z",
  eraser: "M7 16.5h10M11.4 3.6 3.5 11.5a1.4 1.4 0 0 0 0 2L6.4 16.5h3.4l6.7-6.7a1.4 1.4 0 0 0 0-2l-4.2-4.2a.65.65 0 0 0-.9 0ZM7.2 7.8l5.2 5.2",
  fill: "M7.5 2.5l2 2M9.5 4.5 16 11l-5.3 5.3a1.5 1.5 0 0 1-2.1 0L4.2 11.9a1.5 1.5 0 0 1 0-2.1ZM3.8 11H16M17.6 13.6c.8 1.2 1.1 1.8 1.1 2.4a1.2 1.2 0 0 1-2.3 0c0-.6.4-1.2 1.2-2.4Z",
  pick: "M11.6 5.4l3 3M10.4 6.6 3.9 13.1v3h3l6.5-6.5M12.4 4.6l1.3-1.3a2.1 2.1 0 0 1 3 3l-1.3 1.3M9.6 5.8l4.6 4.6",
  pan: "M10 2.5v15M2.5 10h15M7.9 4.6 10 2.5l2.1 2.1M7.9 15.4l2.1 2.1 2.1-2.1M4.6 7.9 2.5 10l2.1 2.1M15.4 7.9l2.1 2.1-2.1 2.1",
  undo: "M6.5 3.5 3 7l3.5 3.5M3 7h8.5a5 5 0 0 1 0 10H8",
  redo: "M13.5 3.5 17 7l-3.5 3.5M17 7H8.5a5 5 0 0 0 0 10H12",
  minus: "M4.5 10h11",
  plus: "M4.5 10h11M10 4.5v11",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4M7 7h6v6H7Z",
  actual: "M4.5 6.5 6.5 5v10M13.5 6.5 15.5 5v10M10 7.8v.4M10 12v.4",
  new: "M5 2.5h6.5L15.5 6.5v11H5ZM11.5 2.5v4h4M10.2 9.5v5M7.7 12h5",
  clear: "M3.5 5.5h13M8 5.5v-2h4v2M5 5.5l.8 11.5h8.4L15 5.5M8.4 8.5l.2 5.5M11.6 8.5l-.2 5.5",
  open: "M2.5 16V4.5h5l1.8 2.2h6.2V9M2.5 16 5 9h13l-2.5 7Z",
  save: "M10 3v9.5M6.2 9 10 12.8 13.8 9M3.5 13.5V17h13v-3.5",
  photo: "M2.5 4h15v12h-15ZM2.5 13.5 7 9l4 4 2.5-2.5 4 4M13 7.2v.2",
  layers: "M10 3 2.5 7.2 10 11.4l7.5-4.2ZM2.5 10.6 10 14.8l7.5-4.2M2.5 13.8 10 18l7.5-4.2",
  help: "M7.2 7.3a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.5 1.1-1.5 2.2M10 14.9v.3",
  swap: "M5 13V6.5h8.5M11 3.8l2.7 2.7L11 9.2M15 7v6.5H6.5M9 10.8l-2.7 2.7L9 16.2",
  close: "M5 5l10 10M15 5 5 15",
};

/**
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[/** @type {keyof typeof SHAPES} */ (name)]);
  svg.append(path);
  return svg;
}
