"""Mock surveys of APOGEE: spectra that differ from an emulator's in known ways.

They have the effects of `specnb.surveys.apogee.effects`, bad pixels and noise, and are then
normalised again like real spectra.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from specnb.core.config import within
from specnb.surveys.apogee import stars
from specnb.surveys.apogee.earth import SKY_SNR
from specnb.surveys.apogee.effects import own_effects, sky_light, true_flux
from specnb.surveys.kiel import stars_exist
from specnb.surveys.mock import MockConfig
from specnb.surveys.population import Population

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
    wrong_lines: float = within(0.0, 1.0, default=0.3)
    # Factor on the strength of the 150 lines that the emulator lacks. With 1 most are a few per
    # cent deep.
    missing_lines: float = within(0.0, 5.0, default=1.0)
    macroturbulence: float = within(0.0, 4.0, default=1.0)  # factor on `effects.MACROTURBULENCE`
    # 0 is the emulator's resolving power and 1 that of `effects.RESOLVING_POWER`. The variance of
    # the kernel is linear in this number.
    resolution: float = within(0.0, 4.0, default=1.0)
    # Rms of the residual of the telluric correction, as a fraction of the optical depth. The
    # default leaves 2% of the flux in the strongest lines.
    telluric: float = within(0.0, 1.0, default=0.05)
    # Rms of the residual of the airglow subtraction. Where it is not masked, it is like the photon
    # noise at S/N = 100.
    sky: float = within(0.0, 0.1, default=0.005)
    # Mean excess flux on the blue detector for 15% of the stars, in units of the continuum.
    persistence: float = within(0.0, 1.0, default=0.05)
    # Rms of the slope over a detector. Higher orders are smaller, but they remain after the
    # normalisation.
    continuum: float = within(0.0, 0.2, default=0.05)
    # Mean number of runs of bad pixels. Visits of DR17 have 17-19 of them on these pixels.
    bad_runs: float = within(0.0, 100.0, default=15.0)
    # Airglow brighter than this, in units of `earth.SKY_LINES`, is masked. In DR17 it is masked
    # from 1-3 on. With 1e9 none is masked.
    sky_limit: float = within(0.1, 1e9, default=2.0)

    PREFIX = "apogee-mock"
    STREAMS = ("stars", "catalogue", "telluric", "sky", "persistence", "continuum", "noise", "mask")
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
    exist = staticmethod(stars_exist)

    @classmethod
    def clean(cls, **changes):
        """A survey whose spectra are the emulator's with noise only, for tests of pulls.

        ``changes`` are fields of the class.
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
        """Draw radial velocity and S/N."""
        return stars.draw_observation(component, rng)

    def own_effects(self, streams):
        """Draw the effects that do not depend on labels, see `effects.own_effects`.

        These are residuals of the Earth's lines, persistence and continuum.
        """
        return own_effects(self.n_stars, streams)

    def signal_to_noise(self, stars):
        """S/N per pixel in the continuum."""
        return stars["snr"]

    def observe(self, emulator, stars, own, streams):
        """Observe some stars, see `MockConfig.observe`.

        Returns flux without noise, its standard deviation, noisy flux and mask.
        """
        snr = np.asarray(stars["snr"])[:, None]
        sky = sky_light(stars, own["sky"][:, 1])
        flux = true_flux(emulator, stars, self, own, sky)
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
