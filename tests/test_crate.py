"""A folder of results as an RO-Crate, read back with the library that others read it with."""

import json
import os
import re

import pytest
from astropy.table import Table

from specnb.commands.main import main
from specnb.core.paths import ROOT
from specnb.core.writing import replacing
from specnb.reproduce import crate as module
from specnb.reproduce.crate import DEVELOPERS, NAME, write_crate
from specnb.reproduce.provenance import RECORD, checksum, checksums
from specnb.reproduce.study import Study

rocrate = pytest.importorskip("rocrate.rocrate", reason="needs the package rocrate")


def run_in(folder, number, commit=None):
    """What a run of a notebook leaves behind, as the runner writes it."""
    (folder / "results.json").unlink(missing_ok=True)
    study = Study(folder)
    study.table(Table({"teff": [5772.0 + number]}), "errors", f"Errors of run {number}.")
    study.text("summary", "The error is 8 K.")
    study.result("error", 8.0, "K")
    record = json.loads((folder / RECORD).read_text())
    (folder / RECORD).unlink()
    record |= {
        "notebook": f"notebooks/{folder.name}.ipynb",
        "title": f"Run {number}",
        "profile": "quick",
        "parameters": {"seed": number, "labels": ["teff", "logg"], "device": "auto"},
        "device": "cpu",
        "wall_time_s": 12.5,
        "code": {"commit": commit, "dirty": False},
        "environment": {
            "python": "3.11.7",
            "platform": "Linux",
            "versions": {"numpy": "2.4.6", "torch": "2.13.0+cpu"},
        },
        "inputs": {"data/emulators/rvs.safetensors": "a" * 64, "$SPECNB_DATA/a star.csv": "b" * 64},
        "outputs": checksums(folder) | {"figure.pdf": "c" * 64},  # it is not in the repository
    }
    (folder / "results.json").write_text(json.dumps(record))
    os.utime(folder / "results.json", (1_700_000_000 + number, 1_700_000_000 + number))
    return record


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    return folder, {name: run_in(folder / name, k) for k, name in enumerate(["01_a b", "02_c"])}


def test_a_crate_tells_what_made_what(results):
    folder, runs = results
    assert write_crate(folder) == folder / NAME
    crate = rocrate.ROCrate(folder)
    root = crate.root_dataset
    assert root["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    assert root["license"]["name"] == "CC-BY-4.0" and root["author"]["name"] == DEVELOPERS
    assert root.get("datePublished") == "2023-11-14"
    assert [action.type for action in root["mentions"]] == ["CreateAction"] * 2
    for action, (name, record) in zip(root["mentions"], runs.items(), strict=True):
        assert action["instrument"]["name"] == f"notebooks/{name}.ipynb"
        packages = {
            each["name"]: each["softwareVersion"]
            for each in action["instrument"]["softwareRequirements"]
        }
        assert packages == {"numpy": "2.4.6", "torch": "2.13.0+cpu"}
        assert "Python 3.11.7, Linux" in action["description"]
        objects = action["object"]
        assert {
            each["name"]: each["sha256"] for each in objects if each.type == "CreativeWork"
        } == record["inputs"]
        values = {
            each["name"]: json.loads(each["value"])
            for each in objects
            if each.type == "PropertyValue"
        }
        assert values == record["parameters"]
        assert action["resourceUsage"]["value"] == 12.5
        made = {each["name"]: each for each in action["result"]}
        written = checksums(folder / name)
        assert {key: each["sha256"] for key, each in made.items()} == written
        assert made["errors.csv"]["description"] == record["tables"]["errors"]["caption"]
        assert made["errors.csv"]["encodingFormat"] == "text/csv"
        assert {each.source for each in made.values()} == {folder / name / key for key in written}
    assert set(root["hasPart"]) == {
        each for action in root["mentions"] for each in action["result"]
    }


def test_the_same_results_give_the_same_bytes(results):
    folder, _ = results
    first = write_crate(folder).read_bytes()
    assert write_crate(folder).read_bytes() == first
    run_in(folder / "02_c", 7)
    assert write_crate(folder).read_bytes() != first


def test_the_date_is_that_of_the_last_commit_of_the_runs(results, monkeypatch):
    folder, _ = results
    run_in(folder / "01_a b", 0, commit="1234")
    run_in(folder / "02_c", 1, commit="5678")
    asked = []

    class Answer:
        stdout = "2026-11-22\n2026-11-27\n"

    monkeypatch.setattr(
        module.subprocess, "run", lambda command, **_: asked.extend(command) or Answer
    )
    write_crate(folder)
    assert asked[0] == "git" and set(asked[-2:]) == {"1234", "5678"}
    assert rocrate.ROCrate(folder).root_dataset.get("datePublished") == "2026-11-27"


def test_what_is_wrong_is_told_in_a_sentence_and_nothing_is_written(results, tmp_path, capsys):
    folder, _ = results
    assert main(["crate", str(tmp_path / "nothing")]) == 1
    assert "nothing has no folders with results: name that of --output" in capsys.readouterr().err
    (folder / "02_c" / "errors.csv").write_text("teff\n1\n")
    assert main(["crate", str(folder)]) == 1
    changed = folder / "02_c" / "errors.csv"
    said = f"specnb: {changed} is not the file that its run wrote: run its notebook again\n"
    assert capsys.readouterr().err == said
    for damage in ("{", "[]", "{}"):
        (folder / "02_c" / "results.json").write_text(damage)
        assert main(["crate", str(folder)]) == 1
        error = capsys.readouterr().err
        assert (
            "02_c/results.json is not a whole record of a run (" in error and error.count("\n") == 1
        )
    assert sorted(path.name for path in folder.iterdir()) == ["01_a b", "02_c"]


@pytest.mark.parametrize("name", ["paper_figures", "paper_figures_full"])
def test_the_committed_results_make_a_crate(name, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "replacing", lambda path: replacing(tmp_path / path.name))
    write_crate(ROOT / name)
    metadata = json.loads((tmp_path / NAME).read_text("utf-8"))
    known = {each["@id"]: each for each in metadata["@graph"]}
    runs = [each for each in known.values() if each["@type"] == "CreateAction"]
    assert len(runs) == len(list((ROOT / name).glob("*/results.json")))
    parts = [part["@id"] for part in known["./"]["hasPart"]]
    assert len(parts) == len(set(parts)) and all((ROOT / name / part).is_file() for part in parts)
    assert known[parts[0]]["sha256"] == checksum(ROOT / name / parts[0])
    named = re.findall(r'"@id": "([^"]+)"', json.dumps(metadata))
    outside = {each for each in named if each not in known}
    assert outside == {"https://w3id.org/ro/crate/1.1"}  # every other name has an entry
