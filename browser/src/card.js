/* The card that says what makes a place of the spectrum on which the user clicked. */

import { angstrom, brief, markup } from "./format.js";
import { textColor } from "./theme.js";
import { nearestPixel, pixelWidth } from "./window.js";

const BESIDE = 10; // distance of the card from its place, in screen pixels
const LATER = 150; // the reasons are written anew when the curves have rested so long, in ms

/** The label that raises the element of a line; undefined if there is none. */
export function labelOf(page, { element }) {
  const name = element ? page.elements?.[element] : undefined;
  return name && page.labels.find((label) => label.name === name);
}

/** Elements that say by how much some labels change the flux at a wavelength. */
function reasonsAt(shown, page, wavelength) {
  const pixel = nearestPixel(shown.wavelength, wavelength);
  const away = Math.abs(shown.wavelength[pixel] - wavelength);
  if (!shown.why || away > pixelWidth(shown.wavelength, pixel)) return [];
  return shown.why(pixel).map(({ label: name, symbol, change }) => {
    const label = page.labels.find((each) => each.name === name);
    const step = label ? ` +${label.change} ${label.unit}`.trimEnd() : "";
    const reason = document.createElement("div");
    reason.append(markup(symbol), `${step}: ${change > 0 ? "+" : ""}${brief(change)}`);
    return reason;
  });
}

/**
 * The card, and a dashed mark over all panels at its place.
 *
 * @param {HTMLElement} el Element of the card, within the figure.
 * @param {HTMLElement} mark Element of the mark, within the pad.
 * @param {object} page
 */
export class Card {
  constructor(el, mark, page) {
    Object.assign(this, { el, mark, page, line: null, wavelength: null });
    this.heading = document.createElement("div");
    this.reasons = document.createElement("div");
    el.append(this.heading, this.reasons);
  }

  /** Say what is at a wavelength: a line, if it is given, and the labels that change the flux. */
  show(wavelength, line, shown, theme) {
    Object.assign(this, { wavelength, line: line ?? null });
    const name = document.createElement("strong");
    const note = document.createElement("div");
    const label = line && labelOf(this.page, line);
    name.textContent = line?.species ?? "";
    name.style.color = textColor(theme, line?.color);
    if (label) note.append(`element ${line.element}: `, markup(label.symbol), " raises it");
    else if (line?.element) note.append(`element ${line.element}: no label of its own`);
    else note.append(line ? "no label of its own" : "no marked line within 8 px");
    this.heading.replaceChildren(name, `${line ? " " : ""}${angstrom(wavelength)} Å`, note);
    this.el.dataset.line = line ? `${line.species} ${angstrom(wavelength)}` : "";
    this.reasons.replaceChildren(...reasonsAt(shown, this.page, wavelength));
  }

  /** Write the reasons anew, but not while a slider moves: they take all derivatives. */
  refresh(shown) {
    clearTimeout(this.timer);
    if (this.wavelength === null || !shown.why) return;
    this.timer = setTimeout(() => {
      this.reasons.replaceChildren(...reasonsAt(shown, this.page, this.wavelength));
    }, LATER);
  }

  /**
   * Put the card beside its place, or hide both if that is not in view.
   *
   * @param {function} position Screen pixels from the left end of the axis, of a wavelength.
   * @param {object} box {left, bottom, width} of the first panel in the figure, in screen pixels.
   */
  place(position, { left, bottom, width }) {
    const at = this.wavelength === null ? -1 : Math.round(position(this.wavelength));
    this.el.hidden = this.mark.hidden = at < 0 || at > width;
    if (this.el.hidden) return;
    this.mark.style.transform = `translateX(${at}px)`;
    const fits = at + BESIDE + this.el.offsetWidth < width;
    this.el.style.top = `${bottom - BESIDE - this.el.offsetHeight}px`;
    this.el.style.left = `${left + (fits ? at + BESIDE : at - BESIDE - this.el.offsetWidth)}px`;
  }

  close() {
    clearTimeout(this.timer);
    Object.assign(this, { wavelength: null, line: null });
  }
}
