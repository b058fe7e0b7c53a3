"""Spectra of any survey from the tables that archives publish and that users write.

`specnb.surveys.columns` says what the tables look like.
"""

from pathlib import Path

import numpy as np
from astropy.table import Column, Table
from h5py import is_hdf5

from specnb.core.spectra import Spectra
from specnb.core.values import numbers
from specnb.core.wavelength import air_from_vacuum, detectors, vacuum_from_air
from specnb.surveys.columns import AIR, Sheet, find, stars_of
from specnb.surveys.files import REMEDY, kind_of
from specnb.surveys.tables import tables_of

# A pixel with a larger error than this, in units of the continuum, has no information and is
# masked. This limit is a choice. The papers keep such pixels with a huge error, which has the same
# effect.
LARGEST_ERROR = 1.0
USUAL_FLUX = (0.1, 10.0)  # where the median of a normalised spectrum lies


def read_any(path, surveys):
    """Read the spectra of a file that may be of any kind and of any of some surveys.

    The surveys are asked in turn whether the file is one of theirs, the last one first. What
    remains are tables, see `read_table`.
    """
    kind, surveys = kind_of(path), list(surveys)
    if kind == "hdf5":
        if not is_hdf5(path):
            raise ValueError(f"{path} is compressed HDF5, which is read as a file only: unpack it")
        spectra = Spectra.read(path)
        for survey in surveys:
            spectra = survey.with_correlation(spectra)
        return spectra
    for survey in reversed(surveys):
        if survey.recognizes is not None and survey.recognizes(path, kind):
            return survey.read(path) if survey.read else read_table(path, [survey], kind)
    return read_table(path, surveys, kind)


def read_table(path, surveys, kind=None):
    """Read spectra from the tables of a file.

    Parameters
    ----------
    path : Path
        A text table, FITS, VOTable, parquet or ZIP file.
    surveys : sequence of Survey
        The surveys on whose pixels the spectra may be. The last is asked first.
    kind : str, optional
        The kind of the file, if it is known: see `specnb.surveys.files.kind_of`.

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
    path = Path(path)
    tables = tables_of(path, kind or kind_of(path))
    try:
        found = [table for table in tables if find(table, "flux") is not None]
        if not found:
            columns = [f", its columns are {', '.join(table.colnames)}" for table in tables[:1]]
            raise ValueError(f"holds no table with a column flux{''.join(columns)}")
        parts = [_read(table, path, surveys) for table in found if len(table)]
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


def _read(table, path, surveys):
    """The spectra of one table."""
    sheet = Sheet(table)
    for survey in surveys:
        if survey.complete is not None:
            survey.complete(sheet)
    found, grids, previous = [], set(), None
    for star, row, wavelength, flux, error, flags in stars_of(sheet, path.name.partition(".")[0]):
        if not np.array_equal(wavelength, previous):
            survey, grid, chosen = _place(star, wavelength, surveys)
            previous, grids = wavelength, grids | {id(grid)}
        if len(grids) > 1:
            raise ValueError(f"star {star} is on other pixels than those before: divide the file")
        flags = np.nan_to_num(flags, nan=-1).astype(np.int64) & survey.bad_bits
        mask = ~(np.isfinite(flux) & np.isfinite(error)) | (flags != 0)
        if mask[chosen].all():
            raise ValueError(f"star {star} has no pixel with both flux and error: leave it out")
        found.append((star, row, flux[chosen], error[chosen], mask[chosen]))
    ids, rows, flux, error, mask = (np.array(values) for values in zip(*found))
    if survey.normalize is None:
        scale = numbers(Column([1.0], unit=find(sheet.table, "flux").unit), "", "flux")
        flux, error = flux * scale, error * scale
        _check_normalised(ids, np.where(mask, np.nan, flux))
    else:
        mask |= ~((flux != 0) & (error > 0))
        flux, error, mask = over_continuum(survey.normalize, flux, error, mask, survey.error_floor)
    labels = Table({name: sheet.table[name][rows] for name in sheet.labels})
    step = np.median(np.diff(survey.native)) / np.median(np.diff(grid))
    length = max(1.0, round(survey.correlation_length * step, 6))
    return Spectra(grid, flux, error, mask, ids, labels or None, length, sheet.at_rest)


def _check_normalised(ids, flux):
    """Raise ValueError if the median flux of a star is far from 1."""
    for star, middle in zip(ids, np.nanmedian(flux, axis=1)):
        if not USUAL_FLUX[0] < middle < USUAL_FLUX[1]:
            raise ValueError(
                f"star {star} has a median flux of {middle:.3g}, so that it is not normalised: "
                "divide flux and error by the continuum"
            )


def over_continuum(normalize, flux, error, mask, error_floor):
    """Flux, error and mask of spectra (n, n_pix) after division by their pseudo-continuum.

    Parameters
    ----------
    normalize : callable
        See `specnb.surveys.survey.Survey`.
    flux, error, mask : ndarray, shape (n, n_pix)
        The flux and the error of masked pixels may be anything.
    error_floor : float
        Smallest error, in units of the continuum.

    Returns
    -------
    flux, error, mask : ndarray, shape (n, n_pix)
        Pixels without a continuum are masked, and those whose error is above `LARGEST_ERROR`.
    """
    ivar = np.where(mask, 0, 1 / np.where(mask, 1, error) ** 2)
    scale = normalize(np.where(mask, 0, flux), ivar)
    mask = mask | ~(scale > 0)
    scale[mask] = 1
    flux, error = flux / scale, np.maximum(error / scale, error_floor)
    return flux, error, mask | ~(error <= LARGEST_ERROR)


def _place(star, wavelength, surveys):
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
    for survey, grid in grids:
        ends = np.abs(wavelength[[0, -1]] - air_from_vacuum(grid[[0, -1]]))
        if np.all(ends < 0.5) or samples_of(grid, vacuum_from_air(wavelength)) is not None:
            raise ValueError(AIR)
        if 1 < n < len(grid) and samples_of(grid[:n], wavelength) is not None:
            raise ValueError(
                f"star {star} has only the first {n} of the {len(grid)} pixels of {survey.name}, "
                f"{low:.2f}-{high:.2f} Å: {REMEDY}"
            )
    known = ", ".join(f"{len(grid)} of {s.name} at {grid[0]:g}-{grid[-1]:g} Å" for s, grid in grids)
    raise ValueError(
        f"star {star} has {n} samples at {low:.2f}-{high:.2f} Å, which are not the pixels of a survey ({known}; "
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
