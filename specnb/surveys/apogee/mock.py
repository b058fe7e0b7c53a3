"""A mock APOGEE survey: spectra from an emulator that differ from it in known ways.

They differ by the effects of `specnb.surveys.apogee.effects`, by bad pixels and by noise, and are then normalised again as real
spectra are. Each effect is a switch of `ApogeeMockConfig`, and what is drawn at random has its own stream of random
numbers, so two surveys with the same seed hold the same stars and the same noise whatever is switched on.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from specnb.surveys.apogee.continuum import continuum
from specnb.surveys.apogee.earth import SKY_SNR
from specnb.surveys.apogee.effects import own_effects, sky_light, true_flux
from specnb.surveys.apogee.population import APOGEE_POPULATION, draw_stars
from specnb.core.config import check_fields, within
from specnb.surveys.rvs.population import Population
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter
from specnb.core.wavelength import APOGEE_PIXELS

BATCH = 512  # stars at a time: about 0.5 GB at work
STREAMS = ("stars", "catalogue", "telluric", "sky", "persistence", "continuum", "noise", "mask")
RUN = 4.0  # mean length of a run of bad pixels; 1-9 in visits of DR17
# Errors of catalogue labels: at infinite S/N, and added at S/N = 100. Choices, of the size of those in DR17.
LABEL_ERRORS = {"teff": (40.0, 40.0), "logg": (0.05, 0.05), "fe_h": (0.02, 0.03)}

@dataclass(frozen=True)
class ApogeeMockConfig:
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
    seed: int = within(0, 2**63 - 1, default=1)
    population: Population = APOGEE_POPULATION
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
    # scale of `LABEL_ERRORS`; 0 puts the true labels in the catalogue
    label_errors: float = within(0.0, 2.0, default=1.0)

    def __post_init__(self):
        if not isinstance(self.population, Population):
            raise TypeError(f"population is {self.population!r}: it must be a Population")
        check_fields(self)

    @classmethod
    def clean(cls, **changes):
        """The emulator's spectra with noise and nothing else, for tests of pulls; `changes` as in the class."""
        switches = ("wrong_lines", "missing_lines", "macroturbulence", "resolution", "telluric", "sky", "persistence")
        return cls(**(dict.fromkeys((*switches, "continuum", "bad_runs"), 0.0) | {"sky_limit": 1e9} | changes))


def make_mock(emulator, config=None):
    """A mock survey in memory, for small sizes. Same seed, same arrays.

    Parameters
    ----------
    emulator : Emulator
        On `APOGEE_PIXELS`.
    config : ApogeeMockConfig, optional

    Returns
    -------
    observed : Spectra
        Noisy spectra over their own pseudo-continuum. ``labels`` has snr (per pixel in the continuum), rv (km/s), and a
        catalogue: teff, logg, fe_h with Gaussian errors, and ``<label>_error``.
    truth : Spectra
        The same spectra without noise, over the pseudo-continuum that the same pixels give without noise; not masked.
        ``flux_error`` is the noise that the observed ones have (to that of their continuum). ``labels`` holds the true
        25 labels, rv, snr, component and stage.

    Raises
    ------
    ValueError
        If the emulator has a label that the population lacks, or other pixels.
    """
    observed, truth = zip(*_batches(emulator, config or ApogeeMockConfig()), strict=True)
    return Spectra.join(observed), Spectra.join(truth)


def write_mock(emulator, config, path):
    """Write a mock survey to HDF5 batch by batch: groups "spectra" and "truth", as `make_mock` returns them.

    Labels, noise and masks do not depend on the size of the batches; the emulator's last bit may.

    Parameters
    ----------
    emulator : Emulator
    config : ApogeeMockConfig
    path : str or Path
        File to write; replaced only when the new one is whole.

    Raises
    ------
    ValueError
        As `make_mock`.
    """
    with SpectraWriter(path) as writer:
        for observed, truth in _batches(emulator, config):
            writer.append(observed, group="spectra")
            writer.append(truth, group="truth")


def _batches(emulator, config, batch=BATCH):
    """The one generator behind both: pairs of observed and true `Spectra`, `batch` stars at a time."""
    streams = dict(zip(STREAMS, np.random.default_rng(config.seed).spawn(len(STREAMS)), strict=True))
    stars = draw_stars(config.n_stars, streams["stars"], config.population)
    catalogue = _catalogue(stars, config, streams["catalogue"])
    own = own_effects(config.n_stars, streams)
    ids = np.array([f"apogee-mock-{i:07d}" for i in range(config.n_stars)])
    for start in range(0, config.n_stars, batch):
        rows = slice(start, start + batch)
        some = stars[rows]
        snr = np.asarray(some["snr"])[:, None]
        draws = {name: values[rows] for name, values in own.items()}
        sky = sky_light(some, draws["sky"][:, 1])
        flux = true_flux(emulator, some, config, draws, sky)
        error = np.sqrt(np.maximum(flux, 0.01) + sky) / snr  # photons of the star and of the sky
        noisy = flux + error * streams["noise"].standard_normal(flux.shape, dtype=np.float32)
        mask = _bad_runs(flux.shape, config, streams["mask"]) | (sky * (snr / SKY_SNR) ** 2 > config.sky_limit)
        ivar = np.where(mask, 0.0, error**-2)
        level, true_level = continuum(noisy, ivar), continuum(flux, ivar)
        lost = ~((level > 0) & (true_level > 0))  # too few good pixels on a detector to tell its continuum: rare
        observed = Spectra(APOGEE_PIXELS, noisy / level, error / level, mask | lost, ids[rows], catalogue[rows])
        yield observed, Spectra(APOGEE_PIXELS, flux / true_level, error / true_level, lost, ids[rows], some)


def _bad_runs(shape, config, rng):
    """Runs of bad pixels, with lengths from 1 on that are geometrically distributed."""
    rate = config.bad_runs / shape[1]
    draw = rng.random(shape, dtype=np.float32)
    # a draw below the rate starts a run, and how far below tells its length
    share = np.where(draw < rate, draw / max(rate, 1e-9), 1.0)
    length = np.where(share < 1.0, 1 + np.floor(np.log(np.maximum(share, 1e-6)) / np.log1p(-1 / RUN)), 0)
    pixel = np.arange(shape[1])
    return np.maximum.accumulate(np.where(length > 0, pixel + length, 0), axis=1) > pixel


def _catalogue(stars, config, rng):
    """What a survey's table tells of its stars: S/N, velocity, and three labels with errors."""
    table, errors = Table({"snr": stars["snr"], "rv": stars["rv"]}), {}
    for name, (floor, faint) in LABEL_ERRORS.items():
        error = config.label_errors * (floor + faint * 100.0 / np.asarray(stars["snr"]))
        table[name] = stars[name] + error * rng.normal(size=len(stars))
        table[name].unit = stars[name].unit
        errors[f"{name}_error"] = error
    for name, error in errors.items():
        table[name] = error
        table[name].unit = table[name.removesuffix("_error")].unit
    return table
