"""Real stars with known labels, and stars that a model is not for, in a folder made here."""

import numpy as np
import pytest

import specnb
from specnb.plots.explorer import ExplorerFigure
from specnb.surveys import APOGEE, RVS
from specnb.surveys.anchors import ATLASES, MISFITS, anchors, misfits
from specnb.surveys.apogee.pixels import APOGEE_CUT, APOGEE_NATIVE


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of stars, and none of the archives."""
    monkeypatch.setenv("SPECNB_STARS", str(tmp_path / "stars"))
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    return tmp_path / "stars"


def saved(path, **arrays):
    path.parent.mkdir(parents=True)
    np.savez(path, **arrays)


def test_no_star_is_no_error(folder):
    assert anchors(APOGEE)[0] is None and misfits() == {}
    assert "offline" in anchors(RVS)[1]


def test_anchors_are_over_the_pseudo_continuum_and_have_the_labels_of_the_literature(folder):
    flux = specnb.load_emulator("apogee")(np.array([list(APOGEE.start.values())]))[0]
    slope = np.linspace(0.9, 1.1, len(flux))
    unknown = {"somebody": flux, "wavelength_vac": APOGEE.pixels}
    saved(folder / ATLASES, sun_2018=flux * slope, arcturus_new4=flux, **unknown)
    found, source = anchors(APOGEE)
    assert list(found.ids) == ["sun_2018", "arcturus_new4"]  # nothing is known of somebody
    np.testing.assert_allclose(found.flux[0], found.flux[1], atol=0.003)  # without the slope
    assert list(found.labels["teff"]) == [5772, 4286] and list(found.labels["fe_h"]) == [0, -0.52]
    assert found.labels["mg_fe"][1] == 0.3 and found.labels["part_of"].mask.all()
    assert source.endswith("2 real stars of APOGEE have labels in the literature.")


def test_misfits_are_the_combined_spectra_without_their_bad_pixels(folder):
    flux = np.ones((3, len(APOGEE_NATIVE)), dtype=np.float32)
    mask, stars = np.zeros(flux.shape, dtype=np.int32), np.zeros(2, dtype=[("apogee_id", "U18")])
    mask[2, APOGEE_CUT[7]] = 1
    stars["apogee_id"] = ["2M1", "2M2"]
    arrays = {"flux": flux, "err": 0.01 * flux, "mask": mask, "stars": stars}
    saved(folder / MISFITS["binaries"], visit=np.array([0, 1, 0]), **arrays)
    found = misfits()
    assert list(found) == ["binaries"] and list(found["binaries"].ids) == ["2M1-0", "2M2-1"]
    np.testing.assert_array_equal(np.argwhere(found["binaries"].mask), [[1, 7]])


def test_the_explorer_draws_physics_at_the_same_labels():
    physics, real = specnb.load_emulator("rvs"), specnb.load_emulator("rvs")
    observed = np.full(len(RVS.pixels), 0.9)
    view = ExplorerFigure(real, {"teff": 5000.0}, observed, "star", physics=physics)
    view.update({"teff": 5300.0})
    expected = physics(np.array([[*view.labels.values()]]))[0]
    upper, middle = ([line.get_ydata() for line in axes.lines] for axes in view.figure.axes[:2])
    np.testing.assert_allclose(upper[2], expected, rtol=1e-6)
    np.testing.assert_allclose(middle[-1], expected - observed, rtol=1e-5, atol=1e-6)
