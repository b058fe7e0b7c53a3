"""Effects by which a star's observed APOGEE spectrum differs from the emulator's, before the noise.

In the star's rest frame these are an imperfect line list, more macroturbulence and a lower
resolving power. In the frame of the spectrograph they are residuals of telluric absorption and
airglow, persistence of the blue detector and a continuum that differs from star to star.
`specnb.surveys.apogee.mock.ApogeeMockConfig` sets the size of each effect. The values that are
fixed in this module are choices.
"""

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.fft import dct, idct

from specnb.core.broadening import FWHM_PER_SIGMA, broaden
from specnb.core.wavelength import C_KM_S, detectors
from specnb.surveys.apogee.earth import SKY_SNR, pattern, seen_at_rest
from specnb.surveys.apogee.pixels import APOGEE_PIXELS, APOGEE_RESOLVING_POWER
from specnb.surveys.mock import emulated, strengthened

DETECTORS = detectors(APOGEE_PIXELS)
PIXEL = C_KM_S * np.log(10.0) * 6e-6  # km/s

# number of windows with a wrong line strength, which cover a third of the spectrum
WRONG_LINES = 600
WINDOW = 0.35  # Å, Gaussian sigma of a window, about that of a line as APOGEE resolves it
MISSING_LINES = 150
# Mean optical depth of a missing line at 4500 K and [Fe/H] = 0, before it is smoothed by the
# spectrograph.
MISSING_DEPTH = 0.07
# Dependence of missing lines on [Fe/H] (per dex) and T_eff (K per dex) in log10 of optical depth,
# for neutral metals, molecules and lines of high excitation.
MISSING_KINDS = ((0.5, -3000.0), (0.8, -1500.0), (0.5, 4000.0))
# km/s: missing lines are interpolated between these values
_VBROAD_KNOTS = np.array([0.0, 2.0, 4.0, 7.0, 11.0, 16.0, 22.0, 30.0])

# Resolving power at the blue and the red end of each detector. It varies by 10-20% (Nidever et al.
# 2015, AJ 150, 173).
RESOLVING_POWER = ((19_500.0, 21_800.0), (20_000.0, 22_200.0), (20_500.0, 22_400.0))
# Gaussian broadening in km/s that the label v_broad does not describe. 3D motions broaden lines in
# another way than rotation, and they are larger in giants.
MACROTURBULENCE = {"dwarf": 0.5, "subgiant": 1.0, "giant": 2.5, "red clump": 2.0}

# Scatter of the airglow's brightness, in ln. The three visits in which it was measured differ by as
# much.
NIGHTS = 0.4
# In units of `earth.SKY_LINES`. Residuals do not grow beyond this brightness, because brighter
# airglow is masked anyway.
SATURATION = 3.0
PERSISTENT = 0.15  # fraction of stars on fibres with persistence
# Number of Legendre polynomials on each detector. That of order k has an rms of 1/k². The
# normalisation fits four of them.
CONTINUUM_ORDERS = 10


@lru_cache(maxsize=4)
def line_list(seed):
    """Draw the errors of a line list, in each pixel.

    Parameters
    ----------
    seed : int
        Each seed is one line list, which all stars share.

    Returns
    -------
    log_strength : ndarray, shape (7214,)
        ln of (observed / emulated optical depth), for errors of the line strengths with an rms of 1
        in ln. It is 0 in most pixels.
    missing : ndarray, shape (8, 3, 7214)
        Optical depth of missing lines at 4500 K and [Fe/H] = 0, for each v_broad of `_VBROAD_KNOTS`
        and each of `MISSING_KINDS`.
    """
    rng = np.random.default_rng(seed)
    ends = APOGEE_PIXELS[[0, -1]]
    centres, errors = rng.uniform(*ends, WRONG_LINES), rng.normal(size=WRONG_LINES)
    log_strength = np.zeros(len(APOGEE_PIXELS))
    for centre, error in zip(centres, errors):
        log_strength += error * np.exp(-0.5 * ((APOGEE_PIXELS - centre) / WINDOW) ** 2)
    log_strength[np.abs(log_strength) < 1e-3] = 0.0

    fine = np.geomspace(ends[0] - 10.0, ends[1] + 10.0, 40_000)  # steps of 0.9 km/s
    lines = np.zeros((len(MISSING_KINDS), len(fine)))
    for centre, depth in zip(
        rng.uniform(*ends, MISSING_LINES), rng.exponential(MISSING_DEPTH, MISSING_LINES)
    ):
        sigma = centre * 4.0 / C_KM_S  # 4 km/s for thermal motion and microturbulence
        lines[rng.integers(len(lines))] += depth * np.exp(-0.5 * ((fine - centre) / sigma) ** 2)
    missing = [
        broaden(fine, lines, APOGEE_PIXELS, vbroad, APOGEE_RESOLVING_POWER)
        for vbroad in _VBROAD_KNOTS
    ]
    return log_strength, np.array(missing)


def own_effects(n_stars, streams):
    """Draw the effects on each star's spectrum that do not depend on its labels.

    Parameters
    ----------
    n_stars : int
    streams : mapping of str to numpy.random.Generator
        "telluric", "sky", "persistence" and "continuum" are used.

    Returns
    -------
    dict of ndarray
        ``telluric`` (n_stars, 2) are the residuals of water and of the dry air. ``sky`` (n_stars,
        2) are the residual of the airglow and its brightness. ``persistence`` (n_stars, 2) are its
        level and slope. ``continuum`` (n_stars, 3, 10) are Legendre coefficients. All are of the
        order of 1.
    """
    ghost = streams["persistence"]
    level = np.where(ghost.random(n_stars) < PERSISTENT, ghost.exponential(size=n_stars), 0.0)
    order = np.arange(1, CONTINUUM_ORDERS + 1)
    residual, night = streams["sky"].normal(size=(n_stars, 2)).T
    return {
        "telluric": streams["telluric"].normal(size=(n_stars, 2)),
        "sky": np.column_stack([residual, np.exp(NIGHTS * night)]),
        "persistence": np.column_stack([level, ghost.uniform(-1.0, 1.0, n_stars)]),
        "continuum": streams["continuum"].normal(size=(n_stars, 3, len(order)))
        * np.sqrt(2 * order + 1)
        / order**2,
    }


