"""The shipped grids of synthetic spectra, and the training sets made from them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from specnb.surveys.apogee.continuum import normalize
from specnb.core.broadening import broaden
from specnb.core.paths import DATA
from specnb.core.labels import APOGEE_LABELS, RVS_LABELS, Label
from specnb.core.rebinning import overlap_matrix
from specnb.core.wavelength import APOGEE_CUT, APOGEE_PIXELS, RVS_NATIVE, RVS_PIXELS, pixel_edges

SPLIT_SEED = 1


@dataclass(frozen=True, eq=False)
class Band:
    """A window of the spectrum: its labels and pixels, and how the grid's spectra come to them.

    Attributes
    ----------
    name : str
        Of the emulator.
    labels : tuple of Label
        Those of the grid and vbroad.
    path : Path
        The grid.
    pixels : ndarray, shape (n_pix,)
        The papers' pixels, vacuum Å.
    observe : callable
        (wavelength, flux (n, n_in), vbroad (n,)) -> flux on the pixels, shape (n, n_pix).
    """

    name: str
    labels: tuple[Label, ...]
    path: Path
    pixels: np.ndarray
    observe: Callable


def _observe_rvs(wavelength, flux, vbroad):
    """Rotation, and the means of Gaia's samples in the papers' bins."""
    return (_RVS_BINS @ broaden(wavelength, flux, RVS_NATIVE, vbroad=vbroad).T).T


def _observe_apogee(wavelength, flux, vbroad):
    """Rotation, and the pseudo-continuum of the observed spectra."""
    return normalize(broaden(wavelength, flux, wavelength, vbroad=vbroad)[:, APOGEE_CUT])


_RVS_BINS = overlap_matrix(RVS_NATIVE, RVS_PIXELS)
RVS = Band("rvs", RVS_LABELS, DATA / "rvs_grid.h5", RVS_PIXELS, _observe_rvs)
APOGEE = Band("apogee", APOGEE_LABELS, DATA / "apogee_grid.h5", APOGEE_PIXELS, _observe_apogee)
BANDS = {band.name: band for band in (RVS, APOGEE)}


@dataclass(frozen=True, eq=False)
class SyntheticGrid:
    """Spectra computed by the simulator, without rotational broadening.

    Attributes
    ----------
    band : Band
    labels : ndarray, shape (n, n_labels - 1), float64
        The band's labels but vbroad, in its order and units.
    flux : ndarray, shape (n, n_pix), float32
        Flux over continuum at the resolving power of the spectrograph.
    wavelength : ndarray, shape (n_pix,), float64
        Vacuum wavelength in Å; wider than the band's pixels.
    low, high : ndarray, shape (n_labels - 1,)
        Range from which the labels were drawn.
    provenance : dict
        Attributes of the file: synthesis, sources, citations, licence, seed.
    """

    band: Band
    labels: np.ndarray
    flux: np.ndarray
    wavelength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    provenance: dict

    def __len__(self):
        return len(self.labels)


def load_grid(band: Band = RVS, path=None) -> SyntheticGrid:
    """Read a grid made by ``data/recipes``.

    Parameters
    ----------
    band : Band
    path : path, optional
        Default: the shipped grid of the band.

    Raises
    ------
    OSError
        If the file is missing or truncated.
    ValueError
        If it holds other labels, is in air, does not cover the window or has values that are no flux.
    """
    path = band.path if path is None else path
    try:
        with h5py.File(path) as f:
            flux = f["flux"][:].astype(np.float32) * np.float32(f["flux"].attrs["scale"])
            labels, wavelength = f["labels"][:], f["wavelength"][:]
            names, medium = tuple(f["labels"].attrs["names"]), f["wavelength"].attrs["medium"]
            low, high, provenance = f["labels"].attrs["low"], f["labels"].attrs["high"], dict(f.attrs)
    except (OSError, KeyError) as error:
        raise OSError(f"{path} is not a whole grid of synthetic spectra ({error}): restore it with git") from error
    expected = tuple(label.name for label in band.labels if label.name != "vbroad")
    if names != expected:
        raise ValueError(f"{path} has the labels {', '.join(names)}: a grid needs {', '.join(expected)}")
    if medium != "vacuum":
        raise ValueError(f"{path} has its wavelengths in {medium}: convert them with specnb.core.wavelength.vacuum_from_air")
    first, last = pixel_edges(band.pixels)[[0, -1]]
    if wavelength[0] > first or wavelength[-1] < last:
        raise ValueError(
            f"{path} covers {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å, not the window {first:.0f}-{last:.0f} Å: "
            "compute it there"
        )
    if flux.shape != (len(labels), len(wavelength)) or not (np.isfinite(labels).all() and np.isfinite(flux).all()):
        raise ValueError(f"{path} has {flux.shape} fluxes for {len(labels)} stars, or NaN among them: compute it anew")
    return SyntheticGrid(band, labels, flux, wavelength, low, high, provenance)


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
    """Give grid spectra random rotation and bring them to the pixels of the papers.

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
    labels : ndarray, shape (m * copies, n_labels), float32
    flux : ndarray, shape (m * copies, n_pix), float32
    """
    rng = np.random.default_rng(seed)
    column = [label.name for label in grid.band.labels].index("vbroad")
    top = grid.band.labels[column].high
    labels, flux = [], []
    for k in range(copies):
        vbroad = top * (k + rng.uniform(size=len(index))) / copies
        flux.append(grid.band.observe(grid.wavelength, grid.flux[index], vbroad).astype(np.float32))
        labels.append(np.insert(grid.labels[index], column, vbroad, axis=1).astype(np.float32))
    return np.concatenate(labels), np.concatenate(flux)


def trained_range(grid: SyntheticGrid):
    """Lowest and highest value of all labels, vbroad included, in a grid's training set."""
    column = [label.name for label in grid.band.labels].index("vbroad")
    vbroad = grid.band.labels[column]
    return np.insert(grid.low, column, vbroad.low), np.insert(grid.high, column, vbroad.high)
