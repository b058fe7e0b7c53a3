"""Mock surveys of APOGEE: spectra that differ from an emulator's by the effects of
`specnb.surveys.apogee.effects`, by bad pixels and by noise, and are then normalised again as real
spectra are."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from specnb.core.config import within
from specnb.surveys.apogee import stars
from specnb.surveys.apogee.earth import SKY_SNR
from specnb.surveys.apogee.effects import own_effects, sky_light, true_flux
from specnb.surveys.mock import MockConfig
from specnb.surveys.population import Population

RUN = 4.0  # mean length of a run of bad pixels; 1-9 in visits of DR17


@dataclass(frozen=True)
class ApogeeMockConfig(MockConfig):
    """A mock survey: its stars, and how far its spectra are from the emulator's.

    Raises
    ------
    ValueError
        If a number is outside its limits or not of its type.
    TypeError
        If the population is not a `Population`, or a name is unknown.
    """

    # enough to train on in a notebook; the paper has about 100,000 per domain
    n_stars: int = within(1, 10_000_000, default=10_000)
    population: Population = stars.APOGEE_POPULATION
    # seed of what is wrong with the line list: surveys of one line list differ from it alike
    line_list: int = within(0, 2**63 - 1, default=1)
    # rms of ln(line strength): gf values of the H band are wrong by tens of per cent
    wrong_lines: float = within(0.0, 1.0, default=0.3)
    # scale of the 150 lines that the emulator lacks: most are a few per cent deep
    missing_lines: float = within(0.0, 5.0, default=1.0)
    macroturbulence: float = within(0.0, 4.0, default=1.0)  # scale of `effects.MACROTURBULENCE`
    # from the emulator's resolving power (0) to `effects.RESOLVING_POWER` (1), in variance
    resolution: float = within(0.0, 4.0, default=1.0)
    # rms of what is left of telluric optical depth: 2% in the strongest lines
    telluric: float = within(0.0, 1.0, default=0.05)
    # rms of what is left of the airglow: where it is not masked, like the photon noise at S/N = 100
    sky: float = within(0.0, 0.1, default=0.005)
    # mean excess on the blue detector, of the continuum, for 15% of the stars
    persistence: float = within(0.0, 1.0, default=0.05)
    # rms of the slope over a detector; shorter waves are smaller and survive normalising
    continuum: float = within(0.0, 0.2, default=0.05)
    # mean number of runs of bad pixels: visits of DR17 have 17-19 on these pixels
    bad_runs: float = within(0.0, 100.0, default=15.0)
    # airglow in units of `earth.SKY_LINES` that is masked: in DR17 from 1-3 on; 1e9: none is
    sky_limit: float = within(0.1, 1e9, default=2.0)

    PREFIX = "apogee-mock"
    STREAMS = ("stars", "catalogue", "telluric", "sky", "persistence", "continuum", "noise", "mask")
    BATCH = 512  # about 0.5 GB at work
    FAINT = 100.0
    # Choices, of the size of the errors in DR17.
    LABEL_ERRORS: ClassVar = {
        "teff": (40.0, 40.0, np.inf),
        "logg": (0.05, 0.05, np.inf),
        "fe_h": (0.02, 0.03, np.inf),
    }
    OBSERVED = ("snr", "rv")
    draw_labels = staticmethod(stars.draw_labels)

    @classmethod
    def clean(cls, **changes):
        """The emulator's spectra with noise and nothing else, for tests of pulls; `changes` as in
        the class.
        """
        switches = (
            "wrong_lines",
            "missing_lines",
            "macroturbulence",
            "resolution",
            "telluric",
            "sky",
            "persistence",
        )
        return cls(
            **(
                dict.fromkeys((*switches, "continuum", "bad_runs"), 0.0)
                | {"sky_limit": 1e9}
                | changes
            )
        )

    @staticmethod
    def draw_observation(component, population, rng):
        """Radial velocity and S/N."""
        return stars.draw_observation(component, rng)

    def own_effects(self, streams):
        """Residuals of the Earth's lines, persistence and continuum, see `effects.own_effects`."""
        return own_effects(self.n_stars, streams)

    def signal_to_noise(self, stars):
        """S/N per pixel in the continuum."""
        return stars["snr"]

    def observe(self, emulator, stars, own, streams):
        """Flux without noise, its standard deviation, noisy flux and mask; see
        `MockConfig.observe`.
        """
        snr = np.asarray(stars["snr"])[:, None]
        sky = sky_light(stars, own["sky"][:, 1])
        flux = true_flux(emulator, stars, self, own, sky)
        error = np.sqrt(np.maximum(flux, 0.01) + sky) / snr  # photons of the star and of the sky
        noisy = flux + error * streams["noise"].standard_normal(flux.shape, dtype=np.float32)
        bright_sky = sky * (snr / SKY_SNR) ** 2 > self.sky_limit
        return flux, error, noisy, _bad_runs(flux.shape, self, streams["mask"]) | bright_sky


def _bad_runs(shape, config, rng):
    """Runs of bad pixels, with lengths from 1 on that are geometrically distributed."""
    rate = config.bad_runs / shape[1]
    draw = rng.random(shape, dtype=np.float32)
    # a draw below the rate starts a run, and how far below tells its length
    share = np.where(draw < rate, draw / max(rate, 1e-9), 1.0)
    length = np.where(
        share < 1.0, 1 + np.floor(np.log(np.maximum(share, 1e-6)) / np.log1p(-1 / RUN)), 0
    )
    pixel = np.arange(shape[1])
    return np.maximum.accumulate(np.where(length > 0, pixel + length, 0), axis=1) > pixel
