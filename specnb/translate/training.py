"""Train a translator, with a progress bar and a checkpoint from which a killed run resumes exactly."""

import time
from pathlib import Path
from pickle import UnpicklingError

import torch
from tqdm.auto import tqdm

from specnb.core.files import check_same, write_checkpoint
from specnb.core.spectra import Spectra
from specnb.translate.config import TranslateConfig
from specnb.translate.model import Translator
from specnb.translate.trainer import Trainer

CHECKPOINT_SECONDS = 30.0
REPORTS = 100  # most of the losses on watched spectra, in a training
CHECKED = 100  # steps between looks at whether the losses explode


def train(
    emulator,
    labels,
    observed: Spectra,
    config: TranslateConfig = TranslateConfig(),
    checkpoint: str | Path | None = None,
    progress: bool = True,
    on_report=None,
) -> Translator:
    """Train a translator between an emulator's spectra and observed ones, unpaired.

    Parameters
    ----------
    emulator : Emulator
        Makes the synthetic spectra of each step from labels.
    labels : array_like, shape (n, n_labels)
        Of synthetic stars with about the distribution of the observed ones, but not these, in the emulator's order.
    observed : Spectra
        On the emulator's pixels.
    config : TranslateConfig
    checkpoint : path, optional
        File to keep the state in, every half minute; if it exists, training goes on from it, to the same result as
        without the interruption. Removed at the end.
    progress : bool
        Show a progress bar.
    on_report : callable, optional
        Called up to a hundred times in a training as ``on_report(model)``; ``model.history[-1]`` is the newest row.

    Returns
    -------
    Translator
        Its history has the losses on watched spectra, per unmasked pixel in units of the variance:
        ``reconstruction_*``, ``cycle_*``; ``adversarial`` and ``critics`` (nats); ``critics_right``, the fraction of right
        verdicts; ``latents``, the squared difference of the domains' mean latents.

    Raises
    ------
    ValueError
        If a domain is empty, the pixels differ, or the checkpoint belongs to another configuration or other data.
    FloatingPointError
        If the training diverges: a loss is not finite, or far worse than that of the mean spectrum.
    OSError
        If the checkpoint cannot be read or written.
    """
    trainer = Trainer(emulator, labels, observed, config)
    checkpoint = None if checkpoint is None else Path(checkpoint)
    if checkpoint is not None and checkpoint.exists():
        _resume(trainer, checkpoint)
    every, written = -(-config.iterations // REPORTS), time.monotonic()
    bar = tqdm(total=config.iterations, initial=trainer.iteration, desc="translator", unit="step", disable=not progress)
    with bar:
        while not trainer.finished:
            losses = trainer.step()
            bar.update()
            if trainer.iteration % CHECKED == 0:
                trainer.check(losses)
            if trainer.iteration % every == 0 or trainer.finished:
                row = trainer.report()
                bar.set_postfix({k: f"{v:.3g}" for k, v in row.items() if k.startswith("reconstruction")})
                if on_report is not None:
                    on_report(trainer.model)
            if checkpoint is not None and time.monotonic() - written > CHECKPOINT_SECONDS and not trainer.finished:
                trainer.check(losses)
                write_checkpoint(trainer.state(), checkpoint)
                written = time.monotonic()
    model = trainer.finish()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return model


def _resume(trainer, path):
    try:
        state = torch.load(path, map_location=trainer.device, weights_only=True)
        found = TranslateConfig(**state["config"])
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
        raise OSError(f"{path} is not a whole checkpoint: delete it to start anew") from error
    check_same(path, found, trainer.config)
    try:
        trainer.restore(state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except KeyError as error:
        raise OSError(f"{path} is not a whole checkpoint: delete it to start anew") from error
