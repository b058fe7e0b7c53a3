"""Wavelength scales, broadening and the recipe's sampling."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from specnb.core.broadening import broaden, rotation_transform
from specnb.core.doppler import doppler_shift
from specnb.core.wavelength import C_KM_S, air_from_vacuum, detectors, pixel_edges, vacuum_from_air
from specnb.simulator.grid import load_grid
from specnb.surveys import APOGEE, RVS
from specnb.surveys.apogee.pixels import APOGEE_PIXELS
from specnb.surveys.population import SAMPLED_IN_KIEL, lowest_logg
from specnb.surveys.rvs.pixels import RVS_NATIVE, RVS_PIXELS

RECIPES = Path(__file__).parents[1] / "data" / "recipes"


def test_air_and_vacuum():
    assert float(air_from_vacuum(8460.0)) == pytest.approx(8457.675933876, abs=1e-6)
    wavelength = np.linspace(3000.0, 17000.0, 50)
    np.testing.assert_allclose(
        vacuum_from_air(air_from_vacuum(wavelength)), wavelength, atol=1e-8, rtol=0
    )


def test_pixels_tile_the_window():
    edges = pixel_edges(RVS_PIXELS)
    np.testing.assert_allclose(edges[[0, -1]], [8460.0, 8700.0], atol=1e-9)
    assert len(RVS_NATIVE) == 2401 and RVS_NATIVE[1] - RVS_NATIVE[0] == pytest.approx(0.1)


def rotational_profile(x):
    """Gray (2005), Eq. 18.14, in units of v sin i."""
    inside = np.clip(1 - x**2, 0, None)
    eps = 0.6  # the limb darkening that the conventions of the labels state
    return (2 * (1 - eps) * np.sqrt(inside) + 0.5 * np.pi * eps * inside) / (np.pi * (1 - eps / 3))


def test_rotation_transform_is_that_of_the_profile():
    x = np.linspace(-1, 1, 200_001)
    for u in (0.0, 0.7, 3.0, 11.0):
        numeric = np.trapezoid(rotational_profile(x) * np.cos(u * x), x)
        assert rotation_transform(np.array([u]))[0] == pytest.approx(numeric, abs=1e-5)


def test_rotation_turns_a_narrow_line_into_the_profile():
    wavelength = np.linspace(8550.0, 8610.0, 6001)
    line, v = 8580.0, 30.0
    sigma = 0.03
    flux = 1 - 0.5 * np.exp(-0.5 * ((wavelength - line) / sigma) ** 2)
    got = 1 - broaden(wavelength, flux, wavelength, vbroad=v)
    x = (wavelength / line - 1) * C_KM_S / v
    area = 0.5 * sigma * np.sqrt(2 * np.pi)
    expected = area * rotational_profile(x) / (v / C_KM_S * line)
    middle = np.abs(x) < 0.8  # nearer to the edge the width of the line itself has an effect
    np.testing.assert_allclose(got[middle], expected[middle], rtol=0.01)


def test_resolving_power_sets_the_width():
    wavelength = np.linspace(8550.0, 8610.0, 6001)
    flux = 1 - 0.5 * np.exp(-0.5 * ((wavelength - 8580.0) / 0.01) ** 2)
    depth = 1 - broaden(wavelength, flux, wavelength, resolving_power=11_500.0)
    above = wavelength[depth > depth.max() / 2]
    assert np.ptp(above) == pytest.approx(8580.0 / 11_500.0, rel=0.02)


def test_broadening_beyond_the_input_is_refused():
    with pytest.raises(
        ValueError, match=r"cannot sample 8400.00-8700.00 Å: the input covers 8460.00-8700.00 Å"
    ):
        broaden(RVS_NATIVE, np.ones(2401), np.linspace(8400.0, 8700.0, 10))


def test_labels_exist_where_stars_do():
    assert RVS.names[:2] == ("teff", "logg")
    assert lowest_logg(4800.0) == 0 and lowest_logg(6000.0) == pytest.approx(3.0)
    stars = {"teff": [6500.0, 4500.0, 6500.0], "logg": [2.0, 0.0, 3.2]}
    assert SAMPLED_IN_KIEL(stars).tolist() == RVS.inside(stars).tolist() == [False, True, True]


@pytest.fixture(params=["rvs_grid", "apogee_grid"])
def recipe(request, monkeypatch):
    pytest.importorskip("dill", reason="the recipe's extra dependency")
    monkeypatch.setattr(sys, "path", [str(RECIPES), *sys.path])
    return import_module(request.param).GRID


def test_recipe_samples_where_stars_are_and_extends(recipe):
    labels = recipe.sample_labels(300, seed=1)
    np.testing.assert_array_equal(labels[:40], recipe.sample_labels(40, seed=1))
    names = [label.name for label in recipe.labels]
    assert labels.shape == (300, len(names)) and "vbroad" not in names
    assert recipe.survey.inside(dict(zip(names, labels.T))).all()
    low, high = np.array([(label.low, label.high) for label in recipe.labels]).T
    span = high - low
    assert np.all(labels.min(axis=0) < low + 0.05 * span) and np.all(
        labels.max(axis=0) > high - 0.05 * span
    )


def test_carbon_stars_are_not_sampled(recipe):
    star = {"teff": 4500.0, "logg": 2.0, "c_fe": 0.3, "o_fe": 0.1}
    assert APOGEE.inside(star) and not APOGEE.inside(star | {"o_fe": 0.0})
    assert not APOGEE.inside(star | {"teff": 6500.0})


def test_recipe_resumes_and_refuses_foreign_spectra(recipe, tmp_path):
    labels = recipe.sample_labels(3, seed=1)
    flux = np.full(len(recipe.wavelength), 0.5, np.float32)
    (tmp_path / recipe.name).mkdir()
    for index in (0, 2):  # the second one is missing, as after a failure
        np.savez(
            tmp_path / recipe.name / f"{index:05d}.npz",
            labels=labels[index],
            flux=flux,
            seconds=1.5,
        )
    # The spectra are found on disk, so no simulator is needed
    assert recipe.compute((tmp_path, 0, labels[0])) == (
        0,
        None,
    )
    assert recipe.assemble(tmp_path, tmp_path / "grid.h5", labels, seed=1) == 2
    grid = load_grid(recipe.survey, tmp_path / "grid.h5")
    np.testing.assert_array_equal(grid.labels, labels[[0, 2]])
    np.testing.assert_allclose(grid.flux, 0.5, atol=1e-5)
    with pytest.raises(SystemExit, match="holds other labels than seed 2"):
        recipe.assemble(tmp_path, tmp_path / "grid.h5", recipe.sample_labels(3, seed=2), seed=2)


def test_abundances(recipe):
    from turbospectrum import SOLAR, abundances

    assert len(SOLAR) == 90 and SOLAR[26] == 7.50 and SOLAR[20] == 6.34
    shifted = abundances(-0.5, {"Ca": 0.3})
    assert shifted[26] == pytest.approx(7.0) and shifted[20] == pytest.approx(6.14)


def test_detectors_are_divided_at_gaps():
    assert detectors(RVS_PIXELS) == [slice(0, 800)]
    parts = detectors(APOGEE_PIXELS)
    assert [part.stop - part.start for part in parts] == [2920, 2400, 1894] and parts[
        -1
    ].stop == len(APOGEE_PIXELS)
    assert APOGEE_PIXELS[[0, -1]] == pytest.approx([15168.13, 16936.75], abs=0.01)


@pytest.mark.parametrize("velocity", [-500.0, 500.0])
def test_a_shifted_line_is_where_its_star_moves_it(velocity):
    """At λ (1 + v/c): at this speed the next order would be off by 0.02 Å."""
    wavelength = torch.linspace(8460.15, 8699.85, 800, dtype=torch.float64)
    line = 1 - 0.5 * torch.exp(-0.5 * ((wavelength - 8580.0) / 1.0) ** 2)
    shifted = 1 - doppler_shift(line[None], wavelength, torch.tensor([velocity]))[0]
    centre = (wavelength * shifted).sum() / shifted.sum()
    assert float(centre) == pytest.approx(8580.0 * (1 + velocity / C_KM_S), abs=0.003)
