"""Real stars come from the folder or the archive; otherwise a sentence says that there are none."""

import errno
import os
import re
import socket
import sys
import types
from http.client import IncompleteRead
from pathlib import Path
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile

import numpy as np
import pytest
from astropy.io.votable import from_table
from astropy.io.votable.tree import Param
from astropy.table import Table, vstack
from requests import HTTPError

from specnb.commands.data import fetch_stars
from specnb.core.paths import data_folder
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.rvs import archive as gaia
from specnb.surveys.rvs.pixels import RVS_NATIVE, RVS_PIXELS

KEPLER_93 = "2052747119115620352"


HD_176650 = "4268620287278693120"
THIRD = "1535964555128078720"


def star(source_id, rows=2401, flux=0.9):
    return Table(
        {
            "source_id": [int(source_id)] * rows,
            "wavelength": RVS_NATIVE[:rows] / 10,
            "flux": np.full(rows, flux),
            "flux_error": np.full(rows, 0.009),
        }
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    monkeypatch.delenv("SPECNB_OFFLINE", raising=False)
    monkeypatch.delenv("SPECNB_MIRROR", raising=False)
    return tmp_path / "gaia_rvs"


def test_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("SPECNB_DATA")
    assert data_folder().parts[-2:] == ("data", "real")


def test_stars_of_the_folder(folder):
    folder.mkdir()
    star(KEPLER_93).write(folder / "a.csv")
    star(7).write(folder / "b.fits")
    (folder / "gaia_rvs_wavelength.fits").write_bytes(b"not a spectrum")
    (folder / "notes.txt").write_text("not a spectrum either")
    assert [path.name for path in RVS.archive.files()] == ["a.csv", "b.fits"]
    spectra, source = real_spectra(RVS)
    np.testing.assert_array_equal(spectra.wavelength, RVS_PIXELS)
    assert list(spectra.ids) == [KEPLER_93, "7"]
    np.testing.assert_allclose(spectra.flux, 0.9, rtol=1e-6)
    assert spectra.correlation_length == 1.0  # 3 samples of 0.1 Å are a pixel of 0.3 Å
    # The overlaps are 1, 2, 2, 1 sixths; samples that are k apart have a correlation of 1 - k/3
    variance = (
        np.array([1, 2, 2, 1])
        / 6
        @ (1 - np.abs(np.subtract.outer(range(4), range(4))) / 3)
        @ np.array([1, 2, 2, 1])
        / 6
    )
    np.testing.assert_allclose(spectra.flux_error, 0.009 * np.sqrt(variance), rtol=1e-5)
    assert source.startswith("2 Gaia DR3 RVS mean spectra") and str(folder) in source


def test_offline_gives_a_sentence(folder, monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    spectra, source = real_spectra(RVS)
    assert spectra is None
    assert (
        "offline" in source
        and str(folder) in source
        and "stars.ecsv" in source
        and "\n" not in source
    )
    assert not folder.exists()
    monkeypatch.delenv("SPECNB_OFFLINE")
    monkeypatch.delitem(sys.modules, "astroquery.gaia", raising=False)  # of other tests
    monkeypatch.setattr(gaia, "HOST", "archive.invalid")  # a name that never resolves
    assert real_spectra(RVS)[0] is None
    assert "astroquery.gaia" not in sys.modules


@pytest.fixture
def client(folder, monkeypatch):
    """A stand-in for astroquery: set its ``load_data``. Sleeping takes no time."""

    class Client:
        def __init__(self, **options):
            pass

    monkeypatch.setitem(sys.modules, "astroquery.gaia", types.SimpleNamespace(GaiaClass=Client))
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: socket.socket())
    monkeypatch.setattr("specnb.surveys.downloading.time.sleep", lambda seconds: None)
    return Client


def test_downloads_are_kept_and_the_missing_ones_are_asked_for_again(client, folder, capsys):
    """The archive returns one of three stars and one that nobody asked for, then the others."""
    asked, has = [], [KEPLER_93, "7"]

    def load_data(self, ids, **options):
        asked.append((list(ids), options))
        Path("temp").touch()  # astroquery writes to the current folder and prints
        print("status 200")
        return {f"RVS-Gaia DR3 {i}.csv": [star(i)] for i in has}

    client.load_data = load_data
    here = Path.cwd()
    spectra, source = real_spectra(RVS)
    assert list(spectra.ids) == [KEPLER_93]
    assert source.startswith("1 Gaia DR3 RVS mean spectrum (")
    assert "downloaded from the Gaia archive" in source and HD_176650 in source
    assert {f.name for f in folder.iterdir()} == {f"GaiaDR3-{KEPLER_93}.csv", "SHA256SUMS"}
    ((ids, options),) = asked
    assert ids == [KEPLER_93, HD_176650, THIRD]
    assert options["retrieval_type"] == "RVS" and options["data_structure"] == "INDIVIDUAL"
    assert Path.cwd() == here and not Path("temp").exists()
    assert socket.getdefaulttimeout() is None and capsys.readouterr().out == ""

    has[:] = []  # the star that is there is read even so
    again, source = real_spectra(RVS)
    assert "read from" in source and f"GaiaDR3-{THIRD}.csv did not come" in source
    np.testing.assert_array_equal(again.flux, spectra.flux)
    has[:] = [HD_176650, THIRD]
    spectra, source = real_spectra(RVS)
    assert sorted(spectra.ids) == sorted([KEPLER_93, HD_176650, THIRD])
    assert source.startswith("3 Gaia DR3 RVS mean spectra (") and "issing" not in source
    assert [ids for ids, _ in asked[1:]] == [[HD_176650, THIRD]] * 2
    assert "read from" in real_spectra(RVS)[1] and len(asked) == 3

    kept = folder / f"GaiaDR3-{THIRD}.csv"  # one digit changes, which only the checksum shows
    kept.write_text(kept.read_text().replace("0.0", "0.1", 1))
    again, source = real_spectra(RVS)
    assert asked[3:] and asked[3][0] == [THIRD] and "downloaded" in source
    np.testing.assert_array_equal(again.flux, spectra.flux)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (star(THIRD, rows=1200), f"GaiaDR3-{THIRD}.csv: star {THIRD} has "),
        (star(THIRD, flux=np.nan), f"GaiaDR3-{THIRD}.csv: star {THIRD} has no pixel with both"),
        (star(THIRD)["source_id", "wavelength", "flux"], f"GaiaDR3-{THIRD}.csv: lacks flux_error"),
        (star(THIRD, rows=0), f"GaiaDR3-{THIRD}.csv did not come"),
    ],
    ids=["truncated", "NaN", "no error", "empty"],
)
def test_a_bad_star_is_named_and_not_kept(client, folder, bad, told):
    answers = [
        [bad],  # nothing is kept
        [star(KEPLER_93), bad, star(HD_176650)],  # the good ones are kept
        [star(THIRD)],  # and the bad one is asked for again
    ]
    client.load_data = lambda self, ids, **options: {"x": answers.pop(0)}
    spectra, source = real_spectra(RVS)
    assert spectra is None and source.startswith(f"No real spectra: {folder} holds none")
    assert told in source and ".download" not in source and list(folder.iterdir()) == []
    spectra, source = real_spectra(RVS)
    assert sorted(spectra.ids) == sorted([KEPLER_93, HD_176650]) and told in source
    assert THIRD in real_spectra(RVS)[0].ids and answers == []


