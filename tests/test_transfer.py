"""The downloader against a server that misbehaves: files are whole or absent, and a sentence says why."""

import errno
import hashlib
import shutil
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from archive_server import (
    HTML,
    Body,
    Changed,
    Cut,
    Hang,
    NoRange,
    Short,
    Status,
    archive_server,
    mirror,
)

from specnb.surveys import downloading, transfer
from specnb.surveys.downloading import BadFileError
from specnb.surveys.transfer import fetch_url, mirrored

BODY = bytes(range(256)) * 400
PATH, URL = "data.sdss.org/sas/x.fits", "https://data.sdss.org/sas/x.fits"
SHA1, MD5 = hashlib.sha1(BODY).hexdigest(), hashlib.md5(BODY).hexdigest()


@pytest.fixture
def server(tmp_path, monkeypatch):
    with mirror(tmp_path / "archive", monkeypatch) as server:
        server.pages[PATH] = BODY
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "real" / "x.fits"


def names(target):
    return sorted(path.name for path in target.parent.iterdir())


def ranges(server):
    return [each[2] for each in server.asked]


def test_addresses_of_a_mirror(monkeypatch):
    monkeypatch.delenv("SPECNB_MIRROR", raising=False)
    assert mirrored("https://a.org/b?c=1") == "https://a.org/b?c=1"
    monkeypatch.setenv("SPECNB_MIRROR", "http://localhost:80/of/stars/")
    assert mirrored("https://a.org/b?c=1") == "http://localhost:80/of/stars/a.org/b?c=1"


@pytest.mark.parametrize("known", [{}, {"size": len(BODY)}, {"checksum": f"sha1:{SHA1}"},
                                   {"checksum": f"md5:{MD5.upper()}", "size": len(BODY)}])  # fmt: skip
def test_a_file_comes_whole(server, target, known):
    fetch_url(URL, target, progress=True, **known)
    assert target.read_bytes() == BODY and names(target) == ["x.fits"]
    assert server.asked == [(PATH, "GET", None, {})]


