from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.table import Table
from matplotlib.text import Text
from stand_in import SUN, StandIn

from specnb.core.spectra import Spectra
from specnb.plots.spectra import spectra_by_snr
from specnb.surveys import RVS
from specnb.widgets import browse_fits, explore_emulator
from specnb.widgets.panel import windows

EMULATOR = StandIn()
STAR = dict(zip(EMULATOR.labels, SUN))
PNG = b"\x89PNG\r\n"


@pytest.fixture
def stars():
    labels = np.array([SUN, SUN + [-800, 0, -1, 0.2, 0, 5]])
    mask = np.zeros((2, 800), dtype=bool)
    mask[1, 50:60] = True
    flux = np.where(mask, 1.0, EMULATOR(labels))
    error = np.where(mask, np.inf, 0.01)
    return Spectra(
        EMULATOR.wavelength,
        flux,
        error,
        mask,
        np.array(["Sun", "halo dwarf"]),
        Table(labels, names=EMULATOR.labels),
    )


def count_pictures(widget):
    pictures = []
    widget.image.observe(lambda change: pictures.append(change["new"]), "value")
    return pictures


def test_a_slider_changes_picture_readout_and_labels():
    explorer = explore_emulator(EMULATOR, STAR)
    assert bytes(explorer.image.value).startswith(PNG)
    pictures = count_pictures(explorer)
    explorer.sliders["teff"].value -= explorer.sliders["teff"].step
    assert len(pictures) == 1
    assert bytes(pictures[0]).startswith(PNG)
    assert SUN[0] == 5772 and explorer.labels["teff"] == 5760  # the slider stood at 5770
    assert "ms" in explorer.readout.value
    explorer.sliders["m_h"].value = 4.4e-16  # as a browser sends zero
    assert explorer.labels["m_h"] == 0


def test_a_slider_that_is_dragged_is_not_sent_back():
    explorer = explore_emulator(EMULATOR, STAR)
    sent = []
    explorer.sliders["m_h"].observe(lambda change: sent.append(change["new"]), "value")
    explorer.sliders["m_h"].value = -0.15000000000000013  # as a browser sends it
    assert explorer.labels["m_h"] == -0.15 and sent == [-0.15000000000000013]


def test_a_long_readout_does_not_press_the_buttons_together():
    explorer = explore_emulator(EMULATOR, STAR)
    *_, buttons, readout, image = explorer.children
    assert [each.description for each in buttons.children] == ["reset", "export"]
    assert readout is explorer.readout and image is explorer.image


def test_every_slider_is_in_sensible_steps_within_the_trusted_range():
    explorer = explore_emulator(EMULATOR)
    assert list(explorer.sliders) == list(EMULATOR.labels)
    for low, high, slider in zip(EMULATOR.low, EMULATOR.high, explorer.sliders.values()):
        assert low - 1e-6 <= slider.min < slider.max <= high + 1e-6
        assert slider.continuous_update
    assert [slider.step for slider in explorer.sliders.values()] == [10, 0.05, 0.05, 0.05, 0.1, 0.1]


def test_set_draws_once_and_reset_comes_back():
    explorer = explore_emulator(EMULATOR)
    first = explorer.labels
    pictures = count_pictures(explorer)
    explorer.set(teff=5000, m_h=-0.5)
    assert len(pictures) == 1
    assert (explorer.sliders["teff"].value, explorer.sliders["m_h"].value) == (5000, -0.5)
    explorer.reset()
    assert explorer.labels == first
    assert len(pictures) == 2


def test_spectrum_is_the_emulators(tmp_path):
    explorer = explore_emulator(EMULATOR)
    explorer.set(teff=5000, logg=2.5)
    explorer.gradient.value = "m_h"
    table = explorer.spectrum()
    row = [list(explorer.labels.values())]
    assert table["flux"] == pytest.approx(EMULATOR(row)[0])
    assert table["dflux_dm_h"] == pytest.approx(EMULATOR.jacobian(row)[0, 2])
    back = Table.read(explorer.export(tmp_path / "spectrum.ecsv"))
    assert back.meta["labels"] == explorer.labels
    assert back["wavelength"].unit == "Angstrom"


def test_it_warns_outside_the_hull_only():
    explorer = explore_emulator(EMULATOR)
    assert "outside the training hull" not in explorer.readout.value
    explorer.set(teff=7000, logg=1.0)
    assert "outside the training hull" in explorer.readout.value
    explorer.reset()
    assert "outside the training hull" not in explorer.readout.value


def test_reference_window_and_gradient_change_the_picture(stars):
    explorer = explore_emulator(EMULATOR, STAR, stars)
    pictures = count_pictures(explorer)
    explorer.reference.value = 1
    explorer.window.value = "Ca II 8544"
    explorer.gradient.value = "vbroad"
    explorer.reference.value = -1
    assert len(set(pictures)) == 4


