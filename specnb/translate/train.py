"""Training of a translator on two unpaired sets of spectra, with the losses in `losses`."""

import numpy as np
import torch

from specnb.core.device import pick_device
from specnb.core.labels import finite_rows, label_columns
from specnb.core.spectra import check_at_rest
from specnb.core.training import Diverged, Training, not_finite, one_cycle, run
from specnb.translate.config import TranslateConfig
from specnb.translate.losses import (
    adversarial_loss,
    both_ways,
    chi2,
    critics_loss,
    critics_right,
    detached,
    generator_loss,
    synthetic_chi2,
)
from specnb.translate.model import Translator

WATCHED = 512  # largest number of validation spectra in each domain
SCALED = 4096  # approximate number of synthetic spectra that determine the scales of the flux
REPORTS = 100  # largest number of reports of the losses on validation spectra in one training
CHECKED = 100  # steps between two checks of whether the losses explode


def train(
    emulator,
    labels,
    observed,
    config: TranslateConfig = TranslateConfig(),
    checkpoint=None,
    progress: bool = True,
    on_report=None,
) -> Translator:
    """Train a translator between an emulator's spectra and observed ones, unpaired.

    Parameters
    ----------
    emulator : Emulator
        Emulator that makes the synthetic spectra of each step from labels.
    labels : Table, or array_like of shape (n, n_labels)
        Labels of synthetic stars. The columns of an array are in the emulator's order. The
        distribution should be about that of the observed stars, but they should be other stars.
    observed : Spectra
        Spectra on the emulator's pixels.
    config : TranslateConfig
    checkpoint : path, optional
        File that keeps the state of the training, see `specnb.core.training.run`.
    progress : bool
        Show a progress bar.
    on_report : callable, optional
        Called up to a hundred times in a training as ``on_report(model)``; ``model.history[-1]`` is
        the newest row.

    Returns
    -------
    Translator
        Its history has the losses on validation spectra: ``reconstruction_*`` and ``cycle_*``, per
        unmasked pixel in units of the variance; ``adversarial`` and ``critics`` (nats);
        ``critics_right``, the fraction of verdicts that are right; ``latents``, the mean squared
        difference between the mean latents of the domains.

    Raises
    ------
    ValueError
        If a domain has fewer than 20 stars, a label is missing, not finite or outside the
        emulator's training range, the pixels differ, a star has no usable pixel, or the checkpoint
        belongs to another configuration or other data.
    FloatingPointError
        If the training diverges: a loss is not finite, or far worse than that of the mean spectrum.
    OSError
        If the checkpoint cannot be read or written.
    """
    return run(
        TranslateTraining(emulator, labels, observed, config), checkpoint, progress, on_report
    )


