import numpy as np
import pytest
from astropy.table import Table
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.text import Text

from specnb.disentangle.config import LABELS
from specnb.disentangle.regress import errors
from specnb.disentangle.table1 import PUBLISHED, compare
from specnb.plots.labels import bias_by_label, mae_bars, predicted_labels
from specnb.plots.style import COLUMN, PAGE

SCATTER = {"spectra": 1.0, "plain": 1.2, "First": 0.5, "Second": 2.0, "bottleneck": 0.8}
SIGMA = np.array([100.0, 0.2, 0.1, 0.05])


@pytest.fixture(scope="module")
def stars():
    rng = np.random.default_rng(1)
    reference = Table(
        np.array([5000, 3, 0, 0.1]) + SIGMA * [5, 4, 3, 2] * rng.normal(size=(400, 4)), names=LABELS
    )
    values = np.column_stack([reference[name] for name in LABELS])
    noise = rng.normal(size=(2, 400, 4)) * SIGMA
    return reference, {
        name: [values + scale * each for each in noise] for name, scale in SCATTER.items()
    }


def tabled(values):
    return Table(values, names=LABELS)


@pytest.fixture(scope="module")
def figures(stars):
    reference, predicted = stars
    first = {name: tabled(seeds[0]) for name, seeds in predicted.items()}
    table = compare(
        {name: [errors(p, reference) for p in seeds] for name, seeds in predicted.items()}
    )
    floor = dict(zip(LABELS, 0.4 * SIGMA))
    return {
        "kiel": predicted_labels(first, reference, "teff", "logg"),
        "abundances": predicted_labels(
            {name: first[name] for name in ("spectra", "plain", "First")},
            reference,
            "m_h",
            "alpha_fe",
        ),
        "bars": mae_bars(table, floor),
        "bias": bias_by_label({n: seeds[0] for n, seeds in predicted.items()}, reference, LABELS),
    }, table


def panels(figure):
    return [axes for axes in figure.axes if axes.axison and axes.get_label() != "<colorbar>"]


def test_legible_at_column_width(figures):
    for name, figure in figures[0].items():
        figure.draw_without_rendering()
        assert figure.get_size_inches()[0] in (COLUMN, PAGE), name
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
        assert len(sizes) > 5 and min(sizes) >= 7, name


def test_planes_share_axes_and_colours(stars, figures):
    figure = figures[0]["kiel"]
    assert [axes.get_title().split(" (")[0] for axes in panels(figure)] == ["reference", *SCATTER]
    cells = [axes.findobj(PolyCollection)[0] for axes in panels(figure)]
    assert all(isinstance(each.norm, LogNorm) for each in cells)
    assert {(each.norm.vmin, each.norm.vmax) for each in cells} == {
        (1, max(each.get_array().max() for each in cells))
    }
    assert cells[0].get_array().sum() == len(stars[0])  # every reference star is in a cell
    assert all(axes.xaxis_inverted() and axes.yaxis_inverted() for axes in panels(figure))
    plane = figures[0]["abundances"]
    assert len(panels(plane)) == 4
    assert not panels(plane)[0].xaxis_inverted()


def test_stars_beyond_the_axes_are_counted(stars):
    reference, predicted = stars
    away = predicted["spectra"][0].copy()
    away[:, 0] = 5000.0
    away[:, 1] = 3.0
    away[:7, 0] = 20_000.0
    figure = predicted_labels({"spectra": tabled(away)}, reference, "teff", "logg")
    shown = panels(figure)[1]
    assert shown.get_title() == "spectra (7 beyond)"
    assert shown.findobj(PolyCollection)[0].get_array().sum() == len(reference) - 7
    # An empty panel is not an error
    predicted_labels(
        {"spectra": tabled(away + 1e6)}, reference, "teff", "logg"
    ).draw_without_rendering()


def test_bars_show_the_table(figures):
    axes = figures[0]["bars"].axes[0]
    for container, name in zip(
        axes.containers[::2], ("plain", "First", "Second", "bottleneck"), strict=True
    ):
        tops = [bar.get_y() + bar.get_height() for bar in container]
        np.testing.assert_allclose(tops, SCATTER[name], rtol=1e-6)  # errors scale as the noise does
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    published = {(row["representation"], row["label"]): row["mae"] for row in PUBLISHED}
    expected = [published["First", name] / published["spectra", name] for name in LABELS]
    np.testing.assert_allclose(diamonds[1].get_ydata(), expected)
    assert np.isnan(diamonds[3].get_ydata()).all()  # the paper has no bottleneck
    floor = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(floor, 0.4 / np.sqrt(2 / np.pi), rtol=0.1)  # 400 stars: 5%


def test_bias_is_drawn_in_bins_with_enough_stars(stars):
    reference, _ = stars
    values = np.column_stack([reference[name] for name in LABELS])
    shrunk = values + 0.5 * (values.mean(axis=0) - values)  # half way to the mean
    figure = bias_by_label({"shrunk": shrunk}, reference, LABELS)
    for i, axes in enumerate(panels(figure)):
        at, bias = axes.lines[0].get_data()
        np.testing.assert_allclose(bias, 0.5 * (values[:, i].mean() - at))
        counts = np.histogram(values[:, i], 15)[0]
        assert len(at) == np.sum(counts >= 10) < 15
