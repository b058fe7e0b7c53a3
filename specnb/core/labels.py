"""Stellar labels and spectral lines: what each is, and how labels of many stars are laid out.

A *label* is a number that describes a star and that the physics simulator takes as input. Which
labels there are, their order and their conventions depend on the survey: see
`specnb.surveys.rvs.survey` and `specnb.surveys.apogee.survey`. Every array of labels has its
columns in the order of the survey's tuple of `Label` objects.
"""

import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from astropy.table import Row, Table

from specnb.core.values import SAME_UNIT, numbers, placeholders


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
        if self.logarithmic and self.low <= 0:
            raise ValueError(f"label {self.name} is logarithmic from {self.low:g}: give low > 0")

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


class Limits(NamedTuple):
    """The unit of a label, and the range outside which its values are wrong or missing."""

    unit: str | None
    low: float = -np.inf
    high: float = np.inf


# Limits of the usual labels, by regular expressions of their names. They are far wider than the
# range of any survey: they find placeholders such as -9999 and 99.9, and temperatures in kK.
LIMITS = {
    r"teff(_\w+)?": Limits("K", 500, 2e5),
    r"log_?g(_\w+)?": Limits("dex", -2, 10),
    r"(feh|mh)(_\w+)?|\w+_(h|fe|m)": Limits("dex", -10, 5),
    r"v(_?micro|_?macro|broad|sini)": Limits("km / s", 0, 1000),
    r"rv|radial_velocity": Limits("km / s", -5000, 5000),
}


@cache
def limits(label) -> Limits:
    """The limits of a label, given by its name or as a `Label`.

    A label that nobody knows has none, and neither has a `Label` that is in another unit.
    """
    name, unit = (label.name, label.unit) if isinstance(label, Label) else (label, None)
    quantity = re.sub("_err(or)?$", "", name, flags=re.IGNORECASE)
    found = (value for key, value in LIMITS.items() if re.fullmatch(key, quantity, re.IGNORECASE))
    known = next(found, Limits(unit))
    if quantity != name:
        return Limits(known.unit, 0)
    alike = unit in (None, known.unit) or {unit, known.unit} <= set(SAME_UNIT)
    return known if alike else Limits(unit)


def label_columns(table, labels) -> np.ndarray:
    """Labels as columns of an array (n, n_labels), float64, each in its unit. Missing ones are NaN.

    It takes what `label_array` takes, but checks no value. It warns if it converts units.
    """
    names = [_name(label) for label in labels]
    if table is None:
        raise ValueError(
            f"the spectra have no labels: this needs a catalogue with {', '.join(names)}"
        )
    found = _columns(table)
    if found is None:
        return _rows(np.atleast_2d(numbers(table, "", "labels")), "labels", names)
    if missing := [name for name in names if name not in found]:
        raise ValueError(
            f"the catalogue has no column {', '.join(missing)}: it has {', '.join(found)}"
        )
    table = Table(table) if isinstance(table, Row) else table  # a row alone has no units
    columns = []
    for name, label in zip(names, labels):
        given, unit = str(getattr(table[name], "unit", None) or ""), limits(label).unit
        unit = given if unit is None else unit
        columns.append(np.atleast_1d(numbers(table[name], unit, name)))
        if given and given != unit and not {given, unit} <= set(SAME_UNIT):
            warnings.warn(f"{name} is converted from {given} to {unit}", stacklevel=3)
    return _rows(np.column_stack(columns), "catalogue", names)


def label_array(table, labels) -> np.ndarray:
    """The labels that a model uses, shape (n, n_labels), float64.

    Parameters
    ----------
    table : Table, mapping, DataFrame or structured array, or array_like of shape (n, n_labels)
        A catalogue, whose units are converted. The columns of an array must be the labels in their
        order and units.
    labels : sequence of str or Label

    Raises
    ------
    ValueError
        If there is no table, a column is missing, a unit cannot be converted, or a star lacks a
        value or has one that is impossible.
    """
    values = label_columns(table, labels)
    what = "labels" if _columns(table) is None else "catalogue"
    return check_limits(finite_rows(values, what, [_name(label) for label in labels]), what, labels)


def check_limits(values, what: str, labels, ranges: bool = True, ids=None) -> np.ndarray:
    """Raise ValueError if a label of a star is impossible or a placeholder. NaN is left alone.

    Parameters
    ----------
    values : ndarray, shape (n, n_labels)
    what : str
        What the values are, for the error message.
    labels : sequence of str or Label
    ranges : bool
        Whether the values are in the labels' own units, so that `LIMITS` hold.
    ids : sequence of str, optional
        Names of the stars for the error message. The default is their rows.

    Returns
    -------
    ndarray
        The same values.
    """
    for label, column in zip(labels, values.T):
        unit, low, high = limits(label)
        impossible = ((column < low) | (column > high)) & ranges
        if (wrong := impossible | far_placeholders(column)).any():
            row = wrong.argmax()
            allowed = f"not {low:g} to {high:g} {unit}".rstrip()
            reason = allowed if impossible[row] else "which stands for a missing value"
            raise ValueError(
                f"star {row if ids is None else ids[row]} of the {what} has "
                f"{_name(label)} = {column[row]:.10g}, {reason}: "
                "leave out such stars or correct their values and units"
            )
    return values


def finite_rows(values, what: str, columns=None, dtype=float) -> np.ndarray:
    """Numbers that a user gives, as an array with one row per star.

    Parameters
    ----------
    values : array_like, shape (n, n_columns)
    what : str
        What the numbers are, for the error message.
    columns : sequence of str, optional
        Names of the columns. Without them there may be any number of columns.
    dtype : dtype

    Raises
    ------
    ValueError
        If the shape is wrong, or a number is masked or not finite.
    """
    values = _rows(numbers(values, "", what, dtype), what, columns)
    if (bad := ~np.isfinite(values)).any():
        row, column = np.argwhere(bad)[0]
        name = f"column {column}" if columns is None else columns[column]
        raise ValueError(
            f"star {row} of the {what} has {name} = {values[row, column]}: leave out such stars"
        )
    return values


def _rows(values, what, columns):
    """The same values, if they are rows of these columns."""
    if values.ndim != 2 or (columns is not None and values.shape[1] != len(columns)):
        expected = "numbers" if columns is None else ", ".join(columns)
        raise ValueError(f"{what} of shape {values.shape}: give one row per star of {expected}")
    return values


def _columns(table):
    """Names of the columns of a table, mapping, DataFrame or structured array, or None."""
    if hasattr(table, "keys"):
        return list(map(str, table.keys()))
    return getattr(getattr(table, "dtype", None), "names", None)


def _name(label):
    return label.name if isinstance(label, Label) else label


def far_placeholders(column):
    """Which values, of a label or a flux, look like placeholders and lie far from all others."""
    found = placeholders(column)
    others = column[np.isfinite(column) & ~found]
    if not others.size:
        return found & False
    reach = 5 * np.abs(others).max()
    low = -998 if others.min() >= 0 else others.min() - reach
    return found & ((column > others.max() + reach) | (column < low))
