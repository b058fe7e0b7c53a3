"""Labels of spectra from a catalogue, which is matched by the names of the stars."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from specnb.core.labels import Label, label_columns
from specnb.core.spectra import Spectra
from specnb.surveys.columns import ids_of
from specnb.surveys.files import LeftOutWarning
from specnb.surveys.tables import tables_of


def with_labels(spectra: Spectra, catalogue, labels) -> Spectra:
    """Spectra of the stars of which a catalogue knows all labels, with its columns as labels.

    Parameters
    ----------
    spectra : Spectra
    catalogue : Table, str or Path
        A table of any kind that spectra are read from. A column names the stars, as in
        `specnb.surveys.columns.NAMES`. Its rows may be in any order and of further stars.
    labels : sequence of str or Label
        The labels that a star must have. Columns of those that are a `Label` get its unit.

    Raises
    ------
    ValueError
        If the catalogue lacks a column, names a star twice, or has none of the stars.

    Warns
    -----
    LeftOutWarning
        If stars are left out.
    """
    source, table = "the catalogue", catalogue
    if not isinstance(catalogue, Table):
        source, table = str(catalogue), tables_of(Path(catalogue))[0]
    try:
        ids = ids_of(table, "", True)
        table = in_declared_units(table, labels)
        values = label_columns(table, labels)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    stars, first, counts = np.unique(ids, return_index=True, return_counts=True)
    if twice := stars[counts > 1].tolist():
        raise ValueError(f"{source}: star {twice[0]} has more than one row: keep one of them")
    place = np.clip(np.searchsorted(stars, spectra.ids), 0, len(stars) - 1)
    known = stars[place] == spectra.ids
    if not known.any():
        raise ValueError(
            f"{source} has none of the {len(spectra)} stars of the spectra: its ids are such as "
            f"{ids[0]}, theirs such as {spectra.ids[0]}: give both the same ids"
        )
    whole = known & np.isfinite(values[first[place]]).all(axis=1)
    if not whole.all():
        warnings.warn(
            f"{(~whole).sum()} of {len(spectra)} stars are left out: {source} has no row for "
            f"{(~known).sum()} and lacks a label of {(known & ~whole).sum()} "
            f"({', '.join(spectra.ids[~whole][:5])})",
            LeftOutWarning,
            stacklevel=2,
        )
    return replace(spectra[whole], labels=table[first[place[whole]]])


def in_declared_units(table, labels) -> Table:
    """A catalogue whose columns have the units of the labels that are a `Label`. Numbers in another
    unit are converted, and those without one are in it.
    """
    declared = [label for label in labels if isinstance(label, Label)]
    table = Table(table, copy=False)
    for label, values in zip(declared, label_columns(table, declared).T if declared else ()):
        table[label.name] = Column(values, unit=label.unit or None)
    return table
