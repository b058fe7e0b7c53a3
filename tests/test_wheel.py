"""specnb from a wheel, away from the clone: what it can do, and what it says it cannot do.

A wheel holds the package alone. The notebooks, grids, trained emulators and translators, and the continuum of APOGEE
stay in the clone.
"""

import os
import shutil
import subprocess
import sys

import pytest

from specnb.core.paths import PACKAGE, ROOT

pytestmark = pytest.mark.slow
IMPORT_ALL = """
import importlib, pkgutil, specnb
for module in pkgutil.walk_packages(specnb.__path__, "specnb."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(specnb.__file__)
"""
LOAD = "import specnb; specnb.load_emulator('rvs')"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with specnb installed from its wheel, which is built without network."""
    pytest.importorskip("setuptools", reason="needed to build the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    source, site = folder / "source", folder / "site"
    shutil.copytree(PACKAGE, source / "specnb", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, source)
    pip("install", "--target", site, *folder.glob("*.whl"))
    return site


def pip(command, *arguments):
    offline = [sys.executable, "-m", "pip", command, "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*offline, *arguments], check=True)


@pytest.fixture
def python(site, tmp_path):
    """Run Python on the installed wheel, in an empty folder."""

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(site)},
            check=False,
            capture_output=True,
            text=True,
        )

    return python


def files(package):
    return {
        path.relative_to(package)
        for path in package.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def test_the_wheel_holds_the_whole_package(site):
    assert files(site / "specnb") == files(PACKAGE)


def test_every_module_imports_away_from_the_clone(site, python):
    done = python("-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(site / "specnb" / "__init__.py")


@pytest.mark.parametrize(("option", "words"), [("--help", "paper"), ("--version", "specnb 0.1.0")])
def test_the_command_answers(site, python, option, words):
    for start in ([site / "bin" / "specnb"], ["-m", "specnb"]):
        done = python(*start, option)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout


def test_what_a_wheel_lacks_is_told_in_a_sentence(site, python):
    done = python(site / "bin" / "specnb", "paper")
    assert done.returncode != 0
    assert done.stderr.strip().endswith("work in a clone of the repository")
    assert "Traceback" not in done.stderr
    done = python("-c", LOAD)
    assert done.stderr.strip().endswith("give your own one, or choose none")
