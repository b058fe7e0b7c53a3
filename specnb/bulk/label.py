"""Labels, latents and predictions of all stars in files and folders, each in one table."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from astropy.table import Column, Table
from pooch import file_hash

import specnb.translate  # noqa: F401 - steps of translated emulators
from specnb.bulk.tables import write_table
from specnb.core.device import pick_device
from specnb.disentangle.model import Disentangler
from specnb.disentangle.regressor import Regressor
from specnb.emulator.model import Emulator
from specnb.emulator.shipped import load_emulator, recommended
from specnb.fitting.fit import FitConfig, fit_labels
from specnb.surveys import SURVEYS, survey_of


def label_files(
    paths, output, model=None, config=FitConfig(), survey=None, device="auto", **how
) -> dict:
    """Fit the labels of all stars in files and folders, and write the table of `specnb.fit_labels`.

    Parameters
    ----------
    paths, output, survey, **how
        See `specnb.bulk.tables.write_table`. With several files the table has a column ``file``.
    model : str or path, optional
        Name of a shipped emulator, or a file of one. The default is the one that is
        `specnb.emulator.shipped.recommended` for the first spectrum.
    config : FitConfig
    device : str
        See `specnb.core.device.pick_device`.

    Returns
    -------
    dict
        As `specnb.bulk.tables.write_table`, whose errors are raised, too.

    Notes
    -----
    Labels agree with those of `fit_labels` to about 1e-5 of their values and 1e-4 of their errors, not
    to all 7 digits that are written: the last digits of sums of float32 depend on the number of
    threads, and on the stars that are fitted together.
    """
    device, emulator = pick_device(device), model and _emulator(model, survey)

    def choose(first, own):
        name = (emulator or recommended(first)).name
        path = own.emulator_path.with_stem(name) if name else Path(model).absolute()
        about = _checksum(path) | {"settings": asdict(config)}
        return partial(_labels, name or path, own, device, config), about

    return write_table(paths, output, choose, emulator and emulator.wavelength, survey, **how)


def encode_files(paths, output, model, device="auto", **how) -> dict:
    """Encode all spectra in files and folders: a table of ``id`` and the latents ``z0``, ``z1``, ...

    Parameters
    ----------
    paths, output, device, **how
        As for `label_files`.
    model : path
        File of an autoencoder (`specnb.disentangle.model.Disentangler`).
    """
    task = partial(_latents, Path(model).absolute(), pick_device(device))
    pixels = _autoencoder(model).wavelength
    return write_table(paths, output, lambda *_: (task, _checksum(model)), pixels, **how)


def predict_files(paths, output, regressor, encoder=None, device="auto", **how) -> dict:
    """Predict labels of all stars in files and folders: a table of ``id`` and the labels.

    Parameters
    ----------
    paths, output, device, **how
        As for `label_files`.
    regressor : path
        File of a `specnb.disentangle.regressor.Regressor`.
    encoder : path, optional
        File of the autoencoder on whose latents it was trained.
    """
    known = Regressor.load(regressor)
    known.check_encoder(encoder)
    path = encoder and Path(encoder).absolute()
    task = partial(_predictions, known, path, pick_device(device))
    pixels = _autoencoder(path).wavelength if path else known.wavelength
    about = _checksum(regressor) | {"encoder": known.encoder}
    return write_table(paths, output, lambda *_: (task, about), pixels, **how)


# The tables of one piece. Models are read in the process that uses them, which takes no time.
def _labels(model, survey, device, config, spectra):
    return fit_labels(spectra, _emulator(model, survey).to(device), config)


def _latents(path, device, spectra):
    z = _autoencoder(path, device).encode(spectra)
    return Table([spectra.ids, *z.T], names=["id", *(f"z{k}" for k in range(z.shape[1]))])


def _predictions(regressor, path, device, spectra):
    values = regressor.predict(regressor.inputs(spectra, path and _autoencoder(path, device)))
    columns = [Column(each, unit=unit or None) for each, unit in zip(values.T, regressor.units)]
    return Table([spectra.ids, *columns], names=["id", *regressor.labels])


def _emulator(model, survey):
    """A shipped emulator by its name, or that of a file for a survey, which may be any."""
    if not str(model).endswith(".safetensors"):
        return load_emulator(str(model))
    for each in SURVEYS.values() if survey is None else [survey_of(survey)]:
        try:
            return Emulator.load(model, each)
        except OSError as error:
            wrong = error
    raise wrong


def _autoencoder(path, device="cpu"):
    model = Disentangler.load(path)
    model.networks.to(device)
    return model


def _checksum(path):
    """What a table says of the file of its model."""
    return {"model": Path(path).stem, "sha256": file_hash(path)}
