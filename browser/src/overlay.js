/** Stars drawn over the chosen one: up to five, each with a chip in the colour of its curve. */

import { make } from "./dom.js";
import { Picker } from "./picker.js";
import { curveColor, themeOf } from "./theme.js";

const MOST = 5;

/** The overlaid stars. */
export class Overlay {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store
   */
  constructor(el, page, store) {
    this.store = store;
    this.picker = new Picker(el, page, store, {
      title: "draw other stars, too", text: "+ overlay", none: "", stays: true,
      chosen: () => store.state.overlay,
      onChoose: (id) => this._toggle(id),
    });
    this.chips = make("span.specnb-chips");
    el.append(this.chips);
  }

  /** Shows a chip for each star. */
  update(state) {
    const theme = themeOf(this.chips);
    const key = JSON.stringify([state.overlay, theme.background]);
    if (this._key === key) return;
    this._key = key;
    const { stars } = this.store;
    this.chips.replaceChildren(...state.overlay.map((id, index) => {
      const chip = make("button.specnb-chip", {
        type: "button", title: `${stars.fullName(id)}: click to take it away`,
        "aria-label": `take away ${stars.fullName(id)}`, onclick: () => this._toggle(id),
      }, make("i", { "aria-hidden": "true" }), stars.name(id), " ×");
      chip.style.setProperty("--chip", curveColor(theme, { role: "overlay", index }));
      return chip;
    }));
  }

  _toggle(id) {
    const { overlay } = this.store.state;
    if (overlay.includes(id)) this.store.set({ overlay: overlay.filter((one) => one !== id) });
    else if (overlay.length < MOST) this.store.set({ overlay: [...overlay, id] });
    else this.store.say(`${MOST} stars are drawn already: take one away first.`);
  }
}
