"""Train an autoencoder live, with a slider for each λ, a button, and plots of losses and probes."""

from dataclasses import replace

import ipywidgets
import numpy as np

from specnb.core.labels import label_array
from specnb.disentangle.config import DisentangleConfig, check_lambdas
from specnb.disentangle.experiment import BOTTLENECK
from specnb.disentangle.score import chance_levels
from specnb.disentangle.train import DisentangleTraining
from specnb.evaluate.probes import probe
from specnb.evaluate.quick_probes import linear_r2
from specnb.plots.training import disentangling_history
from specnb.widgets.training_panel import TrainingPanel

# Values of λ, of both signs, in steps of about a factor of 2 to 3. In long trainings a λ of 0.0001
# is enough to remove or keep a label; in short ones it must be 0.01.
LAMBDAS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1)
LARGEST = 100.0  # size of a λ, as for λ that is an input of the model
PROBE_EVERY = 5  # number of epochs between linear probes
# Largest number of stars with which a probe is fitted, and with which it is scored
PROBE_STARS = 2000


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
        self.train_spectra, self.test_spectra, self._config = train_spectra, test_spectra, config
        self._fitting, self._scoring = train_spectra[:PROBE_STARS], test_spectra[:PROBE_STARS]
        self.linear, self.mlp, self._chance = {}, {}, {}
        sliders = {
            name: ipywidgets.SelectionSlider(
                options=_options(value), value=value, description=f"λ {name}",
                continuous_update=False, style={"description_width": "7.5em"},
            )
            for name, value in config.lambdas.items()
        }  # fmt: skip
        objectives = [("paper", 0.0), ("bottleneck", config.bottleneck or BOTTLENECK.bottleneck)]
        choices = {
            "objective": ipywidgets.Dropdown(
                options=objectives, value=config.bottleneck, description="objective"
            ),
            "epochs": ipywidgets.IntSlider(epochs, 1, max(100, epochs), description="epochs"),
        }
        about = "λ > 0 removes a label from the latents, λ < 0 reinforces it"
        super().__init__(epochs, sliders, choices, about)

    @property
    def config(self) -> DisentangleConfig:
        epochs, bottleneck = self.epochs.value, self.objective.value
        return replace(
            self._config,
            lambdas={name: slider.value for name, slider in self.sliders.items()},
            bottleneck=bottleneck,
            discriminator_steps=BOTTLENECK.discriminator_steps if bottleneck else 1,
            epochs=epochs,
            patience=max(epochs, self._config.patience),
        )

    def set(self, **lambdas):
        """Move some sliders, as in ``set(teff=-0.01, m_h=0.01)``.

        Raises
        ------
        ValueError
            If a name is not a label of the model, or a value is no number from -100 to 100.
        """
        check_lambdas(lambdas, self._config.labels, LARGEST)  # before a slider moves
        for name, value in lambdas.items():
            self.sliders[name].options = _options(value)
            self.sliders[name].value = value

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
        self.set(**lambdas)
        return super().train()

    def _begin(self):
        self.linear, self.mlp, self._chance = {}, {}, {}
        return DisentangleTraining(self.train_spectra, self.config)

    def _report(self, model):
        """Sometimes fit a linear probe."""
        epoch = len(model.history)
        if epoch == 1 and model.config.adversarial:
            self._chance = chance_levels(model, self.train_spectra)
        if epoch in (1, self.progress.max) or epoch % PROBE_EVERY == 0:
            self.linear[epoch] = dict(zip(model.labels, linear_r2(*self._latents(model)).tolist()))

    def _result(self, model):
        r2 = probe(*self._latents(model), model.labels)["mlp_r2"]
        self.mlp = dict(zip(model.labels, r2.tolist()))
        probes = " · ".join(f"{name} {value:.2f}" for name, value in self.mlp.items())
        rms = np.sqrt(min(row["reconstruction"] for row in model.history))
        return f" · rms flux error {rms:.4f} · MLP probe R² {probes}"

    def _latents(self, model):
        """Latents and labels of the stars for fitting a probe, and of those for scoring it."""
        sets = self._fitting, self._scoring
        return [part for s in sets for part in (model.encode(s), model.label_array(s.labels))]

    def figure(self):
        """The picture as a Figure."""
        return disentangling_history(
            self._history, self._chance, self.linear, self.mlp, self.progress.max
        )


def _options(value):
    """Names and values of the stops of a slider for λ; one of them is at a given value."""
    stops = sorted({value, 0.0, *LAMBDAS, *(-stop for stop in LAMBDAS)})
    return [(f"{stop:+g}".replace("-", "−") if stop else "0", stop) for stop in stops]


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
            "lambda_range makes λ an input of the model: train it once, and move λ with edit_star"
        )
    for spectra in (train_spectra, test_spectra):
        label_array(spectra.labels, config.labels)
    return AutoencoderPanel(train_spectra, test_spectra, config, epochs or config.epochs)
