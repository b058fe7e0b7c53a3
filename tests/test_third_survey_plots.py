"""The survey of tests/third_survey.py, which has no lines, works in plots and widgets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy.table import Table
from third_survey import THIRD

from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.conditional import Conditional
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.plots.autoencoder import conditional_latents
from specnb.plots.disentangle import probe_bars, tsne_panels
from specnb.plots.emulator import training_history
from specnb.plots.explorer import ExplorerFigure, TranslatedFigure
from specnb.plots.labels import label_histograms
from specnb.plots.residuals import mean_differences
from specnb.plots.spectra import best_fit
from specnb.surveys.mock import make_mock
from specnb.translate import TranslateConfig, Translator
from specnb.widgets import (
    edit_star,
    explore_emulator,
    explore_translator,
    train_live,
)

PNG = b"\x89PNG\r\n"
MOCK = THIRD.mock(n_stars=120)


@pytest.fixture(scope="module")
def emulator():
    torch.manual_seed(1)
    low, high = np.array([(label.low, label.high) for label in THIRD.labels]).T
    network = Network(low, high, [(range(3), (8,))], 512)
    with torch.no_grad():
        network.output.bias.fill_(1.0)
    return Emulator(network, THIRD)


@pytest.fixture(scope="module")
def mock(emulator):
    """Noisy spectra of 120 stars, here with all labels in the catalogue, and their truth."""
    observed, truth = make_mock(emulator, MOCK)
    return replace(observed, labels=truth.labels), truth


@pytest.fixture(scope="module")
def stars(mock):
    return mock[0]


@pytest.fixture(scope="module")
def translator():
    config = TranslateConfig(
        shared=4, split=2, hidden=(8, 8), batch=16, iterations=10, device="cpu"
    )
    return Translator(config, THIRD.pixels, np.ones(512), 0.1)


def config(**changes):
    return DisentangleConfig(
        labels=THIRD.names, hidden=(16,), latent=3, epochs=2, batch=30, **changes
    )


def texts(figure):
    figure.draw_without_rendering()
    return [
        text
        for axes in figure.axes
        for text in (axes.get_xlabel(), axes.get_ylabel(), axes.get_title())
    ]


def test_figures_of_one_spectrum(emulator, translator):
    view = ExplorerFigure(emulator, {"age": 4.6})
    # The step is a tenth of the label's range
    assert "Flux change per\n1.39 Gyr in $\\tau$" in texts(view.figure)
    view.update({"mass": 1.1}, gradient="dust", window=(5010.0, 5020.0))
    assert "Flux change per\n0.3 mag in $A_V$" in texts(view.figure)
    assert view.labels == {"age": 4.6, "mass": 1.1, "dust": 1.5}
    translated = TranslatedFigure(emulator, translator, {"mass": 1.1}, [0.1, 0.2])
    assert len(texts(translated.figure)) == 9 and np.isfinite(translated.translated).all()


def test_fits(emulator, stars):
    model = emulator(np.column_stack([stars.labels[name] for name in THIRD.names]))
    spectrum = stars.flux[0], stars.flux_error[0], stars.mask[0], model[0]
    for survey in (None, THIRD):
        figure = best_fit(THIRD.pixels, *spectrum, "star 0", survey=survey)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [
            "observed",
            "best fit",
        ]
        assert len(figure.axes) == 2
    assert len(mean_differences(THIRD.pixels, {"synthetic": model - stars.flux}).axes) == 2


def test_figures_of_many_stars(stars):
    rng = np.random.default_rng(1)
    assert "mass" in texts(label_histograms(stars.labels, THIRD.names))
    maps = tsne_panels({"latents": rng.normal(size=(120, 2))}, stars.labels, THIRD.names)
    assert len(maps.axes) == 6
    rows = [("plain", name, 1, 0.5, 0.4, np.nan) for name in THIRD.names]
    names = ("setting", "label", "seed", "mlp_r2", "linear_r2", "mlp_r2_drawn")
    probes = probe_bars(Table(rows=rows, names=names))
    assert "$R^2$ of age" in texts(probes)
    history = [{"epoch": k, "train": 1 / k, "validation": 1 / k} for k in range(1, 5)]
    assert "Epoch" in texts(training_history(history))


def test_explorers_have_sliders_for_its_labels(emulator, translator, stars):
    explorer = explore_emulator(emulator, stars=stars, star=3)
    assert explorer.labels == pytest.approx({name: stars.labels[name][3] for name in THIRD.names})
    explorer.set(star=None, **THIRD.start)
    assert explorer.labels == {"age": 7.05, "mass": 0.9, "dust": 1.5}
    assert list(explorer._page["windows"]) == ["whole range"]
    explorer.set(age=1.0, gradient="dust", reference=3)
    assert explorer.spectrum().colnames == ["wavelength", "flux", "dflux_ddust"]
    explorer = explore_translator(emulator, translator, stars, split=str(stars.ids[5]))
    explorer.set(mass=1.1)
    assert explorer.labels["mass"] == 1.1 and np.isfinite(explorer.spectrum()["translated"]).all()


def test_study_widgets(emulator, mock):
    stars, truth = mock
    panel = train_live(stars[:90], stars[90:], config())
    panel.train(age=-0.01)
    assert set(panel.mlp) == set(THIRD.names) and bytes(panel.image.value).startswith(PNG)
    editor = edit_star(panel.model, stars, THIRD)
    editor.set(age=3.0, compare="nearest")
    assert np.isfinite(editor.spectrum()["edited"]).all() and len(editor.figure().axes) == 3
    with pytest.raises(ValueError, match="only those of an RvsMockConfig"):
        edit_star(panel.model, stars, THIRD, truth, emulator, MOCK)
    model = train(stars, config(lambda_range=0.02, bottleneck=1e-3), progress=False)
    editor = edit_star(model, stars, THIRD, lambdas={"dust": 0.01})
    assert editor._page["lambdas"]["names"] == list(model.labels) and editor._page["probes"]
    study = Conditional(model, stars)
    figure = conditional_latents(study.at(dust=0.01), study.start, study.values[:, 0][60:], "age")
    assert "age" in texts(figure)
