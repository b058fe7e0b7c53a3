"""The layout of the package: which folder may import which, and how large modules may be."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import specnb

PACKAGE = Path(specnb.__file__).parent
ROOT = PACKAGE.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]


@pytest.mark.parametrize("contract", ["layers", "surveys"])
def test_imports_keep_the_contract(contract):
    lint = Path(sys.executable).with_name("lint-imports")
    command = [lint, "--contract", contract, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_is_tested():
    assert [contract["id"] for contract in CONTRACTS] == ["layers", "surveys"]


def test_the_readme_lays_out_all_folders_in_the_order_of_the_contract():
    block = (
        (ROOT / "README.md")
        .read_text("utf-8")
        .partition("\nspecnb/ ")[2]
        .partition("\nnotebooks/")[0]
    )
    shown = re.findall(r"^  (\w+)/ +\S", block, flags=re.MULTILINE)
    layers = next(contract["layers"] for contract in CONTRACTS if contract["id"] == "layers")
    assert [f"specnb.{name}" for name in shown] == re.findall(r"[\w.]+", " ".join(layers))
    assert sorted(shown) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def test_few_things_lie_at_the_top():
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 16


def test_no_module_is_long():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_names_at_the_top():
    import specnb.core.rebinning

    for name in dir(specnb):
        if not name.startswith("_") and name not in {path.stem for path in PACKAGE.iterdir()}:
            assert callable(getattr(specnb, name)), name
    assert specnb.rebin is specnb.core.rebinning.rebin
    with pytest.raises(
        AttributeError, match="specnb has no load_emulators: it offers Emulator, load_emulator"
    ):
        specnb.load_emulators  # noqa: B018
