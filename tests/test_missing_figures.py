"""Figures and sliders of missing lines show what was found, for a full emulator and a poor one."""

import numpy as np
import pytest
from astropy.table import Table
from h_band import linear_emulator
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex

import specnb
from specnb.missing.experiment import GAP, LINES, HiddenLines, MissingConfig
from specnb.plots.missing import COLORS, OTHER, missing_lines_figure
from specnb.plots.recovery import LOOKS, SHOWN, depth_figure, elements_figure, score_figure
from specnb.plots.style import BLACK, PAGE, SKY
from specnb.simulator.responses import find, load_responses
from specnb.surveys import APOGEE
from specnb.widgets import explore_missing

PIXEL = APOGEE.pixels[1] - APOGEE.pixels[0]  # Å
NAMES = list(APOGEE.elements)
# Å: with seed 1 and 30% hidden it lacks features of Mg, Si, Fe, C and Mn
WINDOW = (
    15926.0,
    16001.0,
)
TITLE = "$T_\\mathrm{{eff}}$ {teff:.0f} K, log g {logg:.2f}, [Fe/H] {fe_h:.2f}"
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def experiment():
    """An experiment that is linear in the labels; its full emulator finds exactly the features."""
    return HiddenLines.make(linear_emulator(), load_responses(APOGEE), MissingConfig(n_stars=100))


@pytest.fixture(scope="module")
def found(experiment):
    models = {
        "synthetic": experiment.synthetic,
        "translated": experiment.full,
        "truth": experiment.full,
    }
    flux = {name: model(experiment.star)[0] for name, model in models.items()}
    return flux, {
        "translated": experiment.findings(experiment.full)[1],
        "truth": experiment.truth.falls,
    }


def fills(axes):
    """Wavelength range of each filled area of a panel that is not a band, by colour."""
    return {
        to_hex(area.get_facecolor()[0]): area.get_paths()[0].get_extents().intervalx
        for area in axes.collections
        if isinstance(area, PolyCollection)
    }


def bands(axes, color):
    """Wavelength ranges of the bands of a colour."""
    edges = [
        (each.get_x(), each.get_x() + each.get_width())
        for each in axes.patches
        if to_hex(each.get_facecolor()) == color
    ]
    return sorted(edges)


def test_the_default_window_lacks_features_of_all_four_elements(experiment, found):
    figure = missing_lines_figure(experiment.truth, *found, list(COLORS), WINDOW)
    assert figure.get_size_inches()[0] == PAGE and len(figure.axes) == 7
    for axes, (name, color) in zip(figure.axes[3:], COLORS.items()):
        missing = find({name: experiment.truth.falls[NAMES.index(name)]}, APOGEE.pixels)
        inside = missing[(missing["wavelength"] > WINDOW[0]) & (missing["wavelength"] < WINDOW[1])]
        edges = bands(axes, color.lower())
        assert len(inside) and len(edges) == len(inside)
        for (low, high), row in zip(edges, inside):
            first, last = APOGEE.pixels[[row["first"], row["last"]]]
            assert (low, high) == pytest.approx((first - PIXEL / 2, last + PIXEL / 2), abs=1e-6)


def test_curves_are_the_findings(experiment, found):
    flux, added = found
    figure = missing_lines_figure(experiment.truth, flux, added, ["Si"], (15955.0, 15970.0), "star")
    inside = (APOGEE.pixels >= 15955) & (APOGEE.pixels <= 15970)
    silicon = NAMES.index("Si")
    expected = (
        (flux["truth"], flux["synthetic"]),
        (flux["truth"], flux["translated"]),
        (flux["synthetic"] - flux["truth"], flux["synthetic"] - flux["translated"]),
        (experiment.truth.falls[silicon], added["translated"][silicon]),
    )
    for axes, pair in zip(figure.axes, expected, strict=True):
        # The truth and the model have the same colours in all panels
        assert [line.get_color() for line in axes.lines] == [SKY, BLACK]
        for line, values in zip(axes.lines, pair):
            y = line.get_ydata()
            np.testing.assert_array_equal(y[np.isfinite(y)], values[inside])
    own = figure.axes[3].lines[1]
    # Silicon stands out at its line
    assert own.get_ydata()[np.isfinite(own.get_ydata())].max() > 0.005
    assert (
        figure.axes[0].get_xlim() == (15955, 15970) and figure.axes[0].get_title("left") == "star"
    )
    names = {text.get_text() for text in figure.axes[0].texts}
    assert names == {"Mg", "Si"}


