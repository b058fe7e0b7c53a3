"""How far fitted labels are from true ones, and whether one fit is nearer than another.

Fits come by name and are compared over the stars that all of them could fit, as in
`specnb.fitting.residuals`.
"""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from specnb.fitting.residuals import common_stars, formatted

RESAMPLES = 200  # of the stars: the error of a bias is good to 5%


def label_errors(fits: Mapping, truth: Table, labels) -> Table:
    """How far fitted labels are from true ones.

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
        A row a fit and label: ``fit``; ``label``; in the label's ``unit`` the ``median`` and
        ``mean`` of fit − truth, its ``scatter`` (half of the width from the 16th to the 84th
        percentile), its ``rms`` and the ``median_error`` that the fits state; ``at_limit``, stars
        that ended at a limit of this label; ``stars``, fitted by all, to which all this refers;
        ``not_fitted`` by this one.

    Raises
    ------
    ValueError
        If the lengths differ, or no star was fitted by all.
    """
    differences, fitted, common = _differences(fits, truth, labels)
    rows = []
    for name, fit in fits.items():
        some = fit[common]
        for label, difference in zip(labels, differences[name].T):
            low, median, high = np.percentile(difference, [16, 50, 84])
            rms, error = (
                np.sqrt(np.mean(difference**2)),
                np.nanmedian(_values(some[f"{label}_error"])),
            )
            limit = sum(f"at_limit:{label}" in flags.split(",") for flags in some["flags"])
            sizes = (median, difference.mean(), (high - low) / 2, rms, error)
            counts = (limit, common.sum(), (~fitted[name]).sum())
            rows.append((name, label, str(fit[label].unit or ""), *sizes, *counts))
    sizes = ("median", "mean", "scatter", "rms", "median_error")
    table = Table(
        rows=rows, names=("fit", "label", "unit", *sizes, "at_limit", "stars", "not_fitted")
    )
    return formatted(table, **dict.fromkeys(sizes, ".3g"))


def bias_change(
    before: Table, after: Table, truth: Table, labels, statistic=np.median, seed: int = 0
) -> Table:
    """In which labels the bias is nearer to 0 in the second of two fits: ``sum(table["falls"])`` is
    their number.

    Parameters
    ----------
    before, after : Table
        Results of `specnb.fit_labels` for the same stars.
    truth : Table
        Their true labels.
    labels : sequence of str
    statistic : callable
        ``numpy.median`` or ``numpy.mean`` of fit − truth over the stars: what is called bias.
    seed : int
        Of the resampled stars.

    Returns
    -------
    Table
        A row a label: ``label``; ``before`` and ``after``, the biases; ``change``, |after| −
        |before|; ``change_error``, its standard deviation over resampled stars (bootstrap, the same
        stars in both fits); ``falls``, whether the change is negative; ``clear``, whether it is
        more than twice its error.

    Raises
    ------
    ValueError
        As `label_errors`.
    """
    differences, _, common = _differences({"before": before, "after": after}, truth, labels)
    random, n = np.random.default_rng(seed), common.sum()
    bias = {name: statistic(difference, axis=0) for name, difference in differences.items()}
    draws = [random.integers(n, size=n) for _ in range(RESAMPLES)]
    changes = [
        _change(*(statistic(each[rows], axis=0) for each in differences.values())) for rows in draws
    ]
    change, error = _change(*bias.values()), np.std(changes, axis=0)
    columns = (
        list(labels),
        bias["before"],
        bias["after"],
        change,
        error,
        change < 0,
        np.abs(change) > 2 * error,
    )
    table = Table(
        columns, names=("label", "before", "after", "change", "change_error", "falls", "clear")
    )
    return formatted(table, **dict.fromkeys(("before", "after", "change", "change_error"), ".3g"))


def _change(before, after):
    return np.abs(after) - np.abs(before)


def _differences(fits, truth, labels):
    """Fit − truth, shape (n_common, n_labels), of each fit; which stars each fitted; and which all
    did.
    """
    known = {name: np.isfinite(fit["chi2_reduced"]) for name, fit in fits.items()}
    fitted, common = common_stars(known | {"truth": np.ones(len(truth), dtype=bool)})
    true = np.column_stack([_values(truth[label]) for label in labels])[common]
    if (bad := ~np.isfinite(true)).any():
        raise ValueError(
            f"a star has no true {labels[np.argwhere(bad)[0, 1]]}: leave it out of fits and truth"
        )
    values = {
        name: np.column_stack([_values(fit[label]) for label in labels])[common]
        for name, fit in fits.items()
    }
    return {name: value - true for name, value in values.items()}, fitted, common


def _values(column):
    """A column as floats, masked entries as NaN."""
    return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
