"""Files and folders that are written completely or not at all."""

import os
import shutil
import warnings
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path):
    """Name of a temporary file to write to. It is renamed to ``path`` if nothing fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path):
    """An empty hidden folder to write to. It takes the place of ``path`` if nothing fails.

    Only one process at a time gets it. What a killed process left is mended first.

    Raises
    ------
    OSError
        If another process is writing to ``path``.
    """
    import fcntl  # it exists on Unix only

    new, old, lock = (path.with_name(f".{path.name}.{kind}") for kind in ("new", "old", "lock"))
    with lock.open("w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)  # freed even if this process is killed
        except BlockingIOError:
            raise OSError(
                f"another run is writing to {path}: wait for its end, or choose another --output"
            ) from None
        except OSError as error:
            warnings.warn(
                f"{path.parent} is on a disk without file locks ({error.strerror}): do not start two "
                "runs there with the same --output",
                stacklevel=3,
            )
        if old.exists() and not path.exists():  # killed between the two renames below
            old.rename(path)
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        new.mkdir()
        try:
            yield new
            if path.exists():
                path.rename(old)
            new.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)
