/* One panel of the plot: a uPlot chart whose axes look like those of the printed figures. */

import uPlot from "uplot";

import { drawLine, drawPoints, isBand, scaling } from "./curve.js";
import { fixed, font, markup, roundTicks } from "./format.js";
import { drawFrame } from "./frame.js";
import { fluxLimits, reach, symmetricLimits, union } from "./limits.js";
import { drawLines, linesRoom } from "./lines.js";
import { writeLegend } from "./legend.js";
import { bandColor, curveColor } from "./theme.js";

/** Space beside and below the panels in screen pixels. */
export const MARGIN = { title: 36, numbers: 54, right: 20, bottom: 36 };

const DIGIT = 6.6; // width of a digit of the axes' numbers in screen pixels

/** With fewer pixels in view an observed star is drawn as points. */
export const FEW = 300;

const HEAD = 18; // height of the legend of a lower panel

// The roles of the curves that are drawn in full where curves become bands, and last
const MAIN = ["model", "translated", "edited", "residual", "gradient", "split"];

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
 * @param {number} at Place of the panel, from the top.
 * @param {number} last Place of the lowest panel, which has the numbers of the horizontal axis.
 */
export class Panel {
  constructor(parent, spec, at, last) {
    Object.assign(this, { spec, lowest: at === last, limits: null, written: "" });
    this.shape = Panel.shape(spec, at, last);
    this.el = parent.appendChild(document.createElement("div"));
    this.el.className = "specnb-panel";
    this.el.dataset.panel = spec.key;
    this.title = this.el.appendChild(document.createElement("div"));
    this.title.className = "specnb-panel-title";
    this.title.append(document.createElement("span"));
    // The first panel's legend is above all panels. One curve needs none: the title tells it.
    this.head = at > 0 && spec.curves.length > 1 ? HEAD : 0;
    if (!this.head) return;
    this.legend = this.el.appendChild(document.createElement("div"));
    this.legend.className = "specnb-legend specnb-legend-small";
  }

  /** Two panels of the same shape can share one chart. */
  static shape(spec, at, last) {
    const looks = spec.curves.map(({ role, dashed, points }) => `${role}${!!dashed}${!!points}`);
    return [spec.key, !at, at === last, ...looks].join("|");
  }

  /**
   * The vertical limits for the curves in view. They only grow, unless they shall fit or the height
   * of the panel changes.
   *
   * @returns {boolean} Whether smaller limits would do.
   */
  adjust(spec, [first, end], height, fit) {
    this.spec = spec;
    const now = reach(spec.curves, first, end);
    const least = spec.unit === "σ" ? 3 : 1e-3;
    const limits = (extent) => spec.limits === "flux"
      ? fluxLimits(extent, linesRoom(height))
      : symmetricLimits(extent, least);
    const same = this.extent && !fit && this.identity === identity(spec);
    this.extent = same ? union(this.extent, now) : now;
    this.limits = limits(this.extent);
    this.identity = identity(spec);
    this.el.dataset.limits = this.limits.map((each) => Number(each.toPrecision(6))).join(" ");
    const needed = limits(now);
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
    if (this.head) writeLegend(this.legend, this.spec.curves, view.theme, this._isFew, false);
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
    const room = this._inner - 6;
    const key = `${title} ${unit} ${room}`;
    if (key === this.written) return;
    this.written = key;
    this.title.style.top = `${this.head + 2}px`;
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
      return values.map((value) => (this._fits(axis, value, decimals) ? fixed(value, decimals) : ""));
    };
    return {
      width: this.view.width,
      height: this.view.height,
      padding: [Math.max(1, this.head), MARGIN.right, this.lowest ? 0 : 1, MARGIN.title],
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
    if (axis === "x") return roundTicks(low, high, this._across / 90);
    const most = Math.min(this._inner / 22, 8);
    const ticks = roundTicks(low, high, most);
    const numbers = ticks.major.filter((value) => this._fits("y", value, ticks.decimals));
    return numbers.length < 3 ? roundTicks(low, high, 1.6 * most) : ticks;
  }

  /** Width of the axes in screen pixels. */
  get _across() {
    return this.view.width - MARGIN.title - MARGIN.numbers - MARGIN.right;
  }

  /** Height of the axes in screen pixels. */
  get _inner() {
    return this.view.height - (this.lowest ? MARGIN.bottom : 0) - this.head;
  }

  /** Whether observed stars are drawn as points. */
  get _isFew() {
    return this.view.range[1] - this.view.range[0] < FEW;
  }

  /** Whether a number beside or below the panel is not cut off at the end of the canvas. */
  _fits(axis, value, decimals) {
    const [low, high] = axis === "x" ? this.view.window : this.limits;
    const [above, below] = [high - value, value - low].map((part) => part / (high - low));
    if (axis === "y") return Math.min(above, below) * this._inner > 6;
    return above * this._across + MARGIN.right > (DIGIT * fixed(value, decimals).length) / 2;
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
    const bands = this.spec.curves.length > 1 && isBand(wavelength, range, scale);
    const thin = this.spec.key === "residual"; // noisy, whatever its model
    const isMain = ({ role }) => MAIN.includes(role);
    const order = bands ? (a, b) => isMain(a) - isMain(b) : () => 0;
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const curve of [...this.spec.curves].sort(order)) {
      const { values, errors, role, points, dashed } = curve;
      ctx.strokeStyle = (bands && !isMain(curve) ? bandColor : curveColor)(theme, curve);
      ctx.lineWidth = (thin || THIN.includes(role) ? 1 : 1.25) * ratio;
      ctx.setLineDash(dashed ? [5 * ratio, 3 * ratio] : []);
      if (points && this._isFew) drawPoints(ctx, wavelength, values, errors, range, scale, 1.8 * ratio);
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

  /** What lies above the curves: the frame with its ticks, and the spectral lines. */
  _over(ctx, bbox, ratio, scale) {
    const { theme, marks } = this.view;
    ctx.fillStyle = theme.frame;
    // The first panel has the spectral lines where the others have ticks
    drawFrame(ctx, bbox, ratio, scale, this._ticks("x"), this._ticks("y"), !marks);
    if (marks) drawLines(ctx, marks, theme, bbox, ratio);
  }
}
