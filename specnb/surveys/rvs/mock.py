"""A mock reference survey: spectra from an emulator that differ from it in known ways.

They differ by the effects of `specnb.surveys.rvs.effects`, by bad pixels and by noise. Each is a switch of `MockConfig`, and what is
drawn at random has its own stream of random numbers, so two surveys with the same seed hold the same stars and the same
noise whatever is switched on.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table

from specnb.surveys.rvs.effects import own_effects, true_flux
from specnb.core.config import check_fields, within
from specnb.surveys.rvs.population import Population, draw_stars
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter
from specnb.core.wavelength import RVS_RESOLVING_POWER

BATCH = 4096  # stars at a time: about 0.4 GB at work
STREAMS = ("stars", "catalogue", "band", "continuum", "noise", "mask", "cosmics")  # one generator each

# Errors of catalogue labels: at infinite S/N, added at S/N = 25, and the largest one that the papers' cuts let pass.
LABEL_ERRORS = {
    "teff": (25.0, 75.0, 200.0),
    "logg": (0.05, 0.12, 0.5),
    "m_h": (0.02, 0.06, 0.3),
    "alpha_fe": (0.02, 0.04, 0.2),
}

@dataclass(frozen=True)
class MockConfig:
    """A mock survey: its stars, and how far its spectra are from the emulator's.

    Raises
    ------
    ValueError
        If a number is outside its limits or not of its type.
    TypeError
        If the population is not a `Population`, or a name is unknown.
    """

    # a third of the papers' 64,305 reference stars: enough to train on, made in seconds
    n_stars: int = within(1, 10_000_000, default=20_000)
    seed: int = within(0, 2**63 - 1, default=1)
    population: Population = field(default_factory=Population)
    # scale of the errors in `effects.WRONG_LINES`: line lists are wrong by tens of per cent
    wrong_lines: float = within(0.0, 2.0, default=1.0)
    # fraction of the optical depth at `effects.FALSE_LINE` that real stars do not show
    false_line: float = within(0.0, 1.0, default=1.0)
    # scale of a stellar line that the emulator lacks: 14% deep at 5000 K and [M/H] = 0
    missing_line: float = within(0.0, 5.0, default=1.0)
    # mean central optical depth of the band at 862 nm: it does not know the labels
    interstellar_band: float = within(0.0, 0.5, default=0.02)
    # rms of what normalisation leaves behind: a cubic of 0.3-0.5%
    continuum: float = within(0.0, 0.05, default=0.004)
    # of the observed spectra; the emulator's 11,500 is the nominal value
    resolving_power: float = within(5000.0, RVS_RESOLVING_POWER, default=11_000.0)
    bad_pixels: float = within(0.0, 0.5, default=0.002)  # fraction of isolated bad pixels, masked
    # longest run of masked pixels at either end: real stars miss up to 18 of 0.1 Å
    bad_ends: int = within(0, 100, default=6)
    # fraction of pixels hit and not masked: off, as the RVS combines many transits
    cosmics: float = within(0.0, 0.1, default=0.0)
    # photon S/N per pixel of 0.3 Å at G = 14; see `signal_to_noise`
    snr_faint: float = within(1.0, 1e4, default=24.0)
    # relative error that does not fall with brightness: calibration
    noise_floor: float = within(0.0, 0.1, default=0.002)
    # scale of `LABEL_ERRORS`; 0 puts the true labels in the catalogue
    label_errors: float = within(0.0, 2.0, default=1.0)

    def __post_init__(self):
        if not isinstance(self.population, Population):
            raise TypeError(f"population is {self.population!r}: it must be a Population")
        check_fields(self)

    @classmethod
    def clean(cls, **changes):
        """The emulator's spectra with noise and nothing else, for tests of pulls; `changes` as in the class."""
        off = dict.fromkeys(("wrong_lines", "false_line", "missing_line", "interstellar_band", "continuum"), 0.0)
        off |= {"resolving_power": RVS_RESOLVING_POWER, "bad_pixels": 0.0, "bad_ends": 0, "cosmics": 0.0}
        return cls(**(off | changes))


def signal_to_noise(g_mag, config=None):
    """S/N per pixel in the continuum: photon noise and a floor,

    1 / (S/N)² = 10**(0.4 (G - 14)) / snr_faint² + noise_floor².

    By default 300 at G = 8 and 24 at G = 14.

    Parameters
    ----------
    g_mag : array_like
        Apparent G magnitude.
    config : MockConfig, optional

    Returns
    -------
    ndarray
    """
    return 1.0 / _noise(np.asarray(g_mag, dtype=float), 1.0, config or MockConfig())


def make_mock(emulator, config=None):
    """A mock survey in memory, for small sizes. Same seed, same arrays.

    Parameters
    ----------
    emulator : Emulator
        On evenly spaced pixels.
    config : MockConfig, optional

    Returns
    -------
    observed : Spectra
        Noisy spectra. ``labels`` is a catalogue: teff, logg, m_h, alpha_fe with Gaussian errors, and ``<label>_error``.
    truth : Spectra
        The same spectra without noise and bad pixels; ``flux_error`` is the noise that the observed ones have.
        ``labels`` holds the true six labels, g_mag, component and stage.

    Raises
    ------
    ValueError
        If the emulator has a label that the population lacks, or unevenly spaced pixels.
    """
    observed, truth = zip(*_batches(emulator, config or MockConfig()), strict=True)
    return Spectra.join(observed), Spectra.join(truth)


