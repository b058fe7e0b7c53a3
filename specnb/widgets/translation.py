"""Translators under sliders, and in training."""

import asyncio
import time

import ipywidgets
import numpy as np
from astropy.table import Column

from specnb.figures.translated import TranslatedFigure, compared_spectra
from specnb.figures.translation import translation_history
from specnb.translate.config import TranslateConfig
from specnb.translate.trainer import Trainer
from specnb.translate.training import REPORTS
from specnb.widgets.explorer import LabelExplorer
from specnb.widgets.picture import check_pixels, check_range, figure_png, picture, row_of, slider_grid, snapped
from specnb.widgets.training import DRAWING

TYPICAL, BY_HAND = "typical", "by hand"
MOST = 16  # numbers of z_split that get a slider each
MEAN_STARS = 500  # of each domain, for the mean spectra of a live training


class TranslatorExplorer(LabelExplorer):
    """Sliders for the labels and z_split over a translated spectrum; made by `explore_translator`.

    Attributes
    ----------
    labels : dict of float
    split : ndarray
        The z_split shown.
    sliders : dict of FloatSlider
        Of the labels.
    split_sliders : list of FloatSlider
        Of the numbers of z_split, if they are few; moving one is choosing "by hand".
    choice : Dropdown
        Whose z_split.
    view : TranslatedFigure
        ``view.figure`` is the same picture for print.
    """

    def __init__(self, emulator, translator, stars=None):
        view = TranslatedFigure(emulator, translator)
        self._typical = translator.mean_split.cpu().numpy()
        self._ids = [] if stars is None else [str(name) for name in stars.ids]
        self._splits = None if stars is None else translator.encode(stars)[1]
        hands = len(self._typical) if translator.config.split and self._typical.ndim == 1 else 0
        self.split_sliders = [
            ipywidgets.FloatSlider(min=-1, max=1, step=0.01, description=f"z_split {k}")
            for k in range(hands if hands <= MOST else 0)
        ]
        self._put(self._typical)
        options = [TYPICAL, BY_HAND, *self._ids]
        self.choice = ipywidgets.Dropdown(options=options, description="z_split")
        super().__init__(view, [self.choice] if translator.config.split else [])
        for slider in self.split_sliders:
            slider.observe(self._split_moved, "value")
        if self.split_sliders:
            labels, *others = self.children
            self.children = [labels, slider_grid(self.split_sliders), *others]

    @property
    def split(self):
        return self._typical if self.view.split is None else self.view.split

    def set_split(self, choice):
        """Take another z_split: "typical", that of a star by its id or row, or the numbers themselves.

        Raises
        ------
        ValueError
            If there is no such star, or the numbers are too few, too many or beyond the sliders.
        """
        if isinstance(choice, str) and choice == TYPICAL:
            self._show(TYPICAL, None)
        elif isinstance(choice, str | int):
            row = row_of(choice, self._ids) if self._ids else self._no_stars()
            self._show(self._ids[row], self._splits[row])
        else:
            values = np.atleast_1d(np.asarray(choice, dtype=np.float32))
            for slider, value in zip(self.split_sliders, values):
                check_range(slider.description, value, slider)
            self._show(BY_HAND, values)

    def reset(self):
        """Back to the first labels and the typical z_split."""
        self._place(TYPICAL, None)
        super().reset()

    def spectrum(self):
        table = super().spectrum()
        table.meta["z_split"] = self.split.tolist()
        return table

    def _columns(self):
        """Synthetic and translated flux."""
        return [Column(getattr(self.view, name), name) for name in ("synthetic", "translated")]

    def _update(self, labels, window):
        self.view.update(labels, window)

    def _no_stars(self):
        raise ValueError("no stars to take z_split from: give explore_translator some")

    def _place(self, name, split):
        """Set z_split and move its choice and sliders there without drawing."""
        self.view.set_split(split)
        self._quiet = True
        self.choice.value = name
        self._put(self.split)
        self._quiet = False

    def _put(self, split):
        """Move the sliders of z_split to the steps nearest to it."""
        for slider, value in zip(self.split_sliders, split):
            slider.value = snapped(slider, float(value))

    def _show(self, name, split):
        self._place(name, split)
        self._draw(self.labels)

    def _chosen(self, change):
        if change["owner"] is not self.choice or self._quiet:
            super()._chosen(change)
        elif self.choice.value == BY_HAND:
            self._show(BY_HAND, self.split)
        else:
            self.set_split(self.choice.value)

    def _split_moved(self, _):
        values = [slider.value for slider in self.split_sliders]
        shown = [snapped(slider, float(value)) for slider, value in zip(self.split_sliders, self.split)]
        if not self._quiet and not np.allclose(values, shown, rtol=0, atol=1e-6):  # a browser rounds what it is sent
            self._show(BY_HAND, values)


def explore_translator(emulator, translator, stars=None) -> TranslatorExplorer:
    """Sliders for the labels over a synthetic spectrum, its translation and their difference; z_split by star or by hand.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
        For the emulator's pixels.
    stars : Spectra, optional
        Observed stars whose z_split can be chosen.

    Returns
    -------
    TranslatorExplorer
        Shows itself as the last value of a cell. In code: ``.set(teff=5000)``, ``.set_split("typical")`` or a star's id,
        row, or the numbers; ``.labels``, ``.split``, ``.spectrum()``, ``.export()``, ``.reset()``.

    Raises
    ------
    ValueError
        If emulator, translator and stars are not on the same pixels.
    """
    return TranslatorExplorer(emulator, translator, stars)


