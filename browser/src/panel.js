/* One panel of the plot: a uPlot chart whose axes look like those of the printed figures. */

import uPlot from "uplot";

import { drawLine, drawPoints, scaling } from "./curve.js";
import { fixed, font, markup, roundTicks } from "./format.js";
import { fluxLimits, reach, symmetricLimits, union } from "./limits.js";
import { drawLines, linesRoom } from "./lines.js";
import { curveColor } from "./theme.js";

/** Space beside and below the panels in screen pixels. */
export const MARGIN = { title: 36, numbers: 54, right: 14, bottom: 36 };

/** With fewer pixels in view an observed star is drawn as points. */
export const FEW = 300;

const THIN = ["star", "overlay", "reference", "residual"]; // roles of noisy curves

/** What makes two drawings of a panel comparable, so that its scale stays as it is. */
function identity({ key, title, unit, curves }) {
  const parts = curves.map((each) => `${each.key} ${each.role} ${each.name}`);
  return [key, title, unit, ...parts].join();
}

/**
 * A panel with its title, axes and curves.
 *
 * @param {HTMLElement} parent
 * @param {object} spec A panel of the scene: {key, title, unit, zero, limits, curves}.
 * @param {boolean} lowest Whether this panel has the numbers and the title of the horizontal axis.
 */
export class Panel {
  constructor(parent, spec, lowest) {
    Object.assign(this, { spec, lowest, limits: null, written: "" });
    this.shape = Panel.shape(spec, lowest);
    this.el = parent.appendChild(document.createElement("div"));
    this.el.className = "specnb-panel";
    this.el.dataset.panel = spec.key;
    this.title = this.el.appendChild(document.createElement("div"));
    this.title.className = "specnb-panel-title";
    this.title.append(document.createElement("span"));
  }

  /** Two panels of the same shape can share one chart. */
  static shape(spec, lowest) {
    const looks = spec.curves.map(({ role, dashed, points }) => `${role}${!!dashed}${!!points}`);
    return [spec.key, lowest, ...looks].join("|");
  }

  /**
   * The vertical limits for the curves in view. They only grow, unless they shall fit.
   *
   * @returns {boolean} Whether smaller limits would do.
   */
  adjust(spec, [first, end], height, fit) {
    this.spec = spec;
    const extent = reach(spec.curves, first, end);
    const least = spec.unit === "σ" ? 3 : 1e-3;
    const needed = spec.limits === "flux"
      ? fluxLimits(extent, linesRoom(height))
      : symmetricLimits(extent, least);
    const same = this.limits && !fit && this.identity === identity(spec);
    this.limits = same ? union(this.limits, needed) : needed;
    this.identity = identity(spec);
    this.el.dataset.limits = this.limits.map((each) => Number(each.toPrecision(6))).join(" ");
    return this.limits.some((each, k) => each !== needed[k]);
  }

  /**
   * Draw the panel. When this returns, everything is on the canvas: uPlot waits for a microtask
   * before it draws unless it is told within `batch` or at its creation.
   *
   * @param {object} view {wavelength, starts, range, window, untrusted, theme, width, height,
   *   marks}
   */
  draw(view) {
    this.view = view;
    this._writeTitle();
    const data = [view.wavelength, ...this.spec.curves.map((curve) => curve.values)];
    const [min, max] = view.window;
    if (!this.chart) {
      const begin = (chart, init) => {
        this.el.append(chart.root);
        chart.batch(() => {
          init();
          chart.setScale("x", { min, max });
        });
      };
      this.chart = new uPlot(this._options(), data, begin);
      return;
    }
    this.chart.batch(() => {
      if (this.chart.width !== view.width || this.chart.height !== view.height) {
        this.chart.setSize({ width: view.width, height: view.height });
      }
      this.chart.setData(data, false);
      this.chart.setScale("x", { min, max });
    });
  }

  /** Write the title, smaller if it is too long for the height of the panel. */
  _writeTitle() {
    const { title, unit } = this.spec;
    const room = this.view.height - (this.lowest ? MARGIN.bottom : 0) - 6;
    const key = `${title} ${unit} ${room}`;
    if (key === this.written) return;
    this.written = key;
    this.title.style.height = `${room}px`;
    const text = this.title.firstChild;
    text.replaceChildren(markup(unit ? `${title} (${unit})` : title));
    for (const size of [12, 11, 10, 9]) {
      this.title.style.fontSize = `${size}px`;
      if (text.offsetHeight <= room && text.offsetWidth <= MARGIN.title - 2) break;
    }
  }

  destroy() {
    this.chart?.destroy();
    this.el.remove();
  }

