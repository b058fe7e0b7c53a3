"""Figures of spectra: features, best fits, derivatives, and gaps between domains. Where there are
several detectors, each has a panel.
"""

import numpy as np

from specnb.core.wavelength import detectors
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    VERMILLION,
    WAVELENGTH,
    curves,
    element_color,
    group_colors,
    legend,
    panel_grid,
    plain_text,
    styled,
    with_room,
)
from specnb.simulator.responses import strongest

NAMED = 12  # so many of the strongest features of each element are named, if there is room
HALF_WIDTH = 4.0  # Å; so much is shaded on each side of a strong line: its core and inner wings


@styled
def tour(survey, flux, features):
    """Draw a spectrum in which features have the colours of their groups of elements.

    Parameters
    ----------
    survey : Survey
    flux : ndarray, shape (n_pix,)
        Normalised flux on the pixels of the survey.
    features : Table
        As from `specnb.simulator.responses.features`. A pixel is coloured if one element causes
        more than half of the absorption by all elements there.

    Returns
    -------
    Figure
    """
    wavelength, own = survey.pixels, features[features["share"] > 0.5]
    own = own[np.argsort(own["depth"])]  # so the deepest are drawn last and lie on top
    named = strongest(own, NAMED)
    bottom, top = np.nanmin(flux), np.nanmax(flux)
    step = 0.01 * (top - bottom)
    figure, pairs = detector_panels(wavelength, 6.2)
    for part, axes in pairs:
        low, high = axes.get_xlim()
        axes.plot(wavelength[part], flux[part], color=GREY, linewidth=0.6)
        for row in own[(own["first"] >= part.start) & (own["first"] < part.stop)]:
            pixels = slice(row["first"], row["last"] + 1)
            color = element_color(survey, row["element"])
            axes.plot(wavelength[pixels], flux[pixels], color=color, linewidth=1.1)
        for row in named[with_room(named["wavelength"], (low, high), 0.019 * (high - low))]:
            x, color = row["wavelength"], element_color(survey, row["element"])
            axes.text(
                x, top + 6 * step, row["element"], color=color, ha="center", va="bottom", fontsize=7
            )
            axes.vlines(x, top + step, top + 5 * step, color=color, linewidth=0.6)
        axes.set(ylim=(bottom - 5 * step, top + 19 * step), ylabel="Flux")
    colors = group_colors(survey)
    legend(figure, {name: {"color": color, "linewidth": 2} for name, color in colors.items()})
    return figure


