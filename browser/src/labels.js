/** The sliders of the labels, in tabs where there are several groups of them. */

import { make } from "./dom.js";
import { Slider, numberText, unitText } from "./slider.js";
import { Tabs } from "./tabs.js";

const MANY = 8; // labels above which they can be searched

/** Whether a limit of the region is one of a label's. */
const concerns = ({ weights, by }, name) => name in weights || by === name;

/** Sliders for all labels of the page. */
export class Labels {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store
   */
  constructor(el, page, store) {
    Object.assign(this, { page, store });
    this.sliders = {};
    this.order = new Map(page.labels.map((label, k) => [label.name, k]));
    for (const label of page.labels) {
      const about = { ...label, start: page.start[label.name] };
      const move = (value) => this._move(label.name, value);
      this.sliders[label.name] = new Slider(about, move, (text) => store.say(text));
      this.sliders[label.name].element.dataset.label = label.name;
    }
    this.panel = make("div.specnb-labels");
    this.groups = Object.entries(page.groups || { "": page.labels.map((label) => label.name) });
    this.group = 0;
    if (page.labels.length > MANY) el.append(this._filter());
    if (this.groups.length > 1) {
      const names = this.groups.map(([group]) => group || "general");
      this.tabs = new Tabs("groups of labels", names, (k) => this._choose(k));
      this.panel.setAttribute("role", "tabpanel");
      el.append(this.tabs.element);
    }
    el.append(this.panel);
    this._choose(0);
  }

  /** Shows the labels' values and marks. */
  update(shown, state) {
    const known = state.star ? this.store.stars.labels(state.star) : null;
    const { low, high, name: region, limits: all } = this.page.region;
    const limits = all.filter(({ text }) => shown.outside.some((reason) => reason.endsWith(text)));
    const beyondTabs = new Set();
    for (const [name, slider] of Object.entries(this.sliders)) {
      const value = state.labels[name];
      slider.set(value);
      const k = this.order.get(name);
      const out = value < low[k] || value > high[k];
      const { plain, decimals, unit } = slider.about;
      const range = [low[k], high[k]].map((end) => out && numberText(end, decimals)).join(" to ");
      const beyond = out
        ? `${plain} is beyond the ${region}: ${range} ${unitText(unit)}`.trim()
        : limits.find((limit) => concerns(limit, name))?.text;
      slider.mark({ beyond, gradient: shown.gradient === name });
      if (beyond) beyondTabs.add(this.groups.findIndex(([, names]) => names.includes(name)));
      const own = known ? known[name] : this.page.start[name];
      slider.setTick(own ?? null, known ? "the star's own" : "start");
    }
    if (this.tabs) {
      this.tabs.buttons.forEach((tab, k) =>
        tab.classList.toggle("specnb-beyond", beyondTabs.has(k)));
    }
  }

  _move(name, value) {
    this.store.set({ labels: { ...this.store.state.labels, [name]: value } }, { slider: name });
  }

  _show(names) {
    this.panel.replaceChildren(...names.map((name) => this.sliders[name].element));
  }

  _filter() {
    this.filter = make("input.specnb-search", {
      type: "search", placeholder: "find a label, e.g. Mg", "aria-label": "find labels",
      oninput: () => this._find(),
      onkeydown: (event) => {
        if (event.key !== "Escape" || !this.filter.value) return;
        event.preventDefault();
        this.filter.value = "";
        this._find();
      },
    });
    return this.filter;
  }

  /** Shows the labels whose name, symbol, element or meaning begins a word with the text. */
  _find() {
    const text = this.filter.value.trim().toLowerCase();
    if (!text) {
      this._choose(this.group);
      return;
    }
    const found = this.page.labels.filter(({ name, plain, meaning }) =>
      `${name} ${plain} ${meaning}`.toLowerCase().split(/[^\p{L}\p{N}]+/u)
        .some((word) => word.startsWith(text)) || plain.toLowerCase().startsWith(text));
    this._show(found.map((label) => label.name));
    if (!found.length) this.panel.append(make("p.specnb-note", {}, "no label has this name"));
    if (this.tabs) this.tabs.mark(-1);
  }

  _choose(k) {
    this.group = k;
    if (this.filter) this.filter.value = "";
    this._show(this.groups[k][1]);
    if (!this.tabs) return;
    this.tabs.mark(k);
    this.panel.setAttribute("aria-label", this.groups[k][0] || "general");
  }
}
