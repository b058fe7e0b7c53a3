"""Read APOGEE spectra on the papers' 7,214 pixels.

The files are apStar (asStar) and aspcapStar files of SDSS DR13 to DR17, and mwmStar files of SDSS-V,
see `specnb.surveys.apogee.hdus`.

The reader was tested with real apStar files of DR13 and DR17. The tests make one-row files of DR14,
aspcapStar and mwmStar files from these, following the data model.
"""

import re
import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn

from specnb.core.reading import DAMAGE, whole_file
from specnb.surveys.apogee.hdus import (
    GIVE,
    SPECTRUM,
    images_of,
    read_images,
    read_tables,
    tables_in,
)
from specnb.surveys.apogee.pixels import APOGEE_NATIVE
from specnb.surveys.columns import Sheet, number
from specnb.surveys.files import REMEDY, content_of
from specnb.surveys.plain import spectra_of
from specnb.surveys.tables import open_fits

# Bits of APOGEE_PIXMASK that make a pixel bad, as in the papers: 0-7 (bad pixel, cosmic ray,
# saturated, not fixable, bad dark, bad flat, bad error, no sky information) and 12 (significant sky
# line).
BAD_BITS = 0b1_0000_1111_1111
# Smallest error, in units of the continuum, as in The Payne and Cycle-StarNet. Flat fields and
# telluric corrections are not more accurate than this.
ERROR_FLOOR = 0.005
# Bytes that tell what a file is, and the size of the largest file, gzipped or not. A real apStar
# file has 0.5 MB a visit.
HEAD, LARGEST_FILE = 2**20, 2**29
# Bits of ASPCAPFLAG with which all of ASPCAP's labels are bad, and its labels with their own.
STAR_BAD, TEFF_BAD, LOGG_BAD, M_H_BAD, ALPHA_M_BAD = (1 << bit for bit in (23, 16, 17, 19, 20))
# Columns of the labels: unit and type, the least and largest value that can be true, bits of
# ASPCAPFLAG with which they are bad, and the header keywords or table columns that may contain them.
LABELS = {
    "snr": ("", float, 0, 9998, 0, ("SNR",)),
    "n_visits": ("", int, 1, 9998, 0, ("NVISITS", "N_VISITS")),
    "vhelio": ("km / s", float, -2000, 2000, 0, ("VHELIO", "VHELIO_AVG", "V_RAD")),
    "vscatter": ("km / s", float, 0, 2000, 0, ("VSCATTER", "STD_V_RAD")),
    "rv_teff": ("K", float, 1000, 2e5, 0, ("RV_TEFF", "RVTEFF", "DOPPLER_TEFF")),
    "rv_logg": ("dex", float, -2, 10, 0, ("RV_LOGG", "RVLOGG", "DOPPLER_LOGG")),
    "rv_fe_h": ("dex", float, -6, 3, 0, ("RV_FEH", "RVFEH", "DOPPLER_FE_H")),
    "teff": ("K", float, 1000, 2e5, STAR_BAD | TEFF_BAD, ("TEFF",)),
    "logg": ("dex", float, -2, 10, STAR_BAD | LOGG_BAD, ("LOGG",)),
    "m_h": ("dex", float, -6, 3, STAR_BAD | M_H_BAD, ("M_H",)),
    "alpha_m": ("dex", float, -3, 3, STAR_BAD | ALPHA_M_BAD, ("ALPHA_M",)),
    "aspcap_flag": ("", int, -(2**53), 2**53, 0, ("ASPCAPFLAG",)),
}
PARAM = ("TEFF", "LOGG", "LOG_VMICRO", "M_H", "C_M", "N_M", "ALPHA_M")  # order of the vector PARAM
# Columns of tables, and what a file with them is. The first that fits is taken.
TABLES = (
    ({"model_flux"}, "has model spectra of SDSS-V (astraStar)"),
    (SPECTRUM, "mwmStar"),
    ({"mangaid", "flux", "ivar"}, "has optical spectra of MaStar or MaNGA"),
    ({"loglam", "flux", "ivar", "and_mask"}, "is an optical spectrum of SDSS (spec)"),
    ({"apogee_id", "aspcapflag"}, "is a catalogue (such as allStar), it has no spectra"),
)
READERS = {"images": read_images, "mwmStar": read_tables}


