"""Public data: fetched from a server with real formats that misbehaves, listed, and checked."""

import gzip
import hashlib
import io
import os
import re
import tomllib
import warnings
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
from archive_server import (
    DATALINK,
    HTML,
    TAP,
    Body,
    Cut,
    Hang,
    Short,
    Status,
    datalink,
    mirror,
    publish,
    tap,
)
from astropy.io import fits
from astropy.table import Table

from specnb.commands.main import main
from specnb.core.spectra import Spectra
from specnb.surveys import LeftOutWarning, read_spectra
from specnb.surveys.apogee.pixels import APOGEE_NATIVE
from specnb.surveys.public import datasets, gaia, heads
from specnb.surveys.public.stars import star_file
from specnb.surveys.rvs.pixels import RVS_DR4, RVS_NATIVE

IDS = [f"{10**18 + k}" for k in (1, 2, 3)]
BULK = "cdn.gea.esac.esa.int/Gaia/gdr3/Spectroscopy/rvs_mean_spectrum/"
PARTS = ("RvsMeanSpectrum_000000-003111.csv.gz", "RvsMeanSpectrum_786097-786431.csv.gz")
SAS = "data.sdss.org/sas/"
STAR, FIELD = "2M00000000+0000000", "000+02"
AP_STAR = f"{SAS}dr17/apogee/spectro/redux/dr17/stars/apo25m/{FIELD}/apStar-dr17-{STAR}.fits"
ASPCAP = (
    f"{SAS}dr14/apogee/spectro/redux/r8/stars/l31c/l31c.2/4102/aspcapStar-r8-l31c.2-{STAR}.fits"
)


def rvs_csv(star, grid=RVS_NATIVE):
    """A spectrum as DataLink gives it, with a few missing pixels at its end."""
    lines = ["source_id,solution_id,ra,dec,wavelength,flux,flux_error"]
    cells = [f"{star},1,2.5,3.5,{w / 10:.3f}" for w in grid]
    return "\n".join(
        [*lines, *(f"{c},0.9,0.01" for c in cells[:-3]), *(f"{c},," for c in cells[-3:])]
    )


def ap_star(star=STAR):
    header = fits.Header({"CRVAL1": 4.179, "CDELT1": 6e-6, "OBJID": star, "SNR": 100.0})
    flux = np.full(len(APOGEE_NATIVE), 500.0)
    arrays = flux, 0.01 * flux, np.zeros(flux.shape, np.int32)
    return written([fits.PrimaryHDU(header=header), *(fits.ImageHDU(a, header) for a in arrays)])


def written(hdus):
    content = io.BytesIO()
    fits.HDUList(hdus).writeto(content)
    return content.getvalue()


def table_of(columns, rows=5):
    """A FITS table with some columns, as the catalogues have."""
    table = Table({name: np.zeros(rows, np.float32) for name in columns})
    return written([fits.PrimaryHDU(), fits.BinTableHDU(table)])


def hdf5_of(names):
    content = io.BytesIO()
    with h5py.File(content, "w") as f:
        for name in names:
            f[name] = np.zeros((2, 3))
    return content.getvalue()


@cache
def content():
    """A little of each kind of data, by their addresses."""
    rows = f'source_id,flux,flux_error\n{IDS[0]},"[0.9]","[0.1]"\n'
    pages = {BULK + name: gzip.compress(rows.encode() + name.encode()) for name in PARTS}
    sums = [f"{hashlib.md5(pages[BULK + name]).hexdigest()}  {name}\n" for name in PARTS]
    pages |= {f"{BULK}_MD5SUM.txt": "".join(sums).encode(), AP_STAR: ap_star(), ASPCAP: ap_star()}
    pages[f"{SAS}dr19/spectro/astra/0.6.0/spectra/star/34/05/mwmStar-0.6.0-123405.fits"] = ap_star(
        "123405"
    )
    for each in datasets.datasets().values():
        for file in each.files if each.columns else ():
            path = file["url"].partition("://")[2]
            pages[path] = (hdf5_of if path.endswith("h5") else table_of)(each.columns)
    pages[DATALINK] = datalink({star: rvs_csv(star) for star in IDS})
    return pages | {TAP: tap({star: (k + 8.5, "true") for k, star in enumerate(IDS)})}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """All archives."""
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "real"))
    with mirror(tmp_path / "archive", monkeypatch) as server:
        server.pages |= content()
        publish(server, monkeypatch)
        yield server


