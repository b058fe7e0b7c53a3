"""Scores of how well missing features were found, with their depths and elements.

They are computed at the reference star of the features.

If several elements absorb in a pixel, each has a *share* of it. The share is the element's fall
divided by the sum of the falls of all elements, as given by the simulator.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table
from sklearn.metrics import average_precision_score

from specnb.fitting.residuals import formatted
from specnb.simulator.responses import find, taken
from specnb.surveys.survey import Survey

NOBODY = "none"
DEEP = 0.03  # features deeper than this count in the median of recovered depths
UNAMBIGUOUS = 0.5  # an element with a larger share absorbs more than all others together
LEAST_SHARE = 0.05  # smallest share of an element that is named
LEAST_DEPTH = 0.01  # least depth of a missing line in the list: twice the noise at S/N 200
COLUMNS = ("element", "first", "last", "wavelength", "depth", "recovered", "named", "probability",
           "share", "credit", "right")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Truth:
    """The features that are missing, and their elements.

    Attributes
    ----------
    survey : Survey
    features : Table
        All features, as from `specnb.simulator.responses.features`.
    hidden : ndarray of bool, shape (n_features,)
        True for the missing features.
    masked : ndarray of bool, shape (n_pix,)
        True for the pixels of missing features.
    falls : ndarray, shape (n_elements, n_pix)
        Falls of the flux given by the simulator, in the order of `names`. They are 0 where nothing
        is missing.
    """

    survey: Survey
    features: Table = field(repr=False)
    hidden: np.ndarray = field(repr=False)
    masked: np.ndarray = field(repr=False)
    falls: np.ndarray = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Symbols of the elements, in the order of ``survey.elements``."""
        return list(self.survey.elements)

    @classmethod
    def draw(cls, responses, fraction: float, seed: int, vbroad: float = 6.0):
        """Hide a fraction of each element's features; see `choose`."""
        survey, falls = responses.survey, taken(responses, vbroad)
        table = find(falls, survey.pixels)
        hidden = choose(table, fraction, seed)
        masked = pixels(table[hidden], len(survey.pixels))
        falls = np.stack([falls[name] for name in survey.elements])
        return cls(survey, table, hidden, masked, np.where(masked, falls, 0.0))


