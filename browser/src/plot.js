/* The spectrum plot: panels with one horizontal axis, the overview strip, and the readout. */

import { Card, labelOf } from "./card.js";
import { angstrom } from "./format.js";
import { Gestures } from "./gestures.js";
import { helpTable, pressed } from "./keys.js";
import { writeLegend } from "./legend.js";
import { Marks, nearestLine, nextLine } from "./lines.js";
import { Overview } from "./overview.js";
import { FEW, MARGIN, Panel } from "./panel.js";
import { makeParts, showBox, showOnce } from "./parts.js";
import { describe, readout } from "./readout.js";
import { curveColor, textColor, themeOf } from "./theme.js";
import { pixelsWithin, within } from "./window.js";

const NEAR = 8; // A click this many screen pixels from a line means this line
const SMALLEST = 8; // Least number of pixels in a window
const FIRST = 2.2; // Height of the first panel, in heights of the others

/**
 * The plot of what the scene computed.
 *
 * @param {HTMLElement} el An element with a height of its own; the plot fills it.
 * @param {object} page See the description of the page in specnb/widgets/pages/page.py.
 * @param {Store} store Windows and gradients that the user chooses are set here.
 */
export class SpectrumPlot {
  constructor(el, page, store) {
    Object.assign(this, { page, store, panels: [], moving: false, x: null });
    this.root = el.appendChild(document.createElement("div"));
    this.root.className = "specnb-plot";
    this.parts = makeParts(this.root);
    this.marks = new Marks(page.lines ?? []);
    this.card = new Card(this.parts.card, this.parts.picked, page);
    this.parts.keys.append(helpTable());
    this._listen();
    this.watch = new ResizeObserver(() => this._again());
    this.watch.observe(this.root);
    this.themes = new MutationObserver(() => this._again());
  }

  /** Draw. When this returns, all panels are on the screen's canvases. */
  draw(shown, state) {
    const first = !this.shown || this.shown.wavelength !== shown.wavelength;
    Object.assign(this, { shown, state });
    if (first) this._begin(shown.wavelength);
    const asked = state.window?.length === 2 ? state.window : this.whole;
    const window = within(asked, this.whole, this.least);
    const other = String(window) !== String(this.window);
    this.window = window;
    const theme = themeOf(this.root);
    this._paint(theme);
    const range = pixelsWithin(shown.wavelength, window);
    const view = {
      wavelength: shown.wavelength, starts: this.starts, window, range, theme,
      untrusted: this.page.untrusted ?? [], ratio: devicePixelRatio,
    };
    this._writeLegend(view); // before the panels, since it takes their height
    this._drawPanels(view, this.fit || (other && !this.moving));
    this.fit = false;
    this._drawAround(view);
    this.root.dataset.window = window.map(angstrom).join(" ");
  }

  destroy() {
    this.watch.disconnect();
    this.themes.disconnect();
    this.card.close();
    this.overview?.destroy();
    this.panels.forEach((panel) => panel.destroy());
    this.root.remove();
  }

  _begin(wavelength) {
    const last = wavelength.length - 1;
    this.whole = [wavelength[0], wavelength[last]];
    this.least = (SMALLEST * (this.whole[1] - this.whole[0])) / last;
    this.starts = new Uint8Array(wavelength.length);
    for (const [first] of this.page.detectors ?? []) this.starts[first] = 1;
    this.overview?.destroy();
    const el = document.createElement("div");
    this.parts.strip.replaceChildren(el);
    const move = (window, done) => this._move(window, done);
    this.overview = new Overview(el, { whole: this.whole, least: this.least, move });
    const host = this.root.closest("[data-theme]");
    if (host) this.themes.observe(host, { attributes: true, attributeFilter: ["data-theme"] });
  }

  _again() {
    if (this.shown) this.draw(this.shown, this.state);
  }

  /** Give the style sheet the colours of the theme. */
  _paint(theme) {
    if (this.theme === theme) return;
    this.theme = theme;
    for (const name of ["background", "text", "muted", "frame", "zero", "shade", "window"]) {
      this.root.style.setProperty(`--specnb-plot-${name}`, theme[name]);
    }
  }

  _drawPanels(view, fit) {
    const { panels } = this.shown;
    const last = panels.length - 1;
    const shapes = panels.map((spec, k) => Panel.shape(spec, k, last));
    if (shapes.join() !== this.panels.map(({ shape }) => shape).join()) {
      this.panels.forEach((panel) => panel.destroy());
      this.panels = panels.map((spec, k) => new Panel(this.parts.panels, spec, k, last));
    }
    const { clientWidth: width, clientHeight: height } = this.parts.panels;
    this.plotWidth = Math.max(width - MARGIN.title - MARGIN.numbers - MARGIN.right, 1);
    if (this.plotWidth === 1 || !height || !panels.length) return;
    const heads = this.panels.reduce((sum, panel) => sum + panel.head, 0);
    const unit = (height - MARGIN.bottom - heads) / (FIRST + last);
    const own = this.shown.gradient ?? "";
    const isOwn = ({ element }) => Boolean(element && own && this.page.elements?.[element] === own);
    const marks = this.marks.choose(view.window, this.plotWidth, own, isOwn);
    let [loose, top] = [false, 0];
    panels.forEach((spec, k) => {
      const panel = this.panels[k];
      const inner = Math.round(k === 0 ? FIRST * unit : unit) + panel.head;
      const tall = k === last ? height - top : inner;
      loose = panel.adjust(spec, view.range, inner, fit) || loose;
      panel.el.style.top = `${top}px`;
      panel.el.style.height = `${tall}px`;
      const marked = k === 0 && spec.limits === "flux";
      panel.draw({ ...view, width, height: tall, marks: marked ? marks : null });
      top += inner;
    });
    this.parts.rescale.hidden = !loose;
  }