def write_mock_survey(path, emulator, config=None):
    """Write a mock survey to HDF5 batch by batch: groups "spectra" and "truth", as `make_mock` returns them.

    Labels, noise and masks do not depend on the size of the batches; the emulator's last bit may.

    Parameters
    ----------
    path : str or Path
        File to write; replaced only when the new one is whole.
    emulator : Emulator
    config : MockConfig, optional

    Raises
    ------
    ValueError
        As `make_mock`.
    """
    with SpectraWriter(path) as writer:
        for observed, truth in _batches(emulator, config or MockConfig()):
            writer.append(observed, group="spectra")
            writer.append(truth, group="truth")


def remake(emulator, config, ids, labels):
    """Spectra of stars of a mock survey as they would be with other labels: the truth of counterfactuals.

    All else of a star stays: its interstellar band and its continuum residual. Same labels, same spectrum.

    Parameters
    ----------
    emulator : Emulator
    config : MockConfig
        Of the survey.
    ids : array_like of str, shape (n,)
        Names of stars as the survey has them.
    labels : Table
        One row for each of them, with the emulator's labels.

    Returns
    -------
    ndarray, shape (n, n_pix), float32
        Without noise, as the survey's truth.

    Raises
    ------
    ValueError
        If a name is not one of the survey's, or as `make_mock`.
    """
    try:
        rows = [int(name.removeprefix("mock-")) for name in ids]
        own = [draws[rows] for draws in own_effects(config.n_stars, _streams(config))]
    except (ValueError, IndexError) as error:
        raise ValueError(f"the mock survey of {config.n_stars} stars does not have all these stars: {error}") from None
    return true_flux(emulator, labels, config, own).astype(np.float32)


def _batches(emulator, config, batch=BATCH):
    """The one generator behind both: pairs of observed and true `Spectra`, `batch` stars at a time."""
    streams = _streams(config)
    stars = draw_stars(config.n_stars, streams["stars"], config.population)
    catalogue = _catalogue(stars, config, streams["catalogue"])
    own = own_effects(config.n_stars, streams)
    ids = np.array([f"mock-{i:07d}" for i in range(config.n_stars)])
    for start in range(0, config.n_stars, batch):
        rows = slice(start, start + batch)
        some = stars[rows]
        flux = true_flux(emulator, some, config, [draws[rows] for draws in own])
        error = _noise(np.asarray(some["g_mag"])[:, None], flux, config)
        noisy, mask = _measure(flux, error, config, streams)
        observed = Spectra(emulator.wavelength, noisy, error, mask, ids[rows], catalogue[rows])
        yield observed, Spectra(emulator.wavelength, flux, error, np.zeros_like(mask), ids[rows], some)


def _streams(config):
    """A generator of random numbers for each of `STREAMS`."""
    return dict(zip(STREAMS, np.random.default_rng(config.seed).spawn(len(STREAMS)), strict=True))


def _noise(g_mag, flux, config):
    """Standard deviation of the flux: photon noise as the square root of the flux, plus a floor in quadrature."""
    photons = 10 ** (0.4 * (g_mag - 14.0)) / config.snr_faint**2
    return np.sqrt(photons * np.maximum(flux, 0.01) + config.noise_floor**2)


def _measure(flux, error, config, streams):
    """Add noise and hits, and find bad pixels. Returns the noisy flux and the mask."""
    noisy = flux + error * streams["noise"].normal(size=flux.shape)
    n, n_pix = flux.shape
    pixel = np.arange(n_pix)
    draw = streams["mask"].random((n, n_pix + 2))  # two more for the lengths of the runs at the ends
    first, last = np.floor(draw[:, :2] * (config.bad_ends + 1)).T[:, :, None]
    mask = (draw[:, 2:] < config.bad_pixels) | (pixel < first) | (pixel >= n_pix - last)
    hit = streams["cosmics"].random((n, n_pix)) < config.cosmics
    noisy[hit] += 20.0 * error[hit]  # an outlier beyond doubt
    return noisy, mask


def _catalogue(stars, config, rng):
    """Labels as a reference catalogue has them: four labels with errors that grow as the S/N falls."""
    snr = signal_to_noise(stars["g_mag"], config)
    table, errors = Table(), {}
    for name, (floor, faint, cut) in LABEL_ERRORS.items():
        error = np.minimum(config.label_errors * (floor + faint * 25.0 / snr), cut)
        table[name] = stars[name] + error * rng.normal(size=len(stars))
        table[name].unit = stars[name].unit
        errors[f"{name}_error"] = error
    for name, error in errors.items():
        table[name] = error
        table[name].unit = table[name.removesuffix("_error")].unit
    return table
