"""The region of the Kiel diagram in which stars exist, and in which the shipped grids were
computed.
"""

import numpy as np


def lowest_logg(teff):
    """Lower edge of log g at which stars exist.

    Giants cooler than 4800 K reach log g = 0; hotter stars are excluded below the line
    log g = 2 + (T_eff - 4800) / 1200.

    Parameters
    ----------
    teff : array_like
        Effective temperature in K.

    Returns
    -------
    ndarray
        log g in dex, same shape.
    """
    teff = np.asarray(teff, dtype=float)
    return np.where(teff > 4800.0, 2.0 + (teff - 4800.0) / 1200.0, 0.0)


def stars_exist(stars):
    """Whether stars exist at labels given by name, of which teff and logg are used; bool."""
    return np.asarray(stars["logg"]) >= lowest_logg(stars["teff"])


def sampled_in_kiel(stars):
    """Where the shipped grids were computed: the domain of `lowest_logg` with a margin of 150 K and
    0.3 dex, because an emulator is worst at the edge of what it has seen.

    Parameters
    ----------
    stars : mapping of str to array_like
        Label values by name, at least teff (K) and logg (dex).

    Returns
    -------
    ndarray of bool
    """
    edge = lowest_logg(np.asarray(stars["teff"]) - 150.0) - 0.3
    return np.asarray(stars["logg"]) >= edge
