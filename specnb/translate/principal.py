"""Autoencoders that start from a linear solution: principal components and a regression.

A few tens of principal components reproduce a synthetic H-band spectrum to 0.1%. Networks that
start at random reach this accuracy only after a long training. Therefore z_shared consists of the
principal components of synthetic spectra. The components of observed spectra are shifted to the
same mean. The difference of the decoders, D_obs − D_synth, starts as a linear regression on the
components of the residuals that the components leave in observed spectra. It is done pixel by pixel
and takes the errors into account. There are also perceptrons, which are added to these linear
layers and start at 0.

This does not need pairs of spectra. But like critics it needs two domains with the same population,
because any difference between the mean spectra of the two samples is taken for a difference between
the domains (0.001-0.004 of the flux for 400 stars). It is not part of the paper. If the differences
between the domains also change the components, only the training can learn this. For differences
such as those between real and synthetic spectra, `specnb.translate.autoencoders.Perceptrons` describe
single stars better.
"""

import torch
from torch import nn

from specnb.translate.autoencoders import FullyConnected, perceptron

# Ridge penalty of the regression, in numbers of stars. With a smaller one, 48 components of a few
# hundred stars fit the noise.
RIDGE = 10.0


class Principal(FullyConnected):
    """Two autoencoders whose z_shared starts as principal components, see this module's docstring.

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
        with torch.no_grad():  # all perceptrons start at 0
            for layer in (self.synthetic_decoder[-1], self.observed_decoder[-1]):
                layer.weight.zero_()
                layer.bias.zero_()

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
            self._projected(synthetic).mean(dim=0) - self._projected(observed).mean(dim=0)
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
        return self._projected(x)

    def encode_shared(self, x):
        """z_shared, shape (n, shared), of scaled observed spectra (n, n_pix)."""
        return self.align(self._projected(x))

    def decode_synthetic(self, z_shared):
        """Scaled synthetic spectra (n, n_pix)."""
        return (z_shared * self.scale) @ self.components + self.synthetic_decoder(z_shared)

    def difference(self, z_shared, z_split):
        both = torch.cat([z_shared, z_split], dim=1) if self.config.split else z_shared
        return self.linear(z_shared) + self.observed_decoder(both)

    def _projected(self, x):
        return x @ self.components.T / self.scale
