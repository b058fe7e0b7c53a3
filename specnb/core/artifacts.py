"""Fitted models and mock surveys, kept under a name made from all that determines them.

Notebooks share them and a second run finds them again. Deleting the folder is always safe.
"""

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from specnb.core.paths import ARTIFACTS
from specnb.core.sources import EVERYTHING, code_digest, read_sources
from specnb.core.writing import replacing

# The code as this process imported it: an edit during a long run is no part of that run.
SOURCES = read_sources()


def artifact_path(kind: str, config, suffix: str, data=(), code=None) -> Path:
    """Where an artifact is or would be.

    Parameters
    ----------
    kind, config, suffix, data
        As in `artifact`.
    code : function or class, optional
        What makes it. The name depends on its module and on all modules of specnb that this
        imports; if it is not part of specnb, or not given, on all modules of specnb.
    """
    module = getattr(code, "__module__", None)
    digest = sha256(json.dumps(asdict(config), sort_keys=True).encode())
    digest.update(code_digest([module if module in SOURCES else EVERYTHING], SOURCES).encode())
    for source in data:
        digest.update(sha256(Path(source).read_bytes()).digest())
    return ARTIFACTS / f"{kind}-{digest.hexdigest()[:16]}{suffix}"


def artifact(kind: str, config, suffix: str, make, data=(), code=None) -> Path:
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
    code : function or class, optional
        What makes it, see `artifact_path`; default: ``make``. A notebook names here the function of
        specnb that its own ``make`` calls.

    Returns
    -------
    Path
    """
    path = artifact_path(kind, config, suffix, data, code or make)
    if not path.exists():
        with replacing(path) as temporary:
            make(temporary)
    return path
