"""Ideal mock stars, for which the model is exactly right, and the pulls of their fits."""

import numpy as np
from astropy.table import Table

from specnb.core.catalogues import check_same_stars
from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra
from specnb.surveys import known_label

MARGIN = 0.2  # fraction of a label's range at either end in which there are no ideal stars
# Least distance between an ideal star and the nearest limit, in median standard errors. This is a
# choice.
LEAST_ERRORS = 4.0


def interior_stars(emulator, n: int, snr: float, seed: int) -> Spectra:
    """Mock stars spread evenly over the inner part of the emulator's range, with noise only.

    Pulls can be Gaussian only if the likelihood is. This requires that the labels are far from
    their limits and that rotation and metallicity have a clear effect on the spectrum. Each label
    is therefore at least 20% of its range away from either end, and above ``survey.ideal_above``:
    [M/H] above -1.2 in the RVS, [Fe/H] above -0.7 in APOGEE.

    Parameters
    ----------
    emulator : Emulator
    n : int
        Number of stars.
    snr : float
        Signal-to-noise ratio per pixel in the continuum. The variance is proportional to the flux.
    seed : int

    Returns
    -------
    Spectra
        Spectra with the true labels.
    """
    rng = np.random.default_rng(seed)
    span = emulator.high - emulator.low
    lowest = dict(zip(emulator.labels, emulator.low + MARGIN * span)) | emulator.survey.ideal_above
    low, high = np.array(list(lowest.values())), emulator.high - MARGIN * span
    labels = np.empty((0, len(low)))
    while len(labels) < n:
        draw = rng.uniform(low, high, size=(n, len(low)))
        labels = np.concatenate([labels, draw[emulator.in_hull(draw)]])[:n]
    flux = emulator(labels)
    flux_error = np.sqrt(np.maximum(flux, 0.01)) / snr
    flux = flux + flux_error * rng.normal(size=flux.shape)
    ids = [f"ideal-{i:05d}" for i in range(n)]
    mask = np.zeros(flux.shape, bool)
    return Spectra(
        emulator.wavelength, flux, flux_error, mask, ids, labels=emulator.survey.table(labels)
    )


def label_pulls(fit: Table, truth: Table, name: str) -> np.ndarray:
    """Pulls of one label, (fit − truth) / error; NaN where there is no fit.

    Labels on whose logarithm spectra depend (`Label.logarithmic`) are fitted by their logarithm,
    whose errors are much closer to normal. Their pulls are ln(fit / truth) / (error / fit).

    Parameters
    ----------
    fit : Table
        It has the columns ``<name>`` and ``<name>_error``.
    truth : Table
        True labels of the same stars in the same order.
    name : str

    Returns
    -------
    ndarray, shape (n,)
    """
    (value, error), (true,) = (
        label_columns(fit, [name, f"{name}_error"]).T,
        label_columns(truth, [name]).T,
    )
    label = known_label(name)
    if label and label.logarithmic:
        return np.log(value / true) / (error / value)
    return (value - true) / error


def pull_statistics(fit: Table, truth: Table, labels) -> Table:
    """Mean and standard deviation of the `label_pulls` of each label.

    Parameters
    ----------
    fit : Table
        The result of `specnb.fit_labels`.
    truth : Table
        True labels of the same stars.
    labels : sequence of str

    Returns
    -------
    Table
        One row per label: ``label``, ``mean``, ``std``, ``largest`` (absolute value),
        ``median_error`` (in the label's unit), ``at_limit`` (number of stars whose fit ended at a
        limit of the label), ``stars`` (number of stars with a finite pull).
    """
    check_same_stars(fit, truth)
    rows = []
    for name in labels:
        pull = label_pulls(fit, truth, name)
        pull = pull[np.isfinite(pull)]
        rows.append(
            {
                "label": name,
                "mean": pull.mean(),
                "std": pull.std(),
                "largest": np.abs(pull).max(),
                "median_error": np.nanmedian(label_columns(fit, [f"{name}_error"])),
                "at_limit": sum(
                    f"at_limit:{name}" in str(flags).split(",") for flags in fit["flags"]
                ),
                "stars": len(pull),
            }
        )
    return Table(rows=rows)


def constrained(statistics: Table, emulator) -> np.ndarray:
    """Which labels the spectra of `interior_stars` constrain.

    The median error of a constrained label is so small that the nearest limit of the label is at
    least `LEAST_ERRORS` median errors away. Fits of other labels often end at a limit, which also
    cuts off the distribution of their pulls.

    Parameters
    ----------
    statistics : Table
        The result of `pull_statistics`, with a row for each label of the emulator, in order.
    emulator : Emulator

    Returns
    -------
    ndarray of bool, shape (n_labels,)
    """
    margin = MARGIN * (emulator.high - emulator.low)
    return LEAST_ERRORS * np.asarray(statistics["median_error"]) < margin
