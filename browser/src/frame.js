/* The frame of a panel, with ticks on all sides as in the printed figures. */

/**
 * Draw a frame in the fill colour of the canvas.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {{left, top, width, height}} box Where the axes lie on the canvas.
 * @param {number} ratio Pixels of the canvas in one of the screen.
 * @param {object} scale See `scaling` in curve.js.
 * @param {object} x Ticks of the horizontal axis, see `roundTicks` in format.js.
 * @param {object} y Ticks of the vertical axis.
 * @param {boolean} above Whether there are ticks at the top, too.
 */
export function drawFrame(context, box, ratio, scale, x, y, above) {
  const thick = Math.max(1, Math.round(ratio * 0.75));
  const [left, top] = [Math.round(box.left), Math.round(box.top)];
  const [right, bottom] = [left + Math.round(box.width), top + Math.round(box.height)];
  const bar = (...place) => context.fillRect(...place);
  bar(left, top, right - left, thick);
  bar(left, bottom - thick, right - left, thick);
  bar(left, top, thick, bottom - top);
  bar(right - thick, top, thick, bottom - top);
  for (const [values, size] of [[x.major, 5], [x.minor, 2.5]]) {
    const length = Math.round(size * ratio);
    for (const value of values) {
      const at = Math.round(scale.left + value * scale.across - thick / 2);
      bar(at, bottom - length, thick, length);
      if (above) bar(at, top, thick, length);
    }
  }
  for (const [values, size] of [[y.major, 5], [y.minor, 2.5]]) {
    const length = Math.round(size * ratio);
    for (const value of values) {
      const at = Math.round(scale.top + value * scale.down - thick / 2);
      if (at <= top || at >= bottom - thick) continue;
      bar(left, at, length, thick);
      bar(right - length, at, length, thick);
    }
  }
}
