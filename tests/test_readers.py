"""Readers of Gaia RVS spectra: all file formats of the archive give the same arrays."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import Param
from astropy.table import Column, Table

from specnb.core.spectra import Spectra
from specnb.core.wavelength import air_from_vacuum
from specnb.surveys import read_spectra
from specnb.surveys.rvs.pixels import RVS_NATIVE

ID, OTHER = "2052747119115620352", "4268620287278693120"
CA_II = (8500.35, 8544.44, 8664.52)  # vacuum Å


@pytest.fixture(scope="module")
def stars():
    """Two spectra with the Ca II triplet; pixels are missing at one end and in the middle."""
    rng = np.random.default_rng(0)
    lines = sum(0.6 * np.exp(-0.5 * ((RVS_NATIVE - centre) / 1.5) ** 2) for centre in CA_II)
    mask = np.zeros((2, 2401), bool)
    mask[0, -7:] = mask[1, 1000] = True
    flux = (1 - lines + 0.01 * rng.standard_normal((2, 2401))).astype(np.float32)
    error = rng.uniform(0.005, 0.02, (2, 2401)).astype(np.float32)
    return Spectra(RVS_NATIVE, np.where(mask, 1, flux), np.where(mask, 1, error), mask, [OTHER, ID])


def pixels(stars, index, unit="nm"):
    """One row per pixel, NaN if it is missing; DataLink does this in all formats except CSV."""
    mask = stars.mask[index]
    table = Table({"wavelength": np.round(RVS_NATIVE / 10, 2)}, units={"wavelength": unit})
    table["flux"] = np.where(mask, np.nan, stars.flux[index])
    table["flux_error"] = np.where(mask, np.nan, stars.flux_error[index])
    return table


def rows(stars, indices):
    """One row per pixel, each with source_id, as in DataLink's CSV."""
    lines = [
        "source_id,solution_id,ra,dec,wavelength,flux,flux_error,combined_transits,combined_ccds,deblended_ccds"
    ]
    for i in indices:
        for wavelength, flux, error, bad in zip(
            RVS_NATIVE / 10, stars.flux[i], stars.flux_error[i], stars.mask[i]
        ):
            values = "," if bad else f"{flux},{error}"
            lines.append(
                f"{stars.ids[i]},5950420259779346465,291.4,38.6,{wavelength:.2f},{values},17,47,15"
            )
    return "\n".join(lines) + "\n"


def write_csv(stars, path):
    path.write_text(rows(stars, [0, 1]))


def write_csv_nan(stars, path):
    path.write_text(rows(stars, [0, 1]).replace(",,,", ",NaN,null,"))


def write_csv_gz(stars, path):
    path.write_bytes(gzip.compress(rows(stars, [0, 1]).encode()))


def write_csv_shuffled(stars, path):
    head, *lines = rows(stars, [0, 1]).splitlines()
    # The first line stays first, so that the order of the stars does not change
    np.random.default_rng(1).shuffle(lines[1:])
    path.write_text("\n".join([head, lines[0], *np.random.default_rng(1).permutation(lines[1:])]))


def write_csv_angstrom(stars, path):
    table = Table.read(rows(stars, [0, 1]), format="ascii.csv")
    table["wavelength"] *= 10
    table.write(path, format="ascii.csv")


def write_fits(stars, path):
    """Write FITS with one table per star, and source_id as text in the header."""
    hdus = [fits.PrimaryHDU()]
    for i in range(2):
        hdus.append(fits.table_to_hdu(pixels(stars, i)))
        hdus[-1].header["SOURCEID"] = stars.ids[i]
    fits.HDUList(hdus).writeto(path)


def write_votable_params(stars, path):
    """Write RVS_COMBINED.xml with one TABLE per star, and source_id as a PARAM."""
    files = [from_table(pixels(stars, i)) for i in range(2)]
    for i, file in enumerate(files):
        table = file.get_first_table()
        table.params.append(Param(file, name="source_id", datatype="long", value=stars.ids[i]))
    files[0].resources.append(files[1].resources[0])
    files[0].to_xml(str(path))


