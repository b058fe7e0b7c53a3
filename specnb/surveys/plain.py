"""Spectra of any survey from the tables that archives publish and that users write.

`specnb.surveys.columns` says what the tables look like.
"""

import warnings
from pathlib import Path

import numpy as np
from astropy.table import Column, Table
from h5py import is_hdf5

from specnb.core.labels import far_placeholders
from specnb.core.rebinning import rebin
from specnb.core.spectra import Spectra
from specnb.core.values import numbers, placeholders
from specnb.core.wavelength import air_from_vacuum, detectors, vacuum_from_air
from specnb.surveys.columns import AIR, Sheet, find, stars_of
from specnb.surveys.files import HEAD, REMEDY, LeftOutWarning, content_of, kind_of
from specnb.surveys.noise import missing_error
from specnb.surveys.tables import parquet_rows, tables_of

# A pixel with a larger error than this, in units of the continuum, has no information and is
# masked. This limit is a choice. The papers keep such pixels with a huge error, which has the same
# effect.
LARGEST_ERROR = 1.0
MISSING_ERROR = 1e10  # pipelines give such errors, in the unit of the file, to missing pixels
USUAL_FLUX = (0.1, 10.0)  # where the median of a normalised spectrum lies


def read_any(path, surveys, error=None, rows: slice | None = None):
    """Read the spectra of a file that may be of any kind and of any of some surveys.

    The surveys are asked in turn whether the file is one of theirs, the last one first. What
    remains are tables, see `read_table`. Of HDF5, and of parquet with a row per star, some ``rows``
    can be read, see `Spectra.read` and `specnb.surveys.tables.parquet_rows`.
    """
    surveys = list(surveys)
    if rows is not None and not is_hdf5(path):
        return spectra_of(Sheet(parquet_rows(path, rows.start, rows.stop), path), surveys)
    if is_hdf5(path):
        spectra = Spectra.read(path, rows=rows)
        for survey in surveys:
            spectra = survey.with_correlation(spectra)
        return surveys[0].on_pixels(spectra) if _rebins(surveys) else spectra
    kind = kind_of(content_of(path, HEAD))
    for survey in reversed(surveys):
        if survey.recognizes is not None and survey.recognizes(path, kind):
            return survey.read(path) if survey.read else read_table(path, [survey], error)
    return read_table(path, surveys, error)


def _rebins(surveys):
    """Whether there is one survey alone, which takes spectra on any wavelengths."""
    return len(surveys) == 1 and surveys[0].rebins


