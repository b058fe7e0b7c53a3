"""Figures of the labels of many stars: where a survey has stars, and how well a fit or a regression
reproduces their labels.
"""

import numpy as np
from astropy.stats import mad_std
from matplotlib.artist import setp
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch

from specnb.plots.style import (
    BLACK,
    COLUMN,
    DENSITY,
    GREY,
    SEQUENTIAL,
    axis_title,
    column,
    distinct_colors,
    label_axes,
    legend,
    name_ticks,
    note,
    panel_grid,
    plain_ticks,
    styled,
    symbol,
)

# 64,000 dots would hide one another, so the Kiel diagrams of surveys have hexagonal cells
CELLS = {"linewidths": 0.1, "mincnt": 1, "rasterized": True}
SEEDS = {"color": GREY, "alpha": 0.35, "linewidth": 0}
DIAMOND = {"marker": "D", "ms": 3.5, "mfc": "white", "mec": BLACK, "linestyle": ""}
LIMIT = {"color": BLACK, "linestyle": "--"}
RATIOS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 30, 50)  # ticks


@styled
def fit_comparison(fit, truth, labels, snr):
    """Draw fitted against true labels; the colour is the signal-to-noise ratio.

    Parameters
    ----------
    fit, truth : Table
        Fitted and true labels of the same stars in the same order.
    labels : sequence of str
    snr : ndarray, shape (n,)
        Signal-to-noise ratio per pixel of each star.

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(labels), 2.15)
    order = np.argsort(snr)  # so stars with high S/N are drawn on top
    for name, axes in zip(labels, panels):
        true, fitted = column(truth, name)[order], column(fit, name)[order]
        dots = axes.scatter(
            true,
            fitted,
            c=np.asarray(snr)[order],
            s=5,
            cmap=SEQUENTIAL,
            norm="log",
            linewidths=0,
            rasterized=True,
        )
        axes.axline((np.nanmean(true), np.nanmean(true)), slope=1, color=BLACK, linewidth=0.6)
        axes.set(xlabel=f"True {axis_title(name)}", ylabel=f"Fitted {axis_title(name)}")
        median, scatter = np.nanmedian(fitted - true), mad_std(fitted - true, ignore_nan=True)
        decimals = 0 if scatter > 5 else 3
        note(
            axes,
            f"median {median:+.{decimals}f}\nscatter {scatter:.{decimals}f}",
            bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5},
        )
    figure.colorbar(dots, ax=panels.tolist(), label="S/N per pixel", aspect=40)
    return figure


@styled
def kiel(labels, color="m_h"):
    """Draw a Kiel diagram of many stars.

    Parameters
    ----------
    labels : Table or mapping of str to array_like
        It has ``teff``, ``logg`` and the label that colours the cells.
    color : str
        The colour of a cell is the mean of this label.

    Returns
    -------
    Figure
    """
    values = column(labels, color)
    low, high = np.nanpercentile(values, [2, 98])
    return _cells(
        labels,
        ("teff", "logg"),
        2.9,
        {"label": f"Mean {axis_title(color)}", "extend": "both"},
        C=values,
        reduce_C_function=np.nanmean,
        cmap=SEQUENTIAL,
        vmin=low,
        vmax=high,
    )


@styled
def abundance_plane(labels):
    """Draw the number of stars against [M/H] and [α/Fe].

    Parameters
    ----------
    labels : Table or mapping of str to array_like
        It has ``m_h`` and ``alpha_fe``.

    Returns
    -------
    Figure
    """
    plane = "m_h", "alpha_fe"
    return _cells(labels, plane, 2.7, {"label": "Stars per cell"}, cmap=DENSITY, bins="log")


def _cells(labels, plane, height, bar, **style):
    """Draw one panel with hexagonal cells and a colour bar."""
    figure, (axes,) = panel_grid(1, height, columns=1, width=COLUMN)
    points = [column(labels, name) for name in plane]
    cells = axes.hexbin(*points, gridsize=60 if len(points[0]) > 5000 else 30, **CELLS, **style)
    figure.colorbar(cells, ax=axes, **bar)
    label_axes(axes, *plane)
    return figure


@styled
def label_histograms(labels, names):
    """Draw the distribution of each label.

    Parameters
    ----------
    labels : Table or mapping of str to array_like
    names : sequence of str
        Columns to show; each gets one panel.

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(names), 1.8, header=0.3)
    for name, axes in zip(names, panels):
        values = column(labels, name)
        axes.hist(
            values[np.isfinite(values)],
            40,
            histtype="step",
            color=BLACK,
            linewidth=0.7,
            label=f"all ({len(values):,})",
        )
        axes.set(xlabel=axis_title(name), yscale="log", ylabel="Stars")
    legend(figure, panels[0], loc="outside upper center")
    return figure


