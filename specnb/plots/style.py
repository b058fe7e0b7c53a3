"""The common style of all figures: the widths of journals, legible fonts, and the palette of Okabe
& Ito (2008), which is safe for colour-blind readers.
"""

from io import BytesIO
from itertools import cycle

import matplotlib.figure
import numpy as np
from matplotlib import rc_context
from matplotlib.artist import setp

from specnb.surveys import known_label

COLUMN, PAGE = 3.5, 7.2  # widths of one and two columns in inches

BLACK, GREY = "#000000", "#8c8c8c"
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
PALETTE = (BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE)
# Colours of a survey's groups of elements, in the order of the groups
GROUPS = (GREEN, BLUE, PURPLE, VERMILLION, ORANGE, SKY)
DOMAINS = {"synthetic": BLUE, "translated": GREEN, "observed": ORANGE}
# Colour maps whose order is visible to colour-blind readers and in grey
DENSITY, SEQUENTIAL = "cividis_r", "viridis"

RC = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.5,
    "axes.linewidth": 0.6,
    "lines.linewidth": 0.9,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "axes.formatter.useoffset": False,
    "savefig.dpi": 300,
}
# in notebooks a page-wide figure is 720 px wide, with twice as many pixels for sharp screens
SCREEN_DPI = 100

styled = rc_context(RC)  # the decorator of all functions that draw figures


class Figure(matplotlib.figure.Figure):
    """A figure in this style that belongs to no window.

    It is shown once, as the last value of a notebook cell, with any matplotlib backend. Its memory
    is freed when no variable refers to it.

    Parameters
    ----------
    width, height : float
        Size in inches.
    **kwargs
        As for `matplotlib.figure.Figure`.
    """

    def __init__(self, width: float = COLUMN, height: float = 2.6, **kwargs):
        super().__init__(figsize=(width, height), **{"layout": "constrained"} | kwargs)

    def draw(self, renderer):
        with rc_context(RC):  # because ticks are made at the first drawing
            super().draw(renderer)

    def _repr_png_(self):
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=2 * SCREEN_DPI)
        width, height = self.get_size_inches() * SCREEN_DPI
        return buffer.getvalue(), {"width": int(width), "height": int(height)}


def axis_title(name: str, unit: str = "") -> str:
    """Symbol and unit of a label for an axis. A name that no survey knows stays as it is."""
    if label := known_label(name):
        return label.axis
    return f"{name} ({unit})" if unit else name


def symbol(name: str) -> str:
    """Symbol of a label without its unit. A name that no survey knows stays as it is."""
    label = known_label(name)
    return label.symbol if label else name


def group_colors(survey) -> dict[str, str]:
    """A colour for each of a survey's groups of elements, in the order of the groups."""
    return dict(zip(survey.element_groups, cycle(GROUPS)))


def element_color(survey, element: str) -> str:
    """The colour of an element's group; black if the element belongs to no group."""
    return group_colors(survey).get(survey.group_of(element), BLACK)


def distinct_colors(names) -> dict[str, str]:
    """A colour of the palette for each name. More names than colours are refused, because one could
    not tell them apart.
    """
    names = list(names)
    if len(names) > len(PALETTE):
        raise ValueError(f"{len(names)} curves, but {len(PALETTE)} distinct colours: show fewer")
    return dict(zip(names, PALETTE))


def column(table, name: str) -> np.ndarray:
    """One column of a table as floats, with NaN in place of masked entries.

    Parameters
    ----------
    table : Table or mapping of str to array_like
        `specnb.surveys.survey.Survey.table` turns an array of labels into a table.
    name : str
    """
    return np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)


def label_axes(axes, x: str, y: str):
    """Write the titles of two labels on axes. In a Kiel diagram hot stars are left and giants on
    top.
    """
    axes.set(xlabel=axis_title(x), ylabel=axis_title(y))
    if (x, y) == ("teff", "logg"):
        setp([axes.xaxis, axes.yaxis], inverted=True)
