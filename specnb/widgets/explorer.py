"""The spectrum of an emulator, and its translation, with sliders for the labels."""

import ipywidgets
import numpy as np
from astropy.table import Column

from specnb.core.wavelength import check_pixels
from specnb.plots.explorer import ExplorerFigure, TranslatedFigure
from specnb.widgets.panel import (
    Panel,
    check_moves,
    label_slider,
    place,
    row_of,
    windows,
)

TYPICAL, BY_HAND = "typical", "by hand"
MOST = 16  # up to so many numbers of z_split get one slider each


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
        choices["window"] = ipywidgets.Dropdown(options=list(self._windows), description="window")
        super().__init__(sliders, choices, self._buttons(), survey.groups)

    @property
    def outside(self):
        return self.view.outside

    def _meta(self):
        return {"labels": self.labels, "inside_hull": not self.outside}

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

    def __init__(self, emulator, labels=None, reference_spectra=None, physics=None):
        view = ExplorerFigure(emulator, labels, physics=physics)
        self._references = []
        if reference_spectra is not None:
            fluxes = np.where(reference_spectra.mask, np.nan, reference_spectra.flux)
            self._references += zip(fluxes, map(str, reference_spectra.ids))
        references = [("start labels", -1)]
        references += [(name, row) for row, (_, name) in enumerate(self._references)]
        self._references.append((view.flux, "start"))
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


def explore_emulator(
    emulator, labels=None, reference_spectra=None, physics=None
) -> EmulatorExplorer:
    """Show the emulator's spectrum, its residual and its gradient, with sliders for the labels.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping, optional
        First labels; by default those of `Survey.start`.
    reference_spectra : Spectra, optional
        Spectra on the emulator's pixels with which the emulator can be compared.
    physics : Emulator, optional
        Another emulator whose spectrum at the same labels is shown, too.

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
        check_pixels(reference_spectra.wavelength, emulator.wavelength)
    return EmulatorExplorer(emulator.of(None), labels, reference_spectra, physics)


class TranslatorExplorer(LabelExplorer):
    """A translated spectrum with sliders for labels and z_split; made by `explore_translator`.

    Attributes
    ----------
    labels : dict of float
    split : ndarray
        The z_split that is shown.
    sliders : dict of FloatSlider
        Sliders of the labels.
    split_sliders : list of FloatSlider
        One for each number of z_split, if there are few. Moving one of them chooses "by hand".
    choice : Dropdown
        The star whose z_split is used.
    view : TranslatedFigure
        ``view.figure`` is the same picture in a form for print.
    """

    def __init__(self, emulator, translator, stars=None):
        view = TranslatedFigure(emulator, translator)
        self._typical = translator.mean_split.cpu().numpy()
        self._splits = {}
        if stars is not None:
            self._splits = dict(zip(map(str, stars.ids), translator.encode(stars)[1]))
        few = translator.config.split and self._typical.ndim == 1 and len(self._typical) <= MOST
        self._hands = {
            f"z_split {k}": ipywidgets.FloatSlider(
                min=-1, max=1, step=0.01, description=f"z_split {k}"
            )
            for k in range(len(self._typical) if few else 0)
        }
        self.split_sliders = list(self._hands.values())
        choice = ipywidgets.Dropdown(
            options=[TYPICAL, BY_HAND, *self._splits], description="z_split"
        )
        super().__init__(view, {"choice": choice} | self._hands if translator.config.split else {})

    @property
    def split(self):
        return self._typical if self.view.split is None else self.view.split

    def set_split(self, choice):
        """Use another z_split: "typical", that of a star, given by its id or row, or the numbers
        themselves.

        Raises
        ------
        ValueError
            If there is no such star, or the numbers are too few, too many or beyond the sliders.
        """
        if isinstance(choice, str | int):
            if choice != TYPICAL and not self._splits:
                raise ValueError("no stars to take z_split from: give explore_translator some")
        else:
            check_moves(dict(zip(self._hands, np.atleast_1d(choice))), self._hands)
        self._use(choice)
        self._draw()

    def reset(self):
        """Return to the first labels and the typical z_split."""
        self._use(TYPICAL)
        super().reset()

    def _use(self, choice):
        """Show a z_split, which is given as for `set_split`, from the next redraw on."""
        if isinstance(choice, str | int):
            known = {TYPICAL: None} | self._splits
            name = choice if choice == TYPICAL else list(known)[1 + row_of(choice, self._splits)]
            split = known[name]
        else:
            name, split = BY_HAND, np.atleast_1d(choice)
        self.view.set_split(split)
        self.values |= {"choice": name} | dict(zip(self._hands, self.split.tolist()))

    def _follow(self, changed):
        if "choice" in changed:
            choice = self.values["choice"]
            self._use(self.split if choice == BY_HAND else choice)
        elif self._hands.keys() & changed:
            self._use([place(slider, self.values[name]) for name, slider in self._hands.items()])

    def _columns(self):
        """Synthetic and translated flux."""
        return [Column(getattr(self.view, name), name) for name in ("synthetic", "translated")]

    def _meta(self):
        return super()._meta() | {"z_split": self.split.tolist()}


def explore_translator(emulator, translator, stars=None) -> TranslatorExplorer:
    """Show a synthetic spectrum, its translation and their difference, with sliders for the labels.
    z_split is taken from a star or set by hand.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
        A translator for the emulator's pixels.
    stars : Spectra, optional
        Observed stars whose z_split can be chosen.

    Returns
    -------
    TranslatorExplorer
        It is shown as the last value of a cell. In code, use ``.set(teff=5000)``, ``.labels``,
        ``.split``, ``.spectrum()``, ``.export()``, ``.reset()`` and ``.set_split("typical")``,
        which also takes a star's id or row, or the numbers themselves.

    Raises
    ------
    ValueError
        If emulator, translator and stars are not on the same pixels.
    """
    return TranslatorExplorer(emulator, translator, stars)
