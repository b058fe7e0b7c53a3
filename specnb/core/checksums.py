"""Lists of checksums, by which damage to files is found when they are read.

A file SHA256SUMS lists files of its folder and of the folders in it, as ``sha256sum`` does, so that
``sha256sum -c SHA256SUMS`` checks them, too. The one in data/ lists the files that the repository
ships.
"""

import re
import warnings
from functools import cache
from pathlib import Path

from pooch import file_hash

from specnb.core.paths import DATA, INSTALLED
from specnb.core.writing import replacing

LIST = "SHA256SUMS"


def listed(folder: Path) -> dict[str, str]:
    """SHA-256 of each file in the list of a folder, by its name relative to the folder."""
    path = folder / LIST
    return _read_list(*_state(path)) if path.is_file() else {}


def add_to_list(path: Path, folder: Path):
    """Put the checksum of a new file into the list of a folder. A file elsewhere is left out."""
    path, folder = Path(path).resolve(), Path(folder).resolve()
    if path.is_relative_to(folder):
        sums = listed(folder) | {path.relative_to(folder).as_posix(): file_hash(path)}
        lines = [f"{value}  {name}\n" for name, value in sorted(sums.items())]
        with replacing(folder / LIST) as temporary:
            temporary.write_text("".join(lines), "utf-8")


def check_listed(path, error_class=OSError):
    """Raise an error if a file is not as in the list of its folder, or of the folder above."""
    path = Path(path).resolve()
    for folder in path.parents[:2] if path.is_file() else ():
        name = path.relative_to(folder).as_posix()
        expected = listed(folder).get(name)
        if expected and expected != _hash(*_state(path)):
            remedy = f"get it again, or delete its line in {folder / LIST} if you changed it"
            if folder == DATA.resolve():
                remedy = (
                    "install specnb again"
                    if INSTALLED
                    else f"restore it with git (git checkout -- data/{name} data/{LIST})"
                )
            raise error_class(f"{path} is damaged, its checksum is not the one in {LIST}: {remedy}")


def warn_unchecked(path):
    """Warn of a file without a checksum of its own, unless it is a copy of a shipped file."""
    if _hash(*_state(Path(path))) not in listed(DATA).values():
        warnings.warn(
            f"{path} has no checksum, so that damage would not be noticed: compare it with the original, or train "
            "or compute it anew",
            stacklevel=3,
        )


def _state(path):
    """What changes when a file changes, so that each file is read once a process."""
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns


@cache
def _hash(path, size, modified):
    return file_hash(path)


@cache
def _read_list(path, size, modified):
    lines = path.read_text("utf-8", errors="replace")
    return {
        name: value for value, name in re.findall(r"^([0-9a-f]{64})  (.+)$", lines, re.MULTILINE)
    }
