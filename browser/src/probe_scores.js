// What probes read about the labels from the latents of many stars at some λ, computed in slices.
// The numbers are those of specnb/evaluate/quick_probes.py for the same stars.

import { compile } from "./program.js";
import {
  backward, cholesky, forward, gram, principalAxes, turned,
} from "./linear_algebra.js";

const STARS_A_SLICE = 25; // stars whose latents or spectra are computed between two pauses

/**
 * Scores of a λ-conditional model: R² of a linear and of a nonlinear probe for each label, the
 * reconstruction's error, and a map of the latents.
 *
 * The first half of the stars fits the probes and the axes of the map, the others are shown and
 * score the probes. `page.probes` has the names of the arrays `hidden` (n, width), which is the
 * encoder's first layer without λ, `labels` (n, n_labels), `flux` (m, n_pix) of the first m shown
 * stars, `kernel` (size, features) and `offset` (features), which are those of the random Fourier
 * features, and the numbers `fit` (stars that fit) and `penalties` (per star).
 */
export class ProbeScores {
  constructor(page, data) {
    const probes = page.probes;
    this.names = page.lambdas.names;
    [this.n, this.width] = data.shape(probes.hidden);
    this.fit = probes.fit;
    this.hidden = data.array(probes.hidden);
    this.labels = data.array(probes.labels);
    this.flux = data.array(probes.flux);
    [this.nErrors, this.nPix] = data.shape(probes.flux);
    [this.size, this.nKernel] = data.shape(probes.kernel);
    this.kernel = data.array(probes.kernel);
    this.offset = data.array(probes.offset);
    this.penalties = probes.penalties;
    this.tail = compile(page.programs.tail, data);
    this.decoder = compile(page.programs.decoder, data);
    this.start = null;
  }

  /**
   * The scores at some λ: a generator, which pauses after each slice of some milliseconds.
   *
   * @param {number[]} lambdas  λ of each label
   * @returns {{linear: number[], nonlinear: number[], error: number, points: Float64Array}} R² of
   *   each label, the rms flux error, and the map (n shown stars, 2)
   */
  *at(lambdas) {
    if (!this.start && lambdas.some((value) => value !== 0)) {
      yield* this.at(lambdas.map(() => 0));
    }
    const z = yield* this._latents(lambdas);
    const error = yield* this._error(z, lambdas);
    const scaled = standardised(z, this.n, this.size, this.fit);
    const linear = this._linear(scaled);
    yield;
    const nonlinear = yield* this._nonlinear(scaled);
    let points = this._map(z);
    if (this.start) points = turned(points, this.start.points);
    const found = { linear, nonlinear, error, points };
    if (!this.start) this.start = found;
    return found;
  }

  *_latents(lambdas) {
    const z = new Float64Array(this.n * this.size);
    for (let i = 0; i < this.n; i++) {
      const hidden = this.hidden.subarray(i * this.width, (i + 1) * this.width);
      z.set(this.tail.run({ hidden, lambdas }).latents, i * this.size);
      if (i % STARS_A_SLICE === 0) yield;
    }
    return z;
  }

  *_error(z, lambdas) {
    const nLabels = this.names.length;
    let [sum, count] = [0, 0];
    for (let k = 0; k < this.nErrors; k++) {
      const i = this.fit + k;
      const latents = z.subarray(i * this.size, (i + 1) * this.size);
      const labels = this.labels.subarray(i * nLabels, (i + 1) * nLabels);
      const { flux } = this.decoder.run({ latents, labels, lambdas });
      for (let p = 0; p < this.nPix; p++) {
        const difference = flux[p] - this.flux[k * this.nPix + p];
        if (difference === difference) {
          sum += difference * difference;
          count += 1;
        }
      }
      if (k % STARS_A_SLICE === 0) yield;
    }
    return Math.sqrt(sum / count);
  }

  _linear(x) {
    const { size, fit } = this;
    const matrix = gram(x, fit, size);
    for (let i = 0; i < size; i++) matrix[i * size + i] += 1e-9 * fit;
    cholesky(matrix, size);
    return this.names.map((_, label) => {
      const y = this._centred(label);
      return this._r2(x, size, solve(matrix, size, projected(x, y, fit, size)), label);
    });
  }

