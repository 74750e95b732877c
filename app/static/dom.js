/** Small helpers to build elements. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes]  `class`, `aria-…` and the like; functions listen to the event they are named for
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/**
 * The colour of a class as a swatch shows it; unlabelled has none and shows the ground.
 * @param {HTMLElement} swatch
 * @param {import("./classes.js").PaletteClass} shown
 * @param {import("./classes.js").Palette} palette
 */
export function paintSwatch(swatch, shown, palette) {
  const bare = shown.index === palette.unlabelled;
  swatch.classList.toggle("sw-bare", bare);
  swatch.style.backgroundColor = bare ? "" : `rgb(${shown.colour.join(" ")})`;
}
