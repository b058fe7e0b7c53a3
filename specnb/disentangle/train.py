"""Training of an autoencoder against its discriminators, with the losses in `losses`."""

from functools import cached_property

import numpy as np
import torch

from specnb.core.device import pick_device
from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.core.training import Diverged, EpochTraining, not_finite, run
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.losses import (
    ScaleGradient,
    autoencoder_loss,
    bin_cross_entropy,
    bottleneck_loss,
    discriminator_loss,
    reconstruction_loss,
)
from specnb.disentangle.model import Disentangler
from specnb.disentangle.networks import Networks
from specnb.disentangle.scales import Scales, chance


def train(
    spectra: Spectra,
    config: DisentangleConfig = DisentangleConfig(),
    checkpoint=None,
    progress: bool = True,
    on_epoch=None,
) -> Disentangler:
    """Train an autoencoder on spectra with labels.

    Parameters
    ----------
    spectra : Spectra
        Training stars. A fraction ``config.validation`` of them is not trained on. The model has
        the weights of the epoch with the lowest loss on these stars.
    config : DisentangleConfig
    checkpoint : path, optional
        File that keeps the state of the training, see `specnb.core.training.run`.
    progress : bool
        Show a progress bar.
    on_epoch : callable, optional
        Called after each epoch as ``on_epoch(model)``; ``model.history[-1]`` is the epoch's row.

    Returns
    -------
    Disentangler
        Its history has one row per epoch: ``train`` is L_rec of the training stars. The other
        entries are for the validation stars: ``loss``, which chooses the best epoch,
        ``reconstruction`` (mean squared flux error), ``rate`` (the bottleneck's loss) and the
        losses of the discriminators in nats.

    Raises
    ------
    ValueError
        If labels are missing or constant, or the checkpoint belongs to another configuration or
        other data.
    FloatingPointError
        If the training diverges.
    OSError
        If the checkpoint cannot be read or written.
    """
    return run(DisentangleTraining(spectra, config), checkpoint, progress, on_epoch)


