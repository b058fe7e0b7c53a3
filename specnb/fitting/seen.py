"""Model spectra as a star would be seen: at its radial velocity and with its continuum."""

from functools import partial

import numpy as np
import torch

from specnb.core.doppler import doppler_shift
from specnb.core.wavelength import detectors
from specnb.fitting.continuum import legendre


def as_seen(model, wavelength, velocity=0.0, star=None, order=-1):
    """How spectra are changed by a radial velocity and by the continuum of a star.

    Parameters
    ----------
    model : ndarray, shape (n_pix,)
        The spectrum at rest that is brought to the star's continuum.
    wavelength : ndarray, shape (n_pix,)
    velocity : float
        km/s.
    star : (ndarray, ndarray), optional
        Flux and error of the star, see `continuum_factor`.
    order : int

    Returns
    -------
    callable
        It takes spectra (..., n_pix) at rest, such as the model and its derivatives, and gives them
        as they are seen.
    """
    if star is None or order < 0:
        return partial(at_velocity, wavelength=wavelength, velocity=velocity)
    moved = at_velocity(model, wavelength, velocity)
    factor = continuum_factor(moved, *star, wavelength, order)
    return lambda flux: at_velocity(flux, wavelength, velocity) * factor


def at_velocity(flux, wavelength, velocity: float):
    """Rest-frame spectra at a radial velocity, on the same pixels.

    Parameters
    ----------
    flux : ndarray, shape (..., n_pix)
    wavelength : ndarray, shape (n_pix,)
        Å. On each detector they are evenly spaced in λ or in log λ.
    velocity : float
        km/s, positive for recession.

    Returns
    -------
    ndarray, shape (..., n_pix)
    """
    if velocity == 0:
        return flux
    flux = torch.from_numpy(np.asarray(flux, dtype=float))
    return doppler_shift(flux, wavelength, torch.full(flux.shape[:-1], velocity).to(flux)).numpy()


def continuum_factor(flux, observed, error, wavelength, order: int):
    """The factor by which a model spectrum comes nearest to an observed one.

    It is a Legendre series on each detector, found by weighted least squares.

    Parameters
    ----------
    flux : ndarray, shape (n_pix,)
        The model.
    observed, error : ndarray, shape (n_pix,)
        The star's flux and error. Pixels that are NaN or have an infinite error do not count.
    wavelength : ndarray, shape (n_pix,)
    order : int
        Order of the series. -1 means a factor of 1.

    Returns
    -------
    ndarray, shape (n_pix,)
        It is 1 on detectors that have fewer good pixels than the series has coefficients.
    """
    factor = np.ones(len(wavelength))
    if order < 0:
        return factor
    good = np.isfinite(observed) & np.isfinite(error)
    for part in detectors(wavelength):
        series, used = legendre(wavelength[part], order), good[part]
        if used.sum() <= order:
            continue
        weight = 1.0 / error[part][used]
        columns = (series[:, used] * flux[part][used] * weight).T
        solution = np.linalg.lstsq(columns, observed[part][used] * weight, rcond=None)[0]
        factor[part] = solution @ series
    return factor
