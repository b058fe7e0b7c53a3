"""The folder of explorers that any web server can hold, and the command that writes it."""

import json
import urllib.request
from threading import Thread

import numpy as np
import pytest
import torch
from chromium import served

from specnb.commands.main import main
from specnb.core.doppler import doppler_shift
from specnb.core.spectra import Spectra
from specnb.emulator.shipped import load_emulator
from specnb.surveys import RVS
from specnb.widgets import shipped, static
from specnb.widgets.static import Entry, server_of, write_site


class Packed:
    """An explorer as far as the static page knows it."""

    def packed(self, half):
        assert half
        return {"page": {"title": "α"}, "stars": {}, "state": {"star": ""}}, b"weights", b"stars"


@pytest.fixture(autouse=True)
def bundle(tmp_path, monkeypatch):
    """The page of the repository beside a bundle of one line."""
    folder = tmp_path / "browser"
    folder.mkdir()
    for name in static.SHIPPED:
        (folder / name).write_text(f"of {name}")
    (folder / "index.html").write_bytes((static.BUNDLE / "index.html").read_bytes())
    monkeypatch.setattr(static, "BUNDLE", folder)


def entries(*names):
    return [
        Entry(name, name.partition("-")[0], f"title of {name}", "a <b>", Packed()) for name in names
    ]


def test_the_folder_has_all_that_the_page_loads(tmp_path):
    site = tmp_path / "docs" / "site"
    write_site(site, entries("rvs", "translator-a", "translator-b"))
    with served(site) as address:

        def get(name):
            with urllib.request.urlopen(address + name, timeout=10) as answer:
                return answer.headers["content-type"], answer.read()

        page = get("")[1].decode()
        assert page.count("<a href=") == 3 and '<a href="?explorer=rvs" data-name="rvs"' in page
        assert "<span>translator:</span>" in page and 'data-about="a &lt;b&gt;"' in page
        assert get("explorer.js") == ("text/javascript", b"of explorer.js")
        assert get("data/translator-b.bin")[1] == b"weights"
        assert get("data/rvs.stars.bin")[1] == b"stars"
        assert json.loads(get("data/rvs.json")[1])["page"] == {"title": "α"}
    assert (site / "LICENSE-uPlot").is_file()
    assert "http" not in page.replace("http-equiv", "").replace(
        "python -m http.server", ""
    ).replace("http://localhost:8000", "")


def test_a_folder_is_replaced_only_if_it_is_such_a_page(tmp_path):
    site = tmp_path / "site"
    write_site(site, entries("rvs", "apogee"))
    write_site(site, entries("rvs"))
    assert not (site / "data" / "apogee.bin").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    write_site(empty, entries("rvs"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "index.html").write_text("mine")
    for other in (tmp_path / "thesis", tmp_path / "thesis" / "index.html"):
        with pytest.raises(ValueError, match="holds something else: name a new folder"):
            write_site(other, entries("rvs"))
    assert (tmp_path / "thesis" / "index.html").read_text() == "mine"


def test_nothing_is_left_of_a_folder_that_could_not_be_written(tmp_path):
    def fail():
        yield from entries("rvs")
        raise ValueError("star.txt has no wavelengths")

    with pytest.raises(ValueError, match="no wavelengths"):
        write_site(tmp_path / "site", fail())
    assert not (tmp_path / "site").exists() and not (tmp_path / ".site.new").exists()


def test_the_command_writes_the_folder(tmp_path, monkeypatch, capsys):
    given = []
    monkeypatch.setattr(
        "specnb.widgets.shipped.entries", lambda files: given.append(files) or entries("rvs")
    )
    site = tmp_path / "site"
    assert main(["explore", "star.fits", "--static", str(site)]) == 0
    assert [str(path) for path in given[0]] == ["star.fits"]
    assert f"python -m http.server -d {site}" in capsys.readouterr().out
    assert (site / "index.html").is_file()


def test_the_command_serves_until_it_is_interrupted(monkeypatch, capsys):
    """It has an address for the browser, and Ctrl-C is no error."""
    seen = []

    def look(self):
        with pytest.MonkeyPatch.context() as patch:  # the usual loop, for one request
            patch.setattr(static.ThreadingHTTPServer, "serve_forever", loop)
            thread = Thread(target=self.serve_forever)
            thread.start()
            address = capsys.readouterr().out.split()[0]
            with urllib.request.urlopen(address, timeout=10) as answer:
                seen.append(answer.read().decode())
            self.shutdown()
            thread.join()
        raise KeyboardInterrupt

    loop = static.ThreadingHTTPServer.serve_forever
    monkeypatch.setattr("specnb.widgets.shipped.entries", lambda files: entries("rvs"))
    monkeypatch.setattr(static.ThreadingHTTPServer, "serve_forever", look)
    assert main(["explore", "--no-browser"]) == 0
    assert 'data-name="rvs"' in seen[0]


def test_a_port_that_is_taken_is_told(tmp_path):
    with server_of(tmp_path) as server, pytest.raises(OSError, match="cannot be used .*another"):
        server_of(tmp_path, server.server_port)


def test_a_users_stars_are_fitted_and_shown_first(tmp_path):
    """Their labels are the fitted ones; those of mock stars are the true ones, so that all are known."""
    emulator = load_emulator("rvs-real")
    labels = [[5400.0, 4.3, -0.4, 0.1, 1.2, 4.0]]
    flux = doppler_shift(
        torch.from_numpy(emulator(labels).astype(float)), RVS.pixels, torch.tensor([20.0])
    )
    noise = np.random.default_rng(0).normal(scale=0.005, size=(2, 800))
    noisy = np.vstack([flux.numpy(), np.zeros((1, 800))]) + noise
    error, mask = np.full((2, 800), 0.005), np.zeros((2, 800), bool)
    mask[1] = True  # a star without pixels cannot be fitted
    mine = Spectra(RVS.pixels, noisy, error, mask, ["mine", "none"], at_rest=False)
    mine.write(tmp_path / "mine.h5")
    explorer = next(shipped.entries([tmp_path / "mine.h5"])).explorer
    assert explorer.star == "mine" and explorer.continuum == 2
    assert explorer.velocity == pytest.approx(20, abs=1)
    found = list(explorer.labels.values())
    np.testing.assert_array_less(np.abs(np.subtract(found, labels[0]))[:4], [60, 0.1, 0.06, 0.05])
    about = explorer._stars
    entry = about["arrays"]["labels"]
    known = np.frombuffer(explorer._stars_data, float, np.prod(entry["shape"]), entry["offset"])
    known = known.reshape(entry["shape"])
    assert about["ids"][-2:] == about["moving"] == ["mine", "none"]
    assert np.isfinite(known[:-1]).all() and np.isnan(known[-1]).all()
    np.testing.assert_allclose(known[-2], list(explorer.labels.values()), rtol=1e-3, atol=1e-3)
