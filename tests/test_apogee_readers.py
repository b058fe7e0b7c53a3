"""Readers of APOGEE files: all kinds of files of DR13 to DR19 give the same spectrum.

The files are made here with the headers and shapes of real apStar files of DR13 and DR17, and as
sdss-astra writes mwmStar files.
"""

import gzip
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.polynomial.chebyshev import Chebyshev

from specnb.core.spectra import Spectra
from specnb.core.wavelength import detectors
from specnb.surveys import read_spectra
from specnb.surveys.apogee import files
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
    plain = path.with_name("plain.fits")
    write(plain, *visits(star, 1))
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()


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
    lines[next(pixels)] = -0.1  # noise
    for value in (np.nan, np.inf, 0):
        bad.append(next(pixels))
        lines[bad[-1]] = value
    for value in (np.nan, 0, -0.01, 1e7, 1e14):
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
        (lambda s, p: write(p, *images(s), {"OBJID": ID}), "header card CRVAL1,"),
        (image(CDELT1="six"), "no number in its header card CDELT1,"),
        (image(CRPIX1=""), "no number in its header card CRPIX1,"),
        (
            lambda s, p: write(p, *(np.ones((3, 4096)) for _ in range(3))),
            r"is a single visit \(apVisit\).*give the apStar",
        ),
        (
            lambda s, p: write(p, images(s)[0], np.ones(5), np.ones(5)),
            r"no image of error with 8575 pixels \(its images: \(5,\), \(8575,\)\)",
        ),
        (
            lambda s, p: write(p, *(0 * i for i in images(s))),
            "has no pixel with both flux and error .*not zero",
        ),
        (
            lambda s, p: write(p, *images(s)[:2], images(s)[2] | 8),
            "has no pixel with both flux and error .*not flagged",
        ),
        (
            lambda s, p: write(p, images(s)[0] * np.nan, *images(s)[1:]),
            "has no pixel with both",
        ),
        (
            lambda s, p: write(p, *images((s[0], s[1], 0 * s[2] + 5, s[3]))),
            "has no pixel with both .* and a continuum",
        ),
        (
            lambda s, p: fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(images(s)[0])]).writeto(p),
            "no image of error",
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
    with pytest.raises(ValueError, match="gaia.fits has different wavelengths than .*a.fits"):
        read_spectra([tmp_path / "a.fits", tmp_path / "gaia.fits"])


@pytest.mark.parametrize("name", [f"aspcapStar-r8-l31c.2-{ID}", "apStar-r8-VESTA"])
def test_a_star_without_a_name_is_called_after_its_file(star, tmp_path, name):
    write(tmp_path / f"{name}.fits", *images(star), {key: HEADER[key] for key in ONLY_LAMBDA})
    assert list(read_apogee(tmp_path / f"{name}.fits").ids) == [ID if ID in name else name]


@pytest.mark.parametrize("key", ["OBJID", "OBJ"])  # OBJ in aspcapStar files of DR13
def test_names_in_the_header(star, tmp_path, key):
    header = {name: HEADER[name] for name in ONLY_LAMBDA} | {key: f" {ID} "}
    write(tmp_path / "a.fits", *images(star), header)
    assert list(read_apogee(tmp_path / "a.fits").ids) == [ID]


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


def write_images(path, *hdus):
    """Write images with a name (EXTNAME), a text about the unit (BUNIT), or neither."""
    made = [fits.PrimaryHDU(header=fits.Header(HEADER))]
    for image, cards in hdus:
        made.append(fits.ImageHDU(image, fits.Header(cards)))
    fits.HDUList(made).writeto(path, overwrite=True)


DR13 = ("Flux (10^-17 erg/s/cm^2/Ang)", "Error (10^-17 erg/s/cm^2/Ang)", "Flag Mask (bitwise)")
DR17 = ("Flux (10^-17 erg/s/cm^2/Ang)", "Err (10^-17 erg/s/cm^2/Ang)", "Pixel bitmask")


