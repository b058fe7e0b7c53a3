"""Mock surveys: spectra that differ from an emulator's in known ways, of stars with known labels.

This module holds what all mock surveys have in common. The configuration of each survey says how
its spectra differ from the emulator's: `specnb.surveys.rvs.mock.RvsMockConfig` and
`specnb.surveys.apogee.mock.ApogeeMockConfig`. Stars, noise and each effect have separate streams of
random numbers. Two surveys with the same seed therefore have the same stars and the same noise,
whichever effects are switched on.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace

import numpy as np
from astropy.table import Column, Table

from specnb.core.catalogues import check_ids
from specnb.core.config import check_fields, within
from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.core.values import names
from specnb.surveys.population import Population, draw_stars
from specnb.surveys.survey import all_inside


@dataclass(frozen=True)
class MockConfig(ABC):
    """Configuration of a mock survey: its stars and, in subclasses, how its spectra differ.

    The subclass of a survey has a field for each effect and defines the abstract methods.

    Attributes
    ----------
    n_stars : int
        Number of stars.
    seed : int
        Seed of all random numbers.
    population : Population
        Population from which the stars are drawn.
    label_errors : float
        Factor on `LABEL_ERRORS`. With 0 the catalogue has the true labels.
    PREFIX : str
        Text with which the names of the stars begin. This and all that follows are attributes of
        the subclass, not fields.
    STREAMS : tuple of str
        Names of the streams of random numbers. "stars" and "catalogue" are among them.
    BATCH : int
        Number of stars that are computed at a time, which limits the memory.
    LABEL_ERRORS : dict of (float, float, float)
        For each label of the catalogue three errors: the error at infinite S/N, what is added to it
        at S/N = `FAINT`, and the largest error.
    FAINT : float
        S/N to which the second of these errors refers.
    SINGLE : tuple of str
        Fields of effects that differ from star to star whatever the labels are. 0 switches them off.
    OBSERVED : tuple of str
        Columns of `draw_observation` that the catalogue has besides the labels.
    """

    n_stars: int = within(1, 10_000_000, default=10_000)
    seed: int = within(0, 2**63 - 1, default=1)
    population: Population = field(default_factory=Population)
    label_errors: float = within(0.0, 2.0, default=1.0)

    OBSERVED, SINGLE = (), ()

    def __post_init__(self):
        if not isinstance(self.population, Population):
            raise TypeError(f"population is {self.population!r}: it must be a Population")
        check_fields(self)

    @classmethod
    def clean(cls, **changes):
        """A survey whose spectra are the emulator's with noise only, for tests of pulls.

        All fields of effects are switched off. ``changes`` are fields of the class.
        """
        off = {
            entry.name: entry.metadata["off"]
            for entry in fields(cls)
            if entry.metadata.get("off") is not None
        }
        return cls(**(off | changes))

    def without_single(self):
        """The same survey of the same stars without the effects of single stars, `SINGLE`."""
        return replace(self, **dict.fromkeys(self.SINGLE, 0.0))

    # Whether stars of given labels exist, bool of shape (n,). Others are drawn again.
    exist = staticmethod(all_inside)

    @staticmethod
    @abstractmethod
    def draw_labels(component, stage, rng) -> dict[str, np.ndarray]:
        """Draw the labels, by name, of stars of given components and stages (indices)."""

    @staticmethod
    @abstractmethod
    def draw_observation(component, population, rng) -> list:
        """Draw columns of what is observed of stars besides their spectra, such as magnitudes."""

    @abstractmethod
    def own_effects(self, streams) -> dict[str, np.ndarray]:
        """Draw the effects on each star's spectrum that do not depend on its labels, by name.

        Each is an array of n_stars rows.
        """

    def signal_to_noise(self, stars) -> np.ndarray:
        """S/N per pixel in the continuum. The default is the column snr of `draw_observation`."""
        return stars["snr"]

    @abstractmethod
    def observe(self, emulator, stars, own, streams):
        """Observe some stars.

        Returns flux without noise, its standard deviation, noisy flux and mask.

        All have the shape (n, n_pix). The flux is not yet divided by the pseudo-continuum of
        `Survey.normalize`.
        """

    def true_flux(self, emulator, stars, own):
        """Flux (n, n_pix) without noise, for surveys whose spectra are not normalised again."""
        raise ValueError(
            f"spectra of {type(self).__name__} are normalised with their noise: they cannot be made again"
        )

    def streams(self):
        """One generator of random numbers for each of `STREAMS`."""
        return dict(zip(self.STREAMS, np.random.default_rng(self.seed).spawn(len(self.STREAMS))))


def make_mock(emulator, config: MockConfig):
    """Make a mock survey in memory. The same seed gives the same arrays.

    Parameters
    ----------
    emulator : Emulator
        Emulator of the survey.
    config : MockConfig
        An object of the survey's class ``emulator.survey.mock``.

    Returns
    -------
    observed : Spectra
        Noisy spectra. ``labels`` is a catalogue with the columns of ``config.OBSERVED``, the labels
        of ``config.LABEL_ERRORS`` with Gaussian errors, and ``<label>_error``.
    truth : Spectra
        The same spectra without noise and bad pixels. If the survey normalises its spectra, they
        are divided by the pseudo-continuum of the same pixels without noise. ``flux_error`` is the
        noise of the observed spectra. ``labels`` has the true labels, the columns of
        ``config.draw_observation``, the component and the stage.

    Raises
    ------
    TypeError
        If the configuration is that of another survey.
    """
    if not isinstance(config, emulator.survey.mock):
        raise TypeError(
            f"{type(config).__name__} is not for {emulator.survey.title}: "
            f"give a {emulator.survey.mock.__name__}"
        )
    observed, truth = zip(*_batches(emulator, config), strict=True)
    return Spectra.join(observed), Spectra.join(truth)


def remake(emulator, config, ids, labels):
    """Make the spectra that stars of a mock survey would have with other labels.

    They are the truth for counterfactuals. Everything else of a star stays the same, in the RVS its
    interstellar band and its continuum residual. With its own labels a star has the same spectrum
    as in the survey.

    Parameters
    ----------
    emulator : Emulator
    config : MockConfig or None
        Configuration of the survey. None stands for the emulator's own spectra, of stars of any
        names.
    ids : array_like of str, shape (n,)
        Names of the stars in the survey.
    labels : Table
        One row for each of these stars, with the emulator's labels.

    Returns
    -------
    ndarray, shape (n, n_pix), float32
        Flux without noise, like the survey's truth.

    Raises
    ------
    ValueError
        If the survey has no star of one of the names, or if the labels are not theirs.
    """
    stars, ids = Table(labels, copy=True), names(ids)
    check_ids(stars, ids)
    for name, values in zip(emulator.labels, label_array(labels, emulator.survey.labels).T):
        stars[name] = values  # in the emulator's unit
    if config is None:
        return emulated(emulator, stars).astype(np.float32)
    known = _ids(config)
    if unknown := sorted(set(ids) - set(known)):
        raise ValueError(
            f"the mock survey of {config.n_stars} stars does not have all these stars: {unknown[0]}"
        )
    rows = np.searchsorted(known, ids)
    own = {name: draws[rows] for name, draws in config.own_effects(config.streams()).items()}
    return config.true_flux(emulator, stars, own).astype(np.float32)


def emulated(emulator, stars):
    """The emulator's flux for stars of a mock survey, float64, shape (n, n_pix)."""
    return emulator(label_array(stars, emulator.survey.labels)).astype(float)


