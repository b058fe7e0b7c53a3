"""Errors of spectra whose files give none."""

from numbers import Real

import numpy as np


def missing_error(flux, error, length: float = 1.0) -> np.ndarray:
    r"""Errors of a spectrum that has none, the same in all pixels.

    Parameters
    ----------
    flux : ndarray, shape (n,)
        In the order of the wavelengths. Missing pixels are NaN.
    error : "estimate" or float
        A number is the error in units of the median of the absolute flux. The estimate is DER_SNR
        (Stoehr et al. 2008, ASP Conf. Ser. 394, 505): 1.482602 / √6 times the median of
        :math:`|2 f_i - f_{i-2} - f_{i+2}|`. Lines that are as narrow as two pixels add to it.
    length : float
        Correlation length of the noise in pixels, as in `specnb.Spectra`. Noise of resampled spectra
        correlates, so that the differences are smaller than those of independent pixels: their
        variance is :math:`6 - 8 \rho_2 + 2 \rho_4` of that of a pixel, with
        :math:`\rho_k = \max(0, 1 - k / L)`. The estimate is corrected for this. It cannot find out by
        itself: if the noise correlates over more than 2 pixels and the survey has no
        ``correlation_length``, it is too small (by 25% for L = 3, and by half for L = 5).
    """
    if error != "estimate" and not (isinstance(error, Real) and 0 < error < np.inf):
        raise ValueError(f"error is {error!r}: give 'estimate', or a number above 0")
    good = flux[np.isfinite(flux)]
    if good.size < 5:
        return np.full(flux.shape, np.nan)
    level = error
    if error == "estimate":
        second = 2 * good[2:-2] - good[:-4] - good[4:]
        near, far = np.maximum(0, 1 - np.array([2, 4]) / length)  # correlations
        level = (
            1.482602
            / (6 - 8 * near + 2 * far) ** 0.5
            * np.median(np.abs(second))
            / np.median(np.abs(good))
        )
    return np.full(flux.shape, level * np.median(np.abs(good)))
