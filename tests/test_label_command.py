"""The commands label, encode and predict: what they print, their exit codes and bad input."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from specnb import load_emulator, read_spectra
from specnb.commands.main import main
from specnb.core.paths import data_folder
from specnb.fitting.pulls import interior_stars
from specnb.surveys import RVS
from specnb.surveys.files import left_out_text

FEW = ["--jobs", "1", "--device", "cpu", "--quiet"]


def write_star(path, spectra):
    """One star as a text table."""
    columns = (spectra.wavelength, spectra.flux[0], spectra.flux_error[0])
    table = Table(columns, names=["wavelength", "flux", "flux_error"])
    table["id"] = spectra.ids[0]
    table.write(path, format="ascii.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A good, a truncated, a foreign and a duplicate file."""
    path = tmp_path_factory.mktemp("stars")
    rvs, apogee = (
        interior_stars(load_emulator(n), 1, snr=100.0, seed=1) for n in ("rvs", "apogee")
    )
    write_star(path / "1-good.csv", rvs)
    write_star(path / "2-duplicate.csv", rvs)
    write_star(path / "3-foreign.csv", apogee)
    rvs.write(path / "4-truncated.h5")
    content = (path / "4-truncated.h5").read_bytes()
    (path / "4-truncated.h5").write_bytes(content[: len(content) // 2])
    return path


def test_a_bad_folder_gives_one_row_three_reasons_and_exit_code_3(folder, tmp_path, capsys):
    output = tmp_path / "labels.ecsv"
    assert main(["label", str(folder), "-o", str(output), "--json", *FEW]) == 3
    out, err = capsys.readouterr()
    done = json.loads(out)
    assert list(done) == ["output", "stars", "left_out", "notes", "seconds", "model", "sha256"]
    assert (done["output"], done["stars"], done["model"]) == (str(output), 1, "rvs-real")
    assert list(done["left_out"]) == ["2-duplicate.csv", "3-foreign.csv", "4-truncated.h5"]
    reasons = list(done["left_out"].values())
    assert reasons[0] == (
        "star ideal-00000 is in both 1-good.csv and 2-duplicate.csv: give only one of them"
    )
    assert "different wavelengths than 1-good.csv, 7214 pixels" in reasons[1]
    assert "truncated" in reasons[2]
    assert "Left out (3 files):" in err and all(reason in err for reason in reasons)
    assert Table.read(output)["file"].tolist() == ["1-good.csv"]


def test_a_bad_folder_of_real_files(tmp_path, capsys):
    if not (real := data_folder() / "gaia_rvs" / "Kepler-93.csv").is_file():
        pytest.skip("real spectra are not there")
    content = real.read_bytes()
    (tmp_path / "in").mkdir()
    for name, some in (("a.csv", content), ("b.csv", content), ("c.csv", content[:-20_000])):
        (tmp_path / "in" / name).write_bytes(some)
    foreign = next((data_folder() / "apogee").glob("apStar*.fits"))
    (tmp_path / "in" / foreign.name).write_bytes(foreign.read_bytes())
    code = main(["label", str(tmp_path / "in"), "-o", str(tmp_path / "t.csv"), *FEW, "--json"])
    done = json.loads(capsys.readouterr().out)
    assert (code, done["stars"], len(done["left_out"])) == (3, 1, 3)
    assert "star 2052747119115620352 is in both a.csv and b.csv" in done["left_out"]["b.csv"]
    fit = Table.read(tmp_path / "t.csv", format="ascii")
    assert list(map(str, fit["id"])) == list(read_spectra(real).ids)
    assert abs(fit["teff"][0] - 5669) < 200


def test_without_a_good_file_there_is_no_table(folder, tmp_path, capsys):
    output = tmp_path / "labels.csv"
    arguments = ["label", str(folder / "4-truncated.h5"), "-o", str(output), *FEW]
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(
        "specnb: no file holds good spectra. Left out (1 files)"
    )
    assert (
        main(["label", str(folder / "3-foreign.csv"), "-o", str(output), "--model", "rvs", *FEW])
        == 1
    )
    assert "no file holds spectra of Gaia RVS: give a model of" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "t.csv"], 2, "Missing argument"),
        (["stars.csv"], 2, "Missing option '-o'"),
        (["stars.csv", "-o", "t.csv", "--shard", "3"], 1, "shard is 3: give i/n"),
        (["stars.csv", "-o", "t.csv", "--shard", "3/2"], 1, "shard is 3/2: give i/n"),
        (["stars.csv", "-o", "t.csv"], 1, "stars.csv: is not a file"),
        (["1-good.csv", "-o", "t.txt"], 1, "t.txt: give a name that ends with .ecsv, .csv, .parquet"),
        (["1-good.csv", "-o", "t.csv", "--model", "rsv"], 1, "no emulator named 'rsv' is shipped"),
        (["1-good.csv", "-o", "t.csv", "--model", "x.safetensors"], 1, "x.safetensors"),
        (["1-good.csv", "-o", "t.csv", "--survey", "x.toml"], 1, "x.toml"),
        (["1-good.csv", "-o", "t.csv", "--device", "gpu"], 1, "device is 'gpu'"),
    ],
)  # fmt: skip
def test_wrong_usage_is_told_in_one_sentence(folder, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(folder)
    assert main(["label", *arguments]) == code
    assert message in capsys.readouterr().err
    assert not Path("t.csv").exists()


def test_options_reach_the_fit(folder, tmp_path, capsys):
    output = tmp_path / "t.ecsv"
    more = ["--rv", "--continuum-order", "0", "--no-model-error"]
    assert main(["label", str(folder / "1-good.csv"), "-o", str(output), *FEW, *more]) == 0
    table = Table.read(output)
    assert {"rv", "rv_error", "continuum_0"} <= set(table.colnames)
    assert "continuum_1" not in table.colnames and "file" not in table.colnames
    settings = table.meta["settings"]
    assert (settings["fit_rv"], settings["model_error"]) == (True, False)
    assert f"{output}: 1 stars after" in capsys.readouterr().out
    assert main(["label", str(folder / "1-good.csv"), "-o", str(output), *FEW, "--x-h"]) == 0
    assert set(RVS.x_h) <= set(Table.read(output).colnames)


def test_shards_are_joined_by_the_command_without_them(tmp_path, capsys):
    stars = interior_stars(load_emulator("rvs"), 2, snr=100.0, seed=1)
    stars.write(tmp_path / "a.h5")
    run = ["label", str(tmp_path / "a.h5"), "-o", str(tmp_path / "t.csv"), "--model", "rvs", *FEW]
    assert main([*run, "--shard", "1/2"]) == 0  # there is one piece, which is in the second share
    assert not list((tmp_path / "t.csv.parts").glob("0*"))
    assert main([*run, "--shard", "2/2", "--json"]) == 0
    part = next((tmp_path / "t.csv.parts").glob("0*"))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["stars"] == 2
    part.write_text(part.read_text("utf-8").replace("ideal-00000", "by the shard"), "utf-8")
    assert main(run) == 0
    assert "by the shard" in (tmp_path / "t.csv").read_text("utf-8")
    assert not (tmp_path / "t.csv.parts").exists()


def test_encode_and_predict_want_their_models(folder, tmp_path, capsys):
    for command, option in (("encode", "--model"), ("predict", "--regressor")):
        assert main([command, str(folder), "-o", str(tmp_path / "t.csv")]) == 2
        assert option in capsys.readouterr().err
        wrong = str(folder / "1-good.csv")
        assert main([command, str(folder), "-o", str(tmp_path / "t.csv"), option, wrong]) == 1
        assert capsys.readouterr().err.startswith(f"specnb: {wrong} is not a whole")


def test_at_most_ten_files_of_a_fault_are_named():
    for count, end in ((10, "9.csv: is bad"), (300, "9.csv and 290 more: is bad")):
        text = left_out_text({Path(f"{k}.csv"): "is bad" for k in range(count)})
        assert text.startswith(f"Left out ({count} files):\n  0.csv, 1.csv, ")
        assert text.endswith(end)


def test_help_takes_no_time():
    code = "import sys; from specnb.commands.main import main; main(['label', '--help']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert np.any(["--shard i/n" in line for line in done.stdout.splitlines()])