def test_a_damaged_download_is_replaced_and_files_of_the_user_are_left_alone(client, folder):
    asked = []
    client.load_data = lambda self, ids, **options: asked.append(ids) or {"x": [star(KEPLER_93)]}
    folder.mkdir()
    star("7").write(folder / "mine.csv", format="ascii.csv")
    assert list(real_spectra(RVS)[0].ids) == ["7"] and asked == []
    star(KEPLER_93, rows=1200).write(folder / f"GaiaDR3-{KEPLER_93}.csv", format="ascii.csv")
    assert sorted(real_spectra(RVS)[0].ids) == [KEPLER_93, "7"] and asked == [[KEPLER_93]]
    assert "read from" in real_spectra(RVS)[1] and len(asked) == 1


def test_a_damaged_download_that_cannot_be_replaced_stops_nothing(client, folder, monkeypatch):
    """Earlier versions kept such files unread."""
    client.load_data = lambda self, **options: {"x": [star(KEPLER_93), star(HD_176650)]}
    real_spectra(RVS)
    name = f"GaiaDR3-{KEPLER_93}.csv"
    star(KEPLER_93, rows=1200).write(folder / name, format="ascii.csv", overwrite=True)
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    spectra, source = real_spectra(RVS)
    assert list(spectra.ids) == [HD_176650]
    assert f"Missing or damaged: {name}, GaiaDR3-{THIRD}.csv (SPECNB_OFFLINE=1" in source
    (folder / f"GaiaDR3-{HD_176650}.csv").unlink()
    spectra, source = real_spectra(RVS)
    assert spectra is None and "SPECNB_OFFLINE=1" in source and (folder / name).is_file()


