"""Tables of many stars: the same bytes however they are computed, formats, pieces and what is left out."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Column, Table

from specnb import FitConfig, Spectra, fit_labels, load_emulator, read_spectra
from specnb.bulk import parts, pieces
from specnb.bulk.label import encode_files, label_files, predict_files
from specnb.bulk.tables import write_table
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.regress import fit_regressor
from specnb.disentangle.regressor import Regressor
from specnb.fitting.pulls import interior_stars
from specnb.surveys.rvs.pixels import RVS_PIXELS

N = 1600


def stars(ids, seed=0):
    """Spectra of noise, which the stand-in for a fit only averages."""
    rng = np.random.default_rng(seed)
    flux = rng.normal(1, 0.1, (len(ids), len(RVS_PIXELS)))
    mask = rng.random(flux.shape) < 0.01
    return Spectra(RVS_PIXELS, flux, np.full(flux.shape, 0.1), mask, ids)


def averages(spectra):
    """The stand-in for a fit: a table that depends on the spectra, with all kinds of columns."""
    return Table(
        {
            "id": spectra.ids,
            "mean": Column(spectra.flux.mean(axis=1, dtype=float), unit="K"),
            "good": (~spectra.mask).sum(axis=1) > 790,
            "flags": np.where(spectra.flux[:, 0] > 1, "a,b", ""),
        }
    )


def choose(spectra, survey):
    return averages, {"model": "averages", "sha256": "0" * 64}


@pytest.fixture
def small_pieces(monkeypatch):
    """Files are large, and pieces small."""
    monkeypatch.setattr(pieces, "BYTES", 1000)
    monkeypatch.setattr(pieces, "PIXELS", 400 * 800)
    monkeypatch.setattr(pieces, "ROWS", 256)


def write_parquet(path, spectra, groups=None):
    pyarrow = pytest.importorskip("pyarrow")
    table = {"id": spectra.ids.tolist(), "wavelength": [RVS_PIXELS.tolist()] * len(spectra)}
    for name in ("flux", "flux_error"):
        table[name] = np.where(spectra.mask, np.nan, getattr(spectra, name)).tolist()
    pyarrow.parquet.write_table(pyarrow.table(table), path, row_group_size=groups)


@pytest.mark.parametrize(("kind", "jobs"), [("csv", 2), ("ecsv", 1), ("parquet", 1)])
def test_shards_and_jobs_change_no_byte(tmp_path, small_pieces, kind, jobs):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    stars([f"star {k}" for k in range(N)]).write(tmp_path / "a.h5")
    once, shards = tmp_path / f"once.{kind}", tmp_path / f"shards.{kind}"
    done = write_table([tmp_path / "a.h5"], once, choose, jobs=1)
    assert (done["stars"], done["left_out"]) == (N, {})
    for share in (2, 1, 3, 3):
        write_table([tmp_path / "a.h5"], shards, choose, shard=f"{share}/3", jobs=jobs)
        assert not shards.exists()
    write_table([tmp_path / "a.h5"], shards, choose, jobs=jobs)
    assert once.read_bytes() == shards.read_bytes()
    names = {"a.h5", once.name, shards.name}
    if kind == "csv":
        names |= {"once.csv.meta.json", "shards.csv.meta.json"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_run_that_was_interrupted_goes_on(tmp_path, small_pieces, monkeypatch):
    stars(np.arange(N)).write(tmp_path / "a.h5")
    write_table([tmp_path / "a.h5"], tmp_path / "once.csv", choose, jobs=1)
    written, write = [], parts.Parts.write

    def interrupted(self, number, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(number)
        write(self, number, *rest)

    monkeypatch.setattr(parts.Parts, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_table([tmp_path / "a.h5"], tmp_path / "again.csv", choose, jobs=1)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "again.csv.parts").glob("0*")}
    assert len(kept) == 2 and not (tmp_path / "again.csv").exists()
    monkeypatch.setattr(
        parts.Parts, "write", lambda self, *rest: written.append(rest[0]) or write(self, *rest)
    )
    write_table([tmp_path / "a.h5"], tmp_path / "again.csv", choose, jobs=1)
    assert sorted(written) == sorted(set(written))  # none was computed twice
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()


def test_parts_of_another_run_are_refused(tmp_path, small_pieces):
    spectra = stars(np.arange(N))
    spectra.write(tmp_path / "a.h5")
    write_table([tmp_path / "a.h5"], tmp_path / "t.csv", choose, shard="1/2", jobs=1)

    def other(spectra, survey):
        return averages, {"model": "other", "sha256": "1" * 64}

    with pytest.raises(
        ValueError, match=r"parts of another run \(model, sha256 differ\): give the"
    ):
        write_table([tmp_path / "a.h5"], tmp_path / "t.csv", other, jobs=1)
    spectra[:600].write(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"\(inputs differ\)"):
        write_table([tmp_path / "a.h5"], tmp_path / "t.csv", choose, jobs=1)


def test_a_run_that_failed_at_once_is_in_nobodys_way(tmp_path):
    stars([1]).write(tmp_path / "a.h5")

    def refused(spectra):
        raise ValueError("a setting is wrong")

    def other(spectra, survey):
        return refused, {"model": "other", "sha256": "1" * 64}

    with pytest.raises(ValueError, match="a setting is wrong"):
        write_table([tmp_path / "a.h5"], tmp_path / "t.csv", other, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    assert write_table([tmp_path / "a.h5"], tmp_path / "t.csv", choose, jobs=1)["stars"] == 1


@pytest.mark.parametrize("groups", [300, 7])  # more and fewer stars than a piece has
def test_parquet_and_hdf5_of_the_same_stars_agree(tmp_path, small_pieces, groups):
    spectra = stars(np.arange(N))
    spectra.write(tmp_path / "a.h5")
    write_parquet(tmp_path / "a.parquet", spectra, groups)
    tables = []
    for name in ("a.h5", "a.parquet"):
        done = write_table([tmp_path / name], tmp_path / "t.ecsv", choose, jobs=1)
        assert done["stars"] == N
        tables.append(Table.read(tmp_path / "t.ecsv"))
    first, second = tables
    assert first["id"].tolist() == second["id"].tolist()
    np.testing.assert_allclose(first["mean"], second["mean"], rtol=2e-7)


def test_pieces_are_cut_at_absolute_rows(tmp_path, small_pieces):
    stars(np.arange(N)).write(tmp_path / "a.h5")
    write_parquet(tmp_path / "b.parquet", stars(np.arange(N)), 500)
    for name, blocks in (("a.h5", [N]), ("b.parquet", [500, 500, 500, 100])):
        cut, left_out = pieces.pieces_of({name: tmp_path / name})
        rows = np.concatenate([np.r_[part] for piece in cut for _, _, part in piece])
        assert not left_out and rows.tolist() == list(range(N))
        starts = {piece[0][2].start for piece in cut}
        ends = np.cumsum([0, *blocks])
        assert all((start - ends[ends <= start].max()) % 256 == 0 for start in starts)
        assert all(part.stop - part.start <= 256 for piece in cut for _, _, part in piece)


def test_small_files_are_put_together_in_their_order(tmp_path):
    files = {}
    for k in range(10):
        files[f"{k}"] = tmp_path / f"{k}.csv"
        files[f"{k}"].write_bytes(b"x" * 4000)
    pieces_of = pieces.pieces_of
    assert [len(piece) for piece in pieces_of(files)[0]] == [8, 2]  # two shards have work
    many = {f"{k}": files["0"] for k in range(300)}
    assert [len(piece) for piece in pieces_of(many)[0]] == [18] * 16 + [12]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "BYTES", 12_000)
        cut = pieces_of(files)[0]
    assert [name for piece in cut for name, _, _ in piece] == list(files)
    assert max(len(piece) for piece in cut) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "FILES", 4)
        assert [len(piece) for piece in pieces_of(files)[0]] == [4, 4, 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "BYTES", 1)
        patch.setattr(pieces, "LARGEST", 3999)
        assert "divide it, or write it as HDF5" in pieces_of(files)[1]["3"][0]


def test_the_table_and_its_parts_may_lie_beside_the_spectra(tmp_path):
    for k in range(3):
        stars([k], k).write(tmp_path / f"{k}.h5")
    first = write_table([tmp_path], tmp_path / "t.csv", choose, shard="1/1", jobs=1)
    again = write_table([tmp_path], tmp_path / "t.csv", choose, jobs=1)
    third = write_table([tmp_path], tmp_path / "t.csv", choose, jobs=1)
    assert [done["stars"] for done in (first, again, third)] == [3, 3, 3]
    assert first["left_out"] == again["left_out"] == third["left_out"] == {}


@pytest.mark.parametrize("inputs", [["a.h5", "b.h5"], ["a.h5"], ["link.h5"], ["."]])
def test_spectra_are_never_overwritten(tmp_path, monkeypatch, inputs):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parts, "KINDS", (*parts.KINDS, ".h5"))
    for k, name in enumerate("ab"):
        stars([k], k).write(tmp_path / f"{name}.h5")
    (tmp_path / "link.h5").symlink_to(tmp_path / "a.h5")
    content = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(
        ValueError, match=r"a.h5 is one of the files of spectra, too: choose another"
    ):
        write_table(inputs, "a.h5", choose, jobs=1)
    assert (tmp_path / "a.h5").read_bytes() == content


@pytest.mark.parametrize("kind", ["csv", "ecsv", "parquet"])
def test_of_a_folder_only_spectra_are_read(tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    for k, name in enumerate(("0.h5", f"t.{kind}1.h5")):  # this name begins with the output's
        stars([k], k).write(tmp_path / name)
    write_table([tmp_path], tmp_path / f"other.{kind}", choose, jobs=1)
    write_table([tmp_path], tmp_path / f"begun.{kind}", choose, shard="1/1", jobs=1)
    for _ in range(2):
        done = write_table([tmp_path], tmp_path / f"t.{kind}", choose, jobs=1)
        assert (done["stars"], done["left_out"]) == (2, {})
    with pytest.raises(ValueError, match="no files of spectra"):
        (tmp_path / "0.h5").unlink()
        (tmp_path / f"t.{kind}1.h5").unlink()
        write_table([tmp_path], tmp_path / f"t.{kind}", choose, jobs=1)


@pytest.mark.parametrize("change", ["content", "nothing"])
def test_a_file_that_changed_between_shards_is_noticed(tmp_path, change):
    path, text = tmp_path / "a.csv", "id,wavelength,flux,flux_error\n"
    text += "".join(f"1,{pixel:.3f},1.00000,0.1\n" for pixel in RVS_PIXELS)
    path.write_text(text)
    write_table([path], tmp_path / "t.csv", choose, shard="1/1", jobs=1)
    if change == "content":
        before = path.stat()
        path.write_text(text.replace("1.00000", "1.00001"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
        assert path.stat().st_size == before.st_size
        with pytest.raises(ValueError, match=r"\(inputs differ\)"):
            write_table([path], tmp_path / "t.csv", choose, jobs=1)
    else:
        assert write_table([path], tmp_path / "t.csv", choose, jobs=1)["stars"] == 1


def test_two_runs_with_one_output(tmp_path, small_pieces, monkeypatch):
    stars(np.arange(N)).write(tmp_path / "a.h5")
    read = parts.Parts.read

    def other_is_faster(self, number):
        monkeypatch.setattr(parts.Parts, "read", read)
        write_table([tmp_path / "a.h5"], tmp_path / "t.csv", choose, jobs=1)
        return read(self, number)

    monkeypatch.setattr(parts.Parts, "read", other_is_faster)
    with pytest.raises(
        OSError, match=r"another run has joined the parts in .*t.csv.parts meanwhile"
    ):
        write_table([tmp_path / "a.h5"], tmp_path / "t.csv", choose, jobs=1)
    assert len(Table.read(tmp_path / "t.csv")) == N


def test_spectra_in_another_frame_are_told_so(tmp_path):
    rest = stars(["a"])
    rest.write(tmp_path / "1.h5")
    replace(rest, ids=["b"], at_rest=False).write(tmp_path / "2.h5")
    replace(rest, ids=["c"], correlation_length=3.0).write(tmp_path / "3.h5")
    reasons = write_table([tmp_path], tmp_path / "t.csv", choose, jobs=1)["left_out"]
    assert reasons["2.h5"] == "has spectra not at rest, unlike 1.h5: read them apart"
    assert reasons["3.h5"].startswith("has other labels or correlations of noise than 1.h5")


@pytest.mark.parametrize("files", [1, 2])
def test_a_star_that_is_twice_in_a_file_is_noted(tmp_path, small_pieces, files):
    ids = [f"{k}" for k in range(N - 2)] + ["7", "7"]  # in another piece
    for k in range(files):
        stars(ids if k == 0 else ["x"], k).write(tmp_path / f"{k}.h5")
    done = write_table([tmp_path], tmp_path / "t.ecsv", choose, jobs=1)
    assert (done["stars"], done["left_out"]) == (N + files - 1, {})
    assert done["notes"] == [
        "0.h5: 2 rows repeat stars of rows above, such as star 7: all are kept"
    ]


def test_a_worker_ends_after_its_command_was_killed():
    code = "import sys, time\nfrom specnb.bulk.tables import _end_with\n"
    code += "_end_with(int(sys.argv[1]))\ntime.sleep(60)\nprint('still there')"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    worker = [sys.executable, "-c", code, str(ended.pid)]
    done = subprocess.run(worker, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_of_stars_that_two_files_have_the_first_stays(tmp_path):
    stars(["a", "b", "b"]).write(tmp_path / "1.h5")  # rows of one file are all kept
    stars(["c", "b", 'd,"e"'], 1).write(tmp_path / "2.h5")
    stars(["a", "c"], 2).write(tmp_path / "3.h5")
    done = write_table([tmp_path], tmp_path / "t.ecsv", choose, jobs=1)
    table = Table.read(tmp_path / "t.ecsv")
    assert table["id"].tolist() == ["a", "b", "b", "c", 'd,"e"']
    assert table["file"].tolist() == ["1.h5"] * 3 + ["2.h5"] * 2
    assert done["stars"] == 5
    assert done["notes"] == [
        "1.h5: 1 rows repeat stars of rows above, such as star b: all are kept"
    ]
    assert done["left_out"] == {
        "2.h5": "star b is in both 1.h5 and 2.h5: give only one of them",
        "3.h5": "star a is in both 1.h5 and 3.h5: give only one of them (and 1 more such reasons)",
    }


@pytest.mark.parametrize("kind", ["csv", "ecsv", "parquet"])
def test_tables_tell_units_and_settings(tmp_path, kind):
    ids = ["2052747119115620352", "0012", "nan"]
    stars(ids).write(tmp_path / "a.h5")
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    write_table([tmp_path / "a.h5"], path, choose, jobs=1)
    expected = averages(stars(ids))
    if kind == "parquet":
        table = parquet.read_table(path)
        about = table.schema.metadata[b"table_meta_yaml"].decode()
        assert "{name: mean, unit: K" in about and "0000" in about
        rows = table.to_pydict()
        assert rows["id"] == ids and rows["good"] == expected["good"].tolist()
        assert rows["flags"] == expected["flags"].tolist()
        return
    if kind == "csv":
        plain = Table.read(path)
        assert plain.colnames == expected.colnames and len(plain) == 3
        np.testing.assert_allclose(plain["mean"], expected["mean"], rtol=1e-6)
        assert path.read_text("utf-8").startswith("id,mean,good,flags\n")
        about = json.loads((tmp_path / "t.csv.meta.json").read_text("utf-8"))
        assert about["units"] == {"id": "", "mean": "K", "good": "", "flags": ""}
        assert about["model"] == "averages" and about["sha256"] == "0" * 64
        return
    table = Table.read(path)
    assert table["mean"].unit == "K" and table.meta["model"] == "averages"
    assert table["id"].tolist() == ids and table["good"].tolist() == expected["good"].tolist()
    np.testing.assert_allclose(table["mean"], expected["mean"], rtol=1e-6)
    assert np.ma.filled(table["flags"], "").tolist() == expected["flags"].tolist()


def test_a_damaged_large_file_is_left_out_whole(tmp_path, small_pieces):
    stars(np.arange(N)).write(tmp_path / "a.h5")
    stars(np.arange(N, 2 * N)).write(tmp_path / "b.h5")
    content = bytearray((tmp_path / "b.h5").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "b.h5").write_bytes(content)
    done = write_table([tmp_path], tmp_path / "t.csv", choose, jobs=1)
    assert done["stars"] == N and "its content is not what was written" in done["left_out"]["b.h5"]


def test_bad_rows_of_a_large_file_are_named(tmp_path, small_pieces):
    pytest.importorskip("pyarrow")
    spectra = stars(np.arange(N))
    spectra.mask[300] = True
    write_parquet(tmp_path / "a.parquet", spectra)
    done = write_table([tmp_path / "a.parquet"], tmp_path / "t.csv", choose, jobs=1)
    assert done["stars"] == N - 1
    assert done["left_out"]["a.parquet"].startswith(
        "rows 256-511: 1 of 256 stars are left out, 300"
    )


def test_rows_of_a_file_are_those_of_the_whole_file(tmp_path):
    spectra = stars(np.arange(50))
    spectra.write(tmp_path / "a.h5")
    some = Spectra.read(tmp_path / "a.h5", rows=slice(7, 20))
    np.testing.assert_array_equal(some.ids, spectra.ids[7:20])
    np.testing.assert_array_equal(some.flux, spectra.flux[7:20])


def test_labels_are_those_of_fit_labels(tmp_path):
    emulator = load_emulator("rvs")
    spectra = interior_stars(emulator, 6, snr=100.0, seed=1)
    spectra.write(tmp_path / "a.h5")
    config = FitConfig(continuum_order=1, start_spectra=64)
    done = label_files([tmp_path / "a.h5"], tmp_path / "t.ecsv", "rvs", config, jobs=1)
    table, expected = Table.read(tmp_path / "t.ecsv"), fit_labels(spectra, emulator, config)
    assert table.colnames == expected.colnames and len(done["sha256"]) == 64
    for name in emulator.labels:
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-4, atol=1e-4)
        assert table[name].unit == expected[name].unit
    assert table.meta["settings"]["continuum_order"] == 1
    copy = tmp_path / "mine.safetensors"
    emulator.save(copy)  # a file, whose survey is found
    done = label_files([tmp_path / "a.h5"], tmp_path / "mine.ecsv", copy, config, jobs=1)
    assert done["model"] == "mine"
    again = Table.read(tmp_path / "mine.ecsv")
    assert again["teff"].tolist() == table["teff"].tolist()


def test_a_survey_of_ones_own(tmp_path):
    pixels = np.arange(5000.0, 5100.0)
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\npixels = {start = 5000, stop = 5099, step = 1}\n'
        'labels = [{name = "age", low = 0, high = 14}]\n'
    )
    rng = np.random.default_rng(1)
    flux = rng.normal(1, 0.1, (40, 100))
    labels = Table({"age": rng.uniform(1, 10, 40)})
    spectra = Spectra(pixels, flux, 0 * flux + 0.1, 0 * flux, np.arange(40), labels)
    config = DisentangleConfig(labels=("age",), latent=2, epochs=1, hidden=(8,), discriminator=(8,))
    model = train(spectra, config)
    model.save(tmp_path / "encoder.safetensors")
    (tmp_path / "in").mkdir()
    for k in range(3):  # each file has its own wavelengths
        fine = np.linspace(4990 - k, 5110, 400)
        star = Table({"wavelength": fine, "flux": np.interp(fine, pixels, flux[k])})
        star["flux_error"] = 0.1
        star.write(tmp_path / "in" / f"{k}.csv")
    done = encode_files(
        [tmp_path / "in"], tmp_path / "z.ecsv", tmp_path / "encoder.safetensors",
        survey=tmp_path / "mine.toml", jobs=2,
    )  # fmt: skip
    assert (done["stars"], done["left_out"]) == (3, {})
    read = read_spectra(tmp_path / "in", survey=tmp_path / "mine.toml")
    np.testing.assert_allclose(
        Table.read(tmp_path / "z.ecsv")["z0"], model.encode(read)[:, 0], rtol=1e-3
    )


def test_latents_and_predictions(tmp_path):
    emulator = load_emulator("rvs")
    spectra = interior_stars(emulator, 64, snr=100.0, seed=1)
    config = DisentangleConfig(latent=3, epochs=1, hidden=(8,), discriminator=(8,))
    model = train(spectra, config)
    model.save(tmp_path / "encoder.safetensors")
    spectra.write(tmp_path / "a.h5")
    encode_files([tmp_path / "a.h5"], tmp_path / "z.ecsv", tmp_path / "encoder.safetensors", jobs=1)
    table, z = Table.read(tmp_path / "z.ecsv"), model.encode(spectra)
    assert table.colnames == ["id", "z0", "z1", "z2"]
    np.testing.assert_allclose(
        np.array([table[f"z{k}"] for k in range(3)]).T, z, rtol=1e-4, atol=1e-5
    )
    assert json.dumps(dict(table.meta)).count("encoder") == 1
    for inputs, encoder in ((z, tmp_path / "encoder.safetensors"), (spectra.flux, None)):
        fitted = fit_regressor(inputs, spectra.labels, emulator.labels)
        sha256 = table.meta["sha256"] if encoder else ""
        known = Regressor.of(fitted, emulator.labels, emulator.units, sha256, RVS_PIXELS)
        known.save(tmp_path / "regressor.safetensors")
        predict_files(
            [tmp_path / "a.h5"],
            tmp_path / "p.ecsv",
            tmp_path / "regressor.safetensors",
            encoder,
            jobs=1,
        )
        predicted = Table.read(tmp_path / "p.ecsv")
        assert predicted["teff"].unit == "K"
        np.testing.assert_allclose(predicted["teff"], known.predict(inputs)[:, 0], rtol=1e-4)
    with pytest.raises(ValueError, match="the regressor takes spectra: leave the encoder out"):
        predict_files(
            [tmp_path / "a.h5"], tmp_path / "p.csv", tmp_path / "regressor.safetensors",
            tmp_path / "encoder.safetensors",
        )  # fmt: skip
