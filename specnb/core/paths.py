"""Paths of the repository, of the data that it ships, and of the folder with real spectra."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "specnb"
DATA = ROOT / "data"
ARTIFACTS = DATA / "artifacts"  # results that were computed here; they can be deleted at any time


def data_folder() -> Path:
    """Folder of real data: the environment variable SPECNB_DATA, or data/real in the repository."""
    return Path(os.environ.get("SPECNB_DATA") or DATA / "real")
