from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy.table import Table
from h_band import linear_emulator

import specnb
from specnb.core.doppler import doppler_shift
from specnb.core.rebinning import rebin
from specnb.core.spectra import Spectra
from specnb.core.wavelength import detectors
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.forward import ForwardModel
from specnb.fitting.minimise import _secant
from specnb.fitting.pulls import interior_stars, pull_statistics
from specnb.plots.spectra import best_fit
from specnb.surveys import APOGEE, RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.surveys.rvs.pixels import RVS_NATIVE
from specnb.translate.domains import unseen_stars


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def ideal(emulator):
    return interior_stars(emulator, 5000, 100.0, seed=1)


@pytest.fixture(scope="module")
def ideal_fit(ideal, emulator):
    return fit_labels(ideal, emulator)


def as_star(emulator, flux, error=0.01, mask=None):
    flux = np.atleast_2d(flux)
    mask = np.zeros(flux.shape, bool) if mask is None else mask
    return Spectra(
        emulator.wavelength,
        flux,
        np.full(flux.shape, error),
        mask,
        [f"s{i}" for i in range(len(flux))],
    )


def test_pulls_are_gaussian(ideal, ideal_fit, emulator):
    statistics = pull_statistics(ideal_fit, ideal.labels, emulator.labels)
    assert len(statistics) == 6 and np.all(statistics["stars"] == 5000)
    for row in statistics:
        assert abs(row["mean"]) <= 0.05, row
        assert 0.95 <= row["std"] <= 1.05, row
    assert np.mean(ideal_fit["converged"]) > 0.995
    assert np.mean(ideal_fit["chi2_reduced"]) == pytest.approx(1.0, abs=0.005)


def test_fit_does_not_depend_on_the_batch(ideal, ideal_fit, emulator):
    alone = fit_labels(ideal[:3], emulator, FitConfig(batch=1))
    for name in emulator.labels:
        difference = (alone[name] - ideal_fit[name][:3]) / alone[f"{name}_error"]
        assert np.abs(difference).max() < 0.02, name


def test_fitting_changes_no_spectrum(ideal, emulator):
    """Although in the batch other stars take the places of finished ones."""
    stars = ideal[:60]
    flux, error = stars.flux.copy(), stars.flux_error.copy()
    fit_labels(stars, emulator, FitConfig(batch=8))
    np.testing.assert_array_equal(stars.flux, flux)
    np.testing.assert_array_equal(stars.flux_error, error)


def test_table(ideal_fit, emulator):
    assert ideal_fit.colnames[:3] == ["id", "teff", "teff_error"]
    assert str(ideal_fit["teff"].unit) == "K" and str(ideal_fit["vbroad_error"].unit) == "km / s"
    assert {"chi2_reduced", "converged", "flags", "continuum_0"} <= set(ideal_fit.colnames)


def test_masked_pixels_carry_no_weight(ideal, emulator):
    star = ideal[0]
    mask = star.mask.copy()
    mask[0, 100:300] = True
    flux = star.flux.copy()
    flux[0, 100:300] = 50.0
    masked = Spectra(star.wavelength, flux, star.flux_error, mask, star.ids)
    window = (emulator.wavelength[100] - 0.01, emulator.wavelength[299] + 0.01)
    left_out = fit_labels(star, emulator, FitConfig(windows_out=(window,)))
    for name in emulator.labels:
        assert fit_labels(masked, emulator)[name][0] == pytest.approx(
            left_out[name][0], rel=1e-4
        ), name


def test_windows_hold_the_pixels_at_their_ends(emulator):
    """In the fit, and in the figure of the fit."""
    wavelength = emulator.wavelength
    window = tuple(wavelength[[100, 299]].tolist())
    kept = ForwardModel(emulator, FitConfig(windows_out=(window,))).kept
    assert np.flatnonzero(np.asarray(kept) == 0).tolist() == list(range(100, 300))
    flux = emulator([[5200.0, 3.5, -0.2, 0.1, 1.2, 10.0]])[0]
    star = wavelength, flux, np.full(800, 0.01), np.zeros(800, dtype=bool), flux
    figure = best_fit(*star, masked_windows=[window])
    assert "over 600 pixels" in figure.axes[0].get_title(loc="left")


