"""Errors of fitted labels: how far they are from the true ones, and which fit is closer.

Each fit has a name. Fits are compared with the stars for which all of them succeeded, as in
`specnb.fitting.residuals`.
"""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from specnb.fitting.residuals import common_stars, formatted

RESAMPLES = 200  # number of bootstrap samples of the stars, which give the error of a bias to 5%


def label_errors(fits: Mapping, truth: Table, labels) -> Table:
    """Statistics of the differences between fitted and true labels.

    Parameters
    ----------
    fits : mapping of str to Table
        Results of `specnb.fit_labels`.
    truth : Table
        True labels of the same stars in the same order.
    labels : sequence of str

    Returns
    -------
    Table
        One row per fit and label: ``fit``; ``label``; in the label's ``unit`` the ``median`` and
        ``mean`` of fit − truth, its ``scatter`` (half of the width from the 16th to the 84th
        percentile), its ``rms``, and the ``median_error``, which is the median of the errors that
        the fit reports; ``at_limit``, the number of stars whose fit ended at a limit of this label;
        ``stars``, the number of stars that all fits could fit, to which all these numbers refer;
        ``not_fitted``, the number of stars that this fit could not fit.

    Raises
    ------
    ValueError
        If the lengths differ, or if no star was fitted in all fits.
    """
    differences, fitted, common = _differences(fits, truth, labels)
    rows = []
    for name, fit in fits.items():
        compared = fit[common]
        for label, difference in zip(labels, differences[name].T):
            low, median, high = np.percentile(difference, [16, 50, 84])
            rms = np.sqrt(np.mean(difference**2))
            error = np.nanmedian(_values(compared[f"{label}_error"]))
            limit = sum(f"at_limit:{label}" in flags.split(",") for flags in compared["flags"])
            sizes = (median, difference.mean(), (high - low) / 2, rms, error)
            counts = (limit, common.sum(), (~fitted[name]).sum())
            rows.append((name, label, str(fit[label].unit or ""), *sizes, *counts))
    sizes = ("median", "mean", "scatter", "rms", "median_error")
    names = ("fit", "label", "unit", *sizes, "at_limit", "stars", "not_fitted")
    return formatted(Table(rows=rows, names=names), **dict.fromkeys(sizes, ".3g"))


def bias_change(
    before: Table, after: Table, truth: Table, labels, statistic=np.median, seed: int = 0
) -> Table:
    """Find the labels whose bias is closer to 0 in the second of two fits.

    ``sum(table["falls"])`` is the number of these labels.

    Parameters
    ----------
    before, after : Table
        Results of `specnb.fit_labels` for the same stars.
    truth : Table
        Their true labels.
    labels : sequence of str
    statistic : callable
        ``numpy.median`` or ``numpy.mean``. The bias is this statistic of fit − truth over the
        stars.
    seed : int
        Seed of the resampling of stars.

    Returns
    -------
    Table
        One row per label: ``label``; ``before`` and ``after``, the biases; ``change``, which is
        |after| − |before|; ``change_error``, its standard deviation over bootstrap samples of the
        stars (with the same stars in both fits); ``falls``, whether the change is negative;
        ``clear``, whether its absolute value is more than twice its error.

    Raises
    ------
    ValueError
        For the reasons given in `label_errors`.
    """
    differences, _, common = _differences({"before": before, "after": after}, truth, labels)
    random, n = np.random.default_rng(seed), common.sum()
    bias = [statistic(difference, axis=0) for difference in differences.values()]
    draws = (random.integers(n, size=n) for _ in range(RESAMPLES))
    changes = [
        _change(*(statistic(fit[rows], axis=0) for fit in differences.values())) for rows in draws
    ]
    change, error = _change(*bias), np.std(changes, axis=0)
    columns = (list(labels), *bias, change, error, change < 0, np.abs(change) > 2 * error)
    sizes = ("before", "after", "change", "change_error")
    table = Table(columns, names=("label", *sizes, "falls", "clear"))
    return formatted(table, **dict.fromkeys(sizes, ".3g"))


def _change(before, after):
    return np.abs(after) - np.abs(before)


def _differences(fits, truth, labels):
    """The differences fit − truth, shape (n_common, n_labels), of each fit.

    Also returns which stars each fit could fit, and which stars all fits could fit.
    """
    fitted = {name: np.isfinite(_values(fit["chi2_reduced"])) for name, fit in fits.items()}
    common = common_stars(fitted | {"truth": np.ones(len(truth), dtype=bool)})
    true, *values = (
        np.column_stack([_values(table[label]) for label in labels])[common]
        for table in (truth, *fits.values())
    )
    if (bad := ~np.isfinite(true)).any():
        raise ValueError(
            f"a star has no true {labels[np.argwhere(bad)[0, 1]]}: leave it out of fits and truth"
        )
    return {name: fit - true for name, fit in zip(fits, values)}, fitted, common


def _values(column):
    """A column as floats. Masked entries are NaN."""
    return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
