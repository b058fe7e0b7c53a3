"""Autoencoders of kind "principal" on small surveys of the RVS with a gap that is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import specnb
from specnb.core.files import write_checkpoint
from specnb.core.spectra import Spectra
from specnb.surveys import RVS
from specnb.surveys.population import draw_stars
from specnb.translate import TranslateConfig, Translator, train, translated_emulator
from specnb.translate.autoencoders import Principal
from specnb.translate.domains import true_labels
from specnb.translate.train import TranslateTraining

CONFIG = TranslateConfig(
    kind="principal",
    shared=16,
    split=2,
    hidden=(24, 12),
    batch=32,
    iterations=20,
    learning_rate=2e-4,
    match_means=False,
    device="cpu",
)
ERROR = 0.005  # of the flux: S/N 200
CENTRE, SIGMA = 8610.0, 0.6  # Å
DEPTH, SLOPE = 0.10, 0.06  # of the line that the simulator lacks, at [M/H] = 0 and per dex
STARS = np.array(
    [
        [5000.0, 3.0, -0.2, 0.1, 1.5, 6.0],
        [5600.0, 4.4, 0.0, 0.05, 1.2, 6.0],
        [4600.0, 2.4, 0.1, 0.05, 1.5, 6.0],
    ]
)
M_H = 2  # column


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def profile(emulator):
    return np.exp(-0.5 * ((emulator.wavelength - CENTRE) / SIGMA) ** 2)


def labels_of(emulator, n, seed):
    return true_labels(draw_stars(RVS, n, np.random.default_rng(seed)), emulator)


def observe(emulator, labels, gap, seed):
    """Spectra of an emulator minus a gap that it does not know, with noise and 2% masked pixels."""
    rng = np.random.default_rng(seed)
    flux = emulator(labels) - gap
    flux = (flux + ERROR * rng.standard_normal(flux.shape)).astype(np.float32)
    mask = rng.random(flux.shape) < 0.02
    return Spectra(
        emulator.wavelength,
        flux,
        np.full_like(flux, ERROR),
        mask,
        [str(k) for k in range(len(flux))],
    )


@pytest.fixture(scope="module")
def survey(emulator, profile):
    """Labels of synthetic stars, and other stars with one more line, deeper with more metals."""
    seen = labels_of(emulator, 400, seed=11)
    return labels_of(emulator, 400, seed=12), observe(
        emulator, seen, (DEPTH + SLOPE * seen[:, [M_H]]) * profile, seed=13
    )


@pytest.fixture(scope="module")
def start(emulator, survey):
    """A translator before any step of training."""
    return TranslateTraining(emulator, *survey, CONFIG).finish()


@pytest.fixture(scope="module")
def trained(emulator, survey):
    return train(emulator, *survey, CONFIG, progress=False)


def own_autoencoder(model, flux):
    with torch.no_grad():
        latents = model.networks.encode_synthetic(model.scaled(flux))
        return (model.networks.decode_synthetic(latents) * model.std + model.mean).numpy()


def test_the_start_holds_synthetic_spectra_it_has_not_seen(emulator, survey, start):
    assert isinstance(start.networks, Principal)
    flux = emulator(labels_of(emulator, 300, seed=99))
    few = TranslateTraining(emulator, *survey, replace(CONFIG, shared=8)).finish()
    small, large = (
        np.sqrt(np.mean((own_autoencoder(model, flux) - flux) ** 2)) for model in (start, few)
    )
    scatter = np.sqrt(np.mean((flux - flux.mean(axis=0)) ** 2))
    assert scatter > 0.02
    assert small < 1e-3 and small < 0.6 * large


def test_the_start_has_one_mean_and_unit_variance_in_both_domains(emulator, survey):
    trainer = TranslateTraining(emulator, *survey, CONFIG)
    networks = trainer.model.networks
    with torch.no_grad():
        synthetic = networks.encode_synthetic(trainer.model.scaled(emulator(survey[0])))
        observed = networks.encode_shared(trainer.data[0][trainer.observed])
    torch.testing.assert_close(observed.mean(dim=0), synthetic.mean(dim=0), atol=1e-3, rtol=0)
    variance = synthetic.var(dim=0)
    # Weak components, which are as small as the noise, count less
    assert (variance < 1.0).all() and variance[0] > 0.99
    assert (variance[:-1] > variance[1:] - 1e-3).all()


def test_the_start_finds_a_line_and_what_it_depends_on(emulator, profile, start):
    chain = translated_emulator(emulator, start)
    added, slopes = emulator(STARS) - chain(STARS), emulator.jacobian(STARS) - chain.jacobian(STARS)
    norm = profile @ profile
    np.testing.assert_allclose(added @ profile / norm, DEPTH + SLOPE * STARS[:, M_H], rtol=0.1)
    np.testing.assert_allclose(slopes[:, M_H] @ profile / norm, SLOPE, rtol=0.3)
    outside = np.abs(emulator.wavelength - CENTRE) > 5 * SIGMA
    assert np.sqrt(np.mean(added[:, outside] ** 2)) < 0.04 * DEPTH
    assert np.abs(slopes[:, M_H][:, outside]).max() < 0.3 * SLOPE


def test_without_a_gap_next_to_nothing_is_found(emulator, survey):
    """The gap is only the difference of the means of two samples of 400 stars."""
    observed = observe(emulator, labels_of(emulator, 400, seed=11), 0.0, seed=13)
    added = emulator(STARS) - translated_emulator(
        emulator, TranslateTraining(emulator, survey[0], observed, CONFIG).finish()
    )(STARS)
    assert np.sqrt(np.mean(added**2)) < 0.04 * DEPTH and np.abs(added).max() < 0.2 * DEPTH


@pytest.mark.parametrize("stage", ["start", "trained"])
def test_derivatives_through_the_chain_are_exact(stage, request):
    emulator = specnb.load_emulator("rvs").to(dtype=torch.float64)
    chain = translated_emulator(emulator, request.getfixturevalue(stage)).to(dtype=torch.float64)
    try:
        exact = chain.jacobian(STARS)
        step = 1e-4 * (chain.high - chain.low)
        numeric = np.stack(
            [(chain(STARS + h) - chain(STARS - h)) / (2 * h.sum()) for h in np.diag(step)], axis=1
        )
    finally:
        chain.to(dtype=torch.float32)
    np.testing.assert_allclose(
        exact, numeric, atol=1e-5 * np.abs(exact).max(axis=(0, 2), keepdims=True).max(), rtol=0
    )
    assert np.max(np.abs(exact - numeric) / np.abs(exact).max(axis=(0, 2), keepdims=True)) < 1e-5


def test_masked_pixels_have_no_influence(emulator, survey):
    labels, observed = survey
    mask = observed.mask.copy()
    mask[:, 500:510] = True  # in all stars
    states = []
    for value, where in ((0.3, mask), (-7.0, mask), (0.3, ~mask & (np.arange(800) == 600))):
        flux = np.where(where, np.float32(value), observed.flux)
        states.append(
            TranslateTraining(
                emulator, labels, replace(observed, flux=flux, mask=mask), CONFIG
            ).model.state_dict()
        )
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert not torch.equal(states[0]["networks.linear.bias"], states[2]["networks.linear.bias"])
    for name in ("weight", "bias"):  # where all stars are masked, nothing changes
        linear = states[0][f"networks.linear.{name}"]
        assert (linear[500:510] == 0).all() and linear[510].abs().sum() > 0


def test_stars_with_large_errors_count_less(emulator, survey, profile):
    """Half of the stars have a line twice as deep: the regression finds the mean of both halves."""
    labels, observed = survey
    flux, error = observed.flux.copy(), observed.flux_error.copy()
    flux[::2] -= np.float32(DEPTH) * profile.astype(np.float32)
    depths = []
    for scale in (1, 9):
        error[::2] = scale * ERROR
        model = TranslateTraining(
            emulator, labels, replace(observed, flux=flux, flux_error=error), CONFIG
        ).finish()
        added = emulator(STARS) - translated_emulator(emulator, model)(STARS)
        depths.append(added @ profile / (profile @ profile) - SLOPE * STARS[:, M_H])
    np.testing.assert_allclose(depths[0], 1.5 * DEPTH, rtol=0.15)
    np.testing.assert_allclose(depths[1], DEPTH, rtol=0.1)


def test_training_goes_on_from_the_start(emulator, survey, start, trained):
    flux = emulator(survey[0][:50])
    moved = np.abs(trained.translate(flux) - start.translate(flux)).max()
    assert 1e-5 < moved < 0.5 * DEPTH
    first, last = trained.history[0], trained.history[-1]
    assert last["iteration"] == CONFIG.iterations and len(trained.history) == CONFIG.iterations
    assert last["cycle_synthetic"] < 0.9 * first["cycle_synthetic"]
    # The loss of stars that are not used in the training is at the noise level from the start
    for name in (
        "reconstruction_observed",
        "cycle_observed",
    ):
        assert 0.9 < last[name] < 1.02 * first[name] < 1.2, name
    for name, value in start.state_dict().items():
        if name in ("networks.components", "networks.scale"):
            assert torch.equal(value, trained.state_dict()[name]), name  # they do not change
    assert not torch.equal(start.networks.linear.weight, trained.networks.linear.weight)


def test_a_resumed_training_is_the_same(emulator, survey, trained, tmp_path):
    trainer = TranslateTraining(emulator, *survey, CONFIG)
    for _ in range(7):
        trainer.step()
        trainer.report()
    write_checkpoint(trainer.state(), tmp_path / "state")
    resumed = train(emulator, *survey, CONFIG, checkpoint=tmp_path / "state", progress=False)
    assert resumed.history == trained.history and not (tmp_path / "state").exists()
    for name, value in trained.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize("changes", [{}, {"split": 0}, {"residual": False}, {"adversarial": 0.0}])
def test_files_hold_all(emulator, survey, trained, tmp_path, changes):
    config = replace(CONFIG, iterations=3, **changes)
    model = train(emulator, *survey, config, progress=False) if changes else trained
    model.save(tmp_path / "m.safetensors")
    again = Translator.load(tmp_path / "m.safetensors", model.config)
    flux = emulator(survey[0][:5])
    np.testing.assert_array_equal(again.translate(flux), model.translate(flux))
    for ours, theirs in zip(again.encode(survey[1][:5]), model.encode(survey[1][:5])):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(again.translate(flux) - flux).max() > 0.5 * DEPTH  # and it has an effect


@pytest.mark.parametrize("few", ["synthetic", "observed"])
def test_fewer_stars_than_components_are_refused(emulator, survey, few):
    labels, observed = survey
    n = {"synthetic": 400, "observed": 400} | {few: 30}
    with pytest.raises(
        ValueError, match="spectra for 40 principal components: give more stars, or lower shared"
    ):
        TranslateTraining(
            emulator,
            labels[: n["synthetic"]],
            observed[: n["observed"]],
            replace(CONFIG, shared=40),
        )
