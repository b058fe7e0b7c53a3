/* The card that names a spectral line on which the user clicked. */

import { angstrom, markup } from "./format.js";
import { textColor } from "./theme.js";

const BESIDE = 10; // distance of the card from the line, in screen pixels

/** The label that raises the element of a line; undefined if there is none. */
export function labelOf(page, { element }) {
  const name = element ? page.elements?.[element] : undefined;
  return name && page.labels.find((label) => label.name === name);
}

/**
 * The card, and a dashed mark over all panels at the line.
 *
 * @param {HTMLElement} el Element of the card, within the figure.
 * @param {HTMLElement} mark Element of the mark, within the pad.
 */
export class LineCard {
  constructor(el, mark) {
    Object.assign(this, { el, mark, line: null });
  }

  /** Name a line and the label that raises it. Then call `place`. */
  show(line, label, theme) {
    this.line = line;
    const name = document.createElement("strong");
    name.textContent = line.species;
    name.style.color = textColor(theme, line.color);
    const raised = document.createElement("div");
    if (label) raised.append(`element ${line.element}: `, markup(label.symbol), " raises it");
    else if (line.element) raised.append(`element ${line.element}: no label of its own`);
    else raised.append("no label of its own");
    this.el.replaceChildren(name, ` ${angstrom(line.wavelength)} Å`, raised);
    this.el.dataset.line = `${line.species} ${angstrom(line.wavelength)}`;
  }

  /**
   * Put the card beside its line, or hide both if the line is not in view.
   *
   * @param {function} position Screen pixels from the left end of the axis, of a wavelength.
   * @param {object} box {left, bottom, width} of the first panel in the figure, in screen pixels.
   */
  place(position, { left, bottom, width }) {
    const at = this.line ? Math.round(position(this.line.wavelength)) : -1;
    this.el.hidden = this.mark.hidden = at < 0 || at > width;
    if (this.el.hidden) return;
    this.mark.style.transform = `translateX(${at}px)`;
    const fits = at + BESIDE + this.el.offsetWidth < width;
    this.el.style.top = `${bottom - BESIDE - this.el.offsetHeight}px`;
    this.el.style.left = `${left + (fits ? at + BESIDE : at - BESIDE - this.el.offsetWidth)}px`;
  }

  close() {
    this.line = null;
  }
}
