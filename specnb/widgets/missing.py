"""Missing lines with sliders: choose the element, the wavelengths and the star."""

import ipywidgets
import numpy as np

from specnb.core.wavelength import detectors, same_pixels
from specnb.missing.experiment import falls
from specnb.plots.missing import missing_lines_figure
from specnb.simulator.responses import find
from specnb.widgets.panel import Panel, check_moves, label_slider, place

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
    """

    def __init__(self, experiment, model, names, window, title):
        self.experiment, self._title = experiment, title
        self.models = {
            "synthetic": experiment.synthetic,
            "translated": model,
            "truth": experiment.full,
        }
        self.survey = experiment.truth.survey
        self._star_labels = dict(zip(self.survey.names, experiment.star[0].tolist()))
        elements, all_falls = experiment.truth.names, experiment.truth.falls
        self._features = {
            name: find({name: fall}, self.survey.pixels) for name, fall in zip(elements, all_falls)
        }
        strongest = elements[int(np.argmax(all_falls.max(axis=1)))]
        if window is None:
            window = self._strongest(strongest) + np.array([-0.5, 0.5]) * WIDTH
        # In Å, from the ends of a window to its middle
        self._half = np.diff(window) / 2 * (1, -1)
        low, high = np.round(self.survey.pixels[[0, -1]] + self._half)
        middle = ipywidgets.FloatSlider(
            np.mean(window), min=low, max=high, step=0.5, readout_format=".1f",
            description="window (Å)", layout={"width": "40em"},
        )  # fmt: skip
        sliders = {"wavelength": middle} | {
            label.name: label_slider(label, label.low, label.high, self._star_labels[label.name])
            for label in map(self.survey.label, names)
        }
        element = ipywidgets.Dropdown(options=elements, value=strongest, description="element")
        super().__init__(sliders, {"element": element})

    @property
    def labels(self):
        """All labels of the star that is shown."""
        return {name: self.values.get(name, first) for name, first in self._star_labels.items()}

    @property
    def outside(self):
        inside = self.experiment.full.in_hull(np.array([list(self.labels.values())]))
        return "" if np.all(inside) else "training hull"

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
        chosen = {} if element is None else {"element": element}
        self._change(chosen | values)

    def figure(self):
        """The picture as a Figure."""
        window, element = self.values["wavelength"] - self._half, self.values["element"]
        title = self._title.format(**self.labels).replace("-", "−")
        return missing_lines_figure(self.experiment.truth, *self._star, [element], window, title)

    def _strongest(self, element):
        """Wavelength of the element's strongest missing feature."""
        table = self._features[element]
        return table["wavelength"][np.argmax(table["depth"])]

    def _follow(self, changed):
        if "element" in changed and "wavelength" not in changed:
            self._seek()
        if self._star_labels.keys() & changed:
            row = np.array([list(self.labels.values())])
            flux = {name: model(row)[0] for name, model in self.models.items()}
            slopes = {name: falls(model, row)[0] for name, model in self.models.items()}
            added = {name: slopes[name] - slopes["synthetic"] for name in ("translated", "truth")}
            self._star = flux, added

    def _seek(self):
        """Move the window to the element's strongest missing feature, unless the element has one in
        the window already. The window does not cross a gap between detectors.
        """
        element, pixels = self.values["element"], self.survey.pixels
        shift = np.abs(self._features[element]["wavelength"] - self.values["wavelength"])
        if len(shift) and shift.min() >= self._half[0]:
            at = self._strongest(element)
            ends = [pixels[part][[0, -1]] + self._half for part in detectors(pixels)]
            middle = min((np.clip(at, *pair) for pair in ends), key=lambda x: abs(x - at))
            self.values["wavelength"] = place(self.sliders["wavelength"], float(middle))

    def _redraw(self):
        name = self.values["element"]
        return "" if len(self._features[name]) else f"of {name} nothing is hidden"


def explore_missing(experiment, model, labels=None, window=None, title="") -> MissingExplorer:
    """Choose an element, a window and a star, and see what a model adds to the synthetic spectrum,
    and what it should add.

    Parameters
    ----------
    experiment : specnb.missing.experiment.Experiment
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
        and ``.figure()``.

    Raises
    ------
    ValueError
        If model and experiment are on different pixels or have different labels.
    """
    survey = experiment.truth.survey
    if model.labels != survey.names or not same_pixels(model.wavelength, survey.pixels):
        raise ValueError(
            f"the model takes {', '.join(model.labels)} and has {len(model.wavelength)} pixels: "
            "give one with the labels and pixels of the experiment"
        )
    return MissingExplorer(
        experiment, model, survey.everywhere if labels is None else labels, window, title
    )
