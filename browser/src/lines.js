/* Spectral lines: ticks at the top of the flux panel, with names where there is room. */

import { font } from "./format.js";
import { textColor, tickColor } from "./theme.js";

const SPACE = 3; // least distance of two ticks in screen pixels
const BETWEEN = 8; // least distance of two names
const EDGE = 3; // least distance of a name from the frame
const HEIGHT = { name: 13, tick: 5, own: 8 };

/** The part of a flux panel's height that the ticks and names need. */
export function linesRoom(height) {
  return Math.min(0.3, (HEIGHT.name + HEIGHT.own + 4) / Math.max(height, 1));
}

/**
 * Choose the lines that get ticks and names. The most important come first, and before them those
 * of the element whose label's gradient is shown.
 *
 * @param {object[]} lines Lines, the most important first.
 * @param {number[]} window Range of wavelengths in Å.
 * @param {number} width Width of the panel in screen pixels.
 * @param {function} isOwn Whether a line is of the highlighted element.
 * @param {function} measure Width of a name in screen pixels: (species, bold) → number.
 * @returns {object[]} For each chosen line {line, at, own, named}, `at` in screen pixels.
 */
export function arrange(lines, [low, high], width, isOwn, measure) {
  const inside = lines
    .filter(({ wavelength }) => wavelength >= low && wavelength <= high)
    .map((line) => ({
      line, own: isOwn(line), at: ((line.wavelength - low) / (high - low)) * width,
    }));
  const ordered = [...inside.filter(({ own }) => own), ...inside.filter(({ own }) => !own)];
  const chosen = [];
  const names = [];
  for (const mark of ordered) {
    const free = chosen.every((other) => Math.abs(other.at - mark.at) >= SPACE);
    if (!mark.own && !free) continue;
    const half = measure(mark.line.species, mark.own) / 2;
    const fits = mark.at > half + EDGE && mark.at < width - half - EDGE;
    const apart = (other) => Math.abs(other.at - mark.at) >= other.half + half + BETWEEN;
    const named = fits && names.every(apart);
    if (named) names.push({ at: mark.at, half });
    chosen.push({ ...mark, named });
  }
  return chosen;
}

/** Draw the chosen lines at the top of a panel. `box` is the panel on the canvas. */
export function drawLines(context, marks, theme, box, ratio) {
  const unit = Math.max(1, Math.round(ratio));
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const { line, at, own, named } of marks) {
    const across = Math.round(box.left + at * ratio);
    context.fillStyle = tickColor(theme, line.color);
    const width = own ? 2 * unit : unit;
    const height = (own ? HEIGHT.own : HEIGHT.tick) * ratio;
    context.fillRect(across - (width >> 1), box.top + (HEIGHT.name + 3) * ratio, width, height);
    if (!named) continue;
    context.font = font(ratio, 11, own);
    context.fillStyle = textColor(theme, line.color);
    context.fillText(line.species, across, box.top + HEIGHT.name * ratio);
  }
}

/** The line nearest to a wavelength, if one is at most `most` Å away. */
export function nearestLine(lines, wavelength, most) {
  let [found, distance] = [undefined, most];
  for (const line of lines) {
    const away = Math.abs(line.wavelength - wavelength);
    if (away < distance || (away === distance && !found)) [found, distance] = [line, away];
  }
  return found;
}

/** The next line towards longer (direction 1) or shorter (−1) wavelengths. */
export function nextLine(lines, wavelength, direction) {
  const beyond = lines.filter((line) => (line.wavelength - wavelength) * direction > 1e-6);
  beyond.sort((a, b) => (a.wavelength - b.wavelength) * direction);
  return beyond[0];
}

/** The choice of spectral lines for a panel, made anew only when something that matters changes. */
export class Marks {
  constructor(lines) {
    this.lines = lines;
    this.widths = new Map();
    this.context = document.createElement("canvas").getContext("2d");
  }

  /** See `arrange`. `own` names the label whose element's lines are highlighted. */
  choose(window, width, own, isOwn) {
    const key = [...window, width, own].join(" ");
    if (key !== this.key) {
      this.key = key;
      this.chosen = arrange(this.lines, window, width, isOwn, (...name) => this._width(...name));
    }
    return this.chosen;
  }

  _width(name, bold) {
    const key = `${name} ${bold}`;
    if (!this.widths.has(key)) {
      this.context.font = font(1, 11, bold);
      this.widths.set(key, this.context.measureText(name).width);
    }
    return this.widths.get(key);
  }
}
