/** The row below the plot: how well the model fits, warnings, Fit, Reset, Undo, and the kernel. */

import { make, setAttributes, setText } from "./dom.js";
import { numberText } from "./slider.js";

const SPOKEN = 1000; // ms between two announcements for screen readers
const KERNEL = {
  live: "● live",
  busy: "● the kernel is busy: sliders still work",
  none: "no kernel: Fit and Open are off",
};

/** The status bar. */
export class Status {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store
   */
  constructor(el, page, store) {
    Object.assign(this, { page, store });
    this.scores = make("span.specnb-scores");
    this.region = make("span.specnb-region");
    const button = (text, title, onClick) =>
      make("button.specnb-button", { type: "button", title, onclick: onClick }, text);
    this.fit = button("Fit", "fit the labels to the star, by Python", () => this._fit());
    this.reset = button("Reset", "back to the first values", () => store.reset());
    this.undo = button("Undo", "take the last edit back (Ctrl+Z)", () => store.undo());
    this.busy = make("span.specnb-busy", { hidden: true });
    this.told = make("span.specnb-told");
    this.kernel = make("span.specnb-kernel");
    this.spoken = make("span.specnb-hidden-text", { "aria-live": "polite", role: "status" });
    el.append(this.scores, this.region, this.fit, this.reset, this.undo, this.busy, this.told,
      this.kernel, this.spoken);
  }

  /** Shows the scores and what Python does. */
  update(shown, state, kernel) {
    const scores = this._scores(shown);
    setText(this.scores, scores);
    setAttributes(this.scores, { title: scores ? this._meaning(shown.scores) : null });
    this.scores.classList.toggle("specnb-stale", Boolean(state.busy));
    const outside = shown.outside || [];
    this.region.classList.toggle("specnb-warning", outside.length > 0);
    const { region } = this.page;
    const inside = region ? `inside the ${region.name} ✓` : "";
    setText(this.region, outside.length ? `⚠ ${outside.join("; ")}` : inside);
    setAttributes(this.region, { title: this.region.textContent });
    this.fit.hidden = this.page.kind !== "emulator" || kernel === "none";
    const idle = (button, off) => button.setAttribute("aria-disabled", String(Boolean(off)));
    idle(this.fit, !state.star || state.busy); // `disabled` would lose the focus
    const title = state.star ? "fit the labels to the star, by Python" : "choose a star first";
    setAttributes(this.fit, { title });
    idle(this.undo, !this.store.canUndo);
    this.busy.hidden = !state.busy;
    setText(this.busy, state.busy);
    const told = [shown.note, state.told].filter(Boolean).join(" · ");
    setText(this.told, told);
    setAttributes(this.told, { title: told || null });
    setText(this.kernel, KERNEL[kernel]);
    this.kernel.dataset.kernel = kernel;
    this._speak([scores, outside.join("; "), state.busy, told].filter(Boolean).join(". "));
  }

  destroy() {
    clearTimeout(this._timer);
  }

  _scores(shown) {
    if (!shown.scores) return "";
    const { chi2, nu, rms } = shown.scores;
    const reduced = chi2 / nu;
    const digits = reduced < 10 ? 2 : reduced < 100 ? 1 : 0;
    const chi = Number.isFinite(reduced) ? `χ²/ν ${numberText(reduced, digits)} · ` : "";
    return `${chi}rms ${numberText(100 * rms, 2)}%`;
  }

  /** What the scores are, in words. */
  _meaning({ pixels, grey, nu, level }) {
    const some = grey ? ` (${grey} of them in grey windows)` : "";
    const model = this.page.error ? " and of the model" : "";
    const rough = level === 1 ? "" : ". The star is not normalised: the model's errors are scaled " +
      "to its level, of which Fit knows a little more, so that its chi-square differs";
    return `reduced chi-square of ${pixels} pixels${some}, less ${pixels - nu} numbers that a fit ` +
      `finds, with the errors of the star${model}; and root mean square of star − model${rough}`;
  }

  _fit() {
    if (this.store.state.star) this.store.ask({ type: "fit" });
  }

  /** Tells screen readers, at most once a second, what changed last. */
  _speak(text) {
    this._next = text;
    if (this._timer || text === this.spoken.textContent) return;
    this._timer = setTimeout(() => {
      this._timer = null;
      setText(this.spoken, this._next);
    }, SPOKEN);
  }
}