def votable(table):
    """A table of a VOTable as astroquery returns it, with source_id as a PARAM."""
    star = table["source_id"][0]
    table.remove_column("source_id")
    tree = from_table(table)
    element = tree.get_first_table()
    element.params.append(
        Param(tree, name="source_id", ID="source_id", datatype="long", value=str(star))
    )
    return element


def with_header(table):
    """A table that has source_id in its metadata, as from a FITS file."""
    table.meta["SOURCEID"] = int(table["source_id"][0])
    table.remove_column("source_id")
    return table


STARS = KEPLER_93, HD_176650


@pytest.mark.parametrize(
    "answer",
    [
        {f"RVS-Gaia DR3 {i}.csv": star(i) for i in STARS},
        [star(i) for i in STARS],
        vstack([star(i) for i in STARS]),
        {"RVS_COMBINED.xml": [from_table(vstack([star(i) for i in STARS])).get_first_table()]},
        {"a": [None, "broken"], "b": [Table(star(i), names=[n.upper() for n in star(i).colnames]) for i in STARS]},
        {i: [votable(star(i))] for i in STARS},
        {i: [with_header(star(i))] for i in STARS},
        {"a": [Table(star(i), masked=True) for i in STARS]},
    ],
    ids=["tables", "list", "table", "combined VOTable", "upper case", "VOTables", "header", "masked"],
)  # fmt: skip
def test_other_shapes_of_the_answer(client, folder, answer):
    client.load_data = lambda self, **options: answer
    spectra, source = real_spectra(RVS)
    assert sorted(spectra.ids) == sorted(STARS), source
    np.testing.assert_allclose(spectra.flux, 0.9, rtol=1e-6)


def raises(error):
    def load_data(self, **options):
        raise error

    return load_data