def write_votable_column(stars, path):
    table = Table.read(rows(stars, [0, 1]), format="ascii.csv")
    table["wavelength"].unit = "nm"
    table.write(path, format="votable")


def write_ecsv_columns(stars, path):
    table = Table.read(rows(stars, [0, 1]), format="ascii.csv")
    table["wavelength"] = Column(table["wavelength"] * 10, unit="Angstrom")
    table.write(path, format="ascii.ecsv")


def write_bulk(stars, path):
    """Write RvsMeanSpectrum_*.csv.gz, an ECSV with one row per star and lists in brackets."""
    head = ["# %ECSV 1.0", "# ---", "# delimiter: ','", "# datatype:"]
    for name, kind in (("solution_id", "int64"), ("source_id", "int64"), ("ra", "float64")):
        head += [
            "# -",
            f"#   name: {name}",
            f"#   datatype: {kind}",
            "#   description: as in gaia_source",
        ]
    for name in ("flux", "flux_error"):
        head += ["# -", f"#   name: {name}", "#   datatype: string", "#   subtype: float64[null]"]
    head += ["# -", "#   name: combined_transits", "#   datatype: int16"]
    lines = ["solution_id,source_id,ra,flux,flux_error,combined_transits"]
    for i in range(2):
        missing = ("NaN", "null")[i]
        cells = [
            "["
            + ",".join(missing if bad else str(x) for x, bad in zip(values[i], stars.mask[i]))
            + "]"
            for values in (stars.flux, stars.flux_error)
        ]
        lines.append(f'1,{stars.ids[i]},10.5,"{cells[0]}","{cells[1]}",null')
    path.write_bytes(gzip.compress("\n".join(head + lines).encode()))


def write_raw_csv(stars, path):
    """Write the DataLink structure RAW as CSV, with arrays as text in parentheses."""
    lines = ["source_id,flux,flux_error"]
    for i in range(2):
        cells = [
            "("
            + ", ".join("NaN" if bad else str(x) for x, bad in zip(values[i], stars.mask[i]))
            + ")"
            for values in (stars.flux, stars.flux_error)
        ]
        lines.append(f'{stars.ids[i]},"{cells[0]}","{cells[1]}"')
    path.write_text("\n".join(lines) + "\n")


def write_raw_fits(stars, path):
    table = Table(
        {
            "SOURCE_ID": stars.ids.astype(int),
            "flux": stars.flux.copy(),
            "flux_error": stars.flux_error.copy(),
        }
    )
    table["flux"][stars.mask] = np.nan
    table.write(path, format="fits")


def write_hdf5(stars, path):
    stars.write(path)


SHAPES = {
    "RVS.csv": write_csv,
    "nan.csv": write_csv_nan,
    "RVS.csv.gz": write_csv_gz,
    "shuffled.csv": write_csv_shuffled,
    "angstrom.csv": write_csv_angstrom,
    "RVS.fits": write_fits,
    "RVS_COMBINED.xml": write_votable_params,
    "RVS.vot": write_votable_column,
    "RVS.ecsv": write_ecsv_columns,
    "RvsMeanSpectrum_000000-003111.csv.gz": write_bulk,
    "RAW.csv": write_raw_csv,
    "RAW.fits": write_raw_fits,
    "spectra.h5": write_hdf5,
}


@pytest.mark.parametrize("name", SHAPES)
def test_all_shapes_read_the_same(stars, tmp_path, name):
    SHAPES[name](stars, tmp_path / name)
    read = read_spectra(tmp_path / name)
    for field in ("wavelength", "mask", "ids", "flux", "flux_error"):
        np.testing.assert_array_equal(getattr(read, field), getattr(stars, field))
    assert read.labels is None
    # a file that does not tell the correlation of native samples gets that of their survey
    assert read.correlation_length == 3.0


