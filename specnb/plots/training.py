"""Figures of trainings: losses and other numbers while they run, and the results of several."""

import textwrap

import numpy as np
from matplotlib.artist import setp
from matplotlib.scale import AsinhScale, SymmetricalLogScale
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from specnb.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    DOMAINS,
    GREY,
    PAGE,
    VERMILLION,
    Figure,
    axis_title,
    column,
    distinct_colors,
    history_curve,
    legend,
    name_ticks,
    panel_grid,
    plain_text,
    plain_ticks,
    styled,
    symbol,
)

CHI2 = ("reconstruction", "cycle")  # numbers with logarithmic axes
# Titles of numbers in a translator's history, and their values where the domains are alike
NUMBERS = {
    "reconstruction": ("Reconstruction (χ²/pixel)", None),
    "cycle": ("Cycle (χ²/pixel)", None),
    "adversarial": ("Adversarial loss (nats)", 2 * np.log(2)),  # the sum of both domains
    "critics": ("Loss of the critics (nats)", np.log(2)),
    "critics_right": ("Right verdicts of the critics", 0.5),
    "latents": ("Distance² of mean latents", 0.0),
    "auc": ("Two-sample AUC", 0.5),
}
# Biases below 10 K can be due to the sample of stars
FROM_10_K = AsinhScale(None, linear_width=10.0)
# The columns of a table of ablation scores that are drawn, the upper row of panels first. For each:
# title, scale, ticks, and the value of a perfect model, or None if it depends on the noise
MEASURES = {
    "chi2": ("Mean reduced χ² of fits", "log", (1, 1.5, 2, 3, 5, 10, 20), 1.0),
    "auc": ("Two-sample AUC", "linear", (0.5, 0.6, 0.7, 0.8, 0.9, 1), 0.5),
    "rms": ("Error of spectra (rms of flux)", "log", (0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03),
            None),
    "teff_bias": ("|Median error| of $T_\\mathrm{eff}$ (K)", FROM_10_K, (0, 10, 30, 100, 300, 1000),
                  0.0),
    "logg_bias": ("|Median error| of log g (dex)", "linear", (0, 0.2, 0.4, 0.6, 0.8, 1), 0.0),
    "teff_scatter": ("Scatter of errors of $T_\\mathrm{eff}$ (K)", "log",
                     (20, 50, 70, 100, 200, 300, 500, 1000), None),
}  # fmt: skip
SEED = {"marker": "o", "linestyle": "", "markersize": 3.5, "markerfacecolor": "none"}
MEAN = {"marker": "|", "linestyle": "", "markersize": 11, "markeredgewidth": 1.2}
REFERENCE = "full"  # variant of an ablation with which the others are compared
MANY_DECADES = 10.0  # if the values of x span a larger ratio, their axis is logarithmic
FEW_VALUES = 6  # up to so many values of x get one tick each


