"""Training stars with a label so far from those of the others that it must be a mistake."""

import warnings

import numpy as np

from specnb.core.labels import check_limits, finite_rows, label_columns
from specnb.core.values import placeholders

SHARE, GAP, REACH = 0.98, 3.0, 10.0  # see `far_from_others`


class OutlierWarning(UserWarning):
    """Some training stars were left out, because a label of theirs is far from the others'."""


def far_from_others(values, labels, ids=None) -> np.ndarray:
    """Which labels lie far from those of all other stars, bool, shape (n, n_labels).

    There is a gap between them and the others: sorted by their distance from the median, the first
    of them lies at least `GAP` times as far away as the star before it. The share `SHARE` of the
    stars lies before the gap. They are also more than `REACH` standard deviations away, as the
    median of the distances gives them. So the long tail of a label is kept, and so are flags and
    labels that are the same for that share of the stars.

    Parameters
    ----------
    values : ndarray, shape (n, n_labels)
    labels : sequence of str or Label
    ids : sequence of str, optional
        Names of the stars. The default is their rows.

    Warns
    -----
    OutlierWarning
        If there are any, with their names and values.
    """
    distance = np.abs(values - np.median(values, axis=0))
    tails = np.sort(distance, axis=0)[int(SHARE * (len(values) - 1)) :]
    gaps = (tails[1:] > GAP * tails[:-1]) & (tails[0] > 0)
    limit = np.where(gaps.any(axis=0), tails[gaps.argmax(axis=0), range(tails.shape[1])], np.inf)
    far = distance > np.maximum(limit, REACH * 1.4826 * np.median(distance, axis=0))
    if far.any():
        ids = range(len(values)) if ids is None else ids
        named = (f"star {ids[i]} with {labels[k]} = {values[i, k]:g}" for i, k in np.argwhere(far))
        warnings.warn(
            f"{far.any(axis=1).sum()} of {len(values)} training stars are left out, because a "
            f"label is far from those of all others: {', '.join([*named][:5])}",
            OutlierWarning,
            stacklevel=3,
        )
    return far


def training_labels(table, labels, ids=None):
    """Labels of training stars, and which of them to train on: those that are not far out.

    A label that stands for a missing value is an error, as in `specnb.core.labels.label_array`,
    which takes the same. An impossible one is an error only if it is not far from the others.

    Returns
    -------
    values : ndarray, shape (n, n_labels), float64
    good : ndarray, shape (n,), bool
    """
    what = "catalogue" if hasattr(table, "keys") else "labels"
    values = finite_rows(label_columns(table, labels), what, labels)
    missing = placeholders(values)
    far = far_from_others(np.where(missing, np.median(values, axis=0), values), labels, ids)
    check_limits(np.where(far, np.median(values, axis=0), values), what, labels)
    return values, ~far.any(axis=1)