@styled
def predicted_labels(predictions, reference, x: str, y: str):
    """Draw two labels of stars: the reference, and those that were predicted from each representation
    (Figs. 9 and 10).

    Parameters
    ----------
    predictions : mapping of str to Table or mapping
        For each representation, by name, the predicted labels.
    reference : Table or mapping
        Reference labels of the same stars.
    x, y : str
        The labels on the axes, such as "teff" and "logg" for Kiel diagrams.

    Returns
    -------
    Figure
        All panels have the same axes, cells and colours. The axes are those of the reference; the
        number of predicted stars outside of them is given.
    """
    tables = {"reference": reference, **predictions}
    stars = {name: np.array([column(t, x), column(t, y)]) for name, t in tables.items()}
    low, high = (end(stars["reference"], axis=1) for end in (np.nanmin, np.nanmax))
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    figure, panels = panel_grid(
        len(stars), 1.9, header=0.3, xlabel=axis_title(x), sharex=True, sharey=True
    )
    size = (50, 30) if stars["reference"].shape[1] > 5000 else (30, 18)
    norm = LogNorm(1, 2)  # of all panels
    for axes, (name, points) in zip(panels, stars.items()):
        inside = np.all((points.T >= low) & (points.T <= high), axis=1)
        axes.set_title(name if inside.all() else f"{name} ({np.sum(~inside)} beyond)")
        cells = axes.hexbin(
            *points[:, inside],
            gridsize=size,
            extent=(low[0], high[0], low[1], high[1]),
            cmap=DENSITY,
            norm=norm,
            **CELLS,
        )
        norm.vmax = max(norm.vmax, np.max(np.asarray(cells.get_array()), initial=2))
    panels[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if y == "logg":  # hot stars are left and giants on top
        setp([panels[0].xaxis, panels[0].yaxis], inverted=True)
    setp(panels[:: panels[0].get_gridspec().ncols], ylabel=axis_title(y))
    figure.colorbar(cells, ax=figure.axes, label="Stars per cell", aspect=30)
    return figure


@styled
def mae_bars(table, floor):
    """Draw mean absolute errors relative to those from spectra, with their range over the seeds,
    next to the published ones.

    Parameters
    ----------
    table : Table
        As from `specnb.disentangle.table1.compare`; one representation must be "spectra".
    floor : mapping of str to float
        For each label, the smallest possible error, such as that of a perfect prediction against a
        noisy catalogue.

    Returns
    -------
    Figure
    """
    groups = {name: table[table["representation"] == name] for name in table["representation"]}
    spectra = groups.pop("spectra")
    base, x = np.asarray(spectra["mae"]), np.arange(len(spectra))
    colors, width = distinct_colors(groups), 0.8 / len(groups)
    figure, (axes,) = panel_grid(1, 3.0, columns=1, width=COLUMN)
    axes.set_yscale("log")
    for k, row in enumerate(spectra):
        ends = [k - 0.45, k + 0.45]
        axes.fill_between(ends, row["mae_min"] / row["mae"], row["mae_max"] / row["mae"], **SEEDS)
        axes.plot(ends, [floor[row["label"]] / row["mae"]] * 2, **LIMIT)
    for i, (name, rows) in enumerate(groups.items()):
        at = x + (i - (len(groups) - 1) / 2) * width
        mae, low, high = (np.asarray(rows[key]) / base for key in ("mae", "mae_min", "mae_max"))
        axes.bar(at, mae - 1, 0.9 * width, bottom=1, color=colors[name])
        axes.errorbar(
            at, mae, [mae - low, high - mae], fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=1.5
        )
        axes.plot(at, 1 - column(rows, "published_gain") / 100, **DIAMOND)
    axes.axhline(1, color=BLACK, linewidth=0.6)
    plain_ticks(axes.yaxis, RATIOS)
    errors = [f"{row['mae']:.{0 if row['mae'] > 5 else 3}f} {row['unit']}" for row in spectra]
    name_ticks(axes.xaxis, [f"{symbol(row['label'])}\n{e}" for row, e in zip(spectra, errors)])
    axes.set(ylabel="MAE / MAE from spectra", xlabel="Label, and its MAE from spectra")
    marks = {name: Patch(color=color) for name, color in colors.items()}
    marks |= {"published": DIAMOND, "spectra, seeds": Patch(**SEEDS), "limit": LIMIT}
    legend(figure, marks, loc="outside upper center", ncols=3)
    return figure


@styled
def bias_by_label(predictions, truth, names):
    """Draw the mean error of predicted labels against the true label.

    Parameters
    ----------
    predictions : mapping of str to ndarray, shape (n, n_labels)
        Predicted labels by what predicted them, in the order of ``names``.
    truth : Table or mapping
        True labels of the same stars.
    names : sequence of str
        Labels to show; each gets one panel, whose range is divided into 15 bins. Bins with fewer
        than 10 stars are left out.

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(names), 1.8, header=0.45)
    colors = distinct_colors(predictions)
    for i, (name, axes) in enumerate(zip(names, panels)):
        true = column(truth, name)
        edges = np.linspace(true.min(), true.max(), 16)
        bins = np.clip(np.digitize(true, edges), 1, 15)
        full = [k for k in range(1, 16) if np.sum(bins == k) >= 10]
        for each, values in predictions.items():
            bias = [np.mean((values[:, i] - true)[bins == k]) for k in full]
            at = [true[bins == k].mean() for k in full]
            axes.plot(at, bias, "o-", ms=2.5, color=colors[each], label=each)
        axes.axhline(0, color=BLACK, linewidth=0.6)
        axes.set(xlabel=f"True {axis_title(name)}", ylabel="Predicted − true")
    legend(figure, panels[0], loc="outside upper center", ncols=4)
    return figure
