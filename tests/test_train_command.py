"""Training from a TOML file through the command, and what it says of bad input."""

import json
import re

import h5py
import numpy as np
import pytest
from astropy.table import Table

from specnb import Spectra
from specnb.commands.main import main
from specnb.disentangle import Disentangler
from specnb.disentangle.regressor import Regressor
from specnb.emulator.model import Emulator
from specnb.reproduce.training import train_from
from specnb.surveys import RVS
from specnb.surveys.outliers import OutlierWarning
from specnb.translate.model import Translator

RVS_STAR = np.array([5200.0, 3.4, -0.3, 0.1, 1.2, 6.0])
N, PIXELS = 120, np.linspace(5000.0, 5029.0, 30)
ENCODER = """
output = "encoder.safetensors"
spectra = "stars.h5"
catalogue = "labels.csv"

[config]
labels = ["teff", "age"]
lambdas = {age = 0.01}
hidden = [16]
latent = 3
discriminator = [8]
epochs = 8
device = "cpu"
"""
REGRESSOR = """
output = "regressor.safetensors"
spectra = "stars.h5"
catalogue = "labels.csv"
labels = ["teff", "age"]

[config]
hidden = [20]
max_iter = 300
"""
ENCODER_FILE = "disentangle", "encoder.toml"
OWN = """
name = "mine"

[pixels]
start = 5000
stop = 5029
step = 1

[[labels]]
name = "age"
low = 0
high = 14
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    teff, age = rng.uniform(4000, 6500, N), rng.uniform(1, 12, N)
    depth = (teff[:, None] - 4000) / 5000 * (PIXELS < 5015) + age[:, None] / 30
    flux = 1 - depth + 0.005 * rng.normal(size=(N, 30))
    ids = [f"s{k}" for k in range(N)]
    Spectra(PIXELS, flux, np.full(flux.shape, 0.01), np.zeros(flux.shape), ids).write(
        tmp_path / "stars.h5"
    )
    Table({"id": ids, "teff": teff, "age": age}).write(tmp_path / "labels.csv")
    (tmp_path / "encoder.toml").write_text(ENCODER)
    (tmp_path / "regressor.toml").write_text(REGRESSOR)
    (tmp_path / "mine.toml").write_text(OWN)
    return tmp_path


def labels_of(folder, column, row, value):
    table = Table.read(folder / "labels.csv")
    table[column][row] = value
    table.write(folder / "labels.csv", overwrite=True)


def changed(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def refused(capsys, *arguments):
    """The one sentence that the command says of a mistake."""
    capsys.readouterr()
    assert main(["train", *map(str, arguments)]) == 1
    text = capsys.readouterr().err.splitlines()[-1]
    assert text.startswith("specnb: ")
    return text.removeprefix("specnb: ")


def test_an_encoder_and_regressors_are_trained_and_opened(folder, capsys):
    assert main(["train", "disentangle", str(folder / "encoder.toml"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["epochs"] == 8 and summary["stars"] == N
    assert set(summary["linear_r2"]) == {"teff", "age"} and summary["validation_loss"] < 1
    model = Disentangler.load(folder / "encoder.safetensors")
    assert summary["output"] == str(folder / "encoder.safetensors")
    assert not (folder / "encoder.checkpoint").exists()

    assert main(["train", "regressor", str(folder / "regressor.toml")]) == 0
    assert "mae age: " in capsys.readouterr().out
    regressor = Regressor.load(folder / "regressor.safetensors")
    assert (regressor.labels, regressor.units) == (("teff", "age"), ("K", ""))
    stars = Spectra.read(folder / "stars.h5")
    age = np.array(Table.read(folder / "labels.csv")["age"])
    assert np.abs(regressor.predict(regressor.inputs(stars))[:, 1] - age).mean() < 1

    changed(folder, "regressor.toml", "spectra =", 'encoder = "encoder.safetensors"\nspectra =')
    summary = train_from("regressor", folder / "regressor.toml", progress=False)
    assert set(summary) >= {"mae", "linear_mae", "epochs", "seconds"}
    regressor = Regressor.load(folder / "regressor.safetensors")
    regressor.check_encoder(folder / "encoder.safetensors")
    assert regressor.inputs(stars, model).shape == (N, 3)


def test_a_killed_training_goes_on_with_the_same_result(folder, monkeypatch):
    whole = train_from("disentangle", folder / "encoder.toml", progress=False)
    weights = Disentangler.load(folder / "encoder.safetensors").networks.state_dict()
    monkeypatch.setattr("specnb.core.training.CHECKPOINT_SECONDS", 0)
    epochs = []

    def killed(self):
        epochs.append(1)
        if len(epochs) == 4:
            raise KeyboardInterrupt
        return advance(self)

    from specnb.disentangle.train import DisentangleTraining

    advance = DisentangleTraining.advance
    monkeypatch.setattr(DisentangleTraining, "advance", killed)
    assert main(["train", "disentangle", str(folder / "encoder.toml")]) == 130
    assert (folder / "encoder.checkpoint").exists()
    again = train_from("disentangle", folder / "encoder.toml", progress=False)
    assert again["validation_loss"] == whole["validation_loss"] and len(epochs) == 9
    found = Disentangler.load(folder / "encoder.safetensors").networks.state_dict()
    assert all(bool((found[name] == weights[name]).all()) for name in weights)


def test_a_label_that_is_missing_is_named(folder, capsys):
    labels_of(folder, "teff", 3, -9999)
    for kind, name in (("disentangle", "encoder.toml"), ("regressor", "regressor.toml")):
        text = refused(capsys, kind, folder / name)
        assert "labels.csv: star s3 of" in text and "teff = -9999" in text
        assert "leave out such stars" in text


def test_a_wrong_label_spoils_neither_the_training_nor_the_errors(folder, capsys):
    wrong = np.random.default_rng(1).permutation(N)[3]  # one of the stars that test
    whole = train_from("regressor", folder / "regressor.toml", progress=False)
    labels_of(folder, "teff", wrong, 1e6)
    (folder / "regressor.safetensors").unlink()
    with pytest.warns(OutlierWarning) as told:
        assert main(["train", "regressor", str(folder / "regressor.toml"), "--json"]) == 0
    (told,) = (str(each.message) for each in told)
    assert f"1 of {N} training stars are left out" in told and f"star s{wrong} with teff" in told
    summary = json.loads(capsys.readouterr().out)
    assert (summary["stars"], summary["left_out"]) == (N - 1, 1) and whole["left_out"] == 0
    for name in ("mae", "linear_mae"):
        assert summary[name]["teff"] < 3 * whole[name]["teff"]
    changed(folder, "encoder.toml", "epochs = 8", "epochs = 1")
    with pytest.warns(UserWarning, match="left out"):
        summary = train_from("disentangle", folder / "encoder.toml", progress=False)
    assert (summary["stars"], summary["left_out"]) == (N - 1, 1)


def test_an_impossible_label_of_most_stars_leaves_no_file(folder, capsys):
    labels_of(folder, "teff", slice(0, 60), 1e6)
    text = refused(capsys, "regressor", folder / "regressor.toml")
    assert "labels.csv" in text and "teff = 1000000" in text
    assert not (folder / "regressor.safetensors").exists()


def test_labels_have_the_units_of_the_own_survey(folder):
    changed(folder, "mine.toml", 'name = "age"\n', 'name = "age"\nunit = "Gyr"\n')
    changed(folder, "regressor.toml", "spectra =", 'survey = "mine.toml"\nspectra =')
    plain = train_from("regressor", folder / "regressor.toml", progress=False)
    assert Regressor.load(folder / "regressor.safetensors").units == ("K", "Gyr")
    table = Table.read(folder / "labels.csv")
    table["age"] = 1000 * table["age"]
    table["age"].unit = "Myr"
    table.write(folder / "labels.ecsv")
    changed(folder, "regressor.toml", "labels.csv", "labels.ecsv")
    with pytest.warns(UserWarning, match="age is converted from Myr to Gyr"):
        found = train_from("regressor", folder / "regressor.toml", progress=False)
    assert found["mae"]["age"] == pytest.approx(plain["mae"]["age"], rel=1e-2)
    changed(folder, "regressor.toml", "labels.ecsv", "labels.csv")
    labels_of(folder, "age", 7, 56.0)
    with pytest.warns(OutlierWarning, match="left out, .* star s7 with age = 56$"):
        assert train_from("regressor", folder / "regressor.toml", progress=False)["left_out"] == 1
    changed(folder, "mine.toml", "high = 14", "high = 60")
    with pytest.warns(OutlierWarning, match="possible but far .* star s7 with age = 56$"):
        assert train_from("regressor", folder / "regressor.toml", progress=False)["left_out"] == 0
    changed(folder, "mine.toml", "high = 60", "high = -60")
    with pytest.raises(ValueError, match="^[^ ]*mine.toml: label age has the range"):
        train_from("regressor", folder / "regressor.toml", progress=False)


def test_a_flux_that_is_missing_is_named(folder, capsys):
    with h5py.File(folder / "stars.h5", "r+") as f:
        f["spectra/flux"][5, 7] = -9999
    text = refused(capsys, "disentangle", folder / "encoder.toml")
    assert "stars.h5" in text and "flux -9999" in text and "mask that pixel" in text


def test_a_constant_label_is_named(folder, capsys):
    labels_of(folder, "age", slice(None), 3.0)
    for kind, name in (("disentangle", "encoder.toml"), ("regressor", "regressor.toml")):
        text = refused(capsys, kind, folder / name)
        assert "labels.csv" in text and "age = 3" in text and "leave it out of labels" in text


def test_ids_that_do_not_match(folder, capsys):
    table = Table.read(folder / "labels.csv")
    table[:100].write(folder / "labels.csv", overwrite=True)
    with pytest.warns(UserWarning, match="20 of 120 stars are left out: .*labels.csv has no row"):
        assert main(["train", "disentangle", str(folder / "encoder.toml")]) == 0
    table["id"] = [f"other{k}" for k in range(N)]
    table.write(folder / "labels.csv", overwrite=True)
    text = refused(capsys, "disentangle", folder / "encoder.toml")
    assert "labels.csv has none of the 120 stars" in text and "give both the same ids" in text


def test_another_surveys_pixels(folder, capsys):
    changed(folder, "encoder.toml", "spectra =", 'survey = "rvs"\nspectra =')
    text = refused(capsys, "disentangle", folder / "encoder.toml")
    assert "stars.h5" in text and "not on this model's 800 pixels" in text and "rebin" in text


def test_spectra_of_an_own_survey_are_rebinned_before_the_training(folder):
    changed(folder, "mine.toml", "step = 1", "step = 2")
    changed(folder, "encoder.toml", "spectra =", 'survey = "mine.toml"\nspectra =')
    train_from("disentangle", folder / "encoder.toml", progress=False)
    assert len(Disentangler.load(folder / "encoder.safetensors").wavelength) == 15


@pytest.mark.parametrize(
    ("kind", "name", "old", "new", "message"),
    [
        ("disentangle", "encoder.toml", "spectra =", "spectrum =", "has the key spectrum"),
        ("disentangle", "encoder.toml", 'output = "encoder.safetensors"', "", "lacks output"),
        (
            "disentangle",
            "encoder.toml",
            "latent = 3",
            "latents = 3",
            r"\[config\] has the key latents",
        ),
        ("disentangle", "encoder.toml", "latent = 3", "latent = 0", "latent is 0"),
        ("disentangle", "encoder.toml", "{age = 0.01}", "{mass = 0.01}", "λ for 'mass'"),
        ("disentangle", "encoder.toml", '"labels.csv"', '"none.csv"', "none.csv"),
        ("regressor", "regressor.toml", "hidden = [20]", "alpha = []", "alpha is"),
        ("regressor", "regressor.toml", '"age"]', '"mass"]', "no column mass"),
        (*ENCODER_FILE, "{age = 0.01}", "[0.1]", r"\[config\] has lambdas = \[0.1\]: give a table"),
        (
            *ENCODER_FILE,
            '"encoder.safetensors"',
            "3",
            "^[^ ]*encoder.toml has output = 3: give text",
        ),
        (*ENCODER_FILE, '"stars.h5"', "3", "has spectra = 3: give text or a list of texts"),
        (*ENCODER_FILE, '"labels.csv"', '["a.csv"]', "has catalogue = .*: give text"),
        (*ENCODER_FILE, "epochs = 8", "epochs = [3]", "has epochs = .3.: give a number"),
        (*ENCODER_FILE, "epochs = 8", "epochs = 0", "^[^ ]*encoder.toml: epochs is 0"),
        (*ENCODER_FILE, '"cpu"', '"gpu"', "^[^ ]*encoder.toml: device is 'gpu'"),
        (*ENCODER_FILE, "spectra", 'survey = "rsv"\nspectra', "^[^ ]*encoder.toml: no survey is"),
        ("regressor", "regressor.toml", '["teff", "age"]', '"teff"', "give a list of texts"),
        ("regressor", "regressor.toml", '["teff", "age"]', "3", "has labels = 3: give a list"),
        (
            "regressor",
            "regressor.toml",
            "max_iter = 300",
            "max_iter = -1",
            "^[^ ]*regressor.toml: ",
        ),
        ("emulator", "encoder.toml", "output", "output", "has the key spectra"),
        ("translate", "encoder.toml", "output", "output", "lacks emulator"),
    ],
)
def test_mistakes_in_the_file(folder, capsys, kind, name, old, new, message):
    changed(folder, name, old, new)
    assert re.search(message, refused(capsys, kind, folder / name))


def test_a_missing_file_is_named(tmp_path, capsys):
    assert "nothing.toml" in refused(capsys, "disentangle", tmp_path / "nothing.toml")


def test_the_help_has_all_keys(capsys):
    from specnb.reproduce.training import KINDS

    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert "\\b" not in text and '\n      labels = ["teff", "logg"]\n' in text
    text = " ".join(text.split())
    for kind, (_, needed, optional, _) in KINDS.items():
        line = re.search(rf" {kind} +needs (.*?); may have ([\w, ]*)", text)
        assert all(key in line[1] for key in needed) and all(key in line[2] for key in optional)


@pytest.mark.parametrize("kind", ["emulator", "translate"])
def test_shipped_models_are_trained_by_their_recipes(kind, monkeypatch, folder):
    from specnb.core.paths import DATA
    from specnb.reproduce import training

    calls = []
    monkeypatch.setattr(training, "ship_emulator", lambda *given: calls.append(given) or {"a": 1.0})
    monkeypatch.setattr(training, "ship_translator", lambda *given: calls.append(given) or {})
    for name in ("rvs", "apogee"):
        end = "" if kind == "emulator" else "-mock"
        summary = train_from(kind, DATA / "recipes" / f"{name}{end}.toml")
        survey, config = calls.pop()
        assert getattr(survey, "name", survey) == name and "seconds" in summary
        assert config == type(config).for_survey(training.survey_of(name))


def test_an_emulator_and_a_translator_are_trained(tmp_path, capsys):
    (tmp_path / "emulator.toml").write_text(
        'output = "emulator.safetensors"\nsurvey = "rvs"\n'
        '[config]\nhidden = [8]\ncopies = 1\nepochs = 1\ndevice = "cpu"'
    )
    assert main(["train", "emulator", str(tmp_path / "emulator.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 1
    emulator = Emulator.load(tmp_path / "emulator.safetensors", RVS)
    labels = RVS_STAR * np.random.default_rng(1).uniform(0.9, 1.1, (40, 6))
    RVS.table(labels).write(tmp_path / "labels.csv")
    flux, shape = emulator(labels), (40, 800)
    stars = Spectra(RVS.pixels, flux, np.full(shape, 0.01), np.zeros(shape), np.arange(40))
    stars.write(tmp_path / "stars.h5")
    (tmp_path / "translator.toml").write_text(
        'output = "translator.safetensors"\nsurvey = "rvs"\nemulator = "emulator.safetensors"\n'
        'spectra = "stars.h5"\ncatalogue = "labels.csv"\n'
        '[config]\nhidden = [16, 8]\nshared = 4\nsplit = 2\niterations = 6\nbatch = 16\ndevice = "cpu"'
    )
    assert main(["train", "translate", str(tmp_path / "translator.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stars"] == 40
    assert Translator.load(tmp_path / "translator.safetensors").translate(flux[:2]).shape == (
        2,
        800,
    )
