"""A trained translator, and the step of an emulator that carries its spectra to the observed domain."""

import json
from copy import copy, deepcopy
from dataclasses import asdict

import numpy as np
import torch
from torch import nn

from specnb.core.files import check_same, read_tensors, shipped_file, whole_file, write_tensors
from specnb.core.paths import DATA
from specnb.core.spectra import check_at_rest
from specnb.core.values import numbers
from specnb.core.wavelength import check_pixels
from specnb.emulator.step import Step
from specnb.translate.autoencoders import Perceptrons, Principal
from specnb.translate.config import TranslateConfig
from specnb.translate.conv import Convolutions

BATCH = 1024  # number of spectra at a time
SHIPPED = DATA / "translators"
NETWORKS = {"mlp": Perceptrons, "principal": Principal, "conv": Convolutions}


class Translator(nn.Module):
    """Networks of a translator with their scales, made by `specnb.translate.train.train`.

    Parameters
    ----------
    config : TranslateConfig
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    mean, std : array_like, shape (n_pix,), and float
        Scales of the flux. The networks take (flux − mean) / std.
    history : sequence of dict
        One row for each report of the training.

    Attributes
    ----------
    offset : Tensor, shape (n_pix,)
        Offset that is added to scaled translations, see ``config.match_means``.
    mean_split : Tensor, shape of one z_split
        Mean z_split of the observed training stars.
    """

    def __init__(self, config: TranslateConfig, wavelength, mean, std, history=()):
        super().__init__()
        self.config, self.history = config, list(history)
        self.wavelength = numbers(wavelength, "Angstrom", "wavelength")
        n_pix = len(self.wavelength)
        self.networks = NETWORKS[config.kind](config, n_pix)
        with torch.no_grad():
            _, split = self.networks.encode_observed(torch.zeros(2, n_pix))
        zeros = {"offset": torch.zeros(n_pix), "mean_split": torch.zeros_like(split[0])}
        for name, value in {"mean": mean, "std": std, **zeros}.items():
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def __repr__(self):
        return (
            f"<Translator of kind {self.config.kind}: {len(self.wavelength)} pixels, "
            f"z_shared {self.config.shared}, z_split {self.config.split}>"
        )

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def scaled(self, flux, mask=None):
        """Flux (array or tensor) as the networks take it. It is 0, the mean, in masked pixels."""
        if not isinstance(flux, torch.Tensor):
            flux = torch.from_numpy(numbers(flux, "", "flux", np.float32))
        x = (flux.to(self.mean) - self.mean) / self.std
        return x if mask is None else torch.where(torch.as_tensor(mask).to(x.device), 0.0, x)

    def forward(self, flux, split=None):
        """Translate synthetic flux to the observed domain, as differentiable tensors (n, n_pix).

        Parameters
        ----------
        flux : Tensor, shape (n, n_pix)
        split : Tensor, shape (n, ...), optional
            z_split of each spectrum. The default is `mean_split`.
        """
        return self.translate_scaled(self.scaled(flux), split) * self.std + self.mean

    def translate_scaled(self, x, split=None):
        """Translate scaled synthetic spectra x.

        The result is x + D_obs(z) − D_synth(z) with ``config.residual``, else D_obs(z). `offset` is
        added in both cases.
        """
        if split is None:
            split = self.mean_split.expand(len(x), *self.mean_split.shape)
        shared = self.networks.encode_synthetic(x)
        if self.config.residual:
            return x + self.networks.decode_difference(shared, split) + self.offset
        return self.networks.decode_observed(shared, split) + self.offset

    def unusable(self, spectra):
        """Pixels that encoders and losses do not use, bool of shape (n, n_pix).

        These are masked pixels and pixels with an error above ``config.largest_error``.
        """
        return spectra.mask | (spectra.flux_error > self.config.largest_error)

    @torch.no_grad()
    def encode(self, spectra):
        """Latents of observed spectra.

        Returns
        -------
        z_shared, z_split : ndarray, shapes (n, ...), float32; z_split may have no columns

        Raises
        ------
        ValueError
            If the spectra are on other pixels or not at rest.
        """
        check_at_rest(spectra, self.wavelength)
        pairs = zip(*map(_batches, (spectra.flux, self.unusable(spectra))))
        parts = [self.networks.encode_observed(self.scaled(*pair)) for pair in pairs]
        return tuple(map(_joined, zip(*parts)))

    @torch.no_grad()
    def encode_synthetic(self, flux) -> np.ndarray:
        """z_shared, shape (n, ...), of synthetic flux (n, n_pix)."""
        flux = self.given(flux, "flux", len(flux), self.mean.shape)
        return _joined(self.networks.encode_synthetic(self.scaled(x)) for x in _batches(flux))

    @torch.no_grad()
    def translate(self, flux, split=None) -> np.ndarray:
        """Translate synthetic flux (n, n_pix) to the observed domain, float32.

        ``split`` is as for `forward`, but an array.

        Raises
        ------
        ValueError
            If the flux has other pixels, there is not one z_split per spectrum, or one is not finite.
        """
        flux = self.given(flux, "flux", len(flux), self.mean.shape)
        if split is None:
            split = self.mean_split.expand(len(flux), *self.mean_split.shape).cpu()
        split = self.given(split, "z_split", len(flux), self.mean_split.shape)
        return _joined(map(self, _batches(flux), _batches(split.to(self.mean))))

    def given(self, values, what, n, row):
        """Values that a user gives for n spectra, as a tensor (n, *row). All must be finite."""
        values, shape = numbers(values, "", what, np.float32), (n, *row)
        if values.shape != shape or not np.isfinite(values).all():
            raise ValueError(f"{what} has shape {values.shape} or NaN: give {shape}, all finite")
        return torch.from_numpy(values)

    @torch.no_grad()
    def to_synthetic(self, spectra) -> np.ndarray:
        """Observed spectra translated to the synthetic domain, shape (n, n_pix), float32."""
        shared = torch.from_numpy(self.encode(spectra)[0]).to(self.mean)
        return _joined([self.networks.decode_synthetic(shared) * self.std + self.mean])

    def save(self, path):
        """Write all but the critics to one safetensors file, also configuration and history."""
        tensors = {
            name: value
            for name, value in self.state_dict().items()
            if not name.startswith("networks.critics.")
        }
        tensors["wavelength"] = torch.from_numpy(self.wavelength)
        about = {"config": json.dumps(asdict(self.config)), "history": json.dumps(self.history)}
        write_tensors(path, tensors, about)

    @classmethod
    def load(cls, path, config: TranslateConfig | None = None):
        """Read a model written by `save`.

        Parameters
        ----------
        path : str or Path
        config : TranslateConfig, optional
            The configuration that the file must have.

        Raises
        ------
        OSError
            If the file is missing or damaged, or is not a translator.
        ValueError
            If it was trained with another configuration.
        """
        with whole_file(path, "translator", "train it anew or restore it with git"):
            tensors, about = read_tensors(path)
            found = TranslateConfig(**json.loads(about["config"]))
            model = cls(
                config=found,
                wavelength=tensors.pop("wavelength").numpy(),
                mean=tensors["mean"],
                std=tensors["std"],
                history=json.loads(about["history"]),
            )
            model.networks.critics = nn.ModuleDict()  # they are used in training only
            model.load_state_dict(tensors)
        check_same(path, asdict(found), config)
        return model.eval().requires_grad_(False)


