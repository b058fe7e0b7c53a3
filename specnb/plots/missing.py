"""Figure of missing lines and the elements that make them (Fig. 4 of O'Briain et al. 2021)."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from specnb.simulator.features import find, runs
from specnb.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE, PURPLE, SKY, VERMILLION, Figure, styled
from specnb.missing.masking import pixels
from specnb.missing.scores import NAMES
from specnb.core.wavelength import APOGEE_PIXELS, detectors

ELEMENTS = ("Mg", "Si", "Fe", "C")  # of the paper's figure
COLORS = {"Mg": BLUE, "Si": ORANGE, "Fe": VERMILLION, "C": GREEN}
SPARE = (PURPLE, SKY, "#7A4B00", "#5D3A9B")  # of other elements
HIDDEN, OTHER, CURVE = "#DCDCDC", "#8C8C8C", "#444444"  # hidden pixels; features of other elements; the difference
WINDOW = (15926.0, 16001.0)  # Å: with seed 1 and 30% hidden it lacks features of Mg, Si, Fe, C and Mn
LEFT, RIGHT, BOTTOM, TOP = 0.1, 0.985, 0.42, 0.34  # margins: parts of the width, and inches
LABEL = -0.065  # of the y axes


@styled
def missing_lines_figure(truth, flux, added, elements=ELEMENTS, window=WINDOW, title=""):
    """What a translator adds to a spectrum whose simulator lacks lines, and which elements make it (Fig. 4).

    Parameters
    ----------
    truth : specnb.missing.scores.Truth
    flux : mapping of str to ndarray, shape (7214,)
        Of one star: "synthetic", "translated" and, the full emulator's, "truth".
    added : mapping of str to ndarray, shape (n_elements, 7214)
        Added falls of the flux, see `specnb.missing.derivatives`: "translated" and "truth".
    elements : sequence of str
        A row each. Features of others are grey.
    window : (float, float)
        Wavelength range, vacuum Å.
    title : str

    Returns
    -------
    Figure
        The spectra; their difference, filled where features are missing in the colour of the element, where several
        are of the one that takes most from the flux, by the simulator; and the rows, all on one scale. Grey bands:
        hidden pixels; coloured ones: those in which the element lacks a feature.

    Raises
    ------
    ValueError
        If an element is unknown, there are too many, or hardly a pixel is in the window.
    """
    colors, window = _colors(elements), tuple(float(end) for end in window)
    inside = (APOGEE_PIXELS >= window[0]) & (APOGEE_PIXELS <= window[1])
    if inside.sum() < 2:
        low, high = APOGEE_PIXELS[[0, -1]]
        raise ValueError(
            f"no pixels lie in the window {window[0]:g}-{window[1]:g} Å: choose one within {low:.0f}-{high:.0f} Å"
        )
    rows = [max(0.62, 1.5 / len(colors))] * len(colors)
    figure, panels = _panels([1.25, 1.0, 1.0, *rows])
    missing = {name: table for name in NAMES if len(table := find({name: truth.falls[NAMES.index(name)]}))}
    lacking = {name: pixels(table, len(inside)) & inside for name, table in missing.items()}
    for axes in panels[:3]:
        _shade(axes, truth.masked & inside, HIDDEN)
    _spectra(panels[:2], inside, *(flux[name] for name in ("synthetic", "translated", "truth")))
    owners = _owners(truth, lacking)
    _names(panels[0], truth, owners, window, colors)
    _difference(panels[2], inside, flux, owners, colors)
    for axes, (name, color) in zip(panels[3:], colors.items()):
        own = lacking.get(name, np.zeros_like(inside))
        _shade(axes, truth.masked & inside & ~own, HIDDEN)
        _shade(axes, own, color, alpha=0.3)
        axes.axhline(0, color=GREY, linewidth=0.5)
        axes.plot(*_gapped(inside, added["translated"][NAMES.index(name)]), color=color, linewidth=1.3)
        axes.plot(*_gapped(inside, added["truth"][NAMES.index(name)]), color=BLACK, linewidth=0.5)
        axes.text(0.008, 0.95, name, transform=axes.transAxes, color=color, fontweight="bold", va="top")
    _one_scale(panels[3:])
    middle = (panels[3].get_position().y1 + panels[-1].get_position().y0) / 2
    text = "Added fall of flux" + (" " if len(rows) > 3 else "\n") + "per 0.05 dex"
    at = LEFT + LABEL * (RIGHT - LEFT)
    figure.text(at, middle, text, rotation=90, ha="right", va="center", ma="center", fontsize=8)
    panels[-1].set(xlim=window, xlabel="Vacuum wavelength (Å)")
    _legend(figure, panels[0], colors, title)
    return figure


def _colors(elements):
    elements = list(dict.fromkeys(elements))
    if unknown := [name for name in elements if name not in NAMES]:
        raise ValueError(f"{', '.join(unknown)}: no element of the H band, which has {', '.join(NAMES)}")
    spare = [name for name in elements if name not in COLORS]
    if not elements or len(spare) > len(SPARE):
        raise ValueError(
            f"{len(elements)} elements: give at least one, and {len(SPARE)} at most besides {', '.join(COLORS)}"
        )
    return {name: COLORS[name] if name in COLORS else SPARE[spare.index(name)] for name in elements}


def _panels(heights):
    """Fixed places: a constrained layout would take as long as all the rest, too long under a slider."""
    height = BOTTOM + TOP + 0.98 * sum(heights)
    figure = Figure(PAGE, height, layout="none")
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.subplots_adjust(LEFT, BOTTOM / height, RIGHT, 1 - TOP / height, hspace=0.07)
    for axes in panels:
        axes.yaxis.set_label_coords(LABEL, 0.5)
    return figure, panels


def _gapped(inside, values):
    """Wavelength and values within the window, with a NaN in each gap between detectors."""
    gaps = [part.start for part in detectors(APOGEE_PIXELS)[1:]]
    return tuple(np.insert(np.where(inside, each, np.nan), gaps, np.nan) for each in (APOGEE_PIXELS, values))


def _shade(axes, mask, color, alpha=1.0):
    """A band from half a pixel before each run of pixels to half a pixel after it."""
    half = 0.5 * (APOGEE_PIXELS[1] - APOGEE_PIXELS[0])
    for first, end in runs(mask):
        ends = APOGEE_PIXELS[first] - half, APOGEE_PIXELS[end - 1] + half
        axes.axvspan(*ends, color=color, alpha=alpha, linewidth=0, zorder=0)


def _owners(truth, lacking):
    """Index of the element that lacks a feature in each pixel, of several that with the largest fall; -1: none does."""
    falls = np.where([lacking.get(name, np.zeros_like(truth.masked)) for name in NAMES], truth.falls, 0.0)
    return np.where(falls.max(axis=0) > 0, falls.argmax(axis=0), -1)


def _spectra(panels, inside, synthetic, translated, true):
    panels[0].plot(*_gapped(inside, synthetic), color=BLACK)
    panels[1].plot(*_gapped(inside, true), color=SKY, linewidth=2.6)
    panels[1].plot(*_gapped(inside, translated), color=BLACK)
    low, high = (end(np.concatenate([each[inside] for each in (synthetic, translated, true)])) for end in (min, max))
    margin = 0.06 * (high - low)
    panels[0].set(ylabel="Synthetic flux", ylim=(low - margin, high + 5 * margin))  # names stand above
    panels[1].set(ylabel="Translated flux", ylim=(low - margin, high + margin))


def _difference(axes, inside, flux, owners, colors):
    """Synthetic minus translated flux, filled by element, and its truth."""
    axes.axhline(0, color=GREY, linewidth=0.5)
    found = flux["synthetic"] - flux["translated"]
    for k, name in enumerate(NAMES):
        own = (owners == k) & inside
        own[1:] |= own[:-1]  # up to the next pixel: no white between fills
        if own.any():
            color = colors.get(name, OTHER)
            axes.fill_between(APOGEE_PIXELS, 0, found, where=own, color=color, alpha=0.75, linewidth=0)
    axes.plot(*_gapped(inside, found), color=CURVE, linewidth=0.9)
    axes.plot(*_gapped(inside, flux["synthetic"] - flux["truth"]), color=BLACK, linewidth=0.5)
    axes.set_ylabel("Synthetic −\ntranslated")


def _names(axes, truth, owners, window, colors):
    """The element of each missing feature above the spectrum, the stronger where there is no room for both."""
    strength, room, shown = truth.falls.max(axis=0), 0.02 * (window[1] - window[0]), []
    found = [
        (strength[a:b].max(), a + int(np.argmax(strength[a:b])), k)
        for k in range(len(NAMES))
        for a, b in runs(owners == k)
    ]
    for _, pixel, k in sorted(found, reverse=True):
        at = APOGEE_PIXELS[pixel]
        if window[0] + room / 2 < at < window[1] - room / 2 and all(abs(at - other) > room for other in shown):
            shown.append(at)
            look = {"color": colors.get(NAMES[k], OTHER), "ha": "center", "va": "top", "fontsize": 7}
            axes.text(at, 0.96, NAMES[k], transform=axes.get_xaxis_transform(), **look)


def _one_scale(panels):
    """The same limits for all: which element falls most is what names it."""
    low, high = np.array([axes.get_ylim() for axes in panels]).T
    for axes in panels:
        axes.set_ylim(min(low.min(), -0.1 * high.max()), 1.05 * high.max())
        axes.yaxis.set_major_locator(MaxNLocator(3, prune="upper"))  # ticks of neighbours would meet


def _legend(figure, top, colors, title):
    true = Line2D([], [], color=SKY, linewidth=2.6), Line2D([], [], color=BLACK, linewidth=0.5)
    patches = [Patch(facecolor=color, alpha=0.75) for color in colors.values()]
    names = ["true spectrum", "true value", "hidden", *colors]
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": len(names), "borderaxespad": 0.2}
    top.legend([*true, Patch(facecolor=HIDDEN), *patches], names, handlelength=1.2, columnspacing=1.0, **place)
    top.text(0, 1.04, title, transform=top.transAxes, fontsize=8)
