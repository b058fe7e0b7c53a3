"""Edit a star: its spectrum with sliders for its labels and its latents (Fig. 2 of Manteiga et al.
2025).
"""

import ipywidgets
import numpy as np
from astropy.table import Column

from specnb.plots.autoencoder import EditorFigure
from specnb.plots.live import label_text
from specnb.plots.style import plain_text
from specnb.surveys.mock import remake
from specnb.widgets.panel import Panel, button, check_moves, label_slider, row_of, windows


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
    flux : dict of ndarray, shape (n_pix,)
        The spectra that are shown: "original", "reconstruction", "edited", and possibly a fourth
        with which the edited one is compared.
    sliders : dict of FloatSlider
    view : EditorFigure
    """

    def __init__(self, model, spectra, survey, simulator=None):
        self.model, self.spectra, self.simulator = model, spectra, simulator
        self._labels = [survey.label(name) for name in model.labels]
        self._catalogue = model.label_array(spectra.labels)
        limits, step = ((-4.0, 4.0), 0.05) if model.config.bottleneck else ((0.0, 1.0), 0.01)
        # Sliders go through the survey's whole range; beyond the training stars the decoder extrapolates
        lows = np.minimum(model.scales.label_low, [label.low for label in self._labels])
        highs = np.maximum(model.scales.label_high, [label.high for label in self._labels])
        sliders = {
            label.name: label_slider(label, low, high, low)
            for label, low, high in zip(self._labels, lows, highs)
        }
        star, entry = (
            ipywidgets.BoundedIntText(value=0, min=0, max=count - 1, description=name)
            for name, count in (("star, row", len(spectra)), ("latent k", model.config.latent))
        )
        options = ["nothing", "nearest star"] + ["simulator"] * (simulator is not None)
        self._windows = windows(survey)
        choices = {
            "star": star,
            "entry": entry,
            "latent": ipywidgets.FloatSlider(
                min=limits[0], max=limits[1], step=step, description="z of k"
            ),
            "compare": ipywidgets.Dropdown(
                options=options, description="compare with", style={"description_width": "initial"}
            ),
            "window": ipywidgets.Dropdown(options=list(self._windows), description="window"),
        }
        self.view = EditorFigure(model.wavelength, model.config.latent, limits)
        nearest = button("nearest star", lambda: self.choose(self._nearest(self.labels)))
        super().__init__(sliders, choices, [nearest, *self._buttons()])

    @property
    def row(self):
        return self.values["star"]

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
        row = self._nearest(labels) if star is None else row_of(star, self.spectra.ids)
        self._change({"star": row})

    def reset(self):
        """Return to the star's own labels and latents."""
        self._change({"star": self.row})

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
        self._change({"entry": k, "latent": value})

    @property
    def outside(self):
        return "" if self.model.inside([list(self.labels.values())])[0] else "training range"

    @property
    def _id(self):
        return str(self.spectra.ids[self.row])

    @property
    def _stem(self):
        return f"edited_{self._id}"

    def _columns(self):
        """The star's flux (NaN where masked), its reconstruction, the edited spectrum, and the one
        that it is compared with.
        """
        return [
            Column(
                flux, name.replace(" ", "_").replace("-", "_"), description="continuum-normalised"
            )
            for name, flux in self.flux.items()
        ]

    def _meta(self):
        return {
            "star": self._id,
            "labels": self._own,
            "edited_labels": self.labels,
            "latents": self._z.tolist(),
            "edited_latents": self.latents.tolist(),
        }

    def nearest(self) -> int | None:
        """Row of the star nearest to the edited labels, or None if no star is near enough to count
        as at the same place, see `Label.steps`.
        """
        row = self._nearest(self.labels)
        return row if self._distances(self.labels)[row] <= 1 else None

    def _distances(self, labels):
        """Largest difference of each star to some labels; up to 1 it counts as the same place."""
        columns = [self.model.labels.index(name) for name in labels]
        near = np.array([self._labels[column].steps.near for column in columns])
        return np.abs((self._catalogue[:, columns] - list(labels.values())) / near).max(axis=1)

    def _nearest(self, labels):
        return int(np.argmin(self._distances(labels)))

    def _true(self, labels):
        """The simulator's flux of the star with some labels changed; all others keep their true
        values.
        """
        truth, emulator, mock = self.simulator
        one = slice(self.row, self.row + 1)
        stars = truth.labels[one].copy()
        for name, value in labels.items():
            stars[name] = value
        return remake(emulator, mock, truth.ids[one], stars)[0]

    def _observed(self, row):
        return np.where(self.spectra.mask[row], np.nan, self.spectra.flux[row]).astype(float)

    def _decode(self):
        """Flux of the latents and labels that are shown."""
        return self.model.decode(self.latents[None], [list(self.labels.values())])[0].astype(float)

    def _follow(self, changed):
        if "star" in changed:
            self._own = dict(zip(self.model.labels, self._catalogue[self.row].tolist()))
            self._z = self.model.encode(self.spectra[self.row])[0]
            self.values |= self._own
            self.latents = self._z.copy()
            self.flux = {"original": self._observed(self.row), "reconstruction": self._decode()}
        elif "latent" in changed:
            self.latents[self.values["entry"]] = self.values["latent"]
        self.values["latent"] = float(self.latents[self.values["entry"]])

    def _redraw(self):
        near, compare = self.nearest(), self.values["compare"]
        star = None if near is None else str(self.spectra.ids[near])
        self.flux = {name: self.flux[name] for name in ("original", "reconstruction")}
        self.flux["edited"] = self._decode()
        if compare == "simulator":
            changed = {k: v for k, v in self.labels.items() if v != self._own[k]}
            self.flux["simulator"] = self._true(changed)
        elif compare == "nearest star" and near is not None:
            self.flux[star] = self._observed(near)
        edits = (
            label_text(label, self.labels[label.name], self._own[label.name])
            for label in self._labels
        )
        self.view.update(
            self.flux,
            (self._z, self.latents),
            "   ".join([plain_text(self._id), *edits]),
            self.outside,
            self.values["entry"],
            self._windows[self.values["window"]],
        )
        return f"nearest star: {'this one' if near == self.row else star or 'none here'} · "


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
    parts = truth, emulator, mock
    given = [part is not None for part in parts]
    if any(given) and not all(given):
        raise ValueError(
            "the simulator's spectrum needs truth, emulator and mock (a MockConfig): give all or none"
        )
    editor = LatentEditor(model, spectra, survey, parts if all(given) else None)
    if all(given) and not np.allclose(editor._true({}), truth.flux[0], atol=1e-5):
        raise ValueError("emulator and mock do not give these true spectra: pass those that did")
    return editor
