"""Where results come from: checksums, the state of the code, versions and machine."""

import hashlib
import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from pooch import file_hash as checksum  # SHA-256 of a file, in hexadecimal

from specnb.core.paths import DATA, ROOT, data_folder
from specnb.core.sources import code_digest, imported_modules, read_sources

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


def checksums(folder) -> dict[str, str]:
    """SHA-256 of every file in a folder that is not hidden, by name."""
    return {
        path.name: checksum(path) for path in sorted(Path(folder).glob("[!.]*")) if path.is_file()
    }


def shipped_data() -> list[Path]:
    """The data files that belong to the repository."""
    files = [path for path in sorted(DATA.rglob("*")) if path.is_file() and path.name[0] != "."]
    return [path for path in files if path.relative_to(DATA).parts[0] not in NOT_SHIPPED]


def portable_name(path) -> str:
    """A file's name on every machine: relative to the repository or SPECNB_DATA, else bare."""
    path = Path(path).resolve()
    for folder, prefix in ((data_folder().resolve(), "$SPECNB_DATA/"), (ROOT, "")):
        if path.is_relative_to(folder):
            return prefix + path.relative_to(folder).as_posix()
    return path.name


def git_state(root: Path = ROOT) -> dict:
    """Commit of the code, and whether files but results differ from it; None outside a checkout."""

    def git(*arguments):
        command = ["git", "--git-dir=.git", "--work-tree=.", *arguments]
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout

    try:
        changes = git("status", "--porcelain", "--", ".", ":(exclude)paper_figures*")
        return {"commit": git("rev-parse", "HEAD").strip(), "dirty": bool(changes)}
    except (OSError, subprocess.CalledProcessError):  # there is no git, or no checkout
        return {"commit": None, "dirty": None}


def environment() -> dict:
    """Versions of Python and packages, and the platform."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def code_key(notebook: Path, parameters: dict) -> str:
    """SHA-256 of all that decides a notebook's results, except for the real spectra.

    That is the notebook's cells (not its outputs), the parameters, the modules of specnb that the
    notebook imports, directly or through others, the shipped data and the versions of the packages
    that decide figures.
    """
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    script = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    sources = read_sources()
    return digest(
        [(cell["cell_type"], cell["source"]) for cell in cells],
        parameters,
        code_digest(imported_modules(script, sources), sources),
        {path.relative_to(ROOT).as_posix(): checksum(path) for path in shipped_data()},
        {package: version(package) for package in PACKAGES},
    )


def digest(*values) -> str:
    """SHA-256 of values that JSON can hold."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def write_json(path: Path, content):
    """Write a JSON file that people can read."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
