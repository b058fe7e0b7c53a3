"""Figure of the lines at which real stars and the physics disagree."""

import numpy as np
from matplotlib.patches import Patch

from specnb.plots.missing import free_level, shade
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
    legend,
    styled,
)

STARS = (BLUE, ORANGE, GREEN, PURPLE)  # colours of the stars; if there are more stars, all are grey
NAMED = 12  # so many of the most significant runs get a label
ROOM = 9.0  # smallest distance of labels in Å; closer ones are written one above the other


@styled
def disagreements_figure(observed, flux, pixels, table, names, zooms, expected: str):
    """Draw the mean residual of the stars with marked runs of pixels, and zooms of the spectra.

    Parameters
    ----------
    observed : Spectra
    flux : ndarray, shape (n, n_pix)
        Best fits of the stars.
    pixels, table : Table
        Results of `specnb.missing.coherent.coherence` and `disagreements`.
    names : sequence of str
        Names of the stars.
    zooms : sequence of float
        Central wavelengths of the zooms, in vacuum Å.
    expected : str
        Words for a place where the physics is known to fail, such as "Ca II core". A run is grey
        if its column ``known`` contains all of these words.

    Returns
    -------
    Figure
        The band is one standard error of the mean, which includes the error of the model. A label
        is above the curve if the simulator's line is false or too strong, and below it if the line
        is missing or too weak. In a zoom, each star is shifted upwards from the one before it.
    """
    wavelength = observed.wavelength
    few = len(names) <= len(STARS)
    colors = STARS[: len(names)] if few else (GREY,) * len(names)
    figure = Figure(PAGE, 4.9)
    panels = figure.subplot_mosaic([["all"] * len(zooms), list(zooms)])
    axes = panels["all"]
    mean, error = pixels["excess"], pixels["error"]
    for own, color in zip(np.where(observed.mask, np.nan, observed.flux - flux), colors):
        axes.plot(wavelength, own, color=color, alpha=min(0.6, 10 / len(names)), linewidth=0.4)
    axes.fill_between(wavelength, mean - error, mean + error, color=SKY, alpha=0.7, linewidth=0)
    axes.plot(wavelength, mean, color=BLACK, linewidth=0.6)
    axes.axhline(0, color=GREY, linewidth=0.5)
    reach = 1.1 * np.max(np.abs(mean), initial=0.02)
    axes.set(
        xlim=wavelength[[0, -1]],
        ylim=(-0.8 * reach, 1.45 * reach),
        xlabel=WAVELENGTH,
        ylabel="Observed − best fit",
    )
    _label_runs(axes, table[:NAMED], reach)
    for centre in zooms:
        _zoom(panels[centre], centre, observed, flux, colors)
    panels[zooms[0]].set_ylabel("Flux / continuum + offset")
    for row in table:
        known = set(expected.split()) <= set(row["known"].split())
        inside = (wavelength >= row["first"]) & (wavelength <= row["last"])
        for axes in panels.values():
            shade(axes, wavelength, inside, color=GREY if known else VERMILLION, alpha=0.3)
    marks = {
        "mean over the stars": {"color": BLACK},
        "its error": Patch(color=SKY, alpha=0.7),
        "significant": Patch(color=VERMILLION, alpha=0.3),
        f"significant, {expected}": Patch(color=GREY, alpha=0.3),
    }
    stars = names if few else [f"each of {len(names)} stars"]
    marks |= {name: {"color": color, "marker": "."} for name, color in zip(stars, colors)}
    legend(figure, marks, loc="outside upper left", ncols=4)
    return figure


def _label_runs(axes, table, reach):
    """Write the wavelength and the likeliest element at each run of a table."""
    last = {1: {}, -1: {}}
    line = {"arrowstyle": "-", "color": BLACK, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
    box = {"facecolor": "white", "linewidth": 0, "pad": 0.5}
    look = {"fontsize": 6, "ha": "center", "va": "center", "bbox": box, "arrowprops": line}
    for row in table[np.argsort(table["wavelength"])]:
        side, x = np.sign(row["excess"]), row["wavelength"]
        level = free_level(last[side], x, ROOM)
        height = side * reach * ((1.12 if side > 0 else 0.45) + 0.15 * level)
        text = f"{x:.1f}  {row['candidates'].split()[0]}"
        # Lower labels would hide the lines
        axes.annotate(text, (x, row["excess"]), (x, height), zorder=4 - 0.1 * level, **look)


def _zoom(axes, centre, observed, flux, colors):
    """Draw observed spectra (points) and best fits (lines) around one wavelength, each star above
    the one before.
    """
    some = np.abs(observed.wavelength - centre) < 3.2
    x = observed.wavelength[some]
    apart = 0.8 * np.nanmax(np.ptp(flux[:, some], axis=1), initial=0.05)
    points = {"marker": ".", "markersize": 3, "linestyle": "", "elinewidth": 0.6}
    for k, color in enumerate(colors):
        good = some & ~observed.mask[k]
        seen, error = observed.flux[k, good], observed.flux_error[k, good]
        axes.errorbar(observed.wavelength[good], seen + k * apart, error, color=color, **points)
        axes.plot(x, flux[k, some] + k * apart, color=color, linewidth=0.9)
    axes.set(xlim=x[[0, -1]], xlabel=WAVELENGTH)
    axes.set_title("observed (points) and best fit (lines)", loc="left", fontsize=7)
