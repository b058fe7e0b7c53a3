"""Base classes of all widgets: controls with a picture that follows them, and a training with a
button.
"""

import time
import warnings
from contextlib import contextmanager
from functools import partial

import ipywidgets
from astropy.table import Column, Table

from specnb.widgets.picture import check_moves, encode_png, figure_png, picture, place

WARNING = "<b style='color: #D55E00'>{}</b>"
DRAWING = 0.25  # largest fraction of the time of a training that is used for pictures


def button(name: str, about: str, action) -> ipywidgets.Button:
    """A button that calls a function without arguments."""
    made = ipywidgets.Button(description=name, tooltip=about)
    made.on_click(lambda _: action())
    return made


class Panel(ipywidgets.VBox):
    """Controls, a readout, and a picture that is drawn again when a control moves. Subclasses
    define `_redraw`, and `view`, a figure, or `_png`.

    Parameters
    ----------
    controls : dict of Widget
        All controls by name.
    rows : sequence
        What is above the picture. Widgets in a list are beside each other.

    Attributes
    ----------
    values : dict
        What is shown, by the name of the control. A slider is put on the step nearest to its value.
        This is not an edit, nor is it one when the browser, which only knows the steps, sends the
        step back.
    sliders : dict of FloatSlider
        The controls that `set` moves.
    readout : HTML
    image : Image
    """

    sliders = {}
    outside = ""  # the region that the labels have left; then the readout begins with a warning

    def __init__(self, controls, rows):
        self.controls = controls
        self.values = {name: control.value for name, control in controls.items()}
        self.readout, self.image = ipywidgets.HTML(), picture()
        boxes = [ipywidgets.HBox(row) if isinstance(row, list) else row for row in rows]
        super().__init__([*boxes, self.readout, self.image])
        for name, control in controls.items():
            control.observe(partial(self._moved, name), "value")
        self._change(dict(self.values))

    def set(self, **values):
        """Move sliders to values by name, as in ``set(teff=5000, m_h=-0.5)``, and redraw once.

        Raises
        ------
        ValueError
            If a name is not that of a slider or a value is beyond its slider.
        """
        check_moves(values, self.sliders)
        self._change({name: float(value) for name, value in values.items()})

    def figure(self):
        """The picture as a Figure. It changes with the sliders."""
        return self.view.figure

    def spectrum(self) -> Table:
        """What is shown, as a table of spectra, with labels and the like as metadata."""
        table = Table(self._columns(), meta=self._meta())
        wavelength = Column(self.view.wavelength, unit="Angstrom", description="vacuum")
        table.add_column(wavelength, index=0, name="wavelength")
        return table

    def export(self, path=None):
        """Write the table of `spectrum` to an ECSV file and return the name of the file. By default
        the name is made from what is shown.
        """
        path = path or "_".join([self._stem, *(f"{x:.5g}" for x in self.labels.values())]) + ".ecsv"
        self.spectrum().write(path, format="ascii.ecsv", overwrite=True)
        return path

    def _buttons(self):
        export = "Write what is shown to an ECSV file"
        return [
            button("reset", "Back to the first values", self.reset),
            button("export", export, lambda: self._say(f"wrote {self.export()}")),
        ]

    def _moved(self, name, change):
        value = change["new"]
        if isinstance(value, float):  # the browser's steps have rounding errors
            value = round(value, 9) + 0.0
        if value != place(self.controls[name], self.values[name]):
            self._change({name: value})

    def _change(self, values):
        """Show other values of some controls."""
        self.values |= values
        self._draw(values)

    def _follow(self, changed):
        """Adapt other values to those that have changed, before the picture is drawn."""

    def _redraw(self) -> str:
        """Compute what is shown, and return the text of the readout."""
        raise NotImplementedError

    def _png(self) -> bytes:
        return encode_png(self.view.pixels())

    def _draw(self, changed=()):
        start = time.perf_counter()
        with warnings.catch_warnings():
            # The readout itself says where the labels are
            warnings.simplefilter("ignore", UserWarning)
            self._follow(changed)
            text = self._redraw()
        for name, control in self.controls.items():
            control.value = place(control, self.values[name])
        self.image.value = self._png()
        self._say(f"{text}redrawn in {1e3 * (time.perf_counter() - start):.0f} ms")

    def _say(self, text):
        warning = WARNING.format(f"outside the {self.outside}: extrapolated") + " · "
        self.readout.value = f"<span>{warning if self.outside else ''}{text}</span>"


class TrainingPanel(Panel):
    """A button that trains a model, the progress, and pictures of the training. Subclasses define
    `figure`.

    Attributes
    ----------
    model : Disentangler or Translator or None
        The model of the last training.
    button : Button
    progress : IntProgress
    """

    FAILURES = (ArithmeticError, ValueError, OSError)  # exceptions that the panel shows as text

    def __init__(self, steps: int, rows, text: str):
        self.model, self._history = None, []
        self.button = ipywidgets.Button(description="Train", button_style="primary")
        self.progress = ipywidgets.IntProgress(min=0, max=steps)
        self.button.on_click(lambda _: self._clicked())
        super().__init__({}, [*rows, [self.button, self.progress]])
        self.readout.value = text

    def _begin(self, steps: int):
        """Remove all traces of the last training."""
        self.model, self._history = None, []
        self._start = time.monotonic()
        self._next_picture = -float("inf")
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
        start = time.monotonic()
        if start > self._next_picture:
            prepare()
            self._draw()
            end = time.monotonic()
            self._next_picture = end + (end - start) / DRAWING

    def _draw(self, changed=()):
        self.image.value = figure_png(self.figure())

    def _say(self, text):
        self.readout.value = f"{text} · {time.monotonic() - self._start:.0f} s"
