"""Figures of counterfactuals: the spectrum that a decoder makes for edited labels, compared with
the spectrum that the simulator gives.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from specnb.plots.panels import WAVELENGTH, name_ticks
from specnb.plots.style import (
    BLACK,
    COLUMN,
    GREY,
    PAGE,
    PALETTE,
    Figure,
    axis_title,
    styled,
    symbol,
)


@styled
def counterfactual_spectra(wavelength, changes, steps=None, window=None):
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
    steps : mapping of str to float, optional
        Step by which each label is changed; it is written in the titles.
    window : (float, float), optional
        Lowest and highest wavelength shown, in Å. By default all wavelengths are shown.

    Returns
    -------
    Figure
        One column for each label, with the changes above and decoded minus true change below.

    Raises
    ------
    ValueError
        If there is no change to show, a label has no "truth", the window has no pixels, or there
        are more models than colours.
    """
    if not changes:
        raise ValueError("there are no changes to show: give at least one label")
    if without := [label for label, each in changes.items() if "truth" not in each]:
        raise ValueError(
            f"the changes of {', '.join(without)} have no 'truth': see counterfactual_changes"
        )
    low, high = window or (wavelength[0], wavelength[-1])
    shown = (wavelength >= low) & (wavelength <= high)
    if not shown.any():
        raise ValueError(f"no pixels from {low:g} to {high:g} Å: choose a window in "
                         f"{wavelength[0]:.0f}-{wavelength[-1]:.0f} Å")  # fmt: skip
    figure = Figure(PAGE, 3.2)
    panels = figure.subplots(2, len(changes), sharex=True, sharey="col", squeeze=False)
    for (top, bottom), (label, each) in zip(panels.T, changes.items()):
        true = np.asarray(each["truth"], dtype=float)
        top.plot(
            wavelength[shown],
            true[shown],
            color=BLACK,
            linewidth=1.6,
            alpha=0.45,
            label="simulator",
        )
        for name, color in _colors(name for name in each if name != "truth").items():
            line = {"color": color, "linewidth": 0.8, "label": name}
            top.plot(wavelength[shown], each[name][shown], **line)
            bottom.plot(wavelength[shown], (each[name] - true)[shown], **line)
        for axes in (top, bottom):
            axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)
        top.set_title(_edit(label, None if steps is None else steps[label]))
        top.set_xlim(low, high)
        # Ticks at the ends have no numbers, because those of neighbours would overlap
        top.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
    panels[0, 0].set_ylabel("Change of flux")
    panels[1, 0].set_ylabel("Decoded − true")
    figure.supxlabel(WAVELENGTH, fontsize=8)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


@styled
def counterfactual_errors(table):
    """Draw the slope and the error of the decoded change for each label and model.

    Parameters
    ----------
    table : Table
        From `specnb.disentangle.counterfactual.counterfactual_errors`.

    Returns
    -------
    Figure
        The upper panel has the slope of the decoded against the true change. It is 1 if the
        decoder is right and 0 if it ignores the label. The lower panel has the error of the change
        divided by the change. It is 1 if leaving the spectrum as it is would be just as good.

    Raises
    ------
    ValueError
        If the table has no rows, or more models than there are colours.
    """
    if not len(table):
        raise ValueError("the table of counterfactual errors has no rows: edit at least one label")
    labels, colors = list(dict.fromkeys(table["label"])), _colors(dict.fromkeys(table["model"]))
    place = np.array([labels.index(label) for label in table["label"]], dtype=float)
    up = np.asarray(table["step"]) > 0
    figure = Figure(COLUMN, 3.4)
    panels = figure.subplots(2, 1, sharex=True)
    titles = (
        ("slope", "Slope, decoded on true", "right"),
        ("relative", "Error / true change", "as no edit"),
    )
    for axes, (quantity, title, one) in zip(panels, titles):
        for i, (name, color) in enumerate(colors.items()):
            offset = 0.6 * ((i + 0.5) / len(colors) - 0.5)
            for chosen, marker in ((up, "^"), (~up, "v")):
                rows = chosen & (np.asarray(table["model"]) == name)
                axes.plot(
                    place[rows] + offset,
                    table[quantity][rows],
                    marker,
                    color=color,
                    markersize=4.5,
                    alpha=0.9,
                )
        for border in np.arange(len(labels) - 1) + 0.5:
            axes.axvline(border, color=GREY, linewidth=0.4)
        low, high = np.nanmin(table[quantity]), np.nanmax(table[quantity])
        limits = (min(0.0, 1.1 * low), 1.1 * max(1.0, high))
        axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=limits, ylabel=title)
        axes.axhline(1, color=BLACK, linewidth=0.6, linestyle="--", zorder=0)
        axes.text(
            0.99,
            1.0,
            one,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=7,
        )
        axes.tick_params(axis="x", length=0)
    axes.set_xlabel("Edited label")
    name_ticks(axes.xaxis, [_edit(label, _size(table, label), "±") for label in labels])
    kinds = [(name, "s", color) for name, color in colors.items()]
    kinds += [("step up", "^", GREY), ("step down", "v", GREY)]
    marks = [
        Line2D([], [], color=color, marker=marker, linestyle="", label=name)
        for name, marker, color in kinds
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=3, handlelength=1)
    return figure


def _colors(models):
    """The colour of each model."""
    models = list(models)
    if len(models) > len(PALETTE):
        raise ValueError(
            f"{len(models)} models, but {len(PALETTE)} colours that one can tell apart: show fewer"
        )
    return dict(zip(models, PALETTE))


def _size(table, label):
    return abs(table["step"][np.asarray(table["label"]) == label][0])


def _edit(label, step, sign=""):
    """A label and its step as text, such as "log g + 0.5 dex"."""
    if step is None:
        return axis_title(label)
    unit = axis_title(label)[len(symbol(label)) :].strip(" ()")
    sign = sign or ("+" if step > 0 else "−")
    return f"{symbol(label)}\n{sign}{abs(step):g} {unit}"
