"""Flux-conserving rebinning."""

import numpy as np
import pytest
from astropy.table import Table

from specnb.core.rebinning import overlap_matrix, rebin, to_rest
from specnb.core.spectra import Spectra
from specnb.surveys.rvs.pixels import RVS_NATIVE, RVS_PIXELS


def spectra_of(flux, error=0.01, mask=None, wavelength=RVS_NATIVE, length=1.0):
    flux = np.atleast_2d(flux)
    mask = np.zeros(flux.shape, bool) if mask is None else mask
    ids = np.arange(len(flux)).astype(str)
    error = np.broadcast_to(error, flux.shape)
    return Spectra(wavelength, flux, error, mask, ids, correlation_length=length)


def irregular(rng, low, high, n):
    return np.linspace(low, high, n) + rng.uniform(-0.3, 0.3, n) * (high - low) / n


def test_a_constant_stays_constant():
    rng = np.random.default_rng(0)
    for wavelength in (
        RVS_PIXELS,
        RVS_NATIVE,
        irregular(rng, 8465, 8695, 300),
        irregular(rng, 8465, 8695, 5000),
    ):
        out = rebin(spectra_of(np.full(2401, 0.7)), wavelength)
        np.testing.assert_allclose(out.flux, 0.7, rtol=1e-6)
        assert not out.mask.any()


def test_the_integral_is_conserved():
    rng = np.random.default_rng(1)
    spectra = spectra_of(rng.uniform(0, 1, (5, 2401)))
    np.testing.assert_allclose(overlap_matrix(RVS_NATIVE, RVS_PIXELS).sum(axis=1), 1, rtol=1e-9)
    # Pixels with the same outer edges as the input, 8459.95-8700.05 Å: each of 7 native ones, then finer ones
    coarse = 8459.95 + 0.7 * (np.arange(343) + 0.5)
    out = rebin(spectra, coarse)
    np.testing.assert_allclose(out.flux, spectra.flux.reshape(5, 343, 7).mean(axis=2), rtol=1e-5)
    np.testing.assert_allclose(
        out.flux.sum(axis=1) * 0.7, spectra.flux.sum(axis=1) * 0.1, rtol=1e-5
    )
    fine = 8459.95 + 240.1 / 7001 * (np.arange(7001) + 0.5)
    out = rebin(spectra, fine)
    np.testing.assert_allclose(
        out.flux.sum(axis=1) * 240.1 / 7001, spectra.flux.sum(axis=1) * 0.1, rtol=1e-5
    )


def test_a_straight_slope_is_kept():
    slope = 1 + 0.01 * (RVS_NATIVE - 8580)
    np.testing.assert_allclose(
        rebin(spectra_of(slope), RVS_PIXELS).flux[0], 1 + 0.01 * (RVS_PIXELS - 8580), rtol=1e-6
    )


def test_errors_match_monte_carlo_for_independent_pixels():
    rng = np.random.default_rng(2)
    error = rng.uniform(0.005, 0.03, 2401)
    mask = np.broadcast_to(rng.random(2401) < 0.2, (1000, 2401))
    noisy = spectra_of(1 + error * rng.standard_normal((1000, 2401)), error, mask)
    out = rebin(noisy, RVS_PIXELS)
    ok = ~out.mask[0]
    pull = (out.flux[:, ok] - 1) / out.flux_error[:, ok]
    assert ok.sum() > 700
    np.testing.assert_allclose(pull.var(), 1, atol=0.01)
    np.testing.assert_allclose(pull.var(axis=0), 1, atol=0.25)  # 5 sigma of 1000 draws


@pytest.mark.parametrize("length", [2, 3])
def test_errors_match_monte_carlo_for_correlated_pixels(length):
    """Running means of white noise over L pixels correlate by 1 - k/L."""
    rng = np.random.default_rng(3)
    white = rng.standard_normal((1000, 2401 + length - 1))
    noise = sum(white[:, k : k + 2401] for k in range(length)) / np.sqrt(length)
    error = 0.01 * (1 + 0.5 * np.sin(np.arange(2401) / 50))
    noisy = spectra_of(1 + error * noise, error, length=length)
    out = rebin(noisy, RVS_PIXELS)
    pull = (out.flux - 1) / out.flux_error
    np.testing.assert_allclose(pull.var(), 1, atol=0.01)
    independent = rebin(spectra_of(1 + error * noise, error), RVS_PIXELS).flux_error
    assert np.all((out.flux_error > independent) & (out.flux_error < np.sqrt(length) * independent))


def test_masked_pixels_do_not_contribute():
    flux, mask = np.full((1, 2401), 0.8), np.zeros((1, 2401), bool)
    # 8470.1 Å is completely in the pixel 8470.05 ± 0.15 Å, of which 2/3 are left
    flux[0, 101], mask[0, 101] = (
        99.0,
        True,
    )
    # 8479.85-8480.25 Å: five sixths of the pixel 8479.95 ± 0.15 Å, and half of the next, which is kept
    flux[0, 199:203], mask[0, 199:203] = np.nan, True
    out = rebin(spectra_of(flux, mask=mask), RVS_PIXELS)
    np.testing.assert_allclose(out.flux[~out.mask], 0.8, rtol=1e-6)
    index = np.argmin(abs(RVS_PIXELS - 8470.05))
    plain = rebin(spectra_of(np.full(2401, 0.8)), RVS_PIXELS).flux_error[0, 0]
    # left: overlaps 0.05, 0.1, 0.05 of 0.01 each
    np.testing.assert_allclose(out.flux_error[0, index], 0.01 * np.sqrt(0.015) / 0.2, rtol=1e-5)
    assert out.flux_error[0, index] > plain
    assert list(np.flatnonzero(out.mask[0])) == [np.argmin(abs(RVS_PIXELS - 8479.95))]


