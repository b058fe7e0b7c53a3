"""Read Gaia RVS mean spectra from all kinds of files that the archive provides.

Layouts of Gaia DR3 RVS mean spectra
-----------------------------------
- *One row per pixel* (DataLink, structure INDIVIDUAL): the columns are wavelength, flux and
  flux_error. CSV repeats source_id in every row. ECSV has it in the metadata, FITS in the header
  (SOURCEID), and VOTable in a PARAM of each TABLE.
- *One row per star* (the bulk files RvsMeanSpectrum_*.csv.gz, and DataLink structure RAW): the
  columns are source_id, flux and flux_error. The last two are arrays, or text such as "[0.98, NaN,
  null]".

All files may be gzipped. A pixel with an empty field, NaN or null is missing and is masked.
"""

import re
import warnings

import numpy as np
from astropy import units
from astropy.io import fits, votable
from astropy.table import Table
from astropy.utils.data import get_readable_fileobj

from specnb.core.reading import whole_file
from specnb.core.spectra import Spectra
from specnb.core.wavelength import air_from_vacuum
from specnb.surveys.files import REMEDY, kind_of
from specnb.surveys.rvs.pixels import CORRELATION_LENGTH, RVS_NATIVE

AIR = (
    "its wavelengths are in air, specnb works in vacuum: convert them with specnb.core.wavelength.vacuum_from_air and "
    "interpolate to the vacuum grid, or download the file again, as the archive gives vacuum"
)


def is_gaia(path, kind):
    """Whether a file may contain Gaia's spectra, which exist as tables of all kinds but HDF5."""
    return kind != "hdf5"


