"""Real spectra of a survey: where they lie on disk, and how they get there from an archive."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from specnb.core.paths import data_folder
from specnb.core.rebinning import rebin


@dataclass(frozen=True)
class Archive:
    """Where the real spectra of a survey come from.

    Attributes
    ----------
    folder : str
        Name of their folder in `data_folder()`.
    endings : tuple of str
        Of the names of files with spectra.
    what : str
        What the spectra are and whose, for sentences.
    source : str
        Who gives them, for sentences.
    remedy : str
        What one may do instead of a download, for sentences.
    fetch : callable
        ``fetch(folder)`` downloads into a folder.
    failures : tuple of exceptions
        What ``fetch`` raises where there is no connection or no good answer.
    """

    folder: str
    endings: tuple[str, ...]
    what: str
    source: str
    remedy: str
    fetch: Callable
    failures: tuple[type[Exception], ...]

    @property
    def path(self) -> Path:
        return data_folder() / self.folder

    def files(self) -> list[Path]:
        """Files with real spectra, by name; Gaia's file of wavelengths alone is none."""
        found = sorted(self.path.iterdir()) if self.path.is_dir() else []
        names = [file for file in found if file.name.endswith(self.endings) and file.name[0] != "."]
        return [file for file in names if "wavelength" not in file.name]


def real_spectra(survey):
    """Real spectra of a survey, from its folder or, if that holds none, from its archive.

    What is downloaded is kept in that folder. With the environment variable SPECNB_OFFLINE=1
    nothing is downloaded.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    spectra : Spectra or None
        On ``survey.pixels``; None if there are none.
    source : str
        A sentence that says where they come from, or why there are none and what to do.

    Raises
    ------
    ValueError
        If a file in the folder is not a good spectrum of the survey.
    """
    archive = survey.archive
    files, origin = archive.files(), f"read from {archive.path}"
    if not files:
        try:
            check_online()
            archive.fetch(archive.path)
        except archive.failures as error:
            return None, (
                f"No real spectra: {archive.path} holds none and {archive.source} gave none "
                f"(offline? {error}). Connect and run again, or {archive.remedy}."
            )
        files, origin = archive.files(), f"downloaded from {archive.source} to {archive.path}"
    spectra = rebin(survey.read(files), survey.pixels)
    return spectra, f"{len(spectra)} {archive.what} {origin}."


def real_files(surveys) -> list[Path]:
    """All files of real spectra of some surveys."""
    return [path for each in surveys if each.archive is not None for path in each.archive.files()]


def check_online():
    """Raise OSError where downloads are switched off."""
    if os.environ.get("SPECNB_OFFLINE") == "1":
        raise OSError("SPECNB_OFFLINE=1 is set")
