"""Sets of real stars: chosen from catalogues as the papers say, and built from local archives."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import partial
from hashlib import sha256

import numpy as np
import pytest
from archive_server import DATALINK, TAP, Body, Cut, Short, Status, mirror
from astropy.io import fits
from astropy.table import Table
from tiny_archives import (
    DWARF,
    GALAH_FORMATS,
    allstar_formats,
    fits_table,
    stand_in,
    tiny,
)

from specnb.commands.main import main
from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra
from specnb.surveys import APOGEE, RVS
from specnb.surveys.public import apogee, reference
from specnb.surveys.public import build as build_module
from specnb.surveys.public.build import Recipe, build, damage_of, labels_of
from specnb.surveys.public.built import built_labels, built_path, built_spectra
from specnb.surveys.public.catalogues import read_columns
from specnb.surveys.public.cuts import best_of_each, digest, shuffled

ARCHIVES = partial(tiny, n_rvs=90, n_h_band=40)
STARS_DR14 = "data.sdss.org/sas/dr14/apogee/spectro/redux/r8/stars/apo25m/"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The folder of real data, which is empty."""
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def server(data, monkeypatch):
    with mirror(data, monkeypatch) as server:
        stand_in(server, ARCHIVES(), monkeypatch)
        yield server


def is_number(value):
    return value == value and value > -9998


def good(spectra):
    """Ids of those spectra of `Tiny` that have a good pixel."""
    return {star for star, each in spectra.items() if not each.mask.all()}


def chosen_dr14():
    """Rows of the stars of DR14 that pass the cuts, by id, and the half of each, in plain Python."""
    rows = {}
    for row in ARCHIVES().rows["dr14"]:
        lacking = [name for name in ("TEFF", "LOGG") if not is_number(row[name])]
        found = dict(zip(("TEFF", "LOGG"), row["FPARAM"]))  # uncalibrated
        row = row | {"lacking": lacking} | {name: found[name] for name in lacking}
        known = all(is_number(row[name]) for name in ("TEFF", "LOGG", "FE_H", "MG_FE"))
        if not row["EXTRATARG"] & 16 and not row["ASPCAPFLAG"] & 2**23 and known:
            other = rows.setdefault(row["APOGEE_ID"], row)
            rows[row["APOGEE_ID"]] = max(row, other, key=lambda each: each["SNR"])
    return rows, {star: sha256(star.encode()).digest()[-1] % 2 for star in rows}


def by_hand(rows, sources, survey, others=()):
    """The counts of the cuts of a catalogue and its stars, in plain Python."""
    apogee = survey == "APOGEE DR17"
    star, snr = ("GAIAEDR3_SOURCE_ID", "SNR") if apogee else ("dr3_source_id", "snr_c3_iraf")
    values = ("TEFF", "LOGG", "M_H", "ALPHA_M") if apogee else ("teff", "logg", "fe_h", "alpha_fe")
    errors = [f"{name}_ERR" if apogee else f"e_{name}" for name in values]
    counts = [len(rows)]

    def keep(good):
        rows[:] = [row for row in rows if good(row)]
        counts.append(len(rows))

    if apogee:
        keep(lambda row: not row["EXTRATARG"] & 16)
        keep(lambda row: not row["ASPCAPFLAG"] & 2**23)
        keep(lambda row: row["FE_H_FLAG"] == 0)
    else:
        keep(lambda row: row["flag_sp"] == 0)
        keep(lambda row: row["flag_fe_h"] == 0)
    keep(lambda row: row[star] not in (0, -9999, 999999))
    keep(lambda row: all(is_number(row[name]) for name in (*values, *errors)))
    for name, largest in zip(errors, (200, 0.5, 0.3, 0.2)):
        keep(lambda row: row[name] <= largest)  # noqa: B023 - it is called at once
    best = {}
    for row in rows:
        other = best.setdefault(row[star], row)
        if not other[snr] >= row[snr] and row[snr] == row[snr]:
            best[row[star]] = row
    keep(lambda row: best[row[star]] is row)
    if not apogee:
        keep(lambda row: row[star] not in others)
    chosen = {row[star] for row in rows}
    keep(lambda row: 8 <= sources.get(row[star], (0, False))[0] <= 14)
    keep(lambda row: sources[row[star]][1])
    return counts, {str(row[star]) for row in rows}, chosen


