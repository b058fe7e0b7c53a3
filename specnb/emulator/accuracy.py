"""Accuracy of an emulator: how well it imitates the simulator on spectra that it never saw."""

from itertools import pairwise

import numpy as np
from astropy.table import Table

from specnb.core.labels import label_columns
from specnb.core.values import numbers
from specnb.simulator.responses import IRON, Responses

BAR = 1e-3  # the accuracy of the flux that the second paper states for its emulator
STATISTICS = {  # what `accuracy` returns, in words
    "mean": "mean over all pixels of all spectra",
    "median": "median over the same",
    "flux_99": "99th percentile over the same",
    "flux_above": "share of the same that exceeds 0.1%",
    "spectra_95": "95th percentile over spectra, of the mean over wavelength",
    "spectra_above": "share of spectra whose mean over wavelength exceeds 0.1%",
    "pixels_95": "95th percentile over wavelength, of the mean over spectra",
    "worst_spectrum": "worst spectrum, mean over wavelength",
    "worst_pixel": "worst pixel, mean over spectra",
}


def accuracy(predicted, truth) -> dict[str, float]:
    """Statistics of the absolute flux error of an emulator.

    A mean hides how unequal errors are: most are much smaller, and a few are many times larger.
    So the shares of errors above `BAR` stand beside it.

    Parameters
    ----------
    predicted, truth : ndarray, shape (n, n_pix)
        Continuum-normalised flux of the emulator and of the simulator.

    Returns
    -------
    dict
        The statistics that `STATISTICS` describes, as fractions of the continuum and of one.
    """
    error = _errors(predicted, truth)
    by_spectrum, by_pixel = error.mean(axis=1), error.mean(axis=0)
    return {
        "mean": error.mean(),
        "median": np.median(error),
        "flux_99": np.percentile(error, 99),
        "flux_above": np.mean(error > BAR),
        "spectra_95": np.percentile(by_spectrum, 95),
        "spectra_above": np.mean(by_spectrum > BAR),
        "pixels_95": np.percentile(by_pixel, 95),
        "worst_spectrum": by_spectrum.max(),
        "worst_pixel": by_pixel.max(),
    }


def _errors(predicted, truth):
    return np.abs(numbers(predicted, "", "predicted") - numbers(truth, "", "truth"))


def accuracy_by_region(predicted, truth, regions) -> Table:
    """Mean absolute flux errors of the spectra in some regions of the labels.

    Parameters
    ----------
    predicted, truth : ndarray, shape (n, n_pix)
    regions : mapping of str to ndarray of bool, shape (n,)
        Which spectra are in each region, by its name.

    Returns
    -------
    Table
        Columns ``region``, ``spectra`` (their number), ``mean_error``, and ``spectra_above``, the
        share of spectra whose mean error exceeds `BAR`. Both are NaN in empty regions.
    """
    error = _errors(predicted, truth).mean(axis=1)
    parts = [error[inside] for inside in regions.values()]
    return Table(
        {
            "region": list(regions),
            "spectra": [len(part) for part in parts],
            "mean_error": [part.mean() if len(part) else np.nan for part in parts],
            "spectra_above": [np.mean(part > BAR) if len(part) else np.nan for part in parts],
        }
    )


def accuracy_by_label(predicted, truth, labels, name: str, edges) -> Table:
    """Mean absolute flux errors in bins of one label.

    Parameters
    ----------
    predicted, truth : ndarray, shape (n, n_pix)
    labels : ndarray, shape (n,)
        Values of the label.
    name : str
        Name of the label, for the column.
    edges : sequence of float
        Bin edges.

    Returns
    -------
    Table
        As from `accuracy_by_region`. The first column is ``<name>``, the bin as text.
    """
    labels = label_columns({name: labels}, [name])[:, 0]
    bins = {
        f"{low:g} to {high:g}": (labels >= low) & (labels < high) for low, high in pairwise(edges)
    }
    table = accuracy_by_region(predicted, truth, bins)
    table.rename_column("region", name)
    return table


def derivative_pairs(
    emulator, responses: Responses, vbroad: float = 6.0
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Derivatives of the flux at the reference star, of the simulator and of the emulator.

    Parameters
    ----------
    emulator : Emulator
        An emulator of a survey whose labels are abundances of single elements, such as APOGEE.
    responses : Responses
    vbroad : float
        Broadening of the star in km/s.

    Returns
    -------
    dict of (ndarray, ndarray), each of shape (n_pix,)
        For each label the derivatives of the simulator and of the emulator, in flux per unit of the
        label. `IRON` stands for iron alone: the [X/Fe] of all other elements fall as [Fe/H] rises.
    """
    star = responses.star | {"vbroad": vbroad}
    emulated = dict(
        zip(emulator.labels, emulator.jacobian([[star[name] for name in emulator.labels]])[0])
    )
    emulated[IRON] = emulator.survey.alone(emulated, "fe_h")
    return {name: (responses.derivative(name, vbroad), emulated[name]) for name in responses.steps}


def jacobian_agreement(emulator, responses: Responses, vbroad: float = 6.0) -> Table:
    """Compare the emulator's derivatives at the reference star with the simulator's.

    Parameters
    ----------
    emulator, responses, vbroad
        See `derivative_pairs`.

    Returns
    -------
    Table
        One row per label, and one for iron alone: ``correlation`` of the two derivatives over the
        pixels; ``slope`` of the emulator's derivative as a function of the simulator's;
        ``strongest``, the largest absolute value, and ``rms`` of the simulator's derivative, in
        flux per unit of the label.
    """
    pairs = derivative_pairs(emulator, responses, vbroad)
    rows = [
        (
            name,
            np.corrcoef(truth, emulated)[0, 1],
            truth @ emulated / (truth @ truth),
            np.abs(truth).max(),
            np.sqrt(np.mean(truth**2)),
        )
        for name, (truth, emulated) in pairs.items()
    ]
    return Table(rows=rows, names=("label", "correlation", "slope", "strongest", "rms"))
