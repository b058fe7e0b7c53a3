import os
import signal
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_disentangle_model import LABELS, SMALL, changed, toy
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

import specnb
from specnb.core import training
from specnb.core.files import write_checkpoint
from specnb.core.training import Diverged
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.train import DisentangleTraining
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig

FIXED = {"teff": 0.3, "logg": -0.7, "alpha_fe": 0.1}
CONDITIONAL = {"lambda_range": 0.5, "bottleneck": 0.02}
OBJECTIVES = {
    "fixed": {"lambdas": FIXED},
    "joint": {"lambdas": dict.fromkeys(LABELS, -0.4), "joint": True, "bins": 3},
    "bottleneck": {
        "lambdas": FIXED,
        "bottleneck": 0.02,
        "labels_in_encoder": True,
    },
    "conditional": CONDITIONAL,
}


@pytest.fixture(scope="module")
def spectra():
    return toy()


def config(**changes):
    return DisentangleConfig(**SMALL | changes)


def fit(spectra, configuration, **options):
    return train(spectra, configuration, progress=False, **options)


def weights_of(model):
    return {name: value.numpy() for name, value in model.networks.state_dict().items()}


def assert_same(a, b):
    assert a.history == b.history
    ours, theirs = weights_of(a), weights_of(b)
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name])


def differ(a, b):
    theirs = weights_of(b)
    return all(not np.array_equal(value, theirs[name]) for name, value in weights_of(a).items())


# --- losses


def losses(trainer, networks, rows, lambdas, noise):
    """L_rec, KL and the discriminators' losses, (n_discriminators, n), from their formulas."""
    setup = trainer.config
    flux, weight, labels, index = (each[rows] for each in trainer.data)
    given = [] if lambdas is None else [lambdas]
    out = networks.encoder(torch.cat([flux] + [labels] * setup.labels_in_encoder + given, dim=1))
    kl = torch.zeros(())
    if setup.bottleneck:
        mean, log_variance = out[:, : setup.latent], out[:, setup.latent :]
        code = Normal(mean, (log_variance / 2).exp())
        kl = kl_divergence(code, Normal(torch.zeros_like(mean), torch.ones_like(mean))).mean()
        z = code.mean + code.stddev * noise
    else:
        z = 1 / (1 + (-out).exp())
    decoded = networks.decoder(torch.cat([z, labels, *given], dim=1))
    reconstruction = (
        (weight * (flux - decoded) ** 2).sum() / weight.sum() * trainer.model.scales.flux_scale**2
    )
    found = []
    if setup.adversarial:
        stack = networks.discriminators
        for k in range(index.shape[1]):
            x = torch.cat([z, *given], dim=1)
            for layer, (w, b) in enumerate(zip(stack.weights, stack.biases)):
                x = (x.relu() if layer else x) @ w[k] + b[k]
            target = one_hot(index[:, k], x.shape[1]).to(x)
            found.append(binary_cross_entropy_with_logits(x, target, reduction="none").sum(dim=1))
    return reconstruction, kl, torch.stack(found)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_backward_pass_has_the_gradients_of_all_losses(spectra, name, monkeypatch):
    setup = config(**OBJECTIVES[name])
    trainer = DisentangleTraining(spectra, setup)
    trainer.model.networks.double()
    trainer.data = [each.double() if each.is_floating_point() else each for each in trainer.data]
    n_discriminators = len(setup.discriminators)
    weights = list(setup.lambdas.values())
    trainer.lambdas = torch.tensor(weights, dtype=torch.float64)[:n_discriminators, None]
    rows = trainer.rows[:50]
    random = torch.Generator().manual_seed(5)
    noise = torch.randn((50, setup.latent), generator=random, dtype=torch.float64)
    lambdas = None
    if setup.lambda_range:
        lambdas = 2 * torch.rand((50, 4), generator=random, dtype=torch.float64) - 1
    drawn = torch.zeros(50, 0, dtype=torch.float64) if lambdas is None else lambdas
    monkeypatch.setattr(torch, "randn", lambda *shape, **options: noise)
    monkeypatch.setattr(trainer, "_drawn_lambdas", lambda n, random: drawn)

    networks = deepcopy(trainer.model.networks)
    reconstruction, kl, found = losses(trainer, networks, rows, lambdas, noise)
    if lambdas is not None:
        adversary = (setup.lambda_range * lambdas.T * found).sum() / len(rows)
    elif setup.joint:
        adversary = weights[0] * found.mean()
    else:
        adversary = sum(weight * each.mean() for weight, each in zip(weights, found))
    coder = [*networks.encoder.parameters(), *networks.decoder.parameters()]
    judges = list(networks.discriminators.parameters())
    expected = torch.autograd.grad(
        reconstruction - adversary + setup.bottleneck * kl, coder, retain_graph=True
    )
    expected += torch.autograd.grad(found.mean(dim=1).sum(), judges)

    assert float(trainer.step(rows)) == pytest.approx(reconstruction.item(), rel=1e-12)
    ours = trainer.model.networks
    parameters = [
        *ours.encoder.parameters(),
        *ours.decoder.parameters(),
        *ours.discriminators.parameters(),
    ]
    assert len(parameters) == len(expected) == 18
    for parameter, gradient in zip(parameters, expected):
        assert gradient.abs().max() > 1e-6
        np.testing.assert_allclose(parameter.grad.numpy(), gradient.numpy(), rtol=1e-8, atol=1e-12)


