"""Edit a star: sliders for its labels and its latents over its spectrum (Fig. 2 of Manteiga et al. 2025)."""

import time
import warnings

import ipywidgets
import numpy as np
from astropy.table import Column, Table

from specnb.disentangle.model import OutsideBinsWarning
from specnb.emulator.model import OutsideHullWarning
from specnb.plots.editor import EditorFigure, edit_title
from specnb.core.labels import RVS_LABELS
from specnb.surveys.rvs.mock import remake
from specnb.widgets.picture import WINDOWS, check_moves, encode_png, label_slider, picture, row_of, slider_grid, snapped

MARGIN = 0.1  # of the training range that sliders go beyond it, at either end, where the decoder extrapolates
NEAR = {"K": 100.0, "dex": 0.2}  # differences of labels within which a star counts as being at a place
ACTIONS = {
    "nearest": "Go to the star nearest to these labels",
    "reset": "Back to the star's own labels and latents",
    "export": "Write the spectra to an ECSV file",
}
UNITS = {label.name: label.unit for label in RVS_LABELS}


class LatentEditor(ipywidgets.VBox):
    """Sliders for the labels and the latents of a star; made by `edit_star`.

    Attributes
    ----------
    row : int
        The star.
    labels : dict of float
        As edited. A label that is not moved keeps the star's own value, also between two steps of its slider.
    latents : ndarray, shape (latent,)
        As edited.
    sliders : dict of FloatSlider
    view : EditorFigure
    """

    def __init__(self, model, spectra, truth, emulator, survey):
        self.model, self.spectra, self.truth = model, spectra, truth
        self.emulator, self.survey = emulator, survey
        self._catalogue = model.label_array(spectra.labels)
        bounded = not model.config.bottleneck
        limits = (0.0, 1.0) if bounded else (-4.0, 4.0)
        self._quiet, self._positions = False, {}
        scales = model.scales
        margin = MARGIN * (scales.label_high - scales.label_low)
        self.sliders = {
            name: label_slider(name, UNITS[name], low, high, 0.5 * (low + high))
            for name, low, high in zip(model.labels, scales.label_low - margin, scales.label_high + margin)
        }
        self.star = ipywidgets.BoundedIntText(value=0, min=0, max=len(spectra) - 1, description="star, row")
        self.entry = ipywidgets.BoundedIntText(value=0, min=0, max=model.config.latent - 1, description="latent k")
        step = 0.01 if bounded else 0.05
        self.latent = ipywidgets.FloatSlider(min=limits[0], max=limits[1], step=step, description="z of k")
        choices = ["nothing", "nearest star"] + ["simulator"] * (emulator is not None)
        self.compare = ipywidgets.Dropdown(options=choices, description="compare with")
        self.window = ipywidgets.Dropdown(options=list(WINDOWS), description="window")
        buttons = [ipywidgets.Button(description=name, tooltip=about) for name, about in ACTIONS.items()]
        self.readout = ipywidgets.HTML()
        self.image = picture()
        for slider in (*self.sliders.values(), self.latent):
            slider.observe(self._moved, "value")
        self.star.observe(lambda _: self._quiet or self.choose(self.star.value), "value")
        for choice in (self.entry, self.compare, self.window):
            choice.observe(lambda _: self._quiet or self._draw(), "value")
        buttons[0].on_click(lambda _: self.choose(int(np.argmin(self._distances(self.labels)))))
        buttons[1].on_click(lambda _: self.reset())
        buttons[2].on_click(lambda _: self._say(f"wrote {self.export()}"))
        self.view = EditorFigure(model.wavelength, model.config.latent, limits)
        rows = [self.star, *buttons], [self.entry, self.latent], [self.compare, self.window]
        boxes = [ipywidgets.HBox(row) for row in rows]
        super().__init__([boxes[0], slider_grid(self.sliders.values()), *boxes[1:], self.readout, self.image])
        self.choose(0)

    def choose(self, star=None, **labels):
        """Take another star, unedited: by row number, by id, or the nearest to some labels, as ``choose(teff=5000)``.

        Raises
        ------
        ValueError
            If there is no such star or label.
        """
        if (star is None) == (not labels):
            raise ValueError("choose a star by its row or id, or by labels, as choose(teff=5000)")
        check_moves(labels, self.sliders)
        self.row = row_of(star, self.spectra.ids) if star is not None else int(np.argmin(self._distances(labels)))
        one = self.spectra[self.row]
        self._own = dict(zip(self.model.labels, self._catalogue[self.row].tolist()))
        self._z = self.model.encode(one)[0]
        self._original = np.where(one.mask[0], np.nan, one.flux[0]).astype(float)
        self._reconstruction = self._decode(self._z, self._own)
        self.reset()

    def reset(self):
        """Back to the star's own labels and latents."""
        self.labels, self.latents = dict(self._own), self._z.copy()
        self._draw()

    def set(self, **labels):
        """Edit labels by name, as ``set(teff=7500, alpha_fe=0.0)``, and redraw once.

        Raises
        ------
        ValueError
            If a name is not a label of the model or a value is beyond its slider.
        """
        check_moves(labels, self.sliders)
        self.labels |= {name: float(value) for name, value in labels.items()}
        self._draw()

    def set_latent(self, k: int, value: float):
        """Set entry k of the latent vector, counted from 0.

        Raises
        ------
        ValueError
            If there is no such entry or the value is beyond its slider.
        """
        if not 0 <= k < len(self.latents):
            raise ValueError(f"no latent entry {k}: choose 0 to {len(self.latents) - 1}")
        check_moves({f"latent entry {k}": value}, {f"latent entry {k}": self.latent})
        self.latents[k] = value
        self._quiet = True
        self.entry.value = k
        self._quiet = False
        self._draw()

    def spectrum(self) -> Table:
        """What is shown: wavelength, the star's flux (NaN where masked), its reconstruction and the edited spectrum."""
        flux = {"original": self._original, "reconstruction": self._reconstruction, "edited": self.edited}
        if self._overlay is not None:
            flux[self._overlay_name.replace(" ", "_").replace("-", "_")] = self._overlay
        columns = [Column(self.model.wavelength, "wavelength", unit="Angstrom", description="vacuum")]
        columns += [Column(values, name, description="continuum-normalised") for name, values in flux.items()]
        meta = {"star": str(self.spectra.ids[self.row]), "labels": self._own, "edited_labels": dict(self.labels)}
        meta |= {"latents": self._z.tolist(), "edited_latents": self.latents.tolist()}
        return Table(columns, meta=meta)

    def export(self, path=None):
        """Write `spectrum` to an ECSV file, by default named after star and labels, and return its name."""
        path = (
            path
            or "_".join(["edited", self.spectra.ids[self.row], *(f"{v:.5g}" for v in self.labels.values())]) + ".ecsv"
        )
        self.spectrum().write(path, format="ascii.ecsv", overwrite=True)
        return path

    def nearest(self) -> int | None:
        """Row of the star nearest to the edited labels, None if none is within `NEAR`."""
        distances = self._distances(self.labels)
        row = int(np.argmin(distances))
        return row if distances[row] <= 1 else None

    def figure(self):
        """The picture as a Figure, which follows the sliders."""
        return self.view.figure

    def _distances(self, labels):
        """Largest difference of each star to some labels, in units of `NEAR`."""
        columns = [self.model.labels.index(name) for name in labels]
        unit = np.array([NEAR[UNITS[name]] for name in labels])
        return np.abs((self._catalogue[:, columns] - list(labels.values())) / unit).max(axis=1)

    def _decode(self, z, labels):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutsideBinsWarning)  # the title says so itself
            return self.model.decode(z[None], [list(labels.values())])[0].astype(float)

    def _simulate(self):
        """The star's true spectrum with the edited labels; those that are not edited have their true values."""
        true = self.truth.labels[self.row : self.row + 1].copy()
        for name, value in self.labels.items():
            if value != self._own[name]:
                true[name] = value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutsideHullWarning)  # the training range, which is told, is the narrower
            return remake(self.emulator, self.survey, self.truth.ids[self.row : self.row + 1], true)[0]

    def _comparison(self, near):
        if self.compare.value == "simulator":
            return self._simulate(), "simulator"
        if self.compare.value == "nearest star" and near is not None:
            return np.where(self.spectra.mask[near], np.nan, self.spectra.flux[near]), str(self.spectra.ids[near])
        return None, ""

    def _place_all(self):
        """Put all sliders on the step nearest to their value, which is no edit: not here, and not when the browser,
        which knows steps only, sends it back."""
        values = [*self.labels.values(), self.latents[self.entry.value]]
        self._quiet = True
        self.star.value = self.row
        for slider, value in zip((*self.sliders.values(), self.latent), values):
            slider.value = self._positions[slider] = snapped(slider, value)
        self._quiet = False

    def _moved(self, change):
        slider = change["owner"]
        value = round(slider.value, 6) + 0.0  # the browser counts steps in binary
        if self._quiet or value == self._positions[slider]:
            return
        if slider is self.latent:
            self.latents[self.entry.value] = value
        else:
            self.labels[next(name for name, each in self.sliders.items() if each is slider)] = value
        self._draw()

    def _draw(self):
        start = time.perf_counter()
        self._place_all()
        self.edited = self._decode(self.latents, self.labels)
        near = self.nearest()
        self._overlay, self._overlay_name = self._comparison(near)
        self.inside = bool(self.model.inside([list(self.labels.values())])[0])
        title = edit_title(str(self.spectra.ids[self.row]), self._own, self.labels)
        self.view.update(
            self._original, self._reconstruction, self.edited, self._z, self.latents,
            title + "   outside the training range" * (not self.inside), not self.inside,
            self.entry.value, self._overlay, self._overlay_name, WINDOWS[self.window.value],
        )  # fmt: skip
        self.image.value = encode_png(self.view.pixels())
        there = "none here" if near is None else "this one" if near == self.row else str(self.spectra.ids[near])
        self._say(f"nearest star: {there} · redrawn in {1e3 * (time.perf_counter() - start):.0f} ms")

    def _say(self, text):
        warning = "" if self.inside else "<b style='color: #D55E00'>outside the training range: extrapolated</b> · "
        self.readout.value = f"<span>{warning}{text}</span>"