def _batches(rows):
    return [rows[start : start + BATCH] for start in range(0, len(rows) or 1, BATCH)]


def _joined(batches) -> np.ndarray:
    """The rows of tensors as one array."""
    return torch.cat(list(batches)).cpu().numpy()


def load_translator(name: str) -> Translator:
    """Open a shipped translator: ``"rvs-mock"``, ``"apogee-mock"`` or ``"apogee-real"``.

    It translates spectra of the shipped emulator to those of the mock survey of its name, or to
    those of real stars.

    Raises
    ------
    ValueError
        If there is no translator of this name.
    OSError
        If the file is damaged.
    """
    return Translator.load(shipped_file(SHIPPED, "translator", name))


class Translation(Step):
    """A step that translates an emulator's spectra to the observed domain.

    Parameters
    ----------
    translator : Translator
    split : Tensor, shape (n, ...), optional
        z_split of each of n stars. The default is the typical z_split for all stars.
    """

    def __init__(self, translator, split=None):
        super().__init__()
        self.translator = deepcopy(translator)
        self.translator.networks.critics = nn.ModuleDict()  # critics are used in training only
        self.register_buffer("split", split)

    def forward(self, flux, labels):
        self.check_stars(len(flux))
        return self.translator(flux, self.split)

    def check_stars(self, n):
        if self.split is not None and len(self.split) != n:
            raise ValueError(
                f"{n} spectra, but the z_split of {len(self.split)} stars: give these, "
                "or choose stars with emulator.of(rows)"
            )

    def of(self, rows):
        """The translation for some of the stars. With None it has the typical z_split."""
        if self.split is None:
            return self
        selected = copy(self)
        selected._buffers = self._buffers | {"split": None if rows is None else self.split[rows]}
        return selected

    def settings(self):
        stars = 0 if self.split is None else len(self.split)
        return {"config": asdict(self.translator.config), "stars": stars}

    @classmethod
    def build(cls, settings, survey):
        config = TranslateConfig(**settings["config"])
        translator = Translator(config, survey.pixels, torch.zeros(len(survey.pixels)), 1.0)
        stars = settings["stars"]
        return cls(translator, torch.stack([translator.mean_split] * stars) if stars else None)


def translated_emulator(emulator, translator: Translator, split=None):
    """An emulator of the observed domain, with the labels and the hull of the synthetic one.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
    split : array_like, shape (n, ...), optional
        z_split of each star, if these n stars are fitted; by default the typical one for all.

    Raises
    ------
    ValueError
        If emulator and translator are on different pixels.
    """
    check_pixels(emulator.wavelength, translator.wavelength)
    if split is not None:
        split = translator.given(split, "z_split", len(split), translator.mean_split.shape)
    return emulator.then(Translation(translator, split).to(emulator.network.low))
