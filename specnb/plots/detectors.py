"""Figures of spectra on several detectors, with one panel for each detector: features, best fits,
and gaps between domains.
"""

import numpy as np
from matplotlib.lines import Line2D

from specnb.core.wavelength import detectors
from specnb.plots.panels import WAVELENGTH, detector_panels, panel_grid, with_room
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE,
    SKY,
    VERMILLION,
    Figure,
    element_color,
    group_colors,
    styled,
    symbol,
)
from specnb.simulator.features import strongest
from specnb.simulator.responses import IRON

NAMES = {IRON: "[Fe/H], iron alone"}


@styled
def tour(survey, flux, features, n_named: int = 12):
    """Draw a spectrum in which features have the colours of their groups of elements.

    Parameters
    ----------
    survey : Survey
    flux : ndarray, shape (n_pix,)
        Normalised flux on the pixels of the survey.
    features : Table
        As from `specnb.simulator.features.features`. A pixel is coloured if one element causes
        more than half of the absorption by all elements there.
    n_named : int
        How many of the strongest features of each element are named, if there is room.

    Returns
    -------
    Figure
    """
    wavelength, own = survey.pixels, features[features["share"] > 0.5]
    own = own[np.argsort(own["depth"])]  # so the deepest are drawn last and lie on top
    named = strongest(own, n_named)
    bottom, top = np.nanmin(flux), np.nanmax(flux)
    step = 0.01 * (top - bottom)
    figure, pairs = detector_panels(wavelength, 6.2)
    for part, axes in pairs:
        low, high = axes.get_xlim()
        axes.plot(wavelength[part], flux[part], color=GREY, linewidth=0.6)
        for row in own[(own["first"] >= part.start) & (own["first"] < part.stop)]:
            pixels, color = (
                slice(row["first"], row["last"] + 1),
                element_color(survey, row["element"]),
            )
            axes.plot(wavelength[pixels], flux[pixels], color=color, linewidth=1.1)
        for row in named[with_room(named["wavelength"], (low, high), 0.019 * (high - low))]:
            x, color = row["wavelength"], element_color(survey, row["element"])
            axes.text(
                x, top + 6 * step, row["element"], color=color, ha="center", va="bottom", fontsize=7
            )
            axes.vlines(x, top + step, top + 5 * step, color=color, linewidth=0.6)
        axes.set(ylim=(bottom - 5 * step, top + 19 * step), ylabel="Flux")
    handles = [
        Line2D([], [], color=color, linewidth=2, label=group)
        for group, color in group_colors(survey).items()
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=max(len(handles), 1), title="")
    return figure


@styled
def best_fit(wavelength, flux, flux_error, mask, model, name=""):
    """Draw an observed spectrum and its best fit on each detector, and below it the residual in
    standard errors.

    Parameters
    ----------
    wavelength, flux, flux_error, mask, model : ndarray, shape (n_pix,)
        Wavelength (vacuum Å), normalised flux, its error, True where a pixel is bad, and the
        best-fitting flux.
    name : str
        The star's name.

    Returns
    -------
    Figure
    """
    good = ~np.asarray(mask, dtype=bool)
    residual = np.where(good, (flux - model) / np.where(good, flux_error, 1.0), np.nan)
    observed = np.where(good, flux, np.nan)
    reach = 1.1 * np.nanpercentile(np.abs(residual), 99.8) if good.any() else 5.0
    both = np.concatenate([observed[good], model[np.isfinite(model)]])
    low, high = np.percentile(both, [0.02, 99.98]) if len(both) else (0.0, 1.0)
    rows = detectors(wavelength)
    figure = Figure(PAGE, 7.6)
    pairs = figure.subplots(2 * len(rows), 1, height_ratios=[2, 1] * len(rows)).reshape(-1, 2)
    for part, (top, bottom) in zip(rows, pairs):
        x = wavelength[part]
        top.plot(x, observed[part], color=BLACK, linewidth=1.1, label="observed")
        top.plot(x, model[part], color=VERMILLION, linewidth=0.7, label="best fit")
        bottom.axhline(0, color=GREY, linewidth=0.5)
        bottom.plot(x, residual[part], color=BLUE, linewidth=0.5)
        for axes in (top, bottom):
            shade = axes.get_xaxis_transform()
            axes.fill_between(x, 0, 1, where=~good[part], step="mid", transform=shade, color=GREY, alpha=0.35, linewidth=0,
                              label="masked")  # fmt: skip
            axes.set_xlim(x[0], x[-1])
        top.set(ylabel="Flux", ylim=(low - 0.05 * (high - low), high + 0.08 * (high - low)))
        top.tick_params(labelbottom=False)
        bottom.set(ylabel="Residual (σ)", ylim=(-reach, reach))
    rms = np.sqrt(np.nanmean(residual**2)) if good.any() else np.nan
    pairs[0, 0].set_title(
        f"{name}     residual: rms {rms:.2f} σ over {good.sum():,} pixels".strip(), loc="left"
    )
    pairs[-1, 1].set_xlabel(WAVELENGTH)
    figure.legend(*pairs[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
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
            x,
            mean - spread,
            mean + spread,
            color=SKY,
            alpha=0.6,
            linewidth=0,
            label="mean ± spread",
        )
        axes.plot(x, mean, color=BLACK, linewidth=0.6, label="mean")
        for k, ((cause, pixels), color) in enumerate(
            zip(causes.items(), (VERMILLION, BLUE, GREEN, ORANGE))
        ):
            foot, height = 0.015 + 0.055 * k, 0.04
            strip = {
                "step": "mid",
                "transform": axes.get_xaxis_transform(),
                "color": color,
                "linewidth": 0,
            }
            axes.fill_between(x, foot, foot + height, where=pixels[part], label=cause, **strip)
        axes.set(ylim=(-1.5 * reach, reach), ylabel="Observed − synthetic (flux)")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper right", ncols=2 + len(causes)
    )
    return figure


@styled
def derivatives(wavelength, pairs, width: float = 60.0):
    """Draw the derivatives of the emulator and of the simulator on top of each other.

    Each label has a panel, which shows the wavelengths around the label's strongest feature.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    pairs : dict of (ndarray, ndarray), each of shape (n_pix,)
        For each label, the derivatives of the simulator and of the emulator, as from
        `specnb.emulator.accuracy.derivative_pairs`. The title gives their correlation over all
        pixels.
    width : float
        Width of each panel's window, in Å.

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(pairs), 2.0, columns=2)
    for axes, (name, (simulator, emulator)) in zip(panels, pairs.items()):
        centre = wavelength[np.argmax(np.abs(simulator))]
        part = next(
            p for p in detectors(wavelength) if wavelength[p][0] <= centre <= wavelength[p][-1]
        )
        low = np.clip(centre - width / 2, wavelength[part][0], wavelength[part][-1] - width)
        shown = (wavelength >= low) & (wavelength <= low + width)
        axes.axhline(0, color=GREY, linewidth=0.5)
        axes.plot(
            wavelength[shown], simulator[shown], color=BLACK, linewidth=1.6, label="simulator"
        )
        axes.plot(wavelength[shown], emulator[shown], color=SKY, linewidth=0.8, label="emulator")
        correlation = np.corrcoef(simulator, emulator)[0, 1]
        axes.set_title(
            f"{NAMES.get(name, symbol(name))}: correlation {correlation:.3f}", loc="left"
        )
        axes.set(
            xlim=(low, low + width), xlabel=WAVELENGTH, ylabel=r"d flux / d label (dex$^{-1}$)"
        )
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure
