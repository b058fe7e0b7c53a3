"""The two domains of a study with a mock survey: labels for an emulator, and spectra of other stars that were observed.

The stars of the two domains are drawn from the same population and have none in common. The truth is kept for the test
stars alone: no training sees it.
"""

from dataclasses import dataclass, fields

import numpy as np

from specnb.surveys.rvs import mock
from specnb.surveys.rvs import population
from specnb.surveys.apogee import mock as apogee_mock
from specnb.surveys.apogee import population as apogee_population
from specnb.core.spectra import Spectra

SURVEYS = {
    "rvs": (mock.MockConfig, mock.make_mock, population.draw_stars),
    "apogee": (apogee_mock.ApogeeMockConfig, apogee_mock.make_mock, apogee_population.draw_stars),
}
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


def mock_domains(emulator, band: str, n: int, seed: int = 1, **survey) -> Domains:
    """Draw n synthetic stars and observe n others.

    Parameters
    ----------
    emulator : Emulator
        Of the band.
    band : "rvs" or "apogee"
    n : int
        Stars of each domain.
    seed : int
        From 0 to 499,999: other stars and other noise, but the same errors of the line list.
    **survey
        Settings of the mock survey, see `specnb.surveys.rvs.mock.MockConfig` and `specnb.surveys.apogee.mock.ApogeeMockConfig`.

    Raises
    ------
    ValueError
        If the band or a setting is unknown, or a number out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ValueError(f"seed is {seed!r}: it must be an integer")
    if not 0 <= seed < TEST_SEED // 2:
        raise ValueError(f"seed is {seed}: it must be from 0 to {TEST_SEED // 2 - 1}")
    config = _config(band, n, 2 * seed, survey)
    _, make_mock, draw_stars = SURVEYS[band]
    observed, _ = make_mock(emulator, config)
    stars = draw_stars(n, np.random.default_rng(2 * seed + 1), config.population)
    return Domains(true_labels(stars, emulator), observed)


def unseen_stars(emulator, band: str, n: int, **survey):
    """Stars of the mock survey that no training has seen, and the truth about them.

    Parameters
    ----------
    emulator, band, **survey
        As for `mock_domains`.
    n : int

    Returns
    -------
    observed, truth : Spectra
        As `make_mock` returns them.
    """
    config = _config(band, n, TEST_SEED, survey)
    return SURVEYS[band][1](emulator, config)


def true_labels(stars, emulator) -> np.ndarray:
    """Columns of a table in the emulator's order, shape (n, n_labels), float32."""
    return np.column_stack([np.asarray(stars[name], dtype=np.float32) for name in emulator.labels])


def _config(band, n, seed, survey):
    if band not in SURVEYS:
        raise ValueError(f"band is {band!r}: give one of {', '.join(SURVEYS)}")
    kind = SURVEYS[band][0]
    known = {entry.name for entry in fields(kind)} - {"n_stars", "seed"}
    if unknown := sorted(set(survey) - known):
        raise ValueError(
            f"{unknown[0]} is no setting of {kind.__name__} that may be changed: {', '.join(sorted(known))}"
        )
    return kind(n_stars=n, seed=seed, **survey)
