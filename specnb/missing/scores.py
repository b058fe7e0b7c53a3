"""Whether missing features were found, with the right depth and the right element: scores at the
star of the features.

A pixel in which several elements absorb belongs to each of them by its *share*: its fall over the
sum of the falls of all elements, by the simulator."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from sklearn.metrics import average_precision_score

from specnb.core.wavelength import detectors
from specnb.missing.masking import choose, pixels
from specnb.simulator.features import find, runs, taken
from specnb.surveys.survey import Survey

NOBODY = "none"
DEEP = 0.03  # features at least as deep count in the median of recovered depths
UNAMBIGUOUS = 0.5  # share of an element that takes more than all others together
LEAST_DEPTH = 0.01  # of a missing line in the list: twice the noise at S/N 200


@dataclass(frozen=True, eq=False)
class Truth:
    """What is missing, and what its elements are.

    Attributes
    ----------
    survey : Survey
    features : Table
        All features, as from `specnb.simulator.features.features`.
    hidden : ndarray of bool, shape (n_features,)
        Which of them are missing.
    masked : ndarray of bool, shape (n_pix,)
        The pixels of these.
    falls : ndarray, shape (n_elements, n_pix)
        By the simulator, 0 where nothing is missing; in the order of `names`.
    """

    survey: Survey
    features: Table
    hidden: np.ndarray
    masked: np.ndarray
    falls: np.ndarray

    @property
    def names(self) -> list[str]:
        """Symbols of the elements, in order."""
        return list(self.survey.elements)

    @classmethod
    def draw(cls, responses, fraction: float, seed: int, vbroad: float = 6.0):
        """Hide a fraction of each element's features; see `specnb.missing.masking.choose`."""
        survey, falls = responses.survey, taken(responses, vbroad)
        table = find(falls, survey.pixels)
        hidden = choose(table, fraction, seed)
        masked = pixels(table[hidden], len(survey.pixels))
        falls = np.stack([falls[name] for name in survey.elements])
        return cls(survey, table, hidden, masked, np.where(masked, falls, 0.0))


def hidden_features(truth: Truth, flux, recovered, added) -> Table:
    """What was recovered of each hidden feature.

    Parameters
    ----------
    truth : Truth
    flux : ndarray, shape (n_pix,)
        Of the star with all lines.
    recovered : ndarray, shape (n_pix,)
        Synthetic minus translated flux.
    added : ndarray, shape (n_elements, n_pix)
        Of `specnb.missing.derivatives.added_falls`.

    Returns
    -------
    Table
        The hidden rows of ``truth.features``, with ``depth`` and ``recovered`` at the pixel where
        the true spectrum is deepest; ``named``, the element whose added falls, summed over the
        feature, are largest; ``probability``, its part of the sum over elements; ``share``, the
        true part of the feature's own element, summed in the same way; ``credit``, that of the
        named one over the largest of any; ``right``, whether it is the feature's own. Where no
        element's added flux falls, "none" is named.
    """
    rows = []
    for element, first, last in truth.features[truth.hidden]["element", "first", "last"].iterrows():
        part = slice(first, last + 1)
        deepest = first + int(np.argmin(flux[part]))
        own, found = (_shares(each[:, part].sum(axis=1)) for each in (truth.falls, added))
        best, name = _largest(found, truth.names)
        place = (
            element,
            first,
            last,
            truth.survey.pixels[deepest],
            1.0 - flux[deepest],
            recovered[deepest],
        )
        credit = own[best] / own.max() if name != NOBODY else 0.0
        rows.append(
            (*place, name, found[best], own[truth.names.index(element)], credit, name == element)
        )
    columns = (
        "element",
        "first",
        "last",
        "wavelength",
        "depth",
        "recovered",
        "named",
        "probability",
        "share",
        "credit",
    )
    table = Table(rows=rows, names=(*columns, "right"))
    table["wavelength"].unit = "Angstrom"
    return table


def by_element(truth: Truth, added) -> Table:
    """How well the derivatives find what each element lacks.

    A feature is found where the added falls pass for one by the rule that made the features. It is
    right if it shares a pixel with a missing one of its element.

    Returns
    -------
    Table
        A row an element: ``missing`` and ``found`` features; ``precision``, the part of the found
        that is right; ``recall``, the part of the missing that was found; ``average_precision``,
        the area under the precision-recall curve over pixels, in which a pixel of a missing feature
        counts by the element's share; ``base_rate``, what chance has of it. NaN where there is
        nothing to divide by.
    """
    wavelength = truth.survey.pixels
    missing, found = (
        find(dict(zip(truth.names, falls)), wavelength) for falls in (truth.falls, added)
    )
    shares, rows = _shares(truth.falls), []
    for k, name in enumerate(truth.names):
        ours, theirs = (table[table["element"] == name] for table in (found, missing))
        is_missing, is_found = (pixels(table, len(wavelength)) for table in (theirs, ours))
        precision, recall = _overlap(ours, is_missing), _overlap(theirs, is_found)
        weight = np.where(is_missing, shares[k], 1.0)
        base, area = np.nan, np.nan
        if is_missing.any():
            base = np.average(is_missing, weights=weight)
            area = average_precision_score(is_missing, added[k], sample_weight=weight)
        rows.append((name, len(theirs), len(ours), precision, recall, area, base))
    columns = (
        "element",
        "missing",
        "found",
        "precision",
        "recall",
        "average_precision",
        "base_rate",
    )
    return Table(rows=rows, names=columns)


