/* The keys of the plot, and the text that explains them. */

import { panned, zoomed } from "./window.js";

const HELP = [
  ["← →", "move the window (with Shift: by half of it)"],
  ["+ −", "zoom in and out"],
  ["0", "the whole range"],
  ["[ ]", "previous and next spectral line"],
  ["Enter", "what makes this place; again: gradient of the label that raises the line"],
  ["r", "rescale the vertical axes"],
  ["Esc", "close"],
];

const MOUSE = [
  ["scroll", "zoom about the pointer (after a click, or with Ctrl)"],
  ["drag", "move; with Shift: zoom into a box"],
  ["click", "what makes this place; double-click: whole range"],
];

/**
 * Do what a key means.
 *
 * @param {KeyboardEvent} event
 * @param {object} plot {window(), move(window, done), whole(), step(direction), gradient(),
 *   rescale(), help(), close()}
 * @returns {boolean} Whether the key means something here.
 */
export function pressed(event, plot) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const window = plot.window();
  const middle = (window[0] + window[1]) / 2;
  const part = event.shiftKey ? 0.5 : 0.1;
  const zoom = (factor) => plot.move(zoomed(window, middle, factor), true);
  const actions = {
    ArrowLeft: () => plot.move(panned(window, -part), true),
    ArrowRight: () => plot.move(panned(window, part), true),
    "+": () => zoom(1 / 1.4),
    "=": () => zoom(1 / 1.4),
    "-": () => zoom(1.4),
    "−": () => zoom(1.4),
    0: () => plot.whole(),
    "[": () => plot.step(-1),
    "]": () => plot.step(1),
    Enter: () => plot.gradient(),
    r: () => plot.rescale(),
    "?": () => plot.help(),
    Escape: () => plot.close(),
  };
  const action = actions[event.key];
  action?.();
  return Boolean(action);
}

/** A table of the keys and of what the mouse does. */
export function helpTable() {
  const table = document.createElement("table");
  for (const [key, meaning] of [...HELP, ...MOUSE]) {
    const row = table.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = key;
    row.append(name);
    row.insertCell().textContent = meaning;
  }
  return table;
}
