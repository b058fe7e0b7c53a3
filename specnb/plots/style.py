"""The common style of all figures: the widths of journals, legible fonts, and the palette of Okabe
& Ito (2008), which is safe for colour-blind readers. And the parts of which many figures are made.
"""

from io import BytesIO
from itertools import cycle

import matplotlib.figure
import numpy as np
from matplotlib import rc_context
from matplotlib.artist import setp
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from specnb.core.wavelength import detectors
from specnb.surveys import known_label

WAVELENGTH = "Vacuum wavelength (Å)"

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


def plain_text(text) -> str:
    """A name that users give, such as a star's, which must not be read as mathematics."""
    return str(text).replace("$", r"\$")


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
    """One column of a table, or of a mapping of arrays, as floats; NaN where it is masked."""
    return np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)


def label_axes(axes, x: str, y: str):
    """Write the titles of two labels on axes. In a Kiel diagram giants are on top, hot stars left."""
    axes.set(xlabel=axis_title(x), ylabel=axis_title(y))
    if (x, y) == ("teff", "logg"):
        setp([axes.xaxis, axes.yaxis], inverted=True)


def panel_grid(
    count: int, row_height: float, header=0.0, columns=None, width=PAGE, xlabel="", **kwargs
):
    """Make a figure with one panel for each of several quantities.

    Parameters
    ----------
    count : int
        How many panels are needed.
    row_height, header : float
        Height of each row of panels, and of the space above all panels, in inches.
    columns : int, optional
        Panels in a row. By default two if this fills the last row, and otherwise three.
    width : float
        Width of the figure, in inches.
    xlabel : str
        Title of the x axis of the lowest panel in each column.
    **kwargs
        As for `matplotlib.figure.Figure.subplots`.

    Returns
    -------
    figure : Figure
    panels : ndarray of Axes, shape (count,)
        The panels, row by row. Unused places in the last row stay empty.
    """
    columns = columns or (2 if count in (1, 2, 4) else 3)
    rows = -(-count // columns)
    figure = Figure(width, header + row_height * rows)
    panels = figure.subplots(rows, columns, squeeze=False, **kwargs).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    for axes in panels[:count][-columns:] if xlabel else ():
        axes.set_xlabel(xlabel)
        axes.tick_params(labelbottom=True)
    return figure, panels[:count]


def curves(axes, x, table, **style):
    """Draw several curves against the same values.

    Parameters
    ----------
    axes : Axes
    x : array_like, shape (n,)
    table : mapping of str to (array_like, color, float)
        For each curve, by its name in the legend, its values, colour and line width.
    **style
        As for `matplotlib.axes.Axes.plot`.
    """
    for name, (y, color, width) in table.items():
        axes.plot(x, y, color=color, linewidth=width, label=name, **style)


def history_curve(axes, rows, x, y, **style):
    """Draw one column of a history against another. A curve of few points has dots.

    Parameters
    ----------
    axes : Axes
    rows : list of dict
        The history. Rows may lack y.
    x, y : str
        Keys of the rows.
    **style
        As for `matplotlib.axes.Axes.plot`.
    """
    points = [(row[x], row[y]) for row in rows if row.get(y) is not None]
    dots = {"marker": "o", "markersize": 2.5} if len(points) < 30 else {}
    axes.plot(*zip(*points), **dots | style)


def legend(place, marks, **kwargs):
    """Make a legend of the marks of one panel, or of given marks.

    Parameters
    ----------
    place : Figure or Axes
    marks : Axes, or mapping of str to (dict or Artist)
        The panel whose marks are explained, each name once. Or for each name, the style of a
        `matplotlib.lines.Line2D`, or an artist as it is.
    **kwargs
        As for `matplotlib.figure.Figure.legend`. By default the legend is in one row above the
        right end of the figure.
    """
    if isinstance(marks, Axes):
        handles, names = marks.get_legend_handles_labels()
        marks = dict(zip(names, handles))
    artists = [
        Line2D([], [], **mark) if isinstance(mark, dict) else mark for mark in marks.values()
    ]
    look = {"loc": "outside upper right", "ncols": max(len(marks), 1)} | kwargs
    place.legend(artists, list(marks), **look)


def note(axes, text, x=0.04, **kwargs):
    """Write statistics into the upper left corner of a panel, with true minus signs."""
    text = text.replace("-", "−")
    axes.text(x, 0.95, text, transform=axes.transAxes, va="top", fontsize=7, **kwargs)


def name_ticks(axis, names):
    """Write names at 0, 1, 2, ... of an axis, without tick marks."""
    axis.set_ticks(range(len(names)), names)
    axis.set_tick_params(which="both", length=0)


def plain_ticks(axis, values, text="{:g}".format):
    """Set ticks at those values that lie within the axis, written as plain numbers."""
    axis.set(
        major_locator=FixedLocator(values),
        major_formatter=lambda value, _: text(value).replace("-", "−"),
        minor_locator=NullLocator(),
    )


def with_gaps(wavelength, values) -> np.ndarray:
    """Values (n_pix,) with a NaN in each gap between detectors, so that a curve is not drawn across
    the gap.
    """
    gaps = [part.start for part in detectors(wavelength)[1:]]
    return np.insert(np.asarray(values, dtype=float), gaps, np.nan)


def with_room(positions, window, room: float) -> list[int]:
    """Choose which of several names can be written beside each other without overlapping.

    Parameters
    ----------
    positions : sequence of float
        Positions of the names, the most important first.
    window : (float, float)
        Ends of the axis.
    room : float
        Width of a name.

    Returns
    -------
    list of int
        Indices of the chosen positions, the most important first.
    """
    (low, high), chosen = window, []
    for k, x in enumerate(positions):
        inside = low + room / 2 < x < high - room / 2
        if inside and all(abs(x - positions[other]) > room for other in chosen):
            chosen.append(k)
    return chosen


def draw_within(axes, wavelength, values, window, **look):
    """Draw the part of a curve that lies in a window, but not across gaps between detectors.

    Parameters
    ----------
    axes : Axes
    wavelength, values : ndarray, shape (n_pix,)
    window : (float, float)
        Wavelength range in Å.
    **look
        As for `matplotlib.axes.Axes.plot`.
    """
    outside = (wavelength < window[0]) | (wavelength > window[1])
    both = (np.where(outside, np.nan, each) for each in (wavelength, values))
    axes.plot(*(with_gaps(wavelength, each) for each in both), **look)
