"""Mock stars for which the model is exactly right, and how well their labels come back."""

import numpy as np
from astropy.table import Table

from specnb.core.spectra import Spectra

MARGIN = 0.2  # of a label's range, that ideal stars keep from either end
# standard errors, of the median ideal star, that fit between it and the nearest limit: a choice
LEAST_ERRORS = 4.0


def interior_stars(emulator, n: int, snr: float, seed: int) -> Spectra:
    """Stars spread evenly over the inner part of the emulator's range, with noise and nothing else.

    Pulls can be Gaussian only where the likelihood is: away from the limits of the labels, and at
    rotation and metallicity that the spectrum feels. So each label keeps at least 20% of its range
    from either end, and is above ``survey.ideal_above``: [M/H] above -1.2 in the RVS, [Fe/H] above
    -0.7 in APOGEE.

    Parameters
    ----------
    emulator : Emulator
    n : int
        Number of stars.
    snr : float
        Signal-to-noise per pixel in the continuum; the variance is proportional to the flux.
    seed : int

    Returns
    -------
    Spectra
        With the true labels.
    """
    rng = np.random.default_rng(seed)
    span = emulator.high - emulator.low
    low, high = emulator.low + MARGIN * span, emulator.high - MARGIN * span
    low = np.array(
        [emulator.survey.ideal_above.get(name, value) for name, value in zip(emulator.labels, low)]
    )
    labels = np.empty((0, len(low)))
    while len(labels) < n:
        draw = rng.uniform(low, high, size=(n, len(low)))
        labels = np.concatenate([labels, draw[emulator.in_hull(draw)]])[:n]
    flux = emulator(labels)
    flux_error = np.sqrt(np.maximum(flux, 0.01)) / snr
    flux = flux + flux_error * rng.normal(size=flux.shape)
    table = Table(labels, names=emulator.labels, units=emulator.units)
    ids = [f"ideal-{i:05d}" for i in range(n)]
    return Spectra(
        emulator.wavelength, flux, flux_error, np.zeros(flux.shape, bool), np.array(ids), table
    )


def pull_statistics(fit: Table, truth: Table, labels) -> Table:
    """Mean and standard deviation of (fit - truth) / error.

    Parameters
    ----------
    fit : Table
        Result of `specnb.fit_labels`.
    truth : Table
        True labels of the same stars.
    labels : sequence of str

    Returns
    -------
    Table
        A row a label: ``label``, ``mean``, ``std``, ``largest`` (absolute), ``median_error`` (in
        the label's unit), ``at_limit`` (stars whose fit ended at a limit of the label), ``stars``
        (with a finite pull).
    """
    rows = []
    for name in labels:
        pull = np.asarray((fit[name] - truth[name]) / fit[f"{name}_error"])
        pull = pull[np.isfinite(pull)]
        limit = sum(f"at_limit:{name}" in flags for flags in fit["flags"])
        rows.append(
            (
                name,
                pull.mean(),
                pull.std(),
                np.abs(pull).max(),
                np.nanmedian(fit[f"{name}_error"]),
                limit,
                len(pull),
            )
        )
    names = ("label", "mean", "std", "largest", "median_error", "at_limit", "stars")
    return Table(rows=rows, names=names)


def constrained(statistics: Table, emulator) -> np.ndarray:
    """Which labels the spectra of `interior_stars` constrain: those whose median error is so small
    that the nearest limit of the label is at least `LEAST_ERRORS` of them away. Of others the
    limits cut the fits, and the pulls with them.

    Parameters
    ----------
    statistics : Table
        Of `pull_statistics`, with a row for each label of the emulator, in order.
    emulator : Emulator

    Returns
    -------
    ndarray of bool, shape (n_labels,)
    """
    margin = MARGIN * (emulator.high - emulator.low)
    return LEAST_ERRORS * np.asarray(statistics["median_error"]) < margin
