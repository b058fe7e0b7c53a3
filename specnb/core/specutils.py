"""Spectra as objects of specutils, which jdaviz opens, and back: see `specnb.Spectra`."""

import re

import numpy as np
from astropy import units

from specnb.core.values import numbers


def to_specutils(spectra):
    """A `specutils.Spectrum` of some spectra."""
    from astropy.nddata import StdDevUncertainty  # takes long to import

    try:
        from specutils import Spectrum
    except ImportError as error:
        raise ImportError("specutils is missing: pip install specnb[specutils]") from error
    rows = 0 if len(spectra) == 1 else slice(None)
    # NaN is a gap in figures, and no function that ignores the mask takes it for a flux of 1.
    flux, error = np.where(spectra.mask, np.nan, (spectra.flux, spectra.flux_error))
    return Spectrum(
        flux=flux[rows] * units.one,
        spectral_axis=spectra.wavelength * units.AA,
        spectral_axis_index=flux[rows].ndim - 1,
        uncertainty=StdDevUncertainty(error[rows], unit=units.one),
        mask=spectra.mask[rows],
        meta={
            "medium": "vacuum",
            "ids": list(spectra.ids),
            "labels": spectra.labels,
            "correlation_length": spectra.correlation_length,
            "at_rest": spectra.at_rest,
        },
    )


def from_specutils(spectrum) -> dict:
    """The fields of `specnb.Spectra` from a `specutils.Spectrum`."""
    from astropy.nddata import StdDevUncertainty  # takes long to import

    meta, header = spectrum.meta, dict(spectrum.meta.get("header") or {})
    kind = getattr(getattr(spectrum.wcs, "wcs", None), "ctype", "")
    if re.search(r"\bair\b|AWAV", f"{meta.get('medium')} {header.get('CTYPE1')} {kind}"):
        raise ValueError(
            "the spectral axis is in air, specnb works in vacuum: convert it with "
            "specnb.core.wavelength.vacuum_from_air"
        )
    if spectrum.uncertainty is None or spectrum.flux.ndim > 2:
        raise ValueError(
            f"the spectrum has a flux of shape {spectrum.flux.shape} and the uncertainty "
            f"{spectrum.uncertainty}: give one or two dimensions, and an uncertainty"
        )
    with np.errstate(divide="ignore"):  # an inverse variance of 0
        uncertainty = spectrum.uncertainty.represent_as(StdDevUncertainty)
    error = uncertainty.array * (uncertainty.unit or spectrum.flux.unit)
    wavelength = spectrum.spectral_axis.to_value(units.AA, units.spectral())
    order = np.argsort(wavelength)
    flux = numbers(spectrum.flux, "", "flux", np.float32)
    error = numbers(error, "", "uncertainty", np.float32)
    mask = ~(np.isfinite(flux) & np.isfinite(error))
    mask |= False if spectrum.mask is None else np.asarray(spectrum.mask, bool)
    flux, error, mask = (
        np.atleast_2d(np.moveaxis(each, spectrum.spectral_axis_index, -1))[:, order]
        for each in (flux, error, mask)
    )
    names = [f"{header.get('OBJECT', 'spectrum')}"] if len(flux) == 1 else range(len(flux))
    return {
        "wavelength": wavelength[order],
        "flux": flux,
        "flux_error": error,
        "mask": mask,
        "ids": meta.get("ids", list(names)),
        "labels": meta.get("labels"),
        "correlation_length": meta.get("correlation_length", 1.0),
        "at_rest": meta.get("at_rest", bool(spectrum.radial_velocity == 0)),
    }
