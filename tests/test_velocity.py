"""Radial velocities: the shift, the start by cross-correlation, and the fit; and abundances [X/H]."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.table import Table
from scipy.interpolate import make_interp_spline
from third_survey import THIRD

import specnb
from specnb import disentangle, translate
from specnb.core.doppler import doppler_shift, known_pixels
from specnb.core.spectra import Spectra
from specnb.core.wavelength import C_KM_S
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.pulls import interior_stars, pull_statistics
from specnb.fitting.residuals import z_scores
from specnb.missing.coherent import coherence
from specnb.missing.steps import corrected_emulator
from specnb.surveys import APOGEE, RVS
from specnb.surveys.mock import make_mock
from specnb.surveys.survey import Survey
from specnb.translate import load_translator

REAL = Path(os.environ.get("SPECNB_DATA", "/none"))
KEPLER_93 = REAL / "gaia_rvs" / "Kepler-93.csv"
APOGEE_STAR = REAL / "apogee" / "apStar-dr17-2M17335483-2753043.fits"

# Two kinds of stars of each survey, of which one has few lines: ranges of some labels.
STARS = {
    "rvs": (
        {"teff": (4200.0, 6200.0), "m_h": (-1.0, 0.3)},
        {"teff": (5000.0, 7000.0), "m_h": (-2.1, -1.9)},
    ),
    "apogee": (
        {"teff": (4200.0, 5500.0), "fe_h": (-1.0, 0.3)},
        {"teff": (6100.0, 6400.0), "fe_h": (-1.4, -1.2), "logg": (3.8, 4.4)},
    ),
}


@pytest.fixture(scope="module", params=["rvs", "apogee"])
def emulator(request):
    return specnb.load_emulator(request.param)


@pytest.fixture(scope="module")
def rvs():
    return specnb.load_emulator("rvs")


def moving(emulator, kinds, n, snr, seed):
    """Mock stars of some kinds at ±500 km/s, with noise, a slope of the continuum, and other lines
    where the emulator does not know the spectrum. Also their velocities."""
    rng = np.random.default_rng(seed)
    labels = []
    for ranges in kinds:
        span = emulator.high - emulator.low
        margin = zip(emulator.low + 0.2 * span, emulator.high - 0.2 * span)
        low, high = np.transpose(list((dict(zip(emulator.labels, margin)) | ranges).values()))
        draw = rng.uniform(low, high, (20 * n, len(low)))
        labels.append(draw[emulator.in_hull(draw)][:n])
    labels = np.concatenate(labels)
    velocity = torch.from_numpy(rng.uniform(-500.0, 500.0, len(labels)))
    rest = torch.from_numpy(emulator(labels)).double()
    flux = doppler_shift(rest, emulator.wavelength, velocity).numpy()
    known = known_pixels(emulator.wavelength, velocity, velocity).numpy()
    flux = np.where(known | (rng.random(flux.shape) > 0.05), flux, 0.5)
    flux *= 1 + 0.03 * rng.normal(size=(len(flux), 1)) * np.linspace(-1, 1, flux.shape[1])
    error = np.sqrt(np.maximum(flux, 0.01)) / snr
    flux = flux + error * rng.normal(size=flux.shape)
    mask = rng.random(flux.shape) < 0.02
    flux[mask] = 30.0
    ids = [f"star-{i}" for i in range(len(flux))]
    table = emulator.survey.table(labels)
    return Spectra(emulator.wavelength, flux, error, mask, ids, table, 1.0, False), velocity.numpy()


@pytest.fixture(scope="module")
def moving_fit(emulator):
    n = 100 if emulator.survey is RVS else 12
    stars, velocity = moving(emulator, STARS[emulator.survey.name], n, 40.0, seed=2)
    return stars, velocity, fit_labels(stars, emulator, FitConfig(x_h=True))


def test_velocities_of_moving_stars_are_found(moving_fit, emulator):
    stars, velocity, fit = moving_fit
    pull = np.asarray((fit["rv"] - velocity) / fit["rv_error"])
    assert np.abs(pull).max() < 5 and np.abs(fit["rv"] - velocity).max() < 10
    assert abs(pull.mean()) < 4 / np.sqrt(len(pull)) and abs(pull.std() - 1) < 3 / np.sqrt(
        len(pull)
    )
    assert str(fit["rv"].unit) == str(fit["rv_error"].unit) == "km / s"
    assert not any("rv" in flags for flags in fit["flags"])
    assert np.mean(fit["converged"]) > 0.95
    assert np.median(fit["chi2_reduced"]) == pytest.approx(1.0, abs=0.03)
    for row in pull_statistics(fit, stars.labels, ("teff", "logg")):
        assert abs(row["mean"]) < 4 / np.sqrt(len(fit)) and 0.6 < row["std"] < 1.4, row


def test_fitted_flux_is_shifted_and_unknown_beyond_the_pixels(moving_fit, emulator):
    stars, velocity, fit = moving_fit
    z = z_scores(stars, fitted_flux(fit, emulator))
    assert np.nanstd(z) == pytest.approx(1.0, abs=0.03)
    fastest = np.argmax(velocity)  # the light at its blue end left the star beyond the blue end
    unknown = np.isnan(fitted_flux(fit[[fastest]], emulator)[0])
    lost = emulator.wavelength[0] * (1 + velocity[fastest] / C_KM_S)
    assert unknown[: np.searchsorted(emulator.wavelength, lost)].all()
    assert not unknown[-1] and unknown.mean() < 0.1
    with pytest.raises(ValueError, match="another configuration"):
        fitted_flux(fit[:1], emulator, FitConfig(fit_rv=False))


def test_x_h_is_the_sum_with_the_error_of_the_covariance(emulator):
    stars = interior_stars(emulator, 3, 100.0, seed=6)
    fit = fit_labels(stars, emulator, FitConfig(x_h=True, continuum_order=-1))
    labels = np.column_stack([fit[name] for name in emulator.labels])
    jacobian = emulator.jacobian(labels).astype(float)
    covariance = np.linalg.inv((jacobian * stars.ivar[:, None, :]) @ jacobian.transpose(0, 2, 1))
    assert len(emulator.survey.x_h) == (1 if emulator.survey is RVS else 19)
    for name, added in emulator.survey.x_h.items():
        np.testing.assert_allclose(fit[name], sum(fit[label] for label in added), atol=1e-12)
        pair = [emulator.labels.index(label) for label in added]
        expected = np.sqrt(covariance[:, pair][:, :, pair].sum(axis=(1, 2)))
        np.testing.assert_allclose(fit[f"{name}_error"], expected, rtol=0.01)
        assert str(fit[name].unit) == str(fit[f"{name}_error"].unit) == "dex"
    assert not set(emulator.survey.x_h) & set(fit_labels(stars, emulator).colnames)


def test_pulls_of_x_h_are_gaussian(rvs):
    stars = interior_stars(rvs, 1500, 100.0, seed=4)
    fit = fit_labels(stars, rvs, FitConfig(x_h=True))
    truth = Table({"alpha_h": stars.labels["alpha_fe"] + stars.labels["m_h"]})
    (row,) = pull_statistics(fit, truth, ["alpha_h"])
    assert abs(row["mean"]) < 0.1 and row["std"] == pytest.approx(1.0, abs=0.06)
    # [α/Fe] and [M/H] are anticorrelated, so that their sum is known better than by quadrature.
    quadrature = np.hypot(fit["alpha_fe_error"], fit["m_h_error"])
    assert np.median(fit["alpha_h_error"] / quadrature) < 0.9


def test_x_h_of_a_star_without_a_fit_is_missing(rvs):
    star = interior_stars(rvs, 2, 100.0, seed=1)
    fit = fit_labels(
        replace(star, mask=star.mask | [[True], [False]]), rvs, FitConfig(x_h=True, fit_rv=True)
    )
    assert np.isnan([fit[name][0] for name in ("alpha_h", "alpha_h_error", "rv", "rv_error")]).all()
    assert np.isfinite([fit["alpha_h"][1], fit["alpha_h_error"][1]]).all()
    assert fit["flags"][0] == "no_pixels"


def test_surveys_without_x_h_say_so():
    network = Network([0, 0.4, 0], [15, 1.4, 3], [([0, 1, 2], [4])], len(THIRD.pixels))
    emulator = Emulator(network, THIRD)
    stars = Spectra(THIRD.pixels, *np.ones((2, 1, 512)), np.zeros((1, 512), bool), ["a"])
    with pytest.raises(ValueError, match="survey dusty does not tell"):
        fit_labels(stars, emulator, FitConfig(x_h=True))
    assert "rv" in fit_labels(replace(stars, at_rest=False), emulator).colnames
    with pytest.raises(ValueError, match="x_h of survey 'odd' has 'a_h'"):
        Survey("odd", "Odd", THIRD.labels, THIRD.pixels, x_h={"a_h": ("age", "fe_h")})


def test_velocity_is_fitted_where_spectra_are_not_at_rest(rvs):
    still = interior_stars(rvs, 3, 100.0, seed=1)
    assert "rv" not in fit_labels(still, rvs).colnames
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_labels(replace(still, at_rest=False), rvs)
    asked = fit_labels(still, rvs, FitConfig(fit_rv=True))
    assert np.abs(fit["rv"]).max() < 1.0
    np.testing.assert_array_equal(fit["rv"], asked["rv"])
    with pytest.warns(UserWarning, match="not at rest, and fit_rv=False"):
        unshifted = fit_labels(replace(still, at_rest=False), rvs, FitConfig(fit_rv=False))
    assert "rv" not in unshifted.colnames


def test_velocity_beyond_the_limit_is_flagged(rvs):
    rest = torch.from_numpy(rvs([[5000.0, 3.0, 0.0, 0.1, 1.2, 10.0]]))
    flux = doppler_shift(rest, rvs.wavelength, torch.tensor([130.0])).numpy()
    error, mask = np.full(flux.shape, 0.01), np.zeros(flux.shape, bool)
    star = Spectra(rvs.wavelength, flux, error, mask, ["a"], at_rest=False)
    assert fit_labels(star, rvs)["rv"][0] == pytest.approx(130.0, abs=0.5)
    fit = fit_labels(star, rvs, FitConfig(rv_limit=100.0))
    assert fit["rv"][0] == 100.0 and "at_limit:rv" in fit["flags"][0]


def test_absurd_stars_harm_no_other(rvs):
    good = rvs([[5000.0, 3.0, 0.0, 0.0, 1.0, 5.0]])[0]
    flux = np.stack([good, np.zeros(800), -good, np.full(800, 1e25), good, good])
    error, mask = np.full(flux.shape, 0.01), np.zeros(flux.shape, bool)
    error[4], mask[5] = 1e-20, True
    stars = Spectra(rvs.wavelength, flux, error, mask, list("abcdef"), at_rest=False)
    fit = fit_labels(stars, rvs)
    assert fit["rv"][0] == pytest.approx(0.0, abs=0.5) and fit["flags"][0] == ""
    assert list(fit["flags"][1:]) == [*["no_information"] * 4, "no_pixels"]
    assert np.isnan(fit["rv"][1:]).all() and np.isnan(fitted_flux(fit, rvs)[1:]).all()
    assert len(fit_labels(stars[:0], rvs)) == 0


def test_the_fit_does_not_depend_on_the_batch(rvs):
    stars, _ = moving(rvs, STARS["rvs"], 5, 50.0, seed=3)
    together, alone = (fit_labels(stars, rvs, FitConfig(batch=n)) for n in (None, 1))
    for name in (*rvs.labels, "rv"):
        difference = (together[name] - alone[name]) / alone[f"{name}_error"]
        assert np.abs(difference).max() < 0.05, name


def test_ambiguous_velocities_are_flagged(rvs):
    """In spectra with much noise, a wrong maximum is hardly better than others."""
    stars, velocity = moving(rvs, [{"teff": (6600.0, 7300.0), "m_h": (-2.3, -2.0)}], 150, 4.0, 5)
    fit = fit_labels(stars, rvs, FitConfig(max_iterations=10))
    wrong = np.abs(fit["rv"] - velocity) > 100
    flagged = np.array(["ambiguous:rv" in flags for flags in fit["flags"]])
    assert wrong.sum() > 10 and np.mean(flagged[wrong]) > 0.9
    assert not flagged.all()


@pytest.mark.parametrize("velocity", [-350.0, 0.0, 480.0])
def test_dr4_epochs_on_their_own_pixels(rvs, velocity):
    """961 samples, 0.25 Å apart, in the barycentric frame."""
    truth = [5200.0, 3.5, -0.2, 0.1, 1.2, 10.0]
    pixels = 8460.0 + 0.25 * np.arange(961)
    spline = make_interp_spline(rvs.wavelength, rvs([truth])[0], k=5)
    source = np.clip(pixels / (1 + velocity / C_KM_S), *rvs.wavelength[[0, -1]])
    flux = spline(source)[None]
    error, mask = np.full(flux.shape, 0.01), np.zeros(flux.shape, bool)
    epoch = Spectra(pixels, flux, error, mask, ["a-1"], at_rest=False)
    fit = fit_labels(specnb.rebin(epoch, rvs.wavelength), rvs)
    assert fit["rv"][0] == pytest.approx(velocity, abs=0.3)
    assert fit["teff"][0] == pytest.approx(5200.0, abs=2 * fit["teff_error"][0])


@pytest.mark.skipif(not KEPLER_93.is_file(), reason="no real spectra: set SPECNB_DATA")
@pytest.mark.parametrize("velocity", [300.0, -450.0])
def test_a_real_star_that_is_moved(rvs, velocity):
    real = specnb.read_spectra(KEPLER_93)
    good, pixels = ~real.mask[0], real.wavelength
    source = pixels / (1 + velocity / C_KM_S)
    flux = make_interp_spline(pixels[good], real.flux[0, good], k=3)(source)[None]
    error = np.interp(source, pixels[good], real.flux_error[0, good])[None]
    mask = ((source < pixels[good][0]) | (source > pixels[good][-1]))[None]
    moved = replace(real, flux=flux, flux_error=error, mask=mask, at_rest=False)
    still, fit = fit_labels(real, rvs), fit_labels(moved, rvs)
    assert fit["rv"][0] == pytest.approx(velocity, abs=1.0)
    for name in rvs.labels:  # fewer pixels, not the same ones
        error = np.hypot(fit[f"{name}_error"][0], still[f"{name}_error"][0])
        assert abs(fit[name][0] - still[name][0]) <= 3 * error, name


@pytest.mark.parametrize("survey", [RVS, APOGEE], ids=["rvs", "apogee"])
def test_shift_there_and_back(survey):
    """A line on each side of a gap moves, on pixels even in λ and in log λ, and never across the gap."""
    wavelength = survey.pixels
    centres = np.linspace(wavelength[0] + 60, wavelength[-1] - 60, 12)
    sigma = centres / survey.resolving_power
    lines = 1 - 0.5 * np.exp(-0.5 * ((wavelength - centres[:, None]) / sigma[:, None]) ** 2)
    flux, velocity = torch.from_numpy(lines), torch.tensor([-400.0, 333.0], dtype=torch.float64)
    for v in velocity:
        shifted = doppler_shift(flux, wavelength, v.expand(len(flux)))
        known = known_pixels(wavelength, v[None], v[None])[0].numpy()
        moved, width = (array * (1 + float(v) / C_KM_S) for array in (centres, sigma))
        exact = 1 - 0.5 * np.exp(-0.5 * ((wavelength - moved[:, None]) / width[:, None]) ** 2)
        np.testing.assert_allclose(shifted.numpy()[:, known], exact[:, known], atol=2e-3)


def test_known_pixels_lose_one_end_of_each_detector():
    fast = torch.tensor([500.0, -500.0])
    known = known_pixels(RVS.pixels, fast, fast).numpy()
    lost = 800 - known.sum(axis=1)
    assert np.all(np.abs(lost - (8460 * 500 / C_KM_S / 0.3 + 3)) < 3)
    assert known[0, -1] and not known[0, 0] and known[1, 0] and not known[1, -1]
    known = known_pixels(APOGEE.pixels, fast, fast).numpy()
    assert np.all(np.abs(known.size / 2 - known.sum(axis=1) - 3 * (500 / 4.14 + 3)) < 9)


def test_nonsense_is_refused(rvs):
    for config in ({"rv_limit": 0.0}, {"rv_limit": 1e6}, {"rv_limit": np.nan}, {"rv_limit": True}):
        with pytest.raises(ValueError, match="rv_limit is .*: it must be a number from 1 to 3000"):
            FitConfig(**config)
    with pytest.raises(ValueError, match="fit_rv is 'yes': it must be True, False or None"):
        FitConfig(fit_rv="yes")
    with pytest.raises(ValueError, match="x_h is 1: it must be True or False"):
        FitConfig(x_h=1)
    uneven = np.r_[5000.0:5010.0:0.1, 5010.0:5030.0:0.2]
    for pixels, what in ((uneven, "300|200"), (np.arange(5.0) + 5000, "the 5 pixels at")):
        with pytest.raises(ValueError, match=f"{what}.*shift the spectra to rest"):
            doppler_shift(torch.ones(1, len(pixels)), pixels, torch.tensor([1.0]))
    survey = Survey("short", "Short", THIRD.labels, np.linspace(5000.0, 5010.0, 50))
    network = Network([0, 0.4, 0], [15, 1.4, 3], [([0, 1, 2], [4])], 50)
    star = Spectra(survey.pixels, *np.ones((2, 1, 50)), np.zeros((1, 50), bool), ["a"])
    with pytest.raises(ValueError, match="rv_limit is 600 km/s, which shifts .*: give less"):
        fit_labels(star, Emulator(network, survey), FitConfig(fit_rv=True))


@pytest.mark.skipif(not APOGEE_STAR.is_file(), reason="no real spectra: set SPECNB_DATA")
def test_a_real_star_of_apogee_is_at_rest():
    star = specnb.read_spectra(APOGEE_STAR)
    fit = fit_labels(star, specnb.load_emulator("apogee"), FitConfig(fit_rv=True))
    assert abs(fit["rv"][0]) < 2.0 and fit["flags"][0].count("rv") == 0


def test_what_compares_pixels_at_rest_refuses_moving_spectra(rvs):
    observed, truth = make_mock(rvs, RVS.mock(n_stars=120))
    moving = replace(observed, at_rest=False)
    translator = load_translator("rvs-mock")
    uses = {
        "disentangle": lambda: disentangle.train(moving, progress=False),
        "translate": lambda: translate.train(rvs, truth.labels, moving, progress=False),
        "encode": lambda: translator.encode(moving),
        "coherence": lambda: coherence(moving, moving.flux),
        "corrected": lambda: corrected_emulator(rvs, moving),
    }
    for use in uses.values():
        with pytest.raises(ValueError, match="are not at rest: fit their velocities"):
            use()
