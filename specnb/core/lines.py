"""The class `Line`: a spectral line that figures mark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One spectral line.

    Attributes
    ----------
    species : str
        Element and ionisation stage, such as "Fe I". For a hydrogen line it is the name of the
        line, such as "P14". If the line is a feature of an element, it is the element alone.
    wavelength : float
        Vacuum wavelength in Å.
    """

    species: str
    wavelength: float
