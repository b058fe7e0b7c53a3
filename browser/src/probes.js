// What probes read of the labels from the latents at the present λ, and a map of the latents.

import { make, makeSelect } from "./dom.js";
import { ProbeScores } from "./probe_scores.js";
import { paint } from "./small_canvas.js";
import { plain } from "./format.js";

const REST = 150; // ms for which the sliders must rest
const SLICE = 12; // ms of computing between two chances for the page to answer
const HEIGHT = 128;
const BARS = { left: 58, right: 10, top: 20, bottom: 20 };
const MAP = { left: 8, right: 46, top: 8, bottom: 20 };
// Colours of the map from low to high values: viridis without its end of least contrast
const COLORS = {
  light: ["#440154", "#414487", "#2a788e", "#1f9e77", "#7a9a00"],
  dark: ["#8a78d6", "#4f8fd0", "#2bb0a0", "#7ad151", "#fde725"],
};

/**
 * R² of a linear and of a nonlinear probe for each label, the error of the reconstruction, and the
 * latents' two principal components, coloured by a label. They are computed again when the sliders
 * of λ rest, in slices, so that sliders never wait for them. `head`, an element that has its place
 * beside the tab, has the error and the choice of the label.
 */
export class Probes {
  constructor(el, page, data, store) {
    this.page = page;
    this.store = store;
    this.labels = page.lambdas.names.map((name) => page.labels.find((each) => each.name === name));
    this.scores = new ProbeScores(page, data);
    this.color = 0;
    this.wanted = null;
    this.count = 0;
    const canvas = (name, role) => {
      const made = make(`canvas.specnb-probes-${name}`, { role });
      made.style.cssText = `display:block;width:100%;height:${HEIGHT}px`;
      return made;
    };
    this.bars = canvas("bars", "img");
    this.map = canvas("map", "img");
    this.text = make("span.specnb-note.specnb-probes-text", { "aria-live": "polite" });
    const options = this.labels.map((label, k) => [String(k), label.plain]);
    const choose = makeSelect("label that colours the map of the latents", options, (value) => {
      this.color = Number(value);
      this._paint();
    });
    const color = make("label.specnb-line.specnb-right", {}, "colour ", choose);
    this.head = make("div.specnb-probes-head", {}, this.text, color);
    const [left, right] = [make("div", {}, this.bars), make("div", {}, this.map)];
    const both = make("div.specnb-probes-panels", {}, left, right);
    both.style.cssText = "display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:8px";
    this.root = make("div.specnb-probes", {}, both);
    el.append(this.root);
    this.observer = new ResizeObserver(() => this._paint());
    this.observer.observe(both);
  }

