"""Figures of fitted labels and of the fit of one star."""

import numpy as np
from scipy.stats import norm

from specnb.plots.panels import WAVELENGTH, panel_grid
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREY,
    PAGE,
    SEQUENTIAL,
    SKY,
    VERMILLION,
    Figure,
    axis_title,
    column,
    styled,
    symbol,
)

HALF_WIDTH = 4.0  # Å; so much is shaded on each side of a strong line: its core and inner wings


def _check_rows(fit, truth):
    if len(fit) != len(truth):
        raise ValueError(
            f"the fit has {len(fit)} stars and the truth {len(truth)}: give the same stars in the same order"
        )


@styled
def pulls(fit, truth, labels):
    """Draw a histogram of (fitted - true) / error for each label, and the unit Gaussian.

    Parameters
    ----------
    fit : Table
        It has the columns ``<label>`` and ``<label>_error``.
    truth : Table
        True labels of the same stars in the same order.
    labels : sequence of str

    Returns
    -------
    Figure
        If the model and the errors are right, the histograms follow the Gaussian.

    Raises
    ------
    ValueError
        If the tables differ in length or lack a column.
    """
    _check_rows(fit, truth)
    figure, panels = panel_grid(len(labels), 1.9)
    x = np.linspace(-5, 5, 201)
    for name, axes in zip(labels, panels):
        pull = (column(fit, name) - column(truth, name)) / column(fit, f"{name}_error")
        pull = pull[np.isfinite(pull)]
        bins = np.linspace(-5, 5, int(np.clip(len(pull) // 8, 10, 40)) + 1)
        # The clipping counts stars beyond ±5, too
        weights = np.full(len(pull), 1 / (max(len(pull), 1) * (bins[1] - bins[0])))
        axes.hist(pull, bins, weights=weights, color=SKY, alpha=0.7)
        axes.plot(x, norm.pdf(x), color=BLACK)
        beyond = np.sum(np.abs(pull) > 5)
        note = f"mean {pull.mean():+.2f}\nstd {pull.std():.2f}" + (
            f"\n{beyond} beyond ±5" if beyond else ""
        )
        note = note.replace("-", "−")
        axes.text(0.04, 0.95, note, transform=axes.transAxes, va="top", fontsize=7)
        axes.set(xlabel=f"Pull of {symbol(name)}", xlim=(-5, 5), ylabel="Density")
        axes.set_ylim(0, 1.3 * max(axes.get_ylim()[1], 0.4))
    return figure


@styled
def fit_comparison(fit, truth, labels, snr, snr_name="S/N per pixel"):
    """Draw fitted against true labels; the colour is the signal-to-noise ratio.

    Parameters
    ----------
    fit, truth : Table
        Fitted and true labels of the same stars in the same order.
    labels : sequence of str
    snr : ndarray, shape (n,)
        Signal-to-noise ratio of each star.
    snr_name : str

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the tables differ in length or lack a column.
    """
    _check_rows(fit, truth)
    figure, panels = panel_grid(len(labels), 2.15)
    order = np.argsort(snr)  # so stars with high S/N are drawn on top
    for name, axes in zip(labels, panels):
        true, fitted = column(truth, name)[order], column(fit, name)[order]
        dots = axes.scatter(
            true,
            fitted,
            c=np.asarray(snr)[order],
            s=5,
            cmap=SEQUENTIAL,
            norm="log",
            linewidths=0,
            rasterized=True,
        )
        axes.axline((np.nanmean(true), np.nanmean(true)), slope=1, color=BLACK, linewidth=0.6)
        axes.set(xlabel=f"True {axis_title(name)}", ylabel=f"Fitted {axis_title(name)}")
        difference = fitted - true
        scatter = 1.4826 * np.nanmedian(np.abs(difference - np.nanmedian(difference)))
        decimals = 0 if scatter > 5 else 3
        note = f"median {np.nanmedian(difference):+.{decimals}f}\nscatter {scatter:.{decimals}f}".replace(
            "-", "−"
        )
        box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5}
        axes.text(0.04, 0.95, note, transform=axes.transAxes, va="top", fontsize=7, bbox=box)
    figure.colorbar(dots, ax=panels.tolist(), label=snr_name, aspect=40)
    return figure


@styled
def star_fit(wavelength, flux, flux_error, mask, model, name="", masked_windows=(), survey=None):
    """Draw an observed spectrum with its best fit, and below it the residual in standard errors.

    Parameters
    ----------
    wavelength, flux, flux_error, mask, model : ndarray, shape (n_pix,)
        Wavelength (vacuum Å), continuum-normalised flux, its error, True where a pixel is bad, and
        the best-fitting flux.
    name : str
        The star's name.
    masked_windows : sequence of (float, float)
        Wavelength intervals that were left out of the fit, in Å.
    survey : Survey, optional
        Its most important lines are shaded: those of the first species in `Survey.lines`.

    Returns
    -------
    Figure
    """
    used = ~np.asarray(mask, dtype=bool)
    for low, high in masked_windows:
        used &= (wavelength < low) | (wavelength > high)
    residual = np.where(mask, np.nan, (flux - model) / np.where(mask, 1.0, flux_error))
    lines = () if survey is None else survey.lines
    figure = Figure(PAGE, 3.6)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    top.plot(wavelength, np.where(mask, np.nan, flux), color=BLACK, linewidth=1.3, label="observed")
    top.plot(wavelength, model, color=VERMILLION, linewidth=0.8, label="best fit")
    bottom.axhline(0, color=GREY, linewidth=0.5)
    bottom.plot(wavelength, residual, color=BLUE, linewidth=0.6)
    reach = np.nanmax(np.abs(residual[used]), initial=5.0)
    bottom.set(xlabel=WAVELENGTH, ylabel="Residual (σ)", ylim=(-1.05 * reach, 1.05 * reach))
    for axes in (top, bottom):
        for line in [line for line in lines if line.species == lines[0].species]:
            span = line.wavelength - HALF_WIDTH, line.wavelength + HALF_WIDTH
            axes.axvspan(
                *span,
                color=SKY,
                alpha=0.2,
                linewidth=0,
                label=line.species if line is lines[0] else None,
            )
        for i, window in enumerate(masked_windows):
            axes.axvspan(
                *window,
                color=GREY,
                alpha=0.35,
                linewidth=0,
                label="left out of the fit" if i == 0 else None,
            )
    top.set(ylabel="Flux / continuum", xlim=(wavelength[0], wavelength[-1]))
    rms = np.sqrt(np.mean(residual[used] ** 2)) if used.any() else np.nan
    bottom.set_title(f"rms {rms:.2f} σ over the {used.sum()} pixels fitted", loc="left", fontsize=7)
    top.set_title(name, loc="left")
    top.legend(loc="lower right", ncols=4, bbox_to_anchor=(1, 1), borderaxespad=0.2)
    return figure
