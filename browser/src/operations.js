// The instructions of programs. Each is made ready for its settings and its input vectors, and gives
// the size of its result and a function that fills the result, and its derivative if it moves.

const LEAST = 1e-3; // smallest label that a logarithm is taken of, and smallest flux of a power

/** A setting as a function of the index: it is the name of an array, or one number. */
function setting(data, value) {
  if (typeof value !== "string") return () => value;
  const array = data.array(value);
  return (i) => array[i];
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

/** A function whose settings differ from number to number; `make` gives the function and slope. */
function settled(make) {
  return (step, data, x) => elementwise(...make(step, (name) => setting(data, step[name])))(step, data, x);
}

/** A function of two vectors; `slopes` are its derivatives by both. */
function ofTwo(f, slopes) {
  return (step, data, x, y) => ({
    size: x.value.length,
    apply(out) {
      for (let i = 0; i < out.value.length; i++) out.value[i] = f(x.value[i], y.value[i]);
      if (!out.moving) return;
      for (let i = 0; i < out.value.length; i++) {
        const [byX, byY] = [slopes[0](y.value[i]), slopes[1](x.value[i])];
        out.tangent[i] = (x.moving ? byX * x.tangent[i] : 0) + (y.moving ? byY * y.tangent[i] : 0);
      }
    },
  });
}

/** Σ weight[start + k] x[k] for k from `from` to `to`, in four sums that do not wait for each other. */
function dot(weight, start, x, from, to) {
  let [a, b, c, d] = [0, 0, 0, 0];
  let k = from;
  for (const end = to - 3; k < end; k += 4) {
    const w = start + k;
    a += weight[w] * x[k];
    b += weight[w + 1] * x[k + 1];
    c += weight[w + 2] * x[k + 2];
    d += weight[w + 3] * x[k + 3];
  }
  for (; k < to; k++) a += weight[start + k] * x[k];
  return a + b + (c + d);
}

/** Runs of numbers that are not zero, as pairs of first and end: [first, end, first, end, ...]. */
function runs(x, found) {
  found.length = 0;
  for (let i = 0; i < x.length; i++) {
    if (x[i] === 0) continue;
    if (found.length && i <= found[found.length - 1] + 4) found[found.length - 1] = i + 1;
    else found.push(i, i + 1);
  }
}

function linear(step, data, x) {
  const [size, width] = data.shape(step.weight);
  const weight = data.array(step.weight);
  const bias = step.bias === null ? new Float32Array(size) : data.array(step.bias);
  const moved = [];
  return {
    size,
    apply(out) {
      for (let i = 0, at = 0; i < size; i++, at += width) {
        out.value[i] = bias[i] + dot(weight, at, x.value, 0, width);
      }
      if (!out.moving) return;
      runs(x.tangent, moved);
      for (let i = 0, at = 0; i < size; i++, at += width) {
        let sum = 0;
        for (let k = 0; k < moved.length; k += 2) {
          sum += dot(weight, at, x.tangent, moved[k], moved[k + 1]);
        }
        out.tangent[i] = sum;
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

function polynomial(step, data, x) {
  const { columns, degree, edge } = step;
  const [mean, std, coefficients] = ["mean", "std", "coefficients"].map((k) => data.array(step[k]));
  const size = data.shape(step.coefficients)[1];
  const terms = combinations(columns.length, degree);
  const factor = new Float64Array(columns.length + 1).fill(1); // 1 and the scaled labels
  const slope = new Float64Array(columns.length + 1);

  function accumulate(sums, amount, start) {
    if (amount) for (let i = 0; i < size; i++) sums[i] += amount * coefficients[start + i];
  }

  return {
    size,
    apply(out) {
      columns.forEach((column, k) => {
        const bent = Math.tanh((x.value[column] - mean[k]) / std[k] / edge);
        factor[k + 1] = edge * bent;
        slope[k + 1] = x.moving ? ((1 - bent * bent) / std[k]) * x.tangent[column] : 0;
      });
      out.value.fill(0);
      if (out.moving) out.tangent.fill(0);
      terms.forEach((term, t) => {
        const product = term.reduce((all, k) => all * factor[k], 1);
        accumulate(out.value, product, t * size);
        if (!out.moving) return;
        let change = 0;
        term.forEach((k, place) => {
          const others = term.reduce((all, j, at) => (at === place ? all : all * factor[j]), 1);
          change += slope[k] * others;
        });
        accumulate(out.tangent, change, t * size);
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
  add: ofTwo((x, y) => x + y, [() => 1, () => 1]),
  subtract: ofTwo((x, y) => x - y, [() => 1, () => -1]),
  multiply: ofTwo((x, y) => x * y, [(y) => y, (x) => x]),
  affine: settled((step, get) => {
    const [scale, shift] = [get("scale"), get("shift")];
    return [(x, i) => x * scale(i) + shift(i), (x, y, i) => scale(i)];
  }),
  standardize: settled((step, get) => {
    const [mean, scale] = [get("mean"), get("scale")];
    return [
      (x, i) => (Number.isNaN(x) ? 0 : (x - mean(i)) / scale(i)),
      (x, y, i) => (Number.isNaN(x) ? 0 : 1 / scale(i)),
    ];
  }),
  power: settled((step, get) => {
    const [power, offset] = [get("power"), get("offset")];
    return [
      (x, i) => Math.max(x, LEAST) ** power(i) + offset(i),
      (x, y, i) => (x >= LEAST ? power(i) * x ** (power(i) - 1) : 0),
    ];
  }),
  polynomial,
  smooth,
};
