"""Stellar labels and spectral lines: what each is, and how labels of many stars are laid out.

A *label* is a number that describes a star and that the physics simulator takes as input. Which
labels there are, their order and their conventions depend on the survey: see
`specnb.surveys.rvs.survey` and `specnb.surveys.apogee.survey`. Every array of labels has its
columns in the order of the survey's tuple of `Label` objects.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy.table import Table


class Steps(NamedTuple):
    """Differences of a label that are easy to grasp, in the unit of the label."""

    slider: float  # one step of a slider
    decimals: int  # number of decimals with which a value is shown
    change: float  # difference for which the change of a spectrum is drawn
    near: float  # largest difference between two stars that count as being at the same place


STEPS = {
    "K": Steps(10.0, 0, 100.0, 100.0),
    "dex": Steps(0.05, 2, 0.1, 0.2),
    "km / s": Steps(0.1, 1, 1.0, 5.0),
    "": Steps(0.5, 1, 1.0, 5.0),
}


@dataclass(frozen=True)
class Label:
    """One stellar label.

    Attributes
    ----------
    name : str
        Name used in tables, sliders and arrays.
    unit : str
        Unit as astropy writes it.
    low, high : float
        Range within which the shipped emulator may be trusted.
    symbol : str
        LaTeX symbol for figures.
    meaning : str
        One line for tables and tooltips.
    logarithmic : bool
        Whether spectra depend on the logarithm of the label rather than on its value.
    broadens : bool
        Whether the label is not an input of the simulator but a broadening of its spectra.
    """

    name: str
    unit: str
    low: float
    high: float
    symbol: str
    meaning: str
    logarithmic: bool = False
    broadens: bool = False

    def __post_init__(self):
        if not self.low < self.high:
            raise ValueError(
                f"label {self.name} has the range {self.low:g} to {self.high:g}: give low < high"
            )

    @property
    def axis(self) -> str:
        """Axis title with the unit, for figures."""
        unit = self.unit.replace("km / s", r"km s$^{-1}$")
        return f"{self.symbol} ({unit})" if unit else self.symbol

    @property
    def steps(self) -> Steps:
        """The steps for the label's unit.

        They are fractions of the label's range if its unit is unusual or its range is narrow.
        """
        span = self.high - self.low
        steps = STEPS.get(self.unit)
        if steps is None or span < 10 * steps.slider:
            return Steps(span / 100, 3, span / 10, span / 20)
        return steps


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


def label_array(table: Table, labels) -> np.ndarray:
    """The columns of a catalogue that a model uses, shape (n, n_labels), float64.

    Raises
    ------
    ValueError
        If there is no table, a column is missing, or a star lacks a value.
    """
    if table is None:
        raise ValueError(
            f"the spectra have no labels: this needs a catalogue with {', '.join(labels)}"
        )
    if missing := [name for name in labels if name not in table.colnames]:
        raise ValueError(
            f"the catalogue has no column {', '.join(missing)}: it has {', '.join(table.colnames)}"
        )
    values = np.column_stack(
        [np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan) for name in labels]
    )
    if (bad := ~np.isfinite(values)).any():
        star, label = np.argwhere(bad)[0]
        raise ValueError(
            f"star {star} of the catalogue has no {labels[label]}: leave out stars without labels"
        )
    return values
