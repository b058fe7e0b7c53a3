"""The pixels of APOGEE, vacuum Å, and the pseudo-continuum of spectra on them.

The pseudo-continuum is the same for synthetic and for observed spectra. It follows The Cannon (Ness
et al. 2015, ApJ 808, 16), The Payne (Ting et al. 2019, ApJ 879, 69) and Cycle-StarNet (O'Briain et
al. 2021, ApJ 906, 130). On each of the three detectors a Chebyshev polynomial of 4th order is
fitted to fixed pixels whose flux hardly depends on the labels. These pixels are listed in
data/apogee_continuum.ecsv. In cool stars there are lines even in these pixels, so that this is not
the true continuum. It is only important that the spectra of both domains are divided by the same
functional of the spectrum.
"""

from functools import cache

import numpy as np

from specnb.core.paths import DATA
from specnb.core.reading import read_shipped_table
from specnb.core.values import masked, numbers
from specnb.core.wavelength import detectors

APOGEE_RESOLVING_POWER = 22_500.0
# APOGEE's 8,575 pixels: they are uniform in log10 λ, and each is 4.14 km/s wide.
APOGEE_NATIVE = 10 ** (4.179 + 6e-6 * np.arange(8575))
# The 7,214 of these pixels that the papers use: three detectors without their ends.
APOGEE_CUT = np.r_[322:3242, 3648:6048, 6412:8306]
APOGEE_PIXELS = APOGEE_NATIVE[APOGEE_CUT]
DETECTORS = detectors(APOGEE_PIXELS)

FILE = DATA / "apogee_continuum.ecsv"
ORDER = 4
# A detector's polynomial counts as determined if each third of the detector has this many good
# continuum pixels (a third has 28-112 continuum pixels). This number is a choice. If a third has
# too few pixels, a polynomial of 4th order takes wild values there.
LEAST_PIXELS = 10
# A pixel counts as good if its inverse variance is at least this fraction of the largest one on the
# detector. This fraction is a choice. It leaves out pixels whose errors are a thousand times those
# of the others, as pipelines set them for bad pixels.
LEAST_WEIGHT = 1e-6
# number of stars at a time, which limits the memory to some tens of MB besides the result
BATCH = 4096


@cache
def continuum_pixels():
    """The pixels in which spectra are taken as continuum.

    Returns
    -------
    ndarray of bool, shape (7214,)
        True at the 529 continuum pixels of `APOGEE_PIXELS`. The array is read-only.
    """
    pixels = np.isin(APOGEE_CUT, read_shipped_table(FILE)["pixel"])
    pixels.flags.writeable = False
    return pixels


def continuum(flux, ivar=None):
    """Pseudo-continuum of spectra, a polynomial on each detector.

    On each detector it is the polynomial with the smallest Σ ivar (flux − polynomial)². In this fit
    each residual is weighted by 1/error.

    Parameters
    ----------
    flux : array_like, shape (n, 7214)
        Flux on `APOGEE_PIXELS`, as plain numbers in any unit.
    ivar : array_like, shape (n, 7214), optional
        Inverse variance, in the unit of flux to the power −2. Where it is 0 or a value is masked, the flux
        has no weight and may be NaN. Without it all pixels have equal weights, as for synthetic spectra.

    Returns
    -------
    ndarray, shape (n, 7214)
        In the unit of flux; float32 if flux is float32, else float64. It is NaN on a detector whose
        polynomial is not determined because one of its thirds has fewer than `LEAST_PIXELS` good
        continuum pixels. Mask such a detector.

    Raises
    ------
    ValueError
        If shapes disagree, an ivar is negative, NaN or infinite, or a flux is not finite where ivar
        is above 0.
    """
    dtype = np.float32 if getattr(flux, "dtype", None) == np.float32 else float
    shape = np.shape(flux)
    ivar = np.broadcast_to(np.float32(1), shape) if ivar is None else ivar
    if len(shape) != 2 or shape[1] != len(APOGEE_PIXELS) or np.shape(ivar) != shape:
        raise ValueError(
            f"flux has shape {shape} and ivar {np.shape(ivar)}: give one row per star and "
            f"the {len(APOGEE_PIXELS)} pixels of specnb.surveys.apogee.pixels.APOGEE_PIXELS for both"
        )
    result = np.empty(shape, dtype)
    for start in range(0, len(flux), BATCH):
        rows = slice(start, start + BATCH)
        values, weight = numbers(flux[rows], "", "flux"), numbers(ivar[rows], "", "ivar")
        weight[masked(flux[rows]) | masked(ivar[rows])] = 0
        for columns in DETECTORS:
            result[rows, columns] = _polynomial(
                APOGEE_PIXELS[columns],
                values[:, columns],
                weight[:, columns],
                continuum_pixels()[columns],
            )
    return result


def _polynomial(wavelength, flux, ivar, chosen):
    """Best-fitting polynomial of one detector for each star.

    It solves the normal equations of weighted least squares.
    """
    # The range is −1 to 1, so that the equations are well conditioned.
    x = 2 * (wavelength - wavelength[0]) / (wavelength[-1] - wavelength[0]) - 1
    basis = np.polynomial.chebyshev.chebvander(x, ORDER)
    points, flux, ivar = basis[chosen], flux[:, chosen], ivar[:, chosen]
    if not np.all((ivar >= 0) & (ivar < np.inf)):
        raise ValueError("ivar has negative, NaN or infinite values: give 0 where a pixel is bad")
    if not np.all(np.isfinite(flux) | (ivar == 0)):
        raise ValueError(
            "flux is not finite where ivar is above 0: give ivar 0 where a pixel is bad"
        )
    best = ivar.max(axis=1, keepdims=True)
    weight = ivar / np.where(best > 0, best, 1)  # of order 1 in any unit of flux
    weight[weight < LEAST_WEIGHT] = 0
    thirds = np.digitize(x[chosen], (-1 / 3, 1 / 3))
    counts = np.stack([(weight[:, thirds == third] > 0).sum(axis=1) for third in range(3)])
    determined = (counts >= LEAST_PIXELS).all(axis=0)

    # All matrices (n, 5, 5) are one matrix product over the pixels, which needs no array of stars x
    # pixels x 25.
    squares = (points[:, :, None] * points[:, None, :]).reshape(len(points), -1)
    matrix = (weight @ squares).reshape(-1, ORDER + 1, ORDER + 1)
    vector = np.where(weight > 0, weight * flux, 0) @ points
    matrix[~determined] = np.eye(ORDER + 1)
    coefficients = np.linalg.solve(matrix, vector[..., None])[..., 0]
    coefficients[~determined] = np.nan
    return coefficients @ basis.T
