"""Every notebook agrees with its .py file, has no outputs, and gives what is expected of quick."""

import re

import nbformat
import pytest

from specnb.commands.notebooks import NOTEBOOKS
from specnb.reproduce.parameters import PROFILES, check_parameters, profile_of
from specnb.reproduce.runner import check_pair, run_notebook
from specnb.reproduce.verify import verify_notebooks

LINES_PER_CELL = 25
STEMS = sorted(
    {path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*") if path.suffix in (".py", ".ipynb")}
)


def test_there_are_notebooks():
    assert STEMS


@pytest.fixture(scope="module", params=STEMS)
def notebook(request):
    return NOTEBOOKS / f"{request.param}.ipynb"


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


# Without real spectra on this machine, both are the same: `make test` need not run notebooks twice.
OFFLINE = pytest.param(True, id="offline", marks=pytest.mark.slow)


@pytest.mark.parametrize("offline", [pytest.param(False, id="with what there is"), OFFLINE])
def test_quick_profile_gives_what_is_expected(notebook, offline, tmp_path, monkeypatch):
    """What `specnb verify --profile quick` does, in one process, with and without real stars."""
    overrides, _ = profile_of(notebook, "quick")  # whose time limit a busy machine may exceed
    if offline:
        if not re.search(r"\breal_spectra\b", notebook.read_text("utf-8")):
            pytest.skip("needs no real stars")
        monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "nothing"))
        monkeypatch.setenv("SPECNB_OFFLINE", "1")
    output = tmp_path / notebook.stem
    results = run_notebook(notebook, overrides, output, cores=None if offline else 1)
    assert results["figures"] or results["tables"]
    for entry in [*results["figures"].values(), *results["tables"].values()]:
        assert entry["caption"] and all((output / file).stat().st_size for file in entry["files"])
    (report,) = verify_notebooks([notebook], "quick", tmp_path)
    assert not report.failed, report
    assert report.within + report.coarsely or report.not_compared["other real stars"]
