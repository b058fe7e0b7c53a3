/** The page of an explorer: where its parts are, and the drawing after each change. */

import { applyTheme, watchTheme } from "./appearance.js";
import { Controls } from "./controls.js";
import { make } from "./dom.js";
import { watchKernel } from "./kernel.js";
import { Maps } from "./maps.js";
import { SpectrumPlot } from "./plot.js";
import { Scene } from "./scene.js";
import { Status } from "./status.js";
import { storeOf } from "./store.js";
import { Strip } from "./strip.js";
import { Toolbar } from "./toolbar.js";

const WIDE = 700; // CSS pixels from which sliders are beside the plot
const ROOMY = 940; // and from which everything above the plot fits in one row

/** One view of an explorer. */
export class View {
  /**
   * @param {object} model - anywidget's model, or its stand-in.
   * @param {HTMLElement} el - Where the explorer is put.
   */
  constructor(model, el) {
    Object.assign(this, { model, el, drawn: 0, kernel: "live" });
    const page = (this.page = model.get("_page"));
    this.store = storeOf(model);
    const { data, state } = this.store;
    this.scene = new Scene(page, data);
    this._build(page, data);
    this._listen();
    this.draw(new Set(["_stars", ...Object.keys(state)]));
  }

  /** Computes and draws what the state says; it is done when this returns. */
  draw(changed) {
    const { state, stars } = this.store;
    if (changed.has("_stars")) this.scene.setStars(stars.description, stars.data);
    if (changed.has("theme")) applyTheme(this.root, state.theme);
    const words = [...changed].every((key) => key === "told" || key === "busy");
    if (!words) {
      this.shown = this.scene.compute(state);
      this.plot.draw(this.shown, state);
      this.controls.update(this.shown, state);
      this.maps.update(this.shown, state);
      if (this.strip) this.strip.draw(this.shown, state);
    }
    this.toolbar.update(this.shown, state, this.kernel);
    this.status.update(this.shown, state, this.kernel);
    this.root.classList.toggle("specnb-working", Boolean(state.busy));
    this.drawn += 1;
    this.el.dataset.drawn = this.drawn;
    this.el.dispatchEvent(new CustomEvent("specnb:drawn", { bubbles: true }));
  }

  /** Ends everything that would outlive the view. */
  destroy() {
    for (const end of this._ends.splice(0)) end();
    this.root.remove();
  }

  _build(page, data) {
    const part = (name, label) =>
      make(`div.specnb-${name}`, label ? { role: "region", "aria-label": label } : {});
    const [toolbar, side, main, status] = [
      part("toolbar"), part("side", "sliders"), part("main", "spectrum"), part("status"),
    ];
    const [controls, maps, plot] = [part("controls"), part("maps"), part("plot-area")];
    side.append(controls, maps);
    main.append(plot);
    // A click on a text focuses the explorer: JupyterLab would take the next keys for its cell
    this.root = make("div.specnb-explorer", {
      role: "group", tabindex: -1, "aria-label": `explorer: ${page.title}`, "data-kind": page.kind,
      onkeydown: (event) => this._key(event),
    }, toolbar, side, main, status);
    applyTheme(this.root, this.store.state.theme);
    this._fit(this.el.clientWidth);
    this.el.append(this.root);
    this.plot = new SpectrumPlot(plot, page, this.store);
    this.controls = new Controls(controls, page, this.store);
    this.maps = new Maps(maps, page, this.store);
    if (page.latents || page.probes) {
      const below = part("below");
      main.append(below);
      this.strip = new Strip(below, page, data, this.store);
    }
    this.toolbar = new Toolbar(toolbar, page, this.store, plot);
    this.status = new Status(status, page, this.store);
  }

  _listen() {
    const sizes = new ResizeObserver(([entry]) => this._fit(entry.contentRect.width));
    sizes.observe(this.el);
    this._ends = [
      () => this.plot.destroy(),
      () => this.maps.destroy(),
      () => this.status.destroy(),
      () => this.strip?.destroy(),
      () => sizes.disconnect(),
      this.store.subscribe((changed) => this.draw(changed)),
      watchTheme(() => this.draw(new Set(["theme"]))),
      watchKernel(this.model, (kernel) => this._setKernel(kernel)),
    ];
  }

  _setKernel(kernel) {
    if (this.kernel === kernel) return;
    this.kernel = kernel;
    if (kernel === "none") this.store.release();
    if (this.shown) this.draw(new Set(["told"]));
  }

  _fit(width) {
    this.root.classList.toggle("specnb-wide", width >= WIDE);
    this.root.classList.toggle("specnb-tight", width < ROOMY);
  }

  /**
   * Undo. JupyterLab gets only keys with Ctrl, such as Ctrl+S: its shortcuts of one letter would
   * take those of sliders.
   */
  _key(event) {
    const control = event.ctrlKey || event.metaKey;
    const undoes = control && !event.shiftKey && event.key.toLowerCase() === "z";
    const typing = event.target.matches("input[type=text], input[type=search]");
    if (undoes && !typing) {
      event.preventDefault();
      this.store.undo();
    }
    if (undoes || !control) event.stopPropagation();
  }
}
