/* What a hand does on the plot: move, drag, scroll, click and pinch. */

import { panned, pinched, zoomed } from "./window.js";

const STILL = 4; // A press that moves less than this many screen pixels is a click

/**
 * Listen to the pointer and the wheel on the plot's pad.
 *
 * @param {HTMLElement} pad The element over the panels; its width is that of the horizontal axis.
 * @param {object} plot {window(), move(window, done), hover(x), pick(x), box(ends), whole(),
 *   hint()}, where x is a position in screen pixels from the left end of the pad, or null.
 */
export class Gestures {
  constructor(pad, plot) {
    Object.assign(this, { pad, plot, fingers: new Map(), press: null });
    pad.addEventListener("pointerdown", (event) => this._down(event));
    pad.addEventListener("pointermove", (event) => this._move(event));
    pad.addEventListener("pointerup", (event) => this._up(event, true));
    pad.addEventListener("pointercancel", (event) => this._up(event, false));
    pad.addEventListener("pointerleave", () => plot.hover(null));
    pad.addEventListener("dblclick", () => plot.whole());
    pad.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
  }

  _at(event) {
    return event.clientX - this.pad.getBoundingClientRect().left;
  }

  _part(x) {
    return x / this.pad.clientWidth;
  }

  _value(x, [low, high] = this.plot.window()) {
    return low + this._part(x) * (high - low);
  }

  _down(event) {
    if (event.button !== 0) return;
    this.pad.focus({ preventScroll: true });
    this.pad.setPointerCapture(event.pointerId);
    const x = this._at(event);
    this.fingers.set(event.pointerId, x);
    const window = this.plot.window();
    this.press = { x, window, box: event.shiftKey, moved: this.fingers.size > 1 };
    this.grasped = new Map([...this.fingers].map(([id, at]) => [id, this._value(at, window)]));
  }

  _move(event) {
    const x = this._at(event);
    if (!this.press) {
      this.plot.hover(x);
      return;
    }
    if (!this.fingers.has(event.pointerId)) return;
    this.fingers.set(event.pointerId, x);
    if (this.fingers.size > 1) {
      const ids = [...this.fingers.keys()].slice(0, 2);
      const parts = ids.map((id) => this._part(this.fingers.get(id)));
      if (Math.abs(parts[1] - parts[0]) < 0.02) return;
      this.plot.move(pinched(ids.map((id) => this.grasped.get(id)), parts), false);
      return;
    }
    const { press } = this;
    if (Math.abs(x - press.x) > STILL) press.moved = true;
    if (!press.moved) return;
    if (press.box) this.plot.box([press.x, x].sort((a, b) => a - b));
    else this.plot.move(panned(press.window, this._part(press.x - x)), false);
    this.plot.hover(press.box ? x : null);
  }

  _up(event, wanted) {
    if (!this.fingers.delete(event.pointerId)) return;
    const { press } = this;
    if (this.fingers.size) {
      // One finger of a pinch is left: from here it would pan
      const [x] = this.fingers.values();
      this.press = { x, window: this.plot.window(), box: false, moved: true };
      return;
    }
    this.press = null;
    this.plot.box(null);
    const x = this._at(event);
    if (!press.moved) {
      if (wanted) this.plot.pick(x);
    } else if (!press.box) {
      this.plot.move(this.plot.window(), true);
    } else if (wanted) {
      const ends = [press.x, x].map((at) => this._value(at)).sort((a, b) => a - b);
      this.plot.move(ends, true);
    }
  }

  _wheel(event) {
    const ours = event.ctrlKey || document.activeElement === this.pad;
    if (!ours) {
      this.plot.hint();
      return;
    }
    event.preventDefault();
    const unit = [1, 16, 400][event.deltaMode];
    const window = this.plot.window();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.plot.move(panned(window, this._part(event.deltaX * unit)), true);
      return;
    }
    const steps = Math.max(-240, Math.min(240, event.deltaY * unit));
    const about = this._value(this._at(event));
    this.plot.move(zoomed(window, about, Math.exp(0.002 * steps)), true);
  }
}
