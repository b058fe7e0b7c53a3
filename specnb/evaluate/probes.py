"""Probes: what new regressors can read about the labels from latents, and limits for that.

The results tell how disentangled a latent space is. A discriminator that was trained together with
the encoder may be deceived although the latents still contain the label. Therefore *probes* are
used, which are regressors that are trained from scratch on the latents of training stars and scored
on test stars.
"""

import warnings

import numpy as np
from astropy.table import Table
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import mutual_info_regression
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length

from specnb.core.labels import check_limits, finite_rows, label_array, label_columns
from specnb.core.values import numbers
from specnb.evaluate.posterior import weighted_jacobians
from specnb.surveys.outliers import wrong_labels


def probe(z_train, y_train, z_test, y_test, labels, seed: int = 0) -> Table:
    """Measure how well each label can be read from the latents of a star.

    The nonlinear probe is one network of 128 and 64 neurons for all labels, with standardised
    latents and labels. A tenth of the training stars decides when the training ends. A separate
    network for each label takes 2 to 4 times as long, and its R² differs by less than 0.02.

    Parameters
    ----------
    z_train, z_test : array_like, shape (n_train, n_latents) and (n_test, n_latents)
    y_train, y_test : array_like, shape (n_train, n_labels) and (n_test, n_labels)
        Labels of the same stars.
    labels : sequence of str
        Names of the columns of y.
    seed : int
        Seed of the initial weights, the batches and the choice of validation stars.

    Returns
    -------
    Table
        One row per label: ``label``; ``linear_r2`` and ``mlp_r2``, R² of a linear regression and of
        the network on the test stars, negative if a prediction is worse than the mean of the test
        stars; ``mutual_information`` in nats, a lower limit of the mutual information between
        latents z and label y. The network's prediction ŷ is a function of z, so that I(z; y) ≥
        I(ŷ(z); y) (data-processing inequality). The right side is a nearest-neighbour estimate
        (Kraskov et al. 2004), which is never below 0. Information about the scatter of a label
        alone is not noticed.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, or a label is constant.
    """
    y_train, y_test = _labels("training", y_train, labels), _labels("test", y_test, labels)
    z_train, z_test = (finite_rows(z, "latents") for z in (z_train, z_test))
    check_consistent_length(z_train, y_train)
    good = ~wrong_labels(y_train, labels).any(axis=1)
    z_train, y_train = z_train[good], y_train[good]
    z_scaler, y_scaler = StandardScaler().fit(z_train), StandardScaler().fit(y_train)
    # float32 is twice as fast
    z_train, z_test = (z_scaler.transform(z).astype(np.float32) for z in (z_train, z_test))
    y_train, y_test = y_scaler.transform(y_train).astype(np.float32), y_scaler.transform(y_test)
    # On latents of the mock survey, a patience of 10 passes lowered R² by up to 0.03.
    network = MLPRegressor(
        hidden_layer_sizes=(128, 64),
        batch_size=min(256, int(0.9 * len(y_train))),
        early_stopping=True,
        n_iter_no_change=20,
        max_iter=150,
        random_state=seed,
    )
    # The warning says that the limit of passes was reached. More passes would gain little.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        network.fit(z_train, y_train if len(labels) > 1 else y_train[:, 0])
    predicted = network.predict(z_test).reshape(len(z_test), -1).astype(float)
    linear = LinearRegression().fit(z_train, y_train).predict(z_test)
    information = [
        float(mutual_info_regression(x[:, None], y, random_state=seed)[0])
        for x, y in zip(predicted.T, y_test.T, strict=True)
    ]
    return Table(
        {
            "label": list(labels),
            "linear_r2": r2_score(y_test, linear, multioutput="raw_values"),
            "mlp_r2": r2_score(y_test, predicted, multioutput="raw_values"),
            "mutual_information": information,
        }
    )


