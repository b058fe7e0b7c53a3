"""Spectra in the columns of tables.

Layouts
-------
- *One row per pixel*: columns of wavelength, flux and error. A column or the metadata name the
  star; several stars may follow each other in one table.
- *One row per star*: each cell of flux and error holds an array, or text such as "[0.98, NaN]".

`NAMES` lists the names of the columns, in any case. Wavelengths may be logarithmic (log10), and
without a unit they are in Å, in nm below 1000, and in µm below 10. Cells that are empty, NaN, null,
or one of `specnb.surveys.files.MISSING` are missing pixels.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from specnb.core.values import names, numbers
from specnb.core.wavelength import vacuum_from_air
from specnb.surveys.files import MISSING

GAIA = ("source_id", "sourceid")  # FITS keywords have no underscore
NAMES = {
    "id": ("id", *GAIA, "object_id", "apogee_id", "sdss_id", "name", "object", "star"),
    "wavelength": ("wavelength", "wave", "lambda", "wl", "loglam", "log_wave", "log_lambda"),
    "flux": ("flux", "spec", "spectrum", "flam"),
    "error": ("flux_error", "error", "err", "sigma", "e_flux", "flux_err", "uncertainty"),
    "ivar": ("ivar", "flux_ivar"),
    "mask": ("mask", "flag", "flags", "pix_bitmask", "pixel_flags"),
}
NO_ID = 999_999  # what astropy writes for a missing integer
WORDS = dict.fromkeys(MISSING, "nan") | {"True": "1", "true": "1", "False": "0", "false": "0"}
LISTS = ("[", "(")  # how text begins that is a list of numbers
# Units that astropy does not know, or takes for another: A is the ampere.
ANGSTROM = dict.fromkeys(("A", "Ang", "ang", "Angstroms", "angstroms"), "Angstrom")
# Names of metadata about the medium of wavelengths. Others mention air for other reasons.
MEDIUM = re.compile(r"ctype|^air|vac|medium|wav|lambda", re.IGNORECASE)
NO = r"\W+(f|false|no|0)\b"  # as in VACUUM = F
AIR = (
    "its wavelengths are in air, specnb works in vacuum: convert them with specnb.core.wavelength.vacuum_from_air and "
    "interpolate to the vacuum grid, or download the file again, as the archives give vacuum"
)


@dataclass
class Sheet:
    """A table with spectra, and what a survey knows of it beyond its columns.

    Attributes
    ----------
    table : astropy.table.Table
    path : Path
        Its file. Its stem is the id of a star that the table does not name.
    grids : mapping of int to ndarray
        Wavelengths (vacuum Å) of spectra without wavelengths, by their numbers of samples.
    doubts : mapping of int to str
        What to warn of if one of these grids is used.
    labels : sequence of str
        Columns that become labels.
    at_rest : bool
        Whether the spectra are at rest.
    air : bool
        Whether wavelengths are in air, if the table does not say vacuum.
    error : "estimate", float or None
        Errors of a table that has none, see `specnb.surveys.noise.missing_error`. None refuses it.
    """

    table: Table
    path: Path
    grids: Mapping = field(default_factory=dict)
    doubts: Mapping = field(default_factory=dict)
    labels: Sequence = ()
    at_rest: bool = True
    air: bool = False
    error: str | float | None = None


def find(table, *what):
    """The first column of some names, or None. The names are keys of `NAMES`, or those of columns.

    If the case of the letters is all that differs, the lower-case name counts.
    """
    for name in [name for key in what for name in NAMES.get(key, (key,))]:
        same = [column for column in table.colnames if column.lower() == name]
        if len(same) > 1 and name not in same:
            raise ValueError(f"has the columns {' and '.join(same)}: rename one of them {name}")
        if same:
            return table[name if name in same else same[0]]
    return None


def stars_of(sheet):
    """Yield id, row, wavelength, flux, error and flags of each star of a table.

    If the table has no errors, but the sheet says how large they are, the flux stands for them.

    Parameters
    ----------
    sheet : Sheet

    Raises
    ------
    ValueError
        If a column is missing, has no numbers, or has not as many as another.
    """
    table = sheet.table
    flux, error, wave, mask = (
        find(table, *what) for what in (["flux"], ["error", "ivar"], ["wavelength"], ["mask"])
    )
    row_a_star = any(np.ndim(cell) > 0 or _text(cell).startswith(LISTS) for cell in flux[:9])
    no_error, no_wave = error is None and sheet.error is None, wave is None and not row_a_star
    lacks = {"flux_error": no_error, "wavelength": no_wave}
    if any(lacks.values()):
        lacks = ", ".join(name for name, lacking in lacks.items() if lacking)
        raise ValueError(
            f"lacks {lacks}, its columns are {', '.join(table.colnames)}: rename or add them"
        )
    ids = ids_of(table, sheet.path.name.partition(".")[0], row_a_star)
    rows = np.arange(len(table))[:, None]  # of each star
    if not row_a_star:  # the stars stay in the order of the file
        _, first, star = np.unique(ids, return_index=True, return_inverse=True)
        rows = np.split(np.argsort(star, kind="stable"), np.cumsum(np.bincount(star))[:-1])
        rows = [rows[k] for k in np.argsort(first)]
    unit = str(flux.unit or "")
    flux = _filled(_arrays(flux, rows, unit))
    error = flux if error is None else _filled(_errors(error, rows, unit))
    flags = [np.zeros(each.size) for each in flux] if mask is None else _arrays(mask, rows)
    if wave is None:
        grids = {size: _grid(sheet, size) for size in sorted({each.size for each in flux})}
        wave = [grids[each.size] for each in flux]
    else:
        arrays = _arrays(wave, rows)
        values = _angstrom(wave, np.concatenate(arrays))
        values = vacuum_from_air(values) if _in_air(wave, table, sheet.air) else values
        wave = np.split(values, np.cumsum([each.size for each in arrays])[:-1])
    for k, values in enumerate(zip(wave, flux, error, flags)):
        row, sizes = rows[k][0], [each.size for each in values]
        if len(set(sizes)) > 1:
            raise ValueError(f"star {ids[row]} has {sizes} wavelengths, fluxes, errors and flags")
        order = np.argsort(values[0])
        if not np.all(np.diff(values[0][order]) > 0):
            raise ValueError(
                f"star {ids[row]} appears more than once, or with a missing wavelength: keep one spectrum per star"
            )
        yield ids[row], row, *(each[order] for each in values)


def ids_of(table, stem, row_a_star=False):
    """The id of the star of each row, from a column, the metadata, or the name of the file."""
    column = find(table, "id")
    if column is None:
        about = {str(key).lower(): value for key, value in table.meta.items()}
        key = next((key for key in NAMES["id"] if about.get(key) not in (None, "")), None)
        if key is None and row_a_star and len(table) > 1:
            raise ValueError(
                f"lacks the ids of its {len(table)} stars, its columns are {', '.join(table.colnames)}: "
                "add a column id"
            )
        column = MaskedColumn([about.get(key, stem)] * len(table), name=key or "id")
    return whole_numbers(column) if column.name.lower() in GAIA else names(column, column.name)


def whole_numbers(column):
    """Gaia's numbers of stars or transits in a column, as an array of str.

    Raises
    ------
    ValueError
        If one is missing, or is no whole number above 0.
    """
    if column.dtype.kind == "f":
        raise ValueError(
            f"{column.name} is stored as floating point, which loses its last digits: write it as an integer"
        )
    ids = names(column, column.name)
    wrong = [each for each in {*ids} if not re.fullmatch(rf"(?!{NO_ID}$)[1-9]\d*", each)]
    if wrong:
        row = np.isin(ids, wrong).argmax()
        raise ValueError(
            f"{column.name} is {ids[row]} in row {row + 1}, and no number of Gaia's: write all its digits as an "
            "integer (floating point loses the last ones), or leave that row out"
        )
    return ids


def _arrays(column, rows, unit=None):
    """Numbers of a column, an array for the rows of each star, in one unit or in the column's."""
    unit = str(column.unit or "") if unit is None else unit
    if column.dtype.kind not in "USO":
        values = numbers(column, unit, column.name)
        return [values[each].ravel() for each in rows]
    cells = [_cell(cell, column.name, row) for row, cell in enumerate(column, 1)]
    arrays = (np.ma.concatenate([cells[k] for k in each]) for each in rows)
    columns = (MaskedColumn(array, column.name, unit=column.unit) for array in arrays)
    return [numbers(each, unit, column.name) for each in columns]