@pytest.mark.parametrize("texts", [DR13, DR17, ("FLUX", "FLUX_ERR", "PIXEL_FLAGS")])
@pytest.mark.parametrize("key", ["EXTNAME", "BUNIT"])
def test_names_and_units_of_images_are_believed_over_their_position(star, tmp_path, texts, key):
    flux, error, bits = images(star)
    bits[5000] = 2  # cosmic ray
    flux_hdu, error_hdu, bits_hdu = (
        (array, {key: text}) for array, text in zip((flux, error, bits), texts)
    )
    sky = (0 * flux + 3, {"BUNIT": "Sky (10^-17 erg/s/cm^2/Ang)"})
    sky_error = (0 * flux + 9, {"BUNIT": "Sky error (10^-17 erg/s/cm^2/Ang)"})
    waves = (APOGEE_NATIVE, {})
    write_images(tmp_path / "a.fits", flux_hdu, error_hdu, bits_hdu, sky, sky_error)
    plain = read_apogee(tmp_path / "a.fits")
    assert plain.mask.sum() == 1 and plain.mask[0, np.searchsorted(APOGEE_CUT, 5000)]
    orders = (
        (bits_hdu, error_hdu, flux_hdu),
        (sky, sky_error, error_hdu, flux_hdu, bits_hdu),
        (flux_hdu, waves, bits_hdu, error_hdu),
        ((flux, {}), error_hdu, bits_hdu),
        ((flux, {}), (error, {}), sky, bits_hdu),
    )
    for order in orders:
        write_images(tmp_path / "b.fits", *order)
        read = read_apogee(tmp_path / "b.fits")
        for name in ("flux", "flux_error", "mask"):
            np.testing.assert_array_equal(getattr(read, name), getattr(plain, name))


def test_inverse_variance_becomes_an_error(star, tmp_path):
    flux, error, bits = images(star)
    write_images(tmp_path / "a.fits", (flux, {}), (error, {}), (bits, {}))
    plain = read_apogee(tmp_path / "a.fits")
    with np.errstate(divide="ignore"):
        ivar = np.where(error > 0, error**-2.0, 0)
    ivar[5000] = 0
    # EXTNAME says more than BUNIT, which other software forgets to change
    cards = {"EXTNAME": "IVAR", "BUNIT": DR17[1]}
    write_images(tmp_path / "b.fits", (flux, {}), (ivar, cards), (bits, {}))
    read = read_apogee(tmp_path / "b.fits")
    good = ~read.mask
    assert np.flatnonzero(read.mask[0]) == np.searchsorted(APOGEE_CUT, 5000)
    np.testing.assert_allclose(read.flux_error[good], plain.flux_error[good], rtol=1e-5)
    np.testing.assert_allclose(read.flux[good], plain.flux[good], rtol=1e-4)


@pytest.mark.parametrize(
    "waves", [APOGEE_NATIVE, np.log10(APOGEE_NATIVE).astype("f4"), APOGEE_NATIVE / 10]
)
@pytest.mark.parametrize("cards", [{}, {"EXTNAME": "WAVE"}, {"BUNIT": "Angstrom"}])
def test_wavelengths_are_never_read_as_flux(star, tmp_path, waves, cards):
    flux, error, bits = ((image, {}) for image in images(star))
    write_images(tmp_path / "a.fits", (waves, cards), flux, error, bits)
    with pytest.raises(ValueError, match="wavelengths in front.*move the image .* behind"):
        read_apogee(tmp_path / "a.fits")
    # the advice gives the right numbers
    write_images(tmp_path / "b.fits", flux, error, bits, (waves, cards))
    if waves[0] > 10 and waves[0] < 15000:  # nm
        with pytest.raises(ValueError, match=r"log λ = 3\.179"):
            read_apogee(tmp_path / "b.fits")
    else:
        np.testing.assert_allclose(read_apogee(tmp_path / "b.fits").flux[0], star[0], rtol=2e-6)


