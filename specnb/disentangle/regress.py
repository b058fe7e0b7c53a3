"""Regressors of stellar labels, their errors and their training times.

The regressors predict the labels from a representation of the spectra, which is a row of numbers for
each star: the 800 pixels of its spectrum, or the 25 latents of an autoencoder. Masked
pixels must be filled.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import joblib
import numpy as np
from astropy.table import Table
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length

from specnb.core.labels import finite_rows, label_array, label_columns
from specnb.disentangle.config import LABELS
from specnb.evaluate.spread import spread
from specnb.surveys import known_label
from specnb.surveys.outliers import training_labels


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
# the MAE is 22 K for training stars and 148 K for test stars). Therefore validation stars choose it
# for each representation, all from the same values.
BEST = RegressorConfig(early_stopping=True, alpha=(0.01, 0.1, 1.0, 3.0, 10.0))


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
    if len(x) < 20:
        raise ValueError(f"{len(x)} training stars: give at least 20")
    y, good = training_labels(y_train, labels)
    check_consistent_length(x, y)
    x, y = x[good], y[good].astype(np.float32)
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
    best = max(fitted, key=_validation_r2)
    best.seconds_ = time.perf_counter() - start
    return best


def fit_regressors(representations, catalogue: Table, config, jobs: int = -1):
    """Train a regressor of the labels on each representation and seed, several at a time.

    Parameters
    ----------
    representations : mapping of str to sequence of (ndarray, ndarray)
        For each name and each seed 1, 2, ..., training and test stars in that representation.
    catalogue : Table
        Labels of the training stars.
    config : RegressorConfig, or mapping of str to RegressorConfig
        One for all representations, or one for each. Its seed is replaced by 1, 2, ... If there are
        several values of alpha, that of the first seed is used for the others, too.
    jobs : int
        Number of trainings at a time. −1 means one per core.

    Returns
    -------
    regressors : dict of str to list of TransformedTargetRegressor
        For each name, one regressor per seed.
    predictions : dict of str to list of ndarray, shape (n_test, n_labels)
        Predictions of these regressors for the test stars.
    """
    found = fit_settings({"": (representations, catalogue, config)}, jobs)
    return tuple(each[""] for each in found)


def fit_settings(settings, jobs: int = -1):
    """Train the regressors of several settings like `fit_regressors`, all at the same time.

    So no core waits for the last training of a setting.

    Parameters
    ----------
    settings : mapping of str to (representations, catalogue, config)
        The arguments of `fit_regressors`.
    jobs : int

    Returns
    -------
    regressors, predictions : dict
        For each setting, what `fit_regressors` returns.
    """

    def fit(cases):
        """Train regressors, of which each has a setting, a name, a seed and one alpha."""
        return joblib.Parallel(n_jobs=jobs)(
            joblib.delayed(fit_regressor)(
                settings[setting][0][name][k - 1][0],
                settings[setting][1],
                config=replace(configs[setting, name], seed=k, alpha=(alpha,)),
            )
            for setting, name, k, alpha in cases
        )

    groups, configs = {}, {}
    for setting, (representations, _, config) in settings.items():
        for name, group in representations.items():
            groups[setting, name] = group
            configs[setting, name] = config[name] if isinstance(config, Mapping) else config
    # With one alpha all seeds are trained at once, otherwise the first seed tries all values.
    cases = [
        (*key, k, alpha)
        for key, group in groups.items()
        for k in range(1, len(group) + 1 if len(configs[key].alpha) == 1 else 2)
        for alpha in configs[key].alpha
    ]
    best = {}
    for (*key, k, _), fitted in zip(cases, fit(cases)):
        case = (*key, k)
        if case not in best or _validation_r2(fitted) > _validation_r2(best[case]):
            best[case] = fitted
    cases = [
        (*key, k, best[*key, 1].regressor_[-1].alpha)
        for key, group in groups.items()
        for k in range(1, len(group) + 1)
        if (*key, k) not in best
    ]
    best |= {(*key, k): fitted for (*key, k, _), fitted in zip(cases, fit(cases))}
    regressors, predictions = {}, {}
    for (setting, name), group in groups.items():
        fitted = [best[setting, name, k] for k in range(1, len(group) + 1)]
        regressors.setdefault(setting, {})[name] = fitted
        predictions.setdefault(setting, {})[name] = [
            each.predict(x) for each, (_, x) in zip(fitted, group)
        ]
    return regressors, predictions


def _validation_r2(fitted):
    """R² of the validation stars, which are the same for all networks with the same seed."""
    return fitted.regressor_[-1].best_validation_score_


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
    # A prediction may be impossible, such as log g = -3. That is its error.
    predicted = finite_rows(label_columns(predicted, labels), "predictions", labels)
    reference = label_array(reference, labels)
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


def training_times(regressors: Mapping[str, Sequence]) -> Table:
    """Training times of the results of `fit_regressor`, averaged over seeds.

    Returns a table with one row per representation: ``inputs``, their number; ``iterations``,
    ``seconds`` and ``seconds_per_iteration``, as means over seeds; ``speedup`` and
    ``speedup_per_iteration``, the ratios of the last two for "spectra", which must be among the
    representations, to those for this representation (paper: 3 for latents).
    """
    names = ("representation", "inputs", "iterations", "seconds")
    rows = [
        (key, each.n_features_in_, each.regressor_[-1].n_iter_, each.seconds_)
        for key, group in regressors.items()
        for each in group
    ]
    table = spread(Table(rows=rows, names=names), names[:2], names[2:])[names]
    table["seconds_per_iteration"] = table["seconds"] / table["iterations"]
    spectra = {row["representation"]: row for row in table}["spectra"]
    for name in ("seconds", "seconds_per_iteration"):
        table[name.replace("seconds", "speedup")] = spectra[name] / table[name]
    return table
