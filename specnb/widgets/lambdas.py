"""Move λ without waiting: sliders for a model that takes λ as an input (loss-conditional
training).
"""

import ipywidgets
import numpy as np
from scipy.linalg import orthogonal_procrustes
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from specnb.plots.autoencoder import ConditionalFigure
from specnb.widgets.panel import Panel, button
from specnb.widgets.training import linear_r2

STARS = 2000  # largest number of stars; they are encoded again at each move of a slider
FEATURES = 200  # number of random Fourier features of the nonlinear probe
WIDTH = 2.5  # width of its kernel, in units of the latents' scatter times the root of their number
# Penalties of its fit, per star; noisy latents need a large one
PENALTIES = np.logspace(-2.5, 1, 8)
AXES = {"pca": "principal component", "lda": "discriminant"}


def nonlinear_r2(z_train, y_train, z_test, y_test) -> np.ndarray:
    """R² on test stars of an approximate kernel regression on latents, shape (n_labels,). It takes
    about 30 ms.

    This is a ridge regression on the latents and on random Fourier features of them (Rahimi & Recht
    2007). Its penalty is chosen for each label by generalised cross-validation. Its R² agrees to a
    few hundredths with that of an MLP that is trained on the same number of stars.
    """
    kernel = RBFSampler(
        gamma=1 / (2 * WIDTH**2 * z_train.shape[1]), n_components=FEATURES, random_state=0
    )
    features = FeatureUnion([("latents", "passthrough"), ("kernel", kernel)])
    ridge = RidgeCV(len(z_train) * PENALTIES, alpha_per_target=True)
    fit = make_pipeline(StandardScaler(), features, StandardScaler(), ridge).fit(z_train, y_train)
    return r2_score(y_test, fit.predict(z_test), multioutput="raw_values")


class LambdaSlider(Panel):
    """The latents of a λ-conditional model with a slider for each λ; made by `slide_lambdas`.

    The probes and the projection are fitted with one half of the stars. The other half is shown,
    and the scores of the probes are measured with it.

    Attributes
    ----------
    sliders : dict of FloatSlider
    linear, nonlinear : dict of float
        R² of the probes for each label.
    error : float
        Root mean square of the reconstruction's flux error at these λ.
    points : ndarray, shape (n, 2)
        Projected latents.
    """

    def __init__(self, model, spectra, projection, colour):
        self.model, self.view = model, ConditionalFigure(model.labels)
        rows = np.random.default_rng(0).permutation(len(spectra))[:STARS]
        self.spectra = spectra[rows]
        self._values = model.label_array(self.spectra.labels)
        self._half = len(rows) // 2
        self._shown = self.spectra[self._half :]
        self._z_start = model.encode(self.spectra)
        self._start_error = self._error(self._z_start, {})
        self._start_probe = self._probe(self._z_start, nonlinear_r2)
        span = model.config.lambda_range
        sliders = {
            name: ipywidgets.FloatSlider(
                value=0, min=-span, max=span, step=span / 20, readout_format="+.3g", description=f"λ {name}",
                style={"description_width": "7.5em"},
            )
            for name in model.labels
        }  # fmt: skip
        choices = {
            "colour": ipywidgets.Dropdown(options=model.labels, value=colour, description="colour"),
            "projection": ipywidgets.Dropdown(
                options=list(AXES), value=projection, description="projection"
            ),
        }
        super().__init__(sliders, choices, [button("reset", self.reset)])

    @property
    def lambdas(self) -> dict[str, float]:
        """λ of each label, as set by the sliders."""
        return self.labels

    def _project(self, z):
        """The shown half of the stars, from the latents of all: shape (n - half, 2)."""
        fit, shown = z[: self._half], z[self._half :]
        mean = fit.mean(axis=0)
        if self.values["projection"] == "pca":
            return (shown - mean) @ np.linalg.svd(fit - mean, full_matrices=False)[2][:2].T
        values = self._values[: self._half, self._colour()]
        deciles = np.searchsorted(np.quantile(values, np.arange(0.1, 1, 0.1)), values)
        return LinearDiscriminantAnalysis(n_components=2).fit(fit, deciles).transform(shown)

    def _colour(self):
        """Column of the label that is shown by the colour of the stars."""
        return self.model.labels.index(self.values["colour"])

    def _probe(self, z, r2):
        """R² of a probe for each label."""
        h = self._half
        return r2(z[:h], self._values[:h], z[h:], self._values[h:])

    def _error(self, z, lambdas):
        """Root mean square of flux − reconstruction over the good pixels of the shown stars."""
        flux = self.model.decode(z[self._half :], self._values[self._half :], lambdas)
        return float(np.sqrt(np.mean((flux - self._shown.flux)[~self._shown.mask] ** 2)))

    def _redraw(self):
        lambdas, names = self.lambdas, self.model.labels
        z = self.model.encode(self.spectra, lambdas)
        r2 = np.array([self._probe(z, linear_r2), self._probe(z, nonlinear_r2)])
        self.linear, self.nonlinear = (dict(zip(names, each.tolist())) for each in r2)
        self.error = self._error(z, lambdas)
        # Turned in their plane to lie near those at λ = 0, because axes of a projection can flip
        points, start = self._project(z), self._project(self._z_start)
        self.points = points @ orthogonal_procrustes(points, start)[0]
        error = f"rms flux error {self.error:.4f}, {self.error / self._start_error:.2f} of that at λ = 0"
        kind = AXES[self.values["projection"]]
        self.view.update(
            self.points, self._values[self._half :, self._colour()], self.values["colour"], r2,
            self._start_probe, error, (f"First {kind} of the latents", f"Second {kind}"),
        )  # fmt: skip
        shown = " · ".join(f"{name} {value:.2f}" for name, value in self.nonlinear.items())
        return f"R² of the nonlinear probe {shown} · "


