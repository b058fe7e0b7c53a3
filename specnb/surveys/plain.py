"""Spectra in tables, on the pixels of any survey: what Gaia publishes, and what users write.

Layouts
-------
- *One row per pixel*: columns of wavelength, flux and error. A column or the metadata name the
  star; several stars may follow each other in one table.
- *One row per star*: each cell of flux and error holds an array, or text such as "[0.98, NaN]".

`NAMES` lists the names of the columns, in any case. Wavelengths may be logarithmic (log10), and
without a unit they are in Å, in nm below 1000, and in µm below 10. Cells that are empty, NaN, null,
or one of `specnb.surveys.tables.MISSING` are missing pixels.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.table import MaskedColumn, Table

from specnb.core.spectra import Spectra
from specnb.core.values import names, numbers
from specnb.core.wavelength import air_from_vacuum, detectors, vacuum_from_air
from specnb.surveys.files import REMEDY, kind_of
from specnb.surveys.tables import MISSING, tables_of

NAMES = {
    "id": ("id", "source_id", "sourceid", "object_id", "apogee_id", "sdss_id", "name", "object"),
    "wavelength": ("wavelength", "wave", "lambda", "wl", "loglam", "log_wave", "log_lambda"),
    "flux": ("flux", "spec", "spectrum", "flam"),
    "error": ("flux_error", "error", "err", "sigma", "e_flux", "flux_err", "uncertainty"),
    "ivar": ("ivar", "flux_ivar"),
    "mask": ("mask", "flag", "flags", "pix_bitmask"),
}
GAIA = ("source_id", "sourceid")  # FITS keywords have no underscore
NO_ID = "999999"  # what astropy writes for a missing integer
AIR = (
    "its wavelengths are in air, specnb works in vacuum: convert them with specnb.core.wavelength.vacuum_from_air and "
    "interpolate to the vacuum grid, or download the file again, as the archives give vacuum"
)
# Units that astropy does not know, or takes for another: A is the ampere.
ANGSTROM = dict.fromkeys(("A", "Ang", "ang", "Angstroms", "angstroms"), "Angstrom")
REMARKS = ("COMMENT", "HISTORY", "comments", "", "description")  # texts about anything
# In units of the continuum. A pixel with a larger error has no information.
LARGEST_ERROR = 1.0
# Where the median of a normalised spectrum lies.
USUAL_FLUX = (0.1, 10.0)


def read_any(path, surveys):
    """Read the spectra of a file that may be of any kind and of any of some surveys.

    The surveys are asked in turn whether the file is one of theirs, the last one first. What
    remains are tables, see `read_table`.
    """
    kind, surveys = kind_of(path), list(surveys)
    if kind == "hdf5":
        spectra = Spectra.read(path)
        for survey in surveys:
            spectra = survey.with_correlation(spectra)
        return spectra
    for survey in reversed(surveys):
        if survey.recognizes is not None and survey.recognizes(path, kind):
            return survey.read(path)
    return read_table(path, surveys)


def read_table(path, surveys):
    """Read spectra from the tables of a file.

    Parameters
    ----------
    path : Path
        A text table, FITS, VOTable, parquet or ZIP file.
    surveys : iterable of Survey
        The surveys on whose pixels the spectra may be. The last is asked first.

    Returns
    -------
    Spectra
        Spectra on the native pixels of a survey, one of its other grids, or its pixels. If the
        survey has a pseudo-continuum, they are divided by it.

    Raises
    ------
    ValueError
        For the reasons given in `specnb.read_spectra`.
    """
    tables = tables_of(path, kind_of(path))
    try:
        found = [table for table in tables if find(table, "flux") is not None]
        if not found:
            columns = [f", its columns are {', '.join(table.colnames)}" for table in tables[:1]]
            raise ValueError(f"holds no table with a column flux{''.join(columns)}")
        parts = [_read(table, path, list(surveys)) for table in found if len(table)]
        if not parts:
            raise ValueError("holds no table with a spectrum, the table is empty")
        spectra = Spectra.join(parts)
        stars, counts = np.unique(spectra.ids, return_counts=True)
        if counts.max() > 1:
            raise ValueError(
                f"star {stars[counts.argmax()]} appears more than once: keep one of its spectra"
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return spectra


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


@dataclass
class Sheet:
    """A table with spectra, and what a survey knows of it beyond its columns.

    Attributes
    ----------
    table : astropy.table.Table
    grids : mapping of int to ndarray
        Wavelengths (vacuum Å) of spectra without wavelengths, by their numbers of samples.
    doubts : mapping of int to str
        What to warn of if one of these grids is used.
    labels : sequence of str
        Columns that become labels.
    at_rest : bool
        Whether the spectra are at rest.
    """

    table: Table
    grids: Mapping = field(default_factory=dict)
    doubts: Mapping = field(default_factory=dict)
    labels: Sequence = ()
    at_rest: bool = True


def _read(table, path, surveys):
    """The spectra of one table."""
    sheet = Sheet(table)
    for survey in surveys:
        if survey.complete is not None:
            survey.complete(sheet)
    found, previous, place = [], None, None
    for name, row, wavelength, flux, error, flags in _stars(sheet, path):
        if not np.array_equal(wavelength, previous):
            survey, grid, chosen = _place(name, wavelength, surveys)
            if found and grid is not place:
                raise ValueError(
                    f"star {name} is on other pixels than those before: divide the file"
                )
            previous, place = wavelength, grid
        bad = ~(np.isfinite(flux) & np.isfinite(error)) | ((flags & survey.bad_bits) != 0)
        if bad[chosen].all():
            raise ValueError(f"star {name} has no pixel with both flux and error: leave it out")
        found.append((name, row, flux[chosen], error[chosen], bad[chosen]))
    ids, rows, flux, error, mask = (np.array(values) for values in zip(*found))
    if survey.normalize is None:
        unit = _numbers(MaskedColumn([1.0], "flux", unit=find(sheet.table, "flux").unit), "")
        flux, error = flux * unit, error * unit
        _check_continuum(ids, np.where(mask, np.nan, flux))
    else:
        flux, error, mask = _normalized(survey, flux, error, mask)
    labels = sheet.table[rows][list(sheet.labels)] if sheet.labels else None
    step = np.median(np.diff(survey.native)) / np.median(np.diff(grid))
    length = max(1.0, round(survey.correlation_length * step, 6))
    return Spectra(grid, flux, error, mask, ids, labels, length, sheet.at_rest)


def _check_continuum(ids, flux):
    """Raise ValueError if the flux of a spectrum is far from that of a normalised one."""
    middle = np.nanmedian(flux, axis=1)
    low, high = USUAL_FLUX
    wrong = ~((middle > low) & (middle < high))
    if wrong.any():
        star = wrong.argmax()
        raise ValueError(
            f"star {ids[star]} has a median flux of {middle[star]:.3g}, so that it is not normalised: "
            "divide flux and error by the continuum"
        )


def _normalized(survey, flux, error, mask):
    """Flux, error and mask after division by the survey's pseudo-continuum."""
    mask = mask | ~((flux > 0) & (error > 0))
    scale = survey.normalize(flux, np.where(mask, 0, 1 / np.where(mask, 1, error) ** 2))
    mask |= ~(scale > 0)
    scale = np.where(mask, 1, scale)
    flux, error = flux / scale, np.maximum(error / scale, survey.error_floor)
    return flux, error, mask | ~(error <= LARGEST_ERROR)


