"""What a model that takes λ as an input (loss-conditional training) does at one λ and another."""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import orthogonal_procrustes

from specnb.disentangle.model import OutsideBinsWarning
from specnb.evaluate.quick_probes import linear_r2, nonlinear_r2

STARS = 2000  # largest number of stars; they are encoded again for each λ


def check_conditional(model, spectra):
    """Raise ValueError unless a model takes λ, and has enough latents and stars for probes."""
    if not model.config.lambda_range:
        raise ValueError(
            "this model was trained at fixed λ, so there is nothing to move: train one with lambda_range"
        )
    if model.config.latent < 2:
        raise ValueError(
            "this model has one latent: give one with at least 2, to have a plane to project on"
        )
    if len(spectra) < 4 * model.config.latent:
        raise ValueError(
            f"{len(spectra)} stars: give at least {4 * model.config.latent}, half of which fit the probes"
        )


@dataclass(frozen=True)
class AtLambda:
    """Scores of a model at some λ.

    Attributes
    ----------
    linear, nonlinear : dict of float
        R² of the probes for each label, on the second half of the stars.
    error : float
        Root mean square of the reconstruction's flux error there.
    points : ndarray, shape (n, 2)
        Principal components of the latents of the second half.
    """

    linear: dict
    nonlinear: dict
    error: float
    points: np.ndarray


class Conditional:
    """Probes, error and map of a λ-conditional model's latents, at any λ.

    Probes and projection are fitted with one half of the stars. The other half is shown, and it
    scores the probes.

    Parameters
    ----------
    model : Disentangler
        A model that was trained with ``lambda_range`` > 0.
    spectra : Spectra
        Test stars with a catalogue; 2000 of them are used, chosen at random.
    n : int
        Largest number of stars.

    Attributes
    ----------
    spectra : Spectra
        The stars that are used: the first ``half`` of them fit.
    values : ndarray, shape (n, n_labels)
        Their catalogue labels.

    Raises
    ------
    ValueError
        If the model was trained at fixed λ, or there are too few latents or stars.
    """

    def __init__(self, model, spectra, n: int = STARS):
        check_conditional(model, spectra)
        self.model = model
        rows = np.random.default_rng(0).permutation(len(spectra))[:n]
        self.spectra, self.half = spectra[rows], len(rows) // 2
        self.values = model.label_array(self.spectra.labels)

    @cached_property
    def start(self) -> AtLambda:
        """The scores if all λ are 0."""
        return self._scores({})

    @property
    def shown(self):
        """The half of the stars that is shown, as Spectra."""
        return self.spectra[self.half :]

    def at(self, **lambdas) -> AtLambda:
        """Scores at some λ, as in ``at(teff=1e-4)``. λ is 0 for labels that are not given."""
        found = self._scores(lambdas)
        # Turned in their plane to lie near those at λ = 0, because principal axes can flip
        turn = orthogonal_procrustes(found.points, self.start.points)[0]
        return replace(found, points=found.points @ turn)

    def _scores(self, lambdas):
        model, h, y = self.model, self.half, self.values
        z = model.encode(self.spectra, lambdas)
        linear, nonlinear = (
            dict(zip(model.labels, r2(z[:h], y[:h], z[h:], y[h:]).tolist()))
            for r2 in (linear_r2, nonlinear_r2)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutsideBinsWarning)  # of few of many stars
            flux = model.decode(z[h:], y[h:], lambdas)
        error = float(np.sqrt(np.mean((flux - self.shown.flux)[~self.shown.mask] ** 2)))
        mean = z[:h].mean(axis=0)
        points = (z[h:] - mean) @ np.linalg.svd(z[:h] - mean, full_matrices=False)[2][:2].T
        return AtLambda(linear, nonlinear, error, points)