def slide_lambdas(
    model, spectra, projection: str = "pca", colour: str | None = None
) -> LambdaSlider:
    """Show latents, probes and reconstruction error of a model that takes λ as an input, with a
    slider for each λ.

    Parameters
    ----------
    model : Disentangler
        A model that was trained with ``lambda_range`` > 0.
    spectra : Spectra
        Test stars with a catalogue; 2000 of them are used, chosen at random.
    projection : {"pca", "lda"}
        "pca" gives principal components. "lda" gives the two discriminants that best separate the
        deciles of the label ``colour``. The axes are turned in their plane to agree with those at
        λ = 0.
    colour : str, optional
        The label that is shown by the colour of the stars; by default the model's first.

    Returns
    -------
    LambdaSlider
        It is shown as the last value of a cell. In code, use ``.set(teff=-0.01)``, ``.reset()``,
        ``.figure()``, ``.linear``, ``.nonlinear`` and ``.error``.

    Raises
    ------
    ValueError
        If the model was trained at fixed λ, if the projection or the colour does not exist, or if
        there are too few stars.
    """
    if not model.config.lambda_range:
        raise ValueError(
            "this model was trained at fixed λ, so there is nothing to slide: train one with lambda_range"
        )
    if model.config.latent < 2:
        raise ValueError(
            "this model has one latent: give one with at least 2, to have a plane to project on"
        )
    if projection not in AXES:
        raise ValueError(f"projection is {projection!r}: choose {' or '.join(AXES)}")
    colour = colour or model.labels[0]
    if colour not in model.labels:
        raise ValueError(f"{colour}: no label of the model, which has {', '.join(model.labels)}")
    if len(spectra) < 4 * model.config.latent:
        raise ValueError(
            f"{len(spectra)} stars: give at least {4 * model.config.latent}, half of which fit the probes"
        )
    return LambdaSlider(model, spectra, projection, colour)
