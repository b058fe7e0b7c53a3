"""Real spectra of a survey: where they are on disk, and how they are downloaded from an archive."""

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

from specnb.core.paths import data_folder
from specnb.core.rebinning import rebin
from specnb.surveys.files import is_known, read_good, spectra_files
from specnb.surveys.plain import read_any

# Why a download fails: no network, an archive that is down, an unreadable answer, a read-only
# folder, or a missing astroquery. The remedy is the same for all of them.
FAILURES = (OSError, HTTPException, ValueError, KeyError, BadZipFile, ImportError)


@dataclass(frozen=True)
class Archive:
    """Where the real spectra of a survey come from.

    Attributes
    ----------
    folder : str
        Name of their folder in `data_folder()`.
    what : str
        What the spectra are and who made them. This text is used in messages.
    source : str
        Where the spectra come from. This text is used in messages.
    remedy : str
        What the user can do instead of a download. This text is used in messages.
    fetch : callable
        ``fetch(folder)`` downloads the spectra into a folder, see `downloads`. It raises one of
        `FAILURES` if there is no connection or no good answer.
    """

    folder: str
    what: str
    source: str
    remedy: str
    fetch: Callable

    @property
    def path(self) -> Path:
        return data_folder() / self.folder

    def files(self) -> list[Path]:
        """Files that may hold real spectra, by their content, sorted by name."""
        return [path for path in spectra_files(self.path) if is_known(path)]


def real_spectra(survey):
    """Read real spectra of a survey from its folder or, if it is empty, from its archive.

    Downloaded spectra are kept in that folder. If the environment variable SPECNB_OFFLINE is 1,
    nothing is downloaded.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    spectra : Spectra or None
        The spectra on ``survey.pixels``, or None if there are none.
    source : str
        A sentence that says where the spectra come from, or why there are none and what to do. It
        names the files that were left out because they cannot be read, and the reasons.

    Raises
    ------
    ValueError
        If no file in the folder holds a good spectrum of the survey.
    """
    archive = survey.archive
    origin = f"read from {archive.path}"
    if not archive.files():
        try:
            with downloads(archive.path) as folder:
                archive.fetch(folder)
        except FAILURES as error:
            return None, (
                f"No real spectra: {archive.path} holds none and {archive.source} gave none "
                f"(offline? {error}). Connect and run again, or {archive.remedy}."
            )
        origin = f"downloaded from {archive.source} to {archive.path}"
    spectra, left_out = read_good(
        archive.path, lambda path: rebin(read_any(path, [survey]), survey.pixels)
    )
    source = f"{len(spectra)} {archive.what} {origin}."
    if left_out:
        reasons = "; ".join(f"{path.name} ({reason})" for path, reason in left_out.items())
        source += f" {len(left_out)} files were left out: {reasons}."
    return spectra, source


def real_files(surveys) -> list[Path]:
    """All files with real spectra of some surveys."""
    return [
        path for survey in surveys if survey.archive is not None for path in survey.archive.files()
    ]


@contextmanager
def downloads(folder: Path):
    """A temporary folder for downloads. In the end its spectra are moved to another folder.

    It is on the same disk, so that each file is there completely or not at all. If anything fails,
    no file is moved.

    Raises
    ------
    OSError
        If the environment variable SPECNB_OFFLINE is 1.
    """
    if os.environ.get("SPECNB_OFFLINE") == "1":
        raise OSError("SPECNB_OFFLINE=1 is set")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".download-") as name:
        yield Path(name)
        for file in [*Path(name).glob("*.csv"), *Path(name).glob("*.fits")]:
            file.replace(folder / file.name)
