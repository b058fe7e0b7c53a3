from dataclasses import replace

import numpy as np
import pytest

import specnb
from specnb.surveys import APOGEE, RVS
from specnb.surveys.mock import make_mock
from specnb.surveys.population import Population
from specnb.surveys.rvs.mock import (
    FALSE_LINE,
    INTERSTELLAR_BAND,
    MISSING_LINE,
    WRONG_LINES,
    RvsMockConfig,
)
from specnb.surveys.rvs.pixels import RVS_PIXELS, RVS_RESOLVING_POWER
from specnb.translate.rvs_gap import RvsGap

CENTRES = np.array([line[0] for line in WRONG_LINES] + [FALSE_LINE[0], 8580.0, 8653.0])


class GaussianLines:
    """An emulator with all lines that the mock survey changes, and two that it does not change."""

    survey = RVS
    labels = RVS.names
    low = np.array([label.low for label in RVS.labels])
    high = np.array([label.high for label in RVS.labels])
    wavelength = RVS_PIXELS
    profile = np.exp(-0.5 * ((RVS_PIXELS - CENTRES[:, None]) / 0.6) ** 2)

    def __call__(self, labels):
        teff, _, m_h = np.asarray(labels).T[:3]
        depth = 0.4 * 10 ** (0.2 * m_h) * 5000 / teff
        return np.exp(-np.outer(depth, self.profile.sum(axis=0))).astype(np.float32)


EMULATOR = GaussianLines()


def truth_of(**changes):
    return make_mock(EMULATOR, RvsMockConfig.clean(**{"n_stars": 60} | changes))[1]


def labels_of(truth):
    return np.column_stack([truth.labels[name] for name in EMULATOR.labels])


def effect(**changes):
    """The true flux with one effect divided by the emulator's flux; shape (n, n_pix)."""
    truth = truth_of(**changes)
    return truth.flux.astype(float) / EMULATOR(labels_of(truth))


def away_from(*centres, width):
    return np.min(np.abs(RVS_PIXELS - np.array(centres)[:, None]), axis=0) >= width


def test_clean_is_the_emulator_exactly():
    observed, truth = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=100))
    assert np.array_equal(truth.flux, EMULATOR(labels_of(truth)))
    assert not observed.mask.any()
    assert not np.array_equal(observed.flux, truth.flux)


def test_false_line_is_gone_and_nothing_else_changes():
    ratio = effect(false_line=1.0)
    outside = away_from(FALSE_LINE[0], width=FALSE_LINE[1])
    assert 700 < outside.sum() < 800
    assert np.all(ratio[:, outside] == 1)
    truth = truth_of(false_line=1.0)
    centre = np.argmin(np.abs(RVS_PIXELS - FALSE_LINE[0]))
    emulated = EMULATOR(labels_of(truth))[:, centre]
    assert np.mean(emulated) < 0.75
    # The nearest pixel is at most 0.15 Å away
    assert np.all(np.log(truth.flux[:, centre]) / np.log(emulated) < 0.03)


def test_wrong_lines_scale_the_optical_depth_by_the_known_factors():
    truth = truth_of(wrong_lines=1.0)
    emulated = EMULATOR(labels_of(truth))
    pixels = [np.argmin(np.abs(RVS_PIXELS - centre)) for centre, _, _ in WRONG_LINES]
    factors = np.log(truth.flux[:, pixels]) / np.log(emulated[:, pixels])
    assert np.allclose(
        factors, RvsMockConfig.clean(wrong_lines=1.0).line_strength(RVS_PIXELS)[pixels], rtol=1e-4
    )
    # The nearest pixel is at most 0.15 Å away
    assert np.allclose(factors, [strength for _, _, strength in WRONG_LINES], atol=0.03)
    outside = away_from(
        *[line[0] for line in WRONG_LINES], width=max(line[1] for line in WRONG_LINES)
    )
    assert np.array_equal(truth.flux[:, outside], emulated[:, outside])
    half = RvsMockConfig.clean(wrong_lines=0.5).line_strength(RVS_PIXELS) - 1
    assert np.allclose(2 * half, RvsMockConfig.clean(wrong_lines=1.0).line_strength(RVS_PIXELS) - 1)


