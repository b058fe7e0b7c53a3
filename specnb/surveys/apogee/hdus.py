"""Flux, error and pixel mask in the HDUs of apStar, asStar, aspcapStar and mwmStar files.

Content of the files (data model of SDSS; measured where it says so)
-------------------------------------------------------------------
- *apStar* (from Las Campanas: asStar): images of 8,575 pixels in the rest frame, vacuum. HDU 1 is
  the flux in 1e-17 erg/s/cm²/Å, HDU 2 its error and HDU 3 the pixel mask. Row 0 is the sum of the
  visits with a weight for each pixel, row 1 the sum with one weight per visit, and then follow the
  visits. If there is only one visit, the image is one-dimensional (DR14), or has the visit in row 0
  and zeros in row 1 (DR17, measured). This reader takes row 0.
- *aspcapStar*: HDU 1 is the flux over ASPCAP's continuum, HDU 2 its error and HDU 3 ASPCAP's best
  fit, all without names (from the pipeline's source). A table has ASPCAP's parameters: in columns,
  or in DR13 in the vector PARAM. There is no mask, so that only errors and flux show bad pixels.
- What an image is, its EXTNAME or BUNIT tells: "Flux (10^-17 erg/s/cm^2/Ang)", "Error (10^-17 ...)"
  (DR13) or "Err (10^-17 ...)" (DR17), "Flag Mask (bitwise)" (DR13) or "Pixel bitmask" (DR17; all
  measured). They are believed over the position. Images that do not tell follow one another as in
  the data model, and the third one is a mask if it holds only integers, in whatever data type.
- *mwmStar* of SDSS-V (DR19 and later; from the source of sdss-astra, which writes them, and the
  loader of specutils): HDUs 1 and 2 are tables with the BOSS spectra of Apache Point and Las
  Campanas, HDUs 3 and 4 with the APOGEE spectra. Each has one row, the sum of the visits at rest in
  vacuum, or none. Columns of pixels are all float32: ``wavelength`` (also as CRVAL and CDELT in the
  header), ``flux`` (1e-17 erg/s/cm²/Å), ``ivar`` and ``pixel_flags``, which are the bits of
  APOGEE_PIXMASK as in apStar files. mwmVisit files have the same HDUs, a row a visit and a column
  ``mjd``.
- Between and beyond the detectors the flux is 0 or NaN. Errors of bad pixels are 1e10 (DR13) or
  reach 1e14 (DR17, both measured). Missing header values are −9999.99.
"""

import re
import warnings

import numpy as np
from astropy.io import fits
from astropy.table import Table

from specnb.surveys.apogee.pixels import APOGEE_NATIVE
from specnb.surveys.columns import header_grid, number

GIVE = (
    "give apStar, asStar or aspcapStar files of SDSS DR13 to DR17, or mwmStar files of SDSS-V, which "
    "are at rest on APOGEE's 8575 pixels"
)
# What the name of an image (EXTNAME) or the text about its unit (BUNIT) says. The first that
# matches is taken.
ROLES = {
    # also by units such as 1/(erg/s/cm^2/Ang)^2, erg-2 s2 cm4 Angstrom2 and cm4 s2 / erg2
    "ivar": r"inv?var|ivar|inverse.?var|wei?ght|\)\W*-2$|^1\s*/\s*(\(.*\)|\w+)\W*2$|erg\W*-2|/\s*erg\W*2",
    "other": r"^sky|^tellur|lsf|coef|continuum$|snr|(\b|_)var|inverse.?err",
    "wavelength": r"wave|lambda|loglam|^\W*(ang|angstroms?|nm)\W*$",
    "mask": r"masks?\b|flag|bitwise|quality",
    "error": r"(\b|_)(err|std)|uncert|sigma|noise|^e_flux",
    "model": r"model|fit\b|synth",
    "flux": r"flux|spectrum",
}
# The data model: what is needed, in this order.
NEEDED = (("flux",), ("error", "ivar"), ("mask", "model"))
SPECTRUM = {"flux", "ivar", "pixel_flags"}  # columns of mwmStar files


