"""Figures of autoencoders: what can be read from their latents, what lies close together in them,
and what their decoders make of edited labels.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from specnb.evaluate.spread import spread
from specnb.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    PAGE,
    PURPLE,
    SEQUENTIAL,
    VERMILLION,
    WAVELENGTH,
    axis_title,
    column,
    curves,
    distinct_colors,
    legend,
    name_ticks,
    panel_grid,
    styled,
    symbol,
)

# Columns of a table of probes: title, place in its row, colour and marker
PROBES = {
    "mlp_r2": ("MLP probe", -0.2, BLUE, "o"),
    "linear_r2": ("linear probe", 0.0, VERMILLION, "D"),
    "mlp_r2_drawn": ("MLP probe of one random draw", 0.2, GREY, "s"),
}
LIMITS = {"floor": GREEN, "ceiling": PURPLE}
LEAST = -0.2  # the axis of R² starts here; a linear probe of saturated latents can reach −1000
# Goals: a disentangled label has at most the first R², an entangled one at least the second
BARS = (0.10, 0.95)


@styled
def tsne_panels(projections, labels, names, blocks: int = 1):
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
    blocks : int
        Number of representations side by side. It divides the number of representations.

    Returns
    -------
    Figure
    """
    n = len(names)
    columns, maps = n * blocks, list(projections.values())
    figure, panels = panel_grid(len(maps) * n, PAGE / columns * 0.95, 0.75, columns=columns)
    for k, stack in enumerate(panels.reshape(-1, columns).T):
        name = names[k % n]
        values = column(labels, name)
        low, high = np.nanpercentile(values, [2, 98])
        for axes, points in zip(stack, maps[k // n :: blocks]):
            dots = axes.scatter(
                *np.asarray(points).T,
                c=values,
                # smaller if there are more stars, or smaller panels
                s=np.clip(4000 / max(len(values), 1), 0.5, 8) / blocks**2,
                cmap=SEQUENTIAL,
                vmin=low,
                vmax=high,
                linewidths=0,
                rasterized=True,
            )
            # t-SNE has no units
            axes.set(xticks=[], yticks=[], box_aspect=1, xmargin=0.04, ymargin=0.04)
        figure.colorbar(
            dots,
            ax=stack.tolist(),
            location="bottom",
            extend="both",
            aspect=16,
            pad=0.01,
            label=axis_title(name),
            ticks=MaxNLocator(4 // blocks),
        )
    for title, axes in zip(projections, panels[::n]):
        axes.set_ylabel(title)
    return figure


@styled
def probe_bars(table):
    """Draw the R² of the probes for each setting (rows) and label (panels): the mean over the
    seeds, and the range from the lowest to the highest. A mean to the left of the axis is an arrow
    at its edge.

    Parameters
    ----------
    table : Table
        One row for each setting, label and seed. The columns are ``setting``, ``label``,
        ``mlp_r2``, ``linear_r2``, ``mlp_r2_drawn`` (NaN if the latents have no noise), and
        optionally ``floor`` and ``ceiling``. These are the lowest and the highest R² that are
        possible for any latents, or NaN if there is no such limit.
        Settings and labels are shown in the order in which they first appear.

    Returns
    -------
    Figure
    """
    limits = [name for name in LIMITS if name in table.colnames]
    rows = spread(table, ["setting", "label"], [*PROBES, *limits])
    settings, labels = (list(dict.fromkeys(rows[name])) for name in ("setting", "label"))
    n = len(labels)
    figure, panels = panel_grid(n, 0.3 * len(settings), 0.85, n, sharex=True, sharey=True)
    marks = {}
    for label, axes in zip(labels, panels):
        for bar in BARS:
            line = axes.axvline(bar, color=BLACK, linewidth=0.6, linestyle=":", zorder=0)
        for row in rows[rows["label"] == label]:
            y = settings.index(row["setting"])
            for name, (title, shift, color, marker) in PROBES.items():
                low, high = row[f"{name}_min"], row[f"{name}_max"]
                axes.hlines(y + shift, low, high, color=color, linewidth=1.2)
                style = {"color": color, "markersize": 3.5, "linestyle": ""}
                if np.isfinite(row[name]):
                    marks[title] = style | {"marker": marker}
                shown = marker if row[name] >= LEAST else "<"
                axes.plot(max(row[name], LEAST), y + shift, marker=shown, clip_on=False, **style)
            for name in limits:
                if np.isfinite(row[name]):
                    marks[name] = axes.vlines(
                        row[name], y - 0.4, y + 0.4, color=LIMITS[name], linewidth=1.2
                    )
            axes.axhline(y + 0.5, color=GREY, linewidth=0.3)
        axes.set(xlabel=f"$R^2$ of {symbol(label)}", xticks=(0, 0.5, 1))
        name_ticks(axes.yaxis, settings)
    panels[0].set(xlim=(LEAST, 1.05), ylim=(len(settings) - 0.5, -0.5))  # the first setting on top
    marks[f"bars {BARS[0]:.2f} and {BARS[1]:.2f}"] = line
    legend(figure, marks, loc="outside upper center")
    return figure


@styled
def counterfactual_spectra(wavelength, changes, window, reference="true"):
    """Draw how the spectrum of one star changes with each label: the true change, the change by
    each model's decoder, and their difference.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    changes : mapping of str to mapping
        For each label, a mapping from "truth" and from each model's name to the change of the
        flux, shape (n_pix,). `specnb.disentangle.counterfactual.counterfactual_changes` gives
        them.
    window : (float, float)
        Lowest and highest wavelength shown, in Å.
    reference : str
        What the change named "truth" is, such as "emulator" for real stars.

    Returns
    -------
    Figure
        One column for each label, with the changes above and decoded minus true change below.

    Raises
    ------
    ValueError
        If there are more models than colours, or no pixels in the window.
    """
    shown = (wavelength >= window[0]) & (wavelength <= window[1])
    if not shown.any():
        low, high = wavelength[[0, -1]]
        raise ValueError(
            f"no pixels lie in the window {window[0]:g}-{window[1]:g} Å: choose one within {low:.0f}-{high:.0f} Å"
        )
    x = wavelength[shown]
    n = len(changes)
    figure, panels = panel_grid(2 * n, 1.6, columns=n, sharex=True, sharey="col")
    for (top, bottom), (label, each) in zip(panels.reshape(2, n).T, changes.items()):
        flux = {name: np.asarray(change, dtype=float)[shown] for name, change in each.items()}
        true = flux.pop("truth")
        name = "simulator" if reference == "true" else reference
        curves(top, x, {name: (true, BLACK, 1.6)}, alpha=0.45)
        for name, color in distinct_colors(flux).items():
            curves(top, x, {name: (flux[name], color, 0.8)})
            curves(bottom, x, {name: (flux[name] - true, color, 0.8)})
        for axes in (top, bottom):
            axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)
        top.set(title=axis_title(label), xlim=window)
        # Ticks at the ends have no numbers, because those of neighbours would overlap
        top.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
    panels[0].set_ylabel("Change of flux")
    panels[n].set_ylabel(f"Decoded − {reference}")
    figure.supxlabel(WAVELENGTH, fontsize=8)
    legend(figure, top, loc="outside upper center", ncols=6)
    return figure


@styled
def counterfactual_errors(table, change="true change"):
    """Draw the slope and the error of the decoded change for each label and model.

    Parameters
    ----------
    table : Table
        From `specnb.disentangle.counterfactual.counterfactual_errors`.
    change : str
        What the error is divided by, for the axis. The change of real stars is no true one.

    Returns
    -------
    Figure
        The upper panel has the slope of the decoded against the true change. It is 1 if the
        decoder is right and 0 if it ignores the label. The lower panel has the error of the change
        divided by the change. It is 1 if leaving the spectrum as it is would be just as good.

    Raises
    ------
    ValueError
        If there are more models than colours.
    """
    steps = {row["label"]: abs(row["step"]) for row in table}
    labels, models = list(steps), list(dict.fromkeys(table["model"]))
    colors = distinct_colors(models)
    offset = 0.6 * ((np.arange(len(models)) + 0.5) / len(models) - 0.5)
    figure, panels = panel_grid(2, 1.7, columns=1, width=COLUMN, sharex=True, xlabel="Edited label")
    titles = ("Slope of the change", "right"), (f"Error / {change}", "as no edit")
    for axes, quantity, (title, one) in zip(panels, ("slope", "relative"), titles):
        for row in sorted(table, key=lambda row: (models.index(row["model"]), row["step"] < 0)):
            x = labels.index(row["label"]) + offset[models.index(row["model"])]
            marker, color = "^" if row["step"] > 0 else "v", colors[row["model"]]
            axes.plot(x, row[quantity], marker, color=color, markersize=4.5, alpha=0.9)
        for border in range(len(labels) - 1):
            axes.axvline(border + 0.5, color=GREY, linewidth=0.4)
        limits = 1.1 * np.nanmin([*table[quantity], 0.0]), 1.1 * np.nanmax([*table[quantity], 1.0])
        axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=limits, ylabel=title)
        axes.axhline(1, color=BLACK, linewidth=0.6, linestyle="--", zorder=0)
        axes.annotate(
            one,
            (0.99, 1.0),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=7,
        )
        name_ticks(axes.xaxis, [_edit(label, step) for label, step in steps.items()])
    marks = {name: {"marker": "s", "color": color, "ls": ""} for name, color in colors.items()}
    for name, mark in (("step up", "^"), ("step down", "v")):
        marks[name] = {"marker": mark, "color": GREY, "ls": ""}
    legend(figure, marks, loc="outside upper center", ncols=3, handlelength=1)
    return figure


def _edit(label, step):
    """A label and its step as text, such as "log g ±0.5 dex"."""
    unit = axis_title(label)[len(symbol(label)) :].strip(" ()")
    return f"{symbol(label)}\n±{step:g} {unit}"