@pytest.mark.parametrize("cards", [{}, {"BUNIT": DR17[2]}])
@pytest.mark.parametrize(
    "dtype", ["i2", "i4", "i8", "u1", "u2", "u4", "f4", "f8", "BLANK", "BSCALE"]
)
def test_masks_of_all_types(star, tmp_path, dtype, cards):
    flux, error, bits = images(star)
    bits[[5000, 5001]] = 2, 128
    if dtype == "BLANK":
        mask, cards = bits.astype("i4"), cards | {"BLANK": -(2**31)}
        mask[5002] = -(2**31)
    elif dtype.startswith("f"):
        mask = bits.astype(dtype)
        mask[5002] = np.nan
    else:
        mask = bits.astype("i2" if dtype == "BSCALE" else dtype)
        mask[5002] = 1
    write_images(tmp_path / "a.fits", (flux, {}), (error, {}), (mask, cards))
    if dtype == "BSCALE":  # astropy then gives the integers as floats
        with fits.open(tmp_path / "a.fits", "update", do_not_scale_image_data=True) as hdus:
            hdus[3].header["BSCALE"] = 1.0
            hdus[3].header["BZERO"] = 0.0
    read = read_apogee(tmp_path / "a.fits")
    assert list(np.flatnonzero(read.mask[0])) == list(
        np.searchsorted(APOGEE_CUT, [5000, 5001, 5002])
    )


def test_a_mask_must_hold_integers(star, tmp_path):
    flux, error, bits = images(star)
    write_images(tmp_path / "a.fits", (flux, {}), (error, {}), (bits + 0.5, {"EXTNAME": "MASK"}))
    with pytest.raises(ValueError, match="pixel mask whose values are no integers"):
        read_apogee(tmp_path / "a.fits")


def aspcap(star, path, *others, **columns):
    """Write an aspcapStar file with some columns in ASPCAP's table, and other HDUs behind it."""
    table = Table({"APOGEE_ID": [ID], "ASPCAPFLAG": np.array([0], "i4")})
    for name, value in columns.items():
        table[name] = [value]
    write_aspcap(star, path)
    with fits.open(path) as hdus:
        hdus = fits.HDUList([*hdus[:4], fits.table_to_hdu(table), *others])
        hdus.writeto(path, overwrite=True)
    return read_apogee(path).labels


def test_parameters_of_aspcap_in_columns_or_a_vector(star, tmp_path):
    columns = {"TEFF": 4100.0, "LOGG": 1.5, "M_H": 0.1, "ALPHA_M": 0.05}
    vector = np.array([4100.0, 1.5, 0.3, 0.1, -9999, -9999, 0.05], "f4")
    other = fits.table_to_hdu(Table({"ELEM_SYMBOL": ["C", "N"]}))
    for labels in (
        aspcap(star, tmp_path / "a.fits", **columns, SNR=150.0),
        aspcap(star, tmp_path / "b.fits", other, **columns, SNR=150.0),
        aspcap(star, tmp_path / "c.fits", other, PARAM=vector, FPARAM=vector + 1, SNR=150.0),
    ):
        for name, value in columns.items():
            assert labels[name.lower()][0] == pytest.approx(value)
        assert labels["snr"][0] == 150 and labels["aspcap_flag"][0] == 0
        assert labels["aspcap_flag"].dtype == np.int64 and str(labels["teff"].unit) == "K"


@pytest.mark.parametrize("dtype", ["i4", "i8"])
def test_labels_that_aspcap_calls_bad_are_masked(star, tmp_path, dtype):
    columns = {"TEFF": 4100.0, "LOGG": 1.5, "M_H": 0.1, "ALPHA_M": 0.05}
    names = [name.lower() for name in columns]
    warned = 1 << 7 | 1 << 0
    for flag, bad in {
        warned: [],
        1 << 16: ["teff"],
        1 << 17: ["logg"],
        1 << 19: ["m_h"],
        1 << 20: ["alpha_m"],
        1 << 16 | 1 << 17: ["teff", "logg"],
        1 << 23 | warned: names,
    }.items():
        value = np.array(flag, dtype)
        labels = aspcap(star, tmp_path / "a.fits", **columns, ASPCAPFLAG=value)
        assert [name for name in names if labels[name].mask[0]] == bad
        assert labels["aspcap_flag"][0] == flag
    # flags of DR17 have more than 32 bits
    if dtype == "i8":
        labels = aspcap(star, tmp_path / "a.fits", **columns, ASPCAPFLAG=np.int64(1 << 42))
        assert labels["aspcap_flag"][0] == 1 << 42 and not labels["teff"].mask[0]