def label_floor(y_train, y_test, entangled, labels, seed: int = 0) -> Table:
    """Measure how well the entangled labels alone predict the others.

    They can, because stars lie on isochrones. Latents that contain the entangled labels therefore
    contain at least this information about the others. If latents contain the entangled labels more
    accurately than a catalogue with errors, their floor is higher. For mock stars it can be
    computed with true labels in the entangled columns.

    Parameters
    ----------
    y_train, y_test : array_like, shape (n_train, n_labels) and (n_test, n_labels)
    entangled : sequence of str
        Labels that the latents contain. If there are none, the floor is 0.
    labels : sequence of str
        Names of the columns of y.
    seed : int

    Returns
    -------
    Table
        One row for each label that is not entangled: ``label``, ``floor_r2`` (R² of boosted trees
        on the test stars).

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, a label is constant, or an entangled label is
        unknown.
    """
    labels = list(labels)
    if unknown := [name for name in entangled if name not in labels]:
        raise ValueError(
            f"entangled names {', '.join(unknown)}, but the labels are {', '.join(labels)}: use those"
        )
    y_train, y_test = _labels("training", y_train, labels), _labels("test", y_test, labels)
    known = [labels.index(name) for name in entangled]
    floors = {name: 0.0 for name in labels if name not in entangled}
    for name in floors if known else ():
        i = labels.index(name)
        trees = HistGradientBoostingRegressor(early_stopping=True, random_state=seed)
        trees.fit(y_train[:, known], y_train[:, i])
        floors[name] = trees.score(y_test[:, known], y_test[:, i])
    return Table(rows=list(floors.items()), names=("label", "floor_r2"), dtype=(str, float))


def information_ceiling(emulator, truth, labels, catalogue_error=None) -> dict[str, float]:
    r"""Highest R² that any predictor can reach with the noisy spectra of Gaussian labels.

    For a star with emulator Jacobian J at its true labels and noise variances C, among stars whose
    six labels have the covariance S, the posterior covariance of the labels is

    .. math:: P = (J^T C^{-1} J + S^{-1})^{-1}, \qquad
              R^2_\mathrm{max} = 1 - \frac{\langle P_{ii} + e_i^2 \rangle}
                                         {S_{ii} + \langle e_i^2 \rangle},

    where the brackets are the mean over stars, and e is the error of the catalogue label that is
    predicted, or 0 for the true label. The emulator is approximated by its tangent, and the
    continuum is assumed to be known. Stars lie on isochrones, which contain more information than
    the covariance S. `specnb.evaluate.posterior.posterior_mean` uses it. For true labels of the
    mock survey of the RVS, its R² is higher by 0.01 (T_eff, log g, [M/H]) and 0.04 ([α/Fe]).

    Parameters
    ----------
    emulator : Emulator
    truth : Spectra
        Noiseless spectra on the emulator's pixels, with the true labels. ``flux_error`` is the
        noise of the observed spectra, as from `specnb.surveys.mock.make_mock`.
    labels : sequence of str
        Some of the emulator's labels.
    catalogue_error : Table or mapping, optional
        Columns ``<label>_error`` of the same stars, as in the catalogue of a mock survey. ``None``
        means that true labels are predicted.

    Returns
    -------
    dict
        R² of each label.

    Raises
    ------
    ValueError
        If pixels differ, a label is constant, missing or unknown, or an error is missing.
    """
    variance, error, _ = _variances(emulator, truth, labels, catalogue_error)
    r2 = 1 - np.mean(variance + error, axis=0) / np.mean(1 + error, axis=0)
    return dict(zip(labels, r2.tolist()))


def least_mae(emulator, truth, labels, catalogue_error=None) -> dict[str, float]:
    r"""Smallest mean absolute error of any predictor with the noisy spectra of Gaussian labels.

    It takes the same as `information_ceiling`, with which it shares P and e, and returns the error
    of each label in its unit,

    .. math:: \left\langle \sqrt{2 / \pi} \sqrt{P_{ii} + e_i^2} \right\rangle .

    Errors differ from star to star. Therefore this is less than the same with the mean of P and e²
    under the root, by 16% for the true T_eff in the mock survey of the RVS. The error of
    `specnb.evaluate.posterior.posterior_mean`, which also uses that stars lie on isochrones, is
    less again, by 21% for T_eff and by 25% for [α/Fe].
    """
    variance, error, scale = _variances(emulator, truth, labels, catalogue_error)
    mae = np.sqrt(2 / np.pi) * scale * np.sqrt(variance + error).mean(axis=0)
    return dict(zip(labels, mae.tolist()))


