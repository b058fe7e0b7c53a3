from dataclasses import dataclass

import numpy as np
import pytest

import specnb.core.artifacts
from specnb.core.artifacts import EVERYTHING, artifact, artifact_path, code_digest
from specnb.disentangle.experiment import train_once
from specnb.emulator.accuracy import STATISTICS, accuracy, accuracy_by_label
from specnb.emulator.train import train_emulator


@dataclass(frozen=True)
class Config:
    size: int = 1


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(specnb.core.artifacts, "ARTIFACTS", tmp_path / "artifacts")
    return tmp_path


def test_made_once_and_anew_when_anything_changes(folder):
    made = []
    data = folder / "input.txt"
    data.write_text("a")

    def get(config):
        def make(path):
            made.append(config)
            path.write_text("model")

        return artifact("model", config, ".txt", make, data=(data,))

    first = get(Config())
    assert get(Config()) == first and made == [Config()]
    assert get(Config(2)) != first and len(made) == 2
    data.write_text("b")
    assert get(Config()) != first and len(made) == 3
    assert first.read_text() == "model" and first.name.startswith("model-")


def test_nothing_is_left_of_a_failure(folder):
    def fail(path):
        path.write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        artifact("model", Config(), ".txt", fail)
    assert list((folder / "artifacts").iterdir()) == []


@pytest.fixture
def imported(monkeypatch):
    """Pretend that modules of specnb were imported with other source texts."""
    return lambda texts: monkeypatch.setattr(
        specnb.core.artifacts, "SOURCES", specnb.core.artifacts.SOURCES | texts
    )


def paths():
    """Where the artifacts of the autoencoders, of an emulator and of unknown code would be."""
    return [
        artifact_path("x", Config(), ".txt", code=code)
        for code in (train_once, train_emulator, None)
    ]


def test_a_comment_anywhere_makes_nothing_anew(imported):
    before = paths()
    imported(
        {name: f"# A comment.\n{text}" for name, text in specnb.core.artifacts.SOURCES.items()}
    )
    assert paths() == before


@pytest.mark.parametrize(
    ("module", "same"),
    [
        ("specnb.widgets.panel", [True, True, False]),
        ("specnb.disentangle.networks", [False, True, False]),
        ("specnb.core.broadening", [False, False, False]),
    ],
)
def test_only_what_imports_a_changed_module_is_made_anew(imported, module, same):
    before = paths()
    imported({module: specnb.core.artifacts.SOURCES[module] + "x = 1\n"})
    assert [new == old for new, old in zip(paths(), before)] == same


def test_code_that_makes_an_artifact_is_that_of_make(folder):
    # This is not a module of specnb
    assert artifact_path("x", Config(), ".txt", code=paths) == artifact_path("x", Config(), ".txt")
    sources = specnb.core.artifacts.SOURCES
    assert code_digest([train_once.__module__], sources) != code_digest([EVERYTHING], sources)
    made = artifact(
        "x", Config(), ".txt", lambda path: path.write_text("model"), code=train_emulator
    )
    assert (
        made
        == artifact_path("x", Config(), ".txt", code=train_emulator)
        != artifact_path("x", Config(), ".txt")
    )


def test_accuracy_separates_spectra_and_pixels():
    truth = np.ones((10, 20))
    predicted = truth.copy()
    predicted[0] += 0.02  # one bad spectrum
    predicted[:, 5] -= 0.01  # one bad pixel
    got = accuracy(predicted, truth)
    assert got["worst_spectrum"] == pytest.approx((19 * 0.02 + 0.01) / 20)
    assert got["worst_pixel"] == pytest.approx(0.01)
    assert got["median"] == pytest.approx(0.0, abs=1e-12)
    assert got["mean"] == pytest.approx((19 * 0.02 + 10 * 0.01) / 200)
    assert got["flux_above"] == pytest.approx((20 + 9) / 200)
    assert got["flux_99"] == pytest.approx(0.02)
    assert got["spectra_above"] == pytest.approx(0.1)  # 0.01 / 20 is below 0.1%
    assert set(got) == set(STATISTICS)


def test_accuracy_by_label_bins():
    truth = np.zeros((3, 4))
    predicted = np.array([[0.0005] * 4, [0.0025] * 4, [0.004] * 4])
    table = accuracy_by_label(predicted, truth, np.array([0.5, 0.6, 1.5]), "x", [0, 1, 2, 3])
    assert list(table["x"]) == ["0 to 1", "1 to 2", "2 to 3"]
    assert list(table["spectra"]) == [2, 1, 0]
    np.testing.assert_allclose(table["mean_error"], [0.0015, 0.004, np.nan])
    np.testing.assert_array_equal(table["spectra_above"], [0.5, 1.0, np.nan])


def test_configurations_of_two_classes_are_two_artifacts():
    """Also where their fields have the same values, alone or within another configuration."""

    @dataclass(frozen=True)
    class Outer:
        inner: object

    @dataclass(frozen=True)
    class One:
        size: int = 3

    @dataclass(frozen=True)
    class Two:
        size: int = 3

    paths = {
        artifact_path("kind", config, ".x") for config in (One(), Two(), Outer(One()), Outer(Two()))
    }
    assert len(paths) == 4
    assert artifact_path("kind", One(), ".x") == artifact_path("kind", One(3), ".x")