@styled
def disentangling_history(history, chance=None, linear=None, mlp=None, epochs=None):
    """Draw losses and the results of probes against the epoch.

    Parameters
    ----------
    history : list of dict
        Rows of `Disentangler.history`.
    chance : mapping, optional
        Loss at chance level of each discriminator, from `specnb.disentangle.score.chance_levels`.
        It is drawn as a dashed line.
    linear : mapping, optional
        Results of linear probes, as ``{epoch: {label: R²}}``.
    mlp : mapping, optional
        Results of MLP probes of the trained model, ``{label: R²}``: stars at the right edge.
    epochs : int, optional
        Last epoch of the axis, for a training that is still running.

    Returns
    -------
    Figure
    """
    figure = Figure(PAGE, 2.35, layout="none")  # a constrained layout would take twice as long
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.165, top=0.915, wspace=0.27)
    left, middle, right = panels = figure.subplots(1, 3)
    end = max(epochs or 0, len(history), 1)
    rms = [row | {key: np.sqrt(row[key]) for key in ("train", "reconstruction")} for row in history]
    history_curve(left, rms, "epoch", "train", color=GREY, label="training stars")
    history_curve(left, rms, "epoch", "reconstruction", color=BLACK, label="validation stars")
    left.set_ylabel("Rms flux error of reconstruction")
    if history:
        left.legend()
    columns = dict.fromkeys(key for row in history for key in row)
    judges = distinct_colors(key for key in columns if key.startswith("discriminator_"))
    for key, color in judges.items():
        history_curve(middle, history, "epoch", key, color=color)
        if chance:
            level = chance[key.removeprefix("discriminator_")]
            middle.axhline(level, color=color, linestyle="--", linewidth=0.7)
    middle.set_ylabel("Loss of discriminators (nats)")
    if judges:
        middle.set_title("dashed: chance", loc="left", fontsize=7)
        middle.set_ylim(bottom=0)
    elif history:
        middle.text(0.5, 0.5, "none: all λ are 0", transform=middle.transAxes, ha="center")
    probes = [{"epoch": epoch} | r2 for epoch, r2 in (linear or {}).items()]
    colors = distinct_colors(dict.fromkeys(name for r2 in (linear or {}).values() for name in r2))
    for name, color in colors.items():
        history_curve(right, probes, "epoch", name, color=color, label=symbol(name))
        if mlp:
            right.plot(end, mlp[name], "*", color=color, markersize=8, clip_on=False, zorder=3)
    if colors:
        right.set_title("line: linear" + ("   star: MLP" if mlp else ""), loc="left", fontsize=7)
        right.legend()
    right.set(ylabel="R² of probes on test stars", ylim=(-0.15, 1.05))
    setp(panels, xlabel="Epoch", xlim=(0, end))
    return figure


@styled
def translation_history(history, iterations=None):
    """Draw the losses and other numbers of a training against the iteration.

    Parameters
    ----------
    history : list of dict
        Rows with ``iteration``, ``reconstruction_<domain>`` and ``cycle_<domain>``. Any other
        numbers, such as ``adversarial``, get one panel each. A row may lack some of the numbers.
    iterations : int, optional
        Last iteration of the axes, for a training that is still running.

    Returns
    -------
    Figure
    """
    groups = {}
    for name in dict.fromkeys(key for row in history for key in row if key != "iteration"):
        kind = name.split("_")[0]
        groups.setdefault(kind if kind in CHI2 else name, []).append(name)
    groups = groups or {"reconstruction": []}
    figure, panels = panel_grid(
        len(groups), 1.9, 0.1, min(len(groups), 3), xlabel="Iteration", sharex=True
    )
    for axes, (kind, members) in zip(panels, groups.items()):
        for name in members:
            domain = name.removeprefix(kind).strip("_")
            history_curve(
                axes,
                history,
                "iteration",
                name,
                color=DOMAINS.get(domain, BLACK),
                label=domain.replace("_", " "),
            )
        title, chance = NUMBERS.get(kind, (kind.replace("_", " ").capitalize(), None))
        axes.set_ylabel(title)
        if kind in CHI2:
            axes.set_yscale("log")
            axes.yaxis.set(
                major_locator=LogLocator(subs=(1, 2, 3, 5)),
                major_formatter="{x:g}",
                minor_formatter=NullFormatter(),
            )
        if chance is not None:
            axes.axhline(chance, color=GREY, linestyle="--", label="indistinguishable")
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    panels[0].set_xlim(0, max([iterations or 1, *(row["iteration"] for row in history)]))
    return figure


