import numpy as np
import pytest
from astropy.table import Column
from matplotlib.text import Text
from stand_in import StandIn

from specnb.core.labels import label_array
from specnb.disentangle import DisentangleConfig, counterfactual, train
from specnb.disentangle.counterfactual import (
    counterfactual_changes,
    counterfactual_errors,
    true_change,
)
from specnb.plots import disentangle as figures
from specnb.plots.style import COLUMN, PAGE
from specnb.surveys import RVS
from specnb.surveys.mock import make_mock, remake
from specnb.surveys.rvs.mock import INTERSTELLAR_BAND, RvsMockConfig
from specnb.surveys.rvs.pixels import RVS_PIXELS

EMULATOR = StandIn()
CONFIG = RvsMockConfig(n_stars=48, seed=5)
OBSERVED, TRUTH = make_mock(EMULATOR, CONFIG)


class Oracle:
    """A decoder that knows the simulator and the catalogue's errors. Its latent is the star's row.

    Its change is `slope` times the true one, and its spectra are too bright by `offset`.
    """

    labels = tuple(RVS.edits)

    def __init__(self, slope=1.0, offset=0.0, low=-np.inf):
        self.slope, self.offset, self.low = slope, offset, low

    def label_array(self, table):
        return label_array(table, self.labels)

    def inside(self, labels):
        return labels[:, 2] >= self.low

    def encode(self, spectra):
        return np.array([[int(name[5:])] for name in spectra.ids])

    def decode(self, z, values):
        stars = TRUTH.labels[z[:, 0]]
        for name, error in zip(
            self.labels, (values - self.label_array(OBSERVED.labels[z[:, 0]])).T
        ):
            stars[name] = stars[name] + error
        flux = remake(EMULATOR, CONFIG, TRUTH.ids[z[:, 0]], stars)
        original = TRUTH.flux[z[:, 0]]
        return original + self.slope * (flux - original) + np.float32(self.offset)


def test_same_labels_give_the_same_spectra_in_any_order_and_batch(monkeypatch):
    monkeypatch.setattr(RvsMockConfig, "BATCH", 7)
    _, truth = make_mock(EMULATOR, CONFIG)
    some = np.array([40, 3, 21])
    assert remake(EMULATOR, CONFIG, truth.ids[some], truth.labels[some]) == pytest.approx(
        truth.flux[some], abs=1e-6
    )


def test_an_edited_star_keeps_its_continuum_and_its_interstellar_band():
    config = RvsMockConfig.clean(n_stars=40, continuum=0.02, interstellar_band=0.1)
    _, truth = make_mock(EMULATOR, config)
    edited = counterfactual.shifted(truth.labels, "m_h", 0.3)
    assert edited["teff"].unit == truth.labels["teff"].unit == "K"
    assert edited["m_h"] - truth.labels["m_h"] == pytest.approx(0.3)
    before, after = (
        np.float64(flux) / EMULATOR(label_array(labels, EMULATOR.labels))
        for flux, labels in (
            (truth.flux, truth.labels),
            (remake(EMULATOR, config, truth.ids, edited), edited),
        )
    )
    assert after == pytest.approx(before, abs=2e-6)
    # The stars' own continua, which an edit could have changed by mistake
    assert np.std(before, axis=0).min() > 0.005
    band = np.argmin(np.abs(RVS_PIXELS - INTERSTELLAR_BAND[0]))
    assert np.std(before[:, band] - before[:, band - 20]) > 0.05


def test_true_change_is_that_of_the_simulator():
    config = RvsMockConfig.clean(n_stars=20)
    _, truth = make_mock(EMULATOR, config)
    values = label_array(truth.labels, EMULATOR.labels)
    expected = EMULATOR(values + 300.0 * np.eye(6)[0]) - EMULATOR(values)
    assert np.abs(expected).max() > 0.01
    assert true_change(truth, EMULATOR, config, "teff", 300.0) == pytest.approx(expected, abs=1e-6)


