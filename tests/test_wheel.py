"""specnb from a wheel, away from the clone: it labels a star, runs a notebook, and writes nothing into itself.

A wheel holds the package and, in its folder, the notebooks and the shipped data but the grids. It is installed without
its dependencies into a fresh environment that sees those of the test environment.
"""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from astropy.table import QTable

from specnb.core.checksums import LIST, listed
from specnb.core.paths import DATA, NOTEBOOKS, PACKAGE, ROOT

pytestmark = pytest.mark.slow
SUFFIXES = (".py", ".ipynb", ".svg", ".toml", ".json")
STAR = Path(os.environ.get("SPECNB_DATA", "nowhere")) / "gaia_rvs" / "Kepler-93.csv"
IMPORT_ALL = """
import importlib, pkgutil, specnb
for module in pkgutil.walk_packages(specnb.__path__, "specnb."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(specnb.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without network."""
    pytest.importorskip("hatchling", reason="needed to build the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def pip(command, *arguments, python=sys.executable):
    offline = [sys.executable, "-m", "pip", "--quiet", "--python", python, command, "--no-index"]
    subprocess.run([*offline, "--no-deps", *arguments], check=True)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel, in whose folder nothing may be written, and its package."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    pip("install", "--ignore-installed", wheel, python=folder / "bin" / "python")
    (site,) = folder.glob("lib/python*/site-packages")
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "seen.pth").write_text("\n".join(seen))
    package = site / "specnb"
    for path in [package, *package.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o555)
    return folder / "bin", package


@pytest.fixture
def run(installed, tmp_path):
    """Run a command of the fresh environment in an empty folder, with an empty cache."""
    ours = ("PYTHONPATH", "SPECNB_ARTIFACTS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "SPECNB_OFFLINE": "1"}
    environment["BROWSER"] = "true"  # a command that shows nothing
    work = tmp_path / "work"
    work.mkdir()

    def run(command, *arguments, fails=False, folder=work):
        done = subprocess.run(
            [installed[0] / command, *arguments],
            cwd=folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr.strip() if fails else done.stdout

    run.work = work
    return run


def files(folder):
    """SHA-256 of each file in a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_wheel_holds_package_notebooks_and_data(installed, wheel):
    found, package = files(installed[1]), files(PACKAGE)
    assert package.items() <= found.items()
    others = {name.partition("/")[::2] for name in found if name not in package}
    extra = {"Snakefile"} if (ROOT / "Snakefile").is_file() else set()
    assert {folder for folder, _ in others} == {"data", "notebooks"} | extra
    data = {name for folder, name in others if folder == "data"}
    shipped = {name for name in listed(DATA) if not name.endswith("_grid.h5")}
    assert {name for name in data if not name.endswith(".md")} == shipped | {LIST}
    assert {name.removesuffix(".md") + ".safetensors" for name in data - shipped - {LIST}} <= data
    notebooks = {name for folder, name in others if folder == "notebooks"}
    assert notebooks == {name for name in files(NOTEBOOKS) if name.endswith(SUFFIXES)} - {
        "ruff.toml"
    }
    assert wheel.stat().st_size < 40e6


def test_every_module_imports_away_from_the_clone(installed, run):
    assert run("python", "-c", IMPORT_ALL).strip() == str(installed[1] / "__init__.py")


def test_the_command_answers(run):
    for start in (["specnb"], ["python", "-m", "specnb"]):
        assert run(*start, "--version") == "specnb 0.1.0\n"
        assert "SPECNB_ARTIFACTS" in run(*start, "--help")


@pytest.mark.skipif(not STAR.is_file(), reason="set SPECNB_DATA")
def test_a_real_star_is_labelled(run):
    run("specnb", "label", STAR, "-o", "labels.ecsv", "--quiet")
    (star,) = QTable.read(run.work / "labels.ecsv")
    assert abs(star["teff"].value - 5669) < 150  # Ballard et al. 2014
    assert star["converged"]


def test_notebooks_are_copied_and_run_and_nothing_is_written_beside_them(installed, run):
    before = files(installed[1])
    assert run("specnb", "init", "here") == "cd here\nspecnb lab\n"
    here = run.work / "here"
    listing = json.loads(run("specnb", "list", "--json", folder=here))
    assert listing["notebooks"][0]["path"] == str(here / "notebooks" / "00_start_here.ipynb")
    assert {model["name"] for model in listing["models"]} >= {"rvs-real", "apogee-mock"}
    given = files(here)
    run("specnb", "run", "00", folder=here)
    kept = run.work.parent / "cache" / "specnb" / "artifacts" / "runs" / "00_start_here"
    results = json.loads((kept / "results.json").read_text())
    assert results["notebook"] == "notebooks/00_start_here.ipynb"
    assert results["code"]["commit"] is None
    assert "data/emulators/rvs.safetensors" in results["inputs"]
    assert files(here) == given == {name: given[name] for name in files(here)}
    page = Path(run("specnb", "open", folder=here).strip())
    assert page == kept.parent / "index.html" and "00_start_here/" in page.read_text()
    assert files(installed[1]) == before


def test_what_a_wheel_lacks_is_told_in_a_sentence(run):
    told = run("specnb", "paper", fails=True)
    assert told.endswith("work in a folder that `specnb init FOLDER` made") and "\n" not in told
    load = "from specnb.surveys import RVS; from specnb.simulator.grid import load_grid; load_grid(RVS)"
    told = run("python", "-c", load, fails=True).splitlines()[-1]
    grid = run.work.parent / "cache" / "specnb" / "rvs_grid.h5"
    assert told.endswith(
        f"there is no grid {grid}: a wheel has no grids, put data/rvs_grid.h5 of the repository there"
    )
