"""Paths of the repository, of the data that it ships, of real spectra, and of computed results."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "specnb"
DATA = ROOT / "data"
# Results that were computed here, in the folder SPECNB_ARTIFACTS or in the repository. They can be
# deleted at any time.
ARTIFACTS = Path(os.environ.get("SPECNB_ARTIFACTS") or DATA / "artifacts").expanduser().absolute()


def data_folder() -> Path:
    """Folder of real data: the environment variable SPECNB_DATA, or data/real in the repository."""
    return Path(os.environ.get("SPECNB_DATA") or DATA / "real").expanduser()


def stars_folder() -> Path:
    """Folder of further real data: the variable SPECNB_STARS, or data/stars in the repository."""
    return Path(os.environ.get("SPECNB_STARS") or DATA / "stars").expanduser()