@pytest.mark.parametrize("value", [-9999, -9999.99, 999999, "", "unknown", 99.9e9])
def test_missing_and_impossible_labels_are_masked(star, tmp_path, value):
    header = HEADER | dict.fromkeys(("SNR", "NVISITS", "VHELIO", "RV_TEFF", "RV_LOGG"), value)
    write(tmp_path / "a.fits", *images(star), header)
    labels = read_apogee(tmp_path / "a.fits").labels
    for name in ("snr", "n_visits", "vhelio", "rv_teff", "rv_logg"):
        assert labels[name].mask[0]
    assert labels["rv_fe_h"][0] == -0.29
    write(tmp_path / "b.fits", *images(star), HEADER | {"RV_FEH": 99.9})
    assert read_apogee(tmp_path / "b.fits").labels["rv_fe_h"].mask[0]


def replace_card(path, keyword, text):
    """Write a text into all cards of a keyword, as software does that ignores the standard."""
    content = path.read_bytes()
    card = f"{keyword:8}= {text}".encode()
    starts = [i for i in range(0, len(content), 80) if content[i : i + 9] == card[:9]]
    for start in starts:
        content = content[:start] + card.ljust(80) + content[start + 80 :]
    path.write_bytes(content)


def test_header_cards_that_are_not_needed_never_break_reading(star, tmp_path):
    path = tmp_path / "a.fits"
    for keyword in ("SNR", "WASH_M", "OBJID", "VHELIO", "CTYPE1"):
        write(path, *images(star))
        replace_card(path, keyword, "NaN")
        with warnings.catch_warnings(action="error"):
            read = read_apogee(path)
        np.testing.assert_allclose(read.flux[0], star[0], rtol=2e-6)
        assert read.labels["snr"].mask[0] == (keyword == "SNR")
        assert read.ids[0] == ("a" if keyword == "OBJID" else ID)


def test_header_cards_that_are_needed(star, tmp_path):
    path = tmp_path / "a.fits"
    write(path, *images(star), HEADER | {"CRVAL1": "4.179"})
    np.testing.assert_allclose(read_apogee(path).flux[0], star[0], rtol=2e-6)
    for keyword in ("CRVAL1", "CDELT1"):
        write(path, *images(star))
        replace_card(path, keyword, "NaN")
        with pytest.raises(ValueError, match=f"no number in its header card {keyword}") as caught:
            read_apogee(path)
        assert "truncated" not in str(caught.value)


def test_noise_below_zero_is_kept(tmp_path):
    """At S/N 3 the cores of deep lines have the right mean flux."""
    rng = np.random.default_rng(1)
    deep = np.where(continuum_pixels(), 1, 0.1)
    true = np.where(np.arange(len(deep)) % 10 < 3, deep, 1)
    core, error = true == 0.1, 1 / 3
    means = []
    for _ in range(8):
        noisy = native(500 * (true + error * rng.standard_normal(len(true))))
        write(
            tmp_path / "a.fits",
            noisy,
            native(np.full(len(true), 500 * error)),
            (0 * noisy).astype(int),
        )
        read = read_apogee(tmp_path / "a.fits")
        assert not read.mask[0, core].any() and read.flux[0, core].min() < 0
        means.append(read.flux[0, core].mean())
    uncertainty = error / np.sqrt(8 * core.sum())
    assert np.mean(means) == pytest.approx(0.1, abs=4 * uncertainty) and uncertainty < 0.004


