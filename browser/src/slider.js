/** One slider with its symbol and its value, which can also be typed. */

import { make, setAttributes, setText } from "./dom.js";

const FINE = 10; // Shift divides steps by this
const KEYS = {
  ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10,
}; // steps, prettier-ignore

/** A number without the rounding errors of floating-point arithmetic. */
const tidy = (value) => Number(value.toPrecision(12));

/** A unit as it is written on the page. */
export const unitText = (unit) => (unit || "").replace(/ \/ /g, "/");

/** A number with a true minus sign, but for zero. */
export const numberText = (value, decimals) =>
  value.toFixed(decimals).replace(/^-(?=[0.]+$)/, "").replace("-", "−");

/** A number that pulls to one side or the other: "+0.0025", "−0.01" or "0". */
const signedText = (value) => (value > 0 ? `+${value}` : String(value).replace("-", "−"));

/** A slider from `low` to `high` that calls `onMove` with each new value. */
export class Slider {
  /**
   * @param {object} about
   * @param {string} about.symbol - HTML.
   * @param {string} about.plain - The symbol as plain text.
   * @param {string} about.meaning - One line for the tooltip and for screen readers.
   * @param {string} about.unit
   * @param {number} about.low
   * @param {number} about.high
   * @param {number} about.step - Of an arrow key; Shift makes it ten times finer.
   * @param {number} about.decimals - Of the value that is shown.
   * @param {boolean} about.signed - Whether the value is written with its sign, and 0 without one.
   * @param {number} about.start - Double-click on the symbol, or Delete, returns here.
   * @param {function(number)} onMove
   * @param {function(string)} say - Tells the user something.
   */
  constructor(about, onMove, say) {
    Object.assign(this, { about, onMove, say });
    const { symbol, plain, meaning, low, high } = about;
    this.unit = unitText(about.unit);
    this.value = about.start;
    this._shift = false;
    this._anchor = null; // where a fine drag began
    const reset = () => this._move(about.start);
    this.symbol = make("span.specnb-symbol", {
      html: symbol,
      title: `${meaning}. Double-click: back to the start. Shift: fine steps. Enter: type a value.`,
      ondblclick: reset,
    });
    const unit = this.unit ? `, in ${this.unit}` : "";
    this.input = make("input", {
      type: "range", min: low, max: high, step: "any",
      "aria-label": `${meaning}, ${plain}${unit}`,
      "aria-keyshortcuts": "Enter Delete",
      oninput: () => this._drag(),
      onpointerdown: (event) => this._press(event),
      onpointermove: (event) => this._setShift(event.shiftKey),
      onkeydown: (event) => this._key(event),
    });
    this.tick = make("i.specnb-tick", { "aria-hidden": "true", hidden: true });
    this.number = make("span");
    const unitShown = make("small", {}, this.unit ? ` ${this.unit}` : "");
    this.shown = make("span.specnb-value", {
      title: "click to type", onclick: () => this._type(""),
    }, this.number, unitShown);
    const track = make("span.specnb-track", {}, this.tick, this.input);
    this.element = make("div.specnb-slider", {}, this.symbol, track, this.shown);
    this.set(about.start);
  }

  /** Shows a value that was set elsewhere. */
  set(value) {
    if (value === this._drawn) return;
    this._drawn = this.value = value;
    const { low, high } = this.about;
    this.input.value = Math.min(high, Math.max(low, value));
    if (this.about.signed) this.input.style.setProperty("--at", (value - low) / (high - low));
    const text = this._number(value);
    setText(this.number, text);
    const spoken = this.unit ? `${text} ${this.unit}` : text;
    this.input.setAttribute("aria-valuetext", spoken.replace("−", "minus "));
  }

