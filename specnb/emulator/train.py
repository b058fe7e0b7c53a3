"""Training of an emulator on a grid of synthetic spectra."""

from dataclasses import asdict, dataclass

import torch
from torch.nn.functional import l1_loss

from specnb.core.config import check_fields, within
from specnb.core.device import pick_device
from specnb.core.training import EpochTraining, run
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.simulator.grid import SyntheticGrid, observed, split, trained_range


@dataclass(frozen=True)
class EmulatorConfig:
    """How to train an emulator. Unknown keys are refused by the constructor.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers of a single perceptron with all labels. It is not used if there
        are branches.
    branches : tuple of (tuple of str, tuple of int)
        For each of several perceptrons whose outputs are added: the names of its labels and the
        widths of its hidden layers.
    copies : int
        Number of values of v_broad that are drawn for each grid spectrum.
    batch : int
        Number of spectra in a step.
    learning_rate : float
        Peak of the one-cycle schedule of Adam.
    epochs : int
        Largest number of passes over the training set. The schedule ends there.
    patience : int
        Number of epochs without a better validation error after which the training ends.
    seed : int
        Seed of the values of v_broad, the weights and the order of the batches.
    device : str
        "auto", "cpu", "cuda" or "mps".
    """

    # The validation error is 0.0005. With The Payne's two layers of 300 it is 0.0011.
    hidden: tuple[int, ...] = (256,) * 4
    branches: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = ()
    # spectra depend smoothly on v_broad, so that eight intervals of 6 km/s are enough
    copies: int = within(1, 1000, default=8)
    batch: int = within(1, 1_000_000, default=128)  # better than 512 for the same number of epochs
    learning_rate: float = within(1e-7, 1.0, default=3e-3)
    epochs: int = within(1, 100_000, default=300)
    # Half of the schedule. While the learning rate is high, the validation error may not improve
    # for a long time.
    patience: int = within(1, 100_000, default=150)
    seed: int = within(0, 2**32 - 1, default=1)
    device: str = "auto"

    def __post_init__(self):
        check_fields(self)

    @classmethod
    def for_survey(cls, survey, **changes):
        """The configuration of a survey's shipped emulator, with some changes."""
        return cls(**dict(survey.training.get("emulator", {})) | changes)


def train_emulator(
    grid: SyntheticGrid,
    config: EmulatorConfig | None = None,
    checkpoint=None,
    progress: bool = True,
) -> Emulator:
    """Fit a network to the training spectra of a grid.

    The emulator has the weights of the epoch with the lowest error on the validation spectra.

    Parameters
    ----------
    grid : SyntheticGrid
    config : EmulatorConfig, optional
        The default is that of the survey.
    checkpoint : path, optional
        File that keeps the state of the training, see `specnb.core.training.run`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Emulator
        Its card has the configuration, the validation error and ``history``, which has one dict per
        epoch with the training and validation error (mean absolute flux error).

    Raises
    ------
    ValueError
        If the checkpoint belongs to another configuration or another grid.
    FloatingPointError
        If the training diverges.
    OSError
        If the checkpoint cannot be read or written.
    """
    config = config or EmulatorConfig.for_survey(grid.survey)
    return run(EmulatorTraining(grid, config), checkpoint, progress)


class EmulatorTraining(EpochTraining):
    """One training of an emulator's network, an epoch at a time.

    The loss is the mean absolute flux error, as in The Payne. Line wings and line cores have the
    same weight.

    Parameters
    ----------
    grid : SyntheticGrid
    config : EmulatorConfig
    """

    name, shown, inputs_name = "emulator", ("train", "validation"), "synthetic spectra"
    digits = 7

    def __init__(self, grid: SyntheticGrid, config: EmulatorConfig):
        self.config, self.device = config, pick_device(config.device)
        self.grid, self.history = grid, []
        train, validation, _ = split(len(grid))
        self.train, self.validation = (
            [torch.from_numpy(array).to(self.device) for array in observed(grid, *arguments)]
            for arguments in ((train, config.copies, config.seed), (validation, 4, config.seed + 1))
        )
        self.inputs = (*self.train, *self.validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = self._network()
            weights_drawn = torch.get_rng_state()
        self.random = torch.Generator(self.device).manual_seed(config.seed)
        # the batches use the random numbers that follow those of the weights
        if self.device.type == "cpu":
            self.random.set_state(weights_drawn)
        self.optimise(self.model, torch.arange(len(self.train[0])))

    def _network(self):
        """The network with its initial weights. Its output starts from the mean spectrum."""
        survey = self.grid.survey
        names = list(survey.names)
        branches = [
            ([names.index(name) for name in inputs], widths)
            for inputs, widths in self.config.branches
        ] or [(range(len(names)), self.config.hidden)]
        logarithmic = [k for k, label in enumerate(survey.labels) if label.logarithmic]
        flux = self.train[1]
        network = Network(*trained_range(self.grid), branches, flux.shape[1], logarithmic)
        network.to(self.device)
        network.output.bias.data = flux.mean(dim=0)
        return network

    def step(self, rows):
        labels, flux = self.train
        loss = l1_loss(self.model(labels[rows]), flux[rows])
        self.descend(loss)
        return loss.item()

    @torch.no_grad()
    def validate(self):
        labels, flux = self.validation
        error = l1_loss(self.model(labels), flux).item()
        return {"validation": error}, error

    def finish(self) -> Emulator:
        seed = self.grid.provenance.get("seed")
        card = {
            "config": asdict(self.config),
            "grid_seed": None if seed is None else int(seed),
            "grid_spectra": len(self.grid),
            "train_spectra": len(split(len(self.grid))[0]),
            "validation_error": round(self.best[0], 7),
            "device": str(self.device),
            "seconds": round(self.seconds, 1),
            "history": self.history,
        }
        return Emulator(super().finish(), self.grid.survey, card)
