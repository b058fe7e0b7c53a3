"""Figures of the labels of many stars, such as true labels of a mock survey or fitted labels."""

import numpy as np

from specnb.plots.panels import WAVELENGTH, panel_grid
from specnb.plots.style import (
    BLACK,
    COLUMN,
    DENSITY,
    GREY,
    PALETTE,
    SEQUENTIAL,
    VERMILLION,
    Figure,
    axis_title,
    column,
    kiel_axes,
    styled,
)


@styled
def kiel(labels, color="m_h"):
    """Draw a Kiel diagram of many stars.

    Parameters
    ----------
    labels : Table or mapping of str to array_like
        It has ``teff``, ``logg`` and the label that colours the cells.
    color : str or None
        The colour of a cell is the mean of this label; for ``None`` it is the number of stars.

    Returns
    -------
    Figure
    """
    figure, axes = _cells(labels, "teff", "logg", color, 2.9)
    kiel_axes(axes)
    return figure


@styled
def abundance_plane(labels, color=None):
    """Draw [α/Fe] against [M/H] for many stars.

    Parameters
    ----------
    labels, color
        As for `kiel`, but by default the colour is the number of stars in a cell.

    Returns
    -------
    Figure
    """
    return _cells(labels, "m_h", "alpha_fe", color, 2.7)[0]


def _cells(labels, x, y, color, height):
    """Draw one panel with hexagonal cells and a colour bar. Cells are used because 64,000 dots
    would hide one another.
    """
    figure = Figure(COLUMN, height)
    axes = figure.subplots()
    axes.set(xlabel=axis_title(x), ylabel=axis_title(y))
    x, y = column(labels, x), column(labels, y)
    size = 60 if len(x) > 5000 else 30
    common = {"gridsize": size, "linewidths": 0.1, "mincnt": 1, "rasterized": True}
    if color is None:
        cells = axes.hexbin(x, y, bins="log", cmap=DENSITY, **common)
        figure.colorbar(cells, ax=axes, label="Stars per cell")
    else:
        c = column(labels, color)
        low, high = np.nanpercentile(c, [2, 98])
        cells = axes.hexbin(
            x, y, C=c, reduce_C_function=np.nanmean, cmap=SEQUENTIAL, vmin=low, vmax=high, **common
        )
        figure.colorbar(cells, ax=axes, label=f"Mean {axis_title(color)}", extend="both")
    return figure, axes


@styled
def label_histograms(labels, names, by=None, units=None):
    """Draw the distribution of each label.

    Parameters
    ----------
    labels : Table or mapping of str to array_like
    names : sequence of str
        Columns to show; each gets one panel.
    by : str, optional
        Column whose values divide the stars into groups, such as the Galactic component. Each
        group has its own histogram.
    units : mapping, optional
        Units of columns that are not labels, such as ``{"g_mag": "mag"}``.

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(names), 1.8, header=0.3)
    groups = [] if by is None else np.unique(np.asarray(labels[by]).astype(str))
    for name, axes in zip(names, panels):
        values = column(labels, name)
        bins = np.histogram_bin_edges(values[np.isfinite(values)], 40)
        axes.hist(
            values,
            bins,
            histtype="step",
            color=BLACK,
            linewidth=0.7,
            label=f"all ({len(values):,})",
        )
        for group, color in zip(groups, PALETTE):
            member = np.asarray(labels[by]).astype(str) == group
            axes.hist(
                values[member],
                bins,
                histtype="step",
                color=color,
                label=f"{group} ({member.sum():,})",
            )
        axes.set(xlabel=axis_title(name, (units or {}).get(name, "")), yscale="log", ylabel="Stars")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=1 + len(groups)
    )
    return figure


@styled
def spectra_by_snr(spectra, truth, snr):
    """Draw a few spectra, one above the other.

    Parameters
    ----------
    spectra : Spectra
        Spectra of two to five stars.
    truth : Spectra or None
        The spectra of the same stars without noise.
    snr : sequence of float
        Signal-to-noise ratio per pixel, for the titles.

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(spectra), 1.25, header=0.5, columns=1, sharex=True)
    for k, axes in enumerate(panels):
        good = ~spectra.mask[k]
        axes.plot(
            spectra.wavelength,
            np.where(good, spectra.flux[k], np.nan),
            color=GREY,
            linewidth=0.6,
            label="observed",
        )
        if truth is not None:
            axes.plot(
                truth.wavelength,
                truth.flux[k],
                color=VERMILLION,
                linewidth=0.7,
                label="without noise",
            )
        axes.set_title(f"{spectra.ids[k]}, S/N {snr[k]:.0f}", loc="left")
        axes.set(
            ylabel="Flux", ylim=(0, max(1.2, 1.02 * np.quantile(spectra.flux[k][good], 0.999)))
        )
    panels[-1].set(xlabel=WAVELENGTH, xlim=spectra.wavelength[[0, -1]])
    if truth is not None:
        panels[0].legend(loc="lower left", ncols=2)
    return figure
