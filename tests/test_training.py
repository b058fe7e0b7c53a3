from dataclasses import replace

import h5py
import numpy as np
import pytest

import specnb
from specnb.core.device import pick_device
from specnb.emulator.accuracy import accuracy
from specnb.emulator.train import EmulatorConfig, train_emulator
from specnb.reproduce.provenance import checksum
from specnb.simulator.grid import held_out, load_grid, observed, split
from specnb.surveys import RVS
from specnb.surveys.rvs.pixels import RVS_PIXELS


@pytest.fixture(scope="module")
def grid():
    return load_grid(RVS)


def test_grid_is_physical(grid):
    assert len(grid) > 2000
    assert grid.flux.min() > 0
    assert grid.flux.max() < 1.001
    assert grid.provenance["resolving_power"] == 11_500
    teff, logg, m_h = grid.labels.T[:3]
    assert teff.min() < 4000 and teff.max() > 7500 and logg.min() < 0 and logg.max() > 5
    assert m_h.min() < -2.5 and m_h.max() > 0.5
    strength = np.mean(1 - grid.flux, axis=1)
    design = np.column_stack([grid.labels / np.ptp(grid.labels, axis=0), np.ones(len(grid))])
    trend = dict(zip([label.name for label in RVS.labels], np.linalg.lstsq(design, strength)[0]))
    # metals and α elements absorb, heat ionises and dissociates absorbers, turbulence desaturates lines
    assert (
        trend["m_h"] > 0.03
        and trend["alpha_fe"] > 0
        and trend["vmicro"] > 0
        and trend["teff"] < -0.01
    )


def test_split_is_a_partition_and_always_the_same():
    parts = split(1000)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    assert [len(p) for p in parts] == [800, 100, 100]
    np.testing.assert_array_equal(parts[2], split(1000)[2])


def test_broadened_keeps_equivalent_width_and_covers_vbroad(grid):
    index = np.arange(5)
    labels, flux = observed(grid, index, copies=4, seed=0)
    assert labels.shape == (20, 6) and flux.shape == (20, 800)
    assert [(labels[5 * k : 5 * k + 5, 5] // 12.5 == k).all() for k in range(4)] == [True] * 4
    width = np.mean(1 - flux, axis=1).reshape(4, 5)
    np.testing.assert_allclose(width, np.broadcast_to(width[0], (4, 5)), rtol=5e-3)


def test_shipped_emulator_meets_the_bar_on_spectra_it_never_saw(grid):
    emulator = specnb.load_emulator("rvs")
    assert emulator.card["grid_sha256"] == checksum(RVS.grid_path)  # else the split is another one
    labels, truth = held_out(grid)
    assert accuracy(emulator(labels), truth)["mean"] <= 1e-3


def test_training_learns_and_repeats(grid):
    few = replace(grid, labels=grid.labels[:60], flux=grid.flux[:60])
    config = EmulatorConfig(hidden=(16,), copies=2, batch=32, epochs=12, device="cpu")
    first, second = (train_emulator(few, config, progress=False) for _ in range(2))
    assert first.card["history"] == second.card["history"]
    errors = [row["validation"] for row in first.card["history"]]
    assert first.card["validation_error"] == min(errors) < 0.8 * errors[0]
    np.testing.assert_array_equal(first.wavelength, RVS_PIXELS)


def test_early_stopping(grid):
    few = replace(grid, labels=grid.labels[:60], flux=grid.flux[:60])
    config = EmulatorConfig(
        hidden=(4,), copies=1, epochs=200, patience=2, learning_rate=0.1, device="cpu"
    )
    history = train_emulator(few, config, progress=False).card["history"]
    assert len(history) < 200
    assert min(row["validation"] for row in history) == history[-3]["validation"]


def test_config_refuses_unknown_keys():
    with pytest.raises(TypeError, match="hiden"):
        EmulatorConfig(hiden=(3,))


def test_truncated_grid(tmp_path):
    path = tmp_path / "grid.h5"
    path.write_bytes(RVS.grid_path.read_bytes()[:100_000])
    with pytest.raises(OSError, match="grid.h5 is not a whole grid"):
        load_grid(RVS, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f["wavelength"].attrs.__setitem__("medium", "air"),
            "wavelengths in air: convert",
        ),
        (
            lambda f: f["wavelength"].__setitem__(slice(None), f["wavelength"][:] + 20),
            "not the window 8460-8700",
        ),
        (lambda f: f["labels"].__setitem__((0, 0), np.nan), "NaN among them"),
        (
            lambda f: f["labels"].attrs.__setitem__("names", ["teff", "logg"]),
            "has the labels teff, logg: a grid needs",
        ),
    ],
)
def test_bad_grid(tmp_path, change, message):
    path = tmp_path / "grid.h5"
    with h5py.File(RVS.grid_path) as source, h5py.File(path, "w") as f:
        for name, data in source.items():
            copy = f.create_dataset(name, data=data[:4] if name != "wavelength" else data[:])
            copy.attrs.update(data.attrs)
        change(f)
    with pytest.raises(ValueError, match=f"grid.h5 .*{message}"):
        load_grid(RVS, path)


def test_device_by_name():
    assert str(pick_device("cpu")) == "cpu"
    assert str(pick_device("auto")) in {"cpu", "cuda", "mps"}
    with pytest.raises(ValueError, match=r"device is 'gpu': this machine has auto, .*cpu"):
        pick_device("gpu")
