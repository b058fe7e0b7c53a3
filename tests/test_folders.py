"""Folders with files of several kinds, and tables in which some stars are bad."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from specnb.surveys import LeftOutWarning, read_spectra
from specnb.surveys.apogee.pixels import APOGEE_NATIVE
from specnb.surveys.rvs.pixels import RVS_NATIVE

ID = 2052747119115620352


def pixels(name=ID, seed=0):
    """A Gaia spectrum with one row per pixel. The last three pixels have neither flux nor error."""
    rng = np.random.default_rng(seed)
    flux, error = rng.normal(1, 0.02, 2401), np.full(2401, 0.02)
    missing = np.arange(2401) >= 2398
    return Table(
        {
            "source_id": np.full(2401, name),
            "wavelength": np.round(RVS_NATIVE / 10, 6),
            "flux": MaskedColumn(np.round(flux, 6), mask=missing),
            "flux_error": MaskedColumn(error, mask=missing),
            "combined_transits": np.full(2401, 31),
            "combined_ccds": np.full(2401, 88),
        }
    )


def combined(path, seed=1, star="2M00000000+0000000", names=(), units=(), invert=False):
    """An apStar file with flux, error (or inverse variance) and mask."""
    rng = np.random.default_rng(seed)
    error = np.full((2, 8575), 2.0)
    images = [
        rng.normal(100, 2, (2, 8575)),
        error**-2 if invert else error,
        np.zeros((2, 8575), "i4"),
    ]
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["OBJID"] = star
    for k, image in enumerate(images):
        hdu = fits.ImageHDU(image)
        hdu.header.update(CRVAL1=4.179, CDELT1=6e-6, CRPIX1=1)
        if k < len(names):
            hdu.header["EXTNAME"] = names[k]
        if k < len(units):
            hdu.header["BUNIT"] = units[k]
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


def test_one_bad_star_of_a_bulk_file_does_not_lose_the_others(tmp_path):
    flux = np.ones((3, 2401))
    flux[1] = np.nan
    Table({"source_id": [1, 2, 3], "flux": flux, "flux_error": np.full((3, 2401), 0.1)}).write(
        tmp_path / "bulk.fits"
    )
    with pytest.warns(LeftOutWarning, match=r"bulk.fits.*\b2\b"):
        assert list(read_spectra(tmp_path / "bulk.fits", on_error="skip").ids) == ["1", "3"]


def test_one_foreign_file_does_not_push_out_the_others(tmp_path):
    pixels().write(tmp_path / "Kepler-93.csv")
    for k in range(3):
        combined(tmp_path / f"apStar-{k}.fits", k, f"2M0000000{k}+0000000")
    with pytest.warns(LeftOutWarning, match=r"Kepler-93.csv"):
        assert len(read_spectra(tmp_path)) == 3


def test_other_pixels_are_told_in_plain_words(tmp_path):
    pixels().write(tmp_path / "a.csv")
    combined(tmp_path / "b.fits")
    with pytest.warns(LeftOutWarning) as told:
        read_spectra(tmp_path)
    assert "join" not in str(told[0].message)


def test_many_files_with_one_reason_share_a_line(tmp_path):
    pixels().write(tmp_path / "A.csv")
    for k in range(9):
        (tmp_path / f"page{k}.html").write_text("<html>404</html>")
    with pytest.warns(LeftOutWarning) as told:
        read_spectra(tmp_path)
    assert str(told[0].message).count("is of unknown kind") == 1


def test_left_out_spectra_are_named_with_their_file(tmp_path):
    cells = '"[' + ",".join(["1.0"] * 961) + ']"'
    rows = [
        f"{ID},{transit},1700.0,{cells},{cells},{method}" for transit, method in ((7, 1), (8, 0))
    ]
    head = "source_id,transit_id,obs_time_rv,flux,flux_error,normalisation_method"
    (tmp_path / "epochs.csv").write_text("\n".join([head, *rows]) + "\n")
    with pytest.warns() as told:
        read_spectra(tmp_path / "epochs.csv")
    (text,) = (str(each.message) for each in told if each.category is LeftOutWarning)
    assert "epochs.csv: 1 of 2 spectra are not normalised" in text


def test_the_advice_for_other_pixels_gives_right_errors(tmp_path):
    table = pixels()[:2398]
    table.remove_row(1200)
    table.write(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="only 2397 of the 2401 pixels .*add rows with empty flux"):
        read_spectra(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open("a") as f:
        for wavelength in set(np.round(RVS_NATIVE / 10, 6)) - set(table["wavelength"]):
            f.write(f"{ID},{wavelength},,,31,88\n")
    assert read_spectra(tmp_path / "a.csv").mask.sum() == 4


def test_the_files_of_a_hats_catalogue_are_found(tmp_path):
    pytest.importorskip("pyarrow")
    leaf = tmp_path / "hats" / "dataset" / "Norder=1" / "Dir=0"
    leaf.mkdir(parents=True)
    table = Table({"source_id": [5], "flux": np.ones((1, 2401)), "flux_error": np.ones((1, 2401))})
    table.write(leaf / "Npix=1.parquet")
    (tmp_path / "hats" / "partition_info.csv").write_text("Norder,Npix\n1,1\n")
    (tmp_path / "hats" / "properties").write_text("obs_collection=mmu\n")
    with pytest.warns(LeftOutWarning, match="partition_info.csv"):
        assert list(read_spectra(tmp_path / "hats").ids) == ["5"]


def test_stars_without_sdss_id_are_not_all_the_same_star(tmp_path):
    """−1 stands for a missing sdss_id: the second file is told to be a duplicate of the first."""
    for k in range(2):
        rng = np.random.default_rng(k)
        table = Table({"sdss_id": [-1], "flux": rng.normal(100, 1, (1, 8575)).astype("f4")})
        table["ivar"], table["wavelength"] = np.ones((1, 8575), "f4"), APOGEE_NATIVE[None]
        table["pixel_flags"] = np.zeros((1, 8575), "i4")
        hdus = [fits.PrimaryHDU(), fits.BinTableHDU(table, name="APOGEE/APO")]
        fits.HDUList(hdus).writeto(tmp_path / f"mwmStar-0.6.0-{k}.fits")
    assert len(read_spectra(tmp_path)) == 2


@pytest.mark.parametrize(
    "unit",
    [
        "(10^-17 erg/s/cm^2/Ang)^-2",
        "1/(10^-17 erg/s/cm^2/Ang)^2",
        "erg-2 s2 cm4 Angstrom2",
        "cm4 Angstrom2 s2 / erg2",
        "1/sigma^2",
    ],
)
def test_an_image_whose_unit_is_inverse_squared_is_ivar(tmp_path, unit):
    right = read_spectra(combined(tmp_path / "a.fits"))
    flux = "Flux (10^-17 erg/s/cm^2/Ang)"
    path = combined(tmp_path / "b.fits", units=(flux, unit, "Pixel bitmask"), invert=True)
    np.testing.assert_allclose(read_spectra(path).flux_error, right.flux_error, rtol=1e-4)


@pytest.mark.parametrize("name", ["Inverse variance", "inverse_variance", "INVVAR", "WEIGHTS"])
def test_an_image_named_inverse_variance_is_ivar(tmp_path, name):
    right = read_spectra(combined(tmp_path / "a.fits"))
    path = combined(tmp_path / "b.fits", names=("FLUX", name, "MASK"), invert=True)
    np.testing.assert_allclose(read_spectra(path).flux_error, right.flux_error, rtol=1e-4)


@pytest.mark.parametrize("name", ["FOO", "RMS"])
def test_images_of_unknown_names_are_not_placed_by_position(tmp_path, name):
    path = combined(tmp_path / "a.fits", names=("FLUX", name, "MASK"), invert=True)
    with pytest.raises(ValueError, match=rf"a.fits: is no APOGEE spectrum, .*{name}"):
        read_spectra(path)


def test_rows_in_the_middle_are_not_cut_off(tmp_path):
    table = pixels()
    table.remove_rows([1200, 1201])
    table.write(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="2399 of the 2401 pixels") as told:
        read_spectra(tmp_path / "a.csv")
    assert "truncated" not in str(told.value)


def test_a_fits_file_cut_in_its_header_is_called_truncated(tmp_path):
    content = combined(tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(content[:3000])
    with pytest.raises(ValueError, match=r"a\.fits.*truncated"):
        read_spectra(tmp_path / "a.fits")


def test_names_behind_a_hash_count_if_rows_hold_text(tmp_path):
    table = pixels()["source_id", "wavelength", "flux", "flux_error"].filled(1.0)
    table.replace_column("source_id", Column(["KIC-1"] * len(table), "id"))
    table.rename_column("source_id", "id")
    table.write(tmp_path / "a.dat", format="ascii.commented_header")
    assert list(read_spectra(tmp_path / "a.dat").ids) == ["KIC-1"]


def test_a_grid_beside_the_window_is_refused_without_a_word_of_numpy(tmp_path):
    table = Table({"wavelength": 845 + 0.02 * np.arange(961), "flux": np.ones(961)})
    table["flux_error"] = 0.01
    table.write(tmp_path / "a.csv")
    with warnings.catch_warnings(action="error"), pytest.raises(ValueError, match="961 samples at"):
        read_spectra(tmp_path / "a.csv")
