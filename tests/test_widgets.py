"""The explorer of an emulator, without a browser: settings, numbers, fits, files and the picture."""

import hashlib
import json
import re
import tempfile
from dataclasses import replace

import numpy as np
import pytest
import torch
import traitlets
from astropy import units
from astropy.table import Table
from browser_numbers import copied, shown_in_browser

import specnb
from specnb.core.doppler import doppler_shift
from specnb.core.spectra import Spectra
from specnb.plots.style import Figure
from specnb.reproduce.provenance import ROOT
from specnb.surveys import APOGEE, RVS
from specnb.surveys.mock import make_mock
from specnb.widgets import explore_emulator, explorer
from specnb.widgets.pages.page import stars_part
from specnb.widgets.panel import Panel

EMULATOR = specnb.load_emulator("rvs")
SUN = dict(zip(EMULATOR.labels, [5772.0, 4.44, 0.0, 0.0, 1.0, 2.0]))
DWARF = SUN | {"teff": 4972.0, "m_h": -1.0, "vbroad": 7.0}
VELOCITY = 34.5


@pytest.fixture
def stars():
    """A star like the Sun, and a dwarf with a slope in its continuum and some masked pixels."""
    labels = np.array([list(SUN.values()), list(DWARF.values())])
    mask = np.zeros((2, 800), dtype=bool)
    mask[1, 50:60] = True
    flux = EMULATOR(labels) * [np.ones(800), np.linspace(0.97, 1.04, 800)]
    ids = np.array(["near", "<img src=x onerror=alert(1)>"])
    table = Table(labels, names=EMULATOR.labels)
    return Spectra(EMULATOR.wavelength, flux, np.full((2, 800), 0.01), mask, ids, table)