@pytest.mark.filterwarnings("ignore:the Gaia archive gave no good spectrum of")
def test_the_reference_stars_are_those_of_the_papers_cuts(server, capsys):
    archives = ARCHIVES()
    counts, stars, chosen = by_hand(list(archives.rows["dr17"]), archives.sources, "APOGEE DR17")
    more, others, _ = by_hand(
        list(archives.rows["galah"]), archives.sources, "GALAH DR3", others=chosen
    )
    came = [ids & good(archives.rvs) for ids in (stars, others)]
    lost = (stars | others) - good(archives.rvs)
    assert lost
    assert main(["data", "build", "rvs-reference"]) == 3
    about = json.loads(built_path("rvs-reference", ".json").read_text("utf-8"))
    found = [count["stars"] for count in about["counts"]]
    assert found == [*counts, *more, *map(len, came)]
    assert min(np.diff(counts)) < 0
    assert sorted(about["missing"]) == sorted(lost)
    assert about["command"] == "specnb data build rvs-reference"
    assert about["published"] == {"APOGEE DR17": 54_422, "GALAH DR3": 9_883}
    printed = capsys.readouterr().out
    numbers = [*map(len, came), sum(map(len, came))]
    told = zip(("APOGEE DR17", "GALAH DR3", "all"), numbers, (54_422, 9_883, 64_305))
    lines = [
        f"{what}: {n} stars, {paper:,} in the paper ({n - paper:,})" for what, n, paper in told
    ]
    assert printed.splitlines()[-3:] == lines
    assert f"APOGEE DR17 8 ≤ G ≤ 14                  {counts[-2]}" in printed

    spectra = built_spectra("rvs-reference")
    assert np.array_equal(spectra.wavelength, RVS.pixels)
    assert spectra.ids.tolist() == sorted(
        came[0] | came[1], key=lambda star: sha256(star.encode()).digest()
    )
    names = [
        f"{name}{end}" for name in ("teff", "logg", "m_h", "alpha_fe") for end in ("", "_error")
    ]
    assert np.isfinite(label_columns(spectra.labels, [*names, "g_mag"])).all()
    assert spectra.labels["teff"].unit == "K"
    for star, labels in zip(spectra.ids, spectra.labels):
        assert labels["catalogue"] == ("APOGEE DR17" if star in stars else "GALAH DR3")
        mock = archives.rvs[star]
        assert abs(labels["teff"] - mock.labels["teff"][0]) < 0.1
    star = archives.rvs[spectra.ids[0]]
    both = ~(star.mask | spectra.mask)[0]
    assert np.std((star.flux - spectra.flux)[0][both]) < 0.01

    # the set for translators has one scale of labels, and asks nobody
    asked = len(server.asked)
    assert main(["data", "build", "rvs-real"]) == 0
    assert len(server.asked) == asked
    real, rows = built_spectra("rvs-real"), spectra.labels["catalogue"] == "APOGEE DR17"
    assert np.array_equal(real.ids, spectra.ids[rows])
    assert np.array_equal(real.flux, spectra.flux[rows])
    assert real.labels.colnames == spectra.labels.colnames

    capsys.readouterr()
    assert main(["data", "build", "rvs-real"]) == 0
    assert f"{built_path('rvs-real')} is already there\n" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:the Gaia archive gave no good spectrum of")
def test_the_choice_of_stars_survives_when_gaia_gives_no_spectra(server, capsys):
    server.faults[DATALINK] = Status(503)
    assert main(["data", "build", "rvs-reference", "--limit", "5"]) == 1
    assert "the Gaia archive gave no spectra" in capsys.readouterr().err
    assert not built_path("rvs-reference").exists()
    asked = server.count(TAP)
    assert asked
    server.faults.clear()
    assert main(["data", "build", "rvs-reference", "--limit", "5"]) in (0, 3)
    assert server.count(TAP) == asked
    assert len(built_spectra("rvs-reference")) >= 3


