"""Missing lines under sliders: of which element, where, and in which star."""

import time
import warnings

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from specnb.emulator.model import OutsideHullWarning
from specnb.simulator.features import find
from specnb.plots.missing import WINDOW, missing_lines_figure
from specnb.plots.style import SCREEN_DPI
from specnb.missing.derivatives import falls
from specnb.missing.scores import NAMES, missing_lines
from specnb.core.wavelength import APOGEE_PIXELS, detectors
from specnb.widgets.picture import check_moves, check_pixels, encode_png, label_slider, picture, slider_grid, snapped

STAR = ("teff", "logg", "fe_h")  # labels with a slider; the others are those of the experiment's star
HALF = np.diff(WINDOW) / 2 * (1, -1)  # Å, from the ends of a window to its middle
DETECTORS = [APOGEE_PIXELS[part] for part in detectors(APOGEE_PIXELS)]


class MissingExplorer(ipywidgets.VBox):
    """Figure 4 for an element, a window and a star; made by `explore_missing`.

    Attributes
    ----------
    element : Dropdown
        An element that lacks nothing in the window moves it to its strongest missing feature, if it has any.
    sliders : dict of FloatSlider
        By name: "wavelength", the middle of the window in Å, and labels of the star.
    figure : Figure, for print
    """

    def __init__(self, experiment, model):
        self.experiment, self.model = experiment, model
        self._quiet, self._shown = False, (None, None)
        full = experiment.full
        low, high = np.round(APOGEE_PIXELS[[0, -1]] + HALF)
        about = dict(zip(full.labels, zip(full.units, full.low, full.high, experiment.star[0])))
        self.element = ipywidgets.Dropdown(options=NAMES, value="Si", description="element")
        window = ipywidgets.FloatSlider(np.mean(WINDOW), min=low, max=high, step=0.5, description="window (Å)")
        window.layout.width, window.readout_format = "40em", ".1f"
        self.sliders = {"wavelength": window} | {name: label_slider(name, *about[name]) for name in STAR}
        self.readout, self.image = ipywidgets.HTML(), picture()
        for control in (self.element, *self.sliders.values()):
            control.observe(self._moved, "value")
        super().__init__(
            [slider_grid(self.sliders.values()), ipywidgets.HBox([self.element, self.readout]), self.image]
        )
        self._draw()

    @property
    def labels(self):
        """All labels of the star shown."""
        first = zip(self.experiment.full.labels, self.experiment.star[0].tolist())
        return dict(first) | {name: round(self.sliders[name].value, 6) for name in STAR}

    def set(self, element=None, **values):
        """Choose an element and move sliders by name, as in ``set("Fe", teff=4500, wavelength=15970)``; redraw once.

        Raises
        ------
        ValueError
            If there is no such element or slider, or a value is beyond its slider.
        """
        if element not in (None, *NAMES):
            raise ValueError(f"{element}: no element of the H band, which has {', '.join(NAMES)}")
        check_moves(values, self.sliders)
        self._quiet = True
        if element is not None:
            self.element.value = element
            self._seek()
        for name, value in values.items():
            self.sliders[name].value = value
        self._quiet = False
        self._draw()

    def lines(self):
        """What would be published of this star, see `specnb.missing.scores.missing_lines`."""
        flux, added = self._of_star()
        return missing_lines(flux["synthetic"] - flux["translated"], added["translated"])

    def _missing(self):
        return find({self.element.value: self.experiment.truth.falls[NAMES.index(self.element.value)]})

    def _seek(self):
        """Move the window to the element's strongest missing feature, unless it has one where the window is."""
        table, slider = self._missing(), self.sliders["wavelength"]
        if len(table) and not (np.abs(table["wavelength"] - slider.value) < HALF[0]).any():
            at = table["wavelength"][np.argmax(table["depth"])]
            detector = next(part for part in DETECTORS if part[0] <= at <= part[-1])
            slider.value = snapped(slider, float(np.clip(at, *(detector[[0, -1]] + HALF))))

    def _of_star(self):
        """Spectra and added falls of the star; kept until it changes, since derivatives take long."""
        labels, experiment = self.labels, self.experiment
        if labels != self._shown[0]:
            row = np.array([list(labels.values())])
            models = {"synthetic": experiment.synthetic, "translated": self.model, "truth": experiment.full}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OutsideHullWarning)  # the readout says so itself
                flux = {name: model(row)[0] for name, model in models.items()}
                slopes = {name: falls(model, row)[0] for name, model in models.items()}
            added = {name: slopes[name] - slopes["synthetic"] for name in ("translated", "truth")}
            self._shown = labels, (flux, added)
        return self._shown[1]

    def _moved(self, change):
        if not self._quiet:
            self.set(self.element.value if change["owner"] is self.element else None)

    def _draw(self):
        start, labels = time.perf_counter(), self.labels
        title = f"$T_\\mathrm{{eff}}$ {labels['teff']:.0f} K, log g {labels['logg']:.2f}, [Fe/H] {labels['fe_h']:.2f}"
        window = self.sliders["wavelength"].value - HALF
        name, shown = self.element.value, self._of_star()
        self.figure = missing_lines_figure(self.experiment.truth, *shown, [name], window, title.replace("-", "−"))
        self.figure.set_dpi(1.1 * SCREEN_DPI)
        FigureCanvasAgg(self.figure).draw()
        self.image.value = encode_png(np.asarray(self.figure.canvas.buffer_rgba()))
        inside = np.all(self.experiment.full.in_hull(np.array([list(labels.values())])))
        outside = "" if inside else "<b style='color: #D55E00'>outside the training hull: extrapolated</b> · "
        nothing = "" if len(self._missing()) else f"of {name} nothing is hidden · "
        took = f"redrawn in {1e3 * (time.perf_counter() - start):.0f} ms"
        self.readout.value = f"<span>{outside}{nothing}{took}</span>"


def explore_missing(experiment, model) -> MissingExplorer:
    """Choose an element, a window and a star, and see what a model adds to the synthetic spectrum, and what it should.

    Parameters
    ----------
    experiment : specnb.missing.experiment.Experiment
        Coloured bands mark what its own star lacks, whichever star is shown.
    model : Emulator
        Of the observed domain, such as `specnb.translate.translated_emulator` of ``experiment.synthetic``.

    Returns
    -------
    MissingExplorer
        Shows itself as the last value of a cell. In code: ``.set("Fe", teff=4500)``, ``.labels``, ``.lines()``.

    Raises
    ------
    ValueError
        If model and experiment are on different pixels or have different labels.
    """
    check_pixels(len(model.wavelength), len(experiment.full.wavelength), "model's spectra", "experiment's")
    if model.labels != experiment.full.labels:
        raise ValueError(f"the model takes {', '.join(model.labels)}: give one with the labels of the experiment")
    return MissingExplorer(experiment, model)
