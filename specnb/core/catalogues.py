"""Tables of labels beside spectra: whose rows they are, and how they are joined."""

import re

import numpy as np
from astropy.table import Column, Table, vstack

from specnb.core.values import SAME_UNIT, masked, texts

# Names of columns that tell which star a row is of.
ID_COLUMN = re.compile(
    r"(\w*(source|apogee|sdss|gaia|kepler|tmass|2mass|main|hip|tic|kic|epic|obj|object|star|target)_?)?"
    r"(ids?|names?)|star|object|target|designation|2mass|hip|tic|kic|epic",
    re.IGNORECASE,
)


def check_ids(table: Table, ids):
    """Raise ValueError if the rows of a table are not of the stars of these ids.

    A column of ids may have other names of the stars, but not the same ones in other rows.
    """
    if len(table) != len(ids):
        raise ValueError(
            f"labels has {len(table)} rows for {len(ids)} stars: give one row per star"
        )
    for name, column in table.items():
        kind = column.dtype.kind if isinstance(column, Column) and column.ndim == 1 else ""
        if ID_COLUMN.fullmatch(name) and kind in tuple("USOiu"):
            own, stars = np.char.strip(texts(np.ma.getdata(column))), np.char.strip(ids)
            wrong = (own != stars) & np.isin(own, stars) & ~masked(column)
            if wrong.any():
                row = wrong.argmax()
                raise ValueError(
                    f"row {row} of the labels is of star {own[row]} (column {name}), but ids has "
                    f"{ids[row]} there: sort the labels like the spectra"
                )


def check_same_stars(first: Table, *others: Table):
    """Raise ValueError if tables are not of the stars of the first one, where that has ``id``."""
    for table in others if "id" in first.colnames else ():
        check_ids(table, texts(np.ma.getdata(first["id"])))


def joined(tables) -> Table:
    """Tables of labels, one below the other.

    Raises
    ------
    ValueError
        If a column has different units, or long integers would become floating-point numbers.
    """
    result = vstack(tables)
    for name in result.colnames:
        columns = [table[name] for table in tables if name in table.colnames]
        units = {str(getattr(column, "unit", None) or "") for column in columns}
        if len(units) > 1 and not units <= set(SAME_UNIT):
            found = ", ".join(unit or "none" for unit in sorted(units))
            raise ValueError(f"{name} is in different units ({found}): convert it first")
        whole = [each for each in columns if isinstance(each, Column) and each.dtype.kind in "iu"]
        long = any(np.any(np.abs(each) > 2**53) for each in whole)
        if (long or len(whole) == len(columns)) and result[name].dtype.kind in "fc":
            raise ValueError(f"{name} has long integers that would lose digits: give one type")
    return result
