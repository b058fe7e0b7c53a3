"""Figures of domain adaptation show the numbers that they are given."""

import numpy as np
import pytest
from astropy.table import Table
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from specnb.fitting.residuals import by_pixel
from specnb.plots.residuals import label_biases, residual_bands
from specnb.plots.style import BLACK, BLUE, GREEN, ORANGE, PAGE, VERMILLION
from specnb.plots.training import translation_history
from specnb.plots.translate import mixing_maps
from specnb.surveys import APOGEE, RVS

LABELS = [label.name for label in APOGEE.labels]


@pytest.fixture(scope="module")
def panels():
    random = np.random.default_rng(1)
    pairs = [("synthetic", "observed"), ("translated", "observed"), ("synthetic", "observed")]
    titles = ("spectra", "after translation", "shared latents")
    return {
        title: {name: random.normal(size=(50 + 10 * k, 2)) for k, name in enumerate(pair)}
        for title, pair in zip(titles, pairs)
    }


@pytest.fixture(scope="module")
def fits():
    """Residuals of 30 stars of APOGEE: wide ones, and unit normal ones that lack one star."""
    z = np.random.default_rng(2).normal(size=(2, 30, len(APOGEE.pixels))).astype(np.float32)
    z[0] = 2 * z[0] + 0.5
    z[0, :, 100] += 40
    z[1, 4] = np.nan
    z[:, :, 7] = np.nan  # masked in all stars
    return {"physics only": z[0], "translated": z[1]}


@pytest.fixture(scope="module")
def errors():
    """Label errors of two fits: the bias falls in all labels except two."""
    rows = []
    for name, size in (("physics only", 2.0), ("translated", 0.5)):
        for k, label in enumerate(LABELS):
            bias = size * (-1) ** k if k > 1 else 1 / size
            rows.append((name, label, 0.1 * bias, 0.02, 0.3 * size, 0.1, 3 * k, 100))
    names = (
        "fit",
        "label",
        "median",
        "bootstrap_error",
        "scatter",
        "median_error",
        "at_limit",
        "stars",
    )
    return Table(rows=rows, names=names)


@pytest.fixture(scope="module")
def history():
    rows = []
    for k in range(6):
        row = {
            "iteration": 100 * k,
            "reconstruction_synthetic": 2.0 / (k + 1),
            "reconstruction_observed": 3.0 / (k + 1),
        }
        row |= {
            "cycle_synthetic": 4.0,
            "cycle_observed": 5.0,
            "adversarial": 1.5,
            "critics_right": 0.7,
        }
        rows.append(row | ({"validation_auc": 1.0 - 0.05 * k} if k % 2 else {}))
    return rows


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def lines(axes, color):
    return [line for line in axes.lines if line.get_color() == color and len(line.get_xdata()) > 2]


def test_figures_have_the_widths_of_the_journal_and_are_legible(panels, fits, errors, history):
    auc = dict.fromkeys(panels, (0.5, 0.01))
    figures = (
        mixing_maps(panels, auc),
        residual_bands(APOGEE.pixels, fits),
        translation_history(history),
        label_biases(errors),
    )
    for figure in figures:
        figure.draw_without_rendering()
        assert figure.get_size_inches()[0] == PAGE
        shown = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
        assert len(shown) > 5
        assert min(t.get_fontsize() for t in shown) >= 7
        for axes in figure.axes:
            assert axes.get_tightbbox().y1 <= figure.bbox.height + 1  # no title is cut off


def test_maps_hold_all_stars_in_the_colours_of_their_domains(panels):
    auc = {
        "spectra": (1.0, 0.002),
        "after translation": (0.553, 0.021),
        "shared latents": (0.51, 0.02),
    }
    figure = mixing_maps(panels, auc)
    for axes, (title, sets) in zip(figure.axes, panels.items()):
        (cloud,) = axes.findobj(PathCollection)
        points = np.asarray(cloud.get_offsets())
        colors = np.array(
            [to_hex(color, keep_alpha=False).upper() for color in cloud.get_facecolors()]
        )
        for name, color in (("synthetic", BLUE), ("translated", GREEN), ("observed", ORANGE)):
            mine = points[colors == color]
            given = sets.get(name, np.empty((0, 2)))
            assert sorted(mine.tolist()) == sorted(given.tolist())
        last = colors == ORANGE
        # Neither set lies on top of the other
        assert 0.2 < np.mean(np.flatnonzero(last)) / len(last) < 0.8
        value, scatter = auc[title]
        assert axes.get_title() == f"{title}\nAUC {value:.2f} ± {scatter:.2f}"
    assert {"synthetic", "translated", "observed"} <= set(texts(figure))
    assert mixing_maps(panels).axes[0].get_title() == "spectra"


