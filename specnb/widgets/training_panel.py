"""A training with a button, its progress and its pictures."""

import asyncio
import time
from contextlib import suppress

import ipywidgets
import traitlets

from specnb.widgets.panel import Panel

FAILURES = ArithmeticError, ValueError, OSError  # exceptions that the panel shows as text
BETWEEN_PICTURES = 1.0  # seconds


class TrainingPanel(Panel):
    """A button that trains a model, the progress, and pictures of the training. Subclasses define
    `figure`, and `_begin`, which returns a new `specnb.core.training.Training`.

    Attributes
    ----------
    model : Disentangler or Translator or None
        The model of the last training, even if it was stopped.
    running : bool
    training : Training or None
        The last training, see `specnb.core.training`.
    button : Button
    progress : IntProgress
    """

    running = traitlets.Bool(False)

    def __init__(self, steps: int, sliders=(), choices=(), text=""):
        self.model = self.training = None
        self.button = ipywidgets.Button()
        self.button.on_click(self._clicked)
        self.progress = ipywidgets.IntProgress(max=steps)
        self._name_button()
        super().__init__(dict(sliders), dict(choices), [self.button, self.progress])
        self._say(text)

    def train(self):
        """Train to the end, and return the model.

        Raises
        ------
        ValueError
            If a training runs already, or data and settings do not suit each other.
        FloatingPointError
            If the training diverges.
        """
        if self.running:
            raise ValueError("a training is running: stop it first")
        # The kernel is busy meanwhile: it would see a click only afterwards, and train once more
        self.button.disabled = True
        for _ in self._steps():
            pass
        return self.model

    def stop(self):
        """Stop the training after this step. ``model`` keeps what has been learnt."""
        self.running = False

    def _report(self, model):
        """Called whenever the history has a new row."""

    def _result(self, model) -> str:
        """A text about the trained model."""
        return ""

    @property
    def _history(self):
        return [] if self.training is None else self.training.history

    def _steps(self):
        """Train step by step until the end, or until `running` is set to False."""
        start, drawn = time.monotonic(), 0.0
        self.model, self.training, self.running = None, None, True
        self.progress.value, self.progress.bar_style = 0, ""
        try:
            training = self.training = self._begin()
            self.progress.max = training.total
            while self.running and not training.finished:
                row = training.advance()
                self.progress.value = training.done
                done = f"{training.unit} {training.done}"
                if row is not None:
                    self._report(training.model)
                    self._say(f"{done} · {time.monotonic() - start:.0f} s")
                    if time.monotonic() - drawn > BETWEEN_PICTURES:
                        self._draw()
                        drawn = time.monotonic()
                yield
            self.model = training.finish()
            style, word = ("success", "trained") if training.finished else ("warning", "stopped")
            self.progress.bar_style = style
            result = self._result(self.model)
            self._say(f"{word} · {done}{result} · {time.monotonic() - start:.0f} s")
        except FAILURES as error:
            self.progress.bar_style = "danger"
            self._say("", str(error))
            raise
        finally:
            self.running = self.button.disabled = False
            self._draw()

    def _clicked(self, _):
        if self.running:
            self.stop()
        else:
            self._task = asyncio.get_running_loop().create_task(self._in_background())

    async def _in_background(self):
        with suppress(*FAILURES):  # the panel shows them
            for _ in self._steps():
                await asyncio.sleep(0)  # meanwhile the kernel can react to the button

    @traitlets.observe("running")
    def _name_button(self, _=None):
        self.button.description = "Stop" if self.running else "Train"
        self.button.button_style = "" if self.running else "primary"

    def _moved(self, name, change):
        """Settings have an effect when a training begins."""

    def _draw(self, changed=()):
        self.image.value = self._png()