def test_ecsv_with_source_id_in_its_metadata(stars, tmp_path):
    table = pixels(stars, 1)
    table.meta["source_id"] = int(ID)
    table.write(tmp_path / "one.ecsv", format="ascii.ecsv", delimiter=",")
    read = read_spectra(str(tmp_path / "one.ecsv"))
    assert list(read.ids) == [ID]
    np.testing.assert_array_equal(read.flux, stars.flux[1:])


def test_several_files_become_one_set(stars, tmp_path):
    write_raw_fits(stars[:1], tmp_path / "a.fits")
    (tmp_path / "b.csv").write_text(rows(stars, [1]))
    read = read_spectra([tmp_path / "b.csv", tmp_path / "a.fits"])
    assert list(read.ids) == [ID, OTHER]
    np.testing.assert_array_equal(read.flux, stars.flux[::-1])
    with pytest.raises(
        ValueError, match=f"star {ID} is in both .*b.csv and .*c.csv: give only one"
    ):
        (tmp_path / "c.csv").write_text(rows(stars, [1]))
        read_spectra([tmp_path / "b.csv", tmp_path / "c.csv"])
    Spectra(RVS_NATIVE[:5], np.ones((1, 5)), np.ones((1, 5)), np.zeros((1, 5)), ["x"]).write(
        tmp_path / "d.h5"
    )
    with pytest.raises(
        ValueError, match="d.h5 has different wavelengths than .*b.csv, 5 pixels at"
    ):
        read_spectra([tmp_path / "b.csv", tmp_path / "d.h5"])
    with pytest.raises(ValueError, match="no files"):
        read_spectra([])


def test_labels_of_hdf5_files_are_kept(stars, tmp_path):
    for i in range(2):
        labels = Table({"teff": [5000.0 + i]})
        star = stars[i]
        Spectra(star.wavelength, star.flux, star.flux_error, star.mask, star.ids, labels).write(
            tmp_path / f"{i}.h5"
        )
    assert list(read_spectra(sorted(tmp_path.glob("*.h5"))).labels["teff"]) == [5000.0, 5001.0]


def bad(text, old, new):
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[:-40], "the last row is cut.*download it again"),
        (
            lambda t: "\n".join(t.split("\n")[:1500]) + "\n",
            r"has only 1499 of the 2401 pixels of rvs, at 8460\.00-8609\.80 Å: .*truncated",
        ),
        (lambda t: t.split("\n")[0] + "\n", "no table with a spectrum"),
        (
            lambda t: bad(t, "flux_error", "width"),
            "lacks flux_error, its columns are source_id, .*width",
        ),
        (
            lambda t: bad(bad(t, "flux_error", "width"), "wavelength", "w"),
            "lacks flux_error, wavelength, its columns",
        ),
        (
            lambda t: bad(t, "flux", "counts"),
            "no table with a column flux, its columns are .*counts",
        ),
        (lambda t: t + t.split("\n", 1)[1], f"star {ID} appears more than once"),
        (
            lambda t: bad(t, ",846.00,", ",86.00,"),
            r"2401 samples at 860\.00-8700\.00 Å, which are not the pixels of a survey .*rebin",
        ),
        (lambda t: bad(t, ID, f"{ID}.5"), "source_id is stored as floating point"),
    ],
)
def test_a_bad_csv_gives_one_sentence(stars, tmp_path, change, message):
    path = tmp_path / "bad.csv"
    path.write_text(change(rows(stars, [1])))
    with pytest.raises(ValueError, match="bad.csv.*" + message) as caught:
        read_spectra(path)
    assert "\n" not in str(caught.value)


def test_bad_values_give_one_sentence(stars, tmp_path):
    path = tmp_path / "bad.fits"
    for column, value, message in (
        ("flux_error", 0.0, rf"star {OTHER} has flux_error 0 at 8460\.00 Å"),
        ("flux_error", -0.1, rf"star {OTHER} has flux_error -0\.1 at 8460\.00 Å"),
    ):
        table = Table(
            {
                "source_id": stars.ids,
                "flux": stars.flux.copy(),
                "flux_error": stars.flux_error.copy(),
            }
        )
        table[column][0] = value
        table.write(path, overwrite=True)
        with pytest.raises(ValueError, match="bad.fits: " + message):
            read_spectra(path)