def _place(name, wavelength, surveys):
    """The survey and the grid on which a spectrum is, and the samples that are its pixels."""
    grids = [
        (survey, grid)
        for survey in reversed(surveys)
        # A pseudo-continuum is that of spectra on the survey's pixels.
        for grid in ([] if survey.normalize else [survey.native, *survey.grids]) + [survey.pixels]
    ]
    for survey, grid in grids:
        chosen = samples_of(grid, wavelength)
        if chosen is not None:
            return survey, grid, chosen
    n, (low, high) = len(wavelength), wavelength[[0, -1]]
    vacuum = vacuum_from_air(wavelength)
    for survey, grid in grids:
        near = (
            abs(low - air_from_vacuum(grid[0])) < 0.5
            and abs(high - air_from_vacuum(grid[-1])) < 0.5
        )
        if near or samples_of(grid, vacuum) is not None:
            raise ValueError(AIR)
        if 1 < n < len(grid) and samples_of(grid[:n], wavelength) is not None:
            raise ValueError(
                f"star {name} has only the first {n} of the {len(grid)} pixels of {survey.name}, "
                f"{low:.2f}-{high:.2f} Å: {REMEDY}"
            )
    known = ", ".join(f"{len(grid)} of {s.name} at {grid[0]:g}-{grid[-1]:g} Å" for s, grid in grids)
    raise ValueError(
        f"star {name} has {n} samples at {low:.2f}-{high:.2f} Å, which are not the pixels of a survey ({known}; "
        "vacuum): make specnb.Spectra of it, and specnb.rebin them; or add the unit of the wavelengths"
    )


