"""What stars of the observed domain tell about an emulator: its errors, and where it was tested."""

import numpy as np
import torch
from scipy.spatial import KDTree

from specnb.core.values import numbers
from specnb.emulator.step import Step

# A star is outside the domain if it is farther from the nearest star of the domain than this
# fraction of these stars are from each other. This is a choice.
QUANTILE = 0.998
NEAREST = 50  # stars of the domain whose label errors tell those of a star, which is a choice


class Calibration(Step):
    """Errors of an emulator, learnt from stars of the observed domain, and the labels of these stars.

    The residual of a spectrum with errors σ has the covariance diag(σ² + error²) + UᵀU, where the
    rows of U are the components. As a step of an emulator it changes no spectrum.

    Parameters
    ----------
    error : array_like, shape (n_pix,)
        Standard deviation of the emulator's error in each pixel, in units of the flux. It is
        infinite in pixels that are not trusted and do not count in a fit.
    components : array_like, shape (k, n_pix)
        Errors that are correlated between pixels. Each is multiplied by a number of its own for each
        star, from the standard normal distribution. k may be 0.
    stars : array_like, shape (m, n_labels)
        Labels of stars of the domain, in the order and units of the emulator. Those that are not in
        ``names`` may be NaN.
    names : sequence of str
        The labels that decide whether a star is outside the domain. The default is the survey's
        ``everywhere``.
    chi2_limit : float
        Reduced χ² above which the emulator does not describe a star.
    offsets : array_like, shape (o, n_labels), optional
        Errors that fits made in the labels of the first o of ``stars``, beyond those that noise
        explains; of the logarithm of a logarithmic label. Stars with similar labels have errors of
        this covariance.
    relations : array_like, shape (r, n_labels + 1), optional
        What is known of the labels before a spectrum is seen. Each row w₀ ... wₙ, v says that Σ wᵢ yᵢ is
        v ± 1, where yᵢ is a label, or the logarithm of a logarithmic one.

    Attributes
    ----------
    error, components, stars : Tensor, float32
    """

    def __init__(
        self, error, components, stars, names=(), chi2_limit=np.inf, offsets=None, relations=None
    ):
        super().__init__()
        self.names, self.chi2_limit = tuple(names), float(chi2_limit)
        stars = numbers(stars, "", "stars")
        offsets = 0.0 * stars if offsets is None else offsets
        relations = np.zeros((0, stars.shape[1] + 1)) if relations is None else relations
        arrays = {"error": error, "components": components, "stars": stars}
        for name, values in (arrays | {"offsets": offsets, "relations": relations}).items():
            self.register_buffer(name, torch.from_numpy(numbers(values, "", name, np.float32)))

    def forward(self, flux, labels):
        return flux

    def push(self, flux, labels, jacobian):
        return flux, jacobian

    def settings(self):
        sizes = [len(self.components), len(self.stars), len(self.relations), len(self.offsets)]
        return {"sizes": sizes, "names": self.names, "chi2_limit": self.chi2_limit}

    @classmethod
    def build(cls, settings, survey):
        k, m, r, o = settings.pop("sizes")
        n_pix, n_labels = len(survey.pixels), len(survey.names)
        arrays = np.zeros(n_pix), np.zeros((k, n_pix)), np.zeros((m, n_labels))
        offsets, relations = np.zeros((o, n_labels)), np.zeros((r, n_labels + 1))
        return cls(*arrays, offsets=offsets, relations=relations, **settings)

    def outside(self, labels, survey) -> np.ndarray:
        """Which stars are farther from the domain's stars than these are from each other.

        Distances are those to the nearest star, in labels that are divided by their standard
        deviation in the domain. The limit is the 99.8th percentile of the distances of the domain's
        stars to each other.

        Parameters
        ----------
        labels : ndarray, shape (n, n_labels)
            A star with NaN in a label that decides is outside.
        survey : Survey

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        columns, scale, stars, limit = self.domain(survey)
        place = np.nan_to_num(labels[:, columns] / scale, nan=1e9)
        return KDTree(stars).query(place)[0] > limit

    def domain(self, survey):
        """What tells whether a star is outside, see `outside`.

        Returns
        -------
        columns : list of int
            The labels that decide.
        scale : ndarray, shape (k,)
            By what they are divided.
        stars : ndarray, shape (m, k)
            The domain's stars, divided by the scale.
        limit : float
            Largest distance of a star to the nearest of these.
        """
        columns, scale, stars = self._scaled(survey)
        limit = np.quantile(KDTree(stars).query(stars, k=2)[0][:, 1], QUANTILE)
        return columns, scale, stars, float(limit)

    def covariance(self, labels, survey) -> torch.Tensor:
        """Covariance of the label errors that fits of similar stars made, beyond the noise.

        These are the `NEAREST` stars of the domain.

        Parameters
        ----------
        labels, survey
            As for `outside`.

        Returns
        -------
        Tensor, shape (n, n_labels, n_labels), float64
        """
        columns, scale, stars = self._scaled(survey)
        tree = KDTree(stars[: len(self.offsets)])
        place = np.nan_to_num(labels[:, columns] / scale, nan=1e9)
        nearest = tree.query(place, k=range(1, min(NEAREST, tree.n) + 1))[1]
        made = torch.nan_to_num(self.offsets.cpu().double())[torch.from_numpy(nearest)]
        return made.transpose(1, 2) @ made / nearest.shape[1]

    def _scaled(self, survey):
        """The columns of the labels that decide, their scales, and the domain's stars in them."""
        columns = [survey.names.index(name) for name in self.names or survey.everywhere]
        known = self.stars[:, columns].cpu().double().numpy()
        scale = np.maximum(known.std(axis=0), 1e-6)
        return columns, scale, known / scale


def whitening(ivar, components):
    """What makes residuals white: the weights of pixels, and the directions of correlated errors.

    A residual r with weights W and components U has the covariance C = W⁻¹ + UᵀU. By the inverse of
    Woodbury, rᵀ C⁻¹ r = sᵀ (1 − VᵀV) s, where s = W^½ r, V = L⁻¹ U W^½ and L Lᵀ = 1 + U W Uᵀ. It
    needs a small matrix for each star, and no matrix of pixels. See `cleaned`.

    Parameters
    ----------
    ivar : Tensor, shape (n, n_pix)
    components : Tensor, shape (n, m, n_pix)

    Returns
    -------
    weight : Tensor, shape (n, n_pix)
        The square root of W.
    directions : Tensor, shape (n, m, n_pix)
        V. The algebra of the small matrices is done in float64 on the CPU.
    """
    weight = ivar.sqrt()
    weighted = components * weight[:, None]
    eye = torch.eye(components.shape[1])
    matrix = eye + (weighted @ weighted.transpose(1, 2)).cpu().double()
    inverse = torch.linalg.solve_triangular(
        torch.linalg.cholesky_ex(matrix).L, eye.double(), upper=False
    )
    return weight, inverse.to(weighted) @ weighted


def cleaned(rows, directions):
    """Weighted rows (n, k, n_pix) without the correlated errors that they most probably contain.

    This is s − VᵀV s for a row s, see `whitening`.
    """
    if not directions.shape[1]:
        return rows
    return rows - (rows @ directions.transpose(1, 2)) @ directions
