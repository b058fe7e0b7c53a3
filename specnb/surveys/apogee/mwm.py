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
from astropy.table import Table

from specnb.surveys.apogee.images import check_wavelengths, first_row, tables_in
from specnb.surveys.apogee.pixels import APOGEE_NATIVE
from specnb.surveys.columns import header_grid, number

SPECTRUM = {"flux", "ivar", "pixel_flags"}


def read_tables(hdus):
    """The APOGEE spectrum of an mwmStar file.

    If there are spectra of both observatories, it is the one with the higher S/N, so that a star has
    one spectrum, and a warning tells about the other.

    Parameters
    ----------
    hdus : HDUList

    Returns
    -------
    table, values
        See `specnb.surveys.apogee.images.read_images`.

    Raises
    ------
    ValueError
        If it is an mwmVisit file, or has no APOGEE spectrum.
    """
    tables = [(hdu, names) for hdu, names in tables_in(hdus) if SPECTRUM <= names]
    if any("mjd" in names for _, names in tables):
        raise ValueError(
            "is an mwmVisit file, with single visits: give the mwmStar file of the star"
        )
    filled = [(hdu, first_row(hdu)) for hdu, _ in tables if hdu.header["NAXIS2"] > 0]
    stars = [star for star in filled if np.size(star[1]["FLUX"]) == len(APOGEE_NATIVE)]
    if not stars:
        names = ", ".join(hdu.name for hdu, _ in filled) or "all empty"
        raise ValueError(
            f"has no APOGEE spectrum, its HDUs with spectra are {names}: leave it out, or give a star that "
            "APOGEE observed"
        )
    stars.sort(key=lambda star: np.nan_to_num(number(star[1].get("SNR"))))
    *others, best = (f"{hdu.name} (S/N {number(row.get('SNR')):.0f})" for hdu, row in stars)
    hdu, row = stars[-1]
    if others:
        text = f"star {row.get('SDSS_ID')}: {best} is read, {', '.join(others)} is not"
        warnings.warn(text, stacklevel=2)
    if "WAVELENGTH" in row:
        check_wavelengths(np.log10(np.ravel(row["WAVELENGTH"]).astype(float)))
    else:
        check_wavelengths(header_grid(hdu.header, len(APOGEE_NATIVE)))
    return Table({name: [np.ravel(row[name.upper()])] for name in SPECTRUM}), row