def test_errors_of_decoders_that_are_right_deaf_and_halfway():
    models = {
        "right": Oracle(),
        "deaf": Oracle(slope=0.0),
        "halfway": Oracle(slope=0.5, offset=0.003),
    }
    table = counterfactual_errors(models, OBSERVED, TRUTH, EMULATOR, CONFIG)
    assert len(table) == 3 * 4 * 2
    assert set(zip(table["label"], table["step"])) == {
        (k, s * v) for k, v in RVS.edits.items() for s in (1, -1)
    }
    assert table["stars"].min() > 20
    right, deaf, halfway = (table[table["model"] == name] for name in models)
    for name in ("stars", "change"):
        assert np.array_equal(right[name], deaf[name]) and np.array_equal(
            right[name], halfway[name]
        )
    assert right["change"].min() > 3e-4
    for rows, slope in ((right, 1.0), (deaf, 0.0), (halfway, 0.5)):
        assert rows["slope"] == pytest.approx(slope, abs=1e-3)
        assert rows["relative"] == pytest.approx(1 - slope, abs=1e-3)
    for rows, offset in ((right, 0.0), (deaf, 0.0), (halfway, 0.003)):
        assert rows["reconstruction"] == pytest.approx(offset, abs=1e-5)
    assert right["error"] == pytest.approx(0.0, abs=1e-5)
    assert deaf["error"] == pytest.approx(deaf["change"], abs=1e-5)  # as bad as doing nothing


def test_stars_that_an_edit_takes_out_of_range_are_left_out():
    edits = {"m_h": 0.3}
    hull = EMULATOR.in_hull(label_array(TRUTH.labels, EMULATOR.labels) + 0.3 * np.eye(6)[2])
    table = counterfactual_errors({"a": Oracle()}, OBSERVED, TRUTH, EMULATOR, CONFIG, edits)
    assert 0 < hull.sum() < len(TRUTH)
    assert table["stars"][0] == hull.sum() and table["left_out"][0] == (~hull).sum()

    # The limits of the strictest model are used
    both = hull & (np.asarray(OBSERVED.labels["m_h"]) + 0.3 >= 0.1)
    table = counterfactual_errors(
        {"a": Oracle(), "b": Oracle(low=0.1)}, OBSERVED, TRUTH, EMULATOR, CONFIG, edits
    )
    assert 0 < both.sum() < hull.sum()
    assert (table["stars"][:2] == both.sum()).all()

    nobody = counterfactual_errors({"a": Oracle(low=9.0)}, OBSERVED, TRUTH, EMULATOR, CONFIG, edits)
    assert (nobody["stars"] == 0).all() and np.isnan(nobody["slope"]).all()


def test_a_trained_autoencoder_is_judged():
    config = DisentangleConfig(hidden=(8,), latent=3, epochs=2, batch=16, device="cpu")
    model = train(OBSERVED[:36], config, progress=False)
    table = counterfactual_errors(
        {"plain": model}, OBSERVED[36:], TRUTH[36:], EMULATOR, CONFIG, {"teff": 200.0}
    )
    assert table["stars"].min() > 3
    z, values = model.encode(OBSERVED[36:]), model.label_array(OBSERVED.labels[36:])
    reconstruction = np.sqrt(np.mean((model.decode(z, values) - TRUTH.flux[36:]) ** 2))
    assert table["reconstruction"] == pytest.approx(reconstruction, rel=0.3)
    star = np.flatnonzero(model.inside(model.label_array(OBSERVED.labels) + [200.0, 0, 0, 0]))[0]
    one = slice(star, star + 1)
    change = counterfactual_changes(
        {"plain": model}, OBSERVED[one], TRUTH[one], EMULATOR, CONFIG, {"teff": 200.0}
    )
    z, values = model.encode(OBSERVED[one]), model.label_array(OBSERVED.labels[one])
    expected = model.decode(z, values + [200.0, 0, 0, 0]) - model.decode(z, values)
    assert change["teff"]["plain"] == pytest.approx(expected[0])
    assert change["teff"]["truth"] == pytest.approx(
        true_change(TRUTH[one], EMULATOR, CONFIG, "teff", 200.0)[0]
    )


