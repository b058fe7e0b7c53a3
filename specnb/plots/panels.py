"""Functions that many figures need: grids of panels, a panel for each detector, and the choice of
names for which there is room.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from specnb.core.wavelength import detectors
from specnb.plots.style import PAGE, Figure

WAVELENGTH = "Vacuum wavelength (Å)"


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


def detector_panels(wavelength, height: float, each: float = 0.0, **kwargs):
    """Make a page-wide figure with one panel for each detector.

    In a single panel of this width a spectral line would be narrower than a pixel of the picture.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    height, each : float
        Height of the figure without its panels, and height of each panel, in inches. If only
        ``height`` is given, it is the height of the whole figure.
    **kwargs
        As for `matplotlib.figure.Figure.subplots`.

    Returns
    -------
    figure : Figure
    pairs : list of (slice, Axes)
        The pixels of each detector, and its panel.
    """
    parts = detectors(wavelength)
    figure = Figure(PAGE, height + each * len(parts))
    panels = figure.subplots(len(parts), 1, squeeze=False, **kwargs)[:, 0]
    for part, axes in zip(parts, panels):
        axes.set_xlim(wavelength[part][[0, -1]])
    panels[-1].set_xlabel(WAVELENGTH)
    return figure, list(zip(parts, panels))


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


def strip(axes, x, where, foot=0.0, top=1.0, **style):
    """Shade some pixels of a spectrum.

    Parameters
    ----------
    axes : Axes
    x : ndarray, shape (n_pix,)
        Wavelength of the pixels.
    where : ndarray of bool, shape (n_pix,)
        The pixels to shade.
    foot, top : float
        Lower and upper end of the shade, as fractions of the height of the panel.
    **style
        As for `matplotlib.axes.Axes.fill_between`.
    """
    heights = axes.get_xaxis_transform()
    axes.fill_between(
        x, foot, top, where=where, step="mid", transform=heights, linewidth=0, **style
    )


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


def note(axes, text, **kwargs):
    """Write statistics into the upper left corner of a panel, with true minus signs."""
    text = text.replace("-", "−")
    axes.text(0.04, 0.95, text, transform=axes.transAxes, va="top", fontsize=7, **kwargs)


def name_ticks(axis, names):
    """Write names at 0, 1, 2, ... of an axis, without tick marks."""
    axis.set_ticks(range(len(names)), names)
    axis.set_tick_params(which="both", length=0)


def plain_ticks(axis, values, text="{:g}".format):
    """Set ticks at those values that lie within the axis, written as plain numbers."""
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(lambda value, _: text(value).replace("-", "−"))
    axis.set_minor_locator(NullLocator())


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
