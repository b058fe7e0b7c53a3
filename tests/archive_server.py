"""A local server that stands in for all archives, and that misbehaves when a test asks for it.

```python
with archive_server(folder) as server:  # and SPECNB_MIRROR=server.address
    server.faults["data.sdss.org/sas/x.fits"] = [Cut(1000), Status(503, retry_after="2")]
```

A path is HOST/PATH of the archive, as with SPECNB_MIRROR. It is served from ``server.pages`` (bytes, or
a function of the form that was sent), or else from the file of that path in the folder. Each request
of a path takes the next of its faults; when there are none left, it is answered well.
"""

import hashlib
import io
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, unquote, urlsplit

from astropy.io import fits

GAIA = "gea.esac.esa.int"
DATALINK, TAP = f"{GAIA}/data-server/data", f"{GAIA}/tap-server/tap/sync"


@dataclass
class Cut:
    """Send so many bytes of the body, and cut the connection."""

    after: int


@dataclass
class Short:
    """Send so many bytes as if they were all: Content-Length agrees with them."""

    size: int


@dataclass
class Status:
    """Answer with a status instead of the file."""

    status: int
    retry_after: str | None = None
    body: bytes = b"busy"


@dataclass
class Body:
    """Answer with other content and status 200, such as a web page or damaged bytes."""

    body: bytes
    kind: str = "application/octet-stream"


HTML = Body(b"<!DOCTYPE html>\n<html><body>Please log in.</body></html>", "text/html")


@dataclass
class Hang:
    """Send so many bytes of the body, and then nothing, until the server is closed."""

    after: int = 0


@dataclass
class NoRange:
    """Send the whole file, whatever part was asked for."""


@dataclass
class Changed:
    """From now on the file has this content, and another ETag."""

    body: bytes


@dataclass
class ArchiveServer:
    """What a test sees of the server.

    ``asked`` lists path, method, header Range and the form of each request, in their order.
    """

    folder: Path
    address: str = ""
    pages: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    etags: bool = True
    closing: Event = field(default_factory=Event)

    def fault(self, path):
        """The fault of this request, or None. A fault that is no list is that of each request."""
        faults = self.faults.get(path, [])
        return (faults.pop(0) if faults else None) if isinstance(faults, list) else faults

    def body(self, path, form):
        """The whole content of a path, or None."""
        page = self.pages.get(path)
        if page is not None:
            return page(form) if callable(page) else page
        file = self.folder / path
        return file.read_bytes() if file.is_file() else None

    def count(self, path):
        """How often a path was asked for."""
        return sum(each[0] == path for each in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # a connection for each request

    def log_message(self, *args):
        pass

    def do_GET(self):
        """Answer a request of either method."""
        server, parts = self.server.archive, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode() if self.command == "POST" else parts.query
        form = {name: values[0] for name, values in parse_qs(text).items()}
        path = unquote(parts.path).lstrip("/")
        server.asked.append((path, self.command, self.headers.get("Range"), form))
        fault = server.fault(path)
        if isinstance(fault, Changed):
            server.pages[path] = fault.body
        body = server.body(path, form)
        if isinstance(fault, Status):
            extra = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self.send(fault.status, fault.body, extra)
        elif isinstance(fault, Body):
            self.send(200, fault.body, {"Content-Type": fault.kind})
        elif body is None:
            self.send(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        else:
            self.send_file(path, body, fault)
            if isinstance(fault, Hang):
                server.closing.wait()

    do_POST = do_GET  # noqa: N815 - named by http.server

    def send_file(self, path, body, fault):
        """Send a file or the part of it that is asked for, perhaps not all of that."""
        status, start, about = 200, 0, {"Accept-Ranges": "bytes"}
        if path.endswith(".gz"):  # as some archives have it, so that clients unpack the file
            about["Content-Encoding"] = "x-gzip"
        if self.server.archive.etags:
            about["ETag"] = f'"{hashlib.sha1(body).hexdigest()}"'
        begins = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, about.get("ETag"))
        if begins and same and not isinstance(fault, NoRange):
            start = int(begins[1])
            if start >= len(body):
                self.send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            status, about["Content-Range"] = 206, f"bytes {start}-{len(body) - 1}/{len(body)}"
        body = body[start:]
        if isinstance(fault, Short):
            body = body[: fault.size]
        sent = body[: fault.after] if isinstance(fault, (Cut, Hang)) else body
        self.send(status, sent, about | {"Content-Length": str(len(body))})

    def send(self, status, body, about):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | about).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.wfile.flush()

    def handle(self):
        try:
            super().handle()
        except ConnectionError:  # the client has left
            self.close_connection = True


@contextmanager
def archive_server(folder):
    """Serve the files of a folder, which has a folder for each host, and what a test adds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.archive = ArchiveServer(Path(folder), f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.archive
    finally:
        server.archive.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def datalink(stars):
    """A page for `DATALINK`: a ZIP with a CSV file for each asked star that there is.

    Parameters
    ----------
    stars : dict of str to (str or bytes)
        The CSV text of each star, by its source_id.
    """

    def page(form):
        packed = io.BytesIO()
        kind = form["RETRIEVAL_TYPE"]
        with zipfile.ZipFile(packed, "w") as archive:
            for star in form["ID"].split(","):
                if star in stars:
                    archive.writestr(f"{kind}-{form['RELEASE']} {star}.csv", stars[star])
        return packed.getvalue()

    return page


def tap(rows):
    """A page for `TAP`: the CSV rows (magnitude and whether there is an RVS spectrum) of asked stars."""

    def page(form):
        asked = re.findall(r"\d{5,}", form["QUERY"])
        lines = [f"{star},{','.join(map(str, rows[star]))}" for star in asked if star in rows]
        return "\n".join(["source_id,phot_g_mean_mag,has_rvs", *lines, ""]).encode()

    return page


@contextmanager
def mirror(folder, monkeypatch):
    """The server, with SPECNB_MIRROR at it. Nothing else can be reached, and pauses take no time."""
    from specnb.surveys import downloading

    with archive_server(folder) as server:
        monkeypatch.setenv("SPECNB_MIRROR", server.address)
        monkeypatch.setenv("SPECNB_OFFLINE", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)
        with _without_network(monkeypatch):
            yield server


@contextmanager
def _without_network(monkeypatch):
    """astroquery asks its archive when it is imported: that fails at once."""
    import socket

    connect = socket.create_connection

    def local(address, *args, **options):
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError(111, "Connection refused", address[0])
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", local)
    yield


def rows_of(body):
    """Number of rows of a FITS file with one table, or None."""
    if not body.startswith(b"SIMPLE"):
        return None
    with fits.open(io.BytesIO(body)) as hdus:
        return hdus[1].header["NAXIS2"]


def publish(server, monkeypatch):
    """Let the published checksums and numbers of rows of catalogues be those of what the server has."""
    from specnb.surveys.public import datasets

    known = {}
    for name, each in datasets.datasets().items():
        files = []
        for file in each.files:
            body = server.body(file["url"].partition("://")[2], {})
            sums = {"checksum": f"sha1:{hashlib.sha1(body).hexdigest()}"} if body else {}
            rows = {"rows": rows_of(body)} if body else {}
            facts = {name: value for name, value in (sums | rows).items() if name in file}
            files.append(file | facts)
        known[name] = replace(each, files=tuple(files))
    monkeypatch.setattr(datasets, "datasets", lambda: known)
