"""Pictures as PNG bytes, sliders for labels, and checks of the arguments of widgets.

A widget shows all its pictures in one `ipywidgets.Image`. The alternative, which `interact` uses,
is to redraw into Output widgets, but this sometimes stalls runs of a notebook without a browser."""

from io import BytesIO

import ipywidgets
import numpy as np
from PIL import Image

from specnb.core.labels import Label
from specnb.plots.style import SCREEN_DPI

WHOLE = "whole range"


def encode_png(pixels) -> bytes:
    """PNG bytes of RGBA pixels (height, width, 4). The compression is low, because it takes most of
    the time.
    """
    buffer = BytesIO()
    Image.fromarray(pixels[..., :3]).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


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
        description=f"{label.name} ({label.unit.replace(' ', '')})", style={"description_width": "7.5em"},
    )  # fmt: skip


def windows(survey) -> dict[str, tuple[float, float]]:
    """Wavelength ranges to choose from, in Å: the range of all pixels, and those of the survey."""
    return {WHOLE: tuple(survey.pixels[[0, -1]].tolist())} | dict(survey.windows)


def slider_grid(sliders) -> ipywidgets.GridBox:
    """Sliders in two columns."""
    return ipywidgets.GridBox(
        list(sliders), layout={"grid_template_columns": "repeat(2, max-content)"}
    )


def place(control, value):
    """What a control shows for a value: a slider has the step that is nearest to it."""
    if not isinstance(control, ipywidgets.FloatSlider):
        return value
    step = control.min + round((value - control.min) / control.step) * control.step
    return round(min(max(step, control.min), control.max), 9) + 0.0


def check_range(name: str, value: float, slider):
    """Raise ValueError unless a value is within the range of its slider."""
    if not slider.min <= value <= slider.max:
        raise ValueError(
            f"{name} = {value:g} is beyond the slider: choose {slider.min:g} to {slider.max:g}"
        )


def check_moves(values, sliders):
    """Raise ValueError unless each value has a slider of the same name and is within its range."""
    for name, value in values.items():
        if name not in sliders:
            raise ValueError(f"{name}: no label of the model, which has {', '.join(sliders)}")
        check_range(name, value, sliders[name])


def row_of(star, ids) -> int:
    """Row of a star that is given by its id or its row number, which may count from the end."""
    ids = [str(name) for name in ids]
    if isinstance(star, str):
        if star not in ids:
            raise ValueError(f"no star {star!r} among these {len(ids)}: the first is {ids[0]}")
        return ids.index(star)
    if not -len(ids) <= star < len(ids):
        raise ValueError(f"no star in row {star}: choose 0 to {len(ids) - 1}")
    return range(len(ids))[star]


def check_pixels(a: int, b: int, name_a: str, name_b: str):
    """Raise ValueError unless two sets of spectra have the same number of pixels."""
    if a != b:
        raise ValueError(f"the {name_a} have {a} pixels, the {name_b} {b}: rebin them first")
