"""Figures of how well missing lines are recovered: their depths, and their elements."""

import numpy as np

from specnb.missing.scores import DEEP
from specnb.plots.missing import COLORS, OTHER
from specnb.plots.panels import name_ticks, plain_ticks
from specnb.plots.style import BLACK, BLUE, COLUMN, GREEN, GREY, ORANGE, PAGE, SKY, Figure, styled

# The goals: largest error of the median depth, and fraction of elements that are right
WITHIN, RIGHT = (
    0.15,
    0.9,
)
SHOWN = (0.4, 1.6)  # range of recovered / true depth; values outside are arrowheads at the edge
LINEAR = (
    "linear start"  # the translator before its training; both often agree, so it has another style
)
MODELS = {"translated": BLUE, LINEAR: GREEN, "baseline": ORANGE, "full emulator": BLACK}
LOOKS = {
    name: {"color": color, "marker": "o", "ms": 3.5, "mfc": "none"}
    for name, color in MODELS.items()
} | {
    LINEAR: {"color": GREEN, "marker": "x", "ms": 3.5, "mfc": "none", "linestyle": "--"},
    # The full emulator is not a model to be tested, but the perfect result
    "full emulator": {"color": BLACK, "linewidth": 0.6},
    "base rate": {"color": GREY, "linewidth": 0.6},
    "goal": {"color": SKY, "linewidth": 4, "alpha": 0.5},
}
# Each column of panels varies one quantity from here; n_stars is the most common one
REFERENCE = {
    "fraction": 0.3,
    "noise": 1.0,
}
QUANTITIES = {
    "fraction": "Fraction of features hidden",
    "noise": "Median S/N",
    "n_stars": "Stars of each domain",
}
SCORES = {
    "depth": "Recovered /\ntrue depth (median)",
    "named": "Right element first\n(Mg, Si, Fe, C)",
    "average_precision": "Average precision\n(mean over elements)",
}
MARKS = {
    "precision": ("o", BLUE, "precision"),
    "recall": ("s", ORANGE, "recall"),
    "average_precision": ("D", GREEN, "average precision (pixels)"),
    "base_rate": ("|", BLACK, "its base rate"),
}


@styled
def score_figure(table, median_snr: float = 130.0):
    """Draw scores against the hidden fraction, the noise and the number of stars. While one of them
    varies, the others have their values of the reference.

    Parameters
    ----------
    table : Table
        One row for each model and experiment. The columns are ``model``, one of `MODELS`,
        ``fraction``, ``noise``, ``n_stars``, ``seed``, and the keys of
        `specnb.missing.scores.summary`. The reference is `REFERENCE` and the most common
        ``n_stars``.
    median_snr : float
        Median S/N of the stars if the scale of the noise is 1.

    Returns
    -------
    Figure
        Each seed is a point, and lines connect the medians.

    Raises
    ------
    ValueError
        If the table lacks a column, or has no rows at the reference.
    """
    if lacks := {"model", "seed", "base_rate", *QUANTITIES, *SCORES} - set(table.colnames):
        raise ValueError(
            f"the table lacks {', '.join(sorted(lacks))}: give rows of HiddenLines.score with their settings"
        )
    sizes, counts = np.unique(np.asarray(table["n_stars"]), return_counts=True)
    at = {name: np.isclose(table[name], value) for name, value in REFERENCE.items()}
    at["n_stars"] = np.asarray(table["n_stars"]) == sizes[np.argmax(counts)]
    figure = Figure(PAGE, 4.9)
    grid = figure.subplots(3, 3, sharex="col", sharey="row")
    for column, (quantity, title) in zip(grid.T, QUANTITIES.items()):
        rows = table[np.all([at[other] for other in QUANTITIES if other != quantity], axis=0)]
        if not len(rows):
            wanted = ", ".join(
                f"{name} {value:g}" for name, value in REFERENCE.items() if name != quantity
            )
            raise ValueError(
                f"the table has no row with {wanted} and most other settings alike: add the reference"
            )
        x = np.asarray(rows[quantity], dtype=float)
        x = median_snr / x if quantity == "noise" else x
        for axes, score in zip(column, SCORES):
            for name in MODELS:
                own = np.asarray(rows["model"]) == name
                _against(axes, x[own], np.asarray(rows[score], dtype=float)[own], LOOKS[name])
        _against(column[2], x, np.asarray(rows["base_rate"], dtype=float), LOOKS["base rate"])
        _ticks(column[2], x)
        column[2].set_xlabel(title)
        column[0].axhspan(1 - WITHIN, 1 + WITHIN, color=SKY, alpha=0.25, linewidth=0)
        column[1].axhspan(RIGHT, 1, color=SKY, alpha=0.25, linewidth=0)
    for axes, title in zip(grid[:, 0], SCORES.values()):
        axes.set_ylabel(title)
    for axes in grid[1:, 0]:
        axes.set_ylim(-0.05, 1.05)
    shown = [name for name in LOOKS if name in {*table["model"], "base rate", "goal"}]
    handles = [grid[0, 0].plot([], [], **LOOKS[name])[0] for name in shown]
    figure.legend(handles, shown, loc="outside upper center", ncols=len(shown))
    return figure