def test_half_covered_is_kept_and_less_is_masked():
    wavelength = np.arange(100.0)
    mask = np.zeros((2, 100), bool)
    mask[0, 50] = True  # half of the new pixel of 50 and 51
    mask[1, 50:52] = True
    out = rebin(
        spectra_of(np.ones((2, 100)), mask=mask, wavelength=wavelength), 2 * np.arange(50) + 0.5
    )
    assert not out.mask[0].any()
    assert list(np.flatnonzero(out.mask[1])) == [25]


def test_pixels_outside():
    spectra = spectra_of(np.ones(2401))
    with pytest.raises(
        ValueError,
        match=r"8700\.50-8759\.50 Å, but the spectra cover 8459\.95-8700\.05 Å.*does not cover",
    ):
        rebin(spectra, np.arange(8700.5, 8760))
    with pytest.raises(ValueError, match="does not cover the window"):
        rebin(spectra, np.arange(8600.5, 8720))
    out = rebin(spectra, np.arange(8600.5, 8704))  # 4 of 104 outside
    assert list(np.flatnonzero(out.mask[0])) == [100, 101, 102, 103]
    for length in (0.5, 0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="correlation_length is .*: give 1"):
            spectra_of(np.ones(2401), length=length)


def test_ids_and_labels_are_kept_and_none_is_fine():
    labels = Table({"teff": [5000.0, 6000.0]})
    spectra = Spectra(
        RVS_NATIVE, np.ones((2, 2401)), np.ones((2, 2401)), np.zeros((2, 2401)), ["a", "b"], labels
    )
    out = rebin(spectra, RVS_PIXELS)
    assert list(out.ids) == ["a", "b"] and list(out.labels["teff"]) == [5000.0, 6000.0]
    assert rebin(spectra[:0], RVS_PIXELS).flux.shape == (0, 800)


@pytest.mark.parametrize(
    ("length", "wavelength", "expected"),
    [
        (1.0, RVS_PIXELS, 1.0),
        (3.0, RVS_PIXELS, 1.0),  # as long as a new pixel
        (6.0, RVS_PIXELS, 2.0),
        (3.0, np.arange(8465.0, 8695.0), 1.0),
        (3.0, np.arange(8465.0, 8695.0, 0.05), 6.0),
        (1.0, np.arange(8465.0, 8695.0, 0.05), 2.0),  # two pixels of one share its noise
    ],
)
def test_the_noise_correlates_over_as_many_angstroms_as_before(length, wavelength, expected):
    out = rebin(spectra_of(np.ones(2401), length=length), wavelength)
    assert out.correlation_length == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("length", [1.0, 3.0])
def test_rebinning_twice_does_no_harm(length):
    rng = np.random.default_rng(4)
    flux, mask = rng.uniform(0.5, 1.0, (3, 2401)), rng.random((3, 2401)) < 0.1
    native = spectra_of(flux, mask=mask, length=length)
    assert rebin(native, RVS_NATIVE) is native
    once = rebin(native, RVS_PIXELS)
    assert rebin(once, RVS_PIXELS) is once
    assert rebin(once, RVS_PIXELS.copy()).flux_error is once.flux_error


def test_spectra_are_shifted_to_rest():
    """A Gaussian line comes back to its place, and pixels from beyond the spectrum are masked."""
    wavelength = 8460.0 + 0.25 * np.arange(961)
    velocity = np.array([-300.0, 0.0, 150.0])
    centre = 8580.0 * (1 + velocity / 299_792.458)
    flux = 1 - 0.5 * np.exp(-0.5 * ((wavelength - centre[:, None]) / 1.5) ** 2)
    error, mask = np.full(flux.shape, 0.01), np.zeros(flux.shape, bool)
    moving = Spectra(wavelength, flux, error, mask, ["a", "b", "c"], None, 2.0, at_rest=False)
    rest = to_rest(moving, velocity, RVS_PIXELS)
    expected = 1 - 0.5 * np.exp(-0.5 * ((RVS_PIXELS - 8580.0) / 1.5) ** 2)
    assert rest.at_rest and list(rest.ids) == ["a", "b", "c"]
    assert rest.correlation_length == pytest.approx(2.0 * 0.25 / 0.3, rel=2e-3)
    assert np.abs(rest.flux - expected)[~rest.mask].max() < 0.004
    # 300 km/s are 8.5 Å, which are 28 pixels, at one end; 150 km/s are 14 pixels at the other
    assert rest.mask.sum(axis=1).tolist() == [28, 0, 14]
    assert rest.mask[0, :28].all() != rest.mask[0, -28:].all()


@pytest.mark.parametrize("velocity", [[1.0], [1.0, np.nan], 5.0, [1.0, 4e5]])
def test_velocities_must_be_one_per_star(velocity):
    ones = np.ones((2, 961))
    moving = Spectra(8460.0 + 0.25 * np.arange(961), ones, ones, ones < 0, ["a", "b"])
    with pytest.raises(ValueError, match="velocity has shape .*: give one finite number"):
        to_rest(moving, velocity, RVS_PIXELS)
