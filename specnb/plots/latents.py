"""Figures of latent spaces: t-SNE maps, which show what lies close together in a representation,
and the results of probes, which show what can be read from it.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from specnb.plots.panels import name_ticks
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PAGE,
    PURPLE,
    SEQUENTIAL,
    VERMILLION,
    Figure,
    axis_title,
    column,
    styled,
    symbol,
)

PROBES = {
    "mlp_r2": ("MLP probe", -0.15, BLUE, "o"),
    "linear_r2": ("linear probe", 0.15, VERMILLION, "D"),
}
LIMITS = {"floor": GREEN, "ceiling": PURPLE}
LEAST = -0.2  # lower R² are drawn here; a linear probe of saturated latents can reach −1000
# Goals: a disentangled label has at most the first R², an entangled one at least the second
BARS = (
    0.10,
    0.95,
)


@styled
def tsne_panels(projections, labels, names):
    """Draw maps of the same stars in several representations (rows), coloured by labels (columns).

    Parameters
    ----------
    projections : mapping of str to ndarray, shape (n, 2)
        Title and map of each representation, as from `specnb.evaluate.projection.project`.
    labels : Table or mapping of str to array_like
        Labels of the stars, in the order of the maps.
    names : sequence of str
        Labels to show. Colours span the 2nd to the 98th percentile of each label. Stars without a
        value are left out.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a map does not have one row for each star, or a label does not exist.
    """
    figure = Figure(PAGE, 0.75 + PAGE / len(names) * 0.95 * len(projections))
    panels = figure.subplots(len(projections), len(names), squeeze=False)
    for name, stack in zip(names, panels.T):
        values = column(labels, name)
        low, high = np.nanpercentile(values, [2, 98])
        # Dots are smaller if there are more stars
        size = np.clip(4000 / max(len(values), 1), 0.5, 8)
        for (title, points), axes in zip(projections.items(), stack):
            points = np.asarray(points)
            if points.shape != (len(values), 2):
                raise ValueError(f"the map of {title} has shape {points.shape}, but there are {len(values)} labels: "
                                 f"give ({len(values)}, 2)")  # fmt: skip
            dots = axes.scatter(
                *points.T,
                c=values,
                s=size,
                cmap=SEQUENTIAL,
                vmin=low,
                vmax=high,
                linewidths=0,
                rasterized=True,
            )
            axes.set(xticks=[], yticks=[])  # t-SNE has no units
            axes.margins(0.04)
            axes.set_box_aspect(1)
        bar = figure.colorbar(
            dots, ax=stack.tolist(), location="bottom", extend="both", aspect=16, pad=0.01
        )
        bar.set_label(axis_title(name))
        bar.locator = MaxNLocator(4)
    for title, axes in zip(projections, panels[:, 0]):
        axes.set_ylabel(title)
    return figure


@styled
def probe_bars(table):
    """Draw the R² of the probes for each setting (rows) and label (panels): the mean over the
    seeds, and the range from the lowest to the highest.

    Parameters
    ----------
    table : Table
        One row for each setting, label and seed. The columns are ``setting``, ``label``,
        ``mlp_r2``, ``linear_r2``, and optionally ``floor`` and ``ceiling``. These are the lowest
        and the highest R² that are possible for any latents, or NaN if there is no such limit.
        Settings and labels are shown in the order in which they first appear.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    if missing := [
        name for name in ("setting", "label", "mlp_r2", "linear_r2") if name not in table.colnames
    ]:
        raise ValueError(
            f"the table has no column {', '.join(missing)}: it has {', '.join(table.colnames)}"
        )
    settings, labels = (
        list(dict.fromkeys(np.asarray(table[name]).astype(str))) for name in ("setting", "label")
    )
    if not settings:
        raise ValueError("the table has no rows: give the result of at least one probe")
    figure = Figure(PAGE, 0.85 + 0.3 * len(settings))
    panels = figure.subplots(1, len(labels), sharex=True, sharey=True, squeeze=False)[0]
    seen = {}  # for the legend, which has one entry for each kind
    for label, axes in zip(labels, panels):
        for bar in BARS:
            line = axes.axvline(bar, color=BLACK, linewidth=0.6, linestyle=":", zorder=0)
        for row, setting in enumerate(settings):
            some = table[(table["label"] == label) & (table["setting"] == setting)]
            for name, (title, shift, color, marker) in PROBES.items():
                r2 = column(some, name)
                if len(r2):
                    r2 = np.maximum(r2, LEAST)
                    axes.hlines(row + shift, r2.min(), r2.max(), color=color, linewidth=1.2)
                    # The probe is far worse than a constant
                    marked = "<" if r2.max() == LEAST else marker
                    axes.plot(
                        r2.mean(), row + shift, marked, color=color, markersize=3.5, clip_on=False
                    )
                    seen[title] = Line2D(
                        [], [], linestyle="", marker=marker, color=color, markersize=3.5
                    )
            for name, color in LIMITS.items():
                r2 = column(some, name) if name in table.colnames else np.array([np.nan])
                if np.isfinite(r2).any():
                    seen[name] = axes.vlines(
                        np.nanmean(r2), row - 0.4, row + 0.4, color=color, linewidth=1.2
                    )
            axes.axhline(row + 0.5, color=GREY, linewidth=0.3)
        axes.set(xlabel=f"$R^2$ of {symbol(label)}", xticks=(0, 0.5, 1))
        name_ticks(axes.yaxis, settings)
    panels[0].set_xlim(LEAST, 1.05)
    panels[0].set_ylim(len(settings) - 0.5, -0.5)  # so that the first setting is on top
    seen[f"bars {BARS[0]:.2f} and {BARS[1]:.2f}"] = line
    figure.legend(seen.values(), seen.keys(), loc="outside upper center", ncols=len(seen))
    return figure
