"""The figure of what a calibration of line lists does, and the residuals that are printed with it."""

import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from matplotlib.image import imread

RECIPES = Path(__file__).parents[1] / "data" / "recipes"
WAVELENGTH = np.arange(8460.0, 8700.0, 0.05)


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(RECIPES), *sys.path])
    return import_module("calibration_figure")


def dip(centre, sigma=0.1, depth=0.3):
    return depth * np.exp(-0.5 * ((WAVELENGTH - centre) / sigma) ** 2)


def test_residuals_at_a_lower_resolving_power(recipe):
    residual = dip(8600.0, sigma=0.15)
    residual[(WAVELENGTH > 8530) & (WAVELENGTH < 8540)] = np.nan
    low = recipe.at_resolution(WAVELENGTH, residual, 11_500)
    # a Gaussian of σ becomes one of σ' as deep as σ / σ', with the width that 45,000 lacks of 11,500
    more = 8600.0 / 2.3548 * np.sqrt(1 / 11_500**2 - 1 / 45_000**2)
    assert np.nanmax(low) == pytest.approx(0.3 * 0.15 / np.hypot(0.15, more), rel=0.01)
    assert np.isnan(low[(WAVELENGTH > 8530.5) & (WAVELENGTH < 8539.5)]).all()
    assert np.isfinite(low[(WAVELENGTH < 8529) | (WAVELENGTH > 8541)]).all()
    flat = np.where(np.isnan(residual), np.nan, 0.01)
    low = recipe.at_resolution(WAVELENGTH, flat, 11_500)
    np.testing.assert_allclose(low[np.isfinite(low)], 0.01, rtol=1e-3)
    assert recipe.at_resolution(WAVELENGTH, residual, 45_000) is residual


def test_the_robust_scatter_ignores_lines_that_are_far_off(recipe):
    residual = 0.01 * np.random.default_rng(1).standard_normal(len(WAVELENGTH))
    residual[:200], residual[200:250] = np.nan, 0.5
    rms, robust = recipe.scatter(residual)
    assert rms == pytest.approx(np.sqrt(np.nanmean(residual**2)))
    assert rms > 0.05
    assert robust == pytest.approx(0.01, rel=0.05)


def test_windows_that_improved_most_are_shown(recipe):
    before = np.stack([dip(8480) + dip(8550) + dip(8640, depth=0.2) + dip(8690, depth=0.1)] * 2)
    after = np.stack([dip(8480)] * 2)  # this line is as far off as it was
    before[1, np.abs(WAVELENGTH - 8640) < 4] = np.nan  # and here one star was not observed
    windows = recipe.most_improved(WAVELENGTH, before, after, 12.0, count=2)
    for (first, last), centre in zip(windows, (8550, 8690), strict=True):
        assert first < centre < last
        assert last - first == pytest.approx(12.0, abs=0.1)
    many = recipe.most_improved(WAVELENGTH, before, after, 12.0, count=10)
    assert all(end < start for (_, end), (start, _) in pairwise(many))


@pytest.fixture
def stars():
    """Two stars with a line too strong at first, and one that nobody has; a part was not observed."""
    noise = 0.002 * np.random.default_rng(2).standard_normal((2, len(WAVELENGTH)))
    spectra = {}
    for star, depth, each in zip(("sun", "arcturus"), (0.2, 0.3), noise):
        after = 1.0 - dip(8500, depth=depth) - dip(8600, depth=depth)
        observed = after - dip(8650, depth=0.1) + each
        observed[(WAVELENGTH > 8540) & (WAVELENGTH < 8545)] = np.nan
        before = 1.0 - dip(8500, depth=depth) - dip(8600.3, depth=0.5)
        spectra[star] = {"observed": observed, "before": before, "after": after}
    return spectra


def test_the_figure_shows_each_star_and_all_changes(recipe, stars):
    names = [f"X{k} I" for k in range(9) for _ in range(k + 1)]  # more species than colours
    old = np.full(len(names), -1.0)
    new = old + np.linspace(-2.0, 0.7, len(names))
    table = Table({"species": names, "log_gf": old, "new_log_gf": new})
    figure = recipe.calibration_figure(WAVELENGTH, stars, table, 12.0)
    *panels, histogram = figure.axes
    assert len(panels) == 2 * 2 * recipe.PANELS
    assert any(axes.get_xlim()[0] < 8600 < axes.get_xlim()[1] for axes in panels)
    assert [axes.get_ylabel() for axes in panels[:: recipe.PANELS]] == [
        "Sun\nFlux",
        "Residual\n(%)",
        "Arcturus\nFlux",
        "Residual\n(%)",
    ]
    heights = {}
    for patch in histogram.patches:
        heights[patch.get_x()] = max(
            heights.get(patch.get_x(), 0), patch.get_y() + patch.get_height()
        )
    assert sum(heights.values()) == len(names)  # no line lies outside of the axis
    texts = [text.get_text() for text in histogram.get_legend().get_texts()]
    assert texts[0] == "X8 I (9)"
    assert texts[-1] == "others (6)"


def test_the_command_draws_the_figure_and_prints_residuals(
    recipe, stars, tmp_path, monkeypatch, capsys
):
    arrays = {f"{star}_{kind}": flux for star in stars for kind, flux in stars[star].items()}
    np.savez(tmp_path / "line_changes_rvs.npz", wavelength=WAVELENGTH, **arrays)
    output = tmp_path / "figure.png"
    command = ["calibration_figure.py", str(tmp_path), "rvs", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    recipe.main()
    assert output.stat().st_size < 150_000
    assert imread(output).shape[1] == round(7.2 * 150)
    rows = [row.split() for row in capsys.readouterr().out.splitlines()[1:-1]]
    assert [row[:2] for row in rows] == [
        [star, power] for star in ("sun", "arcturus") for power in ("45000", "11500")
    ]
    for _, _, before, after, *_ in rows:
        assert float(after) < 0.5 * float(before)
