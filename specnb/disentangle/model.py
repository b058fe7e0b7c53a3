"""A trained autoencoder, which encodes spectra as latents and decodes latents and labels."""

import json
import numbers
import warnings
from dataclasses import asdict, fields

import numpy as np
import torch

from specnb.core.files import check_same, read_tensors, tensors_of, whole_file, write_tensors
from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.networks import Networks
from specnb.disentangle.scales import Scales

BATCH = 8192  # number of spectra at a time, which need about 0.1 GB of memory


class OutsideBinsWarning(UserWarning):
    """Warns that labels are so far from those of the training stars that decoding is a guess."""


class Disentangler:
    """An adversarial autoencoder with its scales; made by `specnb.disentangle.train.train`.

    Attributes
    ----------
    config : DisentangleConfig
    labels : tuple of str
        The parameters that the decoder takes, in the order of all label arrays.
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    scales : Scales
    networks : Networks
    history : list of dict
        One row per epoch of the training.
    """

    def __init__(
        self, config: DisentangleConfig, wavelength, scales: Scales, networks: Networks, history=()
    ):
        self.config, self.labels = config, config.labels
        self.wavelength = np.asarray(wavelength, dtype=float)
        self.scales, self.networks, self.history = scales, networks, list(history)

    @property
    def device(self) -> torch.device:
        return next(self.networks.parameters()).device

    def label_array(self, table) -> np.ndarray:
        """The model's labels as columns of an array, shape (n, n_labels), from a catalogue."""
        return label_array(table, self.labels)

    def encode(self, spectra: Spectra, lambdas=None, seed: int | None = 0) -> np.ndarray:
        """Latents of spectra, shape (n, latent), float32.

        With a bottleneck they are random draws around their means. The noise limits how much
        information they contain. The decoder and the discriminators were trained with such draws.
        The means may contain more information.

        Parameters
        ----------
        spectra : Spectra
            On the model's pixels. Architecture 1 also needs their labels.
        lambdas : mapping, optional
            λ of each label, for a model that takes λ as input. λ is 0 for labels that are not
            given.
        seed : int or None
            Seed of the noise. ``None`` gives the means of the latents.

        Raises
        ------
        ValueError
            If the pixels differ, labels are missing, or λ is given to a model that does not take
            it.
        """
        if not np.array_equal(spectra.wavelength, self.wavelength):
            low, high = self.wavelength[[0, -1]]
            raise ValueError(f"the spectra are not on this model's {len(self.wavelength)} pixels, {low:.2f}-{high:.2f} Å: "
                             "rebin them first")  # fmt: skip
        values = self.label_array(spectra.labels) if self.config.labels_in_encoder else None
        weights = self._weights(lambdas)
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        parts = []
        for rows in _batches(len(spectra)):
            flux = torch.from_numpy(self.scale_flux(spectra.flux[rows], spectra.mask[rows])).to(
                self.device
            )
            labels = None if values is None else self._scaled(values[rows])
            lam = None if weights is None else weights.expand(len(flux), -1)
            with torch.no_grad():
                mean, log_variance = self.networks.encode(flux, labels, lam)
            if log_variance is not None and generator is not None:
                noise = torch.randn(mean.shape, generator=generator).to(mean)
                mean = mean + noise * (0.5 * log_variance).exp()
            parts.append(mean.cpu().numpy())
        return np.concatenate(parts) if parts else np.empty((0, self.config.latent), np.float32)

    def decode(self, z, labels, lambdas=None) -> np.ndarray:
        """Spectra from latents and labels, shape (n, n_pix), float32.

        Parameters
        ----------
        z : array_like, shape (n, latent)
        labels : array_like, shape (n, n_labels), or Table
            In the order of ``self.labels``. If labels are beyond the training range by more than a
            bin, the decoder extrapolates, and there is an `OutsideBinsWarning`. `inside` tells
            which stars are in the range.
        lambdas : mapping, optional
            As for `encode`.

        Raises
        ------
        ValueError
            If shapes disagree or a label is not finite.
        """
        values = (
            np.asarray(labels, dtype=float)
            if not hasattr(labels, "colnames")
            else self.label_array(labels)
        )
        z = np.asarray(z, dtype=np.float32)
        if (
            z.ndim != 2
            or z.shape[1] != self.config.latent
            or values.shape != (len(z), len(self.labels))
        ):
            raise ValueError(f"latents of shape {z.shape} and labels of shape {values.shape}: give (n, "
                             f"{self.config.latent}) and (n, {len(self.labels)}): {', '.join(self.labels)}")  # fmt: skip
        if not np.isfinite(z).all():
            raise ValueError(
                f"latents of row {np.argwhere(~np.isfinite(z))[0][0]} are not finite: give finite ones"
            )
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(
                f"{self.labels[column]} of row {row} is {values[row, column]}: labels must be finite"
            )
        self._warn_outside(values)
        weights = self._weights(lambdas)
        flux = np.empty((len(z), len(self.wavelength)), dtype=np.float32)
        for rows in _batches(len(z)):
            lam = None if weights is None else weights.expand(len(z[rows]), -1)
            with torch.no_grad():
                out = self.networks.decode(
                    torch.from_numpy(z[rows]).to(self.device), self._scaled(values[rows]), lam
                )
            flux[rows] = out.cpu().numpy() * self.scales.flux_scale + self.scales.flux_mean
        return flux

    def reconstruct(self, spectra: Spectra, lambdas=None, seed: int | None = 0) -> np.ndarray:
        """Encode spectra and decode them with their own labels, shape (n, n_pix)."""
        return self.decode(
            self.encode(spectra, lambdas, seed), self.label_array(spectra.labels), lambdas
        )

    def inside(self, labels) -> np.ndarray:
        """Whether labels (n, n_labels) are in the range of the training stars, bool (n,)."""
        labels = np.atleast_2d(labels)
        return np.all(
            (labels >= self.scales.label_low) & (labels <= self.scales.label_high), axis=1
        )

    def _warn_outside(self, values):
        low, high = self.scales.label_low, self.scales.label_high
        width = (high - low) / self.config.bins
        outside = (values < low - width) | (values > high + width)
        if outside.any():
            row, k = np.argwhere(outside)[0]
            warnings.warn(
                f"{outside.any(axis=1).sum()} of {len(values)} stars have labels outside the bins of the training stars, "
                f"the first {self.labels[k]} = {values[row, k]:g} ({low[k]:.4g} to {high[k]:.4g}): the decoder "
                "extrapolates there; see inside()",
                OutsideBinsWarning,
                stacklevel=3,
            )

    def scale_flux(self, flux, mask) -> np.ndarray:
        """Flux as the encoder takes it, float32.

        The mean spectrum is subtracted, and the scatter is 1. Masked pixels are 0, which is the
        mean spectrum.
        """
        return np.where(mask, 0, (flux - self.scales.flux_mean) / self.scales.flux_scale).astype(
            np.float32
        )

    def _scaled(self, values):
        scaled = (values - self.scales.label_mean) / self.scales.label_std
        return torch.as_tensor(scaled, dtype=torch.float32, device=self.device)

    def _weights(self, lambdas):
        """λ in units of ``lambda_range`` as a tensor, or None for a model that does not take λ."""
        span = self.config.lambda_range
        if not span:
            if lambdas is not None:
                raise ValueError(
                    "this model was trained at fixed λ: leave lambdas out, or train one with lambda_range"
                )
            return None
        lambdas = lambdas or {}
        for name, value in lambdas.items():
            if name not in self.labels:
                raise ValueError(
                    f"there is a λ for {name!r}, which is no label of this model: {', '.join(self.labels)}"
                )
            if not isinstance(value, numbers.Real) or not abs(value) <= span:
                raise ValueError(
                    f"λ of {name} is {value!r}: this model was trained from {-span:g} to {span:g}"
                )
        scaled = [[float(lambdas.get(name, 0.0)) / span for name in self.labels]]
        return torch.tensor(scaled, dtype=torch.float32, device=self.device)

    def save(self, path):
        """Write networks, scales, configuration and history to one safetensors file."""
        tensors = {f"networks.{name}": value for name, value in self.networks.state_dict().items()}
        tensors["wavelength"] = torch.from_numpy(self.wavelength)
        for entry in fields(Scales):
            tensors[f"scales.{entry.name}"] = torch.from_numpy(
                np.asarray(getattr(self.scales, entry.name))
            )
        about = {"config": json.dumps(asdict(self.config)), "history": json.dumps(self.history)}
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path, config: DisentangleConfig | None = None):
        """Read a model written by `save`.

        Parameters
        ----------
        path : str or Path
        config : DisentangleConfig, optional
            The configuration that the file must have.

        Raises
        ------
        OSError
            If the file is missing or truncated, or is not an autoencoder.
        ValueError
            If it was trained with another configuration.
        """
        with whole_file(path, "autoencoder file", "train it anew"):
            tensors, about = read_tensors(path)
            found = DisentangleConfig(**json.loads(about["config"]))
            wavelength = tensors["wavelength"].numpy()
            networks = Networks(found, len(wavelength))
            networks.load_state_dict(tensors_of(tensors, "networks."))
            stored = {entry.name: tensors[f"scales.{entry.name}"] for entry in fields(Scales)}
            scales = Scales(
                **{name: v.numpy() if v.ndim else v.item() for name, v in stored.items()}
            )
        check_same(path, asdict(found), config)
        return cls(found, wavelength, scales, networks, json.loads(about["history"]))


def _batches(n):
    return (slice(start, start + BATCH) for start in range(0, n, BATCH))
