"""Spectral lines, for markers in figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One spectral line.

    Attributes
    ----------
    species : str
        Element and ionisation stage, as "Fe I"; hydrogen lines by their name, as "P14"; or an
        element, of which the line is a feature.
    wavelength : float
        Vacuum wavelength in Å.
    """

    species: str
    wavelength: float