@pytest.mark.parametrize(
    ("load_data", "told"),
    [
        (lambda self, **options: None, "did not come"),
        (lambda self, **options: {}, "did not come"),
        (lambda self, **options: {"x": []}, "did not come"),
        (lambda self, **options: {"x": [star(THIRD)["wavelength", "flux"]]}, "did not come"),
        (lambda self, **options: {"x": [Table({"source_id": [[1, 2]]})]}, "(ValueError|TypeError|IndexError)"),
        (lambda self, somebody: {}, "TypeError: .*unexpected keyword argument"),
        (raises(ExpatError("mismatched tag")), r"ExpatError: mismatched tag"),
        (raises(RuntimeError("two\nlines")), "RuntimeError: two lines"),
        (raises(KeyError("x")), "KeyError: 'x'"),
        (raises(BadZipFile("File is not a zip file")), "the answer is no whole ZIP file: it was cut off"),
        (raises(HTTPError("Error 503:\nbusy")), r"\(HTTP 503 Service Unavailable\)"),
        (raises(HTTPError("Error 404:\nnone")), r"\(HTTP 404 Not Found\)"),
        (raises(OSError(errno.ENOSPC, "No space left on device")), "the disk of .*gaia_rvs is full: free some"),
        (raises(PermissionError(errno.EACCES, "Permission denied", "/x/y")), "cannot write to /x/y, Permission denied"),
        (raises(IncompleteRead(b"half")), "the connection broke off"),
        (raises(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")), r"offline\? Connection refused"),
    ],
)  # fmt: skip
def test_whatever_the_client_does_is_told_in_a_sentence(client, folder, load_data, told):
    client.load_data = load_data
    spectra, source = real_spectra(RVS)
    assert spectra is None and source.startswith(f"No real spectra: {folder} holds none")
    assert re.search(told, source) and "stars.ecsv" in source and "\n" not in source
    assert ("offline" in source) == ("refused" in source)
    assert list(folder.iterdir()) == [] and socket.getdefaulttimeout() is None
    client.load_data = lambda self, **options: {
        "x": [star(KEPLER_93)]
    }  # nothing blocks a later run
    assert list(real_spectra(RVS)[0].ids) == [KEPLER_93]


def new_words(self, ids, data_structure="DATAMODEL_STANDARD", **options):
    if data_structure != "DATAMODEL_STANDARD":
        raise ValueError(f"Invalid data_structure {data_structure}")
    return {"x": [star(KEPLER_93)]}


def no_rvs(self, ids, *, avoid_datatype_check=False, **options):
    if not avoid_datatype_check:
        raise ValueError("Invalid mandatory argument 'retrieval_type'. Found RVS")
    return {"x": [star(KEPLER_93)]}


def server_refuses(self, ids, data_structure, **options):
    if data_structure != "DATAMODEL_STANDARD":
        raise HTTPError("Error 500:\nInvalid DATA_STRUCTURE")
    return {"x": [star(KEPLER_93)]}


def few_options(self, ids, *, data_release=None, retrieval_type="ALL"):
    return {"x": [from_table(star(KEPLER_93)).get_first_table()]}


@pytest.mark.parametrize("load_data", [new_words, no_rvs, server_refuses, few_options])
def test_other_versions_of_the_client(client, load_data):
    client.load_data = load_data
    assert list(real_spectra(RVS)[0].ids) == [KEPLER_93]


def test_a_busy_archive_is_asked_again_in_the_same_words(client):
    answers, asked = [HTTPError("Error 503:\nbusy"), ConnectionResetError(104, "reset"), None], []

    def load_data(self, **options):
        asked.append(options)
        if error := answers.pop(0):
            raise error
        return {"x": [star(KEPLER_93)]}

    client.load_data = load_data
    assert list(real_spectra(RVS)[0].ids) == [KEPLER_93]
    assert len(asked) == 3 and asked[0] == asked[1] == asked[2]


def test_the_command_fetches_what_is_missing(client, folder, monkeypatch, capsys):
    """`specnb paper` asks no archive for a survey whose folder has all, or files of the user."""
    monkeypatch.setenv("SPECNB_OFFLINE", "1")

    def told():
        fetch_stars(only_missing=True)
        return ["Gaia" in line for line in capsys.readouterr().out.splitlines()]

    assert told() == [True, False]  # APOGEE's are missing, too
    client.load_data = lambda self, **options: {"x": [star(KEPLER_93)]}
    monkeypatch.delenv("SPECNB_OFFLINE")
    real_spectra(RVS)
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    assert told() == [True, False]  # two stars of three are missing
    star("7").write(folder / "mine.csv", format="ascii.csv")
    assert told() == [False]


def test_literature():
    table = gaia.literature(["1535964555128078720", KEPLER_93, "7"])
    assert list(table["id"]) == ["1535964555128078720", KEPLER_93, "7"]
    assert (table["teff"][1], table["logg"][1], table["m_h"][1]) == (5669, 4.47, -0.18)
    assert table["reference"][1] == "KOI-69, Ballard et al. 2014"
    assert str(table["teff"].unit) == "K"
    for name in ("teff", "logg", "m_h", "reference"):
        assert list(table[name].mask) == [True, False, True]
    assert len(gaia.literature([])) == 0


def test_literature_gives_each_star_its_own_labels():
    """In any order, also with unknown stars between them."""
    known = Table.read(gaia.STARS)
    ids = [*reversed(known["source_id"]), "7", *known["source_id"][1:]]
    table, row = gaia.literature(ids), {star: row for row, star in enumerate(known["source_id"])}
    assert len(known) > 2
    for star, found in zip(ids, table):
        for name in ("teff", "logg", "m_h") if star in row else ():
            expected = known[name][row[star]]
            assert (
                found[name] is np.ma.masked
                if np.ma.is_masked(expected)
                else found[name] == expected
            )


@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_real_stars():
    spectra, source = real_spectra(RVS)
    assert len(spectra) >= 3 and KEPLER_93 in spectra.ids, source
    assert np.all(np.median(spectra.flux, axis=1) > 0.8)
    assert spectra.mask.mean() < 0.01