@styled
def ablation(table, untrained=("physics only",)):
    """Draw a panel for each measure, with a row for each variant, and a point for each seed.

    Parameters
    ----------
    table : Table
        One row for each variant and seed, with columns ``variant`` and `MEASURES`, as from
        `specnb.translate.comparison.score`. A band spans the scores of "full", a bar is a mean.
    untrained : sequence of str
        Models without a trained network, which have another colour.

    Returns
    -------
    Figure
        In all panels, a point that lies further to the left is better. The legend tells how many
        seeds there are.

    Raises
    ------
    ValueError
        If the table has no rows of the variant "full".
    """
    variants = list(dict.fromkeys(table["variant"]))
    if REFERENCE not in variants:
        raise ValueError(
            f"there is no variant {REFERENCE!r} to compare with: the table has {', '.join(variants)}"
        )
    figure, panels = panel_grid(len(MEASURES), 0.45 + 0.19 * len(variants), header=0.3, sharey=True)
    for axes, (name, (title, scale, ticks, perfect)) in zip(panels, MEASURES.items()):
        values = {v: np.abs(column(table[table["variant"] == v], name)) for v in variants}
        own = values[REFERENCE]
        axes.axvspan(own.min(), own.max(), color=GREY, alpha=0.3, linewidth=0.8)
        if perfect is not None:
            axes.axvline(perfect, color=VERMILLION, linestyle="--", linewidth=0.8)
        for row, (variant, some) in enumerate(values.items()):
            color = BLACK if variant in untrained else BLUE
            axes.plot(some, np.full(len(some), row), mec=color, **SEED)
            if len(some) > 1:
                axes.plot(some.mean(), row, color=color, **MEAN)
        axes.set(xscale=scale, xlabel=title, xmargin=0.1)
        plain_ticks(axes.xaxis, ticks)
        name_ticks(axes.yaxis, variants)
    panels[0].set_ylim(len(variants) - 0.5, -0.5)
    seeds = f"one of {len(own)} seeds" if len(own) > 1 else "one seed only"
    marks = {
        seeds: {"mec": BLUE, **SEED},
        "no network": {"mec": BLACK, **SEED},
        "mean": {"color": BLUE, **MEAN},
        f"range of {REFERENCE}": {"color": GREY, "linewidth": 3, "alpha": 0.5},
        "perfect": {"color": VERMILLION, "linestyle": "--"},
    }
    if len(own) == 1:
        del marks["mean"]
    legend(figure, marks)
    return figure


@styled
def results_against(table, x: str, y):
    """Draw runs as points, with one panel for each result, and their medians as a line.

    Parameters
    ----------
    table : Table
        One row for each run, as from `specnb.reproduce.sweep.collect`. Results may be masked.
    x : str
        Column of the parameter; its values may be text.
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
    if missing := [name for name in [x, *y] if name not in table.colnames]:
        have = ", ".join(table.meta.get("results", table.colnames))
        raise ValueError(f"the runs have no numeric result {missing[0]!r}: they have {have}")
    narrow = {"row_height": 2.6, "columns": 1, "width": COLUMN}
    wide = {"row_height": 1.8, "header": 0.5}
    figure, panels = panel_grid(len(y), **(narrow if len(y) == 1 else wide))
    values, position = np.unique(np.asarray(table[x]), return_inverse=True)
    numeric = values.dtype.kind in "if"
    places = values if numeric else np.arange(len(values))
    for name, axes in zip(y, panels):
        result = np.ma.masked_invalid(column(table, name))
        medians = [
            np.ma.filled(np.ma.median(result[position == i]), np.nan) for i in range(len(values))
        ]
        axes.plot(places[position], result, "o", ms=3.5, mfc="none", mec=GREY, label="one run")
        axes.plot(places, medians, "_-" if numeric else "_", color=BLUE, ms=8, label="median")
        axes.set_ylabel(_wrapped(axis_title(name, str(table[name].unit or ""))))
        if numeric:
            _set_scale(axes, values)
        else:
            names = [plain_text(value) for value in values]
            axes.set(xticks=places, xticklabels=names, xlim=(-0.5, len(values) - 0.5))
    figure.supxlabel(axis_title(x, str(table[x].unit or "")), fontsize=8)
    if len(table) > len(values):
        legend(figure, axes, loc="outside upper center")
    return figure


def _wrapped(title):
    """Break a long name after underscores into lines that are as long as a panel is high."""
    lines = [title] if "$" in title else textwrap.wrap(title.replace("_", "_ "), 26)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _set_scale(axes, values):
    """Make the x axis logarithmic, if need be around zero, if the values span a large range."""
    sizes = np.abs(values[values != 0])
    if len(sizes) < 3 or sizes.max() / sizes.min() < MANY_DECADES:
        return
    around_zero = SymmetricalLogScale(None, linthresh=sizes.min())
    axes.set_xscale("log" if values.min() > 0 else around_zero)
    if len(values) <= FEW_VALUES:
        plain_ticks(axes.xaxis, values)
    axes.xaxis.set_minor_locator(NullLocator())
