"""Files of networks and trainings, which are written as a whole and checked when they are read."""

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from specnb.core.reading import whole_file
from specnb.core.writing import replacing


def write_tensors(path, tensors: dict, about: dict):
    """Write tensors and the texts that describe them to one safetensors file."""
    with replacing(Path(path)) as temporary:
        save_file(
            {name: value.contiguous().cpu() for name, value in tensors.items()},
            temporary,
            metadata=about,
        )


def read_tensors(path) -> tuple[dict, dict]:
    """The tensors and the texts of a file written by `write_tensors`, each by name."""
    with safe_open(path, framework="pt") as f:
        return {name: f.get_tensor(name) for name in f.keys()}, f.metadata() or {}  # noqa: SIM118


def tensors_of(tensors: dict, prefix: str) -> dict:
    """The tensors whose names begin with a prefix, under their names without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def write_checkpoint(state: dict, path: Path):
    """Write the state of a training. A complete new checkpoint replaces an older one.

    Raises
    ------
    OSError
        If the checkpoint cannot be written.
    """
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"cannot write the checkpoint {path} ({error}): make room, or choose another folder"
        ) from error


def read_checkpoint(path: Path, device, names) -> dict:
    """Read the parts of these names of a training's state, and put their tensors on a device.

    Raises
    ------
    OSError
        If the file is damaged, is not a checkpoint or lacks one of the parts.
    """
    with whole_file(path, "checkpoint", "delete it to start anew"):
        state = torch.load(path, map_location=device, weights_only=True)
        return {name: state[name] for name in names}


def check_same(path, found: dict, expected):
    """Raise ValueError if a file was made with another configuration. The device is not compared.

    Parameters
    ----------
    path : path
    found : dict
        The fields of the configuration in the file.
    expected : dataclass or None
        The configuration that was asked for; None accepts any.
    """
    asked = {} if expected is None else asdict(expected)
    if different := [name for name in asked if asked[name] != found.get(name) and name != "device"]:
        values = ", ".join(f"{name} {found.get(name)}, not {asked[name]}" for name in different)
        raise ValueError(
            f"{path} was made with another configuration ({values}): delete it, or ask for that one"
        )
