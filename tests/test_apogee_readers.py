"""Readers of APOGEE files: all kinds of files of DR14 and DR17 give the same spectrum.

The files are made here with the headers and shapes of real apStar files of DR17.
"""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.polynomial.chebyshev import Chebyshev

from specnb.core.spectra import Spectra
from specnb.core.wavelength import detectors
from specnb.surveys import read_spectra
from specnb.surveys.apogee.files import ERROR_FLOOR, LABELS, is_apogee, read_apogee
from specnb.surveys.apogee.pixels import APOGEE_CUT, APOGEE_NATIVE, APOGEE_PIXELS, continuum_pixels
from specnb.surveys.rvs.pixels import RVS_NATIVE

ID = "2M17335483-2753043"
HEADER = {
    "CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR", "OBJID": ID, "SNR": 154.2, "NVISITS": 3,
    "VHELIO": 15.68, "VSCATTER": 0.18, "RV_TEFF": 3676.9, "RV_LOGG": 0.53, "RV_FEH": -0.29, "WASH_M": -9999.990234375,
}  # fmt: skip
ONLY_LAMBDA = ("CRVAL1", "CDELT1", "CRPIX1", "CTYPE1")
BLAZE = [Chebyshev(c, APOGEE_PIXELS[p][[0, -1]]) for c, p in zip(
    ([800, 30, -50, 5, 9], [850, 90, 20, -7, 4], [700, -80, -30, 6, -5]), detectors(APOGEE_PIXELS)
)]  # fmt: skip


def native(values, outside=0.0):
    """Move values from `APOGEE_PIXELS` to the pixels of the files."""
    result = np.full(len(APOGEE_NATIVE), outside)
    result[APOGEE_CUT] = values
    return result


@pytest.fixture(scope="module")
def star():
    """Normalised flux with lines off the continuum pixels, scale of the file, relative error and mask bits."""
    rng = np.random.default_rng(0)
    lines = np.where(continuum_pixels(), 1, 1 - rng.uniform(0, 0.6, len(APOGEE_PIXELS)))
    scale = np.concatenate(
        [poly(APOGEE_PIXELS[p]) for poly, p in zip(BLAZE, detectors(APOGEE_PIXELS))]
    )
    return (
        lines,
        scale,
        rng.uniform(0.002, 0.02, len(APOGEE_PIXELS)),
        np.zeros(len(APOGEE_PIXELS), int),
    )


def images(star, outside=0.0):
    lines, scale, error, bits = star
    return native(lines * scale, outside), native(error * scale, outside), native(bits).astype(int)


def write(path, flux, error, third, header=None, table=None, in_primary=True):
    """Write the first HDUs of an apStar file."""
    header = fits.Header(HEADER if header is None else header)
    wavelengths = fits.Header([(key, header[key]) for key in ONLY_LAMBDA if key in header])
    if not in_primary:
        for key in ONLY_LAMBDA:
            header.remove(key, ignore_missing=True)
    hdus = [
        fits.PrimaryHDU(header=header),
        *(fits.ImageHDU(array, wavelengths) for array in (flux, error, third)),
    ]
    fits.HDUList(hdus + ([] if table is None else [fits.table_to_hdu(table)])).writeto(
        path, overwrite=True
    )


def visits(star, n):
    """Rows of DR17: two co-added spectra, then the visits; all rows except the first are wrong."""
    flux, error, bits = images(star, np.nan)
    rows = [1.0, 1.3, *np.linspace(0.5, 1.5, n)]
    return np.outer(rows, flux), np.outer(rows, error), np.stack([bits, *[bits | 1] * (n + 1)])


def write_dr17(star, path):
    write(path, *visits(star, 3))


def write_dr17_single(star, path):
    """Write two rows, of which the second is zero."""
    write(path, *(np.stack([image, 0 * image]) for image in images(star)))


def write_dr14_single(star, path):
    """Write one spectrum as an array of one dimension, in the data types of DR14."""
    flux, error, bits = images(star)
    write(path, flux.astype(np.float32), error.astype(np.float32), bits.astype(np.int16))


def write_gz(star, path):
    write(path.with_suffix(""), *visits(star, 1))
    path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))


def write_aspcap(star, path):
    """Write flux over ASPCAP's continuum, here 1% too low; the best fit is in HDU 3."""
    lines, _, error, _ = star
    table = Table(
        {"APOGEE_ID": [ID], "TEFF": [3700.0], "LOGG": [0.6], "M_H": [-9999.99], "ALPHA_M": [0.1]}
    )
    table["ASPCAPFLAG"] = [0]
    header = {key: HEADER[key] for key in ONLY_LAMBDA}
    write(
        path,
        native(lines / 0.99),
        native(error / 0.99),
        native(lines),
        header,
        table,
        in_primary=False,
    )


