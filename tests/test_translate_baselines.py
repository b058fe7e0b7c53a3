"""Models of the observed domain without a network."""

import numpy as np
import pytest
import torch

import specnb
from specnb.emulator.model import Emulator
from specnb.surveys.mock import make_mock
from specnb.surveys.population import draw_stars
from specnb.translate.baselines import MEAN, PERFECT, POWER, baselines, fitted_powers, perfect
from specnb.translate.comparison import fit_chains, summary
from specnb.translate.domains import predictable_flux, true_labels, unseen_stars

EMULATOR = specnb.load_emulator("rvs")
MOCK = EMULATOR.survey.mock.clean(n_stars=1500, seed=5, wrong_lines=1.0, false_line=1.0)


@pytest.fixture(scope="module")
def domains():
    observed, truth = make_mock(EMULATOR, MOCK)
    stars = draw_stars(EMULATOR.survey, 1500, np.random.default_rng(6), MOCK.population)
    return true_labels(stars, EMULATOR), observed, truth


@pytest.fixture(scope="module")
def models(domains):
    return baselines(EMULATOR, *domains[:2])


def rms(model, truth):
    return np.sqrt(np.mean((model(true_labels(truth.labels, EMULATOR)) - truth.flux) ** 2))


def test_line_strengths_are_found_without_pairs(domains, models):
    strength = MOCK.line_strength(EMULATOR.wavelength)
    power = models[POWER].steps[0].power.numpy()
    wrong = np.abs(strength - 1) > 0.1
    assert wrong.sum() > 20
    assert np.corrcoef(power[wrong], strength[wrong])[0, 1] > 0.9
    assert np.median(np.abs(power[~wrong] - 1)) < 0.1


def test_each_baseline_has_the_mean_of_the_observed_stars(domains, models):
    labels, observed, _ = domains
    for name in (MEAN, POWER):
        np.testing.assert_allclose(
            models[name](labels).mean(axis=0), observed.flux.mean(axis=0), atol=1e-4
        )


def test_a_wrong_line_strength_is_better_described_by_a_power_than_by_a_constant(domains, models):
    physics, mean, power, linear = (
        rms(model, domains[2]) for model in (EMULATOR, *models.values())
    )
    assert power < 0.5 * mean < 0.5 * physics
    assert linear < 0.5 * physics


def test_powers_of_pixels_without_a_line_stay_near_one():
    flux = torch.full((100, 2), 0.999)
    flux[:, 1] = torch.linspace(0.3, 0.9, 100)
    mean = torch.stack([torch.tensor(0.99), (flux[:, 1] ** 1.3).mean()])
    flat, line = fitted_powers(flux, mean, torch.full((2,), 2.5e-5))
    assert abs(flat - 1) < 0.2  # a power of 10 would be needed for this mean
    assert line == pytest.approx(1.3, abs=0.02)


def test_pixels_that_nobody_observed_are_not_changed(domains):
    labels, observed, _ = domains
    mask = observed.mask.copy()
    mask[:, 400] = True
    blind = specnb.Spectra(
        observed.wavelength, observed.flux, observed.flux_error, mask, observed.ids
    )
    change = baselines(EMULATOR, labels, blind)[POWER].steps[0]
    assert change.power[400] == pytest.approx(1.0, abs=1e-4)
    assert change.offset[400] == pytest.approx(0.0, abs=1e-4)


def test_a_baseline_is_saved_and_read(models, tmp_path):
    models[POWER].save(tmp_path / "power.safetensors")
    read = Emulator.load(tmp_path / "power.safetensors", EMULATOR.survey)
    labels = EMULATOR.survey.table([list(EMULATOR.survey.start.values())])
    np.testing.assert_array_equal(read(labels), models[POWER](labels))


def test_the_spectra_of_a_perfect_translator_lack_only_what_differs_from_star_to_star():
    stars, truth = unseen_stars(EMULATOR, 80, interstellar_band=0.0)
    predictable = predictable_flux(EMULATOR, 80, interstellar_band=0.0)
    model = perfect(EMULATOR, truth.labels, predictable)
    labels = true_labels(truth.labels, EMULATOR)
    np.testing.assert_allclose(model(labels), predictable, atol=1e-5)
    # The continuum, a polynomial of each star, is all that is left.
    left = truth.flux / predictable
    assert np.std(left) == pytest.approx(0.004, rel=0.4)
    smooth = np.polynomial.legendre.legfit(np.linspace(-1, 1, 800), left.T, 3)
    smooth = np.polynomial.legendre.legval(np.linspace(-1, 1, 800), smooth)
    np.testing.assert_allclose(left, smooth, atol=1e-3)

    fits, residuals = fit_chains(stars, {"physics only": EMULATOR, PERFECT: model})
    physics, floor = summary(fits, residuals, truth.labels, ("teff", "logg", "m_h"))
    assert floor["chi2"] == pytest.approx(1.0, abs=0.05) and physics["chi2"] > 1.5
    assert floor["bias"] < 0.5 < physics["bias"]
    assert floor["bias"] < 3 * floor["bias_error"] + 0.1
    assert floor["scatter"] < 0.8 and physics["scatter"] == 1
    assert floor["pull_width"] == pytest.approx(1.0, abs=0.3) and physics["pull_width"] > 1.5
    assert floor["labels"] == 3
    with pytest.raises(ValueError, match="3 spectra, but 80 offsets"):
        fit_chains(stars[:3], {PERFECT: model})
