"""Surveys of stellar spectra: the class `Survey`, the two shipped ones, and the reader of files."""

import warnings

from specnb.core.labels import Label
from specnb.surveys.apogee.survey import APOGEE
from specnb.surveys.files import LeftOutWarning, left_out_text, read_files
from specnb.surveys.plain import read_any
from specnb.surveys.rvs.survey import RVS
from specnb.surveys.survey import Survey

__all__ = [
    "APOGEE", "RVS", "SURVEYS", "LeftOutWarning", "Survey", "known_label", "read_spectra",
    "survey_at", "survey_of",
]  # fmt: skip

# The surveys that commands, `specnb.read_spectra` and figures know by name. You can add your own
# survey with ``SURVEYS["mine"] = MY_SURVEY``.
SURVEYS: dict[str, Survey] = {survey.name: survey for survey in (RVS, APOGEE)}


def known_label(name: str) -> Label | None:
    """The first label of this name in any of `SURVEYS`, or None if there is none.

    It gives the symbol and the unit for figures and tables.
    """
    labels = (label for survey in SURVEYS.values() for label in survey.labels)
    return next((label for label in labels if label.name == name), None)


def survey_at(wavelength) -> Survey | None:
    """The one of `SURVEYS` that has these pixels (Å), see `Survey.has`, or None."""
    return next((survey for survey in SURVEYS.values() if survey.has(wavelength)), None)


def survey_of(given) -> Survey:
    """The survey that a user names: one of `SURVEYS` by its name, or a TOML file that declares one.

    A `Survey` is given back as it is.

    Raises
    ------
    ValueError
        If there is none of that name, or its file is wrong.
    """
    if isinstance(given, Survey):
        return given
    if given in SURVEYS:
        return SURVEYS[given]
    if not str(given).endswith(".toml"):
        known = ", ".join(SURVEYS)
        raise ValueError(f"no survey is named {given}: give {known}, or the TOML file of your own")
    own = Survey.from_toml(given)
    if own.name in (RVS.name, APOGEE.name):
        raise ValueError(f"{given}: name is {own.name!r}, a survey that is shipped: give another")
    return own


def read_spectra(paths, on_error=None, survey=None, error=None):
    """Read the spectra of files or folders into one set.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        Files, or folders, with the folders in them. The content of a file tells its kind, whatever
        its name:

        - Gaia RVS spectra of DR3, or of DR4 as in its draft, mean or epoch, as CSV, ECSV, FITS,
          VOTable, parquet or a ZIP of these, see `specnb.surveys.rvs.files`;
        - APOGEE spectra, see `specnb.surveys.apogee.files`;
        - tables (of the same kinds) with columns such as wavelength, flux and flux_error (or ivar),
          and perhaps id and mask, on the pixels of any of `SURVEYS`; `specnb.surveys.columns.NAMES`
          lists the names of columns;
        - HDF5 written by specnb.

        All but HDF5 may be compressed by gzip, bzip2 or xz. parquet needs ``specnb[parquet]``.
    on_error : {"raise", "skip"}, optional
        Whether a file that cannot be read is an error or is left out, as is one with other pixels
        than most files or a star that another file has. The default is "raise" for files that are
        named here, and "skip" for those of a folder.
    survey : Survey, str or Path, optional
        The survey of the files, see `survey_of`. If it `rebins`, as those of TOML files do, the
        spectra may be on any wavelengths, also on different ones in each file.
    error : "estimate" or float, optional
        Errors of tables that have none: an estimate from the scatter of neighbouring pixels, or a
        number in units of the star's median flux, see `specnb.surveys.noise.missing_error`.

    Returns
    -------
    Spectra
        Gaia spectra are on their native pixels, with source_id as ids, and without labels if they
        are mean spectra. APOGEE spectra are those of `specnb.surveys.apogee.files.read_apogee`.
        Labels of HDF5 and APOGEE files are kept if every file has them.

    Raises
    ------
    OSError
        If a path is neither a file nor a folder.
    ValueError
        If no file is good, or if a file that was not to be left out is damaged, is of an unknown
        kind, lacks a column, has air wavelengths or is not on the pixels of a survey; if a star has
        no good pixel, has an error that is not positive, or appears twice; or if the pixels of the
        files differ.

    Warns
    -----
    LeftOutWarning
        If files were left out, with the reasons; or stars of a file without a good spectrum.
    """
    surveys = SURVEYS.values() if survey is None else [survey_of(survey)]
    spectra, left_out = read_files(paths, lambda path: read_any(path, surveys, error), on_error)
    if left_out:
        warnings.warn(left_out_text(left_out), LeftOutWarning, stacklevel=2)
    return spectra