def rows_file(tmp_path, **columns):
    path = tmp_path / "rows.csv"
    Table(columns).write(path, format="ascii.csv", overwrite=True)
    return path


DR17 = {"APOGEE_ID": [STAR], "FIELD": [FIELD], "TELESCOPE": ["apo25m"]}
# How each kind of data is fetched, and the address that a fault is put on.
KINDS = {
    "gaia-dr3-rvs": ({"ids": IDS}, DATALINK),
    "gaia-dr3-rvs-bulk": ({}, BULK + PARTS[1]),
    "apogee-dr17-allstar": ({}, None),
    "apogee-dr17-stars": ({"stars": Table(DR17)}, AP_STAR),
    "galah-dr3": ({}, None),
    "cycle-starnet": ({}, None),
}


def address(name):
    path = KINDS[name][1]
    return path or datasets.dataset(name).files[-1]["url"].partition("://")[2]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_fetched_once_and_is_good(server, name):
    options, _ = KINDS[name]
    paths = datasets.fetch(name, **options)
    assert paths and all(path.is_file() and datasets.folder(name) in path.parents for path in paths)
    requests = len(server.asked)
    assert datasets.fetch(name, **options) == paths and len(server.asked) == requests
    assert datasets.check(name) == {}


SURVIVED = {
    "cut": lambda body: [Cut(len(body) // 2)],
    "busy": lambda body: [Status(503, "2"), Status(429)],
}


@pytest.mark.parametrize("fault", SURVIVED)
@pytest.mark.parametrize("name", KINDS)
def test_what_each_kind_survives(server, name, fault):
    path = address(name)
    server.faults[path] = SURVIVED[fault](server.body(path, DATALINK_FORM))
    assert datasets.fetch(name, **KINDS[name][0])
    assert datasets.check(name) == {} and not server.faults[path]


DATALINK_FORM = {"ID": ",".join(IDS), "RETRIEVAL_TYPE": "RVS", "RELEASE": "Gaia DR3"}
FAULTS = {
    "cut for ever": Cut(0),
    "truncated": Short(50),
    "damaged": Body(b"SIMPLE  =  nothing"),
    "gone": Status(404),
    "busy": Status(503, "3600"),
    "web page": HTML,
}
# What is told of each kind, in the order of FAULTS.
CUT, GONE, LATER = "the connection broke off", "HTTP 404 Not Found", "HTTP 503 Service Unavailable"
PAGE, ZIPFILE = "sent a web page instead", "the answer is no whole ZIP file"
SUM, WHOLE = "checksum is not the published one", "is not a whole"
TOLD = {
    "gaia-dr3-rvs": (ZIPFILE, ZIPFILE, ZIPFILE, GONE, LATER, ZIPFILE),
    "gaia-dr3-rvs-bulk": (CUT, None, None, None, LATER, PAGE),
    "apogee-dr17-allstar": (CUT, SUM, SUM, GONE, LATER, PAGE),
    "apogee-dr17-stars": (CUT, WHOLE, WHOLE, GONE, LATER, PAGE),
    "galah-dr3": (CUT, WHOLE, WHOLE, GONE, LATER, PAGE),
    "cycle-starnet": (CUT, None, None, None, LATER, PAGE),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", KINDS)
def test_what_each_kind_tells(server, name, fault):
    """Of several files, those that are bad or not there are left out with a warning."""
    path, told = address(name), TOLD[name][list(FAULTS).index(fault)]
    server.faults[path] = FAULTS[fault]
    if told is None:
        with pytest.warns(LeftOutWarning, match="1 of . were left out, the first because: cannot"):
            paths = datasets.fetch(name, **KINDS[name][0])
        assert paths
    else:
        with pytest.raises(OSError, match=told) as error:
            datasets.fetch(name, **KINDS[name][0])
        assert "\n" not in str(error.value)
    server.faults = {}
    folder = datasets.folder(name)
    left = [each for each in folder.rglob("*") if ".part" in each.name or each.name[0] == "."]
    assert left == []
    with warnings.catch_warnings(action="error"):
        assert datasets.fetch(name, **KINDS[name][0])
    assert datasets.check(name) == {}


def test_an_archive_that_hangs_is_left_after_the_limit(server):
    server.faults[DATALINK] = Hang(100)
    with pytest.raises(OSError, match="gave no spectra .the answer was not complete after 0.1 s"):
        gaia.spectra(IDS, limit=0.1)


# Gaia


def test_spectra_of_gaia_come_in_the_order_of_the_ids(server):
    found = gaia.spectra([int(star) for star in IDS[::-1]])
    assert list(found.ids) == IDS[::-1] and len(found.wavelength) == 2401
    assert found.mask[:, -3:].all() and not found.mask[:, :-3].any()
    np.testing.assert_allclose(found.flux[:, :-3], 0.9, rtol=1e-6)
    ((_, method, _, form),) = server.asked
    assert method == "POST" and form["RELEASE"] == "Gaia DR3" and form["RETRIEVAL_TYPE"] == "RVS"
    assert form["DATA_STRUCTURE"] == "INDIVIDUAL" and form["ID"] == ",".join(IDS[::-1])


def test_stars_that_do_not_come_are_told(server):
    stars = {IDS[0]: rvs_csv(IDS[0]), IDS[1]: rvs_csv(IDS[1])[:9000]}
    server.pages[DATALINK] = datalink(stars)
    with pytest.warns(
        LeftOutWarning, match=f"no good spectrum of 2 of 3 stars .*{IDS[1]}, {IDS[2]}"
    ):
        assert list(gaia.spectra(IDS).ids) == IDS[:1]
    with pytest.raises(FileNotFoundError, match="no good spectrum of 1 of 1 stars, which may have"):
        gaia.spectra(["12345"])


@pytest.mark.parametrize(
    ("ids", "release", "told"),
    [
        ([], "dr3", "0 stars of release dr3"),
        (range(1, 5002), "dr3", "5001 stars"),
        (["1e18"], "dr3", "source_id is 1e18"),
        (IDS, "dr2", "3 stars of release dr2: give 1 to 5000 whole numbers of dr3 or dr4"),
    ],
)
def test_wrong_lists_of_gaias_stars(server, ids, release, told):
    with pytest.raises(ValueError, match=told):
        gaia.spectra(ids, release)
    assert server.asked == []


@pytest.mark.parametrize("word", ["DATAMODEL_STANDARD", "INDIVIDUAL"])
def test_dr4_is_asked_for_by_its_draft(server, word):
    """If the archive refuses the new name of the structure, the old one is tried."""
    page = datalink({star: rvs_csv(star, RVS_DR4) for star in IDS})

    def answer(form):
        good = form["DATA_STRUCTURE"] == word and form["RETRIEVAL_TYPE"] == "MEAN_SPECTRUM_RVS"
        return page(form) if good and form["RELEASE"] == "Gaia DR4" else b"<html>unknown</html>"

    server.pages[DATALINK] = answer
    if word == "INDIVIDUAL":
        server.faults[DATALINK] = [Status(500), Status(500)]
    found = gaia.spectra(IDS, "dr4")
    assert len(found.wavelength) == 961 and list(found.ids) == IDS


def test_sources_are_asked_for_in_batches(server, monkeypatch):
    monkeypatch.setattr(gaia, "ROWS", 2)
    table = gaia.sources([IDS[2], 12345, int(IDS[0]), IDS[1]])
    assert list(table["source_id"]) == [IDS[2], IDS[0], IDS[1]] and table["has_rvs"].all()
    np.testing.assert_allclose(table["phot_g_mean_mag"], [10.5, 8.5, 9.5])
    assert [each[1] for each in server.asked] == ["POST", "POST"]
    server.pages[TAP] = tap({IDS[0]: ("", "false")})
    (row,) = gaia.sources(IDS)
    assert np.isnan(row["phot_g_mean_mag"]) and not row["has_rvs"]
    server.faults[TAP] = Body(b"<VOTABLE><INFO>error</INFO></VOTABLE>")
    with pytest.raises(
        OSError, match="^cannot download https://gea.esac.esa.int/tap-server/tap/sync"
    ):
        gaia.sources(IDS)
    assert len(gaia.sources([])) == 0


def test_batches_of_gaias_stars_are_kept(server, monkeypatch, tmp_path):
    """Those that are there are not asked for again, whatever the list; damaged ones are."""
    monkeypatch.setattr(datasets, "BATCH", 2)
    (tmp_path / "ids.txt").write_text("\n".join(["source_id", *IDS]))
    server.faults[DATALINK] = [None] + [Status(404)] * 5  # whatever words are used
    with pytest.raises(
        OSError, match="HTTP 404 Not Found.; 1 files are there: run it again to go on"
    ):
        datasets.fetch("gaia-dr3-rvs", ids=tmp_path / "ids.txt")
    server.faults = {}
    (first,) = datasets.folder("gaia-dr3-rvs").glob("*.h5")
    kept, second = datasets.fetch(
        "gaia-dr3-rvs", ids=rows_file(tmp_path, source_id=IDS[::-1], x=IDS)
    )
    assert kept == first
    assert server.asked[-1][3]["ID"] == IDS[2] and list(Spectra.read(second).ids) == [IDS[2]]
    assert sorted(read_spectra(datasets.folder("gaia-dr3-rvs")).ids) == IDS
    first.write_bytes(first.read_bytes()[:-100])
    assert list(datasets.check("gaia-dr3-rvs")) == [first]
    assert datasets.fetch("gaia-dr3-rvs", ids=IDS) == [second, first]
    assert datasets.check("gaia-dr3-rvs") == {}


# Single stars


def test_files_of_the_rows_of_a_catalogue(server, tmp_path):
    row = {"APOGEE_ID": f"{STAR} ".encode(), "LOCATION_ID": 4102, "TELESCOPE": b"apo25m"}
    path = star_file(row, "dr14", "aspcapStar", tmp_path)
    assert path == tmp_path / "apo25m" / "4102" / f"aspcapStar-r8-l31c.2-{STAR}.fits"
    path = star_file(Table(DR17)[0], "dr17", "apStar", tmp_path)
    assert path.read_bytes() == server.pages[AP_STAR]
    path = star_file({"sdss_id": 123405}, "dr19", "", tmp_path)
    assert path == tmp_path / "mwmStar-0.6.0-123405.fits"
    with pytest.raises(FileNotFoundError, match="HTTP 404.*check star, field and telescope"):
        star_file(DR17_ROW | {"FIELD": "x"}, "dr17", "apStar", tmp_path)
    with pytest.raises(ValueError, match="the list of stars has no column TELESCOPE: add it"):
        star_file({"APOGEE_ID": STAR}, "dr17", "apStar", tmp_path)


DR17_ROW = {name: values[0] for name, values in DR17.items()}


def test_one_star_that_is_not_there_does_not_stop_the_others(server, tmp_path):
    stars = rows_file(tmp_path, **{name: [values[0], values[0]] for name, values in DR17.items()}
                      | {"APOGEE_ID": ["2M1", STAR]})  # fmt: skip
    with pytest.warns(LeftOutWarning, match="1 of 2 were left out, the first because: .*2M1.*404"):
        (path,) = datasets.fetch("apogee-dr17-stars", stars=stars)
    assert list(read_spectra(path).ids) == [STAR]
    (path,) = datasets.fetch("mwmstar", stars=rows_file(tmp_path, sdss_id=[123405], x=[1]))
    assert path.name == "mwmStar-0.6.0-123405.fits"


REAL = Path(os.environ.get("SPECNB_DATA", "nowhere"))


@pytest.mark.skipif(not (REAL / "gaia_rvs").is_dir(), reason="real spectra: set SPECNB_DATA")
def test_real_files_come_as_they_are(server, tmp_path):
    """Those of the Gaia archive, and one of SDSS, give the same spectra as from the disk."""
    paths = sorted((REAL / "gaia_rvs").glob("*.csv"))
    texts = {path.read_text().splitlines()[1].split(",")[0]: path.read_bytes() for path in paths}
    server.pages[DATALINK] = datalink(texts)
    on_disk = read_spectra(paths)
    found = gaia.spectra(on_disk.ids)
    for name in ("ids", "flux", "flux_error", "mask", "wavelength"):
        np.testing.assert_array_equal(getattr(found, name), getattr(on_disk, name))
    (path,) = (REAL / "apogee").glob("apStar-dr17-*.fits")
    star = path.stem.removeprefix("apStar-dr17-")
    server.pages[AP_STAR.replace(STAR, star)] = path.read_bytes()
    server.faults[AP_STAR.replace(STAR, star)] = [Cut(100_000), Cut(300_000)]
    new = star_file(DR17_ROW | {"APOGEE_ID": star}, "dr17", "apStar", tmp_path / "new")
    assert new.read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(read_spectra(new).flux, read_spectra(path).flux)


# The list of the data


def test_every_entry_can_be_fetched():
    for name, each in datasets.datasets().items():
        ways = [bool(each.files), bool(each.md5sums), bool(each.by)]
        assert sum(ways) == 1, name
        assert all([each.title, each.use, each.source, each.credit])
        assert set(tomllib.loads(datasets.CATALOGUE.read_text())[name]) <= set(vars(each))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: datasets.fetch("gaia-dr2"), "no dataset 'gaia-dr2': give one of gaia-dr3-rvs, "),
        (lambda: datasets.fetch("gaia-dr3-rvs"), "give a list of stars .--ids FILE."),
        (lambda: datasets.fetch("apogee-dr17-stars"), "give a list of stars .--stars FILE."),
        (lambda: datasets.fetch("galah-dr3", files="x*"), "galah-dr3 has no files 'x."),
        (lambda: datasets.check("x"), "no dataset 'x'"),
    ],
)
def test_wrong_use(server, call, told):
    with pytest.raises(ValueError, match=told):
        call()
    assert server.asked == []


