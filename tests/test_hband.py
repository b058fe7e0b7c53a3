import numpy as np
import pytest
from h_band import GIANT, VBROAD, linear_emulator
from matplotlib.colors import to_hex
from matplotlib.text import Text

from specnb.core.spectra import Spectra
from specnb.core.wavelength import detectors
from specnb.emulator.accuracy import derivative_pairs
from specnb.plots.emulator import derivatives
from specnb.plots.explorer import ExplorerFigure
from specnb.plots.spectra import best_fit, tour
from specnb.plots.spectra import domain_gap as gap_figure
from specnb.plots.style import COLUMN, PAGE, group_colors
from specnb.simulator.responses import features, line_markers, load_responses
from specnb.surveys import APOGEE
from specnb.surveys.apogee.gap import LEAST, domain_gap, known_causes
from specnb.surveys.mock import make_mock
from specnb.widgets import explore_emulator

EMULATOR = linear_emulator()
FLUX = EMULATOR([list(GIANT.values())])[0].astype(float)
PARTS = detectors(APOGEE.pixels)
GROUP_COLORS = group_colors(APOGEE)
WINDOWS = APOGEE.windows


@pytest.fixture(scope="module")
def found():
    return features(load_responses(APOGEE))


def star(offset=0.02, error=0.01):
    """A star brighter than the model by two errors, with 100 bad pixels on the green detector."""
    mask = np.zeros(len(FLUX), dtype=bool)
    mask[4000:4100] = True
    return np.where(mask, 1.0, FLUX + offset), np.where(mask, np.inf, error), mask


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_the_spread_of_a_gap_is_that_of_a_sample():
    """Over n - 1 of n stars; a pixel that only one star has got has none."""
    mask = np.zeros((3, 3), dtype=bool)
    mask[2, 1] = mask[1:, 2] = True
    flux = 1 + 0.01 * np.array([[1.0, 0.0, 5.0], [3.0, 2.0, 0.0], [8.0, 0.0, 0.0]])
    stars = Spectra([1.0, 2.0, 3.0], flux, np.full((3, 3), 0.01), mask, ["a", "b", "c"])
    gap = domain_gap(stars, np.ones((3, 3)))
    np.testing.assert_allclose(gap.mean, [0.04, 0.01, np.nan], rtol=1e-5)
    np.testing.assert_allclose(gap.spread, [0.01 * 13**0.5, 0.01 * 2**0.5, np.nan], rtol=1e-5)


def test_figures_are_legible_at_page_width(found):
    none = np.zeros(len(FLUX), dtype=bool)
    spectra = Spectra(
        APOGEE.pixels,
        np.stack([FLUX, FLUX]),
        np.full((2, len(FLUX)), 0.01),
        np.stack([none] * 2),
        ["a", "b"],
    )
    gap = domain_gap(spectra, np.stack([FLUX, 0.99 * FLUX]))
    pairs = derivative_pairs(EMULATOR, load_responses(APOGEE))
    figures = {
        "tour": tour(APOGEE, FLUX, found),
        "fit": best_fit(APOGEE.pixels, *star(), FLUX, "a star"),
        "gap": gap_figure(APOGEE.pixels, gap, {"one cause": none | (APOGEE.pixels < 15_500)}),
        "derivatives": derivatives(
            APOGEE.pixels, {name: pairs[name] for name in ("c_fe", "mg_fe", "fe_only")}
        ),
        "explorer": ExplorerFigure(EMULATOR, {"mg_fe": 0.2}, gradient="mg_fe").figure,
    }
    for name, figure in figures.items():
        figure.draw_without_rendering()
        assert figure.get_size_inches()[0] in (COLUMN, PAGE), name
        assert (
            min(t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible())
            >= 7
        ), name
        for axes in figure.axes:
            assert axes.get_ylabel() or not axes.axison, name
        assert any("Vacuum wavelength (Å)" in text for text in texts(figure)), name


def test_tour_colours_features_by_group(found):
    figure = tour(APOGEE, FLUX, found)
    assert len(figure.axes) == len(PARTS)
    clean = found[found["share"] > 0.5]
    magnesium = clean[clean["element"] == "Mg"]
    for row in magnesium:
        pixels = APOGEE.pixels[row["first"] : row["last"] + 1]
        drawn = [
            line
            for axes in figure.axes
            for line in axes.lines
            if np.array_equal(line.get_xdata(), pixels)
        ]
        assert GROUP_COLORS["α"] in [to_hex(line.get_color()).upper() for line in drawn]
    assert "Mg" in texts(figure)
    assert {text for text in texts(figure) if text in GROUP_COLORS} == set(GROUP_COLORS)