def test_settings_are_traits_and_arguments(stars):
    """`set` and a browser change the same traits. What is sent is JSON and bytes."""
    widget = explore_emulator(EMULATOR, SUN, stars, theme="dark", gradient="m_h", velocity=3)
    assert (widget.labels, widget.theme, widget.gradient, widget.velocity) == (
        SUN,
        "dark",
        "m_h",
        3,
    )
    widget.set(teff=5000, window="Ca II 8544", overlay=[stars.ids[1]], panels=["flux"])
    assert widget.labels == SUN | {"teff": 5000} and widget.window == [8530, 8559]
    widget.set_state({"labels": SUN | {"logg": 4.0}, "continuum": 2})  # as a browser does it
    assert widget.labels["logg"] == 4.0 and widget.continuum == 2
    widget.labels = {"m_h": -0.5}  # the other labels stay
    assert widget.labels == SUN | {"logg": 4.0, "m_h": -0.5}
    widget.reset()
    assert (widget.labels, widget.continuum, widget.velocity) == (SUN, -1, 0)
    assert (widget.theme, widget.window) == ("dark", [8530, 8559])  # they are no edits
    about, data, spectra = widget.packed(half=True)
    assert json.loads(json.dumps(about))["state"]["labels"] == SUN
    assert 0 < len(data) < len(widget._data) and len(spectra) <= len(widget._stars_data)
    assert about["page"]["start"] == SUN and about["stars"]["ids"] == list(map(str, stars.ids))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("age", 5, "age: no label or setting of this explorer"),
        ("labels", {"age": 5}, "age: no label of the model, which has teff, logg"),
        ("teff", 50_000, "teff = 50000 is beyond the slider: choose"),
        ("teff", "5000", "teff is '5000': give a finite number without a unit"),
        ("teff", None, "teff is None"),
        ("teff", 5000 * units.K, "without a unit"),
        ("teff", float("nan"), "teff is nan"),
        ("star", "Vega", "no star 'Vega' among these 2: give an id, or choose 0 to 1"),
        ("star", 2, "no star 2 among these 2"),
        ("overlay", ["Vega"], "no star 'Vega'"),
        ("reference", "Vega", "no star 'Vega'"),
        ("window", (8559, 8530), "window is .*give its ends .low, high. in Å within 8460"),
        ("window", (1, 2), "within 8460"),
        ("window", "K band", "window is 'K band': choose 'whole range'"),
        ("gradient", "age", "gradient is 'age': choose"),
        ("moved", "age", "moved is 'age': choose"),
        ("velocity", 1000, "velocity = 1000 is beyond the slider"),
        ("continuum", 2.5, "continuum is 2.5: give the order"),
        ("continuum", 9, "continuum = 9 is beyond"),
        ("residual", "percent", "residual is 'percent': choose 'sigma', 'flux'"),
        ("split", "by hand", "no z_split"),
        ("lambdas", {"teff": 0.1}, "fixed λ"),
        ("latents", [0.1], "latents has 1 numbers: this model's has 0"),
        ("panels", ["spectrum"], "panels is 'spectrum': choose 'flux'"),
        ("theme", "pink", "theme is 'pink'"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_changes_nothing(stars, name, value, words):
    widget = explore_emulator(EMULATOR, SUN, stars)
    with pytest.raises(ValueError, match=words):
        widget.set(**{"m_h": -1, "velocity": 5} | {name: value})
    assert widget.labels == SUN and widget.velocity == 0
    if widget.has_trait(name):
        with pytest.raises((ValueError, traitlets.TraitError)):
            setattr(widget, name, value)


def test_wrong_arguments_are_refused(stars):
    with pytest.raises(ValueError, match="beyond the slider"):
        explore_emulator(EMULATOR, {"teff": 3000})
    short = Spectra(np.arange(9.0), *np.ones((2, 1, 9)), np.zeros((1, 9)), ["a"])
    with pytest.raises(ValueError, match="not on this model's 800 pixels"):
        explore_emulator(EMULATOR, stars=short)
    with pytest.raises(ValueError, match="1 rows of fits for 2 stars"):
        explore_emulator(EMULATOR, stars=stars, fits=stars.labels[:1])


def test_a_star_comes_with_its_labels(stars):
    widget = explore_emulator(EMULATOR, stars=stars, star=1)
    assert widget.labels == DWARF and widget.star == stars.ids[1]
    widget.set(velocity=20)
    widget.set(star="near", teff=6000)
    assert widget.labels == SUN | {"teff": 6000} and widget.velocity == 0
    widget.set(star=None)
    assert widget.star == "" and widget.labels["teff"] == 6000
    fits = stars.labels["teff", "logg"]
    fits["teff"] += [
        100,
        np.nan,
    ]  # a label that is unknown is the first one, whatever it was before
    for k in range(3):
        fits[f"continuum_{k}"] = 0.0
    widget = explore_emulator(EMULATOR, DWARF, stars, fits=fits)
    widget.set(star="near", vbroad=50)
    first = DWARF | {"teff": 5872, "logg": 4.44, "vbroad": 50}
    assert widget.labels == first and widget.continuum == 2
    widget.set(star=1)
    assert widget.labels == DWARF


def test_the_spectrum_is_the_emulators_at_its_velocity(stars, tmp_path):
    widget = explore_emulator(EMULATOR, stars=stars, physics=specnb.load_emulator("rvs-real"))
    widget.set(**DWARF, velocity=VELOCITY, gradient="m_h")
    row = [list(DWARF.values())]
    moved = [
        doppler_shift(torch.from_numpy(each.astype(float)), RVS.pixels, torch.tensor(VELOCITY))
        for each in (EMULATOR(row)[0], EMULATOR.jacobian(row)[0, 2])
    ]
    table = widget.spectrum()
    np.testing.assert_allclose(table["flux"], moved[0], atol=1e-6)
    np.testing.assert_allclose(table["dflux_dm_h"], moved[1], atol=1e-5)
    assert table.colnames == ["wavelength", "flux", "dflux_dm_h", "physics"]
    back = Table.read(widget.export(tmp_path / "spectrum.ecsv"))
    assert back.meta["labels"] == DWARF and back.meta["velocity"] == VELOCITY
    assert back["wavelength"].unit == "Angstrom"
    widget.set(gradient="", vbroad=8)  # the gradient is by the label that was moved last
    assert "dflux_dvbroad" in widget.spectrum().colnames and widget.moved == "vbroad"
    assert widget.packed()[0]["state"]["moved"] == "vbroad"


def test_a_continuum_brings_the_model_to_the_star(stars):
    widget = explore_emulator(EMULATOR, stars=stars, star=1)
    good = ~stars.mask[1]
    assert np.abs(widget.spectrum()["flux"] - stars.flux[1])[good].max() > 0.02
    widget.continuum = 1
    table = widget.spectrum()
    np.testing.assert_allclose(table["flux"][good], stars.flux[1][good], atol=1e-6)
    assert np.isnan(table["observed"][~good]).all() and np.isfinite(table["flux"]).all()
    residual = widget.figure().axes[1].lines[-1].get_ydata()
    assert np.nanmax(np.abs(residual)) < 1e-6


def test_the_numbers_are_those_of_the_browser(stars, tmp_path):
    physics = specnb.load_emulator("rvs-real")
    widget = explore_emulator(EMULATOR, stars=stars, star=1, physics=physics)
    widget.set(teff=5100, velocity=VELOCITY, continuum=2, gradient="m_h")
    shown, table = shown_in_browser(widget, tmp_path), widget.spectrum()
    change = RVS.label("m_h").steps.change
    for curve, column in {"star": "observed", "model": "flux", "physics": "physics"}.items():
        np.testing.assert_allclose(shown["curves"][f"flux {curve}"], table[column], atol=1e-5)
    derivative = shown["curves"]["gradient gradient"] / change
    np.testing.assert_allclose(derivative, table["dflux_dm_h"], atol=1e-5)
    assert shown["labels"] == widget.labels and shown["outside"] == []
    widget.set(star=None, teff=7000, logg=1.0)
    assert "training hull" in shown_in_browser(widget, tmp_path)["outside"][0]
    assert widget.outside == "training hull"


def test_a_copied_call_or_link_shows_the_same(stars):
    """The star's own labels and velocity do not return, even where the first ones are set."""
    explorer = explore_emulator(EMULATOR, SUN, stars, star=1, window="Ca II 8544", reference=0)
    explorer.set(**SUN, overlay=["near"], panels=["flux"])
    explorer.set(vbroad=3)
    state = explorer.packed()[0]["state"]
    found = copied(explorer)
    assert found["link"] == state and state["moved"] == "vbroad"
    explorer.set(star=0, velocity=20, continuum=1, logg=2)
    eval(found["call"], {"explorer": explorer})
    assert explorer.packed()[0]["state"] == state


def test_the_picture_shows_what_the_browser_shows(stars):
    widget = explore_emulator(EMULATOR, SUN, stars, reference=1, window=(8530, 8560), velocity=9.0)
    axes = widget.figure().axes[0]
    assert axes.get_xlim() == (8530, 8560)
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(curves["emulator"], widget.spectrum()["flux"], atol=1e-6)
    assert str(stars.ids[1]) in curves


def test_the_picture_shows_the_reference_beside_the_chosen_star(stars, tmp_path):
    """As the browser does. The difference is that to the chosen star."""
    for reference, names in (
        (1, ["near", str(stars.ids[1])]),
        ("near", ["near"]),
        ("start", ["near"]),
    ):
        widget = explore_emulator(EMULATOR, SUN, stars, star="near", reference=reference, teff=6000)
        axes, differences, _ = widget.figure().axes
        curves = {line.get_label(): line.get_ydata() for line in axes.lines}
        assert [name for name in curves if name in stars.ids] == names
        np.testing.assert_allclose(curves["near"], stars.flux[0], atol=1e-6)
        shown = shown_in_browser(widget, tmp_path)["curves"]
        assert ("flux reference" in shown) == (len(names) == 2)
        if len(names) == 2:
            np.testing.assert_allclose(shown["flux reference"], curves[names[1]], atol=1e-6)
        residual = differences.lines[-1].get_ydata()
        np.testing.assert_allclose(residual, curves["emulator"] - curves["near"], atol=1e-6)


def test_it_tells_where_the_emulator_extrapolates():
    widget = explore_emulator(EMULATOR)
    assert widget.outside == ""
    widget.set(teff=7000, logg=1.0)
    assert widget.outside == "training hull" and not widget.spectrum().meta["inside_hull"]


def test_fit_moves_the_sliders_to_the_star(stars):
    flux = doppler_shift(
        torch.from_numpy(stars.flux[1:].astype(float)), RVS.pixels, torch.tensor([VELOCITY])
    )
    moving = replace(stars[[1]], flux=flux.numpy(), at_rest=False, labels=None)
    widget = explore_emulator(EMULATOR, SUN, moving, star=0)
    busy = []
    widget.observe(lambda change: busy.append(change["new"]), "busy")
    widget.set_state({"_asked": {"type": "fit"}})  # the button of the browser
    assert busy == ["fitting…", ""]
    assert widget.labels == pytest.approx(DWARF, rel=0.02, abs=0.05)
    assert widget.velocity == pytest.approx(VELOCITY, abs=0.1) and widget.continuum == 2
    assert widget.told.startswith("χ²/ν 0.0") and "T_eff 49" in widget.told
    assert "velocity 34.50 ± 0.19 km/s" in widget.told
    hot = replace(stars[[0]], flux=1 - 0.5 * (1 - stars.flux[[0]]))  # lines as no star has them
    widget = explore_emulator(EMULATOR, SUN, hot, star=0)
    assert "at_limit:logg,at_limit:alpha_fe" in str(widget.fit()["flags"][0])
    scores, words = widget.told.split(" · ")
    assert re.match(r"χ²/ν [12]\.\d\d, T_eff 6\d\d\d ± ", scores)
    assert words.startswith("at the ends of their ranges: log g, [α/Fe]")
    widget.set(star=None)
    widget.set_state({"_asked": {"type": "fit"}})
    assert "no star is chosen" in widget.told and widget.busy == ""


def test_whatever_goes_wrong_in_a_fit_is_told(stars, monkeypatch):
    def broken(*_):
        raise RuntimeError("singular matrix")

    widget = explore_emulator(EMULATOR, SUN, stars, star=0)
    monkeypatch.setattr("specnb.widgets.emulator.fit_labels", broken)
    widget.set_state({"_asked": {"type": "fit"}})
    assert "singular matrix" in widget.told and widget.busy == ""


def test_none_and_single_names_are_understood(stars):
    widget = explore_emulator(EMULATOR, SUN, stars, overlay=["near"], window=(8500, 8600))
    widget.set(overlay=1, panels="flux", window=None, labels=None)
    assert (widget.overlay, widget.panels, widget.window) == ([stars.ids[1]], ["flux"], [])
    widget.set(overlay=None, panels=None)
    assert (widget.overlay, widget.panels) == ([], [])
    with pytest.raises(ValueError, match="window cannot be 8500: see"):
        widget.set(window=8500)


def test_the_answer_of_a_fit_is_one_message(stars, monkeypatch):
    """So that the browser can take it over as one edit. Settings come before the wish to fit."""
    widget, sent = explore_emulator(EMULATOR, SUN, stars), []
    send = lambda _, content, **__: sent.append((content["method"], content["state"]))  # noqa: E731
    monkeypatch.setattr(type(widget), "_send", send)
    widget.set_state({"star": "near", "_asked": {"type": "fit"}})
    answers = [state for method, state in sent if method == "update"]
    assert answers[0] == {"busy": "fitting…"} and len(answers) == 2
    assert answers[1].keys() >= {"labels", "continuum", "told", "busy", "_asked", "_done"}
    assert (answers[1]["busy"], answers[1]["_asked"], answers[1]["_done"]) == ("", {}, 1)
    sent.clear()
    widget.set_state({"star": "", "_asked": {"type": "fit"}})
    answers = [state for method, state in sent if method == "update"]
    assert answers[-2] == {"busy": "", "_asked": {}} and "no star" in answers[-1]["told"]


def test_a_file_adds_its_stars(stars, tmp_path):
    widget = explore_emulator(EMULATOR, SUN)
    path = tmp_path / "two.h5"
    stars.write(path)
    data = memoryview(path.read_bytes())
    widget.set_state({"_asked": {"type": "open", "name": "../two.h5", "data": data}})
    assert widget.told == "opened two.h5, stars: 2" and widget.star == "near"
    assert widget._stars["ids"] == list(map(str, stars.ids))
    widget.open_file(path)  # the same stars again take the places of the first
    assert widget.stars.ids == list(map(str, stars.ids))
    foreign = Spectra(APOGEE.pixels, *np.ones((2, 1, 7214)), np.zeros((1, 7214)), ["giant"])
    foreign.write(tmp_path / "other.h5")
    with pytest.raises(ValueError, match="other.h5 has spectra of APOGEE.* shows Gaia.*: open it"):
        widget.open_file(tmp_path / "other.h5")
    done = widget._done
    widget.set_state({"_asked": {"type": "open", "name": "x.txt", "data": memoryview(b"nothing")}})
    assert "x.txt" in widget.told and tempfile.gettempdir() not in widget.told
    assert (widget.busy, widget._asked, widget._done) == ("", {}, done)
    assert widget.stars.ids == list(map(str, stars.ids))


def test_true_labels_that_are_the_catalogues_are_found_too():
    """Equal arrays are stored once, but the browser asks for them by both names."""
    mock = RVS.mock(n_stars=2)
    observed, truth = make_mock(EMULATOR, mock)
    known = replace(observed, labels=truth.labels)
    about, _ = stars_part(known, list(EMULATOR.labels), truth=truth, mock=mock)
    assert about["arrays"]["true_labels"] == about["arrays"]["labels"]


def test_without_its_javascript_it_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setattr(explorer, "BUNDLE", tmp_path)
    with pytest.raises(OSError, match="make browser"):
        explore_emulator(EMULATOR)


def test_a_message_is_plain_text_with_a_warning_in_bold():
    class Empty(Panel):
        def figure(self):
            return Figure(1, 1)

    panel = Empty({}, {})
    panel._say("a < b & c", "<b>")
    bold = "<b style='color: #D55E00'>&lt;b&gt;</b>"
    assert panel.readout.value == f"<span>{bold} · a &lt; b &amp; c</span>"


@pytest.mark.parametrize("name", ["explorer.js", "explorer.css"])
def test_the_committed_bundle_is_built_from_the_sources(name):
    """Its first lines have the SHA-256 of the sources, see browser/build.mjs."""
    folder, total = ROOT / "browser", hashlib.sha256()
    kinds = "build.mjs", "package-lock.json", "*.css", "src/*.js"
    paths = {path.relative_to(folder).as_posix() for kind in kinds for path in folder.glob(kind)}
    for path in sorted(paths):
        total.update(path.encode() + b"\0" + (folder / path).read_bytes() + b"\0")
    stated = re.search(r"sources sha256 (\w+)", explorer.bundled(name)[:500])[1]
    assert stated == total.hexdigest(), "build the explorer again: make browser"
    assert "Leon Sorokin" in explorer.bundled(name)[:2000]  # the licence of uPlot


def test_the_bundle_is_small():
    assert sum(len(explorer.bundled(f"explorer.{kind}")) for kind in ("js", "css")) < 300e3
