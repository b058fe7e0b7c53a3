"""Files of networks and trainings, which are written as a whole and checked when they are read."""

import io
import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from specnb.core.checksums import warn_unchecked
from specnb.core.reading import whole_file
from specnb.core.writing import replacing

CHECKSUM = "sha256"  # its name among the texts of a file of tensors
DAMAGED = "its checksum is not that of its contents"


def write_tensors(path, tensors: dict, about: dict):
    """Write tensors, the texts that describe them and a checksum to one safetensors file.

    Raises
    ------
    OSError
        If the disk is full.
    """
    tensors = {name: value.contiguous().cpu() for name, value in tensors.items()}
    content = save(tensors, about | {CHECKSUM: _checksum(tensors, about)})
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content)


def read_tensors(path) -> tuple[dict, dict]:
    """The tensors and the texts of a file written by `write_tensors`, each by name.

    Raises
    ------
    OSError
        If the checksum in the file is not that of its contents.
    """
    with safe_open(path, framework="pt") as f:
        tensors, about = {name: f.get_tensor(name) for name in f.keys()}, f.metadata() or {}  # noqa: SIM118
    checksum = about.pop(CHECKSUM, None)
    if checksum is None:  # as in the shipped files, which a list covers
        warn_unchecked(path)
    elif checksum != _checksum(tensors, about):
        raise OSError(DAMAGED)
    return tensors, about


def shipped_file(folder: Path, kind: str, name: str) -> Path:
    """The file of a shipped model.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    known = sorted(path.stem for path in folder.glob("*.safetensors"))
    if name not in known:
        raise ValueError(
            f"there is no {kind} {name!r}: choose one of {', '.join(known) or 'none (none is shipped)'}"
        )
    return folder / f"{name}.safetensors"


def _checksum(tensors, about):
    """SHA-256 of tensors and texts."""
    digest = sha256(json.dumps(about, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {value.shape}".encode() + value.numpy().tobytes())
    return digest.hexdigest()


def tensors_of(tensors: dict, prefix: str) -> dict:
    """The tensors whose names begin with a prefix, under their names without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def write_checkpoint(state: dict, path: Path):
    """Write the state of a training and its checksum. It replaces an older checkpoint as a whole.

    Raises
    ------
    OSError
        If the checkpoint cannot be written.
    """
    content = io.BytesIO()
    torch.save(state, content)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue() + sha256(content.getbuffer()).digest())


def read_checkpoint(path: Path, device, names) -> dict:
    """Read the parts of these names of a training's state, and put their tensors on a device.

    Raises
    ------
    OSError
        If the file is damaged, is not a checkpoint or lacks one of the parts.
    """
    with whole_file(path, "checkpoint", "delete it to start anew"):
        data = path.read_bytes()
        content, checksum = data[:-32], data[-32:]
        if sha256(content).digest() != checksum:
            raise OSError(DAMAGED)
        state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
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
