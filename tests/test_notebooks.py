"""Every notebook agrees with its .py file, has no outputs, and runs in the profile quick."""

import json
import re

import nbformat
import pytest

from specnb.commands.notebooks import NOTEBOOKS
from specnb.reproduce.parameters import PROFILES, check_parameters, profile_of
from specnb.reproduce.runner import check_pair, run_notebook

LINES_PER_CELL = 25
STEMS = sorted(
    {path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*") if path.suffix in (".py", ".ipynb")}
)


def test_there_are_notebooks():
    assert STEMS


@pytest.fixture(scope="module", params=[NOTEBOOKS / f"{stem}.ipynb" for stem in STEMS], ids=STEMS)
def notebook(request):
    return request.param


def test_pair_is_in_step(notebook):
    assert notebook.exists() and notebook.with_suffix(".py").exists()
    check_pair(notebook)


def test_cells_are_short_and_hold_no_outputs(notebook):
    for cell in nbformat.read(notebook, 4).cells:
        assert len(cell.source.splitlines()) <= LINES_PER_CELL, cell.source
        assert not cell.get("outputs") and cell.get("execution_count") is None, cell.source


def test_parameters_have_types_and_comments(notebook):
    cells = nbformat.read(notebook, 4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for line in tagged[0].source.splitlines():
        assert re.fullmatch(r"\w+: [\w\[\]]+ = .*\S  # \S.*", line), line


def test_profiles_are_valid(notebook):
    for profile in PROFILES:
        check_parameters(notebook, profile_of(notebook, profile)[0])


def check_results(output):
    results = json.loads((output / "results.json").read_text("utf-8"))
    assert results["figures"] or results["tables"]
    for entry in [*results["figures"].values(), *results["tables"].values()]:
        assert entry["caption"] and all((output / file).stat().st_size for file in entry["files"])


def test_notebook_runs(notebook, notebook_runs):
    run, output = notebook_runs[notebook]
    run.result()
    check_results(output)


@pytest.mark.slow
def test_quick_profile_runs_without_real_stars(notebook, tmp_path, monkeypatch):
    if not re.search(r"\breal_spectra\b", notebook.read_text("utf-8")):
        pytest.skip("needs no real stars")
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    parameters, limit = profile_of(notebook, "quick")
    output = tmp_path / notebook.stem
    run_notebook(notebook, parameters, output, limit)
    check_results(output)