  /** The legend above the panels: the curves of the first one, and what shaded windows mean. */
  _writeLegend({ range, window: [low, high], untrusted, theme }) {
    const curves = this.shown.panels[0]?.curves ?? [];
    const shaded = untrusted.some((each) => each[0] < high && each[1] > low);
    writeLegend(this.parts.legend, curves, theme, range[1] - range[0] < FEW, shaded);
  }

  _drawAround(view) {
    const { panels } = this.shown;
    // Without a panel of fluxes the strip keeps the spectrum that it has
    const fluxes = panels.find(({ limits }) => limits === "flux")?.curves ?? [];
    const curve =
      fluxes.find(({ role }) => role === "star") ?? fluxes[0] ?? this.overview.view?.curve;
    const { clientWidth: width, clientHeight: height } = this.parts.strip.firstChild;
    if (curve && width) this.overview.draw({ ...view, curve, width, height });
    this.card.refresh(this.shown);
    this._place();
    this._read();
    const label = describe(this.shown, this.window);
    if (label !== this.label) this.parts.pad.setAttribute("aria-label", label);
    this.label = label;
  }

  _listen() {
    const { pad, rescale, help, keys } = this.parts;
    this.actions = {
      window: () => this.window,
      move: (window, done) => this._move(window, done),
      whole: () => {
        this._close();
        this._move(this.whole, true);
      },
      hover: (x) => this._hover(x),
      pick: (x) => {
        this.parts.hint.hidden = true;
        this._pickAt(x);
        this._gradient();
      },
      box: (ends) => showBox(this.parts.box, ends),
      hint: showOnce(this.parts.hint),
      step: (direction) => this._step(direction),
      gradient: () => this._gradient(),
      rescale: () => this._rescale(),
      help: () => (keys.hidden = !keys.hidden),
      close: () => this._close(),
    };
    this.gestures = new Gestures(pad, this.actions);
    pad.addEventListener("keydown", (event) => {
      if (!this.window || !pressed(event, this.actions)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    rescale.addEventListener("click", () => this._rescale());
    help.addEventListener("click", () => this.actions.help());
  }

  /** Let the user's window be shown. While it moves, the vertical axes may only grow. */
  _move(window, done) {
    if (!this.whole) return;
    const next = within(window, this.whole, this.least);
    const ended = done && this.moving;
    this.moving = !done;
    const all = next[0] <= this.whole[0] && next[1] >= this.whole[1];
    if (String(next) !== String(this.window)) {
      this.fit = ended;
      this.store.set({ window: all ? [] : next }, { record: false });
    } else if (ended) this._rescale();
  }

  _rescale() {
    this.fit = true;
    this._again();
  }

  _value(x) {
    return this.window[0] + (x / this.plotWidth) * (this.window[1] - this.window[0]);
  }

  _near(x) {
    const angstroms = (NEAR * (this.window[1] - this.window[0])) / this.plotWidth;
    return nearestLine(this.marks.lines, this._value(x), angstroms);
  }

  _hover(x) {
    if (!this.shown) return;
    this.x = x;
    this._place();
    this._read();
  }

  /** Put the hair line and the card of the picked line where they belong. */
  _place() {
    const { hair } = this.parts;
    hair.hidden = this.x === null;
    if (!hair.hidden) hair.style.transform = `translateX(${Math.round(this.x)}px)`;
    const [low, high] = this.window;
    const at = (wavelength) => ((wavelength - low) / (high - low)) * this.plotWidth;
    const bottom = this.panels[0]?.view?.height ?? 0;
    this.card.place(at, { left: MARGIN.title + MARGIN.numbers, bottom, width: this.plotWidth });
  }

  _read() {
    const { readout: el, nearest } = this.parts;
    const line = this.x === null ? undefined : this._near(this.x);
    nearest.textContent = line ? `${line.species} ${angstrom(line.wavelength)}` : "";
    if (this.x === null) {
      const count = pixelsWithin(this.shown.wavelength, this.window);
      const [low, high] = this.window.map(angstrom);
      el.textContent = `${low}–${high} Å · ${count[1] - count[0]} pixels`;
      return;
    }
    const pieces = readout(this.shown, this._value(this.x)).map(({ text, curve }) => {
      const piece = document.createElement("span");
      piece.textContent = text;
      if (curve) piece.style.color = textColor(this.theme, curveColor(this.theme, curve));
      return piece;
    });
    el.replaceChildren(...pieces);
  }

  /** Say what is at a position: the line there, if there is one. */
  _pickAt(x) {
    const line = this._near(x);
    this._pick(line?.wavelength ?? this._value(x), line);
  }

  _pick(wavelength, line) {
    this.card.show(wavelength, line, this.shown, this.theme);
    this._place();
  }

  /** The gradient of the label that raises the picked line; without one, pick what is hovered. */
  _gradient() {
    if (this.card.wavelength === null) {
      this._pickAt(this.x ?? this.plotWidth / 2);
      return;
    }
    const label = this.card.line && labelOf(this.page, this.card.line);
    if (label && this.state.gradient !== label.name) this.store.set({ gradient: label.name });
  }

  _step(direction) {
    const [low, high] = this.window;
    const from = this.card.wavelength ?? (direction > 0 ? low : high);
    const line = nextLine(this.marks.lines, from, direction);
    if (!line || line.wavelength < this.whole[0] || line.wavelength > this.whole[1]) return;
    if (line.wavelength < low || line.wavelength > high) {
      const half = (high - low) / 2;
      this._move([line.wavelength - half, line.wavelength + half], true);
    }
    this._pick(line.wavelength, line);
  }

  _close() {
    this.card.close();
    this.parts.keys.hidden = true;
    if (this.window) this._place();
  }
}
