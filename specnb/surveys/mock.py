"""Mock surveys: spectra from an emulator that differ from it in known ways, of stars whose truth is
known.

What is common to all mock surveys is here; how the spectra of a survey differ from the emulator's
is in its own configuration, `specnb.surveys.rvs.mock.RvsMockConfig` and
`specnb.surveys.apogee.mock.ApogeeMockConfig`. What is drawn at random has streams of random numbers
of its own, so that two surveys with the same seed hold the same stars and the same noise whatever
else is switched on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from astropy.table import Table

from specnb.core.config import check_fields, within
from specnb.core.spectra import Spectra
from specnb.surveys.kiel import stars_exist
from specnb.surveys.population import Population, draw_stars


@dataclass(frozen=True)
class MockConfig(ABC):
    """A mock survey: its stars, and, in the classes made from this one, how its spectra differ.

    A survey's own class has a field for each effect and gives the methods that are missing here.

    Attributes
    ----------
    n_stars : int
    seed : int
    population : Population
    label_errors : float
        Scale of `LABEL_ERRORS`; 0 puts the true labels in the catalogue.
    PREFIX : str
        Beginning of the names of the stars.
    STREAMS : tuple of str
        What has random numbers of its own, "stars" and "catalogue" among them.
    BATCH : int
        Stars that are computed at a time, which bounds memory.
    LABEL_ERRORS : dict of (float, float, float)
        Errors of catalogue labels: at infinite S/N, added at S/N = `FAINT`, and the largest.
    FAINT : float
    OBSERVED : tuple of str
        What the catalogue tells of a star besides its labels: columns of `draw_observation`.
    """

    n_stars: int = within(1, 10_000_000, default=10_000)
    seed: int = within(0, 2**63 - 1, default=1)
    population: Population = field(default_factory=Population)
    label_errors: float = within(0.0, 2.0, default=1.0)

    PREFIX: ClassVar[str]
    STREAMS: ClassVar[tuple[str, ...]]
    BATCH: ClassVar[int]
    LABEL_ERRORS: ClassVar[dict[str, tuple[float, float, float]]]
    FAINT: ClassVar[float]
    OBSERVED: ClassVar[tuple[str, ...]] = ()
    exist = staticmethod(stars_exist)

    def __post_init__(self):
        if not isinstance(self.population, Population):
            raise TypeError(f"population is {self.population!r}: it must be a Population")
        check_fields(self)

    @staticmethod
    @abstractmethod
    def draw_labels(component, stage, rng) -> dict[str, np.ndarray]:
        """Labels of stars of given components and stages (indices), by name."""

    @staticmethod
    @abstractmethod
    def draw_observation(component, population, rng) -> list:
        """Columns of what is observed of stars besides their spectra, such as their magnitudes."""

    @abstractmethod
    def own_effects(self, streams) -> dict[str, np.ndarray]:
        """What each star's spectrum has of its own whatever its labels: arrays of n_stars rows."""

    @abstractmethod
    def signal_to_noise(self, stars) -> np.ndarray:
        """S/N per pixel in the continuum."""

    @abstractmethod
    def observe(self, emulator, stars, own, streams):
        """Observe some stars: flux without noise, its standard deviation, noisy flux and mask.

        All have the shape (n, n_pix); flux is not yet normalised by `Survey.normalize`.
        """

    def true_flux(self, emulator, stars, own):
        """Flux (n, n_pix) without noise, of surveys whose spectra are not normalised again."""
        raise ValueError(
            f"spectra of {type(self).__name__} are normalised with their noise: they cannot be made again"
        )

    def streams(self):
        """A generator of random numbers for each of `STREAMS`."""
        spawned = np.random.default_rng(self.seed).spawn(len(self.STREAMS))
        return dict(zip(self.STREAMS, spawned, strict=True))


