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
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from specnb.core.labels import label_array
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
    # If True, R² of validation stars instead of the training loss ends the training, and the
    # weights of the best pass are kept.
    early_stopping: bool = False
    # Fraction of the stars that validates, used only with early stopping. This value and those of
    # the next two fields are scikit-learn's defaults.
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10  # number of passes without progress after which the training ends
    tol: float = 1e-4  # smallest change that counts as progress
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


@dataclass(frozen=True, eq=False)
class Regressor:
    """A trained regressor; made by `fit_regressor`."""

    network: TransformedTargetRegressor
    labels: tuple[str, ...]
    config: RegressorConfig
    seconds: float  # wall time of the training

    @property
    def n_inputs(self) -> int:
        return self.network.n_features_in_

    @property
    def alpha(self) -> float:
        """The weight of the squared weights with which the regressor was trained."""
        return self.network.regressor_[-1].alpha

    @property
    def iterations(self) -> int:
        """Number of passes over the training stars."""
        return self.network.regressor_[-1].n_iter_

    def predict(self, x) -> np.ndarray:
        """Predict labels (n, n_labels), float64, from representations of stars (n, n_inputs).

        Raises
        ------
        ValueError
            If there are no stars, if the number of inputs differs from that in training, or if an
            input is not finite.
        """
        x = _inputs(x)
        if x.shape[1] != self.n_inputs:
            raise ValueError(
                f"{x.shape[1]} inputs a star, the regressor learnt from {self.n_inputs}: give the same"
            )
        return self.network.predict(x).astype(float).reshape(len(x), -1)


def fit_regressor(x_train, y_train, labels=LABELS, config: RegressorConfig = FAITHFUL) -> Regressor:
    """Train one network that predicts all labels.

    Parameters
    ----------
    x_train : array_like, shape (n, n_inputs)
        Representation of the training stars. It is converted to float32.
    y_train : Table, or array_like of shape (n, n_labels)
        Labels of the training stars. The columns of an array are in the order of ``labels``.
    labels : sequence of str
    config : RegressorConfig, optional

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, there are fewer than 20 stars, a setting is
        out of range, or there are several values of alpha but no validation stars
        (``early_stopping``) to choose one.
    """
    x, y = _inputs(x_train), _label_values(y_train, labels)
    if len(x) != len(y):
        raise ValueError(
            f"{len(x)} rows of inputs and {len(y)} of labels: give one of each for every star"
        )
    if len(x) < 20:
        raise ValueError(f"{len(x)} training stars: give at least 20")
    if not config.alpha or (len(config.alpha) > 1 and not config.early_stopping):
        raise ValueError(
            f"alpha is {config.alpha}: give one value, or several with early_stopping=True to choose by"
        )
    start = time.perf_counter()
    networks = [_fit(x, y.astype(np.float32), config, alpha) for alpha in config.alpha]
    network = max(networks, key=_validation_score) if len(networks) > 1 else networks[0]
    return Regressor(network, tuple(labels), config, time.perf_counter() - start)


def _fit(x, y, config, alpha):
    mlp = MLPRegressor(
        hidden_layer_sizes=config.hidden, alpha=alpha, max_iter=config.max_iter, tol=config.tol,
        n_iter_no_change=config.n_iter_no_change, early_stopping=config.early_stopping,
        validation_fraction=config.validation_fraction, random_state=config.seed,
    )  # fmt: skip
    network = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), mlp), transformer=StandardScaler()
    )
    with warnings.catch_warnings():
        # No warning is needed if max_iter is reached: it is a setting, and ``iterations`` shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(x, y)


def _validation_score(network):
    """R² of the validation stars, which are the same for all networks with the same seed."""
    return network.regressor_[-1].best_validation_score_


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
    predicted, reference = _label_values(predicted, labels), _label_values(reference, labels)
    if len(predicted) != len(reference):
        raise ValueError(
            f"{len(predicted)} predictions for {len(reference)} reference stars: give one for every star"
        )
    difference = predicted - reference
    known = (known_label(name) for name in labels)
    units = [label.unit if label else "" for label in known]
    columns = (np.abs(difference).mean(axis=0), difference.mean(axis=0), difference.std(axis=0))
    return Table([list(labels), units, *columns], names=("label", "unit", "mae", "mean", "std"))


def _finite(values, dtype, what, remedy):
    values = np.asarray(values, dtype=dtype)
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"{what} of shape {values.shape}: give a row of numbers for each of one or more stars"
        )
    if (bad := ~np.isfinite(values)).any():
        star, entry = np.argwhere(bad)[0]
        raise ValueError(
            f"the {what} of star {star} hold {values[star, entry]} in column {entry}: {remedy}"
        )
    return values


def _inputs(x):
    return _finite(x, np.float32, "inputs", "fill masked pixels first")


def _label_values(values, labels):
    values = label_array(values, labels) if isinstance(values, Table) else values
    values = _finite(values, float, "labels", "leave out stars without labels")
    if values.shape[1] != len(labels):
        raise ValueError(
            f"labels of shape {values.shape}: give one column each for {', '.join(labels)}"
        )
    return values