def samples_of(grid, wavelength):
    """Which samples are the pixels of a grid, to a tenth of a pixel, or None.

    There may be more samples beyond the ends of the detectors, but none between their pixels.

    Parameters
    ----------
    grid, wavelength : ndarray, shapes (n_pix,) and (n,)
        Vacuum Å, increasing.

    Returns
    -------
    ndarray of int, shape (n_pix,), or None
    """
    if len(wavelength) < len(grid):
        return None
    right = np.clip(np.searchsorted(wavelength, grid), 1, len(wavelength) - 1)
    nearest = right - (grid - wavelength[right - 1] < wavelength[right] - grid)
    same = np.abs(wavelength[nearest] - grid) <= 0.1 * np.diff(grid).min()
    dense = (np.all(np.diff(nearest[part]) == 1) for part in detectors(grid))
    return nearest if same.all() and all(dense) else None


def _stars(sheet, path):
    """Yield name, row, wavelength, flux, error and flags of each star of a table."""
    table = sheet.table
    flux, error, ivar, wave, mask = (
        find(table, what) for what in ("flux", "error", "ivar", "wavelength", "mask")
    )
    row_a_star = flux.ndim > 1 or flux.dtype == object or str(flux[0]).strip()[:1] in ("[", "(")
    lacks = ["flux_error"] if error is None and ivar is None else []
    lacks += ["wavelength"] if wave is None and not row_a_star else []
    if lacks:
        raise ValueError(
            f"lacks {', '.join(lacks)}, its columns are {', '.join(table.colnames)}: rename or add them"
        )
    ids, groups = _names(table, path, row_a_star), None
    if not row_a_star:
        # the pixels of each star by wavelength, and the stars in the order of the file
        _, first, star = np.unique(ids, return_index=True, return_inverse=True)
        order = np.lexsort((_numbers(wave), star))
        groups = np.split(order, np.cumsum(np.bincount(star))[:-1])
        groups = [groups[k] for k in np.argsort(first)]
    unit = str(flux.unit or "")
    flux = _arrays(flux, groups, unit)
    if error is not None:
        error = _arrays(error, groups, unit)
    else:
        error = [_error(values) for values in _arrays(ivar, groups, f"({unit})-2" if unit else "")]
    if wave is None:
        grids = {size: _grid(sheet, size) for size in {each.size for each in flux}}
        wave = [grids[each.size] for each in flux]
    else:
        _check_vacuum(wave, table)
        wave = [_angstrom(wave, values) for values in _arrays(wave, groups)]
    flags = [np.zeros(each.size, int) for each in flux] if mask is None else _flags(mask, groups)
    for k, values in enumerate(zip(wave, flux, error, flags)):
        row = k if groups is None else groups[k].min()
        sizes = [each.size for each in values]
        if len(set(sizes)) > 1:
            raise ValueError(f"star {ids[row]} has {sizes} wavelengths, fluxes, errors and flags")
        order = np.argsort(values[0], kind="stable")
        if not np.all(np.diff(values[0][order]) > 0):
            raise ValueError(
                f"star {ids[row]} appears more than once, or with a missing wavelength: keep one spectrum per star"
            )
        yield ids[row], row, *(each[order] for each in values)


def _names(table, path, row_a_star):
    """The name of the star of each row, from a column, the metadata, or the name of the file."""
    column = find(table, "id")
    if column is None:
        about = {str(key).lower(): value for key, value in table.meta.items()}
        key = next((key for key in NAMES["id"] if about.get(key) not in (None, "")), None)
        if key is None and row_a_star and len(table) > 1:
            raise ValueError(
                f"lacks the names of its {len(table)} stars, its columns are {', '.join(table.colnames)}: "
                "add a column id"
            )
        stem = path.name.partition(".")[0]
        column = MaskedColumn([about[key] if key else stem] * len(table), name=key or "id")
    return whole_numbers(column) if column.name.lower() in GAIA else names(column, column.name)