def choose(table: Table, fraction: float, seed: int) -> np.ndarray:
    """Choose at random the features to remove: the same fraction for all elements, at least one.

    Parameters
    ----------
    table : Table
        The result of `specnb.simulator.responses.features`.
    fraction : float
        Fraction of each element's features. `specnb.missing.experiment.MissingConfig` limits it.
    seed : int

    Returns
    -------
    ndarray of bool, shape (len(table),)
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(table), dtype=bool)
    for element in sorted(set(table["element"])):
        rows = np.flatnonzero(table["element"] == element)
        chosen[rng.permutation(rows)[: max(1, round(fraction * len(rows)))]] = True
    return chosen


def pixels(table: Table, n_pix: int) -> np.ndarray:
    """The pixels that lie in a feature of a table, as bool of shape (n_pix,)."""
    inside = np.zeros(n_pix, dtype=bool)
    for first, last in table["first", "last"].iterrows():
        inside[first : last + 1] = True
    return inside


def hidden_features(truth: Truth, flux, recovered, added) -> Table:
    """Compare each hidden feature with what was recovered of it.

    Parameters
    ----------
    truth : Truth
    flux : ndarray, shape (n_pix,)
        Flux of the star with all lines.
    recovered : ndarray, shape (n_pix,)
        Synthetic minus translated flux.
    added : ndarray, shape (n_elements, n_pix)
        The result of `specnb.missing.experiment.added_falls`.

    Returns
    -------
    Table
        The hidden rows of ``truth.features``, with ``depth`` and ``recovered`` at the pixel where
        the true spectrum is deepest; ``named``, the element with the largest sum of added falls
        over the feature; ``probability``, the fraction that this sum is of the sums of all
        elements; ``share``, the true share of the feature's own element, from sums over the
        feature; ``credit``, the true share of the named element divided by the largest true share
        of any element; ``right``, whether the named element is the feature's own. If the flux falls
        for no element, "none" is named.
    """
    rows = []
    for element, first, last in truth.features[truth.hidden]["element", "first", "last"].iterrows():
        run = slice(first, last + 1)
        deepest = first + int(np.argmin(flux[run]))
        true, found = (shares(falls[:, run].sum(axis=1)) for falls in (truth.falls, added))
        best, name = _largest(found, truth.names)
        place = (truth.survey.pixels[deepest], 1.0 - flux[deepest], recovered[deepest])
        credit = true[best] / true.max() if name != NOBODY else 0.0
        shown = (name, found[best], true[truth.names.index(element)], credit, name == element)
        rows.append((element, first, last, *place, *shown))
    return Table(rows=rows, names=COLUMNS, units={"wavelength": "Angstrom"})


def by_element(truth: Truth, added) -> Table:
    """Score how well the derivatives find the missing features of each element.

    Found features are those that `specnb.simulator.responses.find` finds in the added falls, with
    the same limits as for the true features. A found feature is right if it shares a pixel with a
    missing feature of its element.

    Returns
    -------
    Table
        One row per element: ``missing`` and ``found``, the numbers of features; ``precision``, the
        fraction of the found features that are right; ``recall``, the fraction of the missing
        features that were found; ``average_precision``, the area under the precision-recall curve
        over pixels, in which a pixel of a missing feature is weighted by the element's share;
        ``base_rate``, the value of ``average_precision`` that is expected by chance. A score is NaN
        if there is nothing to divide by.
    """
    wavelength = truth.survey.pixels
    missing, found = (
        find(dict(zip(truth.names, falls)), wavelength) for falls in (truth.falls, added)
    )
    true, rows = shares(truth.falls), []
    for k, name in enumerate(truth.names):
        found_here, missing_here = (table[table["element"] == name] for table in (found, missing))
        is_missing, is_found = (
            pixels(table, len(wavelength)) for table in (missing_here, found_here)
        )
        weight = np.where(is_missing, true[k], 1.0)
        base, area = np.nan, np.nan
        if is_missing.any():
            base = np.average(is_missing, weights=weight)
            area = average_precision_score(is_missing, added[k], sample_weight=weight)
        rows.append(
            {
                "element": name,
                "missing": len(missing_here),
                "found": len(found_here),
                "precision": _overlap(found_here, is_missing),
                "recall": _overlap(missing_here, is_found),
                "average_precision": area,
                "base_rate": base,
            }
        )
    return Table(rows=rows)


def summary(hidden: Table, elements: Table, among=("Mg", "Si", "Fe", "C")) -> dict[str, float]:
    """Summarise the scores in a few numbers.

    Returns
    -------
    dict
        ``depth``, the median ratio of recovered to true depth for features deeper than `DEEP`;
        ``depth_scatter``, the median absolute difference of this ratio from 1; ``named``, the
        fraction of the unambiguous features (share above `UNAMBIGUOUS`) of the elements in
        ``among`` for which the right element is named, and ``named_all``, the same for all
        elements; ``credit``, the mean credit of all hidden features; ``precision`` and ``recall``
        for all features of all elements; ``average_precision`` and ``base_rate``, the means over
        the elements with missing features. A number is NaN if there is nothing to average.
    """
    deep = hidden[hidden["depth"] > DEEP]
    ratio = np.asarray(deep["recovered"] / deep["depth"])
    clear = hidden[hidden["share"] > UNAMBIGUOUS]
    chosen = clear[np.isin(clear["element"], among)]
    lacking = elements[elements["missing"] > 0]
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
        "average_precision": float(np.mean(lacking["average_precision"])),
        "base_rate": float(np.mean(lacking["base_rate"])),
    }


def missing_lines(
    survey: Survey, recovered, added, truth: Truth | None = None, least: float = LEAST_DEPTH
) -> Table:
    """List the lines that translated spectra have and synthetic ones lack, with their elements.

    This is the list that a survey would publish.

    Parameters
    ----------
    survey : Survey
    recovered, added
        See `hidden_features`.
    truth : Truth, optional
        The truth, if it is known.
    least : float
        Least depth of a line.

    Returns
    -------
    Table
        One row per run of pixels in which the translated flux is lower by more than
        `LEAST_DEPTH`, and in one of them by more than ``least``: ``wavelength`` (vacuum Å) of the
        deepest pixel; ``depth`` there; ``element``, the element with the largest added fall in the
        run; ``probability``, the fraction that this fall is of the sum of the falls of all elements;
        ``truth``, the elements that are missing there with their shares, which is empty if nothing
        is missing.
    """
    rows, names = [], list(survey.elements)
    lines = find({NOBODY: np.asarray(recovered)}, survey.pixels, LEAST_DEPTH, least)
    for first, last, at, depth in lines["first", "last", "wavelength", "depth"].iterrows():
        run = slice(first, last + 1)
        found = shares(added[:, run].sum(axis=1))
        best, name = _largest(found, names)
        true = "" if truth is None else named_shares(truth.falls[:, run], names)
        rows.append((at, depth, name, found[best], true))
    table = Table(
        rows=rows or None,
        names=("wavelength", "depth", "element", "probability", "truth"),
        dtype=(float, float, "U4", float, "U200"),
        units={"wavelength": "Angstrom"},
    )
    return formatted(table, wavelength=".2f", depth=".4f", probability=".2f")


def shares(falls):
    """Share of each element in the sum of all falls, along the first axis.

    An element that brightens the flux counts as zero.
    """
    positive = np.maximum(falls, 0.0)
    return positive / np.maximum(positive.sum(axis=0), 1e-12)


def named_shares(falls, names) -> str:
    """The elements with the largest shares of the falls (n_elements, n_pix) in some pixels.

    They are a text such as "Si 0.80, Fe 0.20".
    """
    of_run = shares(falls.sum(axis=1))
    order = np.argsort(of_run)[::-1]
    return ", ".join(f"{names[k]} {of_run[k]:.2f}" for k in order if of_run[k] >= LEAST_SHARE)


def _largest(shares, names):
    """Index and name of the element with the largest share. The name is `NOBODY` if all are 0."""
    best = int(np.argmax(shares))
    return best, names[best] if shares[best] > 0 else NOBODY


def _overlap(table, inside):
    """Fraction of the features of a table with a pixel in ``inside``, or NaN without features."""
    spans = table["first", "last"].iterrows()
    met = [inside[first : last + 1].any() for first, last in spans]
    return np.mean(met) if met else np.nan
