"""Training of an autoencoder against its discriminators, with the losses in `losses`."""

import numpy as np
import torch

from specnb.core.device import pick_device
from specnb.core.spectra import Spectra, check_at_rest
from specnb.core.training import EpochTraining, run
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.losses import (
    autoencoder_loss,
    bin_cross_entropy,
    bottleneck_loss,
    discriminator_loss,
    reconstruction_loss,
    scale_gradient,
)
from specnb.disentangle.model import Disentangler
from specnb.disentangle.networks import Networks, drawn_latents
from specnb.disentangle.scales import Scales, chance
from specnb.surveys.outliers import training_labels


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
        the weights of the epoch with the lowest loss on these stars. Stars with a label that
        must be a mistake take no part, see `specnb.surveys.outliers`.
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


def training_rows(n: int, config: DisentangleConfig):
    """Rows of the stars that are trained on, and of those that validate: two arrays of int."""
    order = np.random.default_rng(config.seed).permutation(n)
    n_validation = max(1, round(config.validation * n))
    return order[n_validation:], order[:n_validation]


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
    to_lower = ("learning_rate", "lambdas", "lambda_range")

    def __init__(self, spectra: Spectra, config: DisentangleConfig):
        if len(spectra) < 20:
            raise ValueError(f"{len(spectra)} training spectra: give at least 20")
        check_at_rest(spectra, spectra.wavelength)
        self.config, self.device = config, pick_device(config.device)
        values, good = training_labels(spectra.labels, config.labels, spectra.ids)
        train, validation = (rows[good[rows]] for rows in training_rows(len(spectra), config))
        scales = Scales.of(spectra[train], values[train], config.labels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            networks = Networks(config, len(spectra.wavelength)).to(self.device)
        self.model = Disentangler(config, spectra.wavelength, scales, networks)
        self.history = self.model.history
        # scaled flux, pixel weights, scaled labels and bins of all stars
        arrays = (
            self.model.scale_flux(spectra.flux, spectra.mask),
            (~spectra.mask).astype(np.float32),
            ((values - scales.label_mean) / scales.label_std).astype(np.float32),
            np.ascontiguousarray(scales.targets(values, config)),
        )
        self.data = self.inputs = [torch.from_numpy(each).to(self.device) for each in arrays]
        self.validation = torch.from_numpy(validation).to(self.device)
        # λ of each discriminator. A joint one has the λ that all labels have.
        lambdas = list(config.lambdas.values())[: len(config.discriminators)]
        self.lambdas = torch.tensor(lambdas, device=self.device)[:, None]
        # L_DISC of discriminators that know only how the training labels are distributed
        self.chance = torch.from_numpy(chance(arrays[3][train])).to(self.lambdas)
        self.optimise(networks, train)
        if config.discriminator_steps > 1 and config.adversarial:
            self.parts["extra"] = torch.optim.Adam(
                networks.discriminators.parameters(), lr=config.learning_rate
            )
        self.random = torch.Generator(self.device).manual_seed(config.seed)

    def step(self, rows):
        """One step of all networks; returns L_rec."""
        reconstruction, rate, z, drawn = self._forward(rows, self.random)
        loss = reconstruction + self.config.bottleneck * rate
        if self.config.adversarial:
            # Steps of the discriminators alone, so that they follow the latents more closely
            for _ in range(self.config.discriminator_steps - 1):
                self.parts["extra"].zero_grad()
                discriminator_loss(self._judged(z.detach(), rows, drawn)).backward()
                self.parts["extra"].step()
            # one backward pass for Eq. 4 and for the discriminators, see `scale_gradient`
            z = scale_gradient(z, -self._lambda_i(drawn).unsqueeze(-1))
            loss = loss + discriminator_loss(self._judged(z, rows, drawn))
        self.descend(loss)
        return reconstruction.detach()

    def _forward(self, rows, random):
        """L_rec in units of the squared flux, the bottleneck's loss (or 0.0), latents, drawn λ."""
        networks = self.model.networks
        drawn = self._drawn_lambdas(len(rows), random)
        flux, weight, labels = (each.index_select(0, rows) for each in self.data[:3])
        mean, log_variance = networks.encode(flux, labels, drawn)
        z = drawn_latents(mean, log_variance, random)
        rate = 0.0 if log_variance is None else bottleneck_loss(mean, log_variance)
        prediction = networks.decode(z, labels, drawn)
        reconstruction = reconstruction_loss(prediction, flux, weight)
        return reconstruction * self.model.scales.flux_scale**2, rate, z, drawn

    def _judged(self, z, rows, drawn):
        """Cross-entropy of each discriminator for each spectrum."""
        return bin_cross_entropy(self.model.networks.judge(z, drawn), self.data[3][rows].T)

    def _drawn_lambdas(self, n, random):
        """λ of each spectrum in units of ``lambda_range``, without columns if λ is fixed."""
        n_drawn = len(self.lambdas) if self.config.lambda_range else 0
        return 2 * torch.rand((n, n_drawn), generator=random, device=self.device) - 1

    def _lambda_i(self, drawn):
        """λ_i as the losses take it, shape (n_discriminators, 1) or (n_discriminators, n)."""
        return self.config.lambda_range * drawn.T if self.config.lambda_range else self.lambdas

    @torch.no_grad()
    def validate(self):
        """Losses on the validation stars, with the same λ and noise in every epoch."""
        config, rows = self.config, self.validation
        random = torch.Generator(self.device).manual_seed(config.seed)
        reconstruction, rate, z, drawn = self._forward(rows, random)
        loss = reconstruction + config.bottleneck * rate
        row = {"reconstruction": reconstruction.item()}
        if config.bottleneck:
            row["rate"] = rate.item()
        if config.adversarial:
            cross_entropy = self._judged(z, rows, drawn)
            means = cross_entropy.mean(1).tolist()
            row |= {f"discriminator_{k}": v for k, v in zip(config.discriminators, means)}
            loss = autoencoder_loss(loss, cross_entropy, self._lambda_i(drawn), self.chance)
        loss = round(float(loss), self.digits)
        return {"loss": loss} | row, loss
