"""Labels, latents and predictions of all stars in files and folders, each in one table."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from astropy.table import Column, Table
from pooch import file_hash

import specnb.translate  # noqa: F401 - steps of translated emulators
from specnb.bulk.tables import write_table
from specnb.disentangle.model import Disentangler
from specnb.disentangle.regressor import Regressor
from specnb.emulator.model import Emulator
from specnb.emulator.shipped import load_emulator, recommended
from specnb.fitting.fit import FitConfig, fit_labels
from specnb.surveys import SURVEYS, survey_of


def label_files(paths, output, model=None, config=FitConfig(), survey=None, **how) -> dict:
    """Fit the labels of all stars in files and folders, and write the table of `specnb.fit_labels`.

    Parameters
    ----------
    paths, output, survey, **how
        See `specnb.bulk.tables.write_table`. With several files the table has a column ``file``.
    model : str or path, optional
        Name of a shipped emulator, or a file of one. The default is the one that is
        `specnb.emulator.shipped.recommended` for the first spectrum.
    config : FitConfig

    Returns
    -------
    dict
        As `specnb.bulk.tables.write_table`, whose errors are raised, too.
    """
    emulator = None if model is None else _emulator(model, survey)

    def choose(first, own, device):
        name = (emulator or recommended(first)).name
        path = own.emulator_path.with_stem(name) if name else Path(model).absolute()
        about = {"model": name or path.name, "sha256": file_hash(path)}
        task = partial(_labels, name or path, own, device, config)
        return task, about | {"settings": asdict(config)}

    pixels = None if emulator is None else emulator.wavelength
    return write_table(paths, output, choose, pixels, survey, **how)


def encode_files(paths, output, model, **how) -> dict:
    """Encode all spectra in files and folders: a table of ``id`` and the latents ``z0``, ``z1``, ...

    Parameters
    ----------
    paths, output, **how
        See `specnb.bulk.tables.write_table`.
    model : path
        File of an autoencoder (`specnb.disentangle.model.Disentangler`).
    """
    about = {"model": Path(model).name, "sha256": file_hash(model)}

    def choose(first, own, device):
        return partial(_latents, Path(model).absolute(), device), about

    return write_table(paths, output, choose, _autoencoder(model).wavelength, **how)


def predict_files(paths, output, regressor, encoder=None, **how) -> dict:
    """Predict labels of all stars in files and folders: a table of ``id`` and the labels.

    Parameters
    ----------
    paths, output, **how
        See `specnb.bulk.tables.write_table`.
    regressor : path
        File of a `specnb.disentangle.regressor.Regressor`.
    encoder : path, optional
        File of the autoencoder on whose latents it was trained.
    """
    known = Regressor.load(regressor)
    known.check_encoder(encoder)
    path = None if encoder is None else Path(encoder).absolute()
    pixels = known.wavelength if encoder is None else _autoencoder(path).wavelength
    about = {
        "model": Path(regressor).name,
        "sha256": file_hash(regressor),
        "encoder": known.encoder,
    }

    def choose(first, own, device):
        return partial(_predictions, known, path, device), about

    return write_table(paths, output, choose, pixels, **how)


# The tables of one piece. Models are read in the process that uses them, which takes no time.
def _labels(model, survey, device, config, spectra):
    return fit_labels(spectra, _emulator(model, survey).to(device), config)


def _latents(path, device, spectra):
    z = _autoencoder(path, device).encode(spectra)
    return Table([spectra.ids, *z.T], names=["id", *(f"z{k}" for k in range(z.shape[1]))])


def _predictions(regressor, path, device, spectra):
    encoder = None if path is None else _autoencoder(path, device)
    values = regressor.predict(regressor.inputs(spectra, encoder))
    columns = [Column(each, unit=unit or None) for each, unit in zip(values.T, regressor.units)]
    return Table([spectra.ids, *columns], names=["id", *regressor.labels])


def _emulator(model, survey):
    """A shipped emulator by its name, or that of a file for a survey, which may be any."""
    if not str(model).endswith(".safetensors"):
        return load_emulator(str(model))
    surveys = list(SURVEYS.values()) if survey is None else [survey_of(survey)]
    for each in surveys:
        try:
            return Emulator.load(model, each)
        except OSError as error:
            wrong = error
    raise wrong


def _autoencoder(path, device="cpu"):
    model = Disentangler.load(path)
    if model.config.labels_in_encoder:
        raise ValueError(f"{path} encodes spectra with their labels: call its encode() in Python")
    model.networks.to(device)
    return model
