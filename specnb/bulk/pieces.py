"""Files of spectra, cut in pieces that depend on nothing but the files.

A piece is what is fitted together by one process, and what a part of the results holds. So the
results do not depend on how many processes work, on which computers, or after how many interruptions.
"""

import warnings
from contextlib import suppress
from itertools import chain

from h5py import is_hdf5

from specnb.core.reading import DAMAGE
from specnb.core.storage import opened
from specnb.surveys.files import read_files, reason_of
from specnb.surveys.plain import read_any
from specnb.surveys.tables import PARQUET_BATCH, parquet_layout

# A piece has up to about so many files or bytes of files, or so many pixels of a larger file: 8,000
# spectra of the RVS, 900 of APOGEE.
FILES, BYTES, PIXELS = 64, 2**25, 6_500_000
STEP, ROWS = PARQUET_BATCH, 1024  # pieces begin at multiples of STEP; ROWS are read at a time
LARGEST = 2**26  # bytes of a file that is read as a whole


def pieces_of(files):
    """Cut files in pieces.

    Parameters
    ----------
    files : dict of str to Path
        Files by their names.

    Returns
    -------
    pieces : list of list of (str, Path, slice or None)
        For each piece the names and paths of files, and which of their rows to read. They are in
        the order of the files. Large files of HDF5, and of parquet with a row for each star, are cut
        at absolute numbers of rows. Of other files some are put together.
    left_out : dict of str to list of str
        Why a file cannot be read in pieces.
    """
    pieces, left_out, total = {}, {}, 0
    together = min(
        FILES, max(8, len(files) // 16)
    )  # so that 16 shards have work, with few files, too
    for number, (name, path) in enumerate(files.items()):
        try:
            total += path.stat().st_size
            for start, rows in _cut(path):
                key = number // together, total // BYTES, start
                pieces.setdefault(key, []).append((name, path, rows))
        except DAMAGE as error:
            left_out[name] = [reason_of(path, error)]
    return list(pieces.values()), left_out


def _cut(path):
    """Yield where each piece of a file begins, and slices of its rows. Both are None for all rows."""
    size, n_pix = path.stat().st_size, 1
    if size > BYTES and is_hdf5(path):
        with opened(path, "spectra") as source:
            n_pix, blocks = len(source["wavelength"]), [len(source["ids"])]
    elif size > BYTES:
        n_pix, blocks = parquet_layout(path)
    if n_pix == 1 and size > LARGEST:
        raise ValueError(
            f"has {size / 1e6:.0f} MB, more than the {LARGEST / 1e6:.0f} MB that are read at once: divide it, "
            "or write it as HDF5 (specnb.Spectra.write) or as parquet with a row for each star"
        )
    if n_pix == 1:
        yield None, None
        return
    begin = 0
    for n in blocks:
        count = n * n_pix // PIXELS + 1
        stars = STEP * (n // (STEP * count) + 1)  # pieces of a file have about the same size
        for start in range(begin, begin + n, stars):
            stop = min(start + stars, begin + n)
            for row in range(start, stop, ROWS):
                yield start, slice(row, min(row + ROWS, stop))
        begin += n


def first_of(pieces, paths, surveys, wanted):
    """The first spectrum on the pixels of one of some wanted surveys.

    Returns
    -------
    name : str
        Name of its file.
    spectra : Spectra
    survey : Survey

    Raises
    ------
    ValueError
        If there is none.
    """
    for name, path, rows in chain.from_iterable(pieces):
        with suppress(*DAMAGE, StopIteration), warnings.catch_warnings(action="ignore"):
            spectra = read_any(path, surveys, rows=rows)[:1]
            return name, spectra, next(each for each in wanted if each.has(spectra.wavelength))
    read_files(paths, lambda path: read_any(path, surveys), "skip")  # says why no file is good
    raise ValueError(
        f"no file holds spectra of {wanted[0].title}: give a model of their own survey"
    )
