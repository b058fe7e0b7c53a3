"""The regression of real spectra on labels, on top of physics."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import specnb
from specnb.emulator.changes import DEGREE, LabelCorrection
from specnb.emulator.model import Emulator
from specnb.fitting.pulls import interior_stars
from specnb.surveys import RVS
from specnb.translate.label_correction import SIZE, corrected_by_labels

NAMES = ("teff", "logg", "m_h")


def known_labels(catalogue, rng):
    return {name: np.asarray(catalogue[name], float) for name in RVS.names}


PHYSICS = Emulator(specnb.load_emulator("rvs").network, replace(RVS, complete_labels=known_labels))


def labels_of(stars):
    return np.column_stack([stars.labels[name] for name in RVS.names])


def observed(n, seed):
    """Stars whose spectra differ from physics by polynomials of labels, with lines and continua."""
    stars = interior_stars(PHYSICS, n, 300.0, seed)
    t, g, m = ((labels_of(stars)[:, :3] - [5000.0, 3.0, -0.2]) / [700.0, 0.8, 0.3]).T
    x = np.linspace(0.0, 1.0, 800)
    change = 0.01 * np.outer(t, np.sin(20 * x)) + 0.006 * np.outer(t * m, np.cos(30 * x))
    change += 0.004 * np.outer(g**3, np.exp(-((x - 0.5) ** 2) / 0.001)) + 0.01 * x
    return replace(stars, flux=stars.flux + change), change


@pytest.fixture(scope="module")
def corrected():
    return corrected_by_labels(PHYSICS, observed(1500, 1)[0], NAMES)


def test_a_polynomial_of_labels_is_recovered(corrected):
    stars, change = observed(200, 2)
    labels = labels_of(stars)
    found = corrected(labels) - PHYSICS(labels)
    assert np.std(found - change) < 0.1 * np.std(change)


def test_other_labels_keep_the_derivatives_of_physics(corrected):
    labels = labels_of(observed(3, 3)[0])
    both = [emulator.jacobian(labels) for emulator in (corrected, PHYSICS)]
    np.testing.assert_allclose(both[0][:, 3:], both[1][:, 3:], atol=1e-6)
    assert np.abs(both[0][:, 2] - both[1][:, 2]).max() > 0.001


def test_masked_pixels_do_not_count_and_unseen_ones_stay_as_they_are():
    stars, _ = observed(100, 4)
    mask = stars.mask.copy()
    mask[:, 300:310] = True
    mask[:50, 400:410] = True
    wild = replace(stars, flux=np.where(mask, 1.5, stars.flux), mask=mask)
    tame = replace(stars, mask=mask)
    labels = labels_of(stars)
    made, same = (corrected_by_labels(PHYSICS, each, NAMES)(labels) for each in (wild, tame))
    np.testing.assert_allclose(made, same, atol=1e-6)
    np.testing.assert_allclose(made[:, 300:310], PHYSICS(labels)[:, 300:310], atol=1e-6)


def test_few_stars_change_little():
    """Coefficients that no star tells are expected to be 0 ± SIZE."""
    stars, _ = observed(3, 5)
    step = corrected_by_labels(PHYSICS, stars, NAMES).steps[0]
    assert step.coefficients.abs().max() < 10 * SIZE


def test_it_does_not_grow_without_limit_beyond_its_stars():
    step = LabelCorrection([0], [5000.0], [500.0], np.ones((DEGREE + 1, 1)))
    teff = torch.tensor([[5000.0], [5250.0], [50_000.0], [500_000.0]])
    low, near, far, farther = step.features(teff)
    np.testing.assert_allclose(low, [1.0, 0.0, 0.0, 0.0])
    x = 3 * np.tanh(0.5 / 3)
    np.testing.assert_allclose(near, [1.0, x, x**2, x**3], rtol=1e-5)
    np.testing.assert_allclose(far, farther)


def test_it_is_written_and_read_again(corrected, tmp_path):
    corrected.save(tmp_path / "mine.safetensors", "rvs")
    again = Emulator.load(tmp_path / "mine.safetensors", RVS)
    labels = labels_of(observed(3, 3)[0])
    np.testing.assert_allclose(again(labels), corrected(labels), atol=1e-6)
    assert (tmp_path / "mine.safetensors").stat().st_size < 200_000
