"""The choice of the device on which networks run."""

import torch


def pick_device(name: str = "auto") -> torch.device:
    """The torch device of that name. "auto" takes CUDA if there is one, else MPS, else the CPU.

    Raises
    ------
    ValueError
        If this machine has no device of that name.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    usable = [kind for kind, there in available.items() if there]
    if name not in ("auto", *usable):
        raise ValueError(f"device is {name!r}: this machine has auto, {', '.join(usable)}")
    return torch.device(usable[0] if name == "auto" else name)