def test_continuum_is_absorbed(emulator):
    truth = [5200.0, 3.5, -0.2, 0.1, 1.2, 10.0]
    x = np.linspace(-1, 1, 800)
    star = as_star(emulator, emulator([truth]) * (1.02 + 0.03 * x), error=0.005)
    fit = fit_labels(star, emulator)
    coefficients = [fit[f"continuum_{k}"][0] for k in range(3)]
    np.testing.assert_allclose(coefficients, [0.02, 0.03, 0.0], atol=1e-4)
    assert fit["teff"][0] == pytest.approx(5200, abs=2)
    np.testing.assert_allclose(fitted_flux(fit, emulator), star.flux, atol=1e-4)


@pytest.mark.parametrize("velocity", [-47.0, 0.0, 12.3])
def test_radial_velocity_is_found(emulator, velocity):
    truth = [5200.0, 3.5, -0.2, 0.1, 1.2, 10.0]
    fine = np.interp(  # an independent shift: linear interpolation on a ten times finer spline
        emulator.wavelength / (1 + velocity / 299_792.458),
        *_spline(emulator.wavelength, emulator([truth])[0]),
    )
    star = as_star(emulator, fine, error=0.005)
    fit = fit_labels(star, emulator, FitConfig(fit_rv=True))
    assert fit["converged"][0]
    assert fit["rv"][0] == pytest.approx(velocity, abs=0.1)
    assert fit["teff"][0] == pytest.approx(5200, abs=10)


def _spline(x, y):
    from scipy.interpolate import make_interp_spline

    fine = np.linspace(x[0], x[-1], 10 * len(x))
    return fine, make_interp_spline(x, y, k=5)(fine)


def test_shift_derivative_matches_finite_differences(emulator):
    flux = torch.from_numpy(emulator([[5200.0, 3.5, -0.2, 0.1, 1.2, 10.0]])).double()
    wavelength = torch.from_numpy(emulator.wavelength)
    v = torch.tensor([7.7], dtype=torch.float64)
    _, exact = torch.func.jvp(
        lambda v: doppler_shift(flux, wavelength, v), (v,), (torch.ones_like(v),)
    )
    numeric = (
        doppler_shift(flux, wavelength, v + 1e-4) - doppler_shift(flux, wavelength, v - 1e-4)
    ) / 2e-4
    torch.testing.assert_close(exact, numeric, atol=1e-8, rtol=1e-5)
    direct = doppler_shift(flux, wavelength, v, derivative=True)
    torch.testing.assert_close(direct, exact, atol=1e-10, rtol=1e-9)


def test_star_without_enough_pixels_is_flagged_not_fitted(emulator):
    mask = np.ones((2, 800), bool)
    mask[1] = False
    fit = fit_labels(
        as_star(emulator, np.tile(emulator([[5000.0, 3, 0, 0, 1, 5]]), (2, 1)), mask=mask), emulator
    )
    assert list(fit["flags"]) == ["no_pixels", ""]
    assert np.isnan(fit["teff"][0]) and np.isnan(fit["chi2_reduced"][0]) and not fit["converged"][0]
    assert np.isnan(fitted_flux(fit, emulator)[0]).all()
    assert fit["teff"][1] == pytest.approx(5000, abs=5)


def test_labels_beyond_the_range_end_at_a_flagged_limit(emulator):
    # Within the training range, but not within the trusted range
    wide = emulator.network.high[0].item()
    fit = fit_labels(as_star(emulator, emulator([[wide, 4.4, 0, 0, 1.5, 5]]), error=1e-3), emulator)
    assert fit["teff"][0] == emulator.high[0]
    assert "at_limit:teff" in fit["flags"][0]
    assert np.isfinite(fit["teff_error"][0])


def test_absurd_stars_are_flagged_and_harm_no_other(emulator):
    good = emulator([[5000.0, 3, 0, 0, 1, 5]])[0]
    flux = np.stack([good, np.zeros(800), -good, np.full(800, 1e25), good])
    stars = as_star(emulator, flux)
    stars.flux_error[4] = 1e-20
    fit = fit_labels(stars, emulator)
    assert list(fit["flags"]) == ["", *["no_information"] * 4]
    assert fit["teff"][0] == pytest.approx(5000, abs=5)
    assert (
        np.isnan(fit["teff"][1:]).all()
        and np.isnan(fit["teff_error"][1:]).all()
        and not fit["converged"][1:].any()
    )


