/** A button that opens a list of the stars, which can be searched. */

import { make, setAttributes, setText } from "./dom.js";
import { Popover } from "./popover.js";

const MOST = 200; // stars in the list at a time

/** Chooses a star by name or id; arrow keys move through those that are found. */
export class Picker {
  /**
   * @param {HTMLElement} el - Where the button is put.
   * @param {object} page
   * @param {Store} store - `store.stars` are the stars.
   * @param {object} options
   * @param {string} options.title - What is chosen.
   * @param {string} options.text - The button's text before the star's name.
   * @param {string} options.none - The text of the entry for no star; "" for no such entry.
   * @param {function(): string[]} options.chosen - The ids that are chosen.
   * @param {function(string)} options.onChoose - Gets an id, or "" for no star.
   * @param {boolean} options.stays - Whether the list stays open.
   */
  constructor(el, page, store, options) {
    Object.assign(this, { store, options });
    this.popover = new Popover(options.text, options.title, "dialog");
    this.element = this.popover.element;
    this.element.classList.add("specnb-picker");
    const list = `specnb-list-${Math.random().toString(36).slice(2)}`;
    this.search = make("input.specnb-search", {
      type: "text", role: "combobox", placeholder: "name or id", autocomplete: "off",
      spellcheck: "false", "aria-label": `${options.title}: search by name or id`,
      "aria-expanded": "true", "aria-controls": list, "aria-autocomplete": "list",
      oninput: () => this._find(),
      onkeydown: (event) => this._key(event),
    });
    this.list = make("div.specnb-list", {
      role: "listbox", id: list, "aria-label": options.title, tabindex: -1,
      onpointerdown: (event) => event.preventDefault(),
      onclick: (event) => {
        const row = event.target.closest("[role=option]");
        if (row) this._choose(row.dataset.id);
      },
    });
    this.more = make("div.specnb-note");
    this.popover.panel.append(this.search, this.list, this.more);
    this.popover.onOpen = () => {
      this.search.value = "";
      this._find();
      this.search.focus();
    };
    el.append(this.element);
  }

  /** Shows the star that is chosen on the button. */
  update() {
    const [id] = this.options.chosen();
    if (this.options.stays) return;
    const { text, none, title } = this.options;
    setText(this.popover.text, `${text} ${id ? this.store.stars.name(id) : none}`.trim());
    const full = id ? `${title}: ${this.store.stars.fullName(id)}` : `${title}: ${none}`;
    setAttributes(this.popover.button, { title: full, "aria-label": full });
  }

  _find() {
    const stars = this.store.stars;
    const found = stars.search(this.search.value, MOST);
    const ids = this.options.none && !this.search.value ? ["", ...found] : found;
    const chosen = this.options.chosen();
    const rows = ids.map((id, k) => {
      const name = id ? stars.name(id) : this.options.none;
      const mark = chosen.includes(id) || (!id && !chosen.length);
      return make(
        "div.specnb-option",
        {
          role: "option", id: `${this.list.id}-${k}`, "data-id": id, "aria-selected": String(mark),
          title: id ? stars.fullName(id) : null, "aria-label": id ? stars.fullName(id) : name,
        },
        name,
        make("small", {}, this._labels(id)),
      );
    });
    this.list.replaceChildren(...rows);
    const hidden = stars.size - found.length;
    const some = found.length === MOST && hidden > 0;
    setText(this.more, some ? `the first ${MOST} of ${stars.size}: type to find others` :
      found.length ? "" : "no star has this name or id");
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    this._point(Math.max(0, at));
  }

  /** The star's first labels in short, to tell stars apart. */
  _labels(id) {
    if (!id) return "";
    const known = this.store.stars.labels(id);
    const parts = [];
    if ("teff" in known) parts.push(`${known.teff.toFixed(0)} K`);
    if ("logg" in known) parts.push(known.logg.toFixed(2).replace("-", "−"));
    return parts.join(" · ");
  }

  _point(k) {
    const rows = this.list.children;
    if (!rows.length) return;
    this.at = Math.min(rows.length - 1, Math.max(0, k));
    for (const row of this.list.querySelectorAll(".specnb-pointed")) {
      row.classList.remove("specnb-pointed");
    }
    rows[this.at].classList.add("specnb-pointed");
    // Only the list is scrolled, not the notebook around it
    const { offsetTop, offsetHeight } = rows[this.at];
    const lowest = offsetTop + offsetHeight - this.list.clientHeight;
    this.list.scrollTop = Math.min(offsetTop, Math.max(lowest, this.list.scrollTop));
    this.search.setAttribute("aria-activedescendant", rows[this.at].id);
  }

  _key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key in steps) this._point(this.at + steps[event.key]);
    else if (event.key === "Enter" && this.list.children.length) {
      this._choose(this.list.children[this.at].dataset.id);
    } else return;
    event.preventDefault();
  }

  _choose(id) {
    this.options.onChoose(id);
    if (this.options.stays) {
      const at = this.at;
      this._find();
      this._point(at);
      return;
    }
    this.popover.close();
    this.popover.button.focus();
  }
}
