"""Train an autoencoder, with a progress bar and a checkpoint from which a killed run resumes exactly."""

import time
from pathlib import Path
from pickle import UnpicklingError

import torch
from tqdm.auto import tqdm

from specnb.core.files import check_same, write_checkpoint
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.trainer import Trainer
from specnb.core.spectra import Spectra

CHECKPOINT_SECONDS = 30.0


def train(
    spectra: Spectra,
    config: DisentangleConfig = DisentangleConfig(),
    checkpoint: str | Path | None = None,
    progress: bool = True,
    on_epoch=None,
) -> Disentangler:
    """Train an autoencoder on spectra with labels, keeping the epoch that is best on the validation stars.

    Parameters
    ----------
    spectra : Spectra
        Training stars. A part of them, ``config.validation``, chooses the epoch.
    config : DisentangleConfig
    checkpoint : path, optional
        File to keep the state in, every half minute; if it exists, training goes on from it, to the same result as
        without the interruption. Removed at the end.
    progress : bool
        Show a progress bar.
    on_epoch : callable, optional
        Called after each epoch as ``on_epoch(model)``; ``model.history[-1]`` is the epoch's row.

    Returns
    -------
    Disentangler
        Its history has, for each epoch, the training ``L_rec`` and on the validation stars the ``loss`` that chooses,
        ``reconstruction`` (mean squared flux error), ``rate`` and the discriminators' losses in nats.

    Raises
    ------
    ValueError
        If labels are missing or constant, or the checkpoint belongs to another configuration or other data.
    FloatingPointError
        If the training diverges.
    OSError
        If the checkpoint cannot be read or written.
    """
    trainer = Trainer(spectra, config)
    checkpoint = None if checkpoint is None else Path(checkpoint)
    if checkpoint is not None and checkpoint.exists():
        _resume(trainer, checkpoint)
    written = time.monotonic()
    bar = tqdm(
        total=config.epochs, initial=len(trainer.history), desc="autoencoder", unit="epoch", disable=not progress
    )
    with bar:
        while not trainer.finished:
            row = trainer.epoch()
            bar.update()
            bar.set_postfix(
                {name: f"{value:.3g}" for name, value in row.items() if name in ("train", "reconstruction")}
            )
            if on_epoch is not None:
                on_epoch(trainer.model)
            if checkpoint is not None and time.monotonic() - written > CHECKPOINT_SECONDS and not trainer.finished:
                write_checkpoint(trainer.state(), checkpoint)
                written = time.monotonic()
    trainer.model.networks.load_state_dict(trainer.best[1])
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return trainer.model


def _resume(trainer, path):
    try:
        state = torch.load(path, map_location=trainer.device, weights_only=True)
        found = DisentangleConfig(**state["config"])
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise OSError(f"{path} is not a whole checkpoint ({reason}): delete it to start anew") from error
    check_same(path, found, trainer.config)
    try:
        trainer.restore(state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