def _errors(column, rows, unit):
    """Standard deviations from a column of them or of inverse variances, in one unit."""
    if column.name.lower() not in NAMES["ivar"]:
        return _arrays(column, rows, unit)
    ivar = _arrays(column, rows, f"({unit})-2" if unit else "")
    return [np.where(each > 0, each, np.nan) ** -0.5 for each in ivar]


def _filled(arrays):
    """The same arrays, with NaN for stars that have no more than one value, such as null."""
    size = max((each.size for each in arrays), default=0)
    return [each if each.size > 1 else np.full(size, np.nan) for each in arrays]


def _cell(cell, name, row):
    """The numbers in a cell, which may be text. Words for missing values become NaN."""
    if np.ndim(cell) > 0:
        return cell
    text, values = _text(cell), []
    for word in re.split(r"[\s,]+", text.strip("()[] ")) if text.startswith(LISTS) else [text]:
        try:
            values.append(float(WORDS.get(word, word)))
        except ValueError as error:
            raise ValueError(
                f"{name} has the value {word[:40]!r} in row {row}, which is no number: mend that cell "
                "(empty cells of flux and error are missing pixels)"
            ) from error
    return values


def _text(cell):
    return (cell.decode() if isinstance(cell, bytes) else str(cell)).strip()


def _grid(sheet, size):
    """Wavelengths of a spectrum whose table gives none: those of its survey, or of the header."""
    if {"CRVAL1", "CRVAL"} & set(sheet.table.meta):
        values = header_grid(sheet.table.meta, size)
        return _angstrom(Column(name="loglam" if values[0] < 10 else "wavelength"), values)
    if size not in sheet.grids:
        raise ValueError(
            f"has spectra of {size} samples and no wavelengths, its columns are "
            f"{', '.join(sheet.table.colnames)}: add a column wavelength"
        )
    if size in sheet.doubts:
        warnings.warn(sheet.doubts[size], stacklevel=2)
    return sheet.grids[size]


