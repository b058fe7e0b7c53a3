// The layer of networks, which takes nearly all the time: a matrix times a vector.

/**
 * Add weight × x to the result, for the columns from `from` to `to` of a matrix with rows of
 * `width`. Four rows and two columns are taken at a time, in sums that do not wait for each other.
 */
function multiply(weight, width, x, from, to, out) {
  let i = 0;
  for (; i + 3 < out.length; i += 4) {
    let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
    let p = i * width + from;
    let q = p + width;
    let r = q + width;
    let s = r + width;
    let k = from;
    for (; k + 1 < to; k += 2) {
      const u = x[k];
      const v = x[k + 1];
      a += weight[p] * u;
      b += weight[q] * u;
      c += weight[r] * u;
      d += weight[s] * u;
      e += weight[p + 1] * v;
      f += weight[q + 1] * v;
      g += weight[r + 1] * v;
      h += weight[s + 1] * v;
      p += 2;
      q += 2;
      r += 2;
      s += 2;
    }
    if (k < to) {
      a += weight[p] * x[k];
      b += weight[q] * x[k];
      c += weight[r] * x[k];
      d += weight[s] * x[k];
    }
    out[i] += a + e;
    out[i + 1] += b + f;
    out[i + 2] += c + g;
    out[i + 3] += d + h;
  }
  for (; i < out.length; i++) {
    let sum = 0;
    for (let k = from; k < to; k++) sum += weight[i * width + k] * x[k];
    out[i] += sum;
  }
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

/** The instruction `linear`: weight × x + bias, see `operations.js`. */
export function linear(step, data, x) {
  const [size, width] = data.shape(step.weight);
  const weight = data.array(step.weight);
  const bias = step.bias === null ? new Float32Array(size) : data.array(step.bias);
  const moved = [];
  return {
    size,
    apply(out, fresh) {
      if (fresh) {
        out.value.set(bias);
        multiply(weight, width, x.value, 0, width, out.value);
      }
      if (!out.moving) return;
      out.tangent.fill(0);
      runs(x.tangent, moved);
      for (let k = 0; k < moved.length; k += 2) {
        multiply(weight, width, x.tangent, moved[k], moved[k + 1], out.tangent);
      }
    },
  };
}
