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

/**
 * The errors of a star, and those of a model (if it is not null), added in quadrature. They are
 * infinite in pixels that do not count.
 */
export function inQuadrature(flux, error, own, out) {
  for (let i = 0; i < out.length; i++) {
    const sigma = own ? Math.sqrt(error[i] * error[i] + own[i] * own[i]) : error[i];
    out[i] = sigma > 0 && Number.isFinite(flux[i]) ? sigma : Infinity;
  }
  return out;
}

/** 1 / sigma². */
export function inverseVariance(sigma, out) {
  for (let i = 0; i < out.length; i++) out[i] = 1 / (sigma[i] * sigma[i]);
  return out;
}
