"""What others cite and find the package by: CITATION.cff, codemeta.json and the paper say what is true."""

import importlib.util
import json
import re
import tomllib

import numpy as np
import pytest
import yaml
from astropy.table import Table

from specnb import __version__
from specnb.core.paths import ROOT
from specnb.reproduce.crate import DEVELOPERS

PAPER = ROOT / "paper"
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def script(name):
    """One of the scripts in paper/, as a module."""
    spec = importlib.util.spec_from_file_location(f"paper_{name}", PAPER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_citation_is_of_this_package():
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] == "software"
    assert CITATION["version"] == PROJECT["version"] == __version__
    assert CITATION["license"] == PROJECT["license"]["text"] == "MIT"
    names = [author["name"] for author in CITATION["authors"]]
    assert names == [author["name"] for author in PROJECT["authors"]] == [DEVELOPERS]
    for reference in CITATION["references"]:
        assert re.fullmatch(r"10\.\d{4,5}/\S+", reference.get("doi", "10.1234/none"))
        assert "doi" in reference or reference["url"].startswith("https://")


def test_codemeta_says_what_the_other_two_files_say():
    content = json.loads((ROOT / "codemeta.json").read_text("utf-8"))
    assert content == script("codemeta").codemeta(), "call `make cite`"
    assert content["version"] == __version__
    required = {each["name"] + each["version"] for each in content["softwareRequirements"]}
    assert required == set(PROJECT["dependencies"])


def test_numbers_in_the_paper_are_those_of_the_committed_runs():
    text = (PAPER / "paper.md").read_text("utf-8")
    assert text == script("text").paper(), "call `make cite`, and read the changed sentences again"


def test_the_paper_is_short_and_names_what_there_is():
    _, head, body = (PAPER / "paper.md").read_text("utf-8").split("---\n", 2)
    assert len(body.split()) <= 1000
    assert yaml.safe_load(head)["authors"][0]["name"] == DEVELOPERS
    cited = set(re.findall(r"(?<![\w.])@(\w+)", body))
    assert cited == set(
        re.findall(r"^@\w+\{(\w+),$", (PAPER / "paper.bib").read_text("utf-8"), re.MULTILINE)
    )
    pictures = re.findall(r"\]\((\S+\.png)\)", body)
    assert len(pictures) == 3 and all((PAPER / picture).is_file() for picture in pictures)
    drawn = set(re.findall(r"\\label\{(\S+?)\}", body))
    assert drawn == set(re.findall(r"\\autoref\{(\S+?)\}", body)) and len(drawn) == 3


def test_figures_of_the_paper_show_the_committed_numbers(tmp_path):
    figures = script("figures")
    table = Table.read(figures.RESULTS / "05_parameterize" / "gains.csv")
    first, second = figures.gains(table).axes
    lines = {line.get_label(): line.get_ydata() for line in first.lines}
    rows = table[(table["regressor"] == "faithful") & (table["against"] == "catalogue")]
    np.testing.assert_array_equal(lines["entangled codes"], rows["entangled"])
    np.testing.assert_array_equal(lines["a perfect reader"], rows["possible"])
    assert "published" not in {line.get_label() for line in second.lines}
    figures.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gains.png", "ladder.png"]


@pytest.mark.parametrize("survey", ["apogee", "rvs"])
def test_the_ladder_has_a_rung_for_each_model(survey):
    figures = script("figures")
    models = figures.RESULTS / "08_fit_residuals"
    tables = {name: Table.read(models / f"models_{name}.csv") for name in figures.SURVEYS}
    assert list(tables[survey]["fit"]) == list(figures.MODELS)
    left, right = figures.ladder(tables).axes
    for axes, column in ((left, "chi2"), (right, "bias")):
        lines = {line.get_label(): line.get_xdata() for line in axes.lines}
        np.testing.assert_array_equal(lines[figures.SURVEYS[survey][0]], tables[survey][column])
