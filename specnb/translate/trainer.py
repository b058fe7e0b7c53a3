"""One training of the translator, a step at a time.

The losses (O'Briain et al. 2021, Sect. 2), for synthetic spectra s and observed ones o, which are no pairs:

- *Reconstruction* of either by its own autoencoder, D_synth(E_synth(s)) and D_obs(E_obs(o)): mean over unmasked pixels of
  ((prediction − spectrum) / σ)², with σ the error of the observed spectra, floored, and a constant for the synthetic ones.
- *Cycle*: the same after a way there and back: s translated with the z_split of a random observed star, encoded as if
  observed and decoded as synthetic; o decoded as synthetic, encoded as such and decoded with its own z_split.
- *Adversarial*: a critic a domain tells reconstructions ("real") from what the same decoder makes of the other domain's
  z_shared, seeing the latents too; binary cross-entropy. Reconstructions, not spectra, are the real ones, so that noise
  and masks are no cue.

The generator's loss is reconstruction + cycle weight × cycle + adversarial weight × (that its translations are real). After
the last step translations are shifted by a constant spectrum, to the mean of the observed ones (``match_means``).
"""

from dataclasses import asdict
from functools import cached_property
from hashlib import sha256

import numpy as np
import torch
from torch.nn import functional as F

from specnb.core.device import pick_device
from specnb.core.spectra import Spectra
from specnb.translate.config import TranslateConfig
from specnb.translate.model import Translator

WATCHED = 512  # most validation spectra of either domain
SCALED = 4096  # synthetic spectra that set the scales of the flux


class Diverged(FloatingPointError):
    """A loss is no longer a finite number."""


