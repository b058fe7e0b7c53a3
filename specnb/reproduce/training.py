"""Training from a TOML file: ``specnb train KIND CONFIG.toml``.

::

    output = "encoder.safetensors"     # paths are relative to this file
    spectra = ["train.h5", "more/"]    # files or folders
    catalogue = "labels.csv"           # matched by id; without it, the files of spectra have the labels
    survey = "mine.toml"               # or rvs, apogee; without it, the survey is recognised
    error = "estimate"                 # of spectra without errors, or a number

    [config]                           # fields of DisentangleConfig
    labels = ["teff", "logg"]
    lambdas = {teff = 0.03}

That is ``disentangle``. ``regressor`` also takes ``encoder``, an autoencoder's file, without which
the regressor takes spectra, and ``labels``; its ``config`` has the fields of `RegressorConfig`.
``translate`` also takes ``emulator`` (a name, or a file of the survey), and its catalogue has the labels of
the synthetic stars. ``emulator`` takes ``survey`` and ``grid``, an HDF5 file of `SyntheticGrid`.
Labels that the survey declares get its units. Stars with a label that must be a mistake are left out,
see `specnb.surveys.outliers`.
``shipped = "rvs"`` instead of all inputs trains the emulator, translator or autoencoder that is
shipped.
"""

import time
import warnings
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from pooch import file_hash
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from specnb.core.config import check_keys, read_toml
from specnb.core.device import pick_device
from specnb.core.labels import label_array, limits
from specnb.disentangle import DisentangleConfig, Disentangler
from specnb.disentangle import train as train_disentangler
from specnb.disentangle.config import LABELS
from specnb.disentangle.regress import RegressorConfig, errors, fit_regressor
from specnb.disentangle.regressor import Regressor
from specnb.disentangle.shipped import CONDITIONAL
from specnb.disentangle.train import training_rows
from specnb.emulator.model import Emulator
from specnb.emulator.shipped import load_emulator
from specnb.emulator.train import EmulatorConfig, train_emulator
from specnb.reproduce.shipping import ship_autoencoder, ship_emulator, ship_translator
from specnb.simulator.grid import load_grid
from specnb.surveys import SURVEYS, read_spectra, survey_of
from specnb.surveys.catalogue import in_declared_units, with_labels
from specnb.surveys.outliers import OutlierWarning, among_surveys, training_labels
from specnb.surveys.tables import tables_of
from specnb.translate import TranslateConfig
from specnb.translate import train as train_translator

PATHS = ("output", "catalogue", "encoder", "grid")
READ = ("catalogue", "survey", "error")  # how spectra are read, besides their files
TYPES = dict.fromkeys((*PATHS, "survey", "emulator", "shipped"), (str,)) | {
    "spectra": (str, tuple[str, ...]), "labels": (tuple[str, ...],), "error": (float, str),
}  # fmt: skip
VALIDATION = 0.1  # fraction of the stars that test a regressor


