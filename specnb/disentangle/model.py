"""A trained autoencoder, which encodes spectra as latents and decodes latents and labels."""

import json
import warnings
from dataclasses import asdict

import numpy as np
import torch

from specnb.core.files import check_same, read_tensors, tensors_of, whole_file, write_tensors
from specnb.core.labels import finite_rows, label_array, label_columns
from specnb.core.spectra import Spectra, check_at_rest
from specnb.core.values import numbers
from specnb.disentangle.config import DisentangleConfig, check_lambdas
from specnb.disentangle.networks import Networks, drawn_latents
from specnb.disentangle.scales import Scales

BATCH = 8192  # spectra in one pass through the networks, whose layers need about 0.1 GB of memory


class OutsideBinsWarning(UserWarning):
    """Warns that labels are so far from those of the training stars that decoding is a guess."""


class Autoencoder:
    """What all models have that encode spectra, and decode latents together with labels.

    Subclasses define ``encode`` and ``decode`` with the arguments of `Disentangler`.

    Attributes
    ----------
    labels : tuple of str
        The parameters that the decoder takes, in the order of all label arrays.
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    scales : Scales
    latent : int
        Size of the latent space.
    bins : int
        Labels outside the training range by more than one of so many bins are warned of.
    noise : bool
        Whether ``encode`` gives random draws of the latents if it is given a seed.
    history : list of dict
        One row per epoch of the training. It is empty if there was no training in epochs.
    """

    bins, noise, history = 10, False, ()

    def __init__(self, labels, wavelength, scales: Scales, latent: int):
        self.labels, self.scales, self.latent = labels, scales, latent
        self.wavelength = numbers(wavelength, "Angstrom", "wavelength")

    def __repr__(self):
        labels, name = ", ".join(self.labels), type(self).__name__
        return f"<{name} of {labels}: {len(self.wavelength)} pixels, {self.latent} latents>"

    def label_array(self, table) -> np.ndarray:
        """The model's labels as columns of an array, shape (n, n_labels), from a catalogue."""
        return label_array(table, self.labels)

    def reconstruct(self, spectra: Spectra, lambdas=None, seed: int | None = None) -> np.ndarray:
        """Encode spectra and decode them with their own labels, shape (n, n_pix).

        With a bottleneck the decoder was trained with random draws, as a ``seed`` gives. The means
        can lie where it was not trained, and then give a larger error than a draw.
        """
        return self.decode(
            self.encode(spectra, lambdas, seed), self.label_array(spectra.labels), lambdas
        )

    def inside(self, labels) -> np.ndarray:
        """Whether labels (n, n_labels) are in the range of the training stars, bool (n,)."""
        labels = label_columns(labels, self.labels)
        return np.all(
            (labels >= self.scales.label_low) & (labels <= self.scales.label_high), axis=1
        )

    def scale_flux(self, flux, mask) -> np.ndarray:
        """Flux as the encoder takes it, float32.

        The mean spectrum is subtracted, and the scatter is 1. Masked pixels are 0, which is the
        mean spectrum.
        """
        flux = numbers(flux, "", "flux", np.float32)
        bad = (numbers(mask, "", "mask") != 0) | np.isnan(flux)
        return np.where(bad, 0, (flux - self.scales.flux_mean) / self.scales.flux_scale).astype(
            np.float32
        )

    def _code(self, z, labels):
        """Latents, float32, and labels as arrays with as many rows. Labels far out are warned of."""
        values = self.label_array(labels)
        z = finite_rows(z, "latents", [f"z{k}" for k in range(self.latent)], np.float32)
        if len(z) != len(values):
            raise ValueError(f"{len(z)} rows of latents and {len(values)} of labels: give as many")
        low, high = self.scales.label_low, self.scales.label_high
        width = (high - low) / self.bins
        outside = (values < low - width) | (values > high + width)
        if outside.any():
            row, k = np.argwhere(outside)[0]
            warnings.warn(
                f"{outside.any(axis=1).sum()} of {len(values)} stars have labels outside the bins "
                f"of the training stars, the first {self.labels[k]} = {values[row, k]:g} "
                f"({low[k]:.4g} to {high[k]:.4g}): the decoder extrapolates there; see inside()",
                OutsideBinsWarning,
                stacklevel=3,
            )
        return z, values


