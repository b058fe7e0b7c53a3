"""What a reader of noisy spectra could know who has the emulator, the noise and the population.

Such a reader predicts the labels of a mock survey's stars without any training. Regressors that are
trained on spectra and a catalogue can come close to these predictions, but not surpass them.
"""

import numpy as np
from scipy.special import softmax
from sklearn.mixture import GaussianMixture

from specnb.core.labels import label_array

BATCH = 1000  # stars whose Jacobians are in memory at a time
COMPONENTS = 30  # Gaussians of a population; with 60 the errors are the same within 1%


def weighted_jacobians(emulator, spectra, values):
    """Yield the Jacobians of 1000 stars at a time, divided by the errors of the flux.

    Parameters
    ----------
    emulator : Emulator
    spectra : Spectra
        On the emulator's pixels. Masked pixels have an infinite error and hence the derivative 0.
    values : ndarray, shape (n, n_labels)
        Labels of the stars, at which the derivatives are taken.

    Yields
    ------
    rows : slice
        Which stars they are.
    jacobian : ndarray, shape (n_rows, n_labels, n_pix)
        Derivatives in units of the flux error, per unit of the label.
    """
    for start in range(0, len(values), BATCH):
        rows = slice(start, start + BATCH)
        jacobian = emulator.jacobian(values[rows]).astype(float)
        yield rows, jacobian / spectra.flux_error[rows, None, :]


def posterior_mean(emulator, observed, truth, population, labels) -> np.ndarray:
    r"""Predict labels as a perfect reader would: the mean of their posterior distribution.

    The reader knows everything of a star but its labels: its continuum, and the variances C of its
    noise. The emulator is replaced by its tangent at the true labels y, with the Jacobian J. A
    spectrum with the noise n is then all that F y + J C⁻¹ n says, with the information F = J C⁻¹
    Jᵀ. The population, which includes that stars lie on isochrones, is a mixture of Gaussians with
    weights w, means m and covariances S. Hence the posterior is a mixture, too, and its mean is

    .. math:: \sum_k p_k \mu_k, \qquad
              \mu_k = (F + S_k^{-1})^{-1} r_k, \qquad
              r_k = F y + J C^{-1} n + S_k^{-1} m_k, \qquad
              p_k \propto w_k \, |F S_k + 1|^{-1/2} \,
                          e^{(r_k^T \mu_k - m_k^T S_k^{-1} m_k) / 2}.

    Of all predictions it has the smallest mean squared error, apart from what the tangent and the
    mixture neglect.

    Parameters
    ----------
    emulator : Emulator
    observed, truth : Spectra
        The same stars of a mock survey with noise, and without noise but with all true labels, as
        from `specnb.surveys.mock.make_mock`.
    population : Table
        True labels of many stars that were drawn as these were, as from
        `specnb.surveys.population.draw_stars`.
    labels : sequence of str
        Those of the emulator's labels that are predicted.

    Returns
    -------
    ndarray, shape (n, n_labels)

    Raises
    ------
    ValueError
        If pixels differ, or a label is missing or unknown.
    """
    observed, truth = (emulator.survey.on_pixels(spectra) for spectra in (observed, truth))
    index = [emulator.labels.index(name) for name in labels]
    prior, values = (
        label_array(table, emulator.survey.labels) for table in (population, truth.labels)
    )
    middle, scale = prior.mean(axis=0), prior.std(axis=0)
    mixture = GaussianMixture(COMPONENTS, random_state=0).fit((prior - middle) / scale)
    means = np.empty_like(values)
    noise = (observed.flux - truth.flux) / observed.flux_error
    for rows, jacobian in weighted_jacobians(emulator, observed, values):
        jacobian *= scale[:, None]
        information = jacobian @ jacobian.transpose(0, 2, 1)
        known = np.einsum("nij,nj->ni", information, (values[rows] - middle) / scale)
        known += np.einsum("nip,np->ni", jacobian, noise[rows])
        parts = [
            _posterior(information, known, *gaussian)
            for gaussian in zip(mixture.weights_, mixture.means_, mixture.precisions_)
        ]
        weights = softmax([weight for weight, _ in parts], axis=0)
        means[rows] = np.einsum("kn,kni->ni", weights, [mean for _, mean in parts])
    return (middle + scale * means)[:, index]


def _posterior(information, known, weight, mean, precision):
    """Logarithm of the weight, and mean, of one Gaussian of the posterior of some stars."""
    pull = known + precision @ mean
    posterior = np.linalg.solve(information + precision, pull[..., None])[..., 0]
    volume = np.linalg.slogdet(precision)[1] - np.linalg.slogdet(information + precision)[1]
    fit = np.sum(pull * posterior, axis=1) - mean @ precision @ mean
    return np.log(weight) + (volume + fit) / 2, posterior
