"""The polynomials that describe the continuum which remains in normalised spectra."""

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.linalg import block_diag

from specnb.core.wavelength import detectors


def legendre(wavelength, order):
    """Legendre polynomials of order 0 to `order` on each detector, (n_polynomials, n_pix)."""
    pixels = [wavelength[part] for part in detectors(wavelength)]
    scaled = (np.interp(part, part[[0, -1]], [-1.0, 1.0]) for part in pixels)
    return block_diag(*(legvander(x, max(order, 0)).T[: order + 1] for x in scaled))
