"""Domains of a mock survey, fits through several chains, and shipping a translator."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import specnb
from specnb.core.checksums import LIST, listed
from specnb.core.files import read_tensors
from specnb.emulator.model import Emulator
from specnb.reproduce import shipping
from specnb.surveys import RVS
from specnb.translate import TranslateConfig, Translator, train
from specnb.translate.comparison import OWN, PHYSICS, TYPICAL, chains, fit_chains, summary
from specnb.translate.domains import mock_domains, true_labels, unseen_stars

TINY = TranslateConfig(
    shared=6, split=2, hidden=(24, 12), batch=32, iterations=150, learning_rate=5e-3, device="cpu"
)


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def domains(emulator):
    return mock_domains(emulator, 200, seed=3)


def test_domains_share_no_star(emulator, domains):
    observed, truth = unseen_stars(emulator, 200)
    other = mock_domains(emulator, 200, seed=4)
    assert domains.labels.shape == (200, 6) and domains.labels.dtype == np.float32
    sets = [
        set(map(bytes, x))
        for x in (domains.labels, other.labels, true_labels(truth.labels, emulator))
    ]
    assert all(a.isdisjoint(b) for k, a in enumerate(sets) for b in sets[:k])
    fluxes = [set(map(bytes, x.flux)) for x in (domains.observed, other.observed, observed)]
    assert all(a.isdisjoint(b) for k, a in enumerate(fluxes) for b in fluxes[:k])


def test_domains_repeat_and_take_settings(emulator, domains):
    again = mock_domains(emulator, 200, seed=3)
    np.testing.assert_array_equal(again.labels, domains.labels)
    np.testing.assert_array_equal(again.observed.flux, domains.observed.flux)
    changed, truth = unseen_stars(emulator, 20, wrong_lines=0.0, missing_line=0.0, false_line=0.0)
    plain, _ = unseen_stars(emulator, 20)
    assert np.abs(changed.flux - plain.flux).max() > 0.05
    flux = emulator(true_labels(truth.labels, emulator))
    assert np.abs(truth.flux - flux).max() < np.abs(unseen_stars(emulator, 20)[1].flux - flux).max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"macroturbulence": 1.0}, "RvsMockConfig.* unexpected keyword argument 'macroturbulence'"),
        ({"seed": 500_000}, "seed is 500000"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5: it must be an integer"),
        ({"n_stars": 3}, "multiple values for keyword argument 'n_stars'"),
    ],
)
def test_bad_domains(emulator, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mock_domains(emulator, n=10, **arguments)


def test_a_survey_without_a_mock_survey_has_no_domains(emulator):
    bare = Emulator(emulator.network, replace(RVS, name="bare", mock=None))
    with pytest.raises(ValueError, match="survey bare has no mock survey"):
        mock_domains(bare, n=10)


def test_chains_are_fitted_alike(emulator, domains):
    translator = train(emulator, domains.labels, domains.observed, TINY, progress=False)
    stars, truth = unseen_stars(emulator, 30)
    models = chains(emulator, translator, stars)
    assert list(models) == [PHYSICS, TYPICAL, OWN]
    fits, residuals = fit_chains(stars, models)
    for name, fit in fits.items():
        chi2 = np.nansum(residuals[name].astype(float) ** 2, axis=1)
        coefficients = sum(name.startswith("continuum_") for name in fit.colnames)
        freedom = (~stars.mask).sum(axis=1) - len(emulator.labels) - coefficients
        np.testing.assert_allclose(fit["chi2_reduced"], chi2 / freedom, rtol=1e-3)
    table = summary(fits, residuals, truth.labels, emulator.labels)
    assert list(table["fit"]) == list(models) and table["ratio"][0] == 1 and table["falls"][0] == 0
    assert table["clearly_rises"][0] == table["clearly_falls"][0] == 0
    assert (table["clearly_falls"] <= table["falls"]).all() and (table["labels"] == 6).all()


def test_without_split_there_are_two_chains(emulator, domains):
    config = TranslateConfig(
        shared=6, split=0, hidden=(24, 12), batch=32, iterations=2, device="cpu"
    )
    translator = train(emulator, domains.labels, domains.observed, config, progress=False)
    assert list(chains(emulator, translator, domains.observed)) == [PHYSICS, TYPICAL]


def test_shipping_a_translator(monkeypatch, tmp_path, emulator):
    monkeypatch.setattr(shipping, "STARS", 100)
    monkeypatch.setattr(shipping, "TEST_STARS", 50)
    monkeypatch.setattr(shipping, "DATA", tmp_path)
    errors = shipping.ship_translator("rvs", TINY, tmp_path)
    assert list(listed(tmp_path)) == ["rvs-mock.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        LIST,
        "rvs-mock.md",
        "rvs-mock.safetensors",
    ]
    kinds = {value.dtype for value in read_tensors(tmp_path / "rvs-mock.safetensors")[0].values()}
    assert kinds == {torch.float16, torch.float64}  # weights, wavelengths
    model = Translator.load(tmp_path / "rvs-mock.safetensors", TINY)
    _, truth = unseen_stars(emulator, 50)
    flux = model.translate(emulator(true_labels(truth.labels, emulator)))
    assert errors["after"] == pytest.approx(np.sqrt(np.mean((flux - truth.flux) ** 2)), rel=1e-4)
    card = (tmp_path / "rvs-mock.md").read_text("utf-8")
    assert f"{errors['after']:.1e}" in card and "hidden layers 24, 12" in card