def train_from(kind: str, path, progress: bool = True) -> dict:
    """Train what a TOML file describes, and write it to one file.

    After an interruption the same call goes on from the checkpoint beside the output, but for
    regressors, which have none.

    Parameters
    ----------
    kind : {"emulator", "disentangle", "translate", "regressor"}
    path : path
        The TOML file, see above.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        ``output``, ``seconds``, and what the training tells of itself.

    Raises
    ------
    ValueError
        If a key is unknown or missing, a value is wrong, or the stars cannot be trained on.
    OSError
        If a file is missing or damaged, or cannot be written.
    FloatingPointError
        If the training diverges.
    """
    make, needed, optional, config = KINDS[kind]
    about, start = read_toml(path, "training configuration"), time.monotonic()
    given = about.pop("config", {})
    if "shipped" in about and kind in SHIPPED:
        make, needed, optional = SHIPPED[kind], ("shipped",), ()
    check_keys(about, needed, optional, str(path), TYPES)
    settings = {each.name: (each.type,) for each in fields(config)}
    check_keys(given, (), settings, f"{path} [config]", settings)
    folder, about["file"] = Path(path).parent, path
    for key in set(PATHS) & set(about):
        about[key] = folder / about[key]
    if "spectra" in about:
        files = about["spectra"]
        about["spectra"] = [
            folder / each for each in ([files] if isinstance(files, str) else files)
        ]
    for key in ("survey", "emulator"):
        if str(about.get(key)).endswith((".toml", ".safetensors")):
            about[key] = folder / about[key]
    survey = about.get("survey")
    with _named(path, *([survey] if isinstance(survey, Path) else [])):
        own = survey_of(survey) if survey else None
    about |= {"survey": own} if own else {}
    files = [about[key] for key in ("catalogue",) if key in about] + about.get("spectra", [])
    with _named(*files, path), among_surveys(own):
        summary = make(about, given, progress)
    output = {"output": str(about["output"])} if "output" in about else {}
    return output | summary | {"seconds": round(time.monotonic() - start, 1)}


@contextmanager
def _named(source, *others):
    """Errors name the file that they are about, this one if they name none of them yet."""
    try:
        yield
    except ValueError as error:
        named = any(str(each) in str(error) for each in (source, *others))
        raise ValueError(f"{error}" if named else f"{source}: {error}") from error


def _config(about, make, *given, **settings):
    """A configuration, whose errors name the file."""
    with _named(about["file"]):
        config = make(*given, **settings)
        pick_device(config.device)
    return config


def _stars(about, labels, survey=None):
    """The training stars with their labels, on the pixels of their survey, and how many are left
    out, because a label of theirs must be a mistake.
    """
    survey = survey or about.get("survey")
    spectra = read_spectra(about["spectra"], survey=survey, error=about.get("error"))
    known = SURVEYS.values() if survey is None else [survey]
    survey = next((each for each in known if each.has(spectra.wavelength)), survey)
    with _named(*about["spectra"]):
        spectra = spectra if survey is None else survey.on_pixels(spectra)
    declared = {each.name: each for each in survey.labels} if survey else {}
    wanted = [declared.get(name, name) for name in labels]
    if "catalogue" in about:
        spectra = with_labels(spectra, about["catalogue"], wanted)
    if not labels or spectra.labels is None:
        return spectra, 0
    spectra = replace(spectra, labels=in_declared_units(spectra.labels, wanted))
    _, good = training_labels(spectra.labels, labels, spectra.ids)
    return spectra[good], int((~good).sum())


def _emulator(about, given, progress):
    survey, output = about["survey"], about["output"]
    config = _config(about, EmulatorConfig.for_survey, survey, **given)
    grid = load_grid(survey, about.get("grid"))
    emulator = train_emulator(grid, config, output.with_suffix(".checkpoint"), progress)
    emulator.save(output)
    about = emulator.card
    return {"epochs": len(about["history"]), "validation_loss": about["validation_error"]}


def _disentangle(about, given, progress):
    config = _config(about, DisentangleConfig, **given)
    stars, wrong = _stars(about, config.labels)
    output = about["output"]
    with warnings.catch_warnings(action="ignore", category=OutlierWarning):  # they are named
        model = train_disentangler(stars, config, output.with_suffix(".checkpoint"), progress)
    model.save(output)
    y = label_array(stars.labels, config.labels)
    train, test = training_rows(len(stars), config)
    z = model.encode(stars)
    found = LinearRegression().fit(z[train], y[train]).predict(z[test])
    r2 = r2_score(y[test], found, multioutput="raw_values")
    best = min(model.history, key=lambda row: row["loss"])
    return {
        "stars": len(stars),
        "left_out": wrong,
        "epochs": len(model.history),
        "validation_loss": best["loss"],
        "reconstruction": best["reconstruction"],
        "linear_r2": dict(zip(config.labels, r2.round(4).tolist())),
    }


