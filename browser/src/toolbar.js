/** The row above the plot: stars, window, what is compared, link, export and theme. */

import { make, makeSelect, setAttributes, setOptions, setText } from "./dom.js";
import { copyText, download, tableOf } from "./export.js";
import { callOf, hashOf } from "./link.js";
import { Overlay } from "./overlay.js";
import { Picker } from "./picker.js";
import { panelsOf } from "./panels.js";
import { pictureOf } from "./picture.js";
import { Popover } from "./popover.js";
import { chooseStar } from "./catalogue.js";

const THEMES = { auto: "◐", light: "☀", dark: "☾" };

/** Everything above the plot. */
export class Toolbar {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store
   * @param {HTMLElement} plotted - The element of the plot, for the export as a picture.
   */
  constructor(el, page, store, plotted) {
    Object.assign(this, { page, store, plotted });
    this.shown = null;
    this.left = make("div.specnb-group");
    this.right = make("div.specnb-group.specnb-right");
    el.append(this.left, this.right);
    this.stars = make("span.specnb-group");
    this.left.append(this.stars);
    this._addStars();
    this._addOpen();
    this._addSelects();
    this._addView();
    this._addCopy();
    this._addExport();
    this.theme = this._button("", "theme", () => this._nextTheme());
    this.right.append(this.theme);
  }

  /** Shows what is chosen. */
  update(shown, state, kernel) {
    this.shown = shown;
    const { stars } = this.store;
    this.stars.hidden = !stars.size;
    this.picker.update();
    if (this.overlay) this.overlay.update(state);
    if (this.open) {
      this.open.hidden = kernel === "none";
      this.open.lastChild.disabled = Boolean(state.busy);
    }
    if (this.follow) this.follow.checked = this.store.follow;
    this._updateWindow(state);
    if (this.gradient) this.gradient.value = state.gradient;
    if (this.compare) this.compare.value = state.compare;
    if (this.residual) {
      this.residual.value = state.residual;
      this.residual.parentElement.hidden = !state.star;
    }
    if (this.reference) {
      this.reference.element.parentElement.hidden = Boolean(state.star);
      this.reference.update();
    }
    for (const [key, box] of Object.entries(this.panels)) {
      box.checked = !state.panels.length || state.panels.includes(key);
      // one panel stays
      box.disabled = shown.panels.length === 1 && shown.panels[0].key === key;
    }
    setText(this.theme, THEMES[state.theme]);
    const title = `theme: ${state.theme}. Click for the next one.`;
    setAttributes(this.theme, { title, "aria-label": title });
    setText(this.copy, kernel === "none" ? "Copy link" : "Copy call");
    this.hasKernel = kernel !== "none";
  }

  _button(text, title, onClick) {
    return make("button.specnb-button", { type: "button", title, onclick: onClick }, text);
  }

  _addStars() {
    const { page, store } = this;
    const editor = page.kind === "editor";
    this.picker = new Picker(this.stars, page, store, {
      title: "star", text: "Star:", none: editor ? "" : "none",
      chosen: () => {
        const { star } = store.state;
        const shown = editor && !star ? store.stars.ids.slice(0, 1) : [star];
        return shown.filter(Boolean);
      },
      onChoose: (id) => chooseStar(store, id),
    });
    if (editor) return;
    this.follow = make("input", {
      type: "checkbox",
      onchange: () => { store.follow = this.follow.checked; },
    });
    this.picker.popover.panel.append(
      make("label.specnb-check", {}, this.follow, "labels follow the star"));
    this.overlay = new Overlay(this.stars, page, store);
  }

  _addOpen() {
    if (this.page.kind !== "emulator") return;
    const file = make("input", {
      type: "file", hidden: true, "aria-label": "file of a star", tabindex: -1,
      onchange: async () => {
        const [chosen] = file.files;
        if (!chosen) return;
        const data = new DataView(await chosen.arrayBuffer());
        file.value = "";
        this.store.ask({ type: "open", name: chosen.name, data });
      },
    });
    const title = "open the spectrum of a star: a FITS file, or text with wavelength, flux, error";
    this.open = make("span", {}, file, this._button("Open file…", title, () => file.click()));
    this.left.append(this.open);
  }