def test_the_domains_of_the_second_paper_are_unpaired(server):
    archives, (rows, halves) = ARCHIVES(), chosen_dr14()
    main(["data", "build", "apogee-dr14"])
    spectra, labels = built_spectra("apogee-dr14"), built_labels("apogee-dr14")
    about = json.loads(built_path("apogee-dr14", ".json").read_text("utf-8"))
    counts = {count["cut"]: count["stars"] for count in about["counts"]}
    for name in ("TEFF", "LOGG"):
        lacking = sum(name in row["lacking"] for row in rows.values())
        assert 0 < lacking == counts[f"of these, {name} uncalibrated (FPARAM)"]
    dwarfs = sum(row["LOGG"] > DWARF for row in rows.values())
    assert 0 < dwarfs <= lacking < len(rows)
    assert {*spectra.ids} == {star for star in rows if not halves[star]} & good(archives.h_band)
    assert {*labels["id"]} == {star for star in rows if halves[star]}
    assert len(spectra)
    assert len(labels)
    for table, ids in ((spectra.labels, spectra.ids), (labels, labels["id"])):
        digests = [digest(star) for star in ids]
        assert digests == sorted(digests)
        for star, found in zip(ids, table):
            row = rows[star]
            for name in ("teff", "logg", "fe_h", "ni_fe"):
                assert found[name] == pytest.approx(row[name.upper()], rel=1e-6)
            for name in ("teff", "logg"):
                assert found[f"{name}_calibrated"] != (name.upper() in row["lacking"])
                assert np.ma.is_masked(found[f"{name}_error"]) == (name.upper() in row["lacking"])
            dwarf = is_number(row["VSINI"])
            assert np.ma.is_masked(found["vbroad"]) != dwarf
        # ASPCAP does not know these: `Survey.complete_labels` fills them in
        assert not {"c12_c13", "cu_fe", "cu_fe_error", "TELESCOPE"} & {*table.colnames}
        complete = APOGEE.complete_labels(Table(table), np.random.default_rng(0))
        assert all(np.isfinite(complete[name]).all() for name in APOGEE.names)
    mock = Spectra.join([archives.h_band[star] for star in spectra.ids])
    both = ~(mock.mask | spectra.mask)
    assert np.mean(both) > 0.9
    assert np.std((mock.flux - spectra.flux)[both]) < 0.02
    assert not list(server.folder.rglob("apStar*"))  # each is deleted when it was read


@pytest.mark.filterwarnings("ignore:2M.* is left out")
def test_all_stars_of_dr17_for_translators(server):
    assert main(["data", "build", "apogee-real", "--limit", "9", "--keep"]) in (0, 3)
    spectra, about = (
        built_spectra("apogee-real"),
        json.loads(built_path("apogee-real", ".json").read_text("utf-8")),
    )
    assert about["counts"][-2] == {"catalogue": "APOGEE DR17", "cut": "the first 9", "stars": 9}
    assert len(spectra) == about["stars"] == 9 - len(about["missing"])
    assert len(list(server.folder.rglob("apStar*.fits"))) == len(spectra)


@pytest.mark.filterwarnings("ignore:2M.* is left out")
@pytest.mark.parametrize(
    ("fault", "comes"),
    [
        (Status(503), None),  # each time: the archive is down, which is no fault of the star
        ([Cut(20_000)], True),
        ([Short(9_000)], True),  # the archive says that this is all, but it cannot be read
        ([Short(9_000)] * 2, False),
        (Body(b"SIMPLE  =                    T"), False),
        (Status(404), False),
    ],
)
def test_faults_of_the_archive_of_spectra(server, fault, comes, capsys):
    first = sorted((star for star, half in chosen_dr14()[1].items() if not half), key=digest)
    star = next(star for star in first[:3] if star in good(ARCHIVES().h_band))
    (path,) = [path for path in server.pages if path.startswith(STARS_DR14) and star in path]
    server.faults[path] = fault
    code = main(["data", "build", "apogee-dr14", "--limit", "3"])
    if comes is None:
        assert code == 1
        assert not built_path("apogee-dr14").exists()
        server.faults.clear()
        assert main(["data", "build", "apogee-dr14", "--limit", "3"]) == 0
        comes = True
    assert (star in built_spectra("apogee-dr14").ids) is comes
    about = json.loads(built_path("apogee-dr14", ".json").read_text("utf-8"))
    assert about["missing"] == [star] * (not comes)
    record, told = built_path("apogee-dr14", ".json"), capsys.readouterr().err
    assert (f"no good spectrum came of 1 star: {record} names them; to ask" in told) is not comes
    if not comes:  # as the message says, which also works
        built_path("apogee-dr14").unlink()
        server.faults.clear()
        assert main(["data", "build", "apogee-dr14", "--limit", "3"]) == 0
        assert star in built_spectra("apogee-dr14").ids


