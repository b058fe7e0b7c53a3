"""Train an autoencoder live, with a slider for each λ, a button, and plots of losses and probes."""

from contextlib import suppress
from dataclasses import replace

import ipywidgets
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from specnb.core.labels import label_array
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.experiment import BOTTLENECK
from specnb.disentangle.score import chance_levels
from specnb.disentangle.train import train
from specnb.evaluate.probes import probe
from specnb.plots.training import disentangling_history
from specnb.widgets.panel import TrainingPanel
from specnb.widgets.picture import figure_png, slider_grid

# Values of λ, of both signs, in steps of about a factor of 2 to 3. In long trainings a λ of 0.0001
# is enough to remove or keep a label; in short ones it must be 0.01.
LAMBDAS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1)
PROBE_EVERY = 5  # number of epochs between linear probes
# Largest number of stars with which a probe is fitted, and with which it is scored
PROBE_STARS = 2000


def linear_r2(z_train, y_train, z_test, y_test) -> np.ndarray:
    """R² on test stars of a linear regression on latents, shape (n_labels,)."""
    return r2_score(
        y_test, LinearRegression().fit(z_train, y_train).predict(z_test), multioutput="raw_values"
    )


class AutoencoderPanel(TrainingPanel):
    """λ sliders, a Train button and the history of the training; made by `train_live`.

    Attributes
    ----------
    model : Disentangler or None
        The model of the last training.
    config : DisentangleConfig
        The configuration that the Train button would use now.
    sliders : dict of SelectionSlider
        λ of each label.
    linear, mlp : dict
        Probes of the last training, in the form of `specnb.plots.training.disentangling_history`.
    """

    def __init__(self, train_spectra, test_spectra, config, epochs):
        super().__init__(epochs)
        self.train_spectra, self.test_spectra, self._config = train_spectra, test_spectra, config
        self._fitting, self._scoring = train_spectra[:PROBE_STARS], test_spectra[:PROBE_STARS]
        self.linear, self.mlp, self._chance = {}, {}, {}
        self.sliders = {name: self._slider(name) for name in config.labels}
        for name, value in config.lambdas.items():
            self._place(name, value)
        self.objective = ipywidgets.Dropdown(
            options=[("paper", 0.0), ("bottleneck", config.bottleneck or BOTTLENECK.bottleneck)],
            value=config.bottleneck, description="objective",
        )  # fmt: skip
        self.epochs = ipywidgets.IntSlider(
            value=epochs, min=1, max=max(100, epochs), description="epochs"
        )
        self.readout.value = "λ &gt; 0 removes a label from the latents, λ &lt; 0 reinforces it"
        choices = ipywidgets.HBox([self.objective, self.epochs])
        self.children = [slider_grid(self.sliders.values()), choices, self._below, self.image]
        self._draw()

    @staticmethod
    def _slider(name):
        return ipywidgets.SelectionSlider(
            options=_options((0.0, *LAMBDAS, *(-value for value in LAMBDAS))), value=0.0, description=f"λ {name}",
            continuous_update=False, style={"description_width": "7.5em"},
        )  # fmt: skip

    def _place(self, name, value):
        """Move a λ slider. If the value is between its stops, it gets another stop there."""
        slider = self.sliders[name]
        stops = {stop for _, stop in slider.options}
        if value not in stops:
            slider.options = _options(stops | {value})
        slider.value = value

    @property
    def config(self) -> DisentangleConfig:
        lambdas = {name: slider.value for name, slider in self.sliders.items()}
        epochs, steps = (
            self.epochs.value,
            BOTTLENECK.discriminator_steps if self.objective.value else 1,
        )
        return replace(
            self._config, lambdas=lambdas, bottleneck=self.objective.value, discriminator_steps=steps,
            epochs=epochs, patience=max(epochs, self._config.patience),
        )  # fmt: skip

    def train(self, **lambdas):
        """Move some sliders, as in ``train(teff=-0.01, m_h=0.01)``, and train with all λ.

        Returns
        -------
        Disentangler
            The same model as from ``specnb.disentangle.train(train_spectra, panel.config)``.

        Raises
        ------
        ValueError
            If a name is not a label of the model.
        FloatingPointError
            If the training diverges.
        """
        # This raises for unknown names before a slider moves
        replace(self._config, lambdas=lambdas)
        for name, value in lambdas.items():
            self._place(name, float(value))
        config = self.config
        self._begin(config.epochs)
        self.linear, self.mlp = {}, {}
        self.button.disabled = True
        try:
            with self._telling():
                model = train(self.train_spectra, config, progress=False, on_epoch=self._epoch)
                self._say("probing with an MLP …")
                self.mlp = dict(
                    zip(model.labels, probe(*self._latents(model), model.labels)["mlp_r2"].tolist())
                )
            self.model, self._history = model, model.history
            self.progress.value, self.progress.bar_style = config.epochs, "success"
        finally:
            self.button.disabled = False
            self._draw()
        probes = " · ".join(f"{name} {value:.2f}" for name, value in self.mlp.items())
        rms = np.sqrt(min(row["reconstruction"] for row in model.history))
        self._say(f"rms flux error {rms:.4f} · MLP probe R² {probes}")
        return model

    def _clicked(self):
        with suppress(*self.FAILURES):  # the panel shows them
            self.train()

    def _epoch(self, model):
        """Show the progress, sometimes fit a linear probe, and draw a picture if there is time."""
        self._history = model.history
        epoch = len(model.history)
        self.progress.value = epoch
        if epoch == 1:
            self._chance = (
                chance_levels(model, self.train_spectra) if model.config.adversarial else {}
            )
        if epoch in (1, self.epochs.value) or epoch % PROBE_EVERY == 0:
            self.linear[epoch] = dict(zip(model.labels, linear_r2(*self._latents(model)).tolist()))
        self._say(f"epoch {epoch}")
        self._draw_in_time()

    def _latents(self, model):
        """Latents and labels of the stars for fitting a probe, and of those for scoring it."""
        sets = self._fitting, self._scoring
        return [part for s in sets for part in (model.encode(s), model.label_array(s.labels))]

    def figure(self):
        """The picture as a Figure."""
        return disentangling_history(
            self._history, self._chance, self.linear, self.mlp, self.progress.max
        )

    def _draw(self):
        self.image.value = figure_png(self.figure())


def _options(stops):
    return [(f"{stop:+g}".replace("-", "−") if stop else "0", stop) for stop in sorted(stops)]


def train_live(
    train_spectra, test_spectra, config: DisentangleConfig | None = None, epochs=None
) -> AutoencoderPanel:
    """Show a slider for each λ, and a button that trains an autoencoder and shows the progress.

    Parameters
    ----------
    train_spectra, test_spectra : Spectra
        Spectra with catalogues. The probes are scored on the test stars.
    config : DisentangleConfig, optional
        All settings for which the panel has no slider, and the first values of λ.
    epochs : int, optional
        First value of the slider for epochs; by default that of the configuration.

    Returns
    -------
    AutoencoderPanel
        It is shown as the last value of a cell. In code, use ``.train(teff=-0.01)``, ``.model``
        and ``.figure()``.

    Raises
    ------
    ValueError
        If the configuration has λ as an input of the model, or the stars lack labels.
    """
    config = config or DisentangleConfig()
    if config.lambda_range:
        raise ValueError(
            "lambda_range makes λ an input of the model: train it once, and move λ with slide_lambdas"
        )
    for spectra in (train_spectra, test_spectra):
        label_array(spectra.labels, config.labels)
    return AutoencoderPanel(train_spectra, test_spectra, config, epochs or config.epochs)
