"""The recipe's lines of 48TiO, interpolated between those of the other isotopes."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

RECIPES = Path(__file__).parents[1] / "data" / "recipes"


def test_lines_of_the_main_isotope_lie_between_those_of_the_others(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(RECIPES), *sys.path])
    recipe = import_module("titanium_oxide")
    rng = np.random.default_rng(1)
    n = 400
    wavelength, excitation = rng.uniform(8435.0, 8725.0, n), rng.uniform(0.0, 3.0, n)
    log_gf, shift = rng.uniform(-2.0, 1.0, n), rng.uniform(-17.0, 2.0, n)

    def isotope(mass):
        x = (1 / 48 - 1 / mass) / (1 / 47 - 1 / 49)
        energy = excitation * (1.0 - 0.005 * x)
        return np.stack([wavelength + shift * x + 0.002 * shift * x**2, energy, log_gf], axis=1)

    lines = {mass: isotope(mass).round(3) for mass in recipe.ISOTOPES}
    lines[50] = lines[50][
        n // 4 :
    ]  # a quarter of the lines is too weak to be listed in this isotope
    lines = {mass: rng.permutation(rows) for mass, rows in lines.items()}

    got = recipe.main_isotope(lines)
    expected = isotope(48)[n // 4 :]
    assert len(got) == len(expected)
    order, wanted = np.argsort(got[:, 0]), np.argsort(expected[:, 0])
    np.testing.assert_allclose(got[order], expected[wanted], rtol=0, atol=0.003)
