"""The two domains of a study with a mock survey: labels of synthetic stars, and observed spectra.

The synthetic spectra are made from the labels by an emulator. The stars of the two domains are
drawn from the same population, and no star is in both. The truth is kept for the test stars only,
and no training uses it.
"""

from dataclasses import dataclass, field

import numpy as np

from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.population import draw_stars

# number of stars of each domain for the shipped translators; the paper has about 100,000
STARS = 10_000
OTHERS = 1000  # stars that give the mean of what differs from star to star
TEST_SEED = 1_000_000  # seed of the test stars, which are the same for all trainings


@dataclass(frozen=True, eq=False)
class Domains:
    """The training data of a translator.

    Attributes
    ----------
    labels : ndarray, shape (n, n_labels), float32
        Labels of the synthetic stars, in the emulator's order.
    observed : Spectra
        Spectra of n other stars.
    """

    labels: np.ndarray = field(repr=False)
    observed: Spectra


def mock_domains(emulator, n: int, seed: int = 1, **settings) -> Domains:
    """Draw n synthetic stars and observe n others.

    Parameters
    ----------
    emulator : Emulator
        An emulator of a survey that has a mock survey.
    n : int
        Number of stars of each domain.
    seed : int
        From 0 to 499,999. Another seed gives other stars and other noise, but the same errors of
        the line list.
    **settings
        Settings of the mock survey, which are fields of ``emulator.survey.mock``.

    Raises
    ------
    ValueError
        If the survey has no mock survey, or a number is out of range.
    TypeError
        If a setting is unknown.
    """
    if isinstance(seed, bool) or seed not in range(TEST_SEED // 2):
        raise ValueError(f"seed is {seed!r}: it must be an integer from 0 to {TEST_SEED // 2 - 1}")
    config = _config(emulator.survey, n, 2 * seed, settings)
    observed, _ = make_mock(emulator, config)
    stars = draw_stars(emulator.survey, n, np.random.default_rng(2 * seed + 1), config.population)
    return Domains(true_labels(stars, emulator), observed)


def unseen_stars(emulator, n: int, **settings):
    """Stars of the mock survey that no training has seen, and their true spectra and labels.

    Parameters
    ----------
    emulator, **settings
        As for `mock_domains`.
    n : int

    Returns
    -------
    observed, truth : Spectra
        As from `specnb.surveys.mock.make_mock`.
    """
    return make_mock(emulator, _config(emulator.survey, n, TEST_SEED, settings))


def predictable_flux(emulator, n: int, **settings) -> np.ndarray:
    """What a perfect translator could know of `unseen_stars`: true flux (n, n_pix), float32.

    These are the true spectra of a survey in which nothing differs between stars with the same
    labels, such as the residuals of telluric lines, plus the mean that such effects have over
    `OTHERS` other stars.

    Parameters
    ----------
    emulator, n, **settings
        As for `unseen_stars`.
    """
    stars = _config(emulator.survey, n, TEST_SEED, settings)
    others = _config(emulator.survey, OTHERS, TEST_SEED + 1, settings)
    full, predictable = (
        make_mock(emulator, config)[1].flux for config in (others, others.without_single())
    )
    single = (full - predictable).mean(axis=0)
    return make_mock(emulator, stars.without_single())[1].flux + single


def true_labels(stars, emulator) -> np.ndarray:
    """Columns of a table in the emulator's order, shape (n, n_labels), float32."""
    return label_array(stars, emulator.survey.labels).astype(np.float32)


def _config(survey, n, seed, settings):
    if survey.mock is None:
        raise ValueError(
            f"survey {survey.name} has no mock survey: give an emulator of one that has"
        )
    return survey.mock(n_stars=n, seed=seed, **settings)
