"""Missing lines with sliders: choose the element, the wavelengths and the star."""

import warnings

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from specnb.core.wavelength import detectors
from specnb.emulator.model import OutsideHullWarning
from specnb.missing.experiment import falls
from specnb.missing.scores import missing_lines
from specnb.plots.missing import missing_lines_figure
from specnb.plots.style import SCREEN_DPI
from specnb.simulator.features import find
from specnb.widgets.panel import Panel
from specnb.widgets.picture import (
    check_moves,
    check_pixels,
    encode_png,
    label_slider,
    slider_grid,
    snapped,
)

WIDTH = 75.0  # default width of the window, in Å


class MissingExplorer(Panel):
    """Figure 4 for an element, a window and a star; made by `explore_missing`.

    Attributes
    ----------
    element : Dropdown
        If the chosen element has no missing feature in the window, the window moves to its
        strongest missing feature, if there is one.
    sliders : dict of FloatSlider
        Sliders by name: "wavelength", the middle of the window in Å, and labels of the star.
    figure : Figure
        The same picture in a form for print.
    """

    def __init__(self, experiment, model, names, window, title):
        super().__init__()
        self.experiment, self.model, self.survey, self._title = (
            experiment,
            model,
            experiment.truth.survey,
            title,
        )
        self._first = dict(zip(self.survey.names, experiment.star[0].tolist()))
        self._shown, elements = (None, None), experiment.truth.names
        strongest = elements[int(np.argmax(experiment.truth.falls.max(axis=1)))]
        self.element = ipywidgets.Dropdown(options=elements, value=strongest, description="element")
        window = (
            self._strongest() + np.array([-0.5, 0.5]) * WIDTH
            if window is None
            else np.array(window)
        )
        self._half = np.diff(window) / 2 * (1, -1)  # in Å, from the ends of a window to its middle
        low, high = np.round(self.survey.pixels[[0, -1]] + self._half)
        middle = ipywidgets.FloatSlider(
            np.mean(window), min=low, max=high, step=0.5, description="window (Å)"
        )
        middle.layout.width, middle.readout_format = "40em", ".1f"
        labels = [self.survey.label(name) for name in names]
        sliders = {
            label.name: label_slider(label, label.low, label.high, self._first[label.name])
            for label in labels
        }
        self.sliders = {"wavelength": middle} | sliders
        self._watch(self._moved, self.element, *self.sliders.values())
        chosen = ipywidgets.HBox([self.element, self.readout])
        self.children = [slider_grid(self.sliders.values()), chosen, self.image]
        self._draw()

    @property
    def labels(self):
        """All labels of the star that is shown."""
        moved = {
            name: round(slider.value, 6)
            for name, slider in self.sliders.items()
            if name != "wavelength"
        }
        return self._first | moved

    @property
    def outside(self):
        inside = np.all(self.experiment.full.in_hull(np.array([list(self.labels.values())])))
        return "" if inside else "training hull"

    def set(self, element=None, **values):
        """Choose an element and move sliders by name, as in ``set("Fe", teff=4500,
        wavelength=15970)``; redraw once.

        Raises
        ------
        ValueError
            If there is no such element or slider, or a value is beyond its slider.
        """
        if element not in (None, *self.element.options):
            raise ValueError(
                f"{element}: no element of the survey, which has {', '.join(self.element.options)}"
            )
        check_moves(values, self.sliders)
        with self._quietly():
            if element is not None:
                self.element.value = element
                self._seek()
        self._move(self.sliders, values)
        self._draw()

    def lines(self):
        """The table that would be published of this star, see
        `specnb.missing.scores.missing_lines`.
        """
        flux, added = self._of_star()
        return missing_lines(
            self.survey, flux["synthetic"] - flux["translated"], added["translated"]
        )

    def _missing(self):
        """The element's missing features."""
        truth, name = self.experiment.truth, self.element.value
        return find({name: truth.falls[truth.names.index(name)]}, self.survey.pixels)

    def _strongest(self):
        """Wavelength of the element's strongest missing feature."""
        table = self._missing()
        return table["wavelength"][np.argmax(table["depth"])]

    def _seek(self):
        """Move the window to the element's strongest missing feature, unless the element has one in
        the window already.
        """
        table, slider = self._missing(), self.sliders["wavelength"]
        if len(table) and not (np.abs(table["wavelength"] - slider.value) < self._half[0]).any():
            at, parts = (
                self._strongest(),
                [self.survey.pixels[part] for part in detectors(self.survey.pixels)],
            )
            detector = next(part for part in parts if part[0] <= at <= part[-1])
            slider.value = snapped(slider, float(np.clip(at, *(detector[[0, -1]] + self._half))))

    def _of_star(self):
        """Spectra and added falls of the star. They are kept until the star changes, because
        derivatives take long.
        """
        labels, experiment = self.labels, self.experiment
        if labels != self._shown[0]:
            row = np.array([list(labels.values())])
            models = {
                "synthetic": experiment.synthetic,
                "translated": self.model,
                "truth": experiment.full,
            }
            with warnings.catch_warnings():
                # The readout itself shows this warning
                warnings.simplefilter("ignore", OutsideHullWarning)
                flux = {name: model(row)[0] for name, model in models.items()}
                slopes = {name: falls(model, row)[0] for name, model in models.items()}
            added = {name: slopes[name] - slopes["synthetic"] for name in ("translated", "truth")}
            self._shown = labels, (flux, added)
        return self._shown[1]

    def _moved(self, change):
        self.set(self.element.value if change["owner"] is self.element else None)

    def _redraw(self):
        window, name = self.sliders["wavelength"].value - self._half, self.element.value
        title = self._title.format(**self.labels).replace("-", "−")
        self.figure = missing_lines_figure(
            self.experiment.truth, *self._of_star(), [name], window, title
        )
        self.figure.set_dpi(1.1 * SCREEN_DPI)
        FigureCanvasAgg(self.figure).draw()
        self.image.value = encode_png(np.asarray(self.figure.canvas.buffer_rgba()))
        return "" if len(self._missing()) else f"of {name} nothing is hidden · "


def explore_missing(experiment, model, labels=None, window=None, title="") -> MissingExplorer:
    """Choose an element, a window and a star, and see what a model adds to the synthetic spectrum,
    and what it should add.

    Parameters
    ----------
    experiment : specnb.missing.experiment.HiddenLines
        Coloured bands always mark the features that are missing in the experiment's own star.
    model : Emulator
        An emulator of the observed domain, such as the result of
        `specnb.translate.translated_emulator` for ``experiment.synthetic``.
    labels : sequence of str, optional
        Labels of the star that get a slider. By default these are the labels that change the
        spectrum everywhere, see `Survey.everywhere`. All other labels are those of the experiment's
        star.
    window : (float, float), optional
        First wavelength range, in Å; by default it is around the strongest missing feature.
    title : str
        Title of the figure. Labels in braces are replaced by their values, as in ``"{teff:.0f}
        K"``.

    Returns
    -------
    MissingExplorer
        It is shown as the last value of a cell. In code, use ``.set("Fe", teff=4500)``, ``.labels``
        and ``.lines()``.

    Raises
    ------
    ValueError
        If model and experiment are on different pixels or have different labels.
    """
    survey = experiment.truth.survey
    check_pixels(len(model.wavelength), len(survey.pixels), "model's spectra", "experiment's")
    if model.labels != survey.names:
        raise ValueError(
            f"the model takes {', '.join(model.labels)}: give one with the labels of the experiment"
        )
    return MissingExplorer(
        experiment, model, survey.everywhere if labels is None else labels, window, title
    )
