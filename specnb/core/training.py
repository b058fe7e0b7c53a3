"""The training loop of all networks: progress bar, checkpoints and exact continuation.

A training is an object of a subclass of `Training`. It holds its networks, optimisers and data, and
it can advance by one unit, which is an epoch or a step. The function `run` advances it to its end.
"""

import time
from copy import deepcopy
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from specnb.core.files import check_same, read_checkpoint, write_checkpoint
from specnb.core.writing import sweep

CHECKPOINT_SECONDS = 30.0
RISE = 0.1  # fraction of the steps during which the learning rate rises


class Diverged(FloatingPointError):
    """Raised when a loss is not finite or far larger than that of a trivial model."""


def not_finite(values) -> list[str]:
    """Names of those values of a dictionary that are infinite or not a number."""
    return [name for name, value in values.items() if not np.isfinite(value)]


def one_cycle(optimizer, peak: float, steps: int, **options):
    """The one-cycle schedule of the learning rate.

    The rate rises during the first tenth of the steps and then falls to almost zero. With ten steps
    in total the rise would last exactly one step, for which PyTorch's scheduler divides by zero. In
    that case the rate rises for two steps.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    peak : float
        Highest learning rate.
    steps : int
        Number of steps in the whole training.
    **options
        Passed on to `torch.optim.lr_scheduler.OneCycleLR`.
    """
    rise = 2 / steps if RISE * steps == 1 else RISE
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=steps, pct_start=rise, **options
    )


class Training:
    """A training that `run` can advance, store and continue.

    Subclasses define the methods without a body and set the attributes.

    Attributes
    ----------
    name, unit : str
        Title of the progress bar, and what one call of `advance` is: "epoch" or "step".
    done, total : int
        Number of units that the training has done, and the largest number that it may do.
    shown : tuple of str
        Names of the columns of the history that the progress bar shows.
    inputs_name : str
        Name of the data in the error message of `restore`.
    config : dataclass
        A configuration with a field ``device``.
    device : torch.device
    model : object
        The model that is trained. It is passed to functions that watch the training.
    history : list of dict
        One row for each report.
    parts : dict
        Networks, optimisers and schedules by name: all objects that have a ``state_dict``.
    random : torch.Generator
        Source of all random numbers that are drawn during the training.
    inputs : sequence of Tensor
        The data, from which the fingerprint is made.
    counters : tuple of str
        Names of all other attributes that change during the training.
    """

    inputs_name, counters, done = "spectra or labels", ("done",), 0

    def advance(self) -> dict | None:
        """Train for one unit. Returns the new row of the history, or None if there is none.

        Raises
        ------
        Diverged
            If the training diverges.
        """

    def finish(self):
        """Called once after the last unit; returns the trained model."""

    @property
    def finished(self) -> bool:
        """Whether the training has reached its end."""
        return self.done >= self.total

    def state(self) -> dict:
        """Everything that the rest of the training depends on, with a fingerprint of the data."""
        return {
            "config": asdict(self.config),
            "data": self._fingerprint,
            "history": self.history,
            "random": self.random.get_state(),
            **{name: part.state_dict() for name, part in self.parts.items()},
            **{name: getattr(self, name) for name in self.counters},
        }

    def restore(self, state: dict, source="the state"):
        """Continue from a `state`; ``source`` is the name of its file.

        Raises
        ------
        ValueError
            If the state comes from another configuration or other data.
        """
        check_same(source, state["config"], self.config)
        if state["data"] != self._fingerprint:
            raise ValueError(
                f"{source}: it was made with other {self.inputs_name}: "
                "delete it, or give the same ones"
            )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        for name in self.counters:
            setattr(self, name, state[name])
        self.random.set_state(state["random"].cpu())
        self.history[:] = state["history"]

    @cached_property
    def _fingerprint(self):  # it takes a second for the paper's sample, hence it is cached
        digest = sha256()
        for tensor in self.inputs:
            digest.update(tensor.cpu().contiguous().numpy())
        return digest.hexdigest()