def edit_star(model, spectra, truth=None, emulator=None, survey=None) -> LatentEditor:
    """Sliders for the labels and latents of a star over its spectrum, reconstruction and edited spectrum.

    Parameters
    ----------
    model : Disentangler
        At fixed λ; one that takes λ as an input is used at λ = 0.
    spectra : Spectra
        Stars with a catalogue.
    truth : Spectra, optional
        The same stars of a mock survey without noise, with their true labels.
    emulator : Emulator, optional
    survey : MockConfig, optional
        With ``truth``: the emulator and configuration that made them, so that the true spectrum for the edited labels
        can be laid over.

    Returns
    -------
    LatentEditor
        Shows itself as the last value of a cell. In code: ``.choose("star id")``, ``.set(teff=7500, alpha_fe=0.0)``,
        ``.set_latent(3, 0.7)``, ``.reset()``, ``.spectrum()``, ``.export()``, ``.figure()``.

    Raises
    ------
    ValueError
        If pixels differ, stars lack labels, or truth, emulator and survey are not all given or of other stars.
    """
    if not len(spectra):
        raise ValueError("there are no spectra: give at least one")
    if len({truth is None, emulator is None, survey is None}) > 1:
        raise ValueError("the simulator's spectrum needs truth, emulator and survey (a MockConfig): give all or none")
    if truth is not None and not np.array_equal(truth.ids, spectra.ids):
        raise ValueError(f"the {len(truth)} true spectra are not of these {len(spectra)} stars: give the same rows")
    if truth is not None and not np.allclose(
        remake(emulator, survey, truth.ids[:1], truth.labels[:1]), truth.flux[:1], atol=1e-5
    ):
        raise ValueError("emulator and survey do not give these true spectra: pass those that did")
    return LatentEditor(model, spectra, truth, emulator, survey)
