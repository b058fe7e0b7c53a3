"""Fitted models and mock surveys, kept under a name made from all that determines them.

Notebooks share them and a second run finds them again. Deleting the folder is always safe.
"""

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from specnb.core.files import replacing
from specnb.core.paths import DATA, PACKAGE

ARTIFACTS = DATA / "artifacts"
# All code: no list of what matters stays complete. As imported: an edit during a long run is no
# part of that run.
SOURCES = b"".join(sha256(path.read_bytes()).digest() for path in sorted(PACKAGE.rglob("*.py")))


def artifact_path(kind: str, config, suffix: str, data=()) -> Path:
    """Where an artifact is or would be; arguments as in `artifact`."""
    digest = sha256(json.dumps(asdict(config), sort_keys=True).encode())
    digest.update(SOURCES)
    for source in data:
        digest.update(sha256(Path(source).read_bytes()).digest())
    return ARTIFACTS / f"{kind}-{digest.hexdigest()[:16]}{suffix}"


def artifact(kind: str, config, suffix: str, make, data=()) -> Path:
    """Path of an artifact; made if it does not exist.

    Parameters
    ----------
    kind : str
        What it is; first part of the file's name.
    config : dataclass
        Configuration that determines it.
    suffix : str
        Ending of the file's name.
    make : callable
        Called as ``make(path)`` to write it. It writes into a temporary file that is renamed when
        it is whole.
    data : sequence of path
        Files that determine it.

    Returns
    -------
    Path
    """
    path = artifact_path(kind, config, suffix, data)
    if not path.exists():
        with replacing(path) as temporary:
            make(temporary)
    return path