def whole_numbers(column):
    """Gaia's numbers of stars or transits in a column, as an array of str.

    Raises
    ------
    ValueError
        If one is missing, or is no whole number above 0.
    """
    if column.dtype.kind == "f" and np.ma.count(np.ma.masked_invalid(column)):
        raise ValueError(
            f"{column.name} is stored as floating point, which loses its last digits: write it as an integer"
        )
    ids = names(column, column.name)
    wrong = [each == NO_ID or not re.fullmatch(r"[1-9]\d*", each) for each in ids]
    if any(wrong):
        row = np.argmax(wrong)
        raise ValueError(
            f"{column.name} is {ids[row]} in row {row + 1}, and no number of Gaia's: write all its digits as an "
            "integer (floating point loses the last ones), or leave that row out"
        )
    return ids


def _arrays(column, groups, unit=None):
    """Numbers of a column, an array for each star, in one unit or in the column's own."""
    if groups is not None:
        values = _numbers(column, unit)
        return [values[rows] for rows in groups]
    if column.ndim > 1:
        return list(_numbers(column, unit))
    cells = (
        re.split(r"[\s,]+", _text(cell).strip("()[] ")) if column.dtype.kind in "US" else cell
        for cell in column
    )
    return [
        _numbers(MaskedColumn(np.ma.atleast_1d(cell), column.name, unit=column.unit), unit)
        for cell in cells
    ]


def _numbers(column, unit=None):
    """Numbers of a column in one unit or in its own. Words for missing values become NaN."""
    unit = str(column.unit or "") if unit is None else unit
    if column.dtype.kind not in "USO":
        return numbers(column, unit, column.name)
    missing = np.ma.getmaskarray(np.ma.asarray(column))
    cells = ["nan" if bad else _text(cell) for cell, bad in zip(column, missing)]
    for row, cell in enumerate(cells):
        try:
            float(cell)
        except ValueError as error:
            raise ValueError(
                f"{column.name} has the value {cell!r} in row {row + 1}, which is no number: mend that cell, or "
                "leave it empty"
            ) from error
    return numbers(MaskedColumn(np.array(cells, float), unit=column.unit), unit, column.name)


def _text(cell):
    """The text of a cell; "nan" if it says that the value is missing."""
    text = cell.decode() if isinstance(cell, bytes) else str(cell)
    return "nan" if text.strip() in MISSING else text.strip()


def _flags(column, groups):
    """Flags of pixels as integers, an array for each star. A missing flag is 1."""
    if column.dtype.kind in "US":
        words = np.char.lower(np.array([_text(cell) for cell in column]))
        bits = np.where(words == "true", "1", np.where(words == "false", "0", words))
        column = MaskedColumn(bits, column.name)
    return [np.nan_to_num(each, nan=1).astype(np.int64) for each in _arrays(column, groups)]


def _error(ivar):
    """One standard deviation from the inverse variance, NaN where that is not positive."""
    return np.where(ivar > 0, ivar, np.nan) ** -0.5


def _grid(sheet, size):
    """Wavelengths of a spectrum whose table gives none: those of its survey, or of the header."""
    about = {str(key).lower(): value for key, value in sheet.table.meta.items()}
    if {"crval1", "cdelt1"} <= set(about):
        first, step, pixel = (about.get(key, 1.0) for key in ("crval1", "cdelt1", "crpix1"))
        column = MaskedColumn([], "loglam" if first < 10 else "wavelength")
        return _angstrom(column, first + step * (np.arange(size) + 1.0 - pixel))
    if size not in sheet.grids:
        raise ValueError(
            f"has spectra of {size} samples and no wavelengths, its columns are "
            f"{', '.join(sheet.table.colnames)}: add a column wavelength"
        )
    if size in sheet.doubts:
        warnings.warn(sheet.doubts[size], stacklevel=2)
    return sheet.grids[size]


def _angstrom(column, values):
    """Wavelengths of a column in Å. Without a unit, numbers below 10 are µm, and below 1000 nm."""
    if column.name.lower().startswith("log"):
        return 10**values
    largest = np.nanmax(values, initial=0)
    guess = "um" if largest < 10 else "nm" if largest < 1000 else "Angstrom"
    unit = ANGSTROM.get(str(column.unit), column.unit or guess)
    return numbers(MaskedColumn(values, unit=unit), "Angstrom", column.name)


def _check_vacuum(column, table):
    """Raise ValueError if a table says that its wavelengths are in air."""
    about = f"{column.unit} {column.description} {column.meta}".lower()
    about += " ".join(f"{k} {v}" for k, v in table.meta.items() if k not in REMARKS).lower()
    if re.search(r"\bair\b|awav", about) and not re.search(r"\bvac", about):
        raise ValueError(AIR)
