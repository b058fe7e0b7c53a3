/* Round limits of the panels' vertical axes, the same as those of the printed figures (see
 * specnb/plots/panels.py), so that they seldom change while a slider moves.
 */

/** The next larger round number. */
export function roundLimit(reach) {
  const power = 10 ** Math.floor(Math.log10(Math.max(reach, 1e-6)) + 1e-12);
  const rounded = [1, 1.5, 2, 3, 5, 7, 10, 15].map((factor) => factor * power);
  return rounded.find((each) => each >= reach);
}

/** Smallest and largest finite value of curves between two pixels; [∞, −∞] if there is none. */
export function reach(curves, first, end) {
  let low = Infinity;
  let high = -Infinity;
  for (const { values } of curves) {
    for (let i = first; i < end; i++) {
      const value = values[i];
      if (value < low && value > -Infinity) low = value;
      if (value > high && value < Infinity) high = value;
    }
  }
  return [low, high];
}

/** Round ends of an axis of normalised flux. Noise beyond 0 to 1.2 is cut off. */
export function fluxLimits([low, high], room) {
  const bottom = Math.min(Math.max(low, 0), 0.99);
  const top = Math.max(Math.min(high, 1.2), 1);
  const step = Math.min(0.05, 0.5 * 10 ** Math.floor(Math.log10(top - bottom)));
  const first = Math.max(step * Math.floor(bottom / step - 0.2), 0);
  const last = step * Math.ceil(top / step - 0.2);
  return [first, first + (last - first) / (1 - room)];
}

/** Round ends of an axis of differences, which are symmetric about zero. */
export function symmetricLimits([low, high], least) {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const limit = roundLimit(Math.max(Number.isFinite(largest) ? 1.05 * largest : 0, least));
  return [-limit, limit];
}

/** The smallest axis that contains two others. */
export function union(first, second) {
  return [Math.min(first[0], second[0]), Math.max(first[1], second[1])];
}
