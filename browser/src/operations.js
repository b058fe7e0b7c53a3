// The instructions of programs. Each is made ready for its settings and its input vectors. It gives
// the size of its result and a function `apply(out, fresh)`, which fills the result, and its
// derivative if it moves. If not `fresh`, only the derivatives of its inputs have changed.

import { linear } from "./linear.js";

const LEAST = 1e-3; // smallest label that a logarithm is taken of, and smallest flux of a power

/** A setting as an array of some size: it is the name of an array, or one number for all. */
function setting(data, value, size) {
  const known = typeof value === "string" ? data.array(value) : null;
  return known ? Float64Array.from(known) : new Float64Array(size).fill(value);
}

/** A function of single numbers, with its slope at x, where it has the value y. */
function elementwise(f, slope) {
  return (step, data, x) => ({
    size: x.value.length,
    apply(out) {
      for (let i = 0; i < out.value.length; i++) out.value[i] = f(x.value[i], i);
      if (!out.moving) return;
      for (let i = 0; i < out.value.length; i++) {
        out.tangent[i] = x.tangent[i] && x.tangent[i] * slope(x.value[i], out.value[i], i);
      }
    },
  });
}

// The following functions of whole spectra are loops of their own, because a call for each number
// would take longer than all the rest.

function affine(step, data, x) {
  const size = x.value.length;
  const [scale, shift] = [step.scale, step.shift].map((value) => setting(data, value, size));
  return {
    size,
    apply(out) {
      for (let i = 0; i < size; i++) out.value[i] = x.value[i] * scale[i] + shift[i];
      if (!out.moving) return;
      for (let i = 0; i < size; i++) out.tangent[i] = x.tangent[i] * scale[i];
    },
  };
}

function standardize(step, data, x) {
  const size = x.value.length;
  const [mean, scale] = [step.mean, step.scale].map((value) => setting(data, value, size));
  return {
    size,
    apply(out) {
      for (let i = 0; i < size; i++) {
        const value = (x.value[i] - mean[i]) / scale[i];
        out.value[i] = Number.isNaN(value) ? 0 : value;
        if (out.moving) out.tangent[i] = Number.isNaN(value) ? 0 : x.tangent[i] / scale[i];
      }
    },
  };
}

function power(step, data, x) {
  const size = x.value.length;
  const [exponent, offset] = [step.power, step.offset].map((value) => setting(data, value, size));
  return {
    size,
    apply(out) {
      for (let i = 0; i < size; i++) {
        const bright = Math.max(x.value[i], LEAST);
        const raised = exponent[i] === 1 ? bright : bright ** exponent[i];
        out.value[i] = raised + offset[i];
        if (!out.moving) continue;
        out.tangent[i] = x.value[i] >= LEAST ? (exponent[i] * raised * x.tangent[i]) / bright : 0;
      }
    },
  };
}

/** The sum of two vectors, or their difference if the sign is −1. */
function sum(sign) {
  return (step, data, x, y) => ({
    size: x.value.length,
    apply(out) {
      const [byX, byY] = [x.moving ? 1 : 0, y.moving ? sign : 0];
      for (let i = 0; i < out.value.length; i++) out.value[i] = x.value[i] + sign * y.value[i];
      if (!out.moving) return;
      for (let i = 0; i < out.value.length; i++) {
        out.tangent[i] = byX * x.tangent[i] + byY * y.tangent[i];
      }
    },
  });
}

function product(step, data, x, y) {
  return {
    size: x.value.length,
    apply(out) {
      const [byX, byY] = [x.moving ? 1 : 0, y.moving ? 1 : 0];
      for (let i = 0; i < out.value.length; i++) {
        out.value[i] = x.value[i] * y.value[i];
        if (!out.moving) continue;
        out.tangent[i] = byX * x.tangent[i] * y.value[i] + byY * y.tangent[i] * x.value[i];
      }
    },
  };
}

function layernorm(step, data, x) {
  const n = x.value.length;
  return {
    size: n,
    apply(out) {
      const mean = x.value.reduce((sum, value) => sum + value, 0) / n;
      const variance = x.value.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
      const scale = 1 / Math.sqrt(variance + step.eps);
      for (let i = 0; i < n; i++) out.value[i] = (x.value[i] - mean) * scale;
      if (!out.moving) return;
      let [shift, stretch] = [0, 0];
      for (let i = 0; i < n; i++) {
        shift += x.tangent[i] / n;
        stretch += (x.tangent[i] * out.value[i]) / n;
      }
      for (let i = 0; i < n; i++) {
        out.tangent[i] = scale * (x.tangent[i] - shift - out.value[i] * stretch);
      }
    },
  };
}