def test_fills_have_the_colour_of_the_element_that_lacks_most(experiment, found):
    figure = missing_lines_figure(experiment.truth, *found, ["Si"], (15955.0, 15970.0))
    filled = fills(figure.axes[2])
    assert set(filled) == {COLORS["Si"].lower(), OTHER.lower()}  # magnesium is not chosen
    assert filled[COLORS["Si"].lower()][0] > 15960 > filled[OTHER.lower()][1]
    figure = missing_lines_figure(experiment.truth, *found, ["Mg"], (15955.0, 15970.0))
    assert fills(figure.axes[2])[COLORS["Mg"].lower()][1] < 15960


def test_rows_have_one_scale_and_no_curve_bridges_a_gap(experiment, found):
    figure = missing_lines_figure(experiment.truth, *found, ["Fe", "K", "Co"], (15700.0, 15950.0))
    assert len({axes.get_ylim() for axes in figure.axes[3:]}) == 1
    gap = APOGEE.pixels[np.argmax(np.diff(APOGEE.pixels[:4000])) + np.arange(2)]
    assert 15700 < gap[0] < gap[1] - 50 < 15900
    for line in [*figure.axes[0].lines, *figure.axes[1].lines, *figure.axes[3].lines]:
        x, y = line.get_data()
        (last,), (first,) = (np.flatnonzero(x == end) for end in gap)
        assert first == last + 2 and np.isnan(y[last + 1]) and np.isfinite(y[[last, first]]).all()


