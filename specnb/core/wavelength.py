"""Wavelength scales in Å: vacuum and air, the edges of pixels and the gaps between detectors.

specnb uses vacuum wavelengths throughout. Line lists and Turbospectrum use air wavelengths.
"""

import numpy as np

from specnb.core.values import numbers

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
    wavelength = numbers(wavelength, "Angstrom", "wavelength")
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
    air = numbers(wavelength, "Angstrom", "wavelength")
    vacuum = air
    # The refractive index hardly changes over the shift of 2 Å, so that this converges at once.
    for _ in range(3):
        vacuum = air * (vacuum / air_from_vacuum(vacuum))
    return vacuum


def same_pixels(first, second) -> bool:
    """Whether two sets of pixels (Å) are the same to rounding: to 1% of the median pixel.

    Wavelengths that were stored as float32 differ by up to 0.001 Å, which is 0.5% of a pixel of
    APOGEE.
    """
    first, second = (numbers(each, "Angstrom", "wavelength") for each in (first, second))
    if first.shape != second.shape:
        return False
    step = np.median(np.abs(np.diff(second))) if second.size > 1 else 0.1
    return np.allclose(first, second, rtol=0, atol=0.01 * step)


def check_pixels(wavelength, expected):
    """Raise ValueError if the wavelengths of spectra (Å) are not those that a model expects."""
    if not same_pixels(wavelength, expected):
        low, high = expected[[0, -1]]
        raise ValueError(
            f"the spectra are not on this model's {len(expected)} pixels, {low:.2f}-{high:.2f} Å: "
            "rebin them first (native spectra with on_pixels of their survey, which knows how their "
            "noise correlates, others with specnb.rebin and the correlation_length of their noise)"
        )


def check_windows(windows, wavelength, what: str):
    """Raise ValueError if a window (low, high) holds none of the wavelengths (Å)."""
    for low, high in windows:
        if not np.any((wavelength >= low) & (wavelength <= high)):
            raise ValueError(
                f"{what} has ({low:g}, {high:g}), where there is no pixel: give windows in Å within "
                f"{wavelength[0]:.2f}-{wavelength[-1]:.2f} Å"
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

    Raises
    ------
    ValueError
        If there are fewer than two pixels, or they do not increase.
    """
    if np.ndim(wavelength) != 1 or len(wavelength) < 2 or not np.all(np.diff(wavelength) > 0):
        raise ValueError("pixels must be two or more increasing wavelengths in Å: give such ones")
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