def test_reconstruction_loss_counts_good_pixels_only(spectra):
    trainer = DisentangleTraining(spectra, config())
    loss, *_ = trainer._forward(torch.arange(len(spectra)), trainer.random)
    difference = (spectra.flux - trainer.model.reconstruct(spectra)).astype(float)
    assert spectra.mask.sum() > 100
    assert loss.item() == pytest.approx(np.mean(difference[~spectra.mask] ** 2), rel=1e-5)


def test_flux_of_a_masked_pixel_changes_nothing(spectra):
    setup = config(lambdas=FIXED)
    other = replace(spectra, flux=np.where(spectra.mask, 7, spectra.flux),
                    flux_error=np.where(spectra.mask, 1e-5, spectra.flux_error))  # fmt: skip
    assert_same(fit(spectra, setup), fit(other, setup))


def test_chance_is_the_entropy_of_the_bins(spectra):
    trainer = DisentangleTraining(spectra, config(lambdas=FIXED, bins=4))
    rows = trainer.rows.numpy()
    for k, name in enumerate(LABELS):
        share = np.histogram(spectra.labels[name][rows], bins=4)[0] / len(rows)
        expected = -(share * np.log(share) + (1 - share) * np.log(1 - share)).sum()
        assert trainer.chance[k].item() == pytest.approx(expected, rel=1e-5)


def test_the_epoch_is_chosen_by_a_loss_that_does_not_reward_untrained_discriminators(spectra):
    lambdas = {"teff": 0.3, "logg": -0.7, "m_h": 20.0, "alpha_fe": 0.0}
    setup = config(lambdas=lambdas, bottleneck=0.02, epochs=25, learning_rate=0.01)
    chance = dict(zip(LABELS, DisentangleTraining(spectra, setup).chance.tolist()))
    worse = 0
    for row in fit(spectra, setup).history:
        expected = row["reconstruction"] + 0.02 * row["rate"]
        for name, weight in lambdas.items():
            found = row[f"discriminator_{name}"]
            expected -= weight * (chance[name] - abs(found - chance[name]) if weight > 0 else found)
            worse += weight > 0 and found > chance[name]
        assert row["loss"] == pytest.approx(expected, rel=1e-5, abs=2e-5)  # terms of 50 in float32
    assert worse > 0


@pytest.mark.parametrize("changes", [{"lambda_range": 0.02}, {"bottleneck": 1e-2}, {}])
def test_the_same_weights_have_the_same_validation_loss(spectra, changes):
    trainer = DisentangleTraining(spectra, config(**changes))
    trainer.advance()
    before = trainer.random.get_state()
    assert trainer.validate() == trainer.validate()
    assert torch.equal(trainer.random.get_state(), before)


def test_an_empty_bin_is_no_error(spectra):
    edges = np.linspace(4000, 7000, 11)
    teff = np.array(spectra.labels["teff"])
    gap = changed(spectra, teff=np.where((teff > edges[4]) & (teff < edges[6]), edges[3] + 1, teff))
    trainer = DisentangleTraining(gap, config(lambdas=FIXED))
    assert set(trainer.data[3][:, 0].tolist()) == {0, 1, 2, 3, 6, 7, 8, 9}
    assert np.isfinite(trainer.chance.numpy()).all()
    assert np.isfinite(list(fit(gap, config(lambdas=FIXED)).history[-1].values())).all()


