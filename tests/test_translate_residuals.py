"""Residuals, χ² and label errors of fits whose truth is known."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from stand_in import StandIn

import specnb
from specnb.core.spectra import Spectra
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.residuals import (
    bias_change,
    by_pixel,
    chi2_statistics,
    distribution,
    label_errors,
    z_scores,
)
from specnb.plots.residuals import residual_bands
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig

N = 300
LABELS = ("teff", "m_h")


def table(teff, m_h, chi2=None, flags=None, n=N):
    """A fit with these labels, as `fit_labels` gives it."""
    made = Table({"teff": np.broadcast_to(teff, n) * 1.0, "m_h": np.broadcast_to(m_h, n) * 1.0})
    made["teff"].unit, made["m_h"].unit = "K", "dex"
    made["teff_error"], made["m_h_error"] = 50.0, 0.05
    made["chi2_reduced"] = np.ones(n) if chi2 is None else chi2
    made["converged"] = np.ones(n, bool)
    made["flags"] = [""] * n if flags is None else flags
    return made


@pytest.fixture(scope="module")
def truth():
    random = np.random.default_rng(1)
    return Table({"teff": random.uniform(4500, 6500, N), "m_h": random.uniform(-1, 0.3, N)})


@pytest.fixture(scope="module")
def survey():
    """A mock survey without effects, some pixels masked, and its true flux."""
    config = RvsMockConfig.clean(n_stars=N, seed=2, bad_pixels=0.05, bad_ends=5)
    return make_mock(StandIn(), config)


def test_residuals_of_a_perfect_model_are_a_unit_normal(survey):
    observed, truth = survey
    z = z_scores(observed, truth.flux)
    assert np.array_equal(np.isnan(z), observed.mask)
    row = distribution({"perfect": z})[0]
    n = (~observed.mask).sum()
    assert row["pixels"] == n
    assert row["stars"] == N
    assert abs(row["mean"]) < 4 / np.sqrt(n)
    assert abs(row["std"] - 1) < 4 / np.sqrt(2 * n)
    assert row["beyond"] < 2e-5  # 6e-7 expected
    pixels = by_pixel(observed.wavelength, z)
    assert np.array_equal(pixels["stars"], (~observed.mask).sum(axis=0))
    scaled = pixels["mean"] * np.sqrt(pixels["stars"])  # 800 unit normals
    assert np.abs(scaled).max() < 5
    assert abs(scaled.std() - 1) < 4 / np.sqrt(2 * len(scaled))
    spread = (pixels["std"] - 1) * np.sqrt(2 * pixels["stars"])
    assert np.abs(spread).max() < 5.5
    assert str(pixels["wavelength"].unit) == "Angstrom"


def test_an_offset_and_a_wrong_error_are_read_off():
    random = np.random.default_rng(3)
    flux = np.ones((N, 50))
    error = np.where(np.arange(50) < 25, 0.01, 0.02)
    noisy = flux + 0.02 * random.normal(size=flux.shape) + 0.01 * (np.arange(50) == 40)
    observed = Spectra(np.arange(50) + 1.0, noisy, np.broadcast_to(error, flux.shape), np.zeros(flux.shape, bool),
                       np.arange(N))  # fmt: skip
    pixels = by_pixel(observed.wavelength, z_scores(observed, flux))
    assert pixels["std"][:25].mean() == pytest.approx(2, abs=4 * 2 / np.sqrt(2 * N * 25))
    assert pixels["std"][25:].mean() == pytest.approx(1, abs=4 / np.sqrt(2 * N * 25))
    assert pixels["mean"][40] == pytest.approx(0.5, abs=4 / np.sqrt(N))


def test_masked_pixels_and_stars_without_fit_do_not_count():
    observed = Spectra([1.0, 2.0, 3.0], [[2.0, 9, 1], [0, 1, 1], [5, 5, 5]], np.ones((3, 3)),
                       [[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["a", "b", "c"])  # fmt: skip
    flux = np.ones((3, 3))
    flux[2] = np.nan
    z = z_scores(observed, flux)
    pixels = by_pixel(observed.wavelength, z)
    assert pixels["stars"].tolist() == [2, 1, 1]
    assert pixels["mean"].tolist() == [0, 0, 0]
    assert pixels["std"][0] == pytest.approx(np.sqrt(2))
    assert np.isnan(pixels["std"][1])
    other = np.zeros((3, 3))
    both = distribution({"one": z, "two": other})
    assert both["stars"].tolist() == [2, 2]
    assert both["not_fitted"].tolist() == [1, 0]
    assert both["pixels"].tolist() == [4, 6]  # star c counts in neither


def test_residuals_beyond_five_are_counted():
    z = np.full((10, 10), 0.5)
    z[0] = 7
    assert distribution({"fit": z})["beyond"][0] == 0.1
    side = residual_bands(np.arange(10) + 1.0, {"fit": z}).axes[1]
    density, edges, _ = side.patches[0].get_data()
    assert np.sum(density * np.diff(edges)) == pytest.approx(0.9)


def test_chi2_is_compared_over_the_stars_that_all_could_fit():
    chi2 = np.full(N, 2.0)
    chi2[:10] = np.nan
    other = np.full(N, 1.0)
    other[5:20] = np.nan
    other[:5] = 100.0
    flags = (
        ["no_information"] * 10 + [""] * (N - 12) + ["at_limit:teff,outside_hull", "not_converged"]
    )
    before, after = table(5000, 0, chi2, flags), table(5000, 0, other)
    before["converged"][-1] = False
    found = chi2_statistics({"physics only": before, "translated": after})
    assert found["stars"].tolist() == [N - 20] * 2
    assert found["not_fitted"].tolist() == [10, 15]
    assert found["at_limit"].tolist() == [1, 0]
    assert found["not_converged"].tolist() == [1, 0]
    assert found["mean"].tolist() == [2, 1]
    assert found["median"].tolist() == [2, 1]
    assert found["ratio"].tolist() == [1, 0.5]


def test_label_errors_are_those_put_in(truth):
    random = np.random.default_rng(4)
    noise = random.normal(size=N)
    flags = ["at_limit:teff", "at_limit:teff,at_limit:m_h", "outside_hull"] + [""] * (N - 3)
    fit = table(truth["teff"] + 100 + 40 * noise, truth["m_h"], flags=flags)
    fit["teff"][3] += 1e5  # one wild fit
    found = label_errors({"physics only": fit}, truth, LABELS)
    teff, m_h = found
    sigma = 40 / np.sqrt(N)
    assert teff["median"] == pytest.approx(100, abs=4 * 1.2533 * sigma)
    assert teff["scatter"] == pytest.approx(40, abs=4 * 1.2 * sigma)  # of the width of percentiles
    assert teff["bootstrap_error"] == pytest.approx(1.2533 * sigma, rel=0.4)
    assert teff["pull_width"] == pytest.approx(teff["scatter"] / 50)
    assert teff["rms"] > 5000  # the wild fit is visible there and in the mean
    assert teff["mean"] == pytest.approx(100 + 1e5 / N, abs=4 * sigma)
    assert teff["median_error"] == 50
    assert (teff["unit"], m_h["unit"]) == ("K", "dex")
    assert (teff["at_limit"], m_h["at_limit"]) == (2, 1)
    assert m_h["rms"] == pytest.approx(0, abs=1e-12)
    assert teff["stars"] == N


def test_stars_that_one_fit_lacks_are_left_out_of_all_and_counted(truth):
    chi2 = np.ones(N)
    chi2[:7] = np.nan
    one = table(truth["teff"] + np.where(np.isnan(chi2), np.nan, 10), truth["m_h"], chi2)
    two = table(truth["teff"] + np.where(np.isnan(chi2), 1e6, -20), truth["m_h"])
    found = label_errors({"one": one, "two": two}, truth, ["teff"])
    assert found["stars"].tolist() == [N - 7] * 2
    assert found["not_fitted"].tolist() == [7, 0]
    assert found["mean"].tolist() == pytest.approx([10, -20])
    change = bias_change(one, two, truth, ["teff"])
    assert change["change"][0] == pytest.approx(10)
    assert change["change_error"][0] == pytest.approx(0, abs=1e-9)


def test_falling_biases_are_counted_by_their_size_and_judged_by_their_errors(truth):
    random = np.random.default_rng(5)
    noise = random.normal(size=(2, N))
    before = table(truth["teff"] - 100 + 50 * noise[0], truth["m_h"] + 0.05 * noise[1])
    after = table(truth["teff"] + 30 + 50 * noise[0], truth["m_h"] + 0.001 + 0.05 * noise[1])
    found = {row["label"]: row for row in bias_change(before, after, truth, LABELS)}
    assert found["teff"]["falls"]  # -100 -> +30
    assert found["teff"]["clear"]
    assert found["teff"]["change"] == pytest.approx(-70, abs=20)
    # the noise is the same in both fits: |b + 30| - |b - 100| with the scatter of 2 b, 2 x 1.2533 x 50 / sqrt(N)
    assert found["teff"]["change_error"] == pytest.approx(2 * 1.2533 * 50 / np.sqrt(N), rel=0.3)
    equal = bias_change(before, before, truth, LABELS)
    assert not equal["falls"].any()
    assert not equal["clear"].any()
    assert found["teff"]["before"] == pytest.approx(np.median(before["teff"] - truth["teff"]))
    independent = table(truth["teff"], truth["m_h"] + 0.05 * noise[0])
    assert not bias_change(before, independent, truth, ["m_h"])["clear"][0]  # chance alone


def test_masked_truth_is_refused(truth):
    gappy = truth.copy()
    gappy["m_h"] = MaskedColumn(gappy["m_h"], mask=np.arange(N) == 3)
    with pytest.raises(ValueError, match="star 3 of the catalogue has m_h = nan"):
        label_errors({"fit": table(5000, 0)}, gappy, LABELS)


def test_other_stars_are_refused(survey, truth):
    observed, true = survey
    with pytest.raises(ValueError, match="give the fits of"):
        z_scores(observed, true.flux[:-1])
    with pytest.raises(ValueError, match=r"differ \(fit: 300, truth: 299\)"):
        label_errors({"fit": table(5000, 0)}, truth[:-1], LABELS)
    with pytest.raises(ValueError, match="no star was fitted"):
        chi2_statistics({"fit": table(5000, 0, np.full(N, np.nan))})
    with pytest.raises(ValueError, match="differ"):
        distribution({"one": np.zeros((3, 2)), "two": np.zeros((4, 2))})


def test_real_fits_of_wrong_and_right_spectra():
    """If spectra have a wrong slope, fits without a continuum are worse, and so are their labels."""

    emulator = specnb.load_emulator("rvs")
    observed, true = make_mock(emulator, RvsMockConfig.clean(n_stars=60, seed=3, continuum=0.05))
    right = FitConfig(continuum_order=3)
    wrong = FitConfig(continuum_order=-1)
    fits = {
        "physics only": fit_labels(observed, emulator, wrong),
        "translated": fit_labels(observed, emulator, right),
    }
    z = {
        name: z_scores(observed, fitted_flux(fit, emulator, config))
        for (name, fit), config in zip(fits.items(), (wrong, right))
    }
    before, after = distribution(z)
    assert before["std"] > 1.3
    n_free = 800 - 6 - 4
    assert after["std"] == pytest.approx(
        np.sqrt(n_free / 800), abs=4 / np.sqrt(2 * after["pixels"]) + 1e-3
    )
    assert abs(after["mean"]) < 0.02
    chi2 = chi2_statistics(fits)
    assert chi2["mean"][1] == pytest.approx(1, abs=4 * np.sqrt(2 / n_free / 60) + 2e-3)
    assert chi2["ratio"][1] < 0.62
    assert chi2["mean"][0] == pytest.approx(before["std"] ** 2 + before["mean"] ** 2, rel=0.02)
    errors = label_errors(fits, true.labels, emulator.labels)
    assert (
        errors["rms"][errors["fit"] == "translated"][0]
        < errors["rms"][errors["fit"] == "physics only"][0]
    )
    assert bias_change(*fits.values(), true.labels, emulator.labels)["falls"].sum() >= 3
