"""What all downloads share: patience with archives, reasons in plain words, reading before keeping.

`specnb.surveys.transfer` gets single files by HTTP. The other clients (astroquery, pip) know no limit
on the total time, and only pip tries again.
"""

import errno
import os
import re
import shutil
import time
from http.client import HTTPException, responses
from multiprocessing import TimeoutError as NoResultError
from multiprocessing.pool import ThreadPool
from pathlib import Path
from zipfile import BadZipFile

from specnb.core.checksums import add_to_list
from specnb.core.writing import NO_SPACE, put_in_place, temporary_name

TIMEOUT = 20.0  # seconds without an answer
LIMIT = 120.0  # seconds for a download with all its attempts
RETRIES = 3  # after 1, 2 and 4 seconds, or more if the archive asks for more
BUSY = (429, 500, 502, 503, 504)  # status of an archive that may answer a little later
UNREACHABLE = (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
# What the numbers of the system's errors mean to the user.
REASONS = (
    (NO_SPACE, "the disk of {folder} is full: free some space"),
    (
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "cannot write to {place}, {words}: name another folder in SPECNB_DATA",
    ),
    # Numbers below 0 say that the host is unknown.
    ((*UNREACHABLE, *range(-20, 0)), "offline? {words}: connect"),
)


class BadFileError(OSError):
    """A file that came as a whole is not as published, or cannot be read."""


def download(fetch, folder: Path, names, read) -> tuple[list[str], str]:
    """Download files into a folder. Each one is read before it is kept; bad ones are not kept.

    The list SHA256SUMS of the folder gets their checksums, so that later damage is found.

    Parameters
    ----------
    fetch : callable
        ``fetch(new, names)`` downloads the files into the folder ``new``. It may raise anything.
    folder : Path
        Where good files are moved. A file of the same name is replaced.
    names : sequence of str
        Names of the files. Any other file that comes is dropped.
    read : callable
        ``read(path)`` raises ValueError or OSError if the file is bad.

    Returns
    -------
    kept : list of str
        Names of the good files.
    problem : str
        Why the others did not come, and what helps. It is empty if all came.
    """
    kept, problems = [], []
    try:
        check_online()
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(".download-*"):  # earlier versions left them when they were killed
            shutil.rmtree(old, ignore_errors=True)
        new = temporary_name(folder / "download")
        new.mkdir()
        try:
            fetch(new, names)
            for name in names:
                try:
                    if not (new / name).exists():
                        raise ValueError(f"{name} did not come")
                    read(new / name)
                    put_in_place(new / name, folder / name)
                    add_to_list(folder / name, folder)
                    kept.append(name)
                except (OSError, ValueError) as error:
                    problems.append(str(error).replace(f"{new}/", ""))
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except Exception as error:  # noqa: BLE001 - the clients are foreign code and raise anything
        problems.append(explained(error, folder))
    return kept, "; ".join(problems)


def check_online():
    """Raise OSError if the environment variable SPECNB_OFFLINE forbids downloads."""
    offline = os.environ.get("SPECNB_OFFLINE", "")
    if offline.strip().lower() not in ("", "0", "false", "no", "off"):
        raise OSError(f"SPECNB_OFFLINE={offline} keeps specnb offline: unset it or set it to 0")


def patiently(work, limit=LIMIT, done=None):
    """The result of ``work()``, which asks an archive. It is tried again where that may help.

    Each attempt runs in a thread of its own, which is left behind when the time is over.

    Parameters
    ----------
    work : callable
    limit : float or None
        Seconds for all attempts together. With None, only a single pause is limited, by `LIMIT`.
    done : callable, optional
        How much has come, such as the number of bytes. Only attempts in a row that bring nothing
        new are counted.

    Raises
    ------
    OSError
        If there is no result after ``limit`` seconds.
    Exception
        What the last attempt raised.
    """
    end = None if limit is None else time.monotonic() + limit
    attempt, before = 0, done and done()
    while True:
        try:
            with ThreadPool(1) as pool:  # its threads are daemons, so that Python can always exit
                left = None if end is None else max(0.0, end - time.monotonic())
                return pool.apply_async(work).get(left)
        except NoResultError:
            raise OSError(f"the answer was not complete after {limit:g} s") from None
        except Exception as error:
            if done and done() > before:
                attempt, before = 0, done()
            pause = max(2.0**attempt, _asked_pause(error))
            late = pause > LIMIT if end is None else time.monotonic() + pause > end
            if attempt == RETRIES or not is_busy(error) or late:
                raise
        time.sleep(pause)
        attempt += 1


def status_of(error) -> int:
    """Status of an HTTP error, else 0. astroquery gives it only in the text: "Error 503: ..."."""
    found = re.search(r"\b[45]\d\d\b", str(error))
    return int(found[0]) if found and type(error).__name__ == "HTTPError" else 0


def is_busy(error) -> bool:
    """Whether another attempt may help: the archive is busy, or the connection was cut.

    requests and urllib3 wrap the errors of the system.
    """
    cut = HTTPException, ConnectionAbortedError, ConnectionResetError, TimeoutError, BadZipFile
    cause = error.__cause__ or error.__context__
    busy = status_of(error) in BUSY or isinstance(error, cut)
    return busy or (cause is not None and is_busy(cause))


def _asked_pause(error) -> float:
    """Seconds that the archive asks to wait by its header Retry-After, or 0."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0  # it may be a date


def explained(error, folder) -> str:
    """Why a download failed, and what helps where that is known."""
    if status := status_of(error):
        wait = f": try again in {_asked_pause(error):.0f} s" if _asked_pause(error) else ""
        return f"HTTP {status} {responses.get(status, '')}".rstrip() + wait
    text = " ".join(str(error).split())
    # of the system, perhaps by way of requests or pip
    found = re.search(r"\[Errno (-?\d+)\] ([^:'\")]+)", text)
    number, words = (int(found[1]), found[2]) if found else (0, "")
    place = str(getattr(error, "filename", None) or folder).partition("/.download.")[0]
    for numbers, reason in REASONS:
        if number in numbers:
            return reason.format(folder=folder, place=place, words=words)
    if isinstance(error, BadZipFile):
        return "the answer is no whole ZIP file: it was cut off, or is a web page"
    if is_busy(error):
        return "the connection broke off or was too slow"
    plain = type(error) is OSError or isinstance(error, (ValueError, BadFileError))
    return text[:300] if plain else f"{type(error).__name__}: {text[:300]}"
