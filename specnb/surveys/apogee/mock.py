"""Mock surveys of APOGEE: spectra that differ from an emulator's in known ways.

In the star's rest frame these are an imperfect line list, more macroturbulence and a lower
resolving power. In the frame of the spectrograph they are residuals of telluric absorption and
airglow, persistence of the blue detector and a continuum that differs from star to star. Then come
bad pixels and noise, and the spectra are normalised again like real ones. The values that are fixed
in this module are choices.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.fft import dct, idct

from specnb.core.broadening import FWHM_PER_SIGMA
from specnb.core.config import within
from specnb.core.wavelength import C_KM_S
from specnb.surveys.apogee import stars
from specnb.surveys.apogee.lines import (
    SKY_SNR,
    line_list,
    missing_depth,
    pattern,
    seen_at_rest,
    sky_light,
)
from specnb.surveys.apogee.pixels import APOGEE_RESOLVING_POWER, DETECTORS
from specnb.surveys.mock import MockConfig, emulated, strengthened
from specnb.surveys.population import Population, stars_exist

PIXEL = C_KM_S * np.log(10.0) * 6e-6  # km/s

# Resolving power at the blue and the red end of each detector. It varies by 10-20% (Nidever et al.
# 2015, AJ 150, 173).
RESOLVING_POWER = ((19_500.0, 21_800.0), (20_000.0, 22_200.0), (20_500.0, 22_400.0))
# Gaussian broadening in km/s that the label v_broad does not describe. 3D motions broaden lines in
# another way than rotation, and they are larger in giants.
MACROTURBULENCE = {"dwarf": 0.5, "subgiant": 1.0, "giant": 2.5, "red clump": 2.0}

# Scatter of the airglow's brightness, in ln. The three visits in which it was measured differ by as
# much.
NIGHTS = 0.4
# In units of `lines.SKY_LINES`. Residuals do not grow beyond this brightness, because brighter
# airglow is masked anyway.
SATURATION = 3.0
PERSISTENT = 0.15  # fraction of stars on fibres with persistence
# Number of Legendre polynomials on each detector. That of order k has an rms of 1/k². The
# normalisation fits four of them.
CONTINUUM_ORDERS = 10
RUN = 4.0  # mean length of a run of bad pixels; the runs in visits of DR17 have 1-9 pixels


@dataclass(frozen=True)
class ApogeeMockConfig(MockConfig):
    """Configuration of a mock survey: its stars, and how its spectra differ from the emulator's.

    Raises
    ------
    ValueError
        If a number is outside its limits or not of its type.
    TypeError
        If the population is not a `Population`, or a name is unknown.
    """

    # Enough stars for a training in a notebook. The paper has about 100,000 per domain.
    n_stars: int = within(1, 10_000_000, default=10_000)
    population: Population = stars.APOGEE_POPULATION
    # Seed of the errors of the line list. Surveys with the same line list have the same errors.
    line_list: int = within(0, 2**63 - 1, default=1)
    # Rms of the errors of ln(line strength). gf values of the H band are wrong by tens of per cent.
    wrong_lines: float = within(0.0, 1.0, default=0.3, off=0.0)
    # Factor on the strength of the 150 lines that the emulator lacks. With 1 most are a few per
    # cent deep.
    missing_lines: float = within(0.0, 5.0, default=1.0, off=0.0)
    macroturbulence: float = within(0.0, 4.0, default=1.0, off=0.0)  # factor on `MACROTURBULENCE`
    # 0 is the emulator's resolving power and 1 that of `RESOLVING_POWER`. The variance of
    # the kernel is linear in this number.
    resolution: float = within(0.0, 4.0, default=1.0, off=0.0)
    # Rms of the residual of the telluric correction, as a fraction of the optical depth. The
    # default leaves 2% of the flux in the strongest lines.
    telluric: float = within(0.0, 1.0, default=0.05, off=0.0)
    # Rms of the residual of the airglow subtraction. Where it is not masked, it is like the photon
    # noise at S/N = 100.
    sky: float = within(0.0, 0.1, default=0.005, off=0.0)
    # Mean excess flux on the blue detector for 15% of the stars, in units of the continuum.
    persistence: float = within(0.0, 1.0, default=0.05, off=0.0)
    # Rms of the slope over a detector. Higher orders are smaller, but they remain after the
    # normalisation.
    continuum: float = within(0.0, 0.2, default=0.05, off=0.0)
    # Mean number of runs of bad pixels. Visits of DR17 have 17-19 of them on these pixels.
    bad_runs: float = within(0.0, 100.0, default=15.0, off=0.0)
    # Airglow brighter than this, in units of `lines.SKY_LINES`, is masked. In DR17 it is masked
    # from 1-3 on. With 1e9 none is masked.
    sky_limit: float = within(0.1, 1e9, default=2.0, off=1e9)

    PREFIX = "apogee-mock"
    STREAMS = ("stars", "catalogue", "telluric", "sky", "persistence", "continuum", "noise", "mask")
    SINGLE = ("telluric", "sky", "persistence", "continuum")
    BATCH = 512  # they need about 0.5 GB of memory
    FAINT = 100.0
    # These are choices of the size of the errors in DR17.
    LABEL_ERRORS: ClassVar = {
        "teff": (40.0, 40.0, np.inf),
        "logg": (0.05, 0.05, np.inf),
        "fe_h": (0.02, 0.03, np.inf),
    }
    OBSERVED = ("snr", "rv")
    draw_labels = staticmethod(stars.draw_labels)
    draw_observation = staticmethod(stars.draw_observation)
    exist = staticmethod(stars_exist)

    def own_effects(self, streams):
        """Draw the effects that do not depend on labels. All are of the order of 1.

        ``telluric`` (n_stars, 2) are the residuals of water and of the dry air. ``sky`` (n_stars,
        2) are the residual of the airglow and its brightness. ``persistence`` (n_stars, 2) are its
        level and slope. ``continuum`` (n_stars, 3, 10) are Legendre coefficients.
        """
        n, ghost = self.n_stars, streams["persistence"]
        level = np.where(ghost.random(n) < PERSISTENT, ghost.exponential(size=n), 0.0)
        order = np.arange(1, CONTINUUM_ORDERS + 1)
        residual, night = streams["sky"].normal(size=(n, 2)).T
        return {
            "telluric": streams["telluric"].normal(size=(n, 2)),
            "sky": np.column_stack([residual, np.exp(NIGHTS * night)]),
            "persistence": np.column_stack([level, ghost.uniform(-1.0, 1.0, n)]),
            "continuum": streams["continuum"].normal(size=(n, 3, len(order)))
            * np.sqrt(2 * order + 1)
            / order**2,
        }

    def line_strength(self):
        """Factor on the optical depth of the emulator's lines in each pixel, shape (7214,)."""
        log_strength, _ = line_list(self.line_list)
        return np.exp(self.wrong_lines * log_strength)

    def changed_flux(self, emulator, stars, own, sky):
        """The flux that the emulator would have in the observed domain, without noise.

        It is not yet normalised again.

        Parameters
        ----------
        emulator : Emulator
            An emulator on `APOGEE_PIXELS`.
        stars : Table
            One row per star, with the emulator's labels, rv, snr and stage.
        own : dict of ndarray
            The rows of `own_effects` for these stars.
        sky : ndarray, shape (n, 7214)
            The result of `specnb.surveys.apogee.lines.sky_light`.

        Returns
        -------
        ndarray, shape (n, 7214), float64
        """
        flux = emulated(emulator, stars)
        _, missing = line_list(self.line_list)
        strengthened(flux, self.line_strength())
        flux *= np.exp(-self.missing_lines * missing_depth(stars, missing))
        flux = _smooth(flux, np.asarray(stars["stage"]), self)
        for amplitude, name in zip(self.telluric * own["telluric"].T, ("water", "dry")):
            flux *= np.exp(-amplitude[:, None] * seen_at_rest(pattern(name), stars["rv"]))
        blue = DETECTORS[0]
        level, slope = self.persistence * own["persistence"].T[0], own["persistence"].T[1]
        flux[:, blue] += level[:, None] * (1.0 + 0.5 * slope[:, None] * _across(blue))
        limit = SATURATION * (SKY_SNR / np.asarray(stars["snr"])[:, None]) ** 2
        flux += self.sky * own["sky"][:, :1] * np.minimum(sky, limit)
        for detector, coefficients in zip(DETECTORS, own["continuum"].transpose(1, 0, 2)):
            trend = legvander(_across(detector), CONTINUUM_ORDERS)[:, 1:]
            flux[:, detector] *= np.exp(self.continuum * coefficients @ trend.T)
        return flux

    def observe(self, emulator, stars, own, streams):
        """Observe some stars, see `MockConfig.observe`."""
        snr = np.asarray(stars["snr"])[:, None]
        sky = sky_light(stars, own["sky"][:, 1])
        flux = self.changed_flux(emulator, stars, own, sky)
        # photon noise of the star and of the sky
        error = np.sqrt(np.maximum(flux, 0.01) + sky) / snr
        noisy = flux + error * streams["noise"].standard_normal(flux.shape, dtype=np.float32)
        bright_sky = sky * (snr / SKY_SNR) ** 2 > self.sky_limit
        return flux, error, noisy, _bad_runs(flux.shape, self, streams["mask"]) | bright_sky


def _bad_runs(shape, config, rng):
    """Draw runs of bad pixels. Their lengths, from 1 pixel on, follow a geometric distribution."""
    rate = config.bad_runs / shape[1]
    draw = rng.random(shape, dtype=np.float32)
    # A number below the rate starts a run. The ratio of the number to the rate gives the length of
    # the run.
    share = np.where(draw < rate, draw / max(rate, 1e-9), 1.0)
    length = np.where(
        share < 1.0, 1 + np.floor(np.log(np.maximum(share, 1e-6)) / np.log1p(-1 / RUN)), 0
    )
    pixel = np.arange(shape[1])
    return np.maximum.accumulate(np.where(length > 0, pixel + length, 0), axis=1) > pixel


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
