"""The networks of the autoencoder: encoder, decoder and discriminators."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from specnb.core.perceptron import perceptron


class Discriminators(nn.Module):
    """Several perceptrons of one shape, computed as one batched matrix product.

    Parameters
    ----------
    n : int
        Number of discriminators.
    widths : sequence of int
        Numbers of inputs, of neurons in the hidden layers, and of outputs (bins) of each.
    """

    def __init__(self, n: int, widths):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(widths):
            for group, shape in ((self.weights, (n, n_in, n_out)), (self.biases, (n, 1, n_out))):
                # the first weights are distributed as those of torch's Linear
                group.append(nn.Parameter(torch.empty(shape).uniform_(-1, 1) / n_in**0.5))

    def forward(self, z):
        """Logits, shape (n, batch, bins), from latents of shape (n, batch, latent)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            z = F.relu(torch.baddbmm(bias, z, weight))
        return torch.baddbmm(self.biases[-1], z, self.weights[-1])


class Networks(nn.Module):
    """Encoder, decoder and discriminators of one configuration, on scaled spectra and labels.

    Without a bottleneck the latents are sigmoids, as in the paper's code: an adversary would drive
    unbounded latents to infinity. With a bottleneck they are Gaussian, and the encoder gives their
    mean and log variance.

    Parameters
    ----------
    config : DisentangleConfig
    n_pix : int
    """

    def __init__(self, config, n_pix: int):
        super().__init__()
        n_labels = len(config.labels)
        n_lambdas = n_labels if config.lambda_range else 0
        n_out = config.latent * (2 if config.bottleneck else 1)
        n_in = n_pix + n_labels * config.labels_in_encoder + n_lambdas
        self.config = config
        n_code = config.latent + n_labels + n_lambdas
        self.encoder = perceptron((n_in, *config.hidden, n_out), nn.ReLU)
        self.decoder = perceptron((n_code, *config.hidden[::-1], n_pix), nn.ReLU)
        if config.adversarial:
            n, outputs = (1, config.bins**n_labels) if config.joint else (n_labels, config.bins)
            self.discriminators = Discriminators(
                n, (config.latent + n_lambdas, *config.discriminator, outputs)
            )

    def encode(self, flux, labels, lambdas):
        """Mean of the latents, shape (n, latent), and their log variance.

        The log variance is None without a bottleneck.

        Parameters
        ----------
        flux : Tensor, shape (n, n_pix)
            Scaled flux, 0 where masked.
        labels : Tensor, shape (n, n_labels)
            Scaled labels. Only an encoder that takes labels uses them.
        lambdas : Tensor, shape (n, n_labels)
            λ in units of ``lambda_range``. It has no columns if the networks do not take λ.
        """
        inputs = [flux, labels, lambdas] if self.config.labels_in_encoder else [flux, lambdas]
        out = self.encoder(torch.cat(inputs, dim=1))
        return out.chunk(2, dim=1) if self.config.bottleneck else (torch.sigmoid(out), None)

    def decode(self, z, labels, lambdas):
        """Scaled flux, shape (n, n_pix)."""
        return self.decoder(torch.cat([z, labels, lambdas], dim=1))

    def judge(self, z, lambdas):
        """Logits of the bins, shape (n_discriminators, n, bins).

        z has the shape (n, latent), or (n_discriminators, n, latent).
        """
        n = len(self.discriminators.weights[0])
        z, lambdas = (each.expand(n, *each.shape[-2:]) for each in (z, lambdas))
        return self.discriminators(torch.cat([z, lambdas], dim=-1))


def drawn_latents(mean, log_variance, random):
    """Random latents with this mean and log variance (both of shape (n, latent)).

    They are the means if there is no log variance, or no generator of random numbers.
    """
    if log_variance is None or random is None:
        return mean
    noise = torch.randn(mean.shape, generator=random, device=random.device).to(mean)
    return mean + noise * (0.5 * log_variance).exp()