  /** Puts a small tick at a value, for example the star's own; null takes it away. */
  setTick(value, name) {
    if (this._ticked === `${name} ${value}`) return;
    this._ticked = `${name} ${value}`;
    const { low, high } = this.about;
    this.tick.hidden = value === null || !(value >= low && value <= high);
    if (this.tick.hidden) return;
    this.tick.style.setProperty("--at", (value - low) / (high - low));
    this.tick.title = `${name} ${this._text(value)}`;
  }

  /** Marks the slider: `beyond` the trusted range, and `gradient` as the one that is derived. */
  mark({ beyond, gradient }) {
    this.element.classList.toggle("specnb-beyond", Boolean(beyond));
    this.element.classList.toggle("specnb-derived", Boolean(gradient));
    const text = beyond || (gradient ? "the gradient panel shows this label" : "");
    setAttributes(this.input, { title: text || null, "aria-description": beyond || null });
  }

  /** The value with its decimals, and one more for a value between two steps. */
  _number(value) {
    const { decimals, signed } = this.about;
    if (signed) return signedText(value);
    const isStep = Math.abs(value - value.toFixed(decimals)) < 1e-9;
    return numberText(value, isStep ? decimals : decimals + 1);
  }

  _text(value) {
    const text = this._number(value);
    return this.unit ? `${text} ${this.unit}` : text;
  }

  _move(value) {
    const { low, high } = this.about;
    const kept = tidy(Math.min(high, Math.max(low, value)));
    this.input.value = kept;
    if (kept !== this.value) this.onMove(kept);
  }

  _press(event) {
    this.input.focus();
    this._anchor = null;
    this._shift = false;
    this._setShift(event.shiftKey);
  }

  _setShift(shift) {
    if (shift && !this._shift) this._anchor = null;
    this._shift = shift;
  }

  /** A drag: to whole steps, or with Shift a tenth as far and to tenths of a step. */
  _drag() {
    const { step } = this.about;
    const raw = this.input.valueAsNumber;
    if (!this._shift) {
      this._move(Math.round(raw / step) * step);
      return;
    }
    this._anchor = this._anchor || { raw, value: this.value };
    const fine = this._anchor.value + (raw - this._anchor.raw) / FINE;
    this._move((Math.round((fine * FINE) / step) * step) / FINE);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { low, high, step, start } = this.about;
    if (event.key in KEYS) {
      this._move(this.value + (KEYS[event.key] * step) / (event.shiftKey ? FINE : 1));
    } else if (event.key === "Home") this._move(low);
    else if (event.key === "End") this._move(high);
    else if (event.key === "Delete" || event.key === "Backspace") this._move(start);
    else if (event.key === "Enter") this._type("");
    else if (/^[0-9.\-]$/.test(event.key)) this._type(event.key);
    else return;
    event.preventDefault();
  }

  /** Turns the value into a field. Enter or leaving it takes the number, Escape does not. */
  _type(first) {
    if (this.field) return;
    const text = first || String(this.value);
    this.field = make("input.specnb-field", {
      type: "text", inputmode: "decimal", tabindex: -1, value: text,
      "aria-label": `${this.about.meaning}: type a value, then Enter`,
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault();
        this._typed(event.key === "Enter");
        this.input.focus();
      },
      onblur: () => this._typed(true),
    });
    this.shown.replaceWith(this.field);
    this.field.focus();
    if (first) this.field.setSelectionRange(1, 1);
    else this.field.select();
  }

  _typed(accept) {
    if (!this.field) return;
    const field = this.field;
    this.field = null;
    field.replaceWith(this.shown);
    const text = field.value.trim().replace("−", "-").replace(",", ".");
    if (!accept || text === String(this.value)) return;
    const value = Number(text);
    const { plain, low, high } = this.about;
    if (!text || !Number.isFinite(value)) {
      this.say(`“${field.value}” is not a number: ${plain} stays at ${this._text(this.value)}.`);
      return;
    }
    this._move(value);
    if (value < low || value > high) {
      this.say(`${plain} goes from ${this._text(low)} to ${this._text(high)}.`);
    }
  }
}
