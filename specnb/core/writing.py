"""Files and folders that are written completely or not at all."""

import errno
import os
import re
import secrets
import shutil
import socket
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

HOST = re.sub(r"\W", "_", socket.gethostname())
TEMPORARY = re.compile(r"\..+\.(?P<host>\w+)-(?P<pid>\d{1,7})-[0-9a-f]{8}\.tmp")
DAY = 86_400.0  # seconds after which a temporary file of another computer counts as abandoned
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def temporary_name(path: Path) -> Path:
    """A new hidden name beside a file, which tells the computer and the process that write to it.

    What killed writers left in that folder is deleted, see `sweep`.
    """
    sweep(path.parent)
    owner = f"{HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name[:32]}.{owner}.tmp")


def sweep(folder: Path):
    """Delete temporary files and folders in a folder whose writers have ended.

    Whether a process of another computer has ended cannot be seen on a shared disk. Its files are
    deleted when nothing has been written to them for a day.
    """
    for path in folder.glob(".*.tmp"):
        if owner := TEMPORARY.fullmatch(path.name):
            with suppress(OSError):  # another process may have deleted it
                ended = not psutil.pid_exists(int(owner["pid"]))
                old = time.time() - path.stat().st_mtime > DAY
                if ended if owner["host"] == HOST else old:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def put_in_place(temporary: Path, path: Path):
    """Give a whole file its name, so that it is there even after a loss of power."""
    _flush(temporary)
    temporary.replace(path)
    with suppress(OSError):  # some disks cannot flush a folder, and the file is there
        _flush(path.parent)


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path):
    """Name of a temporary file to write to. It is renamed to ``path`` if nothing fails.

    Raises
    ------
    OSError
        If the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise OSError(
            f"cannot write {path} ({os.strerror(error.errno)}): make room, or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path):
    """An empty hidden folder to write to. It takes the place of ``path`` if nothing fails.

    Only one process at a time gets it, unless the disk has no locks. What a killed process left is
    mended first. The empty file of the lock stays: deleting it could give the lock to two
    processes.

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
            for written in filter(Path.is_file, new.rglob("*")):
                _flush(written)
            if path.exists():
                path.rename(old)
            put_in_place(new, path)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)
