"""Files of spectra, cut in pieces that depend on nothing but the files.

A piece is what is fitted together by one process, and what a part of the results holds. So the
results do not depend on how many processes work, on which computers, or after how many interruptions.
"""

import warnings
from os.path import commonpath
from pathlib import Path
from typing import NamedTuple

from h5py import is_hdf5

from specnb.core.reading import DAMAGE
from specnb.core.spectra import Spectra
from specnb.core.storage import opened
from specnb.surveys import Survey
from specnb.surveys.files import left_out_text, named_files, reason_of
from specnb.surveys.plain import read_any
from specnb.surveys.tables import is_parquet, parquet_layout

# A piece has up to so many files, or so many bytes of files, or so many pixels of a larger file.
FILES, BYTES, PIXELS = 64, 2**25, 2**23
ROWS = 1024  # rows of a larger file that are read at a time, which limits the memory
LARGEST = 2**27  # bytes of a file that is read as a whole


class Source(NamedTuple):
    """A file, or some of its rows, one for each star.

    Attributes
    ----------
    name : str
        The path relative to the folder in which all the files are.
    path : Path
    rows : slice or None
    """

    name: str
    path: Path
    rows: slice | None = None

    def read(self, surveys) -> Spectra:
        """Read the spectra. The errors are those of `specnb.surveys.plain.read_any`."""
        return read_any(self.path, surveys, self.rows)

    def reason(self, error) -> str:
        """Why stars of this source are left out."""
        where = f"rows {self.rows.start}-{self.rows.stop - 1}: " if self.rows else ""
        return where + reason_of(self.path, error)


def files_of(paths) -> dict[str, Path]:
    """The files of some paths and folders by their names, which are relative to a common folder.

    Raises ValueError if there are none.
    """
    files = [path.absolute() for path in named_files(paths, "skip")]
    folder = commonpath([file.parent for file in files])
    return {file.relative_to(folder).as_posix(): file for file in files}


def pieces_of(files) -> tuple[list[list[Source]], dict[str, list[str]]]:
    """Cut files in pieces.

    Parameters
    ----------
    files : dict of str to Path

    Returns
    -------
    pieces : list of list of Source
        Large files of HDF5, and of parquet with a row for each star, are cut at multiples of a
        number of rows, from the start of the file or of a group of rows. Other files are put
        together, in their order.
    left_out : dict of str to list of str
        Why a file cannot be read in pieces.
    """
    pieces, left_out, room = [], {}, 0
    for name, path in files.items():
        try:
            size = path.stat().st_size
            cut = _cut(path) if size > BYTES else None
        except DAMAGE as error:
            left_out[name] = [reason_of(path, error)]
            continue
        if cut is not None:
            pieces += [[Source(name, path, rows) for rows in piece] for piece in cut]
            room = 0
            continue
        if size >= room or len(pieces[-1]) == FILES:
            pieces.append([])
            room = BYTES
        pieces[-1].append(Source(name, path))
        room -= size
    return pieces, left_out


def _cut(path):
    """Rows of each piece of a large file, in slices that are read one by one. None for one piece."""
    n_pix, blocks = 1, []
    if is_hdf5(path):
        with opened(path, "spectra") as source:
            n_pix, blocks = len(source["wavelength"]), [len(source["ids"])]
    elif is_parquet(path):
        n_pix, blocks = parquet_layout(path)
    size = path.stat().st_size
    if n_pix == 1 and size > LARGEST:
        raise ValueError(
            f"has {size / 1e6:.0f} MB, more than the {LARGEST / 1e6:.0f} MB that are read at once: divide it, "
            "or write it as HDF5 (specnb.Spectra.write) or as parquet with a row for each star"
        )
    stars = 2 ** (max(1, PIXELS // n_pix).bit_length() - 1)
    pieces, start = [], 0
    for n in blocks:
        for first in range(start, start + n, stars):
            last = min(first + stars, start + n)
            cuts = range(first, last, ROWS)
            pieces.append([slice(each, min(each + ROWS, last)) for each in cuts])
        start += n
    return None if n_pix == 1 else pieces


def first_of(pieces, surveys, wanted) -> tuple[str, Spectra, Survey]:
    """The first spectrum of some wanted surveys, with the name of its file and its survey.

    Raises
    ------
    ValueError
        If there is none.
    """
    reasons = {}
    for source in (source for piece in pieces for source in piece):
        try:
            with warnings.catch_warnings(action="ignore"):
                spectra = source.read(surveys)[:1]
        except DAMAGE as error:
            reasons[source.path] = source.reason(error)
            continue
        for survey in wanted:
            if survey.has(spectra.wavelength):
                return source.name, spectra, survey
        names = " or ".join(survey.name for survey in wanted)
        reasons[source.path] = f"is not on pixels of {names}: give a model of its own survey"
    raise ValueError(f"no file holds good spectra. {left_out_text(reasons)}")
