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


def counts_table(counts, published=None) -> Table:
    """What `Cuts` counted as a table, beside the numbers of stars in the paper.

    Parameters
    ----------
    counts : list of dict
    published : dict of str to int, optional
        For each catalogue the number of stars in the paper, which stands beside its last cut.
    """
    table = Table(rows=counts, names=("catalogue", "cut", "stars"))
    if published:
        last = {row["catalogue"]: number for number, row in enumerate(counts)}
        cells = {last[name]: str(stars) for name, stars in published.items() if name in last}
        table["published"] = [cells.get(row, "") for row in range(len(table))]
    return table
