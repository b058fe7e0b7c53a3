"""The two domains of a study with a mock survey: labels for an emulator, and spectra of other stars
that were observed.

The stars of the two domains are drawn from the same population and have none in common. The truth
is kept for the test stars alone: no training sees it."""

from dataclasses import dataclass, fields

import numpy as np

from specnb.core.spectra import Spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.population import draw_stars

STARS = 10_000  # of each domain, for the shipped translators; the paper has about 100,000
TEST_SEED = 1_000_000  # of the test stars, the same for all trainings


@dataclass(frozen=True, eq=False)
class Domains:
    """What a translator trains on.

    Attributes
    ----------
    labels : ndarray, shape (n, n_labels), float32
        Of the synthetic stars, in the emulator's order.
    observed : Spectra
        Of n other stars.
    """

    labels: np.ndarray
    observed: Spectra


def mock_domains(emulator, n: int, seed: int = 1, **settings) -> Domains:
    """Draw n synthetic stars and observe n others.

    Parameters
    ----------
    emulator : Emulator
        Of a survey that has a mock survey.
    n : int
        Stars of each domain.
    seed : int
        From 0 to 499,999: other stars and other noise, but the same errors of the line list.
    **settings
        Of the mock survey, fields of ``emulator.survey.mock``.

    Raises
    ------
    ValueError
        If the survey has no mock survey, a setting is unknown, or a number out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ValueError(f"seed is {seed!r}: it must be an integer")
    if not 0 <= seed < TEST_SEED // 2:
        raise ValueError(f"seed is {seed}: it must be from 0 to {TEST_SEED // 2 - 1}")
    config = _config(emulator.survey, n, 2 * seed, settings)
    observed, _ = make_mock(emulator, config)
    stars = draw_stars(emulator.survey, n, np.random.default_rng(2 * seed + 1), config.population)
    return Domains(true_labels(stars, emulator), observed)


def unseen_stars(emulator, n: int, **settings):
    """Stars of the mock survey that no training has seen, and the truth about them.

    Parameters
    ----------
    emulator, **settings
        As for `mock_domains`.
    n : int

    Returns
    -------
    observed, truth : Spectra
        As `make_mock` returns them.
    """
    return make_mock(emulator, _config(emulator.survey, n, TEST_SEED, settings))


def true_labels(stars, emulator) -> np.ndarray:
    """Columns of a table in the emulator's order, shape (n, n_labels), float32."""
    return np.column_stack([np.asarray(stars[name], dtype=np.float32) for name in emulator.labels])


def _config(survey, n, seed, settings):
    kind = survey.mock
    if kind is None:
        raise ValueError(
            f"survey {survey.name} has no mock survey: give an emulator of one that has"
        )
    known = {entry.name for entry in fields(kind)} - {"n_stars", "seed"}
    if unknown := sorted(set(settings) - known):
        raise ValueError(
            f"{unknown[0]} is no setting of {kind.__name__} that may be changed: {', '.join(sorted(known))}"
        )
    return kind(n_stars=n, seed=seed, **settings)
