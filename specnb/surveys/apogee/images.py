"""Flux, error and pixel mask in the images of apStar, asStar and aspcapStar files.

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
- Between and beyond the detectors the flux is 0 or NaN. Errors of bad pixels are 1e10 (DR13) or
  reach 1e14 (DR17, both measured). Missing header values are −9999.99.
"""

import re
from contextlib import suppress

import numpy as np
from astropy.io import fits

from specnb.core.reading import whole_file
from specnb.surveys.apogee.pixels import APOGEE_NATIVE

ADVICE = "download it again"
GIVE = (
    "give apStar, asStar or aspcapStar files of SDSS DR13 to DR17, or mwmStar files of SDSS-V, which "
    "are at rest on APOGEE's 8575 pixels"
)
# What the name of an image (EXTNAME) or the text about its unit (BUNIT) says. The first that
# matches is taken.
ROLES = {
    "other": r"^sky|^tellur|lsf|coef|continuum$|snr|(\b|_)var|inverse.?err",
    "wavelength": r"wave|lambda|loglam|^\W*(ang|angstroms?|nm)\W*$",
    "mask": r"masks?\b|flag|bitwise|quality",
    "ivar": r"ivar|inverse.?var",
    "error": r"(\b|_)(err|std)|uncert|sigma|noise|^e_flux",
    "model": r"model|fit\b|synth",
    "flux": r"flux|spectrum",
}
# The data model: what is needed, in this order.
NEEDED = (("flux",), ("error", "ivar"), ("mask", "model"))


def read_images(path, hdus):
    """The co-added spectrum in the images of an apStar or aspcapStar file.

    Parameters
    ----------
    path : Path
        For error messages.
    hdus : HDUList

    Returns
    -------
    flux, error : ndarray, shape (8575,), float
        In one unit. The error is infinite where the inverse variance is 0.
    bits : ndarray of int, or 0
        APOGEE_PIXMASK, with all bits set where it is missing; 0 for aspcapStar files.
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
            f"{path} is a single visit (apVisit), on the pixels of the three detectors and not at rest: give the "
            "apStar (asStar) file of the star, which has the sum of its visits at rest"
        )
    found = ", ".join(sorted({f"{hdu.name} {hdu.shape}".strip() for hdu in images}))
    images = [hdu for hdu in images if hdu.shape[-1:] == APOGEE_NATIVE.shape]
    with whole_file(path, "FITS file", ADVICE, ValueError):
        rows = [hdu.section[(*[0] * (len(hdu.shape) - 1), slice(None))] for hdu in images]
    roles = [_role(hdu, row) for hdu, row in zip(images, rows)]
    if roles[:1] == ["wavelength"]:
        raise ValueError(
            f"{path} has wavelengths in front, where such files have the flux: move the image of wavelengths behind "
            "flux, error and mask"
        )
    for needed in NEEDED:
        if not set(needed) & set(roles):
            if None not in roles:
                raise ValueError(
                    f"{path} is no APOGEE spectrum, it has no image of {needed[0]} with {len(APOGEE_NATIVE)} pixels "
                    f"(its images: {found or 'none'}): {GIVE}"
                )
            place = roles.index(None)
            is_model = "model" in needed and not _whole(rows[place])
            roles[place] = "model" if is_model else needed[0]
    first = dict(zip(roles[::-1], rows[::-1]))  # the first image of each role
    values = cards(hdus[0].header) | cards(images[roles.index("flux")].header)
    check_wavelengths(path, grid(path, values, ("CRVAL1", "CDELT1", "CRPIX1")))
    if "wavelength" in first:
        wavelength = first["wavelength"]
        check_wavelengths(path, wavelength if wavelength[0] < 10 else np.log10(wavelength))
    bits = as_bits(path, first["mask"]) if "mask" in first else 0
    error = first["error"].astype(float) if "error" in first else as_error(first["ivar"])
    return first["flux"].astype(float), error, bits, values | _aspcap(path, hdus)


def _role(hdu, row):
    """What an image is, by its name, its unit or its values; None if they do not tell."""
    told = cards(hdu.header)
    for key in ("EXTNAME", "BUNIT"):
        for role, pattern in ROLES.items():
            if re.search(pattern, str(told.get(key, "")).lower()):
                return role
    # wavelengths in any unit, or their logarithm
    grids = [values * (row[0] / values[0]) for values in (APOGEE_NATIVE, np.log10(APOGEE_NATIVE))]
    is_grid = row[0] > 0 and any(np.allclose(row, grid, rtol=1e-6, atol=0) for grid in grids)
    return "wavelength" if is_grid else None


def images_of(hdus):
    """HDUs with an image."""
    kinds = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
    return [hdu for hdu in hdus if isinstance(hdu, kinds) and hdu.shape]


def tables_of(hdus):
    """HDUs with a table, each with the names of its columns in small letters."""
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
    return [(hdu, {str(name).lower() for name in hdu.columns.names}) for hdu in tables]


def cards(header):
    """Values of the cards of a header. Cards that do not follow the standard are left out."""
    values = {}
    for card in header.cards:
        with suppress(fits.VerifyError):
            values[card.keyword] = card.value
    return values


def number(value):
    """A value of a card or cell as float, NaN if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def grid(path, values, keys):
    """log10 of the wavelengths that three header cards give: start, step and pixel of the start.

    Raises
    ------
    ValueError
        If a card holds no number. Only the third one may be missing.
    """
    start, step, pixel = (
        number(values.get(key, default)) for key, default in zip(keys, ("", "", 1))
    )
    for key, value in zip(keys, (start, step, pixel)):
        if not np.isfinite(value):
            raise ValueError(
                f"{path} has no number in its header card {key}, which gives its wavelengths: repair that card, "
                "or download the file again"
            )
    return start + (np.arange(len(APOGEE_NATIVE)) + 1 - pixel) * step