# ---- parts: a recipe without archives


def mock_stars(n=23):
    table = Table({"id": [f"{7 * k}" for k in range(n)], "teff": np.linspace(4e3, 6e3, n)})
    table["snr"] = np.where(np.arange(n) % 5, 50.0, np.nan)
    table["catalogue"] = np.where(np.arange(n) % 3, "A", "Bc")
    return table, [{"catalogue": "A", "cut": "rows of the catalogue", "stars": n}]


def mock_spectra(stars):
    """Spectra of stars but those whose id ends with 3. They tell the stars by their flux."""
    stars = stars[[not star.endswith("3") for star in stars["id"]]]
    flux = np.array([float(star) for star in stars["id"]])[:, None] / 1e3 + 0 * RVS.pixels
    spectra = Spectra(RVS.pixels, flux, flux + 1, flux < 0, stars["id"].tolist())
    return replace(spectra, labels=labels_of(stars, RVS))


class Killed(BaseException):
    pass


def killed_after(parts, stars):
    """As `mock_spectra`, but the process ends after some parts."""
    if len(list(built_path("mock", ".parts").glob("*.h5"))) == parts:
        raise Killed
    return mock_spectra(stars)


MOCK = Recipe("mock", [], mock_stars, mock_spectra, part=4)


def test_a_set_has_the_same_bytes_after_interruptions(data):
    about = build(MOCK)
    whole = built_path("mock").read_bytes()
    assert about["stars"] == len(built_spectra("mock")) == 21
    assert sorted(about["missing"]) == ["133", "63"]
    assert sorted(path.name for path in (data / "built").iterdir()) == ["mock.h5", "mock.json"]
    assert [count["stars"] for count in about["counts"][1:]] == [14, 7]

    for path in (data / "built").iterdir():
        path.unlink()
    for parts in (1, 2, 5):
        with pytest.raises(Killed):
            build(replace(MOCK, spectra_of=partial(killed_after, parts)))
        assert not built_path("mock").exists()
    damaged, cut, other, *_ = sorted(built_path("mock", ".parts").glob("*.h5"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-100])
    mock_spectra(shuffled(mock_stars()[0])[:4]).write(other)  # the stars of another part
    build(MOCK)
    assert built_path("mock").read_bytes() == whole

    # what is there is not made again
    assert build(replace(MOCK, spectra_of=None)) == json.loads(
        built_path("mock", ".json").read_text("utf-8")
    )


