"""Figures of how well missing lines are recovered: depths, elements, and what both depend on."""

import numpy as np

from specnb.missing.scores import DEEP
from specnb.plots.missing import COLORS, OTHER
from specnb.plots.panels import name_ticks, plain_ticks
from specnb.plots.style import BLACK, BLUE, COLUMN, GREEN, GREY, ORANGE, PAGE, SKY, Figure, styled

WITHIN, RIGHT = (
    0.15,
    0.9,
)  # the goals: a median depth as near to the truth, and this part of the elements right
SHOWN = (0.4, 1.6)  # of recovered over true depth; what is beyond is an arrowhead at the edge
LINEAR = (
    "linear start"  # the translator before its training: often the same, so drawn in another way
)
MODELS = {"translated": BLUE, LINEAR: GREEN, "baseline": ORANGE, "full emulator": BLACK}
LOOKS = {
    name: {"color": color, "marker": "o", "ms": 3.5, "mfc": "none"}
    for name, color in MODELS.items()
} | {
    LINEAR: {"color": GREEN, "marker": "x", "ms": 3.5, "mfc": "none", "linestyle": "--"},
    "full emulator": {"color": BLACK, "linewidth": 0.6},  # no model alone, but what is perfect
    "base rate": {"color": GREY, "linewidth": 0.6},
    "goal": {"color": SKY, "linewidth": 4, "alpha": 0.5},
}
REFERENCE = {
    "fraction": 0.3,
    "noise": 1.0,
}  # from which a column of panels departs in one quantity; and most n_stars
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
    """Scores against the fraction hidden, the noise and the number of stars, each with the others
    at the reference.

    Parameters
    ----------
    table : Table
        One row for each model and experiment: ``model``, one of `MODELS`; ``fraction``, ``noise``,
        ``n_stars``, ``seed``; and the keys of `specnb.missing.scores.summary`. The reference is
        `REFERENCE` and the most common ``n_stars``.
    median_snr : float
        Median S/N of the stars with noise 1.

    Returns
    -------
    Figure
        One point for each seed, and lines through their medians.

    Raises
    ------
    ValueError
        If the table lacks a column or rows at the reference.
    """
    if lacks := {"model", "seed", "base_rate", *QUANTITIES, *SCORES} - set(table.colnames):
        raise ValueError(
            f"the table lacks {', '.join(sorted(lacks))}: give rows of Experiment.score with their settings"
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
    """A line through the medians at each x, and points if the look has a marker."""
    places = np.unique(x[np.isfinite(y)])
    medians = [np.median(y[(x == place) & np.isfinite(y)]) for place in places]
    axes.plot(places, medians, **{"linewidth": 1.0} | look | {"marker": ""})
    if "marker" in look:
        axes.plot(x, y, **look | {"linestyle": ""})
    elif len(places) == 1:
        axes.plot(places, medians, "_", ms=14, color=look["color"], mew=0.6)  # a line needs two


def _ticks(axes, x):
    """A logarithmic axis with a tick at each value, as plain numbers."""
    values = np.unique(x)
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, values, lambda value: f"{value:,.0f}" if value > 5 else f"{value:g}")
    axes.set_xlim(values[0] / 1.4, values[-1] * 1.4)


@styled
def depth_figure(hidden):
    """Recovered against true depth of each hidden feature, and their ratio.

    Parameters
    ----------
    hidden : Table
        As from `specnb.missing.scores.hidden_features`.

    Returns
    -------
    Figure
        The band is ±15%; left of the dotted line features do not count in the median.
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
    for name, color in {"other": OTHER, **COLORS}.items():  # the named ones on top
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
    """How well the derivatives find what each element lacks.

    Parameters
    ----------
    elements : Table
        As from `specnb.missing.scores.by_element`. Elements that lack nothing are left out.

    Returns
    -------
    Figure
        One row for each element, with the number of its missing features; the element that lacks
        most is on top. An element without a mark for precision was not found anywhere.
    """
    rows = elements[elements["missing"] > 0]
    rows = rows[np.argsort(-np.asarray(rows["missing"]), kind="stable")]
    figure = Figure(COLUMN, 0.9 + 0.19 * max(len(rows), 3))
    axes = figure.subplots()
    places = np.arange(len(rows))
    axes.hlines(places, 0, 1, color=GREY, linewidth=0.3)
    offsets = dict(zip(("precision", "recall"), (-0.13, 0.13)))  # often the same
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
