"""The survey of tests/third_survey.py works in all parts of the package."""

from dataclasses import replace

import numpy as np
import pytest
from third_survey import PIXELS, THIRD, DustyMock, grid, simulate

import specnb
from specnb.core.labels import Label
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.counterfactual import counterfactual_errors
from specnb.disentangle.regress import RegressorConfig, errors, fit_regressor
from specnb.emulator.model import Emulator
from specnb.emulator.train import EmulatorConfig, train_emulator
from specnb.evaluate.probes import information_ceiling, probe, reconstruction
from specnb.evaluate.two_sample import as_observed, two_sample_auc
from specnb.fitting.pulls import constrained, interior_stars, pull_statistics
from specnb.simulator.grid import SyntheticGrid, held_out, observed
from specnb.simulator.responses import line_markers
from specnb.surveys import SURVEYS, Survey
from specnb.surveys.mock import make_mock
from specnb.translate import TranslateConfig
from specnb.translate import train as train_translator
from specnb.translate.comparison import chains, fit_chains, summary
from specnb.translate.domains import mock_domains, unseen_stars

LABELS = ("age", "mass", "dust")


@pytest.fixture(scope="module")
def emulator():
    config = EmulatorConfig.for_survey(THIRD, hidden=(64, 64), epochs=60, patience=60, batch=64)
    return train_emulator(grid(), config, progress=False)


@pytest.fixture(scope="module")
def stars(emulator):
    return make_mock(emulator, THIRD.mock(n_stars=400))


def test_it_is_not_among_the_shipped_surveys():
    assert THIRD.name not in SURVEYS and THIRD.mock is DustyMock


def test_an_emulator_is_trained_from_its_grid(emulator):
    labels, flux = held_out(grid())
    assert len(labels) == 40  # nothing broadens its spectra: one copy of each
    assert np.abs(emulator(labels) - flux).mean() < 0.01
    assert emulator.labels == LABELS and emulator.units == ("Gyr", "solMass", "mag")


def test_its_emulator_is_saved_and_read_with_the_survey(emulator, tmp_path):
    emulator.save(tmp_path / "dusty.safetensors")
    again = Emulator.load(tmp_path / "dusty.safetensors", THIRD)
    np.testing.assert_array_equal(again([[5.0, 0.9, 0.5]]), emulator([[5.0, 0.9, 0.5]]))
    with pytest.raises(OSError, match="its labels are age,mass,dust, not teff"):
        Emulator.load(tmp_path / "dusty.safetensors", SURVEYS["rvs"])


def test_sliders_start_in_the_middle_and_nothing_is_marked():
    assert THIRD.start == {"age": 7.05, "mass": 0.9, "dust": 1.5}
    assert line_markers(THIRD) == ()
    assert [label.steps.slider for label in THIRD.labels] == pytest.approx([0.139, 0.008, 0.03])


def test_its_stars_are_fitted(emulator):
    ideal = interior_stars(emulator, 100, 100.0, seed=1)
    fit = specnb.fit_labels(ideal, emulator)
    assert fit["converged"].all()
    pulls = pull_statistics(fit, ideal.labels, LABELS)
    assert np.all(np.abs(pulls["mean"]) < 0.4) and np.all(np.abs(pulls["std"] - 1) < 0.3)
    assert constrained(pulls, emulator).all()


def test_its_mock_survey_differs_as_it_says(emulator, stars):
    observed, truth = stars
    flux = emulator(np.column_stack([truth.labels[name] for name in LABELS]))
    np.testing.assert_allclose(1 - truth.flux, 1.2 * (1 - flux), atol=1e-5)
    assert observed.labels.colnames == ["brightness", "age", "mass", "age_error", "mass_error"]
    assert str(observed.labels["age"].unit) == "Gyr" and truth.labels["mass"].max() < 1.2


def test_its_spectra_are_disentangled(emulator, stars):
    observed, truth = stars
    config = DisentangleConfig(
        labels=("age", "mass"), lambdas={"age": 1e-3}, hidden=(64, 32), latent=5, epochs=15
    )
    model = train(observed[:300], config, progress=False)
    test, known = observed[300:], truth[300:]
    z, values = model.encode(observed), model.label_array(observed.labels)
    table = probe(z[:300], values[:300], z[300:], values[300:], model.labels)
    assert list(table["label"]) == ["age", "mass"]
    errors_of = reconstruction(model.reconstruct(test), test, known)
    assert errors_of["rms_truth"] < 0.05
    ceiling = information_ceiling(emulator, known, ("age", "mass"), test.labels)
    assert 0.5 < ceiling["age"] < 1.0
    edits = counterfactual_errors({"model": model}, test, known, emulator, THIRD.mock(n_stars=400))
    assert set(edits["label"]) == {"age"} and np.all(np.isfinite(edits["slope"]))


def test_labels_are_predicted(stars):
    observed, _ = stars
    fast = RegressorConfig(hidden=(16,), max_iter=50)
    regressor = fit_regressor(observed.flux[:300], observed.labels[:300], ("age", "mass"), fast)
    table = errors(regressor.predict(observed.flux[300:]), observed.labels[300:], ("age", "mass"))
    assert np.all(np.isfinite(table["mae"]))


def test_its_spectra_are_translated(emulator):
    domains = mock_domains(emulator, 300, seed=1)
    config = TranslateConfig.for_survey(THIRD, batch=64, learning_rate=3e-3, iterations=150)
    translator = train_translator(
        emulator, domains.labels, domains.observed, config, progress=False
    )
    observed, truth = unseen_stars(emulator, 100)
    fits, residuals = fit_chains(observed, chains(emulator, translator, observed))
    table = summary(fits, residuals, truth.labels, LABELS)
    physics, translated = table["chi2"][:2]
    assert translated < physics
    flux = translator.translate(simulate([[5.0, 0.9, 0.5]] * 60).astype(np.float32))
    auc = two_sample_auc(as_observed(flux, observed), observed, seeds=(0,))
    assert np.all((auc["auc"] >= 0) & (auc["auc"] <= 1))


def test_labels_that_broaden_are_drawn_from_all_of_their_ranges():
    """Two of them independently of each other, and none below its lowest value."""
    labels = (
        Label("age", "Gyr", 0.1, 14.0, r"$\\tau$", "age of the star"),
        Label("spin", "km / s", 50.0, 200.0, "$v$", "rotation", broadens=True),
        Label("turbulence", "km / s", 1.0, 3.0, "$w$", "turbulence", broadens=True),
    )
    survey = Survey("spun", "Spun", labels, PIXELS, observe=lambda w, flux, spin, turbulence: flux)
    ages = np.linspace(1.0, 13.0, 50)[:, None]
    spun = SyntheticGrid(survey, ages, np.ones((50, 512)), PIXELS, ages[0], ages[-1], {})
    values, flux = observed(spun, np.arange(50), copies=8, seed=1)
    assert values.shape == (400, 3) and flux.shape == (400, 512)
    for column, (low, high) in zip(values.T[1:], ((50.0, 200.0), (1.0, 3.0))):
        assert low <= column.min() < low + 0.02 * (high - low)
        counts, _ = np.histogram(column, 8, (low, high))
        assert counts.tolist() == [50] * 8
    assert abs(np.corrcoef(values.T[1:])[0, 1]) < 0.15
    with pytest.raises(ValueError, match="observe of survey spun gives spectra of shape .50, 100."):
        narrow = replace(survey, observe=lambda w, flux, **broadening: flux[:, :100])
        observed(replace(spun, survey=narrow), np.arange(50), copies=2, seed=1)
