/** What is below the plot of an editor: the latents and their probes, one at a time. */

import { make } from "./dom.js";
import { Latents } from "./latents.js";
import { Probes } from "./probes.js";
import { Tabs } from "./tabs.js";

/** The strip, with a tab for each part that the page has. */
export class Strip {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Data} data
   * @param {Store} store
   */
  constructor(el, page, data, store) {
    const panel = (name) => make("div", { role: "tabpanel", "aria-label": name });
    this.parts = [];
    if (page.latents) {
      const [name, body] = ["Latents", panel("Latents")];
      this.parts.push({ name, body, part: new Latents(body, page, store) });
    }
    if (page.probes) {
      const [name, body] = ["Probes", panel("Probes")];
      this.parts.push({ name, body, part: new Probes(body, page, data, store) });
    }
    this.tabs = new Tabs("below the spectrum", this.parts.map(({ name }) => name),
      (k) => this._choose(k));
    const heads = this.parts.map(({ part }) => part.head);
    el.append(make("div.specnb-below-head", {}, this.tabs.element, ...heads),
      ...this.parts.map(({ body }) => body));
    this._choose(0);
  }

  /** Draws both parts; a hidden one costs next to nothing. */
  draw(shown, state) {
    for (const { part } of this.parts) part.draw(shown, state);
  }

  destroy() {
    for (const { part } of this.parts) part.destroy();
  }

  _choose(chosen) {
    this.tabs.mark(chosen);
    this.parts.forEach(({ part, body }, k) => {
      part.head.hidden = body.hidden = k !== chosen;
    });
  }
}