def test_air_wavelengths_are_refused(stars, tmp_path):
    table = pixels(stars, 0)
    table.meta["source_id"] = ID
    table["wavelength"] = air_from_vacuum(RVS_NATIVE) / 10
    table.write(tmp_path / "shifted.ecsv")
    shifted_csv = Table(
        {"source_id": [ID] * 2401, **{name: table[name] for name in table.colnames}}
    )
    shifted_csv.write(tmp_path / "shifted.csv")
    for name, field, text in (
        ("described", "description", "Wavelength in air"),
        ("unit", "unit", "Angstrom (air)"),
    ):
        table = pixels(stars, 0, unit=None)
        table.meta["source_id"] = ID
        if field == "unit":
            table["wavelength"].meta["medium"] = text
        else:
            table["wavelength"].description = text
        table.write(tmp_path / f"{name}.ecsv")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(
            ValueError, match=rf"{path.name}: its wavelengths are in air.*vacuum_from_air"
        ):
            read_spectra(path)
    table = pixels(stars, 0)
    table.meta["source_id"] = ID
    table["wavelength"].description = "Wavelength in vacuum (not in air)"
    table.write(tmp_path / "vacuum.ecsv")
    assert len(read_spectra(tmp_path / "vacuum.ecsv")) == 1


def test_a_wavelength_unit_that_is_no_length(stars, tmp_path):
    table = pixels(stars, 0, unit="km / s")
    table.meta["source_id"] = ID
    table.write(tmp_path / "a.ecsv")
    with pytest.raises(ValueError, match="wavelength has the unit 'km / s', which cannot be"):
        read_spectra(tmp_path / "a.ecsv")


@pytest.mark.parametrize("name", [n for n in SHAPES if n != "shuffled.csv"])
def test_truncated_files_give_one_sentence(stars, tmp_path, name):
    path = tmp_path / name
    SHAPES[name](stars, path)
    whole = path.read_bytes()
    for size in (len(whole) // 2, int(0.98 * len(whole))):
        path.write_bytes(whole[:size])
        with pytest.raises((ValueError, OSError), match=name) as caught:
            read_spectra(path)
        assert "truncated" in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_spectra_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.csv is not a file"):
        read_spectra(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match="no files of spectra in .*give at least one"):
        read_spectra(tmp_path)
    for content in (b"", b"\n \n"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(ValueError, match="a.csv is empty: download it again"):
            read_spectra(tmp_path / "a.csv")
    for content in (b"PNG\0\1\2,\3", b"hello\n"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(ValueError, match="a.csv is of unknown kind: give CSV"):
            read_spectra(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(ValueError, match="a.csv is of unknown kind"):
        read_spectra(tmp_path / "a.csv")
    fits.PrimaryHDU(RVS_NATIVE).writeto(tmp_path / "wavelength.fits")
    with pytest.raises(ValueError, match="wavelength.fits: holds no table"):
        read_spectra(tmp_path / "wavelength.fits")


@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_real_spectra():
    files = sorted(Path(os.environ["SPECNB_DATA"], "gaia_rvs").glob("*.csv"))
    spectra = read_spectra(files)
    assert len(spectra) == len(files) >= 3
    np.testing.assert_array_equal(spectra.wavelength, RVS_NATIVE)
    missing = {"2052747119115620352": 7, "4268620287278693120": 0, "1535964555128078720": 3}
    assert {
        star: n for star, n in zip(spectra.ids, spectra.mask.sum(axis=1)) if star in missing
    } == missing
    for centre in CA_II:
        near = np.abs(RVS_NATIVE - centre) < 4
        cores = RVS_NATIVE[near][np.argmin(spectra.flux[:, near], axis=1)]
        # This is far less than the 2.3 Å between vacuum and air
        assert np.all(np.abs(cores - centre) < 0.3)
