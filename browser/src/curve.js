/* Curves on a canvas. Masked pixels, which are NaN, and gaps between detectors stay open. */

const FAR = 4000; // Positions further outside than this many screen pixels are drawn there
const DENSE = 1.3; // With more pixels than this in a column of the screen, columns are drawn
const BAND = 4; // With more, the line through the pixels looks like a band
const PIECE = 8; // Pixels that are stroked at once

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

/** Pixels in a column of the screen. */
function density(x, range, { across }) {
  return (range[1] - range[0]) / Math.abs((x[range[1] - 1] - x[range[0]]) * across);
}

/** Whether a line through some pixels looks like a band. */
export function isBand(x, range, scale) {
  return density(x, range, scale) > BAND;
}

/**
 * Draw the line through some pixels. Where there are more pixels than columns of the screen, each
 * column gets one bar from its lowest to its highest value, which looks the same and is quick.
 *
 * @param {CanvasRenderingContext2D} context Its strokeStyle is the colour.
 * @param {Float64Array} x
 * @param {Float32Array} y
 * @param {number[]} range First pixel, and the one after the last.
 * @param {Uint8Array} starts 1 for the first pixel of each detector.
 * @param {object} scale See `scaling`.
 */
export function drawLine(context, x, y, range, starts, scale) {
  const draw = density(x, range, scale) > DENSE ? drawColumns : drawPieces;
  draw(context, x, y, range, starts, scale);
}

/* A browser without a graphics card needs 45 ms for one stroke through the noise of 870 pixels, but
 * 2 ms for the same line in pieces, because it sorts all edges of a path. */
function drawPieces(context, x, y, [first, end], starts, { across, left, down, top }) {
  let length = 0;
  context.lineJoin = "bevel";
  context.beginPath();
  for (let i = first; i < end; i++) {
    if (y[i] !== y[i] || starts[i]) length = 0;
    if (y[i] !== y[i]) continue;
    const right = left + x[i] * across;
    const below = clamped(top + y[i] * down);
    if (length === 0) context.moveTo(right, below);
    else context.lineTo(right, below);
    length += 1;
    if (length > PIECE) {
      context.stroke();
      context.beginPath();
      context.moveTo(right, below);
      length = 1;
    }
  }
  context.stroke();
}

function drawColumns(context, x, y, [first, end], starts, { across, left, down, top }) {
  const thick = context.lineWidth;
  const width = Math.max(1, Math.floor(thick));
  context.fillStyle = context.strokeStyle;
  let column = NaN;
  let low, high; // of this column
  let last = NaN; // where the line left the column before
  const bar = () => {
    if (column === column) context.fillRect(column, low - thick / 2, width, high - low + thick);
  };
  for (let i = first; i < end; i++) {
    if (starts[i]) last = NaN;
    if (y[i] !== y[i]) {
      last = NaN;
      continue;
    }
    const at = Math.floor(left + x[i] * across);
    const below = clamped(top + y[i] * down);
    if (at !== column) {
      bar();
      column = at;
      low = high = below;
    }
    // A bar also reaches the value before it, so that the line has no holes
    if (last < low) low = last;
    if (last > high) high = last;
    if (below < low) low = below;
    if (below > high) high = below;
    last = below;
  }
  bar();
}

/** Draw round points at the pixels, and bars of one standard error to both sides if it is known. */
export function drawPoints(context, x, y, errors, [first, end], scale, radius) {
  context.fillStyle = context.strokeStyle;
  for (let i = first; i < end; i++) {
    if (y[i] !== y[i]) continue;
    const right = scale.left + x[i] * scale.across;
    const below = clamped(scale.top + y[i] * scale.down);
    context.beginPath();
    context.arc(right, below, radius, 0, 2 * Math.PI);
    context.fill();
    const reach = Math.abs((errors?.[i] ?? NaN) * scale.down);
    const half = radius / 5;
    if (reach < FAR) context.fillRect(right - half, below - reach, 2 * half, 2 * reach);
  }
}