@styled
def best_fit(wavelength, flux, flux_error, mask, model, name="", masked_windows=(), survey=None):
    """Draw an observed spectrum with its best fit, and below it the residual in standard errors. Each
    detector has panels of its own, in which masked pixels are shaded.

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
    good = ~np.asarray(mask, dtype=bool)
    left_out = [(wavelength >= low) & (wavelength <= high) for low, high in masked_windows]
    used = good & ~np.any(left_out, axis=0)
    observed = np.where(good, flux, np.nan)
    residual = np.where(good, (flux - model) / np.where(good, flux_error, 1.0), np.nan)
    rms = np.sqrt(np.nanmean(residual[used] ** 2)) if used.any() else np.nan
    lines = () if survey is None else survey.lines
    shades = [
        (line.wavelength - HALF_WIDTH, line.wavelength + HALF_WIDTH, SKY, 0.2, line.species)
        for line in lines
        if line.species == lines[0].species
    ]
    shades += [(*window, ORANGE, 0.2, "left out of the fit") for window in masked_windows]

    both = [observed, model] if np.isfinite(model).any() else [0.0, 1.0]
    low, high = np.nanpercentile(both, [0.02, 99.98])
    limits = low - 0.05 * (high - low), high + 0.08 * (high - low)
    sizes = np.abs(residual[used])
    reach = 1.1 * max(1.0, np.nanpercentile(sizes, 99.8)) if used.any() else 5.0

    parts = detectors(wavelength)
    n = len(parts)
    figure, panels = panel_grid(
        2 * n, 1.0, 1.6, columns=1, xlabel=WAVELENGTH, height_ratios=[2, 1] * n
    )
    for part, (top, bottom) in zip(parts, panels.reshape(n, 2)):
        x = wavelength[part]
        bottom.sharex(top)
        looks = {
            "observed": (observed[part], BLACK, 1.1),
            "best fit": (model[part], VERMILLION, 0.7),
        }
        curves(top, x, looks)
        bottom.axhline(0, color=GREY, linewidth=0.5)
        bottom.plot(x, residual[part], color=BLUE, linewidth=0.5)
        for axes in (top, bottom):
            for low, high, color, alpha, label in shades:
                axes.axvspan(low, high, color=color, alpha=alpha, linewidth=0, label=label)
            if not good.all():
                strip(axes, x, ~good[part], color=GREY, alpha=0.35, label="masked")
        top.tick_params(labelbottom=False)
        top.set(ylabel="Flux", xlim=x[[0, -1]], ylim=limits)
        bottom.set(ylabel="Residual (σ)", ylim=(-reach, reach))
    title = f"{plain_text(name)}     residual: rms {rms:.2f} σ over {used.sum():,} pixels".strip()
    panels[0].set_title(title, loc="left")
    legend(figure, top)
    return figure


@styled
def domain_gap(wavelength, gap, causes):
    """Draw mean and spread of observed − synthetic flux over many stars, with the known causes.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    gap : Gap
        As from `specnb.surveys.apogee.gap.domain_gap`.
    causes : dict of ndarray of bool, shape (n_pix,)
        For each cause, True in the pixels where it acts. Each cause has a strip at the bottom of
        the panels.

    Returns
    -------
    Figure
    """
    reach = np.nanpercentile(np.abs(gap.mean) + gap.spread, 99.5)
    figure, pairs = detector_panels(wavelength, 6.4)
    for part, axes in pairs:
        x, mean, spread = wavelength[part], gap.mean[part], gap.spread[part]
        axes.axhline(0, color=GREY, linewidth=0.5)
        axes.fill_between(
            x, mean - spread, mean + spread, color=SKY, alpha=0.6, lw=0, label="mean ± spread"
        )
        curves(axes, x, {"mean": (mean, BLACK, 0.6)})
        for k, (cause, color) in enumerate(zip(causes, (VERMILLION, BLUE, GREEN, ORANGE))):
            foot = 0.015 + 0.055 * k
            strip(axes, x, causes[cause][part], foot, foot + 0.04, color=color, label=cause)
        axes.set(ylim=(-1.5 * reach, reach), ylabel="Observed − synthetic (flux)")
    legend(figure, axes)
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
        observed = np.where(good, spectra.flux[k], np.nan)
        curves(axes, spectra.wavelength, {"observed": (observed, GREY, 0.6)})
        if truth is not None:
            curves(axes, truth.wavelength, {"without noise": (truth.flux[k], VERMILLION, 0.7)})
        axes.set_title(f"{plain_text(spectra.ids[k])}, S/N {snr[k]:.0f}", loc="left")
        top = max(1.2, 1.02 * np.quantile(spectra.flux[k][good], 0.999))
        axes.set(ylabel="Flux", ylim=(0, top))
    panels[-1].set(xlabel=WAVELENGTH, xlim=spectra.wavelength[[0, -1]])
    if truth is not None:
        panels[0].legend(loc="lower left", ncols=2)
    return figure


def detector_panels(wavelength, height: float):
    """Make a page-wide figure with one panel for each detector.

    In a single panel of this width a spectral line would be narrower than a pixel of the picture.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    height : float
        Height of the figure, in inches.

    Returns
    -------
    figure : Figure
    pairs : list of (slice, Axes)
        The pixels of each detector, and its panel.
    """
    parts = detectors(wavelength)
    figure, panels = panel_grid(len(parts), height / len(parts), columns=1, xlabel=WAVELENGTH)
    for part, axes in zip(parts, panels):
        axes.set_xlim(wavelength[part][[0, -1]])
    return figure, list(zip(parts, panels))


def strip(axes, x, where, foot=0.0, top=1.0, **style):
    """Shade some pixels of a spectrum.

    Parameters
    ----------
    axes : Axes
    x : ndarray, shape (n_pix,)
        Wavelength of the pixels.
    where : ndarray of bool, shape (n_pix,)
        The pixels to shade.
    foot, top : float
        Lower and upper end of the shade, as fractions of the height of the panel.
    **style
        As for `matplotlib.axes.Axes.fill_between`.
    """
    heights = axes.get_xaxis_transform()
    axes.fill_between(
        x, foot, top, where=where, step="mid", transform=heights, linewidth=0, **style
    )