class TranslateTraining(Training):
    """One training of a translator and its critics, a step at a time.

    Parameters
    ----------
    emulator, labels, observed, config
        As for `train`, which also tells what raises ValueError.
    """

    name, unit = "translator", "step"
    shown = ("reconstruction_synthetic", "reconstruction_observed")

    def __init__(self, emulator, labels, observed, config: TranslateConfig):
        self.config, self.device = config, pick_device(config.device)
        labels = checked_labels(labels, emulator)
        for what, n in (("synthetic", len(labels)), ("observed", len(observed))):
            if n < 20:
                raise ValueError(f"the {what} domain has {n} stars: give at least 20")
        self.emulator = emulator.to(self.device)
        self.random = torch.Generator(self.device).manual_seed(config.seed)
        self.labels = torch.from_numpy(labels).to(self.device)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(config.seed)
            sample = self.emulator.network(self.labels[:: max(1, len(labels) // SCALED)])
            model = Translator(config, emulator.wavelength, sample.mean(0), sample.std())
        self.model = model.to(self.device)
        self.history = self.model.history
        observed = emulator.survey.on_pixels(observed)
        check_at_rest(observed, emulator.wavelength)
        self.data = self._weighted(observed)
        self.inputs = (self.labels, *self.data, *self.emulator.network.state_dict().values())
        order = np.random.default_rng(config.seed)
        self.synthetic, self.watched_synthetic = self._divided(order.permutation(len(labels)))
        self.observed, self.watched_observed = self._divided(order.permutation(len(observed)))
        # Losses if each reconstruction is replaced by the mean synthetic spectrum.
        synthetic = self._emulated(self.watched_synthetic)
        flux, weight = (values[self.watched_observed] for values in self.data)
        self.of_mean = {
            "reconstruction_synthetic": float(synthetic_chi2(self.model, 0.0, synthetic)),
            "reconstruction_observed": float(chi2(0.0, flux, weight, self.model.std)),
        }
        networks = self.model.networks
        networks.begin(self.model.scaled(sample), *self.data, self.observed, self.model.std)
        options = {"betas": config.betas, "fused": self.device.type != "mps"}
        self.generator = torch.optim.Adam(
            [p for name, p in networks.named_parameters() if not name.startswith("critics.")],
            config.learning_rate,
            **options,
        )
        self.critics = torch.optim.Adam(
            networks.critics.parameters(), config.critic_rate, **options
        )
        self.total, self.losses = config.iterations, {}
        self.schedule = one_cycle(
            self.generator, config.learning_rate, self.total, cycle_momentum=False
        )
        self.parts = {
            "model": self.model,
            "generator": self.generator,
            "critics": self.critics,
            "schedule": self.schedule,
        }

    def _divided(self, order):
        """Divide rows into training rows and watched rows, which are used for validation."""
        n = max(1, min(WATCHED, round(self.config.validation * len(order))))
        return tuple(torch.from_numpy(rows).to(self.device) for rows in (order[n:], order[:n]))

    @torch.no_grad()
    def _emulated(self, rows):
        """Scaled synthetic spectra of some of the labels."""
        return self.model.scaled(self.emulator.network(self.labels[rows]))

    def _weighted(self, spectra):
        """Scaled flux and weights 1/σ² of spectra, both 0 where masked or too uncertain."""
        mask = self.model.unusable(spectra)
        if (blind := mask.all(axis=1)).any():
            raise ValueError(
                f"{blind.sum()} observed stars, such as {spectra.ids[blind][0]}, have no pixel "
                f"with an error below largest_error ({self.config.largest_error:g}): leave them out"
            )
        weight = np.maximum(spectra.flux_error, np.float32(self.config.error_floor)) ** -2
        weight[mask] = 0.0
        return self.model.scaled(spectra.flux, mask), torch.from_numpy(weight).to(self.device)

    def advance(self) -> dict | None:
        """Train for one step. Returns the history's new row if there is a report, else None."""
        self.step()
        if self.done % CHECKED == 0:
            self.check(self.losses)
        every = -(-self.config.iterations // REPORTS)
        return self.report() if self.done % every == 0 or self.finished else None

    def step(self):
        """Train the generator and the critics for one step on the same batch."""
        config, networks = self.config, self.model.networks
        size = min(config.batch, len(self.synthetic), len(self.observed))
        i, j = self._drawn(self.synthetic, size), self._drawn(self.observed, size)
        reconstructions, translations, losses = self._passed(i, j)
        if config.adversarial:
            networks.critics.requires_grad_(False)
            losses["adversarial"] = adversarial_loss(networks.judge(translations))
            networks.critics.requires_grad_(True)
        self.generator.zero_grad()
        generator_loss(losses, config.cycle, config.adversarial).backward()
        self.generator.step()
        self.schedule.step()
        if config.adversarial:
            translations, reconstructions = (
                networks.judge(detached(seen)) for seen in (translations, reconstructions)
            )
            losses["critics"] = critics_loss(reconstructions, translations)
            self.critics.zero_grad()
            losses["critics"].backward()
            self.critics.step()
        self.done += 1
        self.losses = {name: value.detach() for name, value in losses.items()}

    def _passed(self, i, j):
        """`both_ways` for synthetic spectra i and observed spectra j."""
        return both_ways(self.model, self._emulated(i), self.data[0][j], self.data[1][j])

    def _drawn(self, rows, size):
        """Draw some rows at random, with replacement."""
        return rows[torch.randint(len(rows), (size,), generator=self.random, device=self.device)]

    @torch.no_grad()
    def report(self) -> dict:
        """Losses on the watched spectra, as a new row of the history. They do not need pairs."""
        n = min(len(self.watched_observed), len(self.watched_synthetic))
        i, j = self.watched_synthetic[:n], self.watched_observed[:n]
        reconstructions, translations, losses = self._passed(i, j)
        (_, z_synthetic), (_, z_observed, split) = reconstructions.values()
        # It is 0 if the latents of the domains mix. Their variance is 1.
        difference = z_synthetic.flatten(1).mean(0) - z_observed.flatten(1).mean(0)
        losses["latents"] = difference.square().mean()
        if self.config.adversarial:
            translations, reconstructions = (
                self.model.networks.judge(seen) for seen in (translations, reconstructions)
            )
            losses |= {
                "adversarial": adversarial_loss(translations),
                "critics": critics_loss(reconstructions, translations),
                "critics_right": critics_right(reconstructions, translations),
            }
        row = {"iteration": self.done} | {
            name: round(float(value), 6) for name, value in losses.items()
        }
        self.check(row)
        self.history.append(row)
        # This is an estimate. `finish` uses all training spectra.
        self.model.mean_split.copy_(split.mean(dim=0))
        return row

    def check(self, losses):
        """Raise Diverged if a loss is not finite, or ten times worse than for the mean spectrum."""
        values = {name: float(value) for name, value in losses.items()}
        worse = [name for name, mean in self.of_mean.items() if not values[name] <= 10 * mean]
        if bad := dict.fromkeys([*not_finite(values), *worse]):
            raise Diverged(
                f"training diverged by iteration {self.done} ({', '.join(bad)}): lower "
                f"learning_rate ({self.config.learning_rate:g}) or adversarial "
                f"({self.config.adversarial:g})"
            )

    def state(self) -> dict:
        """As `Training.state`. Raises Diverged if the training diverged since the last check."""
        if self.losses:
            self.check(self.losses)
        return super().state()

    @torch.no_grad()
    def finish(self) -> Translator:
        """Set the typical z_split (the mean over observed training stars) and the offset."""
        batches = self.data[0][self.observed].split(1024)
        parts = [self.model.networks.encode_observed(x)[1] for x in batches]
        self.model.mean_split.copy_(torch.cat(parts).mean(dim=0))
        if self.config.match_means:
            self.model.offset.add_(self._mean_left())
        return self.model.eval().requires_grad_(False)

    def _mean_left(self):
        """Mean of observed − translated training spectra in each unmasked pixel, scaled.

        Each translation has the z_split and the mask of an observed star. Critics do not notice if
        the mean is wrong by a tenth of the noise in all pixels. A linear classifier notices it with
        thousands of stars.
        """
        n = min(len(self.synthetic), len(self.observed))
        left = torch.zeros(2, len(self.model.mean), dtype=torch.float64)
        for i, j in zip(self.synthetic[:n].split(1024), self.observed[:n].split(1024)):
            flux, good = self.data[0][j], self.data[1][j] > 0
            split = self.model.networks.encode_observed(flux)[1]
            difference = flux - self.model.translate_scaled(self._emulated(i), split)
            left += torch.stack([torch.where(good, difference, 0.0).sum(0), good.sum(0)]).cpu()
        return (left[0] / left[1].clamp(min=1)).to(self.model.offset)


def checked_labels(labels, emulator):
    """Labels of the synthetic stars as float32. They must be in the emulator's training range."""
    labels = label_columns(labels, emulator.survey.labels)
    labels = finite_rows(labels, "labels", emulator.labels, np.float32)
    low, high = emulator.network.low.cpu().numpy(), emulator.network.high.cpu().numpy()
    if (outside := (labels < low) | (labels > high)).any():
        row, k = np.argwhere(outside)[0]
        raise ValueError(
            f"the synthetic domain has {emulator.labels[k]} = {labels[row, k]:g}, but the emulator "
            f"was trained from {low[k]:g} to {high[k]:g}: leave such stars out, or check the order "
            "of the columns"
        )
    return labels
