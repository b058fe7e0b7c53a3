"""Files of every kind, by their content: tables of any survey, Gaia DR4, parquet, and folders."""

import gzip
import os
import re
import shutil
import tracemalloc
import warnings
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import Param
from astropy.table import Column, MaskedColumn, Table

import specnb
from specnb.core.labels import Label
from specnb.core.spectra import Spectra
from specnb.core.wavelength import air_from_vacuum
from specnb.surveys import APOGEE, RVS, SURVEYS, LeftOutWarning, Survey, read_spectra
from specnb.surveys.apogee.files import ERROR_FLOOR
from specnb.surveys.apogee.pixels import APOGEE_CUT, APOGEE_NATIVE, APOGEE_PIXELS, continuum
from specnb.surveys.archive import real_spectra
from specnb.surveys.plain import samples_of
from specnb.surveys.rvs.pixels import RVS_DR4, RVS_NATIVE, RVS_PIXELS

ID, OTHER = 2052747119115620352, 4268620287278693120
LABEL = Label("age", "Gyr", 0.0, 1.0, "t", "age")
MINE = Survey("mine", "Mine", (LABEL,), np.linspace(5000.0, 5100.0, 51))


def star(wavelength, seed=0):
    """Flux and errors with a line and some noise."""
    rng = np.random.default_rng(seed)
    middle = wavelength[len(wavelength) // 3]
    flux = 1 - 0.5 * np.exp(-0.5 * ((wavelength - middle) / 2.0) ** 2)
    error = rng.uniform(0.01, 0.02, flux.shape)
    return (flux + error * rng.standard_normal(flux.shape)), error


def pixels(wavelength=RVS_NATIVE, name=ID, seed=0):
    """A table with one row per pixel, in nm."""
    flux, error = star(wavelength, seed)
    return Table(
        {
            "source_id": np.full(len(wavelength), name),
            "wavelength": np.round(wavelength / 10, 6),
            "flux": flux,
            "flux_error": error,
        }
    )


MASKED = [*range(100, 120), 2398, 2399, 2400]


def with_masks():
    table = Table(pixels(), masked=True)
    for name in ("flux", "flux_error"):
        table[name].mask[MASKED] = True
    return table


def text(table, delimiter=","):
    lines = [delimiter.join(table.colnames)]
    lines += [delimiter.join(str(cell) for cell in row) for row in table]
    return "\n".join(lines) + "\n"


@pytest.fixture(autouse=True)
def loud():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def same(read, flux, error):
    np.testing.assert_allclose(read.flux[0], flux, rtol=1e-6)
    np.testing.assert_allclose(read.flux_error[0], error, rtol=1e-6)


# ---- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "\ufeff" + t,
        lambda t: "\ufeff" + t.replace("\n", "\r\n"),
        lambda t: "# Gaia DR3, RVS mean spectrum\n" + t,
        lambda t: "\n\n" + t + "\n \n\n",
        lambda t: t.replace(",", ";"),
        lambda t: t.replace(",", "\t"),
        lambda t: t.replace(",", " \t "),
        lambda t: t.replace(",", "   "),
        lambda t: "# made by hand\n# " + t.replace(",", " "),
        lambda t: t.replace("\n", ",1.0\n").replace("flux_error,1.0", "flux_error,FLUX"),
        lambda t: "\n".join(",".join(f'"{x}"' for x in row.split(",")) for row in t.splitlines()),
        lambda t: t.replace("source_id", "SOURCE_ID").replace("flux,", "Flux,"),
    ],
)
def test_sound_texts_are_read(tmp_path, change):
    table = pixels()
    (tmp_path / "star.csv").write_text(change(text(table)), "utf-8", newline="")
    read = read_spectra(tmp_path / "star.csv")
    assert list(read.ids) == [str(ID)] and read.correlation_length == 3
    same(read, table["flux"], table["flux_error"])


def test_missing_cells_and_bad_cells(tmp_path):
    rows = text(pixels()).splitlines()
    words = ("", "null", "NULL", "NaN", "nan", "N/A", "--", "None", '""')
    for k, word in enumerate(words):
        cells = rows[100 + k].split(",")
        rows[100 + k] = ",".join([*cells[:2], word, cells[3]])
    path = tmp_path / "star.csv"
    path.write_text("\n".join(rows))
    read = read_spectra(path)
    assert list(np.flatnonzero(read.mask[0])) == list(range(99, 99 + len(words)))
    for word in ("#N/A", "#VALUE!", "0,99x", "hello"):
        cells = rows[500].split(",")
        path.write_text(
            "\n".join([*rows[:500], f'{cells[0]},{cells[1]},"{word}",0.1', *rows[501:]])
        )
        message = f"star.csv: flux has the value '{word}' in row 500, which is no number"
        with pytest.raises(ValueError, match=message) as caught:
            read_spectra(path)
        assert "truncated" not in str(caught.value)


