// Shifts of spectra to a radial velocity, with the numbers of `specnb.core.doppler`.

export const C_KM_S = 299792.458;
const UNEVEN = 1e-2; // largest deviation of pixels from even spacing, in pixels
const REACH = 3; // pixels on either side of the nearest one that interpolation uses

/** The step of evenly spaced numbers, or 0 if they are too few or not evenly spaced. */
function evenStep(scale) {
  const n = scale.length;
  const step = (scale[n - 1] - scale[0]) / (n - 1);
  const uneven = scale.some((x, i) => Math.abs(x - scale[0] - i * step) > UNEVEN * step);
  return uneven || n < 2 * REACH + 1 ? 0 : step;
}

/**
 * Lagrange's interpolation through seven pixels about the nearest one.
 *
 * Light that is observed at λ left the star at λ / (1 + v/c). Beyond the ends of a detector its
 * last pixel is repeated. If the pixels of a detector are evenly spaced neither in λ nor in log λ,
 * spectra are not shifted, and `possible` is false.
 */
export class Shift {
  /**
   * @param {ArrayLike<number>} wavelength
   * @param {number[][]} detectors - first pixel of each, and the one after the last.
   */
  constructor(wavelength, detectors) {
    this.parts = detectors.map(([first, end]) => {
      const pixels = Array.from(wavelength).slice(first, end);
      const [step, logStep] = [evenStep(pixels), evenStep(pixels.map(Math.log))];
      return { first, end, pixels, step, logStep };
    });
    this.possible = this.parts.every(({ step, logStep }) => step || logStep);
    this.weights = new Float64Array(2 * REACH + 1);
  }

  /** Shift a spectrum to a velocity in km/s. The result is `out`, or the spectrum itself at 0. */
  apply(flux, velocity, out) {
    if (!velocity || !this.possible) return flux;
    const beta = velocity / C_KM_S;
    for (const { first, end, pixels, step, logStep } of this.parts) {
      if (!step) this.weigh(-Math.log1p(beta) / logStep);
      for (let i = first; i < end; i++) {
        if (step) this.weigh(((-pixels[i - first] / step) * beta) / (1 + beta));
        let sum = 0;
        for (let k = -REACH; k <= REACH; k++) {
          const at = Math.min(Math.max(i + this.whole + k, first), end - 1);
          sum += this.weights[k + REACH] * flux[at];
        }
        out[i] = sum;
      }
    }
    return out;
  }

  /**
   * Call a function with each pixel whose flux is not known at all velocities between two limits,
   * because the light comes from beyond the detector.
   */
  eachUnknown(low, high, call) {
    for (const { first, end, pixels } of this.parts) {
      const [least, most] = [pixels[REACH], pixels[pixels.length - 1 - REACH]];
      for (let i = first; i < end; i++) {
        const [bluest, reddest] = [high, low].map((v) => pixels[i - first] / (1 + v / C_KM_S));
        if (!(bluest >= least && reddest <= most)) call(i);
      }
    }
  }

  /** Find the nearest pixel and the weights of the pixels about it for an offset in pixels. */
  weigh(offset) {
    this.whole = Math.round(offset);
    const t = offset - this.whole;
    for (let k = -REACH; k <= REACH; k++) {
      let weight = 1;
      for (let j = -REACH; j <= REACH; j++) if (j !== k) weight *= (t - j) / (k - j);
      this.weights[k + REACH] = weight;
    }
  }
}
