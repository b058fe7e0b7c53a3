import itertools

import nbformat
import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from matplotlib.text import Text
from nbclient import NotebookClient
from stand_in import SUN, StandIn

from specnb.plots import emulator as emulator_figures
from specnb.plots import labels as label_figures
from specnb.plots.explorer import ExplorerFigure
from specnb.plots.panels import flux_limits, label_text
from specnb.plots.residuals import pulls
from specnb.plots.spectra import best_fit
from specnb.plots.style import COLUMN, PAGE, column, styled
from specnb.surveys import RVS
from specnb.surveys.rvs.survey import CA_II_TRIPLET, LINES

EMULATOR = StandIn()
STAR = dict(zip(EMULATOR.labels, SUN))


@pytest.fixture(scope="module")
def sample():
    """Labels, spectra and a fit with known errors of 300 stars."""
    rng = np.random.default_rng(1)
    labels = EMULATOR.low + (EMULATOR.high - EMULATOR.low) * rng.random((2000, 6))
    labels = labels[RVS.inside(dict(zip(EMULATOR.labels, labels.T)))][:300]
    error = 0.01 * (EMULATOR.high - EMULATOR.low)
    truth = Table(labels, names=EMULATOR.labels)
    fit = Table(labels + error * (2.0 + 3.0 * rng.normal(size=labels.shape)), names=EMULATOR.labels)
    for name, value in zip(EMULATOR.labels, error):
        fit[f"{name}_error"] = value
    return labels, truth, fit


def all_figures(sample):
    labels, truth, fit = sample
    flux = EMULATOR(labels).astype(float)
    nothing = np.zeros(800, dtype=bool)
    history = [{"epoch": i, "train": 1 / i, "validation": 1 / i + 0.01 * i} for i in range(1, 40)]
    return {
        "coverage": emulator_figures.grid_coverage(RVS, truth),
        "accuracy": emulator_figures.emulator_accuracy(
            EMULATOR.wavelength, flux + 5e-4, flux, truth
        ),
        "history": emulator_figures.training_history(history),
        "explorer": ExplorerFigure(EMULATOR).figure,
        "pulls": pulls(fit, truth, EMULATOR.labels),
        "comparison": label_figures.fit_comparison(
            fit, truth, EMULATOR.labels, np.linspace(20, 200, 300)
        ),
        "star": best_fit(
            EMULATOR.wavelength,
            flux[0],
            np.full(800, 0.01),
            nothing,
            flux[1],
            "star",
            [(8460, 8465)],
            RVS,
        ),
        "kiel": label_figures.kiel(truth),
        "plane": label_figures.abundance_plane(truth),
        "histograms": label_figures.label_histograms(truth, EMULATOR.labels[:4]),
    }


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_all_figures_are_legible_at_column_width(sample):
    for name, figure in all_figures(sample).items():
        figure.draw_without_rendering()
        assert figure.get_size_inches()[0] in (COLUMN, PAGE), name
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
        assert len(sizes) > 5, name
        assert min(sizes) >= 7, name
        shown = [axes for axes in figure.axes if axes.axison and axes.get_label() != "<colorbar>"]
        for axes in shown:
            titled = axes.get_ylabel() and (
                axes.get_xlabel() or len(axes.get_shared_x_axes().get_siblings(axes)) > 1
            )
            assert titled, f"a panel of {name} has no axis title"


def test_pulls_states_mean_and_spread(sample):
    _, truth, fit = sample
    text = texts(pulls(fit, truth, ["teff"]))
    pull = (fit["teff"] - truth["teff"]) / fit["teff_error"]
    assert abs(pull.mean() - 2) < 0.6  # 3/sqrt(300) = 0.17
    assert f"mean {pull.mean():+.2f}\nstd {pull.std():.2f}" in "".join(text)


def test_accuracy_counts_spectra_below_the_bar(sample):
    labels, truth, _ = sample
    flux = EMULATOR(labels).astype(float)
    offset = np.where(np.arange(len(labels)) < 75, 2e-3, 2e-4)[:, None]
    figure = emulator_figures.emulator_accuracy(EMULATOR.wavelength, flux + offset, flux, truth)
    assert any("75% of 300 spectra,\n75% of pixels" in text for text in texts(figure))


def test_best_fit_leaves_masked_pixels_out(sample):
    flux = EMULATOR(SUN)[0].astype(float)
    mask = np.zeros(800, dtype=bool)
    mask[100:110] = True
    observed, error = np.where(mask, 1.0, flux + 0.02), np.where(mask, np.inf, 0.01)
    figure = best_fit(
        EMULATOR.wavelength,
        observed,
        error,
        mask,
        flux,
        masked_windows=[(8460.0, 8469.0)],
        survey=RVS,
    )
    _, bottom = figure.axes
    residual = next(line.get_ydata() for line in bottom.lines if len(line.get_ydata()) == 800)
    assert np.isnan(residual[mask]).all()
    assert residual[~mask] == pytest.approx(2.0)
    assert any("rms 2.00 σ over 760 pixels" in text for text in texts(figure))
    everything = best_fit(
        EMULATOR.wavelength,
        observed,
        np.full(800, np.inf),
        np.ones(800, dtype=bool),
        flux,
        survey=RVS,
    )
    everything.draw_without_rendering()


def test_errors_name_the_remedy(sample):
    _, truth, fit = sample
    with pytest.raises(ValueError, match="299"):
        pulls(fit[:299], truth, ["teff"])
    with pytest.raises(KeyError, match="age"):
        label_figures.kiel(truth, color="age")
    with pytest.raises(ValueError, match="speed"):
        ExplorerFigure(EMULATOR, {"speed": 3.0})


