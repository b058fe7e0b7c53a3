"""Effects by which a star's observed spectrum differs from the emulator's, before the noise.

The differences are the kinds that real surveys show: wrong line strengths, a false line, missing
absorption, an imperfect continuum and a lower resolving power.
`specnb.surveys.rvs.mock.RvsMockConfig` sets the size of each effect. All effects act in the star's
rest frame and, for simplicity, after rotational broadening.
"""

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.ndimage import fourier_gaussian

from specnb.core.broadening import FWHM_PER_SIGMA
from specnb.surveys.mock import emulated, strengthened
from specnb.surveys.rvs.pixels import RVS_RESOLVING_POWER

# Lines whose optical depth is wrong by a known factor: vacuum Å, half width of the window in Å,
# observed / emulated. The values for Ca II come from the RVS spectrum of Kepler-93, compared with
# the emulator at the star's labels in the literature.
WRONG_LINES = (
    (8470.7, 1.2, 0.85),  # Fe I
    (8500.4, 1.5, 0.88),  # core of Ca II, where LTE fails
    (8504.3, 1.2, 0.50),  # blend in the wing of Ca II 8500 that is too strong in the RVS grid
    (8516.4, 1.0, 0.75),  # Fe I
    (8544.4, 1.5, 0.93),  # core of Ca II
    (8559.1, 1.2, 0.70),  # Si I
    (8664.5, 1.5, 0.93),  # core of Ca II
    (8677.4, 1.5, 1.30),  # Fe I and Ti I
    (8691.0, 1.2, 1.20),  # Fe I
)
# Vacuum Å and half width in Å of a line that is in the RVS grid's line list but not in real
# spectra.
FALSE_LINE = (8634.0, 1.5)
# Vacuum Å and Gaussian sigma in Å of an added line, at a wavelength where real spectra of FGK stars
# have no line.
MISSING_LINE = (8605.0, 0.45)
# Vacuum Å (Zhao et al. 2024, A&A 683, A199) and Gaussian sigma in Å of the interstellar band.
INTERSTELLAR_BAND = (8623.14, 1.6)


def line_strength(wavelength, config):
    """Factor on the optical depth of the emulator's lines in each pixel.

    It is 1 where the emulator is right.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    config : RvsMockConfig

    Returns
    -------
    ndarray, shape (n_pix,)
    """
    factor = np.ones(len(wavelength))
    for centre, half_width, strength in WRONG_LINES:
        factor += config.wrong_lines * (strength - 1.0) * _window(wavelength, centre, half_width)
    return factor - config.false_line * _window(wavelength, *FALSE_LINE)


def own_effects(n_stars, streams):
    """Draw the effects on each star's spectrum that do not depend on its labels.

    Parameters
    ----------
    n_stars : int
    streams : mapping of str to numpy.random.Generator
        "band" and "continuum" are used.

    Returns
    -------
    dict of ndarray
        ``band`` (n_stars,) is the relative depth of the interstellar band. ``continuum`` (n_stars,
        4) are the Legendre coefficients of the continuum residual, which has an rms of 1 over
        pixels and stars.
    """
    order = np.arange(4)
    coefficients = streams["continuum"].normal(size=(n_stars, 4)) * np.sqrt((2 * order + 1) / 4)
    return {"band": streams["band"].exponential(size=n_stars), "continuum": coefficients}


def true_flux(emulator, stars, config, own):
    """The flux that the emulator would have in the observed domain, without noise.

    Parameters
    ----------
    emulator : Emulator
        An emulator on evenly spaced pixels.
    stars : Table
        One row per star, with the emulator's labels.
    config : RvsMockConfig
    own : dict of ndarray
        The rows of `own_effects` for these stars.

    Returns
    -------
    ndarray, shape (n, n_pix), float64

    Raises
    ------
    ValueError
        If the emulator has a label that the stars lack, or unevenly spaced pixels.
    """
    wavelength = np.asarray(emulator.wavelength, dtype=float)
    if np.ptp(np.diff(wavelength)) > 1e-6:
        raise ValueError(
            "the emulator's pixels are not evenly spaced: a mock survey needs them to be"
        )
    flux = strengthened(emulated(emulator, stars), line_strength(wavelength, config))
    teff, m_h = np.asarray(stars["teff"]), np.asarray(stars["m_h"])
    # The depth depends on [M/H] and T_eff like that of a line of a neutral metal.
    depth = config.missing_line * 0.15 * 10 ** (0.5 * m_h - (teff - 5000.0) / 3000.0)
    flux *= np.exp(-depth[:, None] * _gaussian(wavelength, *MISSING_LINE))
    flux *= np.exp(
        -config.interstellar_band * own["band"][:, None] * _gaussian(wavelength, *INTERSTELLAR_BAND)
    )
    if config.resolving_power < RVS_RESOLVING_POWER:
        flux = _smooth(flux, wavelength, config.resolving_power)
    residual = own["continuum"] @ legvander(np.linspace(-1.0, 1.0, len(wavelength)), 3).T
    return flux * (1.0 + config.continuum * residual)


def _smooth(flux, wavelength, resolving_power):
    """Lower the emulator's resolving power with a Gaussian of fixed width.

    The resolving power is exact in the middle of the window.
    """
    # sigma over wavelength
    extra = np.sqrt(resolving_power**-2 - RVS_RESOLVING_POWER**-2) / FWHM_PER_SIGMA
    n_pix = len(wavelength)
    sigma = extra * wavelength.mean() / (wavelength[1] - wavelength[0])
    mirrored = np.concatenate([flux, flux[:, ::-1]], axis=1)
    transform = fourier_gaussian(np.fft.rfft(mirrored, axis=1), (0.0, sigma), n=2 * n_pix, axis=1)
    return np.fft.irfft(transform, n=2 * n_pix, axis=1)[:, :n_pix]


def _window(wavelength, centre, half_width):
    """A smooth window: cosine squared, 1 at the centre and 0 from the half width outwards."""
    x = np.clip((wavelength - centre) / half_width, -1.0, 1.0)
    return np.where(np.abs(x) < 1.0, np.cos(0.5 * np.pi * x) ** 2, 0.0)


def _gaussian(wavelength, centre, sigma):
    """Gaussian of height 1."""
    return np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2)