def test_hard_stars_converge(emulator):
    survey, _ = make_mock(emulator, RvsMockConfig(n_stars=300))  # the model is wrong
    rng = np.random.default_rng(0)
    flux = np.tile(emulator([[7300.0, 4.4, -2.3, 0.1, 1.5, 10.0]]), (100, 1))  # hardly any lines
    hot = as_star(emulator, flux + 0.05 * rng.normal(size=flux.shape), error=0.05)
    for stars in (survey, hot):
        assert np.mean(fit_labels(stars, emulator)["converged"]) > 0.98


@pytest.fixture(scope="module")
def wrong_model():
    """Stars of APOGEE whose spectra differ from the emulator's, with much larger residuals than their noise."""
    emulator = specnb.load_emulator("apogee")
    return emulator, unseen_stars(emulator, 24)[0]


@pytest.mark.parametrize("continuum_order", [-1, 2])
def test_all_stars_converge_where_the_model_is_wrong(wrong_model, continuum_order):
    emulator, stars = wrong_model
    fit = fit_labels(stars, emulator, FitConfig(continuum_order=continuum_order))
    assert fit["converged"].all() and np.median(fit["chi2_reduced"]) > 2
    if continuum_order == 2:
        return
    labels = np.column_stack([fit[name] for name in emulator.labels])
    flux, jacobian = (
        a.double().numpy() for a in emulator.flux_and_jacobian(torch.tensor(labels).float())
    )
    limited = 0
    for star in range(len(stars)):  # conditions for a minimum within limits, in standard errors
        weighted = jacobian[star] * stars.ivar[star]
        gradient, fisher = weighted @ (stars.flux[star] - flux[star]), weighted @ jacobian[star].T
        outwards = np.select(
            [labels[star] <= emulator.low, labels[star] >= emulator.high], [-gradient, gradient]
        )
        held = outwards > 0
        free = gradient[~held]
        assert (
            np.sqrt(free @ np.linalg.solve(fisher[np.ix_(~held, ~held)], free))
            < 2 * FitConfig().tolerance
        )
        limited += np.any(held)
        assert all(
            f"at_limit:{emulator.labels[k]}" in fit["flags"][star] for k in np.flatnonzero(held)
        )
    assert limited > 10


def test_fit_does_not_depend_on_the_order(wrong_model):
    emulator, stars = wrong_model
    stars = stars[:8]
    fit = fit_labels(stars, emulator, FitConfig(batch=3))
    reverse = fit_labels(stars[::-1], emulator, FitConfig(batch=5))[::-1]
    assert list(fit["id"]) == list(reverse["id"]) == list(stars.ids)
    for name in emulator.labels:
        assert np.abs((reverse[name] - fit[name]) / fit[f"{name}_error"]).max() < 0.05, name


def test_native_gaia_samples_are_rebinned_with_their_correlation(emulator):
    flux = np.interp(RVS_NATIVE, emulator.wavelength, emulator([[5000.0, 3, 0, 0, 1, 5]])[0])[None]
    native = Spectra(
        RVS_NATIVE,
        flux,
        np.full(flux.shape, 0.01),
        np.zeros(flux.shape, bool),
        ["a"],
        correlation_length=3.0,
    )
    fit = fit_labels(native, emulator)
    by_hand = fit_labels(rebin(native, emulator.wavelength), emulator)
    assert fit["teff"][0] == by_hand["teff"][0] and fit["teff_error"][0] == by_hand["teff_error"][0]
    # samples made by hand do not tell how their noise correlates: the survey does
    untold = replace(native, correlation_length=1.0)
    assert fit_labels(untold, emulator)["teff_error"][0] == fit["teff_error"][0]
    independent = fit_labels(rebin(untold, emulator.wavelength), emulator)
    assert fit["teff_error"][0] > 1.3 * independent["teff_error"][0]


def test_older_files_of_native_samples_get_the_correlation_of_their_survey(tmp_path):
    ones = np.ones((1, len(RVS_NATIVE)))
    spectra = Spectra(RVS_NATIVE, ones, 0.01 * ones, ones < 0, ["a"])
    spectra.write(tmp_path / "old.h5")
    assert specnb.read_spectra(tmp_path / "old.h5").correlation_length == 3.0
    rebin(spectra, RVS.pixels).write(tmp_path / "rebinned.h5")
    assert specnb.read_spectra(tmp_path / "rebinned.h5").correlation_length == 1.0