def sky_light(stars, brightness):
    """Light of the night sky in units of each star's continuum.

    It is larger for fainter stars, which have a lower S/N.

    Parameters
    ----------
    stars : Table
        A table with ``rv`` and ``snr``.
    brightness : ndarray, shape (n,)
        Brightness of the airglow, in units of `earth.SKY_LINES`.

    Returns
    -------
    ndarray, shape (n, 7214)
    """
    # The number of a star's photons is proportional to its S/N squared.
    ratio = brightness * (SKY_SNR / np.asarray(stars["snr"])) ** 2
    return ratio[:, None] * seen_at_rest(pattern("sky"), stars["rv"])


def true_flux(emulator, stars, config, own, sky):
    """The flux that the emulator would have in the observed domain, without noise.

    It is not yet normalised again.

    Parameters
    ----------
    emulator : Emulator
        An emulator on `APOGEE_PIXELS`.
    stars : Table
        One row per star, with the emulator's labels, rv, snr and stage.
    config : ApogeeMockConfig
    own : dict of ndarray
        The rows of `own_effects` for these stars.
    sky : ndarray, shape (n, 7214)
        The result of `sky_light`.

    Returns
    -------
    ndarray, shape (n, 7214), float64

    Raises
    ------
    ValueError
        If the emulator has a label that the stars lack, or other pixels.
    """
    wavelength = np.asarray(emulator.wavelength)
    if wavelength.shape != APOGEE_PIXELS.shape or not np.allclose(
        wavelength, APOGEE_PIXELS, rtol=1e-8
    ):
        raise ValueError("the emulator is not on the 7,214 pixels of APOGEE: load one that is")
    flux = emulated(emulator, stars)
    log_strength, missing = line_list(config.line_list)
    if config.wrong_lines:
        strengthened(flux, np.exp(config.wrong_lines * log_strength))
    if config.missing_lines:
        flux *= np.exp(-config.missing_lines * _missing_depth(stars, missing))
    flux = _smooth(flux, np.asarray(stars["stage"]), config)
    for amplitude, name in zip(config.telluric * own["telluric"].T, ("water", "dry")):
        if config.telluric:
            flux *= np.exp(-amplitude[:, None] * seen_at_rest(pattern(name), stars["rv"]))
    blue = DETECTORS[0]
    level, slope = config.persistence * own["persistence"].T[0], own["persistence"].T[1]
    flux[:, blue] += level[:, None] * (1.0 + 0.5 * slope[:, None] * _across(blue))
    limit = SATURATION * (SKY_SNR / np.asarray(stars["snr"])[:, None]) ** 2
    flux += config.sky * own["sky"][:, :1] * np.minimum(sky, limit)
    for detector, coefficients in zip(DETECTORS, own["continuum"].transpose(1, 0, 2)):
        trend = legvander(_across(detector), CONTINUUM_ORDERS)[:, 1:]
        flux[:, detector] *= np.exp(config.continuum * coefficients @ trend.T)
    return flux


def _missing_depth(stars, missing):
    """Optical depth of the missing lines, shape (n, n_pix)."""
    teff, fe_h = np.asarray(stars["teff"]), np.asarray(stars["fe_h"])
    strength = np.stack([10 ** (a * fe_h + (teff - 4500.0) / b) for a, b in MISSING_KINDS], axis=1)
    knots = [np.interp(stars["vbroad"], _VBROAD_KNOTS, unit) for unit in np.eye(len(_VBROAD_KNOTS))]
    weight = np.stack(knots, axis=1)[:, :, None] * strength[:, None, :]
    return weight.reshape(len(stars), -1) @ missing.reshape(-1, missing.shape[-1])


def _smooth(flux, stage, config):
    """Broaden each detector by macroturbulence and to the spectrograph's resolving power.

    The spectrum is mirrored at the edges of a detector. The kernel is a mixture of the Gaussians of
    the detector's two ends, so that its variance changes linearly across the detector.
    """
    if not (config.resolution or config.macroturbulence):
        return flux
    macro = config.macroturbulence * np.array([MACROTURBULENCE[name] for name in stage])
    smooth = np.empty_like(flux)
    for detector, ends in zip(DETECTORS, RESOLVING_POWER):
        # The cosine transform is the Fourier transform of the mirrored spectrum.
        transform = dct(flux[:, detector], axis=1)
        k = np.arange(transform.shape[1]) * np.pi / transform.shape[1]  # radians per pixel
        share = 0.5 * (1.0 + _across(detector))
        parts = []
        for power in ends:
            extra = (
                config.resolution
                * (power**-2 - APOGEE_RESOLVING_POWER**-2)
                * (C_KM_S / FWHM_PER_SIGMA) ** 2
            )
            variance = (extra + macro**2) / PIXEL**2
            parts.append(idct(transform * np.exp(-0.5 * variance[:, None] * k**2), axis=1))
        smooth[:, detector] = (1.0 - share) * parts[0] + share * parts[1]
    return smooth


def _across(detector):
    """Position on a detector, from -1 at the blue end to 1 at the red end."""
    return np.linspace(-1.0, 1.0, detector.stop - detector.start)
