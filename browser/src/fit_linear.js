// Small weighted least squares, and the continuum that they find.

/**
 * The coefficients c for which Σ weight (y − Σ c_k basis_k)² is smallest.
 *
 * @param {ArrayLike<number>[]} basis - vectors of as many numbers as y.
 * @param {ArrayLike<number>} y
 * @param {ArrayLike<number>} weight - 0 where a number does not count; y may be NaN there.
 * @returns {Float64Array|null} null if the numbers do not determine the coefficients.
 */
export function fitLinear(basis, y, weight) {
  const n = basis.length;
  const matrix = basis.map(() => new Float64Array(n));
  const right = new Float64Array(n);
  for (let i = 0; i < y.length; i++) {
    if (!(weight[i] > 0)) continue;
    for (let j = 0; j < n; j++) {
      const weighted = weight[i] * basis[j][i];
      right[j] += weighted * y[i];
      for (let k = 0; k <= j; k++) matrix[j][k] += weighted * basis[k][i];
    }
  }
  return solve(matrix, right);
}

/** Solve a symmetric positive system by Cholesky's method. Its lower half is given, and used up. */
function solve(matrix, right) {
  const n = right.length;
  for (let j = 0; j < n; j++) {
    const diagonal = matrix[j][j];
    for (let k = 0; k < j; k++) matrix[j][j] -= matrix[j][k] ** 2;
    if (!(matrix[j][j] > 1e-12 * diagonal)) return null;
    matrix[j][j] = Math.sqrt(matrix[j][j]);
    for (let i = j + 1; i < n; i++) {
      for (let k = 0; k < j; k++) matrix[i][j] -= matrix[i][k] * matrix[j][k];
      matrix[i][j] /= matrix[j][j];
    }
  }
  const solution = Float64Array.from(right);
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) solution[j] -= matrix[j][k] * solution[k];
    solution[j] /= matrix[j][j];
  }
  for (let j = n - 1; j >= 0; j--) {
    for (let k = j + 1; k < n; k++) solution[j] -= matrix[k][j] * solution[k];
    solution[j] /= matrix[j][j];
  }
  return solution;
}

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
    this.weighted = [];
  }

  /** The polynomials of order 0 to `order`, each on all detectors. */
  basis(order) {
    while (this.bases.length <= order) {
      this.bases.push(this.polynomial(this.bases.length));
      this.weighted.push(new Float64Array(this.wavelength.length));
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

  /** The factor (n_pix,) of a model, which is 1 on detectors without enough pixels. */
  fit(order, star, model, weight) {
    const basis = this.basis(order);
    basis.forEach((values, k) => {
      for (let i = 0; i < model.length; i++) this.weighted[k][i] = values[i] * model[i];
    });
    this.factor.fill(1);
    for (const [first, end] of this.detectors) {
      const part = (values) => values.subarray(first, end);
      const weighted = this.weighted.slice(0, order + 1).map(part);
      const found = fitLinear(weighted, part(star), part(weight));
      if (!found) continue;
      for (let i = first; i < end; i++) {
        this.factor[i] = basis.reduce((sum, values, k) => sum + found[k] * values[i], 0);
      }
    }
    return this.factor;
  }
}
