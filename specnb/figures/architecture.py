"""How spectra are translated without pairs: the networks, the two cycles, and the chain that fits labels.

The structure is that of O'Briain et al. (2020, Fig. 1; 2021), drawn anew. The spectra in it are sketches.
"""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from specnb.figures.style import BLACK, BLUE, GREY, ORANGE, PAGE, PURPLE, VERMILLION, Figure, styled

HEIGHT = 4.95  # inches, as are all coordinates and sizes below
THIN, THICK = 0.9, 2.2  # lines; the thick ones lead from labels to a translated spectrum
ICON = (0.76, 0.34)  # a framed spectrum


def _name(*domains):
    """Symbol of a spectrum that went through these domains."""
    return r"$x_\mathrm{" + r"\rightarrow ".join(domains) + "}$"


def _text(axes, x, y, text, size=8, **kwargs):
    axes.text(x, y, text, **{"fontsize": size, "ha": "center", "va": "center", "linespacing": 1.1} | kwargs)


def _box(axes, x, y, width, height, text, color, size=9):
    """A rounded box with its middle at (x, y)."""
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch(corner, width, height, style, facecolor="white", edgecolor=color, zorder=3))
    _text(axes, x, y, text, size, zorder=5)


def _network(axes, x, y, text, color, narrows, width=0.46, height=0.5):
    """A trapezium that narrows (an encoder) or widens (a decoder)."""
    left, right = (height, 0.56 * height) if narrows else (0.56 * height, height)
    corners = [
        (x - width / 2, y - left / 2),
        (x - width / 2, y + left / 2),
        (x + width / 2, y + right / 2),
        (x + width / 2, y - right / 2),
    ]
    axes.add_patch(Polygon(corners, facecolor="white", edgecolor="none", zorder=3))
    axes.add_patch(Polygon(corners, facecolor=(color, 0.22), edgecolor=color, joinstyle="round", zorder=4))
    _text(axes, x, y, text, 9, zorder=5)


def _spectrum(axes, x, y, text, color, origin, below=True):
    """A framed sketch of a spectrum of one domain, drawn in the colour of the domain that it comes from."""
    width, height = ICON
    _box(axes, x, y, width, height, "", color)
    grid = np.linspace(-1, 1, 150)
    lines = [(-0.72, 0.5), (-0.36, 0.85), (0.1, 0.4), (0.66, 0.7)]
    if color == VERMILLION:  # what theory lacks
        lines.append((0.38, 0.6))
    flux = 1 - sum(depth * np.exp(-0.5 * ((grid - centre) / 0.035) ** 2) for centre, depth in lines)
    if text == _name("obs"):
        flux += 0.05 * np.random.default_rng(4).normal(size=len(grid))
    axes.plot(x + 0.44 * width * grid, y + 0.75 * height * (flux - 0.56), color=origin, linewidth=0.8, zorder=5)
    _text(axes, x, y + (-1 if below else 1) * (height / 2 + 0.1), text, 9)


def _arrow(axes, start, end, color, width=THIN, bend=0.0, style="-|>", **kwargs):
    kwargs = {"connectionstyle": f"arc3,rad={bend}", "mutation_scale": 6 + 2 * width} | kwargs
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, color=color, linewidth=width, shrinkA=0, shrinkB=0, zorder=2, **kwargs)
    )


def _title(axes, x, y, letter, text):
    axes.text(x, y, f"({letter})", fontsize=9, fontweight="bold", va="center")
    axes.text(x + 0.24, y, text, fontsize=8, va="center")


def _networks(axes):
    """Panel (a): two autoencoders, one middle, two critics."""
    top, middle, bottom = 4.2, 3.38, 2.56
    _title(axes, 0.08, 4.82, "a", "Two autoencoders share their middle; observed spectra have a part of their own")
    for y, color, text in ((top, BLUE, "synthetic"), (bottom, VERMILLION, "observed")):
        axes.add_patch(
            FancyBboxPatch((0.06, y - 0.5), 7.08, 1.0, "round,pad=0,rounding_size=0.1", facecolor=(color, 0.07), edgecolor="none", zorder=0)
        )
        axes.text(0.14, y + 0.4, f"{text} domain", fontsize=8, color=color, fontweight="bold", va="center")

    # what comes from synthetic spectra
    _arrow(axes, (0.62, top - 0.05), (0.82, top - 0.05), BLUE, THICK)
    _arrow(axes, (1.18, top - 0.05), (1.4, top - 0.05), BLUE, THICK)