@pytest.mark.skipif(not RVS.archive.files(), reason="no real spectra: set SPECNB_DATA")
def test_real_stars_fit_alike_however_they_are_rebinned(emulator):
    native = specnb.read_spectra(RVS.archive.files())
    assert native.correlation_length == 3.0 and len(native.wavelength) == len(RVS_NATIVE)
    by_hand = specnb.rebin(native, emulator.wavelength)
    twice = specnb.rebin(by_hand, emulator.wavelength)
    fits = [fit_labels(stars, emulator) for stars in (native, by_hand, twice, real_spectra(RVS)[0])]
    assert np.isfinite(fits[0]["teff_error"]).any()
    for fit in fits[1:]:
        for name in fit.colnames:
            np.testing.assert_array_equal(fit[name], fits[0][name])


def test_no_stars(emulator):
    fit = fit_labels(as_star(emulator, np.empty((0, 800))), emulator)
    assert isinstance(fit, Table) and len(fit) == 0 and "teff_error" in fit.colnames


def test_model_of_another_configuration_is_refused(ideal, ideal_fit, emulator):
    with pytest.raises(ValueError, match="another configuration"):
        fitted_flux(ideal_fit[:2], emulator, FitConfig(continuum_order=0))


def test_other_pixels_are_refused(emulator):
    star = Spectra(
        emulator.wavelength[:-1],
        np.ones((1, 799)),
        np.ones((1, 799)),
        np.zeros((1, 799), bool),
        ["a"],
    )
    with pytest.raises(ValueError, match="not on this model's 800 pixels, .* rebin them first"):
        fit_labels(star, emulator)


def test_bad_configuration():
    with pytest.raises(ValueError, match=r"windows_out has \(8550, 8540\)"):
        FitConfig(windows_out=((8550, 8540),))
    with pytest.raises(ValueError, match="batch is 0: give 1 or more"):
        FitConfig(batch=0)
    with pytest.raises(TypeError, match="tolerence"):
        FitConfig(tolerence=1)


def test_each_detector_has_a_continuum_of_its_own():
    """The coefficients of a detector multiply its own pixels and no others."""
    model = ForwardModel(linear_emulator(), FitConfig())
    parts = detectors(APOGEE.pixels)
    assert len(parts) == 3 and model.legendre.shape == (9, len(APOGEE.pixels))
    for k, part in enumerate(parts):
        own = np.zeros(len(APOGEE.pixels), dtype=bool)
        own[part] = True
        constant, slope, _ = model.legendre[3 * k : 3 * k + 3].numpy()
        np.testing.assert_array_equal(constant, own)
        assert slope[part][[0, -1]] == pytest.approx([-1.0, 1.0]) and not slope[~own].any()


@pytest.mark.parametrize("fit_rv", [False, True])
def test_stars_are_fitted_without_one_of_their_detectors(fit_rv):
    emulator = linear_emulator()
    star = interior_stars(emulator, 1, 200.0, seed=1)
    dead = detectors(emulator.wavelength)[0]
    mask = star.mask.copy()
    mask[:, dead] = True
    low, high = emulator.wavelength[[dead.start, dead.stop - 1]]
    out = FitConfig(windows_out=((low, high),), fit_rv=fit_rv)
    whole = fit_labels(star, emulator, FitConfig(fit_rv=fit_rv))
    for stars, config in ((replace(star, mask=mask), replace(out, windows_out=())), (star, out)):
        fit = fit_labels(stars, emulator, config)
        assert "no_" not in fit["flags"][0] and fit["chi2_reduced"][0] == pytest.approx(1, abs=0.1)
        for name in ("teff", "fe_h"):
            assert whole[f"{name}_error"][0] < fit[f"{name}_error"][0] < np.inf
            assert abs(fit[name][0] - star.labels[name][0]) < 5 * fit[f"{name}_error"][0]
        assert np.isfinite(fitted_flux(fit, emulator, config)[0, dead.stop + 300])


def test_the_secant_matrix_explains_the_gradient_along_a_step():
    root, old = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    fisher, old = root @ root.transpose(1, 2), old + old.transpose(1, 2)
    step = torch.randn(3, 4, dtype=torch.float64)
    fall = 1.7 * (fisher @ step[:, :, None])[:, :, 0]
    secant = _secant(old, fisher, step, fall)
    torch.testing.assert_close(((fisher + secant) @ step[:, :, None])[:, :, 0], fall)
    torch.testing.assert_close(secant, secant.transpose(1, 2))
    # a step that finds negative curvature teaches nothing
    learnt = _secant(0.0 * old, fisher, step, -fall)
    assert (learnt == 0).all()
