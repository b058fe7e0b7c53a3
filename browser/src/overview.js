/* The strip below the panels: the whole spectrum, and the window in it, which can be dragged. */

import { drawLine, scaling } from "./curve.js";
import { fluxLimits, reach } from "./limits.js";
import { curveColor } from "./theme.js";
import { within } from "./window.js";

const EDGE = 7; // An edge of the window is grasped from this many screen pixels away
const LATER = 120; // After a change of curves the strip is drawn anew when they rest, in ms

/**
 * The overview strip.
 *
 * @param {HTMLElement} el An empty element.
 * @param {object} options {whole, least, move}: the ends of the spectrum and the smallest window in
 *   Å, and the function move(window, done) which is called with a window that the user chose.
 */
export class Overview {
  constructor(el, options) {
    Object.assign(this, { el, ...options });
    el.className = "specnb-overview";
    this.canvas = el.appendChild(document.createElement("canvas"));
    this.box = el.appendChild(document.createElement("div"));
    this.box.className = "specnb-overview-window";
    this.hand = "";
    el.addEventListener("pointerdown", (event) => this._grasp(event));
    el.addEventListener("pointermove", (event) => this._drag(event));
    el.addEventListener("pointerup", () => this._release());
    el.addEventListener("pointercancel", () => this._release());
    el.addEventListener("dblclick", () => this.move(this.whole, true));
  }

  /** Show the window now, and the curve at once if the look changed, and otherwise in a moment. */
  draw(view) {
    const look = [view.curve.key, view.curve.name, view.theme.background, view.width, view.ratio];
    const changed = String(look) !== this.look;
    this.look = String(look);
    this.view = view;
    const [low, high] = view.window.map((value) => this._position(value));
    this.box.style.left = `${low}px`;
    this.box.style.width = `${high - low}px`;
    this.el.dataset.window = view.window.map((value) => value.toFixed(2)).join(" ");
    clearTimeout(this.timer);
    if (changed) this._paint();
    else this.timer = setTimeout(() => this._paint(), LATER);
  }

  destroy() {
    clearTimeout(this.timer);
  }

  _paint() {
    const { curve, wavelength, starts, theme, width, height, ratio, untrusted } = this.view;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d");
    const limits = fluxLimits(reach([curve], 0, wavelength.length), 0.04);
    const margin = 2 * ratio;
    const box = { left: 0, top: margin, width: this.canvas.width };
    const scale = scaling(this.whole, limits, { ...box, height: this.canvas.height - 2 * margin });
    context.fillStyle = theme.shade;
    for (const [low, high] of untrusted) {
      const across = (high - low) * scale.across;
      context.fillRect(scale.left + low * scale.across, 0, across, this.canvas.height);
    }
    context.strokeStyle = curveColor(theme, curve);
    context.lineWidth = ratio;
    drawLine(context, wavelength, curve.values, [0, wavelength.length], starts, scale);
  }

  _position(value) {
    return ((value - this.whole[0]) / (this.whole[1] - this.whole[0])) * this.view.width;
  }

  _value(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const part = (event.clientX - bounds.left) / bounds.width;
    return this.whole[0] + part * (this.whole[1] - this.whole[0]);
  }

  /** Which part of the window is at the pointer: "low", "high", "middle", or none. */
  _part(event) {
    const at = event.clientX - this.canvas.getBoundingClientRect().left;
    const [low, high] = this.view.window.map((value) => this._position(value));
    const edge = Math.min(EDGE, Math.max((high - low) / 3, 2));
    if (Math.abs(at - low) <= edge) return "low";
    if (Math.abs(at - high) <= edge) return "high";
    return at > low && at < high ? "middle" : "";
  }

  _grasp(event) {
    if (event.button !== 0 || !this.view) return;
    event.preventDefault();
    this.el.setPointerCapture(event.pointerId);
    const value = this._value(event);
    this.hand = this._part(event);
    if (!this.hand) {
      const [low, high] = this.view.window;
      this.hand = "middle";
      this._go([value - (high - low) / 2, value + (high - low) / 2], false);
    }
    this.from = { value, window: [...this.view.window] };
  }

  _drag(event) {
    if (!this.view) return;
    if (!this.hand) {
      const cursors = { low: "ew-resize", high: "ew-resize", middle: "grab", "": "pointer" };
      this.el.style.cursor = cursors[this._part(event)];
      return;
    }
    const value = this._value(event);
    const [low, high] = this.from.window;
    const shift = value - this.from.value;
    if (this.hand === "middle") this._go([low + shift, high + shift], false);
    else if (this.hand === "low") this._go([Math.min(low + shift, high - this.least), high], false);
    else this._go([low, Math.max(high + shift, low + this.least)], false);
  }

  _release() {
    if (!this.hand) return;
    this.hand = "";
    this._go(this.view.window, true);
  }

  _go([low, high], done) {
    const ends = this.hand === "middle" || done
      ? [low, high]
      : [Math.max(low, this.whole[0]), Math.min(high, this.whole[1])];
    this.move(within(ends, this.whole, this.least), done);
  }
}
