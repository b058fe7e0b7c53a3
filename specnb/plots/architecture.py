"""Diagram of how spectra are translated without pairs: the networks, the cycles, and the chain that
fits labels.

It shows the structure of O'Briain et al. (2020, Fig. 1; 2021) in a new drawing. The spectra in it
are sketches."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from specnb.plots.style import BLACK, BLUE, GREY, PAGE, PURPLE, VERMILLION, Figure, styled

HEIGHT = 5.25  # in inches, like all coordinates and sizes below
THIN, THICK = 0.9, 2.2  # widths of lines; thick lines lead from labels to a translated spectrum
DASHED = (0, (3, 2))
WIDE, HIGH = 0.76, 0.32  # size of a framed spectrum
TOP, MIDDLE, BOTTOM = 4.36, 3.44, 2.52  # heights of the rows of networks
SPREAD = 0.27  # distance of a decoder's two outputs above and below its row
ROWS = (1.24, 0.39)  # heights of the rows in the lower panels
DOMAINS = (("synth", TOP, BLUE), ("obs", BOTTOM, VERMILLION))


@styled
def architecture():
    """Draw Figure 1: (a) the networks, (b) the cycles that train them, (c) the fit of labels
    through them.

    The frame of a spectrum has the colour of the domain that the spectrum is in. Its line has the
    colour of the domain that it comes from. Encoders E become narrower and decoders D wider from
    left to right. z are latents, and C are critics, which take a domain's own reconstructions as
    real. Synthetic spectra are translated with the z_split of any observed star. Observed spectra
    are translated back with their own z_split.

    Returns
    -------
    Figure
        It is as wide as a page.
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
    """Draw panel (a): two autoencoders, the middle that they share, and two critics."""
    _title(
        axes,
        0.08,
        5.1,
        "a",
        "Two autoencoders share their middle: shared latents are decoded into either domain",
    )
    for domain, y, color in DOMAINS:
        _panel(axes, 0.06, y - 0.57, 7.08, 1.14, color)
        _spectrum(axes, 1.53, y, (domain,))
        _network(axes, 2.27, y, _symbol("E", domain), color, narrows=True)
        _network(axes, 4.97, y, _symbol("D", domain), color, narrows=False)
        _box(axes, 6.83, y, 0.5, 0.36, _symbol("C", domain), PURPLE)
        for origin, _, _ in DOMAINS:
            side, agrees = (
                (-1, r" $\approx$ " + _symbol("x", domain)) if origin == domain else (1, "")
            )
            height = y + side * SPREAD + 0.08
            _spectrum(axes, 5.85, height, (origin, domain), agrees)
            _arrow(axes, (6.23, height), (6.57, y + 0.07 * side), PURPLE)
    for which, y, color in (("shared", MIDDLE, GREY), ("split", BOTTOM, VERMILLION)):
        _network(axes, 3.01, y, _symbol("E", which), color, narrows=True)
        _box(axes, 3.62, y, 0.46, 0.34, _symbol("z", which), color)
        _network(axes, 4.23, y, _symbol("D", which), color, narrows=False)
    _text(axes, 0.14, TOP + 0.45, "synthetic domain", color=BLUE, weight="bold", ha="left")
    _text(axes, 0.14, BOTTOM + 0.45, "observed domain", color=VERMILLION, weight="bold", ha="left")
    _box(axes, 0.34, TOP, 0.44, 0.36, "labels\n$y$", BLACK, 8)
    _box(axes, 0.86, TOP, 0.24, 0.36, "$G$", BLACK)
    _text(axes, 0.86, TOP - 0.28, "emulator", 7.5)
    _box(axes, 0.49, BOTTOM, 0.74, 0.36, "survey of\nother stars", BLACK, 8)
    _text(
        axes,
        6.37,
        MIDDLE,
        "critics see a spectrum\nand its latents: is it\nreconstructed or translated?",
        7.5,
    )

    for start, end in (  # the chain from labels to a translated spectrum
        ((0.56, TOP), (0.74, TOP)),
        ((0.98, TOP), (1.15, TOP)),
        ((1.91, TOP), (2.02, TOP)),
        ((2.52, TOP - 0.08), (2.76, MIDDLE + 0.15)),
        ((3.26, MIDDLE + 0.06), (3.39, MIDDLE + 0.06)),
        ((3.85, MIDDLE + 0.06), (3.98, MIDDLE + 0.06)),
        ((4.48, MIDDLE - 0.06), (4.72, BOTTOM + 0.13)),
        ((5.22, BOTTOM + 0.11), (5.47, BOTTOM + SPREAD + 0.08)),
    ):
        _arrow(axes, start, end, BLUE, THICK)
    for start, end, color in (
        ((4.48, MIDDLE + 0.16), (4.72, TOP - 0.05), BLUE),
        ((5.22, TOP - 0.11), (5.47, TOP - SPREAD + 0.08), BLUE),
        ((0.86, BOTTOM), (1.15, BOTTOM), VERMILLION),
        ((1.91, BOTTOM), (2.02, BOTTOM), VERMILLION),
        ((2.52, BOTTOM + 0.08), (2.76, MIDDLE - 0.15), VERMILLION),
        ((2.52, BOTTOM), (2.76, BOTTOM), VERMILLION),
        ((3.26, BOTTOM), (3.39, BOTTOM), VERMILLION),
        ((3.85, BOTTOM), (3.98, BOTTOM), VERMILLION),
        ((4.48, BOTTOM), (4.72, BOTTOM), VERMILLION),
        ((3.26, MIDDLE - 0.06), (3.39, MIDDLE - 0.06), VERMILLION),
        ((3.85, MIDDLE - 0.06), (3.98, MIDDLE - 0.06), VERMILLION),
        ((4.48, MIDDLE + 0.06), (4.72, TOP - 0.13), VERMILLION),
        ((4.48, MIDDLE - 0.18), (4.72, BOTTOM + 0.06), VERMILLION),
        ((5.22, TOP + 0.11), (5.47, TOP + SPREAD + 0.08), VERMILLION),
        ((5.22, BOTTOM - 0.11), (5.47, BOTTOM - SPREAD + 0.08), VERMILLION),
    ):
        _arrow(axes, start, end, color)
    legend = (
        ("from labels to the observed domain", BLUE, THICK),
        ("what comes from synthetic spectra", BLUE, THIN),
        ("what comes from observed spectra", VERMILLION, THIN),
    )
    for y, (text, color, width) in zip((MIDDLE + 0.16, MIDDLE, MIDDLE - 0.16), legend):
        axes.plot((0.14, 0.34), (y, y), color=color, linewidth=width, solid_capstyle="butt")
        _text(axes, 0.4, y, text, 7.5, ha="left")