def test_nonlinear_departures_follow_the_labels():
    one, two = truth_of(nonlinear=0.3, n_stars=400), truth_of(nonlinear=0.6, n_stars=400)
    emulated = EMULATOR(labels_of(one)).astype(float)
    lines = emulated.min(axis=0) < 0.9
    plain, first, second = (np.log(flux[:, lines]) for flux in (emulated, one.flux, two.flux))
    departure = np.log(first / plain) / 0.3
    # the size in the documentation, and what a factor per line and a linear function explain of it
    assert np.sqrt(np.mean(departure**2)) == pytest.approx(0.55, abs=0.15)
    np.testing.assert_allclose(np.log(second / plain) / 0.6, departure, atol=2e-3)
    known = np.column_stack([np.ones(400), *labels_of(one).T[:3]])
    linear = known @ np.linalg.lstsq(known, departure, rcond=None)[0]
    rms = [np.std(x, axis=0).mean() for x in (departure, departure - linear)]
    assert rms[0] > 0.3 and 0.05 < rms[1] < 0.5 * rms[0]


def test_the_perfect_translator_is_the_gap():
    emulator = specnb.load_emulator("rvs")
    effects = {"nonlinear": 0.4, "interstellar_band": 0.0, "continuum": 0.0}
    _, truth = make_mock(emulator, RvsMockConfig(n_stars=40, **effects))
    labels = labels_of(truth).astype(np.float32)
    assert np.abs(truth.flux - emulator(labels)).max() > 0.1
    perfect = emulator.then(RvsGap(**effects))
    np.testing.assert_allclose(perfect(labels), truth.flux, atol=2e-5)
    band = emulator.then(RvsGap(**effects | {"interstellar_band": 0.05}))(labels) / truth.flux
    deepest = np.argmin(band, axis=1)
    assert np.abs(RVS_PIXELS[deepest] - INTERSTELLAR_BAND[0]).max() < 0.2
    np.testing.assert_allclose(-np.log(band.min(axis=1)), 0.05, rtol=0.1)


def test_missing_line_depends_on_temperature_and_metallicity():
    truth = truth_of(missing_line=1.0, n_stars=400)
    ratio = truth.flux.astype(float) / EMULATOR(labels_of(truth))
    assert np.all(ratio[:, away_from(MISSING_LINE[0], width=8 * MISSING_LINE[1])] == 1)
    depth = -np.log(ratio[:, np.argmin(np.abs(RVS_PIXELS - MISSING_LINE[0]))])
    design = np.column_stack([np.ones(400), truth.labels["teff"] - 5000, truth.labels["m_h"]])
    constant, slope_teff, slope_m_h = np.linalg.lstsq(design, np.log10(depth), rcond=None)[0]
    assert 10**constant == pytest.approx(0.15, rel=0.1)
    assert slope_teff == pytest.approx(-1 / 3000, rel=0.02)
    assert slope_m_h == pytest.approx(0.5, rel=0.02)


def test_interstellar_band_does_not_know_the_labels():
    truth = truth_of(interstellar_band=0.02, n_stars=2000)
    ratio = truth.flux.astype(float) / EMULATOR(labels_of(truth))
    assert np.all(ratio[:, away_from(INTERSTELLAR_BAND[0], width=8 * INTERSTELLAR_BAND[1])] == 1)
    depth = -np.log(ratio[:, np.argmin(np.abs(RVS_PIXELS - INTERSTELLAR_BAND[0]))])
    assert np.mean(depth) == pytest.approx(0.02, rel=0.1)
    for name in ("teff", "logg", "m_h", "g_mag"):
        assert abs(np.corrcoef(depth, truth.labels[name])[0, 1]) < 0.09


def test_continuum_residuals_are_a_cubic_of_the_stated_rms():
    residual = effect(continuum=0.004, n_stars=3000) - 1
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(0.004, rel=0.03)
    x = np.linspace(-1, 1, len(RVS_PIXELS))
    cubic = np.polynomial.legendre.legfit(x, residual.T, 3)
    assert np.allclose(np.polynomial.legendre.legval(x, cubic), residual, atol=3e-7)
    assert np.all(np.abs(np.mean(cubic, axis=1)) < 4 * np.std(cubic, axis=1) / np.sqrt(3000))


