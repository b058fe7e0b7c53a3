/* One panel of the plot: a uPlot chart whose axes look like those of the printed figures. */

import uPlot from "uplot";

import { errorsPath, linePath, pointsPath, scaling } from "./curve.js";
import { fixed, font, markup, roundTicks } from "./format.js";
import { fluxLimits, reach, symmetricLimits, union } from "./limits.js";
import { drawLines, linesRoom } from "./lines.js";
import { curveColor } from "./theme.js";

/** Space beside and below the panels in screen pixels. */
export const MARGIN = { title: 36, numbers: 46, right: 14, bottom: 36 };

/** With fewer pixels in view an observed star is drawn as points. */
export const FEW = 300;

/** What makes two drawings of a panel comparable, so that its scale stays as it is. */
export function identity({ key, title, unit, curves }) {
  return [key, title, unit, ...curves.map((each) => `${each.key}:${each.role}:${each.name}`)].join("|");
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
   * @param {object} view {wavelength, starts, range, window, untrusted, theme, width, height, marks}
   */
  draw(view) {
    this.view = view;
    if (this.written !== this.spec.title) {
      this.title.replaceChildren(markup(this.spec.title));
      this.written = this.spec.title;
    }
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
    const numbers = (values, axis) => values.map((value) => fixed(value, this._ticks(axis).decimals));
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
          values: (_, splits) => numbers(splits, "y"),
        },
      ],
      series: [{}, ...this.spec.curves.map((_, k) => this._series(k))],
      hooks: {
        drawClear: [(chart) => this._under(chart)],
        draw: [(chart) => this._over(chart)],
      },
    };
  }

  _ticks(axis) {
    const [low, high] = axis === "x" ? this.view.window : this.limits;
    const { width, height } = this.view;
    const below = this.lowest ? MARGIN.bottom : 0;
    const most = axis === "x" ? (width - 96) / 90 : Math.min((height - below) / 26, 8);
    return roundTicks(low, high, most);
  }

  _series(k) {
    const curve = () => this.spec.curves[k];
    const { role, points, dashed } = curve();
    const color = () => curveColor(this.view.theme, curve());
    const quiet = role === "star" || role === "reference";
    const asPoints = () => points && this.view.range[1] - this.view.range[0] < FEW;
    return {
      auto: false,
      points: { show: false },
      pxAlign: 0,
      width: quiet ? 1 : 1.25,
      dash: dashed ? [5, 3] : undefined,
      stroke: color,
      fill: () => (asPoints() ? color() : undefined),
      paths: (chart) => {
        const { wavelength, starts, range } = this.view;
        const { values, errors } = curve();
        const scale = scaling(this.view.window, this.limits, chart.bbox);
        if (!asPoints()) return { stroke: linePath(wavelength, values, range, starts, scale) };
        return {
          stroke: errors ? errorsPath(wavelength, values, errors, range, scale) : null,
          fill: pointsPath(wavelength, values, range, scale, 1.7 * uPlot.pxRatio),
          width: 1,
        };
      },
    };
  }

  /** What lies below the curves: shaded windows that are not trusted, and the zero line. */
  _under(chart) {
    const { ctx, bbox } = chart;
    const { theme, window, untrusted } = this.view;
    const { across, left, down, top } = scaling(window, this.limits, bbox);
    ctx.fillStyle = theme.shade;
    for (const [low, high] of untrusted) {
      const from = Math.max(left + low * across, bbox.left);
      const to = Math.min(left + high * across, bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    if (!this.spec.zero) return;
    const thick = Math.max(1, Math.round(uPlot.pxRatio * 0.75));
    ctx.fillStyle = theme.zero;
    ctx.fillRect(bbox.left, Math.round(top - thick / 2), bbox.width, thick);
  }

  /** What lies above the curves: the frame with its ticks on all sides, and the spectral lines. */
  _over(chart) {
    const { ctx, bbox } = chart;
    const { theme, window, marks } = this.view;
    const ratio = uPlot.pxRatio;
    const thick = Math.max(1, Math.round(ratio * 0.75));
    const scale = scaling(window, this.limits, bbox);
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