def header_grid(header, size):
    """Wavelengths, or their logarithm, that header cards give: start, step, pixel of the start.

    Raises
    ------
    ValueError
        If a card holds no number. Only the third one may be missing.
    """
    names = ("CRVAL", "CDELT", "CRPIX") if "CRVAL" in header else ("CRVAL1", "CDELT1", "CRPIX1")
    start, step, pixel = (number(header.get(key, 1 if key[2:4] == "PI" else "")) for key in names)
    for name, value in zip(names, (start, step, pixel)):
        if not np.isfinite(value):
            raise ValueError(
                f"has no number in its header card {name}, which gives its wavelengths: repair that card, "
                "or download the file again"
            )
    return start + (np.arange(size) + 1 - pixel) * step


def number(value):
    """A value of a card or cell as float, NaN if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _angstrom(column, values):
    """Wavelengths of a column in Å. Without a unit, numbers below 10 are µm, and below 1000 nm."""
    if column.name.lower().startswith("log"):
        return 10**values
    largest = np.nanmax(values, initial=0)
    guess = "um" if largest < 10 else "nm" if largest < 1000 else "Angstrom"
    unit = ANGSTROM.get(str(column.unit), column.unit or guess)
    return numbers(MaskedColumn(values, unit=unit), "Angstrom", column.name)


def _in_air(column, table, expected):
    """Whether wavelengths are in air, as is expected, unless the table says vacuum.

    Raises ValueError if they are, but vacuum is expected.
    """
    cards = [f"{key}={value}" for key, value in table.meta.items() if MEDIUM.search(str(key))]
    about = f"{column.unit} {column.description} {column.meta} {cards}".lower().replace("_", " ")
    air = re.search(rf"\bair\b(?!\W*mass|{NO})|awav|\bvac\w*{NO}", about)
    vacuum = re.search(rf"\bvac(?!\w*{NO})", about)
    if air and not vacuum and not expected:
        raise ValueError(AIR)
    return expected and not vacuum
