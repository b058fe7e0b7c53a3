"""An autoencoder without training, whose latents are free of labels by a closed form.

It is the simple baseline for adversarial autoencoders. All its steps are linear in the spectrum:

1. The spectra are projected on their principal components.
2. LEACE (least-squares concept erasure; Belrose et al. 2023, NeurIPS 36) removes polynomials of some
   labels. No linear function of the result predicts any of these polynomials, and no other linear
   map with this property changes the input less.
3. The first principal components of the result are the latents. The others are left out, because
   they contain mostly noise.

The decoder predicts the principal components of the spectra with a linear regression on the latents
and on polynomials of all labels.
"""

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from specnb.core.labels import label_array
from specnb.core.spectra import Spectra, check_at_rest
from specnb.disentangle.config import LABELS
from specnb.disentangle.model import Autoencoder
from specnb.disentangle.scales import Scales
from specnb.surveys.outliers import training_labels

COMPONENTS = 60  # principal components of the spectra that LEACE works on and that are decoded
ERASED = 2  # degree of the polynomials of labels that are removed
DECODED = 3  # degree of the polynomials of labels that the decoder takes


def leace(x, features):
    r"""The part of x that LEACE removes, as a matrix.

    With the means μ, the covariances Σ and :math:`W = \Sigma_{xx}^{-1/2}` the result is

    .. math:: r(x) = x - W^+ P W (x - \mu)

    where P is the orthogonal projection on the column space of :math:`W \Sigma_{xy}` (Belrose et al.
    2023). Directions in which x does not vary are left alone. With few stars, features that have
    nothing to do with x take directions of chance with them.

    Parameters
    ----------
    x : ndarray, shape (n, n_dimensions)
    features : ndarray, shape (n, n_features)
        What is removed, such as labels and their products.

    Returns
    -------
    ndarray, shape (n_dimensions, n_dimensions)
        The matrix :math:`(W^+ P W)^T`: ``x - (x - x.mean(0)) @ matrix`` is free of the features.
    """
    variance, axes = np.linalg.eigh(np.cov(x.T))
    varies = variance > 1e-10 * variance[-1]
    axes, scatter = axes[:, varies], np.sqrt(variance[varies])
    white = (x - x.mean(axis=0)) @ axes / scatter
    directions, strength, _ = np.linalg.svd(
        white.T @ (features - features.mean(axis=0)), full_matrices=False
    )
    directions = directions[:, strength > 1e-8 * strength[0]]
    return axes / scatter @ directions @ directions.T @ (axes * scatter).T


class ClosedForm(Autoencoder):
    """Latents without some labels, and a decoder that takes all labels, from linear algebra alone.

    Parameters
    ----------
    spectra : Spectra
        Training stars with a catalogue.
    removed : sequence of str
        The labels that are removed from the latents.
    labels : sequence of str
        All labels that the decoder takes.
    latent : int
        Largest size of the latent space. LEACE leaves `COMPONENTS` dimensions less the number of
        polynomials.
    start : Disentangler, optional
        A model whose latents are taken in place of the spectra: then its latents are erased.

    Attributes
    ----------
    removed : tuple of str
    matrix : ndarray, shape (n_inputs, latent)
        The whole encoder: the latents are ``(inputs - mean) @ matrix``, where the inputs are scaled
        spectra or the latents of ``start``.
    labels, wavelength, scales, latent, bins, noise, history
        As for `Autoencoder`.

    Raises
    ------
    ValueError
        If labels are missing or constant, or the spectra are not at rest.
    """

    def __init__(self, spectra: Spectra, removed=LABELS, labels=LABELS, latent=4, start=None):
        values, good = training_labels(spectra.labels, labels, spectra.ids)
        spectra, values = spectra[good], values[good]
        scales = Scales.of(spectra, values, labels)
        super().__init__(tuple(labels), spectra.wavelength, scales, latent)
        self.removed, self._start = tuple(removed), start
        x = self._inputs(spectra)
        self._mean = x.mean(axis=0)
        axes = _principal_axes(x - self._mean, COMPONENTS)
        x = (x - self._mean) @ axes
        features = _polynomials(ERASED).fit_transform(label_array(spectra.labels, removed))
        kept = np.eye(x.shape[1]) - leace(x, features)
        self.matrix = axes @ kept @ _principal_axes(x @ kept, latent)
        self.latent = self.matrix.shape[1]
        self._polynomials = _polynomials(DECODED).fit(values)
        known = np.hstack([self.encode(spectra), self._polynomials.transform(values)])
        flux = self.scale_flux(spectra.flux, spectra.mask).astype(float)
        self._axes = _principal_axes(flux, COMPONENTS)
        self._decoder = LinearRegression().fit(known, flux @ self._axes)

    def encode(self, spectra: Spectra, lambdas=None, seed=None) -> np.ndarray:
        """Latents of spectra, shape (n, latent), float32. They have neither λ nor noise."""
        check_at_rest(spectra, self.wavelength)
        return ((self._inputs(spectra) - self._mean) @ self.matrix).astype(np.float32)

    def decode(self, z, labels, lambdas=None) -> np.ndarray:
        """Spectra from latents and labels, as `Disentangler.decode`; there is no λ."""
        z, values = self._code(z, labels)
        known = np.hstack([z, self._polynomials.transform(values)])
        flux = self._decoder.predict(known) @ self._axes.T
        return (flux * self.scales.flux_scale + self.scales.flux_mean).astype(np.float32)

    def _inputs(self, spectra):
        """What the encoder starts from, float64, shape (n, n_inputs)."""
        start = self._start
        code = (
            self.scale_flux(spectra.flux, spectra.mask) if start is None else start.encode(spectra)
        )
        return code.astype(float)


def _polynomials(degree):
    """Products of up to so many standardised labels."""
    return make_pipeline(StandardScaler(), PolynomialFeatures(degree, include_bias=False))


def _principal_axes(x, n):
    """At most n principal axes of centred data, in columns, those with the largest variance first.

    Axes along which only rounding errors vary are left out, because a probe could read them.
    """
    variance, axes = np.linalg.eigh(x.T @ x)
    return axes[:, variance > 1e-10 * variance[-1]][:, ::-1][:, :n]