def read_table(path, surveys, error=None):
    """Read spectra from the tables of a file.

    Parameters
    ----------
    path : Path
        A text table, FITS, VOTable, parquet or ZIP file.
    surveys : sequence of Survey
        The surveys on whose pixels the spectra may be. The last is asked first. If there is one
        that `rebins`, the spectra may be on any wavelengths.
    error : "estimate" or float, optional
        Errors of spectra that have none, see `missing_error`. Without it they are refused, unless
        their survey says it.

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
    tables = tables_of(path)
    try:
        found = [table for table in tables if find(table, "flux") is not None]
        sheets = [Sheet(table, path, error=error) for table in found if len(table)]
        parts = [spectra_of(sheet, surveys) for sheet in sheets]
        if not parts:
            lacking = "spectrum, the table is empty" if found else "column flux"
            columns = [f", its columns are {', '.join(table.colnames)}" for table in tables[:1]]
            raise ValueError(
                f"holds no table with a {lacking}{''.join(columns)}: rename columns, or leave it out"
            )
        spectra = Spectra.join(parts)
        stars, counts = np.unique(spectra.ids, return_counts=True)
        if counts.max() > 1:
            raise ValueError(
                f"star {stars[counts.argmax()]} appears more than once: keep one of its spectra"
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return spectra


def spectra_of(sheet, surveys):
    """The spectra of one table. Stars without a good spectrum are left out, with a warning."""
    for survey in surveys:
        if survey.complete is not None:
            survey.complete(sheet)
    place = _rebinned if _rebins(surveys) else _placed
    survey, grid, found = place(sheet, surveys)
    ids, rows, flux, error, flags = (np.array(values) for values in zip(*found))
    flags = np.where(np.isfinite(flags), flags, -1)
    if np.any(flags % 1):
        raise ValueError("has a pixel mask whose values are no integers: give integers")
    mask = ~(np.isfinite(flux) & np.isfinite(error)) | (
        flags.astype(np.int64) & survey.bad_bits != 0
    )
    if survey.normalize is None:
        mask |= placeholders(flux) | placeholders(error)
        scale = numbers(Column([1.0], unit=find(sheet.table, "flux").unit), "", "flux")
        flux, error = flux * scale, error * scale
    else:
        flux, error, mask = over_continuum(survey, flux, error, mask)
    good = _good(sheet.path, ids, np.ma.array(flux, mask=mask), survey.normalize is None)
    ids, rows, flux, error, mask = (each[good] for each in (ids, rows, flux, error, mask))
    labels = Table({name: sheet.table[name][rows] for name in sheet.labels})
    step = np.median(np.diff(survey.native)) / np.median(np.diff(grid))
    length = max(1.0, round(survey.correlation_length * step, 6))
    return Spectra(grid, flux, error, mask, ids, labels or None, length, sheet.at_rest)


def _good(path, ids, flux, normalised):
    """Which stars have a good pixel and, if they should be normalised, a median flux near 1.

    Raises
    ------
    ValueError
        If none has.

    Warns
    -----
    LeftOutWarning
        If some have not, with their names and the first reason.
    """
    middle = np.ma.median(flux, axis=1).filled(np.nan)
    usual = (USUAL_FLUX[0] < middle) & (middle < USUAL_FLUX[1]) if normalised else middle == middle
    if not usual.all():
        star, value = ids[~usual][0], middle[~usual][0]
        reason = (
            f"star {star} has no pixel with both flux and error (not zero and not flagged) and a continuum: "
            "leave it out"
        )
        if np.isfinite(value):
            reason = (
                f"star {star} has a median flux of {value:.3g}, so that it is not normalised: "
                "divide flux and error by the continuum"
            )
        _leave_out(path, ids[~usual], len(ids), reason)
    return usual


def _leave_out(path, stars, n, reason):
    """Warn that some of the n stars of a file are left out. If all are, this is an error."""
    if len(stars) == n:
        raise ValueError(reason)
    text = f"{path}: {len(stars)} of {n} stars are left out, {', '.join(stars[:9])}"
    warnings.warn(f"{text} ({reason})", LeftOutWarning, stacklevel=2)


def over_continuum(survey, flux, error, mask):
    """Flux, error and mask of spectra (n, n_pix) after division by their pseudo-continuum.

    Pixels are also masked if flux or error are 0, if the error is negative, `MISSING_ERROR`, or
    above `LARGEST_ERROR` continua, or if there is no continuum.
    """
    mask = mask | ~((flux != 0) & (error > 0) & (error < MISSING_ERROR))
    ivar = np.where(mask, 0, 1 / np.where(mask, 1, error) ** 2)
    scale = survey.normalize(np.where(mask, 0, flux), ivar)
    mask |= ~(scale > 0)
    scale[mask] = 1
    flux, error = flux / scale, np.maximum(error / scale, survey.error_floor)
    return flux, error, mask | ~(error <= LARGEST_ERROR)


def _stars(sheet, survey):
    """The stars of a sheet, see `stars_of`, with errors if the table has none."""
    without = find(sheet.table, "error", "ivar") is None
    for star, row, wavelength, flux, error, flags in stars_of(sheet):
        if without:
            error = missing_error(flux, sheet.error, _length(survey, wavelength))
        yield star, row, wavelength, flux, error, flags


def _length(survey, wavelength):
    """Correlation length of a survey's noise, in samples at some wavelengths."""
    ratio = np.median(np.diff(survey.native)) / np.median(np.diff(wavelength))
    return max(1.0, survey.correlation_length * ratio) if survey.correlation_length > 1 else 1.0


