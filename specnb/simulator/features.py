"""Features of each element: where the spectrum of a reference star answers to it, by the simulator
itself.

A feature belongs to an element, not to an atom: those of carbon, nitrogen and oxygen are mostly
lines of CO, CN and OH. A line of CN is a feature of carbon and of nitrogen, and since CO binds most
carbon, more carbon leaves less oxygen for OH."""

from functools import cache

import numpy as np
from astropy.table import Table, vstack

from specnb.core.lines import Line
from specnb.core.wavelength import detectors
from specnb.simulator.responses import Responses, load_responses

# What counts as a feature, in flux for a step of 0.05 dex: choices, of the order of the noise at
# S/N 1000 and 200.
LEAST = 0.001
PEAK = 0.005


def features(
    responses: Responses, vbroad: float = 6.0, least: float = LEAST, peak: float = PEAK
) -> Table:
    """Contiguous runs of pixels, within a detector, that get darker when one element's abundance
    rises by a step.

    Parameters
    ----------
    responses : Responses
    vbroad : float
        Of the star, km/s.
    least, peak : float
        See `find`.

    Returns
    -------
    Table
        As from `find`.
    """
    return find(taken(responses, vbroad), responses.survey.pixels, least, peak)


def taken(responses: Responses, vbroad: float = 6.0) -> dict[str, np.ndarray]:
    """By element, how far the flux (n_pix,) falls when its abundance rises by a step of the
    responses.
    """
    return {
        element: -responses.raised(step, vbroad) for element, step in responses.elements.items()
    }


def find(falls, wavelength, least: float = LEAST, peak: float = PEAK) -> Table:
    """Features in what each element takes from the flux.

    Parameters
    ----------
    falls : dict of ndarray, each of shape (n_pix,)
        By element: how far the flux falls when its abundance rises by a step, see `taken`.
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    least : float
        A feature ends where the flux falls by no more than this.
    peak : float
        Runs that nowhere fall by more than this are no features.

    Returns
    -------
    Table
        A row a feature: ``element``; ``first`` and ``last``, indices of its pixels; ``wavelength``
        of its deepest pixel, vacuum Å; ``depth``, the fall of the flux there; ``share``, the
        element's part of the sum of what all elements take from the flux there (an element that
        brightens the pixel counts as zero).
    """
    total = sum(np.maximum(each, 0.0) for each in falls.values())
    rows = []
    for element, each in falls.items():
        for detector in detectors(wavelength):
            for first, end in runs(each[detector] > least) + detector.start:
                deepest = first + int(np.argmax(each[first:end]))
                if each[deepest] > peak:
                    share = each[deepest] / total[deepest]
                    rows.append(
                        (element, first, end - 1, wavelength[deepest], each[deepest], share)
                    )
    names = ("element", "first", "last", "wavelength", "depth", "share")
    table = Table(rows=rows or None, names=names, dtype=("U2", int, int, float, float, float))
    table["wavelength"].unit = "Angstrom"
    return table


def runs(mask):
    """First pixel and the one after the last of each run of True, shape (n, 2)."""
    return np.flatnonzero(np.diff(np.r_[False, mask, False])).reshape(-1, 2)


def strongest(table: Table, n: int) -> Table:
    """The n deepest features of each element, in the order in which figures name them: the deepest
    of every element first, then the second deepest, and so on; the deeper first among these."""
    table = table[np.argsort(table["depth"])[::-1]]
    rank = np.zeros(len(table), dtype=int)
    for element in set(table["element"]):
        own = table["element"] == element
        rank[own] = np.arange(own.sum())
    table = table[np.argsort(rank, kind="stable")]
    return table[np.sort(rank) < n]


def elements_at(table: Table, pixels) -> list[str]:
    """For each pixel the elements of which it is in a feature, that with the largest share first,
    as ``"C N"``.
    """
    table = table[np.argsort(table["share"])[::-1]]
    inside = [(table["first"] <= pixel) & (pixel <= table["last"]) for pixel in pixels]
    return [" ".join(dict.fromkeys(table["element"][rows])) for rows in inside]


def marked(responses: Responses, vbroad: float = 6.0) -> Table:
    """What figures mark: `features`, and for elements that have none what they would have with a
    tenth of the thresholds.
    """
    found = features(responses, vbroad)
    weak = features(responses, vbroad, LEAST / 10, PEAK / 10)
    return vstack([found, weak[~np.isin(weak["element"], found["element"])]])


@cache
def line_markers(survey, n: int = 30) -> tuple[Line, ...]:
    """Lines to mark in figures: those that the survey declares, else the n strongest features of
    each element by its shipped responses, see `marked`; none without either."""
    if survey.lines or not survey.responses_path.is_file():
        return survey.lines
    table = strongest(marked(load_responses(survey)), n)
    return tuple(Line(str(row["element"]), float(row["wavelength"])) for row in table)
