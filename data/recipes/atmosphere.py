"""Model atmospheres: ATLAS12 structures (C3K; Cargile et al. 2020) as interpolated by the networks of `atmosnet`.

The networks' weights are read directly; their outputs are log10 of the quantities, one network a column.
"""

from functools import cache
from pathlib import Path

import dill
import numpy as np

WEIGHTS = "atmosnet/atmosnet/data/atmosnet_c3k_300neurons_cool.pkl"  # 2500-8000 K
COLUMNS = (
    "column mass",
    "temperature",
    "gas pressure",
    "electron number density",
    "Rosseland opacity",
)


@cache
def networks(work: Path):
    with (work / WEIGHTS).open("rb") as f:
        return dill.load(f)[: len(COLUMNS)]


def leaky_relu(x):
    return np.where(x > 0, x, 0.01 * x)


def atmosphere(work: Path, teff: float, logg: float, m_h: float, alpha_m: float) -> np.ndarray:
    """Structure of one atmosphere.

    Parameters
    ----------
    work : Path
        Folder made by build.sh.
    teff, logg, m_h, alpha_m : float
        Effective temperature (K), log g (cgs), [M/H] and [α/M] (dex).

    Returns
    -------
    ndarray, shape (80, 5)
        The quantities of `COLUMNS` in cgs units, from the surface inwards.
    """
    columns = []
    for net in networks(work):
        x = np.array([teff, logg, m_h, alpha_m])
        if np.any(x < net["x_min"]) or np.any(x > net["x_max"]):
            raise ValueError(
                f"no atmosphere at teff, logg, m_h, alpha_m = {x}: {net['x_min']} to {net['x_max']}"
            )
        x = (x - net["x_min"]) / (net["x_max"] - net["x_min"]) - 0.5
        for layer in (0, 1):
            x = leaky_relu(net[f"w_array_{layer}"] @ x + net[f"b_array_{layer}"])
        columns.append(10.0 ** (net["w_array_2"] @ x + net["b_array_2"]))
    return np.stack(columns, axis=1)
