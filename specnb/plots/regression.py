"""Figures of labels that are predicted from representations of the spectra: Figs. 9 and 10 and
Table 1 of the GANDALF paper.
"""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from specnb.plots.panels import name_ticks, panel_grid, plain_ticks
from specnb.plots.style import (
    BLACK,
    COLUMN,
    DENSITY,
    GREY,
    PALETTE,
    Figure,
    axis_title,
    column,
    styled,
    symbol,
)

RATIOS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 30, 50)  # ticks


@styled
def predicted_kiel(predictions, reference):
    """Draw Kiel diagrams of the reference labels and of the labels that were predicted from each
    representation (Fig. 9).

    Parameters
    ----------
    predictions : mapping of str to Table or mapping
        For each representation, by name, the predicted labels.
    reference : Table or mapping
        Reference labels of the same stars.

    Returns
    -------
    Figure
        All panels have the same axes, cells and colours. The axes are those of the reference; the
        number of predicted stars outside of them is given.

    Raises
    ------
    ValueError
        If there are no predictions, or not as many as there are reference stars.
    """
    figure, panels = _planes(predictions, reference, "teff", "logg")
    panels[0].xaxis.set_inverted(True)  # in all panels, hot stars are left and giants on top
    panels[0].yaxis.set_inverted(True)
    return figure


@styled
def predicted_abundances(predictions, reference):
    """Draw [α/Fe] against [M/H] for the reference and the predictions (Fig. 10). Parameters, result
    and errors are the same as for `predicted_kiel`.
    """
    return _planes(predictions, reference, "m_h", "alpha_fe")[0]


@styled
def mae_bars(table, floor=None):
    """Draw mean absolute errors relative to those from spectra, with their range over the seeds,
    next to the published ones.

    Parameters
    ----------
    table : Table
        As from `specnb.disentangle.table1.compare`; one representation must be "spectra".
    floor : mapping of str to float, optional
        For each label, the smallest possible error, such as that of a perfect prediction against a
        noisy catalogue.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the table lacks the representation "spectra", or has no other one.
    """
    names = [name for name in dict.fromkeys(table["representation"]) if name != "spectra"]
    spectra = {row["label"]: row for row in table[table["representation"] == "spectra"]}
    if not spectra or not names:
        raise ValueError(
            "the table must compare spectra with another representation: give results of both"
        )
    figure = Figure(COLUMN, 3.0)
    axes = figure.subplots()
    axes.set_yscale("log")
    width = 0.8 / len(names)
    for group, (label, base) in enumerate(spectra.items()):
        low, high = base["mae_min"] / base["mae"], base["mae_max"] / base["mae"]
        axes.fill_between(
            [group - 0.45, group + 0.45], low, high, color=GREY, alpha=0.35, linewidth=0
        )
        if label in (floor or {}):
            axes.plot(
                [group - 0.45, group + 0.45],
                [floor[label] / base["mae"]] * 2,
                color=BLACK,
                linestyle="--",
            )
    for i, (name, color) in enumerate(zip(names, PALETTE)):
        rows = table[table["representation"] == name]
        at = (
            np.array([list(spectra).index(label) for label in rows["label"]])
            + (i - (len(names) - 1) / 2) * width
        )
        base = np.array([spectra[label]["mae"] for label in rows["label"]])
        ours, low, high = (np.asarray(rows[key]) / base for key in ("mae", "mae_min", "mae_max"))
        axes.bar(at, ours - 1, 0.9 * width, bottom=1, color=color)
        axes.errorbar(
            at,
            ours,
            [ours - low, high - ours],
            fmt="none",
            ecolor=BLACK,
            elinewidth=0.8,
            capsize=1.5,
        )
        published = column(rows, "published_gain")
        axes.plot(
            at,
            1 - published / 100,
            "D",
            markersize=3.5,
            markerfacecolor="white",
            markeredgecolor=BLACK,
        )
    axes.axhline(1, color=BLACK, linewidth=0.6)
    plain_ticks(axes.yaxis, RATIOS)
    name_ticks(axes.xaxis, [_spectra_error(row) for row in spectra.values()])
    axes.set(ylabel="MAE / MAE from spectra", xlabel="Label, and its MAE from spectra")
    diamond = {"marker": "D", "markersize": 3.5, "markerfacecolor": "white", "linestyle": ""}
    handles = [
        *(Patch(color=color, label=name) for name, color in zip(names, PALETTE)),
        Line2D([], [], color=BLACK, label="published", **diamond),
        Patch(color=GREY, alpha=0.35, linewidth=0, label="spectra, seeds"),
        *[Line2D([], [], color=BLACK, linestyle="--", label="limit")] * bool(floor),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def _spectra_error(row):
    decimals = 0 if row["mae"] > 5 else 3
    return f"{symbol(row['label'])}\n{row['mae']:.{decimals}f} {row['unit']}"


def _planes(predictions, reference, x, y):
    """Draw a panel for the reference and one for each representation, all with the same axes.
    Returns the figure and its panels.
    """
    if not predictions:
        raise ValueError("there are no predictions: give those from one representation at least")
    tables = {"reference": reference, **predictions}
    stars = {
        name: np.array([column(labels, x), column(labels, y)]) for name, labels in tables.items()
    }
    count = stars["reference"].shape[1]
    for name, points in stars.items():
        if points.shape[1] != count:
            raise ValueError(
                f"{points.shape[1]} stars predicted from {name}, {count} in the reference: give the same"
            )
    low, high = np.nanmin(stars["reference"], axis=1), np.nanmax(stars["reference"], axis=1)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    figure, panels = panel_grid(len(stars), 1.9, header=0.3, sharex=True, sharey=True)
    columns, everything, cells = panels[0].get_gridspec().ncols, list(figure.axes), []
    for axes, (name, points) in zip(panels, stars.items()):
        inside = np.all((points.T >= low) & (points.T <= high), axis=1)
        beyond = f" ({count - inside.sum()} beyond)" if not inside.all() else ""
        axes.set_title(name + beyond)
        extent = (low[0], high[0], low[1], high[1])
        size = (50, 30) if count > 5000 else (30, 18)
        cells.append(axes.hexbin(*points[:, inside], gridsize=size, extent=extent, mincnt=1, cmap=DENSITY,
                                 linewidths=0.1, rasterized=True))  # fmt: skip
    most = max(np.max(np.asarray(each.get_array()), initial=2) for each in cells)
    for each in cells:
        each.set_norm(LogNorm(1, most))
    panels[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for axes in panels[::columns]:
        axes.set_ylabel(axis_title(y))
    for axes in panels[-columns:]:  # the lowest panel of each column
        axes.set_xlabel(axis_title(x))
        axes.xaxis.set_tick_params(labelbottom=True)
    figure.colorbar(cells[0], ax=everything, label="Stars per cell", aspect=30)
    return figure, panels
