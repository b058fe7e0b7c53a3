// The latent vector of a star as bars: choose an entry, and drag it or change it with the keys.

import { make } from "./dom.js";
import { markup } from "./format.js";
import { paint } from "./small_canvas.js";

const HEIGHT = 104;
const MARGIN = { left: 34, right: 8, top: 6, bottom: 16 };
const KEYS = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
const DRAG = 4; // pixels that a pointer moves before it changes a value

/**
 * Bars of the entries z_k, the star's own as an outline and the edited ones filled. What is chosen
 * is said in `head`, an element that has its place beside the tab.
 *
 * A tap chooses an entry, a drag changes it, and a double click returns it to the star's own. With
 * the focus, ← and → choose an entry, ↑ and ↓ change it (finer with Shift, ten steps with PageUp and
 * PageDown), and Delete returns it.
 */
export class Latents {
  constructor(el, page, store) {
    this.about = page.latents;
    this.store = store;
    this.entry = 0;
    this.own = null;
    this.canvas = make("canvas.specnb-latents-bars", {
      tabindex: 0,
      role: "slider",
      "aria-orientation": "vertical",
      "aria-label": "latent vector: left and right choose an entry, up and down change it",
      "aria-valuemin": this.about.low,
      "aria-valuemax": this.about.high,
      "aria-keyshortcuts": "ArrowLeft ArrowRight ArrowUp ArrowDown PageUp PageDown Home End Delete",
    });
    this.canvas.style.cssText = `display:block;width:100%;height:${HEIGHT}px;touch-action:none`;
    this.text = make("span.specnb-latents-text");
    this.head = make("div.specnb-latents-head", {}, this.text);
    this.root = make("div.specnb-latents", {}, this.canvas);
    el.append(this.root);
    const on = (type, handler) => this.canvas.addEventListener(type, handler);
    on("pointerdown", (event) => this._press(event));
    on("pointermove", (event) => this._move(event));
    for (const type of ["pointerup", "pointercancel"]) on(type, () => (this.pressed = null));
    on("dblclick", () => this._return());
    on("keydown", (event) => this._key(event));
    this.observer = new ResizeObserver(() => this._paint());
    this.observer.observe(this.canvas);
    this.end = store.subscribe((changed) => this._follow(changed));
  }

  /** Show the star's own and the edited latents; the whole chart hides if there are none. */
  draw(shown) {
    const latents = shown.latents;
    this.root.hidden = !latents;
    if (!latents) return;
    this.own = Float64Array.from(latents.own);
    this.edited = Float64Array.from(latents.edited);
    if (!this.pressed) this._scale();
    this._paint();
    this._say();
  }

  destroy() {
    this.end();
    this.observer.disconnect();
    this.root.remove();
  }

  /** The ends of the scale: those of all stars' own latents, or what this star needs. */
  _scale() {
    const { low, high, shown } = this.about;
    const sizes = [...this.own, ...this.edited].map(Math.abs);
    const reach = Math.max(shown ?? high, Math.ceil(2 * Math.max(...sizes)) / 2);
    this.ends = { low: Math.max(low, -reach), high: Math.min(high, reach) };
  }

  /** At another λ, or of another star, the latents are others: an edit of the old ones ends. */
  _follow(changed) {
    const others = changed.has("lambdas") || changed.has("star");
    if (others && !changed.has("latents") && this.store.state.latents.length) {
      this.store.set({ latents: [] }, { record: false });
    }
  }

  /** Where the bars are, in CSS pixels. */
  _place() {
    const { width } = this.canvas.getBoundingClientRect();
    const { size } = this.about;
    const { low, high } = this.ends;
    const inner = width - MARGIN.left - MARGIN.right;
    const step = inner / size;
    const tall = HEIGHT - MARGIN.top - MARGIN.bottom;
    const y = (value) => MARGIN.top + ((high - value) / (high - low)) * tall;
    return { x: (k) => MARGIN.left + k * step, step, y, tall, width };
  }

  _entryAt(event) {
    const { step } = this._place();
    const x = event.clientX - this.canvas.getBoundingClientRect().left - MARGIN.left;
    return Math.min(this.about.size - 1, Math.max(0, Math.floor(x / step)));
  }

  _press(event) {
    if (!this.own) return;
    this.canvas.setPointerCapture(event.pointerId);
    this._choose(this._entryAt(event));
    this.pressed = { x: event.clientX, y: event.clientY, moved: false };
  }