  /** Follow the state: compute anew after a rest if λ has changed. */
  draw(shown, state) {
    const lambdas = this.page.lambdas.names.map((name) => state.lambdas[name] ?? 0);
    const key = lambdas.join();
    if (key === this.wanted) {
      this._paint();
      return;
    }
    this.wanted = key;
    this._tell("updating…");
    this.root.classList.add("specnb-stale");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this._run(this.scores.at(lambdas), key), REST);
  }

  destroy() {
    clearTimeout(this.timer);
    this.wanted = null;
    this.observer.disconnect();
    this.root.remove();
  }

  /** Go on with a computation for a moment, then let the page answer, unless λ has changed. */
  _run(work, key) {
    if (key !== this.wanted) return;
    const end = performance.now() + SLICE;
    let step = work.next();
    while (!step.done && performance.now() < end) step = work.next();
    if (!step.done) {
      this.timer = setTimeout(() => this._run(work, key), 0);
      return;
    }
    this.found = step.value;
    this.root.classList.remove("specnb-stale");
    const ratio = this.found.error / this.scores.start.error;
    this._tell(`rms error ${this.found.error.toFixed(4)}, ${ratio.toFixed(2)} × that at λ = 0`);
    this._paint();
    this.count += 1;
    this.root.dataset.probed = this.count;
    this.root.dispatchEvent(new CustomEvent("specnb:probed", { bubbles: true }));
  }

  _tell(text) {
    if (this.text.textContent !== text) this.text.textContent = text;
  }

  _paint() {
    if (!this.found) return;
    this._paintBars();
    this._paintMap();
  }

  _paintBars() {
    const { linear, nonlinear } = this.found;
    const { start } = this.scores;
    const rows = this.labels.length;
    const written = this.labels.map((label, k) => {
      const [a, b, c] = [linear[k], nonlinear[k], start.nonlinear[k]].map(r2Text);
      return `${label.plain}: linear ${a}, nonlinear ${b}, at λ = 0 ${c}`;
    });
    this.bars.setAttribute("aria-label", `R² of probes on test stars. ${written.join("; ")}`);
    paint(this.bars, HEIGHT, (context, theme, width) => {
      const inner = width - BARS.left - BARS.right;
      const x = (r2) => BARS.left + Math.min(1, Math.max(0, r2)) * inner;
      const step = (HEIGHT - BARS.top - BARS.bottom) / rows;
      const kinds = [
        [linear, start.linear, theme.overlay[3], "linear"],
        [nonlinear, start.nonlinear, theme.roles.model, "nonlinear"],
      ];
      context.textBaseline = "middle";
      kinds.forEach(([values, first, color], kind) => {
        for (let k = 0; k < rows; k++) {
          const y = BARS.top + k * step + step * (kind ? 0.52 : 0.14);
          context.fillStyle = color;
          context.fillRect(x(0), y, x(values[k]) - x(0), step * 0.34);
          context.fillStyle = theme.text;
          context.fillRect(x(first[k]) - 1, y - 1, 2, step * 0.34 + 2);
        }
      });
      context.textAlign = "right";
      this.labels.forEach((label, k) => {
        context.fillText(plain(label.plain), BARS.left - 6, BARS.top + (k + 0.5) * step);
      });
      context.fillStyle = theme.muted;
      context.textAlign = "center";
      context.fillText("R²", BARS.left - 16, HEIGHT - 9);
      for (const r2 of [0, 0.5, 1]) context.fillText(String(r2), x(r2), HEIGHT - 9);
      context.strokeStyle = theme.zero;
      context.strokeRect(x(0), BARS.top, 0, HEIGHT - BARS.top - BARS.bottom);
      context.textAlign = "left";
      let at = BARS.left;
      for (const [, , color, name] of [...kinds, [0, 0, theme.text, "at λ = 0"]]) {
        const mark = name === "at λ = 0" ? 2 : 9;
        context.fillStyle = color;
        context.fillRect(at, 5, mark, 9);
        context.fillStyle = theme.text;
        context.fillText(name, at + mark + 4, 10);
        at += mark + 14 + context.measureText(name).width;
      }
    });
  }

  _paintMap() {
    const label = this.labels[this.color];
    const { fit, n, names, labels } = this.scores;
    const values = Array.from({ length: n - fit }, (_, i) =>
      labels[(fit + i) * names.length + this.color]);
    const sorted = [...values].sort((a, b) => a - b);
    const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (n - fit - 1))]);
    const { points } = this.found;
    const [now, start] = [points, this.scores.start.points].map(reachOf);
    const reach = [0, 1].map((axis) => Math.max(now[axis], start[axis]));
    const place = (i, axis) => Math.min(1, Math.max(-1, points[2 * i + axis] / reach[axis]));
    this.map.setAttribute(
      "aria-label",
      `map of the latents of ${n - fit} stars, two principal components, coloured by ${label.plain}`,
    );
    paint(this.map, HEIGHT, (context, theme, width) => {
      const name = this.map.closest("[data-theme]")?.dataset.theme === "dark" ? "dark" : "light";
      const [right, bottom] = [width - MAP.right, HEIGHT - MAP.bottom];
      context.strokeStyle = theme.zero;
      context.strokeRect(MAP.left + 0.5, MAP.top + 0.5, right - MAP.left, bottom - MAP.top);
      const share = (value) => Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
      values.forEach((value, i) => {
        const x = MAP.left + (0.5 + place(i, 0) / 2) * (right - MAP.left);
        const y = MAP.top + (0.5 - place(i, 1) / 2) * (bottom - MAP.top);
        context.fillStyle = mixed(COLORS[name], share(value));
        context.beginPath();
        context.arc(x, y, 2.4, 0, 2 * Math.PI);
        context.fill();
      });
      const tall = bottom - MAP.top;
      for (let y = 0; y < tall; y++) {
        context.fillStyle = mixed(COLORS[name], 1 - y / tall);
        context.fillRect(right + 6, MAP.top + y, 8, 1.5);
      }
      context.fillStyle = theme.muted;
      context.textBaseline = "middle";
      context.textAlign = "left";
      const text = (value) => value.toFixed(Math.min(label.decimals, 1)).replace("-", "−");
      context.fillText(text(high), right + 16, MAP.top + 6);
      context.fillText(text(low), right + 16, bottom - 6);
      context.textAlign = "center";
      context.fillText("first principal component →", (MAP.left + right) / 2, HEIGHT - 9);
    });
  }
}

/** How far points (n, 2) reach along both axes, but for the outermost few. */
function reachOf(points) {
  const n = points.length / 2;
  return [0, 1].map((axis) => {
    const sizes = Array.from({ length: n }, (_, i) => Math.abs(points[2 * i + axis]));
    return 1.2 * sizes.sort((a, b) => a - b)[Math.round(0.98 * (n - 1))] || 1;
  });
}

function r2Text(value) {
  return value.toFixed(2).replace("-", "−");
}

/** A colour between those of a list, at a share from 0 to 1. */
function mixed(colors, share) {
  const at = share * (colors.length - 1);
  const k = Math.min(colors.length - 2, Math.floor(at));
  const parts = [1, 3, 5].map((c) => {
    const [a, b] = [colors[k], colors[k + 1]].map((each) => parseInt(each.slice(c, c + 2), 16));
    return Math.round(a + (at - k) * (b - a));
  });
  return `rgb(${parts.join()})`;
}
