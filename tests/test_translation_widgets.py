"""Translators with sliders and in live training, on a small survey of the RVS."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from browser_numbers import shown_in_browser
from h_band import linear_emulator

import specnb
from specnb.core.spectra import Spectra
from specnb.core.training import Diverged
from specnb.plots.explorer import TranslatedFigure
from specnb.plots.residuals import mean_differences
from specnb.plots.translate import compared_spectra, widest_gaps
from specnb.translate import TranslateConfig, Translator, train
from specnb.translate.domains import mock_domains
from specnb.widgets import explore_translator, train_translator

TINY = TranslateConfig(
    shared=6, split=2, hidden=(24, 12), batch=32, iterations=30, learning_rate=5e-3, device="cpu"
)
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def domains(emulator):
    return mock_domains(emulator, 60)


@pytest.fixture(scope="module")
def translator(emulator, domains):
    return train(emulator, domains.labels, domains.observed, TINY, progress=False)


@pytest.fixture
def explorer(emulator, translator, domains):
    return explore_translator(emulator, translator, domains.observed)


def check_spectrum(explorer, split):
    """The spectrum and the picture are those of the translator at the labels and a z_split."""
    flux = explorer.emulator([list(explorer.labels.values())])
    translated = explorer.translator.translate(flux, None if split is None else split[None])[0]
    table = explorer.spectrum()
    np.testing.assert_allclose(table["synthetic"], flux[0], atol=1e-6)
    np.testing.assert_allclose(table["translated"], translated, atol=1e-6)
    difference = explorer.figure().axes[1].lines[-1].get_ydata()
    np.testing.assert_allclose(difference, translated - flux[0], atol=1e-6)


def test_z_split_is_typical_by_hand_or_of_a_star(explorer, translator, domains):
    explorer.set(teff=5000)
    check_spectrum(explorer, None)
    explorer.set(split=[0.25, -0.5])
    assert (explorer.split, explorer.split_values) == ("by hand", [0.25, -0.5])
    check_spectrum(explorer, np.array([0.25, -0.5], np.float32))
    assert explorer.spectrum().meta["z_split"] == [0.25, -0.5]
    explorer.set(split=3)
    assert explorer.split == str(domains.observed.ids[3]) and explorer.labels["teff"] == 5000
    check_spectrum(explorer, translator.encode(domains.observed)[1][3])
    explorer.set(split=str(domains.observed.ids[-1]))
    np.testing.assert_allclose(
        explorer.z_split, translator.encode(domains.observed)[1][-1], atol=1e-6
    )
    explorer.reset()
    assert explorer.split == "typical"
    check_spectrum(explorer, None)


def test_the_numbers_are_those_of_the_browser(explorer, tmp_path):
    explorer.set(star=0, split=3, teff=5000, velocity=20, continuum=1)
    curves, table = shown_in_browser(explorer, tmp_path)["curves"], explorer.spectrum()
    for name in ("synthetic", "translated"):
        np.testing.assert_allclose(curves[f"flux {name}"], table[name], atol=1e-5)


def test_wrong_choices_change_nothing(explorer, emulator, translator):
    for split, words in (("Vega", "no star 'Vega'"), (99, "no star 99"), ([0.0, 2.0], "beyond the slider"),
                         ([0.1], "z_split has 1 numbers: this model's has 2")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            explorer.set(teff=5000, split=split)
    assert explorer.split == "typical" and explorer.labels["teff"] != 5000
    with pytest.raises(ValueError, match="give the explorer stars"):
        explore_translator(emulator, translator).set(split=0)
    with pytest.raises(ValueError, match="not on this model's 7214 pixels"):
        explore_translator(linear_emulator(), translator)


def test_a_translator_without_split(emulator):
    plain = Translator(replace(TINY, split=0), emulator.wavelength, np.ones(800), 0.1)
    explorer = explore_translator(emulator, plain)
    with pytest.raises(ValueError, match="no z_split"):
        explorer.set(split=[0.1])
    explorer.set(teff=5000)
    assert explorer.z_split is None and len(explorer.figure().axes) == 2
    check_spectrum(explorer, None)


def test_live_training_is_the_training(emulator, domains, translator):
    panel = train_translator(emulator, domains, TINY, (8600, 8630))
    assert panel.button.description == "Train" and panel.model is None
    model = panel.train()
    assert model is panel.model and not panel.running and panel.progress.value == TINY.iterations
    flux = emulator(domains.labels[:5])
    np.testing.assert_array_equal(model.translate(flux), translator.translate(flux))
    assert model.history == translator.history
    means = {line.get_label(): line.get_ydata() for line in panel.figure().axes[0].lines}
    split = model.encode(domains.observed)[1]
    pixels = (emulator.wavelength >= 8600) & (emulator.wavelength <= 8630)
    translated = model.translate(emulator(domains.labels), split).mean(axis=0, dtype=float)
    np.testing.assert_allclose(means["translated"][pixels], translated[pixels], atol=1e-6)
    good = ~domains.observed.mask
    observed = np.where(good, domains.observed.flux, 0).sum(axis=0, dtype=float) / good.sum(axis=0)
    np.testing.assert_allclose(means["observed"][pixels], observed[pixels], atol=1e-6)
    assert all(bytes(image.value).startswith(PNG) for image in (panel.image, panel.children[-1]))
    assert len(panel.history_figure().axes[0].lines[0].get_xdata()) == TINY.iterations


def test_the_button_starts_and_stops(emulator, domains):
    panel = train_translator(emulator, domains, replace(TINY, iterations=100_000))

    async def clicks():
        panel.button.click()
        while panel.progress.value < 3:
            await asyncio.sleep(0)
        assert panel.running and panel.button.description == "Stop"
        with pytest.raises(ValueError, match="stop it first"):
            panel.train()
        panel.button.click()
        await panel._task

    asyncio.run(clicks())
    assert not panel.running and panel.button.description == "Train"
    assert 3 <= panel.progress.value < 100 and "stopped" in panel.readout.value
    assert panel.model.mean_split.abs().sum() > 0  # finished: it can be used
    explore_translator(emulator, panel.model)


def test_a_training_that_fails_says_so(emulator, domains):
    stars = domains.observed
    wild = Spectra(stars.wavelength, 1e25 * stars.flux, stars.flux_error, stars.mask, stars.ids)
    panel = train_translator(emulator, replace(domains, observed=wild), TINY)
    with pytest.raises(Diverged):
        panel.train()
    assert "diverged" in panel.readout.value and panel.progress.bar_style == "danger"
    assert not panel.running and panel.button.description == "Train"
    with pytest.raises(ValueError, match="the spectra are not on this model's 7214 pixels"):
        train_translator(linear_emulator(), domains)


def test_the_figure_takes_labels_and_split(emulator, translator):
    labels = {"teff": 5000.0, "logg": 3.0}
    view = TranslatedFigure(emulator, translator, labels, [0.5, 0.5])
    flux = emulator(np.array([list(view.labels.values())]))
    assert view.labels["teff"] == 5000
    split = np.full((1, 2), 0.5, np.float32)
    np.testing.assert_allclose(view.translated, translator.translate(flux, split)[0], atol=1e-6)
    with pytest.raises(ValueError, match="age"):
        view.update({"age": 5.0})


def test_widest_gaps_do_not_overlap_and_stay_within_the_spectrum():
    wavelength, difference = np.arange(100.0), np.zeros(100)
    difference[[2, 50, 53, 80]] = [-0.5, 0.3, 0.29, 0.1]
    assert widest_gaps(wavelength, difference, n=3, width=10.0) == [
        (0.0, 10.0),
        (45.0, 55.0),
        (75.0, 85.0),
    ]
    assert widest_gaps(wavelength, 0 * difference) == []


def test_differences_are_to_the_reference():
    wavelength = np.arange(8500.0, 8600.0)
    spectra = {
        "synthetic": np.full(100, 0.9),
        "truth": np.full(100, 0.7),
        "translated, own": np.full(100, 0.75),
    }
    figure = compared_spectra(wavelength, spectra, "truth", [(8510, 8520), (8560, 8580)])
    below = figure.axes[2:]
    assert [line.get_ydata()[15] for line in below[0].lines[:2]] == pytest.approx([0.2, 0.05])
    assert [axes.get_xlim() for axes in below] == [(8510, 8520), (8560, 8580)]
    stars = np.array([[0.1, 0.3], [np.nan, 0.1]]).repeat(50, axis=1)
    mean, scatter = mean_differences(wavelength, {"synthetic": stars}).axes
    assert mean.lines[0].get_ydata()[[0, -1]] == pytest.approx([0.1, 0.2])
    assert scatter.lines[0].get_ydata()[-1] == pytest.approx(0.1 * np.sqrt(2))