def combined(star, observatory="APO", instrument="APOGEE", rows=1, **changes):
    """A table of an mwmStar file as sdss-astra writes it: all columns of pixels are float32."""
    if instrument == "APOGEE":
        grid = (4.179, 6e-6, 8575)
        flux, error, bits = images(star)
    else:
        grid = (3.5523, 1e-4, 4648)
        flux, error, bits = np.ones((3, grid[2]))
    with np.errstate(divide="ignore"):
        ivar = np.where(error > 0, error**-2.0, 0)
    pixels = {
        "wavelength": 10 ** (grid[0] + grid[1] * np.arange(grid[2])),
        "flux": flux,
        "ivar": ivar,
        "pixel_flags": bits,
    }
    columns = {
        "sdss_id": 114921,
        "obj": ID,
        "telescope": f"{observatory.lower()}25m",
        "min_mjd": 59804,
        "snr": 150.0,
        "n_visits": 4,
        "v_rad": -33.5,
        "std_v_rad": 0.2,
        "doppler_teff": 4900.0,
        "doppler_logg": 2.5,
        "doppler_fe_h": np.nan,
    } | pixels | changes  # fmt: skip
    table = Table({name: [value] * rows for name, value in columns.items() if value is not None})
    for name in pixels.keys() & set(table.colnames):
        table[name] = table[name].astype("f4")
    if not rows:
        table = Table({name: [1.0] for name in columns if columns[name] is not None})[:0]
    hdu = fits.table_to_hdu(table)
    cards = {"EXTNAME": f"{instrument}/{observatory}", "INSTRMNT": instrument}
    hdu.header.update(cards | dict(zip(("CRVAL", "CDELT", "NPIXELS"), grid)) | {"CRPIX": 1})
    return hdu


def write_mwm(path, *hdus):
    primary = fits.PrimaryHDU(header=fits.Header({"V_ASTRA": "0.6.0", "SDSS_ID": 114921}))
    fits.HDUList([primary, *hdus]).writeto(path, overwrite=True)
    return path


def empty(star, *names):
    return [combined(star, name.split("/")[1], name.split("/")[0], 0) for name in names]


@pytest.mark.parametrize("observatory", ["APO", "LCO"])
@pytest.mark.parametrize("column", [True, False])
def test_mwmstar(star, tmp_path, observatory, column):
    lines, scale, error, bits = (array.copy() for array in star)
    bits[[3000, 3001, 3002]] = 2, 4096, 8192
    hdu = combined(
        (lines, scale, error, bits), observatory, **({} if column else {"wavelength": None})
    )
    others = empty(star, "BOSS/APO", "BOSS/LCO", "APOGEE/APO", "APOGEE/LCO")
    if observatory == "APO":
        others[0] = combined(star, "APO", "BOSS")
    others[2 if observatory == "APO" else 3] = hdu
    path = write_mwm(tmp_path / "mwmStar-0.6.0-114921.fits", *others)
    assert is_apogee(path)
    read = read_spectra(path)
    assert list(read.ids) == ["114921"] and list(np.flatnonzero(read.mask[0])) == [3000, 3001]
    np.testing.assert_allclose(read.flux[~read.mask], lines[~read.mask[0]], rtol=2e-6)
    np.testing.assert_allclose(
        read.flux_error[~read.mask], np.maximum(error, ERROR_FLOOR)[~read.mask[0]], rtol=3e-6
    )
    labels = read.labels
    assert labels.colnames == list(LABELS) and labels["n_visits"][0] == 4
    for name, value in {"snr": 150, "vhelio": -33.5, "rv_teff": 4900, "vscatter": 0.2}.items():
        assert labels[name][0] == pytest.approx(value)
    assert labels["rv_fe_h"].mask[0] and labels["teff"].mask[0] and labels["aspcap_flag"].mask[0]
    write_dr17(star, tmp_path / "a.fits")
    assert list(read_spectra([path, tmp_path / "a.fits"]).ids) == ["114921", ID]


def test_an_mwmstar_of_two_observatories_gives_the_better_spectrum(star, tmp_path):
    boss = empty(star, "BOSS/APO", "BOSS/LCO")
    hdus = (combined(star, snr=80.0), combined(star, "LCO", snr=120.0))
    path = write_mwm(tmp_path / "a.fits", *boss, *hdus)
    with pytest.warns(UserWarning, match=r"APOGEE/LCO \(S/N 120\) is read, APOGEE/APO \(S/N 80\)"):
        read = read_apogee(path)
    assert len(read) == 1 and read.labels["snr"][0] == 120


