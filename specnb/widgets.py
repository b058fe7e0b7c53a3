"""Sliders over the figures, for JupyterLab. Every interaction is also a method.

Pictures go as PNG bytes into one reused `ipywidgets.Image`: redrawing into Output widgets (also what `interact`
does) now and then stalls headless runs of a notebook.
"""

import time
from io import BytesIO

import ipywidgets
import numpy as np
from astropy.table import Column, Table
from PIL import Image

from specnb.figures.explorer import ExplorerFigure, start_labels
from specnb.figures.fits import star_fit
from specnb.figures.style import SCREEN_DPI

# Slider steps and decimals of the readout, by a label's unit.
STEPS = {"K": (10.0, 0), "dex": (0.05, 2), "km / s": (0.1, 1)}
WINDOWS = {
    "whole range": None,
    "Ca II 8500": (8490.0, 8511.0),
    "Ca II 8544": (8530.0, 8559.0),
    "Ca II 8665": (8650.0, 8679.0),
    "Fe I, Ti I 8514–8522": (8508.0, 8526.0),
    "Fe I 8611–8627": (8609.0, 8629.0),
    "Fe I, Ti I 8675–8697": (8673.0, 8697.0),
}


def encode_png(pixels) -> bytes:
    """PNG bytes of RGBA pixels (height, width, 4), compressed little because that is what takes time."""
    buffer = BytesIO()
    Image.fromarray(pixels[..., :3]).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class EmulatorExplorer(ipywidgets.VBox):
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
        self.emulator = emulator
        self._start = start_labels(emulator, labels)
        self._references = reference_spectra
        self._quiet = False
        self.view = ExplorerFigure(emulator, self._start, gradient=emulator.labels[0])
        self._start_flux = self.view.flux
        self.sliders = {
            name: self._slider(name, *about)
            for name, *about in zip(emulator.labels, emulator.units, emulator.low, emulator.high)
        }
        self._check_range(self._start)
        stars = [] if reference_spectra is None else [str(name) for name in reference_spectra.ids]
        self.gradient = ipywidgets.Dropdown(options=emulator.labels, description="gradient")
        self.window = ipywidgets.Dropdown(options=list(WINDOWS), description="window")
        self.reference = ipywidgets.Dropdown(
            options=[("start labels", -1)] + [(star, i) for i, star in enumerate(stars)],
            value=-1,
            description="reference",
        )
        self._reset_button = ipywidgets.Button(description="reset", tooltip="Back to the first labels")
        self._export_button = ipywidgets.Button(
            description="export", tooltip="Write labels and spectrum to an ECSV file"
        )
        self.readout = ipywidgets.HTML()
        self.image = ipywidgets.Image(format="png", layout={"max_width": "100%", "object_fit": "contain"})
        for slider in self.sliders.values():
            slider.observe(self._moved, "value")
        for dropdown in (self.gradient, self.window, self.reference):
            dropdown.observe(self._chosen, "value")
        self._reset_button.on_click(lambda _: self.reset())
        self._export_button.on_click(lambda _: self._say(f"wrote {self.export()}"))
        choices = ipywidgets.HBox([self.gradient, self.window, self.reference])
        below = ipywidgets.HBox([self._reset_button, self._export_button, self.readout])
        grid = ipywidgets.GridBox(
            list(self.sliders.values()), layout={"grid_template_columns": "repeat(2, max-content)"}
        )
        super().__init__([grid, choices, below, self.image])
        self._draw(self._start)

    def _slider(self, name, unit, low, high):
        step, decimals = STEPS.get(unit, ((high - low) / 100, 3))
        low, high = np.round([np.ceil(low / step - 1e-3) * step, np.floor(high / step + 1e-3) * step], 6)
        return ipywidgets.FloatSlider(
            value=self._start[name], min=low, max=high, step=step, readout_format=f".{decimals}f",
            description=f"{name} ({unit.replace(' ', '')})", style={"description_width": "7.5em"},
        )  # fmt: skip

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
            if not slider.min <= labels[name] <= slider.max:
                raise ValueError(
                    f"{name} = {labels[name]:g} is beyond the slider: choose {slider.min:g} to {slider.max:g}"
                )

    def reset(self):
        """Back to the first labels."""
        self.set(**self._start)

    def spectrum(self) -> Table:
        """What is shown: wavelength, flux and its derivative by the label of the gradient, the labels as metadata."""
        gradient, unit = self.view.gradient, self.emulator.units[self.emulator.labels.index(self.view.gradient)]
        return Table(
            [
                Column(self.emulator.wavelength, "wavelength", unit="Angstrom", description="vacuum"),
                Column(self.view.flux, "flux", description="continuum-normalised"),
                Column(self.view.derivative, f"dflux_d{gradient}", unit=f"1 / ({unit})"),
            ],
            meta={"labels": self.labels, "inside_hull": self.view.inside},
        )

    def export(self, path=None):
        """Write `spectrum` to an ECSV file, by default named after the labels, and return its name."""
        path = path or "spectrum_" + "_".join(f"{value:g}" for value in self.labels.values()) + ".ecsv"
        self.spectrum().write(path, format="ascii.ecsv", overwrite=True)
        return path

    def _moved(self, _):
        if not self._quiet:
            # the browser counts steps in binary: 50 of 0.05 above -2.5 are 4e-16
            self._draw({name: round(slider.value, 6) + 0.0 for name, slider in self.sliders.items()})

    def _chosen(self, change):
        if change["owner"] is self.reference:
            i = self.reference.value
            if i < 0:
                self.view.set_reference(self._start_flux, "start")
            else:
                star = self._references
                self.view.set_reference(np.where(star.mask[i], np.nan, star.flux[i]), self.reference.label)
        self._draw(self.labels)

    def _draw(self, labels):
        start = time.perf_counter()
        wavelength = self.emulator.wavelength
        window = WINDOWS[self.window.value] or (wavelength[0], wavelength[-1])
        self.view.update(labels, self.gradient.value, window)
        self.image.value = encode_png(self.view.pixels())
        self._say(f"redrawn in {1e3 * (time.perf_counter() - start):.0f} ms")

    def _say(self, text):
        warning = "" if self.view.inside else "<b style='color: #D55E00'>outside the training hull: extrapolated</b> · "
        self.readout.value = f"<span>{warning}{text}</span>"


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
        _check_pixels(reference_spectra.flux.shape[1], len(emulator.wavelength), "reference spectra", "emulator")
    return EmulatorExplorer(emulator, labels, reference_spectra)


