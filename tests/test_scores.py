"""χ² on the explorer's page is that of `fit_labels`, at the labels that were fitted."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from browser_numbers import shown_in_browser

from specnb.core.doppler import doppler_shift
from specnb.emulator.shipped import load_emulator
from specnb.surveys.mock import make_mock
from specnb.widgets import explore_emulator

VELOCITY = 34.5


@cache
def star(survey):
    """A mock star, some of whose pixels are masked."""
    physics = load_emulator(survey)
    observed, _ = make_mock(physics, physics.survey.mock(n_stars=2))
    mask = observed.mask.copy()
    mask[:, 100:130] = True
    return replace(observed, mask=mask)[[1]]


def moving(spectra):
    velocity = torch.tensor([VELOCITY]).double()
    flux = doppler_shift(torch.from_numpy(spectra.flux.astype(float)), spectra.wavelength, velocity)
    return replace(spectra, flux=flux.numpy(), at_rest=False)


def scores_of(emulator, spectra, folder):
    explorer = explore_emulator(emulator, stars=spectra, star=0)
    fit = explorer.fit()
    return fit, shown_in_browser(explorer, folder)["scores"], explorer


@pytest.mark.parametrize("name", ["rvs", "rvs-real", "apogee", "apogee-real"])
def test_chi2_is_that_of_a_fit(name, tmp_path):
    spectra = star(name.split("-")[0])
    fit, scores, _ = scores_of(load_emulator(name), spectra, tmp_path)
    assert scores["chi2"] / scores["nu"] == pytest.approx(fit["chi2_reduced"][0], rel=1e-3)


@pytest.mark.parametrize("name", ["rvs", "rvs-real", "apogee-real"])
def test_chi2_of_a_star_that_moves(name, tmp_path):
    """The model's errors move with it, and pixels whose light comes from elsewhere do not count."""
    spectra = moving(star(name.split("-")[0]))
    fit, scores, explorer = scores_of(load_emulator(name), spectra, tmp_path)
    assert explorer.velocity == pytest.approx(VELOCITY, abs=2)
    assert scores["pixels"] < (~spectra.mask).sum() - 10
    assert scores["chi2"] / scores["nu"] == pytest.approx(fit["chi2_reduced"][0], rel=1e-3)


@pytest.mark.parametrize("name", ["rvs", "rvs-real"])
def test_chi2_of_a_star_that_is_not_normalised(name, tmp_path):
    """The errors of a calibrated emulator are scaled to the star, nearly as the fit scales them."""
    spectra = star("rvs")
    spectra = replace(spectra, flux=3 * spectra.flux, flux_error=3 * spectra.flux_error)
    fit, scores, _ = scores_of(load_emulator(name), spectra, tmp_path)
    assert scores["chi2"] / scores["nu"] == pytest.approx(fit["chi2_reduced"][0], rel=1e-2)
    assert (scores["level"] == 1) == (name == "rvs")
