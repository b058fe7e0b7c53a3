"""A trained regressor in a file of its own, which predicts the labels of new stars."""

import json

import numpy as np
import torch
from pooch import file_hash

from specnb.core.files import read_tensors, tensors_of, whole_file, write_tensors
from specnb.core.labels import finite_rows
from specnb.core.spectra import Spectra, check_at_rest
from specnb.core.values import numbers

ARRAYS = ("input_mean", "input_scale", "label_mean", "label_scale")


class Regressor:
    """Labels from latents or from spectra by a network with ReLU layers, which needs NumPy only.

    Attributes
    ----------
    labels, units : tuple of str
        Names and units of the labels, in the order of the columns of `predict`.
    encoder : str
        SHA-256 of the file of the autoencoder whose latents are the inputs. It is empty if spectra
        are.
    wavelength : ndarray, shape (n_pix,), or None
        Pixels (vacuum Å) of the spectra that are the inputs, or that were encoded.
    arrays : dict of ndarray
        Means and scales of inputs and labels, ``weights.K`` and ``biases.K`` of each layer, float32.
    """

    def __init__(self, labels, units, arrays: dict, encoder: str = "", wavelength=None):
        self.labels, self.units = tuple(labels), tuple(units)
        self.arrays, self.encoder = arrays, encoder
        pixels = wavelength if wavelength is None else numbers(wavelength, "Angstrom", "wavelength")
        self.wavelength = pixels

    @classmethod
    def of(cls, fitted, labels, units, encoder: str = "", wavelength=None):
        """The regressor that `specnb.disentangle.regress.fit_regressor` trained.

        Parameters
        ----------
        fitted : TransformedTargetRegressor
        labels, units, encoder, wavelength
            As the attributes.
        """
        inputs, network = fitted.regressor_
        scales = (
            inputs.mean_,
            inputs.scale_,
            fitted.transformer_.mean_,
            fitted.transformer_.scale_,
        )
        layers = {f"weights.{k}": each for k, each in enumerate(network.coefs_)}
        layers |= {f"biases.{k}": each for k, each in enumerate(network.intercepts_)}
        arrays = dict(zip(ARRAYS, scales)) | layers
        arrays = {name: np.asarray(each, np.float32) for name, each in arrays.items()}
        return cls(labels, units, arrays, encoder, wavelength)

    def __repr__(self):
        source = "latents" if self.encoder else "inputs"
        return f"<Regressor of {', '.join(self.labels)}: {self.n_inputs} {source}>"

    @property
    def n_inputs(self) -> int:
        """Number of latents or pixels."""
        return len(self.arrays["input_mean"])

    def predict(self, x) -> np.ndarray:
        """Labels of stars, shape (n, n_labels), float32, from their latents or filled spectra.

        Parameters
        ----------
        x : array_like, shape (n, n_inputs)

        Raises
        ------
        ValueError
            If there are not as many inputs, or one is not finite.
        """
        x = finite_rows(x, "inputs", dtype=np.float32)
        if x.shape[1] != self.n_inputs:
            raise ValueError(
                f"{x.shape[1]} inputs a star, but the regressor takes {self.n_inputs}: "
                "give the latents or the pixels that it was trained on"
            )
        hidden = (x - self.arrays["input_mean"]) / self.arrays["input_scale"]
        for k in range(len(tensors_of(self.arrays, "weights."))):
            if k:
                hidden = np.maximum(hidden, 0)
            hidden = hidden @ self.arrays[f"weights.{k}"] + self.arrays[f"biases.{k}"]
        return hidden * self.arrays["label_scale"] + self.arrays["label_mean"]

    def inputs(self, spectra: Spectra, autoencoder=None) -> np.ndarray:
        """What the regressor takes for spectra, shape (n, n_inputs).

        It is their latents, if an autoencoder is given; see `check_encoder`. Otherwise it is their
        flux, with the mean of the training stars in masked pixels.

        Raises
        ------
        ValueError
            If the pixels are not those of the training, or the spectra are not at rest.
        """
        if autoencoder is not None:
            return autoencoder.encode(spectra)
        if self.wavelength is not None:
            check_at_rest(spectra, self.wavelength)
        return np.where(spectra.mask, self.arrays["input_mean"], spectra.flux)

    def check_encoder(self, path=None):
        """Raise ValueError unless the file of an autoencoder, or none, is that of the training."""
        found = "" if path is None else file_hash(path)
        if found != self.encoder:
            given = f"not of {path} (SHA-256 {found[:8]}…)" if path else "and no encoder is given"
            takes = (
                f"latents of the encoder with SHA-256 {self.encoder[:8]}…, {given}: give its file"
            )
            takes = takes if self.encoder else "spectra: leave the encoder out"
            raise ValueError(f"the regressor takes {takes}")

    def save(self, path):
        """Write the regressor to one safetensors file."""
        tensors = {name: torch.from_numpy(each) for name, each in self.arrays.items()}
        if self.wavelength is not None:
            tensors["wavelength"] = torch.from_numpy(self.wavelength)
        about = {"labels": self.labels, "units": self.units, "encoder": self.encoder}
        write_tensors(path, tensors, {"regressor": json.dumps(about)})

    @classmethod
    def load(cls, path):
        """Read a regressor written by `save`.

        Raises
        ------
        OSError
            If the file is missing or damaged, or is no regressor.
        """
        with whole_file(path, "regressor file", "train it with specnb train regressor"):
            tensors, about = read_tensors(path)
            about = json.loads(about["regressor"])
            arrays = {name: each.numpy() for name, each in tensors.items()}
            wavelength = arrays.pop("wavelength", None)
            return cls(**about, arrays=arrays, wavelength=wavelength)
