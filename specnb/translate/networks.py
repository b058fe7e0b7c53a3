"""The networks of the cheaper configuration: perceptrons in place of the paper's convolutions.

Both kinds have the same methods, from spectra to latents (``encode_*``), back (``decode_*``) and to the critics' verdict
(``judge_*``). Flux is scaled, and 0, its mean, where masked.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def perceptron(widths, activate_last: bool = False) -> nn.Sequential:
    """Fully connected layers with a smooth activation between them, and after the last one if asked."""
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*(layers if activate_last else layers[:-1]))


class Perceptrons(nn.Module):
    """Two autoencoders with a shared middle (O'Briain et al. 2021, Fig. 1), fully connected.

    z_shared is normalised to mean 0 and variance 1 over its numbers, in place of the paper's instance normalisation, so
    that no domain can hide in its scale. z_split is read from what z_shared leaves of a spectrum, so that it holds what
    differs between stars of the same labels and not the labels again; it lies between -1 and 1 (softsign: a hyperbolic
    tangent saturates, and then the mean z_split is that of no star).

    Parameters
    ----------
    config : TranslateConfig
    n_pix : int
    """

    def __init__(self, config, n_pix: int):
        super().__init__()
        own, middle = config.hidden
        self.config = config
        self.synthetic_encoder = perceptron((n_pix, own), activate_last=True)
        self.observed_encoder = perceptron((n_pix, own), activate_last=True)
        self.shared_encoder = perceptron((own, middle, config.shared))
        self.shared_decoder = perceptron((config.shared, middle, own), activate_last=True)
        self.synthetic_decoder = nn.Linear(own, n_pix)
        self.observed_mixer = perceptron((own + config.split, own), activate_last=True)
        self.observed_decoder = nn.Linear(own, n_pix)
        if config.split:
            self.split_encoder = nn.Linear(n_pix, config.split)
            self.split_decoder = nn.Linear(config.split, n_pix, bias=False)
        latents = config.shared if config.critic_latents else 0
        split = config.split if config.critic_latents else 0
        self.critics = nn.ModuleList(
            [_critic(n_pix + latents, own, middle), _critic(n_pix + latents + split, own, middle)]
        )
        with torch.no_grad():  # the domains start out alike: the observed decoder adds little to the synthetic one
            for layer in [self.observed_decoder, *([self.split_decoder] if config.split else [])]:
                layer.weight.mul_(0.1)
            self.observed_decoder.bias.zero_()

    def encode_synthetic(self, x):
        """z_shared, shape (n, shared), of scaled synthetic spectra (n, n_pix)."""
        return self._normalised(self.shared_encoder(self.synthetic_encoder(x)))

    def encode_observed(self, x):
        """z_shared, shape (n, shared), and z_split, shape (n, split) or None, of scaled observed spectra (n, n_pix)."""
        shared = self._normalised(self.shared_encoder(self.observed_encoder(x)))
        if not self.config.split:
            return shared, None
        with torch.no_grad():
            known = self.decode_observed(shared, x.new_zeros(len(x), self.config.split))
        return shared, F.softsign(self.split_encoder(torch.where(x == 0, 0.0, x - known)))  # masked ones stay 0

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return self.synthetic_decoder(self.shared_decoder(z_shared))

    def decode_observed(self, z_shared, z_split):
        """Scaled observed spectra (n, n_pix): the synthetic ones and what z_split and the domain add."""
        return self.decode_synthetic(z_shared) + self.decode_difference(z_shared, z_split)

    def decode_difference(self, z_shared, z_split):
        """Observed minus synthetic decoding, shape (n, n_pix)."""
        h = self.shared_decoder(z_shared)
        if z_split is None:
            return self.observed_decoder(self.observed_mixer(h))
        return self.observed_decoder(self.observed_mixer(torch.cat([h, z_split], dim=1))) + self.split_decoder(z_split)

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

    def _normalised(self, z):
        return F.layer_norm(z, z.shape[1:])


def _critic(n_in, own, middle):
    return nn.Sequential(
        nn.Linear(n_in, own), nn.LeakyReLU(0.1), nn.Linear(own, middle), nn.LeakyReLU(0.1), nn.Linear(middle, 1)
    )


def build(config, n_pix: int) -> nn.Module:
    """The networks of a configuration."""
    if config.kind == "conv":
        from specnb.translate.conv import Convolutions

        return Convolutions(config, n_pix)
    return Perceptrons(config, n_pix)
