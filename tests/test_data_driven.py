"""Data-driven models of real APOGEE spectra: their formulas, files, stars and surrogates."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from archive_server import Body, mirror
from astropy.table import Table

from specnb.core.spectra import Spectra
from specnb.surveys import APOGEE
from specnb.surveys.apogee import data_driven
from specnb.surveys.apogee.data_driven import (
    FE_H_OFFSET,
    FE_H_SLOPE,
    FILES,
    FOLDER,
    HIGHEST,
    LOWEST,
    SHIFT,
    DataDriven,
    load_data_driven,
    model_files,
    stars_of,
    surrogates,
)
from specnb.surveys.apogee.stars import GIANT, complete_labels

STARS = Path(os.environ.get("SPECNB_STARS", "nowhere"))
NETWORK = Path(os.environ.get("SPECNB_DATA", "nowhere"), "payne_grid")
needs_giants = pytest.mark.skipif(
    not (STARS / FOLDER).is_dir(), reason="the giants' model: set SPECNB_STARS"
)
needs_dwarfs = pytest.mark.skipif(not NETWORK.is_dir(), reason="the dwarfs' model: set SPECNB_DATA")
N_PIX = len(APOGEE.pixels)


def small_model(scatter=1e-6):
    """A model whose spectra have one line, and three stars."""
    scatter = np.full(N_PIX, scatter)
    scatter[:5] = 0.0

    def flux(labels):
        shape = np.exp(-0.5 * ((np.arange(N_PIX) - 3000) / 30.0) ** 2)
        return 1.0 - np.asarray(labels)[:, :1] / 10_000 * shape

    low, high = np.array([4000.0, 0.0]), np.array([5000.0, 5.0])
    stars = np.array([[4100.0, 1.0], [4500.0, 2.0], [4900.0, 3.0], [5500.0, 3.0]])
    return DataDriven("small", ("teff", "logg"), flux, scatter, low, high, stars)


def patterns():
    """Two real spectra as far as errors and masks count: different ones, with a bad pixel each."""
    rng = np.random.default_rng(0)
    error = 0.01 * np.exp(rng.normal(0.0, 0.3, (2, N_PIX)))
    mask = np.zeros((2, N_PIX), bool)
    mask[0, 1000], mask[1, 5000] = True, True
    return Spectra(APOGEE.pixels, np.ones((2, N_PIX)), error, mask, ["a", "b"])


def many(model, n):
    stars = Table(np.tile(model.stars[:3], (n, 1))[:n], names=model.labels)
    return surrogates(model, stars, patterns(), APOGEE, seed=3), stars


# The files


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Empty folders of data, offline."""
    for variable in ("STARS", "DATA"):
        (tmp_path / variable / FOLDER).mkdir(parents=True)
        monkeypatch.setenv(f"SPECNB_{variable}", str(tmp_path / variable))
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    return tmp_path


def test_a_missing_file_is_named_with_the_place_where_it_is_published(folders):
    with pytest.raises(OSError, match="NN_normalized_spectra.npz") as told:
        load_data_driven("dwarfs")
    text = str(told.value)
    assert "github" in text and "tingyuansen/The_Payne" in text and "SPECNB_OFFLINE" in text
    assert str(folders / "DATA" / FOLDER) in text and "\n" not in text
    with pytest.raises(OSError, match="trained_apokasc_gc_ind_feh_fix.txt .*jobovy/apogee"):
        load_data_driven("giants")


@pytest.mark.parametrize("variable", ["STARS", "DATA"])
def test_a_changed_file_is_refused_in_either_folder(folders, monkeypatch, variable):
    name = "training_apokasc_gc_ind_feh_fix.txt"
    path = folders / variable / FOLDER / name
    path.write_text("1 2 3\n")
    with pytest.raises(OSError, match=f"{name} is not the published file.*delete it"):
        model_files([name])
    digest = data_driven.file_hash(path)
    monkeypatch.setitem(FILES, name, (FILES[name][0], digest))
    assert model_files([name]) == [path]


