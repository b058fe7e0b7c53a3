import numpy as np
import pytest
from astropy.table import Table
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Text

from specnb.plots.disentangle import probe_bars, tsne_panels
from specnb.plots.style import BLUE, GREEN, GREY, PAGE, VERMILLION

LABELS = ("teff", "logg", "m_h", "alpha_fe")


@pytest.fixture(scope="module")
def stars():
    """Two maps and the labels of 200 stars, one of them with an outlying temperature."""
    rng = np.random.default_rng(1)
    labels = Table(
        rng.uniform(size=(200, 4)) * [2000, 4, 2, 0.4] + [4500, 1, -1.5, 0], names=LABELS
    )
    labels["teff"][7] = 1e5
    return {"spectra": rng.normal(size=(200, 2)), "latents": rng.normal(size=(200, 2))}, labels


@pytest.fixture(scope="module")
def probes():
    """Three seeds of two settings and labels, with a floor for one of them."""
    rows = []
    for setting, label, r2, floor in (
        ("plain", "teff", 0.9, np.nan),
        ("plain", "m_h", 0.8, np.nan),
        ("First", "teff", 0.95, np.nan),
        ("First", "m_h", 0.4, 0.3),
    ):
        rows += [
            (setting, label, seed, r2 + 0.02 * seed, r2 - 0.1, floor, 0.98) for seed in (-1, 0, 1)
        ]
    names = ("setting", "label", "seed", "mlp_r2", "linear_r2", "floor", "ceiling")
    table = Table(rows=rows, names=names)
    table["mlp_r2_drawn"] = np.nan  # these latents have no noise
    return table


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def test_figures_are_page_wide_and_legible(stars, probes):
    for figure in (tsne_panels(*stars, LABELS), probe_bars(probes)):
        figure.draw_without_rendering()
        assert figure.get_size_inches()[0] == PAGE
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
        assert len(sizes) > 10
        assert min(sizes) >= 7


