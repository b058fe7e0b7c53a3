"""The survey object: its defaults, its methods, and a new survey instead of the shipped ones."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

import specnb
from specnb.core.labels import Label
from specnb.core.spectra import Spectra
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.surveys import APOGEE, RVS, SURVEYS, Survey, known_label
from specnb.surveys.archive import real_files
from specnb.surveys.mock import MockConfig

LABELS = (
    Label("teff", "K", 4000.0, 6000.0, "T", "temperature"),
    Label("colour", "mag", 0.0, 2.0, r"$B-V$", "colour"),
)
MINE = Survey("mine", "My survey", LABELS, np.linspace(5000.0, 5100.0, 40))


def test_only_four_fields_are_needed():
    needed = [field.name for field in fields(Survey)][:4]
    assert needed == ["name", "title", "labels", "pixels"]
    assert MINE.names == ("teff", "colour") and MINE.start == {"teff": 5000.0, "colour": 1.0}
    assert MINE.native is MINE.pixels and MINE.everywhere == MINE.names
    assert MINE.inside({"teff": [1.0, 1e9], "colour": [0.0, 9.0]}).tolist() == [True, True]
    assert repr(MINE) == "<Survey mine: 2 labels, 40 pixels, 5000.00-5100.00 Å, R = inf>"
    assert replace(MINE, start={"colour": 0.5}).start == {"teff": 5000.0, "colour": 0.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pixels": [2.0, 1.0]}, "pixels of survey 'mine' must increase"),
        ({"pixels": [1.0]}, "pixels of survey 'mine' must increase"),
        ({"pixels": [1.0, np.nan]}, "pixels of survey 'mine' must increase"),
        ({"labels": ()}, "labels of survey 'mine' are .*give each once"),
        ({"labels": LABELS[:1] * 2}, "labels of survey 'mine' are .*teff.*teff.*give each once"),
        ({"start": {"age": 1.0}}, "start of survey 'mine' names .*age.*, no labels"),
    ],
)
def test_what_is_no_survey_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Survey(**{"name": "mine", "title": "", "labels": LABELS, "pixels": MINE.pixels} | changes)


def test_a_survey_finds_its_labels_and_elements():
    assert RVS.label("teff").unit == "K"
    with pytest.raises(ValueError, match="fe_h: no label of survey rvs: teff, logg"):
        RVS.label("fe_h")
    table = RVS.table(np.zeros((3, 6)))
    assert table.colnames == list(RVS.names) and str(table["vbroad"].unit) == "km / s"
    assert APOGEE.element_of("fe_h") == "Fe" and RVS.element_of("m_h") is None
    by_label = dict.fromkeys(APOGEE.names, np.ones(2)) | {"fe_h": np.full(2, 50.0)}
    assert APOGEE.alone(by_label, "mg_fe").tolist() == [1.0, 1.0]
    assert APOGEE.alone(by_label, "fe_h").tolist() == [50.0 - 19] * 2


@pytest.mark.parametrize("survey", SURVEYS.values(), ids=list(SURVEYS))
def test_shipped_surveys_agree_with_themselves(survey):
    assert SURVEYS[survey.name] is survey and issubclass(survey.mock, MockConfig)
    start = {name: np.array([value]) for name, value in survey.start.items()}
    assert set(start) == set(survey.names) and survey.inside(start).all()
    for label in survey.labels:
        assert label.low <= survey.start[label.name] <= label.high
    for names in (survey.edits, survey.ideal_above, survey.everywhere, survey.compensated):
        assert set(names) <= set(survey.names)
    grouped = [element for group in survey.element_groups.values() for element in group]
    assert sorted(grouped) == sorted(survey.elements)
    for low, high in [*survey.windows.values(), *survey.untrusted]:
        assert np.any((survey.pixels >= low) & (survey.pixels <= high))
    assert all(path.is_file() for path in (survey.grid_path, survey.responses_path))
    assert set(real_files([survey])) == set(survey.archive.files())


def test_a_survey_of_ones_own_is_emulated_and_fitted(monkeypatch):
    torch.manual_seed(0)
    low, high = np.array([(label.low, label.high) for label in LABELS]).T
    emulator = Emulator(Network(low, high, [(range(2), (8,))], 40), MINE)
    assert repr(emulator) == "<Emulator of My survey: 2 labels to 40 pixels>"
    truth = np.array([[4700.0, 0.6], [5300.0, 1.4]])
    flux = emulator(truth)
    error, mask = np.full(flux.shape, 1e-3), np.zeros(flux.shape, bool)
    fit = specnb.fit_labels(Spectra(MINE.pixels, flux, error, mask, ["a", "b"]), emulator)
    assert np.all(np.abs(fit["teff"] - truth[:, 0]) < 3 * fit["teff_error"])
    assert str(fit["colour"].unit) == "mag"
    assert known_label("colour") is None
    monkeypatch.setitem(SURVEYS, "mine", MINE)
    assert known_label("colour") is LABELS[1] and known_label("teff") is RVS.label("teff")


def test_files_of_a_survey_of_ones_own_are_read(tmp_path, monkeypatch):
    flux = np.full((1, 40), 0.5)
    mine = Spectra(MINE.pixels, flux, flux, np.zeros(flux.shape, bool), ["star"])
    survey = replace(
        MINE, recognizes=lambda path, kind: path.suffix == ".mine", read=lambda path: mine
    )
    path = tmp_path / "star.mine"
    path.write_text("wavelength,flux\n")
    with pytest.raises(ValueError, match="star.mine"):  # this is not a file of Gaia
        specnb.read_spectra(path)
    monkeypatch.setitem(SURVEYS, "mine", survey)
    np.testing.assert_array_equal(specnb.read_spectra(path).flux, mine.flux)


def test_logarithmic_labels_are_those_of_the_shipped_networks():
    for survey in (RVS, APOGEE):
        expected = [k for k, label in enumerate(survey.labels) if label.logarithmic]
        assert specnb.load_emulator(survey.name).network.logarithmic == expected
    assert [label.name for label in APOGEE.labels if label.logarithmic] == ["c12_c13"]


def test_narrow_and_odd_labels_have_sliders_with_many_steps():
    for unit, low, high in (
        ("dex", 0.02, 0.04),
        ("K", 0.5, 9.0),
        ("", 0.0, 0.3),
        ("Gyr", 0.0, 13.0),
    ):
        label = Label("t", unit, low, high, "t", "an odd label")
        assert (high - low) / label.steps.slider == pytest.approx(100)
    with pytest.raises(ValueError, match="label t has the range 1 to 1: give low < high"):
        Label("t", "K", 1.0, 1.0, "t", "a label without a range")


@pytest.mark.parametrize("name", ["ideal_above", "edits", "compensated"])
def test_what_names_labels_must_name_those_of_the_survey(name):
    value = {"age": ()} if name == "compensated" else {"age": 1.0}
    with pytest.raises(ValueError, match=f"{name} of survey 'mine' names age, no labels"):
        replace(MINE, **{name: value})
    with pytest.raises(ValueError, match="groups of survey 'mine' must have each of its labels"):
        replace(MINE, groups={"all": ("teff",)})