def test_files_are_downloaded_once_and_checked(folders, monkeypatch):
    """The archive answers with another text at first."""
    name = "NN_normalized_spectra.npz"
    monkeypatch.setitem(FILES, name, (FILES[name][0], sha256(b"answer").hexdigest()))
    path = (FILES[name][0] + name).partition("://")[2]
    with mirror(folders, monkeypatch) as server:
        server.pages[path], server.faults[path] = b"answer", [Body(b"other!")]
        with pytest.raises(OSError, match=f"{name} of .* SHA256 checksum is not the published one"):
            model_files([name])
        assert list((folders / "DATA" / FOLDER).iterdir()) == []
        for _ in range(2):
            (found,) = model_files([name])
            assert found.read_bytes() == b"answer"
        assert server.count(path) == 2


def test_a_model_that_does_not_exist():
    with pytest.raises(
        ValueError, match="no data-driven model 'stars': give one of giants, dwarfs"
    ):
        load_data_driven("stars")


# The two models


@needs_giants
def test_the_flux_of_a_giant_is_the_cannons_quadratic_function():
    """One pixel is computed by hand from the published coefficients, at labels of its own scale."""
    model = load_data_driven("giants")
    folder = STARS / FOLDER
    c = np.loadtxt(folder / "trained_apokasc_gc_ind_feh_fix.txt")[:, 2500]
    t, g, f, a = np.loadtxt(folder / "trained_apokasc_gc_ind_feh_fix_baseline_labels.txt")
    feh = -0.3  # [Fe/H] on the scale of the model's training
    x = [4700.0 - t, 2.4 - g, feh - f, 0.12 - a]
    by_hand = c[0] + sum(c[1 + i] * x[i] for i in range(4))
    k = 5
    for i in range(4):
        for j in range(i, 4):
            by_hand += c[k] * x[i] * x[j]
            k += 1
    labels = np.array([[4700.0, 2.4, FE_H_SLOPE * feh + FE_H_OFFSET, 0.12]])
    before = labels.copy()
    assert model.flux(labels)[0, 2500] == pytest.approx(by_hand, abs=1e-12)
    np.testing.assert_array_equal(labels, before)


@needs_giants
def test_the_giants_are_the_real_ones_on_the_scale_of_dr12():
    model = load_data_driven("giants")
    lines = (STARS / FOLDER / "training_apokasc_gc_ind_feh_fix.txt").read_text().splitlines()
    listed = {}
    for star, *labels in map(str.split, lines):
        listed.setdefault(star, []).append(float(labels[2]) * 1.20 + 0.021)
    assert len(lines) == 1801 > len(model.stars) == len(listed)
    expected = sorted(values[0] for values in listed.values())
    np.testing.assert_allclose(np.sort(model.stars[:, 2]), expected)
    spread = model.flux(model.stars[::100])[:, model.scatter > 0]
    assert np.all((spread > 0.05) & (spread < 1.4)) and spread.std() > 0.03


@needs_dwarfs
def test_the_dwarfs_network_has_weaker_lines_in_hotter_and_poorer_stars():
    model = load_data_driven("dwarfs")
    cool, hot, poor = model.flux(
        [
            [4600.0, 4.6, 0.0, 0.0, 4.0],
            [6500.0, 4.3, 0.0, 0.0, 4.0],
            [4600.0, 4.6, -1.0, 0.0, 4.0],
        ]
    )
    assert np.median(hot) > np.median(poor) > np.median(cool)
    assert 0.3 < cool.min() < 0.9 and cool.max() < 1.2
    assert model.flux([[4600.0, 4.6, 0.0, 0.0, 4.0]]).shape == (1, N_PIX)


# The stars


@pytest.mark.parametrize(
    "name", [pytest.param("giants", marks=needs_giants), pytest.param("dwarfs", marks=needs_dwarfs)]
)
def test_stars_are_different_ones_in_the_models_range(name):
    model = load_data_driven(name)
    stars = stars_of(model, APOGEE, 300)
    array = np.column_stack([stars[key] for key in model.labels])
    assert len(np.unique(array, axis=0)) == 300 and stars["teff"].unit == "K"
    assert ((array >= model.low) & (array <= model.high)).all()
    few = stars_of(model, APOGEE, 20)
    assert all((few[key] == stars[key][:20]).all() for key in model.labels)
    other = stars_of(model, APOGEE, 20, seed=1)
    assert not (few["teff"] == other["teff"]).any()
    with pytest.raises(ValueError, match=rf"{name} has \d+ stars in its range: ask for no more"):
        stars_of(model, APOGEE, 100_000)