def test_a_part_of_the_bulk_files(server):
    (path,) = datasets.fetch("gaia-dr3-rvs-bulk", files="RvsMeanSpectrum_0000*")
    assert path.name == PARTS[0]
    assert [each[0] for each in server.asked] == [f"{BULK}_MD5SUM.txt", BULK + PARTS[0]]


def test_a_catalogue_without_a_column_is_refused(server):
    path = datasets.dataset("galah-dr3").files[0]["url"].partition("://")[2]
    server.pages[path] = table_of(datasets.dataset("galah-dr3").columns[1:])
    with pytest.raises(OSError, match="it has no sobject_id, so that it is another file"):
        datasets.fetch("galah-dr3")
    assert list(datasets.folder("galah-dr3").iterdir()) == []


def test_damage_is_found_later(server):
    """With a published checksum, with one made after the download, and by the head."""

    def refused(name, told, **options):
        """Damage is told by the next fetch as by the check, with the remedy, and asks nobody."""
        asked, (path, problem) = len(server.asked), *datasets.check(name).items()
        assert told in problem and "delete it and fetch it again" in problem
        with pytest.raises(OSError, match=f"^{re.escape(f'{path}: {problem}')}$"):
            datasets.fetch(name, **options)
        assert len(server.asked) == asked
        path.unlink()
        assert datasets.fetch(name, **options) == [path] and datasets.check(name) == {}

    (galah,) = datasets.fetch("galah-dr3")
    (apogee,) = datasets.fetch("apogee-dr17-allstar")
    for path in (galah, apogee):
        content = bytearray(path.read_bytes())
        content[-3000] ^= 64
        path.write_bytes(content)
    refused("galah-dr3", "it is damaged, its checksum is not the one in SHA256SUMS")
    refused("apogee-dr17-allstar", "its SHA1 checksum is not the published one")
    (star,) = datasets.fetch("apogee-dr17-stars", stars=Table(DR17))
    star.write_bytes(star.read_bytes()[:30000])
    refused("apogee-dr17-stars", "it is damaged", stars=Table(DR17))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"junk", "it has no sobject_id, .* so that it is another file: delete it and fetch it"),
        (HTML.body, "web page instead of the file: delete it and fetch it again"),
        (None, "it has 4 rows and not 5 as published: delete it and fetch it again"),
    ],
)
def test_what_was_put_there_is_checked(server, body, told):
    """Also where no checksum is published."""
    galah = datasets.dataset("galah-dr3")
    (file,) = galah.files
    path = galah.path / file["url"].rsplit("/", 1)[1]
    path.parent.mkdir(parents=True)
    path.write_bytes(table_of(galah.columns, 4) if body is None else body)
    with pytest.raises(OSError, match=f"^{path}: .*{told}"):
        datasets.fetch("galah-dr3")
    assert server.asked == []
    path.write_bytes(table_of(galah.columns))
    assert datasets.fetch("galah-dr3") == [path] and server.asked == []


