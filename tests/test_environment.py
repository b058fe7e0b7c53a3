"""pyproject.toml, the lock file and environment.yml agree."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from specnb.reproduce.provenance import PACKAGES, ROOT

CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # names that differ from PyPI's
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = [
    Requirement(text) for texts in PROJECT["optional-dependencies"].values() for text in texts
]


@pytest.fixture(scope="module")
def lock():
    lines = (ROOT / ".ci" / "requirements.lock").read_text().splitlines()
    pins = [
        re.fullmatch(r"([\w.-]+)==([\w.!-]+)", line) for line in lines if not line.startswith("#")
    ]
    assert all(pins), "a line of the lock is not name==version, without a local part such as +cpu"
    return {canonicalize_name(pin[1]): Version(pin[2]) for pin in pins}


@pytest.fixture(scope="module")
def conda():
    """The requirements in environment.yml, by their names on PyPI."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert content["channels"] == ["conda-forge"]
    assert content["dependencies"][-1] == {"pip": ["-e ."]}  # pip installs no other package
    requirements = [Requirement(spec) for spec in content["dependencies"][:-1]]
    return {CONDA.get(each.name, each.name): each.specifier for each in requirements}


def test_lock_pins_every_dependency_within_its_range(lock):
    for requirement in DEPENDENCIES + EXTRAS:
        assert requirement.specifier, f"{requirement.name} has no range in pyproject.toml"
        assert lock[canonicalize_name(requirement.name)] in requirement.specifier, requirement.name


def test_conda_environment_has_the_same_ranges(conda):
    assert conda.pop("python") == Requirement("python" + PROJECT["requires-python"]).specifier
    conda.pop("pip")
    assert conda == {requirement.name: requirement.specifier for requirement in DEPENDENCIES}


def test_recorded_versions_are_of_dependencies():
    assert set(PACKAGES) <= {requirement.name for requirement in DEPENDENCIES}


def test_pre_commit_has_the_versions_of_the_lock(lock):
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"  # so nothing is fetched but packages from PyPI
    texts = {text for hook in repo["hooks"] for text in hook["additional_dependencies"]}
    pins = {pin.name: pin.specifier for pin in map(Requirement, texts)}
    assert len(pins) == len(texts), "two hooks want two versions of a tool"
    assert [str(pin)[:2] for pin in pins.values()] == ["=="] * len(pins)
    shared = pins.keys() & lock.keys()
    assert shared >= {"ruff", "jupytext", "nbconvert", "import-linter"}
    assert {name: lock[name] in pins[name] for name in shared} == dict.fromkeys(shared, True)


def test_github_runs_both_commands_on_the_supported_pythons():
    content = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    job = content["jobs"]["test"]
    versions = job["strategy"]["matrix"]["python"]
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(versions[0])
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-2:] == ['make "$TESTS"', "make paper PROFILE=quick"]


def test_makefile_asks_for_the_same_python():
    major, minor = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["requires-python"]).groups()
    assert f"sys.version_info < ({major}, {minor})" in (ROOT / "Makefile").read_text()