class Disentangler(Autoencoder):
    """An adversarial autoencoder with its scales; made by `specnb.disentangle.train.train`.

    Attributes
    ----------
    config : DisentangleConfig
    networks : Networks
    labels, wavelength, scales, latent, bins, noise, history
        As for `Autoencoder`.
    """

    def __init__(
        self, config: DisentangleConfig, wavelength, scales: Scales, networks: Networks, history=()
    ):
        super().__init__(config.labels, wavelength, scales, config.latent)
        self.config, self.networks, self.history = config, networks, list(history)
        self.bins, self.noise = config.bins, config.bottleneck > 0

    @property
    def device(self) -> torch.device:
        return next(self.networks.parameters()).device

    def encode(self, spectra: Spectra, lambdas=None, seed: int | None = None) -> np.ndarray:
        """Latents of spectra, shape (n, latent), float32.

        They are a function of the spectrum. With a bottleneck they are the means of Gaussian
        distributions. The decoder and the discriminators were then trained with random draws from
        these distributions, which a ``seed`` gives. A draw contains less information than the
        means: what discriminators and probes do not find in a draw may still be in the means.

        Parameters
        ----------
        spectra : Spectra
            On the model's pixels. Architecture 1 also needs their labels.
        lambdas : mapping, optional
            λ of each label, for a model that takes λ as input. λ is 0 for labels that are not
            given.
        seed : int, optional
            Seed of the noise of a model with a bottleneck. The default gives the means.

        Raises
        ------
        ValueError
            If the pixels differ, the spectra are not at rest, labels are missing, or λ is given to
            a model that does not take it.
        """
        check_at_rest(spectra, self.wavelength)
        values = np.zeros((len(spectra), len(self.labels)))
        if self.config.labels_in_encoder:
            values = self.label_array(spectra.labels)
        random = None if seed is None else torch.Generator().manual_seed(seed)
        return _in_batches(
            lambda *inputs: drawn_latents(*self.networks.encode(*inputs), random),
            torch.from_numpy(self.scale_flux(spectra.flux, spectra.mask)).to(self.device),
            self._scaled(values),
            self._weights(lambdas, len(spectra)),
        )

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
            If shapes disagree, or a label is missing, not finite or impossible.
        """
        z, values = self._code(z, labels)
        latents = torch.from_numpy(z).to(self.device)
        flux = _in_batches(
            self.networks.decode, latents, self._scaled(values), self._weights(lambdas, len(z))
        )
        return flux * self.scales.flux_scale + self.scales.flux_mean

    def _scaled(self, values):
        scaled = (values - self.scales.label_mean) / self.scales.label_std
        return torch.as_tensor(scaled, dtype=torch.float32, device=self.device)

    def _weights(self, lambdas, n):
        """λ of n stars in units of ``lambda_range``, without columns if the model takes no λ."""
        lambdas = lambdas or {}
        span = self.config.lambda_range
        if lambdas and not span:
            raise ValueError(
                "this model was trained at fixed λ: leave lambdas out, or train one with lambda_range"
            )
        check_lambdas(lambdas, self.labels, span)
        scaled = [float(lambdas.get(name, 0.0)) / span for name in self.labels if span]
        return torch.tensor([scaled], dtype=torch.float32, device=self.device).expand(n, -1)

    def save(self, path):
        """Write networks, scales, configuration and history to one safetensors file."""
        tensors = {
            "wavelength": torch.from_numpy(self.wavelength),
            **{f"networks.{k}": value for k, value in self.networks.state_dict().items()},
            **{
                f"scales.{k}": torch.from_numpy(np.asarray(x)) for k, x in vars(self.scales).items()
            },
        }
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
            If the file is missing or damaged, or is not an autoencoder.
        ValueError
            If it was trained with another configuration.
        """
        with whole_file(path, "autoencoder file", "train it anew"):
            tensors, about = read_tensors(path)
            found = DisentangleConfig(**json.loads(about["config"]))
            wavelength = tensors["wavelength"].numpy()
            networks = Networks(found, len(wavelength))
            networks.load_state_dict(tensors_of(tensors, "networks."))
            scales = {
                name: value.numpy() if value.ndim else value.item()
                for name, value in tensors_of(tensors, "scales.").items()
            }
        check_same(path, asdict(found), config)
        return cls(found, wavelength, Scales(**scales), networks, json.loads(about["history"]))


@torch.no_grad()
def _in_batches(function, *tensors):
    """The array that a function gives for tensors, computed for at most `BATCH` rows at a time."""
    batches = zip(*(each.split(BATCH) for each in tensors))
    return torch.cat([function(*batch).cpu() for batch in batches]).numpy()
