// How far a star's flux may be from a model: the star's noise, and the model's own errors.

import { C_KM_S } from "./doppler.js";
import { cholesky } from "./linear_algebra.js";
import { dot } from "./vectors.js";

const NEAR = 50; // km/s about a velocity within which a fit looks for it
const NORMALISED = 0.2; // a star whose level differs from the model's by more is not normalised

/**
 * The covariance of a star's flux minus a model's: diag(sigma²) + UᵀU, where the rows of U are
 * errors of a calibrated model that correlate. It is that of `specnb.fit_labels`, but for stars that
 * are not normalised.
 */
export class Noise {
  /**
   * @param {Object} page - that of a calibrated emulator has `error` and `components`.
   * @param {Data} data
   * @param {Shift} shift
   * @param {function(): Float64Array} typical - gives a model, for the level of a star.
   */
  constructor(page, data, shift, typical) {
    Object.assign(this, { shift, typical });
    this.wavelength = data.array(page.wavelength);
    this.error = page.error ? data.array(page.error) : null;
    const size = page.components ? data.shape(page.components)[0] : 0;
    this.components = Array.from({ length: size }, (_, k) => data.row(page.components, k));
  }

  /**
   * @param {Object} star - as from `Catalogue.find`.
   * @param {number} velocity - of the model in km/s. The model's errors move with it.
   * @returns {{sigma: Float64Array, directions: Float64Array[], moves: boolean, level: number}}
   *   sigma is infinite in pixels that do not count. With residuals s = r / sigma and the
   *   directions V, χ² is sᵀ (1 − VᵀV) s, see `chiSquared`. `moves` tells whether a fit finds a
   *   velocity, too, and `level` by what the model's errors are multiplied.
   */
  of(star, velocity) {
    if (this.star !== star || this.velocity !== velocity) {
      Object.assign(this, { star, velocity, found: this.make(star, velocity) });
    }
    return this.found;
  }

  make(star, velocity) {
    const moves = this.shift.possible && (velocity !== 0 || star.moving);
    const from = this.pixels(moves ? velocity : 0);
    const level = this.error ? this.level(star) : 1;
    const sigma = star.error.map((error, i) => {
      const own = this.error ? this.error[from[i]] * level : 0;
      const both = own ? Math.sqrt(error * error + own * own) : error;
      return both > 0 && Number.isFinite(star.flux[i]) ? both : Infinity;
    });
    if (moves) {
      this.shift.eachUnknown(velocity - NEAR, velocity + NEAR, (i) => { sigma[i] = Infinity; });
    }
    const weighted = this.components.map((component) =>
      sigma.map((value, i) => (value < Infinity ? (component[from[i]] * level) / value : 0)));
    return { sigma, moves, level, directions: whitened(weighted) };
  }

  /** The pixel of the model at rest that is nearest to each pixel of the star. */
  pixels(velocity) {
    const { wavelength } = this;
    const from = new Int32Array(wavelength.length);
    let at = 0;
    for (let i = 0; i < from.length; i++) {
      const place = wavelength[i] / (1 + velocity / C_KM_S);
      while (at + 1 < from.length && wavelength[at] + wavelength[at + 1] < 2 * place) at += 1;
      from[i] = at;
    }
    return from;
  }

  /** By what the model's errors are multiplied for a star that is not normalised. */
  level({ flux, error }) {
    const model = this.typical();
    let [product, square] = [0, 0];
    for (let i = 0; i < model.length; i++) {
      const weight = 1 / (error[i] * error[i] + this.error[i] * this.error[i]);
      if (!(weight > 0) || !Number.isFinite(flux[i])) continue;
      product += weight * flux[i] * model[i];
      square += weight * model[i] * model[i];
    }
    const level = product / square;
    return Math.abs(level - 1) >= NORMALISED ? level : 1;
  }
}

/** V = L⁻¹ U, where L Lᵀ = 1 + U Uᵀ, of weighted components U. It takes their place. */
function whitened(rows) {
  const n = rows.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) matrix[i * n + j] = dot(rows[i], rows[j]) + (i === j ? 1 : 0);
  }
  const lower = cholesky(matrix, n);
  rows.forEach((row, i) => {
    for (let j = 0; j < i; j++) {
      const share = lower[i * n + j];
      for (let k = 0; k < row.length; k++) row[k] -= share * rows[j][k];
    }
    for (let k = 0; k < row.length; k++) row[k] /= lower[i * n + i];
  });
  return rows;
}

/** χ² of residuals in units of sigma, which are 0 in pixels that do not count. */
export function chiSquared(residuals, directions) {
  return directions.reduce(
    (sum, direction) => sum - dot(direction, residuals) ** 2, dot(residuals, residuals));
}
