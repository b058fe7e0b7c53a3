"""Figures of domain adaptation: Figs. 2 and 3 of O'Briain et al. (2020), and biases of labels."""

from itertools import pairwise

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from specnb.core.wavelength import detectors
from specnb.fitting.residuals import REACH, by_pixel, distribution, histogram
from specnb.plots.panels import WAVELENGTH, name_ticks, plain_ticks
from specnb.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    DOMAINS,
    GREY,
    PAGE,
    PALETTE,
    SKY,
    VERMILLION,
    Figure,
    styled,
    symbol,
)

UNITS = {"median_error": "median error of the fits", "scatter": "scatter of fitted − true"}
PERFECT = {"color": VERMILLION, "linestyle": "--", "linewidth": 0.8}
LINEAR = 3.0  # axes of residuals and biases are linear up to here and logarithmic beyond


@styled
def mixing_maps(panels, auc=None):
    """Draw maps of two sets of stars each. Where the colours mix, the two sets mix (Fig. 2).

    Parameters
    ----------
    panels : mapping of str to mapping of str to ndarray, shape (n, 2)
        For each title of a panel, two sets by name, as from
        `specnb.evaluate.projection.project_two`. The names "synthetic", "translated" and
        "observed" have their own colours.
    auc : mapping of str to (float, float), optional
        For each title, the AUC and its scatter, as from `specnb.evaluate.two_sample.best_auc`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a map is not of shape (n, 2).
    """
    figure = Figure(PAGE, PAGE / max(len(panels), 3) + 0.8)
    names = list(dict.fromkeys(name for sets in panels.values() for name in sets))
    spare = iter(color for color in PALETTE[::-1] if color not in DOMAINS.values())
    colors = {name: DOMAINS.get(name) or next(spare, BLACK) for name in names}
    for axes, (title, sets) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items()
    ):
        maps = {name: np.asarray(points, dtype=float) for name, points in sets.items()}
        for name, points in maps.items():
            if points.ndim != 2 or points.shape[1] != 2:
                raise ValueError(
                    f"the map of {name} ({title}) has shape {points.shape}: give (n, 2)"
                )
        points = np.concatenate(list(maps.values()))
        color = np.repeat([colors[name] for name in maps], [len(each) for each in maps.values()])
        # The order is random, because otherwise one set would lie on top of the other
        order = np.random.default_rng(0).permutation(len(points))
        size = np.clip(6000 / max(len(points), 1), 1, 10)
        axes.scatter(
            *points[order].T, c=color[order], s=size, linewidths=0, alpha=0.8, rasterized=True
        )
        axes.set(xticks=[], yticks=[])  # t-SNE has no units
        axes.margins(0.04)
        axes.set_box_aspect(1)
        number = "" if auc is None else "\nAUC {:.2f} ± {:.2f}".format(*auc[title])
        axes.set_title(title + number)
    dots = [
        Line2D([], [], linestyle="", marker="o", markersize=4, color=color)
        for color in colors.values()
    ]
    figure.legend(dots, colors, loc="outside lower center", ncols=len(colors))
    return figure


