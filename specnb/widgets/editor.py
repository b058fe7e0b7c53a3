"""Edit a star: its spectrum with sliders for its labels, latents and λ (Fig. 2 of Manteiga et al.
2025).
"""

import re
import warnings

import numpy as np
import traitlets
from astropy.table import Column

from specnb.disentangle.conditional import check_conditional
from specnb.plots.autoencoder import EditorFigure
from specnb.plots.panels import label_text
from specnb.plots.style import plain_text
from specnb.surveys.mock import remake
from specnb.widgets.explorer import Explorer
from specnb.widgets.pages.page import editor_page
from specnb.widgets.stars import Stars
from specnb.widgets.state import check_ranges, label_ranges


class LatentEditor(Explorer):
    """The spectrum of a star, its reconstruction and its edited spectrum; made by `edit_star`.

    Attributes
    ----------
    model : Disentangler
    labels : dict of float
        The edited labels.
    latents : list of float
        The edited latents; none stand for the star's own.
    lambdas : dict of float
        λ of a model that takes it. λ that are not given are 0.
    compare : {"nothing", "nearest", "truth"}
        What the edited spectrum is compared with.
    star, window, panels, theme
        As for `Explorer`.
    """

    _stem = "edited"

    def __init__(self, model, spectra, survey, simulator=None, probed=None, **state):
        self.model, self.simulator, self._probed = model, simulator, probed
        self._entry = 0
        self._known = [survey.label(name) for name in model.labels]
        self._largest = float(np.abs(model.encode(spectra)).max())
        stars = Stars()
        stars.add(spectra)
        super().__init__(survey, stars, **{"star": str(spectra.ids[0])} | state)

    def _describe(self, half=False):
        _, *made = self.simulator or (None, None, None)
        page, data = editor_page(self.model, self.survey, *made, self._probed, half)
        if self.model.noise:  # such latents have no ends: the bars' scale follows the stars' own
            page["latents"]["shown"] = max(1.0, np.ceil(2 * self._largest) / 2)
        return page, data

    def _of_stars(self, spectra):
        """The true labels of mock stars, unless a file with others has been opened."""
        truth, _, mock = self.simulator or (None, None, None)
        known = truth is not None and np.array_equal(truth.ids, spectra.ids)
        return {"truth": truth, "mock": mock} if known else {}

    @property
    def own_latents(self) -> np.ndarray:
        """The star's own latents at these λ, shape (latent,)."""
        return self.model.encode(self.stars.spectrum(self.star), self.lambdas or None)[0]

    @property
    def edited_latents(self) -> np.ndarray:
        """The latents that are decoded, shape (latent,)."""
        return np.array(self.latents, np.float32) if self.latents else self.own_latents

    @property
    def own_labels(self) -> dict[str, float]:
        """The star's own labels by its catalogue, NaN where it has none."""
        row = self._known_labels()[self.stars.ids.index(self.star)]
        return dict(zip(self.model.labels, row.tolist()))

    @property
    def flux(self) -> dict[str, np.ndarray]:
        """The spectra that are shown, each of shape (n_pix,): "original" (NaN where masked),
        "reconstruction", "edited", and what the edited one is compared with: "truth", or the
        nearest star by its id.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # `outside` says where the labels are
            return self._spectra()

    def _spectra(self):
        own = self.own_latents
        spectra = {
            "original": self.stars.observed(self.star)[0],
            "reconstruction": self._decode(own, self._start),
            "edited": self._decode(self.edited_latents, self.labels),
        }
        nearest = self.nearest() if self.compare == "nearest" else None
        if nearest:
            spectra[nearest] = self.stars.observed(nearest)[0]
        if self.compare == "truth":
            changed = {k: v for k, v in self.labels.items() if v != self._start[k]}
            spectra["truth"] = self._true(self.star, changed)
        return spectra

    def choose(self, star=None, **labels):
        """Show another star without edits. It is given by its id, name or row, or by labels, as in
        ``choose(teff=5000)``; then the star nearest to these labels is taken.

        Raises
        ------
        ValueError
            If there is no such star or label.
        """
        if (star is None) == (not labels):
            raise ValueError("choose a star by its row or id, or by labels, as choose(teff=5000)")
        if labels:
            check_ranges(labels, label_ranges(self._page))
            star = int(np.argmin(self._distances(labels)))
        self.set(star=star)

    def reset(self):
        """Return to the star's own labels and latents, and to λ = 0."""
        self.set(star=self.star, lambdas={})

    def set_latent(self, k: int, value: float):
        """Set entry k of the latent vector, counted from 0.

        Raises
        ------
        ValueError
            If there is no such entry or the value is beyond its range.
        """
        latents = self.edited_latents.tolist()
        if not 0 <= k < len(latents):
            raise ValueError(f"no latent entry {k}: choose 0 to {len(latents) - 1}")
        name = f"latent entry {k}"
        latents[k] = check_ranges({name: value}, {name: self._reach})[name]
        self.latents, self._entry = latents, k

    def nearest(self) -> str | None:
        """Id of the star nearest to the edited labels, or None if no star is near enough to count
        as at the same place, see `Label.steps`.
        """
        row = int(np.argmin(distances := self._distances(self.labels)))
        return self.stars.ids[row] if distances[row] <= 1 else None

    @property
    def outside(self):
        row = [list(self.labels.values())]
        return "" if self.model.inside(row)[0] else "training range"

    def figure(self):
        """The picture for print, a matplotlib Figure."""
        view = EditorFigure(self.survey.pixels, self.model.latent, self._reach)
        edits = [
            label_text(label, self.labels[label.name], self._start[label.name])
            for label in self._known
        ]
        view.update(
            self.flux,
            (self.own_latents, self.edited_latents),
            "   ".join([plain_text(self.star), *edits]),
            self.outside,
            self._entry,
            self.window or None,
        )
        return view.figure

    @property
    def _reach(self):
        return self._page["latents"]["low"], self._page["latents"]["high"]

    @property
    def _start(self):
        """The labels at which the star is not edited: its own, or the page's if it has none."""
        start = self._page["start"]
        return {k: v if v == v else start[k] for k, v in self.own_labels.items()}  # not NaN

    def _distances(self, labels):
        """Largest difference of each star to some labels; up to 1 it counts as the same place."""
        columns = [self.model.labels.index(name) for name in labels]
        near = [self._known[column].steps.near for column in columns]
        differences = np.abs(self._known_labels()[:, columns] - list(labels.values())) / near
        return np.nan_to_num(differences, nan=np.inf).max(axis=1)

    def _true(self, star, changed):
        """The true flux of a star of the mock survey with some labels changed; all others keep their
        true values.
        """
        if self.simulator is None or star not in self.simulator[0].ids:
            raise ValueError(
                f"the true spectrum of {star} is not known: give edit_star truth, emulator and mock"
            )
        truth, emulator, mock = self.simulator
        one = truth[truth.ids == star]
        labels = one.labels.copy()
        for name, value in changed.items():
            labels[name] = value
        return remake(emulator, mock, one.ids, labels)[0].astype(float)

    def _decode(self, latents, labels):
        row = [list(labels.values())]
        return self.model.decode(latents[None], row, self.lambdas or None)[0].astype(float)

    def _columns(self):
        flux = {re.sub("[ -]", "_", name): values for name, values in self.flux.items()}
        return [
            Column(each, name, description="continuum-normalised") for name, each in flux.items()
        ]

    def _meta(self):
        return {
            "star": self.star,
            "labels": self.own_labels,
            "edited_labels": dict(self.labels),
            "latents": self.own_latents.tolist(),
            "edited_latents": self.edited_latents.tolist(),
            "lambdas": dict(self.lambdas),
        }

    @traitlets.validate("compare")
    def _check_compare(self, proposal):
        if proposal["value"] == "truth":
            self._true(self.star, {})
        return self._check(proposal)

    @traitlets.observe("star", "lambdas")
    def _return(self, _):
        """Another star or λ has other latents of its own, unless the browser sends some with it."""
        self.latents = self._property_lock.get("latents", [])