def _translate(about, given, progress):
    name, output = about["emulator"], about["output"]
    own = isinstance(name, Path)
    survey = survey_of(about.get("survey", "rvs"))
    emulator = Emulator.load(name, survey) if own else load_emulator(name)
    config = _config(about, TranslateConfig.for_survey, emulator.survey, **given)
    observed, _ = _stars(
        {"spectra": about["spectra"], "error": about.get("error")}, (), emulator.survey
    )
    labels = tables_of(about["catalogue"])[0]
    checkpoint = output.with_suffix(".checkpoint")
    model = train_translator(emulator, labels, observed, config, checkpoint, progress)
    model.save(output)
    return {"stars": len(observed)} | model.history[-1]


def _regressor(about, given, progress):
    encoder = Disentangler.load(about["encoder"]) if "encoder" in about else None
    labels = tuple(about.get("labels") or (LABELS if encoder is None else encoder.labels))
    config = RegressorConfig(**given)
    if encoder is not None and encoder.config.labels_in_encoder:
        raise ValueError(
            f"{about['encoder']} needs the labels to encode a star: give one of architecture 2"
        )
    stars, wrong = _stars(about, labels)
    y = label_array(stars.labels, labels)
    if (constant := np.ptp(y, axis=0) == 0).any():
        k = constant.argmax()
        raise ValueError(f"all stars have {labels[k]} = {y[0, k]:g}: leave it out of labels")
    mean = np.ma.mean(np.ma.array(stars.flux, mask=stars.mask), axis=0)
    x = np.where(stars.mask, mean, stars.flux) if encoder is None else encoder.encode(stars)
    order = np.random.default_rng(config.seed).permutation(len(stars))
    test, train = np.split(order, [round(VALIDATION * len(stars))])
    with _named(about["file"]), warnings.catch_warnings(action="ignore", category=OutlierWarning):
        fitted = fit_regressor(x[train], y[train], labels, config)
    units = [_unit(stars.labels, name) for name in labels]
    sha256 = file_hash(about["encoder"]) if encoder is not None else ""
    regressor = Regressor.of(fitted, labels, units, sha256, stars.wavelength)
    linear = LinearRegression().fit(x[train], y[train])
    mae = {
        key: dict(zip(labels, errors(found, y[test], labels)["mae"].round(6).tolist()))
        for key, found in {
            "mae": regressor.predict(x[test]),
            "linear_mae": linear.predict(x[test]),
        }.items()
    }
    regressor.save(about["output"])
    about = {"stars": len(stars), "left_out": wrong, "epochs": fitted.regressor_[-1].n_iter_}
    return about | mae


def _unit(table, name):
    """The unit that `training_labels` gives a label."""
    return limits(name).unit if limits(name).unit is not None else str(table[name].unit or "")


def _shipped(about, given, progress):
    survey = survey_of(about["shipped"])
    return ship_emulator(survey, EmulatorConfig.for_survey(survey, **given))


def _shipped_translator(about, given, progress):
    survey = survey_of(about["shipped"])
    return ship_translator(survey.name, TranslateConfig.for_survey(survey, **given))


def _shipped_autoencoder(about, given, progress):
    return ship_autoencoder(survey_of(about["shipped"]).name, replace(CONDITIONAL, **given))


# What trains each kind, the keys that it needs, those that it may have, and its configuration.
KINDS = {
    "emulator": (_emulator, ("output", "survey"), ("grid",), EmulatorConfig),
    "disentangle": (_disentangle, ("output", "spectra"), READ, DisentangleConfig),
    "translate": (
        _translate, ("output", "spectra", "catalogue", "emulator"), ("survey", "error"), TranslateConfig,
    ),
    "regressor": (
        _regressor, ("output", "spectra"), (*READ, "encoder", "labels"), RegressorConfig,
    ),
}  # fmt: skip
SHIPPED = {
    "emulator": _shipped,
    "translate": _shipped_translator,
    "disentangle": _shipped_autoencoder,
}
