"""Figures of an emulator: where its grid has spectra, its training, and how well it reproduces the
simulator.
"""

import numpy as np
from matplotlib.ticker import PercentFormatter

from specnb.core.wavelength import detectors
from specnb.emulator.accuracy import BAR
from specnb.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREY,
    PAGE,
    SEQUENTIAL,
    SKY,
    VERMILLION,
    WAVELENGTH,
    Figure,
    column,
    curves,
    history_curve,
    label_axes,
    legend,
    panel_grid,
    styled,
    symbol,
)
from specnb.simulator.responses import IRON
from specnb.surveys.population import lowest_logg

WINDOW = 60.0  # Å; part of a spectrum in which a derivative is drawn


@styled
def grid_coverage(survey, labels):
    """Draw where a grid has spectra, in the Kiel diagram and the abundance plane.

    Parameters
    ----------
    survey : Survey
        Its ranges of labels, in which the emulator may be trusted, are outlined.
    labels : Table or mapping of str to array_like
        Labels of the spectra: ``teff``, ``logg``, ``m_h`` and ``alpha_fe``.

    Returns
    -------
    Figure
    """
    ends = {label.name: np.array([label.low, label.high]) for label in survey.labels}
    teff = np.sort(np.append(np.linspace(*ends["teff"], 351), 4800.001))
    lowest, highest = lowest_logg(teff), np.full_like(teff, ends["logg"][1])
    regions = {  # corners of the trusted region of each plane
        ("teff", "logg"): ([*teff, *teff[::-1], teff[0]], [*lowest, *highest, lowest[0]]),
        ("m_h", "alpha_fe"): (ends["m_h"][[0, 1, 1, 0, 0]], ends["alpha_fe"][[0, 0, 1, 1, 0]]),
    }
    figure, panels = panel_grid(2, 2.7)
    for axes, ((x, y), region) in zip(panels, regions.items()):
        points = column(labels, x), column(labels, y)
        axes.scatter(
            *points,
            s=2.5,
            color=BLUE,
            alpha=0.5,
            linewidths=0,
            rasterized=True,
            label=f"{len(points[0]):,} spectra",
        )
        axes.plot(*region, color=VERMILLION, linewidth=1.2, label="trusted region")
        label_axes(axes, x, y)
    legend(figure, axes, markerscale=3)
    return figure