def test_wrong_choices_are_refused(experiment, found):
    for elements, window, words in ((["Zr"], WINDOW, "'Zr'.: give some of C, N"), ([], WINDOW, "give some of C, N"),
                                    (["Si"], (15820.0, 15850.0), "choose one within 15168-16937")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            missing_lines_figure(experiment.truth, *found, elements, window)


def test_depths_of_the_full_emulator_lie_on_the_line(experiment):
    hidden, _, _ = experiment.score(experiment.full)
    top, bottom = depth_figure(hidden).axes
    points = {
        each.get_label(): each.get_offsets()
        for each in top.collections
        if isinstance(each, PathCollection)
    }
    assert sum(len(each) for each in points.values()) == len(hidden)
    assert f"Fe ({np.sum(hidden['element'] == 'Fe')})" in points
    for each in points.values():
        np.testing.assert_allclose(each[:, 0], each[:, 1], atol=1e-6)
    hidden["recovered"] *= np.where(np.arange(len(hidden)) == 3, 5.0, 1.0)
    top, bottom = depth_figure(hidden).axes
    ratios = np.concatenate(
        [
            each.get_offsets()[:, 1]
            for each in bottom.collections
            if isinstance(each, PathCollection)
        ]
    )
    # Values outside are drawn at the edge
    assert len(ratios) == len(hidden) and ratios.max() == SHOWN[1]
    assert top.get_ylim()[1] > hidden["recovered"].max()


def test_scores_by_element_are_those_of_the_table(experiment):
    _, elements, _ = experiment.score(experiment.full)
    (axes,) = elements_figure(elements).axes
    rows = elements[elements["missing"] > 0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert len(labels) == len(rows) < len(elements)
    assert labels[0] == f"{rows['element'][np.argmax(rows['missing'])]} ({rows['missing'].max()})"
    recall = next(line for line in axes.lines if line.get_label() == "recall")
    assert sorted(recall.get_xdata()) == pytest.approx(sorted(rows["recall"]))


def scores(model, depth, **settings):
    setting = {"fraction": 0.3, "noise": 1.0, "n_stars": 1000, "seed": 1, "case": LINES} | settings
    return setting | {
        "model": model,
        "depth": depth,
        "named": 0.9,
        "average_precision": 0.5,
        "base_rate": 0.01,
    }


def test_each_column_departs_from_the_reference_in_one_quantity():
    rows = [
        scores("translated", depth, seed=seed) for seed, depth in ((1, 0.9), (2, 1.0), (3, 1.3))
    ]
    rows += [
        scores("translated", 0.5, fraction=0.1),
        scores("translated", 0.6, noise=4.0),
        scores("translated", 0.7, n_stars=100),
        scores("translated", 0.8, case=GAP),
    ]
    rows += [scores("full emulator", 1.0), scores("translated", 9.9, fraction=0.1, noise=4.0)]
    figure = score_figure(Table(rows=rows))
    curves = []
    for axes in figure.axes[:3]:
        line = next(each for each in axes.lines if each.get_color() == LOOKS["translated"]["color"])
        points = next(
            each for each in axes.lines if each.get_marker() == "o" and len(each.get_xdata())
        )
        assert len(points.get_xdata()) == 4
        curves.append((line.get_xdata().tolist(), line.get_ydata().tolist()))
    assert curves == [
        ([0.1, 0.3], [0.5, 1.0]),
        ([32.5, 130.0], [0.6, 1.0]),
        ([100.0, 1000.0], [0.7, 1.0]),
    ]
    # Cases have names instead of numbers, and no line connects them
    axes, lowest = figure.axes[3], figure.axes[-1]
    assert [text.get_text() for text in lowest.get_xticklabels()] == ["lines\nonly", "full\ngap"]
    lines = [line for line in axes.lines if line.get_color() == LOOKS["translated"]["color"]]
    assert [line.get_xydata().tolist() for line in lines if line.get_marker() == "o"] == [
        [[0, 0.9], [0, 1.0], [0, 1.3], [1, 0.8]],
    ]
    assert all(line.get_linestyle() == "None" for line in lines)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "translated",
        "full emulator",
        "base rate",
        "goal",
    ]


def test_scores_that_are_nan():
    rows = [scores("baseline", np.nan), scores("baseline", 1.1, seed=2)]
    lines = score_figure(Table(rows=rows)).axes[0].lines
    assert lines[
        [line.get_color() for line in lines].index(LOOKS["baseline"]["color"])
    ].get_ydata() == pytest.approx([1.1])


@pytest.fixture
def explorer(experiment):
    explorer = explore_missing(experiment, experiment.full, ("teff", "logg", "fe_h"), WINDOW, TITLE)
    explorer.set("Si")
    return explorer


def pictures_of(explorer):
    pictures = []
    explorer.image.observe(lambda change: pictures.append(bytes(change["new"])), "value")
    return pictures


def test_a_star_slider_moves_curves_and_derivatives_are_kept(explorer, experiment, monkeypatch):
    pictures, calls = pictures_of(explorer), []
    monkeypatch.setattr(
        "specnb.widgets.missing.falls", lambda *args: calls.append(1) or np.zeros((1, 20, 7214))
    )
    explorer.sliders["wavelength"].value += 20
    assert len(pictures) == 1 and pictures[0].startswith(PNG) and not calls  # the star is the same
    explorer.sliders["teff"].value = 5000
    assert len(pictures) == 2 and len(calls) == 3 and explorer.labels["teff"] == 5000
    row = np.array([list(explorer.labels.values())])
    y = explorer.figure().axes[1].lines[1].get_ydata()
    low, high = explorer.figure().axes[0].get_xlim()
    inside = (APOGEE.pixels >= low) & (APOGEE.pixels <= high)
    np.testing.assert_allclose(y[np.isfinite(y)], experiment.full(row)[0][inside], atol=1e-6)


def test_added_falls_under_the_slider(explorer, experiment):
    explorer.set("Mg", teff=5000.0)
    y = explorer.figure().axes[3].lines[1].get_ydata()
    low, high = explorer.figure().axes[0].get_xlim()
    inside = (APOGEE.pixels >= low) & (APOGEE.pixels <= high)
    step = np.zeros((2, 25))
    step[1, experiment.full.labels.index("mg_fe")] = 0.05
    row = np.array([list(explorer.labels.values())]) + step
    full, synthetic = (
        -np.diff(model(row), axis=0)[0][inside] for model in (experiment.full, experiment.synthetic)
    )
    # linear, in single precision
    np.testing.assert_allclose(y[np.isfinite(y)], full - synthetic, atol=2e-5)
    assert y[np.isfinite(y)].max() > 0.005


def test_choosing_an_element_goes_to_what_it_lacks(explorer, experiment):
    pictures, here = pictures_of(explorer), explorer.sliders["wavelength"].value
    explorer.element.value = "Fe"  # lacks something here
    assert explorer.sliders["wavelength"].value == here and len(pictures) == 1
    explorer.element.value = "K"
    at = APOGEE.pixels[experiment.truth.falls[NAMES.index("K")].argmax()]
    low, high = explorer.figure().axes[0].get_xlim()
    assert low < at < high and low > 15100 and len(pictures) == 2
    explorer.element.value = "Ge"
    assert (
        explorer.figure().axes[0].get_xlim() == (low, high)
        and "of Ge nothing is hidden" in explorer.readout.value
    )


def test_a_star_outside_the_hull_says_so(explorer):
    assert "extrapolated" not in explorer.readout.value
    explorer.set(teff=explorer.sliders["teff"].max, logg=explorer.sliders["logg"].min)
    assert "extrapolated" in explorer.readout.value


def test_wrong_moves_change_nothing(explorer, experiment):
    before = bytes(explorer.image.value)
    for element, values, words in (
        ("Zr", {}, "Zr: no element"),
        (None, {"teff": 99.0}, "beyond the slider"),
        (None, {"age": 1.0}, "age: no label"),
        ("Fe", {"wavelength": 1.0}, "beyond"),
    ):
        with pytest.raises(ValueError, match=words):
            explorer.set(element, **values)
    assert bytes(explorer.image.value) == before and explorer.element.value == "Si"
    with pytest.raises(ValueError, match="and has 800 pixels: give one with the labels"):
        explore_missing(experiment, specnb.load_emulator("rvs"))
