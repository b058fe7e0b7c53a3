"""Files of networks and trainings: written completely or not at all, and checked when read."""

from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from specnb.core.writing import replacing


@contextmanager
def whole_file(path, kind: str, advice: str):
    """Turn the errors of a missing, truncated or foreign file into one sentence.

    Parameters
    ----------
    path : path
    kind : str
        What the file should be.
    advice : str
        What the user can do about it.

    Raises
    ------
    OSError
        With that sentence.
    """
    try:
        yield
    except (
        OSError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
        UnpicklingError,
        SafetensorError,
    ) as error:
        reason = str(error).partition("\n")[0]  # torch lists every tensor in lines of their own
        raise OSError(f"{path} is not a whole {kind} ({reason}): {advice}") from error


def write_tensors(path, tensors: dict, about: dict):
    """Write tensors, and texts about them, to one safetensors file."""
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
        raise OSError(
            f"cannot write the checkpoint {path} ({error}): make room, or choose another folder"
        ) from error


def read_checkpoint(path: Path, device) -> dict:
    """Read a training's state, with its tensors on a device.

    Raises
    ------
    OSError
        If the file is damaged or no checkpoint.
    """
    with whole_file(path, "checkpoint", "delete it to start anew"):
        state = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(state, dict) or not {"config", "data", "random", "history"} <= set(state):
            raise ValueError("it holds no state of a training")
    return state


def check_same(path, found: dict, expected):
    """Raise ValueError if a file was made with another configuration, whatever the device.

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