def _placed(sheet, surveys):
    """The survey and the grid of the stars of a sheet; for each star id, row, flux, error, flags."""
    found, grids, previous = [], set(), None
    for star, row, wavelength, *values in _stars(sheet, surveys[-1]):
        if not np.array_equal(wavelength, previous):
            survey, grid, chosen = _place(star, wavelength, surveys)
            previous, grids = wavelength, grids | {id(grid)}
        if len(grids) > 1:
            raise ValueError(f"star {star} is on other pixels than those before: divide the file")
        found.append((star, row, *(each[chosen] for each in values)))
    return survey, grid, found


def _rebinned(sheet, surveys):
    """As `_placed`, with the spectra rebinned. Those that do not cover the pixels are left out."""
    survey, found, refused = surveys[0], [], {}
    for star, row, wavelength, flux, error, flags in _stars(sheet, survey):
        bad = ~(np.isfinite(flux) & (error > 0) & (error < np.inf)) | (flags != 0)
        bad |= far_placeholders(flux)
        # Flux that is not divided by a continuum may have any unit.
        free = survey.normalize is not None and not bad.all()
        scale = (np.median(np.abs(flux[~bad])) or 1.0) if free else 1.0
        arrays = (np.where(bad, 1, each / scale)[None] for each in (flux, error))
        try:
            old = Spectra(wavelength, *arrays, bad[None], [star], None, _length(survey, wavelength))
            new = rebin(old, survey.pixels)
        except ValueError as problem:
            refused[star] = f"star {star}: {problem}"
        else:
            found.append((star, row, new.flux[0], new.flux_error[0], new.mask[0]))
    if refused:
        first = next(iter(refused.values()))
        _leave_out(sheet.path, list(refused), len(refused) + len(found), first)
    return survey, survey.pixels, found


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
        # Spectra that are not at rest fit by chance, if this is less exact.
        if np.all(ends < 0.5) or samples_of(grid, vacuum_from_air(wavelength), 0.02) is not None:
            raise ValueError(AIR)
        pixel = np.interp(wavelength, grid, np.arange(len(grid)), left=-0.5, right=-0.5)
        few = 1 < n < len(grid) and pixel[-1] - pixel[0] < 1.1 * n  # a few are missing in between
        if few and np.all(np.abs(pixel - np.round(pixel)) < 0.1):
            whole = pixel[0] < 1 and pixel[-1] > len(grid) - 2
            raise ValueError(
                f"star {star} has only {n} of the {len(grid)} pixels of {survey.name}, at {low:.2f}-{high:.2f} Å: "
                f"{'' if whole else f'{REMEDY}, or '}add rows with empty flux for the other pixels"
            )
    known = ", ".join(f"{len(grid)} of {s.name} at {grid[0]:g}-{grid[-1]:g} Å" for s, grid in grids)
    raise ValueError(
        f"star {star} has {n} samples at {low:.2f}-{high:.2f} Å, which are not the pixels of a survey ({known}; "
        "vacuum): make specnb.Spectra of it, with the correlation_length of its noise in samples, and specnb.rebin "
        "them; or add the unit of the wavelengths"
    )


def samples_of(grid, wavelength, tolerance=0.1):
    """Which samples are the pixels of a grid, or None.

    There may be more samples beyond the ends of the detectors, but none between their pixels.

    Parameters
    ----------
    grid, wavelength : ndarray, shapes (n_pix,) and (n,)
        Vacuum Å, increasing.
    tolerance : float
        Largest difference, in pixels.

    Returns
    -------
    ndarray of int, shape (n_pix,), or None
    """
    if len(wavelength) < len(grid):
        return None
    right = np.clip(np.searchsorted(wavelength, grid), 1, len(wavelength) - 1)
    nearest = right - (grid - wavelength[right - 1] < wavelength[right] - grid)
    same = np.abs(wavelength[nearest] - grid) <= tolerance * np.diff(grid).min()
    dense = (np.all(np.diff(nearest[part]) == 1) for part in detectors(grid))
    return nearest if same.all() and all(dense) else None