SHAPES = {
    "apStar-dr17-x.fits": write_dr17,
    "asStar-dr17-x.fits": write_dr17_single,
    "apStar-r8-x.fits": write_dr14_single,
    "apStar-dr17-x.fits.gz": write_gz,
    "aspcapStar-dr17-x.fits": write_aspcap,
}


@pytest.mark.parametrize("name", SHAPES)
def test_all_shapes_read_the_same(star, tmp_path, name):
    lines, _, error, _ = star
    SHAPES[name](star, tmp_path / name)
    read = read_apogee(tmp_path / name)
    assert list(read.ids) == [ID] and not read.mask.any() and is_apogee(tmp_path / name)
    np.testing.assert_array_equal(read.wavelength, APOGEE_PIXELS)
    np.testing.assert_allclose(read.flux[0], lines, rtol=2e-6)
    np.testing.assert_allclose(read.flux_error[0], np.maximum(error, ERROR_FLOOR), rtol=2e-6)
    assert (error < ERROR_FLOOR).any()
    door = read_spectra(str(tmp_path / name))
    np.testing.assert_array_equal(door.flux, read.flux)
    assert door.labels.colnames == list(LABELS)


def test_labels(star, tmp_path):
    header = HEADER | {
        "OBJID": "other ",
        "VHELIO": -9999.99,
        "NVISITS": -9999,
        "SNR": np.float32(55),
    }
    del header["VSCATTER"]
    write_dr17(star, tmp_path / "a.fits")
    write(tmp_path / "b.fits", *images(star), header)
    read = read_spectra([tmp_path / "a.fits", tmp_path / "b.fits"])
    assert list(read.ids) == [ID, "other"]
    labels = read.labels
    assert (
        list(labels["snr"]) == [154.2, 55]
        and labels["n_visits"][0] == 3
        and labels["rv_teff"][0] == 3676.9
    )
    for name in ("vhelio", "n_visits", "vscatter"):
        assert list(labels[name].mask) == [False, True]
    assert labels["teff"].mask.all() and str(labels["vhelio"].unit) == "km / s"
    read.write(tmp_path / "both.h5")
    assert list(Spectra.read(tmp_path / "both.h5").labels["vhelio"].mask) == [False, True]
    write_aspcap(star, tmp_path / "c.fits")
    labels = read_apogee(tmp_path / "c.fits").labels
    assert (labels["teff"][0], labels["logg"][0], labels["alpha_m"][0]) == (3700, 0.6, 0.1)
    assert labels["m_h"].mask[0] and labels["snr"].mask[0] and labels["rv_teff"].mask[0]


def test_bad_pixels_are_masked(star, tmp_path):
    """Each reason for which a pixel is bad is tested on one pixel; other flags do not mask it."""
    lines, scale, error, bits = (array.copy() for array in star)
    pixels = iter(np.flatnonzero(~continuum_pixels())[::50])
    bad = []
    for bit in (0, 1, 2, 3, 4, 5, 6, 7, 12):
        bad.append(next(pixels))
        bits[bad[-1]] = 1 << bit
    for bit in (8, 9, 10, 11, 13, 14):
        bits[next(pixels)] = 1 << bit
    for value in (np.nan, np.inf, 0, -0.1):
        bad.append(next(pixels))
        lines[bad[-1]] = value
    for value in (np.nan, 0, -0.01, 1e14):
        bad.append(next(pixels))
        error[bad[-1]] = value
    # A flagged outlier must not change the continuum
    on_continuum = np.flatnonzero(continuum_pixels())[100]
    bad.append(on_continuum)
    lines[on_continuum], bits[on_continuum] = 50, 1 << 12
    write(tmp_path / "a.fits", *images((lines, scale, error, bits)))
    read = read_apogee(tmp_path / "a.fits")
    assert sorted(np.flatnonzero(read.mask[0])) == sorted(bad)
    np.testing.assert_allclose(read.flux[~read.mask], lines[~read.mask[0]], rtol=2e-6)


def test_a_dead_detector_is_masked(star, tmp_path):
    lines, scale, error, bits = (array.copy() for array in star)
    blue, green, red = detectors(APOGEE_PIXELS)
    bits[green][continuum_pixels()[green]] = 1
    write(tmp_path / "a.fits", *images((lines, scale, error, bits)))
    read = read_apogee(tmp_path / "a.fits")
    assert [read.mask[0, part].mean() for part in (blue, green, red)] == [0, 1, 0]
    np.testing.assert_allclose(read.flux[0, red], lines[red], rtol=2e-6)


