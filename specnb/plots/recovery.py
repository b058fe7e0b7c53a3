"""Figures of how well missing lines are recovered: their depths, and their elements."""

import numpy as np

from specnb.missing.scores import DEEP
from specnb.plots.missing import COLORS, OTHER
from specnb.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    ORANGE,
    PAGE,
    SKY,
    Figure,
    legend,
    name_ticks,
    panel_grid,
    plain_ticks,
    styled,
)

WITHIN = 0.15  # the goal: largest error of the median depth
RIGHT = 0.9  # the goal: fraction of elements that are right
SHOWN = (0.4, 1.6)  # range of recovered / true depth; values outside are arrowheads at the edge
CIRCLE = {"marker": "o", "ms": 3.5, "mfc": "none"}
LOOKS = {
    "translated": {"color": BLUE} | CIRCLE,
    # The translator before its training; both often agree, so it has another style
    "linear start": {"color": GREEN, "linestyle": "--", "marker": "x", "ms": 3.5},
    "baseline": {"color": ORANGE} | CIRCLE,
    # The full emulator is not a model to be tested, but the perfect result
    "full emulator": {"color": BLACK, "linewidth": 0.6},
    "base rate": {"color": GREY, "linewidth": 0.6},
    "goal": {"color": SKY, "linewidth": 4, "alpha": 0.5},
}
# The quantities that are varied, with their titles. The last one has no numbers but names
QUANTITIES = {
    "fraction": "Fraction of features hidden",
    "noise": "Median S/N",
    "n_stars": "Stars of each domain",
    "case": "What differs",
}
SCORES = {
    "depth": "Recovered /\ntrue depth (median)",
    "named": "Right element first\n(Mg, Si, Fe, C)",
    "average_precision": "Average precision\n(mean over elements)",
}
# Marks are set apart by an offset if they often have the same value
MARKS = {
    "precision": ("o", 4, BLUE, -0.13, "precision"),
    "recall": ("s", 4, ORANGE, 0.13, "recall"),
    "average_precision": ("D", 4, GREEN, 0, "average precision (pixels)"),
    "base_rate": ("|", 10, BLACK, 0, "its base rate"),
}


@styled
def score_figure(table, median_snr: float = 130.0):
    """Draw scores against the hidden fraction, the noise, the number of stars and the case. While one
    of them varies, the others have the values of the first row.

    Parameters
    ----------
    table : Table
        One row for each model and experiment. The columns are ``model``, one of `LOOKS`,
        ``fraction``, ``noise``, ``n_stars``, ``case``, ``seed``, and the keys of
        `specnb.missing.scores.summary`.
    median_snr : float
        Median S/N of the stars if the scale of the noise is 1.

    Returns
    -------
    Figure
        Each seed is a point, and lines connect the medians.
    """
    alike = {name: np.asarray(table[name] == table[name][0]) for name in QUANTITIES}
    cases = list(dict.fromkeys(table["case"]))
    figure = Figure(PAGE, 4.9)
    grid = figure.subplots(3, len(QUANTITIES), sharex="col", sharey="row")
    for column, (quantity, title) in zip(grid.T, QUANTITIES.items()):
        rows = table[np.all([alike[other] for other in QUANTITIES if other != quantity], axis=0)]
        named = quantity == "case"
        x = np.array([cases.index(name) for name in rows["case"]]) if named else rows[quantity]
        x = median_snr / x if quantity == "noise" else np.asarray(x)
        for axes, score in zip(column, SCORES):
            for name, look in LOOKS.items():
                own = rows["model"] == name
                _against(axes, x[own], rows[score][own], look, not named)
        _against(column[2], x, rows["base_rate"], LOOKS["base rate"], not named)
        column[0].axhspan(1 - WITHIN, 1 + WITHIN, color=SKY, alpha=0.25, linewidth=0)
        column[1].axhspan(RIGHT, 1, color=SKY, alpha=0.25, linewidth=0)
        column[2].set_xlabel(title)
        if named:
            column[2].set_xticks(range(len(cases)), [name.replace(" ", "\n") for name in cases])
            column[2].margins(x=0.3)
            continue
        column[2].set(xscale="log", xlim=(x.min() / 1.4, x.max() * 1.4))
        plain_ticks(
            column[2].xaxis,
            np.unique(x),
            lambda value: f"{value:,.0f}" if value > 5 else f"{value:g}",
        )
    for axes, title in zip(grid[:, 0], SCORES.values()):
        axes.set_ylabel(title)
    for axes in grid[1:, 0]:
        axes.set_ylim(-0.05, 1.05)
    shown = {*table["model"], "base rate", "goal"}
    marks = {name: look for name, look in LOOKS.items() if name in shown}
    legend(figure, marks, loc="outside upper center")
    return figure


def _against(axes, x, y, look, connected):
    """Draw points if the style has a marker, and connect the medians at each x by a line."""
    places = np.unique(x[np.isfinite(y)])
    medians = [np.nanmedian(y[x == place]) for place in places]
    if connected:
        axes.plot(places, medians, **{"linewidth": 1.0} | look | {"marker": ""})
    if "marker" in look:
        axes.plot(x, y, **look | {"linestyle": ""})
    elif len(places) == 1 or not connected:
        # A mark, because a line would need two points
        axes.plot(places, medians, "_", ms=14, color=look["color"], mew=0.6)


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
    figure, (top, bottom) = panel_grid(
        2, 2.1, columns=1, width=COLUMN, sharex=True, height_ratios=[1.7, 1]
    )
    depth, recovered = (np.asarray(hidden[name], dtype=float) for name in ("depth", "recovered"))
    ratio = recovered / np.where(depth > 0, depth, np.nan)
    beyond = (ratio > SHOWN[1]) * 1 - (ratio < SHOWN[0])
    line = np.array([0.0, 1.06 * max(depth.max(initial=0.1), recovered.max(initial=0.1))])
    for axes, one in ((top, line), (bottom, np.ones(2))):
        axes.fill_between(
            line, (1 - WITHIN) * one, (1 + WITHIN) * one, color=SKY, alpha=0.3, linewidth=0
        )
        axes.plot(line, one, color=GREY, linewidth=0.6)
        axes.axvline(DEEP, color=GREY, linestyle=":", linewidth=0.8)
    kind = np.where(np.isin(hidden["element"], list(COLORS)), hidden["element"], "other")
    # Elements with a name in the legend are drawn on top
    colors = {"other": OTHER} | COLORS
    for name in [name for name in colors if name in kind]:
        own = kind == name
        look = {"s": 12, "color": colors[name], "alpha": 0.8, "linewidths": 0}
        top.scatter(depth[own], recovered[own], label=f"{name} ({own.sum()})", **look)
        for side, marker in ((0, "o"), (1, "^"), (-1, "v")):
            some = own & (beyond == side)
            y = np.clip(ratio[some], *SHOWN)
            bottom.scatter(depth[some], y, marker=marker, clip_on=side == 0, **look)
    bottom.set(xlim=line, ylim=SHOWN, xlabel="True depth", ylabel="Recovered / true")
    top.set(ylim=(1.06 * recovered.min(initial=0.0), line[1]), ylabel="Recovered depth")
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
    rows = rows[np.argsort(-rows["missing"], kind="stable")]
    height = 0.9 + 0.19 * max(len(rows), 3)
    figure, (axes,) = panel_grid(1, height, columns=1, width=COLUMN)
    places = np.arange(len(rows))
    axes.hlines(places, 0, 1, color=GREY, linewidth=0.3)
    for name, (marker, size, color, offset, title) in MARKS.items():
        axes.plot(
            rows[name],
            places + offset,
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
