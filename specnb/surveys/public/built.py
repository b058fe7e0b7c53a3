"""The sets of real stars that ``specnb data build`` makes: where they are, and how they are read."""

from pathlib import Path

from astropy.table import Table

from specnb.core.paths import data_folder
from specnb.core.spectra import Spectra

# The set that a notebook reads if its parameter `survey` has this value.
STUDIED = {"gaia-dr3": "rvs-reference", "apogee-dr14": "apogee-dr14"}


def built_path(name: str, ending: str = ".h5") -> Path:
    """The file of a set in the folder ``built`` of `data_folder()`, whether or not it is there."""
    return data_folder() / "built" / f"{name}{ending}"


def built_file(name: str, ending: str = ".h5") -> Path:
    """The file of a set that was made. Raises FileNotFoundError, which tells how to make it."""
    path = built_path(name, ending)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: make it with `specnb data build {name}`")
    return path


def built_spectra(name: str, n: int | None = None) -> Spectra:
    """The first n stars of a set, or all of them.

    The stars are in the order of a hash of their ids, so that the first n are a random sample.

    Parameters
    ----------
    name : str
        Name of the set, such as "rvs-reference".
    n : int, optional

    Returns
    -------
    Spectra
        On ``pixels`` of the survey, with the labels of the catalogue (names as in
        ``survey.labels``, and errors with the ending _error).

    Raises
    ------
    OSError
        If the set was not made, or its file is damaged.
    """
    return Spectra.read(built_file(name), rows=None if n is None else slice(0, n))


def built_labels(name: str) -> Table:
    """The labels of those stars of a set whose spectra are not in it. Raises OSError as above."""
    return Table.read(built_file(name, "-labels.fits"))
