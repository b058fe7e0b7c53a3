"""Real stars come from the folder or the archive; otherwise a sentence says that there are none."""

import os
import socket
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from specnb.core.paths import data_folder
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.rvs import archive as gaia
from specnb.surveys.rvs.pixels import RVS_NATIVE, RVS_PIXELS

KEPLER_93 = "2052747119115620352"


def star(source_id):
    flux = np.full(2401, 0.9)
    return Table(
        {
            "source_id": [int(source_id)] * 2401,
            "wavelength": RVS_NATIVE / 10,
            "flux": flux,
            "flux_error": 0.01 * flux,
        }
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    monkeypatch.delenv("SPECNB_OFFLINE", raising=False)
    return tmp_path / "gaia_rvs"


def test_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("SPECNB_DATA")
    assert data_folder().parts[-2:] == ("data", "real")


def test_stars_of_the_folder(folder):
    folder.mkdir()
    star(KEPLER_93).write(folder / "a.csv")
    star(7).write(folder / "b.fits")
    (folder / "gaia_rvs_wavelength.fits").write_bytes(b"not a spectrum")
    (folder / "notes.txt").write_text("not a spectrum either")
    assert [path.name for path in RVS.archive.files()] == ["a.csv", "b.fits"]
    spectra, source = real_spectra(RVS)
    np.testing.assert_array_equal(spectra.wavelength, RVS_PIXELS)
    assert list(spectra.ids) == [KEPLER_93, "7"]
    np.testing.assert_allclose(spectra.flux, 0.9, rtol=1e-6)
    assert spectra.correlation_length == 1.0  # 3 samples of 0.1 Å are a pixel of 0.3 Å
    # The overlaps are 1, 2, 2, 1 sixths; samples that are k apart have a correlation of 1 - k/3
    variance = (
        np.array([1, 2, 2, 1])
        / 6
        @ (1 - np.abs(np.subtract.outer(range(4), range(4))) / 3)
        @ np.array([1, 2, 2, 1])
        / 6
    )
    np.testing.assert_allclose(spectra.flux_error, 0.009 * np.sqrt(variance), rtol=1e-5)
    assert source.startswith("2 Gaia DR3 RVS mean spectra") and str(folder) in source


def test_offline_gives_a_sentence(folder, monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    spectra, source = real_spectra(RVS)
    assert spectra is None
    assert (
        "offline" in source
        and str(folder) in source
        and "stars.ecsv" in source
        and "\n" not in source
    )
    assert not folder.exists()
    monkeypatch.delenv("SPECNB_OFFLINE")
    monkeypatch.setattr(gaia, "HOST", "archive.invalid")  # a name that never resolves
    assert real_spectra(RVS)[0] is None
    assert "astroquery.gaia" not in sys.modules


def test_download_is_kept(folder, monkeypatch):
    """A stand-in for the archive. It returns one of the stars asked for, and one other star."""
    asked = []

    class Archive:
        def __init__(self, show_server_messages):
            pass

        def load_data(self, ids, **options):
            asked.append((ids, options))
            return {f"RVS-Gaia DR3 {i}.csv": [star(i)] for i in (KEPLER_93, "7")}

    monkeypatch.setitem(sys.modules, "astroquery.gaia", types.SimpleNamespace(GaiaClass=Archive))
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: socket.socket())
    here = Path.cwd()
    spectra, source = real_spectra(RVS)
    assert list(spectra.ids) == [KEPLER_93]
    assert "downloaded from the Gaia archive" in source
    assert [f.name for f in folder.iterdir()] == [f"GaiaDR3-{KEPLER_93}.csv"]
    ((ids, options),) = asked
    assert KEPLER_93 in ids
    assert options["retrieval_type"] == "RVS" and options["data_structure"] == "INDIVIDUAL"
    assert Path.cwd() == here and socket.getdefaulttimeout() is None
    again, source = real_spectra(RVS)
    assert "read from" in source and len(asked) == 1
    np.testing.assert_array_equal(again.flux, spectra.flux)


def test_literature():
    table = gaia.literature(["1535964555128078720", KEPLER_93, "7"])
    assert list(table["id"]) == ["1535964555128078720", KEPLER_93, "7"]
    assert (table["teff"][1], table["logg"][1], table["m_h"][1]) == (5669, 4.47, -0.18)
    assert table["reference"][1] == "KOI-69, Ballard et al. 2014"
    assert str(table["teff"].unit) == "K"
    for name in ("teff", "logg", "m_h", "reference"):
        assert list(table[name].mask) == [True, False, True]
    assert len(gaia.literature([])) == 0


def test_literature_gives_each_star_its_own_labels():
    """In any order, also with unknown stars between them."""
    known = Table.read(gaia.STARS)
    ids = [*reversed(known["source_id"]), "7", *known["source_id"][1:]]
    table, row = gaia.literature(ids), {star: row for row, star in enumerate(known["source_id"])}
    assert len(known) > 2
    for star, found in zip(ids, table):
        for name in ("teff", "logg", "m_h") if star in row else ():
            expected = known[name][row[star]]
            assert (
                found[name] is np.ma.masked
                if np.ma.is_masked(expected)
                else found[name] == expected
            )


@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_real_stars():
    spectra, source = real_spectra(RVS)
    assert len(spectra) >= 3 and KEPLER_93 in spectra.ids, source
    assert np.all(np.median(spectra.flux, axis=1) > 0.8)
    assert spectra.mask.mean() < 0.01