def visit(star):
    hdu = combined(star, min_mjd=None, mjd=59804, wavelength=None)
    return [*empty(star, "BOSS/APO", "BOSS/LCO"), hdu, *empty(star, "APOGEE/LCO")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda s: [combined(s, "APO", "BOSS"), *empty(s, "BOSS/LCO", "APOGEE/APO")],
            "no APOGEE spectrum, its HDUs with spectra are BOSS/APO:",
        ),
        (lambda s: empty(s, "BOSS/APO", "BOSS/LCO", "APOGEE/APO"), "are all empty"),
        (visit, "is an mwmVisit file, with single visits: give the mwmStar"),
        (
            lambda s: [combined(s, wavelength=APOGEE_NATIVE * 1.0001)],
            "not at 4.179",
        ),
        (
            lambda s: [combined(s, flux=np.zeros(8575))],
            "has no pixel with both flux and error .*not flagged",
        ),
        (
            lambda s: [combined(s, model_flux=np.ones(8575), flux=None)],
            r"model spectra of SDSS-V \(astraStar\)",
        ),
        (
            lambda s: [
                fits.table_to_hdu(
                    Table({key: [1.0] for key in ("flux", "loglam", "ivar", "and_mask")})
                )
            ],
            r"is an optical spectrum of SDSS \(spec\)",
        ),
        (
            lambda s: [
                fits.table_to_hdu(Table({"MANGAID": ["1"], "FLUX": [[1.0]], "IVAR": [[1.0]]}))
            ],
            "MaStar",
        ),
        (
            lambda s: [
                fits.table_to_hdu(Table({"APOGEE_ID": [ID], "ASPCAPFLAG": [0], "TEFF": [1.0]}))
            ],
            r"is a catalogue \(such as allStar\)",
        ),
        (
            lambda s: [fits.ImageHDU(np.ones((3, 4096)), fits.Header({"BUNIT": DR17[0]}))] * 3,
            r"is a single visit \(apVisit\)",
        ),
        (lambda s: [fits.ImageHDU(np.ones((300, 26)))], "no image of flux with 8575 pixels"),
        (
            lambda s: [
                fits.table_to_hdu(Table({"APOGEE_ID": [ID], "ASPCAPFLAG": [0]})),
                fits.ImageHDU(np.ones(360)),
            ],
            "is a catalogue",
        ),
    ],
)
def test_other_products_of_sdss_are_refused_in_one_sentence(star, tmp_path, make, message):
    path = write_mwm(tmp_path / "bad.fits", *make(star))
    assert is_apogee(path)
    with pytest.raises(ValueError, match="bad.fits.*" + message) as caught:
        read_spectra(path)
    assert "\n" not in str(caught.value) and "truncated" not in str(caught.value)
    assert "give" in str(caught.value) or "leave it out" in str(caught.value)


def test_extra_tables_in_front_do_not_hide_the_images(star, tmp_path):
    write_dr17(star, tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        table = fits.table_to_hdu(Table({"flux": [1.0], "ivar": [2.0]}))
        fits.HDUList([hdus[0], table, *hdus[1:]]).writeto(tmp_path / "b.fits")
    np.testing.assert_allclose(read_spectra(tmp_path / "b.fits").flux[0], star[0], rtol=2e-6)


@pytest.mark.parametrize("packed", [False, True])
def test_declared_sizes_are_checked_before_memory_is_taken(star, tmp_path, monkeypatch, packed):
    path = tmp_path / "a.fits"
    write_dr17(star, path)
    replace_card(path, "NAXIS2", f"{10**9:>20}")
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(ValueError, match=r"a.fits is not a whole FITS file .*truncated"):
        read_apogee(path)
    write_gz(star, tmp_path / "b.fits.gz")
    monkeypatch.setattr(files, "LARGEST_FILE", 2**18)
    with pytest.raises(ValueError, match="more than any spectrum of APOGEE"):
        read_apogee(tmp_path / "b.fits.gz")
