"""Regressors of stellar labels, as in Table 1 of Manteiga et al. (2025).

They predict the labels from a representation of the spectra.

A representation is a row of numbers for each star: the 800 pixels of its spectrum, or the 25
latents of an autoencoder. Masked pixels must be filled. ``model.scale_flux(spectra.flux,
spectra.mask)`` fills them as for the encoder.
"""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from specnb.core.labels import finite_rows, label_array
from specnb.disentangle.config import LABELS
from specnb.surveys import known_label


@dataclass(frozen=True)
class RegressorConfig:
    """Network and training of one regressor.

    The constructor refuses unknown keys. scikit-learn refuses bad values when the regressor is
    fitted.

    Inputs and labels are always standardised column by column, with means and standard deviations
    of the training stars. The paper does not mention this, but with labels in K and dex the loss
    would depend on T_eff only.
    """

    hidden: tuple[int, ...] = (200, 100)  # paper
    max_iter: int = 1000  # largest number of passes over the training stars (paper)
    # If True, R² of validation stars (a tenth of the stars) instead of the training loss ends the
    # training, and the weights of the best pass are kept.
    early_stopping: bool = False
    # Weight of the squared weights in the loss. If there are several values, the validation stars
    # choose one.
    alpha: tuple[float, ...] = (1e-4,)
    # seed of the initial weights, the order of the stars and the choice of validation stars
    seed: int = 1


# That of the paper. Values that the paper does not give are scikit-learn's defaults.
FAITHFUL = RegressorConfig()
# With the default of alpha a regressor on spectra overfits its training stars (4,800 mock stars:
# the MAE is 22 K for training stars and 148 K for test stars). Spectra need a larger alpha than
# latents. Therefore validation stars choose it for each representation.
BEST = RegressorConfig(early_stopping=True, alpha=(0.1, 1.0, 10.0))


def fit_regressor(x_train, y_train, labels=LABELS, config: RegressorConfig = FAITHFUL):
    """Train one network that predicts all labels.

    Parameters
    ----------
    x_train : array_like, shape (n, n_inputs)
        Representation of the training stars. It is converted to float32.
    y_train : Table, or array_like of shape (n, n_labels)
        Labels of the training stars. The columns of an array are in the order of ``labels``.
    labels : sequence of str
    config : RegressorConfig, optional

    Returns
    -------
    TransformedTargetRegressor
        The trained regressor of scikit-learn, with the wall time of its training as ``seconds_``.
        Its ``predict(x)`` gives labels of shape (n, n_labels). ``regressor_[-1]`` is the
        network, with ``n_iter_`` passes over the training stars and the chosen ``alpha``.

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, there are fewer than 20 stars, a setting is
        out of range, or there are several values of alpha but no validation stars
        (``early_stopping``) to choose one.
    """
    x = finite_rows(x_train, "inputs", dtype=np.float32)
    y = label_array(y_train, labels).astype(np.float32)
    if len(x) < 20:
        raise ValueError(f"{len(x)} training stars: give at least 20")
    if not config.alpha or (len(config.alpha) > 1 and not config.early_stopping):
        raise ValueError(
            f"alpha is {config.alpha}: give one value, or several with early_stopping=True to choose by"
        )
    start = time.perf_counter()
    mlp = MLPRegressor(
        hidden_layer_sizes=config.hidden,
        max_iter=config.max_iter,
        early_stopping=config.early_stopping,
        random_state=config.seed,
    )
    network = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), mlp), transformer=StandardScaler()
    )
    # No warning is needed if max_iter is reached, because it is a setting.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        fitted = [
            clone(network).set_params(regressor__mlpregressor__alpha=alpha).fit(x, y)
            for alpha in config.alpha
        ]
    # R² of the validation stars, which are the same for all networks with the same seed
    best = max(fitted, key=lambda each: each.regressor_[-1].best_validation_score_)
    best.seconds_ = time.perf_counter() - start
    return best


def errors(predicted, reference, labels=LABELS) -> Table:
    """Errors of predicted labels.

    Returns a table with one row per label: ``label``, ``unit`` and, for predicted - reference in
    that unit, ``mae`` (mean absolute value), ``mean`` and ``std``.

    Parameters
    ----------
    predicted, reference : Table, or array_like of shape (n, n_labels)
        The columns of arrays are in the order of ``labels``. The reference is a catalogue, as in
        the paper, or the truth of a mock survey.
    labels : sequence of str

    Raises
    ------
    ValueError
        If the lengths differ, there are no stars, or a number is not finite.
    """
    predicted, reference = label_array(predicted, labels), label_array(reference, labels)
    if len(predicted) != len(reference) or not len(reference):
        raise ValueError(
            f"{len(predicted)} predictions for {len(reference)} reference stars: give one for every star"
        )
    difference = predicted - reference
    return Table(
        {
            "label": list(labels),
            "unit": [label.unit if label else "" for label in map(known_label, labels)],
            "mae": np.abs(difference).mean(axis=0),
            "mean": difference.mean(axis=0),
            "std": difference.std(axis=0),
        }
    )