def image(**changes):
    return lambda star, path: write(path, *images(star), {**HEADER, **changes})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (image(CRVAL1=4.17825), r"log λ = 4\.178250 \+ 6\.000000e-06 i .*not at 4\.179"),
        (image(CDELT1=8e-6), "not at 4.179"),
        (image(CRPIX1=2), "not at 4.179"),
        (lambda s, p: write(p, *images(s), {"OBJID": ID}), "log λ = nan"),
        (
            lambda s, p: write(p, *(np.ones((3, 4096)) for _ in range(3))),
            "4096 pixels, not the 8575.*apVisit",
        ),
        (lambda s, p: write(p, images(s)[0], np.ones(5), np.ones(5)), "has 5 and 8575 pixels"),
        (lambda s, p: write(p, *(0 * i for i in images(s))), "no good pixel .*its flux is zero"),
        (lambda s, p: write(p, *images(s)[:2], images(s)[2] | 8), "no good pixel"),
        (
            lambda s, p: write(p, *images((s[0], s[1], 0 * s[2] + 5, s[3]))),
            "no good pixel with a continuum",
        ),
        (
            lambda s, p: fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(images(s)[0])]).writeto(p),
            "no APOGEE spectrum, its HDUs 1-3 are not",
        ),
        (lambda s, p: fits.PrimaryHDU(RVS_NATIVE).writeto(p), "no APOGEE spectrum"),
        (lambda s, p: Table({"flux": [1.0]}).write(p), "no APOGEE spectrum"),
        (lambda s, p: p.write_text("hello"), "is not a whole FITS file"),
    ],
)
def test_foreign_files_give_one_sentence(star, tmp_path, make, message):
    make(star, tmp_path / "bad.fits")
    with pytest.raises(ValueError, match="bad.fits.*" + message) as caught:
        read_apogee(tmp_path / "bad.fits")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("reader", [read_apogee, read_spectra])
def test_truncated_files_give_one_sentence(star, tmp_path, name, reader):
    SHAPES[name](star, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for size in (int(0.1 * len(whole)), len(whole) // 2, len(whole) - 2881):
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(ValueError, match=name) as caught:
            reader(tmp_path / name)
        assert "truncated" in str(caught.value) and "\n" not in str(caught.value)


def test_sets_of_files(star, tmp_path):
    write_dr17(star, tmp_path / "a.fits")
    write_aspcap(star, tmp_path / "b.fits")
    with pytest.raises(ValueError, match=f"star {ID} is in both .*a.fits and .*b.fits"):
        read_spectra([tmp_path / "a.fits", tmp_path / "b.fits"])
    with pytest.raises(FileNotFoundError, match="nothing.fits is not a file"):
        read_spectra(tmp_path / "nothing.fits")
    with pytest.raises(ValueError, match="no files"):
        read_spectra([])
    rvs = Table(
        {"source_id": [7], "flux": np.ones((1, 2401)), "flux_error": np.full((1, 2401), 0.1)}
    )
    rvs.write(tmp_path / "gaia.fits")
    assert not is_apogee(tmp_path / "gaia.fits") and not is_apogee(tmp_path / "nothing.fits")
    with pytest.raises(ValueError, match="different wavelengths"):
        read_spectra([tmp_path / "a.fits", tmp_path / "gaia.fits"])


@pytest.mark.parametrize("name", [f"aspcapStar-r8-l31c.2-{ID}", "apStar-r8-VESTA"])
def test_a_star_without_a_name_is_called_after_its_file(star, tmp_path, name):
    write(tmp_path / f"{name}.fits", *images(star), {key: HEADER[key] for key in ONLY_LAMBDA})
    assert list(read_apogee(tmp_path / f"{name}.fits").ids) == [ID if ID in name else name]


@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_a_real_apstar():
    path = Path(os.environ["SPECNB_DATA"], "apogee", "apStar-dr17-2M17335483-2753043.fits")
    read = read_spectra(path)
    assert list(read.ids) == [ID] and read.labels["n_visits"][0] == 3
    assert 150 < read.labels["snr"][0] < 160 and read.labels["teff"].mask[0]
    assert read.mask.sum() == 121  # all of them because of sky lines
    good = ~read.mask[0]
    assert read.flux[0, good].max() < 1.3 and 0.85 < np.median(read.flux[0, good]) < 1
    assert np.median(read.flux_error[0, good]) == pytest.approx(0.0057, abs=2e-4)
    for centre in (16723.5, 16755.1):  # Al I in vacuum; 4.6 Å redward of the air wavelengths
        near = np.abs(APOGEE_PIXELS - centre) < 3
        assert abs(APOGEE_PIXELS[near][np.argmin(read.flux[0, near])] - centre) < 0.3
