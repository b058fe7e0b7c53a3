/** A row of tabs, of which one is chosen. */

import { make } from "./dom.js";

/** Tabs that a click, or an arrow key on the chosen one, chooses. */
export class Tabs {
  /**
   * @param {string} label - What the tabs are, for screen readers.
   * @param {string[]} names
   * @param {function(number)} onChoose - Gets the place of the tab.
   */
  constructor(label, names, onChoose) {
    this.buttons = names.map((name, k) =>
      make("button.specnb-tab", { type: "button", role: "tab", onclick: () => onChoose(k) }, name));
    this.element = make("div.specnb-tabs", {
      role: "tablist", "aria-label": label,
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const at = this.buttons.indexOf(event.target);
        const next = (at + step + names.length) % names.length;
        onChoose(next);
        this.buttons[next].focus();
      },
    }, ...this.buttons);
  }

  /** Marks a tab as the chosen one; −1 is none, and then the Tab key stays where it was. */
  mark(chosen) {
    this.buttons.forEach((button, k) => {
      button.setAttribute("aria-selected", String(k === chosen));
      if (chosen >= 0) button.tabIndex = k === chosen ? 0 : -1;
    });
  }
}