def read_images(hdus):
    """The co-added spectrum in the images of an apStar or aspcapStar file.

    Parameters
    ----------
    hdus : HDUList

    Returns
    -------
    table : astropy.table.Table
        One row with the spectrum on `APOGEE_NATIVE`: flux, error or ivar, and mask
        (APOGEE_PIXMASK), which aspcapStar files don't have.
    values : dict
        Values of header cards and of ASPCAP's table by name.

    Raises
    ------
    ValueError
        If the file has no flux, error and mask (or model) on APOGEE's pixels.
    """
    images = images_of(hdus)
    if any(hdu.shape in ((3, 4096), (3, 2048)) for hdu in images):
        raise ValueError(
            "is a single visit (apVisit), on the pixels of the three detectors and not at rest: give the "
            "apStar (asStar) file of the star, which has the sum of its visits at rest"
        )
    found = ", ".join(sorted({f"{hdu.name} {hdu.shape}".strip() for hdu in images}))
    images = [hdu for hdu in images if hdu.shape[-1:] == APOGEE_NATIVE.shape]
    rows = [hdu.data[(0,) * (len(hdu.shape) - 1)] for hdu in images]
    roles = [_role(hdu, row) for hdu, row in zip(images, rows)]
    if roles[:1] == ["wavelength"]:
        raise ValueError(
            "has wavelengths in front, where such files have the flux: move the image of wavelengths behind "
            "flux, error and mask"
        )
    for needed in NEEDED:
        if not set(needed) & set(roles):
            if None not in roles:
                raise ValueError(
                    f"is no APOGEE spectrum, it has no image of {needed[0]} with {len(APOGEE_NATIVE)} pixels "
                    f"(its images: {found or 'none'}): {GIVE}"
                )
            place = roles.index(None)
            is_model = "model" in needed and np.any(rows[place][np.isfinite(rows[place])] % 1)
            roles[place] = "model" if is_model else needed[0]
    first = dict(zip(roles[::-1], rows[::-1]))  # the first image of each role
    values = dict(hdus[0].header) | dict(images[roles.index("flux")].header)
    check_wavelengths(header_grid(values, len(APOGEE_NATIVE)))
    if "wavelength" in first:
        wavelength = first["wavelength"]
        check_wavelengths(wavelength if wavelength[0] < 10 else np.log10(wavelength))
    columns = {name: [first[name]] for name in ("flux", "error", "ivar", "mask") if name in first}
    return Table(columns), values | _aspcap(hdus)


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
        See `read_images`.

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


def _role(hdu, row):
    """What an image is, by its name, its unit or its values; None if they do not tell."""
    for key in ("EXTNAME", "BUNIT"):
        for role, pattern in ROLES.items():
            if re.search(pattern, str(hdu.header.get(key, "")).lower()):
                return role
    if hdu.name and not isinstance(hdu, fits.PrimaryHDU):
        return "other"  # it has a name that is none of these
    # wavelengths in any unit, or their logarithm
    grids = [values * (row[0] / values[0]) for values in (APOGEE_NATIVE, np.log10(APOGEE_NATIVE))]
    is_grid = row[0] > 0 and any(np.allclose(row, grid, rtol=1e-6, atol=0) for grid in grids)
    return "wavelength" if is_grid else None


def images_of(hdus):
    """HDUs with an image."""
    kinds = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
    return [hdu for hdu in hdus if isinstance(hdu, kinds) and hdu.shape]


def tables_in(hdus):
    """HDUs with a table, each with the names of its columns in small letters."""
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
    return [(hdu, {str(name).lower() for name in hdu.columns.names}) for hdu in tables]


def check_wavelengths(log_wavelength):
    """Raise ValueError unless wavelengths are those of `APOGEE_NATIVE` to 1/20 of a pixel."""
    expected = np.log10(APOGEE_NATIVE)
    if not np.allclose(log_wavelength, expected, rtol=0, atol=3e-7):
        step = (log_wavelength[-1] - log_wavelength[0]) / (len(expected) - 1)
        raise ValueError(
            f"has its pixels at log λ = {log_wavelength[0]:.6f} + {step:.6e} i (λ in Å), not at "
            f"4.179 + 6e-06 i: {GIVE}"
        )


def _aspcap(hdus):
    """The first row of ASPCAP's table, empty if there is none."""
    for hdu, names in tables_in(hdus):
        if {"aspcapflag", "param"} & names and hdu.header["NAXIS2"] > 0:
            return first_row(hdu)
    return {}


def first_row(hdu):
    """The first row of a table, by the names of its columns in capital letters."""
    return {str(name).upper(): hdu.data[name][0] for name in hdu.columns.names}
