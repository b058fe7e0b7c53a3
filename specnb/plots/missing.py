"""Figure of missing lines and the elements that cause them (Fig. 4 of O'Briain et al. 2021)."""

from itertools import count, cycle

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from specnb.missing.scores import pixels as pixels_of
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE,
    PURPLE,
    SKY,
    VERMILLION,
    WAVELENGTH,
    Figure,
    draw_within,
    legend,
    styled,
)
from specnb.simulator.responses import find, runs

COLORS = {"Mg": BLUE, "Si": ORANGE, "Fe": VERMILLION, "C": GREEN}  # of elements
SPARE = (PURPLE, "#7A4B00", "#5D3A9B", "#882255")  # of other elements that have a panel
OTHER, HIDDEN = GREY, "#DCDCDC"  # of the features of other elements, and of hidden pixels
# The truth is visible on both sides of a model that agrees with it
TRUTH, MODEL = {"color": SKY, "linewidth": 1.6}, {"color": BLACK, "linewidth": 0.5}
# What the blue and the black line are in the panels of spectra, and in those of elements
CURVES = (
    ("true, with all lines", "synthetic, lines hidden"),
    ("true, with all lines", "translated"),
    ("synthetic − true", "synthetic − translated"),
    ("true", "translated"),
)


@styled
def missing_lines_figure(
    truth, flux, added, elements, window, title="", named=CURVES, band="hidden"
):
    """Draw what a translator adds to a spectrum whose simulator lacks lines, and which elements
    cause it (Fig. 4).

    Parameters
    ----------
    truth : specnb.missing.scores.Truth
    flux : mapping of str to ndarray, shape (n_pix,)
        Spectra of one star on the survey's pixels: "synthetic", "translated", and "truth", which is
        the spectrum of the full emulator.
    added : mapping of str to ndarray, shape (n_elements, n_pix)
        Added falls of the flux (see `specnb.missing.experiment.added_falls`): "translated" and "truth".
    elements : sequence of str
        Elements that get a panel each. Features of other elements are grey.
    window : (float, float)
        Wavelength range in vacuum Å.
    title : str
    named : sequence of (str, str)
        What the blue and the black line are, as for `CURVES`. An empty name is not in the legend.
    band : str
        What the grey bands are.

    Returns
    -------
    Figure
        It shows the spectra, their difference, and a panel for each element; these panels have the
        same scale. The wide blue line is the truth and the thin black line the model, as each panel
        says. Where a
        feature is missing, the difference is filled in the colour of the element. If several
        elements lack a feature there, the colour is that of the element which absorbs most
        according to the simulator. Grey bands are hidden pixels. Coloured bands are hidden pixels
        in which the element of the panel lacks a feature.

    Raises
    ------
    ValueError
        If an element is unknown or there is none, or too few pixels are in the window.
    """
    names, wavelength = truth.names, truth.survey.pixels
    if not elements or not set(elements) <= set(names):
        raise ValueError(f"elements are {list(elements)}: give some of {', '.join(names)}")
    inside = (wavelength >= window[0]) & (wavelength <= window[1])
    if inside.sum() < 2:
        low, high = wavelength[[0, -1]]
        raise ValueError(
            f"no pixels lie in the window {window[0]:g}-{window[1]:g} Å: choose one within {low:.0f}-{high:.0f} Å"
        )
    spare = cycle(SPARE)
    colors = {name: COLORS.get(name) or next(spare) for name in elements}
    missing = find(dict(zip(names, truth.falls)), wavelength)
    lacking = inside & [
        pixels_of(missing[missing["element"] == name], len(inside)) for name in names
    ]
    synthetic, translated, true = (flux[name] for name in ("synthetic", "translated", "truth"))
    difference = synthetic - translated
    curves = [
        ("Synthetic flux", synthetic, true),
        ("Translated flux", translated, true),
        ("Synthetic −\ntranslated", difference, synthetic - true),
    ]
    rows = [names.index(name) for name in colors]
    curves += [("", added["translated"][k], added["truth"][k]) for k in rows]
    figure, panels = _fixed_panels([1.5, 1, 1] + [max(0.62, 1.5 / len(rows))] * len(rows))
    # On one scale one can see in which element the flux falls most, which is the one that is named
    for axes in panels[4:]:
        axes.sharey(panels[3])
    masked = truth.masked & inside
    hidden = [masked] * 3 + [masked & ~lacking[k] for k in rows]
    for axes, (text, model, right), mask in zip(panels, curves, hidden):
        draw_within(axes, wavelength, right, window, **TRUTH)
        draw_within(axes, wavelength, model, window, **MODEL)
        axes.set_ylabel(text)
        shade(axes, wavelength, mask, color=HIDDEN, zorder=0)
    for axes, k, (name, color) in zip(panels[3:], rows, colors.items()):
        shade(axes, wavelength, lacking[k], color=color, alpha=0.35, zorder=0)
        axes.text(
            0.008, 0.95, name, color=color, transform=axes.transAxes, fontweight="bold", va="top"
        )
    _say_curves(panels, named)
    # Otherwise the ticks of neighbouring panels would overlap
    panels[3].yaxis.set_major_locator(MaxNLocator(3, prune="upper"))
    panels[3].set_ylabel("Added fall of flux" + (" " if len(rows) > 2 else "\n") + "per 0.05 dex")
    # In the middle of these panels and the gaps between them
    panels[3].yaxis.set_label_coords(-0.065, 1 - 0.5 * len(rows) - 0.035 * (len(rows) - 1))
    _name_missing(panels[0], panels[2], truth, lacking, difference, colors, window)
    panels[-1].set(xlim=window, xlabel=WAVELENGTH)
    panels[0].set_title(title, loc="left")
    marks = {band: Patch(facecolor=HIDDEN)}
    marks |= {name: Patch(facecolor=color, alpha=0.75) for name, color in colors.items()}
    place = {"loc": "upper right", "bbox_to_anchor": (0.98, 1), "borderaxespad": 0.2}
    legend(figure, marks, handlelength=1.2, columnspacing=1.0, **place)
    return figure


