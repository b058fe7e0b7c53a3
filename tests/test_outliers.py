"""One wrong label among hundreds changes nothing: bins, reconstruction, errors."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from specnb import Spectra
from specnb.core.labels import Label
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.closed_form import ClosedForm
from specnb.disentangle.regress import RegressorConfig, fit_regressor
from specnb.disentangle.scales import Scales
from specnb.evaluate.probes import probe
from specnb.surveys import SURVEYS, Survey
from specnb.surveys.outliers import (
    OutlierWarning,
    among_surveys,
    far_from_others,
    training_labels,
)

LABELS = ("teff", "age")
CONFIG = DisentangleConfig(
    labels=LABELS, lambdas={"age": 0.01}, hidden=(16,), latent=3, discriminator=(8,), epochs=4,
    patience=4, device="cpu",
)  # fmt: skip


def stars(n=300):
    rng = np.random.default_rng(4)
    teff, age = rng.uniform(4000, 6500, n), rng.uniform(0.5, 12, n)
    wavelength = np.linspace(5000.0, 5019.0, 20)
    depth = (teff[:, None] - 4000) / 5000 * (wavelength < 5010) + age[:, None] / 40
    flux = 1 - depth + 0.01 * rng.normal(size=(n, 20))
    labels = Table({"teff": teff, "age": age})
    labels["teff"].unit = "K"
    ids = [f"s{k}" for k in range(n)]
    return Spectra(wavelength, flux, np.full(flux.shape, 0.01), np.zeros(flux.shape), ids, labels)


@pytest.fixture
def spoiled():
    spectra = stars()
    table = spectra.labels.copy()
    table["age"][17], table["teff"][200] = 56.0, 1e6
    return replace(spectra, labels=table)


def test_the_stars_are_named_and_no_others(spoiled):
    with pytest.warns(OutlierWarning, match=r"2 of 300 .*s17 with age = 56, star s200 with teff"):
        values, good = training_labels(spoiled.labels, LABELS, spoiled.ids)
    assert np.flatnonzero(~good).tolist() == [17, 200] and values.shape == (300, 2)


def test_the_training_is_that_without_them(spoiled):
    with pytest.warns(OutlierWarning):
        model = train(spoiled, CONFIG, progress=False)
    clean = train(stars(), CONFIG, progress=False)
    for name in ("label_low", "label_high", "label_mean", "label_std"):
        found, expected = getattr(model.scales, name), getattr(clean.scales, name)
        np.testing.assert_allclose(found, expected, rtol=0.02)
    assert model.scales.label_high[1] <= 12 and model.scales.label_high[0] <= 6500
    found, expected = (each.history[-1]["reconstruction"] for each in (model, clean))
    assert found == pytest.approx(expected, rel=0.2)
    with pytest.warns(OutlierWarning):
        closed = ClosedForm(spoiled, ("age",), LABELS, latent=3)
    assert closed.scales.label_high[1] <= 12


def test_regressors_and_probes_are_those_without_them(spoiled):
    config = RegressorConfig(hidden=(20,), max_iter=300)
    x, good, new = spoiled.flux, np.r_[0:17, 18:200, 201:300], stars().flux[:50]
    y = np.column_stack([spoiled.labels[name] for name in LABELS])
    with pytest.warns(OutlierWarning):
        found = fit_regressor(x, spoiled.labels, LABELS, config)
    expected = fit_regressor(x[good], y[good], LABELS, config)
    np.testing.assert_allclose(found.predict(new), expected.predict(new), rtol=1e-5)
    with pytest.warns(OutlierWarning):
        found = probe(x, y, x[good], y[good], LABELS)
    expected = probe(x[good], y[good], x[good], y[good], LABELS)
    np.testing.assert_allclose(found["linear_r2"], expected["linear_r2"], rtol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(3))
def test_tails_flags_and_rare_values_are_kept(seed):
    rng = np.random.default_rng(seed)
    n = 20_000
    columns = {
        "gauss": rng.normal(size=n),
        "exponential": rng.exponential(size=n),
        "lognormal": rng.lognormal(0, 0.5, n),
        "rare flag": (np.arange(n) < 3).astype(float),
        "flag": rng.uniform(size=n) < 0.1,
        "mostly zero": np.where(rng.uniform(size=n) < 0.6, 0, rng.uniform(0, 50, n)),
        "classes": rng.integers(0, 3, n),
    }
    assert not far_from_others(np.column_stack([*columns.values()]).astype(float)).any()
    few = rng.normal(size=(20, 1))
    assert not far_from_others(few).any()


@pytest.mark.parametrize("seed", range(20))
def test_true_but_rare_labels_are_kept_and_named(seed):
    rng = np.random.default_rng(seed)
    fe_h, vsini = rng.normal(-0.05, 0.2, 300), np.abs(rng.normal(4, 1, 300))
    fe_h[7:9], vsini[:3] = rng.uniform(-3.5, -2.5, 2), rng.uniform(80, 250, 3)
    with pytest.warns(OutlierWarning, match="of 300 .* possible but far .*star 0 with vsini"):
        _, good = training_labels({"fe_h": fe_h, "vsini": vsini}, ("fe_h", "vsini"))
    assert good.all()


def test_a_label_within_the_range_of_its_survey_is_kept(spoiled):
    own = Survey("mine", "Mine", (Label("age", "", 0.0, 60.0, "age", "age"),), spoiled.wavelength)
    with pytest.warns(OutlierWarning), among_surveys(own):
        _, good = training_labels(spoiled.labels, LABELS)
    assert np.flatnonzero(~good).tolist() == [200]
    with pytest.warns(OutlierWarning):
        _, good = training_labels(spoiled.labels, LABELS)
    assert np.flatnonzero(~good).tolist() == [17, 200] and own.name not in SURVEYS


def test_bins_and_scales_are_those_of_the_others(spoiled):
    values = np.column_stack([spoiled.labels[name] for name in LABELS])
    found = Scales.of(spoiled, values, LABELS)
    good = np.r_[0:17, 18:200, 201:300]
    expected = Scales.of(spoiled[good], values[good], LABELS)
    for name in ("label_low", "label_high", "label_mean", "label_std"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0.01)
    assert found.targets(values, CONFIG)[[17, 200]].max(axis=0).tolist() == [9, 9]


def test_a_missing_value_is_an_error_and_no_outlier(spoiled):
    table = spoiled.labels.copy()
    table["age"][3] = -9999
    with pytest.raises(ValueError, match="star s3 .*age = -9999"), pytest.warns(OutlierWarning):
        training_labels(table, LABELS, spoiled.ids)
    with pytest.raises(ValueError, match="star 0 .*teff = 5, not 500"):
        training_labels({"teff": np.full(30, 5.0), "age": np.arange(30.0)}, LABELS)
