"""Spectra of single stars of APOGEE and of the Milky Way Mapper, by the rows of a catalogue."""

from pathlib import Path

import numpy as np

from specnb.surveys.apogee.archive import SDSS, download_spectrum
from specnb.surveys.apogee.files import read_apogee
from specnb.surveys.transfer import fetch_url

# Files of SDSS DR19; stars are spread over folders by the last digits of their number.
MWM = "dr19/spectro/astra/{version}/spectra/star/{hundreds:02d}/{ones:02d}/mwmStar-{version}-{star}.fits"
VERSION = "0.6.0"


def star_file(row, release: str, kind: str, folder: Path) -> Path:
    """Download the spectrum of one row of the catalogue allStar, unless it is there.

    Parameters
    ----------
    row : mapping, or Row of a table
        With APOGEE_ID, TELESCOPE (default: apo25m) and FIELD. In DR14 LOCATION_ID is needed, too, and
        FIELD only for the telescope apo1m.
    release : {"dr14", "dr17"}
    kind : {"apStar", "aspcapStar"}
    folder : Path
        The file will lie in its folders TELESCOPE/FIELD, since a star may be in several fields.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the archive has no such file.
    OSError
        If it cannot be downloaded, or is no good spectrum.
    ValueError
        If the row lacks a column, or has names that are none of APOGEE's.
    """
    telescope = _cell(row, "TELESCOPE", "apo25m")
    numbered = release == "dr14" and telescope != "apo1m"
    field = _cell(row, "LOCATION_ID" if numbered else "FIELD")
    where = Path(folder) / telescope / field
    return download_spectrum(_cell(row, "APOGEE_ID"), field, telescope, release, kind, where)


def mwm_file(sdss_id, folder: Path, version: str = VERSION) -> Path:
    """Download the mwmStar file of one star of SDSS-V, unless it is there.

    Parameters
    ----------
    sdss_id : int or str
    folder : Path
    version : str
        That of the pipeline Astra: DR19 has 0.6.0.

    Raises
    ------
    FileNotFoundError
        If the archive has no such file.
    OSError
        If it cannot be downloaded, or is no good spectrum of APOGEE.
    """
    star = int(sdss_id)
    place = MWM.format(version=version, hundreds=star // 100 % 100, ones=star % 100, star=star)
    path = Path(folder) / place.rsplit("/", 1)[1]
    if not path.is_file():
        fetch_url(f"{SDSS}/{place}", path, read=read_apogee)
    return path


def _cell(row, name, default=None):
    """The text in a column of a row, whatever its type."""
    try:
        value = row[name]
    except KeyError:
        value = default
    if value is None or np.ma.is_masked(value):
        raise ValueError(f"a star has no {name}: give the columns of the catalogue allStar")
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip()
