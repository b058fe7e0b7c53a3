"""The paper's networks: convolutions along the wavelength axis, for spectra of any length.

Layers, channels, kernels and strides are those of O'Briain et al. (2021) and their code, for 7,167
pixels. In contrast to the paper, a spectrum is first extended at both ends by its mirror image. The
decoders return exactly the length of the extended spectrum.
"""

from itertools import pairwise
from math import ceil, prod

import numpy as np
import torch
from torch import nn

from specnb.translate.autoencoders import Autoencoders

KERNEL, SLOPE = 7, 0.1  # kernel of all convolutions, slope of all leaky activations (paper)
STRIDES = (4, 4, 4, 2, 2)  # of two layers of each domain and three shared layers (paper)
# Channels of these layers (paper).
DOMAIN, SHARED, SPLIT = (1, 32, 64), (64, 128, 256, 512), (64, 32, 32, 32)
# Channels of a critic (paper).
CRITIC_SPECTRUM, CRITIC_LATENTS = (1, 16, 32, 64, 128, 256), (32, 64, 128, 256, 512)
# Smallest number of positions of the latents. This is a choice. If a channel had only 2 numbers,
# the normalisation would leave nothing but a sign.
FEWEST_POSITIONS = 8


def layout(n_pix: int) -> tuple[tuple[int, ...], int, int]:
    """Strides, positions of the latents, and the length to which a spectrum is extended.

    With the paper's strides, transposed convolutions turn one position into 1279 pixels, and each
    further position adds 256 pixels, the product of the strides. A spectrum of another length would
    lose up to 255 pixels. If a spectrum is too short for 8 positions, the last stride of 4 is
    replaced by 2. This is repeated as often as needed and possible.

    Parameters
    ----------
    n_pix : int

    Returns
    -------
    strides : tuple of int
    positions : int
    length : int
        The smallest length of at least ``n_pix`` that the decoders return, with at least 8
        positions.
    """
    for fours in (3, 2, 1, 0):
        strides = (4,) * fours + (2,) * (len(STRIDES) - fours)
        shortest = 1 + (KERNEL - 1) * sum(prod(strides[:k]) for k in range(len(strides)))
        positions = 1 + ceil(max(n_pix - shortest, 0) / prod(strides))
        if positions >= FEWEST_POSITIONS:
            break
    positions = max(positions, FEWEST_POSITIONS)
    return strides, positions, shortest + (positions - 1) * prod(strides)


def _layers(kind, channels, strides, kernel=KERNEL, **options):
    """Convolutions of a kind, each followed by its activation."""
    layers = []
    for (n_in, n_out), stride in zip(pairwise(channels), strides, strict=True):
        layers += [kind(n_in, n_out, kernel, stride, **options), nn.LeakyReLU(SLOPE)]
    return layers


def _down(channels, strides, **options):
    return _layers(nn.Conv1d, channels, strides, **options)


def _up(channels, strides):
    """Transposed convolutions that mirror `_down`. Channels and strides are in its order."""
    return _layers(nn.ConvTranspose1d, channels[::-1], strides[::-1])


