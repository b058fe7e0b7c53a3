"""The recipe that calibrates line lists, with a fast simulator in the place of Turbospectrum.

Two made-up stars have lines whose strengths and places are known. The list that is calibrated has
wrong strengths, one line at a wrong place, and lacks one.
"""

import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import voigt_profile

from specnb.core.paths import stars_folder
from specnb.core.wavelength import C_KM_S, air_from_vacuum, vacuum_from_air

RECIPES = Path(__file__).parents[1] / "data" / "recipes"
AXIS = np.arange(8500.0, 8562.0, 0.05)
NOISE = 0.003
# Lines of the stars, 2 Å apart: place (vacuum Å), strength in the Sun (see `LineList.strength`),
# excitation (eV), and what is wrong with their log gf in the list. The last three are seen by nobody.
N, FAINT = 28, 3
PLACES = np.r_[8503.0 + 2.0 * np.arange(N), 8504.0, 8506.0, 8508.0]
STRENGTHS = np.r_[np.tile([1.4, 1.8, 2.1, 1.9, 2.6, 1.5, 1.9], 4), -1.5, -1.0, -3.0]
ENERGIES = np.r_[np.tile([4.0, 3.0, 5.0, 2.5, 3.5, 4.5, 3.8], 4), 3.0, 3.0, 3.0]
WRONG = np.r_[np.tile([0.0, 0.25, -0.2, 0.1, 0.0, 0.35, -0.3], 4), 0.0, 0.0, 0.0]
SPECIES = np.where(np.arange(N + FAINT) % 2, "Ti I", "Fe I")
DAMPED, TOO_DAMPED = 25, 0.3  # a strong line, and what is wrong with its damping (dex)
MISPLACED, OFF = 10, 1.0  # a line that the list has so far to the red (Å)
LACKING, BESIDE = PLACES[14] + 0.3, 14  # a line that only the stars have, and its neighbour
TRUTH = {
    "warm": ({"macro": 5.5, "vmicro": 1.05, "velocity": 0.2}, {}),
    "cool": ({"macro": 5.0, "vmicro": 1.0, "velocity": -0.1}, {"Fe": 0.03, "Ti": -0.03}),
}


def synthesize(work, window, model, abundance, vmicro, c12_c13=None):
    """The simulator: lines add to the opacity, and what is left of the light is its exponential."""
    lines = import_module("line_list").read_line_list(work / window.line_lists[0])
    number = import_module("elements").ATOMIC_NUMBER
    wavelength = np.arange(AXIS[0] - 5.0, AXIS[-1] + 5.0, 0.03)
    x_h = np.array([abundance[number[name.split()[0]]] for name in lines.species])
    zero_point = 2.95 - 0.5 * (model.teff < 5000)
    opacity = 10.0 ** (lines.log_gf + x_h - 5040.0 / model.teff * lines.energy - zero_point)
    sigma = 8530.0 / C_KM_S * np.hypot(2.0, vmicro)
    distance = wavelength - vacuum_from_air(lines.wavelength)[:, None]
    profiles = voigt_profile(distance, sigma, 0.004 * lines.damping[:, None])
    return wavelength, np.exp(-opacity @ profiles)