def check_wavelengths(path, log_wavelength):
    """Raise ValueError unless wavelengths are those of `APOGEE_NATIVE` to 1/20 of a pixel."""
    expected = np.log10(APOGEE_NATIVE)
    if not np.allclose(log_wavelength, expected, rtol=0, atol=3e-7):
        step = (log_wavelength[-1] - log_wavelength[0]) / (len(expected) - 1)
        raise ValueError(
            f"{path} has its pixels at log λ = {log_wavelength[0]:.6f} + {step:.6e} i (λ in Å), not at "
            f"4.179 + 6e-06 i: {GIVE}"
        )


def as_error(ivar):
    """Errors from inverse variances, infinite where these are not positive."""
    with np.errstate(divide="ignore"):
        return np.maximum(ivar, 0).astype(float) ** -0.5


def _whole(values):
    """Whether all finite numbers are integers of less than 63 bits."""
    return np.all(~np.isfinite(values) | (values == np.round(values)) & (np.abs(values) < 2**62))


def as_bits(path, values):
    """A pixel mask as integers, from any data type. All bits are set where it is missing.

    Raises
    ------
    ValueError
        If the mask holds other numbers than integers.
    """
    if not _whole(values):
        raise ValueError(f"{path} has a pixel mask whose values are no integers: {ADVICE}")
    return np.where(np.isfinite(values), values, -1).astype(np.int64)


def _aspcap(path, hdus):
    """The first row of ASPCAP's table, empty if there is none."""
    for hdu, names in tables_of(hdus):
        if {"aspcapflag", "param"} & names and hdu.header["NAXIS2"] > 0:
            return first_row(path, hdu)
    return {}


def first_row(path, hdu):
    """The first row of a table, by the names of its columns in capital letters."""
    with whole_file(path, "FITS file", ADVICE, ValueError):
        return {str(name).upper(): hdu.data[name][0] for name in hdu.columns.names}
