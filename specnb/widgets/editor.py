"""Edit a star: its spectrum with sliders for its labels and its latents (Fig. 2 of Manteiga et al.
2025).
"""

import warnings

import ipywidgets
import numpy as np
from astropy.table import Column, Table

from specnb.disentangle.model import OutsideBinsWarning
from specnb.plots.editor import EditedStar, EditorFigure, edit_title
from specnb.widgets.panel import Panel, button
from specnb.widgets.picture import (
    check_moves,
    encode_png,
    label_slider,
    row_of,
    slider_grid,
    snapped,
    windows,
)
from specnb.widgets.simulated import SimulatedStars

# sliders go beyond the training range by this fraction of it; there the decoder extrapolates
MARGIN = 0.1


class LatentEditor(Panel):
    """Sliders for the labels and the latents of a star; made by `edit_star`.

    Attributes
    ----------
    row : int
        Row number of the star.
    labels : dict of float
        The edited labels. A label that was not moved keeps the star's own value, even if this value
        is between two steps of its slider.
    latents : ndarray, shape (latent,)
        The edited latents.
    sliders : dict of FloatSlider
    view : EditorFigure
    """

    def __init__(self, model, spectra, survey, simulator):
        super().__init__()
        self.model, self.spectra, self.simulator = model, spectra, simulator
        self._labels = [survey.label(name) for name in model.labels]
        self._catalogue = model.label_array(spectra.labels)
        bounded = not model.config.bottleneck
        limits = (0.0, 1.0) if bounded else (-4.0, 4.0)
        self._positions = {}
        low, high = model.scales.label_low, model.scales.label_high
        ends = zip(self._labels, low - MARGIN * (high - low), high + MARGIN * (high - low))
        self.sliders = {
            label.name: label_slider(label, a, b, 0.5 * (a + b)) for label, a, b in ends
        }
        self.star = ipywidgets.BoundedIntText(
            value=0, min=0, max=len(spectra) - 1, description="star, row"
        )
        self.entry = ipywidgets.BoundedIntText(
            value=0, min=0, max=model.config.latent - 1, description="latent k"
        )
        step = 0.01 if bounded else 0.05
        self.latent = ipywidgets.FloatSlider(
            min=limits[0], max=limits[1], step=step, description="z of k"
        )
        choices = ["nothing", "nearest star"] + ["simulator"] * (simulator is not None)
        self.compare = ipywidgets.Dropdown(options=choices, description="compare with")
        self._windows = windows(survey)
        self.window = ipywidgets.Dropdown(options=list(self._windows), description="window")
        self._watch(self._moved, *self.sliders.values(), self.latent)
        self._watch(lambda _: self.choose(self.star.value), self.star)
        self._watch(lambda _: self._draw(), self.entry, self.compare, self.window)
        self.view = EditorFigure(model.wavelength, model.config.latent, limits)
        buttons = [
            button(
                "nearest",
                "Go to the star nearest to these labels",
                lambda: self.choose(self._nearest(self.labels)),
            ),
            button("reset", "Back to the star's own labels and latents", self.reset),
            self._export_button("Write the spectra to an ECSV file"),
        ]
        rows = [self.star, *buttons], [self.entry, self.latent], [self.compare, self.window]
        boxes = [ipywidgets.HBox(row) for row in rows]
        self.children = [
            boxes[0],
            slider_grid(self.sliders.values()),
            *boxes[1:],
            self.readout,
            self.image,
        ]
        self.choose(0)

    def choose(self, star=None, **labels):
        """Show another star without edits. It is given by its row number, by its id, or by labels,
        as in ``choose(teff=5000)``; then the star nearest to these labels is taken.

        Raises
        ------
        ValueError
            If there is no such star or label.
        """
        if (star is None) == (not labels):
            raise ValueError("choose a star by its row or id, or by labels, as choose(teff=5000)")
        check_moves(labels, self.sliders)
        self.row = row_of(star, self.spectra.ids) if star is not None else self._nearest(labels)
        one = self.spectra[self.row]
        self._own = dict(zip(self.model.labels, self._catalogue[self.row].tolist()))
        self._z = self.model.encode(one)[0]
        self._original = np.where(one.mask[0], np.nan, one.flux[0]).astype(float)
        self._reconstruction = self._decode(self._z, self._own)
        self.reset()

    def reset(self):
        """Return to the star's own labels and latents."""
        self.labels, self.latents = dict(self._own), self._z.copy()
        self._draw()

    def set(self, **labels):
        """Edit labels by name, as in ``set(teff=7500, alpha_fe=0.0)``, and redraw once.

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
        with self._quietly():
            self.entry.value = k
        self._draw()

    @property
    def edited(self):
        """Flux of the edited spectrum, shape (n_pix,)."""
        return self.shown.edited

    @property
    def outside(self):
        return "" if self.shown.inside else "training range"

    def spectrum(self) -> Table:
        """What is shown, as a table: the wavelength, the star's flux (NaN where masked), its
        reconstruction and the edited spectrum.
        """
        flux = {
            name: getattr(self.shown, name) for name in ("original", "reconstruction", "edited")
        }
        if self.shown.overlay is not None:
            flux[self.shown.overlay_name.replace(" ", "_").replace("-", "_")] = self.shown.overlay
        columns = [
            Column(self.model.wavelength, "wavelength", unit="Angstrom", description="vacuum")
        ]
        columns += [
            Column(values, name, description="continuum-normalised")
            for name, values in flux.items()
        ]
        meta = {
            "star": str(self.spectra.ids[self.row]),
            "labels": self._own,
            "edited_labels": dict(self.labels),
        }
        meta |= {"latents": self._z.tolist(), "edited_latents": self.latents.tolist()}
        return Table(columns, meta=meta)

    def _file_name(self):
        values = (f"{value:.5g}" for value in self.labels.values())
        return "_".join(["edited", self.spectra.ids[self.row], *values]) + ".ecsv"

    def nearest(self) -> int | None:
        """Row of the star nearest to the edited labels, or None if no star is near enough to count
        as at the same place, see `Label.steps`.
        """
        row = self._nearest(self.labels)
        return row if self._distances(self.labels)[row] <= 1 else None

    def figure(self):
        """The picture as a Figure. It changes with the sliders."""
        return self.view.figure

    def _distances(self, labels):
        """Largest difference of each star to some labels; up to 1 it counts as the same place."""
        columns = [self.model.labels.index(name) for name in labels]
        near = np.array([self._labels[column].steps.near for column in columns])
        return np.abs((self._catalogue[:, columns] - list(labels.values())) / near).max(axis=1)

    def _nearest(self, labels):
        return int(np.argmin(self._distances(labels)))

    def _decode(self, z, labels):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutsideBinsWarning)  # the title warns itself
            return self.model.decode(z[None], [list(labels.values())])[0].astype(float)

    def _comparison(self, near):
        if self.compare.value == "simulator":
            edits = {k: v for k, v in self.labels.items() if v != self._own[k]}
            return self.simulator.edited(self.row, edits), "simulator"
        if self.compare.value == "nearest star" and near is not None:
            return np.where(self.spectra.mask[near], np.nan, self.spectra.flux[near]), str(
                self.spectra.ids[near]
            )
        return None, ""

    def _place_all(self):
        """Put all sliders on the step nearest to their value.

        This is not an edit. Nor is it one when the browser, which only knows the steps, sends the
        value back."""
        values = [*self.labels.values(), self.latents[self.entry.value]]
        with self._quietly():
            self.star.value = self.row
            for slider, value in zip((*self.sliders.values(), self.latent), values):
                slider.value = self._positions[slider] = snapped(slider, value)

    def _moved(self, change):
        slider = change["owner"]
        value = round(slider.value, 6) + 0.0  # the browser's steps have rounding errors
        if value == self._positions[slider]:
            return
        if slider is self.latent:
            self.latents[self.entry.value] = value
        else:
            self.labels[next(name for name, each in self.sliders.items() if each is slider)] = value
        self._draw()

    def _redraw(self):
        self._place_all()
        near, star = self.nearest(), str(self.spectra.ids[self.row])
        spectra = self._original, self._reconstruction, self._decode(self.latents, self.labels)
        inside = bool(self.model.inside([list(self.labels.values())])[0])
        title = edit_title(star, self._own, self.labels)
        self.shown = EditedStar(
            *spectra, self._z, self.latents, title, inside, *self._comparison(near)
        )
        self.view.update(self.shown, self.entry.value, self._windows[self.window.value])
        self.image.value = encode_png(self.view.pixels())
        here = {None: "none here", self.row: "this one"}
        there = here[near] if near in here else str(self.spectra.ids[near])
        return f"nearest star: {there} · "


def edit_star(model, spectra, survey, truth=None, emulator=None, mock=None) -> LatentEditor:
    """Show the spectrum of a star, its reconstruction and its edited spectrum, with sliders for the
    labels and latents.

    Parameters
    ----------
    model : Disentangler
        A model that was trained at fixed λ. If it takes λ as an input, it is used at λ = 0.
    spectra : Spectra
        Spectra of stars with a catalogue.
    survey : Survey
        The survey of the spectra.
    truth : Spectra, optional
        The same stars of a mock survey without noise, with their true labels.
    emulator : Emulator, optional
    mock : MockConfig, optional
        They must be given together with ``truth``: the emulator and the configuration of the mock
        survey from which the true spectra were made. Then the true spectrum for the edited labels
        can be drawn, too.

    Returns
    -------
    LatentEditor
        It is shown as the last value of a cell. In code, use ``.choose("star id")``,
        ``.set(teff=7500, alpha_fe=0.0)``, ``.set_latent(3, 0.7)``, ``.reset()``, ``.spectrum()``,
        ``.export()`` and ``.figure()``.

    Raises
    ------
    ValueError
        If the pixels differ, if stars lack labels, if only some of truth, emulator and mock are
        given, or if these belong to other stars.
    """
    if not len(spectra):
        raise ValueError("there are no spectra: give at least one")
    if truth is not None and not np.array_equal(truth.ids, spectra.ids):
        raise ValueError(
            f"the {len(truth)} true spectra are not of these {len(spectra)} stars: give the same rows"
        )
    given = any(part is not None for part in (truth, emulator, mock))
    simulator = SimulatedStars(truth, emulator, mock) if given else None
    return LatentEditor(model, spectra, survey, simulator)
