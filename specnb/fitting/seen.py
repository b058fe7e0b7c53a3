"""Model spectra as a star would be seen: at its radial velocity and with its continuum."""

from functools import partial

import numpy as np
import torch

from specnb.core.doppler import doppler_shift, known_pixels
from specnb.core.wavelength import C_KM_S
from specnb.emulator.calibration import cleaned, whitening
from specnb.fitting.continuum import legendre
from specnb.fitting.velocity import NEAR


def as_seen(model, wavelength, velocity=0.0, star=None, order=-1, moving=False, calibration=None):
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
    moving : bool
        Whether the star is not at rest.
    calibration : Calibration, optional
        Of the model.

    Returns
    -------
    callable
        It takes spectra (..., n_pix) at rest, such as the model and its derivatives, and gives them
        as they are seen.
    """
    if star is None or order < 0:
        return partial(at_velocity, wavelength=wavelength, velocity=velocity)
    moved = at_velocity(model, wavelength, velocity)
    error = noise(star[1], wavelength, velocity, moving or velocity != 0, calibration)
    factor = continuum_factor(moved, star[0], *error, wavelength, order)
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


def noise(error, wavelength, velocity, moves, calibration=None):
    """What a star's flux and a model may differ by, as in `specnb.fit_labels`.

    Parameters
    ----------
    error : ndarray, shape (n_pix,)
        Of the star.
    wavelength : ndarray, shape (n_pix,)
    velocity : float
        Of the model, km/s. The model's errors move with it, by whole pixels.
    moves : bool
        Whether a velocity is fitted: then pixels whose light comes from beyond the model's do not
        count.
    calibration : Calibration, optional
        Of the model.

    Returns
    -------
    error : ndarray, shape (n_pix,)
        It is infinite in pixels that do not count.
    components : ndarray, shape (k, n_pix)
        Errors of the model that correlate.
    """
    components = np.empty((0, len(error)))
    if calibration is not None:
        middle = 0.5 * (wavelength[1:] + wavelength[:-1])
        pixel = np.searchsorted(middle, wavelength / (1.0 + velocity / C_KM_S))
        error = np.hypot(error, calibration.error.cpu().numpy()[pixel])
        components = calibration.components.cpu().double().numpy()[:, pixel]
    if moves:
        ends = torch.tensor([[velocity - NEAR], [velocity + NEAR]])
        error = np.where(known_pixels(wavelength, *ends)[0].numpy(), error, np.inf)
    return error, components


def continuum_factor(flux, observed, error, components, wavelength, order: int):
    """The factor by which a model spectrum comes nearest to an observed one.

    It is a Legendre series on each detector, found by least squares with the covariance that
    `specnb.fit_labels` uses.

    Parameters
    ----------
    flux : ndarray, shape (n_pix,)
        The model.
    observed, error : ndarray, shape (n_pix,)
        The star's flux and error. Pixels that are NaN or have an infinite error do not count.
    components : ndarray, shape (k, n_pix)
        Errors that correlate, see `noise`.
    wavelength : ndarray, shape (n_pix,)
    order : int
        Order of the series, 0 or more.

    Returns
    -------
    ndarray, shape (n_pix,)
        It is 1 on detectors that have fewer good pixels than the series has coefficients.
    """
    good = np.isfinite(observed) & np.isfinite(error)
    series = legendre(wavelength, order)
    enough = (series[:: order + 1].astype(bool) & good).sum(axis=1) > order
    series = series[np.repeat(enough, order + 1)]
    weight, directions = whitening(
        *(
            torch.from_numpy(each)[None]
            for each in (np.where(good, error, np.inf) ** -2, components)
        )
    )
    rows = torch.from_numpy(np.where(good, np.vstack([series * flux, observed]), 0.0)) * weight
    products = (cleaned(rows[None], directions)[0] @ rows.T).numpy()
    solution = np.linalg.lstsq(products[:-1, :-1], products[:-1, -1], rcond=None)[0]
    return np.where(series.any(axis=0), solution @ series, 1.0)
