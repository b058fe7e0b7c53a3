"""Autoencoders that start from the linear solution: principal components and a regression.

What a spectrum tells of its star is nearly linear in its principal components: a few tens of them
reproduce a synthetic H-band spectrum to 0.1%, which networks that start at random reach only after
long training. Therefore z_shared is the principal components of synthetic spectra; those of
observed spectra are shifted to the same mean. The difference of the decoders, D_obs − D_synth,
starts as the linear regression of what the components leave of observed spectra on the components,
pixel by pixel with their errors. Perceptrons beside these linear layers start at 0.

This needs no pairs of spectra, but, as critics do, two populations that agree: a difference of the
two samples' means is taken for a gap (0.001-0.004 of the flux for 400 stars). It is not part of the
paper. A gap that moves the components themselves is left to the training: for the gap between real
and synthetic spectra, `specnb.translate.networks.Perceptrons` tell more of the single star.
"""

import torch
from torch import nn

from specnb.translate.autoencoders import Autoencoders, perceptron

# Ridge of the regression, in stars. With less, 48 components of a few hundred stars fit noise.
RIDGE = 10.0


class Principal(Autoencoders):
    """Two autoencoders whose z_shared starts as principal components; see the module.

    Parameters
    ----------
    config : TranslateConfig
        ``hidden`` are the widths of the critics; the first is also that of the perceptrons beside
        linear layers.
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
        with torch.no_grad():  # all perceptrons start at 0
            for layer in (self.synthetic_decoder[-1], self.observed_decoder[-1]):
                layer.weight.zero_()
                layer.bias.zero_()

    @torch.no_grad()
    def begin(self, synthetic, observed, weight, rows, std):
        """Set the linear layers in closed form.

        Parameters
        ----------
        synthetic : Tensor, shape (m, n_pix)
            Scaled; their mean is 0.
        observed, weight : Tensor, shape (n, n_pix)
            Scaled, and 1 / error², 0 where masked.
        rows : Tensor of int64
            The observed spectra that train.
        std : Tensor
            Scale of the flux. Components weaker than the scaled ``config.error_floor`` count less.

        Raises
        ------
        ValueError
            If a domain has no more spectra than components.
        """
        from sklearn.decomposition import PCA  # here, since the import takes a second

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
            self._projected(synthetic).mean(dim=0) - self._projected(observed).mean(dim=0)
        )

        shared = self.encode_shared(observed)
        rest = observed - self.decode_synthetic(shared)
        z = torch.cat([shared, torch.ones_like(shared[:, :1])], dim=1)
        squares = (z[:, :, None] * z[:, None, :]).flatten(1)
        ridge = RIDGE * weight[weight > 0].mean() * torch.eye(z.shape[1]).to(z)
        # the mean is not to shrink, but pixels that are masked in all stars need a solution
        ridge[-1, -1] *= 1e-3
        # pixel by pixel, since each has masks and errors of its own
        for part in torch.arange(weight.shape[1]).split(512):
            normal = (weight[:, part].T @ squares).unflatten(1, ridge.shape) + ridge
            right = (weight[:, part] * rest[:, part]).T @ z
            solution = torch.linalg.solve(normal.cpu().double(), right.cpu().double())
            self.linear.weight[part] = solution[:, :-1].to(z)
            self.linear.bias[part] = solution[:, -1].to(z)

    def encode_synthetic(self, x):
        """z_shared, shape (n, shared), of scaled synthetic spectra (n, n_pix)."""
        return self._projected(x)

    def encode_shared(self, x):
        """The same of scaled observed spectra."""
        return self.align(self._projected(x))

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return (z_shared * self.scale) @ self.components + self.synthetic_decoder(z_shared)

    def decode_difference(self, z_shared, z_split):
        """Observed minus synthetic decoding, shape (n, n_pix)."""
        if z_split is None:
            return self.linear(z_shared) + self.observed_decoder(z_shared)
        both = torch.cat([z_shared, z_split], dim=1)
        return self.linear(z_shared) + self.observed_decoder(both) + self.split_decoder(z_split)

    def _projected(self, x):
        return x @ self.components.T / self.scale
