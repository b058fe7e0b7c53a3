"""Cuts: which stars of a catalogue are kept, and how many are left after each cut."""

from hashlib import sha256

import numpy as np
from astropy.table import Table


class Cuts:
    """The stars of a catalogue that are left after some cuts.

    Parameters
    ----------
    catalogue : str
        Its name, such as "APOGEE DR17".
    stars : Table

    Attributes
    ----------
    stars : Table
        The rows that are left.
    counts : list of dict
        ``catalogue``, ``cut`` and ``stars`` (the number that is left) of each cut, in order.
    """

    def __init__(self, catalogue: str, stars: Table):
        self.catalogue, self.stars, self.counts = catalogue, stars, []
        self.count("rows of the catalogue")

    def count(self, cut: str):
        """Note how many stars there are."""
        self.counts.append({"catalogue": self.catalogue, "cut": cut, "stars": len(self.stars)})

    def keep(self, cut: str, good):
        """Keep the stars for which a mask is True, and note how many they are.

        Parameters
        ----------
        cut : str
            What is true of the stars that are kept.
        good : array_like of bool
        """
        self.stars = self.stars[np.asarray(good, dtype=bool)]
        self.count(cut)


def best_of_each(ids, snr) -> np.ndarray:
    """Which rows have the highest S/N of all rows with the same id, bool. Of equal ones it is the first."""
    order = np.lexsort((np.arange(len(ids)), -np.nan_to_num(snr, nan=-1.0), ids))
    best = np.zeros(len(ids), bool)
    best[order[np.r_[True, ids[order][1:] != ids[order][:-1]][: len(ids)]]] = True
    return best


def digest(star: str) -> bytes:
    """SHA-256 of the id of a star, which decides about its place and its half."""
    return sha256(star.encode()).digest()


def shuffled(stars: Table) -> Table:
    """The stars in the order of the `digest` of their ``id``, so that any first n are a random sample."""
    return stars[sorted(range(len(stars)), key=lambda row: digest(str(stars["id"][row])))]
