"""The common parts of all trainings: the schedule, and exact continuation after an interruption."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_disentangle_model import SMALL, toy

import specnb
from specnb.core import training
from specnb.core.training import Diverged, one_cycle, run
from specnb.core.writing import HOST
from specnb.disentangle import DisentangleConfig
from specnb.disentangle import train as train_autoencoder
from specnb.emulator.train import EmulatorConfig, EmulatorTraining, train_emulator
from specnb.simulator.grid import load_grid
from specnb.surveys import RVS
from specnb.surveys.mock import make_mock
from specnb.translate import TranslateConfig
from specnb.translate import train as train_translator

FEW = EmulatorConfig(hidden=(8,), copies=1, batch=32, epochs=6, device="cpu")


@pytest.fixture(scope="module")
def grid():
    whole = load_grid(RVS)
    return replace(whole, labels=whole.labels[:60], flux=whole.flux[:60])


def rates(schedule, optimizer, steps):
    found = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        found.append(optimizer.param_groups[0]["lr"])
    return found


def adam():
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])


@pytest.mark.parametrize("steps", [1, 2, 9, 11, 20, 100, 1000])
def test_the_schedule_is_pytorchs(steps):
    ours, theirs = adam(), adam()
    expected = torch.optim.lr_scheduler.OneCycleLR(theirs, 0.01, total_steps=steps, pct_start=0.1)
    assert rates(one_cycle(ours, 0.01, steps), ours, steps) == rates(expected, theirs, steps)


def test_the_schedule_of_ten_steps_rises_for_two():
    with pytest.raises(ZeroDivisionError):
        torch.optim.lr_scheduler.OneCycleLR(adam(), 0.01, total_steps=10, pct_start=0.1)
    optimizer = adam()
    found = rates(one_cycle(optimizer, 0.01, 10), optimizer, 10)
    assert np.argmax(found) == 1 and found[1] == pytest.approx(0.01)
    assert found[0] < 0.001 and (np.diff(found[1:]) < 0).all()


def test_ten_steps_of_an_autoencoder():
    config = DisentangleConfig(**SMALL | {"epochs": 10, "batch": 200})
    assert len(train_autoencoder(toy(), config, progress=False).history) == 10


def test_ten_steps_of_an_emulator(grid):
    config = replace(FEW, epochs=10, batch=1000)
    assert len(train_emulator(grid, config, progress=False).card["history"]) == 10


def test_ten_steps_of_a_translator():
    emulator = specnb.load_emulator("rvs")
    observed, truth = make_mock(emulator, RVS.mock(n_stars=40, seed=1))
    labels = np.column_stack([truth.labels[name] for name in emulator.labels])
    config = TranslateConfig(
        shared=4, split=2, hidden=(8, 6), batch=16, iterations=10, device="cpu"
    )
    model = train_translator(emulator, labels, observed, config, progress=False)
    assert model.history[-1]["iteration"] == 10


# --- the emulator's checkpoint; those of the others have tests of their own


class Killed(Exception):
    pass


@pytest.fixture
def checkpoint(grid, tmp_path, monkeypatch):
    """The file that a training leaves when it is killed in its fourth epoch."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    path = tmp_path / "new folder" / "run.pt"

    def kill(_):
        if emulator_training.done == 4:
            raise Killed

    emulator_training = EmulatorTraining(grid, FEW)
    with pytest.raises(Killed):
        run(emulator_training, path, progress=False, on_report=kill)
    return path


def test_a_killed_training_of_an_emulator_continues_exactly(grid, checkpoint):
    whole, continued = train_emulator(grid, FEW, progress=False), EmulatorTraining(grid, FEW)
    epochs, ended = [], subprocess.Popen(["true"])
    ended.wait()
    checkpoint.with_name(f".run.pt.{HOST}-{ended.pid}-01234567.tmp").touch()  # killed, too
    emulator = run(
        continued, checkpoint, progress=False, on_report=lambda _: epochs.append(continued.done)
    )
    assert epochs == [4, 5, 6]
    assert emulator.card["history"] == whole.card["history"]
    assert emulator.card["validation_error"] == whole.card["validation_error"]
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, emulator.network.state_dict()[name]), name
    assert not list(checkpoint.parent.iterdir())


def test_checkpoints_of_another_emulator_are_refused(grid, checkpoint):
    data = checkpoint.read_bytes()
    with pytest.raises(
        ValueError, match=r"run.pt was made with another configuration \(seed 1, not 2\): delete it"
    ):
        train_emulator(grid, replace(FEW, seed=2), checkpoint, progress=False)
    with pytest.raises(
        ValueError, match="run.pt: it was made with other synthetic spectra: delete it"
    ):
        train_emulator(replace(grid, flux=grid.flux**2), FEW, checkpoint, progress=False)
    assert checkpoint.read_bytes() == data
    checkpoint.write_bytes(data[:-100])
    with pytest.raises(
        OSError, match="run.pt is not a whole checkpoint .*: delete it to start anew"
    ):
        train_emulator(grid, FEW, checkpoint, progress=False)


def test_training_an_emulator_leaves_global_random_numbers_alone(grid):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train_emulator(grid, replace(FEW, epochs=1), progress=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_emulator_that_diverges_says_so(grid, monkeypatch):
    infinite = lambda prediction, flux: (prediction - flux).abs().mean() * np.inf  # noqa: E731
    monkeypatch.setattr("specnb.emulator.train.l1_loss", infinite)
    with pytest.raises(
        Diverged, match=r"diverged in epoch 1 \(train, validation\): lower learning_rate=0.01"
    ):
        train_emulator(grid, replace(FEW, learning_rate=0.01), progress=False)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch": -3}, {"copies": 0}, {"seed": 1.5}])
def test_numbers_of_an_emulators_training_have_limits(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is .*: it must be an integer from"):
        replace(FEW, **change)
