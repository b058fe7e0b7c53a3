/* The legend of a panel: for each curve a piece of it, as it is drawn, and its name. */

import { short } from "./format.js";
import { curveColor } from "./theme.js";

const SHORT = 14; // Names of at most so many letters are never cut
const MANY = 5; // Of more curves than these, names keep so many letters:
const LETTERS = 9;
const DRAWING = "http://www.w3.org/2000/svg";

function swatch(curve, color, asPoints) {
  const svg = document.createElementNS(DRAWING, "svg");
  svg.setAttribute("width", "22");
  svg.setAttribute("height", "10");
  svg.setAttribute("aria-hidden", "true");
  const add = (name, attributes) => {
    const part = svg.appendChild(document.createElementNS(DRAWING, name));
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
  };
  if (asPoints) {
    for (const cx of [4, 11, 18]) add("circle", { cx, cy: 5, r: 1.8, fill: color });
  } else {
    const dash = curve.dashed ? { "stroke-dasharray": "5 3" } : {};
    add("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: color, "stroke-width": 2, ...dash });
  }
  return svg;
}

/**
 * Write a legend, but only if it differs from what is written already.
 *
 * @param {HTMLElement} el
 * @param {object[]} curves
 * @param {object} theme
 * @param {boolean} asPoints Whether observed stars are points now.
 * @param {boolean} shaded Whether a window that is not trusted is in view.
 */
export function writeLegend(el, curves, theme, asPoints, shaded) {
  const key = JSON.stringify([
    ...curves.map(({ name, role, index, dashed, points }) => [name, role, index, dashed, points]),
    theme.background, asPoints, shaded,
  ]);
  if (el.dataset.key === key) return;
  el.dataset.key = key;
  const named = curves.filter(({ name }) => name);
  const many = named.length > MANY;
  const items = named.map((curve) => {
    const item = document.createElement("span");
    item.className = "specnb-legend-item";
    item.dataset.role = curve.role;
    if (curve.name.length <= SHORT) item.style.flexShrink = 0;
    const name = document.createElement("span");
    name.textContent = many ? short(curve.name, LETTERS) : curve.name;
    item.append(swatch(curve, curveColor(theme, curve), asPoints && curve.points), name);
    return item;
  });
  if (shaded) {
    const item = document.createElement("span");
    item.className = "specnb-legend-item specnb-legend-shade";
    item.textContent = "not trusted";
    items.push(item);
  }
  el.classList.toggle("specnb-many", many);
  el.replaceChildren(...items);
}
