"""Figure of an ablation: several measures of the quality of translators, each of which was trained
with one part of the method changed.
"""

import numpy as np
from matplotlib.lines import Line2D

from specnb.plots.panels import name_ticks, panel_grid, plain_ticks
from specnb.plots.style import BLACK, BLUE, GREY, VERMILLION, styled

# The columns of a table of scores that are drawn, the upper row of panels first. For each: title,
# scale, ticks, and the value that a perfect model would have, or None if it depends on the noise.
MEASURES = {
    "chi2": ("Mean reduced χ² of fits", "log", (1, 1.5, 2, 3, 5, 10, 20), 1.0),
    "auc": ("Two-sample AUC", "linear", (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), 0.5),
    "rms": (
        "Error of spectra (rms of flux)",
        "log",
        (0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03),
        None,
    ),
    "teff_bias": (
        "|Median error| of $T_\\mathrm{eff}$ (K)",
        "asinh",
        (0, 10, 30, 100, 300, 1000),
        0.0,
    ),
    "logg_bias": ("|Median error| of log g (dex)", "linear", (0, 0.2, 0.4, 0.6, 0.8, 1), 0.0),
    "teff_scatter": (
        "Scatter of errors of $T_\\mathrm{eff}$ (K)",
        "log",
        (20, 50, 70, 100, 200, 300, 500, 1000),
        None,
    ),
}
# The linear width is in K. Smaller biases than this can be due to the sample of stars.
SCALES = {"log": {}, "linear": {}, "asinh": {"linear_width": 10.0}}


@styled
def ablation(table, reference: str = "full", before: str = "physics only"):
    """Draw the scores of all variants, with one panel for each measure and one row for each
    variant. Each seed is a point, and their mean is a bar.

    Parameters
    ----------
    table : Table
        One row for each variant and seed, with columns ``variant`` and `MEASURES`, as from
        `specnb.translate.comparison.score`.
    reference : str
        The variant that others are compared with. A band spans the range of its scores.
    before : str
        The row of spectra that are not translated; it has another colour.

    Returns
    -------
    Figure
        In all panels, a point that lies further to the left is better.

    Raises
    ------
    ValueError
        If the table lacks a column, or has no rows of the reference.
    """
    if missing := {"variant", *MEASURES} - set(table.colnames):
        raise ValueError(
            f"the table lacks {', '.join(sorted(missing))}: give rows of specnb.translate.comparison.score"
        )
    variants = list(dict.fromkeys(table["variant"]))
    if reference not in variants:
        raise ValueError(
            f"there is no variant {reference!r} to compare with: the table has {', '.join(variants)}"
        )
    place = np.array([variants.index(name) for name in table["variant"]])
    figure, panels = panel_grid(len(MEASURES), 0.45 + 0.19 * len(variants), header=0.3, sharey=True)
    for axes, (name, (title, scale, ticks, perfect)) in zip(panels, MEASURES.items()):
        values = np.abs(np.asarray(table[name], dtype=float))
        own = values[place == variants.index(reference)]
        axes.axvspan(own.min(), own.max(), color=GREY, alpha=0.3, linewidth=0.8)
        if perfect is not None:
            axes.axvline(perfect, color=VERMILLION, linestyle="--", linewidth=0.8)
        for row, variant in enumerate(variants):
            some, color = values[place == row], BLACK if variant == before else BLUE
            axes.plot(
                some,
                np.full(len(some), row),
                "o",
                markersize=3.5,
                markerfacecolor="none",
                markeredgecolor=color,
            )
            if len(some) > 1:
                axes.plot(some.mean(), row, "|", color=color, markersize=11, markeredgewidth=1.2)
        _axis(axes, np.append(values, [] if perfect is None else perfect), scale, ticks)
        axes.set_xlabel(title)
        name_ticks(axes.yaxis, variants)
    panels[0].set_ylim(len(variants) - 0.5, -0.5)
    dot, bar = {"marker": "o", "markerfacecolor": "none"}, {"marker": "|", "markersize": 11}
    handles = [
        Line2D([], [], linestyle="", markersize=3.5, color=BLUE, label="one training", **dot)
    ]
    if len(table) > len(variants):
        handles.append(Line2D([], [], linestyle="", color=BLUE, label="mean", **bar))
    handles.append(
        Line2D([], [], color=GREY, linewidth=3, alpha=0.5, label=f"range of {reference}")
    )
    handles.append(Line2D([], [], color=VERMILLION, linestyle="--", label="perfect"))
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def _axis(axes, values, scale, ticks):
    """Set the scale, leave room beside the values, and write plain numbers at the ticks."""
    axes.set_xscale(scale, **SCALES[scale])
    forward, back = axes.xaxis.get_transform(), axes.xaxis.get_transform().inverted()
    ends = forward.transform(np.array([values.min(), values.max()]))
    low, high = back.transform(ends + 0.1 * max(np.ptp(ends), 0.1) * np.array([-1, 1]))
    axes.set_xlim(low, high)
    plain_ticks(axes.xaxis, ticks)
