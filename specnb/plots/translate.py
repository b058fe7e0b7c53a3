"""Figures of domain adaptation: spectra before and after the translation, and maps of both domains
(Fig. 2 of O'Briain et al. 2020).
"""

from itertools import cycle

import numpy as np

from specnb.plots.style import (
    BLACK,
    DOMAINS,
    GREY,
    PAGE,
    PURPLE,
    SKY,
    VERMILLION,
    WAVELENGTH,
    draw_within,
    legend,
    panel_grid,
    styled,
    with_room,
)

KNOWN = DOMAINS | {"truth": BLACK}  # colours of spectra that have these names
SPARE = (VERMILLION, PURPLE, SKY)  # colours of other spectra


def _colors(names):
    """The colour of each spectrum."""
    return KNOWN | dict(zip([name for name in names if name not in KNOWN], cycle(SPARE)))


@styled
def compared_spectra(wavelength, spectra, reference: str, windows, over="continuum"):
    """Draw spectra, and below them their differences to one of them.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    spectra : mapping of str to ndarray, shape (n_pix,)
        Spectra by name. The names "synthetic", "translated", "observed" and "truth" have their own
        colours. Spectra with other names are dashed.
    reference : str
        Name of the spectrum to which the others are compared.
    windows : sequence of (float, float)
        Wavelength ranges in Å. Each of them gets a column of panels.
    over : str
        What the flux is divided by, for the title of the axis.

    Returns
    -------
    Figure
    """
    n = len(windows)
    figure, panels = panel_grid(
        2 * n, 1.8, columns=n, sharex="col", sharey="row", height_ratios=[1.6, 1]
    )
    colors, others = _colors(spectra), [name for name in spectra if name != reference]
    for (top, below), window in zip(panels.reshape(2, n).T, windows):
        # Spectra that agree with the reference lie within its line
        wide = {"color": colors[reference], "linewidth": 1.6, "alpha": 0.5, "label": reference}
        draw_within(top, wavelength, spectra[reference], window, **wide)
        for name in others:
            look = {"color": colors[name], "linestyle": "-" if name in KNOWN else "--"}
            draw_within(top, wavelength, spectra[name], window, label=name, **look)
            draw_within(below, wavelength, spectra[name] - spectra[reference], window, **look)
        below.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        top.set_xlim(window)
    panels[0].set_ylabel(f"Flux / {over}")
    panels[n].set_ylabel(f"Difference\nto {reference}")
    figure.supxlabel(WAVELENGTH, fontsize=8)
    legend(figure, top, loc="outside upper center")
    return figure


def widest_gaps(wavelength, difference, n: int = 3, width: float = 30.0):
    """Find windows around the largest differences.

    Parameters
    ----------
    wavelength, difference : array_like, shape (n_pix,)
        Wavelength in Å, and a difference, such as the mean difference between two domains.
    n : int
        Largest number of windows. They do not overlap.
    width : float
        Width of each window, in Å. In 30 Å there are some ten to twenty resolved lines.

    Returns
    -------
    list of (float, float)
        The windows, sorted by wavelength.
    """
    wavelength = np.asarray(wavelength, dtype=float)
    half = width / 2
    size = np.nan_to_num(np.abs(difference))
    order = np.argsort(-size, kind="stable")[: np.count_nonzero(size)]
    centres = np.clip(wavelength[order], wavelength[0] + half, wavelength[-1] - half)
    chosen = centres[with_room(centres, (-np.inf, np.inf), width)[:n]]
    return [(float(centre - half), float(centre + half)) for centre in np.sort(chosen)]


@styled
def mixing_maps(panels, auc=None):
    """Draw maps of two sets of stars each. Where the colours mix, the two sets mix (Fig. 2).

    Parameters
    ----------
    panels : mapping of str to mapping of str to ndarray, shape (n, 2)
        For each title of a panel, two sets by name, as from
        `specnb.evaluate.projection.project_two`. The names "synthetic", "translated" and
        "observed" have their own colours.
    auc : mapping of str to (float, float), optional
        For each title, the AUC and its scatter, as from `specnb.evaluate.two_sample.best_auc`.

    Returns
    -------
    Figure
    """
    figure, row = panel_grid(len(panels), PAGE / max(len(panels), 3) + 0.8, columns=len(panels))
    names = list(dict.fromkeys(name for sets in panels.values() for name in sets))
    colors = _colors(names)
    for axes, (title, sets) in zip(row, panels.items()):
        points = np.concatenate(list(sets.values()))
        color = np.repeat([colors[name] for name in sets], [len(each) for each in sets.values()])
        # The order is random, because otherwise one set would lie on top of the other
        order = np.random.default_rng(0).permutation(len(points))
        look = {"s": np.clip(6000 / max(len(points), 1), 1, 10), "linewidths": 0, "alpha": 0.8}
        axes.scatter(*points[order].T, c=color[order], rasterized=True, **look)
        number = "" if auc is None else "\nAUC {:.2f} ± {:.2f}".format(*auc[title])
        # t-SNE has no units
        axes.set(
            title=title + number, xticks=[], yticks=[], box_aspect=1, xmargin=0.04, ymargin=0.04
        )
    dot = {"linestyle": "", "marker": "o", "markersize": 4}
    marks = {name: dot | {"color": colors[name]} for name in names}
    legend(figure, marks, loc="outside lower center")
    return figure
