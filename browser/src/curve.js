/* Paths of curves on a canvas. Masked pixels, which are NaN, and gaps between detectors stay open. */

const FAR = 4000; // Positions further outside than this many screen pixels are drawn there

/**
 * How numbers become positions on a canvas.
 *
 * @param {number[]} x Ends of the horizontal axis.
 * @param {number[]} y Ends of the vertical axis.
 * @param {{left, top, width, height}} box Where the axes lie on the canvas.
 */
export function scaling(x, y, box) {
  const across = box.width / (x[1] - x[0]);
  const down = -box.height / (y[1] - y[0]);
  return { across, left: box.left - x[0] * across, down, top: box.top - y[1] * down };
}

function clamped(position) {
  return position > FAR ? FAR : position < -FAR ? -FAR : position;
}

/**
 * The line through some pixels. Where several pixels share one column of the screen, only the first,
 * lowest, highest and last of them are drawn, which looks the same.
 *
 * @param {Float64Array} x
 * @param {Float32Array} y
 * @param {number[]} range First pixel, and the one after the last.
 * @param {Uint8Array} starts 1 for the first pixel of each detector.
 * @param {object} scale See `scaling`.
 */
export function linePath(x, y, [first, end], starts, scale) {
  const path = new Path2D();
  const { across, left, down, top } = scale;
  const dense = end - first > 2 * Math.abs((x[end - 1] - x[first]) * across);
  let pen = false;
  let column = NaN;
  let low, high, last;
  const finish = () => {
    if (column !== column) return;
    if (low !== high) {
      path.lineTo(column, clamped(low));
      path.lineTo(column, clamped(high));
      path.lineTo(column, clamped(last));
    }
    column = NaN;
  };
  for (let i = first; i < end; i++) {
    const value = y[i];
    if (value !== value || starts[i]) {
      finish();
      pen = false;
      if (value !== value) continue;
    }
    const right = left + x[i] * across;
    const below = top + value * down;
    const at = dense ? Math.round(right) : right;
    if (dense && at === column) {
      if (below < low) low = below;
      if (below > high) high = below;
      last = below;
      continue;
    }
    finish();
    if (pen) path.lineTo(at, clamped(below));
    else path.moveTo(at, clamped(below));
    pen = true;
    if (dense) {
      column = at;
      low = high = last = below;
    }
  }
  finish();
  return path;
}

/** Round points at the pixels. */
export function pointsPath(x, y, [first, end], scale, radius) {
  const path = new Path2D();
  for (let i = first; i < end; i++) {
    const across = scale.left + x[i] * scale.across;
    const down = scale.top + y[i] * scale.down;
    if (down !== down) continue;
    path.moveTo(across + radius, down);
    path.arc(across, clamped(down), radius, 0, 2 * Math.PI);
  }
  return path;
}

/** Vertical bars of one standard error to both sides of the values. */
export function errorsPath(x, y, errors, [first, end], scale) {
  const path = new Path2D();
  for (let i = first; i < end; i++) {
    if (!Number.isFinite(y[i]) || !Number.isFinite(errors[i])) continue;
    const across = scale.left + x[i] * scale.across;
    path.moveTo(across, clamped(scale.top + (y[i] - errors[i]) * scale.down));
    path.lineTo(across, clamped(scale.top + (y[i] + errors[i]) * scale.down));
  }
  return path;
}
