"""Steps of an emulator are saved with it, can hold values of each star, and are independent."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from specnb.core.spectra import Spectra
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.emulator.step import Step
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.missing.steps import LinearChange, masked_emulator
from specnb.surveys import RVS
from specnb.translate import TranslateConfig, Translator, translated_emulator
from specnb.translate.model import Translation

SURVEY = replace(RVS, pixels=np.linspace(8480.0, 8680.0, 60), native=None, lines=())
CONFIG = TranslateConfig(shared=4, split=2, hidden=(12, 8), batch=16, device="cpu")
LABELS = np.array(
    [
        [5000.0, 3.0, -0.2, 0.1, 1.5, 6.0],
        [5600.0, 4.4, 0.0, 0.05, 1.2, 4.0],
        [4600.0, 2.4, 0.1, 0.05, 1.5, 6.0],
    ]
)
SPLIT = np.array([[0.9, -0.9], [-0.9, 0.9], [0.3, 0.2]], dtype=np.float32)


class Scaled(Step):
    """A step that a user has written."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, flux, labels):
        return self.factor * flux

    def settings(self):
        return {"factor": self.factor}


@pytest.fixture
def emulator():
    torch.manual_seed(1)
    low, high = np.array([(label.low, label.high) for label in SURVEY.labels]).T
    network = Network(low, high, [(range(6), (8,))], len(SURVEY.pixels))
    return Emulator(
        network, SURVEY, {"seed": 1, "history": [{"epoch": 1}], "errors": {"mean": 0.1}}
    )


@pytest.fixture
def translator():
    """A translator that changes spectra, in a way that depends on z_split."""
    torch.manual_seed(2)
    model = Translator(CONFIG, SURVEY.pixels, np.zeros(60), 1.0, [{"iteration": 1}])
    with torch.no_grad():
        for parameter in model.networks.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
        model.offset.copy_(0.01 * torch.randn(60))
        model.mean_split.copy_(torch.tensor([0.1, -0.2]))
    return model.eval().requires_grad_(False)


def masked(emulator, translator):
    return masked_emulator(emulator, np.arange(60) % 7 == 0)


def corrected(emulator, translator):
    random = np.random.default_rng(3)
    slope = 1e-3 * random.normal(size=(6, 60))
    step = LinearChange(np.ones(60), 0.1 * random.normal(size=60), slope)
    return emulator.then(step, stars=120)


def translated(emulator, translator):
    return translated_emulator(emulator, translator)


def star_by_star(emulator, translator):
    return translated_emulator(emulator, translator, SPLIT)


def masked_then_translated(emulator, translator):
    return translated(masked(emulator, translator), translator)


def translated_then_corrected(emulator, translator):
    return corrected(star_by_star(emulator, translator), translator)


def of_a_user(emulator, translator):
    return emulator.then(Scaled(0.5)).then(Scaled(1.5))


KINDS = {
    masked: [LinearChange],
    corrected: [LinearChange],
    translated: [Translation],
    star_by_star: [Translation],
    masked_then_translated: [LinearChange, Translation],
    translated_then_corrected: [Translation, LinearChange],
    of_a_user: [Scaled, Scaled],
}
each_kind = pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)


@each_kind
def test_files_hold_the_steps(emulator, translator, make, tmp_path):
    made = make(emulator, translator)
    assert [type(step) for step in made.steps] == KINDS[make]
    assert np.abs(made(LABELS) - emulator(LABELS)).max() > 1e-3  # the translator has an effect
    made.save(tmp_path / "made.safetensors")
    again = Emulator.load(tmp_path / "made.safetensors", SURVEY)
    assert [type(step) for step in again.steps] == KINDS[make]
    np.testing.assert_array_equal(again(LABELS), made(LABELS))
    np.testing.assert_array_equal(again.jacobian(LABELS), made.jacobian(LABELS))
    np.testing.assert_array_equal(again.of(None)(LABELS), made.of(None)(LABELS))
    assert again.card == json.loads(json.dumps(made.card)) and again.survey is SURVEY
    assert repr(again) == repr(made) and ", then ".join(k.__name__ for k in KINDS[make]) in repr(
        made
    )
    again.save(tmp_path / "again.safetensors")
    files = [tmp_path / f"{name}.safetensors" for name in ("made", "again")]
    assert files[0].stat().st_size == files[1].stat().st_size


@each_kind
def test_derivatives_are_exact(emulator, translator, make):
    made = make(emulator, translator).to(dtype=torch.float64)
    step = 1e-4 * (made.high - made.low)
    numeric = np.stack(
        [(made(LABELS + h) - made(LABELS - h)) / (2 * h.sum()) for h in np.diag(step)], axis=1
    )
    exact = made.jacobian(LABELS)
    scale = np.abs(exact).max(axis=(0, 2), keepdims=True)
    np.testing.assert_allclose(exact / scale, numeric / scale, rtol=0, atol=1e-5)
    assert made.labels == emulator.labels and np.array_equal(made.wavelength, SURVEY.pixels)
    np.testing.assert_array_equal(made.in_hull(LABELS), emulator.in_hull(LABELS))


