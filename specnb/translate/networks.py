"""The networks of the cheaper configuration: perceptrons in place of the paper's convolutions."""

import torch
from torch import nn
from torch.nn import functional as F

from specnb.translate.autoencoders import Autoencoders, perceptron
from specnb.translate.conv import Convolutions
from specnb.translate.principal import Principal


class Perceptrons(Autoencoders):
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
        self.shared_encoder = perceptron((own, middle, config.shared))
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
        return self._normalised(self.shared_encoder(self.synthetic_encoder(x)))

    def encode_shared(self, x):
        """z_shared, shape (n, shared), of scaled observed spectra (n, n_pix)."""
        return self._normalised(self.shared_encoder(self.observed_encoder(x)))

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return self.synthetic_decoder(self.shared_decoder(z_shared))

    def decode_difference(self, z_shared, z_split):
        """Decoded observed minus decoded synthetic spectra, shape (n, n_pix)."""
        h = self.shared_decoder(z_shared)
        if z_split is None:
            return self.observed_decoder(self.observed_mixer(h))
        return self.observed_decoder(
            self.observed_mixer(torch.cat([h, z_split], dim=1))
        ) + self.split_decoder(z_split)

    def _normalised(self, z):
        return F.layer_norm(z, z.shape[1:])


def build(config, n_pix: int) -> nn.Module:
    """Make the networks of a configuration."""
    kinds = {"mlp": Perceptrons, "principal": Principal, "conv": Convolutions}
    return kinds[config.kind](config, n_pix)