class Trainer:
    """One training: networks, optimisers, random numbers and history.

    Parameters
    ----------
    emulator : Emulator
        Makes the synthetic spectra, on the fly.
    labels : ndarray, shape (n, n_labels)
        Of the synthetic stars, in the emulator's order.
    observed : Spectra
    config : TranslateConfig

    Raises
    ------
    ValueError
        If a domain is empty or nearly so, the pixels differ, or a label is not finite.
    """

    def __init__(self, emulator, labels, observed: Spectra, config: TranslateConfig):
        self.config, self.device = config, pick_device(config.device)
        labels = np.ascontiguousarray(labels, dtype=np.float32)
        for what, n in (("synthetic", len(labels)), ("observed", len(observed))):
            if n < 20:
                raise ValueError(f"the {what} domain has {n} stars: give at least 20")
        if labels.ndim != 2 or labels.shape[1] != len(emulator.labels) or not np.isfinite(labels).all():
            raise ValueError(f"labels must be finite, one column each of {', '.join(emulator.labels)}")
        for name, values, low, high in zip(emulator.labels, labels.T, *_trained_range(emulator)):
            if len(bad := values[(values < low) | (values > high)]):
                raise ValueError(f"the synthetic domain has {name} = {bad[0]:g}, but the emulator was trained from {low:g} to "
                                 f"{high:g}: leave such stars out, or check the order of the columns")  # fmt: skip
        self.emulator = emulator.to(self.device)
        self.random = torch.Generator(self.device).manual_seed(config.seed)
        self.labels = torch.from_numpy(labels).to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            sample = self._emulated(self.labels[:: max(1, len(labels) // SCALED)])
            self.model = Translator(config, emulator.wavelength, sample.mean(0), sample.std()).to(self.device)
        self.model.check(observed.wavelength)
        self.data = self._observed(observed)
        order = np.random.default_rng(config.seed)
        self.synthetic, self.watched_synthetic = self._parts(order.permutation(len(labels)))
        self.observed, self.watched_observed = self._parts(order.permutation(len(observed)))
        if config.kind == "principal":
            flux, weight = (array[self.observed] for array in self.data)
            scaled_weight = weight * self.model.std**2
            self.model.networks.begin(
                self.model.scaled(sample), flux, scaled_weight, config.error_floor / self.model.std
            )
        critics = list(self.model.networks.critics.parameters())
        generator = [p for p in self.model.networks.parameters() if not any(p is q for q in critics)]
        fused = self.device.type != "mps"
        self.generator = torch.optim.Adam(generator, config.learning_rate, config.betas, fused=fused)
        self.critics = torch.optim.Adam(critics, config.critic_rate, config.betas, fused=fused)
        rising = 0.1 if config.iterations != 10 else 0.2  # a rise of exactly one step is divided by 0
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.generator, config.learning_rate, total_steps=config.iterations, pct_start=rising, cycle_momentum=False
        )
        self.iteration = 0

    @property
    def history(self):
        return self.model.history

    @property
    def finished(self) -> bool:
        return self.iteration >= self.config.iterations

    def _parts(self, order):
        """Training and watched rows."""
        n = max(1, min(WATCHED, round(self.config.validation * len(order))))
        return tuple(torch.from_numpy(rows).to(self.device) for rows in (order[n:], order[:n]))

    @torch.no_grad()
    def _emulated(self, labels):
        return self.emulator.network(labels)

    def _observed(self, spectra):
        """Scaled flux and weights 1/σ² of the observed spectra, 0 where masked or too uncertain."""
        mask = self.model.unusable(spectra)
        if (blind := mask.all(axis=1)).any():
            raise ValueError(f"{blind.sum()} observed stars, such as {spectra.ids[blind][0]}, have no pixel with an error below "
                             f"largest_error ({self.config.largest_error:g}): leave them out")  # fmt: skip
        weight = np.maximum(spectra.flux_error, np.float32(self.config.error_floor)) ** -2
        weight[mask] = 0.0
        return self.model.scaled(spectra.flux, mask), torch.from_numpy(weight).to(self.device)

    def _chi2(self, prediction, x, weight):
        """Mean of ((prediction − x) / σ)² over the unmasked pixels."""
        squares = weight * (prediction - x) ** 2
        n = x.numel() if isinstance(weight, float) else (weight > 0).sum().clamp(min=1)
        return squares.sum() / n * self.model.std**2

    def _passes(self, synthetic, observed, weight):
        """All reconstructions, translations and their losses for a batch of each domain."""
        networks = self.model.networks
        z_observed, split = networks.encode_observed(observed)
        z_synthetic = networks.encode_synthetic(synthetic)
        own, change = networks.decode_synthetic(z_synthetic), networks.decode_difference(z_synthetic, split)
        s = {"shared": z_synthetic, "own": own, "decoded": own + change}
        translated = synthetic + change if self.config.residual else s["decoded"]
        o = {"shared": z_observed, "split": split, "own": networks.decode_observed(z_observed, split)}
        o["decoded"] = networks.decode_synthetic(z_observed)
        certain = 1.0 / self.config.synthetic_error**2
        losses = {
            "reconstruction_synthetic": self._chi2(s["own"], synthetic, certain),
            "reconstruction_observed": self._chi2(o["own"], observed, weight),
        }
        if self.config.cycle:
            back = networks.decode_synthetic(networks.encode_observed(translated)[0])
            losses["cycle_synthetic"] = self._chi2(back, synthetic, certain)
            back = networks.decode_observed(networks.encode_synthetic(o["decoded"]), split)
            losses["cycle_observed"] = self._chi2(back, observed, weight)
        return s, o, losses

    def _verdicts(self, s, o, detach):
        """Logits of the critics on what is real and on what is translated, of each domain."""
        s, o = ({k: v.detach() if detach and v is not None else v for k, v in each.items()} for each in (s, o))
        judge_synthetic, judge_observed = self.model.networks.judge_synthetic, self.model.networks.judge_observed
        fake = [judge_synthetic(o["decoded"], o["shared"]), judge_observed(s["decoded"], s["shared"], o["split"])]
        if not detach:
            return None, fake
        real = [judge_synthetic(s["own"], s["shared"]), judge_observed(o["own"], o["shared"], o["split"])]
        return real, fake

    def step(self) -> dict:
        """One step of the generator and one of the critics, on the same batch; returns the losses as tensors."""
        config, networks = self.config, self.model.networks
        size = min(config.batch, len(self.synthetic), len(self.observed))
        i, j = (rows[self._draw(len(rows), size)] for rows in (self.synthetic, self.observed))
        synthetic = self.model.scaled(self._emulated(self.labels[i]))
        s, o, losses = self._passes(synthetic, self.data[0][j], self.data[1][j])
        loss = sum(value * (config.cycle if name.startswith("cycle") else 1.0) for name, value in losses.items())
        if config.adversarial:
            networks.critics.requires_grad_(False)
            _, fake = self._verdicts(s, o, detach=False)
            losses["adversarial"] = _exposed(fake)
            loss = loss + config.adversarial * losses["adversarial"]
            networks.critics.requires_grad_(True)
        self.generator.zero_grad()
        loss.backward()
        self.generator.step()
        self.schedule.step()
        if config.adversarial:
            losses["critics"] = _mistakes(*self._verdicts(s, o, detach=True))
            self.critics.zero_grad()
            losses["critics"].backward()
            self.critics.step()
        self.iteration += 1
        return {name: value.detach() for name, value in losses.items()}

    def _draw(self, n, size):
        return torch.randint(n, (size,), generator=self.random, device=self.device)

    @torch.no_grad()
    def report(self) -> dict:
        """Losses on the watched spectra, which need no pairs, as a new row of the history."""
        rows, columns = self.watched_observed, self.watched_synthetic
        n = min(len(rows), len(columns))
        synthetic = self.model.scaled(self._emulated(self.labels[columns[:n]]))
        s, o, losses = self._passes(synthetic, self.data[0][rows[:n]], self.data[1][rows[:n]])
        shared = [each["shared"].flatten(1) for each in (s, o)]
        # difference of the domains' mean latents, whose variance is 1: 0 where they mix
        losses["latents"] = (shared[0].mean(0) - shared[1].mean(0)).square().mean()
        if self.config.adversarial:
            real, fake = self._verdicts(s, o, detach=True)
            losses |= {"adversarial": _exposed(fake), "critics": _mistakes(real, fake)}
            right = [(logit > 0).float().mean() for logit in real] + [(logit < 0).float().mean() for logit in fake]
            losses["critics_right"] = sum(right) / 4
        row = {"iteration": self.iteration} | {name: round(float(value), 6) for name, value in losses.items()}
        self.check(row)
        self.history.append(row)
        if self.config.split:
            self.model.mean_split.copy_(o["split"].mean(dim=0))  # what there is of it before the end
        return row

    def check(self, losses):
        """Raise Diverged if a loss is not finite, or reconstructions are ten times worse than the mean spectrum is."""
        values = {name: float(value) for name, value in losses.items()}
        bad = [name for name, value in values.items() if not np.isfinite(value)]
        bad += [name for name, blank in self._blank.items() if not values[name] <= 10 * blank and name not in bad]
        if bad:
            raise Diverged(
                f"training diverged by iteration {self.iteration} ({', '.join(bad)}): lower learning_rate "
                f"({self.config.learning_rate:g}) or adversarial ({self.config.adversarial:g})"
            )

    @cached_property
    @torch.no_grad()
    def _blank(self):
        """What the mean synthetic spectrum would have in place of each reconstruction."""
        rows, columns = self.watched_observed, self.watched_synthetic
        x = self.model.scaled(self._emulated(self.labels[columns]))
        flux, weight = self.data[0][rows], self.data[1][rows]
        return {
            "reconstruction_synthetic": float(self._chi2(0.0, x, 1.0 / self.config.synthetic_error**2)),
            "reconstruction_observed": float(self._chi2(0.0, flux, weight)),
        }

    @torch.no_grad()
    def finish(self):
        """Set the typical z_split, the mean over observed training stars, and the offset, at the end of a training."""
        if self.config.split:
            parts = [self.model.networks.encode_observed(x)[1] for x in self.data[0][self.observed].split(1024)]
            self.model.mean_split.copy_(torch.cat(parts).mean(dim=0))
        if self.config.match_means:
            self.model.offset.add_(self._mean_left())
        return self.model.eval().requires_grad_(False)

    def _mean_left(self):
        """Mean of observed minus translated training spectra in each pixel, where unmasked, scaled.

        A translated one has the z_split, and the mask, of an observed star. Critics are blind to a mean that is off by a
        tenth of the noise in all pixels; a linear classifier of thousands of stars is not.
        """
        n = min(len(self.synthetic), len(self.observed))
        left = torch.zeros(2, len(self.model.mean), dtype=torch.float64)
        for i, j in zip(self.synthetic[:n].split(1024), self.observed[:n].split(1024)):
            flux, good = self.data[0][j], self.data[1][j] > 0
            synthetic = self.model.scaled(self._emulated(self.labels[i]))
            translated = self.model.translate_scaled(synthetic, self.model.networks.encode_observed(flux)[1])
            left += torch.stack([torch.where(good, flux - translated, 0.0).sum(0), good.sum(0)]).cpu()
        return (left[0] / left[1].clamp(min=1)).to(self.model.offset)

    def _optimised(self):
        return {"model": self.model, "generator": self.generator, "critics": self.critics, "schedule": self.schedule}

    def state(self) -> dict:
        """All that the next step depends on, with a fingerprint of the data."""
        return {name: part.state_dict() for name, part in self._optimised().items()} | {
            "config": asdict(self.config), "data": self._fingerprint, "random": self.random.get_state(),
            "history": self.history, "iteration": self.iteration,
        }  # fmt: skip

    def restore(self, state: dict):
        """Go on from a `state` of the same configuration.

        Raises
        ------
        ValueError
            If it comes from other spectra or labels.
        """
        if state["data"] != self._fingerprint:
            raise ValueError("it was made with other spectra or labels: delete it, or give the same ones")
        for name, part in self._optimised().items():
            part.load_state_dict(state[name])
        self.random.set_state(state["random"].cpu())
        self.history[:] = state["history"]
        self.iteration = state["iteration"]

    @cached_property
    def _fingerprint(self):
        digest = sha256()
        for each in (self.labels, *self.data, *self.emulator.network.state_dict().values()):
            digest.update(each.cpu().numpy())
        return digest.hexdigest()


def _trained_range(emulator):
    return emulator.network.low.cpu().numpy(), emulator.network.high.cpu().numpy()


def _exposed(fake):
    """The generator's adversarial loss: binary cross-entropy of its translations being taken for real, over both domains."""
    return sum(F.softplus(-logit).mean() for logit in fake)


def _mistakes(real, fake):
    """The critics' loss: mean binary cross-entropy of their verdicts; ln 2 is blind guessing."""
    return sum([F.softplus(-logit).mean() for logit in real] + [F.softplus(logit).mean() for logit in fake]) / 4
