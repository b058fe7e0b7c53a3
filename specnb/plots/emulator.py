"""Figures of the grid and of how well the emulator reproduces it."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from specnb.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREY,
    PAGE,
    SEQUENTIAL,
    SKY,
    VERMILLION,
    Figure,
    axis_title,
    column,
    kiel_axes,
    styled,
    symbol,
)
from specnb.surveys.kiel import lowest_logg

ACCURACY_BAR = 1e-3  # the emulator counts as accurate if the mean |error| of the flux is smaller


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
    trusted = {label.name: (label.low, label.high) for label in survey.labels}
    figure = Figure(PAGE, 2.7)
    kiel, abundances = figure.subplots(1, 2)
    dots = {"s": 2.5, "color": BLUE, "alpha": 0.5, "linewidths": 0, "rasterized": True}
    outline = {"color": VERMILLION, "linewidth": 1.2}

    kiel.scatter(column(labels, "teff"), column(labels, "logg"), **dots)
    low, high = trusted["teff"]
    teff = np.sort(np.append(np.linspace(low, high, 351), 4800.001))
    bottom = np.full_like(teff, trusted["logg"][1])
    kiel.plot(
        [*teff, *teff[::-1], teff[0]],
        [*lowest_logg(teff), *bottom, lowest_logg(teff[0])],
        **outline,
    )
    kiel_axes(kiel)

    n = len(column(labels, "m_h"))
    abundances.scatter(
        column(labels, "m_h"), column(labels, "alpha_fe"), **dots, label=f"{n:,} spectra"
    )
    (left, right), (low, high) = trusted["m_h"], trusted["alpha_fe"]
    box = [left, right, right, left, left], [low, low, high, high, low]
    abundances.plot(*box, **outline, label="trusted region")
    abundances.set(xlabel=axis_title("m_h"), ylabel=axis_title("alpha_fe"))
    figure.legend(loc="outside upper right", ncols=2, markerscale=3)
    return figure


@styled
def emulator_accuracy(wavelength, predicted, truth, labels, magnify=None, metallicity="m_h"):
    """Compare emulated with simulated spectra that were not used in the training.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum wavelength in Å.
    predicted, truth : ndarray, shape (n, n_pix)
        Continuum-normalised flux from the emulator and from the simulator.
    labels : Table or mapping of str to array_like
        Labels of the spectra: ``teff``, ``logg`` and the metallicity.
    magnify : float, optional
        Factor by which the error of the example is enlarged. By default it is the power of ten
        that makes the error visible.
    metallicity : str
        Name of the metallicity label, which is written in the title of the example.

    Returns
    -------
    Figure
        Its panels show the spectrum with the median error, the error against wavelength, the
        fraction of spectra whose error is below a value, and the error in the Kiel diagram.
    """
    absolute = np.abs(np.asarray(predicted, dtype=float) - truth)
    error = absolute.mean(axis=1)
    figure = Figure(PAGE, 5.8)
    panels = figure.subplot_mosaic(
        [["example", "example"], ["pixels", "pixels"], ["share", "kiel"]],
        height_ratios=[1, 0.8, 1.1],
    )
    _example(panels["example"], wavelength, predicted, truth, error, magnify, labels, metallicity)

    axes = panels["pixels"]
    axes.plot(
        wavelength,
        np.percentile(absolute, 95, axis=0),
        color=VERMILLION,
        linewidth=0.7,
        label="95th percentile",
    )
    axes.plot(wavelength, absolute.mean(axis=0), color=BLUE, linewidth=0.7, label="mean")
    axes.set(xlabel="Vacuum wavelength (Å)", ylabel="|error| (flux)", yscale="log")
    axes.sharex(panels["example"])
    axes.legend(ncols=2, loc="upper left")
    axes.set_ylim(top=3 * axes.get_ylim()[1])  # room for the legend

    axes = panels["share"]
    axes.ecdf(error, color=BLUE)
    axes.axvline(ACCURACY_BAR, color=VERMILLION, linestyle="--", linewidth=0.8)
    below = np.mean(error < ACCURACY_BAR)
    note = f"{below:.0%} of {len(error)}\nare below 0.1%"
    axes.annotate(
        note, (ACCURACY_BAR, 0.1), (4, 0), textcoords="offset points", color=VERMILLION, fontsize=7
    )
    axes.set(
        xscale="log",
        xlabel="Mean |error| of a spectrum (flux)",
        ylabel="Share of spectra",
        ylim=(0, 1.02),
    )
    axes.set_xlim(right=max(axes.get_xlim()[1], 6 * ACCURACY_BAR))
    axes.yaxis.set_major_formatter(PercentFormatter(1))

    axes = panels["kiel"]
    limits = np.percentile(error, [2, 98])
    order = np.argsort(error)  # so the worst are drawn on top
    teff, logg = column(labels, "teff")[order], column(labels, "logg")[order]
    dots = axes.scatter(
        teff,
        logg,
        c=error[order],
        s=7,
        norm="log",
        vmin=limits[0],
        vmax=limits[1],
        cmap=SEQUENTIAL,
        linewidths=0,
    )
    kiel_axes(axes)
    figure.colorbar(dots, ax=axes, label="Mean |error| (flux)", extend="both")
    return figure


def _example(axes, wavelength, predicted, truth, error, magnify, labels, metallicity):
    """Draw the spectrum with the median error, and the enlarged error at the bottom."""
    i = np.argsort(error)[len(error) // 2]
    difference = np.asarray(predicted[i], dtype=float) - truth[i]
    if magnify is None:
        magnify = 10.0 ** max(0, np.floor(np.log10(0.15 / max(np.abs(difference).max(), 1e-9))))
    axes.plot(wavelength, truth[i], color=BLACK, linewidth=1.4, label="simulator")
    axes.plot(wavelength, predicted[i], color=SKY, linewidth=0.7, label="emulator")
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.plot(
        wavelength,
        magnify * difference,
        color=VERMILLION,
        linewidth=0.7,
        label=f"{magnify:g} × difference",
    )
    star = [column(labels, name)[i] for name in ("teff", "logg", metallicity)]
    axes.set_title(
        f"Median error: {star[0]:.0f} K, log g {star[1]:.2f}, {symbol(metallicity)} {star[2]:.2f}".replace(
            "-", "−"
        ),
        loc="left",
        fontsize=7,
    )
    axes.set(ylabel="Flux / continuum", xlim=(wavelength[0], wavelength[-1]))
    axes.tick_params(labelbottom=False)
    axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1), borderaxespad=0.2)


@styled
def training_history(history, quantity="Mean |error| (flux)"):
    """Draw the training and validation errors against the epoch, and mark the epoch that was kept.

    Parameters
    ----------
    history : list of dict
        Each row has the keys ``epoch``, ``train`` and ``validation``.
    quantity : str
        Title of the error axis: which error it is.

    Returns
    -------
    Figure
    """
    epoch, train, validation = (
        np.array([row[key] for row in history]) for key in ("epoch", "train", "validation")
    )
    best = np.argmin(validation)
    figure = Figure(COLUMN, 2.4)
    axes = figure.subplots()
    axes.plot(epoch, train, color=BLUE, label="training")
    axes.plot(epoch, validation, color=VERMILLION, linestyle="--", label="validation")
    axes.plot(
        epoch[best],
        validation[best],
        "o",
        color=VERMILLION,
        markersize=4,
        label=f"kept: {validation[best]:.2g} at {epoch[best]}",
    )
    axes.set(xlabel="Epoch", ylabel=quantity, yscale="log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return figure