def test_a_catalogue_of_another_version_is_refused(server):
    path = datasets.dataset("galah-dr3").files[0]["url"].partition("://")[2]
    server.pages[path] = table_of(datasets.dataset("galah-dr3").columns, 6)
    with pytest.raises(OSError, match="it has 6 rows and not 5 as published: fetch it again"):
        datasets.fetch("galah-dr3")
    assert list(datasets.folder("galah-dr3").iterdir()) == []


def test_a_whole_file_is_read_once_a_process(server, monkeypatch):
    (path,) = datasets.fetch("apogee-dr17-allstar")
    datasets.fetch("apogee-dr17-allstar")
    with monkeypatch.context() as patched:
        patched.setattr(heads, "check_file", None)
        assert datasets.fetch("apogee-dr17-allstar") == [path]
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(OSError, match="its SHA1 checksum is not the published one"):
        datasets.fetch("apogee-dr17-allstar")


@pytest.mark.parametrize("name", ["galah-dr3", "gaia-dr3-rvs-bulk", "gaia-dr3-rvs"])
def test_a_folder_that_cannot_be_written_is_told_first(server, monkeypatch, tmp_path, name):
    (tmp_path / "full").touch()
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "full"))
    with pytest.raises(OSError, match=f"^cannot write to {tmp_path}/full: allow it"):
        datasets.fetch(name, ids=IDS)
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "there"))
    datasets.fetch(name, ids=IDS)
    monkeypatch.setattr(datasets.os, "access", lambda path, mode: False)
    asked = len(server.asked)
    assert datasets.fetch(name, ids=IDS)  # nothing need be written
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "new"))
    with pytest.raises(OSError, match=f"^cannot write to {tmp_path}: allow it"):
        datasets.fetch(name, ids=IDS)
    assert len(server.asked) == asked


