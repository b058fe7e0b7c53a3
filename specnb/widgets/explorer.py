"""Sliders for the labels over the emulator's spectrum."""

import time

import ipywidgets
import numpy as np
from astropy.table import Column, Table

from specnb.simulator.features import GROUPS
from specnb.plots.explorer import ExplorerFigure, in_h_band, start_labels
from specnb.widgets.picture import (
    H_BAND_WINDOWS,
    WINDOWS,
    check_pixels,
    check_range,
    encode_png,
    label_slider,
    picture,
    slider_grid,
)


class LabelExplorer(ipywidgets.VBox):
    """Sliders for the labels of an emulator over a figure; what else it has is up to the explorers made from it.

    Parameters
    ----------
    view : SpectrumFigure
        Of the emulator, at the first labels.
    choices : sequence of Widget
        Beside the window: `_draw` is called when their ``value`` changes.
    """

    def __init__(self, view, choices):
        self.view, self.emulator = view, view.emulator
        self._start = self.labels
        self._quiet = False
        emulator = self.emulator
        self.sliders = {
            name: label_slider(name, *about, self._start[name])
            for name, *about in zip(emulator.labels, emulator.units, emulator.low, emulator.high)
        }
        self._check_range(self._start)
        self._windows = H_BAND_WINDOWS if in_h_band(emulator) else WINDOWS
        self.window = ipywidgets.Dropdown(options=list(self._windows), description="window")
        self._reset_button = ipywidgets.Button(description="reset", tooltip="Back to the first labels")
        self._export_button = ipywidgets.Button(
            description="export", tooltip="Write labels and spectrum to an ECSV file"
        )
        self.readout = ipywidgets.HTML()
        self.image = picture()
        for slider in self.sliders.values():
            slider.observe(self._moved, "value")
        for dropdown in (self.window, *choices):
            dropdown.observe(self._chosen, "value")
        self._reset_button.on_click(lambda _: self.reset())
        self._export_button.on_click(lambda _: self._say(f"wrote {self.export()}"))
        choices = ipywidgets.HBox([*choices, self.window])
        below = ipywidgets.HBox([self._reset_button, self._export_button, self.readout])
        super().__init__([self._arranged(), choices, below, self.image])
        self._draw(self._start)

    def _arranged(self):
        """All sliders in one grid, or in the H band, where they are many, a tab for each group."""
        if not in_h_band(self.emulator):
            return slider_grid(self.sliders.values())
        grids = [slider_grid(self.sliders[name] for name in group) for group in GROUPS.values()]
        return ipywidgets.Tab(grids, titles=list(GROUPS))

    @property
    def labels(self):
        return dict(self.view.labels)

    def set(self, **labels):
        """Move sliders to values by name, as ``set(teff=5000, m_h=-0.5)``, and redraw once.

        Raises
        ------
        ValueError
            If a name is not a label of the emulator or a value is beyond its slider.
        """
        new = start_labels(self.emulator, self.labels | labels)
        self._check_range(new)
        self._quiet = True
        for name, value in new.items():
            self.sliders[name].value = value
        self._quiet = False
        self._draw(new)

    def _check_range(self, labels):
        for name, slider in self.sliders.items():
            check_range(name, labels[name], slider)

    def reset(self):
        """Back to the first labels."""
        self.set(**self._start)

    def spectrum(self) -> Table:
        """What is shown: wavelength, columns of `_columns`, the labels as metadata."""
        wavelength = Column(self.emulator.wavelength, "wavelength", unit="Angstrom", description="vacuum")
        return Table([wavelength, *self._columns()], meta={"labels": self.labels, "inside_hull": self.view.inside})

    def export(self, path=None):
        """Write `spectrum` to an ECSV file, by default named after the labels, and return its name."""
        path = path or "spectrum_" + "_".join(f"{value:g}" for value in self.labels.values()) + ".ecsv"
        self.spectrum().write(path, format="ascii.ecsv", overwrite=True)
        return path

    def _moved(self, _):
        if not self._quiet:
            # the browser counts steps in binary: 50 of 0.05 above -2.5 are 4e-16
            self._draw({name: round(slider.value, 6) + 0.0 for name, slider in self.sliders.items()})

    def _chosen(self, _):
        if not self._quiet:
            self._draw(self.labels)

    def _draw(self, labels):
        start = time.perf_counter()
        wavelength = self.emulator.wavelength
        self._update(labels, self._windows[self.window.value] or (wavelength[0], wavelength[-1]))
        self.image.value = encode_png(self.view.pixels())
        self._say(f"redrawn in {1e3 * (time.perf_counter() - start):.0f} ms")

    def _say(self, text):
        warning = "" if self.view.inside else "<b style='color: #D55E00'>outside the training hull: extrapolated</b> · "
        self.readout.value = f"<span>{warning}{text}</span>"


class EmulatorExplorer(LabelExplorer):
    """Sliders for the labels over the emulator's spectrum; made by `explore_emulator`.

    Attributes
    ----------
    labels : dict of float
        The labels shown.
    sliders : dict of FloatSlider
    view : ExplorerFigure
        ``view.figure`` is the same picture for print.
    """

    def __init__(self, emulator, labels=None, reference_spectra=None):
        self._references = reference_spectra
        view = ExplorerFigure(emulator, labels, gradient=emulator.labels[0])
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
        """Flux and its derivative by the label of the gradient."""
        gradient, unit = self.view.gradient, self.emulator.units[self.emulator.labels.index(self.view.gradient)]
        return [
            Column(self.view.flux, "flux", description="continuum-normalised"),
            Column(self.view.derivative, f"dflux_d{gradient}", unit=f"1 / ({unit})"),
        ]

    def _chosen(self, change):
        if change["owner"] is self.reference:
            i = self.reference.value
            if i < 0:
                self.view.set_reference(self._start_flux, "start")
            else:
                star = self._references
                self.view.set_reference(np.where(star.mask[i], np.nan, star.flux[i]), self.reference.label)
        super()._chosen(change)

    def _update(self, labels, window):
        self.view.update(labels, self.gradient.value, window)


def explore_emulator(emulator, labels=None, reference_spectra=None) -> EmulatorExplorer:
    """Sliders for the labels over the emulator's spectrum, its residual and its gradient.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        First labels; by default near the Sun.
    reference_spectra : Spectra, optional
        Stars on the emulator's pixels to compare with.

    Returns
    -------
    EmulatorExplorer
        Shows itself as the last value of a cell. In code: ``.set(teff=5000)``, ``.labels``, ``.spectrum()``,
        ``.export()``, ``.reset()``.

    Raises
    ------
    ValueError
        If labels are unknown or the reference spectra are on other pixels.
    """
    if reference_spectra is not None:
        check_pixels(reference_spectra.flux.shape[1], len(emulator.wavelength), "reference spectra", "emulator")
    return EmulatorExplorer(emulator, labels, reference_spectra)