def _say_curves(panels, named):
    """Say in a corner of each panel which line is which, with room for it beside the lines."""
    for axes in panels[:4]:  # the further ones have the scale of the fourth
        low, high = axes.get_ylim()
        room = 0.15 * (high - low)
        axes.set_ylim((low - room, high) if axes in panels[:2] else (low, high + 2 * room))
    look = {"fontsize": 6, "handlelength": 1.5, "borderpad": 0.2, "borderaxespad": 0.2}
    for k, axes in enumerate(panels):
        marks = dict(zip(named[min(k, 3)], (TRUTH, MODEL)))
        marks.pop("", None)
        legend(axes, marks, loc="lower left" if k < 2 else "upper right", **look)


def _fixed_panels(heights):
    """Make panels at fixed places. A constrained layout would take as long as all other steps
    together, which is too long for a figure with sliders.
    """
    bottom, top = 0.42, 0.34  # inches
    height = bottom + top + 0.98 * sum(heights)
    figure = Figure(PAGE, height, layout="none")
    place = {"left": 0.1, "bottom": bottom / height, "right": 0.975, "top": 1 - top / height}
    panels = figure.subplots(
        len(heights), sharex=True, height_ratios=heights, gridspec_kw=place | {"hspace": 0.07}
    )
    for axes in panels:
        axes.yaxis.set_label_coords(-0.065, 0.5)
    return figure, panels


def shade(axes, wavelength, mask, **look):
    """Draw a band from half a pixel before each run of pixels to half a pixel after it."""
    half = 0.5 * (wavelength[1] - wavelength[0])
    for first, end in runs(mask):
        axes.axvspan(wavelength[first] - half, wavelength[end - 1] + half, linewidth=0, **look)


def _name_missing(top, below, truth, lacking, difference, colors, window):
    """Write the element of each missing feature on top, and fill the difference in its colour.

    If several elements lack a feature in a pixel, it belongs to the one that absorbs most.
    """
    wavelength, room = truth.survey.pixels, 0.02 * (window[1] - window[0])
    owner = np.where(lacking.any(axis=0), np.where(lacking, truth.falls, 0).argmax(axis=0), -1)
    last = {}
    for run in np.split(np.arange(len(owner)), np.flatnonzero(np.diff(owner)) + 1):
        if (k := owner[run[0]]) >= 0:
            name = truth.names[k]
            color = colors.get(name, OTHER)
            fill = slice(run[0], run[-1] + 2)  # up to the next pixel, so that two fills touch
            look = {"color": color, "alpha": 0.75, "linewidth": 0, "zorder": 2.5}
            below.fill_between(wavelength[fill], 0, difference[fill], **look)
            place = wavelength[run[np.argmax(truth.falls[k, run])]]
            height = 0.96 - 0.1 * free_level(last, place, room)
            at = {"transform": top.get_xaxis_transform(), "ha": "center", "va": "top"}
            top.text(place, height, name, color=color, fontsize=7, **at)
    low, high = top.get_ylim()
    top.set_ylim(low, high + 0.35 * (high - low))  # with room for the names


def free_level(last, place, room):
    """The lowest level at which a label does not meet the one before it. ``last`` has the place of
    the last label at each level.
    """
    level = next(level for level in count() if place - last.get(level, -np.inf) > room)
    last[level] = place
    return level