@pytest.mark.parametrize("text", ["source_id\n{}.0\n", "{}.0", "7\n{:.12e}"])
def test_ids_that_lost_their_digits(server, tmp_path, text):
    (tmp_path / "ids.csv").write_text(text.format(2052747119115620352))
    with pytest.raises(ValueError, match=r"source_id is 2.*floating point loses the last ones"):
        datasets.fetch("gaia-dr3-rvs", ids=tmp_path / "ids.csv")


# The commands


def test_the_commands(server, capsys, tmp_path):
    assert main(["data", "fetch", "apogee-dr14-allstar", "galah-dr3"]) == 0
    assert "galah-dr3: 1 file, 0.0 MB in " in capsys.readouterr().out
    assert main(["data", "info", "galah-dr3"]) == 0
    assert "allstar_v2.fits 5 rows\n" in capsys.readouterr().out
    assert main(["data", "info", "apogee-dr14-allstar"]) == 0
    printed = capsys.readouterr().out
    assert "sha1:" in printed and "Abolfathi" in printed and "here     1 file" in printed
    assert main(["data", "check"]) == 0
    assert capsys.readouterr().out.count("0 not good") == 2
    (tmp_path / "ids").write_text(f"{IDS[0]}\n12345\n")
    assert main(["data", "fetch", "gaia-dr3-rvs", "--ids", str(tmp_path / "ids")]) == 3
    assert "no good spectrum of 1 of 2 stars" in capsys.readouterr().err
    assert main(["data", "list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in datasets.datasets()) and "archives" not in printed
    datasets.folder("galah-dr3").joinpath("GALAH_DR3_main_allstar_v2.fits").unlink()
    assert main(["data", "check", "galah-dr3"]) == 3
    assert "is missing: fetch it" in capsys.readouterr().err
    server.faults = {each: Status(403) for each in server.pages}
    assert main(["data", "fetch", "galah-dr3"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_what_was_interrupted_is_named_and_goes_on(server, capsys):
    path = datasets.dataset("galah-dr3").files[0]["url"].partition("://")[2]
    server.faults[path] = [Cut(1000), *[Status(503)] * 4]
    assert main(["data", "fetch", "galah-dr3"]) == 1
    assert main(["data", "check"]) == 3
    part = f"{datasets.folder('galah-dr3')}/{path.rsplit('/', 1)[1]}.part"
    told = f"specnb: {part}: it is not whole: fetch it again, which goes on\n"
    assert capsys.readouterr().err.endswith(told)
    assert main(["data", "list"]) == 0
    assert "GALAH DR3: the main catalogue (1 not whole: fetch it again)" in capsys.readouterr().out
    assert main(["data", "fetch", "galah-dr3"]) == 0
    assert server.asked[-1][2] == "bytes=1000-" and main(["data", "check"]) == 0


def test_offline_each_kind_says_so(server, monkeypatch, capsys):
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    for name in ("galah-dr3", "gaia-dr3-rvs-bulk"):
        assert main(["data", "fetch", name]) == 1
        printed = capsys.readouterr()
        assert (
            "SPECNB_OFFLINE=1 keeps specnb offline" in printed.err and printed.err.count("\n") == 1
        )
    with pytest.raises(OSError, match="SPECNB_OFFLINE=1"):
        datasets.fetch("gaia-dr3-rvs", ids=IDS)
    assert server.asked == [] and not datasets.folder("galah-dr3").exists()
