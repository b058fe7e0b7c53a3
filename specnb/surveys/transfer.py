"""One file by HTTP from any archive: whole and as published, or one sentence that says why not.

What has come of a file lies beside it with the ending .part, and the next call goes on from there.
"""

import fcntl
import os
import re
import shutil
import time
from pathlib import Path

import requests
from pooch import file_hash
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from specnb.core.writing import put_in_place
from specnb.surveys.downloading import (
    TIMEOUT,
    BadFileError,
    check_online,
    explained,
    patiently,
    status_of,
)

CHUNK = 2**20  # bytes, the most that is read at once
STALL, LEAST = 60.0, 2**16  # seconds in which fewer bytes than this are no progress
PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html)", re.IGNORECASE | re.DOTALL)


def mirrored(url: str) -> str:
    """The address at which a file of an archive is asked for.

    If the environment variable SPECNB_MIRROR names a mirror, such as "https://mirror.edu/stars", the
    file https://HOST/PATH of an archive is asked for as https://mirror.edu/stars/HOST/PATH.
    """
    mirror = os.environ.get("SPECNB_MIRROR", "").rstrip("/")
    return f"{mirror}/{url.partition('://')[2]}" if mirror else url


def fetch_url(
    url: str, path: Path, *, size=None, checksum=None, progress=False, read=None, data=None
):
    """Download one file. It gets its name when it is whole.

    A busy archive is asked again, and so is one that cuts the connection, see `patiently`. Then, and
    in the next call, the download goes on where it stopped, if the archive can do so and the file is
    still the same (by its ETag, or by a published size or checksum). There is no limit on the time
    of all, but `LEAST` bytes must come in each `STALL` seconds.

    Parameters
    ----------
    url : str
        Address at the archive, see `mirrored`.
    path : Path
        Where the file will lie. A file that is there is replaced.
    size : int, optional
        Published size in bytes.
    checksum : str, optional
        Published checksum, such as "sha1:a7e18…", "md5:…" or "sha256:…".
    progress : bool
        Whether to show a bar on a terminal.
    read : callable, optional
        ``read(path)`` raises OSError or ValueError if the file is not what it should be.
    data : mapping, optional
        Form to send by POST. Such an answer is not resumed.

    Raises
    ------
    FileNotFoundError
        If the archive has no such file.
    BadFileError
        If it came, but is not the published one, or cannot be read.
    OSError
        If it cannot be downloaded for any other reason.
    """
    part, version = (path.with_name(path.name + end) for end in (".part", ".part.version"))
    kind, keep = OSError, True
    try:
        check_online()
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as f:
            _lock(f)
            try:
                patiently(
                    lambda: _receive(mirrored(url), f, version, size, checksum, progress, data),
                    limit=None,
                    done=f.tell,
                )
                keep = False  # if it is bad, unlike the beginning of a good file
                check_file(part, size, checksum)
                kind = BadFileError
                if read is not None:
                    read(part)
                put_in_place(part, path)
            finally:
                if not (keep and f.tell()):
                    part.unlink(missing_ok=True)
                    version.unlink(missing_ok=True)
    except (OSError, ValueError, HTTPError) as error:
        kind = BadFileError if isinstance(error, BadFileError) else kind
        kind = FileNotFoundError if status_of(error) in (404, 410) else kind
        reason = explained(error, path.parent).replace(f"{part}", path.name)
        raise kind(f"cannot download {url} ({reason})") from error


def _lock(f):
    """Keep others from writing to the same file. Some disks have no locks."""
    try:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(f"another run is downloading {f.name}: wait for its end") from None
    except OSError:
        pass


def _receive(url, f, version, size, checksum, progress, data):
    """Append what is missing of a file, in one attempt. What there is of another version is dropped."""
    have, last = f.tell(), version.read_text("utf-8") if version.exists() else ""
    have = have if data is None and (last or size or checksum) else 0
    headers = {"Accept-Encoding": "identity"}  # the bytes of the archive, which can be counted
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": last} if last else {})
    with requests.request(
        "GET" if data is None else "POST", url, data=data, headers=headers, stream=True,
        timeout=TIMEOUT,
    ) as answer:  # fmt: skip
        about, partial = answer.headers, answer.status_code in (206, 416)
        place = about.get("Content-Range", "")
        if answer.status_code == 416 and place.endswith(f"/{have}"):
            return  # all had come before
        if not partial:
            answer.raise_for_status()
        if not (have and place.startswith(f"bytes {have}-") and last in ("", _version(about))):
            f.truncate(0)
            f.seek(0)
            version.unlink(missing_ok=True)
            if partial:
                raise ConnectionResetError(f"{url} has changed")  # it is asked for as a whole
            have = 0
        if tag := _version(about):
            version.write_text(tag, "utf-8")
        length = int(about.get("Content-Length") or 0)
        _check_room(Path(f.name), length or (size or 0) - have)
        bar = tqdm(
            total=have + length or size, initial=have, unit="B", unit_scale=True,
            desc=Path(f.name).stem, disable=None if progress else True,
        )  # fmt: skip
        with bar:
            _append(answer.raw, f, bar)


def _append(raw, f, bar):
    """Write what comes. Raises TimeoutError if that is too little."""
    since, few = time.monotonic(), 0
    while chunk := raw.read1(CHUNK, decode_content=False):
        f.write(chunk)
        f.flush()
        bar.update(len(chunk))
        few += len(chunk)
        if few >= LEAST:
            since, few = time.monotonic(), 0
        elif time.monotonic() - since > STALL:
            raise TimeoutError(f"fewer than {LEAST} bytes in {STALL:.0f} s")


def _version(about):
    """What tells one version of a file from another, if the archive says it reliably."""
    tag = about.get("ETag", "")
    return about.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag


def _check_room(part, need):
    """Raise OSError if the disk cannot hold so many bytes more."""
    free = shutil.disk_usage(part.parent).free
    if need > free:
        raise OSError(
            f"{need / 1e9:.2f} GB are to come and {part.parent} has room for {free / 1e9:.2f} GB: free some space, or "
            "name another folder in SPECNB_DATA"
        )


def check_file(path, size=None, checksum=None):
    """Compare a file with its published size and checksum (both may be unknown).

    Raises
    ------
    BadFileError
        If it has others.
    OSError
        If it is a web page.
    """
    with path.open("rb") as f:
        if PAGE.match(f.read(1024)):
            raise OSError(
                "the archive sent a web page instead of the file: open the address in a browser to see what it says"
            )
    found = path.stat().st_size
    if size is not None and found != size:
        raise BadFileError(f"it has {found} bytes and not {size} as published: fetch it again")
    kind, _, expected = (checksum or "").partition(":")
    if expected and file_hash(path, kind) != expected.lower():
        raise BadFileError(f"its {kind.upper()} checksum is not the published one: fetch it again")