def _cycles(axes):
    """Draw panel (b): each kind of spectrum is translated to the other domain and back."""
    _title(axes, 0.08, 1.74, "b", "Cycles: to the other domain and back, without pairs")
    for (domain, _, color), other, y in zip(DOMAINS, ("obs", "synth"), ROWS):
        _spectrum(axes, 0.47, y, (domain,))
        _spectrum(axes, 1.79, y, (domain, other))
        _spectrum(axes, 3.11, y, (domain, other, domain))
        for start in (0.85, 2.17):
            _arrow(axes, (start, y), (start + 0.56, y), color)
        _arrow(
            axes,
            (0.57, y + 0.17),
            (3.01, y + 0.17),
            BLACK,
            THIN,
            "<|-|>",
            linestyle=DASHED,
            connectionstyle="arc3,rad=-0.06",
        )
        _text(axes, 1.79, y + 0.32, "must agree", 7.5)
    for x, y, whose in ((1.12, ROWS[0], "any"), (2.44, ROWS[1], "its")):
        _text(axes, x, y - 0.1, f"{whose} {_symbol('z', 'split')}", color=VERMILLION)


def _chain(axes):
    """Draw panel (c): labels are fitted through the emulator and the translator."""
    _title(axes, 3.8, 1.74, "c", "Labels are fitted through emulator and translator")
    y, low = ROWS
    _box(axes, 4.04, y, 0.44, 0.36, "labels\n$y$", BLACK, 8)
    _box(axes, 4.6, y, 0.24, 0.36, "$G$", BLACK)
    _text(axes, 4.6, y + 0.26, "emulator", 7.5)
    _spectrum(axes, 5.3, y, ("synth",))
    _box(axes, 6.02, y, 0.24, 0.36, "$T$", BLACK)
    _text(axes, 6.02, y + 0.26, "translator", 7.5)
    _spectrum(axes, 6.74, y, ("synth", "obs"))
    _spectrum(axes, 6.74, low, ("obs",))
    for start, end in ((4.26, 4.48), (4.72, 4.92), (5.68, 5.9), (6.14, 6.36)):
        _arrow(axes, (start, y), (end, y), BLUE, THICK)
    _arrow(axes, (6.02, y - 0.38), (6.02, y - 0.18), VERMILLION)
    _text(axes, 6.02, y - 0.46, _symbol("z", "split"), 9, color=VERMILLION)
    _arrow(axes, (6.74, low + 0.17), (6.74, y - 0.35), BLACK, style="<|-|>", linestyle=DASHED)
    _text(axes, 6.8, (y + low) / 2 - 0.09, r"$\chi^2$", 9, ha="left")
    _arrow(
        axes,
        (6.34, low),
        (4.04, y - 0.18),
        BLACK,
        linestyle=DASHED,
        connectionstyle="angle,angleA=0,angleB=90",
    )
    _text(axes, 5.2, low + 0.11, r"$\partial\chi^2/\partial y$ through $T$ and $G$", 7.5)