class TranslatorTraining(ipywidgets.VBox):
    """A button that trains a translator, mean spectra and the losses as they come; made by `train_translator`.

    Attributes
    ----------
    model : Translator or None
        Of the last training, stopped or not.
    running : bool
    """

    def __init__(self, emulator, domains, config, window):
        self.emulator, self.domains, self.config, self.window = emulator, domains, config, window
        self.model, self.running, self._history = None, False, []
        few = domains.observed[:MEAN_STARS]
        self._stars, self._synthetic = few, emulator(domains.labels[:MEAN_STARS])
        observed = np.ma.mean(np.ma.array(few.flux, mask=few.mask), axis=0, dtype=float).filled(np.nan)
        self._means = {"observed": observed, "synthetic": self._synthetic.mean(axis=0, dtype=float)}
        self.button = ipywidgets.Button()
        self.progress = ipywidgets.IntProgress(min=0, max=config.iterations)
        self.readout = ipywidgets.HTML(f"{len(domains.labels)} synthetic and {len(domains.observed)} observed stars")
        self.images = [picture(), picture()]
        self.button.on_click(lambda _: self._clicked())
        self._name_button()
        super().__init__([ipywidgets.HBox([self.button, self.progress, self.readout]), *self.images])
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
        """Stop the training after this step. What it has learnt is kept in ``model``."""
        self.running = False

    def _clicked(self):
        if self.running:
            return self.stop()
        self._task = asyncio.get_running_loop().create_task(self._in_background())

    async def _in_background(self):
        try:
            for _ in self._training():
                await asyncio.sleep(0)  # the kernel hears the button
        except (ArithmeticError, ValueError):
            pass  # the panel says it

    def _training(self):
        """A training in steps, until it is done or `running` is set to False."""
        self._history, self._drawn, start = [], (-np.inf, 0.0), time.monotonic()
        self._means.pop("translated", None)
        self.model, self.running, self.progress.value, self.progress.bar_style = None, True, 0, ""
        self._name_button()
        try:
            trainer = Trainer(self.emulator, self.domains.labels, self.domains.observed, self.config)
            every = max(1, self.config.iterations // REPORTS)
            while self.running and not trainer.finished:
                trainer.step()
                self.progress.value = trainer.iteration
                if trainer.iteration % every == 0 or trainer.finished:
                    trainer.report()
                    self._reported(trainer.model, f"step {trainer.iteration} · {time.monotonic() - start:.0f} s")
                yield
            self.model = trainer.finish()
            self._take(self.model)
            self.progress.bar_style = "success" if trainer.finished else "warning"
            self.readout.value = ("trained" if trainer.finished else "stopped") + f" · {self.readout.value}"
        except (ArithmeticError, ValueError) as error:
            self.progress.bar_style = "danger"
            self.readout.value = f"<b style='color: #D55E00'>{error}</b>"
            raise
        finally:
            self.running = False
            self._name_button()
            self._draw()

    def _reported(self, model, text):
        """A picture if there is time."""
        self.readout.value = text
        ended, took = self._drawn
        if time.monotonic() - ended > took / DRAWING:
            start = time.monotonic()
            self._take(model)
            self._draw()
            self._drawn = time.monotonic(), time.monotonic() - start

    def _take(self, model):
        """Mean translation with the z_split of observed stars, as in the training, and the history of a model."""
        splits = model.encode(self._stars)[1]
        splits = np.resize(splits, (len(self._synthetic), *splits.shape[1:])) if model.config.split else None
        self._means["translated"] = model.translate(self._synthetic, splits).mean(axis=0, dtype=float)
        self._history = list(model.history)

    def _name_button(self):
        self.button.description, self.button.button_style = ("Stop", "") if self.running else ("Train", "primary")

    def figure(self):
        """Mean spectra in the window, as a Figure."""
        return compared_spectra(self.emulator.wavelength, self._means, "observed", [self.window])

    def history_figure(self):
        """The losses, as a Figure."""
        return translation_history(self._history, self.config.iterations)

    def _draw(self):
        for image, figure in zip(self.images, (self.figure(), self.history_figure())):
            image.value = figure_png(figure)


def train_translator(emulator, domains, config: TranslateConfig | None = None, window=None) -> TranslatorTraining:
    """A button that trains a translator and shows how the mean translated spectrum approaches the mean observed one.

    Parameters
    ----------
    emulator : Emulator
    domains : Domains
        See `specnb.translate.domains`.
    config : TranslateConfig, optional
    window : (float, float), optional
        Wavelengths shown, in Å; by default all. The training has all.

    Returns
    -------
    TranslatorTraining
        Shows itself as the last value of a cell. In code: ``.train()``, ``.stop()``, ``.model``, ``.figure()``,
        ``.history_figure()``.

    Raises
    ------
    ValueError
        If the observed stars are on other pixels than the emulator.
    """
    check_pixels(domains.observed.flux.shape[1], len(emulator.wavelength), "observed spectra", "emulator")
    window = tuple(emulator.wavelength[[0, -1]] if window is None else window)
    return TranslatorTraining(emulator, domains, config or TranslateConfig(), window)