def flipped(content, at):
    """Bytes of which one bit is another."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_damaged_choice_of_stars_is_made_again(data):
    labels = built_path("mock", "-labels.fits")

    def select():
        mock_stars()[0]["id", "teff"].write(labels, overwrite=True)
        return mock_stars()

    labels.parent.mkdir()
    recipe = replace(MOCK, select=select, beside=[labels], part=12)
    about = build(recipe)
    whole = built_path("mock").read_bytes()
    parts = built_path("mock", ".parts")
    for name in ("stars.json", "stars.npy", labels):
        for damage in (
            lambda content: b"",
            lambda content: b"{}",
            lambda content: content[:-100],
            lambda content: flipped(content, content.find(b'"cut": ') + 10),  # of the counts
            lambda content: flipped(content, content.find(b'"limit"') + 11),  # of the settings
            lambda content: flipped(content, len(content) - 20),
            None,
        ):
            built_path("mock").unlink()
            with pytest.raises(Killed):
                build(replace(recipe, spectra_of=partial(killed_after, 1)))
            path = parts / name
            path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
            assert {**build(recipe), "made": ""} == {**about, "made": ""}
            assert built_path("mock").read_bytes() == whole


def killed(path):
    raise Killed


def test_parts_of_another_choice_are_not_taken(data, monkeypatch):
    build(MOCK)
    whole = built_path("mock").read_bytes()
    built_path("mock").unlink()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(build_module, "SpectraWriter", killed)
        build(MOCK, limit=9)  # the third part has one star
    assert len([*built_path("mock", ".parts").glob("*.h5")]) == 3
    (built_path("mock", ".parts") / "stars.json").write_bytes(b"")
    build(MOCK)
    assert built_path("mock").read_bytes() == whole


def test_damage_of_a_set_is_told_and_not_called_built(data, capsys):
    build(MOCK)
    path = built_path("mock")
    whole = path.read_bytes()
    assert main(["data", "check"]) == 0
    assert "mock: 1 file" in capsys.readouterr().out
    for content in (flipped(whole, 5000), whole[:-100], b""):
        path.write_bytes(content)
        assert damage_of("mock").keys() == {path}
        told = f"{path}: it is damaged, not as in mock.json: delete it and run"
        with pytest.raises(OSError, match=f"^{told} `specnb data build mock` again$"):
            build(MOCK)
        assert main(["data", "check", "mock"]) == 3
        assert told in capsys.readouterr().err
    path.unlink()
    assert main(["data", "check"]) == 3
    found, told = capsys.readouterr()
    assert "mock: 0 files, 0.0 MB, 1 not good" in found
    assert f"{path}: it is missing: run `specnb data build mock` again, which makes it" in told
    build(MOCK)
    assert path.read_bytes() == whole and damage_of("mock") == {}
    built_path("mock", ".json").write_text("{}")
    assert main(["data", "check"]) == 3
    assert "mock.json: it is missing or damaged: run `specnb data build" in capsys.readouterr().err
    build(MOCK)
    assert damage_of("mock") == {}


def test_a_damaged_file_beside_a_set_is_written_again(data):
    labels = built_path("mock", "-labels.fits")

    def select():
        labels.parent.mkdir(exist_ok=True)
        mock_stars()[0]["id", "teff"].write(labels, overwrite=True)
        return mock_stars()

    recipe = replace(MOCK, select=select, beside=[labels])
    about = build(recipe)
    whole = labels.read_bytes()
    assert about["beside"] == {labels.name: sha256(whole).hexdigest()}
    for content in (whole[:-3] + b"abc", b"", None):
        labels.unlink() if content is None else labels.write_bytes(content)
        assert damage_of("mock").keys() == {labels}
        assert build(replace(recipe, spectra_of=None)) == about
        assert labels.read_bytes() == whole and damage_of("mock") == {}
    labels.write_bytes(b"")
    with pytest.raises(OSError, match=r"mock-labels.fits: it is damaged, not as in mock.json"):
        build(replace(recipe, select=lambda: None))


def test_the_disk_is_checked_before_spectra_are_fetched(data, monkeypatch):
    usage = build_module.shutil.disk_usage(data)
    monkeypatch.setattr(build_module.shutil, "disk_usage", lambda path: usage._replace(free=10**6))
    large = replace(MOCK, pixels=10**5, spectra_of=None)
    told = f"mock takes about 0.04 GB while it is made and {data}/built has room for 0.00 GB: free"
    with pytest.raises(OSError, match=told):
        build(large)
    build(replace(MOCK, pixels=len(RVS.pixels)))


@pytest.mark.slow
def test_a_set_has_the_same_bytes_with_several_processes(data):
    build(MOCK)
    whole = built_path("mock").read_bytes()
    built_path("mock").unlink()
    build(MOCK, jobs=2)
    assert built_path("mock").read_bytes() == whole


def test_settings_of_another_build_are_refused(data):
    with pytest.raises(Killed):
        build(replace(MOCK, spectra_of=partial(killed_after, 1)), limit=9)
    for limit in (8, None):
        told = (
            r"mock.parts is of another build, with --limit 9: delete it, or build with --limit 9$"
        )
        with pytest.raises(ValueError, match=told):
            build(MOCK, limit=limit)
    assert build(MOCK, limit=9)["stars"] <= 9
    with pytest.raises(
        ValueError, match=r"mock.h5 is of another build, with --limit 9: delete it,"
    ):
        build(MOCK)
    first = built_spectra("mock")
    built_path("mock").unlink()
    build(MOCK)
    some = built_spectra("mock", len(first))
    assert np.array_equal(first.ids, some.ids)
    assert np.array_equal(first.flux, some.flux)
    assert np.isnan(label_columns(some.labels, ["snr"])).any()
    told = r"mock.h5 is of another build, without --limit: delete it, or build without --limit$"
    with pytest.raises(ValueError, match=told):
        build(MOCK, limit=9)


def test_a_set_of_other_catalogues_is_refused(data):
    recipe = replace(MOCK, inputs=[data / "a.fits", data / "b.fits"])
    for path in recipe.inputs:
        path.write_bytes(b"1")
    build(recipe)
    recipe.inputs[1].write_bytes(b"2")
    told = r"mock.h5 is of another build, which read another b.fits: delete it$"
    with pytest.raises(ValueError, match=told):
        build(recipe)
    built_path("mock").unlink()
    build(recipe)


def test_parts_of_which_the_archive_has_no_spectrum(data, monkeypatch):
    few = replace(MOCK, select=partial(mock_stars, 10))
    assert build(replace(few, part=1))["missing"] == ["63"]
    single = built_spectra("mock")
    built_path("mock").unlink()
    build(few)
    assert np.array_equal(built_spectra("mock").ids, single.ids)
    assert np.array_equal(built_spectra("mock").flux, single.flux)

    def none(ids):
        raise FileNotFoundError("the Gaia archive gave no good spectrum of 2 of 2 stars")

    monkeypatch.setattr(reference.gaia, "spectra", none)
    spectra = reference.rvs_spectra(mock_stars(2)[0])
    assert len(spectra) == 0
    assert spectra.labels.colnames == ["teff", "snr", "catalogue"]


def test_no_star_is_told_in_one_sentence(data):
    with pytest.raises(ValueError, match=r"no spectrum for mock after the cuts \(rows .*: 1\)"):
        build(replace(MOCK, select=lambda: (mock_stars()[0][:0], mock_stars(1)[1])))
    assert not built_path("mock").exists()


def test_rvs_real_needs_the_reference_stars(data, capsys):
    assert main(["data", "build", "rvs-real"]) == 1
    assert "run `specnb data build rvs-reference` first" in capsys.readouterr().err


# ---- catalogues


def written(path, rows, formats):
    path.write_bytes(fits_table(rows, formats))
    return path


def test_columns_of_catalogues_as_archives_write_them(tmp_path, monkeypatch):
    monkeypatch.setattr("specnb.surveys.public.catalogues.BLOCK", 3000)  # several blocks
    archives = ARCHIVES()
    for release in ("dr14", "dr17"):
        path = written(tmp_path / release, archives.rows[release], allstar_formats(release))
        table = read_columns(
            path, {"apogee_id": "text", "TEFF": "number", "ASPCAPFLAG": "flag"}, ["NO"]
        )
        assert table.colnames == ["apogee_id", "TEFF", "ASPCAPFLAG"]
        assert table["ASPCAPFLAG"].dtype == ("i4" if release == "dr14" else "i8")
        assert table["apogee_id"].tolist() == [row["APOGEE_ID"] for row in archives.rows[release]]
        expected = [
            row["TEFF"] if is_number(row["TEFF"]) else np.nan for row in archives.rows[release]
        ]
        assert np.array_equal(table["TEFF"], np.float32(expected), equal_nan=True)
        assert table["TEFF"].dtype.isnative
        found = read_columns(path, {"FPARAM": "vector"})["FPARAM"]
        expected = np.float32([row["FPARAM"] for row in archives.rows[release]])
        assert np.array_equal(found, np.where(expected < -9998, np.nan, expected), equal_nan=True)
        with pytest.raises(ValueError, match=r"FPARAM of type float32\[9\], where a plain number"):
            read_columns(path, {"FPARAM": "number"})
        with pytest.raises(ValueError, match="TEFF of type float32, where a plain vector"):
            read_columns(path, {"TEFF": "vector"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dr3_source_id": "D"},
            "dr3_source_id of type float64, which loses the last digits of ids",
        ),
        ({"flag_sp": "8A"}, "flag_sp of type .*, where a plain flag is due"),
        ({"teff": "J"}, "teff of type int32, where a plain number is due"),
        ({"logg": "2E"}, r"logg of type float32\[2\]"),
        ({"e_fe_h": None}, "lacks the columns e_fe_h"),
    ],
)
def test_wrong_columns_are_told_in_one_sentence(tmp_path, change, message):
    formats = {name: kind for name, kind in (GALAH_FORMATS | change).items() if kind}
    rows = [{name: "" if kind[-1] == "A" else 1 for name, kind in formats.items()}] * 2
    path = written(tmp_path / "galah.fits", rows, formats)
    with pytest.raises(ValueError, match=f"{path}.*{message}"):
        read_columns(path, dict(reference.GALAH.values()))


def test_missing_integers_and_scaled_columns(tmp_path):
    path = tmp_path / "x.fits"
    column = fits.Column("dr3_source_id", "K", null=-5, array=np.array([7, -5, 2**62]))
    table = fits.BinTableHDU.from_columns([column, fits.Column("teff", "J", array=[1, 2, 3])])
    table.header["TSCAL2"] = 0.5
    table.writeto(path)
    assert read_columns(path, {"dr3_source_id": "id"})["dr3_source_id"].tolist() == [7, -1, 2**62]
    with pytest.raises(ValueError, match=r"teff of type int32 with a scale, where a plain number"):
        read_columns(path, {"teff": "number"})


@pytest.mark.filterwarnings("ignore:(?s).*Error validating header")
def test_truncated_and_foreign_catalogues(tmp_path):
    path = written(tmp_path / "galah.fits", ARCHIVES().rows["galah"], GALAH_FORMATS)
    content = path.read_bytes()
    for damaged in (content[:-9000], content[:2000], b"<html>", b""):
        path.write_bytes(damaged)
        with pytest.raises(
            OSError, match=r"galah.fits is not a whole FITS catalogue \(.*\): it may be"
        ):
            read_columns(path, dict(reference.GALAH.values()))


def test_abundances_relative_to_hydrogen_become_relative_to_iron(tmp_path):
    rows = ARCHIVES().rows["dr14"]
    formats = allstar_formats("dr14")
    for name in [name for name in formats if "_FE" in name and not name.startswith("FE")]:
        formats[name.replace("_FE", "_H")] = formats.pop(name)
    rows = [
        row
        | {"MG_H": row["MG_FE"] + row["FE_H"] if is_number(row["MG_FE"]) else -9999.0}
        | {"MG_H_ERR": 0.04, "FE_H_ERR": 0.03}
        for row in rows
    ]
    whole = written(tmp_path / "fe", ARCHIVES().rows["dr14"], allstar_formats("dr14"))
    stars, counts = apogee.labelled_stars(written(tmp_path / "h", rows, formats), "DR14")
    expected, others = apogee.labelled_stars(whole, "DR14")
    assert counts == others
    assert np.allclose(stars["mg_fe"], expected["mg_fe"], atol=1e-6)
    assert np.allclose(stars["mg_fe_error"], 0.05)


def test_the_best_row_of_each_star():
    ids = np.array([3, 1, 3, 2, 1, 2, 3])
    snr = np.array([1, np.nan, 5, np.nan, 2, np.nan, 5.0])
    assert best_of_each(ids, snr).tolist() == [False, False, True, True, True, False, False]
    assert best_of_each(ids[:0], snr[:0]).tolist() == []


# ---- at full size

FULL = """
import json, resource, sys, time, warnings
from pathlib import Path
import numpy as np
from astropy.table import Table
from specnb.core.spectra import Spectra
from specnb.surveys import RVS
from specnb.surveys.public import gaia, reference
from specnb.surveys.public.build import Recipe, build
from functools import partial