class Critic(nn.Module):
    """A critic of a spectrum and its latents: two branches of convolutions that end in one logit.

    In contrast to the paper, the layers of stride 4 are padded by three zeros, so that spectra may
    have any length.

    Parameters
    ----------
    length : int
        Pixels of a spectrum.
    channels, positions : int
        Shape of the latents. With 0 channels the critic sees spectra only.
    """

    def __init__(self, length: int, channels: int, positions: int):
        super().__init__()
        strides = (4,) * (len(CRITIC_SPECTRUM) - 1)
        layers = _layers(nn.Conv1d, CRITIC_SPECTRUM, strides, padding=KERNEL // 2)
        self.spectrum = nn.Sequential(*layers, nn.Flatten())
        n_in = CRITIC_SPECTRUM[-1] * ceil(length / prod(strides))
        if channels:
            strides = (1,) * len(CRITIC_LATENTS)
            layers = _layers(nn.Conv1d, (channels, *CRITIC_LATENTS), strides, kernel=1)
            self.latents = nn.Sequential(*layers, nn.Flatten())
            n_in += CRITIC_LATENTS[-1] * positions
        self.logit = nn.Linear(n_in, 1)

    def forward(self, x, *latents):
        """Logits (n,) of spectra (n, length) and latents (n, channels, positions)."""
        branches = [self.spectrum(x[:, None])]
        if latents:
            branches.append(self.latents(torch.cat(latents, dim=1)))
        return self.logit(torch.cat(branches, dim=1))[:, 0]


class Convolutions(Autoencoders):
    """Two autoencoders with a shared middle (O'Briain et al. 2021, Fig. 1), convolutional.

    z_shared has the shape (n, shared, positions). Each channel of each spectrum has mean 0 and
    variance 1 over its positions. z_split has the shape (n, split, positions). Decoders mirror the
    encoders. The last layers of the decoder of observed spectra take the channels from z_shared and
    from z_split together. The initial weights are Xavier's, from torch's global generator, with the
    gain of the activation. Without the gain the signal becomes smaller in each layer, until the
    1e-5 in the normalisation matters. Biases start at 0.

    Parameters
    ----------
    config : TranslateConfig
        ``shared`` and ``split`` are numbers of channels (paper: 25 and 4); ``hidden`` is not used.
    n_pix : int
    """

    def __init__(self, config, n_pix: int):
        super().__init__()
        strides, positions, length = layout(n_pix)
        own, middle = strides[:2], strides[2:]
        self.config, self.n_pix = config, n_pix
        self.start = (length - n_pix) // 2
        mirrored = np.pad(
            np.arange(n_pix), (self.start, length - n_pix - self.start), mode="reflect"
        )
        self.register_buffer("mirrored", torch.from_numpy(mirrored), persistent=False)
        self.synthetic_encoder = nn.Sequential(*_down(DOMAIN, own))
        self.observed_encoder = nn.Sequential(*_down(DOMAIN, own))
        self.shared_encoder = nn.Sequential(
            *_down(SHARED, middle),
            nn.Conv1d(SHARED[-1], config.shared, 1),
            nn.InstanceNorm1d(config.shared),
        )
        self.shared_decoder = nn.Sequential(
            nn.Conv1d(config.shared, SHARED[-1], 1), nn.LeakyReLU(SLOPE), *_up(SHARED, middle)
        )
        # The last layer has no activation, because scaled flux has both signs.
        self.synthetic_decoder = nn.Sequential(*_up(DOMAIN, own)[:-1])
        n_joined = DOMAIN[-1]
        if config.split:
            self.split_encoder = nn.Sequential(
                *_down(SPLIT, middle), nn.Conv1d(SPLIT[-1], config.split, 1)
            )
            self.split_decoder = nn.Sequential(
                nn.Conv1d(config.split, SPLIT[-1], 1), nn.LeakyReLU(SLOPE), *_up(SPLIT, middle)
            )
            n_joined += SPLIT[0]
        self.observed_decoder = nn.Sequential(*_up((*DOMAIN[:-1], n_joined), own)[:-1])
        seen = {"synthetic": config.shared, "observed": config.shared + config.split}
        self.critics = nn.ModuleDict(
            (domain, Critic(n_pix, channels * config.critic_latents, positions))
            for domain, channels in seen.items()
        )
        gain = nn.init.calculate_gain("leaky_relu", SLOPE)
        for layer in self.modules():
            if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight, gain)
                nn.init.zeros_(layer.bias)

    def encode_synthetic(self, x):
        """z_shared, shape (n, shared, positions), of scaled synthetic spectra (n, n_pix)."""
        return self.shared_encoder(self.synthetic_encoder(self._extended(x)))

    def encode_observed(self, x):
        """z_shared and z_split of scaled observed spectra (n, n_pix).

        Their shapes are (n, shared, positions) and (n, split, positions).
        """
        h = self.observed_encoder(self._extended(x))
        shared = self.shared_encoder(h)
        return shared, self.split_encoder(h) if self.config.split else shared[:, :0]

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return self._cut(self.synthetic_decoder(self.shared_decoder(z_shared)))

    def decode_observed(self, z_shared, z_split):
        """Scaled observed spectra (n, n_pix)."""
        h = self.shared_decoder(z_shared)
        if self.config.split:
            h = torch.cat([h, self.split_decoder(z_split)], dim=1)
        return self._cut(self.observed_decoder(h))

    def decode_difference(self, z_shared, z_split):
        """Decoded observed minus decoded synthetic spectra, shape (n, n_pix)."""
        return self.decode_observed(z_shared, z_split) - self.decode_synthetic(z_shared)

    def _extended(self, x):
        return x[:, None, self.mirrored]

    def _cut(self, x):
        return x[:, 0, self.start : self.start + self.n_pix]
