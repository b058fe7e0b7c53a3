"""Functions that many figures need: grids of panels, a panel for each detector, and the choice of
names for which there is room.
"""

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

from specnb.core.wavelength import detectors
from specnb.plots.style import PAGE, Figure

WAVELENGTH = "Vacuum wavelength (Å)"


def panel_grid(count: int, row_height: float, header=0.0, columns=None, width=PAGE, **kwargs):
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
        clear = all(abs(x - positions[other]) > room for other in chosen)
        if clear and low + room / 2 < x < high - room / 2:
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
