"""The list of checksums of the files in data/, by which damage to them is found when they are read.

``sha256sum -c SHA256SUMS`` in that folder checks them, too.
"""

import re
import warnings
from functools import cache
from pathlib import Path

from pooch import file_hash

from specnb.core.paths import DATA
from specnb.core.writing import replacing

LIST = "SHA256SUMS"


def shipped_sums() -> dict[str, str]:
    """SHA-256 of each file that the repository ships, by its name relative to data/."""
    if not (DATA / LIST).is_file():
        return {}
    text = (DATA / LIST).read_text("utf-8", errors="replace")
    return {
        name: value for value, name in re.findall(r"^([0-9a-f]{64})  (.+)$", text, re.MULTILINE)
    }


def list_shipped(path):
    """Put the checksum of a new file into the list, if the file is in data/."""
    if name := _shipped_name(path):
        sums = shipped_sums() | {name: file_hash(path)}
        lines = [f"{value}  {name}\n" for name, value in sorted(sums.items())]
        with replacing(DATA / LIST) as temporary:
            temporary.write_text("".join(lines), "utf-8")


def check_shipped(path, error_class=OSError):
    """Raise an error if a file of data/ differs from the list. Other files are not looked at."""
    name = _shipped_name(path)
    expected = shipped_sums().get(name) if name and Path(path).is_file() else None
    if expected is not None and _checksum(path) != expected:
        raise error_class(
            f"{path} is damaged, its checksum is not the one in data/{LIST}: "
            f"restore it with git (git checkout -- data/{name} data/{LIST})"
        )


def warn_unchecked(path):
    """Warn of a file without a checksum of its own, unless it is a copy of a shipped file."""
    if _checksum(path) not in shipped_sums().values():
        warnings.warn(
            f"{path} has no checksum, so that damage would not be noticed: write it again",
            stacklevel=3,
        )


def _shipped_name(path):
    """Name of a file relative to data/, or None if it is elsewhere."""
    path, folder = Path(path).resolve(), DATA.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None


def _checksum(path):
    """SHA-256 of a file, which is computed once a process while its size and time stay the same."""
    status = Path(path).stat()
    return _computed_once(str(path), status.st_size, status.st_mtime_ns)


@cache
def _computed_once(path, size, modified):
    return file_hash(path)