  /** Ridge regression on latents and random features; leave-one-out chooses the penalty. */
  *_nonlinear(z) {
    const { fit, n, size, nKernel } = this;
    const p = size + nKernel;
    const raw = new Float64Array(n * p);
    for (let i = 0; i < n; i++) {
      const row = raw.subarray(i * p, (i + 1) * p);
      row.set(z.subarray(i * size, (i + 1) * size));
      for (let f = 0; f < nKernel; f++) {
        let angle = this.offset[f];
        for (let k = 0; k < size; k++) angle += z[i * size + k] * this.kernel[k * nKernel + f];
        row[size + f] = Math.cos(angle);
      }
    }
    const x = standardised(raw, n, p, fit);
    yield;
    const squares = gram(x, fit, p);
    const targets = this.names.map((_, label) => this._centred(label));
    const sides = targets.map((y) => projected(x, y, fit, p));
    const best = this.names.map(() => ({ loss: Infinity, weights: null }));
    for (const penalty of this.penalties) {
      yield;
      const factor = squares.slice();
      for (let i = 0; i < p; i++) factor[i * p + i] += penalty * fit;
      cholesky(factor, p);
      const leverage = new Float64Array(fit);
      for (let i = 0; i < fit; i++) {
        if (i % 100 === 0) yield;
        const v = forward(factor, p, x.slice(i * p, (i + 1) * p));
        leverage[i] = v.reduce((sum, value) => sum + value * value, 1 / fit);
      }
      targets.forEach((y, label) => {
        const weights = solve(factor, p, sides[label]);
        let loss = 0;
        for (let i = 0; i < fit; i++) {
          const residual = y[i] - predicted(x, i, p, weights);
          loss += (residual / (1 - leverage[i])) ** 2;
        }
        if (loss < best[label].loss) best[label] = { loss, weights };
      });
    }
    return best.map(({ weights }, label) => this._r2(x, p, weights, label));
  }

  /** A label of the stars that fit, about its mean. */
  _centred(label) {
    const y = Float64Array.from({ length: this.fit }, (_, i) => this._label(i, label));
    const mean = y.reduce((sum, value) => sum + value, 0) / this.fit;
    return y.map((value) => value - mean);
  }

  _label(i, label) {
    return this.labels[i * this.names.length + label];
  }

  _r2(x, p, weights, label) {
    const { fit, n } = this;
    const shown = Float64Array.from({ length: n - fit }, (_, i) => this._label(fit + i, label));
    const mean = shown.reduce((sum, value) => sum + value, 0) / shown.length;
    let fitMean = 0;
    for (let i = 0; i < fit; i++) fitMean += this._label(i, label) / fit;
    let [left, all] = [0, 0];
    shown.forEach((value, i) => {
      left += (value - fitMean - predicted(x, fit + i, p, weights)) ** 2;
      all += (value - mean) ** 2;
    });
    return 1 - left / all;
  }

  /** The two principal components of the shown stars' latents, (n shown, 2). */
  _map(z) {
    const { fit, n, size } = this;
    const mean = new Float64Array(size);
    for (let i = 0; i < fit; i++) for (let k = 0; k < size; k++) mean[k] += z[i * size + k] / fit;
    const centred = z.map((value, i) => value - mean[i % size]);
    const axes = principalAxes(gram(centred, fit, size), size);
    const points = new Float64Array(2 * (n - fit));
    for (let i = fit; i < n; i++) {
      axes.forEach((axis, a) => {
        points[2 * (i - fit) + a] = predicted(centred, i, size, axis);
      });
    }
    return points;
  }
}

/** Columns with the mean 0 and the scatter 1 among the first `fit` of n rows of p numbers. */
function standardised(x, n, p, fit) {
  const [mean, scatter] = [new Float64Array(p), new Float64Array(p)];
  for (let i = 0; i < fit; i++) for (let k = 0; k < p; k++) mean[k] += x[i * p + k] / fit;
  for (let i = 0; i < fit; i++) {
    for (let k = 0; k < p; k++) scatter[k] += (x[i * p + k] - mean[k]) ** 2 / fit;
  }
  return x.map((value, i) => (value - mean[i % p]) / (Math.sqrt(scatter[i % p]) || 1));
}

/** Xᵀy of the first `fit` rows. */
function projected(x, y, fit, p) {
  const out = new Float64Array(p);
  for (let i = 0; i < fit; i++) for (let k = 0; k < p; k++) out[k] += x[i * p + k] * y[i];
  return out;
}

function predicted(x, i, p, weights) {
  let sum = 0;
  for (let k = 0; k < p; k++) sum += x[i * p + k] * weights[k];
  return sum;
}

function solve(factor, p, side) {
  return backward(factor, p, forward(factor, p, side.slice()));
}