@styled
def residual_bands(wavelength, fits):
    """Draw the residuals of fits in standard errors: their mean and scatter over the stars in each
    pixel, and a histogram of all residuals (Fig. 3).

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Wavelength in vacuum Å. The axis is broken between detectors.
    fits : mapping of str to ndarray, shape (n, n_pix)
        Results of `specnb.fitting.residuals.z_scores` for the same stars, by the name of the fit.
        Each fit has a row of panels.

    Returns
    -------
    Figure
        The axes of residuals are linear between −3 and 3 and logarithmic beyond. Those of the
        histograms are linear.

    Raises
    ------
    ValueError
        If the fits differ in shape, or if there is no star that has a result in all fits.
    """
    wavelength = np.asarray(wavelength, dtype=float)
    summary = {row["fit"]: row for row in distribution(fits)}
    common = np.all([np.isfinite(z).any(axis=1) for z in fits.values()], axis=0)
    pixels = {name: by_pixel(wavelength, np.asarray(z)[common]) for name, z in fits.items()}
    edges = np.concatenate(
        [each["mean"] + sign * each["std"] for each in pixels.values() for sign in (-1, 1)]
    )
    reach = max(2.0, 1.1 * np.nanmax(np.abs(edges)))
    parts = detectors(wavelength)
    widths = [np.ptp(wavelength[part]) for part in parts]
    figure = Figure(PAGE, 0.7 + 1.75 * len(fits))
    rows = figure.subplots(
        len(fits),
        len(parts) + 1,
        squeeze=False,
        sharex="col",
        width_ratios=[*widths, 0.3 * sum(widths)],
    )
    for (name, table), (*panels, side) in zip(pixels.items(), rows):
        for axes, part in zip(panels, parts):
            x, mean, std = (np.asarray(table[key])[part] for key in ("wavelength", "mean", "std"))
            band = axes.fill_between(x, mean - std, mean + std, color=SKY, alpha=0.7, linewidth=0)
            (line,) = axes.plot(x, mean, color=BLACK, linewidth=0.4)
            for level in (-1, 1):
                unit = axes.axhline(level, **PERFECT)
            axes.axhline(0, color=GREY, linewidth=0.5)
            axes.set_yscale("symlog", linthresh=LINEAR, linscale=1.3)
            axes.set(xlim=x[[0, -1]], ylim=(-reach, reach))
            ticks, room = (
                MaxNLocator(5 if len(parts) == 1 else 3).tick_values(x[0], x[-1]),
                0.08 * np.ptp(x),
            )
            # No tick near the ends, where its number would overlap with that of the next detector
            axes.set_xticks(ticks[(ticks > x[0] + room) & (ticks < x[-1] - room)])
            _both_ticks(axes.yaxis, reach)
        _open_gaps(panels)
        panels[0].set_ylabel("Residual (σ)")
        panels[0].set_title(name, loc="left")
        _bell(side, histogram(np.asarray(fits[name])[common]), summary[name])
    rows[-1, len(parts) // 2].set_xlabel(WAVELENGTH)
    rows[-1, -1].set_xlabel("Residual (σ)")
    names = (f"mean over {common.sum():,} stars", "mean ± scatter", "perfect model: ±1 and N(0, 1)")
    figure.legend((line, band, unit), names, loc="outside upper right", ncols=3)
    return figure


def _both_ticks(axis, reach):
    """Set ticks as plain numbers on an axis that is linear up to ±3 and logarithmic beyond."""
    ticks = [tick for tick in (1, 2, 3, 10, 100, 1000, 10_000) if tick < reach]
    plain_ticks(axis, [*(-tick for tick in ticks[::-1]), 0, *ticks])


def _open_gaps(panels):
    """Remove the spines between panels of one broken axis, and mark the breaks."""
    mark = {
        "marker": [(-0.5, -1), (0.5, 1)],
        "markersize": 5,
        "linestyle": "",
        "color": BLACK,
        "clip_on": False,
    }
    for first, second in pairwise(panels):
        second.tick_params(labelleft=False)
        for axes, side, at in ((first, "right", 1), (second, "left", 0)):
            axes.spines[side].set_visible(False)
            axes.plot([at, at], [0, 1], transform=axes.transAxes, markeredgewidth=0.6, **mark)
        first.tick_params(right=False, which="both")
        second.tick_params(left=False, which="both")


def _bell(axes, table, row):
    """Draw a histogram of all residuals of a fit, and the unit normal distribution."""
    axes.stairs(
        table["density"], [*table["low"], table["high"][-1]], fill=True, color=SKY, alpha=0.7
    )
    x = np.linspace(-REACH, REACH, 201)
    axes.plot(x, norm.pdf(x), **PERFECT)
    note = f"mean {row['mean']:+.2f}\nσ {row['std']:.2f}\n{100 * row['beyond']:.2g}% beyond ±5".replace(
        "-", "−"
    )
    axes.text(0.07, 0.95, note, transform=axes.transAxes, va="top", fontsize=7)
    axes.set(
        xlim=(-REACH, REACH),
        xticks=(-REACH, 0, REACH),
        ylabel="Density",
        ylim=(0, 1.5 * max(norm.pdf(0), table["density"].max())),
    )


@styled
def label_biases(table, fits=("physics only", "translated"), unit: str = "median_error"):
    """Draw the median of fitted − true for each label in two fits, on one axis.

    Parameters
    ----------
    table : Table
        Result of `specnb.fitting.residuals.label_errors`.
    fits : (str, str)
        Names of two fits in the table, before and after.
    unit : "median_error" or "scatter"
        The unit of the axis for both fits: this quantity of the first fit.

    Returns
    -------
    Figure
        The axis is linear between −3 and 3 and logarithmic beyond. At the right is the number of
        stars that ended at a limit of the label.

    Raises
    ------
    ValueError
        If the unit is unknown, a fit is not in the table, or the two fits have different labels.
    """
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}: give one of {', '.join(UNITS)}")
    before, after = (table[table["fit"] == name] for name in fits)
    labels = list(before["label"])
    if not labels or labels != list(after["label"]):
        raise ValueError(f"the table has the fits {', '.join(dict.fromkeys(table['fit']))}: give two of them, "
                         "with the same labels")  # fmt: skip
    one = np.asarray(before[unit], dtype=float)
    bias = [np.asarray(each["median"], dtype=float) / one for each in (before, after)]
    # the standard error of a median, for normally distributed errors
    error = [
        1.2533 * np.asarray(each["scatter"]) / np.sqrt(each["stars"]) / one
        for each in (before, after)
    ]
    place = np.arange(len(labels))
    figure = Figure(COLUMN, 1.1 + 0.17 * len(labels))
    axes = figure.subplots()
    axes.axvline(0, color=BLACK, linewidth=0.6)
    axes.axvspan(-1, 1, color=GREY, alpha=0.2, linewidth=0)
    axes.hlines(place, *bias, color=GREY, linewidth=0.8)
    for name, x, width, color, marker, shift in zip(
        fits, bias, error, (VERMILLION, BLUE), "DO", (-0.1, 0.1)
    ):
        axes.errorbar(x, place + shift, xerr=width, fmt=marker.lower(), color=color, markersize=3.5, elinewidth=0.8,
                      label=name, zorder=3)  # fmt: skip
    reach = max(np.nanmax(np.abs(bias)) * 1.3, 2.0)
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=1.3)
    axes.set(
        xlim=(-reach, reach), ylim=(len(labels) - 0.4, -0.6), xlabel=f"Median bias / {UNITS[unit]}"
    )
    name_ticks(axes.yaxis, [symbol(name) for name in labels])
    _both_ticks(axes.xaxis, reach)
    limits = axes.twinx()
    limits.set_ylim(axes.get_ylim())
    name_ticks(limits.yaxis, [f"{a} → {b}" for a, b in zip(before["at_limit"], after["at_limit"])])
    limits.set_title("at limit", loc="right", fontsize=7)
    falls = np.sum(np.abs(bias[1]) < np.abs(bias[0]))
    axes.set_title(f"nearer to 0 in {falls} of {len(labels)} labels", loc="left", fontsize=7)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
