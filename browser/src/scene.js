// What is shown for a state of the explorer: curves, scores and warnings.

import { Catalogue } from "./catalogue.js";
import { Continuum } from "./continuum.js";
import { Shift } from "./doppler.js";
import { chiSquared, Noise } from "./noise.js";
import { compile } from "./program.js";
import { outside } from "./region.js";
import { VIEWS } from "./views.js";

/**
 * The models of a page with their stars. `compute` gives what is shown; its arrays are valid until
 * the next call.
 */
export class Scene {
  /**
   * @param {Object} page - what Python says of the models, see `specnb.widgets.pages.page`.
   * @param {Data} data - the arrays of the page.
   */
  constructor(page, data) {
    this.page = page;
    this.data = data;
    this.wavelength = data.array(page.wavelength);
    const programs = Object.entries(page.programs);
    this.programs = Object.fromEntries(programs.map(([name, each]) => [name, compile(each, data)]));
    // a second copy, which keeps the reconstruction while the first makes edited spectra
    if (page.programs.decoder) this.original = compile(page.programs.decoder, data);
    this.untrusted = Array.from(this.wavelength, (wavelength) =>
      page.untrusted.some(([low, high]) => wavelength >= low && wavelength <= high));
    this.shift = new Shift(this.wavelength, page.detectors);
    this.continuum = new Continuum(this.wavelength, page.detectors);
    this.noise = new Noise(page, data, this.shift, () => this.start());
    this.stars = new Catalogue(null, null);
    this.buffers = new Map();
  }

  /** Take other stars, with their arrays. */
  setStars(description, data) {
    this.stars = new Catalogue(description, data);
  }

  /** What is shown for a state: see `views.js`. `why(pixel)` says what makes a line. */
  compute(state) {
    const labels = { ...this.page.start, ...state.labels };
    this.state = state;
    const gradient = state.gradient || state.moved || this.page.labels[0].name;
    const { model, ...view } = VIEWS[this.page.kind](this, state, labels, gradient);
    return {
      why: (pixel) => (model ? this.strongest(model, pixel) : []),
      wavelength: this.wavelength,
      outside: outside(this.page, labels, this.data),
      scores: null,
      latents: null,
      note: "",
      gradient,
      labels,
      ...view,
    };
  }

  /**
   * The three labels that change a model most at a pixel, the strongest first: {label, symbol,
   * change}, where `change` is that of the flux if the label rises by its own `change`.
   */
  strongest({ program, inputs, output, velocity, continuum }, pixel) {
    // a copy of its own, because what is shown must stay
    this.asked ??= compile(this.page.programs[program], this.data);
    const { labels } = this.page;
    const found = labels.map((label) => {
      const tangent = labels.map((other) => (other === label ? label.change : 0));
      const slope = this.asked.push(inputs, { labels: tangent }).tangents[output];
      const seen = this.shift.apply(slope, velocity, this.buffer("why"));
      const change = seen[pixel] * (continuum?.[pixel] ?? 1);
      return { label: label.name, symbol: label.symbol, change };
    });
    return found.sort((a, b) => Math.abs(b.change) - Math.abs(a.change)).slice(0, 3);
  }

  /** Whether a panel is to be shown. */
  shows(key) {
    const { panels } = this.state;
    return !panels?.length || panels.includes(key);
  }

  /** Labels by name as a vector. */
  vector(labels) {
    return this.page.labels.map((label) => labels[label.name]);
  }

  /** The emulator's flux at the first labels, at rest. */
  start() {
    if (!this.first) {
      const emulator = compile(this.page.programs.emulator, this.data);
      const { flux } = emulator.run({ labels: this.vector(this.page.start) });
      this.first = Float64Array.from(flux);
    }
    return this.first;
  }

  /** An array (n_pix,) of this name, which is used again in the next call. */
  buffer(name) {
    if (!this.buffers.has(name)) {
      this.buffers.set(name, new Float64Array(this.wavelength.length));
    }
    return this.buffers.get(name);
  }

  /** A copy of a spectrum, which stays when its program runs again. */
  keep(name, flux) {
    const values = this.buffer(name);
    values.set(flux);
    return values;
  }

  /** A spectrum at the velocity of the state. */
  shifted(name, flux) {
    return this.shift.apply(flux, this.state.velocity ?? 0, this.buffer(`shifted ${name}`));
  }

  /** How far a star may be from a model at the velocity of the state, see `Noise.of`. */
  noiseOf(star) {
    return this.noise.of(star, this.state.velocity ?? 0);
  }

  /** The continuum by which a model is multiplied to fit a star, or null if it is not wanted. */
  continuumOf(star, model, noise) {
    const order = this.state.continuum ?? -1;
    return star && order >= 0 ? this.continuum.fit(order, star.flux, model, noise) : null;
  }

  /**
   * χ², ν, the rms of the residual in units of the flux, the number of pixels that count, and of
   * those in grey windows, and the level of the star, see `Noise.of`. ν is that of a fit of the
   * labels, of the continuum and, if the star moves, of the velocity.
   */
  scores(star, model, { sigma, directions, moves, level }) {
    const weighted = this.buffer("scores");
    let [squares, pixels, grey] = [0, 0, 0];
    for (let i = 0; i < model.length; i++) {
      const counts = sigma[i] < Infinity;
      const residual = counts ? star.flux[i] - model[i] : 0;
      weighted[i] = counts ? residual / sigma[i] : 0;
      squares += residual ** 2;
      pixels += counts;
      grey += counts && this.untrusted[i];
    }
    const series = this.page.detectors.length * ((this.state.continuum ?? -1) + 1);
    const nu = pixels - this.page.labels.length - series - moves;
    const rms = Math.sqrt(squares / pixels);
    return { chi2: chiSquared(weighted, directions), nu, rms, pixels, grey, level };
  }
}
