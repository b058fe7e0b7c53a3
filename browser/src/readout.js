/* What is shown, in words: the values at one pixel, and the whole plot for a screen reader. */

import { angstrom, brief, fixed, plain, short } from "./format.js";
import { nearestPixel, pixelWidth } from "./window.js";

/** What a curve of a panel of differences is called in the readout. */
function nameIn(panel, curve) {
  if (panel.curves.length === 1 || curve.role === panel.key) return panel.key;
  return curve.name.includes(" − ") ? curve.name : `${panel.key} of ${curve.name}`;
}

/** A value with its error, if it has one, and its unit. */
function written(value, error, unit) {
  if (unit) return `${fixed(value, 1)}${unit}`;
  if (!Number.isFinite(value) || !(error > 0 && error < 1)) return brief(value);
  const decimals = 1 - Math.floor(Math.log10(error));
  return `${fixed(value, decimals)} ± ${fixed(error, decimals)}`;
}

// The roles that come first in the readout
const ORDER = ["star", "model", "translated", "edited", "residual", "gradient", "split"];

/**
 * What the readout says of one wavelength, as pieces of text in the order of their importance.
 *
 * @param {object} shown What the scene computed.
 * @param {number} value Wavelength in Å. The values are those of the nearest pixel.
 * @returns {{text: string, curve: object}[]} Pieces; those of a curve have the curve.
 */
export function readout(shown, value) {
  const { wavelength } = shown;
  const pixel = nearestPixel(wavelength, value);
  if (Math.abs(value - wavelength[pixel]) > pixelWidth(wavelength, pixel)) {
    return [{ text: `λ ${angstrom(value)} Å` }, { text: "between the detectors" }];
  }
  const pieces = [];
  for (const panel of shown.panels) {
    const unit = panel.unit === "σ" ? " σ" : "";
    for (const curve of panel.curves) {
      const name = panel.limits === "flux" ? short(curve.name, 13) : nameIn(panel, curve);
      const number = written(curve.values[pixel], curve.errors?.[pixel], unit);
      pieces.push({ text: `${name} ${number}`, curve });
    }
  }
  const rank = ({ curve: { role } }) => (ORDER.includes(role) ? ORDER.indexOf(role) : ORDER.length);
  pieces.sort((a, b) => rank(a) - rank(b));
  return [
    { text: `λ ${angstrom(wavelength[pixel])} Å` },
    { text: `pixel ${pixel}` },
    ...pieces,
  ];
}

/** What is shown, as a sentence for those who do not see it. */
export function describe(shown, [low, high]) {
  const [first, ...others] = shown.panels;
  const names = (first?.curves ?? []).map(({ name }) => name).filter(Boolean);
  const last = names.length > 1 ? ` and ${names.pop()}` : "";
  const parts = [
    `Spectrum ${fixed(low, 0)} to ${fixed(high, 0)} Å`, `${names.join(", ")}${last}`,
  ];
  if (others.length) parts.push(`below it ${others.map(({ title }) => plain(title)).join(", ")}`);
  const { scores } = shown;
  if (scores?.nu > 0) parts.push(`χ²/ν ${fixed(scores.chi2 / scores.nu, 1)}`);
  return `${parts.join("; ")}. Press question mark for the keys.`;
}