def _against(axes, x, y, look):
    """Draw a line through the medians at each x, and points if the style has a marker."""
    places = np.unique(x[np.isfinite(y)])
    medians = [np.median(y[(x == place) & np.isfinite(y)]) for place in places]
    axes.plot(places, medians, **{"linewidth": 1.0} | look | {"marker": ""})
    if "marker" in look:
        axes.plot(x, y, **look | {"linestyle": ""})
    elif len(places) == 1:
        # A mark, because a line would need two points
        axes.plot(places, medians, "_", ms=14, color=look["color"], mew=0.6)


def _ticks(axes, x):
    """Make the axis logarithmic, with a plain number as the tick at each value."""
    values = np.unique(x)
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, values, lambda value: f"{value:,.0f}" if value > 5 else f"{value:g}")
    axes.set_xlim(values[0] / 1.4, values[-1] * 1.4)


@styled
def depth_figure(hidden):
    """Draw the recovered against the true depth of each hidden feature, and their ratio.

    Parameters
    ----------
    hidden : Table
        As from `specnb.missing.scores.hidden_features`.

    Returns
    -------
    Figure
        The band is ±15%. Features to the left of the dotted line do not count in the median.
    """
    figure = Figure(COLUMN, 4.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1.7, 1])
    depth, recovered = (np.asarray(hidden[name], dtype=float) for name in ("depth", "recovered"))
    ratio = recovered / np.where(depth > 0, depth, np.nan)
    line = np.array([0.0, 1.06 * max(depth.max(initial=0.1), recovered.max(initial=0.1))])
    for axes, one in ((top, line), (bottom, np.ones(2))):
        axes.fill_between(
            line, (1 - WITHIN) * one, (1 + WITHIN) * one, color=SKY, alpha=0.3, linewidth=0
        )
        axes.plot(line, one, color=GREY, linewidth=0.6)
        axes.axvline(DEEP, color=GREY, linestyle=":", linewidth=0.8)
    elements = np.asarray(hidden["element"])
    # Elements with a name in the legend are drawn on top
    for name, color in {"other": OTHER, **COLORS}.items():
        own = ~np.isin(elements, list(COLORS)) if name == "other" else elements == name
        if own.any():
            look = {"s": 12, "color": color, "alpha": 0.8, "linewidths": 0}
            top.scatter(depth[own], recovered[own], label=f"{name} ({own.sum()})", **look)
            far = np.sign(ratio - np.mean(SHOWN)) * ~((ratio > SHOWN[0]) & (ratio < SHOWN[1])) * own
            bottom.scatter(depth[own & (far == 0)], ratio[own & (far == 0)], **look)
            for side, marker, edge in ((1, "^", SHOWN[1]), (-1, "v", SHOWN[0])):
                bottom.scatter(
                    depth[far == side],
                    np.full((far == side).sum(), edge),
                    marker=marker,
                    clip_on=False,
                    **look,
                )
    bottom.set(xlim=line, ylim=SHOWN, xlabel="True depth", ylabel="Recovered / true")
    low = min(0.0, 1.06 * recovered.min(initial=0.0))
    top.set(ylim=(low, line[1]), ylabel="Recovered depth")
    top.legend(loc="upper left")
    return figure


@styled
def elements_figure(elements):
    """Draw how well the derivatives find the missing features of each element.

    Parameters
    ----------
    elements : Table
        As from `specnb.missing.scores.by_element`. Elements without missing features are left out.

    Returns
    -------
    Figure
        It has one row for each element, with the number of its missing features. The element with
        the most missing features is on top. If an element has no mark for precision, it was not
        found anywhere.
    """
    rows = elements[elements["missing"] > 0]
    rows = rows[np.argsort(-np.asarray(rows["missing"]), kind="stable")]
    figure = Figure(COLUMN, 0.9 + 0.19 * max(len(rows), 3))
    axes = figure.subplots()
    places = np.arange(len(rows))
    axes.hlines(places, 0, 1, color=GREY, linewidth=0.3)
    # The marks are set apart, because they often have the same value
    offsets = dict(zip(("precision", "recall"), (-0.13, 0.13)))
    for name, (marker, color, title) in MARKS.items():
        at = places + offsets.get(name, 0.0)
        size = 10 if marker == "|" else 4
        axes.plot(
            np.asarray(rows[name], float),
            at,
            marker,
            ms=size,
            mfc="none",
            color=color,
            label=title,
            clip_on=False,
        )
    name_ticks(axes.yaxis, [f"{row['element']} ({row['missing']})" for row in rows])
    axes.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.4, -0.6), xlabel="Score")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
