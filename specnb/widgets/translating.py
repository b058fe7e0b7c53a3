"""Train a translator live, with a button and plots of mean spectra of both domains and losses."""

import ipywidgets
import numpy as np

from specnb.core.wavelength import check_pixels
from specnb.plots.training import translation_history
from specnb.plots.translate import compared_spectra
from specnb.translate.config import TranslateConfig
from specnb.translate.train import TranslateTraining
from specnb.widgets.panel import figure_png
from specnb.widgets.training_panel import TrainingPanel

MEAN_STARS = 500  # number of stars of each domain for the mean spectra


class TranslatorPanel(TrainingPanel):
    """A button that trains a translator, and plots of mean spectra and losses during the training;
    made by `train_translator`.

    Attributes
    ----------
    model : Translator or None
        The model of the last training, even if it was stopped.
    running : bool
    """

    def __init__(self, emulator, domains, config, window):
        self.emulator, self.domains, self.config, self.window = emulator, domains, config, window
        few = self._stars = domains.observed[:MEAN_STARS]
        self._synthetic = emulator(domains.labels[:MEAN_STARS])
        observed = np.ma.mean(np.ma.array(few.flux, mask=few.mask), axis=0, dtype=float)
        self._means = {
            "observed": observed.filled(np.nan),
            "synthetic": self._synthetic.mean(axis=0, dtype=float),
        }
        self._losses = ipywidgets.Image(layout={"max_width": "100%"})
        stars = f"{len(domains.labels)} synthetic and {len(domains.observed)} observed stars"
        super().__init__(config.iterations, text=stars)
        self.children += (self._losses,)

    def _begin(self):
        return TranslateTraining(
            self.emulator, self.domains.labels, self.domains.observed, self.config
        )

    def _translated(self, model):
        """The mean translated spectrum with the z_split of observed stars, as in the training."""
        splits = None
        if model.config.split:
            splits = model.encode(self._stars)[1]
            splits = np.resize(splits, (len(self._synthetic), *splits.shape[1:]))
        return model.translate(self._synthetic, splits).mean(axis=0, dtype=float)

    def figure(self):
        """Mean spectra in the window, as a Figure."""
        means = dict(self._means)
        if self._history:
            means["translated"] = self._translated(self.training.model)
        return compared_spectra(self.emulator.wavelength, means, "observed", [self.window])

    def history_figure(self):
        """The losses, as a Figure."""
        return translation_history(self._history, self.config.iterations)

    def _draw(self, changed=()):
        super()._draw()
        self._losses.value = figure_png(self.history_figure())


def train_translator(
    emulator, domains, config: TranslateConfig | None = None, window=None
) -> TranslatorPanel:
    """Show a button that trains a translator, and how the mean translated spectrum approaches the
    mean observed one.

    Parameters
    ----------
    emulator : Emulator
    domains : Domains
        See `specnb.translate.domains`.
    config : TranslateConfig, optional
    window : (float, float), optional
        Range of wavelengths that are shown, in Å; by default all. The training uses all of them.

    Returns
    -------
    TranslatorPanel
        It is shown as the last value of a cell. In code, use ``.train()``, ``.stop()``, ``.model``,
        ``.figure()`` and ``.history_figure()``.

    Raises
    ------
    ValueError
        If the observed stars are on other pixels than the emulator.
    """
    check_pixels(domains.observed.wavelength, emulator.wavelength)
    window = tuple(emulator.wavelength[[0, -1]] if window is None else window)
    return TranslatorPanel(emulator, domains, config or TranslateConfig(), window)