def strengthened(flux, factor):
    """Multiply the optical depth of lines in each pixel by a factor. Changes ``flux`` in place."""
    wrong = factor != 1.0
    flux[:, wrong] = np.maximum(flux[:, wrong], 1e-3) ** factor[wrong]
    return flux


def _ids(config):
    """Names of all stars of a mock survey, in their order, which is also that of the alphabet."""
    return np.array([f"{config.PREFIX}-{i:07d}" for i in range(config.n_stars)])


def _batches(emulator, config):
    """Yield pairs of observed and true `Spectra` of ``config.BATCH`` stars at a time."""
    survey, streams = emulator.survey, config.streams()
    stars = draw_stars(survey, config.n_stars, streams["stars"], config.population)
    catalogue = _catalogue(stars, config, streams["catalogue"])
    own = config.own_effects(streams)
    ids = _ids(config)
    for start in range(0, config.n_stars, config.BATCH):
        rows = slice(start, start + config.BATCH)
        draws = {name: values[rows] for name, values in own.items()}
        flux, error, noisy, mask = config.observe(emulator, stars[rows], draws, streams)
        level = true_level = 1.0
        lost = np.zeros_like(mask)
        if survey.normalize is not None:
            ivar = np.where(mask, 0.0, error**-2)
            level, true_level = survey.normalize(noisy, ivar), survey.normalize(flux, ivar)
            # a detector has too few good pixels, which is rare
            lost = ~((level > 0) & (true_level > 0))
        observed = noisy / level, error / level, mask | lost
        true = flux / true_level, error / true_level, lost
        yield (
            Spectra(emulator.wavelength, *observed, ids[rows], catalogue[rows]),
            Spectra(emulator.wavelength, *true, ids[rows], stars[rows]),
        )


def _catalogue(stars, config, rng):
    """The survey's catalogue: some labels of its stars, with errors that grow as the S/N falls."""
    snr = np.asarray(config.signal_to_noise(stars))
    labels, errors = {name: stars[name] for name in config.OBSERVED}, {}
    for name, (floor, faint, largest) in config.LABEL_ERRORS.items():
        error = np.minimum(config.label_errors * (floor + faint * config.FAINT / snr), largest)
        values = np.asarray(stars[name]) + error * rng.normal(size=len(stars))
        labels[name] = Column(values, unit=stars[name].unit)
        errors[f"{name}_error"] = Column(error, unit=stars[name].unit)
    return Table(labels | errors)
