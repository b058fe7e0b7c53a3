"""Train the emulator on the synthetic grid."""

import time
from copy import deepcopy
from dataclasses import asdict, dataclass

import numpy as np
import torch
from tqdm.auto import tqdm

from specnb.core.device import pick_device
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.simulator.grid import SyntheticGrid, observed, split, trained_range


@dataclass(frozen=True)
class EmulatorConfig:
    """How to train an emulator. Unknown keys are refused by the constructor.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers of one perceptron of all labels; not used if there are branches.
    branches : tuple of (tuple of str, tuple of int)
        Of each of several perceptrons whose outputs are added: names of its labels and widths of its hidden layers.
    copies : int
        Draws of v_broad for each grid spectrum.
    batch : int
        Spectra in a step.
    learning_rate : float
        Peak of the one-cycle schedule of Adam.
    epochs : int
        Most passes over the training set; the schedule ends there.
    patience : int
        Epochs without a better validation error before stopping.
    seed : int
        Seeds the draws of v_broad, the weights and the order of the batches.
    device : str
        "auto", "cpu", "cuda" or "mps".
    """

    hidden: tuple[int, ...] = (256,) * 4  # validation error 0.0005; The Payne's two layers of 300: 0.0011
    branches: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = ()
    copies: int = 8  # v_broad enters smoothly: eight strata of 6 km/s determine it
    batch: int = 128  # at an equal number of epochs better than 512
    learning_rate: float = 3e-3
    epochs: int = 300
    patience: int = 150  # half the schedule: while its rate is high, the validation error may stall for long
    seed: int = 1
    device: str = "auto"

    @classmethod
    def for_survey(cls, survey, **changes):
        """The configuration of a survey's shipped emulator, with some changes."""
        return cls(**dict(survey.training.get("emulator", {})) | changes)


def train_emulator(grid: SyntheticGrid, config: EmulatorConfig | None = None, progress: bool = True):
    """Fit a network to the training spectra of a grid, keeping the weights that are best on the validation spectra.

    The loss is the mean absolute flux error, as in The Payne: it weighs line wings and cores alike.

    Parameters
    ----------
    grid : SyntheticGrid
    config : EmulatorConfig, optional
        Default: that of the survey.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Emulator
        Its card holds the configuration, the validation error and ``history``: for each epoch, a dict with the
        training and validation error (mean absolute flux).
    """
    start, survey = time.perf_counter(), grid.survey
    config = config or EmulatorConfig.for_survey(survey)
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    train, validation, _ = split(len(grid))
    x, y = (torch.from_numpy(a).to(device) for a in observed(grid, train, config.copies, config.seed))
    x_val, y_val = (torch.from_numpy(a).to(device) for a in observed(grid, validation, 4, config.seed + 1))

    names = list(survey.names)
    branches = [([names.index(name) for name in own], widths) for own, widths in config.branches]
    branches = branches or [(range(len(names)), config.hidden)]
    logarithmic = [k for k, label in enumerate(survey.labels) if label.logarithmic]
    network = Network(*trained_range(grid), branches, y.shape[1], logarithmic).to(device)
    network.output.bias.data = y.mean(dim=0)  # start from the mean spectrum
    optimizer = torch.optim.Adam(network.parameters(), fused=device.type != "mps")
    steps = -(-len(x) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=steps * config.epochs, pct_start=0.1
    )
    history, best, waited = [], (np.inf, None), 0
    bar = tqdm(range(1, config.epochs + 1), desc="emulator", unit="epoch", disable=not progress)
    for epoch in bar:
        total = 0.0
        for rows in torch.randperm(len(x), device=device).split(config.batch):
            loss = (network(x[rows]) - y[rows]).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        with torch.no_grad():
            error = (network(x_val) - y_val).abs().mean().item()
        history.append({"epoch": epoch, "train": round(total / len(x), 7), "validation": round(error, 7)})
        bar.set_postfix(train=f"{total / len(x):.5f}", validation=f"{error:.5f}")
        if not np.isfinite(error):
            raise FloatingPointError(f"training diverged in epoch {epoch}: lower learning_rate={config.learning_rate}")
        waited = 0 if error < best[0] else waited + 1
        if error < best[0]:
            best = (error, deepcopy(network.state_dict()))
        if waited >= config.patience:
            break
    network.load_state_dict(best[1])
    emulator = Emulator(network, survey)
    emulator.card = {
        "config": asdict(config),
        "grid_seed": int(grid.provenance["seed"]),
        "grid_spectra": len(grid),
        "train_spectra": len(train),
        "validation_error": round(best[0], 7),
        "device": str(device),
        "seconds": round(time.perf_counter() - start, 1),
        "history": history,
    }
    return emulator