@each_kind
def test_the_card_is_its_own(emulator, translator, make):
    made = make(emulator, translator)
    assert "seed" not in made.card and "errors" not in made.card and "history" not in made.card
    last = KINDS[make][-1]
    assert made.card["step"] == f"{last.__module__}:{last.__name__}"
    origin = made.card["made_from"]
    if len(KINDS[make]) == 2:
        first = KINDS[make][0]
        assert origin["step"] == f"{first.__module__}:{first.__name__}"
        origin = origin["made_from"]
    assert origin == {"seed": 1, "errors": {"mean": 0.1}}
    emulator.card["errors"]["mean"] = 9.0
    assert origin["errors"] == {"mean": 0.1}
    assert emulator.card["seed"] == 1 and "step" not in emulator.card


def test_the_card_tells_the_settings_and_what_else_is_known(emulator, translator):
    assert corrected(emulator, translator).card["stars"] == 120
    settings = star_by_star(emulator, translator).card["settings"]
    assert settings["stars"] == 3 and settings["config"]["shared"] == CONFIG.shared
    assert translated(emulator, translator).card["settings"]["stars"] == 0


@each_kind
def test_what_it_was_made_from_may_change_afterwards(emulator, translator, make):
    made = make(emulator, translator)
    before = made(LABELS), made.jacobian(LABELS)
    with torch.no_grad():
        for module in (emulator.network, translator):
            for tensor in module.state_dict().values():
                tensor.add_(1)
    emulator.to(dtype=torch.float64)
    np.testing.assert_array_equal(made(LABELS), before[0])
    np.testing.assert_array_equal(made.jacobian(LABELS), before[1])


@each_kind
def test_it_changes_nothing_of_what_it_was_made_from(emulator, translator, make):
    flux, translation = emulator(LABELS), translator.translate(emulator(LABELS), SPLIT)
    critics = len(translator.networks.critics)
    made = make(emulator, translator).to(dtype=torch.float64)
    with torch.no_grad():
        for tensor in made.network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(1)
    np.testing.assert_array_equal(emulator(LABELS), flux)
    np.testing.assert_array_equal(translator.translate(flux, SPLIT), translation)
    assert len(translator.networks.critics) == critics > 0 and emulator.steps == []


# Values that belong to each star


@pytest.mark.parametrize("make", [star_by_star, translated_then_corrected])
def test_each_star_has_the_spectrum_of_its_own_split(emulator, translator, make):
    made = make(emulator, translator)
    typical = translated(emulator, translator)
    if make is translated_then_corrected:
        typical = corrected(typical, translator)
    flux = made(LABELS)
    for k in range(3):
        alone = translated_emulator(emulator, translator, SPLIT[[k]])
        if make is translated_then_corrected:
            alone = corrected(alone, translator)
        np.testing.assert_allclose(flux[k], alone(LABELS[[k]])[0], atol=1e-6)
        np.testing.assert_allclose(flux[k], made.of(slice(k, k + 1))(LABELS[[k]])[0], atol=1e-6)
    # All rows have the labels of one star, so differences come from z_split
    same = made(np.repeat(LABELS[:1], 3, axis=0))
    assert np.abs(same[0] - same[1]).max() > 0.01
    rows = torch.tensor([2, 0])
    np.testing.assert_allclose(made.of(rows)(LABELS[[2, 0]]), flux[[2, 0]], atol=1e-6)
    np.testing.assert_allclose(made.of(rows).of(slice(1, 2))(LABELS[:1]), flux[:1], atol=1e-6)
    np.testing.assert_array_equal(made.of(None)(LABELS), typical(LABELS))
    np.testing.assert_array_equal(made.of(None)(LABELS[:1]), typical(LABELS[:1]))
    np.testing.assert_array_equal(made(LABELS), flux)  # `of` did not change it


@pytest.mark.parametrize("make", [masked, corrected, translated, masked_then_translated])
def test_what_holds_nothing_of_single_stars_is_the_same_for_all(emulator, translator, make):
    made = make(emulator, translator)
    for rows in (slice(1, 2), None):
        np.testing.assert_array_equal(made.of(rows)(LABELS), made(LABELS))
        assert made.of(rows).steps == made.steps  # nothing is copied