def test_lower_resolution_widens_lines_and_keeps_their_strength():
    truth = truth_of(resolving_power=9000.0)
    emulated = EMULATOR(labels_of(truth)).astype(float)
    line = np.abs(RVS_PIXELS - 8580.0) < 6
    width, strength = [], []
    for flux in (emulated, truth.flux.astype(float)):
        absorbed = 1 - flux[:, line]
        mean = absorbed @ RVS_PIXELS[line] / absorbed.sum(axis=1)
        width.append(
            (absorbed * (RVS_PIXELS[line] - mean[:, None]) ** 2).sum(axis=1) / absorbed.sum(axis=1)
        )
        strength.append(absorbed.sum(axis=1))
    assert np.allclose(strength[1], strength[0], rtol=1e-4)
    # Variance of the extra Gaussian
    added = (8580.0 / 2.3548) ** 2 * (9000.0**-2 - RVS_RESOLVING_POWER**-2)
    assert np.allclose(width[1] - width[0], added, rtol=0.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"wrong_lines": 2.0},
        {"continuum": 0.01},
        {"resolving_power": 9000.0},
        {"bad_pixels": 0.05},
        {"interstellar_band": 0.1},
        {"nonlinear": 0.4},
    ],
)
def test_an_effect_changes_neither_stars_nor_noise(changes):
    plain, plain_truth = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=50))
    observed, truth = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=50, **changes))
    assert np.array_equal(labels_of(truth), labels_of(plain_truth))
    assert np.array_equal(observed.labels["teff"], plain.labels["teff"])
    noise = ((o.flux - t.flux) / t.flux_error for o, t in ((observed, truth), (plain, plain_truth)))
    one, two = noise
    assert np.allclose(one[~observed.mask], two[~observed.mask], atol=1e-3)


def test_noise_has_the_stated_variance():
    observed, truth = make_mock(EMULATOR, RvsMockConfig(n_stars=1000))
    good = ~observed.mask
    assert np.array_equal(observed.flux_error[good], truth.flux_error[good])
    pull = ((observed.flux - truth.flux) / observed.flux_error)[good]
    n = pull.size
    assert abs(np.mean(pull)) < 4 / np.sqrt(n)
    assert np.mean(pull**2) == pytest.approx(1, abs=4 * np.sqrt(2 / n))
    # This also holds for each star
    sigma = ((observed.flux - truth.flux) / truth.flux_error).std(axis=1, where=good)
    assert np.all(np.abs(sigma - 1) < 5 / np.sqrt(2 * 780))


def test_noise_follows_magnitude_and_flux():
    def signal_to_noise(g_mag, **changes):
        return RvsMockConfig(**changes).signal_to_noise({"g_mag": g_mag})

    assert signal_to_noise(8.0) == pytest.approx(300, rel=0.02)
    assert 20 < signal_to_noise(14.0) < 25
    assert np.all(np.diff(signal_to_noise(np.linspace(8, 14, 50))) < 0)
    _, truth = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=200, noise_floor=0.0))
    expected = (
        np.sqrt(truth.flux) / signal_to_noise(truth.labels["g_mag"], noise_floor=0.0)[:, None]
    )
    assert np.ptp(truth.flux) > 0.2
    assert np.allclose(truth.flux_error, expected, rtol=1e-5)


def test_bad_pixels_are_masked_and_harmless():
    observed, truth = make_mock(
        EMULATOR, RvsMockConfig.clean(n_stars=2000, bad_pixels=0.01, bad_ends=6)
    )
    assert np.all(observed.flux[observed.mask] == 1) and np.all(
        np.isinf(observed.flux_error[observed.mask])
    )
    assert not truth.mask.any()
    inside = observed.mask[:, 6:-6]
    assert np.mean(inside) == pytest.approx(0.01, rel=0.05)
    for end in (observed.mask[:, :6], observed.mask[:, ::-1][:, :6]):
        length = np.cumprod(end, axis=1).sum(axis=1)
        assert set(length) == set(range(7))
        assert np.mean(length) == pytest.approx(3, abs=0.2)