def _variances(emulator, truth, labels, catalogue_error):
    """Posterior variances, squared errors of the catalogue (n, n_labels), and scatter of labels.

    The first two are in units of the squared scatter.
    """
    truth = emulator.survey.on_pixels(truth)
    if not set(labels) <= set(emulator.labels):
        raise ValueError(
            f"labels are {', '.join(labels)}: choose among the emulator's, {', '.join(emulator.labels)}"
        )
    values = _labels("true", label_array(truth.labels, emulator.survey.labels), emulator.labels)
    scale, covariance = values.std(axis=0), np.corrcoef(values.T)
    jacobians = (each * scale[:, None] for _, each in weighted_jacobians(emulator, truth, values))
    information = np.concatenate([each @ each.transpose(0, 2, 1) for each in jacobians])
    # (F + S⁻¹)⁻¹ = (1 + S F)⁻¹ S, which needs no inverse of S
    posterior = np.linalg.solve(np.eye(len(scale)) + covariance @ information, covariance[None])
    index = [emulator.labels.index(name) for name in labels]
    variance, scale = np.diagonal(posterior, axis1=1, axis2=2)[:, index], scale[index]
    error = np.zeros_like(variance)
    if catalogue_error is not None:
        errors = label_array(Table(catalogue_error), [f"{name}_error" for name in labels])
        error = (errors / scale) ** 2
    return variance, error, scale


def reconstruction(flux, observed, truth=None) -> dict[str, float]:
    """Errors of reconstructed spectra in the good pixels.

    Parameters
    ----------
    flux : array_like, shape (n, n_pix)
        Reconstruction of the observed spectra.
    observed : Spectra
    truth : Spectra, optional
        The same stars without noise.

    Returns
    -------
    dict
        ``mean_squared_error`` of the difference from the observed flux; ``noise_floor``, the mean
        squared flux error, which is the mean squared error of the true spectra; ``chi2_reduced``,
        the mean of (difference / error)²; and, if the truth is given, ``rms_truth``, the root mean
        square of the difference from the noiseless flux.

    Raises
    ------
    ValueError
        If shapes or stars disagree, no pixel is good, or the reconstruction is not finite.
    """
    good, flux = ~observed.mask, numbers(flux, "", "flux")
    ids = observed.ids if truth is None else truth.ids
    if flux.shape != good.shape or not np.array_equal(ids, observed.ids):
        raise ValueError(
            f"flux of shape {flux.shape} for {good.shape}, or a truth of other stars: give the "
            "same stars in the same order"
        )
    flux = flux[good]
    if not flux.size or not np.isfinite(flux).all():
        raise ValueError(
            "no pixel is good, or a reconstructed flux is not finite: look at the masks and the model"
        )
    difference, error = flux - observed.flux[good], observed.flux_error[good].astype(float)
    squares = {
        "mean_squared_error": difference,
        "noise_floor": error,
        "chi2_reduced": difference / error,
    }
    result = {name: float(np.mean(value**2)) for name, value in squares.items()}
    if truth is not None:
        result["rms_truth"] = float(np.sqrt(np.mean((flux - truth.flux[good]) ** 2)))
    return result


def _labels(which, y, labels):
    """Labels of some stars as an array. No label may be the same for all stars."""
    y = finite_rows(label_columns(y, labels), f"{which} labels", labels)
    check_limits(y, f"{which} labels", labels, ranges=False)
    if len(y) < 10:
        raise ValueError(f"{len(y)} {which} stars: give at least 10")
    if (constant := np.ptp(y, axis=0) == 0).any():
        raise ValueError(
            f"the {which} stars all have the same {labels[np.argmax(constant)]}: R² has no meaning there"
        )
    return y
