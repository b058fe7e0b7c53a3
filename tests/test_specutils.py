"""Spectra become objects of specutils and come back."""

import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.table import Table
from astropy.wcs import WCS

from specnb import Spectra

specutils = pytest.importorskip("specutils")
WAVELENGTH = 8460.0 + 0.3 * np.arange(40)


@pytest.fixture
def stars():
    rng = np.random.default_rng(0)
    flux = rng.normal(1, 0.1, (2, 40)).astype("f4")
    mask = rng.random((2, 40)) < 0.2
    labels = Table(
        {"teff": [5000.0, 6000.0], "source_id": [2052747119115620352, 1]}, units={"teff": "K"}
    )
    error = rng.uniform(0.01, 0.1, (2, 40)).astype("f4")
    return Spectra(WAVELENGTH, flux, error, mask, ["a", "b"], labels, 1.2, at_rest=False)


def same(first, second):
    for name in ("wavelength", "flux", "flux_error", "mask", "ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.correlation_length, first.at_rest) == (second.correlation_length, second.at_rest)
    assert list(first.labels["source_id"]) == list(second.labels["source_id"])


def test_there_and_back(stars):
    stack = stars.to_specutils()
    assert isinstance(stack, specutils.Spectrum) and stack.shape == (2, 40)
    assert stack.spectral_axis.unit == u.AA and stack.flux.unit == u.dimensionless_unscaled
    assert stack.meta["medium"] == "vacuum" and stack.meta["labels"]["teff"].unit == "K"
    assert np.isnan(stack.flux[stars.mask]).all() and np.isfinite(stack.flux[~stars.mask]).all()
    same(Spectra.from_specutils(stack), stars)
    one = stars[1].to_specutils()
    assert one.shape == (40,)
    same(Spectra.from_specutils(one), stars[1])


@pytest.mark.parametrize(
    ("kind", "power"), [(StdDevUncertainty, 1), (VarianceUncertainty, 2), (InverseVariance, -2)]
)
def test_other_units_orders_and_uncertainties(kind, power):
    error = np.full(40, 2.0)
    spectrum = specutils.Spectrum(
        flux=np.linspace(50, 100, 40) * u.percent,
        spectral_axis=(WAVELENGTH * u.AA).to(u.GHz, u.spectral()),
        uncertainty=kind(error**power),
        meta={"header": {"OBJECT": "HD 1"}},
    )
    read = Spectra.from_specutils(spectrum)
    np.testing.assert_allclose(read.wavelength, WAVELENGTH, rtol=1e-12)
    np.testing.assert_allclose(read.flux[0], np.linspace(0.5, 1, 40), rtol=1e-6)
    np.testing.assert_allclose(read.flux_error, 0.02, rtol=1e-6)
    assert list(read.ids) == ["HD 1"] and read.at_rest and not read.mask.any()


def test_descending_wavelengths_and_no_information():
    ivar = np.full(40, 100.0)
    ivar[3] = 0
    spectrum = specutils.Spectrum(
        flux=np.arange(1.0, 41) * u.one,
        spectral_axis=(WAVELENGTH[::-1] / 10) * u.nm,
        uncertainty=InverseVariance(ivar),
        mask=np.arange(40) == 5,
        radial_velocity=20 * u.km / u.s,
    )
    read = Spectra.from_specutils(spectrum)
    assert list(np.flatnonzero(read.mask)) == [34, 36] and not read.at_rest
    assert read.flux[0, 0] == 40
    moving = specutils.Spectrum(
        flux=np.ones((40, 2)) * u.one, spectral_axis=WAVELENGTH * u.AA, spectral_axis_index=0,
        uncertainty=StdDevUncertainty(np.ones((40, 2))),
    )  # fmt: skip
    assert Spectra.from_specutils(moving).flux.shape == (2, 40)


def test_what_is_refused():
    flux, error = np.ones(40) * u.one, StdDevUncertainty(np.ones(40))
    axis, jansky = WAVELENGTH * u.AA, StdDevUncertainty(np.ones(40), unit=u.Jy)
    air = {"CTYPE1": "AWAV", "CRVAL1": 8460.0, "CDELT1": 0.3, "CRPIX1": 1, "CUNIT1": "Angstrom"}
    for bad, message in (
        ({"flux": flux, "spectral_axis": axis}, "give one or two dimensions, and an uncertainty"),
        ({"flux": flux, "wcs": WCS(air), "uncertainty": error}, "in air"),
        ({"flux": flux, "spectral_axis": axis, "uncertainty": error, "meta": {"medium": "air"}}, "in air"),
        ({"flux": np.ones(40) * u.Jy, "spectral_axis": axis, "uncertainty": jansky}, "flux has the unit 'Jy'"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            Spectra.from_specutils(specutils.Spectrum(**bad))


def test_without_specutils(stars, monkeypatch):
    monkeypatch.setitem(sys.modules, "specutils", None)
    with pytest.raises(ImportError, match=r"pip install specnb\[specutils\]"):
        stars.to_specutils()