def test_bands_are_mean_and_scatter_detector_by_detector(fits):
    figure = residual_bands(APOGEE.pixels, fits)
    # Rows for two fits and for the scatter; columns for three detectors and a histogram
    assert len(figure.axes) == 12
    common = np.arange(30) != 4
    *rows, scatter = np.reshape(figure.axes, (3, 4))
    for axes, z in zip(rows, fits.values()):
        table = by_pixel(APOGEE.pixels, z[common])
        drawn = np.concatenate([lines(each, BLACK)[0].get_xydata() for each in axes[:3]])
        assert np.allclose(drawn[:, 0], APOGEE.pixels)
        assert np.allclose(drawn[:, 1], table["mean"], equal_nan=True)
        assert np.isnan(drawn[7, 1])
        band = axes[1].findobj(PolyCollection)[0].get_paths()[0].vertices
        part = (table["wavelength"] >= band[:, 0].min()) & (table["wavelength"] <= band[:, 0].max())
        assert band[:, 1].max() == pytest.approx(np.nanmax((table["mean"] + table["std"])[part]))
        assert axes[0].get_ylim()[1] > np.nanmax(np.abs(table["mean"]) + table["std"])
    rows = np.array(rows)
    assert len({each.get_ylim() for each in rows[:, :3].ravel()}) == 1  # both fits on one scale
    for color, z in zip((BLACK, GREEN), fits.values()):
        drawn = np.concatenate([lines(each, color)[0].get_ydata() for each in scatter[:3]])
        assert np.allclose(drawn, by_pixel(APOGEE.pixels, z[common])["std"], equal_nan=True)
        assert scatter[0].get_ylim()[1] > np.nanmax(drawn)
    assert len({each.get_ylim() for each in scatter[:3]}) == 1
    for axes, z in zip(rows[:, 3], fits.values()):
        residuals = z[common][np.isfinite(z[common])].astype(float)
        beyond = 100 * np.mean(np.abs(residuals) > 5)
        note = f"mean {residuals.mean():+.2f}\nσ {residuals.std():.2f}\n{beyond:.2g}% beyond ±5"
        assert axes.texts[0].get_text() == note.replace("-", "−")
    shown = texts(figure)
    assert "mean over 29 stars" in shown
    assert {"physics only", "translated", "Vacuum wavelength (Å)", "Residual (σ)"} <= set(shown)
    assert {"Scatter (σ)", "noise alone"} <= set(shown)


def test_one_detector_has_one_panel():
    z = np.random.default_rng(3).normal(size=(20, 800))
    figure = residual_bands(RVS.pixels, {"physics only": z})
    assert len(figure.axes) == 4
    assert all(spine.get_visible() for spine in figure.axes[0].spines.values())
    counts, edges, _ = figure.axes[1].patches[0].get_data()
    assert np.sum(counts * np.diff(edges)) == pytest.approx(1, abs=1e-3)
    assert lines(figure.axes[1], VERMILLION)[0].get_ydata().max() == pytest.approx(
        1 / np.sqrt(2 * np.pi)
    )


def points(axes, color):
    (marks,) = [
        line for line in axes.lines if line.get_color() == color and line.get_marker() in ("d", "o")
    ]
    return marks.get_xdata(), marks.get_ydata()


def test_biases_are_in_units_of_the_first_fit(errors):
    axes, widths, limits = label_biases(errors).axes
    before, after = points(axes, VERMILLION)[0], points(axes, BLUE)[0]
    assert before[2:] == pytest.approx(2 * (-1.0) ** np.arange(2, 25))
    assert after[2:] == pytest.approx(0.5 * (-1.0) ** np.arange(2, 25))
    assert points(widths, VERMILLION)[0] == pytest.approx(6.0)
    assert points(widths, BLUE)[0] == pytest.approx(1.5)
    assert [t.get_text() for t in axes.get_yticklabels()][:2] == [
        APOGEE.labels[0].symbol,
        APOGEE.labels[1].symbol,
    ]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first label on top
    assert limits.get_yticklabels()[3].get_text() == "9 / 9"
    errors = errors.copy()
    # Errors of the second fit; if they were the unit, its biases would be small
    errors["median_error"][25:] = 99.0
    assert points(label_biases(errors).axes[0], BLUE)[0] == pytest.approx(after)


def test_large_biases_stay_in_view(errors):
    wild = errors.copy()
    wild["median"][5] = -80.0
    axes = label_biases(wild).axes[0]
    assert axes.get_xlim()[0] < -800
    ticks = [t.get_text() for t in axes.get_xticklabels()]
    assert "−100" in ticks
    assert "0" in ticks
    with pytest.raises(KeyError, match="the table has no fit mean split"):
        label_biases(errors, ("physics only", "mean split"))


def test_history_has_a_panel_for_each_kind(history):
    figure = translation_history(history, iterations=2000)
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == 5
    reconstruction, _, adversarial, _, auc = shown
    (line,) = lines(reconstruction, BLUE)
    assert line.get_ydata().tolist() == [row["reconstruction_synthetic"] for row in history]
    assert len(lines(reconstruction, ORANGE)) == 1
    assert reconstruction.get_yscale() == "log"
    (line,) = lines(auc, BLACK)
    assert line.get_xdata().tolist() == [100, 300, 500]  # rows without it are left out
    assert {each.get_xlim() for each in shown} == {(0, 2000)}
    dashed = [line for line in adversarial.lines if line.get_linestyle() == "--"]
    assert dashed[0].get_ydata()[0] == pytest.approx(2 * np.log(2))
    assert "Validation auc" in texts(figure)


def test_history_before_the_first_report():
    figure = translation_history([])
    figure.draw_without_rendering()
    assert "Iteration" in texts(figure)
