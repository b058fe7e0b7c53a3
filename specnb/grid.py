"""The shipped grid of synthetic spectra, and the training sets made from it."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from specnb.broadening import broaden
from specnb.labels import RVS_LABELS
from specnb.rebinning import overlap_matrix
from specnb.wavelength import RVS_NATIVE, RVS_PIXELS

DATA = Path(__file__).parents[1] / "data"
RVS_GRID = DATA / "rvs_grid.h5"
SPLIT_SEED = 1


@dataclass(frozen=True, eq=False)
class SyntheticGrid:
    """Spectra computed by the simulator, without rotational broadening.

    Attributes
    ----------
    labels : ndarray, shape (n, 5), float64
        teff, logg, m_h, alpha_fe, vmicro in the units of `specnb.labels.RVS_LABELS`.
    flux : ndarray, shape (n, n_pix), float32
        Flux over continuum at the resolving power of the RVS.
    wavelength : ndarray, shape (n_pix,), float64
        Vacuum wavelength in Å; 5 Å wider than the RVS window on either side.
    low, high : ndarray, shape (5,)
        Range from which the labels were drawn.
    provenance : dict
        Attributes of the file: synthesis, sources, citations, licence, seed.
    """

    labels: np.ndarray
    flux: np.ndarray
    wavelength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    provenance: dict

    def __len__(self):
        return len(self.labels)


def load_grid(path=RVS_GRID) -> SyntheticGrid:
    """Read the grid made by ``data/recipes/rvs_grid.py``.

    Raises
    ------
    OSError
        If the file is missing or truncated.
    ValueError
        If it holds other labels, is in air, does not cover the window or has values that are no flux.
    """
    try:
        with h5py.File(path) as f:
            flux = f["flux"][:].astype(np.float32) * np.float32(f["flux"].attrs["scale"])
            labels, wavelength = f["labels"][:], f["wavelength"][:]
            names, medium = tuple(f["labels"].attrs["names"]), f["wavelength"].attrs["medium"]
            low, high, provenance = f["labels"].attrs["low"], f["labels"].attrs["high"], dict(f.attrs)
    except (OSError, KeyError) as error:
        raise OSError(f"{path} is not a whole grid of synthetic spectra ({error}): restore it with git") from error
    expected = tuple(label.name for label in RVS_LABELS[:-1])
    if names != expected:
        raise ValueError(f"{path} has the labels {', '.join(names)}: a grid needs {', '.join(expected)}")
    if medium != "vacuum":
        raise ValueError(f"{path} has its wavelengths in {medium}: convert them with specnb.wavelength.vacuum_from_air")
    if wavelength[0] > RVS_NATIVE[0] or wavelength[-1] < RVS_NATIVE[-1]:
        raise ValueError(
            f"{path} covers {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å, not the window "
            f"{RVS_NATIVE[0]:.0f}-{RVS_NATIVE[-1]:.0f} Å: compute it there"
        )
    if flux.shape != (len(labels), len(wavelength)) or not (np.isfinite(labels).all() and np.isfinite(flux).all()):
        raise ValueError(f"{path} has {flux.shape} fluxes for {len(labels)} stars, or NaN among them: compute it anew")
    return SyntheticGrid(labels, flux, wavelength, low, high, provenance)


def split(n: int, fractions=(0.1, 0.1)):
    """Divide the spectra of a grid into training, validation and test spectra, always in the same way.

    The test spectra serve the published accuracy only: no network, whatever its seed, trains on them or is
    chosen by them.

    Returns
    -------
    train, validation, test : ndarray of int
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    n_validation, n_test = (round(f * n) for f in fractions)
    return order[n_validation + n_test :], order[:n_validation], order[n_validation : n_validation + n_test]


def broadened(grid: SyntheticGrid, index, copies: int, seed: int):
    """Give grid spectra random rotation and put them on the 800 pixels of the papers.

    Parameters
    ----------
    grid : SyntheticGrid
    index : ndarray of int, shape (m,)
        Which spectra.
    copies : int
        Draws of v_broad for each spectrum, stratified over the label's range: one in each of `copies`
        equal intervals.
    seed : int

    Returns
    -------
    labels : ndarray, shape (m * copies, 6), float32
    flux : ndarray, shape (m * copies, 800), float32
    """
    rng = np.random.default_rng(seed)
    top = RVS_LABELS[-1].high
    to_pixels = overlap_matrix(RVS_NATIVE, RVS_PIXELS)
    labels, flux = [], []
    for k in range(copies):
        vbroad = top * (k + rng.uniform(size=len(index))) / copies
        spectra = broaden(grid.wavelength, grid.flux[index], RVS_NATIVE, vbroad=vbroad)
        flux.append((to_pixels @ spectra.T).T.astype(np.float32))
        labels.append(np.column_stack([grid.labels[index], vbroad]).astype(np.float32))
    return np.concatenate(labels), np.concatenate(flux)