def made(places, strengths, energies, wrong, species, damping):
    """A line list, each line in a block of its own."""
    module = import_module("line_list")
    solar = np.where(species == "Fe I", 7.50, 4.95)
    log_gf = strengths - solar + 5040.0 / 6000.0 * energies + wrong
    code = {"Fe I": "26.000", "Ti I": "22.000"}
    heads = [(f"' {code[name]}            '    1", f"'{name} LTE'", 1) for name in species]
    rest = ["    1.0  1.00E+08"] * len(places)
    return module.LineList(heads, air_from_vacuum(places), energies, log_gf, damping, rest)


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    """The modules of the calibration, with two stars, a window, and atlases that follow from a list."""
    monkeypatch.setattr(sys, "path", [str(RECIPES), *sys.path])
    names = ("star_model", "calibration", "calibrate", "atlases", "line_list")
    modules = SimpleNamespace(**{name: import_module(name) for name in names})
    known = replace(modules.atlases.STARS["sun"], atlases={}, masked=(), velocity=0.0)
    stars = {
        "warm": replace(known, model=known.model._replace(teff=5800.0)),
        "cool": replace(
            known,
            model=known.model._replace(teff=4300.0),
            x_m={"Fe": (0.0, 0.04), "Ti": (0.0, 0.04)},
        ),
    }
    window = replace(modules.atlases.BANDS["rvs"][0], line_lists=("atoms", "molecules"))
    bands = {"test": (window, AXIS), "truth": (replace(window, line_lists=("true",)), AXIS)}
    for module in (modules.star_model, modules.calibration):
        monkeypatch.setattr(module, "STARS", stars)
        monkeypatch.setattr(module, "BANDS", bands)
    monkeypatch.setattr(modules.calibration, "KNOTS", {"test": 30.0})
    monkeypatch.setattr(modules.star_model, "synthesize", synthesize)

    damping = np.full(N + FAINT, 2.5)
    more = np.r_[STRENGTHS, 1.6], np.r_[ENERGIES, 3.0], np.zeros(N + FAINT + 1)
    true = made(np.r_[PLACES, LACKING], *more, np.append(SPECIES, "Fe I"), np.r_[damping, 2.5])
    true.write(tmp_path / "true")
    places = PLACES + OFF * (np.arange(N + FAINT) == MISPLACED)
    damping[DAMPED] *= 10**TOO_DAMPED
    made(places, STRENGTHS, ENERGIES, WRONG, SPECIES, damping).write(tmp_path / "atoms")

    rng = np.random.default_rng(3)
    atlases, none = {}, {kind: np.zeros(N + FAINT + 1) for kind in modules.calibration.CHANGES}
    for star, (own, x_m) in TRUTH.items():
        state = modules.star_model.State(own, x_m, np.zeros(0))
        flux = modules.star_model.synthetic((tmp_path, "truth", star, state, none))
        tilt = np.linspace(1.004, 0.998, len(AXIS))
        atlases[star] = flux * tilt + NOISE * rng.standard_normal(len(AXIS))
    monkeypatch.setattr(modules.calibration, "observed", lambda star, band: atlases[star])
    modules.atlas = atlases
    return modules


@pytest.fixture
def started(recipe, tmp_path):
    """A calibration before its first step, which calls the simulator in this process."""
    pool = SimpleNamespace(map=lambda function, tasks, chunksize: map(function, tasks))
    return recipe.calibration.Calibration(tmp_path, "test", ("warm", "cool"), pool)


def test_lines_of_a_set_do_not_touch(recipe):
    rng = np.random.default_rng(2)
    wavelength, reach = rng.uniform(8500, 8600, 200), rng.choice([0.6, 1.5, 5.0], 200)
    groups = np.flatnonzero(rng.random(200) < 0.7)
    sets = recipe.calibration.apart(wavelength, reach, groups)
    assert sorted(group for each in sets for group in each) == groups.tolist()
    for each in sets:
        order = sorted(each, key=lambda group: wavelength[group])
        gaps = np.diff(wavelength[order]) - reach[order][1:] - reach[order][:-1]
        assert (gaps > 0).all()
    assert recipe.calibration.apart(wavelength, reach, []) == []


