"""Figures of what is left between spectra or labels and the truth: residuals of translated spectra
and of fits (Fig. 3 of O'Briain et al. 2020), and pulls and biases of labels.
"""

import numpy as np
from matplotlib.scale import SymmetricalLogScale
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from specnb.core.wavelength import detectors
from specnb.fitting.pulls import label_pulls
from specnb.fitting.residuals import REACH, by_pixel, common_stars, distribution
from specnb.plots.style import (
    BLACK,
    BLUE,
    DOMAINS,
    GREEN,
    GREY,
    PAGE,
    PURPLE,
    SKY,
    VERMILLION,
    WAVELENGTH,
    Figure,
    curves,
    legend,
    name_ticks,
    note,
    panel_grid,
    plain_ticks,
    styled,
    symbol,
)

PERFECT = {"color": VERMILLION, "linestyle": "--", "linewidth": 0.8}
# Axes of residuals and biases are linear up to 3 and logarithmic beyond
SYMLOG = SymmetricalLogScale(None, linthresh=3.0, linscale=1.3)
TICKS = (-10_000, -1000, -100, -10, -3, -2, -1, 0, 1, 2, 3, 10, 100, 1000, 10_000)


@styled
def pulls(fit, truth, labels):
    """Draw a histogram of the `label_pulls` of each label, and the unit Gaussian.

    Parameters
    ----------
    fit : Table
        It has the columns ``<label>`` and ``<label>_error``.
    truth : Table
        True labels of the same stars in the same order.
    labels : sequence of str

    Returns
    -------
    Figure
        If the model and the errors are right, the histograms follow the Gaussian.
    """
    figure, panels = panel_grid(len(labels), 1.9)
    for name, axes in zip(labels, panels):
        pull = label_pulls(fit, truth, name)
        pull = pull[np.isfinite(pull)]
        _bell(axes, pull, int(np.clip(len(pull) // 8, 10, 40)), 1.365, color=BLACK)
        beyond = np.sum(np.abs(pull) > REACH)
        text = f"mean {pull.mean():+.2f}\nstd {pull.std():.2f}"
        note(axes, text + (f"\n{beyond} beyond ±5" if beyond else ""))
        axes.set_xlabel(f"Pull of {symbol(name)}")
    return figure


def _bell(axes, values, bins: int, room: float, **look):
    """Draw a histogram of values in standard errors, and the unit normal distribution. The density
    counts values beyond ±5, too. The axis is higher than the curves by the factor ``room``.
    """
    counts, edges = np.histogram(values, bins, (-REACH, REACH))
    density = counts / (max(len(values), 1) * np.diff(edges))
    axes.stairs(density, edges, fill=True, color=SKY, alpha=0.7)
    x = np.linspace(-REACH, REACH, 201)
    axes.plot(x, norm.pdf(x), **look)
    top = max(norm.pdf(0), density.max())
    axes.set(xlim=(-REACH, REACH), ylim=(0, room * top), ylabel="Density")


@styled
def mean_differences(wavelength, differences):
    """Draw the mean and the scatter over the stars of the errors of spectra.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    differences : mapping of str to ndarray, shape (n, n_pix)
        Spectra minus the truth: "synthetic", "translated", "perfect translator" and "observed". NaN
        in bad pixels. Observed spectra differ from the truth by noise alone. So they show what the
        noise of as many stars does to mean and scatter.

    Returns
    -------
    Figure
        Each detector has a panel for the mean and one for the scatter, which has a logarithmic
        axis.
    """
    tables = {name: by_pixel(wavelength, values) for name, values in differences.items()}
    n = len(detectors(wavelength))
    figure, panels = panel_grid(2 * n, 1.2, 0.7, columns=1, xlabel=WAVELENGTH)
    colors = DOMAINS | {"perfect translator": BLACK}
    _curves(panels[::2], wavelength, tables, "mean", colors)
    _curves(panels[1::2], wavelength, tables, "std", colors)
    for upper, lower in panels.reshape(-1, 2):
        upper.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        upper.set_ylabel("Mean of\nspectrum − truth")
        lower.set(ylabel="Scatter of\nspectrum − truth", yscale="log")
        plain_ticks(lower.yaxis, (0.001, 0.003, 0.01, 0.03, 0.1))
    legend(figure, lower, loc="outside upper center")
    return figure


def _curves(panels, wavelength, tables, statistic, colors):
    """Draw one column of the tables of `by_pixel`, in a panel for each detector, on one scale."""
    for axes in panels[1:]:
        axes.sharey(panels[0])
    for axes, part in zip(panels, detectors(wavelength)):
        shown = {name: (tables[name][statistic][part], colors[name], 0.6) for name in tables}
        curves(axes, wavelength[part], shown)
        axes.set_xlim(wavelength[part][[0, -1]])


@styled
def residual_bands(wavelength, fits):
    """Draw the residuals of fits in standard errors: their mean and scatter over the stars in each
    pixel, and a histogram of all residuals (Fig. 3). The last row compares the scatters.

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
        histograms are linear, and that of the scatter is logarithmic. With noise alone the scatter
        is 1.

    Raises
    ------
    ValueError
        If the fits differ in shape, or if there is no star that has a result in all fits.
    """
    common = common_stars({name: np.isfinite(z).any(axis=1) for name, z in fits.items()})
    fits = {name: np.asarray(z)[common] for name, z in fits.items()}
    tables = {name: by_pixel(wavelength, z) for name, z in fits.items()}
    reach = max(2.0, *(1.1 * np.nanmax(abs(t["mean"]) + t["std"]) for t in tables.values()))
    figure, parts, rows = _broken_axes(wavelength, len(fits) + 1)
    for (*panels, side), summary in zip(rows, distribution(fits)):
        name = summary["fit"]
        for axes, part in zip(panels, parts):
            x, mean, std = (tables[name][key][part] for key in ("wavelength", "mean", "std"))
            band = axes.fill_between(x, mean - std, mean + std, color=SKY, alpha=0.7, linewidth=0)
            (line,) = axes.plot(x, mean, color=BLACK, linewidth=0.4)
            for level in (-1, 1):
                unit = axes.axhline(level, **PERFECT)
            axes.axhline(0, color=GREY, linewidth=0.5)
            axes.set(yscale=SYMLOG, ylim=(-reach, reach))
            plain_ticks(axes.yaxis, TICKS)
        panels[0].set_ylabel("Residual (σ)")
        panels[0].set_title(name, loc="left")
        _bell(side, fits[name][np.isfinite(fits[name])], 100, 1.5, **PERFECT)
        text = "mean {mean:+.2f}\nσ {std:.2f}\n{percent:.2g}% beyond ±5"
        note(side, text.format(percent=100 * summary["beyond"], **summary), x=0.07)
        side.set_xticks((-REACH, 0, REACH))
    side.set_xlabel("Residual (σ)")
    side.tick_params(labelbottom=True)
    *panels, corner = rows[-1]
    _curves(panels, wavelength, tables, "std", dict(zip(tables, (BLACK, GREEN, PURPLE))))
    for axes in panels:
        axes.axhline(1, label="noise alone", **PERFECT)
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, (0.5, 1, 2, 5, 10, 20, 50, 100))
    panels[0].set_ylabel("Scatter (σ)")
    corner.set_axis_off()
    corner.legend(*axes.get_legend_handles_labels(), loc="center left")
    mean = f"mean over {common.sum():,} stars"
    legend(figure, {mean: line, "mean ± scatter": band, "perfect model: ±1 and N(0, 1)": unit})
    return figure


def _broken_axes(wavelength, rows: int):
    """Make a page-wide figure. Each row has one panel for each detector, which are the parts of one
    broken axis, and a further panel at the side.
    """
    parts = detectors(wavelength)
    widths = [np.ptp(wavelength[part]) for part in parts]
    ratios = [*widths, 0.3 * sum(widths)]
    figure = Figure(PAGE, 0.7 + 1.75 * rows)
    grid = figure.subplots(rows, len(ratios), squeeze=False, sharex="col", width_ratios=ratios)
    for axes, part, width in zip(grid[0], parts, widths):
        low, high = wavelength[part][[0, -1]]
        ticks = MaxNLocator(5 if len(parts) == 1 else 3).tick_values(low, high)
        # No tick near the ends, where its number would overlap with that of the next detector
        inner = (ticks > low + 0.08 * width) & (ticks < high - 0.08 * width)
        axes.set(xlim=(low, high), xticks=ticks[inner])
    mark = {
        "marker": [(-0.5, -1), (0.5, 1)],
        "markersize": 5,
        "markeredgewidth": 0.6,
        "color": BLACK,
        "linestyle": "",
        "clip_on": False,
    }
    broken = [("right", 1, axes) for axes in grid[:, :-2].flat]
    broken += [("left", 0, axes) for axes in grid[:, 1:-1].flat]
    for side, at, axes in broken:
        axes.spines[side].set_visible(False)
        axes.tick_params(which="both", **{side: False, f"label{side}": False})
        axes.plot([at, at], [0, 1], transform=axes.transAxes, **mark)
    grid[-1, len(parts) // 2].set_xlabel(WAVELENGTH)
    return figure, parts, grid


@styled
def label_biases(table, fits=("physics only", "translated"), of="bias"):
    """Draw the median and the scatter of fitted − true for each label in up to four fits.

    Parameters
    ----------
    table : Table
        Result of `specnb.fitting.residuals.label_errors`.
    fits : sequence of str
        Names of fits in the table. The others are compared with the first.
    of : str
        What the median is of, for the title of the axis, such as "difference" from a catalogue.

    Returns
    -------
    Figure
        Left is the bias, with its bootstrap error, and right the scatter. The unit of both, for all
        fits, is the median error that the first fit states. The axis of the bias is linear between
        −3 and 3 and logarithmic beyond. At the right are the numbers of stars that ended at a limit
        of the label, in the order of the fits.
    """
    shown = {name: table[table["fit"] == name] for name in fits}
    if missing := [name for name, rows in shown.items() if not len(rows)]:
        raise KeyError(f"the table has no fit {', '.join(missing)}")
    first = shown[fits[0]]
    unit, place = first["median_error"], np.arange(len(first))
    reach = max(2.0, *(1.3 * np.nanmax(np.abs(each["median"] / unit)) for each in shown.values()))
    figure, (axes, widths) = panel_grid(2, 1.1 + 0.17 * len(first), columns=2, width=PAGE)
    limits = widths.twinx()
    axes.axvline(0, color=BLACK, linewidth=0.6)
    axes.axvspan(-1, 1, color=GREY, alpha=0.2, linewidth=0)
    widths.axvline(1, **PERFECT)
    looks = zip((VERMILLION, BLUE, PURPLE, BLACK), "dos^")
    for k, ((name, rows), (color, mark)) in enumerate(zip(shown.items(), looks)):
        y = place + 0.2 * (k - 0.5 * (len(shown) - 1))
        look = {"fmt": mark, "color": color, "markersize": 3, "elinewidth": 0.8, "label": name}
        error = rows["bootstrap_error"] / unit
        axes.errorbar(rows["median"] / unit, y, xerr=error, zorder=3, **look)
        widths.errorbar(rows["scatter"] / unit, y, zorder=3, **look)
    axes.set(xscale=SYMLOG, xlim=(-reach, reach), xlabel=f"Median {of} / median stated error")
    widths.set(xscale="log", xlabel="Scatter / median stated error")
    for each in (axes, widths, limits):
        each.set_ylim(len(first) - 0.4, -0.6)
    plain_ticks(axes.xaxis, TICKS)
    plain_ticks(widths.xaxis, (0.5, 1, 2, 5, 10, 20, 50, 100))
    name_ticks(axes.yaxis, [symbol(name) for name in first["label"]])
    name_ticks(widths.yaxis, [""] * len(first))
    stars = zip(*(rows["at_limit"] for rows in shown.values()))
    name_ticks(limits.yaxis, [" / ".join(map(str, each)) for each in stars])
    limits.set_title("stars at limit", loc="right", fontsize=7)
    legend(figure, axes, loc="outside upper center")
    return figure
