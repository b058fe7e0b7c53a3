/** Choice of z_split: the typical one, a star's, or numbers set by hand. */

import { make, makeSelect } from "./dom.js";
import { Picker } from "./picker.js";
import { Slider } from "./slider.js";

const TYPICAL = "typical";
const BY_HAND = "by hand";
const STAR = "star";

/** The z_split of a translated spectrum. */
export class Split {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store - `store.data` has the typical z_split.
   */
  constructor(el, page, store) {
    Object.assign(this, { page, store });
    const { size, low, high, step, by_hand: byHand } = page.split;
    this.kind = makeSelect("z_split, what the labels do not say about a spectrum",
      [[TYPICAL, TYPICAL]], (kind) => this._choose(kind));
    this.options = [[TYPICAL, TYPICAL]];
    if (byHand) this.options.push([BY_HAND, BY_HAND]);
    const line = make("div.specnb-line", {}, make("span", { html: "z<sub>split</sub>" }), this.kind);
    this.picker = new Picker(line, page, store, {
      title: "star whose z_split is used", text: "", none: "",
      chosen: () => (this._isStar() ? [store.state.split] : []),
      onChoose: (id) => store.set({ split: id, split_values: [] }),
    });
    this.hands = make("details.specnb-details", {}, make("summary", {}, "its numbers, by hand"));
    this.hands.open = true;
    this.sliders = Array.from({ length: byHand ? size : 0 }, (_, k) => {
      const about = {
        symbol: `z<sub>${k + 1}</sub>`, plain: `z_${k + 1}`,
        meaning: `number ${k + 1} of z_split`, unit: "", low, high, step, decimals: 2, start: 0,
      };
      return new Slider(about, (value) => this._move(k, value), (text) => store.say(text));
    });
    this.hands.append(...this.sliders.map((slider) => slider.element));
    el.append(line, this.hands);
  }

  /** Shows the choice. */
  update(state) {
    const options = [...this.options];
    if (this.store.stars.hasSplits) options.push([STAR, "of a star"]);
    if (options.length !== this.kind.length) {
      this.kind.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    }
    this.kind.value = this._isStar() ? STAR : state.split;
    this.picker.element.hidden = !this._isStar();
    this.picker.update();
    this.hands.hidden = state.split !== BY_HAND;
    if (!this.hands.hidden) {
      this.sliders.forEach((slider, k) => slider.set(state.split_values[k] ?? 0));
    }
  }

  _isStar() {
    return ![TYPICAL, BY_HAND].includes(this.store.state.split);
  }

  /** The numbers of the z_split that is shown. */
  _values() {
    const { split, split_values: values } = this.store.state;
    if (split === BY_HAND) return [...values];
    const row = this.store.stars.index(split);
    if (row < 0) return Array.from(this.store.data.array(this.page.split.typical));
    return Array.from(this.store.stars.data.row("splits", row));
  }

  _choose(kind) {
    if (kind === TYPICAL) this.store.set({ split: TYPICAL, split_values: [] });
    else if (kind === BY_HAND) {
      const { low, high } = this.page.split;
      const values = this._values().map((value) => Math.min(high, Math.max(low, value)));
      this.store.set({ split: BY_HAND, split_values: values });
    } else {
      const { star } = this.store.state;
      this.store.set({ split: star || this.store.stars.ids[0], split_values: [] });
    }
  }

  _move(k, value) {
    const values = this._values();
    values[k] = value;
    this.store.set({ split: BY_HAND, split_values: values }, { slider: `split ${k}` });
  }
}
