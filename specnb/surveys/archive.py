"""Real spectra of a survey: where they are on disk, and how they are downloaded from an archive."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from specnb.core.paths import data_folder
from specnb.core.rebinning import rebin
from specnb.surveys.downloading import download
from specnb.surveys.files import is_known, read_good, spectra_files
from specnb.surveys.plain import read_any


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
        ``fetch(folder, names)`` downloads files into a folder, see `download`.
    names : callable
        ``names()`` gives the names of the files that ``fetch`` can download, one star each.
    partial : bool
        Whether only downloads have such names, and may give some of the files. If so, a folder
        that holds no other files is completed.
    """

    folder: str
    what: str
    source: str
    remedy: str
    fetch: Callable
    names: Callable
    partial: bool = False

    @property
    def path(self) -> Path:
        return data_folder() / self.folder

    def files(self) -> list[Path]:
        """Files that may hold real spectra, by their content, sorted by name."""
        return [path for path in spectra_files(self.path) if is_known(path)]

    def missing(self, read) -> list[str]:
        """Names of the files to download: those that are not there, and damaged ones.

        If the user put other files there, none is added.
        """
        names, there = self.names(), {path.name for path in self.files()}
        damaged = [name for name in names if name in there and not _is_good(self.path / name, read)]
        complete = self.partial and there <= set(names)
        return damaged + [name for name in names if name not in there and (complete or not there)]


def _is_good(path, read) -> bool:
    try:
        read(path)
    except (OSError, ValueError):
        return False
    return True


def real_spectra(survey):
    """Read real spectra of a survey from its folder. Those that are missing are downloaded first.

    See `Archive.missing`. Good downloads are kept in that folder. If the environment variable
    SPECNB_OFFLINE is 1, nothing is downloaded.

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
    """
    archive = survey.archive
    origin, problem, lost = f"read from {archive.path}", "", archive.missing(survey.read)
    if lost:
        kept, problem = download(archive.fetch, archive.path, lost, survey.read)
        lost = [name for name in lost if name not in kept]
        if kept:
            origin = f"downloaded from {archive.source} to {archive.path}"
    if not any(path.name not in lost for path in archive.files()):
        return None, (
            f"No real spectra: {archive.path} holds none and {archive.source} gave none "
            f"({problem}). Then run again, or {archive.remedy}."
        )
    try:
        spectra, left_out = read_good(
            [path for path in spectra_files(archive.path) if path.name not in lost],
            lambda path: rebin(read_any(path, [survey]), survey.pixels),
            on_error="skip",
        )
    except ValueError as error:
        return None, f"No real spectra in {archive.path}: {error}"
    what = archive.what.replace("spectra", "spectrum") if len(spectra) == 1 else archive.what
    source = f"{len(spectra)} {what} {origin}."
    if lost:
        source += f" Missing or damaged: {', '.join(lost)} ({problem})."
    if left_out:
        reasons = "; ".join(f"{path.name} ({reason})" for path, reason in left_out.items())
        source += f" {len(left_out)} files were left out: {reasons}."
    return spectra, source


def real_files(surveys) -> list[Path]:
    """All files with real spectra of some surveys."""
    return [
        path for survey in surveys if survey.archive is not None for path in survey.archive.files()
    ]
