"""The shipped grids of synthetic spectra, and the training sets made from them."""

from dataclasses import dataclass, field

import h5py
import numpy as np

from specnb.core.checksums import warn_unchecked
from specnb.core.reading import whole_file
from specnb.core.wavelength import pixel_edges
from specnb.surveys.survey import Survey

SPLIT_SEED = 1


@dataclass(frozen=True, eq=False)
class SyntheticGrid:
    """Spectra computed by the simulator, before rotation and the survey's pixels are applied.

    Attributes
    ----------
    survey : Survey
    labels : ndarray, shape (n, n_computed), float64
        The survey's labels that are inputs of the simulator, in its order and units. These are all
        labels but those that broaden spectra.
    flux : ndarray, shape (n, n_pix), float32
        Flux over continuum at the resolving power of the spectrograph.
    wavelength : ndarray, shape (n_pix,), float64
        Vacuum wavelength in Å. The range is wider than that of the survey's pixels.
    low, high : ndarray, shape (n_computed,)
        Range in which the labels were drawn.
    provenance : dict
        Attributes of the file: synthesis, sources, citations, licence and seed.
    """

    survey: Survey
    labels: np.ndarray = field(repr=False)
    flux: np.ndarray = field(repr=False)
    wavelength: np.ndarray = field(repr=False)
    low: np.ndarray
    high: np.ndarray
    provenance: dict = field(repr=False)

    def __len__(self):
        return len(self.labels)


def computed(survey: Survey) -> list:
    """The labels of a survey that are inputs of the simulator."""
    return [label for label in survey.labels if not label.broadens]


def load_grid(survey: Survey, path=None) -> SyntheticGrid:
    """Read a grid that was made by a script in ``data/recipes``.

    Parameters
    ----------
    survey : Survey
    path : path, optional
        The default is the shipped grid of the survey.

    Raises
    ------
    OSError
        If the file is missing or damaged.
    ValueError
        If the grid has other labels, is in air, does not cover the survey's pixels, or has values
        that cannot be a flux.
    """
    path = survey.grid_path if path is None else path
    with (
        whole_file(path, "grid of synthetic spectra", "restore it with git or compute it anew"),
        h5py.File(path, locking=False) as f,  # some network disks have no locks
    ):
        if not f["flux"].fletcher32:  # as in the shipped grids, which a list covers
            warn_unchecked(path)
        flux = f["flux"][:].astype(np.float32) * np.float32(f["flux"].attrs["scale"])
        labels, wavelength = f["labels"][:], f["wavelength"][:]
        names, low, high = (f["labels"].attrs[name] for name in ("names", "low", "high"))
        medium, provenance = f["wavelength"].attrs["medium"], dict(f.attrs)
    expected = [label.name for label in computed(survey)]
    first, last = pixel_edges(survey.pixels)[[0, -1]]
    for wrong, problem in (
        (
            list(names) != expected,
            f"has the labels {', '.join(names)}: a grid needs {', '.join(expected)}",
        ),
        (
            medium != "vacuum",
            f"has its wavelengths in {medium}: convert them with specnb.core.wavelength.vacuum_from_air",
        ),
        (
            wavelength[0] > first or wavelength[-1] < last,
            (
                f"covers {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å, "
                f"not the window {first:.0f}-{last:.0f} Å: compute it there"
            ),
        ),
        (
            flux.shape != (len(labels), len(wavelength))
            or not (np.isfinite(labels).all() and np.isfinite(flux).all()),
            f"has {flux.shape} fluxes for {len(labels)} stars, or NaN among them: compute it anew",
        ),
    ):
        if wrong:
            raise ValueError(f"{path} {problem}")
    return SyntheticGrid(survey, labels, flux, wavelength, low, high, provenance)


def split(n: int):
    """Divide the spectra of a grid into training, validation and test spectra.

    The division is always the same: a tenth each for validation and test.

    The test spectra are used for the published accuracy only. No network is trained on them or
    chosen with them, whatever its seed.

    Returns
    -------
    train, validation, test : ndarray of int
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    tenth = round(0.1 * n)
    return order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth]


def observed(grid: SyntheticGrid, index, copies: int, seed: int):
    """Bring grid spectra to the survey's pixels, with random values of the labels that broaden.

    Parameters
    ----------
    grid : SyntheticGrid
    index : ndarray of int, shape (m,)
        Indices of the spectra.
    copies : int
        Number of values of the broadening that are drawn for each spectrum. The label's range is
        cut into so many equal intervals, and one value is drawn in each. If several labels broaden,
        their intervals are combined at random. Without a label that broadens there is one copy.
    seed : int

    Returns
    -------
    labels : ndarray, shape (m * copies, n_labels), float32
    flux : ndarray, shape (m * copies, n_pix), float32

    Raises
    ------
    ValueError
        If ``survey.observe`` does not bring the spectra to the survey's pixels.
    """
    rng, survey = np.random.default_rng(seed), grid.survey
    drawn = [label for label in survey.labels if label.broadens]
    simulated = {
        label.name: values for label, values in zip(computed(survey), grid.labels[index].T)
    }
    copies = copies if drawn else 1
    intervals = np.tile(np.arange(copies)[:, None], len(index))
    intervals = [intervals, *(rng.permuted(intervals, axis=0) for _ in drawn[1:])]
    labels, flux = [], []
    for k in range(copies):
        broadening = {
            label.name: label.low
            + (label.high - label.low) * ((interval[k] + rng.uniform(size=len(index))) / copies)
            for label, interval in zip(drawn, intervals)
        }
        spectra = survey.observe(grid.wavelength, grid.flux[index], **broadening)
        if np.shape(spectra)[1:] != survey.pixels.shape:
            raise ValueError(
                f"observe of survey {survey.name} gives spectra of shape {np.shape(spectra)}: they "
                f"must have its {len(survey.pixels)} pixels"
            )
        flux.append(np.asarray(spectra, dtype=np.float32))
        columns = simulated | broadening
        labels.append(np.column_stack([columns[name] for name in survey.names]).astype(np.float32))
    return np.concatenate(labels), np.concatenate(flux)


def held_out(grid: SyntheticGrid, copies: int = 4):
    """The test spectra, which are never used in training or selection.

    They are the same for every network.

    Returns
    -------
    labels : ndarray, shape (m, n_labels)
    flux : ndarray, shape (m, n_pix)
    """
    return observed(grid, split(len(grid))[2], copies, seed=0)


def trained_range(grid: SyntheticGrid):
    """Lowest and highest value of all labels, also those that broaden, in a grid's training set."""
    names = [label.name for label in computed(grid.survey)]
    ranges = {label.name: (label.low, label.high) for label in grid.survey.labels}
    ranges |= dict(zip(names, zip(grid.low, grid.high)))
    return np.array([*ranges.values()]).T
