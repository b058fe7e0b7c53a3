"""Files of networks and trainings: written as a whole or not at all, and of the configuration that was asked for."""

import os
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file


@contextmanager
def replacing(path: Path):
    """The name of a temporary file beside `path` to write to; it takes the place of `path` if nothing fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_tensors(path, tensors: dict, about: dict):
    """Write tensors, and texts about them, to one safetensors file."""
    with replacing(Path(path)) as temporary:
        save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, temporary, metadata=about)


def write_checkpoint(state: dict, path: Path):
    """Write a training's state; an older checkpoint is replaced only by a whole one.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
    except (OSError, RuntimeError) as error:
        raise OSError(f"cannot write the checkpoint {path} ({error}): make room, or choose another folder") from error


def check_same(path, found, expected):
    """Raise ValueError, naming what differs but for the device, if a file was made with another configuration.

    Parameters
    ----------
    path : path
    found : dataclass
        What the file holds.
    expected : dataclass or None
        What was asked for; None: anything.
    """
    ours, theirs = ({} if each is None else asdict(each) for each in (expected, found))
    if different := [name for name in ours if ours[name] != theirs[name] and name != "device"]:
        values = ", ".join(f"{name} {theirs[name]}, not {ours[name]}" for name in different)
        raise ValueError(f"{path} was made with another configuration ({values}): delete it, or ask for that one")