@pytest.mark.parametrize("window", windows(RVS))
def test_in_each_window_the_flux_fills_its_panel(stars, window):
    """The axis does not start at zero, but a little below what is shown."""
    explorer = explore_emulator(EMULATOR, STAR, reference_spectra=stars)
    explorer.window.value, explorer.reference.value = window, 1
    first, last = windows(RVS)[window]
    shown = (EMULATOR.wavelength >= first) & (EMULATOR.wavelength <= last)
    fluxes = np.stack([explorer.view.flux, explorer.view.reference[0]])[:, shown]
    axes = explorer.view.figure.axes[0]
    low, high = axes.get_ylim()
    assert axes.get_xlim() == (first, last)
    assert 0 < np.nanmin(fluxes) - low < (high - low) / 3
    assert 0.1 < (high - np.nanmax(fluxes)) / (high - low) < 0.3  # there are the names of lines


def test_wrong_input_is_refused_and_nothing_moves(stars):
    explorer = explore_emulator(EMULATOR)
    before = explorer.labels
    with pytest.raises(ValueError, match="beyond the slider"):
        explorer.set(m_h=-1, teff=50_000)
    with pytest.raises(ValueError, match="age"):
        explorer.set(age=5)
    assert explorer.labels == before
    with pytest.raises(ValueError, match="beyond the slider"):
        explore_emulator(EMULATOR, {"teff": 3000})
    short = Spectra(
        stars.wavelength[:9],
        stars.flux[:, :9],
        stars.flux_error[:, :9],
        stars.mask[:, :9],
        stars.ids,
    )
    with pytest.raises(ValueError, match="not on this model's 800 pixels"):
        explore_emulator(EMULATOR, reference_spectra=short)


HOSTILE = ["<img src=x onerror=alert(1)>", r"../$\frac$"]


def test_names_of_stars_are_plain_text(stars):
    """They run nothing in the browser and in mathtext."""
    stars = replace(stars, ids=np.array(HOSTILE))
    fit = Table({"teff": [5000.0, 6000.0], "teff_error": [1.0, 2.0], "flags": [HOSTILE[0], "none"]})
    browser = browse_fits(stars, stars.flux, fit)
    assert "<img" not in browser.readout.value and "&lt;img" in browser.readout.value
    browser.show(1)
    shown = Text(text=browser.figure().axes[0].get_title(loc="left")).get_text()
    assert shown.startswith(r"../\$\frac\$ ")
    explorer = explore_emulator(EMULATOR, STAR, stars)
    explorer.reference.value = 1
    explorer.figure().draw_without_rendering()
    figure = spectra_by_snr(stars, None, [10.0, 20.0])
    figure.draw_without_rendering()


def test_a_message_is_plain_text_with_a_warning_in_bold():
    explorer = explore_emulator(EMULATOR, STAR)
    explorer._say("a < b & c", "<b>")
    bold = "<b style='color: #D55E00'>&lt;b&gt;</b>"
    assert explorer.readout.value == f"<span>{bold} · a &lt; b &amp; c</span>"


@pytest.mark.parametrize("value", ["5000", None, 5000 * units.K, float("nan"), [5000.0]])
def test_a_value_that_is_no_number_is_refused(value):
    explorer = explore_emulator(EMULATOR, STAR)
    with pytest.raises(ValueError, match="teff"):
        explorer.set(teff=value)
    assert explorer.labels["teff"] == STAR["teff"]


def test_browse_fits_shows_the_chosen_star(stars):
    fit = stars.labels.copy()
    fit["teff"].unit = "K"
    fit["teff_error"] = 25.0
    fit["chi2_reduced"] = [1.0, 2.5]
    fit["flags"] = ["", "not_converged"]
    browser = browse_fits(
        stars, EMULATOR(np.array(SUN)[None, :] * np.ones((2, 1))), fit, survey=RVS
    )
    assert "teff 5772 ± 25 K" in browser.readout.value
    pictures = count_pictures(browser)
    browser.show("halo dwarf")
    assert len(pictures) == 1
    assert bytes(pictures[0]).startswith(PNG)
    for text in ("teff 4972 ± 25 K", "2.50", "not_converged"):
        assert text in browser.readout.value
    assert browser.figure().axes[0].get_title(loc="left").startswith("halo dwarf ")
    with pytest.raises(ValueError, match="no star 'Vega'"):
        browser.show("Vega")
    with pytest.raises(ValueError, match=r"models of shape \(1, "):
        browse_fits(stars, EMULATOR(SUN), fit)
