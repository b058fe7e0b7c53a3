"""The commands around the work: list, init, lab, open and completion; and the help of all."""

import json
import os
import shutil
import subprocess
import sys
import warnings
import webbrowser
from html.parser import HTMLParser
from pathlib import Path

import pytest

from specnb.commands import desk
from specnb.commands import main as group
from specnb.commands.main import main
from specnb.core.paths import NOTEBOOKS, ROOT
from specnb.disentangle.shipped import load_autoencoder
from specnb.emulator.shipped import load_emulator
from specnb.reproduce import contents, rendering
from specnb.surveys import SURVEYS
from specnb.translate.model import load_translator

RESULTS = ROOT / "paper_figures" / "00_start_here"


def test_help_has_every_command_once_and_what_programs_need(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    listed = [command for section in group.SECTIONS.values() for command in section]
    assert sorted(each.name for each in listed) == sorted(group.commands.commands)
    for word in (*group.commands.commands, *"0 1 2 3 130".split(), "SPECNB_DATA", "SPECNB_STARS"):
        assert [line for line in text.splitlines() if line.startswith(f"  {word} ")], word
    assert "..." not in text.partition("Start:")[2]  # no sentence is cut


def test_list_names_what_can_be_opened(capsys):
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(json.dumps(contents.contents()))
    assert found["notebooks"][0]["name"] == "00_start_here"
    opens = {
        "emulator": load_emulator,
        "translator": load_translator,
        "autoencoder": load_autoencoder,
    }
    for model in found["models"]:
        opens[model["kind"]](model["name"])
        assert model["bytes"] == Path(model["path"]).stat().st_size > 1e5
        assert model["what"].endswith(".")
    for survey in found["surveys"]:
        labels = [label["name"] for label in survey["labels"]]
        assert labels == list(SURVEYS[survey["name"]].names)
        assert survey["pixels"] == len(SURVEYS[survey["name"]].pixels)


def test_list_for_people(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in ("00_start_here", "apogee-real", "rvs-mock", "c12_c13"):
        assert name in text
    assert max(map(len, text.splitlines())) <= 100


def test_init_copies_the_notebooks_and_overwrites_none(tmp_path, monkeypatch, capsys):
    """A wheel may be installed read-only: the copies are not."""
    source = tmp_path / "source"
    shutil.copytree(NOTEBOOKS, source / "notebooks")
    (source / "notebooks" / "__pycache__").mkdir()
    (source / "notebooks" / "__pycache__" / "x.pyc").touch()
    (source / "Snakefile").write_text("rule all:\n")
    for path in source.rglob("*"):
        path.chmod(0o555)
    monkeypatch.setattr(contents, "INSTALLED", True)
    monkeypatch.setattr(contents, "SOURCE", source)
    folder = tmp_path / "my work" / "here"
    assert main(["init", str(folder)]) == 0
    assert capsys.readouterr().out == f"cd '{folder}'\nspecnb lab\n"
    copies = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    given = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert copies == {path for path in given if path.suffix != ".pyc"}
    assert all(path.stat().st_mode & 0o200 for path in folder.rglob("*"))
    first = folder / "notebooks" / "00_start_here.py"
    first.write_text("mine")
    assert main(["init", str(folder)]) == 1
    assert capsys.readouterr().err == (
        f"specnb: {folder / 'notebooks'} exists: name another folder\n"
    )
    assert first.read_text() == "mine"


def test_init_in_a_clone_says_where_its_notebooks_are(tmp_path, capsys):
    assert main(["init", str(tmp_path / "new")]) == 1
    assert str(ROOT) in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_lab_opens_the_first_notebook_with_specnb_on_the_path(monkeypatch):
    started = []
    monkeypatch.setattr(desk.os, "execve", lambda *given: started.append(given))
    monkeypatch.setenv("PATH", "/bin")
    assert main(["lab", "--no-browser", "--port", "9000"]) == 0
    (python, command, environment) = started[0]
    assert python == sys.executable and command[-3:] == ["--no-browser", "--port", "9000"]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in command
    assert environment["PATH"].split(os.pathsep) == [str(Path(python).parent), "/bin"]


def test_a_warning_is_one_plain_line(monkeypatch, capsys):
    def warned():
        warnings.warn("two\nlines of 3 stars", UserWarning, stacklevel=1)
        return {"notebooks": [], "models": [], "surveys": []}

    monkeypatch.setattr(contents, "contents", warned)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda *given: sys.stderr.write(warnings.formatwarning(*given[:4]))
        assert main(["list", "--json"]) == 0
    assert capsys.readouterr().err == "specnb: warning: two lines of 3 stars\n"


def test_lab_without_notebooks_tells_how_to_get_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("specnb.commands.notebooks.NOTEBOOKS", tmp_path)
    for arguments in (["lab"], ["run", "00"], ["paper"]):
        assert main(arguments) == 1
        assert capsys.readouterr().err.endswith("work in a folder that `specnb init FOLDER` made\n")


class Page(HTMLParser):
    """Pictures, headings and tables of a page."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.pictures.append(dict(attributes)["src"])


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two folders of results, of which the second is newer; and what the browser was shown."""
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    monkeypatch.setattr(rendering, "ARTIFACTS", tmp_path / "artifacts")
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    for age, folder in ((100, "paper_figures"), (50, "artifacts/runs")):
        copy = tmp_path / folder / RESULTS.name
        shutil.copytree(RESULTS, copy)
        os.utime(copy / "results.json", (1e9 - age, 1e9 - age))
    return tmp_path, shown


def test_open_shows_the_last_results(results, capsys):
    folder, shown = results
    for named, place in (
        ([], "artifacts/runs"),
        ([str(folder / "paper_figures")], "paper_figures"),
    ):
        assert main(["open", *named]) == 0
        page = folder / place / "index.html"
        assert capsys.readouterr().out == f"{page}\n"
        assert shown.pop() == page.as_uri()
        drawn = Page(page.read_text("utf-8"))
        assert drawn.pictures and all((page.parent / each).is_file() for each in drawn.pictures)
        assert {"h1", "h2", "table"} <= set(drawn.tags)


def test_open_touches_no_folder_without_results(results, capsys):
    folder, shown = results
    (folder / "README.md").write_text("mine")
    assert main(["open", str(folder)]) == 1
    assert "has no folders with results" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == "mine" and not shown
    for name in ("paper_figures", "artifacts"):
        shutil.rmtree(folder / name)
    assert main(["open"]) == 1
    assert "there are no results" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_what_the_command_answers(shell, capsys):
    assert main(["completion", shell]) == 0
    assert f"_SPECNB_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_a_shell_completes_commands():
    asked = {"_SPECNB_COMPLETE": "bash_complete", "COMP_WORDS": "specnb sw", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "specnb"]
    done = subprocess.run(
        command, env=os.environ | asked, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["plain,sweep"]
