"""The common part of the fully connected autoencoders of two domains.

These are z_split, the sum of the decoders and the critics.

All kinds of networks have the same methods: ``encode_*`` turns spectra into latents, ``decode_*``
turns latents into spectra, and ``judge_*`` gives the verdict of the critics. Flux is scaled. In
masked pixels it is 0, which is the mean.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def perceptron(widths, activate_last: bool = False) -> nn.Sequential:
    """Fully connected layers with a smooth activation between them.

    With ``activate_last`` there is also one after the last layer.
    """
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*(layers if activate_last else layers[:-1]))


class Autoencoders(nn.Module):
    """Base class of fully connected autoencoders, with z_split and critics.

    Subclasses make the layers between spectra and z_shared in ``make_layers(config, n_pix)``. They
    define ``encode_synthetic``, ``encode_shared`` (for observed spectra), ``decode_synthetic`` and
    ``decode_difference``.

    z_split is computed from the difference between a spectrum and its reconstruction from z_shared
    alone. It therefore describes differences between stars with the same labels, and does not
    contain the labels again. Its values are between -1 and 1. They are limited by the softsign
    function, because a hyperbolic tangent saturates: all values are then close to -1 or 1, and no
    star has a z_split near the mean.
    """

    def __init__(self, config, n_pix: int):
        super().__init__()
        self.config = config
        self.make_layers(config, n_pix)
        if config.split:
            self.split_encoder = nn.Linear(n_pix, config.split)
            self.split_decoder = nn.Linear(config.split, n_pix, bias=False)
            with torch.no_grad():  # the two domains are similar at the start
                self.split_decoder.weight.mul_(0.1)
        latents = config.shared if config.critic_latents else 0
        split = config.split if config.critic_latents else 0
        self.critics = nn.ModuleList(
            [_critic(n_pix + n, *config.hidden) for n in (latents, latents + split)]
        )

    def begin(self, synthetic, observed, weight, rows, std):
        """Called before the first step. It does nothing, because these networks start at random."""

    def encode_observed(self, x):
        """z_shared (n, shared) and z_split (n, split) of scaled observed spectra (n, n_pix).

        z_split is None if the configuration has none.
        """
        shared = self.encode_shared(x)
        if not self.config.split:
            return shared, None
        with torch.no_grad():
            known = self.decode_observed(shared, x.new_zeros(len(x), self.config.split))
        # Masked pixels, which are 0, stay 0.
        return shared, F.softsign(self.split_encoder(torch.where(x == 0, 0.0, x - known)))

    def decode_observed(self, z_shared, z_split):
        """Scaled observed spectra (n, n_pix).

        They are the sum of the synthetic spectra and of a difference that depends on the domain and
        on z_split.
        """
        return self.decode_synthetic(z_shared) + self.decode_difference(z_shared, z_split)

    def judge_synthetic(self, x, z_shared):
        """Logits (n,) that spectra are reconstructions of synthetic ones and not translations."""
        return self.critics[0](self._seen(x, z_shared))[:, 0]

    def judge_observed(self, x, z_shared, z_split):
        """Logits (n,) that spectra are reconstructions of observed ones and not translations."""
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
