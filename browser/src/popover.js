/** A button that opens a small panel below itself. */

import { make } from "./dom.js";

/** Opens on click, closes on Escape, on a click elsewhere, and when the focus leaves it. */
export class Popover {
  /**
   * @param {string} text - Of the button.
   * @param {string} title - Its tooltip, and its name for screen readers.
   * @param {string} role - ARIA role of the panel: "dialog" or "listbox".
   */
  constructor(text, title, role = "dialog") {
    this.text = make("span", {}, text);
    this.button = make(
      "button.specnb-button",
      {
        type: "button", title, "aria-label": `${text}: ${title}`,
        "aria-haspopup": role, "aria-expanded": "false", onclick: () => this.toggle(),
      },
      this.text,
      make("span.specnb-caret", { "aria-hidden": "true" }, "▾"),
    );
    this.panel = make("div.specnb-popover", { role, "aria-label": title, hidden: true });
    this.element = make("span.specnb-opens", {}, this.button, this.panel);
    this.element.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.element.contains(event.relatedTarget)) this.close();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.panel.hidden) return;
      event.preventDefault();
      this.close();
      this.button.focus();
    });
    this._outside = (event) => {
      if (!event.composedPath().includes(this.element)) this.close();
    };
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** Opens the panel within the explorer's own edges. */
  open() {
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", this._outside, true);
    this.panel.style.left = "0";
    const root = this.element.closest(".specnb-explorer");
    if (root) {
      const excess = this.panel.getBoundingClientRect().right - root.getBoundingClientRect().right;
      if (excess > -4) this.panel.style.left = `${-excess - 4}px`;
    }
    if (this.onOpen) this.onOpen();
  }

  close() {
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", this._outside, true);
  }
}
