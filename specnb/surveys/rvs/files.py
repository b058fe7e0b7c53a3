"""What the tables of Gaia RVS spectra mean that the archive provides.

Layouts
-------
- *DR3 mean spectra* have 2,401 samples, one row per pixel (DataLink, structure INDIVIDUAL) or one
  row per star (the bulk files RvsMeanSpectrum_*.csv.gz, and structure RAW). CSV repeats source_id
  in every row; ECSV has it in the metadata, FITS in the header (SOURCEID), and VOTable in a PARAM.
- *DR4 mean spectra* have 961 samples in ESA's draft. There are no files yet.
- *DR4 epoch spectra* have the columns source_id, transit_id, obs_time_rv (BJD in TCB − 2455197.5
  d), flux, flux_error and normalisation_method in the same draft. They are barycentric.

`specnb.surveys.columns` reads the tables. Rows of spectra have no wavelengths, so that the number of
samples tells the grid. Mean spectra have source_id as ids and no labels. Epoch spectra have the ids
"<source_id>-<transit_id>" and the labels `EPOCH_LABELS`, and are not at rest.
"""

import warnings

import numpy as np
from astropy.table import Column

from specnb.core.values import numbers
from specnb.surveys.columns import find, whole_numbers
from specnb.surveys.files import LeftOutWarning
from specnb.surveys.rvs.pixels import RVS_DR4, RVS_NATIVE

# Values of normalisation_method in the draft of DR4. The others are continua.
NOT_NORMALISED = (0, 4)  # double-lined stars, and a negative median
BY_MEDIAN = 3
BY_THE_MEDIAN = (
    "{} spectra are divided by their median and not by a continuum: let the fit find their continuum "
    "(specnb.FitConfig(continuum_order=2) or more)"
)
DRAFT = (
    "spectra of 961 samples without wavelengths are taken to be at 8460 + 0.25 i Å (vacuum), as in the draft of "
    "Gaia DR4 of June 2026: check that against the data model that was published"
)
# transit_id and normalisation_method are whole numbers; −1 stands for an unknown method.
EPOCH_LABELS = ("source_id", "transit_id", "obs_time_rv", "normalisation_method")


def complete(sheet):
    """Add what Gaia's tables do not say: wavelengths, and what epoch spectra are.

    Parameters
    ----------
    sheet : specnb.surveys.columns.Sheet

    Raises
    ------
    ValueError
        If no spectrum in the table is normalised.

    Warns
    -----
    LeftOutWarning
        If spectra that are not normalised were left out.
    UserWarning
        If spectra are divided by their median, or are on the grid of the draft of DR4.
    """
    sheet.grids = {len(grid): grid for grid in (RVS_NATIVE, RVS_DR4)}
    sheet.doubts = {len(RVS_DR4): DRAFT}
    table, about = sheet.table, {str(key).lower(): value for key, value in sheet.table.meta.items()}
    for name in EPOCH_LABELS:  # FITS keywords have no underscore
        value = about.get(name, about.get(name.replace("_", "")))
        if find(table, name) is None and value is not None:
            table[name] = [value] * len(table)
    star, transit, time, method = (find(table, name) for name in EPOCH_LABELS)
    sheet.at_rest = transit is None and time is None
    if star is not None and transit is not None:
        star, transit = whole_numbers(star), whole_numbers(transit)
        table["id"] = [f"{a}-{b}" for a, b in zip(star, transit)]
        table["source_id"], table["transit_id"] = star.astype(np.int64), transit.astype(np.int64)
    if time is not None:
        table["obs_time_rv"] = Column(numbers(time, "d", "obs_time_rv"), unit="d")
    if method is not None:
        method = numbers(method, "", "normalisation_method")
        table["normalisation_method"] = np.nan_to_num(method, nan=-1).astype(np.int64)
        sheet.table = _normalised(table, sheet.path)
    if not sheet.at_rest:
        sheet.labels = [name for name in EPOCH_LABELS if name in table.colnames]


def _normalised(table, path):
    """The rows of spectra that are divided by something like a continuum."""
    method, ids = np.asarray(table["normalisation_method"]), find(table, "id")
    ids = np.arange(len(table)) if ids is None else np.asarray(ids)
    bad = np.isin(method, NOT_NORMALISED)
    total, wrong, median = (
        len(np.unique(ids[rows])) for rows in (slice(None), bad, method == BY_MEDIAN)
    )
    text = f"{wrong} of {total} spectra are not normalised (normalisation_method 0 or 4)"
    if wrong == total:
        raise ValueError(f"{text}: divide them by their continuum, or leave them out")
    if wrong:
        warnings.warn(f"{path}: {text}: they were left out", LeftOutWarning, stacklevel=2)
    if median:
        warnings.warn(BY_THE_MEDIAN.format(median), stacklevel=2)
    return table[~bad]
