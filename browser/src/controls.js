/** The column of sliders: labels, λ, z_split, and what an observation adds. */

import { make, makeSelect } from "./dom.js";
import { Labels } from "./labels.js";
import { Slider } from "./slider.js";
import { Split } from "./split.js";

const VELOCITY = {
  symbol: "v<sub>rad</sub>", plain: "v_rad", meaning: "radial velocity of the model", unit: "km / s",
  low: -300, high: 300, step: 1, decimals: 0, start: 0,
};
const ORDERS = [["-1", "none"], ...[0, 1, 2, 3, 4].map((order) => [String(order), `order ${order}`])];

/** All sliders of an explorer. */
export class Controls {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store
   */
  constructor(el, page, store) {
    Object.assign(this, { page, store });
    const say = (text) => store.say(text);
    this.labels = new Labels(section(el, "Labels"), page, store);
    if (page.lambdas) this._addLambdas(section(el, "Disentangling, λ"), say);
    if (page.split) this.split = new Split(section(el, "Beyond the labels"), page, store);
    if (page.kind !== "editor") {
      this.observation = section(el, "Observation");
      const move = (velocity) => store.set({ velocity }, { slider: "velocity" });
      this.velocity = new Slider(VELOCITY, move, say);
      this.continuum = makeSelect("polynomial that scales the model to the star, per detector",
        ORDERS, (order) => store.set({ continuum: Number(order) }));
      const line = make("label.specnb-line", {}, "continuum", this.continuum);
      this.observation.append(this.velocity.element, line);
    }
  }

  /** Shows the values and marks of all controls. */
  update(shown, state) {
    this.labels.update(shown, state);
    if (this.split) this.split.update(state);
    if (this.observation) {
      this.observation.hidden = !this.store.stars.size;
      this.velocity.set(state.velocity);
      this.continuum.value = String(state.continuum);
    }
    for (const [name, slider] of Object.entries(this.lambdas || {})) {
      slider.set(state.lambdas[name] || 0);
    }
  }

  /** λ above zero removes a label from the latents, λ below zero reinforces it. */
  _addLambdas(el, say) {
    const { names, range, step } = this.page.lambdas;
    this.lambdas = {};
    el.append(make("div.specnb-ends", { "aria-hidden": "true" },
      make("span", {}, "← reinforces"), make("span", {}, "0"), make("span", {}, "removes →")));
    for (const name of names) {
      const label = this.page.labels.find((one) => one.name === name);
      const { symbol, plain } = label || { symbol: name, plain: name };
      const about = {
        symbol: `λ(${symbol})`, plain: `λ(${plain})`,
        meaning: `above 0 the latents forget ${plain}, below 0 they hold more of it`,
        unit: "", low: -range, high: range, step, signed: true, start: 0,
      };
      const move = (value) => this.store.set({
        lambdas: { ...this.store.state.lambdas, [name]: value }, latents: [],
      }, { slider: about.plain });
      this.lambdas[name] = new Slider(about, move, say);
      this.lambdas[name].setTick(0, "no pull:");
      this.lambdas[name].element.dataset.lambda = name;
      el.append(this.lambdas[name].element);
    }
  }
}

/** Adds a group with a title, which is no heading: the levels of the page around are not known. */
function section(el, title) {
  const part = make("div.specnb-section", { role: "group", "aria-label": title },
    make("div.specnb-title", { "aria-hidden": "true" }, title));
  el.append(part);
  return part;
}
