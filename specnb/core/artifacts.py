"""Fitted models and mock surveys, kept in files whose names depend on all that determines them.

Notebooks share these files, and a second run finds them again. The folder can be deleted at any
time.
"""

from hashlib import sha256
from pathlib import Path

from specnb.core.paths import ARTIFACTS
from specnb.core.sources import EVERYTHING, code_digest, read_sources
from specnb.core.writing import replacing

# The code as this process imported it. Edits that are made during a long run do not count for that
# run.
SOURCES = read_sources()


def artifact_path(kind: str, config, suffix: str, data=(), code=None) -> Path:
    """The path at which an artifact is stored, or would be stored if it existed.

    Parameters
    ----------
    kind, config, suffix, data
        As in `artifact`.
    code : function or class, optional
        The code that makes the artifact. The name depends on the module of this code and on all
        modules of specnb that this module imports. If the code is not given or is not part of
        specnb, the name depends on all modules of specnb.
    """
    module = getattr(code, "__module__", None)
    digest = sha256(f"{type(config).__module__}.{config!r}".encode())  # with names of classes
    digest.update(code_digest([module if module in SOURCES else EVERYTHING], SOURCES).encode())
    for source in data:
        digest.update(sha256(Path(source).read_bytes()).digest())
    return ARTIFACTS / f"{kind}-{digest.hexdigest()[:16]}{suffix}"


def artifact(kind: str, config, suffix: str, make, data=(), code=None) -> Path:
    """Path of an artifact, which is made if it does not exist.

    Parameters
    ----------
    kind : str
        What the artifact is. This is the first part of the file's name.
    config : dataclass, or tuple of them
        Configuration that determines the artifact.
    suffix : str
        Ending of the file's name.
    make : callable
        Called as ``make(path)`` to write the artifact. It writes to a temporary file, which is
        renamed when it is complete.
    data : sequence of path
        Files whose contents determine the artifact.
    code : function or class, optional
        The code that makes the artifact, see `artifact_path`. The default is ``make``. A notebook
        passes the function of specnb that its own ``make`` calls.

    Returns
    -------
    Path
    """
    path = artifact_path(kind, config, suffix, data, code or make)
    if not path.exists():
        with replacing(path) as temporary:
            make(temporary)
    return path
