"""A simulator with known gaps: an emulator from which features of each element are removed.

In the pixels of a removed feature the flux of every star is 1, the continuum. Everything else that
absorbs there is removed, too.
"""

import numpy as np
import torch
from astropy.table import Table

from specnb.emulator.model import Emulator
from specnb.emulator.step import Step


class Masked(Step):
    """A step that removes all lines in some pixels, where the flux becomes 1.

    Parameters
    ----------
    masked : array_like of bool, shape (n_pix,)
    """

    def __init__(self, masked):
        super().__init__()
        self.register_buffer("masked", torch.as_tensor(np.array(masked, dtype=bool)))

    def forward(self, flux, labels):
        return torch.where(self.masked, 1.0, flux)

    @classmethod
    def build(cls, settings, survey):
        return cls(np.zeros(len(survey.pixels)))


def choose(table: Table, fraction: float, seed: int) -> np.ndarray:
    """Choose at random the features to remove: the same fraction for all elements, but at least
    one.

    Parameters
    ----------
    table : Table
        The result of `specnb.simulator.features.features`.
    fraction : float
        Fraction of each element's features, above 0 and below 1.
    seed : int

    Returns
    -------
    ndarray of bool, shape (len(table),)

    Raises
    ------
    ValueError
        If the fraction is out of range.
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction is {fraction}: it must be from above 0 to below 1")
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


def masked_emulator(emulator: Emulator, masked) -> Emulator:
    """An emulator of a simulator without lines in some pixels.

    Parameters
    ----------
    emulator : Emulator
    masked : array_like of bool, shape (n_pix,)

    Raises
    ------
    ValueError
        If there is not one value per pixel.
    """
    if np.shape(masked) != emulator.wavelength.shape:
        raise ValueError(
            f"masked has shape {np.shape(masked)}: give one value for each of {len(emulator.wavelength)} pixels"
        )
    return emulator.then(Masked(masked).to(emulator.network.low.device))
