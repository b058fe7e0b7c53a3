"""The regions of the Kiel diagram in which stars exist and in which the grids were computed."""

import numpy as np


def lowest_logg(teff):
    """Lowest log g at which stars of a given temperature exist.

    Giants cooler than 4800 K reach log g = 0. Hotter stars do not exist below the line log g = 2 +
    (T_eff - 4800) / 1200.

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
    """Whether stars exist at labels, as bool. Uses teff and logg of labels given by name."""
    return np.asarray(stars["logg"]) >= lowest_logg(stars["teff"])


def sampled_in_kiel(stars):
    """Whether labels lie where the shipped grids were computed.

    This is the region above `lowest_logg`, widened by a margin of 150 K and 0.3 dex, because an
    emulator is worst at the edge of its training set.

    Parameters
    ----------
    stars : mapping of str to array_like
        Values of the labels by name. teff (K) and logg (dex) must be among them.

    Returns
    -------
    ndarray of bool
    """
    edge = lowest_logg(np.asarray(stars["teff"]) - 150.0) - 0.3
    return np.asarray(stars["logg"]) >= edge
