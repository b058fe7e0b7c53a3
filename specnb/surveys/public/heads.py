"""What the head of a file of public data says: whether it can be opened, and what it holds."""

import warnings
from functools import cache
from pathlib import Path

import h5py
from astropy.io import fits

from specnb.core.reading import whole_file
from specnb.surveys.files import HEAD, columns_of, content_of, kind_of
from specnb.surveys.transfer import check_file

AGAIN = "fetch it again"


def check_head(path: Path, columns=(), rows=None):
    """Open a file, look for some columns of its tables, or datasets of HDF5, and count rows of FITS.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If a column is not there, or no table has so many rows.
    """
    kind, sizes = kind_of(content_of(path, HEAD)), [rows]
    with whole_file(path, "file", AGAIN), warnings.catch_warnings():
        for sign in ("File may have been truncated", "Error validating header"):
            warnings.filterwarnings("error", sign)
        if kind == "hdf5":
            with h5py.File(path, "r", locking=False) as f:
                names = {*f}
        elif kind == "fits":
            with path.open("rb") as f, fits.open(f) as hdus:
                tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
                names = {name for table in tables for name in table.columns.names}
                sizes = [table.header["NAXIS2"] for table in tables]
        else:
            found = columns_of(content_of(path, HEAD).decode("utf-8", "replace").splitlines())
            names = {*found[0]} if found else set()
    if rows is not None and rows not in sizes:
        raise ValueError(f"it has {sum(sizes)} rows and not {rows} as published: {AGAIN}")
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise ValueError(f"it has no {', '.join(lacking)}, so that it is another file: {AGAIN}")


@cache
def check_whole(path: Path, state, columns, size, checksum, rows):
    """Compare a whole file with what was published, and read its head. See `check_file` for errors.

    A good file is read once a process, as long as its state is the same, such as the time of its change.
    """
    check_file(path, size, checksum)
    check_head(path, columns, rows)
