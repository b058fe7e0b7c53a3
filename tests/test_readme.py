"""Blocks of README.md that runs wrote."""

import pytest
from astropy.table import Table

from specnb.commands import notebooks
from specnb.commands.main import main
from specnb.core.paths import ROOT
from specnb.reproduce.provenance import RECORD
from specnb.reproduce.readme import update_blocks
from specnb.reproduce.study import Study

PAGE = """# Title

<!-- from runs/01/summary.md -->
The error is 7%.
<!-- end -->

Words of a person.

<!-- from runs/01/numbers.md -->
<!-- end -->
"""


@pytest.fixture
def page(tmp_path):
    page, runs = tmp_path / "README.md", tmp_path / "runs/01"
    page.write_text(PAGE)
    study = Study(runs)
    study.text("summary", "The error is 8%.\n\n- It is 4 K.\n")
    study.table(Table({"a": [1]}), "numbers", "Numbers of the run.")
    (runs / RECORD).rename(
        runs / "results.json"
    )  # as the runner does, which adds where they come from
    return page


def test_without_a_page_there_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    assert main(["readme", "--check"]) == 1
    assert "README.md is not there: this command is for a clone" in capsys.readouterr().err


def test_blocks_become_what_a_run_wrote_and_the_rest_stays(page):
    assert update_blocks(page) == ["runs/01/summary.md", "runs/01/numbers.md"]
    filled = page.read_text()
    begin, end = "<!-- from runs/01/summary.md -->\n", "<!-- end -->\n"
    assert f"{begin}\nThe error is 8%.\n\n- It is 4 K.\n\n{end}\nWords of a person.\n" in filled
    assert filled.endswith(f" -->\n\nNumbers of the run.\n\n| a |\n| --- |\n| 1 |\n\n{end}")
    assert "7%" not in filled
    assert update_blocks(page) == [] == update_blocks(page, check=True)
    assert page.read_text() == filled


def test_a_check_names_the_block_and_writes_nothing(page):
    update_blocks(page)
    (page.parent / "runs/01/summary.md").write_text("The error is 9%.")
    before = page.read_text()
    with pytest.raises(ValueError, match=r"README.md differs from runs/01/summary.md: call"):
        update_blocks(page, check=True)
    assert page.read_text() == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (PAGE.removesuffix("<!-- end -->\n"), "README.md: <!-- from runs/01/numbers.md --> has no"),
        (PAGE.replace("<!-- end -->", "", 1), "README.md: <!-- from runs/01/summary.md --> has no"),
        (PAGE + "<!-- end -->\n", "README.md: <!-- end --> has no partner"),
        (PAGE.replace("numbers", "other"), "a block from runs/01/other.md, which does not exist"),
    ],
)
def test_a_wrong_page_is_left_as_it_is(page, wrong, message):
    page.write_text(wrong)
    with pytest.raises((ValueError, OSError), match=message):
        update_blocks(page)
    assert page.read_text() == wrong and [p.name for p in page.parent.glob(".*")] == []


def test_the_command_fails_in_one_sentence(page, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "ROOT", page.parent)
    assert main(["readme", "--check"]) == 1
    assert capsys.readouterr().err == (
        "specnb: README.md differs from runs/01/summary.md, runs/01/numbers.md: call `specnb readme`\n"
    )
    assert page.read_text() == PAGE
    assert main(["readme"]) == 0 == main(["readme", "--check"])


def test_numbers_in_the_readme_of_the_repository_are_those_of_the_committed_runs():
    update_blocks(ROOT / "README.md", check=True)
