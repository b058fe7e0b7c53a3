"""Mock surveys of Gaia's RVS: spectra that differ from an emulator's in known ways.

They have the effects of `specnb.surveys.rvs.effects`, bad pixels and noise.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from specnb.core.config import within
from specnb.surveys.kiel import stars_exist
from specnb.surveys.mock import MockConfig
from specnb.surveys.rvs import stars
from specnb.surveys.rvs.effects import own_effects, true_flux
from specnb.surveys.rvs.pixels import RVS_RESOLVING_POWER


@dataclass(frozen=True)
class RvsMockConfig(MockConfig):
    """Configuration of a mock survey: its stars, and how its spectra differ from the emulator's.

    Raises
    ------
    ValueError
        If a number is outside its limits or not of its type.
    TypeError
        If the population is not a `Population`, or a name is unknown.
    """

    # A third of the papers' 64,305 reference stars. They are enough to train on and are made in
    # seconds.
    n_stars: int = within(1, 10_000_000, default=20_000)
    # Factor on the errors in `effects.WRONG_LINES`. The strengths in line lists are wrong by tens
    # of per cent.
    wrong_lines: float = within(0.0, 2.0, default=1.0)
    # Fraction of the optical depth at `effects.FALSE_LINE` that real stars do not show.
    false_line: float = within(0.0, 1.0, default=1.0)
    # Strength of a stellar line that the emulator lacks. With 1 it is 14% deep at 5000 K and [M/H]
    # = 0.
    missing_line: float = within(0.0, 5.0, default=1.0)
    # Mean central optical depth of the interstellar band at 862 nm, which does not depend on the
    # labels.
    interstellar_band: float = within(0.0, 0.5, default=0.02)
    # Rms of the continuum residual that normalisation leaves: a cubic polynomial of 0.3-0.5%.
    continuum: float = within(0.0, 0.05, default=0.004)
    # Resolving power of the observed spectra. The emulator's 11,500 is the nominal value.
    resolving_power: float = within(5000.0, RVS_RESOLVING_POWER, default=11_000.0)
    # fraction of single bad pixels, which are masked
    bad_pixels: float = within(0.0, 0.5, default=0.002)
    # Longest run of masked pixels at either end. Real spectra lack up to 18 pixels of 0.1 Å.
    bad_ends: int = within(0, 100, default=6)
    # Fraction of pixels that are hit by cosmic rays and not masked. It is 0 because the RVS
    # combines many transits.
    cosmics: float = within(0.0, 0.1, default=0.0)
    # Photon S/N per pixel of 0.3 Å at G = 14, see `signal_to_noise`.
    snr_faint: float = within(1.0, 1e4, default=24.0)
    # Relative error that does not fall with brightness. It stands for the calibration.
    noise_floor: float = within(0.0, 0.1, default=0.002)

    PREFIX = "mock"
    STREAMS = ("stars", "catalogue", "band", "continuum", "noise", "mask", "cosmics")
    BATCH = 4096  # they need about 0.4 GB of memory
    FAINT = 25.0
    # The largest errors are the limits of the papers' selection.
    LABEL_ERRORS: ClassVar = {
        "teff": (25.0, 75.0, 200.0),
        "logg": (0.05, 0.12, 0.5),
        "m_h": (0.02, 0.06, 0.3),
        "alpha_fe": (0.02, 0.04, 0.2),
    }
    draw_labels = staticmethod(stars.draw_labels)
    exist = staticmethod(stars_exist)

    @classmethod
    def clean(cls, **changes):
        """A survey whose spectra are the emulator's with noise only, for tests of pulls.

        ``changes`` are fields of the class.
        """
        off = dict.fromkeys(
            ("wrong_lines", "false_line", "missing_line", "interstellar_band", "continuum"), 0.0
        )
        off |= {
            "resolving_power": RVS_RESOLVING_POWER,
            "bad_pixels": 0.0,
            "bad_ends": 0,
            "cosmics": 0.0,
        }
        return cls(**(off | changes))

    @staticmethod
    def draw_observation(component, population, rng):
        """Draw the apparent magnitude."""
        return [stars.draw_magnitudes(len(component), population, rng)]

    def own_effects(self, streams):
        """Draw the interstellar band and the continuum residual, see `effects.own_effects`."""
        return own_effects(self.n_stars, streams)

    def signal_to_noise(self, stars):
        """S/N per pixel in the continuum, which depends on the stars' magnitudes."""
        return signal_to_noise(stars["g_mag"], self)

    def true_flux(self, emulator, stars, own):
        """Flux without noise, see `effects.true_flux`."""
        return true_flux(emulator, stars, self, own)

    def observe(self, emulator, stars, own, streams):
        """Observe some stars, see `MockConfig.observe`.

        Returns flux without noise, its standard deviation, noisy flux and mask.
        """
        flux = self.true_flux(emulator, stars, own)
        error = _noise(np.asarray(stars["g_mag"])[:, None], flux, self)
        return flux, error, *_measure(flux, error, self, streams)


def signal_to_noise(g_mag, config=None):
    """S/N per pixel in the continuum, from photon noise and a floor:

    1 / (S/N)² = 10**(0.4 (G - 14)) / snr_faint² + noise_floor².

    With the default configuration it is 300 at G = 8 and 24 at G = 14.

    Parameters
    ----------
    g_mag : array_like
        Apparent G magnitude.
    config : RvsMockConfig, optional

    Returns
    -------
    ndarray
    """
    return 1.0 / _noise(np.asarray(g_mag, dtype=float), 1.0, config or RvsMockConfig())


def _noise(g_mag, flux, config):
    """Standard deviation of the flux.

    Photon noise grows as the square root of the flux, and a floor is added in quadrature.
    """
    photons = 10 ** (0.4 * (g_mag - 14.0)) / config.snr_faint**2
    return np.sqrt(photons * np.maximum(flux, 0.01) + config.noise_floor**2)


def _measure(flux, error, config, streams):
    """Add noise and cosmic-ray hits, and draw bad pixels. Returns the noisy flux and the mask."""
    noisy = flux + error * streams["noise"].normal(size=flux.shape)
    n, n_pix = flux.shape
    pixel = np.arange(n_pix)
    # The two additional columns give the lengths of the runs at the ends.
    draw = streams["mask"].random((n, n_pix + 2))
    first, last = np.floor(draw[:, :2] * (config.bad_ends + 1)).T[:, :, None]
    mask = (draw[:, 2:] < config.bad_pixels) | (pixel < first) | (pixel >= n_pix - last)
    hit = streams["cosmics"].random((n, n_pix)) < config.cosmics
    noisy[hit] += 20.0 * error[hit]  # a clear outlier
    return noisy, mask