FAULTS = {
    "cut": ([Cut(1000)], "bytes=1000-"),
    "cut four times, each time further": ([Cut(1000)] * 9, "bytes=1000-"),
    "cut before the first byte": ([Cut(0)] * 3, None),
    "busy": ([Status(429, "7"), Status(503, "2"), Status(500)], None),
    "cut and then busy": ([Cut(1000), Status(503), Status(502)], "bytes=1000-"),
    "ranges are ignored": ([Cut(1000), NoRange()], "bytes=1000-"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_survived(server, target, fault):
    faults, second = FAULTS[fault]
    server.faults[PATH] = list(faults)
    fetch_url(URL, target)
    assert target.read_bytes() == BODY and names(target) == ["x.fits"]
    assert ranges(server)[:2] == [None, second]
    assert server.count(PATH) == len(faults) + ("ignored" not in fault)


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_that_changed_after_a_cut_starts_anew(server, target, etags):
    """Without ETag nothing tells the versions apart, so that no download is resumed."""
    server.etags = etags
    new = BODY[::-1]
    server.faults[PATH] = [Cut(1000), Changed(new)]
    fetch_url(URL, target)
    assert target.read_bytes() == new
    assert ranges(server) == [None, "bytes=1000-" if etags else None]


def test_a_shrunken_file_starts_anew(server, target):
    """The range that is asked for lies beyond its new end."""
    server.etags = False
    server.faults[PATH] = [Cut(1000), Changed(BODY[:500])]
    fetch_url(URL, target, checksum=f"sha1:{hashlib.sha1(BODY[:500]).hexdigest()}")
    assert target.read_bytes() == BODY[:500]
    assert ranges(server) == [None, "bytes=1000-", None]


def test_the_next_call_goes_on(server, target):
    server.faults[PATH] = [Cut(1000), *[Status(503)] * 4]
    with pytest.raises(OSError, match=f"cannot download {URL} .HTTP 503 Service Unavailable.$"):
        fetch_url(URL, target)
    assert names(target) == ["x.fits.part", "x.fits.part.version"]
    fetch_url(URL, target)
    assert target.read_bytes() == BODY and names(target) == ["x.fits"]
    assert ranges(server)[-1] == "bytes=1000-"


def test_the_run_after_a_killed_one_goes_on(server, target):
    """A real process is killed in its download."""
    code = f"""
import os, signal
from pathlib import Path
from specnb.surveys import transfer
def die(raw, f, bar):
    f.write(raw.read(1000))
    f.flush()
    os.kill(os.getpid(), signal.SIGKILL)
transfer._append = die
transfer.fetch_url({URL!r}, Path({str(target)!r}))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert names(target) == ["x.fits.part", "x.fits.part.version"]
    fetch_url(URL, target)
    assert target.read_bytes() == BODY and names(target) == ["x.fits"]
    assert ranges(server) == [None, "bytes=1000-"]


def test_a_whole_part_is_not_fetched_twice(server, target):
    """A run was killed before it gave the file its name."""
    server.faults[PATH] = [Cut(len(BODY) - 1), *[Status(503)] * 4]
    with pytest.raises(OSError, match="503"):
        fetch_url(URL, target)
    (target.parent / "x.fits.part").write_bytes(BODY)
    fetch_url(URL, target)
    assert target.read_bytes() == BODY and ranges(server)[-1] == f"bytes={len(BODY)}-"


TOLD = {
    "gone": (Status(404), {}, r"HTTP 404 Not Found"),
    "forbidden": (Status(403), {}, r"HTTP 403 Forbidden"),
    "busy for an hour": (Status(503, "3600"), {}, r"HTTP 503 Service Unavailable: try again in 3600 s"),
    "web page": (HTML, {}, r"the archive sent a web page instead of the file"),
    "truncated": (Short(1000), {"size": len(BODY)}, rf"it has 1000 bytes and not {len(BODY)} as published"),
    "damaged": (Body(BODY[::-1]), {"checksum": f"sha1:{SHA1}"}, r"its SHA1 checksum is not the published one"),
    "no such content": (Body(b"x"), {"read": lambda path: int(path.read_text())}, r"invalid literal"),
}  # fmt: skip


@pytest.mark.parametrize("fault", TOLD)
def test_what_is_told_in_one_sentence(server, target, fault):
    server.faults[PATH], options, told = TOLD[fault]
    target.parent.mkdir(parents=True)
    target.write_text("older")
    with pytest.raises(OSError, match=rf"^cannot download {URL} \({told}") as error:
        fetch_url(URL, target, **options)
    assert "\n" not in str(error.value) and ".part" not in str(error.value)
    assert names(target) == ["x.fits"] and target.read_text() == "older"
    assert server.count(PATH) == 1
    kinds = {"gone": FileNotFoundError, "truncated": BadFileError, "damaged": BadFileError,
             "no such content": BadFileError}  # fmt: skip
    assert type(error.value) is kinds.get(fault, OSError)


def test_what_never_gets_better_is_given_up(server, target):
    server.faults[PATH] = Cut(0)
    with pytest.raises(OSError, match="the connection broke off or was too slow"):
        fetch_url(URL, target)
    assert server.count(PATH) == 4 and names(target) == []


def test_an_archive_that_hangs(server, target, monkeypatch):
    """It sends nothing at all, or stops in the middle."""
    monkeypatch.setattr(transfer, "TIMEOUT", 0.05)
    server.faults[PATH] = Hang()
    with pytest.raises(OSError, match="the connection broke off or was too slow"):
        fetch_url(URL, target)
    assert names(target) == []
    # After the first pause there is time enough, however busy this machine is.
    pause = lambda seconds: monkeypatch.setattr(transfer, "TIMEOUT", 60.0)  # noqa: E731
    monkeypatch.setattr(downloading.time, "sleep", pause)
    server.faults[PATH] = [Hang(1000)]
    fetch_url(URL, target)
    assert target.read_bytes() == BODY and names(target) == ["x.fits"]


def test_a_trickle_is_a_stall(monkeypatch, tmp_path):
    """Bytes come, but a few an hour. The clock is that of the test."""
    now = iter(range(0, 100_000, 50))
    monkeypatch.setattr(transfer, "time", SimpleNamespace(monotonic=lambda: next(now)))
    raw = SimpleNamespace(read1=lambda *args, **options: b"x")
    with (
        (tmp_path / "f").open("wb") as f,
        transfer.tqdm(disable=True) as bar,
        pytest.raises(TimeoutError, match="fewer than 65536 bytes in 60 s"),
    ):
        transfer._append(raw, f, bar)


def test_room_is_needed_before_a_file_comes(server, target, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=len(BODY) - 1))
    with pytest.raises(OSError, match="0.00 GB are to come and .*real has room for 0.00 GB: free"):
        fetch_url(URL, target)
    assert names(target) == []


def test_a_full_disk_keeps_what_came(server, target, monkeypatch):
    def full(raw, f, bar):
        f.write(raw.read(1000))
        f.flush()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "_append", full)
        with pytest.raises(OSError, match="the disk of .*real is full: free some space"):
            fetch_url(URL, target)
    assert "x.fits.part" in names(target)
    fetch_url(URL, target)
    assert target.read_bytes() == BODY and names(target) == ["x.fits"]


def test_offline(server, target, monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    with pytest.raises(OSError, match="SPECNB_OFFLINE=1 keeps specnb offline"):
        fetch_url(URL, target)
    assert not target.parent.exists() and server.asked == []


def test_nobody_there(target, monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "0")
    monkeypatch.setenv("SPECNB_MIRROR", "http://127.0.0.1:1")
    with pytest.raises(OSError, match="offline\\? Connection refused: connect"):
        fetch_url(URL, target)
    assert names(target) == []


def test_two_runs_do_not_write_to_one_file(server, target):
    """The first waits for the archive while the second is told so."""
    reached, release = threading.Event(), threading.Event()

    def page(form):
        reached.set()
        release.wait()
        return BODY

    server.pages[PATH] = page
    first = threading.Thread(target=fetch_url, args=(URL, target))
    first.start()
    reached.wait()
    try:
        with pytest.raises(OSError, match="another run is downloading .*x.fits: wait for its end"):
            fetch_url(URL, target)
    finally:
        release.set()
        first.join()
    assert target.read_bytes() == BODY and server.count(PATH) == 1


def test_compressed_files_stay_as_they_are(tmp_path, monkeypatch, target):
    """Some archives label .gz files as an encoding, which clients unpack."""
    import gzip

    packed = gzip.compress(b"source_id,flux\n1,2\n")
    with mirror(tmp_path, monkeypatch) as server:
        server.pages[PATH + ".gz"] = packed
        fetch_url(URL + ".gz", target, checksum=f"md5:{hashlib.md5(packed).hexdigest()}")
    assert target.read_bytes() == packed


def test_forms_are_sent_by_post(server, target):
    server.pages[PATH] = lambda form: form["QUERY"].encode()
    server.faults[PATH] = [Cut(3), Status(503)]
    fetch_url(URL, target, data={"QUERY": "SELECT 1"})
    assert target.read_text() == "SELECT 1"
    assert [each[1:3] for each in server.asked] == [("POST", None)] * 3


def test_the_server_serves_files_of_a_folder(tmp_path, target, monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "0")
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "a b.txt").write_bytes(b"here")
    with archive_server(tmp_path) as server:
        monkeypatch.setenv("SPECNB_MIRROR", server.address)
        fetch_url("https://host/a%20b.txt", target)
    assert target.read_bytes() == b"here"