def test_catalogue_labels_have_their_errors():
    observed, truth = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=4000))
    names = ["teff", "logg", "m_h", "alpha_fe"]
    assert observed.labels.colnames == names + [f"{name}_error" for name in names]
    for name, largest in zip(names, (200, 0.5, 0.3, 0.2)):
        error = observed.labels[f"{name}_error"]
        pull = (observed.labels[name] - truth.labels[name]) / error
        assert abs(np.mean(pull)) < 0.07
        assert np.std(pull) == pytest.approx(1, abs=0.05)
        assert 0 < error.min() < error.max() <= largest
        assert error.unit == observed.labels[name].unit == truth.labels[name].unit
        faint = truth.labels["g_mag"] > 13
        assert np.mean(error[faint]) > 1.2 * np.mean(error[~faint])
    exact = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=20, label_errors=0.0))
    assert np.array_equal(exact[0].labels["m_h"], exact[1].labels["m_h"])


def test_label_errors_stay_within_the_papers_cuts_even_at_low_snr():
    observed, _ = make_mock(EMULATOR, RvsMockConfig.clean(n_stars=50, snr_faint=2.0))
    assert (
        observed.labels["teff_error"].max() == 200
        and observed.labels["alpha_fe_error"].max() == 0.2
    )


def test_truth_holds_what_there_is_to_know():
    _, truth = make_mock(EMULATOR, RvsMockConfig(n_stars=10))
    assert truth.labels.colnames == [*EMULATOR.labels, "g_mag", "component", "stage"]
    assert len(set(truth.ids)) == 10


def test_any_batch_gives_the_same_survey(monkeypatch):
    config = RvsMockConfig(n_stars=5000, seed=4)
    assert config.BATCH < 5000
    whole = make_mock(EMULATOR, config)
    monkeypatch.setattr(RvsMockConfig, "BATCH", 700)
    for one, other in zip(whole, make_mock(EMULATOR, config), strict=True):
        assert other.flux.shape == (5000, 800)
        for name in ("wavelength", "mask", "ids"):
            assert np.array_equal(getattr(other, name), getattr(one, name))
        assert np.allclose(other.flux, one.flux, atol=2e-6)
        assert np.allclose(other.flux_error, one.flux_error, rtol=1e-5)
        assert other.labels.colnames == one.labels.colnames
        for name in one.labels.colnames:
            assert np.array_equal(other.labels[name], one.labels[name])
            assert other.labels[name].unit == one.labels[name].unit


def test_same_seed_same_bytes():
    one, two, other = (
        make_mock(EMULATOR, RvsMockConfig(n_stars=40, seed=seed)) for seed in (1, 1, 2)
    )
    for a, b, c in zip(one, two, other):
        for name in ("flux", "flux_error", "mask"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()
        assert not np.array_equal(a.flux, c.flux)


def test_population_is_passed_on():
    halo = Population(thin_disc=0, thick_disc=0, halo=1)
    _, truth = make_mock(EMULATOR, RvsMockConfig(n_stars=100, population=halo))
    assert np.mean(truth.labels["m_h"]) < -1


def test_an_error_in_the_middle_of_a_survey_is_told(monkeypatch):
    class Broken(GaussianLines):
        calls = 0

        def __call__(self, labels):
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError("no flux")
            return super().__call__(labels)

    monkeypatch.setattr(RvsMockConfig, "BATCH", 4)
    broken = Broken()
    with pytest.raises(RuntimeError, match="no flux"):
        make_mock(broken, RvsMockConfig(n_stars=20))
    assert broken.calls == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_stars", 0),
        ("n_stars", 10.0),
        ("seed", -1),
        ("wrong_lines", -0.1),
        ("false_line", 1.5),
        ("continuum", 0.4),
        ("resolving_power", 20_000.0),
        ("bad_pixels", float("nan")),
        ("bad_ends", 3.5),
        ("snr_faint", 0.0),
        ("noise_floor", "0.1"),
        ("label_errors", True),
    ],
)
def test_refuses_values_that_make_no_sense(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*: it must be an? (integer|number) from"):
        replace(RvsMockConfig(), **{name: value})


def test_refuses_what_is_not_a_population():
    with pytest.raises(TypeError, match="must be a Population"):
        RvsMockConfig(population={"halo": 1.0})


def test_refuses_an_unknown_key():
    with pytest.raises(TypeError, match="wrong_line"):
        RvsMockConfig(wrong_line=1.0)


def test_refuses_the_configuration_of_another_survey():
    with pytest.raises(TypeError, match="ApogeeMockConfig is not for Gaia RVS: give a RvsMock"):
        make_mock(EMULATOR, APOGEE.mock(n_stars=2))
