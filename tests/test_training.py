import numpy as np
import pytest

import specnb
from specnb.accuracy import accuracy
from specnb.device import pick_device
from specnb.grid import RVS_GRID, SyntheticGrid, broadened, load_grid, split
from specnb.training import EmulatorConfig, held_out, train_emulator
from specnb.wavelength import RVS_PIXELS


@pytest.fixture(scope="module")
def grid():
    return load_grid()


def test_grid_is_physical(grid):
    assert len(grid) > 2000
    assert grid.flux.min() > 0
    assert grid.flux.max() < 1.001
    assert grid.provenance["resolving_power"] == 11_500
    teff, logg, m_h = grid.labels.T[:3]
    assert teff.min() < 4000 and teff.max() > 7500 and logg.min() < 0 and logg.max() > 5
    assert m_h.min() < -2.5 and m_h.max() > 0.5
    strength = np.mean(1 - grid.flux, axis=1)
    cool = teff < 5000
    assert np.corrcoef(m_h[cool], strength[cool])[0, 1] > 0.8  # more metal, more absorption


def test_split_is_a_partition_and_depends_on_the_seed_only():
    parts = split(1000, seed=4)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    assert [len(p) for p in parts] == [800, 100, 100]
    np.testing.assert_array_equal(parts[2], split(1000, seed=4)[2])
    assert not np.array_equal(parts[2], split(1000, seed=5)[2])


def test_broadened_keeps_equivalent_width_and_covers_vbroad(grid):
    index = np.arange(5)
    labels, flux = broadened(grid, index, copies=4, seed=0)
    assert labels.shape == (20, 6) and flux.shape == (20, 800)
    assert [(labels[5 * k : 5 * k + 5, 5] // 12.5 == k).all() for k in range(4)] == [True] * 4
    width = np.mean(1 - flux, axis=1).reshape(4, 5)
    np.testing.assert_allclose(width, np.broadcast_to(width[0], (4, 5)), rtol=5e-3)


def test_shipped_emulator_meets_the_bar_on_spectra_it_never_saw(grid):
    emulator = specnb.load_emulator("rvs")
    labels, truth = held_out(grid, EmulatorConfig(**emulator.card["config"]))
    assert accuracy(emulator(labels), truth)["mean"] <= 1e-3


def test_training_learns_and_repeats(grid):
    few = SyntheticGrid(grid.labels[:60], grid.flux[:60], grid.wavelength, grid.provenance)
    config = EmulatorConfig(hidden=(16,), copies=2, batch=32, epochs=12, device="cpu")
    first, second = (train_emulator(few, config, progress=False) for _ in range(2))
    assert first.card["history"] == second.card["history"]
    errors = [row["validation"] for row in first.card["history"]]
    assert first.card["validation_error"] == min(errors) < 0.8 * errors[0]
    np.testing.assert_array_equal(first.wavelength, RVS_PIXELS)


def test_early_stopping(grid):
    few = SyntheticGrid(grid.labels[:60], grid.flux[:60], grid.wavelength, grid.provenance)
    config = EmulatorConfig(hidden=(4,), copies=1, epochs=200, patience=2, learning_rate=0.1, device="cpu")
    history = train_emulator(few, config, progress=False).card["history"]
    assert len(history) < 200
    assert min(row["validation"] for row in history) == history[-3]["validation"]


def test_config_refuses_unknown_keys():
    with pytest.raises(TypeError, match="hiden"):
        EmulatorConfig(hiden=(3,))


def test_truncated_grid(tmp_path):
    path = tmp_path / "grid.h5"
    path.write_bytes(RVS_GRID.read_bytes()[:100_000])
    with pytest.raises(OSError, match="grid.h5 is not a whole grid"):
        load_grid(path)


def test_device_by_name():
    assert str(pick_device("cpu")) == "cpu"
    assert str(pick_device("auto")) in {"cpu", "cuda", "mps"}