def test_best_fit_shows_residuals_of_good_pixels_only():
    figure = best_fit(APOGEE.pixels, *star(), FLUX, "a star")
    assert any("rms 2.00 σ over 7,114 pixels" in text for text in texts(figure))
    tops, bottoms = figure.axes[::2], figure.axes[1::2]
    for part, top, bottom in zip(PARTS, tops, bottoms):
        residual = next(
            line.get_ydata()
            for line in bottom.lines
            if len(line.get_xdata()) == len(APOGEE.pixels[part])
        )
        bad = star()[2][part]
        assert np.isnan(residual[bad]).all()
        assert residual[~bad] == pytest.approx(2.0)
        assert top.get_xlim() == bottom.get_xlim() == tuple(APOGEE.pixels[part][[0, -1]])
    nothing = np.ones(len(FLUX), dtype=bool)
    empty = APOGEE.pixels, np.ones(len(FLUX)), np.full(len(FLUX), np.inf), nothing, FLUX
    best_fit(*empty).draw_without_rendering()


def test_derivatives_state_the_correlation_over_all_pixels():
    pairs = derivative_pairs(EMULATOR, load_responses(APOGEE))
    rng = np.random.default_rng(1)
    truth = pairs["mg_fe"][0]
    wrong = truth + truth.std() * rng.normal(size=len(truth))  # correlation 0.71
    figure = derivatives(APOGEE.pixels, {"mg_fe": (truth, wrong), "c_fe": pairs["c_fe"]})
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        f"[Mg/Fe]: correlation {np.corrcoef(truth, wrong)[0, 1]:.3f}",
        "[C/Fe]: correlation 1.000",
    ]
    for axes, (simulator, _) in zip(figure.axes, (pairs["mg_fe"], pairs["c_fe"])):
        low, high = axes.get_xlim()
        assert low <= APOGEE.pixels[np.argmax(np.abs(simulator))] <= high


def test_gap_leaves_bad_pixels_out():
    rng = np.random.default_rng(1)
    n = 400
    synthetic = np.repeat(FLUX[None], n, axis=0)
    mask = rng.random((n, len(FLUX))) < 0.1
    mask[1:, 7] = mask[:, 8] = True
    flux = np.where(mask, 1.0, synthetic + 0.02 + 0.01 * rng.normal(size=mask.shape))
    gap = domain_gap(
        Spectra(APOGEE.pixels, flux, np.where(mask, np.inf, 0.01), mask, np.arange(n)), synthetic
    )
    known = np.isfinite(gap.mean)
    assert not known[[7, 8]].any() and known.sum() == len(FLUX) - 2
    assert np.array_equal(gap.stars, (~mask).sum(axis=0))
    assert gap.mean[known].mean() == pytest.approx(0.02, abs=1e-4)
    assert gap.mean[known].std() == pytest.approx(0.01 / np.sqrt(0.9 * n), rel=0.1)
    assert np.median(gap.spread[known]) == pytest.approx(0.01, rel=0.01)


def test_known_causes_are_where_the_mock_differs():
    only = {"missing_lines": 1.0, "wrong_lines": 0.3}
    config = APOGEE.mock.clean(n_stars=60, **only)
    _, true = make_mock(EMULATOR, config)
    synthetic = EMULATOR(np.column_stack([true.labels[name] for name in EMULATOR.labels]))
    causes = known_causes(config, synthetic, true.labels)
    assert set(causes) == set(LEAST)
    assert not causes["Earth's lines"].any()
    gap = domain_gap(true, synthetic)
    at = {
        name: np.sqrt(np.mean(gap.mean[pixels] ** 2))
        for name, pixels in causes.items()
        if pixels.any()
    }
    elsewhere = np.sqrt(np.mean(gap.mean[~np.any(list(causes.values()), axis=0)] ** 2))
    assert min(at.values()) > 2 * elsewhere
    assert gap.mean[causes["missing line"]].mean() < 0
    clean = APOGEE.mock.clean(n_stars=60)
    assert not any(pixels.any() for pixels in known_causes(clean, synthetic, true.labels).values())
    earth = known_causes(APOGEE.mock(n_stars=60), synthetic, true.labels)["Earth's lines"]
    assert 0.05 < earth.mean() < 0.5