def summary(hidden: Table, elements: Table, among=("Mg", "Si", "Fe", "C")) -> dict[str, float]:
    """The scores in a few numbers.

    Returns
    -------
    dict
        ``depth``, median of recovered over true depth of features deeper than `DEEP`;
        ``depth_scatter``, the median of its distance from 1; ``named``, the part of the unambiguous
        features (share above `UNAMBIGUOUS`) of ``among`` that is given its own element, and
        ``named_all``, the same of all elements; ``credit``, mean of that of all hidden features;
        ``precision``, ``recall`` over all features of all elements; ``average_precision`` and
        ``base_rate``, means over the elements that lack any. NaN where there is nothing to average.
    """
    deep = hidden[hidden["depth"] > DEEP]
    ratio = np.asarray(deep["recovered"] / deep["depth"])
    clear = hidden[hidden["share"] > UNAMBIGUOUS]
    chosen = clear[np.isin(clear["element"], among)]
    some = elements[elements["missing"] > 0]
    right = np.nansum(elements["precision"] * elements["found"])
    return {
        "depth": float(np.median(ratio)) if len(deep) else np.nan,
        "depth_scatter": float(np.median(np.abs(ratio - 1.0))) if len(deep) else np.nan,
        "named": float(np.mean(chosen["right"])) if len(chosen) else np.nan,
        "named_all": float(np.mean(clear["right"])) if len(clear) else np.nan,
        "credit": float(np.mean(hidden["credit"])),
        "precision": float(right / max(elements["found"].sum(), 1)),
        "recall": float(
            np.nansum(elements["recall"] * elements["missing"]) / elements["missing"].sum()
        ),
        "average_precision": float(np.mean(some["average_precision"])),
        "base_rate": float(np.mean(some["base_rate"])),
    }


def missing_lines(
    survey: Survey, recovered, added, truth: Truth | None = None, least: float = LEAST_DEPTH
) -> Table:
    """Where translated spectra are darker than synthetic ones, and by which element: what a survey
    would publish.

    Parameters
    ----------
    survey : Survey
    recovered, added
        See `hidden_features`.
    truth : Truth, optional
        If it is known.
    least : float
        Least depth of a line.

    Returns
    -------
    Table
        ``wavelength`` (vacuum Å) of the deepest pixel of each run above ``least``; ``depth`` there;
        ``element``, that with the largest added fall over the run, and its ``probability``, its
        part of the sum over elements; ``truth``, the elements that are missing there with their
        shares, empty if nothing is.
    """
    rows, names = [], list(survey.elements)
    for detector in detectors(survey.pixels):
        for first, end in runs(np.asarray(recovered)[detector] > least) + detector.start:
            deepest = first + int(np.argmax(recovered[first:end]))
            shares = _shares(added[:, first:end].sum(axis=1))
            best, name = _largest(shares, names)
            true = (
                ""
                if truth is None
                else _described(_shares(truth.falls[:, first:end].sum(axis=1)), names)
            )
            rows.append((survey.pixels[deepest], recovered[deepest], name, shares[best], true))
    columns = ("wavelength", "depth", "element", "probability", "truth")
    table = Table(rows=rows or None, names=columns, dtype=(float, float, "U4", float, "U200"))
    table["wavelength"].unit = "Angstrom"
    for name, form in (("wavelength", ".2f"), ("depth", ".4f"), ("probability", ".2f")):
        table[name].format = form
    return table


def _shares(falls):
    """Part of each element in the sum of all falls, along the first axis; an element that brightens
    counts as zero.
    """
    positive = np.maximum(falls, 0.0)
    return positive / np.maximum(positive.sum(axis=0), 1e-12)


def _largest(shares, names):
    """Index and name of the element with the largest share; `NOBODY` if all are 0."""
    best = int(np.argmax(shares))
    return best, names[best] if shares[best] > 0 else NOBODY


def _described(shares, names):
    order = [k for k in np.argsort(shares)[::-1] if shares[k] >= 0.05]
    return ", ".join(f"{names[k]} {shares[k]:.2f}" for k in order)


def _overlap(table, inside):
    """Part of the features of a table that hold a pixel of ``inside``; NaN if there are none."""
    if not len(table):
        return np.nan
    return float(
        np.mean(
            [inside[first : last + 1].any() for first, last in table["first", "last"].iterrows()]
        )
    )
