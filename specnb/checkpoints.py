"""Checkpoints of trainings: written as a whole or not at all."""

import os
from pathlib import Path

import torch


def write_checkpoint(state: dict, path: Path):
    """Write a training's state; an older checkpoint is replaced only by a whole one.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        torch.save(state, temporary)
        temporary.rename(path)
    except (OSError, RuntimeError) as error:
        raise OSError(f"cannot write the checkpoint {path} ({error}): make room, or choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)
