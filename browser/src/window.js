/* The range of wavelengths in view: how it is moved and zoomed. A window is [low, high] in Å. */

/** A window of at least `least` Å within `whole`. Its width stays if it fits. */
export function within([low, high], whole, least) {
  const width = Math.min(Math.max(high - low, least), whole[1] - whole[0]);
  const middle = (low + high) / 2;
  const start = Math.min(Math.max(middle - width / 2, whole[0]), whole[1] - width);
  return [start, start + width];
}

/** The window moved by a part of its width. */
export function panned([low, high], part) {
  const shift = part * (high - low);
  return [low + shift, high + shift];
}

/** The window made wider (factor above 1) or narrower about a wavelength that stays in place. */
export function zoomed([low, high], about, factor) {
  return [about + (low - about) * factor, about + (high - about) * factor];
}

/** The window in which two wavelengths are at two positions, given as fractions of the width. */
export function pinched([first, second], [from, to]) {
  const width = (second - first) / (to - from);
  const low = first - from * width;
  return [low, low + width];
}

/** Indices of the first pixel within the window and of the one after the last. */
export function pixelsWithin(wavelength, [low, high]) {
  return [firstFrom(wavelength, low), firstFrom(wavelength, high + 1e-9)];
}

/** Index of the pixel that is nearest to a wavelength. */
export function nearestPixel(wavelength, value) {
  const next = Math.min(firstFrom(wavelength, value), wavelength.length - 1);
  const closer = next > 0 && value - wavelength[next - 1] < wavelength[next] - value;
  return closer ? next - 1 : next;
}

/** Width in Å of a pixel: the distance to its nearer neighbour. */
export function pixelWidth(wavelength, pixel) {
  const before = pixel > 0 ? wavelength[pixel] - wavelength[pixel - 1] : Infinity;
  const last = wavelength.length - 1;
  const after = pixel < last ? wavelength[pixel + 1] - wavelength[pixel] : Infinity;
  return Math.min(before, after);
}

function firstFrom(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