folder = Path(sys.argv[1])

def sources(ids):
    bright = np.array([int(star) % 7 for star in ids])
    return Table({"source_id": ids, "phot_g_mean_mag": 7.5 + bright, "has_rvs": bright % 2 == 0})

def spectra(ids):
    flux = np.ones((len(ids), 2401), np.float32) - 0.1 * np.random.default_rng(int(ids[0])).random(2401, np.float32)
    return Spectra(RVS.native, flux, 0 * flux + 0.01, flux < 0, ids, None, RVS.correlation_length)

gaia.sources, gaia.spectra = sources, spectra
files = [folder / "allStar.fits", folder / "galah.fits"]
recipe = Recipe("rvs-reference", files, partial(reference.reference_stars, *files), reference.rvs_spectra, 1000)
begun = time.perf_counter()
stars, counts = recipe.select()
chosen = time.perf_counter() - begun
about = build(recipe)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"stars": about["stars"], "select": chosen, "all": time.perf_counter() - begun, "GB": peak}))
"""


def write_full(path, n, formats, columns):
    """A catalogue of full size with random columns, written in blocks."""
    head = fits.BinTableHDU.from_columns([fits.Column(k, f) for k, f in formats.items()], nrows=0)
    types = head.columns.dtype.newbyteorder(">")
    head.header["NAXIS2"] = n
    with path.open("wb") as f:
        f.write(fits.PrimaryHDU().header.tostring().encode())
        f.write(head.header.tostring().encode())
        for start in range(0, n, 20_000):
            block = np.zeros(min(20_000, n - start), types)
            rng = np.random.default_rng(start)
            for name, draw in columns.items():
                block[name] = draw(rng, np.arange(start, start + len(block)))
            block.tofile(f)
        f.write(bytes(-f.tell() % 2880))


@pytest.mark.slow
def test_catalogues_of_full_size_need_less_than_2_gb(tmp_path):
    def uniform(low, high):
        return lambda rng, k: rng.uniform(low, high, len(k))

    values = {
        "TEFF": uniform(4e3, 7e3), "LOGG": uniform(0, 5), "M_H": uniform(-2, 0.5), "ALPHA_M": uniform(0, 0.3),
        "TEFF_ERR": uniform(0, 230), "LOGG_ERR": uniform(0, 0.6), "M_H_ERR": uniform(0, 0.4),
        "ALPHA_M_ERR": uniform(0, 0.25), "SNR": uniform(10, 300),
        "GAIAEDR3_SOURCE_ID": lambda rng, k: 2**55 + 1000 * k,
        "EXTRATARG": lambda rng, k: 16 * (k % 10 == 0), "ASPCAPFLAG": lambda rng, k: 2**23 * (k % 9 == 0),
    }  # fmt: skip
    formats = allstar_formats("dr17")
    # as many bytes a row as DR17 has
    formats |= {"FPARAM_GRID": "189E", "FPARAM_COV_CLASS": "1000E"}
    write_full(tmp_path / "allStar.fits", 733_901, formats, values)
    galah = {
        "teff": values["TEFF"], "logg": values["LOGG"], "fe_h": values["M_H"], "alpha_fe": values["ALPHA_M"],
        "e_teff": values["TEFF_ERR"], "e_logg": values["LOGG_ERR"], "e_fe_h": values["M_H_ERR"],
        "e_alpha_fe": values["ALPHA_M_ERR"], "snr_c3_iraf": values["SNR"],
        "dr3_source_id": lambda rng, k: 2**55 + 1500 * k, "flag_sp": lambda rng, k: k % 3,
    }  # fmt: skip
    write_full(tmp_path / "galah.fits", 588_571, GALAH_FORMATS | {"more": "240E"}, galah)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), tmp_path],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"SPECNB_DATA": str(tmp_path)},
    )
    result = json.loads(done.stdout.splitlines()[-1])
    sizes = {path.name: path.stat().st_size / 1e9 for path in tmp_path.glob("*.fits")}
    for name in sizes:  # pytest would keep them
        (tmp_path / name).unlink()
    print("GB of the catalogues:", sizes, "build:", result)
    assert result["stars"] > 64_305
    assert result["GB"] < 2.0