def test_more_steps_of_the_discriminators_follow_the_latents_more_closely(spectra):
    few, many = (
        fit(spectra, config(lambdas={"teff": 1e-12}, discriminator_steps=k)).history[-1]
        for k in (1, 6)
    )
    # λ is too small to have an effect
    assert many["reconstruction"] == pytest.approx(few["reconstruction"], rel=1e-3)
    assert all(
        many[f"discriminator_{name}"] < few[f"discriminator_{name}"] - 0.1 for name in LABELS
    )


# --- what λ does


def test_negative_lambda_keeps_a_label_in_the_latents_and_positive_lambda_removes_it():
    """Compare the last three epochs with a discriminator that knows no latents."""
    _, truth = make_mock(specnb.load_emulator("rvs"), RvsMockConfig(n_stars=1500, seed=1))
    relative = {}
    for sign in (-1, 1):
        setup = DisentangleConfig(lambdas={"teff": 0.01 * sign}, hidden=(64,), latent=10, discriminator=(32,),
                                  learning_rate=0.01, epochs=20, patience=20, seed=1, device="cpu")  # fmt: skip
        found = [row["discriminator_teff"] for row in fit(truth, setup).history[-3:]]
        relative[sign] = np.mean(found) / DisentangleTraining(truth, setup).chance[0].item()
    assert relative[-1] < 0.8
    assert 0.9 < relative[1] < 1.2


# --- training


def test_seeds(spectra):
    setup = config(**CONDITIONAL)
    first = fit(spectra, setup)
    assert_same(first, fit(spectra, setup))
    assert differ(first, fit(spectra, replace(setup, seed=2)))


def test_global_random_numbers_are_left_alone(spectra):
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = fit(spectra, config(**CONDITIONAL))
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    torch.manual_seed(4)
    assert_same(first, fit(spectra, config(**CONDITIONAL)))


def test_early_stopping_keeps_the_best_epoch(spectra):
    kept = []
    setup = config(lambdas=FIXED, epochs=200, patience=3, learning_rate=0.05)
    model = fit(spectra, setup, on_epoch=lambda m: kept.append(deepcopy(weights_of(m))))
    loss = [row["loss"] for row in model.history]
    best = int(np.argmin(loss))
    assert [row["epoch"] for row in model.history] == list(range(1, len(loss) + 1))
    assert best + 1 + 3 == len(loss) == len(kept) < 200
    for name, value in weights_of(model).items():
        np.testing.assert_array_equal(value, kept[best][name])
    assert any((value != kept[-1][name]).any() for name, value in weights_of(model).items())


def test_training_reconstructs(spectra):
    model = fit(spectra, config(epochs=40, batch=16, learning_rate=0.01))
    row = min(model.history, key=lambda row: row["loss"])
    assert row["loss"] == row["reconstruction"] < 0.2 * model.scales.flux_scale**2
    last = model.history[-1]
    assert last["train"] == pytest.approx(last["reconstruction"], rel=0.3)


def test_divergence_is_a_sentence(spectra):
    with pytest.raises(
        Diverged,
        match=r"training with seed 1 diverged in epoch \d+ \(train, loss, recon.*\): "
        r"lower learning_rate=1.0, lambdas=",
    ):
        fit(spectra, config(lambdas={"teff": 10.0}, bottleneck=1e-3, learning_rate=1.0, epochs=20))


# --- checkpoints


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)


class Killed(Exception):
    pass


def stop_in_epoch(n):
    def stop(model):
        if len(model.history) == n:
            raise Killed

    return stop


def interrupted(spectra, setup, path, epoch=4):
    """Interrupt a training, so that it leaves the checkpoint of the epoch before this one."""
    with pytest.raises(Killed):
        fit(spectra, setup, checkpoint=path, on_epoch=stop_in_epoch(epoch))
    assert path.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lambdas": FIXED, "discriminator_steps": 2},
        CONDITIONAL,
    ],
)
def test_an_interrupted_run_resumes_exactly(spectra, changes, eager, tmp_path):
    setup = config(**{"epochs": 6} | changes)
    path = tmp_path / "new folder" / "run.pt"
    interrupted(spectra, setup, path)
    resumed_at = []
    model = fit(
        spectra, setup, checkpoint=path, on_epoch=lambda m: resumed_at.append(len(m.history))
    )
    assert resumed_at[0] == 4
    assert_same(model, fit(spectra, setup))
    assert not list(path.parent.iterdir())