def test_maps_carry_the_labels_as_colours(stars):
    projections, labels = stars
    figure = tsne_panels(projections, labels, LABELS)
    clouds = figure.findobj(PathCollection)
    assert len(clouds) == 8
    for i, cloud in enumerate(clouds):
        assert np.array_equal(cloud.get_offsets(), list(projections.values())[i // 4])
        assert np.array_equal(cloud.get_array(), labels[LABELS[i % 4]])
        assert cloud.get_rasterized()
    assert clouds[0].get_clim()[1] < 6600  # one outlier does not determine the range of the colours
    assert clouds[0].get_clim() == clouds[4].get_clim()  # each column has one colour bar
    shown = " ".join(texts(figure))
    assert all(name in shown for name in (*projections, "(K)", "[M/H] (dex)"))


def test_maps_side_by_side(stars):
    projections, labels = stars
    four = projections | {"First": projections["spectra"] + 9, "Second": projections["latents"] + 9}
    figure = tsne_panels(four, labels, LABELS, blocks=2)
    clouds = figure.findobj(PathCollection)
    assert len(clouds) == 16
    drawn = {cloud.axes: cloud for cloud in clouds}
    titled = [axes for axes in figure.axes if axes.get_ylabel() in four]
    for axes, (title, points) in zip(titled, four.items()):
        assert axes.get_ylabel() == title
        assert np.array_equal(drawn[axes].get_offsets(), points)
        assert np.array_equal(drawn[axes].get_array(), labels["teff"])
    left, right, below, _ = (axes.get_position() for axes in titled)
    assert right.x0 > left.x0 and right.y0 == pytest.approx(left.y0) and below.y0 < left.y0


def test_stars_without_a_label_are_left_out_of_its_panel(stars):
    projections, labels = stars
    incomplete = Table(labels, copy=True)
    incomplete["m_h"][:50] = np.nan
    cloud = tsne_panels(projections, incomplete, ["m_h"]).findobj(PathCollection)[0]
    assert np.ma.count(cloud.get_array()) == 150
    assert np.isfinite(cloud.get_clim()).all()


def test_maps_of_other_stars_are_refused(stars):
    projections, labels = stars
    with pytest.raises(ValueError, match="200.*199"):
        tsne_panels(projections | {"latents": projections["latents"][:199]}, labels, LABELS)
    with pytest.raises(KeyError, match="age"):
        tsne_panels(projections, labels, ["age"])


def points(axes, color):
    return [
        line.get_xydata()[0]
        for line in axes.lines
        if line.get_color() == color and len(line.get_xdata()) == 1
    ]


def spans(axes, color):
    lines = [item for item in axes.collections if isinstance(item, LineCollection)]
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return [line.get_segments()[0] for line in lines if np.allclose(line.get_color()[0, :3], rgb)]


def test_probe_bars_show_random_draws_of_noisy_latents(probes):
    noisy = probes.copy()
    noisy["mlp_r2_drawn"] = np.where(noisy["setting"] == "First", noisy["mlp_r2"] - 0.3, np.nan)
    figure = probe_bars(noisy)
    assert "MLP probe of one random draw" in texts(figure)
    shown = [x for x, _ in points(figure.axes[1], GREY) if np.isfinite(x)]
    assert shown == pytest.approx([0.1])


def test_probe_bars_show_mean_range_and_limits(probes):
    figure = probe_bars(probes)
    teff, m_h = figure.axes
    assert [t.get_text() for t in teff.get_yticklabels()] == ["plain", "First"]
    assert teff.get_ylim()[0] > teff.get_ylim()[1]  # the first setting on top
    assert [x for x, _ in points(m_h, BLUE)] == pytest.approx([0.8, 0.4])
    assert [round(y) for _, y in points(m_h, BLUE)] == [0, 1]
    assert [segment[:, 0].tolist() for segment in spans(m_h, BLUE)] == [
        pytest.approx([0.78, 0.82]),
        pytest.approx([0.38, 0.42]),
    ]
    assert [x for x, _ in points(teff, VERMILLION)] == pytest.approx([0.8, 0.85])
    assert spans(teff, GREEN) == []  # no floor is given
    (floor,) = spans(m_h, GREEN)
    assert floor[:, 0] == pytest.approx(0.3)
    assert floor[0, 1] < 1 < floor[1, 1]
    assert {"MLP probe", "linear probe", "floor", "ceiling", "bars 0.10 and 0.95"} <= set(
        texts(figure)
    )


def test_probe_bars_without_limits_and_with_negative_r2(probes):
    plain = probes["setting", "label", "mlp_r2", "linear_r2", "mlp_r2_drawn"]
    plain["linear_r2"] = -0.4
    figure = probe_bars(plain)
    axes = figure.axes[0]
    assert axes.get_xlim()[0] == -0.2  # what is worse stands at the edge, as an arrow
    assert [line.get_marker() for line in axes.lines].count("<") > 0
    assert "floor" not in texts(figure)


def test_probe_bars_average_true_values(probes):
    """A seed with R² = −1000 counts with its value, although the axis ends at −0.2."""
    table = probes.copy()
    table["linear_r2"][table["setting"] == "plain"] = [-1000, 0.8, 0.8] * 2
    table["linear_r2"][table["setting"] == "First"] = [-0.3, 0.6, 0.6] * 2
    axes = probe_bars(table).axes[0]
    marks = [line for line in axes.lines if line.get_color() == VERMILLION]
    assert [line.get_marker() for line in marks] == ["<", "D"]
    assert [line.get_xdata()[0] for line in marks] == pytest.approx([-0.2, 0.3])
    ends = [segment[:, 0].tolist() for segment in spans(axes, VERMILLION)]
    assert ends == [[-1000, 0.8], [-0.3, 0.6]]


def test_probe_bars_refuse_other_tables(probes):
    with pytest.raises(KeyError, match="mlp_r2"):
        probe_bars(probes["setting", "label", "linear_r2"])
