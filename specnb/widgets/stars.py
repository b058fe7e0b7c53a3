"""The stars of an explorer: their spectra, and what is known of their labels."""

from dataclasses import replace

import numpy as np

from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra


def known_labels(table, labels, n: int) -> np.ndarray:
    """Labels of n stars, shape (n, n_labels), NaN where a table lacks them or there is no table."""
    values = np.full((n, len(labels)), np.nan)
    present = [] if table is None else [label.name in table.colnames for label in labels]
    if any(present):
        columns = [label for label, found in zip(labels, present) if found]
        values[:, present] = label_columns(table, columns)
    return values


class Stars:
    """Spectra of stars on the same pixels, which may come from several files.

    Attributes
    ----------
    labels : ndarray, shape (n, n_labels)
        What is known of the labels, from a catalogue or a fit, NaN where unknown.
    """

    def __init__(self, labels):
        self._labels, self._parts, self.labels = labels, [], np.zeros((0, len(labels)))

    def __len__(self):
        return len(self.ids)

    @property
    def ids(self) -> list[str]:
        return [str(name) for part in self._parts for name in part.ids]

    def add(self, spectra, table=None):
        """Add spectra, and their labels from a table, by default from their catalogue. A star of
        the same id is replaced.

        Raises
        ------
        ValueError
            If the table is not of these stars.
        """
        if table is not None and len(table) != len(spectra):
            raise ValueError(
                f"{len(table)} rows of fits for {len(spectra)} stars: give the fits of these stars"
            )
        old = ~np.isin(self.ids, spectra.ids)
        ends = np.cumsum([0, *map(len, self._parts)])
        kept = [part[old[a:b]] for part, a, b in zip(self._parts, ends, ends[1:])]
        self._parts = [part for part in (*kept, spectra) if len(part)]
        known = known_labels(spectra.labels if table is None else table, self._labels, len(spectra))
        self.labels = np.concatenate([self.labels[old], known])

    def spectrum(self, star: str) -> Spectra:
        """The star's spectrum as a set of one."""
        row = self.ids.index(star)
        for part in self._parts:
            if row < len(part):
                return part[[row]]
            row -= len(part)
        raise IndexError(star)

    def observed(self, star: str):
        """Flux, NaN in masked pixels, and errors, infinite there, each of shape (n_pix,)."""
        one = self.spectrum(star)
        return np.where(one.mask, np.nan, one.flux)[0].astype(float), one.flux_error[0].astype(
            float
        )

    def joined(self) -> Spectra | None:
        """All spectra as one set for a picture, or None if there are none: it does not tell which
        are at rest, nor how their noise correlates.
        """
        parts = [
            replace(part, labels=None, at_rest=True, correlation_length=1.0) for part in self._parts
        ]
        return Spectra.join(parts) if parts else None
