"""Base classes of all widgets: a picture with a line of text that is redrawn when a control moves,
and a training with a button.
"""

import time
from contextlib import contextmanager

import ipywidgets

from specnb.widgets.picture import picture

WARNING = "<b style='color: #D55E00'>{}</b>"
DRAWING = 0.25  # largest fraction of the time of a training that is used for pictures


def button(name: str, about: str, action) -> ipywidgets.Button:
    """A button that calls a function without arguments."""
    made = ipywidgets.Button(description=name, tooltip=about)
    made.on_click(lambda _: action())
    return made


class Panel(ipywidgets.VBox):
    """Controls with a readout and a picture below them. Subclasses define `_redraw`.

    Attributes
    ----------
    readout : HTML
    image : Image
    """

    outside = ""  # a warning that is written before the other text of the readout

    def __init__(self):
        self._quiet = False
        self.readout, self.image = ipywidgets.HTML(), picture()
        super().__init__()

    def _watch(self, call, *controls):
        """Call a function when the value of a control changes, but not within `_quietly`."""
        for control in controls:
            control.observe(lambda change: self._quiet or call(change), "value")

    @contextmanager
    def _quietly(self):
        """Move controls in code, without a reaction to each change."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _move(self, controls, values):
        """Move controls by name, without a reaction to each change."""
        with self._quietly():
            for name, value in values.items():
                controls[name].value = value

    def _redraw(self, *args) -> str:
        """Compute and draw the picture, and return the text of the readout."""
        raise NotImplementedError

    def _draw(self, *args):
        start = time.perf_counter()
        text = self._redraw(*args)
        self._say(f"{text}redrawn in {1e3 * (time.perf_counter() - start):.0f} ms")

    def _say(self, text):
        warning = (
            f"{WARNING.format(f'outside the {self.outside}: extrapolated')} · "
            if self.outside
            else ""
        )
        self.readout.value = f"<span>{warning}{text}</span>"

    def export(self, path=None):
        """Write the table of `spectrum` to an ECSV file and return the name of the file. By default
        the name is made from what is shown.
        """
        path = path or self._file_name()
        self.spectrum().write(path, format="ascii.ecsv", overwrite=True)
        return path

    def _export_button(self, about):
        return button("export", about, lambda: self._say(f"wrote {self.export()}"))


class TrainingPanel(Panel):
    """A button that trains a model, the progress, and pictures of the training. Subclasses define
    `_draw`.

    Attributes
    ----------
    button : Button
    progress : IntProgress
    """

    FAILURES = (ArithmeticError, ValueError, OSError)  # exceptions that the panel shows as text

    def __init__(self, steps: int):
        super().__init__()
        self.model, self._history = None, []
        self.button = ipywidgets.Button(description="Train", button_style="primary")
        self.progress = ipywidgets.IntProgress(min=0, max=steps)
        self.button.on_click(lambda _: self._clicked())
        self._below = ipywidgets.HBox([self.button, self.progress, self.readout])

    def _begin(self, steps: int):
        """Remove all traces of the last training."""
        self.model, self._history = None, []
        # Start of the training; end of the last picture, and how long it took
        self._start, self._drawn = (
            time.monotonic(),
            (-float("inf"), 0.0),
        )
        self.progress.max, self.progress.value, self.progress.bar_style = steps, 0, ""

    @contextmanager
    def _telling(self):
        """Write in the panel what went wrong in a training."""
        try:
            yield
        except self.FAILURES as error:
            self.progress.bar_style = "danger"
            self.readout.value = WARNING.format(error)
            raise

    def _draw_in_time(self, prepare=lambda: None):
        """Prepare and draw a picture, unless pictures have already taken too much time."""
        ended, took = self._drawn
        if time.monotonic() - ended > took / DRAWING:
            start = time.monotonic()
            prepare()
            self._draw()
            self._drawn = time.monotonic(), time.monotonic() - start

    def _say(self, text):
        self.readout.value = f"{text} · {time.monotonic() - self._start:.0f} s"