def test_a_calibration_finds_what_is_wrong_with_a_list(recipe, started, tmp_path, capsys):
    fit, groups = started, started.lines.groups
    before, after = fit.run(2)
    # lines are moved after the first round; those moved after the last one could not be fitted
    printed = [row for row in capsys.readouterr().out.splitlines() if "moved" in row]
    assert printed == ["1 lines moved"]

    # strengths, within their errors and far better than they were
    change, error = fit.changes["log_gf"][groups], fit.error[groups]
    pull = (change + WRONG) / error
    clear = np.flatnonzero((np.arange(N + FAINT) < N) & (np.arange(N + FAINT) != BESIDE))
    assert np.abs(pull[clear]).max() < 2.5
    assert error[clear].max() < 0.08
    assert np.abs(change + WRONG)[clear].max() < 0.04

    # a line at a wrong place, and no other one, is moved; a strong line gets its damping back
    moved = np.flatnonzero(fit.home[groups])
    assert moved.tolist() == [MISPLACED]
    velocity = fit.changes["velocity"][groups]
    np.testing.assert_allclose(velocity[MISPLACED], -OFF / PLACES[MISPLACED] * C_KM_S, atol=0.5)
    assert np.abs(np.delete(velocity, [MISPLACED, BESIDE])).max() < 0.4
    assert fit.changes["damping"][groups][DAMPED] == pytest.approx(-TOO_DAMPED, abs=0.12)

    # the line that the list lacks does not make its neighbour much stronger
    assert abs(change[BESIDE] + WRONG[BESIDE]) < 0.25
    # lines that nobody sees stay as they are
    for kind in fit.changes:
        np.testing.assert_allclose(fit.changes[kind][groups][N:], 0.0, atol=0.01)

    # the stars
    for star, (own, x_m) in TRUTH.items():
        state = fit.states[star]
        for name, value in own.items():
            assert state.own[name] == pytest.approx(value, abs=0.15)
        for element, value in x_m.items():
            assert state.x_m[element] == pytest.approx(value, abs=0.04)
        near = np.abs(AXIS - LACKING) < 1.0
        residual = recipe.atlas[star] - after[star]
        assert np.std(residual[~near]) < 1.25 * NOISE
        assert np.std(recipe.atlas[star] - before[star]) > 4 * NOISE

    # the table of changes makes the calibrated list of the published one
    table = recipe.calibrate.changes(fit)
    assert len(table) < N
    assert {"warm", "cool"} < set(table.colnames)
    np.testing.assert_allclose(table["warm"] + table["cool"], 1.0, atol=0.011)
    new = fit.lines.with_changes(table)
    wanted = fit.lines.changed(**{kind: value[groups] for kind, value in fit.changes.items()})
    kinds = recipe.calibration.CHANGES
    # changes too small for the table are less than a sixth of what was expected
    np.testing.assert_allclose(new.log_gf, wanted.log_gf, atol=kinds["log_gf"].sigma / 6)
    np.testing.assert_allclose(new.wavelength, wanted.wavelength, atol=0.006)
    named = np.isin(fit.lines.wavelength, table["wavelength"])
    assert named.sum() == len(table)
    for name in ("log_gf", "damping", "wavelength"):
        got, fitted = getattr(new, name), getattr(wanted, name)
        np.testing.assert_allclose(got[named], fitted[named], atol=5.1e-4)
        np.testing.assert_array_equal(got[~named], getattr(fit.lines, name)[~named])


@pytest.fixture
def command(recipe, tmp_path, monkeypatch):
    """Call calibrate.py for the cool star, without other processes."""
    for name in ("STARS", "BANDS", "observed"):
        monkeypatch.setattr(recipe.calibrate, name, getattr(recipe.calibration, name))
    pool = SimpleNamespace(map=lambda function, tasks, chunksize: map(function, tasks))
    monkeypatch.setattr(recipe.calibrate, "Pool", lambda processes: nullcontext(pool))

    def call(*options):
        words = ["calibrate.py", str(tmp_path), "test", "--stars", "cool", *options]
        monkeypatch.setattr(sys, "argv", words)
        recipe.calibrate.main()

    return call


def test_the_command_writes_changes_and_spectra(recipe, command, tmp_path):
    output = tmp_path / "line_changes_test.ecsv"
    command("--rounds", "1", "--output", str(output))
    table = Table.read(output)
    assert set(table["cool"]) == {1.0}  # this star alone asked for the changes
    published = recipe.line_list.read_line_list(tmp_path / "atoms")
    published.with_changes(table).write(tmp_path / "atoms")
    with np.load(tmp_path / "line_changes_test.npz") as spectra:
        np.testing.assert_array_equal(spectra["wavelength"], AXIS)
        np.testing.assert_array_equal(spectra["cool_observed"], recipe.atlas["cool"])
        before, after = (
            np.std(spectra["cool_observed"] - spectra[f"cool_{when}"])
            for when in ("before", "after")
        )
    assert after < 0.7 * before


