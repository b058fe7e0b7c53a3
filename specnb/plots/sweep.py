"""Figure of a sweep: results of a notebook against one of its parameters."""

import textwrap

import numpy as np
from matplotlib.ticker import NullLocator

from specnb.plots.panels import panel_grid, plain_ticks
from specnb.plots.style import BLUE, COLUMN, GREY, axis_title, column, styled

MANY_DECADES = 10.0  # if the values of x span a larger ratio, their axis is logarithmic
FEW_VALUES = 6  # up to so many values of x get one tick each


@styled
def results_against(table, x: str, y):
    """Draw results against a parameter, with one panel for each result. Runs are points, and a line
    connects their medians.

    Parameters
    ----------
    table : Table
        One row for each run, such as from `specnb.reproduce.sweep.collect`. The values of a
        parameter may be text, and results may be masked.
    x : str
        Column of the parameter.
    y : sequence of str
        Columns of the results.

    Returns
    -------
    Figure
        It is as wide as a column for one result, and as wide as a page for more.

    Raises
    ------
    ValueError
        If the table has no such column.
    """
    for name in [x, *y]:
        if name not in table.colnames:
            have = ", ".join(table.meta.get("results", table.colnames))
            raise ValueError(f"the runs have no numeric result {name!r}: they have {have}")
    alone = {"row_height": 2.6, "columns": 1, "width": COLUMN}
    figure, panels = panel_grid(
        len(y), **alone if len(y) == 1 else {"row_height": 1.8, "header": 0.5}
    )
    values, position = np.unique(np.asarray(table[x]), return_inverse=True)
    numeric = values.dtype.kind in "if"
    places = values if numeric else np.arange(len(values))
    for name, axes in zip(y, panels):
        result = column(table, name)
        medians = [np.median(some[np.isfinite(some)]) if np.isfinite(some).any() else np.nan
                   for some in (result[position == i] for i in range(len(values)))]  # fmt: skip
        points = axes.plot(places[position], result, "o", ms=3.5, mfc="none", mec=GREY, ls="none")[
            0
        ]
        line = axes.plot(places, medians, color=BLUE, marker="_", ms=8, ls="-" if numeric else "")[
            0
        ]
        axes.set_ylabel(_wrapped(axis_title(name, str(table[name].unit or ""))))
        _scale(axes, values if numeric else None)
        if not numeric:
            axes.set_xticks(places, [str(value) for value in values])
            axes.set_xlim(-0.5, len(values) - 0.5)
    figure.supxlabel(axis_title(x, str(table[x].unit or "")), fontsize=8)
    if len(table) > len(values):
        figure.legend([points, line], ["one run", "median"], loc="outside upper center", ncols=2)
    return figure


def _wrapped(title):
    """Break a long name after underscores into lines that are as long as a panel is high."""
    if "$" in title:
        return title
    lines = textwrap.wrap(title.replace("_", "_ "), 26)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _scale(axes, values):
    """Make the x axis logarithmic if the values span a large range. If not all of them are
    positive, the axis is linear around zero.
    """
    sizes = np.abs(values[values != 0]) if values is not None else np.array([])
    if len(sizes) < 3 or sizes.max() / sizes.min() < MANY_DECADES:
        return
    if values.min() > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=sizes.min())
    if len(values) <= FEW_VALUES:
        plain_ticks(axes.xaxis, values)
    axes.xaxis.set_minor_locator(NullLocator())
