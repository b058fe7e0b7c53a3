"""Paths of notebooks, of shipped data, of real spectra, and of computed results.

In a clone of the repository all of them lie in the clone. A wheel has notebooks and shipped data in
the package, where nothing is ever written: notebooks are copied and run in the current folder, and
what is downloaded or computed lies in the user's cache folder.
"""

import os
from pathlib import Path

from pooch import os_cache

PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = (PACKAGE / "data").is_dir()  # from a wheel, and not in a clone
SOURCE = PACKAGE if INSTALLED else PACKAGE.parent  # of the notebooks and data that are shipped
DATA = SOURCE / "data"
# Where notebooks run and their results lie.
ROOT = Path.cwd() if INSTALLED else SOURCE
NOTEBOOKS = ROOT / "notebooks"
KEPT = os_cache("specnb") if INSTALLED else DATA
# Results that were computed here, in the folder SPECNB_ARTIFACTS or that of all that is kept. They
# can be deleted at any time.
ARTIFACTS = Path(os.environ.get("SPECNB_ARTIFACTS") or KEPT / "artifacts").expanduser().absolute()


def data_folder() -> Path:
    """Folder of real data: the environment variable SPECNB_DATA, else the folder real in `KEPT`."""
    return Path(os.environ.get("SPECNB_DATA") or KEPT / "real").expanduser()


def stars_folder() -> Path:
    """Folder of further real data: the variable SPECNB_STARS, else the folder stars in `KEPT`."""
    return Path(os.environ.get("SPECNB_STARS") or KEPT / "stars").expanduser()
