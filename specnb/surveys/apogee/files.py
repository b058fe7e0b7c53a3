"""Read APOGEE spectra on the papers' 7,214 pixels.

The files are apStar (asStar) and aspcapStar files of SDSS DR13 to DR17
(`specnb.surveys.apogee.images`) and mwmStar files of SDSS-V (`specnb.surveys.apogee.mwm`).

The reader was tested with real apStar files of DR13 and DR17. The tests make one-row files of DR14,
aspcapStar and mwmStar files from these, following the data model.
"""

import re
import warnings
from contextlib import suppress
from io import BytesIO

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy.utils.data import get_readable_fileobj
from astropy.utils.exceptions import AstropyWarning

from specnb.core.reading import DAMAGE, whole_file
from specnb.core.spectra import Spectra
from specnb.surveys.apogee.images import ADVICE, GIVE, images_of, number, read_images, tables_of
from specnb.surveys.apogee.mwm import SPECTRUM, read_tables
from specnb.surveys.apogee.pixels import APOGEE_CUT, APOGEE_NATIVE, APOGEE_PIXELS, continuum
from specnb.surveys.plain import over_continuum

# Bits of APOGEE_PIXMASK that make a pixel bad, as in the papers: 0-7 (bad pixel, cosmic ray,
# saturated, not fixable, bad dark, bad flat, bad error, no sky information) and 12 (significant sky
# line).
BAD_BITS = 0b1_0000_1111_1111
# Smallest error, in units of the continuum, as in The Payne and Cycle-StarNet. Flat fields and
# telluric corrections are not more accurate than this.
ERROR_FLOOR = 0.005
MISSING_ERROR = 1e10  # pipelines give such errors, in the unit of the file, to missing pixels
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
        See `specnb.surveys.files.kind_of`.

    Returns
    -------
    bool
        It is also False for a file that cannot be read.
    """
    # The readers say in one sentence what is wrong with a file that cannot be opened.
    with (
        suppress(*DAMAGE),
        warnings.catch_warnings(action="ignore"),
        get_readable_fileobj(path, encoding="binary") as f,
    ):
        return kind == "fits" and _product(fits.open(BytesIO(f.read(HEAD)))) is not None
    return False


def _product(hdus):
    """What a file is: one of `READERS`, the end of a sentence about it, or None."""
    columns = [names for _, names in tables_of(hdus)]
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
        error are not finite or 0, if the error is negative, `MISSING_ERROR` or above
        `specnb.surveys.plain.LARGEST_ERROR`, or if the detector has no continuum. Negative flux is
        kept: without it the cores of deep lines would be too bright in noisy spectra. ids are the
        APOGEE ids, for mwmStar files the sdss_id. The labels are those in the files, and masked if a file does not have
        them or they lie outside the ranges of `LABELS`: snr (per pixel), n_visits, vhelio and
        vscatter (km/s), and rv_teff, rv_logg and rv_fe_h, which are the coarse labels of the template
        for the radial velocity. aspcapStar files also have teff (K), logg, m_h and alpha_m (dex) of
        ASPCAP, which are masked if aspcap_flag (ASPCAPFLAG) calls them bad.

    Raises
    ------
    ValueError
        If the file is damaged, is of another kind, or has other wavelengths or no good pixel.
    """
    hdus, product = _opened(path)
    if product not in READERS:
        raise ValueError(
            f"{path} {product or 'is no APOGEE spectrum, it has no such images'}: {GIVE}"
        )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", AstropyWarning)  # about cards that are not needed
        flux, error, bits, values = READERS[product](path, hdus)
    flux, error = flux[None, APOGEE_CUT], error[None, APOGEE_CUT]
    mask = ~(np.isfinite(flux) & (flux != 0) & (error > 0) & (error < MISSING_ERROR))
    mask |= (np.broadcast_to(bits, APOGEE_NATIVE.shape)[APOGEE_CUT] & BAD_BITS) > 0
    flux, error, mask = over_continuum(continuum, flux, error, mask, ERROR_FLOOR)
    if mask.all():
        raise ValueError(
            f"{path} has no good pixel with a continuum, its flux is zero, missing or masked: leave it out"
        )
    return Spectra(APOGEE_PIXELS, flux, error, mask, [_star(path, values)], _labels(values))


def _opened(path):
    """All HDUs of a file, which is read into memory, and what it is (see `_product`).

    Raises
    ------
    ValueError
        If the file is damaged or too large.
    """
    with (
        whole_file(path, "FITS file", ADVICE, ValueError),
        get_readable_fileobj(path, encoding="binary") as f,
    ):
        content = f.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(
            f"{path} holds more than {LARGEST_FILE >> 20} MB, more than any spectrum of APOGEE (catalogues have "
            f"none): {GIVE}"
        )
    with (
        whole_file(path, "FITS file", ADVICE, ValueError),
        warnings.catch_warnings(action="ignore"),
    ):
        for sign in ("File may have been truncated", "Error validating header"):
            warnings.filterwarnings("error", sign)
        hdus = fits.open(BytesIO(content))
        return hdus, _product(hdus)


def _star(path, values):
    """Name of the star: in the file, or in the name of the file."""
    for key in ("OBJID", "APOGEE_ID", "SDSS_ID", "OBJ"):
        if text := str(values.get(key, "")).strip():
            return text
    in_name = re.search(r"2M\d{8}[+-]\d{7}", path.name)  # the name in the catalogue of 2MASS
    return in_name[0] if in_name else path.name.partition(".fits")[0]


def _labels(values):
    """Table of `LABELS` with one row. Entries that are missing, impossible or bad are masked."""
    values = dict(zip(PARAM, np.ravel(values.get("PARAM", ())))) | values
    flag = int(np.nan_to_num(number(values.get("ASPCAPFLAG"))))
    table = Table()
    for name, (unit, dtype, low, high, bad_bits, keywords) in LABELS.items():
        value = number(next((values[key] for key in keywords if key in values), None))
        bad = not low <= value <= high or bool(flag & bad_bits)
        value = 0 if bad else value
        table[name] = MaskedColumn([value], mask=[bad], dtype=dtype, unit=unit or None)
    return table
