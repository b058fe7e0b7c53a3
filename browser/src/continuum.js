// The continuum of a star, found by weighted least squares.

import { solve } from "./linear_algebra.js";
import { dot } from "./vectors.js";

/**
 * The Legendre polynomial of some order on each detector by which models are multiplied to fit a
 * star best.
 */
export class Continuum {
  /**
   * @param {ArrayLike<number>} wavelength
   * @param {number[][]} detectors - first pixel of each, and the one after the last.
   */
  constructor(wavelength, detectors) {
    this.wavelength = wavelength;
    this.detectors = detectors;
    this.factor = new Float64Array(wavelength.length);
    this.bases = [];
  }

  /** The polynomials of order 0 to `order`, each on all detectors. */
  basis(order) {
    while (this.bases.length <= order) {
      this.bases.push(this.polynomial(this.bases.length));
    }
    return this.bases.slice(0, order + 1);
  }

  polynomial(order) {
    const values = new Float64Array(this.wavelength.length);
    for (const [first, end] of this.detectors) {
      const [low, high] = [this.wavelength[first], this.wavelength[end - 1]];
      for (let i = first; i < end; i++) {
        const x = high > low ? (2 * (this.wavelength[i] - low)) / (high - low) - 1 : 0;
        let [before, value] = [0, 1];
        for (let k = 0; k < order; k++) {
          [before, value] = [value, ((2 * k + 1) * x * value - k * before) / (k + 1)];
        }
        values[i] = value;
      }
    }
    return values;
  }

  /**
   * The factor (n_pix,) of a model, which is 1 on detectors without enough pixels.
   *
   * @param {number} order
   * @param {ArrayLike<number>} flux - of the star.
   * @param {ArrayLike<number>} model
   * @param {{sigma: Float64Array, directions: Float64Array[]}} noise - see `Noise.of`.
   */
  fit(order, flux, model, { sigma, directions }) {
    const basis = this.basis(order);
    const counts = ([first, end]) => {
      let count = 0;
      for (let i = first; i < end; i++) if (sigma[i] < Infinity) count += 1;
      return count > order;
    };
    // Weighted pixels of a detector: of the star, and of each polynomial times the model
    const parts = this.detectors.filter(counts).map(([first, end]) => {
      const weighted = (value) => {
        const part = new Float64Array(end - first);
        for (let i = first; i < end; i++) {
          if (sigma[i] < Infinity) part[i - first] = value(i) / sigma[i];
        }
        const shared = directions.map((direction) => dot(direction.subarray(first, end), part));
        return { first, part, shared };
      };
      const rows = basis.map((values) => weighted((i) => values[i] * model[i]));
      return { first, end, rows, star: weighted((i) => flux[i]) };
    });
    const rows = parts.flatMap((part) => part.rows);
    const shared = directions.map((_, k) =>
      parts.reduce((sum, { star }) => sum + star.shared[k], 0));
    const n = rows.length;
    const matrix = new Float64Array(n * n);
    const right = new Float64Array(n);
    rows.forEach((row, j) => {
      for (let k = 0; k <= j; k++) {
        const own = row.first === rows[k].first ? dot(row.part, rows[k].part) : 0;
        matrix[j * n + k] = own - dot(row.shared, rows[k].shared);
      }
      const { star } = parts[Math.floor(j / (order + 1))];
      right[j] = dot(row.part, star.part) - dot(row.shared, shared);
    });
    const found = solve(matrix, n, right);
    this.factor.fill(1);
    parts.forEach(({ first, end }, at) => {
      for (let i = first; i < end; i++) {
        this.factor[i] = basis.reduce(
          (sum, values, k) => sum + found[at * (order + 1) + k] * values[i], 0);
      }
    });
    return this.factor;
  }
}