def test_explorer_leaves_gaps_between_detectors():
    view = ExplorerFigure(EMULATOR, {"mg_fe": 0.3}, gradient="c_fe")
    for axes in view.figure.axes:
        line = next(line for line in axes.lines if len(line.get_xdata()) > 2)
        x, y = line.get_data()
        gaps = np.flatnonzero(np.isnan(y))
        assert list(gaps) == [PARTS[1].start, PARTS[2].start + 1]
        assert np.array_equal(np.delete(x, gaps), APOGEE.pixels)
    top = next(line for line in view.figure.axes[0].lines if line.get_label() == "emulator")
    assert np.delete(top.get_ydata(), [PARTS[1].start, PARTS[2].start + 1]) == pytest.approx(
        view.flux
    )
    assert view.flux == pytest.approx(EMULATOR([list((GIANT | {"mg_fe": 0.3}).values())])[0])


def test_explorer_sets_off_the_element_of_the_gradient():
    view = ExplorerFigure(EMULATOR, gradient="mg_fe")
    lines = line_markers(APOGEE)

    def set_off():
        widths = view.figure.axes[0].collections[0].get_linewidth()
        return {line.species for line, width in zip(lines, widths) if width > 1}

    assert set_off() == {"Mg"}
    view.update(window=WINDOWS["Mg I 15745–15770"])
    named = [t for t in view.figure.axes[0].texts if t.get_visible() and t.get_text() == "Mg"]
    low, high = WINDOWS["Mg I 15745–15770"]
    assert (
        len(named)
        == sum(line.species == "Mg" and low < line.wavelength < high for line in lines)
        >= 2
    )
    assert {(t.get_fontweight(), to_hex(t.get_color()).upper()) for t in named} == {
        ("bold", GROUP_COLORS["α"])
    }
    view.update(gradient="fe_h")
    assert set_off() == {"Fe"}
    view.update(gradient="teff")
    assert set_off() == set()


def test_explorer_writes_out_the_abundances_that_differ_from_solar():
    view = ExplorerFigure(EMULATOR, {"mg_fe": 0.25, "c_fe": -0.1})
    title = next(text for text in texts(view.figure) if text.startswith("$T_"))
    first, second = title.split("\n")
    assert "[Fe/H] = 0.00" in first and "$^{12}$C/$^{13}$C = 7.5" in first and "/Fe]" not in first
    assert "$T_\\mathrm{eff}$ = 4750 K" in first and "$v_\\mathrm{broad}$ = 6.0 km/s" in first
    assert second.replace("\N{NO-BREAK SPACE}", " ") == "[X/Fe]   C −0.1  Mg 0.25"


def test_the_explorer_has_its_labels_groups_and_windows():
    explorer = explore_emulator(EMULATOR, gradient="c12_c13")
    assert explorer.labels == GIANT
    assert explorer._page["groups"] == {name: list(each) for name, each in APOGEE.groups.items()}
    explorer.set(c12_c13=30.0, mg_fe=0.2, window="green detector")
    assert explorer.window == list(APOGEE.windows["green detector"])
    table = explorer.spectrum()
    assert table.meta["labels"] == GIANT | {"c12_c13": 30.0, "mg_fe": 0.2}
    assert table["dflux_dc12_c13"] == pytest.approx(
        EMULATOR.jacobian([list(explorer.labels.values())])[0, list(GIANT).index("c12_c13")]
    )


def test_windows_hold_the_lines_that_they_are_named_after(found):
    for name, window in WINDOWS.items():
        if name.endswith("detector"):
            continue
        low, high = window
        assert any(
            APOGEE.pixels[part][0] - 1 < low < high < APOGEE.pixels[part][-1] + 1 for part in PARTS
        ), name
        element = name.split()[0]
        shown = found[(low < found["wavelength"]) & (found["wavelength"] < high)]
        if element in ("Mg", "Al", "K", "Ca", "Na"):
            own = found[found["element"] == element]
            # Mg I 15,236 Å is the stronger line
            strongest = own["depth"].max() if element != "Mg" else 0.8 * own["depth"].max()
            assert shown[shown["element"] == element]["depth"].max() >= strongest, name


def test_heads_of_carbon_monoxide_darken_with_carbon_and_oxygen():
    """CN behaves differently: more oxygen makes it weaker, because oxygen binds the carbon."""
    responses = load_responses(APOGEE)
    carbon, oxygen = (responses.raised(label, VBROAD) for label in ("c_fe", "o_fe"))
    heads = [float(name.split()[-1]) for name in WINDOWS if name.startswith("CO")]
    assert len(heads) == 2
    for head in heads:
        near = np.flatnonzero(np.abs(APOGEE.pixels - head) < 1.0)
        pixel = near[np.argmin(oxygen[near])]
        assert oxygen[pixel] < -0.001 and carbon[pixel] < -0.001
    hydroxyl = np.argmin(np.abs(APOGEE.pixels - 15282.8))
    assert oxygen[hydroxyl] < -0.001 < carbon[hydroxyl]
