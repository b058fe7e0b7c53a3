"""Surveys of stellar spectra: the class `Survey`, the two shipped ones, and the reader of files."""

from specnb.core.labels import Label
from specnb.core.spectra import Spectra
from specnb.surveys.apogee.survey import APOGEE
from specnb.surveys.files import kind_of, read_files
from specnb.surveys.rvs.survey import RVS
from specnb.surveys.survey import Survey

__all__ = ["APOGEE", "RVS", "SURVEYS", "Survey", "known_label", "read_spectra"]

# The surveys that commands, `specnb.read_spectra` and figures know by name. You can add your own
# survey with ``SURVEYS["mine"] = MY_SURVEY``.
SURVEYS: dict[str, Survey] = {survey.name: survey for survey in (RVS, APOGEE)}


def known_label(name: str) -> Label | None:
    """The first label of this name in any of `SURVEYS`, or None if there is none.

    It gives the symbol and the unit for figures and tables.
    """
    labels = (label for survey in SURVEYS.values() for label in survey.labels)
    return next((label for label in labels if label.name == name), None)


def read_spectra(paths):
    """Read the spectra of one or several files into one set.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        Gaia RVS spectra as CSV, ECSV, FITS or VOTable (gzipped or not), apStar, asStar or
        aspcapStar files of APOGEE, or HDF5 written by specnb. The content of a file tells its kind.

    Returns
    -------
    Spectra
        Gaia spectra are on their native 2,401 pixels, with source_id as ids and without labels.
        APOGEE spectra are those of `specnb.surveys.apogee.files.read_apogee`. Labels of HDF5 and
        APOGEE files are kept if every file has them.

    Raises
    ------
    OSError
        If a path is not a file.
    ValueError
        If a file is damaged, is of an unknown kind, lacks a column, has air wavelengths or is not
        on its survey's grid; if a star has no good pixel, has an error that is not positive, or
        appears twice; or if the grids of the files differ.
    """
    return read_files(paths, _read)


def _read(path):
    """The spectra of one file.

    The surveys are asked in turn whether the file is one of theirs. The survey that was added to
    `SURVEYS` last is asked first.
    """
    kind = kind_of(path)
    if kind == "hdf5":
        spectra = Spectra.read(path)
        for survey in SURVEYS.values():
            spectra = survey.with_correlation(spectra)
        return spectra
    asked = reversed([survey for survey in SURVEYS.values() if survey.recognizes is not None])
    return next(survey for survey in asked if survey.recognizes(path, kind)).read(path)
