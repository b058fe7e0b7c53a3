"""What the head of a file of public data says: whether it can be opened, and what it holds."""

import warnings
from pathlib import Path

import h5py
from astropy.io import fits

from specnb.core.reading import whole_file
from specnb.surveys.files import HEAD, columns_of, content_of, kind_of

AGAIN = "fetch it again"


def check_head(path: Path, columns=()):
    """Open a file and look for some columns of its tables, or datasets of HDF5.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If a column is not there.
    """
    kind = kind_of(content_of(path, HEAD))
    with whole_file(path, "file", AGAIN), warnings.catch_warnings():
        for sign in ("File may have been truncated", "Error validating header"):
            warnings.filterwarnings("error", sign)
        if kind == "hdf5":
            with h5py.File(path, "r", locking=False) as f:
                names = {*f}
        elif kind == "fits":
            with path.open("rb") as f, fits.open(f) as hdus:
                tables = [hdu.columns.names for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
                names = {name for table in tables for name in table}
        else:
            found = columns_of(content_of(path, HEAD).decode("utf-8", "replace").splitlines())
            names = {*found[0]} if found else set()
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise ValueError(f"it has no {', '.join(lacking)}, so that it is another file: {AGAIN}")