def test_a_resumed_run_remembers_its_best_epoch(spectra, eager, tmp_path):
    setup = config(lambdas=FIXED, epochs=30, patience=2, learning_rate=0.1)
    whole = fit(spectra, setup)
    last = len(whole.history)
    assert np.argmin([row["loss"] for row in whole.history]) + 1 == last - 2 < 28
    interrupted(spectra, setup, tmp_path / "run.pt", last)
    assert_same(fit(spectra, setup, checkpoint=tmp_path / "run.pt"), whole)


@pytest.mark.slow  # a run that is interrupted within the process is tested above
def test_a_killed_process_resumes_exactly(spectra, eager, tmp_path):
    code = """
import os, signal, sys
from specnb.core import training
from test_disentangle_training import config, fit, toy, FIXED
training.CHECKPOINT_SECONDS = -1.0

def stop(model):
    if len(model.history) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

fit(toy(), config(lambdas=FIXED, epochs=6), checkpoint=sys.argv[1], on_epoch=stop)
"""
    path = tmp_path / "run.pt"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    run = subprocess.run(
        [sys.executable, "-c", code, path], check=False, env=environment, stderr=subprocess.PIPE
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    first = []
    setup = config(lambdas=FIXED, epochs=6)
    model = fit(spectra, setup, checkpoint=path, on_epoch=lambda m: first.append(len(m.history)))
    assert first == [4, 5, 6]
    assert_same(model, fit(spectra, setup))


def test_checkpoint_of_another_run(spectra, eager, tmp_path):
    path = tmp_path / "run.pt"
    setup = config(lambdas=FIXED, epochs=6)
    interrupted(spectra, setup, path)
    data = path.read_bytes()
    with pytest.raises(
        ValueError,
        match=r"run.pt was made with another configuration \(latent 5, not 6\): delete it",
    ):
        fit(spectra, replace(setup, latent=6), checkpoint=path)
    with pytest.raises(
        ValueError, match=r"run.pt: it was made with other training spectra or labels: delete it"
    ):
        fit(toy(seed=1), setup, checkpoint=path)
    with pytest.raises(ValueError, match="made with other training spectra or labels"):
        fit(changed(spectra, m_h=np.array(spectra.labels["m_h"])[::-1]), setup, checkpoint=path)
    assert path.read_bytes() == data


def test_damaged_checkpoint(spectra, eager, tmp_path):
    path = tmp_path / "run.pt"
    setup = config(lambdas=FIXED, epochs=6)
    interrupted(spectra, setup, path)
    data = path.read_bytes()
    for damaged in (b"", b"no checkpoint", data[:100], data[: len(data) // 2], data[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(
            OSError, match="run.pt is not a whole checkpoint .*: delete it to start anew"
        ) as raised:
            fit(spectra, setup, checkpoint=path)
        assert "\n" not in str(raised.value)


def test_checkpoint_without_the_right_parts(spectra, tmp_path):
    path = tmp_path / "run.pt"
    write_checkpoint({"weights": torch.zeros(3)}, path)
    with pytest.raises(OSError, match="run.pt is not a whole checkpoint"):
        fit(spectra, config(), checkpoint=path)
    write_checkpoint([1, 2], path)
    with pytest.raises(OSError, match="run.pt is not a whole checkpoint"):
        fit(spectra, config(), checkpoint=path)


def test_full_disk_leaves_the_last_whole_checkpoint(spectra, eager, tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    setup = config(lambdas=FIXED, epochs=6)
    interrupted(spectra, setup, path)
    data = path.read_bytes()

    def full(target, content):
        with target.open("wb") as f:
            f.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="cannot write .*run.pt .No space left on device.: make room"):
        fit(spectra, setup, checkpoint=path)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    assert path.read_bytes() == data
    with pytest.raises(OSError, match="cannot write .*other.pt "):
        fit(spectra, setup, checkpoint=tmp_path / "other.pt")
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    monkeypatch.undo()
    assert_same(fit(spectra, setup, checkpoint=path), fit(spectra, setup))