def test_stars_outside_the_range_are_left_out():
    assert sorted(stars_of(small_model(), APOGEE, 3)["teff"]) == [4100.0, 4500.0, 4900.0]
    with pytest.raises(ValueError, match="small has 3 stars"):
        stars_of(small_model(), APOGEE, 4)


def test_labels_of_a_catalogue_are_completed_and_known_ones_are_kept():
    n = 4000
    teff, logg = np.tile([4500.0, 5500.0], n), np.tile([2.0, 4.4], n)
    catalogue = Table({"teff": teff, "logg": logg, "fe_h": 0.0 * teff, "mg_fe": 0.2 + 0 * teff})
    catalogue["vbroad"] = np.where(np.arange(2 * n) < 2, 9.0, np.nan)
    labels = complete_labels(catalogue, np.random.default_rng(0))
    assert set(labels) == set(APOGEE.names)
    assert all(np.isfinite(values).all() for values in labels.values())
    giant = logg < GIANT
    assert (labels["si_fe"] == 0.2).all() and (labels["cr_fe"] == 0.0).all()
    assert set(labels["n_fe"][giant]) == {0.2} and set(labels["n_fe"][~giant]) == {0.0}
    assert (labels["vbroad"][:2] == 9.0).all() and labels["vbroad"][2::2].std() > 0.5
    assert np.std(labels["vmicro"][giant]) == pytest.approx(0.1, rel=0.05)
    catalogue.remove_column("logg")
    with pytest.raises(ValueError, match="lacks logg of teff"):
        complete_labels(catalogue, np.random.default_rng(0))


# The surrogates


def test_surrogates_have_real_errors_and_masks_that_moved():
    made, _ = many(small_model(), 40)
    real = patterns()
    places = set()
    for mask, error in zip(made.mask, made.flux_error):
        assert mask[:5].all()  # the model knows nothing there
        (bad,) = np.flatnonzero(mask[100:-100]) + 100
        k = 0 if abs(bad - 1000) <= SHIFT else 1
        shift = bad - (1000, 5000)[k]
        assert abs(shift) <= SHIFT
        places.add((k, shift))
        good = ~mask & (error > 0.00501)  # the smallest error that APOGEE is given
        # Only the pseudo-continuum, which is smooth, has changed their ratios.
        pattern = np.roll(real.flux_error[k], shift)[good]
        assert np.std(np.log(error[good] / pattern)) < 0.1
    assert len(places) > 15 and {k for k, _ in places} == {0, 1}


def test_surrogates_have_noise_and_scatter_of_the_stated_size():
    made, stars = many(small_model(scatter=0.02), 60)
    assert made.labels is not None and list(made.labels["teff"]) == list(stars["teff"])
    quiet, _ = many(small_model(), 60)
    good = ~made.mask & ~quiet.mask
    snr = 1.0 / np.array([np.median(e[m]) for e, m in zip(quiet.flux_error, good)])
    assert (snr > 0.9 * LOWEST).all() and (snr < 1.1 * HIGHEST).all()
    assert 90 < np.median(snr) < 180 and snr.std() > 20
    for spectra, extra in ((made, 0.02), (quiet, 0.0)):
        truth = replace(spectra, flux=spectra.flux)
        model = small_model().flux(np.column_stack([stars["teff"], stars["logg"]]))
        x = np.linspace(-1, 1, N_PIX)
        for k in range(0, 60, 20):
            part = good[k] & (np.abs(np.arange(N_PIX) - 1200) < 700)
            ratio = truth.flux[k][part] / model[k][part]
            smooth = np.polyval(np.polyfit(x[part], ratio, 3), x[part])
            sigma = np.hypot(spectra.flux_error[k][part], extra)
            assert np.std((ratio - smooth) / sigma) == pytest.approx(1.0, abs=0.1)


def test_the_same_seed_gives_the_same_surrogates():
    model = small_model(0.01)
    stars = stars_of(model, APOGEE, 3)
    first, again = (surrogates(model, stars, patterns(), APOGEE, seed=5) for _ in range(2))
    other = surrogates(model, stars, patterns(), APOGEE, seed=6)
    np.testing.assert_array_equal(first.flux, again.flux)
    assert list(first.ids) == list(again.ids) and set(first.ids).isdisjoint(other.ids)
    assert not np.array_equal(first.flux, other.flux)
    assert first.at_rest
