"""Real spectra of a survey: where they are on disk, and how they are downloaded from an archive."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from specnb.core.paths import data_folder
from specnb.core.rebinning import rebin
from specnb.surveys.downloading import download
from specnb.surveys.files import is_known, read_files, spectra_files
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

    def missing(self, survey) -> list[str]:
        """Names of the survey's files to download: those that are not there, and damaged ones.

        If the user put other files there, none is added.
        """
        missing, there = self.names(), {path.name for path in self.files()}
        if there and not (self.partial and there <= set(missing)):
            missing = [name for name in missing if name in there]
        for name in tuple(missing):
            with suppress(OSError, ValueError):
                read_any(self.path / name, [survey])
                missing.remove(name)
        return missing


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
    origin, problem, lost = f"read from {archive.path}", "", archive.missing(survey)
    if lost:
        kept, problem = download(
            archive.fetch, archive.path, lost, lambda path: read_any(path, [survey])
        )
        lost = [name for name in lost if name not in kept]
        if kept:
            origin = f"downloaded from {archive.source} to {archive.path}"
    try:
        spectra, left_out = read_files(
            [path for path in spectra_files(archive.path) if path.name not in lost],
            lambda path: rebin(read_any(path, [survey]), survey.pixels),
            on_error="skip",
        )
    except ValueError as error:
        asked = f", and {archive.source} gave none" if problem else " that are good"
        problem = problem or " ".join(str(error).split())
        return None, (
            f"No real spectra: {archive.path} holds none{asked} ({problem}). Then run again, or "
            f"{archive.remedy}."
        )
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