class DisentangleTraining(EpochTraining):
    """One training of an autoencoder and its discriminators, an epoch at a time.

    Parameters
    ----------
    spectra : Spectra
        Training stars with a catalogue. A random part of them validates.
    config : DisentangleConfig

    Raises
    ------
    ValueError
        If labels are missing or constant, or there are fewer than 20 stars.
    """

    name, inputs_name = "autoencoder", "training spectra or labels"
    shown = ("train", "reconstruction")

    def __init__(self, spectra: Spectra, config: DisentangleConfig):
        if len(spectra) < 20:
            raise ValueError(f"{len(spectra)} training spectra: give at least 20")
        self.config, self.device = config, pick_device(config.device)
        values = label_array(spectra.labels, config.labels)
        order = np.random.default_rng(config.seed).permutation(len(spectra))
        n_validation = max(1, round(config.validation * len(spectra)))
        train, validation = order[n_validation:], order[:n_validation]
        scales = Scales.of(spectra[train], values[train], config.labels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            networks = Networks(config, len(spectra.wavelength)).to(self.device)
        self.model = Disentangler(config, spectra.wavelength, scales, networks)
        self.history = self.model.history
        self.data = self.inputs = self._tensors(spectra, values)
        self.train, self.validation = (
            torch.from_numpy(rows).to(self.device) for rows in (train, validation)
        )
        self.lambdas = torch.tensor(config.weights, device=self.device)
        self.optimise(networks, len(train))
        if config.discriminator_steps > 1 and config.adversarial:
            self.parts["extra"] = torch.optim.Adam(
                networks.discriminators.parameters(), lr=config.learning_rate
            )
        self.random = torch.Generator(self.device).manual_seed(config.seed)

    def _tensors(self, spectra, values):
        """Scaled flux, pixel weights, scaled labels and bins of all stars, on the device."""
        config, scales = self.config, self.model.scales
        flux = self.model.scale_flux(spectra.flux, spectra.mask)
        weight = (~spectra.mask).astype(np.float32)
        if config.error_floor:
            inverse = 1 / (spectra.flux_error**2 + config.error_floor**2)
            weight = np.where(spectra.mask, 0, inverse).astype(np.float32)
        labels = ((values - scales.label_mean) / scales.label_std).astype(np.float32)
        index = scales.targets(values, config)
        return [
            torch.from_numpy(np.ascontiguousarray(a)).to(self.device)
            for a in (flux, weight, labels, index)
        ]

    def advance(self) -> dict:
        """Train on all training stars once and validate. Returns a new row of the history."""
        config, total, n = self.config, 0.0, len(self.train)
        order = self.train[torch.randperm(n, generator=self.random, device=self.device)]
        for rows in order.split(config.batch):
            total = total + self._step(rows) * len(rows)
        row = {"epoch": self.done + 1, "train": round(float(total) / n, 9), **self._validate()}
        if bad := not_finite(row):
            raise Diverged(
                f"training with λ = {config.lambda_range or config.lambdas}, seed {config.seed} "
                f"diverged in epoch {row['epoch']} ({', '.join(bad)}): lower learning_rate or |λ|"
            )
        return self.record(row, row["loss"])

    def _step(self, rows):
        """One step of all networks; returns L_rec."""
        drawn = self._drawn_lambdas(len(rows), self.random)
        reconstruction, rate, z = self._forward(rows, drawn, self.random)
        loss = reconstruction + self.config.bottleneck * rate
        if self.config.adversarial:
            index = self.data[3][rows].T
            self._extra_steps(z.detach(), index, drawn)
            # one backward pass for Eq. 4 and for the discriminators, see `ScaleGradient`
            factor = -self._lambda_i(len(index), drawn).unsqueeze(-1)
            loss = loss + discriminator_loss(
                self._judged(ScaleGradient.apply(z, factor), index, drawn)
            )
        self.descend(loss)
        return reconstruction.detach()

    def _extra_steps(self, z, index, drawn):
        """Steps of the discriminators alone, so that they follow the latents more closely."""
        z = z.expand(len(index), *z.shape)
        for _ in range(self.config.discriminator_steps - 1):
            optimizer = self.parts["extra"]
            optimizer.zero_grad()
            discriminator_loss(self._judged(z, index, drawn)).backward()
            optimizer.step()

    def _forward(self, rows, drawn, random):
        """L_rec in units of the squared flux, the bottleneck's loss (or 0.0), and the latents."""
        networks = self.model.networks
        flux, weight, labels = (each.index_select(0, rows) for each in self.data[:3])
        mean, log_variance = networks.encode(flux, labels, drawn)
        z, rate = mean, 0.0
        if log_variance is not None:
            noise = torch.randn(mean.shape, generator=random, device=self.device)
            z = mean + noise * (0.5 * log_variance).exp()
            rate = bottleneck_loss(mean, log_variance)
        prediction = networks.decode(z, labels, drawn)
        reconstruction = reconstruction_loss(prediction, flux, weight)
        return reconstruction * self.model.scales.flux_scale**2, rate, z

    def _judged(self, z, index, drawn):
        """Cross-entropy of each discriminator for each spectrum."""
        return bin_cross_entropy(self.model.networks.judge(z, drawn), index)

    def _drawn_lambdas(self, n, random):
        """λ of each spectrum in units of ``lambda_range``, or None for a model with fixed λ."""
        if not self.config.lambda_range:
            return None
        return 2 * torch.rand((n, len(self.lambdas)), generator=random, device=self.device) - 1

    def _lambda_i(self, n_discriminators, drawn):
        """λ_i as the losses take it, shape (n_discriminators, 1) or (n_discriminators, n)."""
        if drawn is None:
            return self.lambdas[:n_discriminators, None]
        return self.config.lambda_range * drawn.T

    @torch.no_grad()
    def _validate(self) -> dict:
        """Losses on the validation stars, with the same λ and noise in every epoch."""
        config, rows = self.config, self.validation
        random = torch.Generator(self.device).manual_seed(config.seed)
        drawn = self._drawn_lambdas(len(rows), random)
        reconstruction, rate, z = self._forward(rows, drawn, random)
        loss = reconstruction + config.bottleneck * rate
        row = {"reconstruction": reconstruction.item()}
        if config.bottleneck:
            row["rate"] = rate.item()
        if config.adversarial:
            index = self.data[3][rows].T
            cross_entropy = self._judged(z.expand(len(index), *z.shape), index, drawn)
            means = cross_entropy.mean(1).tolist()
            row |= {f"discriminator_{k}": v for k, v in zip(config.discriminators, means)}
            loss = autoencoder_loss(
                loss, cross_entropy, self._lambda_i(len(index), drawn), self.chance
            )
        return {key: round(value, 9) for key, value in {"loss": float(loss), **row}.items()}

    @cached_property  # the stars stay the same
    def chance(self):
        """L_DISC of discriminators that know only how the training labels are distributed."""
        return torch.from_numpy(chance(self.data[3][self.train].cpu().numpy())).to(self.lambdas)
