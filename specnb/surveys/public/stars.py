"""Spectra of single stars of APOGEE and of the Milky Way Mapper, by the rows of a catalogue."""

from pathlib import Path

from specnb.surveys.apogee.archive import SDSS, download_spectrum
from specnb.surveys.apogee.files import read_apogee
from specnb.surveys.transfer import fetch_url

# Files of SDSS DR19, by the pipeline Astra. The last digits of the stars' numbers name their folders.
MWM = "dr19/spectro/astra/0.6.0/spectra/star/{}/{}/mwmStar-0.6.0-{}.fits"


def star_file(row, release: str, kind: str, folder: Path) -> Path:
    """Download the spectrum of one row of a catalogue of APOGEE, unless it is there.

    Parameters
    ----------
    row : mapping, or Row of a table
        In DR14 and DR17, that of allStar: APOGEE_ID, TELESCOPE and FIELD. In DR14 LOCATION_ID is needed,
        and FIELD only for the telescope apo1m. In DR19: sdss_id.
    release : {"dr14", "dr17", "dr19"}
    kind : {"apStar", "aspcapStar"}
        DR19 has mwmStar files only.
    folder : Path
        The file will lie in its folders TELESCOPE/FIELD, since a star may be in several fields.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the archive has no such file.
    BadFileError
        If it came, but is no good spectrum.
    OSError
        If it cannot be downloaded for any other reason.
    ValueError
        If the row lacks a column, or has names that are none of APOGEE's.
    """
    folder = Path(folder)
    if release == "dr19":
        star = _cell(row, "sdss_id").zfill(4)
        url = f"{SDSS}/{MWM.format(star[-4:-2], star[-2:], star.lstrip('0'))}"
        path = folder / url.rsplit("/", 1)[1]
        if not path.is_file():
            fetch_url(url, path, read=read_apogee)
        return path
    star, telescope = _cell(row, "APOGEE_ID"), _cell(row, "TELESCOPE")
    field = _cell(row, "LOCATION_ID" if release == "dr14" and telescope != "apo1m" else "FIELD")
    return download_spectrum(star, field, telescope, release, kind, folder / telescope / field)


def _cell(row, name):
    """The text in a column of a row, whatever its type."""
    try:
        value = row[name]
    except KeyError:
        raise ValueError(
            f"the list of stars has no column {name}: add it from the catalogue"
        ) from None
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()
