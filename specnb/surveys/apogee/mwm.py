"""APOGEE spectra in the mwmStar files of SDSS-V (DR19 and later).

Content of the files (from the source of sdss-astra, which writes them, and the loader of specutils)
----------------------------------------------------------------------------------------------------
HDUs 1 and 2 are tables with the BOSS spectra of Apache Point and Las Campanas, HDUs 3 and 4 with the
APOGEE spectra. Each has one row, the sum of the visits at rest in vacuum, or none. Columns of pixels
are all float32: ``wavelength`` (also as CRVAL and CDELT in the header), ``flux`` (1e-17
erg/s/cm²/Å), ``ivar`` and ``pixel_flags``, which are the bits of APOGEE_PIXMASK as in apStar files.
mwmVisit files have the same HDUs, a row a visit and a column ``mjd``.
"""

import warnings

import numpy as np

from specnb.surveys.apogee.images import (
    as_bits,
    as_error,
    cards,
    check_wavelengths,
    first_row,
    grid,
    number,
    tables_of,
)
from specnb.surveys.apogee.pixels import APOGEE_NATIVE

SPECTRUM = {"flux", "ivar", "pixel_flags"}


def read_tables(path, hdus):
    """The APOGEE spectrum of an mwmStar file.

    If there are spectra of both observatories, it is the one with the higher S/N, so that a star has
    one spectrum, and a warning tells about the other.

    Parameters
    ----------
    path : Path
        For error messages.
    hdus : HDUList

    Returns
    -------
    flux, error, bits, values
        See `specnb.surveys.apogee.images.read_images`.

    Raises
    ------
    ValueError
        If it is an mwmVisit file, or has no APOGEE spectrum.
    """
    tables = [(hdu, names) for hdu, names in tables_of(hdus) if SPECTRUM <= names]
    if any("mjd" in names for _, names in tables):
        raise ValueError(
            f"{path} is an mwmVisit file, with single visits: give the mwmStar file of the star"
        )
    stars = [(hdu, first_row(path, hdu)) for hdu, _ in tables if hdu.header["NAXIS2"] > 0]
    stars = [star for star in stars if np.size(star[1]["FLUX"]) == len(APOGEE_NATIVE)]
    if not stars:
        filled = [hdu.name for hdu, _ in tables if hdu.header["NAXIS2"] > 0]
        raise ValueError(
            f"{path} has no APOGEE spectrum, its HDUs with spectra are {', '.join(filled) or 'all empty'}: "
            "leave it out, or give a star that APOGEE observed"
        )
    stars.sort(key=lambda star: np.nan_to_num(number(star[1].get("SNR"))))
    hdu, values = stars[-1]
    for other, row in stars[:-1]:
        warnings.warn(
            f"{path}: {hdu.name} (S/N {number(values.get('SNR')):.0f}) is read, {other.name} "
            f"(S/N {number(row.get('SNR')):.0f}) is not",
            stacklevel=2,
        )
    if "WAVELENGTH" in values:
        check_wavelengths(path, np.log10(np.ravel(values["WAVELENGTH"]).astype(float)))
    else:
        check_wavelengths(path, grid(path, cards(hdu.header), ("CRVAL", "CDELT", "CRPIX")))
    flux, ivar, flags = (np.ravel(values[name]) for name in ("FLUX", "IVAR", "PIXEL_FLAGS"))
    return flux.astype(float), as_error(ivar), as_bits(path, flags), values
