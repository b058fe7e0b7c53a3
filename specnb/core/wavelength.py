"""Wavelength scales in Å: vacuum and air, the edges of pixels and the gaps between detectors.

specnb uses vacuum wavelengths throughout. Line lists and Turbospectrum use air wavelengths.
"""

import numpy as np

C_KM_S = 299_792.458  # speed of light, km/s


def air_from_vacuum(wavelength):
    """Convert vacuum to standard-air wavelengths (Ciddor 1996, Appl. Opt. 35, 1566, Eq. 1).

    Parameters
    ----------
    wavelength : array_like
        Vacuum wavelength in Å.

    Returns
    -------
    ndarray
        Air wavelength in Å.
    """
    wavelength = np.asarray(wavelength, dtype=float)
    s2 = (1e4 / wavelength) ** 2
    n = 1.0 + 5.792105e-2 / (238.0185 - s2) + 1.67917e-3 / (57.362 - s2)
    return wavelength / n


def vacuum_from_air(wavelength):
    """Convert air to vacuum wavelengths. This is the inverse of `air_from_vacuum`, exact to 1e-9 Å.

    Parameters
    ----------
    wavelength : array_like
        Air wavelength in Å.

    Returns
    -------
    ndarray
        Vacuum wavelength in Å.
    """
    air = np.asarray(wavelength, dtype=float)
    vacuum = air
    # The refractive index hardly changes over the shift of 2 Å, so that this converges at once.
    for _ in range(3):
        vacuum = air * (vacuum / air_from_vacuum(vacuum))
    return vacuum


def same_pixels(first, second) -> bool:
    """Whether two sets of pixels are the same: as many pixels, and centres (Å) equal to 0.001 Å."""
    return np.shape(first) == np.shape(second) and np.allclose(first, second, rtol=0, atol=1e-3)


def check_pixels(wavelength, expected):
    """Raise ValueError if the wavelengths of spectra (Å) are not those that a model expects."""
    if not same_pixels(wavelength, expected):
        low, high = expected[[0, -1]]
        raise ValueError(
            f"the spectra are not on this model's {len(expected)} pixels, {low:.2f}-{high:.2f} Å: "
            "rebin them first (specnb.rebin)"
        )


def pixel_edges(wavelength):
    """Edges of pixels, which are the midpoints of their centres. The outer edges are mirrored.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Centres in Å, increasing.

    Returns
    -------
    ndarray, shape (n_pix + 1,)
    """
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    return np.r_[2 * wavelength[0] - middle[0], middle, 2 * wavelength[-1] - middle[-1]]


def detectors(wavelength):
    """The pixels of each detector, as divided by the gaps between detectors.

    A step between pixels is a gap if it is more than three times the median step.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Centres in Å, increasing.

    Returns
    -------
    list of slice
        The pixels of each detector. There is one slice for spectra without gaps.
    """
    step = np.diff(wavelength)
    cuts = np.flatnonzero(step > 3.0 * np.median(step)) + 1
    return [slice(int(a), int(b)) for a, b in zip([0, *cuts], [*cuts, len(wavelength)])]
