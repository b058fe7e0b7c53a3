"""The pseudo-continuum of APOGEE is that of the papers, for synthetic and observed spectra."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from numpy.polynomial.chebyshev import Chebyshev

from specnb.core.wavelength import detectors
from specnb.surveys.apogee.pixels import (
    APOGEE_NATIVE,
    APOGEE_PIXELS,
    BATCH,
    DETECTORS,
    FILE,
    LEAST_PIXELS,
    continuum,
    continuum_pixels,
)

N = len(APOGEE_PIXELS)


def blaze(seed=0):
    """A 4th-order polynomial on each detector with steps between them, in units of apStar files."""
    rng = np.random.default_rng(seed)
    parts = []
    for pixels in detectors(APOGEE_PIXELS):
        wavelength = APOGEE_PIXELS[pixels]
        parts.append(
            Chebyshev(rng.uniform(-50, 50, 5), wavelength[[0, -1]])(wavelength)
            + rng.uniform(500, 1500)
        )
    return np.concatenate(parts)


def test_the_shipped_pixels():
    table = Table.read(FILE)
    np.testing.assert_allclose(table["wavelength"], APOGEE_NATIVE[table["pixel"]], atol=6e-4)
    assert continuum_pixels().shape == (N,) and continuum_pixels().sum() == len(table) == 529
    assert "Ness" in table.meta["citation"] and "The_Payne" in table.meta["source"]
    edges = np.searchsorted(APOGEE_PIXELS, (15_800.0, 16_420.0))
    assert [part.start for part in DETECTORS[1:]] == list(edges)


def test_a_polynomial_is_recovered_under_lines():
    """Lines away from the continuum pixels do not change the continuum."""
    rng = np.random.default_rng(1)
    lines = np.where(continuum_pixels(), 1, 1 - rng.uniform(0, 0.8, (3, N)))
    scale = np.stack([blaze(i) for i in range(3)])
    ivar = rng.uniform(0.5, 2, (3, N))
    np.testing.assert_allclose(continuum(scale * lines, ivar), scale, rtol=1e-11)
    np.testing.assert_allclose(scale * lines / continuum(scale * lines, ivar), lines, rtol=1e-11)
    np.testing.assert_allclose(scale * lines / continuum(scale * lines), lines, rtol=1e-11)
    assert continuum(scale.astype(np.float32), ivar).dtype == np.float32
    # The unit does not matter: erg/s/cm²/Å instead of 1e-17 of them, and 1e20 times that.
    for unit in (1e-17, 1e20):
        np.testing.assert_allclose(
            continuum(unit * scale * lines, ivar / unit**2), unit * scale, rtol=1e-11
        )


def test_it_is_the_fit_of_the_papers():
    """The fit is that of The Payne: numpy's weighted Chebyshev fit of each star, w = 1 / error."""
    rng = np.random.default_rng(2)
    flux, error = blaze() * rng.uniform(0.9, 1.1, (4, N)), rng.uniform(1, 30, (4, N))
    bad = rng.random((4, N)) < 0.1
    result = continuum(np.where(bad, np.nan, flux), np.where(bad, 0, error**-2))
    for star in range(4):
        for part in detectors(APOGEE_PIXELS):
            use = continuum_pixels()[part] & ~bad[star, part]
            x, y, w = APOGEE_PIXELS[part][use], flux[star, part][use], 1 / error[star, part][use]
            expected = Chebyshev.fit(x, y, 4, w=w)(APOGEE_PIXELS[part])
            np.testing.assert_allclose(result[star, part], expected, rtol=1e-10)


def test_huge_errors_have_no_weight():
    rng = np.random.default_rng(3)
    flux, ivar = blaze() * rng.uniform(0.98, 1.02, (1, N)), np.ones((1, N))
    bad = continuum_pixels() & (rng.random(N) < 0.2)
    masked = continuum(flux, np.where(bad, 0, ivar))
    flux[0, bad] = 1e6
    np.testing.assert_allclose(continuum(flux, np.where(bad, 1e-28, ivar)), masked, rtol=1e-12)


def test_a_detector_without_support_is_nan():
    """The other detectors and the other stars do not change."""
    scale = np.stack([blaze(i) for i in range(4)])
    ivar = np.ones_like(scale)
    blue, green, _ = detectors(APOGEE_PIXELS)
    ivar[0, blue] = 0
    third = APOGEE_PIXELS[green][0] + np.ptp(APOGEE_PIXELS[green]) / 3
    first_third = np.flatnonzero(continuum_pixels() & (APOGEE_PIXELS < third))
    first_third = first_third[first_third >= green.start]
    ivar[1, first_third[LEAST_PIXELS - 1 :]] = 0
    ivar[2, first_third[LEAST_PIXELS:]] = 0
    result = continuum(scale, ivar)
    lost = np.zeros(scale.shape, bool)
    lost[0, blue] = lost[1, green] = True
    np.testing.assert_array_equal(np.isnan(result), lost)
    np.testing.assert_allclose(result[~lost], scale[~lost], rtol=1e-8)
    assert np.isnan(continuum(np.full((1, N), np.nan), np.zeros((1, N)))).all()
    assert continuum(np.empty((0, N)), np.empty((0, N))).shape == (0, N)


def test_batches_join(monkeypatch):
    monkeypatch.setattr("specnb.surveys.apogee.pixels.BATCH", 2)
    flux = np.stack([blaze(i) for i in range(5)])
    small = continuum(flux, np.ones_like(flux))
    monkeypatch.setattr("specnb.surveys.apogee.pixels.BATCH", BATCH)
    np.testing.assert_allclose(continuum(flux, np.ones_like(flux)), small, rtol=1e-12)


@pytest.mark.parametrize(
    ("flux", "ivar", "message"),
    [
        (np.ones((2, 100)), np.ones((2, 100)), r"shape \(2, 100\).*7214 pixels"),
        (np.ones(N), np.ones(N), r"shape \(7214,\).*one row per star"),
        (np.ones((2, N)), np.ones((1, N)), r"ivar \(1, 7214\)"),
        (np.ones((1, N)), np.full((1, N), -1.0), "ivar has negative.*give 0"),
        (np.ones((1, N)), np.full((1, N), np.inf), "ivar has negative, NaN or infinite"),
        (np.full((1, N), np.nan), np.ones((1, N)), "flux is not finite where ivar is above 0"),
    ],
)
def test_bad_input_gives_one_sentence(flux, ivar, message):
    with pytest.raises(ValueError, match=message):
        continuum(flux, ivar)


@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_a_spectrum_normalised_by_the_payne_stays_as_it_is():
    data = np.load(
        Path(os.environ["SPECNB_DATA"], "apogee", "spectrum_ap_id_2M13012770+5754582_.npz")
    )
    flux, ivar = data["spectrum"][None], data["spec_err"][None].astype(float) ** -2
    good = flux > 0.3
    ours = continuum(flux, np.where(good, ivar, 0))
    assert np.abs(ours - 1).max() < 0.01 and np.abs(ours - 1).mean() < 0.001
