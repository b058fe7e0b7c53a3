"""Autoencoders of two domains with a shared middle: what all kinds have, and fully connected ones.

All kinds of networks have the same methods: ``encode_*`` turns spectra into latents, ``decode_*``
turns latents into spectra, and ``judge`` gives the verdict of the critics. Flux is scaled. In
masked pixels it is 0, which is the mean. If the configuration has no z_split, z_split is a tensor
without columns.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from specnb.core.perceptron import perceptron

# Ridge penalty of the regression in `Principal`, in numbers of stars. With a smaller one, 48
# components of a few hundred stars fit the noise.
RIDGE = 10.0


class Autoencoders(nn.Module):
    """Base class of all kinds of networks.

    Subclasses set ``config`` and make the layers and ``critics``, one for each domain. A critic is
    a module that takes spectra and any number of latents, and returns logits (n,).
    """

    def begin(self, synthetic, observed, weight, rows, std):
        """Called before the first step. It does nothing for networks that start at random."""

    def judge(self, seen: dict):
        """The critics' verdicts: logits (n,) that spectra are reconstructions and not translations.

        Parameters
        ----------
        seen : dict of str to sequence of Tensor
            For the domains "synthetic" and "observed", or one of them: spectra (n, n_pix), their
            z_shared and, for observed spectra, their z_split.

        Returns
        -------
        list of Tensor, shape (n,)
        """
        return [
            self.critics[domain](x, *(latents if self.config.critic_latents else ()))
            for domain, (x, *latents) in seen.items()
        ]


class Critic(nn.Sequential):
    """A fully connected critic of spectra and latents of ``n_in`` numbers together."""

    def __init__(self, n_in: int, own: int, middle: int):
        super().__init__(*perceptron((n_in, own, middle, 1), partial(nn.LeakyReLU, 0.1)))

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


class Principal(FullyConnected):
    """Two autoencoders that start from a linear solution: principal components and a regression.

    A few tens of principal components reproduce a synthetic H-band spectrum to 0.1%. Networks that
    start at random reach this accuracy only after a long training. Therefore z_shared consists of
    the principal components of synthetic spectra. The components of observed spectra are shifted to
    the same mean. The difference of the decoders, D_obs − D_synth, starts as a linear regression on
    the components of the residuals that the components leave in observed spectra. It is done pixel
    by pixel and takes the errors into account. There are also perceptrons, which are added to these
    linear layers and start at 0.

    This does not need pairs of spectra. But like critics it needs two domains with the same
    population, because any difference between the mean spectra of the two samples is taken for a
    difference between the domains (0.001-0.004 of the flux for 400 stars). It is not part of the
    paper. If the differences between the domains also change the components, only the training can
    learn this. For differences such as those between real and synthetic spectra, `Perceptrons`
    describe single stars better.

    Parameters
    ----------
    config : TranslateConfig
        ``hidden`` are the widths of the critics. The first is also the width of the perceptrons
        that are added to the linear layers.
    n_pix : int
    """

    def make_layers(self, config, n_pix):
        own, _ = config.hidden
        self.register_buffer("components", torch.zeros(config.shared, n_pix))
        self.register_buffer("scale", torch.ones(config.shared))
        self.align = nn.Linear(config.shared, config.shared)
        self.linear = nn.Linear(config.shared, n_pix)
        self.synthetic_decoder = perceptron((config.shared, own, n_pix))
        self.observed_decoder = perceptron((config.shared + config.split, own, n_pix))
        for decoder in (self.synthetic_decoder, self.observed_decoder):
            nn.init.zeros_(decoder[-1].weight)
            nn.init.zeros_(decoder[-1].bias)

    @torch.no_grad()
    def begin(self, synthetic, observed, weight, rows, std):
        """Set the linear layers to the solution in closed form.

        Parameters
        ----------
        synthetic : Tensor, shape (m, n_pix)
            Scaled synthetic spectra, whose mean is 0.
        observed, weight : Tensor, shape (n, n_pix)
            Scaled observed spectra, and 1 / error², which is 0 in masked pixels.
        rows : Tensor of int64
            Indices of the observed spectra that are trained on.
        std : Tensor
            Scale of the flux. Components whose amplitude is smaller than the scaled
            ``config.error_floor`` have less weight.

        Raises
        ------
        ValueError
            If a domain does not have more spectra than there are components.
        """
        from sklearn.decomposition import PCA  # imported here, because the import takes a second

        observed, weight = observed[rows], weight[rows] * std**2
        if (fewest := min(len(synthetic), len(observed))) <= self.config.shared:
            raise ValueError(f"a domain has {fewest} spectra for {self.config.shared} principal components: "
                             "give more stars, or lower shared")  # fmt: skip
        found = PCA(self.config.shared, svd_solver="randomized", random_state=0).fit(
            synthetic.cpu().numpy()
        )
        self.components.copy_(torch.from_numpy(found.components_))
        variance = torch.from_numpy(found.explained_variance_).to(self.scale)
        self.scale.copy_((variance + (self.config.error_floor / std) ** 2).sqrt())

        self.align.weight.copy_(torch.eye(len(self.scale)))
        self.align.bias.copy_(
            self.encode_synthetic(synthetic).mean(dim=0)
            - self.encode_synthetic(observed).mean(dim=0)
        )

        shared = self.encode_shared(observed)
        residual = observed - self.decode_synthetic(shared)
        z = torch.cat([shared, torch.ones_like(shared[:, :1])], dim=1)
        squares = (z[:, :, None] * z[:, None, :]).flatten(1)
        ridge = RIDGE * weight[weight > 0].mean() * torch.eye(z.shape[1]).to(z)
        # The mean is hardly penalised. A small penalty remains, because pixels that are masked in
        # all stars need a solution, too.
        ridge[-1, -1] *= 1e-3
        # Each pixel has its own equations, because masks and errors differ from pixel to pixel.
        for pixels in torch.arange(weight.shape[1]).split(512):
            normal = (weight[:, pixels].T @ squares).unflatten(1, ridge.shape) + ridge
            right_side = (weight[:, pixels] * residual[:, pixels]).T @ z
            solution = torch.linalg.solve(normal.cpu().double(), right_side.cpu().double())
            self.linear.weight[pixels] = solution[:, :-1].to(z)
            self.linear.bias[pixels] = solution[:, -1].to(z)

    def encode_synthetic(self, x):
        """z_shared, shape (n, shared), of scaled synthetic spectra (n, n_pix)."""
        return x @ self.components.T / self.scale

    def encode_shared(self, x):
        """z_shared, shape (n, shared), of scaled observed spectra (n, n_pix)."""
        return self.align(self.encode_synthetic(x))

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return (z_shared * self.scale) @ self.components + self.synthetic_decoder(z_shared)

    def difference(self, z_shared, z_split):
        both = torch.cat([z_shared, z_split], dim=1) if self.config.split else z_shared
        return self.linear(z_shared) + self.observed_decoder(both)
