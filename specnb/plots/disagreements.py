"""Figure of the wavelengths at which real spectra and the physics disagree in all stars alike."""

import numpy as np
from astropy.table import Table
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from specnb.plots.panels import WAVELENGTH
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

STARS = (BLUE, ORANGE, GREEN, PURPLE)  # colours of the stars; if there are more stars, all are grey
HALF_WIDTH = 3.2  # half of the width of a zoom, in Å
NAMED = 12  # so many of the most significant runs get a label
ROOM = 9.0  # smallest distance of labels in Å; closer ones are written one above the other


@styled
def disagreements(observed, flux, pixels, table, names=None, zooms=(), expected=""):
    """Draw the mean residual of the stars with marked runs of pixels, and zooms of the spectra.

    Parameters
    ----------
    observed : Spectra
    flux : ndarray, shape (n, n_pix)
        Best fits of the stars.
    pixels, table : Table
        Results of `specnb.missing.coherent.coherence` and `disagreements`.
    names : sequence of str, optional
        Names of the stars; by default their ids.
    zooms : sequence of float
        Central wavelengths of the zooms, in vacuum Å.
    expected : str, optional
        Words for a place where the physics is known to fail, such as "Ca II core". A run is grey
        if its column ``known`` contains all of these words.

    Returns
    -------
    Figure
        The band is one standard error of the mean, which includes the error of the model. A label
        is above the curve if the simulator's line is false or too strong, and below it if the line
        is missing or too weak. In a zoom, each star is shifted upwards from the one before it.

    Raises
    ------
    ValueError
        If the fits, the pixels or the names do not belong to the spectra.
    """
    names = [str(name) for name in (observed.ids if names is None else names)]
    if (
        np.shape(flux) != observed.flux.shape
        or len(pixels) != len(observed.wavelength)
        or len(names) != len(observed)
    ):
        given = f"fits of shape {np.shape(flux)}, {len(pixels)} pixels and {len(names)} names"
        raise ValueError(
            f"{given} for spectra of shape {observed.flux.shape}: give those of the same stars"
        )
    words = expected.split() or [None]
    table = Table(table)
    table["shade"] = [
        GREY if all(word in row["known"].split() for word in words) else VERMILLION for row in table
    ]
    figure = Figure(PAGE, 4.9 if len(zooms) else 2.7)
    grid = figure.add_gridspec(2 if len(zooms) else 1, max(len(zooms), 1))
    colors = STARS[: len(names)] if len(names) <= len(STARS) else (GREY,) * len(names)
    residual = np.where(observed.mask, np.nan, observed.flux - flux)
    _residuals(figure.add_subplot(grid[0, :]), observed.wavelength, residual, pixels, table, colors)
    for k, centre in enumerate(zooms):
        axes = figure.add_subplot(grid[1, k])
        _zoom(axes, centre, observed, np.asarray(flux), table, colors)
        axes.set(xlabel=WAVELENGTH, ylabel="" if k else "Flux / continuum + offset")
    few = len(names) <= len(STARS)
    dot = {"marker": "." if len(zooms) else ""}
    marks = [
        ("mean over the stars", Line2D([], [], color=BLACK)),
        ("its error", Patch(color=SKY, alpha=0.7)),
        ("significant", Patch(color=VERMILLION, alpha=0.3)),
        *[(f"significant, {expected}", Patch(color=GREY, alpha=0.3))] * bool(expected),
        *zip(
            names if few else [f"each of {len(names)} stars"],
            (Line2D([], [], color=color, **dot) for color in colors),
        ),
    ]
    labels, handles = zip(*marks)
    figure.legend(handles, labels, loc="outside upper left", ncols=4)
    return figure


def _residuals(axes, wavelength, residual, pixels, table, colors):
    """Draw the mean residual with its error, the residuals of single stars as faint lines, and a
    label for each of the most significant runs.
    """
    for own, color in zip(residual, colors):
        axes.plot(wavelength, own, color=color, alpha=min(0.6, 10 / len(residual)), linewidth=0.4)
    mean, error = np.asarray(pixels["excess"]), np.asarray(pixels["error"])
    axes.fill_between(wavelength, mean - error, mean + error, color=SKY, alpha=0.7, linewidth=0)
    axes.plot(wavelength, mean, color=BLACK, linewidth=0.6)
    axes.axhline(0, color=GREY, linewidth=0.5)
    _shade(axes, table)
    reach, last, shown = 1.1 * np.max(np.abs(mean), initial=0.02), {}, table[:NAMED]
    for row in shown[np.argsort(shown["wavelength"])]:
        side, x = np.sign(row["excess"]), row["wavelength"]
        level = next(n for n in range(NAMED) if x - last.get((side, n), -np.inf) > ROOM)
        last[side, level] = x
        height = side * reach * (1.12 if side > 0 else 0.45) + side * 0.15 * reach * level
        line = {"arrowstyle": "-", "color": BLACK, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        text = f"{x:.1f}  {str(row['candidates']).split()[0]}"
        look = {
            "fontsize": 6,
            "ha": "center",
            "va": "center",
            "bbox": {"facecolor": "white", "linewidth": 0, "pad": 0.5},
        }
        tip = (x, row["excess"])
        # Lower labels would hide the lines
        axes.annotate(text, tip, (x, height), arrowprops=line, zorder=4 - 0.1 * level, **look)
    axes.set(xlim=wavelength[[0, -1]], ylim=(-0.8 * reach, 1.45 * reach))
    axes.set(xlabel=WAVELENGTH, ylabel="Observed − best fit")


def _zoom(axes, centre, observed, flux, table, colors):
    """Draw observed spectra (points) and best fits (lines) around one wavelength, each star above
    the one before.
    """
    some = np.abs(observed.wavelength - centre) < HALF_WIDTH
    x = observed.wavelength[some]
    apart = 0.8 * np.nanmax(np.ptp(flux[:, some], axis=1), initial=0.05)
    for k, color in enumerate(colors):
        shown = np.where(observed.mask[k], np.nan, observed.flux[k])[some] + k * apart
        error = np.where(observed.mask[k], np.nan, observed.flux_error[k])[some]
        axes.errorbar(
            x, shown, error, color=color, marker=".", markersize=3, linestyle="", elinewidth=0.6
        )
        axes.plot(x, flux[k][some] + k * apart, color=color, linewidth=0.9)
    axes.set_xlim(x[[0, -1]])
    _shade(axes, table)
    axes.set_title("observed (points) and best fit (lines)", loc="left", fontsize=7)


def _shade(axes, table):
    """Mark the pixels of each run."""
    for row in table:
        ends = row["first"] - 0.15, row["last"] + 0.15
        axes.axvspan(*ends, color=row["shade"], alpha=0.3, linewidth=0)
