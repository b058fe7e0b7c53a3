"""Columns of the large catalogues of APOGEE and GALAH, without reading the rest of their files.

The catalogue of APOGEE DR17 has 733,901 rows of 6 kB each. Its rows are read in blocks, of which only
the columns that are needed stay in memory.

What the archives write
-----------------------
- Numbers are big-endian. ASPCAPFLAG and STARFLAG have 32 bits in DR14 and 64 in DR17.
- A missing label is −9999 (DR14), −9999.99, NaN (DR17 and GALAH), or a number that the header
  declares as missing (TNULL). The id of a star that Gaia does not know is 0, and in GALAH also missing.
- Text is padded with blanks.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from specnb.core.reading import whole_file
from specnb.core.values import texts
from specnb.surveys.files import REMEDY

BLOCK = 2**25  # bytes of rows that are read at a time
MISSING = -9998.0  # numbers below this are missing
UNKNOWN = -1  # stands for a missing integer: an id of no star, and a flag with all bits set
KINDS = {"id": "iu", "flag": "iu", "number": "f", "vector": "f", "text": "S"}  # types of NumPy


def read_columns(path, needed, optional=()) -> Table:
    """Read some columns of a catalogue in a FITS file.

    Parameters
    ----------
    path : path
    needed : dict of str to str
        For each column its kind, one of `KINDS`. The case of the names does not matter.
    optional : sequence of str
        Further columns of numbers, which are left out if the file does not have them.

    Returns
    -------
    Table
        The columns with the names that were asked for, in the types of the file. A "vector" has several
        numbers in each row. Missing numbers are NaN and missing integers `UNKNOWN`. Text has no blanks at its ends.

    Raises
    ------
    OSError
        If the file is missing or truncated.
    ValueError
        If it lacks a column, or has one of another type.
    """
    path = Path(path)
    with whole_file(path, "FITS catalogue", REMEDY), fits.open(path, memmap=False) as hdus:
        hdu = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None)
        if hdu is None:
            raise EOFError("it has no table")
        rows, begin = hdu.header["NAXIS2"], hdu.fileinfo()["datLoc"]
        columns, types = hdu.columns, hdu.columns.dtype.newbyteorder(">")
        if begin + rows * types.itemsize > path.stat().st_size:
            raise EOFError(f"it holds fewer than the {rows} rows that it declares")
    known = {column.name.lower(): column for column in columns}
    if missing := [name for name in needed if name.lower() not in known]:
        raise ValueError(
            f"{path} lacks the columns {', '.join(missing)}, which such a catalogue has: check that it is "
            "the right file, or download it again"
        )
    kinds = dict(needed) | {name: "number" for name in optional if name.lower() in known}
    for name, kind in kinds.items():
        _check_type(path, known[name.lower()], types, kind)
    count = max(1, BLOCK // types.itemsize)
    blocks = {name: [] for name in kinds}
    with path.open("rb") as f:
        f.seek(begin)
        for start in range(0, rows, count):
            block = np.fromfile(f, types, min(count, rows - start))
            for name, values in blocks.items():
                values.append(_values(block, known[name.lower()], kinds[name]))
    return Table({name: np.concatenate(values) for name, values in blocks.items() if values})


def _check_type(path, column, types, kind):
    """Raise ValueError unless a column has one value of a kind in each row, or several for a vector."""
    dtype, shape = types[column.name].base, types[column.name].shape
    scaled = column.bscale not in (None, "", 1) or column.bzero not in (None, "", 0)
    if dtype.kind not in KINDS[kind] or bool(shape) != (kind == "vector") or scaled:
        what = f"{dtype.newbyteorder('=')}{list(shape) or ''}{' with a scale' * scaled}"
        reason = (
            ", which loses the last digits of ids" if kind == "id" and dtype.kind == "f" else ""
        )
        raise ValueError(
            f"{path} has the column {column.name} of type {what}{reason}, where a plain {kind} is due: download "
            "the original catalogue again"
        )


def _values(block, column, kind):
    """The values of a column in a block of rows, in the byte order of this computer."""
    values = block[column.name]
    if kind == "text":
        return np.char.strip(texts(values))
    values = values.astype(values.dtype.newbyteorder("="))
    if KINDS[kind] == "f":
        return np.where(values < MISSING, np.nan, values)
    null = UNKNOWN if column.null in (None, "") else int(column.null)
    return np.where(values == null, UNKNOWN, values)
