"""Read APOGEE spectra on the papers' 7,214 pixels.

The files are apStar (asStar) and aspcapStar files of SDSS DR14 and DR17.

Content of the files (data model of SDSS; measured where it says so)
-------------------------------------------------------------------
- *apStar* (from Las Campanas: asStar): images of 8,575 pixels in the rest frame, vacuum. HDU 1 is
  the flux in 1e-17 erg/s/cm²/Å, HDU 2 its error and HDU 3 the pixel mask. Row 0 is the sum of the
  visits with a weight for each pixel, row 1 the sum with one weight per visit, and then follow the
  visits. If there is only one visit, the image is one-dimensional (DR14), or has the visit in row 0
  and zeros in row 1 (DR17, measured). This reader takes row 0.
- *aspcapStar*: HDU 1 is the flux over ASPCAP's continuum, HDU 2 its error and HDU 3 ASPCAP's best
  fit. The last HDU is a table with ASPCAP's parameters. There is no mask, so that only errors and
  flux show bad pixels. The reader recognises these files because HDU 3 holds floating-point
  numbers. It takes row 0 if there are rows.
- Between and beyond the detectors the flux is 0 or NaN. Errors of bad pixels reach 1e14 (measured).
  Missing header values are −9999.99.

The reader was tested with real apStar files of DR17 only. The tests make one-row files of DR14 and
aspcapStar files from these, following the data model.
"""

import re
import warnings
from contextlib import suppress

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from specnb.core.reading import whole_file
from specnb.core.spectra import Spectra
from specnb.surveys.apogee.pixels import APOGEE_CUT, APOGEE_NATIVE, APOGEE_PIXELS, continuum
from specnb.surveys.files import REMEDY

# Bits of APOGEE_PIXMASK that make a pixel bad, as in the papers: 0-7 (bad pixel, cosmic ray,
# saturated, not fixable, bad dark, bad flat, bad error, no sky information) and 12 (significant sky
# line).
BAD_BITS = 0b1_0000_1111_1111
# Smallest error, in units of the continuum, as in The Payne and Cycle-StarNet. Flat fields and
# telluric corrections are not more accurate than this.
ERROR_FLOOR = 0.005
# A pixel with a larger error than this, in units of the continuum, has no information and is
# masked. This limit is a choice. The papers keep such pixels with a huge error, which has the same
# effect.
LARGEST_ERROR = 1.0
MISSING = -9999.0  # header values at or below this number are missing
KINDS = "apStar, asStar or aspcapStar files of SDSS DR14 or DR17"
# Columns of the labels: their units, and the header keywords or table columns that may contain
# them.
LABELS = {
    "snr": ("", ("SNR",)),
    "n_visits": ("", ("NVISITS",)),
    "vhelio": ("km / s", ("VHELIO",)),
    "vscatter": ("km / s", ("VSCATTER",)),
    "rv_teff": ("K", ("RV_TEFF", "RVTEFF")),
    "rv_logg": ("dex", ("RV_LOGG", "RVLOGG")),
    "rv_fe_h": ("dex", ("RV_FEH", "RVFEH")),
    "teff": ("K", ("TEFF",)),
    "logg": ("dex", ("LOGG",)),
    "m_h": ("dex", ("M_H",)),
    "alpha_m": ("dex", ("ALPHA_M",)),
}


