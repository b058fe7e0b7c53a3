"""Translators of small RVS surveys: training, resuming, derivatives, fits with own z_split."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

import specnb
from specnb.core.spectra import Spectra
from specnb.core.training import Diverged
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.translate import TranslateConfig, Translator, train, translated_emulator
from specnb.translate.domains import mock_domains, unseen_stars
from specnb.translate.train import TranslateTraining

TINY = TranslateConfig(
    shared=6, split=2, hidden=(24, 12), batch=32, iterations=100, learning_rate=5e-3, device="cpu"
)


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def survey(emulator):
    """Labels of synthetic stars, and observed stars with their truth."""
    observed, truth = make_mock(emulator, RvsMockConfig(n_stars=300, seed=1))
    _, others = make_mock(emulator, RvsMockConfig(n_stars=300, seed=2))
    return np.column_stack([others.labels[name] for name in emulator.labels]), observed, truth


@pytest.fixture(scope="module")
def trained(emulator, survey):
    return train(emulator, survey[0], survey[1], TINY, progress=False)


def test_an_untrained_translator_changes_little(emulator, survey):
    trainer = TranslateTraining(emulator, *survey[:2], TINY)
    flux = emulator(survey[0][:50])
    change = trainer.model.translate(flux) - flux
    assert 0 < np.abs(change).max() < 0.2 * float(trainer.model.std)


def test_training_learns_and_repeats(emulator, survey, trained):
    first, last = trained.history[0], trained.history[-1]
    assert last["iteration"] == TINY.iterations and len(trained.history) == TINY.iterations
    for name in (
        "reconstruction_synthetic",
        "reconstruction_observed",
        "cycle_synthetic",
        "cycle_observed",
    ):
        assert last[name] < 0.5 * first[name], name
    again = train(emulator, survey[0], survey[1], TINY, progress=False)
    assert again.history == trained.history
    for name, value in trained.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert trained.mean_split.abs().sum() > 0


def test_the_typical_split_is_the_mean_of_the_training_stars(emulator, survey):
    """Not of the stars that are only watched."""
    training = TranslateTraining(emulator, *survey[:2], replace(TINY, iterations=3))
    while not training.finished:
        training.advance()
    model = training.finish()
    splits = model.encode(survey[1])[1]
    trained, watched = training.observed.numpy(), training.watched_observed.numpy()
    assert sorted([*trained, *watched]) == list(range(len(splits)))
    found, mean = model.mean_split.numpy(), splits[trained].mean(axis=0)
    np.testing.assert_allclose(found, mean, atol=1e-5)
    assert np.abs(found - splits[watched].mean(axis=0)).max() > 1e-3


def test_a_resumed_training_is_the_same(emulator, survey, trained):
    trainer = TranslateTraining(emulator, *survey[:2], TINY)
    for _ in range(17):
        trainer.step()
        trainer.report()
    state = trainer.state()
    other = TranslateTraining(emulator, *survey[:2], TINY)
    other.restore(state)
    while not other.finished:
        other.step()
        other.report()
    assert other.history == trained.history
    with pytest.raises(ValueError, match="other spectra or labels"):
        TranslateTraining(emulator, survey[0][:200], survey[1], TINY).restore(state)


def test_masked_pixels_tell_nothing(emulator, survey):
    labels, observed, _ = survey
    mask = observed.mask.copy()
    mask[:, 100:140] = True
    flux = observed.flux.copy()
    flux[:, 100:140] = 5.0
    losses = []
    for values in (observed.flux, flux):
        spectra = Spectra(observed.wavelength, values, observed.flux_error, mask, observed.ids)
        losses.append(TranslateTraining(emulator, labels, spectra, TINY).report())
    assert losses[0] == losses[1]


def test_uncertain_pixels_do_not_count(emulator, survey):
    labels, observed, _ = survey
    error = observed.flux_error.copy()
    error[:, 200:240] = 0.06
    spectra = Spectra(observed.wavelength, observed.flux, error, observed.mask, observed.ids)
    weight = TranslateTraining(emulator, labels, spectra, TINY).data[1]
    assert (weight[:, 200:240] == 0).all() and weight.max() <= 1 / TINY.error_floor**2 * (1 + 1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"split": 0},
        {"critic_latents": False},
        {"cycle": 0.0},
        {"adversarial": 0.0},
        {"residual": False},
        {"match_means": False},
    ],
)
def test_ablations_train(emulator, survey, changes, tmp_path):
    config = replace(TINY, iterations=3, **changes)
    model = train(emulator, *survey[:2], config, progress=False)
    assert ("adversarial" in model.history[-1]) == bool(config.adversarial)
    assert ("cycle_observed" in model.history[-1]) == bool(config.cycle)
    model.save(tmp_path / "m.safetensors")
    again = Translator.load(tmp_path / "m.safetensors", config)
    flux = emulator(survey[0][:5])
    np.testing.assert_array_equal(again.translate(flux), model.translate(flux))
    assert model.encode(survey[1][:5])[1].shape == (5, config.split)


def test_translations_are_shifted_to_the_mean_of_observed_spectra(emulator, survey, trained):
    other = train(emulator, *survey[:2], replace(TINY, match_means=False), progress=False)
    flux = emulator(survey[0][:50])
    shift = trained.translate(flux) - other.translate(flux)
    # It is the same for all stars
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=2e-6)
    labels, observed, _ = survey
    good = ~observed.mask
    mean = np.average(observed.flux, axis=0, weights=good)
    left = []
    for model in (other, trained):
        translated = model.translate(emulator(labels), model.encode(observed)[1])
        left.append(np.std(np.average(translated, axis=0, weights=good) - mean))
    assert left[1] < 0.2 * left[0]  # not 0: some stars are watched and do not train


def test_the_chain_is_differentiable(trained, survey):
    emulator = specnb.load_emulator("rvs").to(dtype=torch.float64)
    chain = translated_emulator(emulator, trained).to(dtype=torch.float64)
    try:
        star = np.array([[5000.0, 3.0, -0.2, 0.1, 1.5, 6.0]])
        exact = chain.jacobian(star)[0]
        step = 1e-4 * (chain.high - chain.low)
        numeric = np.stack(
            [(chain(star + h) - chain(star - h))[0] / (2 * h.sum()) for h in np.diag(step)]
        )
    finally:
        chain.to(dtype=torch.float32)
    assert np.max(np.abs(exact - numeric) / np.abs(exact).max(axis=1, keepdims=True)) < 1e-5


def test_each_star_may_have_its_own_split(emulator, trained, survey):
    labels = survey[0][:6]
    truth = trained.translate(
        emulator(labels), np.repeat([[0.9, -0.9], [-0.9, 0.9]], 3, axis=0).astype(np.float32)
    )
    split = np.repeat([[0.9, -0.9], [-0.9, 0.9]], 3, axis=0)
    flat = np.full(truth.shape, 0.002, np.float32)
    stars = Spectra(
        emulator.wavelength, truth, flat, np.zeros(truth.shape, bool), [str(k) for k in range(6)]
    )
    chains = {
        "own": translated_emulator(emulator, trained, split),
        "typical": translated_emulator(emulator, trained),
    }
    fits = {name: specnb.fit_labels(stars, chain) for name, chain in chains.items()}
    assert fits["own"]["chi2_reduced"].max() < 1e-3 < fits["typical"]["chi2_reduced"].min()
    model = specnb.fitted_flux(fits["own"], chains["own"])
    np.testing.assert_allclose(model, truth, atol=2e-4)


def test_an_explosion_is_told_before_it_overflows(emulator, survey):
    trainer = TranslateTraining(emulator, *survey[:2], TINY)
    row = trainer.report()
    trainer.check(row)
    mean = trainer.model.mean.numpy()
    squares = ((survey[1].flux - mean) / np.maximum(survey[1].flux_error, TINY.error_floor)) ** 2
    # The loss of the mean spectrum, approximately
    blank = np.median([np.mean(x[~m]) for x, m in zip(squares, survey[1].mask)])
    with pytest.raises(Diverged, match="diverged by iteration 0 .reconstruction_observed.: lower"):
        trainer.check(row | {"reconstruction_observed": 100 * blank})


def test_models_can_be_used_during_training(emulator, survey):
    labels, *_ = survey
    seen = []

    def look(model):
        chain = translated_emulator(emulator, model)
        seen.append(
            (
                chain(labels[:3]),
                model.translate(emulator(labels[:3])),
                model.mean_split.abs().sum().item(),
            )
        )

    model = train(
        emulator, *survey[:2], replace(TINY, iterations=3), progress=False, on_report=look
    )
    assert len(seen) == 3 and all(split > 0 for _, _, split in seen)
    for flux, same, _ in seen:
        np.testing.assert_allclose(flux, same, atol=1e-5)
    assert np.abs(seen[0][0] - seen[-1][0]).max() > 1e-6  # the training continued
    again = train(emulator, *survey[:2], replace(TINY, iterations=3), progress=False)
    assert torch.equal(model.mean_split, again.mean_split)


def test_uncertain_pixels_are_not_encoded(trained, survey):
    observed = survey[1][:20]
    flux, error = observed.flux.copy(), observed.flux_error.copy()
    error[:, 300:330] = 0.2
    flux[:, 300:330] += 3.0
    wild = Spectra(observed.wavelength, flux, error, observed.mask, observed.ids)
    mask = observed.mask.copy()
    mask[:, 300:330] = True
    masked = Spectra(observed.wavelength, observed.flux, observed.flux_error, mask, observed.ids)
    for a, b in zip(trained.encode(wild), trained.encode(masked)):
        np.testing.assert_array_equal(a, b)


def test_split_holds_what_labels_do_not_tell(emulator):
    """z_split contains the continuum, which differs from star to star, but not T_eff."""
    domains = mock_domains(emulator, 600, seed=5, continuum=0.03)
    config = replace(TINY, shared=12, split=4, hidden=(64, 32), iterations=400)
    model = train(emulator, domains.labels, domains.observed, config, progress=False)
    stars, truth = unseen_stars(emulator, 400, continuum=0.03)
    _, flat = unseen_stars(emulator, 400, continuum=0.0)
    _, split = model.encode(stars)
    continuum = (truth.flux / flat.flux)[:, ::100]
    teff = np.asarray(truth.labels["teff"])[:, None]

    def explained(y):
        found = LinearRegression().fit(split[:300], y[:300]).predict(split[300:])
        return 1 - np.mean((found - y[300:]) ** 2) / np.var(y[300:], axis=0).mean()

    assert explained(continuum) > 0.7 > 0.3 > explained(teff)


def test_bad_input(emulator, survey, trained, tmp_path):
    labels, observed, _ = survey
    with pytest.raises(ValueError, match="the observed domain has 5 stars"):
        TranslateTraining(emulator, labels, observed[:5], TINY)
    with pytest.raises(ValueError, match="the synthetic domain has 0 stars"):
        TranslateTraining(emulator, labels[:0], observed, TINY)
    shifted = Spectra(
        observed.wavelength + 1, observed.flux, observed.flux_error, observed.mask, observed.ids
    )
    with pytest.raises(ValueError, match="not on this model's 800 pixels, 8460.15"):
        TranslateTraining(emulator, labels, shifted, TINY)
    with pytest.raises(ValueError, match="not on this model's 800 pixels"):
        trained.encode(shifted)
    with pytest.raises(ValueError, match="give one row per star of teff, logg"):
        TranslateTraining(emulator, labels[:, :3], observed, TINY)
    with pytest.raises(
        ValueError, match="the synthetic domain has teff = .*check the order of the columns"
    ):
        TranslateTraining(emulator, labels[:, ::-1], observed, TINY)
    uncertain = Spectra(
        observed.wavelength,
        observed.flux,
        10 * observed.flux_error + 0.1,
        observed.mask,
        observed.ids,
    )
    with pytest.raises(
        ValueError, match="300 observed stars, such as .*, have no pixel with an error below"
    ):
        TranslateTraining(emulator, labels, uncertain, TINY)
    flux = emulator(labels[:5])
    with pytest.raises(ValueError, match="z_split has shape .4, 2. or NaN: give .5, 2."):
        trained.translate(flux, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="flux has shape .5, 799. or NaN: give .5, 800."):
        trained.translate(flux[:, 1:])
    wild = Spectra(
        observed.wavelength, 1e25 * observed.flux, observed.flux_error, observed.mask, observed.ids
    )
    with pytest.raises(
        Diverged, match="diverged by iteration 1 .*reconstruction_observed.*: lower learning_rate"
    ):
        train(emulator, labels, wild, TINY, progress=False)
    trained.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="made with another configuration .split 2, not 3."):
        Translator.load(tmp_path / "m.safetensors", replace(TINY, split=3))
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "m.safetensors").read_bytes()[:-100])
    with pytest.raises(OSError, match="cut.safetensors is not a whole translator"):
        Translator.load(tmp_path / "cut.safetensors")
    (tmp_path / "state").write_bytes(b"nothing")
    with pytest.raises(OSError, match="state is not a whole checkpoint"):
        train(emulator, labels, observed, TINY, tmp_path / "state", progress=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "cnn"}, "kind is 'cnn': give one of mlp, principal, conv"),
        ({"split": -1}, "split is -1: it must be an integer from 0"),
        ({"batch": 8.5}, "batch is 8.5: it must be an integer"),
        ({"hidden": (3,)}, "hidden is .3,.: give two widths"),
        ({"hidden": (3, 0)}, "hidden is .3, 0.: give two widths"),
        ({"betas": 0.5}, "betas is 0.5: give two numbers"),
        ({"residual": "no"}, "residual is .no.: it must be True or False"),
        ({"betas": (0.5, 1.0)}, "betas is .0.5, 1.0.: give two numbers from 0 to below 1"),
    ],
)
def test_configurations_are_checked(changes, words):
    with pytest.raises(ValueError, match=words):
        TranslateConfig(**changes)
    with pytest.raises(TypeError, match="lamda"):
        TranslateConfig(lamda=1)


def test_observed_stars_look_as_the_simulator_would_draw_them(emulator, survey, trained):
    """The way back removes much of the mean difference between observed and synthetic spectra."""
    _, observed, truth = survey
    synthetic = emulator(np.column_stack([truth.labels[name] for name in emulator.labels]))
    before, after = (
        np.sqrt(np.mean(np.mean(flux - synthetic, axis=0) ** 2))
        for flux in (observed.flux, trained.to_synthetic(observed))
    )
    assert trained.to_synthetic(observed).shape == observed.flux.shape
    assert after < 0.6 * before, (before, after)
