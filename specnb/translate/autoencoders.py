"""What fully connected autoencoders of two domains share: z_split, sums of decoders, critics.

All kinds of networks have the same methods, from spectra to latents (``encode_*``), back
(``decode_*``) and to the critics' verdict (``judge_*``). Flux is scaled, and 0, its mean, where
masked.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def perceptron(widths, activate_last: bool = False) -> nn.Sequential:
    """Fully connected layers with a smooth activation between them, and after the last one if
    asked."""
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*(layers if activate_last else layers[:-1]))


class Autoencoders(nn.Module):
    """What fully connected autoencoders have in common: z_split and critics.

    Subclasses make the layers between spectra and z_shared in ``make_layers(config, n_pix)`` and
    give ``encode_synthetic``, ``encode_shared`` (of observed spectra), ``decode_synthetic`` and
    ``decode_difference``.

    z_split is read from what z_shared leaves of a spectrum, so that it holds what differs between
    stars of the same labels and not the labels again; it lies between -1 and 1 (softsign: a
    hyperbolic tangent saturates, and then the mean z_split is that of no star).
    """

    def __init__(self, config, n_pix: int):
        super().__init__()
        self.config = config
        self.make_layers(config, n_pix)
        if config.split:
            self.split_encoder = nn.Linear(n_pix, config.split)
            self.split_decoder = nn.Linear(config.split, n_pix, bias=False)
            with torch.no_grad():  # the domains start out alike
                self.split_decoder.weight.mul_(0.1)
        latents = config.shared if config.critic_latents else 0
        split = config.split if config.critic_latents else 0
        self.critics = nn.ModuleList(
            [_critic(n_pix + n, *config.hidden) for n in (latents, latents + split)]
        )

    def begin(self, synthetic, observed, weight, rows, std):
        """Called before the first step. These networks start at random: there is nothing to do."""

    def encode_observed(self, x):
        """z_shared, shape (n, shared), and z_split, shape (n, split) or None, of scaled observed
        spectra (n, n_pix)."""
        shared = self.encode_shared(x)
        if not self.config.split:
            return shared, None
        with torch.no_grad():
            known = self.decode_observed(shared, x.new_zeros(len(x), self.config.split))
        # pixels that are masked, and therefore 0, stay 0
        return shared, F.softsign(self.split_encoder(torch.where(x == 0, 0.0, x - known)))

    def decode_observed(self, z_shared, z_split):
        """Scaled observed spectra (n, n_pix): the synthetic ones and what z_split and the domain
        add."""
        return self.decode_synthetic(z_shared) + self.decode_difference(z_shared, z_split)

    def judge_synthetic(self, x, z_shared):
        """Logits (n,) of being a reconstruction of a synthetic spectrum, not a translation."""
        return self.critics[0](self._seen(x, z_shared))[:, 0]

    def judge_observed(self, x, z_shared, z_split):
        """Logits (n,) of being a reconstruction of an observed spectrum, not a translation."""
        return self.critics[1](self._seen(x, z_shared, z_split))[:, 0]

    def _seen(self, x, *latents):
        if not self.config.critic_latents:
            return x
        return torch.cat([x, *(z for z in latents if z is not None)], dim=1)


def _critic(n_in, own, middle):
    return nn.Sequential(
        nn.Linear(n_in, own),
        nn.LeakyReLU(0.1),
        nn.Linear(own, middle),
        nn.LeakyReLU(0.1),
        nn.Linear(middle, 1),
    )