def test_masked_column_becomes_nan():
    table = Table({"teff": MaskedColumn([5000, 6000], mask=[False, True])})
    assert np.isnan(column(table, "teff")).tolist() == [False, True]


def test_explorer_shows_what_the_emulator_gives():
    view = ExplorerFigure(EMULATOR, STAR, reference=np.ones(800), gradient="teff")
    view.update({"teff": 5000.0}, gradient="m_h", window=(8600.0, 8650.0))
    labels = SUN.copy()
    labels[0] = 5000.0
    flux = EMULATOR(labels)[0]
    top, _, bottom = view.figure.axes
    plotted = [axes.lines[-1].get_ydata() for axes in view.figure.axes]
    assert plotted[0] == pytest.approx(flux)
    assert plotted[1] == pytest.approx(flux - 1)
    step = np.array([0, 0, 0.05, 0, 0, 0])  # the panel shows the change per 0.1 dex
    change = EMULATOR(labels + step)[0].astype(float) - EMULATOR(labels - step)[0]
    assert np.abs(change).max() > 0.01
    assert plotted[2] == pytest.approx(change, abs=2e-4)
    assert "0.1 dex" in bottom.get_ylabel()
    assert top.get_xlim() == (8600.0, 8650.0)
    assert not any("outside" in text for text in texts(view.figure))
    view.reference = flux, "a star"
    view.update()
    assert top.get_legend().get_texts()[0].get_text() == "a star"
    # The legend keeps this style after the first drawing
    assert top.get_legend().get_frame_on() is False
    view.update({"logg": 0.5, "teff": 7000.0})
    assert any("outside the training hull" in text for text in texts(view.figure))


def test_the_flux_fills_its_panel_and_limits_seldom_change():
    view, limits = ExplorerFigure(EMULATOR, STAR), []
    for teff in np.arange(4000.0, 7500.0, 10.0):
        view.update({"teff": teff})
        low, high = view.figure.axes[0].get_ylim()
        lowest = min(view.flux.min(), view.reference[0].min())
        assert 0 <= lowest - low < (high - low) / 3
        assert view.flux.max() < high - 0.13 * (high - low)  # there are the names of lines
        limits.append((low, high))
    assert len(limits) == 350 and sum(a != b for a, b in itertools.pairwise(limits)) < 15
    shallow = np.linspace(0.97, 1.0, 50)
    low, high = flux_limits(shallow, room=0.0)
    assert 0 < 0.97 - low < (high - low) / 3 and high < 1.02
    assert flux_limits([np.nan, -0.3, 0.5, 3.0], room=0.0) == pytest.approx((0.0, 1.2))


@pytest.mark.parametrize("reach", [0.0, 0.0008, 0.0013, 0.004, 0.009, 0.04, 0.3])
@styled
def test_numbers_do_not_touch_the_title_of_their_axis(reach):
    axes = ExplorerFigure(EMULATOR, STAR, reference=EMULATOR([SUN])[0] - reach).figure.axes[1]
    axes.figure.canvas.draw()
    title = axes.yaxis.label.get_window_extent()
    low, high = axes.get_ylim()
    for number in axes.get_yticklabels():
        if low <= number.get_position()[1] <= high:
            assert not title.overlaps(number.get_window_extent()), number.get_text()


def test_labels_are_written_with_symbols_and_units():
    teff, logg = RVS.label("teff"), RVS.label("logg")
    assert label_text(teff, 7500.0, 5878.4) == r"$T_\mathrm{eff}$ = 5878 → 7500 K"
    assert label_text(teff, 5000.0, 5000.0) == r"$T_\mathrm{eff}$ = 5000 K"
    assert label_text(logg, -0.001) == r"$\log g$ = 0.00"
    assert label_text(RVS.label("vbroad"), 5) == r"$v_\mathrm{broad}$ = 5.0 km/s"


def test_lines_are_where_physics_puts_them():
    rydberg = 10_967_758.3  # 1/m, hydrogen; fine structure, left out, moves lines by 0.05 Å
    for line in LINES:
        assert 8460 < line.wavelength < 8700
        if line.species.startswith("P"):
            upper = int(line.species[1:])
            assert line.wavelength == pytest.approx(
                1e10 / (rydberg * (1 / 9 - 1 / upper**2)), abs=0.08
            )
    assert sum(line.species.startswith("P") for line in LINES) == 5
    # The 3d 2D - 4p 2P* levels of Ca II (NIST, 1/cm): 13650.19, 13710.88; 25191.51, 25414.40
    levels = 1e8 / (np.array([25414.40, 25414.40, 25191.51]) - [13650.19, 13710.88, 13650.19])
    assert sorted(CA_II_TRIPLET) == pytest.approx(
        sorted([levels[0], levels[1], 1e8 / (25191.51 - 13650.19)]), abs=0.02
    )


def test_a_figure_shows_once_in_a_notebook_whatever_the_backend():
    """A figure is shown as the last value of a cell, whether pyplot was imported or not."""
    make = "from specnb.plots.emulator import training_history\nhistory = [{'epoch': 1, 'train': 1, 'validation': 1}]\n"
    cells = [
        make + "training_history(history)",
        "import matplotlib.pyplot as plt\ntraining_history(history)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    for cell in notebook.cells:
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(cell.outputs) == len(pictures) == 1
