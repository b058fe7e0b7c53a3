"""One training of the autoencoder against its discriminators, an epoch at a time.

The losses (Manteiga et al. 2025, Eqs. 1-4), for a spectrum x, its labels y and latents z = E(x):

- L_rec = mean over pixels of (x − D(z, y))². Eq. 1 as printed lacks the square. Masked pixels do not count; with an
  ``error_floor`` each pixel weighs as 1 / (σ² + floor²), the weights of a batch being divided by their sum.
- L_DISC,i = binary cross-entropy of discriminator i over the bins of label i, summed over bins (the paper does not
  say whether it sums; its code uses a categorical cross-entropy).
- L_AE = L_rec − Σ_i λ_i L_DISC,i (Eq. 4), to which a bottleneck adds its weight times the mean over latents of
  KL(N(μ, σ²) || N(0, 1)).

The discriminators descend Σ L_DISC,i whatever the sign of λ_i.
"""

from copy import deepcopy
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256

import numpy as np
import torch

from specnb.core.device import pick_device
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.networks import Networks, ScaleGradient, bin_loss
from specnb.disentangle.scales import Scales, chance, label_array
from specnb.core.spectra import Spectra


class Diverged(FloatingPointError):
    """A loss is no longer a finite number."""


class Trainer:
    """One training: networks, optimiser, random numbers and history, an epoch at a time.

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

    def __init__(self, spectra: Spectra, config: DisentangleConfig):
        if len(spectra) < 20:
            raise ValueError(f"{len(spectra)} training spectra: give at least 20")
        self.config, self.device = config, pick_device(config.device)
        values = label_array(spectra.labels, config.labels)
        order = np.random.default_rng(config.seed).permutation(len(spectra))
        n_validation = max(1, round(config.validation * len(spectra)))
        train = order[n_validation:]
        scales = Scales.of(spectra[train], values[train], config.labels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            networks = Networks(config, len(spectra.wavelength)).to(self.device)
        self.model = Disentangler(config, spectra.wavelength, scales, networks)
        self.data = self._tensors(spectra, values)
        self.train, self.validation = (torch.from_numpy(i).to(self.device) for i in (train, order[:n_validation]))
        self.weights = torch.tensor(config.weights, device=self.device)
        self.optimizer = torch.optim.Adam(networks.parameters(), fused=self.device.type != "mps")
        self.steps = -(-len(train) // config.batch)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=self.steps * config.epochs, pct_start=0.1
        )
        if config.discriminator_steps > 1 and config.adversarial:
            self.extra = torch.optim.Adam(networks.discriminators.parameters(), lr=config.learning_rate)
        self.random = torch.Generator(self.device).manual_seed(config.seed)
        self.best, self.waited = (np.inf, None), 0

    def _tensors(self, spectra, values):
        """Scaled flux, pixel weights, scaled labels and bins of all stars, on the device."""
        config, scales = self.config, self.model.scales
        flux = self.model.scale_flux(spectra.flux, spectra.mask)
        weight = (~spectra.mask).astype(np.float32)
        if config.error_floor:
            weight = np.where(spectra.mask, 0, 1 / (spectra.flux_error**2 + config.error_floor**2)).astype(np.float32)
        labels = ((values - scales.label_mean) / scales.label_std).astype(np.float32)
        index = scales.targets(values, config)
        return [torch.from_numpy(np.ascontiguousarray(a)).to(self.device) for a in (flux, weight, labels, index)]

    @property
    def history(self):
        return self.model.history

    def epoch(self) -> dict:
        """One pass over the training stars and the validation; returns the new row of the history."""
        sums, n = 0.0, len(self.train)
        order = self.train[torch.randperm(n, generator=self.random, device=self.device)]
        for rows in order.split(self.config.batch):
            sums = sums + self._step(rows) * len(rows)
        row = {"epoch": len(self.history) + 1, "train": round(float(sums) / n, 9), **self._validate()}
        if bad := [name for name, value in row.items() if not np.isfinite(value)]:
            what = f"λ = {self.config.lambda_range or self.config.lambdas}, seed {self.config.seed}"
            raise Diverged(
                f"training with {what} diverged in epoch {row['epoch']} ({', '.join(bad)}): lower learning_rate or |λ|"
            )
        self.history.append(row)
        self.waited = 0 if row["loss"] < self.best[0] else self.waited + 1
        if self.waited == 0:
            self.best = (row["loss"], deepcopy(self.model.networks.state_dict()))
        return row

    @property
    def finished(self) -> bool:
        return len(self.history) >= self.config.epochs or self.waited >= self.config.patience

    def _forward(self, rows, lambdas, random):
        """L_rec and KL (or 0.0) of some spectra, and their latents."""
        flux, weight, labels = (each.index_select(0, rows) for each in self.data[:3])
        mean, log_variance = self.model.networks.encode(flux, labels, lambdas)
        z, rate = mean, 0.0
        if log_variance is not None:
            z = mean + self._noise(mean.shape, random) * (0.5 * log_variance).exp()
            rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        difference = self.model.networks.decode(z, labels, lambdas) - flux
        loss = (weight * difference**2).sum() / weight.sum() * self.model.scales.flux_scale**2
        return loss, rate, z

    def _noise(self, shape, random):
        return torch.randn(shape, generator=random, device=self.device)

    def _drawn_lambdas(self, n, random):
        """λ of each spectrum in units of the range, for a model that takes it, else None."""
        if not self.config.lambda_range:
            return None
        return 2 * torch.rand((n, len(self.weights)), generator=random, device=self.device) - 1

    def _step(self, rows):
        """One step of all networks; returns L_rec."""
        networks, config = self.model.networks, self.config
        lambdas = self._drawn_lambdas(len(rows), self.random)
        reconstruction, rate, z = self._forward(rows, lambdas, self.random)
        loss = reconstruction + config.bottleneck * rate
        if config.adversarial:
            index = self.data[3][rows].T
            fixed = z.detach().expand(len(index), *z.shape)
            for _ in range(config.discriminator_steps - 1):
                self.extra.zero_grad()
                bin_loss(networks.judge(fixed, lambdas), index).mean(1).sum().backward()
                self.extra.step()
            if lambdas is None:
                factor = -self.weights[: len(index), None, None]
            else:
                factor = -config.lambda_range * lambdas.T.unsqueeze(-1)
            loss = loss + bin_loss(networks.judge(ScaleGradient.apply(z, factor), lambdas), index).mean(1).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return reconstruction.detach()

    @torch.no_grad()
    def _validate(self):
        """Losses on the validation stars. ``loss`` chooses the epoch: L_AE, in which a discriminator worse than chance,
        which has not learnt yet, counts like one that is better than chance by as much."""
        config, rows = self.config, self.validation
        # the same λ and noise in every epoch: luck must not choose
        same = torch.Generator(self.device).manual_seed(config.seed)
        lambdas = self._drawn_lambdas(len(rows), same)
        reconstruction, rate, z = self._forward(rows, lambdas, same)
        loss = reconstruction + config.bottleneck * rate
        row = {"reconstruction": reconstruction.item()}
        if config.bottleneck:
            row["rate"] = rate.item()
        if config.adversarial:
            index = self.data[3][rows].T
            found = bin_loss(self.model.networks.judge(z.expand(len(index), *z.shape), lambdas), index)
            losses = zip(config.discriminators, found.mean(1).tolist())
            row |= {f"discriminator_{name}": value for name, value in losses}
            weights = self.weights[: len(index), None] if lambdas is None else config.lambda_range * lambdas.T
            removed, kept = (weights.clamp(min=0) * found).mean(1), (weights.clamp(max=0) * found).mean(1)
            most = weights.clamp(min=0).mean(1) * self.chance
            loss = loss - (removed.minimum(2 * most - removed) + kept).sum()
        return {key: round(value, 9) for key, value in {"loss": float(loss), **row}.items()}

    @cached_property  # the stars stay the same
    def chance(self):
        """L_DISC of discriminators that know only how the training labels are distributed."""
        return torch.from_numpy(chance(self.data[3][self.train].cpu().numpy())).to(self.weights)

    def _parts(self):
        parts = {"networks": self.model.networks, "optimizer": self.optimizer, "schedule": self.schedule}
        return parts | ({"extra": self.extra} if hasattr(self, "extra") else {})

    def state(self) -> dict:
        """All that the next epoch depends on, with a fingerprint of the data."""
        return {name: part.state_dict() for name, part in self._parts().items()} | {
            "config": asdict(self.config), "data": self._fingerprint, "random": self.random.get_state(),
            "history": self.history, "best": self.best, "waited": self.waited,
        }  # fmt: skip

    def restore(self, state: dict):
        """Go on from a `state` of the same configuration.

        Raises
        ------
        ValueError
            If it comes from other spectra.
        """
        if state["data"] != self._fingerprint:
            raise ValueError("it was made with other training spectra or labels: delete it, or give the same ones")
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.random.set_state(state["random"].cpu())
        self.history[:] = state["history"]
        self.best, self.waited = state["best"], state["waited"]

    @cached_property  # a second for the paper's sample, and a checkpoint is due every half minute
    def _fingerprint(self):
        digest = sha256()
        for each in self.data:
            digest.update(each.cpu().numpy())
        return digest.hexdigest()
