"""Training stars with a label so far from those of the others that it must be a mistake."""

import warnings
from contextlib import contextmanager

import numpy as np

from specnb.core.labels import check_limits, finite_rows, label_columns, limits
from specnb.core.values import placeholders
from specnb.surveys import SURVEYS

SHARE, GAP, REACH = 0.98, 6.0, 10.0  # see `far_from_others`


class OutlierWarning(UserWarning):
    """A label of some training stars is far from the others'."""


@contextmanager
def among_surveys(survey):
    """A survey is one of `SURVEYS` within the block: the ranges of its labels count. None is none."""
    before = dict(SURVEYS)
    SURVEYS.update({} if survey is None else {survey.name: survey})
    try:
        yield
    finally:
        SURVEYS.clear()
        SURVEYS.update(before)


def far_from_others(values) -> np.ndarray:
    """Which labels lie far from those of all other stars, bool, shape (n, n_labels).

    There is a gap between them and the others: sorted by their distance from the median, the first
    of them lies at least `GAP` times as far away as the star before it. The share `SHARE` of the
    stars lies before the gap. They are also more than `REACH` standard deviations away, as the
    median of the distances gives them. So a long tail without a gap is not far, nor are flags and
    labels that are the same for that share of the stars. But a few stars of a rare kind, such as
    halo stars or fast rotators, may be far.

    Parameters
    ----------
    values : ndarray, shape (n, n_labels)
    """
    distance = np.abs(values - np.median(values, axis=0))
    tails = np.sort(distance, axis=0)[int(SHARE * (len(values) - 1)) :]
    gaps = (tails[1:] > GAP * tails[:-1]) & (tails[0] > 0)
    limit = np.where(gaps.any(axis=0), tails[gaps.argmax(axis=0), range(tails.shape[1])], np.inf)
    return distance > np.maximum(limit, REACH * 1.4826 * np.median(distance, axis=0))


def possible_labels(values, labels) -> np.ndarray:
    """Which labels are inside a range that is known for them, bool, shape (n, n_labels).

    It is the range that any of `SURVEYS` declares, or `specnb.core.labels.LIMITS` of usual labels.
    """
    declared = [each for survey in SURVEYS.values() for each in survey.labels]
    result = []
    for label, column in zip(labels, values.T):
        ranges = [each for each in declared if each.name == getattr(label, "name", label)]
        ranges += [limits(label)] if np.isfinite(limits(label).high) else []
        inside = [(each.low <= column) & (column <= each.high) for each in ranges]
        result.append(np.any([column != column, *inside], axis=0))
    return np.column_stack(result)


def wrong_labels(values, labels, ids=None) -> np.ndarray:
    """Labels that must be mistakes: they are far from all others, and no known range has them.

    Parameters
    ----------
    values : ndarray, shape (n, n_labels)
    labels : sequence of str or Label
    ids : sequence of str, optional
        Names of the stars. The default is their rows.

    Returns
    -------
    ndarray of bool, shape (n, n_labels)

    Warns
    -----
    OutlierWarning
        If there are any, or far ones that are possible, with the stars' names and values.
    """
    far, possible = far_from_others(values), possible_labels(values, labels)
    reasons = {
        "are left out, because a label is far from those of all others": far & ~possible,
        "have a label that is possible but far from those of all others (the bins and scales of an "
        "autoencoder are those of the others)": far & possible,
    }
    ids = range(len(values)) if ids is None else ids
    for reason, found in reasons.items():
        named = [
            f"star {ids[i]} with {labels[k]} = {values[i, k]:g}" for i, k in np.argwhere(found)
        ]
        if named:
            n = found.any(axis=1).sum()
            warnings.warn(
                f"{n} of {len(values)} training stars {reason}: {', '.join(named[:5])}",
                OutlierWarning,
                stacklevel=3,
            )
    return far & ~possible


def training_labels(table, labels, ids=None):
    """Labels of training stars, and which of them to train on: those without `wrong_labels`.

    A label that stands for a missing value is an error, as in `specnb.core.labels.label_array`,
    which takes the same. An impossible one is an error only if it is not far from the others.

    Returns
    -------
    values : ndarray, shape (n, n_labels), float64
    good : ndarray, shape (n,), bool
    """
    what = "catalogue" if hasattr(table, "keys") else "labels"
    values = finite_rows(label_columns(table, labels), what, labels)
    missing, middle = placeholders(values), np.median(values, axis=0)
    wrong = wrong_labels(np.where(missing, middle, values), labels, ids)
    check_limits(np.where(wrong, middle, values), what, labels, ids=ids)
    return values, ~wrong.any(axis=1)
