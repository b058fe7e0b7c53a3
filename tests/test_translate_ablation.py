"""Ablations: variants differ as described, and scores distinguish good and bad translators."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from astropy.table import Table
from torch import nn

import specnb
from specnb.plots.training import MEASURES, ablation
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.translate import TranslateConfig
from specnb.translate import comparison as module
from specnb.translate.comparison import OTHER_POPULATION, VARIANTS, score, train_variant
from specnb.translate.domains import mock_domains, true_labels, unseen_stars

TINY = TranslateConfig(
    shared=6, split=2, hidden=(24, 12), batch=32, iterations=2, learning_rate=5e-3, device="cpu"
)


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def stars(emulator):
    return unseen_stars(emulator, 160)


@pytest.fixture(scope="module")
def domains(emulator):
    return mock_domains(emulator, 100)


@pytest.fixture(scope="module")
def physics(emulator, stars):
    return score(None, emulator, *stars, n_fitted=60)


class Known(nn.Module):
    """A translator that adds the same to all spectra."""

    def __init__(self, wavelength, added):
        super().__init__()
        self.config, self.networks = TINY, nn.Module()
        self.wavelength, self.added = wavelength, torch.as_tensor(added, dtype=torch.float32)

    def check(self, wavelength):
        assert np.array_equal(wavelength, self.wavelength)

    def forward(self, flux, split=None):
        return flux + self.added

    def encode(self, spectra):
        return np.zeros((len(spectra), 1)), np.zeros((len(spectra), 0))

    def translate(self, flux, split=None):
        return flux + self.added.numpy()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_with_its_one_change(emulator, domains, stars, name):
    translator = train_variant(name, emulator, domains, TINY)
    changed = {
        f.name for f in fields(TINY) if getattr(translator.config, f.name) != getattr(TINY, f.name)
    }
    assert changed == set(VARIANTS[name])
    assert np.isfinite(translator.translate(emulator(domains.labels[:5]))).all()


def test_another_population_has_other_synthetic_stars(emulator, domains, monkeypatch):
    seen = {}

    def train(emulator, labels, observed, config, progress):
        seen[len(seen)] = labels, observed

    monkeypatch.setattr(module, "train", train)
    for name, seed in (
        ("full", 1),
        (OTHER_POPULATION, 1),
        (OTHER_POPULATION, 1),
        (OTHER_POPULATION, 2),
    ):
        train_variant(name, emulator, domains, replace(TINY, seed=seed))
    (own, observed), (other, same), (again, _), (third, _) = seen.values()
    logg = emulator.labels.index("logg")
    assert own is domains.labels and observed is same is domains.observed
    assert own.shape == other.shape and np.isfinite(other).all()
    assert np.median(other[:, logg]) > np.median(own[:, logg]) + 0.5  # dwarfs
    assert np.array_equal(other, again) and not np.array_equal(other, third)


def test_an_unknown_variant_is_refused(emulator, domains):
    with pytest.raises(ValueError, match="no variant 'no cycles': choose one of full, no z_split"):
        train_variant("no cycles", emulator, domains, TINY)


def test_the_mean_difference_is_all_that_a_constant_corrects(emulator, stars, physics):
    observed, truth = stars
    difference = truth.flux - emulator(true_labels(truth.labels, emulator))
    row = score(
        Known(emulator.wavelength, difference.mean(axis=0)), emulator, observed, truth, n_fitted=60
    )
    assert physics["rms"] == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-4)
    assert physics["rms_mean"] == pytest.approx(
        np.sqrt(np.mean(difference.mean(axis=0) ** 2)), rel=1e-4
    )
    assert row["rms"] ** 2 == pytest.approx(
        physics["rms"] ** 2 - physics["rms_mean"] ** 2, rel=1e-3
    )
    assert row["rms_mean"] < 1e-3 * physics["rms_mean"] and row["rms_own"] == row["rms"]
    assert row["chi2"] < 0.9 * physics["chi2"] and row["auc"] < physics["auc"]
    assert abs(row["vbroad_bias"]) < 0.5 * abs(physics["vbroad_bias"])


def test_where_the_model_is_right_nothing_is_wrong(emulator):
    off = {
        name: getattr(RvsMockConfig.clean(), name)
        for name in ("wrong_lines", "false_line", "missing_line")
    }
    off |= {
        "interstellar_band": 0.0,
        "continuum": 0.0,
        "resolving_power": RvsMockConfig.clean().resolving_power,
    }
    n, fitted = 400, 100
    row = score(None, emulator, *unseen_stars(emulator, n, **off), n_fitted=fitted)
    assert row["rms"] < 1e-6 and row["rms_mean"] < 1e-6
    # The scatter of the Mann-Whitney statistic with n/2 stars per set
    assert abs(row["auc"] - 0.5) < 5 * np.sqrt((n + 1) / (3 * n**2))
    assert abs(row["chi2"] - 1) < 5 * np.sqrt(2 / (800 * fitted))
    for label in emulator.labels:  # 1.25: of a median's error to a mean's
        assert abs(row[f"{label}_bias"]) < 5 * 1.25 * row[f"{label}_scatter"] / np.sqrt(fitted), (
            label
        )


def test_the_figure_has_a_point_for_each_training(physics):
    random = np.random.default_rng(1)
    rows = [{"variant": "physics only", "seed": 0} | physics]
    for name in ("full", "no cycle"):
        rows += [{"variant": name, "seed": k} | {m: v * random.uniform(0.2, 0.5) for m, v in physics.items()}
                 for k in range(3)]  # fmt: skip
    table = Table(rows=rows)
    figure = ablation(table)
    figure.draw_without_rendering()
    assert len(figure.axes) == len(MEASURES)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        "physics only",
        "full",
        "no cycle",
    ]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["one of 3 seeds", "no network", "mean", "range of full", "perfect"]
    alone = ablation(table[[0, 1, 4]]).legends[0].get_texts()
    assert [text.get_text() for text in alone] == [
        "one seed only",
        "no network",
        "range of full",
        "perfect",
    ]
    marks = [
        line for line in ablation(table, ["no cycle"]).axes[0].lines if len(line.get_xdata()) > 1
    ]
    colors = {line.get_ydata()[0]: line.get_markeredgecolor() for line in marks}
    assert colors[2] != colors[1]
    for axes, name in zip(figure.axes, MEASURES):
        points = np.concatenate(
            [line.get_xydata() for line in axes.lines if line.get_marker() == "o"]
        )
        np.testing.assert_allclose(
            points, np.column_stack([np.abs(table[name]), [0, 1, 1, 1, 2, 2, 2]])
        )
        low, high = axes.get_xlim()
        assert low < points[:, 0].min() and points[:, 0].max() < high
    table.remove_column("auc")
    with pytest.raises(KeyError, match="auc"):
        ablation(table)
    with pytest.raises(ValueError, match="no variant 'full'"):
        ablation(Table(rows=rows[:1]))