@styled
def emulator_accuracy(wavelength, predicted, truth, labels):
    """Compare emulated with simulated spectra that were not used in the training.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    predicted, truth : ndarray, shape (n, n_pix)
        Continuum-normalised flux from the emulator and from the simulator.
    labels : Table or mapping of str to array_like
        Labels of the spectra: ``teff``, ``logg`` and ``m_h``.

    Returns
    -------
    Figure
        Its panels show the spectrum with the median error, the error against wavelength, the
        fractions of spectra and of single pixels whose error is below a value, and the error in the
        Kiel diagram.
    """
    absolute = np.abs(np.asarray(predicted, dtype=float) - truth)
    error = absolute.mean(axis=1)
    order = np.argsort(error)
    figure = Figure(PAGE, 5.8)
    panels = figure.subplot_mosaic("EE;PP;SK", height_ratios=[1, 0.8, 1.1])
    example, pixels, share, kiel = panels.values()
    _example(example, wavelength, predicted, truth, labels, order[len(order) // 2])

    percentile = np.percentile(absolute, 95, axis=0)
    mean = absolute.mean(axis=0)
    both = {"95th percentile": (percentile, VERMILLION, 0.7), "mean": (mean, BLUE, 0.7)}
    curves(pixels, wavelength, both)
    pixels.set(xlabel=WAVELENGTH, ylabel="|error| (flux)", yscale="log")
    pixels.sharex(example)
    pixels.legend(ncols=2, loc="upper left")
    pixels.set_ylim(top=3 * pixels.get_ylim()[1])  # room for the legend

    levels = np.linspace(0.001, 1, 1000)
    steps = {"single pixels": (absolute, SKY, "--"), "means of spectra": (error, BLUE, "-")}
    for name, (values, color, style) in steps.items():
        share.plot(np.quantile(values, levels), levels, style, color=color, label=name)
    share.axvline(BAR, color=VERMILLION, linestyle=":", linewidth=0.8)
    below = f"below 0.1%:\n{np.mean(error < BAR):.0%} of {len(error)} spectra,\n{np.mean(absolute < BAR):.0%} of pixels"
    share.annotate(
        below, (BAR, 0.06), (4, 0), textcoords="offset points", color=VERMILLION, fontsize=7
    )
    share.legend(loc="upper left")
    share.set(xscale="log", xlabel="|error| (flux)", ylabel="Share below")
    share.set(xlim=(0.03 * BAR, max(share.get_xlim()[1], 6 * BAR)), ylim=(0, 1.02))
    share.yaxis.set_major_formatter(PercentFormatter(1))

    low, high = np.percentile(error, [2, 98])
    dots = kiel.scatter(
        column(labels, "teff")[order],  # so the worst are drawn on top
        column(labels, "logg")[order],
        c=error[order],
        s=7,
        norm="log",
        vmin=low,
        vmax=high,
        cmap=SEQUENTIAL,
        linewidths=0,
    )
    label_axes(kiel, "teff", "logg")
    figure.colorbar(dots, ax=kiel, label="Mean |error| (flux)", extend="both")
    return figure


def _example(axes, wavelength, predicted, truth, labels, i):
    """Draw spectrum i, and its error, enlarged by the power of ten that makes it visible."""
    difference = np.asarray(predicted[i], dtype=float) - truth[i]
    magnify = 10.0 ** max(0, np.floor(np.log10(0.15 / max(np.abs(difference).max(), 1e-9))))
    axes.axhline(0, color=GREY, linewidth=0.5)
    curves(
        axes,
        wavelength,
        {
            "simulator": (truth[i], BLACK, 1.4),
            "emulator": (predicted[i], SKY, 0.7),
            f"{magnify:g} × difference": (magnify * difference, VERMILLION, 0.7),
        },
    )
    teff, logg, m_h = (column(labels, name)[i] for name in ("teff", "logg", "m_h"))
    title = f"Median error: {teff:.0f} K, log g {logg:.2f}, [M/H] {m_h:.2f}".replace("-", "−")
    axes.set_title(title, loc="left", fontsize=7)
    axes.set(ylabel="Flux / continuum", xlim=wavelength[[0, -1]])
    axes.tick_params(labelbottom=False)
    axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1), borderaxespad=0.2)


@styled
def derivatives(wavelength, pairs):
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

    Returns
    -------
    Figure
    """
    figure, panels = panel_grid(len(pairs), 2.0, columns=2)
    for axes, (name, (simulator, emulator)) in zip(panels, pairs.items()):
        deepest = np.argmax(np.abs(simulator))
        x = next(wavelength[p] for p in detectors(wavelength) if p.start <= deepest < p.stop)
        low = np.clip(wavelength[deepest] - WINDOW / 2, x[0], x[-1] - WINDOW)
        shown = (wavelength >= low) & (wavelength <= low + WINDOW)
        axes.axhline(0, color=GREY, linewidth=0.5)
        looks = {
            "simulator": (simulator[shown], BLACK, 1.6),
            "emulator": (emulator[shown], SKY, 0.8),
        }
        curves(axes, wavelength[shown], looks)
        title = "[Fe/H], iron alone" if name == IRON else symbol(name)
        correlation = np.corrcoef(simulator, emulator)[0, 1]
        axes.set_title(f"{title}: correlation {correlation:.3f}", loc="left")
        axes.set(
            xlim=(low, low + WINDOW), xlabel=WAVELENGTH, ylabel=r"d flux / d label (dex$^{-1}$)"
        )
    legend(figure, axes)
    return figure


@styled
def training_history(history):
    """Draw the training and validation errors against the epoch, and mark the epoch that was kept.

    Parameters
    ----------
    history : list of dict
        Each row has the keys ``epoch``, ``train`` and ``validation``.

    Returns
    -------
    Figure
    """
    figure, (axes,) = panel_grid(1, 2.4, columns=1, width=COLUMN, xlabel="Epoch")
    history_curve(axes, history, "epoch", "train", color=BLUE, marker="", label="training")
    history_curve(
        axes,
        history,
        "epoch",
        "validation",
        color=VERMILLION,
        marker="",
        linestyle="--",
        label="validation",
    )
    best = min(history, key=lambda row: row["validation"])
    kept = f"kept: {best['validation']:.2g} at {best['epoch']}"
    axes.plot(best["epoch"], best["validation"], "o", color=VERMILLION, markersize=4, label=kept)
    axes.set(ylabel="Mean |error| (flux)", yscale="log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return figure