  _options() {
    const look = {
      stroke: () => this.view.theme.text,
      font: font(1),
      grid: { show: false },
      ticks: { show: false },
      gap: 5,
    };
    const numbers = (values, axis) => {
      const { decimals } = this._ticks(axis);
      return values.map((value) => fixed(value, decimals));
    };
    return {
      width: this.view.width,
      height: this.view.height,
      padding: [1, MARGIN.right, this.lowest ? 0 : 1, MARGIN.title],
      legend: { show: false },
      cursor: { show: false },
      select: { show: false },
      scales: {
        x: { time: false, auto: false },
        y: { auto: true, range: () => this.limits },
      },
      axes: [
        {
          ...look,
          size: this.lowest ? MARGIN.bottom - 18 : 0,
          label: this.lowest ? "Vacuum wavelength (Å)" : undefined,
          labelSize: this.lowest ? 18 : 0,
          labelGap: 2,
          labelFont: font(1, 12),
          splits: () => this._ticks("x").major,
          values: (_, splits) => (this.lowest ? numbers(splits, "x") : splits.map(() => "")),
        },
        {
          ...look,
          size: MARGIN.numbers,
          splits: () => this._ticks("y").major,
          values: (_, splits) =>
            numbers(splits, "y").map((text, k) => (this._fits(splits[k]) ? text : "")),
        },
      ],
      // uPlot knows the curves, but they are drawn here: quicker, and with the gaps of a spectrum
      series: [
        {},
        ...this.spec.curves.map(() => ({
          auto: false, points: { show: false }, paths: () => null,
        })),
      ],
      hooks: {
        drawClear: [(chart) => this._layer(chart, "_under")],
        draw: [(chart) => this._layer(chart, "_curves"), (chart) => this._layer(chart, "_over")],
      },
    };
  }

  _ticks(axis) {
    const [low, high] = axis === "x" ? this.view.window : this.limits;
    const { width, height } = this.view;
    const below = this.lowest ? MARGIN.bottom : 0;
    const most = axis === "x" ? (width - MARGIN.title - MARGIN.numbers) / 90 : Math.min((height - below) / 22, 8);
    return roundTicks(low, high, most);
  }

  /** Whether a number beside the panel is not cut off at the panel's ends. */
  _fits(value) {
    const [low, high] = this.limits;
    const part = 6 / (this.view.height - (this.lowest ? MARGIN.bottom : 0));
    return Math.min(value - low, high - value) > part * (high - low);
  }

  /** Draw one layer, and leave the canvas in the state that uPlot remembers. */
  _layer(chart, name) {
    const { ctx, bbox } = chart;
    ctx.save();
    this[name](ctx, bbox, uPlot.pxRatio, scaling(this.view.window, this.limits, bbox));
    ctx.restore();
  }

  _curves(ctx, bbox, ratio, scale) {
    const { wavelength, starts, range, theme } = this.view;
    if (range[1] <= range[0]) return;
    const few = range[1] - range[0] < FEW;
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const curve of this.spec.curves) {
      const { values, errors, role, points, dashed } = curve;
      ctx.strokeStyle = curveColor(theme, curve);
      ctx.lineWidth = (THIN.includes(role) ? 1 : 1.25) * ratio;
      ctx.setLineDash(dashed ? [5 * ratio, 3 * ratio] : []);
      if (points && few) drawPoints(ctx, wavelength, values, errors, range, scale, 1.8 * ratio);
      else drawLine(ctx, wavelength, values, range, starts, scale);
    }
  }

  /** What lies below the curves: shaded windows that are not trusted, and the zero line. */
  _under(ctx, bbox, ratio, { across, left, top }) {
    const { theme, untrusted } = this.view;
    ctx.fillStyle = theme.shade;
    for (const [low, high] of untrusted) {
      const from = Math.max(left + low * across, bbox.left);
      const to = Math.min(left + high * across, bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    if (!this.spec.zero) return;
    const thick = Math.max(1, Math.round(ratio * 0.75));
    ctx.fillStyle = theme.zero;
    ctx.fillRect(bbox.left, Math.round(top - thick / 2), bbox.width, thick);
  }

  /** What lies above the curves: the frame with its ticks on all sides, and the spectral lines. */
  _over(ctx, bbox, ratio, scale) {
    const { theme, marks } = this.view;
    const thick = Math.max(1, Math.round(ratio * 0.75));
    const [left, top] = [Math.round(bbox.left), Math.round(bbox.top)];
    const [right, bottom] = [left + Math.round(bbox.width), top + Math.round(bbox.height)];
    ctx.fillStyle = theme.frame;
    const bar = (x, y, width, height) => ctx.fillRect(x, y, width, height);
    bar(left, top, right - left, thick);
    bar(left, bottom - thick, right - left, thick);
    bar(left, top, thick, bottom - top);
    bar(right - thick, top, thick, bottom - top);
    const x = this._ticks("x");
    const y = this._ticks("y");
    for (const [values, size] of [[x.major, 5], [x.minor, 2.5]]) {
      const length = Math.round(size * ratio);
      for (const value of values) {
        const at = Math.round(scale.left + value * scale.across - thick / 2);
        bar(at, bottom - length, thick, length);
        if (!marks) bar(at, top, thick, length); // the first panel has the spectral lines there
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
    if (marks) drawLines(ctx, marks, theme, bbox, ratio);
  }
}
