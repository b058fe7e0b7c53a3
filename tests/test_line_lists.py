"""The recipes' line lists: read, grouped, changed, and written in Turbospectrum's format."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

RECIPES = Path(__file__).parents[1] / "data" / "recipes"
# Two blocks with all three conventions of damping: a logarithm, a factor of Unsöld's formula, and σ.α.
TEXT = """'  20.000            '    1         2
'Ca I    NLTE'
  8633.934  4.451  -1.329   -6.750    3.0  1.00E+05 's' 'p'   0.0    1.0 'Ca I'
  8633.950  4.452  -2.000    2.500    3.0  1.00E+05 'x' 'x'   0.0    1.0 'Ca I with a "quote" and spaces'
'  26.000            '    2         1
'Fe II   LTE'
  8567.735 10.680  -0.670  574.234    4.0  1.00E+05 's' 'p'   0.0    1.0 'Fe II'
"""


@pytest.fixture
def module(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(RECIPES), *sys.path])
    return import_module("line_list")


@pytest.fixture
def lines(module, tmp_path):
    (tmp_path / "atoms").write_text(TEXT)
    return module.read_line_list(tmp_path / "atoms")


def made(module, *rows):
    """A list of lines, each given by species, wavelength, excitation and log gf."""
    heads = [("'  0.000'    1", f"'{name} LTE'", 1) for name, *_ in rows]
    wavelength, energy, log_gf = np.array([row[1:] for row in rows]).T
    damping = np.full(len(rows), 2.5)
    return module.LineList(heads, wavelength, energy, log_gf, damping, ["  1.0"] * len(rows))


def test_a_list_is_read_as_it_was_written(module, lines, tmp_path):
    assert lines.species.tolist() == ["Ca I", "Ca I", "Fe II"]
    np.testing.assert_array_equal(lines.damping, [-6.75, 2.5, 574.234])
    lines.write(tmp_path / "again")
    again = module.read_line_list(tmp_path / "again")
    assert again.heads == lines.heads
    assert [row.split() for row in again.rest] == [row.split() for row in lines.rest]
    for name in ("wavelength", "energy", "log_gf", "damping"):
        np.testing.assert_array_equal(getattr(again, name), getattr(lines, name))
    # nothing but spaces differs from the file, so that Turbospectrum reads the same
    words = [row.split() for row in TEXT.splitlines()]
    written = [row.split() for row in (tmp_path / "again").read_text().splitlines()]
    for got, expected in zip(written, words, strict=True):
        assert [number(word) for word in got] == [number(word) for word in expected]


def number(word):
    try:
        return float(word)
    except ValueError:
        return word


def test_changes_follow_each_convention_of_damping(lines, tmp_path, module):
    new = lines.changed(np.array([0.1, -2.0, 0.0]), np.array([0.2, np.log10(2), np.log10(2)]), 3.0)
    np.testing.assert_allclose(new.log_gf, lines.log_gf + [0.1, -2.0, 0.0])
    # a logarithm grows by the change; the factor is multiplied; σ is multiplied, and α stays
    np.testing.assert_allclose(new.damping, [-6.55, 5.0, 1148.234], atol=1e-9)
    np.testing.assert_allclose(new.wavelength, lines.wavelength * (1 + 3.0 / 299792.458))
    new.write(tmp_path / "new")
    written = module.read_line_list(tmp_path / "new")
    np.testing.assert_allclose(written.damping, new.damping, atol=5.1e-4)
    np.testing.assert_allclose(written.wavelength, new.wavelength, atol=5.1e-4)
    np.testing.assert_array_equal(lines.log_gf, [-1.329, -2.0, -0.67])  # these lines are unchanged


def test_lines_that_cannot_be_told_apart_are_a_group(module):
    lines = made(
        module,
        ("Mn I", 8700.0, 4.435, -1.0),
        ("Fe I", 8500.0, 4.435, -1.0),
        ("Mn I", 8700.2, 4.435, -1.0),  # a hyperfine component
        ("Mn I", 8700.3, 4.437, -1.0),  # another one, whose level is rounded differently
        ("Mn I", 8700.1, 4.500, -1.0),  # another level
        ("Mn I", 8701.0, 4.435, -1.0),  # another line
        ("Mn II", 8700.0, 4.435, -1.0),  # another species
    )
    groups = lines.groups
    assert groups[0] == groups[2] == groups[3]
    assert len(set(groups)) == 5
    assert sorted(set(groups)) == list(range(5))


def test_lines_of_almost_the_same_level_far_apart_are_no_group(module):
    rng = np.random.default_rng(1)
    wavelengths, energies = 8450.0 + 5.0 * rng.permutation(40), 4.0 + 0.0005 * rng.permutation(40)
    lines = made(module, *(("Fe I", *pair, -1.0) for pair in zip(wavelengths, energies)))
    assert len(set(lines.groups)) == 40


def test_strength_grows_with_abundance_and_falls_with_excitation(module):
    rows = ("Fe I", 8500.0, 4.0, -1.0), ("Ti I", 8501.0, 4.0, -1.0), ("Fe I", 8502.0, 5.0, -0.5)
    iron, titanium, excited = made(module, *rows).strength
    assert iron - titanium == pytest.approx(7.50 - 4.95)
    assert excited - iron == pytest.approx(0.5 - 5040 / 6000)
    assert made(module, ("Tc I", 8500.0, 0.0, 0.0)).strength < -15  # the Sun has no technetium


def changes(**columns):
    """A table that changes the first line of the list."""
    row = {"species": "Ca I", "wavelength": 8633.934, "energy": 4.451, "log_gf": -1.329}
    new = {"new_wavelength": 8633.9, "new_log_gf": -0.6, "new_damping": -7.0}
    return Table({name: [value] for name, value in (row | new | columns).items()})


def test_a_table_changes_the_lines_it_names(lines, tmp_path):
    changes().write(tmp_path / "changes.ecsv")
    new = lines.with_changes(Table.read(tmp_path / "changes.ecsv"))
    np.testing.assert_array_equal(new.log_gf, [-0.6, -2.0, -0.67])
    np.testing.assert_array_equal(new.damping, [-7.0, 2.5, 574.234])
    np.testing.assert_array_equal(new.wavelength, [8633.9, 8633.95, 8567.735])
    assert new.energy is lines.energy and new.rest is lines.rest


@pytest.mark.parametrize(
    "other", [{"log_gf": -1.3}, {"wavelength": 8633.935}, {"species": "Ca II"}]
)
def test_a_table_of_another_list_is_refused(lines, other):
    with pytest.raises(
        ValueError, match="the list has no line of Ca I+ at 8633.93. Å .*calibrate.py"
    ):
        lines.with_changes(changes(**other))