def test_errors_name_the_remedy():
    def errors(observed=OBSERVED, truth=TRUTH, config=CONFIG, edits=RVS.edits, models=None):
        models = {"a": Oracle()} if models is None else models
        return counterfactual_errors(models, observed, truth, EMULATOR, config, edits)

    with pytest.raises(ValueError, match="not the same stars"):
        errors(observed=OBSERVED[::-1])
    with pytest.raises(ValueError, match="do not give these true spectra"):
        errors(config=RvsMockConfig(n_stars=48, seed=6))
    with pytest.raises(ValueError, match="model 'a' does not take vmicro"):
        errors(edits={"vmicro": 0.2})
    with pytest.raises(ValueError, match="step of teff is 0"):
        errors(edits={"teff": 0.0})
    with pytest.raises(ValueError, match="no label 'age'"):
        true_change(TRUTH, EMULATOR, CONFIG, "age", 1.0)
    with pytest.raises(ValueError, match="mock survey of 48 stars does not have"):
        remake(EMULATOR, CONFIG, ["mock-0000048"], TRUTH.labels[:1])
    with pytest.raises(ValueError, match="mock survey of 48 stars does not have"):
        remake(EMULATOR, CONFIG, ["HD 1"], TRUTH.labels[:1])
    with pytest.raises(ValueError, match="labels has 48 rows for 1 stars"):
        remake(EMULATOR, CONFIG, TRUTH.ids[:1], TRUTH.labels)
    labels = TRUTH.labels[:2].copy()
    expected = remake(EMULATOR, CONFIG, TRUTH.ids[:2], labels)
    labels["teff"] = Column(labels["teff"] / 1000, unit="kK")
    with pytest.warns(UserWarning, match="teff is converted from kK to K"):
        remade = remake(EMULATOR, CONFIG, TRUTH.ids[:2], labels)
    np.testing.assert_allclose(remade, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="48 stars: give one"):
        counterfactual_changes({"a": Oracle()}, OBSERVED, TRUTH, EMULATOR, CONFIG)
    with pytest.raises(ValueError, match=r"m_h \+9 takes star mock-0000000 out of the range"):
        counterfactual_changes(
            {"a": Oracle()}, OBSERVED[:1], TRUTH[:1], EMULATOR, CONFIG, {"m_h": 9.0}
        )


@pytest.fixture(scope="module")
def changes():
    models = {"plain": Oracle(slope=0.3), "disentangled": Oracle(slope=0.9)}
    star = np.flatnonzero(np.abs(TRUTH.labels["m_h"]) < 0.1)[0]
    one = slice(star, star + 1)
    return counterfactual_changes(
        models, OBSERVED[one], TRUTH[one], EMULATOR, CONFIG, {"teff": 100.0, "m_h": -0.3}
    )


def test_spectra_figure_shows_changes_and_their_errors(changes):
    figure = figures.counterfactual_spectra(RVS_PIXELS, changes, RVS_PIXELS[[0, -1]])
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == PAGE
    sizes = [
        text.get_fontsize()
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible()
    ]
    assert len(sizes) > 10 and min(sizes) >= 7
    bottom = figure.axes[2]
    shown = {
        line.get_label(): line.get_ydata() for line in bottom.lines if len(line.get_xdata()) == 800
    }
    assert set(shown) == {"plain", "disentangled"}
    assert shown["plain"] == pytest.approx(changes["teff"]["plain"] - changes["teff"]["truth"])
    assert [axes.get_title() for axes in figure.axes[:2]] == [
        "$T_\\mathrm{eff}$ (K)",
        "[M/H] (dex)",
    ]
    part = figures.counterfactual_spectra(RVS_PIXELS, changes, window=(8530.0, 8560.0))
    low, high = part.axes[0].get_xlim()
    assert (low, high) == (8530.0, 8560.0)


def test_errors_figure_shows_every_row():
    models = {"plain": Oracle(slope=0.3), "disentangled": Oracle(slope=0.9)}
    table = counterfactual_errors(
        models, OBSERVED, TRUTH, EMULATOR, CONFIG, {"teff": 300.0, "m_h": 0.3}
    )
    figure = figures.counterfactual_errors(table)
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == COLUMN
    for axes, name in zip(figure.axes, ("slope", "relative")):
        drawn = np.concatenate(
            [line.get_ydata() for line in axes.lines if line.get_marker() in "^v"]
        )
        assert sorted(drawn) == pytest.approx(sorted(table[name]))
        low, high = axes.get_ylim()
        assert low <= drawn.min() and drawn.max() < high and high > 1


def test_figures_name_the_remedy(changes):
    window = (8530.0, 8560.0)
    with pytest.raises(KeyError, match="truth"):
        figures.counterfactual_spectra(RVS_PIXELS, {"teff": {"plain": np.zeros(800)}}, window)
    with pytest.raises(ValueError, match=r"window 1-2 Å: choose one within 8460-8700 Å"):
        figures.counterfactual_spectra(RVS_PIXELS, changes, (1.0, 2.0))
    with pytest.raises(ValueError, match="7 curves, but 6 distinct colours"):
        flat = dict.fromkeys(["truth", *"abcdefg"], np.zeros(800))
        figures.counterfactual_spectra(RVS_PIXELS, {"teff": flat}, window)
