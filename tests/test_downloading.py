"""The downloader: retries, limits, reasons, and nothing that stays behind. No test waits."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from socket import gaierror
from threading import Event

import pytest
import requests

from specnb.core.writing import HOST
from specnb.surveys import downloading
from specnb.surveys.downloading import download, patiently
from specnb.surveys.transfer import fetch_url


class Clock:
    """A clock that only sleeping advances."""

    def __init__(self, monkeypatch):
        self.now, self.slept = 1e9, []
        monkeypatch.setattr(downloading, "time", self)

    def monotonic(self):
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.delenv("SPECNB_OFFLINE", raising=False)
    return Clock(monkeypatch)


def http_error(status, **headers):
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    return requests.HTTPError(f"{status} Error", response=response)


def failing(*errors):
    """Work that fails with one error after another, and then succeeds."""
    errors = list(errors)

    def work():
        if errors:
            raise errors.pop(0)
        return "done"

    return work


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (http_error(503), [1, 2, 4]),
        (http_error(429, **{"Retry-After": "7"}), [7, 7, 7]),
        (http_error(503, **{"Retry-After": "2"}), [2, 2, 4]),
        (http_error(503, **{"Retry-After": "Sun, 09 Sep 2001 01:46:50 GMT"}), [1, 2, 4]),
        (http_error(503, **{"Retry-After": "soon"}), [1, 2, 4]),
        (requests.HTTPError("Error 502:\nastroquery gives it so"), [1, 2, 4]),
        (ConnectionResetError(errno.ECONNRESET, "reset"), [1, 2, 4]),
        (TimeoutError("timed out"), [1, 2, 4]),
    ],
)
def test_a_busy_archive_is_asked_again_after_longer_and_longer_pauses(clock, error, pauses):
    assert patiently(failing(error, error, error)) == "done"
    assert clock.slept == pauses
    with pytest.raises(type(error)):
        patiently(failing(*[error] * 4))


@pytest.mark.parametrize(
    "error",
    [
        http_error(404),
        http_error(503, **{"Retry-After": "3600"}),  # longer than the limit
        OSError(errno.ENOSPC, "No space left on device"),
        gaierror(-2, "Name or service not known"),
        KeyError("x"),
    ],
)
def test_where_another_attempt_does_not_help_there_is_none(clock, error):
    with pytest.raises(type(error)):
        patiently(failing(error))
    assert clock.slept == []


def test_the_attempts_together_have_a_limit(clock):
    def slow():
        clock.now += 50
        raise TimeoutError("timed out")

    with pytest.raises(TimeoutError):
        patiently(slow, limit=120)
    assert clock.slept == [1, 2]


def test_work_that_never_ends_is_left_behind():
    never = Event()
    with pytest.raises(OSError, match="not complete after 0.01 s"):
        patiently(never.wait, limit=0.01)
    never.set()


def test_python_exits_although_work_goes_on():
    code = (
        "from threading import Event\nfrom specnb.surveys.downloading import patiently\n"
        "try:\n    patiently(Event().wait, limit=0.01)\nexcept OSError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=100
    )
    assert "not complete" in done.stdout and done.stderr == ""


def reading(path):
    if path.read_text() != "good":
        raise ValueError(f"{path}: is not good")


def writing(**texts):
    """A fetch that writes files."""

    def fetch(folder, names):
        for name, text in texts.items():
            (folder / name).write_text(text)

    return fetch


def test_what_comes_is_read_before_it_is_kept(clock, tmp_path):
    folder = tmp_path / "real" / "stars"
    fetch = writing(a="good", b="bad", unasked="good")
    kept, problem = download(fetch, folder, ["a", "b", "c"], reading)
    assert kept == ["a"] and problem == "b: is not good; c did not come"
    assert {path.name for path in folder.iterdir()} == {"a", "SHA256SUMS"}
    (folder / "b").write_text("damaged")
    assert download(writing(b="bad"), folder, ["b"], reading)[0] == []
    assert (folder / "b").read_text() == "damaged"  # a bad file replaces none
    assert download(writing(b="good"), folder, ["b"], reading) == (["b"], "")
    assert (folder / "b").read_text() == "good"


@pytest.mark.parametrize("value", ["1", "true", "Yes", "ON", "2", "maybe"])
def test_offline(monkeypatch, tmp_path, value):
    monkeypatch.setenv("SPECNB_OFFLINE", value)
    kept, problem = download(writing(a="good"), tmp_path / "x", ["a"], reading)
    assert kept == [] and not (tmp_path / "x").exists()
    assert problem == f"SPECNB_OFFLINE={value} keeps specnb offline: unset it or set it to 0"


@pytest.mark.parametrize("value", ["", "0", "false", "No", "OFF"])
def test_online(monkeypatch, tmp_path, value):
    monkeypatch.setenv("SPECNB_OFFLINE", value)
    assert download(writing(a="good"), tmp_path, ["a"], reading) == (["a"], "")


def test_the_reason_names_the_folder_of_the_user(clock, tmp_path, monkeypatch):
    def refuse(path, mode=0o777, parents=False, exist_ok=False):
        if path.name.startswith("."):
            raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    _, problem = download(writing(a="good"), tmp_path, ["a"], reading)
    assert problem.startswith(f"cannot write to {tmp_path}, Read-only file system: name another")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk of {folder} is full: free some space"),
        (errno.EDQUOT, "the disk of {folder} is full: free some space"),
        (errno.EROFS, "cannot write to {folder}/x, Read-only file system: name another folder"),
        (errno.EACCES, "cannot write to {folder}/x, Permission denied: name another folder"),
        (errno.EEXIST, "FileExistsError: [Errno 17] File exists: '{folder}/x'"),
    ],
)
def test_reasons_of_the_disk(clock, tmp_path, number, reason):
    def fetch(folder, names):
        raise OSError(number, os.strerror(number), f"{tmp_path}/x")

    _, problem = download(fetch, tmp_path, ["a"], reading)
    assert problem.startswith(reason.format(folder=tmp_path)) and "offline" not in problem


def test_a_file_where_the_folder_should_be(clock, tmp_path):
    (tmp_path / "file").write_text("x")
    assert "File exists" in download(writing(a="good"), tmp_path / "file", ["a"], reading)[1]


def get(url):
    def fetch(folder, names):
        fetch_url(url, folder / names[0])

    return fetch


def test_no_connection_is_offline(clock, tmp_path):
    _, problem = download(get("http://archive.invalid/a"), tmp_path, ["a"], reading)
    assert "/a (offline? " in problem and problem.endswith(": connect)")
    _, problem = download(get("http://127.0.0.1:1/a"), tmp_path, ["a"], reading)
    assert problem == "cannot download http://127.0.0.1:1/a (offline? Connection refused: connect)"
    assert clock.slept == []


def test_what_a_killed_download_left_is_swept(clock, tmp_path):
    """A real process is killed in its download; that of a process that runs is left alone."""
    code = f"""
import os, signal
from pathlib import Path
from specnb.surveys.downloading import download
def fetch(folder, names):
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
download(fetch, Path({str(tmp_path)!r}), ["a"], None)
"""
    environment = os.environ | {"SPECNB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment)
    (left,) = tmp_path.iterdir()
    assert done.returncode == -9 and [path.name for path in left.iterdir()] == ["half"]
    running = tmp_path / f".download.{HOST}-{os.getppid()}-01234567.tmp"
    running.mkdir()
    (tmp_path / ".download-abc").mkdir()  # as earlier versions called them
    download(writing(a="good"), tmp_path, ["a"], reading)
    assert {path.name for path in tmp_path.iterdir()} == {running.name, "a", "SHA256SUMS"}


def test_an_interrupted_download_leaves_nothing(clock, tmp_path):
    def fetch(folder, names):
        (Path(folder) / "a").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(fetch, tmp_path, ["a"], reading)
    assert list(tmp_path.iterdir()) == []