def read_gaia(path):
    """Read the Gaia RVS mean spectra of one file.

    Parameters
    ----------
    path : Path
        A CSV, ECSV, FITS or VOTable file, gzipped or not.

    Returns
    -------
    Spectra
        Spectra on `RVS_NATIVE`, with source_id as ids, without labels, and with noise that
        correlates over `CORRELATION_LENGTH` samples.

    Raises
    ------
    ValueError
        For the reasons given in `specnb.read_spectra`.
    """
    kind = kind_of(path)
    with whole_file(path, f"{kind} file", REMEDY, ValueError):
        tables = _tables(path, kind)
    try:
        stars = [_checked(*star) for table in tables for star in _stars(table)]
        if not stars:
            raise ValueError("holds no table with a spectrum: give a file of RVS mean spectra")
        ids, flux, flux_error = (np.array(values) for values in zip(*stars))
        names, counts = np.unique(ids, return_counts=True)
        if counts.max() > 1:
            raise ValueError(
                f"star {names[counts.argmax()]} appears more than once: keep one of its spectra"
            )
        mask = ~(np.isfinite(flux) & np.isfinite(flux_error))
        return Spectra(RVS_NATIVE, flux, flux_error, mask, ids, None, CORRELATION_LENGTH)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _tables(path, kind):
    """The tables of a file, with column names in lower case.

    What the file says about a table is in the metadata of the table.
    """
    if kind == "votable":
        elements = list(votable.parse(path).iter_tables())
        tables = [element.to_table(use_names_over_ids=True) for element in elements]
        for table, element in zip(tables, elements):
            table.meta.update({param.name: param.value for param in element.params})
    elif kind == "fits":
        with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
            warnings.filterwarnings("error", "File may have been truncated")
            tables = [Table.read(hdu) for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
    else:
        with get_readable_fileobj(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        rows = [line for line in lines if not line.startswith("#")]
        # astropy's reader would accept a last row that is cut off
        if rows[-1].count(",") < rows[0].count(",") or rows[-1].count('"') % 2:
            raise ValueError("the last row is cut")
        tables = [Table.read(lines, format=f"ascii.{kind}", fill_values=[("", "0"), ("null", "0")])]
    for table in tables:
        table.rename_columns(table.colnames, [name.lower() for name in table.colnames])
        table.meta = {str(key).lower(): value for key, value in table.meta.items()}
    return tables


def _stars(table):
    """Yield (source_id, wavelength, flux, flux_error) of each star in a table."""
    # FITS keywords have no underscore
    meta_id = table.meta.get("source_id", table.meta.get("sourceid"))
    if "source_id" not in table.colnames and meta_id is not None:
        table["source_id"] = np.full(len(table), str(meta_id))
    row_a_star = "flux" in table.colnames and len(table) > 0 and _numbers(table["flux"][0]).size > 1
    needed = ("source_id", *([] if row_a_star else ["wavelength"]), "flux", "flux_error")
    if missing := [name for name in needed if name not in table.colnames]:
        raise ValueError(
            f"lacks {', '.join(missing)}, its columns are {', '.join(table.colnames)}: rename or add them"
        )
    if table["source_id"].dtype.kind == "f":
        raise ValueError(
            "source_id is stored as floating point, which loses its last digits: write it as an integer"
        )
    ids = np.asarray(table["source_id"]).astype(str)
    if row_a_star:
        own = "wavelength" in table.colnames
        for star, row in zip(ids, table):
            flux = _numbers(row["flux"])
            wavelength = _angstrom(row["wavelength"], table) if own else RVS_NATIVE[: flux.size]
            yield star, wavelength, flux, _numbers(row["flux_error"])
    elif len(table) > 0:
        wavelength = _angstrom(table["wavelength"], table)
        flux, flux_error = _numbers(table["flux"]), _numbers(table["flux_error"])
        order = np.lexsort((wavelength, ids))
        _, first = np.unique(ids[order], return_index=True)
        # stars in the order of the file
        for rows in sorted(np.split(order, first[1:]), key=np.min):
            yield ids[rows[0]], wavelength[rows], flux[rows], flux_error[rows]


def _numbers(values):
    """Values of a column, or of an array in a cell, as float. Missing values are NaN."""
    if isinstance(values, (str, bytes)):
        text = values.decode() if isinstance(values, bytes) else values
        values = text.strip("()[] ").replace("null", "nan").split(",")
    return np.atleast_1d(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan))


def _angstrom(values, table):
    """Wavelengths in vacuum Å. If the column has no unit, numbers below 1000 are in nm."""
    column, values = table["wavelength"], _numbers(values)
    about = f"{column.unit} {column.description} {column.meta} {table.meta}".lower()
    if re.search(r"\bair\b", about) and not re.search(r"\bvac", about):
        raise ValueError(AIR)
    unit = column.unit or (units.nm if np.nanmax(values) < 1000 else units.AA)
    try:
        return values * unit.to(units.AA)
    except ValueError as error:
        raise ValueError(
            f"the unit of wavelength is '{unit}', not a length: give nm or Angstrom"
        ) from error


def _checked(star, wavelength, flux, flux_error):
    """Star, flux and flux_error, if they are on the 2,401 pixels of the RVS, in vacuum."""
    low, high = np.nanmin(wavelength), np.nanmax(wavelength)
    if abs(low - air_from_vacuum(RVS_NATIVE[0])) < 0.5:
        raise ValueError(AIR)
    if len(np.unique(wavelength)) < len(wavelength):
        raise ValueError(
            f"star {star} appears more than once, or with a missing wavelength: keep one spectrum per star"
        )
    shape = RVS_NATIVE.shape
    if not (
        wavelength.shape == flux.shape == flux_error.shape == shape
        and np.allclose(wavelength, RVS_NATIVE, 0, 0.01)
    ):
        raise ValueError(
            f"star {star} has {flux.size} pixels over {low:.2f}-{high:.2f} Å, not the {shape[0]} of the RVS over "
            f"8460-8700 Å: {REMEDY}, or add the unit of the wavelengths"
        )
    if not np.any(np.isfinite(flux) & np.isfinite(flux_error)):
        raise ValueError(f"star {star} has no pixel with both flux and flux_error: leave it out")
    return star, flux, flux_error
