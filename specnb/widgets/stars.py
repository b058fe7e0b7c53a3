"""The spectra of an explorer's stars, which may come from several files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra
from specnb.surveys import SURVEYS, read_spectra, survey_at


def read_stars(path, survey) -> Spectra:
    """Spectra of a file on a survey's pixels, see `specnb.read_spectra`.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or holds spectra of another survey.
    """
    known = SURVEYS.get(survey.name) is survey
    spectra = read_spectra(path, survey=None if known else survey)
    if not (survey.rebins or survey.has(spectra.wavelength)):
        other = survey_at(spectra.wavelength)
        raise ValueError(
            f"{Path(path).name} has spectra of {other.title if other else 'other pixels'}, and this explorer shows "
            f"{survey.title}: open it in an explorer of its survey"
        )
    return survey.on_pixels(spectra)


class Stars:
    """Spectra of stars on the same pixels, each part with its own catalogue, noise and frame."""

    def __init__(self):
        self._parts = []

    def __len__(self):
        return sum(map(len, self._parts))

    @property
    def ids(self) -> list[str]:
        return [str(name) for part in self._parts for name in part.ids]

    def add(self, spectra, fits=None):
        """Add spectra, perhaps with a table of fitted labels in place of their catalogue. Stars of
        the same ids are replaced.

        Raises
        ------
        ValueError
            If the fits are not of these stars.
        """
        if fits is not None:
            if len(fits) != len(spectra):
                raise ValueError(
                    f"{len(fits)} rows of fits for {len(spectra)} stars: give the fits of these stars"
                )
            spectra = replace(spectra, labels=fits)
        kept = [part[~np.isin(part.ids, spectra.ids)] for part in self._parts]
        self._parts = [part for part in (*kept, spectra) if len(part)]

    @property
    def moving(self) -> list[str]:
        """Ids of the stars that are not at rest."""
        return [str(name) for part in self._parts if not part.at_rest for name in part.ids]

    def spectrum(self, star: str) -> Spectra:
        """The star's spectrum as a set of one."""
        (part,) = (part for part in self._parts if star in part.ids)
        return part[part.ids == star]

    def observed(self, star: str):
        """Flux, NaN in masked pixels, and errors, infinite there, each of shape (n_pix,)."""
        one = self.spectrum(star)
        return np.where(one.mask, np.nan, one.flux)[0].astype(float), one.flux_error[0].astype(
            float
        )

    def joined(self, labels) -> Spectra | None:
        """All spectra as one set for the browser, with some labels; None if there are no stars. It
        does not tell which spectra are at rest, nor how their noise correlates.
        """
        if not self._parts:
            return None
        values = np.concatenate([_known(part, labels) for part in self._parts])
        known = ~np.isnan(values).all(axis=0)
        names = [label.name for label, found in zip(labels, known) if found]
        parts = [
            replace(part, labels=None, at_rest=True, correlation_length=1.0) for part in self._parts
        ]
        table = Table(values[:, known], names=names) if names else None
        return replace(Spectra.join(parts), labels=table)


def _known(spectra, labels):
    """Labels from a catalogue, shape (n, n_labels), NaN where it lacks them or there is none."""
    values = np.full((len(spectra), len(labels)), np.nan)
    if spectra.labels is not None:
        found = [label.name in spectra.labels.colnames for label in labels]
        if any(found):
            columns = [label for label, has in zip(labels, found) if has]
            values[:, found] = label_columns(spectra.labels, columns)
    return values
