"""The emulator's spectrum with sliders for the labels."""

import ipywidgets
import numpy as np
from astropy.table import Column, Table

from specnb.plots.explorer import ExplorerFigure, start_labels
from specnb.widgets.panel import Panel, button
from specnb.widgets.picture import (
    check_pixels,
    check_range,
    encode_png,
    label_slider,
    slider_grid,
    windows,
)


class LabelExplorer(Panel):
    """A figure with sliders for the labels of an emulator. Subclasses add further controls.

    Parameters
    ----------
    view : SpectrumFigure
        Figure of the emulator's spectrum at the first labels.
    choices : sequence of Widget
        Controls beside the choice of the window. The picture is redrawn when their ``value``
        changes.
    """

    def __init__(self, view, choices):
        super().__init__()
        self.view, self.emulator = view, view.emulator
        self._start, survey = self.labels, self.emulator.survey
        self.sliders = {
            label.name: label_slider(label, label.low, label.high, self._start[label.name])
            for label in survey.labels
        }
        self._check_range(self._start)
        self._windows = windows(survey)
        self.window = ipywidgets.Dropdown(options=list(self._windows), description="window")
        self._watch(self._moved, *self.sliders.values())
        self._watch(self._chosen, self.window, *choices)
        below = ipywidgets.HBox([
            button("reset", "Back to the first labels", self.reset),
            self._export_button("Write labels and spectrum to an ECSV file"),
            self.readout,
        ])  # fmt: skip
        self.children = [
            self._arranged(survey.groups),
            ipywidgets.HBox([*choices, self.window]),
            below,
            self.image,
        ]
        self._draw()

    def _arranged(self, groups):
        """All sliders in one grid, or one tab for each of the survey's groups of labels."""
        if not groups:
            return slider_grid(self.sliders.values())
        grids = [slider_grid(self.sliders[name] for name in group) for group in groups.values()]
        return ipywidgets.Tab(grids, titles=list(groups))

    @property
    def labels(self):
        return dict(self.view.labels)

    @property
    def outside(self):
        return "" if self.view.inside else "training hull"

    def set(self, **labels):
        """Move sliders to values by name, as in ``set(teff=5000, m_h=-0.5)``, and redraw once.

        Raises
        ------
        ValueError
            If a name is not a label of the emulator or a value is beyond its slider.
        """
        new = start_labels(self.emulator.survey, self.labels | labels)
        self._check_range(new)
        self._move(self.sliders, new)
        self._draw(new)

    def _check_range(self, labels):
        for name, slider in self.sliders.items():
            check_range(name, labels[name], slider)

    def reset(self):
        """Return to the first labels."""
        self.set(**self._start)

    def spectrum(self) -> Table:
        """What is shown, as a table: wavelength and `_columns`, with the labels as metadata."""
        wavelength = Column(
            self.emulator.wavelength, "wavelength", unit="Angstrom", description="vacuum"
        )
        return Table(
            [wavelength, *self._columns()],
            meta={"labels": self.labels, "inside_hull": self.view.inside},
        )

    def _file_name(self):
        return "spectrum_" + "_".join(f"{value:g}" for value in self.labels.values()) + ".ecsv"

    def _moved(self, _):
        # The browser's steps have rounding errors: 50 steps of 0.05 above -2.5 give 4e-16.
        self._draw({name: round(slider.value, 6) + 0.0 for name, slider in self.sliders.items()})

    def _chosen(self, _):
        self._draw()

    def _update(self, labels, window):
        """Make the figure show some labels and a window."""
        self.view.update(labels, window=window)

    def _redraw(self, labels=None):
        self._update(labels, self._windows[self.window.value])
        self.image.value = encode_png(self.view.pixels())
        return ""


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
        self._references = reference_spectra
        view = ExplorerFigure(emulator, labels)
        self._start_flux = view.flux
        stars = [] if reference_spectra is None else [str(name) for name in reference_spectra.ids]
        self.gradient = ipywidgets.Dropdown(options=emulator.labels, description="gradient")
        self.reference = ipywidgets.Dropdown(
            options=[("start labels", -1)] + [(star, i) for i, star in enumerate(stars)],
            value=-1,
            description="reference",
        )
        super().__init__(view, [self.gradient, self.reference])

    def _columns(self):
        """The flux and its derivative by the label of the gradient panel."""
        label = self.emulator.survey.label(self.view.gradient)
        return [
            Column(self.view.flux, "flux", description="continuum-normalised"),
            Column(
                self.view.derivative,
                f"dflux_d{label.name}",
                unit=f"1 / ({label.unit})" if label.unit else None,
            ),
        ]

    def _chosen(self, change):
        if change["owner"] is self.reference:
            self.view.set_reference(*self._reference(self.reference.value))
        super()._chosen(change)

    def _reference(self, i):
        """Flux and name of a reference star; -1 stands for the spectrum at the first labels."""
        if i < 0:
            return self._start_flux, "start"
        return np.where(
            self._references.mask[i], np.nan, self._references.flux[i]
        ), self.reference.label

    def _update(self, labels, window):
        self.view.update(labels, self.gradient.value, window)


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
