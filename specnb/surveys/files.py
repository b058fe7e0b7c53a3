"""Functions for the readers of all surveys: find the kind of a file, and join many files."""

from pathlib import Path

import numpy as np
from astropy.utils.data import get_readable_fileobj

from specnb.core.reading import whole_file
from specnb.core.spectra import Spectra

REMEDY = "it may be truncated, download it again"


def kind_of(path):
    """The kind of a file, gzipped or not: "hdf5", "fits", "ecsv", "votable" or "csv".

    Raises
    ------
    ValueError
        If the file is damaged or of none of these kinds.
    """
    with (
        whole_file(path, "file of spectra", REMEDY, ValueError),
        get_readable_fileobj(path, encoding="binary") as f,
    ):
        head = f.read(4096)
    for start, kind in ((b"\x89HDF", "hdf5"), (b"SIMPLE  =", "fits"), (b"# %ECSV", "ecsv")):
        if head.startswith(start):
            return kind
    if b"<VOTABLE" in head:
        return "votable"
    if b"," in head.partition(b"\n")[0] and b"\0" not in head:
        return "csv"
    raise ValueError(
        f"{path} is of unknown kind: give CSV, ECSV, FITS, VOTable or specnb's HDF5, gzipped or not"
    )


def read_files(paths, read):
    """Read files one by one and join their spectra to one set.

    Parameters
    ----------
    paths : str, Path, or sequence of them
    read : callable
        ``read(path)`` returns the `Spectra` of one file.

    Raises
    ------
    OSError
        If a path is not a file.
    ValueError
        If there is no path, if the wavelengths of the files differ, or if a star is in two files.
    """
    paths = [Path(p) for p in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if not paths:
        raise ValueError("no files to read spectra from: give at least one path")
    parts, seen = [], {}
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not a file: give the names of spectra files")
        part = read(path)
        parts.append(part)
        if not np.array_equal(part.wavelength, parts[0].wavelength):
            raise ValueError(
                f"{paths[0]} and {path} have different wavelengths: rebin one of them, or read them apart"
            )
        for star in part.ids:
            if seen.setdefault(star, path) is not path:
                raise ValueError(
                    f"star {star} is in both {seen[star]} and {path}: give only one of them"
                )
    return Spectra.join(parts)