class FitBrowser(ipywidgets.VBox):
    """A list of stars with the fit of the chosen one; made by `browse_fits`."""

    def __init__(self, spectra, models, table, masked_windows=()):
        self.spectra, self.models, self.table, self.masked_windows = spectra, models, table, masked_windows
        self.choice = ipywidgets.Dropdown(
            options=[(str(name), i) for i, name in enumerate(spectra.ids)], description="star"
        )
        self.readout = ipywidgets.HTML()
        self.image = ipywidgets.Image(format="png", layout={"max_width": "100%", "object_fit": "contain"})
        self.choice.observe(lambda _: self._draw(), "value")
        super().__init__([self.choice, self.readout, self.image])
        self._draw()

    def show(self, star):
        """Show a star by its row number or its id."""
        ids = [str(name) for name in self.spectra.ids]
        if isinstance(star, str) and star not in ids:
            raise ValueError(f"no star {star!r} among these {len(ids)}: the first is {ids[0]}")
        self.choice.value = ids.index(star) if isinstance(star, str) else range(len(ids))[star]

    def figure(self):
        """The picture of the chosen star as a Figure."""
        i, s = self.choice.value, self.spectra
        name = str(s.ids[i])
        return star_fit(s.wavelength, s.flux[i], s.flux_error[i], s.mask[i], self.models[i], name, self.masked_windows)

    def _draw(self):
        buffer = BytesIO()
        self.figure().savefig(buffer, format="png", dpi=1.1 * SCREEN_DPI)
        self.image.value = buffer.getvalue()
        self.readout.value = self._row(self.table[self.choice.value])

    @staticmethod
    def _row(row):
        """Labels ± errors of one row of the fit, reduced χ² and flags, as HTML."""
        names = [name for name in row.colnames if f"{name}_error" in row.colnames]
        cells = []
        for name in names:
            unit = row.table[name].unit
            digits = STEPS.get(str(unit), (0, 2))[1]
            cells.append(
                f"{name} {row[name]:.{digits}f} ± {row[f'{name}_error']:.{digits}f} {'' if unit is None else unit}"
            )
        if "chi2_reduced" in row.colnames:
            cells.append(f"χ²/ν {row['chi2_reduced']:.2f}")
        if "flags" in row.colnames and str(row["flags"]):
            cells.append(f"<b style='color: #D55E00'>{row['flags']}</b>")
        return " · ".join(cells)


def browse_fits(spectra, models, table, masked_windows=()) -> FitBrowser:
    """A list of stars with the observed spectrum, the best fit and the residual of the chosen one.

    Parameters
    ----------
    spectra : Spectra
        n stars.
    models : ndarray, shape (n, n_pix)
        Best-fitting flux of each.
    table : Table
        Fitted labels of each, as from `specnb.fit.fit_labels`.
    masked_windows : sequence of (float, float)
        Wavelength intervals left out of the fit, Å.

    Returns
    -------
    FitBrowser
        In code: ``.show("star id")``, ``.figure()``.

    Raises
    ------
    ValueError
        If the three do not belong together.
    """
    if not len(spectra) == len(models) == len(table) > 0:
        raise ValueError(
            f"{len(spectra)} spectra, {len(models)} models and {len(table)} rows of fits: give the same stars"
        )
    _check_pixels(spectra.flux.shape[1], np.shape(models)[1], "spectra", "models")
    return FitBrowser(spectra, models, table, masked_windows)


def _check_pixels(a, b, name_a, name_b):
    if a != b:
        raise ValueError(f"the {name_a} have {a} pixels, the {name_b} {b}: rebin them first")
