"""Accuracy of an emulator: how well it imitates the simulator on spectra that it never saw."""

from itertools import pairwise

import numpy as np
from astropy.table import Table

from specnb.core.labels import label_columns
from specnb.core.values import numbers
from specnb.simulator.responses import IRON, Responses


def accuracy(predicted, truth) -> dict[str, float]:
    """Statistics of the absolute flux error of an emulator.

    Parameters
    ----------
    predicted, truth : ndarray, shape (n, n_pix)
        Continuum-normalised flux of the emulator and of the simulator.

    Returns
    -------
    dict
        ``mean`` and ``median`` over all pixels of all spectra; ``spectra_95``, the 95th percentile
        of the mean errors of single spectra; ``pixels_95``, the 95th percentile of the mean errors
        of single pixels; ``worst_spectrum`` and ``worst_pixel``, the largest of these mean errors.
    """
    error = np.abs(numbers(predicted, "", "predicted") - numbers(truth, "", "truth"))
    by_spectrum, by_pixel = error.mean(axis=1), error.mean(axis=0)
    return {
        "mean": error.mean(),
        "median": np.median(error),
        "spectra_95": np.percentile(by_spectrum, 95),
        "pixels_95": np.percentile(by_pixel, 95),
        "worst_spectrum": by_spectrum.max(),
        "worst_pixel": by_pixel.max(),
    }


def accuracy_by_label(predicted, truth, labels, name: str, edges) -> Table:
    """Mean absolute flux error in bins of one label.

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
        Columns ``<name>`` (the bin as text), ``spectra`` (their number) and ``mean_error``, which
        is NaN in empty bins.
    """
    error = np.abs(numbers(predicted, "", "predicted") - numbers(truth, "", "truth")).mean(axis=1)
    labels = label_columns({name: labels}, [name])[:, 0]
    rows = [(low, high, error[(labels >= low) & (labels < high)]) for low, high in pairwise(edges)]
    return Table(
        {
            name: [f"{low:g} to {high:g}" for low, high, _ in rows],
            "spectra": [len(e) for *_, e in rows],
            "mean_error": [e.mean() if len(e) else np.nan for *_, e in rows],
        }
    )


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
