"""The emulator's spectrum with sliders for the labels."""

import ipywidgets
import numpy as np
from astropy.table import Column

from specnb.plots.explorer import ExplorerFigure
from specnb.widgets.panel import Panel
from specnb.widgets.picture import (
    check_moves,
    check_pixels,
    label_slider,
    windows,
)


class LabelExplorer(Panel):
    """A figure with sliders for the labels of an emulator. Subclasses add further controls.

    Parameters
    ----------
    view : ExplorerFigure or TranslatedFigure
        Figure of the spectrum at the first labels.
    choices : dict of Widget
        Controls beside the choice of the window.
    """

    _stem = "spectrum"

    def __init__(self, view, choices):
        self.view, self.emulator, survey = view, view.emulator, view.survey
        sliders = {
            label.name: label_slider(label, label.low, label.high, view.labels[label.name])
            for label in survey.labels
        }
        check_moves(view.labels, sliders)
        self._windows = windows(survey)
        window = ipywidgets.Dropdown(options=list(self._windows), description="window")
        super().__init__(sliders, choices | {"window": window}, self._buttons(), survey.groups)

    @property
    def outside(self):
        return "" if self.view.inside else "training hull"

    def _meta(self):
        return {"labels": self.labels, "inside_hull": self.view.inside}

    def _redraw(self):
        self.view.update(self.labels, window=self._windows[self.values["window"]])


class EmulatorExplorer(LabelExplorer):
    """The emulator's spectrum with sliders for the labels; made by `explore_emulator`.

    Attributes
    ----------
    labels : dict of float
        The labels that are shown.
    sliders : dict of FloatSlider
    view : ExplorerFigure
        ``view.figure`` is the same picture in a form for print.
    """

    def __init__(self, emulator, labels=None, reference_spectra=None):
        view = ExplorerFigure(emulator, labels)
        stars, self._references = [], []
        if reference_spectra is not None:
            stars = [str(name) for name in reference_spectra.ids]
            fluxes = np.where(reference_spectra.mask, np.nan, reference_spectra.flux)
            self._references = list(zip(fluxes, stars))
        self._references.append((view.flux, "start"))
        references = [("start labels", -1), *zip(stars, range(len(stars)))]
        choices = {
            "gradient": ipywidgets.Dropdown(options=emulator.labels, description="gradient"),
            "reference": ipywidgets.Dropdown(options=references, description="reference"),
        }
        super().__init__(view, choices)

    def _columns(self):
        """The flux and its derivative by the label of the gradient panel."""
        label = self.emulator.survey.label(self.view.gradient)
        unit = f"1 / ({label.unit})" if label.unit else None
        return [
            Column(self.view.flux, "flux", description="continuum-normalised"),
            Column(self.view.derivative, f"dflux_d{label.name}", unit=unit),
        ]

    def _follow(self, changed):
        self.view.gradient = self.values["gradient"]
        self.view.reference = self._references[self.values["reference"]]


def explore_emulator(emulator, labels=None, reference_spectra=None) -> EmulatorExplorer:
    """Show the emulator's spectrum, its residual and its gradient, with sliders for the labels.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        First labels; by default those of `Survey.start`.
    reference_spectra : Spectra, optional
        Spectra on the emulator's pixels with which the emulator can be compared.

    Returns
    -------
    EmulatorExplorer
        It is shown as the last value of a cell. In code, use ``.set(teff=5000)``, ``.labels``,
        ``.spectrum()``, ``.export()`` and ``.reset()``.

    Raises
    ------
    ValueError
        If labels are unknown or the reference spectra are on other pixels.
    """
    if reference_spectra is not None:
        check_pixels(
            reference_spectra.flux.shape[1],
            len(emulator.wavelength),
            "reference spectra",
            "emulator",
        )
    return EmulatorExplorer(emulator.of(None), labels, reference_spectra)