def make_mock(emulator, config: MockConfig):
    """A mock survey in memory. The same seed gives the same arrays.

    Parameters
    ----------
    emulator : Emulator
        Of the survey.
    config : MockConfig
        Of the survey's own class, ``emulator.survey.mock``.

    Returns
    -------
    observed : Spectra
        Noisy spectra. ``labels`` is a catalogue: what ``config.OBSERVED`` names, the labels of
        ``config.LABEL_ERRORS`` with Gaussian errors, and ``<label>_error``.
    truth : Spectra
        The same spectra without noise and bad pixels; where the survey normalises, over the
        pseudo-continuum that the same pixels give without noise. ``flux_error`` is the noise that
        the observed ones have. ``labels`` holds the true labels, what is observed of a star
        besides, component and stage.

    Raises
    ------
    ValueError
        If the emulator has a label that the population lacks, or pixels of another survey.
    """
    observed, truth = zip(*_batches(emulator, config), strict=True)
    return Spectra.join(observed), Spectra.join(truth)


def remake(emulator, config, ids, labels):
    """Spectra of stars of a mock survey as they would be with other labels: the truth of
    counterfactuals.

    All else of a star stays, in the RVS its interstellar band and its continuum residual. The same
    labels give the same spectrum.

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
        rows = [int(name.removeprefix(f"{config.PREFIX}-")) for name in ids]
        own = {name: draws[rows] for name, draws in config.own_effects(config.streams()).items()}
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"the mock survey of {config.n_stars} stars does not have all these stars: {error}"
        ) from None
    return config.true_flux(emulator, labels, own).astype(np.float32)


def emulated(emulator, stars):
    """The emulator's flux for stars of a mock survey, float64, shape (n, n_pix).

    Raises
    ------
    ValueError
        If the emulator has a label that the stars lack.
    """
    if unknown := [name for name in emulator.labels if name not in stars.colnames]:
        raise ValueError(f"the emulator takes {', '.join(unknown)}, which the stars do not have")
    return emulator(np.column_stack([stars[name] for name in emulator.labels])).astype(float)


def strengthened(flux, factor):
    """Flux in pixels where the optical depth of lines is larger by a factor, in place."""
    wrong = factor != 1.0
    flux[:, wrong] = np.maximum(flux[:, wrong], 1e-3) ** factor[wrong]
    return flux


def _batches(emulator, config):
    """Pairs of observed and true `Spectra`, ``config.BATCH`` stars at a time."""
    survey, streams = emulator.survey, config.streams()
    stars = draw_stars(survey, config.n_stars, streams["stars"], config.population)
    catalogue = _catalogue(stars, config, streams["catalogue"])
    own = config.own_effects(streams)
    ids = np.array([f"{config.PREFIX}-{i:07d}" for i in range(config.n_stars)])
    for start in range(0, config.n_stars, config.BATCH):
        rows = slice(start, start + config.BATCH)
        draws = {name: values[rows] for name, values in own.items()}
        flux, error, noisy, mask = config.observe(emulator, stars[rows], draws, streams)
        level = true_level = 1.0
        lost = np.zeros_like(mask)
        if survey.normalize is not None:
            ivar = np.where(mask, 0.0, error**-2)
            level, true_level = survey.normalize(noisy, ivar), survey.normalize(flux, ivar)
            lost = ~((level > 0) & (true_level > 0))  # too few good pixels on a detector: rare
        observed = noisy / level, error / level, mask | lost
        true = flux / true_level, error / true_level, lost
        yield (
            Spectra(emulator.wavelength, *observed, ids[rows], catalogue[rows]),
            Spectra(emulator.wavelength, *true, ids[rows], stars[rows]),
        )


def _catalogue(stars, config, rng):
    """What a survey's table tells of its stars: some labels with errors that grow as the S/N falls."""
    snr = np.asarray(config.signal_to_noise(stars))
    table, errors = Table({name: stars[name] for name in config.OBSERVED}), {}
    for name, (floor, faint, largest) in config.LABEL_ERRORS.items():
        error = np.minimum(config.label_errors * (floor + faint * config.FAINT / snr), largest)
        table[name] = stars[name] + error * rng.normal(size=len(stars))
        table[name].unit = stars[name].unit
        errors[f"{name}_error"] = error
    for name, error in errors.items():
        table[name] = error
        table[name].unit = table[name.removesuffix("_error")].unit
    return table
