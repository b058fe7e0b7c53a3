"""Figure of missing lines and the elements that cause them (Fig. 4 of O'Briain et al. 2021)."""

from dataclasses import dataclass

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from specnb.missing.scores import pixels
from specnb.plots.panels import WAVELENGTH, with_gaps, with_room
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
    Figure,
    styled,
)
from specnb.simulator.features import find, runs

# Colours of the elements in the paper's figure
COLORS = {
    "Mg": BLUE,
    "Si": ORANGE,
    "Fe": VERMILLION,
    "C": GREEN,
}
SPARE = (PURPLE, SKY, "#7A4B00", "#5D3A9B")  # colours of other elements
# Colours of hidden pixels, of features of other elements, and of the difference
HIDDEN, OTHER, CURVE = (
    "#DCDCDC",
    "#8C8C8C",
    "#444444",
)
# Margins: the first two as fractions of the width, the others in inches
LEFT, RIGHT, BOTTOM, TOP = 0.1, 0.985, 0.42, 0.34
LABEL = -0.065  # position of the titles of the y axes


@styled
def missing_lines_figure(truth, flux, added, elements, window, title=""):
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

    Returns
    -------
    Figure
        It shows the spectra, their difference, and a panel for each element; these panels have the
        same scale. Where a feature is missing, the difference is filled in the colour of the
        element. If several elements lack a feature there, the colour is that of the element which
        absorbs most according to the simulator. Grey bands are hidden pixels. Coloured bands are
        hidden pixels in which the element of the panel lacks a feature.

    Raises
    ------
    ValueError
        If an element is unknown, there are too many, or too few pixels are in the window.
    """
    names, wavelength = truth.names, truth.survey.pixels
    colors, window = _colors(elements, names), tuple(float(end) for end in window)
    inside = (wavelength >= window[0]) & (wavelength <= window[1])
    if inside.sum() < 2:
        low, high = wavelength[[0, -1]]
        raise ValueError(
            f"no pixels lie in the window {window[0]:g}-{window[1]:g} Å: choose one within {low:.0f}-{high:.0f} Å"
        )
    shown = _Shown(wavelength, inside)
    figure, panels = _panels([1.25, 1.0, 1.0, *[max(0.62, 1.5 / len(colors))] * len(colors)])
    lacking = {
        name: pixels(find({name: fall}, wavelength), len(inside)) & inside
        for name, fall in zip(names, truth.falls)
    }
    owners = _owners(truth, lacking)
    for axes in panels[:3]:
        shown.shade(axes, truth.masked, HIDDEN)
    _spectra(panels[:2], shown, flux)
    _name_missing(panels[0], truth, owners, window, colors)
    _difference(panels[2], shown, flux, owners, [colors.get(name, OTHER) for name in names])
    for axes, (name, color) in zip(panels[3:], colors.items()):
        found, true = (added[which][names.index(name)] for which in ("translated", "truth"))
        shown.shade(axes, truth.masked & ~lacking[name], HIDDEN)
        shown.shade(axes, lacking[name], color, alpha=0.3)
        axes.axhline(0, color=GREY, linewidth=0.5)
        shown.curve(axes, found, color, linewidth=1.3)
        shown.curve(axes, true, BLACK, linewidth=0.5)
        place = {"transform": axes.transAxes, "fontweight": "bold", "va": "top"}
        axes.text(0.008, 0.95, name, color=color, **place)
    _one_scale(figure, panels[3:])
    panels[-1].set(xlim=window, xlabel=WAVELENGTH)
    _legend(panels[0], colors, title)
    return figure


@dataclass(frozen=True, eq=False)
class _Shown:
    """The pixels in the window, and methods that draw their values."""

    wavelength: np.ndarray
    inside: np.ndarray

    def curve(self, axes, values, color, **look):
        """Draw a curve, but not across the gaps between detectors."""
        both = (np.where(self.inside, each, np.nan) for each in (self.wavelength, values))
        axes.plot(*(with_gaps(self.wavelength, each) for each in both), color=color, **look)

    def shade(self, axes, mask, color, alpha=1.0):
        """Draw a band from half a pixel before each run of pixels to half a pixel after it."""
        half = 0.5 * (self.wavelength[1] - self.wavelength[0])
        for first, end in runs(mask & self.inside):
            ends = self.wavelength[first] - half, self.wavelength[end - 1] + half
            axes.axvspan(*ends, color=color, alpha=alpha, linewidth=0, zorder=0)


def _colors(elements, known):
    elements = list(dict.fromkeys(elements))
    if unknown := [name for name in elements if name not in known]:
        raise ValueError(
            f"{', '.join(unknown)}: no element of the survey, which has {', '.join(known)}"
        )
    spare = [name for name in elements if name not in COLORS]
    if not elements or len(spare) > len(SPARE):
        raise ValueError(
            f"{len(elements)} elements: give at least one, and {len(SPARE)} at most besides {', '.join(COLORS)}"
        )
    return {name: COLORS[name] if name in COLORS else SPARE[spare.index(name)] for name in elements}


def _panels(heights):
    """Make panels at fixed places. A constrained layout would take as long as all other steps
    together, which is too long for a figure with sliders.
    """
    height = BOTTOM + TOP + 0.98 * sum(heights)
    figure = Figure(PAGE, height, layout="none")
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.subplots_adjust(LEFT, BOTTOM / height, RIGHT, 1 - TOP / height, hspace=0.07)
    for axes in panels:
        axes.yaxis.set_label_coords(LABEL, 0.5)
    return figure, panels


def _owners(truth, lacking):
    """For each pixel the index of the element that lacks a feature there, or −1 if there is none.

    If several elements lack a feature there, it is the one with the largest fall.
    """
    falls = np.where([lacking[name] for name in truth.names], truth.falls, 0.0)
    return np.where(falls.max(axis=0) > 0, falls.argmax(axis=0), -1)


def _spectra(panels, shown, flux):
    """Draw the synthetic spectrum, and below it the translated one on top of the true one."""
    shown.curve(panels[0], flux["synthetic"], BLACK)
    shown.curve(panels[1], flux["truth"], SKY, linewidth=2.6)
    shown.curve(panels[1], flux["translated"], BLACK)
    both = np.concatenate(
        [flux[name][shown.inside] for name in ("synthetic", "translated", "truth")]
    )
    low, high, margin = both.min(), both.max(), 0.06 * np.ptp(both)
    # The names of elements are written above the synthetic spectrum.
    panels[0].set(ylabel="Synthetic flux", ylim=(low - margin, high + 5 * margin))
    panels[1].set(ylabel="Translated flux", ylim=(low - margin, high + margin))


def _difference(axes, shown, flux, owners, colors):
    """Draw synthetic minus translated flux in the colours of the elements, and its true value."""
    found = flux["synthetic"] - flux["translated"]
    axes.axhline(0, color=GREY, linewidth=0.5)
    for k, color in enumerate(colors):
        own = (owners == k) & shown.inside
        own[1:] |= own[:-1]  # up to the next pixel, so that there is no white gap between two fills
        if own.any():
            look = {"color": color, "alpha": 0.75, "linewidth": 0}
            axes.fill_between(shown.wavelength, 0, found, where=own, **look)
    shown.curve(axes, found, CURVE, linewidth=0.9)
    shown.curve(axes, flux["synthetic"] - flux["truth"], BLACK, linewidth=0.5)
    axes.set_ylabel("Synthetic −\ntranslated")


def _name_missing(axes, truth, owners, window, colors):
    """Write the element of each missing feature above the spectrum. Where there is no room for two
    names, the one of the stronger feature is written.
    """
    strength = truth.falls.max(axis=0)
    found = [
        (strength[a:b].max(), a + int(np.argmax(strength[a:b])), k)
        for k in range(len(truth.names))
        for a, b in runs(owners == k)
    ]
    found = sorted(found, reverse=True)
    places = [truth.survey.pixels[pixel] for _, pixel, _ in found]
    for chosen in with_room(places, window, 0.02 * (window[1] - window[0])):
        name = truth.names[found[chosen][2]]
        look = {"color": colors.get(name, OTHER), "ha": "center", "va": "top", "fontsize": 7}
        axes.text(places[chosen], 0.96, name, transform=axes.get_xaxis_transform(), **look)


def _one_scale(figure, panels):
    """Give all panels the same limits and one common title, so that one can see in which element
    the flux falls most; this is the element that is named.
    """
    low, high = np.array([axes.get_ylim() for axes in panels]).T
    for axes in panels:
        axes.set_ylim(min(low.min(), -0.1 * high.max()), 1.05 * high.max())
        # Otherwise the ticks of neighbouring panels would overlap
        axes.yaxis.set_major_locator(MaxNLocator(3, prune="upper"))
    middle = (panels[0].get_position().y1 + panels[-1].get_position().y0) / 2
    text = "Added fall of flux" + (" " if len(panels) > 3 else "\n") + "per 0.05 dex"
    place = {"rotation": 90, "ha": "right", "va": "center", "ma": "center", "fontsize": 8}
    figure.text(LEFT + LABEL * (RIGHT - LEFT), middle, text, **place)


def _legend(top, colors, title):
    true = Line2D([], [], color=SKY, linewidth=2.6), Line2D([], [], color=BLACK, linewidth=0.5)
    patches = [Patch(facecolor=color, alpha=0.75) for color in colors.values()]
    names = ["true spectrum", "true value", "hidden", *colors]
    place = {
        "loc": "lower right",
        "bbox_to_anchor": (1.0, 1.0),
        "ncols": len(names),
        "borderaxespad": 0.2,
    }
    top.legend(
        [*true, Patch(facecolor=HIDDEN), *patches],
        names,
        handlelength=1.2,
        columnspacing=1.0,
        **place,
    )
    top.text(0, 1.04, title, transform=top.transAxes, fontsize=8)
