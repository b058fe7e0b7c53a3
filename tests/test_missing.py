"""The controlled experiment: hidden features, derivatives, scores, and models to find them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from astropy.table import Table
from h_band import GIANT

import specnb
from specnb.core.spectra import Spectra
from specnb.core.wavelength import detectors
from specnb.fitting.fit import FitConfig
from specnb.missing.experiment import (
    GAP,
    MISSING,
    OTHERS,
    STEP,
    HiddenLines,
    MissingConfig,
    added_falls,
    compare,
    falls,
)
from specnb.missing.scores import (
    Truth,
    by_element,
    choose,
    hidden_features,
    missing_lines,
    pixels,
    summary,
)
from specnb.missing.steps import corrected_emulator, masked_emulator
from specnb.simulator.responses import IRON, LEAST, PEAK, features, find, load_responses, runs
from specnb.surveys import APOGEE, RVS
from specnb.surveys.apogee.mock import ApogeeMockConfig
from specnb.surveys.apogee.pixels import APOGEE_PIXELS
from specnb.surveys.mock import make_mock
from specnb.surveys.population import draw_stars
from specnb.translate import translated_emulator
from specnb.translate.domains import true_labels
from specnb.translate.train import TranslateTraining

N = len(APOGEE_PIXELS)
NAMES = list(APOGEE.elements)
SHORT = replace(MISSING, iterations=3, device="cpu")
STAR = np.array([list(GIANT.values())])
DWARF = GIANT | {"teff": 5500.0, "logg": 4.4, "fe_h": -0.4, "mg_fe": 0.2, "c12_c13": 60.0}
STARS = np.array(
    [
        list(GIANT.values()),
        list(DWARF.values()),
        list((GIANT | {"teff": 4300.0, "logg": 1.6}).values()),
    ]
)


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("apogee")


@pytest.fixture(scope="module")
def responses():
    return load_responses(APOGEE)


@pytest.fixture(scope="module")
def truth(responses):
    return Truth.draw(responses, 0.3, seed=1)


@pytest.fixture(scope="module")
def synthetic(emulator, truth):
    return masked_emulator(emulator, truth.masked)


@pytest.fixture(scope="module")
def perfect(emulator, synthetic):
    """Added falls of the full emulator at the K giant."""
    return added_falls(emulator, synthetic, STAR)[0]


@pytest.fixture(scope="module")
def experiment(emulator, responses):
    return HiddenLines.make(emulator, responses, MissingConfig(n_stars=400, seed=1))


def made_up(**lines):
    """Falls by element, which are 0 except in the given pixels: shape (n_elements, n_pix)."""
    found = np.zeros((len(NAMES), N))
    for element, values in lines.items():
        for pixel, value in values.items():
            found[NAMES.index(element), pixel] = value
    return found


def all_hidden(falls):
    """Truth in which every feature of some falls is missing."""
    table = find(dict(zip(NAMES, falls)), APOGEE_PIXELS)
    return Truth(APOGEE, table, np.ones(len(table), dtype=bool), pixels(table, N), falls)


# What is a feature


def test_runs_are_found_at_both_ends():
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)).tolist() == [[0, 2], [3, 4], [6, 7]]
    assert runs(np.ones(3, dtype=bool)).tolist() == [[0, 3]]
    assert runs(np.zeros(3, dtype=bool)).shape == runs(np.zeros(0, dtype=bool)).shape == (0, 2)


def test_a_feature_ends_at_the_threshold_and_at_the_detector():
    end = detectors(APOGEE_PIXELS)[0].stop
    below, faint = LEAST * (1 - 1e-9), PEAK * (1 - 1e-9)
    mg = (
        {0: 0.01, 1: 0.02, 2: below, 3: 0.006}
        | {50: faint, 51: faint}
        | {end - 1: 0.01, end: 0.03, N - 1: 0.01}
    )
    table = find(dict(zip(NAMES, made_up(Mg=mg, Fe={1: -0.5}, Si={1: 0.06}))), APOGEE_PIXELS)
    own = table[table["element"] == "Mg"]
    assert list(zip(own["first"], own["last"])) == [
        (0, 1),
        (3, 3),
        (end - 1, end - 1),
        (end, end),
        (N - 1, N - 1),
    ]
    assert own["depth"].tolist() == [0.02, 0.006, 0.01, 0.03, 0.01]
    np.testing.assert_allclose(own["wavelength"], APOGEE_PIXELS[[1, 3, end - 1, end, N - 1]])
    # An element that makes the flux larger has no share
    np.testing.assert_allclose(own["share"], [0.25, 1, 1, 1, 1])
    assert set(table["element"]) == {"Mg", "Si"}


# Masking


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5])
def test_the_same_fraction_of_every_element_is_hidden(responses, fraction):
    table = features(responses)
    chosen = choose(table, fraction, seed=1)
    for element in set(table["element"]):
        own = table["element"] == element
        assert chosen[own].sum() == max(1, round(fraction * own.sum())), element
    assert np.array_equal(chosen, choose(table, fraction, seed=1))
    other = choose(table, fraction, seed=2)
    assert other.sum() == chosen.sum() and np.any(other != chosen)


def test_pixels_are_those_of_the_rows():
    table = Table({"first": [2, 5, 4], "last": [3, 7, 5]})
    assert np.flatnonzero(pixels(table, 10)).tolist() == [2, 3, 4, 5, 6, 7]
    assert not pixels(table[:0], 10).any()


def test_a_masked_emulator_has_no_line_where_it_is_masked(emulator, synthetic, truth):
    before = {name: value.clone() for name, value in emulator.network.state_dict().items()}
    flux, all_lines = synthetic(STARS), emulator(STARS)
    assert 0 < truth.masked.sum() < N / 2
    assert (flux[:, truth.masked] == 1.0).all() and all_lines[:, truth.masked].min() < 0.7
    np.testing.assert_array_equal(flux[:, ~truth.masked], all_lines[:, ~truth.masked])
    slopes, all_slopes = synthetic.jacobian(STARS), emulator.jacobian(STARS)
    assert (slopes[:, :, truth.masked] == 0.0).all() and np.abs(
        all_slopes[:, :, truth.masked]
    ).max() > 0.1
    np.testing.assert_allclose(
        slopes[:, :, ~truth.masked], all_slopes[:, :, ~truth.masked], atol=1e-6
    )
    # A copy, so that the other network stays as it is
    again = masked_emulator(emulator, truth.masked).to(dtype=torch.float64)
    assert again(STARS).dtype == np.float64 and (again(STARS)[:, truth.masked] == 1.0).all()
    assert all(
        torch.equal(value, before[name]) for name, value in emulator.network.state_dict().items()
    )
    assert synthetic.labels == emulator.labels and np.array_equal(
        synthetic.in_hull(STARS), emulator.in_hull(STARS)
    )


@pytest.mark.parametrize("masked", [[True], np.zeros((2, N), bool), [3, 4, 5]])
def test_masks_of_another_shape_are_refused(emulator, masked):
    with pytest.raises(
        ValueError, match="masked has shape .*: give one value for each of 7214 pixels"
    ):
        masked_emulator(emulator, masked)


def test_a_mask_that_changes_later_changes_nothing(emulator):
    masked = np.zeros(N, dtype=bool)
    blind = masked_emulator(emulator, masked)
    masked[:] = True
    np.testing.assert_array_equal(blind(STAR), emulator(STAR))


# Derivatives


def test_falls_are_derivatives(emulator):
    exact = specnb.load_emulator("apogee").to(dtype=torch.float64)
    found = falls(exact, STARS)
    assert found.shape == (len(STARS), len(NAMES), N)
    names = NAMES

    def raised(element, step):
        if element == "Fe":
            return sum(raised(name, -step) for name in names if name != "Fe") + step * (
                np.array(exact.labels) == "fe_h"
            )
        return step * (np.array(exact.labels) == f"{element.lower()}_fe")

    for element in ("C", "Mg", "Si", "Ni", "Al", "Fe"):
        own, h = found[:, names.index(element)], 1e-4
        numeric = (
            (exact(STARS - raised(element, h)) - exact(STARS + raised(element, h))) * STEP / (2 * h)
        )
        np.testing.assert_allclose(own, numeric, atol=1e-5 * np.abs(own).max())
        # The tolerance is needed because the response to the step is not quite linear
        whole = exact(STARS) - exact(STARS + raised(element, 0.05))
        assert np.corrcoef(own.ravel(), whole.ravel())[0, 1] > 0.98, element
        assert np.max(own) > PEAK, element
    assert np.sum(raised("Fe", 0.05) == -0.05) == 19 and raised("Fe", 0.05).sum() == pytest.approx(
        -18 * 0.05
    )
    single = np.concatenate([falls(emulator, star[None]) for star in STARS])
    # A batch gives the same as single stars, in float32, too
    np.testing.assert_allclose(single, found, atol=2e-5)


def test_falls_are_those_of_the_simulator(emulator, responses):
    own = falls(emulator, STAR)[0]
    for element in ("C", "Mg", "Si", "Fe"):
        simulated = -responses.raised(responses.elements[element], GIANT["vbroad"])
        assert np.corrcoef(own[NAMES.index(element)], simulated)[0, 1] > 0.95, element


def test_the_full_emulator_adds_falls_in_hidden_pixels_alone(emulator, synthetic, truth):
    added = added_falls(emulator, synthetic, STARS)
    assert np.abs(added[:, :, ~truth.masked]).max() < 1e-6
    np.testing.assert_allclose(
        added[:, :, truth.masked], falls(emulator, STARS)[:, :, truth.masked], atol=1e-6
    )
    assert added.max(axis=2)[0, NAMES.index("Fe")] > PEAK
    assert (added_falls(synthetic, synthetic, STARS) == 0.0).all()


# Scores


def scored(truth, flux, recovered, added):
    hidden, elements = hidden_features(truth, flux, recovered, added), by_element(truth, added)
    return hidden, elements, summary(hidden, elements)


def test_truth_is_what_is_hidden(truth, responses):
    assert truth.hidden.sum() == pytest.approx(0.3 * len(truth.features), rel=0.1)
    np.testing.assert_array_equal(truth.masked, pixels(truth.features[truth.hidden], N))
    assert (truth.falls[:, ~truth.masked] == 0.0).all()
    silicon = -responses.raised("si_fe", 6.0)
    np.testing.assert_array_equal(
        truth.falls[NAMES.index("Si"), truth.masked], silicon[truth.masked]
    )
    assert (
        NAMES[-1] == "Fe"
        and responses.elements["Fe"] == IRON
        and list(responses.elements) == NAMES == truth.names
        and truth.falls.shape == (20, N)
    )


def test_the_full_emulator_is_the_right_answer(emulator, synthetic, truth, perfect):
    flux, gap = emulator(STAR)[0], synthetic(STAR)[0] - emulator(STAR)[0]
    hidden, _, found = scored(truth, flux, gap, perfect)
    assert len(hidden) == truth.hidden.sum() and len(hidden[hidden["depth"] > 0.03]) > 50
    np.testing.assert_allclose(hidden["recovered"], hidden["depth"], atol=1e-6)
    assert found["depth"] == pytest.approx(1.0, abs=1e-5) and found["depth_scatter"] < 1e-5
    assert found["named"] == found["named_all"] == found["credit"] == 1.0
    # Emulator and simulator disagree about faint features
    assert found["precision"] > 0.95 and found["recall"] > 0.7
    assert found["average_precision"] > 0.9 and found["base_rate"] < 0.02
    clear = hidden[hidden["share"] > 0.5]
    assert (
        len(clear) > 50
        and clear["right"].all()
        and np.array_equal(clear["named"], clear["element"])
    )
    np.testing.assert_allclose(clear["probability"], clear["share"], atol=0.2)
    deepest = [flux[row["first"] : row["last"] + 1].min() for row in hidden]
    np.testing.assert_allclose(1.0 - np.array(deepest), hidden["depth"])
    _, own, _ = scored(truth, flux, gap, truth.falls)  # the simulator itself finds all
    some = own[own["missing"] > 0]
    assert (some["precision"] == 1).all() and (some["recall"] == 1).all()
    # not 1, because edges of features fall by less than lines that are too faint to be a feature
    assert np.mean(some["average_precision"]) > 0.9 and some["average_precision"].min() > 0.6


def test_what_knows_nothing_scores_as_chance(emulator, synthetic, truth):
    nothing = added_falls(synthetic, synthetic, STAR)[0]
    _, elements, found = scored(truth, emulator(STAR)[0], np.zeros(N), nothing)
    assert found["depth"] == 0.0 and found["depth_scatter"] == 1.0
    assert found["precision"] == found["recall"] == 0.0
    assert (
        (elements["found"] == 0).all()
        and np.isnan(elements["precision"]).all()
        and elements["missing"].sum() > 50
    )
    assert found["average_precision"] == pytest.approx(found["base_rate"], rel=1e-6)
    noise = 1e-4 * np.random.default_rng(1).standard_normal(nothing.shape)
    assert (
        scored(truth, emulator(STAR)[0], np.zeros(N), noise)[2]["average_precision"]
        < 2 * found["base_rate"]
    )


def test_what_knows_nothing_names_nothing(emulator, truth):
    hidden = hidden_features(truth, emulator(STAR)[0], np.zeros(N), np.zeros((len(NAMES), N)))
    assert not hidden["right"].any()


def test_swapped_elements_are_wrong(emulator, truth, perfect):
    mg, si = NAMES.index("Mg"), NAMES.index("Si")
    swapped = perfect.copy()
    swapped[[mg, si]] = perfect[[si, mg]]
    right, wrong = (
        hidden_features(truth, emulator(STAR)[0], np.zeros(N), added)
        for added in (perfect, swapped)
    )
    clear = right["share"] > 0.5
    for own, other in (("Mg", "Si"), ("Si", "Mg")):
        rows = clear & (right["element"] == own)
        assert rows.sum() >= 3 and right["right"][rows].all()
        assert not wrong["right"][rows].any() and set(wrong["named"][rows]) == {other}
        assert np.all(wrong["credit"][rows] < 0.5)
    rest = clear & ~np.isin(right["element"], ["Mg", "Si"])
    assert wrong["right"][rest].all()


def test_a_shared_feature_counts_by_its_shares():
    missing = made_up(Mg={100: 0.01, 101: 0.03, 102: 0.02}, Si={101: 0.02}, Fe={101: -0.4})
    truth, flux = all_hidden(missing), np.ones(N)
    flux[100:103] = 0.95, 0.9, 0.8
    recovered = np.zeros(N)
    recovered[102], recovered[101] = 0.15, 0.09
    hidden, elements, found = scored(truth, flux, recovered, 2.0 * missing)
    assert elements["missing"].sum() == 2 and found["precision"] == found["recall"] == 1.0
    assert list(hidden["element"]) == ["Mg", "Si"] and list(hidden["named"]) == ["Mg", "Mg"]
    # The mean over its own pixels; Si is in one of three
    np.testing.assert_allclose(hidden["share"], [6 / 8, 2 / 5])
    np.testing.assert_allclose(hidden["credit"], [1.0, 1.0])  # Mg has the largest part in both
    np.testing.assert_allclose(hidden["probability"], [6 / 8, 3 / 5])
    assert list(hidden["right"]) == [True, False]
    # Mg is named where the spectrum is deepest, and Si in its own pixel
    np.testing.assert_allclose(hidden["depth"], [0.2, 0.1])
    np.testing.assert_allclose(hidden["recovered"], [0.15, 0.09])
    np.testing.assert_allclose(hidden["wavelength"], APOGEE_PIXELS[[102, 101]])
    # Si has the smaller part, so the feature is not unambiguous
    assert found["named"] == 1.0 and found["credit"] == pytest.approx(1.0)
    assert found["depth"] == pytest.approx((0.75 + 0.9) / 2)
    assert found["depth_scatter"] == pytest.approx((0.25 + 0.1) / 2)
    swapped = hidden_features(truth, flux, recovered, made_up(Si={100: 0.01, 101: 0.01}))
    assert list(swapped["named"]) == ["Si", "Si"] and list(swapped["right"]) == [False, True]
    np.testing.assert_allclose(swapped["credit"], [2 / 6, 2 / 3])


def test_credit_is_of_the_largest_possible():
    missing = made_up(Mg={101: 0.07}, Si={101: 0.02}, C={101: 0.01})
    truth = all_hidden(missing)
    hidden = hidden_features(truth, np.full(N, 0.9), np.zeros(N), made_up(C={101: 0.01}))
    rows = hidden[hidden["element"] == "Si"]  # share 0.2; named C, 0.1; Mg would have 0.7
    assert summary(rows, by_element(truth, missing))["credit"] == pytest.approx(0.1 / 0.7)


def test_precision_and_recall_by_hand():
    truth = all_hidden(
        made_up(
            Mg={100: 0.02, 200: 0.02, 201: 0.02},
            Si={200: 0.02, 201: 0.02},
            Al={300: 0.02, 400: 0.02},
        )
    )
    added = made_up(
        Mg={500: 0.03, 100: 0.02, 201: 0.01, 200: 0.008}, Al={300: 0.02, 400: 0.004}, Ca={100: 0.02}
    )
    table = by_element(truth, added)
    assert list(table["element"]) == list(NAMES)
    rows = {row["element"]: row for row in table}
    mg = rows["Mg"]  # one of three found ones is false; none is missed
    assert (
        (mg["missing"], mg["found"]) == (2, 3)
        and mg["precision"] == pytest.approx(2 / 3)
        and mg["recall"] == 1.0
    )
    # down the pixels, of weights 1 and, as Si has half of them, 1/2: false, right, right, right;
    # precision 0, 1/2, 3/5, 2/3
    assert mg["average_precision"] == pytest.approx(1 / 2 * 1 / 2 + 1 / 4 * 3 / 5 + 1 / 4 * 2 / 3)
    assert mg["base_rate"] == pytest.approx(2 / (2 + N - 3))
    al = rows["Al"]  # the second is there, but too faint for a feature
    assert (al["missing"], al["found"], al["precision"], al["recall"]) == (2, 1, 1.0, 0.5)
    assert al["average_precision"] == 1.0
    si = rows["Si"]  # it was not found at all
    assert (si["missing"], si["found"], si["recall"]) == (1, 0, 0.0) and np.isnan(si["precision"])
    assert si["average_precision"] == pytest.approx(si["base_rate"])
    ca = rows["Ca"]  # there is a missing feature here, but not of calcium
    assert (ca["missing"], ca["found"], ca["precision"]) == (0, 1, 0.0)
    assert all(np.isnan(ca[name]) for name in ("recall", "average_precision", "base_rate"))
    hidden = hidden_features(truth, np.full(N, 0.9), np.zeros(N), added)
    found = summary(hidden, table)
    assert found["precision"] == pytest.approx((2 + 1) / 5) and found["recall"] == pytest.approx(
        (2 + 1) / 5
    )
    of_three = [rows[name]["average_precision"] for name in ("Mg", "Si", "Al")]
    assert found["average_precision"] == pytest.approx(np.mean(of_three))


def test_missing_lines_are_listed():
    end = detectors(APOGEE_PIXELS)[0].stop
    truth = all_hidden(
        made_up(Mg={100: 0.03, 101: 0.03, 300: 0.01}, Si={101: 0.02, 300: 0.03}, Al={101: 0.001})
    )
    recovered = np.zeros(N)
    recovered[[99, 100, 101, 102]] = 0.02, 0.05, 0.07, 0.011
    recovered[[300, 301]] = 0.0101, 0.0099
    recovered[[end - 1, end]] = 0.02, 0.03
    added = made_up(
        Mg={100: 0.03, 101: 0.01},
        Si={101: 0.01, 300: 0.01},
        Ca={100: -0.3},
        Fe={end: 0.01, end - 1: 0.01},
    )
    table = missing_lines(APOGEE, recovered, added, truth)
    np.testing.assert_allclose(table["wavelength"], APOGEE_PIXELS[[101, 300, end - 1, end]])
    np.testing.assert_allclose(table["depth"], [0.07, 0.0101, 0.02, 0.03])
    assert list(table["element"]) == ["Mg", "Si", "Fe", "Fe"]
    np.testing.assert_allclose(table["probability"], [0.8, 1, 1, 1])
    # Parts below 0.05 are not listed
    assert list(table["truth"]) == [
        "Mg 0.74, Si 0.25",
        "Si 0.75, Mg 0.25",
        "",
        "",
    ]
    assert list(missing_lines(APOGEE, recovered, added)["truth"]) == [""] * 4
    deep = missing_lines(APOGEE, recovered, added, least=0.025)
    np.testing.assert_allclose(deep["depth"], [0.07, 0.03])
    empty = missing_lines(APOGEE, np.zeros(N), added, truth)
    assert (
        len(empty) == 0
        and empty.colnames == table.colnames
        and str(table["wavelength"].unit) == "Angstrom"
    )


def test_nothing_missing_gives_empty_tables():
    truth = all_hidden(made_up())
    assert len(truth.features) == 0 and not truth.masked.any()
    assert len(hidden_features(truth, np.ones(N), np.zeros(N), made_up())) == 0
    elements = by_element(truth, made_up(Mg={100: 0.02}))
    assert (
        len(elements) == len(NAMES)
        and elements["missing"].sum() == 0
        and elements["found"].sum() == 1
    )
    assert np.isnan(elements["recall"]).all() and np.isnan(elements["average_precision"]).all()


# The ridge regression, on the 800 pixels of the RVS, where fits are quick

# Å; of the line that is missing, at [M/H] = 0 and per dex
CENTRE, DEPTH, SLOPE = (
    8610.0,
    0.10,
    0.06,
)


@pytest.fixture(scope="module")
def corrected():
    emulator = specnb.load_emulator("rvs")
    labels = true_labels(draw_stars(RVS, 150, np.random.default_rng(1)), emulator)
    profile = np.exp(-0.5 * ((emulator.wavelength - CENTRE) / 0.6) ** 2)
    flux = emulator(labels) - (DEPTH + SLOPE * labels[:, [2]]) * profile
    flux = (flux + 0.005 * np.random.default_rng(2).standard_normal(flux.shape)).astype(np.float32)
    mask = np.zeros(flux.shape, dtype=bool)
    observed = Spectra(
        emulator.wavelength,
        flux,
        np.full_like(flux, 0.005),
        mask,
        [str(k) for k in range(len(flux))],
    )
    config = FitConfig(continuum_order=-1)
    return (
        emulator,
        observed,
        labels,
        profile,
        corrected_emulator(emulator, observed, config),
        config,
    )


def test_the_ridge_regression_finds_the_mean_line(corrected):
    emulator, _, labels, profile, model, _ = corrected
    inside = emulator.in_hull(labels)
    added = (emulator(labels[inside]) - model(labels[inside])) @ profile / (profile @ profile)
    truth = (DEPTH + SLOPE * labels[inside, 2]).mean()
    assert inside.sum() > 100 and added.mean() == pytest.approx(truth, rel=0.1)
    outside = np.abs(emulator.wavelength - CENTRE) > 4.0
    change = emulator(labels[inside]) - model(labels[inside])
    assert np.sqrt(np.mean(change[:, outside] ** 2)) < 0.05 * DEPTH


def test_the_correction_is_linear(corrected):
    emulator, _, _, _, model, _ = corrected
    stars = np.array([[5000.0, 3.0, -0.2, 0.1, 1.5, 6.0], [5600.0, 4.4, 0.0, 0.05, 1.2, 6.0]])
    slope, intercept = model.steps[-1].slope.numpy(), model.steps[-1].intercept.numpy()
    assert slope.shape == (6, 800) and np.abs(slope).max() > 0
    np.testing.assert_allclose(
        model.jacobian(stars) - emulator.jacobian(stars),
        np.broadcast_to(slope, (2, 6, 800)),
        atol=1e-6,
    )
    np.testing.assert_allclose(model(stars) - emulator(stars), stars @ slope + intercept, atol=1e-5)
    assert model.labels == emulator.labels and model.network is not emulator.network


def test_the_ridge_regression_finds_what_the_line_depends_on(corrected):
    profile, model = corrected[3], corrected[4]
    assert model.steps[-1].slope.numpy()[2] @ profile / (profile @ profile) == pytest.approx(
        -SLOPE, rel=0.5
    )


def test_the_ridge_regression_needs_stars(corrected):
    emulator, observed, *_, config = corrected
    with pytest.raises(ValueError, match="only 99 of 99 stars could be fitted: give 100 or more"):
        corrected_emulator(emulator, observed[:99], config)


# The experiment


@pytest.fixture(scope="module")
def small(emulator, responses):
    return HiddenLines.make(emulator, responses, MissingConfig(n_stars=100, seed=5))


def test_the_same_seed_makes_the_same_experiment(emulator, responses, small):
    again, other = (
        HiddenLines.make(emulator, responses, MissingConfig(n_stars=100, seed=seed))
        for seed in (5, 6)
    )
    for name in ("flux", "flux_error", "mask"):
        np.testing.assert_array_equal(
            getattr(small.domains.observed, name), getattr(again.domains.observed, name)
        )
    np.testing.assert_array_equal(small.domains.labels, again.domains.labels)
    np.testing.assert_array_equal(small.truth.masked, again.truth.masked)
    assert np.any(small.truth.masked != other.truth.masked)
    assert np.mean(small.domains.labels[:, 0] != other.domains.labels[:, 0]) > 0.98
    assert np.any(small.domains.observed.flux != other.domains.observed.flux)
    np.testing.assert_array_equal(small.star, STAR)
    assert small.full is emulator and (small.synthetic(STAR)[0][small.truth.masked] == 1.0).all()


def test_noise_scales_and_is_as_large_as_told(emulator, responses, small):
    survey, truth = make_mock(emulator, ApogeeMockConfig.clean(n_stars=100, seed=2 * 5))
    one = small.domains.observed
    three = HiddenLines.make(
        emulator, responses, MissingConfig(n_stars=100, seed=5, noise=3.0)
    ).domains.observed
    np.testing.assert_allclose(one.flux, survey.flux, atol=1e-6)
    np.testing.assert_array_equal(one.flux_error, survey.flux_error)
    np.testing.assert_array_equal(three.flux_error, np.float32(3) * one.flux_error)
    np.testing.assert_allclose(three.flux - truth.flux, 3.0 * (one.flux - truth.flux), atol=1e-6)
    pull = ((three.flux - truth.flux) / three.flux_error)[~three.mask]
    assert pull.std() == pytest.approx(1.0, abs=0.03) and abs(pull.mean()) < 0.02
    snr = 1.0 / np.median(one.flux_error, axis=1)
    assert 80 < np.median(snr) < 200 and snr.min() > 30  # as in APOGEE


def test_domains_show_other_stars_and_all_lines(emulator, experiment):
    _, truth = make_mock(emulator, ApogeeMockConfig.clean(n_stars=400, seed=2))
    seen, labels = true_labels(truth.labels, emulator), experiment.domains.labels
    assert seen.shape == labels.shape == (400, 25)
    assert not set(map(bytes, seen)) & set(map(bytes, labels))
    # Out of 400 stars, by chance, at the limits of the population
    assert len(np.intersect1d(seen[:, 0], labels[:, 0])) <= 4
    for ours, theirs in zip(seen.T, labels.T):  # both are from the same population
        assert abs(ours.mean() - theirs.mean()) < 5 * np.hypot(ours.std(), theirs.std()) / 20
    masked = experiment.truth.masked
    gap = (experiment.synthetic(labels) - experiment.domains.observed.flux).mean(axis=0)
    expected = (1.0 - emulator(labels)).mean(axis=0)
    assert np.corrcoef(gap[masked], expected[masked])[0, 1] > 0.99
    assert np.abs(gap[~masked]).mean() < 0.1 * gap[masked].mean()


def test_harder_cases_change_only_what_they_name(emulator, responses, small):
    gap, dwarfs = (
        HiddenLines.make(emulator, responses, MissingConfig(n_stars=100, seed=5, case=case))
        for case in (GAP, OTHERS)
    )
    for other in (gap, dwarfs):
        np.testing.assert_array_equal(other.domains.labels, small.domains.labels)
        np.testing.assert_array_equal(other.truth.masked, small.truth.masked)
    survey, _ = make_mock(emulator, ApogeeMockConfig(n_stars=100, seed=2 * 5))
    np.testing.assert_allclose(gap.domains.observed.flux, survey.flux, atol=1e-6)
    np.testing.assert_array_equal(gap.domains.observed.mask, survey.mask)
    logg = [np.median(each.domains.observed.labels["logg"]) for each in (small, gap, dwarfs)]
    assert logg[0] == pytest.approx(logg[1], abs=0.1) and logg[2] > logg[0] + 0.5
    assert not np.array_equal(gap.domains.observed.flux, small.domains.observed.flux)
    # The truth has the line strengths of the survey, whose normalisation is left out.
    _, stars = make_mock(emulator, ApogeeMockConfig.clean(n_stars=50, seed=3, wrong_lines=0.3))
    labels = true_labels(stars.labels, emulator)
    change = stars.flux - emulator(labels)
    left = stars.flux - gap.full(labels)
    assert left.std() < 0.3 * change.std() and np.abs(change).max() > 0.1


def test_findings_are_synthetic_minus_model(emulator, experiment):
    recovered, added = experiment.findings(emulator)
    np.testing.assert_allclose(recovered, experiment.synthetic(STAR)[0] - emulator(STAR)[0])
    np.testing.assert_allclose(added, added_falls(emulator, experiment.synthetic, STAR)[0])
    assert (
        recovered[experiment.truth.masked].max() > 0.3
        and (recovered[~experiment.truth.masked] == 0).all()
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fraction": 0.0}, "fraction is 0.0: it must be a number from 0.01 to 0.9"),
        ({"fraction": True}, "fraction is True"),
        ({"n_stars": 99}, "n_stars is 99: it must be an integer from 100"),
        ({"noise": 0.0}, "noise is 0.0: it must be a number from 0.01 to 20"),
        ({"noise": np.nan}, "noise is nan"),
        ({"seed": -1}, "seed is -1: it must be an integer from 0"),
        ({"case": "gap"}, "case is 'gap': give one of lines only, full gap, other stars"),
    ],
)
def test_configurations_are_checked(changes, words):
    with pytest.raises(ValueError, match=words):
        MissingConfig(**changes)
    with pytest.raises(TypeError, match="stars"):
        MissingConfig(stars=100)


@pytest.mark.parametrize("changes", [{"n_stars": 150.5}, {"seed": 1.5}])
def test_integers_are_checked(changes):
    with pytest.raises(ValueError, match="must be an integer"):
        MissingConfig(**changes)


def check_start(hidden, found):
    """Check the linear start; with 400 stars, seeds 1-6 give depths of 0.94-1.01, 97-100% right."""
    assert found["depth"] == pytest.approx(1.0, abs=0.15) and found["depth_scatter"] < 0.15
    assert found["named"] > 0.9 and found["named_all"] > 0.85
    iron = hidden[(hidden["element"] == "Fe") & (hidden["share"] > 0.5)]
    assert len(iron) > 15 and np.mean(iron["right"]) > 0.85
    assert found["precision"] > 0.8 and found["recall"] > 0.5
    assert found["average_precision"] > 0.5 and found["base_rate"] < 0.02


def test_four_models_are_compared(emulator, experiment, monkeypatch):
    # labels to within their errors are enough here, and take half the time
    monkeypatch.setattr(
        "specnb.missing.experiment.FitConfig", partial(FitConfig, tolerance=1.0, batch=102)
    )
    before = experiment.score(emulator)[2]
    models, table = compare(experiment, SHORT, n_fitted=102)
    assert (
        list(models)
        == list(table["model"])
        == ["translated", "linear start", "baseline", "full emulator"]
    )
    rows = {row["model"]: row for row in table}
    assert set(table.colnames) == {"model", *before}
    hidden, _, found = experiment.score(models["linear start"])
    assert found == {name: rows["linear start"][name] for name in found}
    check_start(hidden, found)
    moved = np.abs(models["translated"](STAR) - models["linear start"](STAR)).max()
    assert 1e-6 < moved < 0.05  # it was trained, although only by three steps
    assert (
        rows["translated"]["depth"] == pytest.approx(1.0, abs=0.15)
        and rows["translated"]["named"] > 0.9
    )
    assert rows["baseline"]["depth"] == pytest.approx(1.0, abs=0.25)
    assert rows["full emulator"]["depth"] == pytest.approx(1.0, abs=1e-5)
    for name in ("named", "credit", "precision", "recall", "average_precision"):
        assert rows["full emulator"][name] == before[name] == max(table[name]), name
    assert models["full emulator"] is emulator


@pytest.mark.parametrize("seed", [2, 3])
def test_the_start_finds_hidden_lines(emulator, responses, seed):
    other = HiddenLines.make(emulator, responses, MissingConfig(n_stars=400, seed=seed))
    start = TranslateTraining(
        other.synthetic, other.domains.labels, other.domains.observed, SHORT
    ).finish()
    hidden, _, found = other.score(translated_emulator(other.synthetic, start))
    check_start(hidden, found)
