// Arithmetic of whole spectra, whose results are written to a given array.

/** One minus the other. */
export function subtract(one, other, out) {
  for (let i = 0; i < out.length; i++) out[i] = one[i] - other[i];
  return out;
}

/** One times the other. */
export function multiply(one, other, out) {
  for (let i = 0; i < out.length; i++) out[i] = one[i] * other[i];
  return out;
}

/** One minus the other, in units of sigma. It is NaN where sigma is infinite. */
export function deviation(one, other, sigma, inFlux, out) {
  for (let i = 0; i < out.length; i++) {
    out[i] = sigma[i] === Infinity ? NaN : (one[i] - other[i]) / (inFlux ? 1 : sigma[i]);
  }
  return out;
}

/** The sum of the products of two vectors. */
export function dot(one, other) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}
