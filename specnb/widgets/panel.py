"""The base class of all widgets, controls with a picture that follows them, and what else they share.

A widget shows all its pictures in an `ipywidgets.Image`. The alternative, which `interact` uses, is
to redraw into Output widgets, but this sometimes stalls runs of a notebook without a browser.
"""

import warnings
from functools import partial
from html import escape
from io import BytesIO

import ipywidgets
import numpy as np

from specnb.core.labels import Label
from specnb.plots.style import SCREEN_DPI
from specnb.widgets.state import check_ranges

COLUMNS = {"grid_template_columns": "repeat(2, max-content)"}
WARNING = "<b style='color: #D55E00'>{}</b>"


def figure_png(figure) -> bytes:
    """PNG bytes of a whole figure at the size it has in the notebook."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=1.1 * SCREEN_DPI)
    return buffer.getvalue()


def label_slider(label: Label, low: float, high: float, value: float) -> ipywidgets.FloatSlider:
    """A slider for a label with convenient steps. It goes from the first to the last step within a
    range.
    """
    step, decimals = label.steps.slider, label.steps.decimals
    low, high = np.round(
        [np.ceil(low / step - 1e-3) * step, np.floor(high / step + 1e-3) * step], 6
    )
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, readout_format=f".{decimals}f",
        description=f"{label.name} ({label.unit.replace(' ', '')})".removesuffix(" ()"),
        style={"description_width": "7.5em"},
    )  # fmt: skip


def place(control, value):
    """What a control shows for a value: a slider has the step that is nearest to it."""
    if not isinstance(control, ipywidgets.FloatSlider):
        return value
    step = control.min + round((value - control.min) / control.step) * control.step
    return round(min(max(step, control.min), control.max), 9) + 0.0


def check_moves(values, sliders):
    """Raise ValueError unless each value is a number within the range of the slider of its name."""
    check_ranges(values, {name: (each.min, each.max) for name, each in sliders.items()})


class Panel(ipywidgets.VBox):
    """Controls, a readout, and a picture that is drawn again when a control moves.

    Subclasses define `_redraw` and `figure`.

    Parameters
    ----------
    sliders : dict of Widget
        The controls that `set` moves, by name.
    choices : dict of Widget
        All other controls. They become attributes of these names.
    buttons : sequence of Widget

    Attributes
    ----------
    values : dict
        What is shown, by the name of the control. A slider is put on the step nearest to its value.
        This is not an edit, nor is it one when the browser, which only knows the steps, sends the
        step back.
    readout : HTML
    image : Image
    """

    outside = ""  # the region that the labels have left; then the readout begins with a warning

    def __init__(self, sliders, choices, buttons=()):
        self.sliders, self.controls = sliders, sliders | choices
        self.values = {name: control.value for name, control in self.controls.items()}
        self._first = {name: self.values[name] for name in sliders}
        for name, choice in choices.items():
            setattr(self, name, choice)
        for name, control in self.controls.items():
            control.observe(partial(self._moved, name), "value")
        self.readout = ipywidgets.HTML()
        self.image = ipywidgets.Image(layout={"max_width": "100%", "object_fit": "contain"})
        top = ipywidgets.GridBox(list(sliders.values()), layout=COLUMNS)
        middle = ipywidgets.HBox(list(choices.values()), layout={"flex_flow": "row wrap"})
        # The readout has a line of its own: it is often long, and would press the buttons together
        super().__init__([top, middle, ipywidgets.HBox(buttons), self.readout, self.image])
        self._change(dict(self.values))

    def __repr__(self):
        return f"<{type(self).__name__}: {', '.join(self.controls)}>"

    @property
    def labels(self) -> dict[str, float]:
        """The values of the sliders."""
        return {name: self.values[name] for name in self.sliders}

    def set(self, **values):
        """Move sliders to values by name, as in ``set(teff=5000, m_h=-0.5)``, and redraw once.

        Raises
        ------
        ValueError
            If a name is not that of a slider or a value is beyond its slider.
        """
        check_moves(values, self.sliders)
        self._change({name: float(value) for name, value in values.items()})

    def reset(self):
        """Return the sliders to their first values."""
        self._change(self._first)

    def figure(self):
        """The picture as a Figure."""
        raise NotImplementedError

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

    def _redraw(self) -> str | None:
        """Compute what is shown, and return a plain text for the readout."""

    def _png(self) -> bytes:
        return figure_png(self.figure())

    def _draw(self, changed=()):
        with warnings.catch_warnings():
            # The readout itself says where the labels are
            warnings.simplefilter("ignore", UserWarning)
            self._follow(changed)
            text = self._redraw() or ""
        for name, control in self.controls.items():
            at = place(control, self.values[name])
            # A slider that only differs by a rounding error may have been dragged on meanwhile: to
            # send its value back would stop it
            if not (isinstance(at, float) and abs(control.value - at) < 1e-9):
                control.value = at
        self.image.value = self._png()
        self._say(text)

    @property
    def warning(self):
        """A text with which the readout begins in bold."""
        return f"outside the {self.outside}: extrapolated" if self.outside else ""

    def _say(self, text, warning=""):
        """Show a text, and before it a warning. Both are plain text, not HTML."""
        parts = [WARNING.format(escape(each)) for each in (warning or self.warning,) if each]
        parts += [escape(text)] if text else []
        self.readout.value = f"<span>{' · '.join(parts)}</span>"