  _move(event) {
    if (!this.pressed) return;
    this.pressed.moved ||= Math.abs(event.clientY - this.pressed.y) >= DRAG;
    if (!this.pressed.moved) return;
    const { tall } = this._place();
    const { step } = this.about;
    const { low, high } = this.ends;
    const y = event.clientY - this.canvas.getBoundingClientRect().top - MARGIN.top;
    const value = Math.min(high, Math.max(low, high - (y / tall) * (high - low)));
    this._change(Math.round(value / step) * step);
  }

  _key(event) {
    if (!this.own || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.about.size - 1;
    const to = { ArrowLeft: this.entry - 1, ArrowRight: this.entry + 1, Home: 0, End: last };
    if (event.key in to) this._choose(Math.min(last, Math.max(0, to[event.key])));
    else if (event.key in KEYS) {
      const step = this.about.step * KEYS[event.key] * (event.shiftKey ? 0.1 : 1);
      this._change(this.edited[this.entry] + step);
    } else if (event.key === "Delete" || event.key === "Backspace") this._return();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  _choose(entry) {
    this.entry = entry;
    this._paint();
    this._say();
  }

  _return() {
    if (this.own) this._change(this.own[this.entry]);
  }

  /** Change the chosen entry. If nothing is edited, the state has no latents. */
  _change(value) {
    const { low, high } = this.about;
    const latents = Array.from(this.edited);
    const own = this.own[this.entry];
    const tidy = Number(Math.min(high, Math.max(low, value)).toPrecision(12));
    latents[this.entry] = Math.abs(value - own) < 1e-9 ? own : tidy;
    const edited = latents.some((each, k) => each !== this.own[k]);
    this.store.set({ latents: edited ? latents : [] }, { slider: `latent ${this.entry}` });
  }

  _say() {
    const own = number(this.own[this.entry]);
    const value = number(this.edited[this.entry]);
    const changed = this.own[this.entry] !== this.edited[this.entry];
    const name = `entry ${this.entry} of 0 to ${this.about.size - 1}`;
    const text = changed ? `${value}, the star's own is ${own}` : `${value}, the star's own`;
    this.canvas.setAttribute("aria-valuenow", this.edited[this.entry]);
    this.canvas.setAttribute("aria-valuetext", `${name}: ${text.replaceAll("−", "minus ")}`);
    const short = changed ? ` = ${value}, the star's own ${own}` : ` = ${value}, the star's own`;
    this.text.replaceChildren(markup(`<i>z</i><sub>${this.entry}</sub>`), short);
  }

  _paint() {
    if (!this.own) return;
    const { size } = this.about;
    const { low, high } = this.ends;
    const place = this._place();
    paint(this.canvas, HEIGHT, (context, theme) => {
      context.fillStyle = theme.shade;
      context.fillRect(place.x(this.entry), MARGIN.top, place.step, place.tall);
      const zero = place.y(Math.min(high, Math.max(low, 0)));
      context.strokeStyle = theme.zero;
      context.strokeRect(MARGIN.left, zero, place.width - MARGIN.left - MARGIN.right, 0);
      const bar = (values, k) => {
        const y = place.y(Math.min(high, Math.max(low, values[k])));
        const gap = place.step * 0.14;
        return [place.x(k) + gap, Math.min(y, zero), place.step - 2 * gap, Math.abs(y - zero)];
      };
      for (let k = 0; k < size; k++) {
        const moved = this.own[k] !== this.edited[k];
        context.fillStyle = moved ? theme.roles.edited : theme.roles.reconstruction;
        context.globalAlpha = moved ? 1 : 0.75;
        context.fillRect(...bar(this.edited, k));
        context.globalAlpha = 1;
        context.strokeStyle = theme.text;
        if (moved) context.strokeRect(...bar(this.own, k));
      }
      context.fillStyle = theme.muted;
      context.textBaseline = "middle";
      context.textAlign = "right";
      for (const value of new Set([low, 0, high])) {
        if (value >= low) context.fillText(number(value, value % 1 ? 1 : 0), MARGIN.left - 5, place.y(value));
      }
      context.textAlign = "center";
      const every = Math.max(1, Math.ceil(26 / place.step));
      for (let k = 0; k < size; k++) {
        const far = k % every === 0 && Math.abs(k - this.entry) * place.step > 20;
        context.fillStyle = k === this.entry ? theme.text : theme.muted;
        if (far || k === this.entry) {
          context.fillText(String(k), place.x(k) + place.step / 2, HEIGHT - MARGIN.bottom / 2);
        }
      }
    });
  }
}

function number(value, decimals = 2) {
  return value.toFixed(decimals).replace("-", "−");
}
