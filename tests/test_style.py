"""The code is as Ruff wants it. `make style` mends most of what these tests find."""

import subprocess
import sys
from pathlib import Path

import pytest

from specnb.core.paths import ROOT

FOLDERS = ["specnb", "tests", "benchmarks", "data/recipes", "paper", "notebooks"]


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff_finds_nothing(command):
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, *command, "--no-cache", "--output-format=concise", *FOLDERS],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_style_mends_the_same_folders():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"CODE := {' '.join(FOLDERS)}\n" in makefile
