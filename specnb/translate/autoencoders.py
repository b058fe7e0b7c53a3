"""Autoencoders of two domains with a shared middle: what all kinds have, and fully connected ones.

All kinds of networks have the same methods: ``encode_*`` turns spectra into latents, ``decode_*``
turns latents into spectra, and ``judge`` gives the verdict of the critics. Flux is scaled. In
masked pixels it is 0, which is the mean. If the configuration has no z_split, z_split is a tensor
without columns.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class Autoencoders(nn.Module):
    """Base class of all kinds of networks.

    Subclasses set ``config`` and make the layers and ``critics``, one for each domain. A critic is
    a module that takes spectra and any number of latents, and returns logits (n,).
    """

    def begin(self, synthetic, observed, weight, rows, std):
        """Called before the first step. It does nothing for networks that start at random."""

    def judge(self, domain: str, x, *latents):
        """Logits (n,) that spectra are reconstructions and not translations.

        Parameters
        ----------
        domain : {"synthetic", "observed"}
        x : Tensor, shape (n, n_pix)
        *latents : Tensor
            z_shared and, for observed spectra, z_split.
        """
        return self.critics[domain](x, *(latents if self.config.critic_latents else ()))


def perceptron(widths, activate_last: bool = False) -> nn.Sequential:
    """Fully connected layers with a smooth activation between them.

    With ``activate_last`` there is also one after the last layer.
    """
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*(layers if activate_last else layers[:-1]))


class Critic(nn.Sequential):
    """A fully connected critic of spectra and latents of ``n_in`` numbers together."""

    def __init__(self, n_in: int, own: int, middle: int):
        super().__init__(
            nn.Linear(n_in, own),
            nn.LeakyReLU(0.1),
            nn.Linear(own, middle),
            nn.LeakyReLU(0.1),
            nn.Linear(middle, 1),
        )

    def forward(self, x, *latents):
        return super().forward(torch.cat([x, *latents], dim=1))[:, 0]


class FullyConnected(Autoencoders):
    """Base class of fully connected autoencoders, with z_split and critics.

    Subclasses make the layers between spectra and z_shared in ``make_layers(config, n_pix)``. They
    define ``encode_synthetic``, ``encode_shared`` (for observed spectra), ``decode_synthetic`` and
    ``difference``, the difference of the decoders without the linear effect of z_split.

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
        seen = {"synthetic": config.shared, "observed": config.shared + config.split}
        self.critics = nn.ModuleDict(
            (domain, Critic(n_pix + n * config.critic_latents, *config.hidden))
            for domain, n in seen.items()
        )

    def encode_observed(self, x):
        """z_shared (n, shared) and z_split (n, split) of scaled observed spectra (n, n_pix)."""
        shared = self.encode_shared(x)
        if not self.config.split:
            return shared, shared[:, :0]
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

    def decode_difference(self, z_shared, z_split):
        """Decoded observed minus decoded synthetic spectra, shape (n, n_pix)."""
        difference = self.difference(z_shared, z_split)
        return difference + self.split_decoder(z_split) if self.config.split else difference


class Perceptrons(FullyConnected):
    """Two autoencoders with a shared middle (O'Briain et al. 2021, Fig. 1), fully connected.

    z_shared is normalised to mean 0 and variance 1 over its numbers, so that its scale cannot tell
    the domain. This takes the place of the paper's instance normalisation.

    Parameters
    ----------
    config : TranslateConfig
    n_pix : int
    """

    def make_layers(self, config, n_pix):
        own, middle = config.hidden
        self.synthetic_encoder = perceptron((n_pix, own), activate_last=True)
        self.observed_encoder = perceptron((n_pix, own), activate_last=True)
        self.shared_encoder = nn.Sequential(
            *perceptron((own, middle, config.shared)),
            nn.LayerNorm(config.shared, elementwise_affine=False),
        )
        self.shared_decoder = perceptron((config.shared, middle, own), activate_last=True)
        self.synthetic_decoder = nn.Linear(own, n_pix)
        self.observed_mixer = perceptron((own + config.split, own), activate_last=True)
        self.observed_decoder = nn.Linear(own, n_pix)
        # The two domains are similar at the start, because the observed decoder adds little to the
        # synthetic one.
        with torch.no_grad():
            self.observed_decoder.weight.mul_(0.1)
            self.observed_decoder.bias.zero_()

    def encode_synthetic(self, x):
        """z_shared, shape (n, shared), of scaled synthetic spectra (n, n_pix)."""
        return self.shared_encoder(self.synthetic_encoder(x))

    def encode_shared(self, x):
        """z_shared, shape (n, shared), of scaled observed spectra (n, n_pix)."""
        return self.shared_encoder(self.observed_encoder(x))

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return self.synthetic_decoder(self.shared_decoder(z_shared))

    def difference(self, z_shared, z_split):
        h = torch.cat([self.shared_decoder(z_shared), z_split], dim=1)
        return self.observed_decoder(self.observed_mixer(h))
