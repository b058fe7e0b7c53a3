"""Train a translator live, with a button and plots of mean spectra of both domains and losses."""

import asyncio
from contextlib import suppress

import numpy as np

from specnb.plots.training import translation_history
from specnb.plots.translate import compared_spectra
from specnb.translate.config import TranslateConfig
from specnb.translate.train import TranslateTraining
from specnb.widgets.panel import TrainingPanel
from specnb.widgets.picture import check_pixels, figure_png, picture

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
        super().__init__(config.iterations)
        self.emulator, self.domains, self.config, self.window = emulator, domains, config, window
        self.running = False
        few = domains.observed[:MEAN_STARS]
        self._stars, self._synthetic = few, emulator(domains.labels[:MEAN_STARS])
        observed = np.ma.mean(np.ma.array(few.flux, mask=few.mask), axis=0, dtype=float).filled(
            np.nan
        )
        self._means = {"observed": observed, "synthetic": self._synthetic.mean(axis=0, dtype=float)}
        self.readout.value = (
            f"{len(domains.labels)} synthetic and {len(domains.observed)} observed stars"
        )
        self.images = [self.image, picture()]
        self.children = [self._below, *self.images]
        self._draw()

    def train(self):
        """Train to the end, and return the Translator.

        Raises
        ------
        ValueError
            If a training runs already, or the domains do not suit the emulator.
        FloatingPointError
            If the training diverges.
        """
        if self.running:
            raise ValueError("a training is running: stop it first")
        for _ in self._training():
            pass
        return self.model

    def stop(self):
        """Stop the training after this step. ``model`` keeps what the translator has learnt."""
        self.running = False

    def _clicked(self):
        if self.running:
            return self.stop()
        self._task = asyncio.get_running_loop().create_task(self._in_background())

    async def _in_background(self):
        with suppress(*self.FAILURES):  # the panel shows them
            for _ in self._training():
                await asyncio.sleep(0)  # meanwhile the kernel can react to the button

    def _training(self):
        """Train step by step until the end, or until `running` is set to False."""
        self._begin(self.config.iterations)
        self._means.pop("translated", None)
        self.running = True
        self._name_button()
        try:
            with self._telling():
                training = TranslateTraining(
                    self.emulator, self.domains.labels, self.domains.observed, self.config
                )
                while self.running and not training.finished:
                    row = training.advance()
                    self.progress.value = training.done
                    if row is not None:
                        self._say(f"step {training.done}")
                        self._draw_in_time(lambda: self._take(training.model))
                    yield
                self.model = training.finish()
            self._take(self.model)
            self.progress.bar_style = "success" if training.finished else "warning"
            self.readout.value = (
                "trained" if training.finished else "stopped"
            ) + f" · {self.readout.value}"
        finally:
            self.running = False
            self._name_button()
            self._draw()

    def _take(self, model):
        """Take the history of a model, and its mean translated spectrum with the z_split of
        observed stars, as in the training.
        """
        splits = model.encode(self._stars)[1]
        splits = (
            np.resize(splits, (len(self._synthetic), *splits.shape[1:]))
            if model.config.split
            else None
        )
        self._means["translated"] = model.translate(self._synthetic, splits).mean(
            axis=0, dtype=float
        )
        self._history = list(model.history)

    def _name_button(self):
        self.button.description, self.button.button_style = (
            ("Stop", "") if self.running else ("Train", "primary")
        )

    def figure(self):
        """Mean spectra in the window, as a Figure."""
        return compared_spectra(self.emulator.wavelength, self._means, "observed", [self.window])

    def history_figure(self):
        """The losses, as a Figure."""
        return translation_history(self._history, self.config.iterations)

    def _draw(self):
        for image, figure in zip(self.images, (self.figure(), self.history_figure())):
            image.value = figure_png(figure)


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
    check_pixels(
        domains.observed.flux.shape[1], len(emulator.wavelength), "observed spectra", "emulator"
    )
    window = tuple(emulator.wavelength[[0, -1]] if window is None else window)
    return TranslatorPanel(emulator, domains, config or TranslateConfig(), window)
