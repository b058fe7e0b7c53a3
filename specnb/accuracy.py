"""How well an emulator imitates the simulator, on spectra that it never saw."""

from itertools import pairwise

import numpy as np
from astropy.table import Table


def accuracy(predicted, truth) -> dict[str, float]:
    """Statistics of the absolute flux error.

    Parameters
    ----------
    predicted, truth : ndarray, shape (n, n_pix)
        Continuum-normalised flux of emulator and simulator.

    Returns
    -------
    dict
        ``mean`` and ``median`` over all pixels of all spectra; ``spectra_95``, the 95th percentile over spectra of
        the mean over wavelength; ``pixels_95``, the 95th percentile over wavelength of the mean over spectra;
        ``worst_spectrum`` and ``worst_pixel``, the largest of these means.
    """
    error = np.abs(np.asarray(predicted, dtype=float) - truth)
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
        Columns ``<name>`` (bin as text), ``spectra`` and ``mean_error``; empty bins have NaN.
    """
    error = np.abs(np.asarray(predicted, dtype=float) - truth).mean(axis=1)
    rows = [(low, high, error[(labels >= low) & (labels < high)]) for low, high in pairwise(edges)]
    return Table(
        {
            name: [f"{low:g} to {high:g}" for low, high, _ in rows],
            "spectra": [len(e) for *_, e in rows],
            "mean_error": [e.mean() if len(e) else np.nan for *_, e in rows],
        }
    )