class EpochTraining(Training):
    """A training in epochs, with Adam, that keeps the weights of the best epoch.

    The best epoch is the one with the lowest validation loss. The training ends after
    ``config.epochs`` epochs, or earlier if the loss has not improved for ``config.patience``
    epochs. Subclasses define `step` and `validate`. They set ``config``, ``device``, ``history``
    and ``random``, and call `optimise`.

    Attributes
    ----------
    rows : Tensor of int
        Indices of the training spectra.
    seconds : float
        Time that the epochs took.
    digits : int
        Number of decimals of the losses in the history.
    to_lower : tuple of str
        Options that a user should lower if the training diverges.
    """

    unit, counters = "epoch", ("done", "best", "waited", "seconds")
    digits, seconds = 9, 0.0
    to_lower = ("learning_rate",)

    def step(self, rows):
        """Train on a batch of spectra, given by their indices; returns the loss of the history."""

    def validate(self) -> tuple[dict, float]:
        """The validation losses for the history, and the one that chooses the best epoch."""

    def optimise(self, networks, rows):
        """Prepare the optimiser of networks that are trained on some rows of the spectra."""
        self.networks, self.total = networks, self.config.epochs
        self.rows = torch.as_tensor(rows, device=self.device)
        self.optimizer = torch.optim.Adam(networks.parameters(), fused=self.device.type != "mps")
        self.steps = -(-len(rows) // self.config.batch)  # in one epoch
        self.schedule = one_cycle(
            self.optimizer, self.config.learning_rate, self.steps * self.total
        )
        self.parts = {"networks": networks, "optimizer": self.optimizer, "schedule": self.schedule}
        self.best, self.waited = (np.inf, None), 0

    @property
    def finished(self) -> bool:
        return super().finished or self.waited >= self.config.patience

    def descend(self, loss):
        """One step of the optimiser."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()

    def advance(self) -> dict:
        """Train on all training spectra once and validate. Returns a new row of the history."""
        start = time.perf_counter()
        n = len(self.rows)
        order = self.rows[torch.randperm(n, generator=self.random, device=self.device)]
        total = sum(self.step(rows) * len(rows) for rows in order.split(self.config.batch))
        losses, loss = self.validate()
        losses = {"train": float(total) / n} | losses
        row = {name: round(value, self.digits) for name, value in losses.items()}
        self.done += 1
        if bad := not_finite(row):
            options = ", ".join(f"{name}={getattr(self.config, name)}" for name in self.to_lower)
            raise Diverged(
                f"training with seed {self.config.seed} diverged in epoch {self.done} "
                f"({', '.join(bad)}): lower {options}"
            )
        self.history.append({"epoch": self.done} | row)
        self.waited = 0 if loss < self.best[0] else self.waited + 1
        if self.waited == 0:
            self.best = (loss, deepcopy(self.networks.state_dict()))
        self.seconds += time.perf_counter() - start
        return self.history[-1]

    def finish(self):
        self.networks.load_state_dict(self.best[1])
        return self.model


def run(training: Training, checkpoint=None, progress: bool = True, on_report=None):
    """Advance a training to its end.

    Parameters
    ----------
    training : Training
    checkpoint : path, optional
        File that keeps the state; it is written every half minute. If it exists, the training
        continues from it, with the same result as without the interruption. It is removed at the
        end.
    progress : bool
        Show a progress bar.
    on_report : callable, optional
        Called as ``on_report(training.model)`` whenever the history has a new row.

    Returns
    -------
    object
        The trained model.

    Raises
    ------
    ValueError
        If the checkpoint belongs to another configuration or other data.
    Diverged
        If the training diverges.
    OSError
        If the checkpoint cannot be read or written.
    """
    checkpoint = None if checkpoint is None else Path(checkpoint)
    if checkpoint is not None and checkpoint.exists():
        state = read_checkpoint(checkpoint, training.device, training.state())
        training.restore(state, checkpoint)
    written = time.monotonic()
    with tqdm(
        total=training.total,
        initial=training.done,
        desc=training.name,
        unit=training.unit,
        disable=not progress,
    ) as bar:
        while not training.finished:
            row = training.advance()
            bar.update()
            if row is not None:
                bar.set_postfix({name: f"{row[name]:.3g}" for name in training.shown})
                if on_report is not None:
                    on_report(training.model)
            due = time.monotonic() - written > CHECKPOINT_SECONDS
            if checkpoint is not None and due and not training.finished:
                write_checkpoint(training.state(), checkpoint)
                written = time.monotonic()
    model = training.finish()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
        sweep(checkpoint.parent)  # of processes that were killed while they wrote one
    return model