def test_a_star_whose_id_is_an_error_of_a_spreadsheet_is_not_lost(tmp_path):
    table = mean_spectra()
    write(table, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text().replace(f"3,{OTHER},", f"#N/A,{OTHER},")
    (tmp_path / "a.csv").write_text(text + "# the end\n")
    with pytest.warns(UserWarning, match="draft"):
        assert len(read_spectra(tmp_path / "a.csv")) == 2
    (tmp_path / "a.csv").write_text(text.replace(f"#N/A,{OTHER},", "3,#N/A,"))
    with pytest.raises(ValueError, match="a.csv: source_id is #N/A in row 2"):
        read_spectra(tmp_path / "a.csv")


def test_a_star_without_a_spectrum_and_a_list_with_a_word(tmp_path):
    write(mean_spectra(), tmp_path / "a.csv")
    head, first, second = (tmp_path / "a.csv").read_text().splitlines()
    first = f"3,{ID},null," + first.split('"')[3].join('""')
    (tmp_path / "a.csv").write_text("\n".join([head, second, first]))
    with (
        pytest.warns(UserWarning, match="draft"),
        pytest.warns(LeftOutWarning, match=f"a.csv: 1 of 2 stars are left out, {ID} "),
    ):
        assert len(read_spectra(tmp_path / "a.csv")) == 1
    (tmp_path / "a.csv").write_text("\n".join([head, second.replace("[0.", "[hello,")]))
    with pytest.raises(
        ValueError, match="flux.* has the value 'hello' in row 1, which is no"
    ) as caught:
        read_spectra(tmp_path / "a.csv")
    assert len(str(caught.value)) < 500


def test_columns_that_differ_in_case_only(tmp_path):
    table = pixels()
    table.rename_columns(["flux"], ["Flux"])
    table["FLUX"] = 1.0
    (tmp_path / "star.csv").write_text(text(table))
    with pytest.raises(ValueError, match="star.csv: has the columns Flux and FLUX: rename one"):
        read_spectra(tmp_path / "star.csv")


def test_an_ecsv_that_is_cut_in_its_header(tmp_path):
    pixels().write(tmp_path / "a.ecsv")
    content = (tmp_path / "a.ecsv").read_text()
    for size in (60, content.index("schema"), content.index("\n2052")):
        (tmp_path / "a.ecsv").write_text(content[:size])
        with pytest.raises(ValueError, match="a.ecsv"):
            read_spectra(tmp_path / "a.ecsv")


def test_a_row_that_is_cut_is_truncated_and_another_is_not(tmp_path):
    lines = text(pixels()).splitlines()
    path = tmp_path / "star.csv"
    path.write_text("\n".join(lines)[:-40] + "\n\n")
    with pytest.raises(ValueError, match="the last row is cut.*truncated"):
        read_spectra(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
@pytest.mark.parametrize("change", [lambda c: c[:2] + c[3:], lambda c: [*c, "7"]])
def test_a_row_with_another_number_of_cells_is_refused(tmp_path, delimiter, change):
    lines = text(pixels(), delimiter).splitlines()
    lines[1000] = delimiter.join(change(lines[1000].split(delimiter)))
    (tmp_path / "a.csv").write_text("\n".join(lines))
    message = "a.csv cannot be read as csv .row 1000 has not 4 cells"
    with pytest.raises(ValueError, match=message) as caught:
        read_spectra(tmp_path / "a.csv")
    assert "truncated" not in str(caught.value)


def test_delimiters_at_the_ends_of_all_rows_and_rows_of_empty_cells(tmp_path):
    rows = text(pixels()).splitlines()
    (tmp_path / "a.csv").write_text(",,,,\n" + "".join(f"{row},\n" for row in rows) + ",,,,\n" * 2)
    same(read_spectra(tmp_path / "a.csv"), pixels()["flux"], pixels()["flux_error"])


@pytest.mark.parametrize("kind", ["tab", "csv", "basic", "fixed_width", "fixed_width_two_line"])
def test_empty_cells_are_missing(tmp_path, kind):
    table = with_masks()
    table["transits"] = 31
    table.write(tmp_path / "a.txt", format=f"ascii.{kind}")
    read = read_spectra(tmp_path / "a.txt")
    assert list(np.flatnonzero(read.mask[0])) == MASKED
    good = ~read.mask[0]
    np.testing.assert_allclose(read.flux[0, good], table["flux"][good], rtol=1e-5)


@pytest.mark.parametrize("delimiter", [" ", ",", "\t"])
def test_numbers_without_names_ask_for_names(tmp_path, delimiter):
    columns = np.c_[RVS_NATIVE, np.ones(2401), np.full(2401, 0.1)]
    np.savetxt(tmp_path / "a.txt", columns, delimiter=delimiter)
    with pytest.raises(ValueError, match="a.txt .*lacks the names of its columns.*flux_error"):
        read_spectra(tmp_path / "a.txt")
    names = delimiter.join(("wavelength", "flux", "flux_error"))
    np.savetxt(tmp_path / "b.txt", columns, delimiter=delimiter, header=f"{names}\nmade here")
    assert len(read_spectra(tmp_path / "b.txt")) == 1


@pytest.mark.parametrize("kind", ["csv", "ecsv"])
def test_cells_with_whole_spectra_of_the_h_band(tmp_path, kind):
    rng = np.random.default_rng(0)
    table = Table({"id": ["x"], "wavelength": [APOGEE_NATIVE]})
    table["flux"], table["flux_error"] = rng.normal(100, 1, (2, 1, 8575))
    table["flux_error"] = 1 + table["flux_error"] / 1e6
    if kind == "csv":
        for name in table.colnames[1:]:
            table[name] = [str(row.tolist()) for row in table[name]]
    table.write(tmp_path / "a.csv", format=f"ascii.{kind}")
    assert max(map(len, (tmp_path / "a.csv").read_text().split('"'))) > 131_072
    assert list(read_spectra(tmp_path / "a.csv").ids) == ["x"]


# ---- ids ------------------------------------------------------------------------------------------


def ecsv(path, table, star):
    table.meta["source_id"] = star
    table.write(path, format="ascii.ecsv")


def header(path, table, star):
    hdu = fits.table_to_hdu(table)
    hdu.header["SOURCEID"] = star
    hdu.writeto(path)


def param(path, table, star):
    file = from_table(table)
    kind = {"datatype": "double"} if isinstance(star, float) else {"datatype": "long"}
    if isinstance(star, str):
        kind = {"datatype": "char", "arraysize": "*"}
    file.get_first_table().params.append(Param(file, name="source_id", value=str(star), **kind))
    file.to_xml(str(path))


@pytest.mark.parametrize("write", [ecsv, header, param])
def test_ids_in_metadata_are_exact_or_refused(tmp_path, write):
    table = pixels()["wavelength", "flux", "flux_error"]
    for k, good in enumerate((ID, str(ID))):
        write(tmp_path / f"good{k}", table.copy(), good)
        assert list(read_spectra(tmp_path / f"good{k}").ids) == [str(ID)]
    for k, wrong in enumerate((float(ID), "2.0527471191156204e+18", "-5")):
        write(tmp_path / f"bad{k}", table.copy(), wrong)
        with pytest.raises(ValueError, match=f"bad{k}: source_?id is .*integer"):
            read_spectra(tmp_path / f"bad{k}")


@pytest.mark.parametrize("wrong", ["", "0", "-3", "999999", "2.05e18", f"{ID}.0", "abc"])
def test_a_row_without_a_good_source_id_is_refused(tmp_path, wrong):
    table = text(pixels())
    (tmp_path / "star.csv").write_text(table.replace(f"\n{ID}", f"\n{wrong}", 3))
    with pytest.raises(ValueError, match="star.csv: source_id"):
        read_spectra(tmp_path / "star.csv")


def test_a_masked_source_id_is_refused(tmp_path):
    flux, error = star(RVS_NATIVE)
    table = Table({"source_id": MaskedColumn([ID, 7], mask=[False, True])})
    table["flux"], table["flux_error"] = [flux, flux], [error, error]
    for name in ("raw.fits", "raw.ecsv", "raw.vot"):
        kind = {"fits": "fits", "ecsv": "ascii.ecsv", "vot": "votable"}[name[4:]]
        table.write(tmp_path / name, format=kind)
        with pytest.raises(ValueError, match=f"{name}: source_id: star 1 has none"):
            read_spectra(tmp_path / name)
        table[:1].write(tmp_path / name, format=kind, overwrite=True)
        same(read_spectra(tmp_path / name), flux, error)


# ---- plain tables of all surveys ------------------------------------------------------------------


def test_a_table_of_ones_own_survey(tmp_path, monkeypatch):
    monkeypatch.setitem(SURVEYS, "mine", MINE)
    flux, error = star(MINE.pixels)
    columns = {"Wave": MINE.pixels, "SPEC": flux, "err": error, "mask": np.arange(51) == 7}
    for name in ("a.csv", "b.fits", "c.ecsv", "d.vot", "e.txt"):
        table = Table(columns)
        if name == "b.fits":  # with units, and the other way round
            table = Table({**columns, "Wave": Column(MINE.pixels / 1e4, unit="um")})[::-1]
        kinds = {
            "d.vot": "votable",
            "e.txt": "ascii.basic",
            "c.ecsv": "ascii.ecsv",
            "a.csv": "ascii.csv",
        }
        table.write(tmp_path / name, format=kinds.get(name, "fits"))
        read = read_spectra(tmp_path / name)
        np.testing.assert_array_equal(read.wavelength, MINE.pixels)
        assert list(read.ids) == [name[0]] and list(np.flatnonzero(read.mask)) == [7]
        good = ~read.mask[0]
        np.testing.assert_allclose(read.flux[0, good], flux[good], rtol=1e-6)
    log = Table({"loglam": np.log10(MINE.pixels), "flux": flux, "ivar": error**-2.0})
    log["ivar"][3] = 0
    log.meta["OBJECT"] = "HD 1"
    log.write(tmp_path / "log.fits")
    read = read_spectra(tmp_path / "log.fits")
    assert list(read.ids) == ["HD 1"] and list(np.flatnonzero(read.mask)) == [3]
    np.testing.assert_allclose(read.flux_error[~read.mask], np.delete(error, 3), rtol=1e-5)


def test_per_cent_and_unnormalised_flux(tmp_path):
    flux, error = star(RVS_PIXELS)
    table = Table({"wavelength": RVS_PIXELS, "flux": 100 * flux, "error": 100 * error})
    table.write(tmp_path / "a.ecsv")
    with pytest.raises(ValueError, match=r"star a has a median flux of 9\d.*divide flux and error"):
        read_spectra(tmp_path / "a.ecsv")
    table["flux"].unit = table["error"].unit = "%"
    table.write(tmp_path / "b.ecsv")
    read = read_spectra(tmp_path / "b.ecsv")
    same(read, flux, error)
    assert read.correlation_length == 1
    table["flux"].unit = table["error"].unit = "Jy"
    table.write(tmp_path / "c.ecsv")
    with pytest.raises(ValueError, match="flux has the unit 'Jy'"):
        read_spectra(tmp_path / "c.ecsv")

    table.remove_columns(["flux", "error"])
    table["flux"], table["error"] = 100 * flux, 100 * error
    table["flux"].unit = table["error"].unit = "%"
    table.write(tmp_path / "d.xml", format="votable")
    same(read_spectra(tmp_path / "d.xml"), flux, error)


@pytest.mark.parametrize(
    ("about", "air"),
    [
        ({"TELESCOP": "open air"}, False),
        ({"note": "air mass 1.2"}, False),
        ({"AIRMASS": 1.2, "AIR_MASS": 1.2, "air mass": 1.2}, False),
        ({"AIRORVAC": "vac"}, False),
        ({"VACUUM": True}, False),
        ({"wavelength": "converted from air to vacuum"}, False),
        ({"AIRORVAC": "air"}, True),
        ({"VACUUM": False}, True),
        ({"VACUUM": "F"}, True),
        ({"WAVE_AIR": True}, True),
        ({"medium": "Air"}, True),
        ({"CTYPE1": "AWAV"}, True),
    ],
)
def test_metadata_about_air(tmp_path, about, air):
    table = pixels()
    table.meta = about
    table.write(tmp_path / "a.ecsv")
    if air:
        with pytest.raises(ValueError, match="a.ecsv: its wavelengths are in air"):
            read_spectra(tmp_path / "a.ecsv")
    else:
        assert len(read_spectra(tmp_path / "a.ecsv")) == 1


@pytest.mark.parametrize("cut", [slice(None), APOGEE_CUT, np.r_[246:3274, 3585:6080, 6344:8335]])
def test_apogee_tables_are_normalised(tmp_path, cut):
    flux, error = (values[cut] for values in star(APOGEE_NATIVE))
    bits = np.zeros(len(flux), int)
    inside = np.flatnonzero(np.isin(np.arange(8575)[cut], APOGEE_CUT))
    bits[inside[[100, 200]]] = 1 << 1, 1 << 9  # a cosmic ray, and a flag that is none of `BAD_BITS`
    # the Multimodal Universe rounds log λ to 32 bits
    log = np.log10(APOGEE_NATIVE[cut]).astype("f4").astype(float)
    table = Table(
        {"lambda": (10**log).astype("f4"), "flux": 7e-3 * flux, "ivar": (7e-3 * error) ** -2}
    )
    table["pix_bitmask"] = bits
    table.write(tmp_path / "2M1.fits")
    read = read_spectra(tmp_path / "2M1.fits")
    scale = continuum(flux[inside][None], error[inside][None] ** -2.0)[0]
    assert list(np.flatnonzero(read.mask[0])) == [100]
    good = ~read.mask[0]
    np.testing.assert_allclose(read.flux[0, good], (flux[inside] / scale)[good], rtol=1e-3)
    assert read.flux_error.min() >= np.float32(ERROR_FLOOR)
    np.testing.assert_array_equal(read.wavelength, APOGEE_PIXELS)


@pytest.mark.parametrize(
    ("wavelength", "message"),
    [
        (RVS_NATIVE + 0.05, "2401 samples at 8460.05-8700.05 Å, which are not .*specnb.rebin"),
        (np.linspace(8460, 8700, 1201), "1201 samples at"),
        (np.linspace(8460, 8700, 24001), "24001 samples at"),  # reading does not thin spectra out
        (np.linspace(4000, 5000, 500), "500 samples at 4000.00-5000.00"),
        (air_from_vacuum(RVS_PIXELS), "wavelengths are in air"),
        (air_from_vacuum(APOGEE_NATIVE), "wavelengths are in air"),
        (APOGEE_NATIVE * 1.0001007, "8575 samples at"),  # not at rest
        (RVS_NATIVE[:2000], "only 2000 of the 2401 pixels .*truncated"),
    ],
)
def test_other_pixels_are_refused(tmp_path, wavelength, message):
    flux, error = star(wavelength)
    Table({"wl": wavelength, "flux": flux, "sigma": error}).write(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=f"a.csv: .*{message}") as caught:
        read_spectra(tmp_path / "a.csv")
    assert ("truncated" in str(caught.value)) == ("truncated" in message)


def test_samples_of_a_grid():
    grid = np.r_[0.0:5, 20.0:25]
    inside = samples_of(grid, np.arange(-3.0, 40))
    np.testing.assert_array_equal(inside, np.r_[3:8, 23:28])
    assert samples_of(grid, np.arange(-3.0, 40, 0.5)) is None  # twice as many samples
    assert samples_of(grid, np.arange(-3.0, 40) + 0.2) is None
    assert samples_of(grid, np.arange(0.0, 24)) is None
    assert samples_of(grid, np.arange(-3.0, 40) + 0.04) is not None


# ---- Gaia DR4, as in its draft --------------------------------------------------------------------


def mean_spectra(n=2):
    both = [star(RVS_DR4, seed) for seed in range(n)]
    table = Table({"solution_id": np.full(n, 3), "source_id": [ID, OTHER][:n]})
    table["flux"] = np.array([flux for flux, _ in both])
    table["flux_error"] = np.array([error for _, error in both])
    table["flux"][0, :4] = np.nan
    return table


def epochs(methods=(1, 1, 2)):
    table = mean_spectra(1)[[0] * len(methods)]
    table["transit_id"] = 57_000_000_000_000_001 + np.arange(len(methods))
    table["obs_time_rv"] = Column(2100.5 + np.arange(len(methods)), unit="d")
    table["normalisation_method"] = np.array(methods, "i2")
    table["combined_ccds"] = table["deblended_ccds"] = np.array(3, "i2")
    return table


def lists(table):
    """CSV with arrays as text."""
    copy = table.copy()
    for name in ("flux", "flux_error"):
        copy[name] = ["[" + ",".join(str(x) for x in row) + "]" for row in table[name]]
    return copy


def write(table, path):
    kinds = {".csv": "ascii.csv", ".vot": "votable", ".fits": "fits", ".ecsv": "ascii.ecsv"}
    if path.suffix == ".zip":
        write(table, path.with_suffix(".csv"))
        with ZipFile(path, "w") as file:
            file.write(path.with_suffix(".csv"), "epochs/EPOCH_SPECTRUM_RVS.csv")
            file.writestr("epochs/README", "made by a test")
    elif path.suffix == ".parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        arrow = pytest.importorskip("pyarrow")
        columns = {name: table[name].tolist() for name in table.colnames}
        pq.write_table(arrow.table(columns), path)
    else:
        table = lists(table) if path.suffix == ".csv" else table
        table.write(path, format=kinds[path.suffix])


@pytest.mark.parametrize("kind", [".fits", ".csv", ".ecsv", ".vot", ".zip", ".parquet"])
def test_dr4_mean_spectra(tmp_path, kind):
    table = mean_spectra()
    write(table, tmp_path / f"RVS{kind}")
    with pytest.warns(UserWarning, match="961 samples .*draft of Gaia DR4"):
        read = read_spectra(tmp_path / f"RVS{kind}")
    assert list(read.ids) == [str(ID), str(OTHER)] and read.labels is None and read.at_rest
    np.testing.assert_array_equal(read.wavelength, RVS_DR4)
    np.testing.assert_allclose(read.flux[1], table["flux"][1], rtol=1e-6)
    assert read.mask.sum() == 4 and read.correlation_length == pytest.approx(1.2)
    fit = specnb.rebin(read[1], RVS_PIXELS)
    assert not fit.mask.any() and fit.correlation_length == 1


def test_dr4_spectra_with_their_own_wavelengths(tmp_path):
    table = pixels(RVS_DR4)
    (tmp_path / "pixels.csv").write_text(text(table))
    same(read_spectra(tmp_path / "pixels.csv"), table["flux"], table["flux_error"])
    rows = mean_spectra(1)
    rows["wavelength"] = [RVS_DR4 / 10]
    rows.write(tmp_path / "rows.fits")
    np.testing.assert_array_equal(read_spectra(tmp_path / "rows.fits").wavelength, RVS_DR4)
    rows["wavelength"] = [np.linspace(846.0, 870.3, 961)]
    rows.write(tmp_path / "other.fits")
    with pytest.raises(ValueError, match=r"961 samples at 8460.00-8703.00 Å, which are not"):
        read_spectra(tmp_path / "other.fits")
    for step, good in ((0.25, True), (0.2, False)):
        hdu = fits.table_to_hdu(mean_spectra(1))
        hdu.header["CRVAL1"], hdu.header["CDELT1"] = 8460.0, step
        hdu.writeto(tmp_path / f"{step}.fits")
        if good:
            assert len(read_spectra(tmp_path / f"{step}.fits")) == 1
        else:
            with pytest.raises(ValueError, match=r"961 samples at 8460.00-8652.00"):
                read_spectra(tmp_path / f"{step}.fits")


@pytest.mark.parametrize("n", [960, 1201, 2400])
def test_other_numbers_of_samples_are_refused(tmp_path, n):
    table = Table({"source_id": [ID], "flux": np.ones((1, n)), "flux_error": np.ones((1, n))})
    table.write(tmp_path / "a.fits")
    message = f"has spectra of {n} samples and no wavelengths, its columns are source_id, flux"
    with pytest.raises(ValueError, match=message) as caught:
        read_spectra(tmp_path / "a.fits")
    assert "download" not in str(caught.value)


@pytest.mark.parametrize("kind", [".fits", ".csv", ".zip", ".vot", ".parquet"])
def test_dr4_epoch_spectra(tmp_path, kind):
    write(epochs(), tmp_path / f"e{kind}")
    with pytest.warns(UserWarning, match="draft"):
        read = read_spectra(tmp_path / f"e{kind}")
    assert not read.at_rest and not specnb.rebin(read, RVS_PIXELS).at_rest
    assert list(read.ids) == [f"{ID}-{57_000_000_000_000_001 + k}" for k in range(3)]
    labels = read.labels
    assert labels.colnames == ["source_id", "transit_id", "obs_time_rv", "normalisation_method"]
    assert labels["source_id"].dtype == np.int64 and set(labels["source_id"]) == {ID}
    assert list(labels["transit_id"] - 57_000_000_000_000_000) == [1, 2, 3]
    assert list(labels["obs_time_rv"]) == [2100.5, 2101.5, 2102.5]
    assert labels["obs_time_rv"].unit == "d"
    # a set of epochs is written and read again
    assert labels["normalisation_method"].dtype == np.int64
    read.write(tmp_path / "e.h5")
    again = read_spectra(tmp_path / "e.h5")
    assert not again.at_rest and again.labels["source_id"][0] == ID


def test_epochs_with_one_row_per_pixel(tmp_path):
    table = pixels(RVS_DR4)
    parts = []
    for transit in (12, 11):
        part = table.copy()
        part["transit_id"], part["normalisation_method"], part["obs_time_rv"] = transit, 1, 5.0
        parts.append(text(part).split("\n", 1))
    (tmp_path / "e.csv").write_text(parts[0][0] + "\n" + parts[0][1] + parts[1][1])
    read = read_spectra(tmp_path / "e.csv")
    assert list(read.ids) == [f"{ID}-12", f"{ID}-11"] and not read.at_rest
    assert list(read.labels["transit_id"]) == [12, 11]


def test_epochs_described_by_metadata_only(tmp_path):
    about = {"transit_id": 12, "obs_time_rv": 5.5, "normalisation_method": 1}
    table = pixels(RVS_DR4)["wavelength", "flux", "flux_error"]
    ecsv_table = table.copy()
    ecsv_table.meta |= {"source_id": ID} | about
    ecsv_table.write(tmp_path / "a.ecsv")
    file = from_table(table)
    params = file.get_first_table().params
    for name, value in ({"source_id": ID} | about).items():
        kind = "double" if name == "obs_time_rv" else "long"
        params.append(Param(file, name=name, value=str(value), datatype=kind))
    file.to_xml(str(tmp_path / "b.xml"))
    hdu = fits.table_to_hdu(table)
    hdu.header["SOURCEID"] = ID
    with warnings.catch_warnings(action="ignore"):
        hdu.header.update({f"HIERARCH {name}": value for name, value in about.items()})
        hdu.writeto(tmp_path / "c.fits")
    for name in ("a.ecsv", "b.xml", "c.fits"):
        read = read_spectra(tmp_path / name)
        assert list(read.ids) == [f"{ID}-12"] and not read.at_rest
        assert read.labels["obs_time_rv"][0] == 5.5
    # a time of observation is enough
    del ecsv_table.meta["transit_id"]
    ecsv_table.write(tmp_path / "d.ecsv")
    read = read_spectra(tmp_path / "d.ecsv")
    assert list(read.ids) == [str(ID)] and not read.at_rest


def test_epochs_that_are_not_normalised_are_left_out(tmp_path):
    write(epochs((0, 1, 4, 3)), tmp_path / "e.fits")
    with pytest.warns() as caught:
        read = read_spectra(tmp_path / "e.fits")
    texts = {str(each.message): each.category for each in caught}
    assert any("e.fits: 2 of 4 spectra are not normalised" in t for t in texts)
    assert LeftOutWarning in texts.values()
    assert any("1 spectra are divided by their median" in t for t in texts)
    assert list(read.labels["normalisation_method"]) == [1, 3]
    write(epochs((0, 4)), tmp_path / "bad.fits")
    with pytest.raises(ValueError, match="bad.fits: 2 of 2 spectra are not normalised"):
        read_spectra(tmp_path / "bad.fits")


# ---- parquet, ZIP and other kinds -----------------------------------------------------------------


def test_the_multimodal_universe(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    cut = np.r_[246:3274, 3585:6080, 6344:8335]
    flux, error = (values[cut] for values in star(APOGEE_NATIVE))
    spectrum = {
        "flux": (flux * 300).tolist(),
        "ivar": ((error * 300) ** -2).tolist(),
        "lsf_sigma": np.ones(len(cut)).tolist(),
        "lambda": APOGEE_NATIVE[cut].astype("f4").tolist(),
        "mask": (np.arange(len(cut)) == 500).tolist(),
    }
    table = {"_healpix_29": [5, 6], "object_id": ["2M1", "2M2"], "spectrum": [spectrum] * 2}
    parquet.write_table(arrow.table(table), tmp_path / "Npix=5.parquet")
    read = read_spectra(tmp_path / "Npix=5.parquet")
    assert list(read.ids) == ["2M1", "2M2"] and read.mask.sum() == 2
    np.testing.assert_array_equal(read.wavelength, APOGEE_PIXELS)
    parquet.write_table(arrow.table({"object_id": [1], "bp_rp": [0.8]}), tmp_path / "gaia.parquet")
    with pytest.raises(
        ValueError,
        match="gaia.parquet: holds no table with a column flux, its columns are object_id",
    ):
        read_spectra(tmp_path / "gaia.parquet")
    whole = (tmp_path / "Npix=5.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut.parquet .*truncated"):
        read_spectra(tmp_path / "cut.parquet")


def test_masks_of_parquet_count(tmp_path):
    pytest.importorskip("pyarrow")
    with_masks().write(tmp_path / "a.parquet")
    assert list(np.flatnonzero(read_spectra(tmp_path / "a.parquet").mask[0])) == MASKED
    rows = Table({"source_id": MaskedColumn([ID, OTHER], mask=[False, False])})
    rows["flux"] = MaskedColumn(np.ones((2, 2401)), mask=np.arange(4802).reshape(2, -1) % 99 == 0)
    rows["flux_error"] = np.full((2, 2401), 0.1)
    rows.write(tmp_path / "b.parquet")
    read = read_spectra(tmp_path / "b.parquet")
    assert list(read.ids) == [str(ID), str(OTHER)]
    np.testing.assert_array_equal(read.mask, rows["flux"].mask)


def test_parquet_that_grows_too_much_is_refused(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {name: np.ones(3_000_000) for name in ("wavelength", "flux", "flux_error")}
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="a.parquet .*it unpacks to 72 MB") as caught:
        read_spectra(tmp_path / "a.parquet")
    assert "truncated" not in str(caught.value)


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and so on PAR1")
    with pytest.raises(ValueError, match=r"a.parquet: .*pip install specnb\[parquet\]"):
        read_spectra(tmp_path / "a.parquet")


def test_files_in_a_zip_that_are_left_out_are_named(tmp_path):
    with ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("x/a.csv", text(pixels()))
        file.writestr("x/empty.csv", "")
        file.writestr("x/readme.txt", "about")
    with pytest.warns(LeftOutWarning, match="a.zip/x/empty.csv was left out") as caught:
        assert len(read_spectra(tmp_path / "a.zip")) == 1
    assert len(caught) == 1


def test_compressed_files_in_a_zip_are_read(tmp_path):
    packed = gzip.compress(text(pixels()).encode())
    with ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("x/a.csv.gz", packed)
    same(read_spectra(tmp_path / "a.zip"), pixels()["flux"], pixels()["flux_error"])
    for content, message in (
        (packed[:5000], "a.csv.gz is not a whole file.*truncated"),
        (gzip.compress(bytes(2**25)), "a.csv.gz grows to more than 17 MB"),
    ):
        with ZipFile(tmp_path / "a.zip", "w") as file:
            file.writestr("x/a.csv.gz", content)
        with pytest.raises(ValueError, match=message):
            read_spectra(tmp_path / "a.zip")


def test_other_spectra_in_a_zip_are_not_lost_in_silence(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((2, 8575)))]).writeto(
        tmp_path / "a.fits"
    )
    with ZipFile(tmp_path / "a.zip", "w") as file:
        file.write(tmp_path / "a.fits", "apStar.fits")
    with (
        pytest.warns(LeftOutWarning, match="a.zip/apStar.fits was left out, it holds no tables"),
        pytest.raises(ValueError, match="a.zip holds no table with .*images in FITS.*unpack it"),
    ):
        read_spectra(tmp_path / "a.zip")


def test_what_python_cannot_unpack_is_not_called_truncated(tmp_path):
    with ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.csv", text(pixels()))
    whole = (tmp_path / "a.zip").read_bytes()
    middle = whole.find(b"PK\x01\x02")
    # a bit of the flags says that there is a password, and 9 stands for another compression
    for place, value, message in ((6, 1, "password required"), (8, 9, "compression.*unpack it")):
        content = bytearray(whole)
        content[place] = content[middle + place + 2] = value
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(ValueError, match=f"a.zip cannot be unpacked .*{message}") as caught:
            read_spectra(tmp_path / "a.zip")
        assert "truncated" not in str(caught.value)


def test_broken_zips_and_xml(tmp_path):
    write(epochs(), tmp_path / "e.zip")
    whole = (tmp_path / "e.zip").read_bytes()
    (tmp_path / "e.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="e.zip .*truncated"):
        read_spectra(tmp_path / "e.zip")
    (tmp_path / "a.xml").write_text(
        "<?xml version='1.0'?><VOTABLE><RESOURCE><FOO></RESOURCE></VOTABLE>"
    )
    with pytest.raises(ValueError, match="a.xml cannot be read as votable") as caught:
        read_spectra(tmp_path / "a.xml")
    assert "truncated" not in str(caught.value)


def test_packed_hdf5_and_zips_that_grow_too_much(tmp_path):
    flux, error = star(RVS_NATIVE)
    Spectra(RVS_NATIVE, [flux], [error], np.zeros((1, 2401)), ["h"]).write(tmp_path / "a.h5")
    (tmp_path / "a.h5.gz").write_bytes(gzip.compress((tmp_path / "a.h5").read_bytes()))
    with pytest.raises(ValueError, match="a.h5.gz is compressed HDF5.*unpack it") as caught:
        read_spectra(tmp_path / "a.h5.gz")
    assert "truncated" not in str(caught.value)
    with ZipFile(tmp_path / "a.zip", "w", 8) as file, file.open("a.csv", "w") as f:
        for _ in range(300):
            f.write(b"1,846.00,1,0.1\n" * 70_000)
    with pytest.raises(ValueError, match="a.zip .*it grows too much"):
        read_spectra(tmp_path / "a.zip")


def test_epochs_of_several_files_keep_their_labels(tmp_path):
    for k in range(2):
        hdu = fits.table_to_hdu(epochs((1, 2))[k : k + 1])
        hdu.header["DATE"] = f"2026-12-0{k + 2}"  # headers that differ are no reason to warn
        hdu.writeto(tmp_path / f"{k}.fits")
    with pytest.warns(UserWarning, match="draft") as caught:
        read = read_spectra(tmp_path)
    assert len(caught) <= 2 and all("draft" in str(each.message) for each in caught)
    assert list(read.labels["normalisation_method"]) == [1, 2] and len(read) == 2


def test_fits_headers_and_tables_that_do_not_matter(tmp_path):
    table = pixels()
    catalogue = fits.table_to_hdu(Table({"teff": [5000.0]}))
    hdu = fits.table_to_hdu(table)
    hdu.header["SNR"] = 1.0
    fits.HDUList([fits.PrimaryHDU(), catalogue, hdu]).writeto(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(
        content.replace(b"SNR     =                  1.0", b"SNR     =                  NaN")
    )
    same(read_spectra(tmp_path / "a.fits"), table["flux"], table["flux_error"])


def test_fits_that_is_cut_after_a_header_is_truncated(tmp_path):
    pixels().write(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    for size in (2880, 2 * 2880):
        (tmp_path / "a.fits").write_bytes(content[:size])
        with pytest.raises(ValueError, match="a.fits is not a whole fits file.*truncated"):
            read_spectra(tmp_path / "a.fits")


def test_files_that_grow_too_much_are_refused(tmp_path):
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=6) as f:
        f.write(text(pixels()).encode())
        for _ in range(300):
            f.write(b"1,846.00,1,0.1\n" * 70_000)
    tracemalloc.start()
    with pytest.raises(
        ValueError, match="bomb.csv.gz grows to more than .* MB when it is unpacked"
    ):
        read_spectra(bomb)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


# ---- folders --------------------------------------------------------------------------------------


def fill(folder):
    """Good, truncated, foreign and duplicate files."""
    folder.mkdir(parents=True)
    good = pixels()
    (folder / "a.CSV").write_text(text(good))
    hdu = fits.table_to_hdu(pixels(name=OTHER, seed=1))
    hdu.writeto(folder / "b.fits")
    (folder / "b.fits.gz").write_bytes(gzip.compress((folder / "b.fits").read_bytes()))
    (folder / "b.fits").unlink()
    pixels(name=7, seed=2).write(folder / "c.votable", format="votable")
    flux, error = star(RVS_NATIVE)
    Spectra(RVS_NATIVE, [flux], [error], np.zeros((1, 2401)), ["h"]).write(folder / "d.h5")
    two = pixels(name=8, seed=3)
    (folder / "e.csv").write_text(text(two) + text(good).split("\n", 1)[1])
    # what is left out
    (folder / "copy.csv.gz").write_bytes(gzip.compress(text(good).encode()))
    (folder / "cut.csv").write_text(text(good)[:-30])
    (folder / "cut.fits.gz").write_bytes((folder / "b.fits.gz").read_bytes()[:9000])
    (folder / "letter.txt").write_text("Dear colleague,\nhere are the files.\n")
    (folder / "error.csv").write_text("<html><h1>404, Not Found</h1>\n<p>1, 2</p></html>\n")
    (folder / "data.csv").write_text('{"flux": 1, "b": [1, 2]}\n{"flux": 2}\n')
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "empty.csv").write_bytes(b"")
    # what is no data at all
    (folder / "README.md").write_text("spectra")
    (folder / "_MD5SUM.txt").write_text("0, 1\n")
    (folder / ".hidden.csv").write_text("half")
    fits.PrimaryHDU(RVS_NATIVE).writeto(folder / "gaia_rvs_wavelength.fits")
    return [str(ID), str(OTHER), "7", "h", "8"]


LEFT_OUT = {
    "copy.csv.gz": "star 2052747119115620352 is in both .*a.CSV and copy.csv.gz",
    "cut.csv": "the last row is cut.*truncated",
    "cut.fits.gz": "truncated",
    "letter.txt": "flux|unknown kind",
    "error.csv": "unknown kind",
    "data.csv": "unknown kind",
    "photo.png": "unknown kind",
    "empty.csv": "is empty",
    "e.csv": "1 of its 2 spectra, star 2052747119115620352 is in both",
}


def test_a_folder_gives_its_good_spectra_and_reasons(tmp_path):
    expected = fill(tmp_path / "stars")
    with pytest.warns(LeftOutWarning) as caught:
        read = read_spectra(tmp_path / "stars")
    assert sorted(read.ids) == sorted(expected) and read.correlation_length == 3
    first, *lines = str(caught[0].message).split("\n")
    assert first == f"Left out ({len(LEFT_OUT)} files):"
    names = []
    for line in lines:  # files with the same reason share a line
        some, reason = line.strip().split(": ", 1)
        names += some.split(", ")
        assert all(re.search(LEFT_OUT[name], reason) for name in some.split(", "))
    assert sorted(names) == sorted(LEFT_OUT)
    with pytest.raises(ValueError, match="cut.csv|empty.csv|copy.csv.gz|letter.txt"):
        read_spectra(tmp_path / "stars", on_error="raise")


def test_notebooks_go_on_with_the_good_files_of_a_folder(tmp_path, monkeypatch):
    expected = fill(tmp_path / "gaia_rvs")
    write(epochs(), tmp_path / "gaia_rvs" / "z_epochs.fits")
    (tmp_path / "gaia_rvs" / "x_dr4.csv").write_text(text(pixels(RVS_DR4, name=9)))
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    names = [path.name for path in RVS.archive.files()]
    assert {"a.CSV", "b.fits.gz", "c.votable", "d.h5", "e.csv"} <= set(names)
    assert not {
        "README.md",
        "_MD5SUM.txt",
        ".hidden.csv",
        "gaia_rvs_wavelength.fits",
        "photo.png",
    } & set(names)
    with pytest.warns(UserWarning, match="draft"):
        stars, source = real_spectra(RVS)
    # mean spectra of DR3 and DR4 are both on the pixels of the fit; epochs are not at rest
    assert sorted(stars.ids) == sorted([*expected, "9"]) and stars.at_rest
    assert source.startswith("6 Gaia DR3 RVS mean spectra")
    assert f"{len(LEFT_OUT) + 1} files were left out: " in source and "z_epochs.fits (" in source
    assert "\n" not in source


def test_named_files_raise_unless_they_may_be_left_out(tmp_path):
    expected = fill(tmp_path / "stars")
    files = [tmp_path / "stars" / name for name in ("a.CSV", "cut.csv", "b.fits.gz")]
    with pytest.raises(ValueError, match=r"cut.csv.*on_error='skip' reads the others"):
        read_spectra(files)
    with pytest.warns(
        LeftOutWarning, match=r"Left out \(1 files\):\n  cut.csv: is not a whole csv"
    ):
        read = read_spectra(files, on_error="skip")
    assert list(read.ids) == expected[:2]
    with pytest.raises(ValueError, match="no file holds good spectra. .*\n  cut.csv: .*truncated"):
        read_spectra(files[1], on_error="skip")
    with pytest.warns(LeftOutWarning, match="nothing.csv: is not a file"):
        read_spectra([files[0], tmp_path / "nothing.csv"], on_error="skip")
    with pytest.raises(ValueError, match="on_error is 'ignore': give 'raise' or 'skip'"):
        read_spectra(files, on_error="ignore")
    # a folder beside a file that is named
    with pytest.raises(ValueError, match="cut.csv.*on_error"):
        read_spectra([files[1], tmp_path / "stars"])


def test_a_folder_of_two_surveys_keeps_the_first(tmp_path, monkeypatch):
    monkeypatch.setitem(SURVEYS, "mine", MINE)
    flux, error = star(MINE.pixels)
    Table({"wavelength": MINE.pixels, "flux": flux, "error": error}).write(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(text(pixels()))
    told = (
        r"b.csv: has different wavelengths than .*a.csv, 2401 pixels at 8460\.00-8700\.00 Å: read"
    )
    with pytest.warns(LeftOutWarning, match=told):
        read = read_spectra(tmp_path)
    np.testing.assert_array_equal(read.wavelength, MINE.pixels)


@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_many_copies_of_a_real_apstar(tmp_path):
    source = Path(os.environ["SPECNB_DATA"], "apogee", "apStar-dr17-2M17335483-2753043.fits")
    whole = source.read_bytes()
    for k in range(20):
        name = f"2M17335483-27530{k:02d}"
        (tmp_path / f"{k:02d}.fits").write_bytes(
            whole.replace(b"2M17335483-2753043", name.encode())
        )
    shutil.copy(source.parent / "spectrum_ap_id_2M13012770+5754582_.npz", tmp_path)
    with pytest.warns(LeftOutWarning, match="npz: is of unknown kind"):
        assert len(read_spectra(tmp_path)) == 20
    assert APOGEE.grids == ()