function concat(step, data, ...parts) {
  return {
    size: parts.reduce((sum, part) => sum + part.value.length, 0),
    apply(out) {
      let at = 0;
      for (const part of parts) {
        out.value.set(part.value, at);
        if (part.moving) out.tangent.set(part.tangent, at);
        else if (out.moving) out.tangent.fill(0, at, at + part.value.length);
        at += part.value.length;
      }
    },
  };
}

function select(step, data, x) {
  return {
    size: step.columns.length,
    apply(out) {
      step.columns.forEach((column, i) => {
        out.value[i] = x.value[column];
        if (out.moving) out.tangent[i] = x.tangent[column];
      });
    },
  };
}

function constant(step, data) {
  const values = data.array(step.values);
  return { size: values.length, apply: (out) => out.value.set(values) };
}

/** All multisets of `degree` numbers from 0 to n, in the order of itertools. */
function combinations(n, degree, first = 0) {
  if (!degree) return [[]];
  const all = [];
  for (let k = first; k <= n; k++) {
    for (const rest of combinations(n, degree - 1, k)) all.push([k, ...rest]);
  }
  return all;
}

/** All products of `degree` of 1 and the scaled labels, which bend towards ±`edge`. */
function polynomial(step, data, x) {
  const { columns, degree, edge } = step;
  const [mean, std] = [data.array(step.mean), data.array(step.std)];
  const terms = combinations(columns.length, degree);
  const factor = new Float64Array(columns.length + 1).fill(1);
  const slope = new Float64Array(columns.length + 1);
  return {
    size: terms.length,
    apply(out) {
      columns.forEach((column, k) => {
        const bent = Math.tanh((x.value[column] - mean[k]) / std[k] / edge);
        factor[k + 1] = edge * bent;
        slope[k + 1] = x.moving ? ((1 - bent * bent) / std[k]) * x.tangent[column] : 0;
      });
      terms.forEach((term, t) => {
        out.value[t] = term.reduce((all, k) => all * factor[k], 1);
        out.tangent[t] = term.reduce((all, k, place) => {
          const others = (rest, j, at) => (at === place ? rest : rest * factor[j]);
          return slope[k] ? all + slope[k] * term.reduce(others, 1) : all;
        }, 0);
      });
    },
  };
}

/** Convolve a spectrum, followed by its mirror image without an end, with symmetric taps. */
function smooth(step, data, x) {
  const taps = data.array(step.taps);
  const n = x.value.length;
  const reach = taps.length - 1;
  const wide = new Float64Array(n + 2 * reach);

  function convolve(from, to) {
    for (let i = 0; i < wide.length; i++) {
      const at = (((i - reach) % (2 * n)) + 2 * n) % (2 * n);
      wide[i] = from[at < n ? at : 2 * n - 1 - at];
    }
    for (let i = 0; i < n; i++) {
      const middle = i + reach;
      let sum = taps[0] * wide[middle];
      for (let k = 1; k <= reach; k++) sum += taps[k] * (wide[middle + k] + wide[middle - k]);
      to[i] = sum;
    }
  }

  return {
    size: n,
    apply(out) {
      convolve(x.value, out.value);
      if (out.moving) convolve(x.tangent, out.tangent);
    },
  };
}

function scaleLabels(step, data, x) {
  const [low, high] = [data.array(step.low), data.array(step.high)];
  const logarithmic = Array.from(low, (_, i) => step.logarithmic.includes(i));
  const logged = (value, i) => (logarithmic[i] ? Math.log(Math.max(value, LEAST)) : value);
  const span = Array.from(low, (_, i) => 0.5 * (logged(high[i], i) - logged(low[i], i)));
  const by = (value, i) => (logarithmic[i] ? 1 / Math.max(value, LEAST) : 1);
  return elementwise(
    (value, i) => (logged(value, i) - logged(low[i], i)) / span[i] - 1,
    (value, _, i) => by(value, i) / span[i],
  )(step, data, x);
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** How each instruction is made ready: `(step, data, ...vectors) => {size, apply(out)}`. */
export const OPERATIONS = {
  scale_labels: scaleLabels,
  select,
  linear,
  silu: elementwise(
    (x) => x * sigmoid(x),
    (x, y) => sigmoid(x) + y * (1 - sigmoid(x)),
  ),
  relu: elementwise(
    (x) => Math.max(x, 0),
    (x) => (x > 0 ? 1 : 0),
  ),
  sigmoid: elementwise(sigmoid, (x, y) => y * (1 - y)),
  softsign: elementwise(
    (x) => x / (1 + Math.abs(x)),
    (x) => 1 / (1 + Math.abs(x)) ** 2,
  ),
  exp: elementwise(Math.exp, (x, y) => y),
  layernorm,
  concat,
  constant,
  add: sum(1),
  subtract: sum(-1),
  multiply: product,
  affine,
  standardize,
  power,
  polynomial,
  smooth,
};