def test_a_split_for_other_stars_is_refused(emulator, translator):
    made = star_by_star(emulator, translator)
    for n in (1, 2):
        with pytest.raises(ValueError, match=f"{n} spectra, but the z_split of 3 stars"):
            made(LABELS[:n])
        with pytest.raises(ValueError, match=f"{n} spectra, but the z_split of 3 stars"):
            made.jacobian(LABELS[:n])
    stars = spectra(made(LABELS))
    fit = fit_labels(stars, made, FitConfig(continuum_order=-1))
    for some in (stars[:2], Spectra.join([stars, spectra(made(LABELS), "more ")])):
        with pytest.raises(ValueError, match=f"{len(some)} spectra, but the z_split of 3 stars"):
            fit_labels(some, made)
    with pytest.raises(ValueError, match="2 spectra, but the z_split of 3 stars"):
        fitted_flux(fit[:2], made, FitConfig(continuum_order=-1))
    with pytest.raises(ValueError, match="not on this model's 60 pixels"):
        other = replace(SURVEY, pixels=SURVEY.pixels + 1.0, native=None)
        translated_emulator(Emulator(emulator.network, other), translator, SPLIT)


def spectra(flux, prefix=""):
    ids = [f"{prefix}{k}" for k in range(len(flux))]
    return Spectra(SURVEY.pixels, flux, np.full(flux.shape, 1e-3), np.zeros(flux.shape, bool), ids)


def test_fits_give_each_star_its_own_split_in_any_batch(emulator, translator, tmp_path):
    made = star_by_star(emulator, translator)
    stars = spectra(made(LABELS))
    made.save(tmp_path / "made.safetensors")
    loaded = Emulator.load(tmp_path / "made.safetensors", SURVEY)
    flux = []
    for model, batch in ((made, 1), (made, 2), (loaded, None)):
        config = FitConfig(continuum_order=-1, batch=batch)
        fit = fit_labels(stars, model, config)
        assert fit["chi2_reduced"].max() < 0.01
        flux.append(fitted_flux(fit, model, config))
        np.testing.assert_allclose(flux[-1], stars.flux, atol=2e-3)
    shared = fit_labels(stars, translated(emulator, translator), config)
    assert shared["chi2_reduced"].max() > 1


# Files that cannot be opened


def test_a_step_of_an_unknown_class_is_told(emulator, translator, tmp_path, monkeypatch):
    path = tmp_path / "mine.safetensors"
    of_a_user(emulator, translator).save(path)
    assert isinstance(Emulator.load(path, SURVEY).steps[0], Scaled)
    no_step = f"{__name__}:Network"
    for kind in (f"{__name__}:Removed", no_step, "specnb.nowhere:Step", "os:nothing", "x"):
        with monkeypatch.context() as patch:
            patch.setattr(Scaled, "kind", classmethod(lambda cls, kind=kind: kind))
            patch.setattr("specnb.emulator.model.check_readable", lambda step, survey: None)
            of_a_user(emulator, translator).save(path)
        module, _, name = kind.partition(":")
        with pytest.raises(
            OSError, match=rf"mine.safetensors .*no step {name} in {module}: import"
        ) as caught:
            Emulator.load(path, SURVEY)
        assert "\n" not in str(caught.value)


def test_settings_that_a_step_does_not_know_are_told(emulator, translator, tmp_path, monkeypatch):
    monkeypatch.setattr(Scaled, "settings", lambda self: {"scale": 2.0})
    path = tmp_path / "mine.safetensors"
    with pytest.raises(ValueError, match="the step Scaled could not be read again .*scale.*build"):
        of_a_user(emulator, translator).save(path)
    assert not path.exists()
    monkeypatch.setattr("specnb.emulator.model.check_readable", lambda step, survey: None)
    of_a_user(emulator, translator).save(path)
    with pytest.raises(OSError, match="mine.safetensors is not a whole emulator file .*scale"):
        Emulator.load(tmp_path / "mine.safetensors", SURVEY)


@each_kind
def test_a_file_of_another_survey_is_refused(emulator, translator, make, tmp_path):
    path = tmp_path / "made.safetensors"
    make(emulator, translator).save(path)
    for other, words in (
        (RVS, "its 60 pixels are not those of rvs"),
        (
            replace(SURVEY, pixels=SURVEY.pixels + 0.1, native=None),
            "60 pixels are not those of rvs",
        ),
        (
            replace(SURVEY, labels=SURVEY.labels[:5], start={}),
            "its labels are teff,.*,vbroad, not teff",
        ),
    ):
        with pytest.raises(OSError, match=f"made.safetensors .*{words}") as caught:
            Emulator.load(path, other)
        assert "\n" not in str(caught.value)


@each_kind
def test_a_truncated_file_is_refused(emulator, translator, make, tmp_path):
    path = tmp_path / "made.safetensors"
    make(emulator, translator).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(OSError, match="made.safetensors is not a whole emulator file"):
        Emulator.load(path, SURVEY)


def test_what_is_no_step_is_refused(emulator):
    with pytest.raises(TypeError, match="ReLU is not a Step: derive it from"):
        emulator.then(torch.nn.ReLU())


def test_another_precision_is_another_emulator(emulator, translator):
    """The original, and what was made from it, stay as they are."""
    some = star_by_star(emulator, translator)
    double = some.of(slice(0, 2)).to(dtype=torch.float64)
    assert double.network.low.dtype == torch.float64
    assert {p.dtype for p in some.network.parameters()} == {torch.float32}
