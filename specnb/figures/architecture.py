"""How spectra are translated without pairs: the networks, the cycles, and the chain that fits labels.

The structure is that of O'Briain et al. (2020, Fig. 1; 2021), drawn anew. The spectra in it are sketches.
"""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from specnb.figures.style import BLACK, BLUE, GREY, PAGE, PURPLE, VERMILLION, Figure, styled

HEIGHT = 5.25  # inches, as are all coordinates and sizes below
THIN, THICK = 0.9, 2.2  # lines; the thick ones lead from labels to a translated spectrum
WIDE, HIGH = 0.76, 0.32  # a framed spectrum
TOP, MIDDLE, BOTTOM = 4.36, 3.44, 2.52  # rows of the networks
SPREAD = 0.27  # of the two outputs of a decoder, above and below its row
DOMAINS = (("synth", TOP, BLUE), ("obs", BOTTOM, VERMILLION))


@styled
def architecture():
    """Figure 1: (a) the networks, (b) the cycles that train them, (c) the fit of labels through them.

    Returns
    -------
    Figure
        As wide as a page.
    """
    figure = Figure(PAGE, HEIGHT, layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, PAGE), ylim=(0, HEIGHT))
    axes.axis("off")
    _networks(axes)
    _cycles(axes)
    _chain(axes)
    return figure


def _networks(axes):
    """Panel (a): two autoencoders, their middle, two critics."""
    _title(axes, 0.08, 5.1, "a", "Two autoencoders share their middle: any latents can be decoded into either domain")
    for domain, y, color in DOMAINS:
        _panel(axes, 0.06, y - 0.57, 7.08, 1.14, color)
        _network(axes, 2.34, y, _symbol("E", domain), color, narrows=True)
        _network(axes, 4.88, y, _symbol("D", domain), color, narrows=False)
        _spectrum(axes, 1.62, y, (domain,))
        _box(axes, 6.77, y, 0.5, 0.36, _symbol("C", domain), PURPLE)
        for origin, side in (("synth", 1), ("obs", -1)):
            _spectrum(axes, 5.78, y + side * SPREAD + 0.08, (origin, domain))
            _arrow(axes, (6.17, y + side * SPREAD + 0.08), (6.5, y + 0.07 * side), PURPLE)
    for which, y, color in (("shared", MIDDLE, GREY), ("split", BOTTOM, VERMILLION)):
        _network(axes, 3.02, y, _symbol("E", which), color, narrows=True)
        _box(axes, 3.61, y, 0.48, 0.34, _symbol("z", which), color)
        _network(axes, 4.2, y, _symbol("D", which), color, narrows=False)
    _text(axes, 0.14, TOP + 0.46, "synthetic domain", color=BLUE, weight="bold", ha="left")
    _text(axes, 0.14, BOTTOM + 0.46, "observed domain", color=VERMILLION, weight="bold", ha="left")
    _box(axes, 0.37, TOP, 0.5, 0.36, "labels\n$y$", BLACK, 8)
    _box(axes, 0.94, TOP, 0.26, 0.36, "$G$", BLACK)
    _text(axes, 0.94, TOP - 0.29, "emulator")
    _box(axes, 0.51, BOTTOM, 0.78, 0.36, "survey of\nother stars", BLACK, 8)
    _text(axes, 6.77, MIDDLE, "critics of $x$ with\nits $z$: encoded\nhere or brought\nover?", 7.5)

    for start, end in (  # the chain
        ((0.62, TOP), (0.81, TOP)),
        ((1.07, TOP), (1.24, TOP)),
        ((2.0, TOP), (2.12, TOP)),
        ((2.56, TOP - 0.08), (2.8, MIDDLE + 0.14)),
        ((3.24, MIDDLE + 0.06), (3.37, MIDDLE + 0.06)),
        ((3.85, MIDDLE + 0.06), (3.98, MIDDLE + 0.06)),
        ((4.42, MIDDLE - 0.06), (4.66, BOTTOM + 0.12)),
        ((5.1, BOTTOM + 0.1), (5.4, BOTTOM + SPREAD + 0.08)),
    ):
        _arrow(axes, start, end, BLUE, THICK)
    for start, end, color in (
        ((4.42, MIDDLE + 0.12), (4.66, TOP - 0.04), BLUE),
        ((5.1, TOP + 0.1), (5.4, TOP + SPREAD + 0.08), BLUE),
        ((0.9, BOTTOM), (1.24, BOTTOM), VERMILLION),
        ((2.0, BOTTOM), (2.12, BOTTOM), VERMILLION),
        ((2.56, BOTTOM + 0.08), (2.8, MIDDLE - 0.14), VERMILLION),
        ((2.56, BOTTOM), (2.8, BOTTOM), VERMILLION),
        ((3.24, BOTTOM), (3.37, BOTTOM), VERMILLION),
        ((3.85, BOTTOM), (3.98, BOTTOM), VERMILLION),
        ((4.42, BOTTOM), (4.66, BOTTOM), VERMILLION),
        ((3.24, MIDDLE - 0.06), (3.37, MIDDLE - 0.06), VERMILLION),
        ((3.85, MIDDLE - 0.06), (3.98, MIDDLE - 0.06), VERMILLION),
        ((4.42, MIDDLE + 0.02), (4.66, TOP - 0.12), VERMILLION),
        ((4.42, MIDDLE - 0.14), (4.66, BOTTOM + 0.04), VERMILLION),
        ((5.1, TOP - 0.1), (5.4, TOP - SPREAD + 0.08), VERMILLION),
        ((5.1, BOTTOM - 0.1), (5.4, BOTTOM - SPREAD + 0.08), VERMILLION),
    ):
        _arrow(axes, start, end, color)
    for i, (text, color, width) in enumerate(
        (
            ("from labels to the observed domain", BLUE, THICK),
            ("what comes from synthetic spectra", BLUE, THIN),
            ("what comes from observed spectra", VERMILLION, THIN),
        )
    ):
        y = TOP + 0.46 - 0.14 * i
        axes.plot((2.68, 2.86), (y, y), color=color, linewidth=width, solid_capstyle="butt")
        _text(axes, 2.91, y, text, 7.5, ha="left")


