"""Where results come from: checksums, the state of the code, versions and machine."""

import json
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from pooch import file_hash as checksum  # SHA-256 of a file, in hexadecimal

from specnb.core.paths import ARTIFACTS, DATA, ROOT, SOURCE, data_folder, stars_folder

# What decides the figures besides the code and the data.
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "astropy",
    "h5py",
    "scikit-learn",
    "matplotlib",
    "papermill",
    "jupyterlab",
)
NOT_SHIPPED = ("artifacts", "real", "recipes")
RECORD = "study.json"  # what a `Study` notes while its notebook runs


def checksums(folder) -> dict[str, str]:
    """SHA-256 of every file in a folder that is not hidden, by name."""
    return {
        path.name: checksum(path) for path in sorted(Path(folder).glob("[!.]*")) if path.is_file()
    }


def shipped_data() -> list[Path]:
    """The data files that belong to the repository."""
    files = [path for path in sorted(DATA.rglob("*")) if path.is_file() and path.name[0] != "."]
    return [
        path
        for path in files
        if path.relative_to(DATA).parts[0] not in NOT_SHIPPED and not path.is_relative_to(ARTIFACTS)
    ]


def portable_name(path) -> str:
    """A file's name on every machine: relative to a folder of real data, shipped data or the repository.

    Elsewhere it is the bare name.
    """
    path = Path(path).resolve()
    real = (data_folder(), "$SPECNB_DATA/"), (stars_folder(), "$SPECNB_STARS/")
    for folder, prefix in (*real, (SOURCE, ""), (ROOT, "")):
        if path.is_relative_to(folder.resolve()):
            return prefix + path.relative_to(folder).as_posix()
    return path.name


def real_inputs(results: dict) -> dict[str, str]:
    """Checksums of the real stars that results depend on: what was at hand, and what was read."""
    read = {name: sha for name, sha in results["inputs"].items() if name.startswith("$SPECNB_")}
    return {"at hand": results.get("made_from", {}).get("real", ""), **read}


def git_state(root: Path = SOURCE) -> dict:
    """Commit of the code, and whether files but results differ from it; None outside a checkout."""
    command = ["git", "--git-dir=.git", "--work-tree=.", "status", "--porcelain=v2", "--branch"]
    command += ["--", ".", ":(exclude)paper_figures*"]
    try:
        done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # there is no git, or no checkout
        return {"commit": None, "dirty": None}
    first, *others = done.stdout.splitlines()  # lines about the branch begin with #
    return {"commit": first.split()[-1], "dirty": any(line[0] != "#" for line in others)}


def environment() -> dict:
    """Versions of Python and packages, and the platform."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def title_of(notebook: Path) -> str:
    """The first heading of a notebook or, if there is none, the stem of its name."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    heading = re.search(r"^# +(.+)", "\n".join(texts), flags=re.MULTILINE)
    return heading[1] if heading else notebook.stem


def write_json(path: Path, content):
    """Write a JSON file that people can read."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
