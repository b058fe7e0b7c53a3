"""Figures of translated spectra: of a star whose truth is known, and of means over stars."""

import numpy as np

from specnb.plots.panels import WAVELENGTH, detector_panels, with_gaps
from specnb.plots.style import BLACK, DOMAINS, GREY, PAGE, Figure, styled

WIDTH = 30.0  # width of windows in Å; they contain some ten to twenty resolved lines


def widest_gaps(wavelength, difference, n: int = 3, width: float = WIDTH):
    """Find windows around the largest differences.

    Parameters
    ----------
    wavelength, difference : array_like, shape (n_pix,)
        Wavelength in Å, and a difference, such as the mean difference between two domains.
    n : int
        Largest number of windows. They do not overlap.
    width : float
        Width of each window, in Å.

    Returns
    -------
    list of (float, float)
        The windows, sorted by wavelength.
    """
    wavelength, left = np.asarray(wavelength, dtype=float), np.nan_to_num(np.abs(difference))
    windows = []
    while len(windows) < n and left.any():
        centre = np.clip(
            wavelength[np.argmax(left)], wavelength[0] + width / 2, wavelength[-1] - width / 2
        )
        windows.append((float(centre - width / 2), float(centre + width / 2)))
        left = np.where(np.abs(wavelength - centre) < width, 0.0, left)
    return sorted(windows)


@styled
def compared_spectra(wavelength, spectra, reference: str, windows):
    """Draw spectra, and below them their differences to one of them.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    spectra : mapping of str to ndarray, shape (n_pix,)
        Spectra by name. Names that are "synthetic", "translated" or "observed", or begin with one
        of these words and a comma, have their own colours.
    reference : str
        Name of the spectrum to which the others are compared.
    windows : sequence of (float, float)
        Wavelength ranges in Å. Each of them gets a column of panels.

    Returns
    -------
    Figure
    """
    figure = Figure(PAGE, 3.6)
    panels = figure.subplots(
        2, len(windows), squeeze=False, sharex="col", sharey="row", height_ratios=[1.6, 1]
    )
    known = spectra[reference]
    names, seen = [reference, *(name for name in spectra if name != reference)], set()
    for name in names:
        color = _color(name)
        style = {"linestyle": "--" if color in seen else "-", "color": color}
        seen.add(color)
        for (top, below), window in zip(panels.T, windows):
            inside = (wavelength >= window[0]) & (wavelength <= window[1])
            x, flux, difference = (
                with_gaps(wavelength, np.where(inside, y, np.nan))
                for y in (wavelength, spectra[name], spectra[name] - known)
            )
            # Spectra that agree with the reference lie within its line
            width = 1.6 if name == reference else 0.9
            top.plot(
                x, flux, **style, linewidth=width, label=name, alpha=0.5 if name == reference else 1
            )
            if name != reference:
                below.plot(x, difference, **style)
            top.set_xlim(window)
    for below in panels[1]:
        below.axhline(0, color=GREY, linewidth=0.5, zorder=1)
    panels[0, 0].set_ylabel("Flux / continuum")
    panels[1, 0].set_ylabel(f"Difference\nto {reference}")
    figure.supxlabel(WAVELENGTH, fontsize=8)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(names)
    )
    return figure


@styled
def mean_differences(wavelength, differences):
    """Draw the mean error of spectra over the stars, with one panel for each detector.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    differences : mapping of str to ndarray, shape (n, n_pix)
        Differences by name as in `compared_spectra`, such as synthetic minus true spectra.

    Returns
    -------
    Figure
    """
    means = {name: np.nanmean(values, axis=0) for name, values in differences.items()}
    figure, pairs = detector_panels(wavelength, 1.2, 1.3, sharey=True)
    for part, axes in pairs:
        for name, mean in means.items():
            axes.plot(wavelength[part], mean[part], color=_color(name), linewidth=0.8, label=name)
        axes.axhline(0, color=GREY, linewidth=0.5, zorder=1)
    pairs[len(pairs) // 2][1].set_ylabel("Mean of spectrum − truth")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(differences)
    )
    return figure


def _color(name):
    return DOMAINS.get(name.partition(",")[0], BLACK)