def _cycles(axes):
    """Panel (b): either kind of spectrum there and back."""
    _title(axes, 0.08, 1.72, "b", "Cycles: there and back, without pairs")
    for (domain, _, color), other, y in zip(DOMAINS, ("obs", "synth"), (1.25, 0.4)):
        _spectrum(axes, 0.5, y, (domain,))
        _spectrum(axes, 1.98, y, (domain, other))
        _spectrum(axes, 3.46, y, (domain, other, domain))
        for x in (0.5, 1.98):
            _arrow(axes, (x + 0.39, y), (x + 1.09, y), color)
        _arrow(axes, (0.6, y + 0.17), (3.36, y + 0.17), BLACK, bend=-0.07, style="<|-|>", linestyle=(0, (3, 2)))
        _text(axes, 1.98, y + 0.33, "must agree", 7.5, backgroundcolor="none")
    _text(axes, 1.24, 1.12, "any star's\n" + _symbol("z", "split"), 7.5, va="top")
    _text(axes, 2.72, 0.27, "its own\n" + _symbol("z", "split"), 7.5, va="top")


def _chain(axes):
    """Panel (c): labels are fitted through emulator and translator."""
    _title(axes, 4.18, 1.72, "c", "Labels are fitted through the whole chain")
    y = 1.25
    _box(axes, 4.42, y, 0.46, 0.36, "labels\n$y$", BLACK, 8)
    _box(axes, 4.92, y, 0.26, 0.36, "$G$", BLACK)
    _spectrum(axes, 5.57, y, ("synth",))
    _box(axes, 6.2, y, 0.22, 0.36, "$T$", BLACK)
    _spectrum(axes, 6.75, y, ("synth", "obs"))
    _spectrum(axes, 6.75, 0.4, ("obs",))


def _symbol(letter, *subscripts):
    """A letter with a subscript; a spectrum that was translated names all domains on its way."""
    return f"${letter}" + r"_\mathrm{" + r"\rightarrow ".join(subscripts) + "}$"


def _text(axes, x, y, text, size=8, **kwargs):
    axes.text(x, y, text, **{"fontsize": size, "ha": "center", "va": "center", "linespacing": 1.1, "zorder": 6} | kwargs)


def _title(axes, x, y, letter, text):
    _text(axes, x, y, f"({letter})", 9, ha="left", weight="bold")
    _text(axes, x + 0.25, y, text, ha="left")


def _panel(axes, x, y, width, height, color):
    style = "round,pad=0,rounding_size=0.1"
    axes.add_patch(FancyBboxPatch((x, y), width, height, style, facecolor=(color, 0.07), edgecolor="none", zorder=0))


def _box(axes, x, y, width, height, text, color, size=9):
    """A rounded box with its middle at (x, y)."""
    corner, style = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.05"
    axes.add_patch(FancyBboxPatch(corner, width, height, style, facecolor="white", edgecolor=color, zorder=3))
    _text(axes, x, y, text, size)


def _network(axes, x, y, text, color, narrows, width=0.44, height=0.52):
    """A trapezium that narrows, an encoder, or widens, a decoder."""
    left, right = (height, 0.6 * height) if narrows else (0.6 * height, height)
    corners = [(-width, -left), (-width, left), (width, right), (width, -right)]
    corners = [(x + dx / 2, y + dy / 2) for dx, dy in corners]
    axes.add_patch(Polygon(corners, facecolor="white", edgecolor="none", zorder=3))
    axes.add_patch(Polygon(corners, facecolor=(color, 0.25), edgecolor=color, joinstyle="round", zorder=4))
    _text(axes, x, y, text, 9)


def _spectrum(axes, x, y, path):
    """A framed sketch of a spectrum with its symbol below.

    The frame has the colour of the domain it is in, the line that of the one it comes from; observed spectra have
    a line more, and noise if they were not made by a decoder.
    """
    colors = {domain: color for domain, _, color in DOMAINS}
    _box(axes, x, y, WIDE, HIGH, "", colors[path[-1]])
    grid = np.linspace(-1, 1, 200)
    lines = [(-0.72, 0.5), (-0.36, 0.85), (0.1, 0.4), (0.66, 0.7)] + [(0.38, 0.6)] * (path[-1] == "obs")
    flux = 1 - sum(depth * np.exp(-0.5 * ((grid - centre) / 0.035) ** 2) for centre, depth in lines)
    if path == ("obs",):
        flux = flux + 0.05 * np.random.default_rng(4).normal(size=len(grid))
    axes.plot(x + 0.44 * WIDE * grid, y + 0.75 * HIGH * (flux - 0.56), color=colors[path[0]], linewidth=0.7, zorder=5)
    _text(axes, x, y - HIGH / 2 - 0.09, _symbol("x", *path), 9)


def _arrow(axes, start, end, color, width=THIN, bend=0.0, style="-|>", **kwargs):
    kwargs |= {"connectionstyle": f"arc3,rad={bend}", "mutation_scale": 5 + 2 * width, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle=style, color=color, linewidth=width, zorder=2, **kwargs))
