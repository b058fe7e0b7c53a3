"""Real spectra of a survey: where they are on disk, and how they are downloaded from an archive."""

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
        Endings of the names of files with spectra.
    what : str
        What the spectra are and who made them. This text is used in messages.
    source : str
        Where the spectra come from. This text is used in messages.
    remedy : str
        What the user can do instead of a download. This text is used in messages.
    fetch : callable
        ``fetch(folder)`` downloads the spectra into a folder.
    failures : tuple of exceptions
        Errors that ``fetch`` raises if there is no connection or no good answer.
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
        """Files with real spectra, sorted by name. Gaia's file of wavelengths is not among them."""
        paths = sorted(self.path.iterdir()) if self.path.is_dir() else []
        spectra = [
            file for file in paths if file.name.endswith(self.endings) and file.name[0] != "."
        ]
        return [file for file in spectra if "wavelength" not in file.name]


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
        A sentence that says where the spectra come from, or why there are none and what to do.

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
    """All files with real spectra of some surveys."""
    return [
        path for survey in surveys if survey.archive is not None for path in survey.archive.files()
    ]


def check_online():
    """Raise OSError if downloads are switched off."""
    if os.environ.get("SPECNB_OFFLINE") == "1":
        raise OSError("SPECNB_OFFLINE=1 is set")