def is_apogee(path, kind="fits"):
    """Whether a file looks like a product of APOGEE or of another spectrograph of SDSS.

    Such files have images in extensions, or a table with columns as in `TABLES`. The reader says in
    one sentence which of them have no APOGEE spectrum. Only the first `HEAD` bytes are read.

    Parameters
    ----------
    path : str or Path
    kind : str
        See `specnb.surveys.files.KINDS`.

    Returns
    -------
    bool
        It is also False for a file that cannot be read.
    """
    # The readers say in one sentence what is wrong with a file that cannot be opened.
    with suppress(*DAMAGE), warnings.catch_warnings(action="ignore"):
        return kind == "fits" and _product(fits.open(BytesIO(content_of(path, HEAD)))) is not None
    return False


def _product(hdus):
    """What a file is: one of `READERS`, the end of a sentence about it, or None."""
    columns = [names for _, names in tables_in(hdus)]
    fitting = (what for needed, what in TABLES if any(needed <= names for names in columns))
    found = next(fitting, None)
    sizes = [hdu.shape[-1] for hdu in images_of(hdus[1:])]  # allStar also has an image
    return "images" if sizes and (found is None or len(APOGEE_NATIVE) in sizes) else found


def read_apogee(path):
    """Read one APOGEE spectrum and divide it by its pseudo-continuum.

    Parameters
    ----------
    path : Path
        An apStar, asStar, aspcapStar or mwmStar file, gzipped or not.

    Returns
    -------
    Spectra
        One spectrum on `APOGEE_PIXELS`, divided by `specnb.surveys.apogee.pixels.continuum`.
        aspcapStar flux is divided by it, too, so that all spectra have the same continuum. Errors
        are at least `ERROR_FLOOR`. Pixels are masked if they have one of `BAD_BITS`, if flux or
        error are not finite or 0, if the error is negative, `specnb.surveys.plain.MISSING_ERROR` or
        above `specnb.surveys.plain.LARGEST_ERROR`, or if the detector has no continuum. Negative
        flux is kept: without it the cores of deep lines would be too bright in noisy spectra. ids
        are the APOGEE ids, for mwmStar files the sdss_id. The labels are those in the files, and
        masked if a file does not have them or they lie outside the ranges of `LABELS`: snr (per
        pixel), n_visits, vhelio and vscatter (km/s), and rv_teff, rv_logg and rv_fe_h, which are
        the coarse labels of the template for the radial velocity. aspcapStar files also have teff
        (K), logg, m_h and alpha_m (dex) of ASPCAP, which are masked if aspcap_flag (ASPCAPFLAG)
        calls them bad.

    Raises
    ------
    ValueError
        If the file is damaged, is of another kind, or has other wavelengths or no good pixel.
    """
    from specnb.surveys.apogee.survey import APOGEE  # which knows this reader

    path = Path(path)
    content = content_of(path, LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(
            f"{path} holds more than {LARGEST_FILE >> 20} MB, more than any spectrum of APOGEE (catalogues have "
            f"none): {GIVE}"
        )
    with whole_file(path, "FITS file", REMEDY, ValueError):
        hdus = open_fits(content)
        product = _product(hdus)
    try:
        if product not in READERS:
            raise ValueError(f"{product or 'is no APOGEE spectrum, it has no such images'}: {GIVE}")
        table, values = READERS[product](hdus)
        table["id"], table["wavelength"] = [_star(path, values)], [APOGEE_NATIVE]
        for name, label in _labels(values).items():
            table[name] = label
        return spectra_of(Sheet(table, path, labels=list(LABELS)), [APOGEE])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _star(path, values):
    """Name of the star: in the file, or in the name of the file."""
    for key in ("OBJID", "APOGEE_ID", "SDSS_ID", "OBJ"):
        text = str(values.get(key, "")).strip()
        if text and not text.startswith("-"):  # SDSS_ID is -1 if there is none
            return text
    in_name = re.search(r"2M\d{8}[+-]\d{7}", path.name)  # the name in the catalogue of 2MASS
    return in_name[0] if in_name else path.name.partition(".fits")[0]


def _labels(values):
    """Columns of `LABELS` with one row. Entries that are missing, impossible or bad are masked."""
    values = dict(zip(PARAM, np.ravel(values.get("PARAM", ())))) | values
    flag = int(np.nan_to_num(number(values.get("ASPCAPFLAG"))))
    labels = {}
    for name, (unit, dtype, low, high, bad_bits, keywords) in LABELS.items():
        value = number(next((values[key] for key in keywords if key in values), None))
        bad = not low <= value <= high or bool(flag & bad_bits)
        value = 0 if bad else value
        labels[name] = MaskedColumn([value], mask=[bad], dtype=dtype, unit=unit or None)
    return labels
