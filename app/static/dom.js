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
 * A class as a swatch shows it; unlabelled has no colour and shows the ground.
 * @param {HTMLElement} swatch
 * @param {number} index  of the class
 * @param {import("./display.js").Display} display
 */
export function paintSwatch(swatch, index, display) {
  const colour = display.css(index);
  swatch.classList.toggle("sw-bare", !colour);
  swatch.style.backgroundColor = colour;
  swatch.style.backgroundImage = display.cssHatch(index);
}
