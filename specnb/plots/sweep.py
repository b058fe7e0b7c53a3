"""Figure of a sweep: results of a notebook against one of the parameters it was run with."""

import textwrap

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from specnb.plots.style import BLUE, COLUMN, GREY, PAGE, Figure, axis_title, styled

MANY_DECADES = 10.0  # ratio of the values of x from which on their axis is logarithmic
FEW_VALUES = 6  # of x, which all get a tick


@styled
def results_against(table, x: str, y):
    """Results against a parameter, one panel a result: each run as a point, a line through the medians.

    Parameters
    ----------
    table : Table
        One row a run, such as from `specnb.reproduce.sweep.collect`. A parameter may be text; results may be masked.
    x : str
        Column of the parameter.
    y : sequence of str
        Columns of the results.

    Returns
    -------
    Figure
        Of column width for one result, of page width for more.

    Raises
    ------
    ValueError
        Where the table has no such column.
    """
    for name in [x, *y]:
        if name not in table.colnames:
            have = ", ".join(table.meta.get("results", table.colnames))
            raise ValueError(f"the runs have no numeric result {name!r}: they have {have}")
    columns = 1 if len(y) == 1 else 2 if len(y) in (2, 4) else 3
    rows = -(-len(y) // columns)
    figure = Figure(COLUMN if columns == 1 else PAGE, 2.6 if columns == 1 else 0.5 + 1.8 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(y) :]:
        axes.set_axis_off()
    values, position = np.unique(np.asarray(table[x]), return_inverse=True)
    numeric = values.dtype.kind in "if"
    places = values if numeric else np.arange(len(values))
    for name, axes in zip(y, panels):
        result = np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)
        medians = [_median(result[position == i]) for i in range(len(values))]
        points = axes.plot(places[position], result, "o", ms=3.5, mfc="none", mec=GREY, ls="none")[0]
        line = axes.plot(places, medians, color=BLUE, marker="_", ms=8, ls="-" if numeric else "")[0]
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
    """A long name in several lines, each as long as a panel is high, broken after underscores."""
    if "$" in title:
        return title
    lines = textwrap.wrap(title.replace("_", "_ "), 26)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _median(values):
    values = values[np.isfinite(values)]
    return np.median(values) if values.size else np.nan


def _scale(axes, values):
    """A logarithmic x axis where the values span much, linear around zero where they are not all positive."""
    sizes = np.abs(values[values != 0]) if values is not None else np.array([])
    if len(sizes) < 3 or sizes.max() / sizes.min() < MANY_DECADES:
        return
    if values.min() > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=sizes.min())
    if len(values) <= FEW_VALUES:
        axes.xaxis.set_major_locator(FixedLocator(values))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axes.xaxis.set_minor_locator(NullLocator())