  _addSelects() {
    const { page, store } = this;
    this.window = makeSelect("wavelength window", [], (name) => {
      const ends = page.windows[name];
      const { wavelength } = this.shown;
      const whole = ends[0] <= wavelength[0] && ends[1] >= wavelength[wavelength.length - 1];
      store.set({ window: whole ? [] : ends });
    });
    this.right.append(this.window);
    if (page.kind === "emulator") {
      const options = [["", "last moved"],
        ...page.labels.map(({ name, plain }) => [name, plain])];
      this.gradient = makeSelect("label of the gradient panel", options,
        (gradient) => store.set({ gradient }));
      this.right.append(make("label.specnb-line", {}, "gradient", this.gradient));
    }
    if (page.kind === "editor") {
      const options = [["nothing", "nothing"], ["nearest", "the nearest star"]];
      if (page.programs.truth) options.push(["truth", "the true spectrum"]);
      this.compare = makeSelect("what the edited spectrum is compared with", options,
        (compare) => store.set({ compare }));
      this.right.append(make("label.specnb-line", {}, "compare with", this.compare));
    }
  }

  _addView() {
    const { page, store } = this;
    const view = new Popover("View", "what is shown");
    const box = (text, ...inside) => make("label.specnb-line", {}, text, ...inside);
    if (page.kind !== "editor") {
      this.residual = makeSelect("unit of the residual", [["sigma", "in σ"], ["flux", "in flux"]],
        (residual) => store.set({ residual }));
      view.panel.append(box("residual", this.residual));
    }
    if (page.kind === "emulator") {
      const line = make("div.specnb-line", {}, "difference to");
      this.reference = new Picker(line, page, store, {
        title: "reference", text: "", none: "the start labels",
        chosen: () => (store.state.reference === "start" ? [] : [store.state.reference]),
        onChoose: (id) => store.set({ reference: id || "start" }),
      });
      view.panel.append(line);
    }
    this.panels = {};
    for (const [key, text] of Object.entries(panelsOf(page))) {
      this.panels[key] = make("input", { type: "checkbox", onchange: () => this._setPanels() });
      view.panel.append(make("label.specnb-check", {}, this.panels[key], `panel: ${text}`));
    }
    this.right.append(view.element);
  }

  _setPanels() {
    const all = Object.keys(this.panels);
    const kept = all.filter((key) => this.panels[key].checked);
    this.store.set({ panels: kept.length && kept.length < all.length ? kept : [] });
  }

  _addCopy() {
    this.copy = this._button("Copy link", "copy what is set, to share it or to use it in code",
      async () => {
        const { page, store, hasKernel } = this;
        let text = callOf(page, store.state);
        if (!hasKernel) {
          const hash = hashOf(page, store.state, store.opened);
          text = `${location.href.split("#")[0]}#${hash}`;
          try {
            history.replaceState(null, "", `#${hash}`);
          } catch { /* a page without an address of its own has no history */ }
        }
        const what = hasKernel ? "Python call" : "link";
        const copied = await copyText(text);
        store.say(copied ? `The ${what} is on the clipboard: ${text}` : `The ${what}: ${text}`);
      });
    this.right.append(this.copy);
  }

  _addExport() {
    const { page, store } = this;
    const menu = new Popover("Export", "what is shown, as a file");
    const name = (ending) => `${page.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.${ending}`;
    const entry = (text, write) =>
      this._button(text, text, async () => {
        menu.close();
        menu.button.focus();
        await write();
      });
    menu.panel.append(
      entry("Table (CSV)", () => {
        const text = tableOf(page, store.state, this.shown, store.stars);
        download(name("csv"), new Blob([text], { type: "text/csv" }));
      }),
      entry("Picture (PNG)", async () => {
        const figure = this.plotted.querySelector(".specnb-plot-figure") || this.plotted;
        download(name("png"), await pictureOf(figure));
      }),
    );
    menu.panel.classList.add("specnb-menu");
    this.right.append(menu.element);
  }

  _updateWindow(state) {
    const named = Object.entries(this.page.windows);
    const whole = named[0] && named[0][0];
    const found = state.window.length
      ? named.find(([, ends]) => ends.every((end, k) => Math.abs(end - state.window[k]) < 1e-6))
      : [whole];
    const options = named.map(([text]) => [text, text]);
    if (!found) options.push(["", state.window.map((end) => end.toFixed(0)).join("–") + " Å"]);
    setOptions(this.window, options);
    this.window.value = found ? found[0] : "";
  }

  _nextTheme() {
    const order = Object.keys(THEMES);
    const next = order[(order.indexOf(this.store.state.theme) + 1) % order.length];
    this.store.set({ theme: next });
  }
}