def is_apogee(path, kind="fits"):
    """Whether a file looks like an APOGEE spectrum.

    APOGEE files have a FITS image in HDU 1, where Gaia's files have a table.

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
    if kind != "fits":
        return False
    # The readers say in one sentence what is wrong with a file that cannot be opened.
    with (
        suppress(OSError, ValueError, TypeError, fits.VerifyError),
        warnings.catch_warnings(action="ignore"),
        fits.open(path, memmap=False) as hdus,
    ):
        return len(hdus) > 1 and hdus[1].is_image
    return False


def read_apogee(path):
    """Read one APOGEE spectrum and divide it by its pseudo-continuum.

    Parameters
    ----------
    path : Path
        An apStar, asStar or aspcapStar file, gzipped or not.

    Returns
    -------
    Spectra
        One spectrum on `APOGEE_PIXELS`, divided by `specnb.surveys.apogee.pixels.continuum`.
        aspcapStar flux is divided by it, too, so that all spectra have the same continuum. Errors
        are at least `ERROR_FLOOR`. Pixels are masked if they have one of `BAD_BITS`, if flux or
        error are not finite and positive, if the error is above `LARGEST_ERROR`, or if the detector
        has no continuum. ids are the APOGEE ids. The labels are those in the files, and masked if a
        file does not have them: snr (per pixel), n_visits, vhelio and vscatter (km/s), and rv_teff,
        rv_logg and rv_fe_h, which are the coarse labels of the template for the radial velocity.
        aspcapStar files also have teff (K), logg, m_h and alpha_m (dex) of ASPCAP.

    Raises
    ------
    ValueError
        If the file is truncated, is of another kind, or has other wavelengths or no good pixel.
    """
    with whole_file(path, "FITS file", REMEDY, ValueError), warnings.catch_warnings():
        for sign in ("File may have been truncated", "Error validating header"):
            warnings.filterwarnings("error", sign)
        with fits.open(path, memmap=False) as hdus:
            images = [hdu for hdu in hdus[1:4] if hdu.is_image]
            data = [hdu.data for hdu in images]
            header = {**hdus[0].header, **(images[0].header if images else {})}
            if isinstance(hdus[-1], fits.BinTableHDU) and "ASPCAPFLAG" in hdus[-1].columns.names:
                header |= dict(zip(hdus[-1].columns.names, hdus[-1].data[0]))
    if len(data) < 3 or any(array is None or array.ndim not in (1, 2) for array in data):
        raise ValueError(
            f"{path} is no APOGEE spectrum, its HDUs 1-3 are not flux, error and mask: give {KINDS}"
        )
    _check_wavelengths(path, header, data)
    flux, error, third = (np.atleast_2d(array)[:1, APOGEE_CUT] for array in data)
    flux, error = flux.astype(float), error.astype(float)
    mask = ~(np.isfinite(flux) & np.isfinite(error) & (flux > 0) & (error > 0))
    if third.dtype.kind in "iu":
        mask |= (third & BAD_BITS) > 0
    scale = continuum(flux, np.where(mask, 0, 1 / np.where(mask, 1, error) ** 2))
    mask |= ~(scale > 0)
    scale[mask] = 1
    flux, error = flux / scale, np.maximum(error / scale, ERROR_FLOOR)
    mask |= ~(error <= LARGEST_ERROR)
    if mask.all():
        raise ValueError(
            f"{path} has no good pixel with a continuum, its flux is zero, missing or masked: leave it out"
        )
    in_name = re.search(r"2M\d{8}[+-]\d{7}", path.name)  # the name in the catalogue of 2MASS
    name = in_name[0] if in_name else path.name.partition(".fits")[0]
    star = str(header.get("OBJID") or header.get("APOGEE_ID") or name).strip()
    return Spectra(APOGEE_PIXELS, flux, error, mask, [star], _labels(header))


def _check_wavelengths(path, header, data):
    """Raise ValueError unless an image has the 8,575 pixels of `APOGEE_NATIVE`."""
    sizes = {array.shape[-1] for array in data}
    expected = np.log10(APOGEE_NATIVE)
    if sizes != {len(expected)}:
        raise ValueError(
            f"{path} has {' and '.join(map(str, sorted(sizes)))} pixels, not the {len(expected)} of co-added APOGEE "
            f"spectra (single exposures such as apVisit have others): give {KINDS}"
        )
    step = header.get("CDELT1", np.nan)
    first = header.get("CRVAL1", np.nan) - (header.get("CRPIX1", 1) - 1) * step
    if not np.allclose(first + step * np.arange(len(expected)), expected, rtol=0, atol=1e-7):
        raise ValueError(
            f"{path} has its pixels at log λ = {first:.6f} + {step:.6e} i (CRVAL1, CDELT1), not at "
            f"4.179 + 6e-06 i: give {KINDS}, which are in the rest frame on these pixels"
        )


def _labels(header):
    """Table of `LABELS` with one row from a header. Entries without a value are masked."""
    table = Table()
    for name, (unit, keywords) in LABELS.items():
        value = float(next((header[key] for key in keywords if key in header), np.nan))
        missing = not value > MISSING
        if name == "n_visits":
            value = 0 if missing else int(value)
        table[name] = MaskedColumn([value], mask=[missing], unit=unit or None)
    return table
