"""Where networks run."""

import torch


def pick_device(name: str = "auto") -> torch.device:
    """The torch device of that name; "auto" takes CUDA, then MPS, then the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device(name)