def edit_star(
    model, spectra, survey, truth=None, emulator=None, mock=None, probed=None, **state
) -> LatentEditor:
    """Show the spectrum of a star, its reconstruction and its edited spectrum, with sliders for the
    labels and the latents, and for λ if the model takes it.

    The browser computes and draws it, so that the sliders need no kernel. For a model that takes λ
    it also shows what probes read about the labels from the latents, and a map of these.

    Parameters
    ----------
    model : Disentangler
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
        can be drawn, too (``compare="truth"``).
    probed : Spectra, optional
        Stars with a catalogue whose latents are probed if the model takes λ, at most 500 of them; by
        default ``spectra``. Too few stars are not probed.
    **state
        Further settings by name, such as ``star=0``, ``compare="truth"`` or
        ``lambdas={"teff": 1e-4}``, see `LatentEditor`.

    Returns
    -------
    LatentEditor
        It is shown as the last value of a cell. In code, use ``.choose("star id")``,
        ``.set(teff=7500, alpha_fe=0.0)``, ``.set_latent(3, 0.7)``, ``.set(lambdas={"teff": 1e-4})``,
        ``.reset()``, ``.spectrum()``, ``.export()`` and ``.figure()``.

    Raises
    ------
    ValueError
        If the pixels differ, if stars lack labels, if only some of truth, emulator and mock are
        given, or if these belong to other stars.
    """
    if not len(spectra):
        raise ValueError("there are no spectra: give at least one")
    model.label_array(spectra.labels)  # all labels must be known
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
    if all(given):
        again = remake(emulator, mock, truth.ids[:1], truth.labels[:1])
        if not np.allclose(again, truth.flux[:1], atol=1e-5):
            text = "emulator and mock do not give these true spectra: pass those that did"
            raise ValueError(text)
    if model.config.lambda_range:
        if probed is not None:
            check_conditional(model, probed)
        elif len(spectra) >= 4 * model.config.latent > 4:
            probed = spectra
    return LatentEditor(model, spectra, survey, parts if all(given) else None, probed, **state)
