/* Numbers and names as they are written in the plot. */

const FAMILY = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** The font of the plot's numbers and names for a canvas, whose size is in screen pixels. */
export function font(ratio, size = 11, bold = false) {
  return `${bold ? "600 " : ""}${Math.round(size * ratio)}px ${FAMILY}`;
}

/** A number with some decimals, a true minus sign, and without a sign if it is rounded to zero. */
export function fixed(value, decimals) {
  if (!Number.isFinite(value)) return "–";
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** A number with about three digits, for a readout. */
export function brief(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4) return value.toExponential(1).replaceAll("-", "−");
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4);
}

/** A wavelength in Å with as many decimals as one pixel of a spectrum needs. */
export function angstrom(wavelength) {
  return wavelength.toFixed(2);
}

/** A long name, such as a number of 19 digits, with its middle left out to keep some letters. */
export function short(name, letters) {
  const begin = Math.ceil(letters / 2);
  return name.length > letters + 3
    ? `${name.slice(0, begin)}…${name.slice(begin - letters)}`
    : name;
}

const PIECE = /<(\/?)(sub|sup|i)>/;

/**
 * The nodes of a text in which only sub, sup and i are marked up. Whatever else looks like HTML,
 * for example in the name of a star, stays the text that it is.
 */
export function markup(text) {
  const whole = document.createDocumentFragment();
  let place = whole;
  const pieces = String(text).split(PIECE); // text, slash, tag, text, slash, tag, … text
  pieces.forEach((piece, at) => {
    if (at % 3 === 0) place.append(piece);
    else if (at % 3 === 2 && pieces[at - 1]) place = place.parentNode ?? whole;
    else if (at % 3 === 2) place = place.appendChild(document.createElement(piece));
  });
  return whole;
}

/** The same text without its markup, for a reader that takes only plain text. */
export function plain(text) {
  const pieces = String(text).replaceAll("<sub>", "_<sub>").split(PIECE);
  return pieces.filter((_, at) => at % 3 === 0).join("").replace(/\s+/g, " ");
}

/**
 * Round values at which an axis has ticks.
 *
 * @returns {object} {major, minor, decimals}: the values of labelled ticks, those of the small
 *   ticks between them, and the decimals that the numbers of the labelled ticks need.
 */
export function roundTicks(low, high, most) {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough * 0.999);
  const parts = factor === 2 ? 4 : 5;
  const step = factor * power;
  const first = Math.ceil((low / step) * parts - 1e-6);
  const last = Math.floor((high / step) * parts + 1e-6);
  const major = [];
  const minor = [];
  for (let k = first; k <= last; k++) (k % parts ? minor : major).push((k / parts) * step);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return { major, minor, decimals };
}