def _symbol(letter, *subscripts):
    """A letter with subscripts; a translated spectrum has those of all domains it went through."""
    return f"${letter}" + r"_\mathrm{" + r"\rightarrow ".join(subscripts) + "}$"


def _text(axes, x, y, text, size=8, **kwargs):
    axes.text(
        x,
        y,
        text,
        **{"fontsize": size, "ha": "center", "va": "center", "linespacing": 1.1, "zorder": 6}
        | kwargs,
    )


def _title(axes, x, y, letter, text):
    _text(axes, x, y, f"({letter})", 9, ha="left", weight="bold")
    _text(axes, x + 0.25, y, text, ha="left")


def _panel(axes, x, y, width, height, color):
    style = "round,pad=0,rounding_size=0.1"
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, style, facecolor=(color, 0.07), edgecolor="none", zorder=0
        )
    )


def _box(axes, x, y, width, height, text, color, size=9):
    """Draw a rounded box whose middle is at (x, y)."""
    corner, style = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.05"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, style, facecolor="white", edgecolor=color, zorder=3)
    )
    _text(axes, x, y, text, size)


def _network(axes, x, y, text, color, narrows, width=0.5, height=0.54):
    """Draw a trapezium that becomes narrower (an encoder) or wider (a decoder)."""
    left, right = (height, 0.6 * height) if narrows else (0.6 * height, height)
    corners = [(-width, -left), (-width, left), (width, right), (width, -right)]
    corners = [(x + dx / 2, y + dy / 2) for dx, dy in corners]
    axes.add_patch(Polygon(corners, facecolor="white", edgecolor="none", zorder=3))
    axes.add_patch(
        Polygon(corners, facecolor=(color, 0.25), edgecolor=color, joinstyle="round", zorder=4)
    )
    _text(axes, x, y, text, 9)


def _spectrum(axes, x, y, path, remark=""):
    """Draw a framed sketch of a spectrum with its symbol and a remark below.

    The frame has the colour of the domain that the spectrum is in, and the line has the colour of
    the domain it comes from. Observed spectra have one more absorption line, and they have noise
    unless a decoder made them."""
    colors = {domain: color for domain, _, color in DOMAINS}
    _box(axes, x, y, WIDE, HIGH, "", colors[path[-1]])
    grid = np.linspace(-1, 1, 200)
    lines = [(-0.72, 0.5), (-0.36, 0.85), (0.1, 0.4), (0.66, 0.7)] + [(0.38, 0.6)] * (
        path[-1] == "obs"
    )
    flux = 1 - sum(depth * np.exp(-0.5 * ((grid - centre) / 0.035) ** 2) for centre, depth in lines)
    if path == ("obs",):
        flux = flux + 0.05 * np.random.default_rng(4).normal(size=len(grid))
    axes.plot(
        x + 0.44 * WIDE * grid,
        y + 0.75 * HIGH * (flux - 0.56),
        color=colors[path[0]],
        linewidth=0.7,
        zorder=5,
    )
    _text(axes, x, y - HIGH / 2 - 0.09, _symbol("x", *path) + remark, 9)


def _arrow(axes, start, end, color, width=THIN, style="-|>", **kwargs):
    kwargs |= {"mutation_scale": 5 + 1.5 * width, "shrinkA": 0, "shrinkB": 0, "zorder": 2}
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, color=color, linewidth=width, **kwargs)
    )
