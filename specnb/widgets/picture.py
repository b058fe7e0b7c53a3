"""What the widgets share: pictures as PNG bytes, and sliders in steps that one has a feel for.

Pictures go into one reused `ipywidgets.Image`: redrawing into Output widgets (also what `interact` does) now and then
stalls headless runs of a notebook.
"""

from io import BytesIO

import ipywidgets
import numpy as np
from PIL import Image

from specnb.plots.style import SCREEN_DPI

# Slider steps and decimals of the readout, by a label's unit.
STEPS = {"K": (10.0, 0), "dex": (0.05, 2), "km / s": (0.1, 1), "": (0.5, 1)}
WINDOWS = {
    "whole range": None,
    "Ca II 8500": (8490.0, 8511.0),
    "Ca II 8544": (8530.0, 8559.0),
    "Ca II 8665": (8650.0, 8679.0),
    "Fe I, Ti I 8514–8522": (8508.0, 8526.0),
    "Fe I 8611–8627": (8609.0, 8629.0),
    "Fe I, Ti I 8675–8697": (8673.0, 8697.0),
}
H_BAND_WINDOWS = {
    "whole range": None,
    "blue detector": (15167.0, 15794.0),
    "green detector": (15879.0, 16418.0),
    "red detector": (16499.0, 16939.0),
    "K I 15173": (15168.0, 15188.0),
    "OH 15283": (15270.0, 15300.0),
    "CO 3–0 head 15582": (15570.0, 15610.0),
    "Mg I 15745–15770": (15735.0, 15780.0),
    "Ca I 16141–16162": (16130.0, 16170.0),
    "CO 6–3 head 16189": (16180.0, 16220.0),
    "Na I 16378, 16393": (16370.0, 16400.0),
    "Al I 16724–16768": (16715.0, 16775.0),
}


def encode_png(pixels) -> bytes:
    """PNG bytes of RGBA pixels (height, width, 4), compressed little because that is what takes time."""
    buffer = BytesIO()
    Image.fromarray(pixels[..., :3]).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def figure_png(figure) -> bytes:
    """PNG bytes of a whole figure at the size it has in the notebook."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=1.1 * SCREEN_DPI)
    return buffer.getvalue()


def picture() -> ipywidgets.Image:
    """An empty picture as wide as the notebook allows."""
    return ipywidgets.Image(format="png", layout={"max_width": "100%", "object_fit": "contain"})


def label_slider(name: str, unit: str, low: float, high: float, value: float) -> ipywidgets.FloatSlider:
    """A slider for a label in steps of its unit, from the first to the last step within the range."""
    step, decimals = STEPS.get(unit, ((high - low) / 100, 3))
    low, high = np.round([np.ceil(low / step - 1e-3) * step, np.floor(high / step + 1e-3) * step], 6)
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, readout_format=f".{decimals}f",
        description=f"{name} ({unit.replace(' ', '')})", style={"description_width": "7.5em"},
    )  # fmt: skip


def slider_grid(sliders) -> ipywidgets.GridBox:
    """Sliders in two columns."""
    return ipywidgets.GridBox(list(sliders), layout={"grid_template_columns": "repeat(2, max-content)"})


def snapped(slider, value: float) -> float:
    """Where a slider shows a value: on its nearest step."""
    step = slider.min + round((value - slider.min) / slider.step) * slider.step
    return round(min(max(step, slider.min), slider.max), 6) + 0.0


def check_range(name: str, value: float, slider):
    """Raise ValueError unless a value is within its slider."""
    if not slider.min <= value <= slider.max:
        raise ValueError(f"{name} = {value:g} is beyond the slider: choose {slider.min:g} to {slider.max:g}")


def check_moves(values, sliders):
    """Raise ValueError unless there is a slider for each value, by its name, and the value is within it."""
    for name, value in values.items():
        if name not in sliders:
            raise ValueError(f"{name}: no label of the model, which has {', '.join(sliders)}")
        check_range(name, value, sliders[name])


def row_of(star, ids) -> int:
    """Row of a star given by its row number, which may count from the end, or by its id."""
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
