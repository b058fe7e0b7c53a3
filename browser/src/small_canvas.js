// Drawing on a small canvas in the colours of the theme.

import { themeOf } from "./theme.js";

const FONT = "11px system-ui, sans-serif";

/**
 * Clear a canvas and draw on it in CSS pixels, sharp on any screen.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} height  in CSS pixels; the width is that of the element
 * @param {function(CanvasRenderingContext2D, object, number)} draw  gets the context, the theme and
 *   the width
 */
export function paint(canvas, height, draw) {
  const width = canvas.clientWidth;
  if (!width) return;
  const scale = window.devicePixelRatio || 1;
  const [wide, tall] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== tall) canvas.height = tall;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  context.lineWidth = 1;
  draw(context, themeOf(canvas), width);
}