def test_the_command_tells_how_well_a_list_does(command, tmp_path, capsys):
    files = set(tmp_path.iterdir())
    command("--rounds", "0")
    assert set(tmp_path.iterdir()) == files
    assert re.fullmatch(r"cool: \d\.\d\d% rms; macro .* km/s\n", capsys.readouterr().out)


@pytest.fixture
def misplaced(recipe, started):
    """A calibration whose stars show a line 1 Å beside one that was removed, and no other line."""
    group = started.lines.groups[MISPLACED]
    place = started.wavelength[group]
    flux = {
        where: 1.0 - 0.3 * np.exp(-0.5 * ((AXIS - place - where) / 0.12) ** 2) for where in (0, 1)
    }
    for star in started.stars:
        recipe.atlas[star] = flux[1].copy()
    started.changes["log_gf"][group] = -1.6
    started.taking_part["log_gf"][group] = False  # as no star shows it any more
    before = dict.fromkeys(started.stars, flux[0])
    models = {star: np.ones(len(AXIS)) for star in started.stars}
    return started, group, before, models


def test_a_line_that_was_removed_takes_part_again_at_its_new_place(misplaced):
    fit, group, before, models = misplaced
    old = fit.wavelength[group]
    assert fit.move(before, models) == 1
    assert fit.wavelength[group] == pytest.approx(old + 1.0, abs=0.05)
    assert fit.changes["log_gf"][group] == 0.0
    assert fit.taking_part["log_gf"][group]
    assert fit.move(before, models) == 0  # once is enough


@pytest.mark.parametrize("star", ["warm", "cool"])
def test_no_line_is_moved_where_a_star_is_not_observed(recipe, misplaced, star):
    fit, group, before, models = misplaced
    recipe.atlas[star][np.abs(AXIS - fit.wavelength[group]) < 0.3] = np.nan
    assert fit.move(before, models) == 0


@pytest.mark.parametrize("star", ["warm", "cool"])
def test_no_line_is_moved_that_a_star_does_not_miss(recipe, misplaced, star):
    fit, _, before, models = misplaced
    recipe.atlas[star][:] = 1.0
    assert fit.move(before, models) == 0


def test_one_star_alone_moves_no_line(misplaced):
    fit, _, before, models = misplaced
    fit.stars = ("warm",)
    assert fit.move(before, models) == 0


def test_changes_that_mean_nothing_are_taken_back(recipe):
    fit = SimpleNamespace(
        taking_part={"log_gf": np.array([True, True, False, False, False])},
        error=np.array([0.1, 0.1, 0.1, 0.29, 0.1]),
        changes={
            "log_gf": np.array(
                [0.2, 0.02, -0.5, -0.1, 0.3]
            ),  # the fourth is noise in an unseen line
            "damping": np.full(5, 0.2),
            "velocity": np.full(5, -0.1),
        },
    )
    recipe.calibration.Calibration.settle(fit)
    np.testing.assert_array_equal(fit.changes["log_gf"], [0.2, 0.0, -0.5, 0.0, 0.0])
    np.testing.assert_array_equal(fit.changes["damping"], [0.2, 0.2, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(fit.changes["velocity"], np.zeros(5))


@pytest.mark.skipif(
    not (stars_folder() / "rvs_highres/sun_8450_8750.npz").is_file(), reason="no atlas of the Sun"
)
def test_water_of_our_atmosphere_is_masked_and_lines_of_the_sun_are_not(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    atlases = import_module("atlases")
    flux, axis = atlases.observed("sun", "rvs"), atlases.BANDS["rvs"][1]
    fe = (
        8470.73,
        8516.41,
        8517.45,
        8529.01,
        8584.62,
        8614.17,
        8623.97,
        8691.01,
    )  # strong, vacuum Å
    water = (8462.5, 8482.2, 8489.2, 8508.1, 8522.0)
    assert np.isfinite(np.interp(fe, axis, flux)).all()
    assert np.isnan(np.interp(water, axis, flux)).all()
