"""Figures of the spectrum at chosen labels, of an emulator and of a translator, for print."""

import textwrap
import warnings

import numpy as np

from specnb.core.wavelength import same_pixels
from specnb.emulator.model import OutsideHullWarning
from specnb.plots.panels import SpectrumFigure, label_text, start_labels
from specnb.plots.style import (
    BLACK,
    BLUE,
    DOMAINS,
    GREY,
    VERMILLION,
    element_color,
    styled,
    with_room,
)
from specnb.simulator.responses import line_markers

FLUX = "Flux / continuum"


class EmulatorFigure(SpectrumFigure):
    """Panels against wavelength. The first has markers of spectral lines, and the title above it
    gives the labels of the spectrum that is shown.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping, optional
        See `specnb.plots.panels.start_labels`.
    panels : mapping
        See `SpectrumFigure`.

    Attributes
    ----------
    labels : dict of float
    """

    def __init__(self, emulator, labels, panels):
        self.emulator, self.survey = emulator, emulator.survey
        self.labels = start_labels(self.survey, labels)
        # Abundances of elements are written below the other labels
        top = 0.87 if self.survey.elements else 0.925
        super().__init__(emulator.wavelength, panels, 4.9, bottom=0.085, top=top, room=0.15)
        axes = self._panels[0]
        heights = axes.get_xaxis_transform()  # as fractions of the panel
        style = {"ha": "center", "va": "bottom", "fontsize": 7, "clip_on": True}
        self._lines = line_markers(self.survey)
        self._at = [line.wavelength for line in self._lines]
        colors = [element_color(self.survey, line.species) for line in self._lines]
        self._ticks = axes.vlines(
            self._at, 0.87, 0.9, color=colors, linewidth=0.6, transform=heights
        )
        self._names = [
            axes.text(line.wavelength, 0.91, line.species, color=color, transform=heights, **style)
            for line, color in zip(self._lines, colors)
        ]

    @property
    def outside(self) -> str:
        """The region in which the labels should lie, but do not."""
        inside = self.emulator.in_hull(np.array([list(self.labels.values())]))
        return "" if np.all(inside) else "training hull"

    def _emulate(self, labels, *functions):
        """Set new values of some labels, and call functions with the labels of the star, an array
        (1, n_labels).
        """
        self.labels = start_labels(self.survey, self.labels | dict(labels or {}))
        row = np.array([list(self.labels.values())])
        with warnings.catch_warnings():
            # The figure itself shows this warning
            warnings.simplefilter("ignore", OutsideHullWarning)
            return [function(row)[0].astype(float) for function in functions]

    def _show_star(self, values, window, element=None):
        """Show spectra of the star. The lines of an element are highlighted."""
        self._show(values, self._written(), self.outside, window)
        self._arrange(element)

    def _written(self):
        """The labels as text. A second line has the abundances of single elements that are not
        zero.
        """
        general, single, kind = [], [], ""
        for label, value in zip(self.survey.labels, self.labels.values()):
            element = self.survey.element_of(label.name)
            # An element such as iron is left out here, because all elements rise with it
            if element is None or label.name in self.survey.compensated:
                general.append(label_text(label, value))
            else:
                kind = label.symbol.replace(element, "X", 1)
                if value:
                    single.append(f"{element}\N{NO-BREAK SPACE}{value:.3g}".replace("-", "−"))
        text = "   ".join(general)
        if kind:
            listed = f"{kind}   {'  '.join(single) or 'all 0'}"
            text += "\n" + textwrap.fill(listed, 110, break_on_hyphens=False)
        return text

    def _arrange(self, element):
        """Highlight the lines of an element, and write the names of lines where there is room. The
        lines of the element come first.
        """
        own = np.array([line.species == element for line in self._lines], dtype=bool)
        self._ticks.set_linewidth(np.where(own, 1.6, 0.6))
        longest = max((len(line.species) for line in self._lines), default=0)
        room = (0.016 + 0.0052 * longest) * np.ptp(self.window)
        order = np.argsort(~own, kind="stable")
        shown = order[with_room([self._at[k] for k in order], self.window, room)]
        for k, text in enumerate(self._names):
            text.set(visible=k in shown, fontweight="bold" if own[k] else "normal")


class ExplorerFigure(EmulatorFigure):
    """The flux with line markers, its difference to a reference, and its gradient by one label.

    Lines of the element of whose abundance the gradient is are highlighted.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping, optional
        See `specnb.plots.panels.start_labels`.
    reference : ndarray, shape (n_pix,), optional
        Flux to compare with, NaN in bad pixels. By default it is the emulator's at `labels`.
    reference_name : str
    gradient : str, optional
        Label of the gradient panel; by default the first label of the survey.
    physics : Emulator, optional
        Another emulator whose spectrum at the same labels is drawn, too.
    seen : callable, optional
        How models are seen, see `specnb.fitting.seen.as_seen`. By default they are at rest.
    others : sequence of (ndarray, str)
        Further spectra with their names.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    flux : ndarray, shape (n_pix,)
        The emulator's flux at `labels`.
    reference : (ndarray, str)
        The flux to compare with and its name; NaN in bad pixels.
    derivative : ndarray, shape (n_pix,)
        Its derivative by the label of the gradient panel, in units of flux per unit of the label.

    Examples
    --------
    >>> ExplorerFigure(emulator, {"teff": 5000}, gradient="m_h").figure
    """

    @styled
    def __init__(
        self, emulator, labels=None, reference=None, reference_name="start", gradient=None,
        physics=None, seen=None, others=(),
    ):  # fmt: skip
        third = [(VERMILLION, 0.6, "-")] * (physics is not None)
        panels = {
            FLUX: [(GREY, 0.8, "-"), (BLUE, 0.9, "-"), *third, *[(BLACK, 0.6, ":")] * len(others)],
            "Emulator −\nreference": [(BLUE, 0.9, "-"), *third],
            "Gradient": [(VERMILLION, 0.9, "-")],
        }
        super().__init__(emulator, labels, panels)
        self.physics, self.seen, self.others = physics, seen or np.asarray, others
        self.gradient = gradient or emulator.labels[0]
        self.reference = None if reference is None else (reference, reference_name)
        self.update()

    @styled
    def update(self, labels=None, gradient=None, window=None):
        """Change what is shown.

        Parameters
        ----------
        labels : mapping, optional
            New values of some or all labels.
        gradient : str, optional
            Label of the gradient panel.
        window : (float, float), optional
            Wavelength range in Å.

        Raises
        ------
        ValueError
            If a label does not exist.
        """
        self.gradient = gradient or self.gradient
        label = self.survey.label(self.gradient)
        functions = self.emulator, self.emulator.jacobian
        self.flux, slopes = map(self.seen, self._emulate(labels, *functions))
        self.derivative = slopes[self.survey.labels.index(label)]
        flux, name = self.reference = self.reference or (self.flux, "start")
        amount = f"{label.steps.change:g} {label.unit.replace(' ', '')}".strip()
        self._panels[2].set_ylabel(f"Flux change per\n{amount} in {label.symbol}")
        values = [
            {name: flux, "emulator": self.flux},
            {"_": self.flux - flux},
            {"_": self.derivative * label.steps.change},
        ]
        if self.physics is not None:
            (values[0]["physics"],) = map(self.seen, self._emulate(None, self.physics))
            values[1]["_physics"] = values[0]["physics"] - flux
        values[0] |= {name: other for other, name in self.others}
        self._show_star(values, window, self.survey.element_of(label.name))


class TranslatedFigure(EmulatorFigure):
    """A synthetic spectrum at chosen labels, its translation, their difference, and the effect of
    z_split on it.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
        It must have the emulator's pixels. If it has no z_split, there is no panel for z_split.
    labels : mapping, optional
        See `specnb.plots.panels.start_labels`.
    split : ndarray, shape of one z_split, optional
        By default it is the typical one.
    seen : callable, optional
        As for `ExplorerFigure`.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    split : ndarray or None
        None stands for the typical one.
    synthetic, translated : ndarray, shape (n_pix,)

    Raises
    ------
    ValueError
        If emulator and translator are on different pixels, or for the reasons of `set_split`.
    """

    @styled
    def __init__(self, emulator, translator, labels=None, split=None, seen=None):
        if not same_pixels(emulator.wavelength, translator.wavelength):
            raise ValueError(f"the emulator has {len(emulator.wavelength)} pixels, the translator other "
                             f"{len(translator.wavelength)}: give those of one survey")  # fmt: skip
        self.translator, self.seen = translator, seen or np.asarray
        panels = {
            FLUX: [(DOMAINS["synthetic"], 0.9, "-"), (DOMAINS["translated"], 0.9, "-")],
            "Translated −\nsynthetic": [(BLACK, 0.9, "-")],
        }
        if translator.config.split:
            panels["This − typical\n$z_\\mathrm{split}$"] = [(VERMILLION, 0.9, "-")]
        super().__init__(emulator, labels, panels)
        self.set_split(split)
        self.update()

    def set_split(self, split=None):
        """Use another z_split, by default the typical one, from the next `update` on.

        Raises
        ------
        ValueError
            If the translator has no z_split, or its z_split has another shape.
        """
        if split is not None:
            if not self.translator.config.split:
                raise ValueError("this translator was trained without z_split")
            split = np.asarray(split, dtype=np.float32)
            shape = tuple(self.translator.mean_split.shape)
            if split.shape != shape:
                raise ValueError(
                    f"z_split of shape {split.shape}: this translator's has shape {shape}"
                )
        self.split = split

    @styled
    def update(self, labels=None, window=None):
        """Change what is shown.

        Parameters
        ----------
        labels : mapping, optional
            New values of some or all labels.
        window : (float, float), optional
            Wavelength range in Å.

        Raises
        ------
        ValueError
            If a label does not exist.
        """
        (flux,) = self._emulate(labels, self.emulator)
        own, typical = (
            self.seen(self.translator.translate(flux[None], split)[0].astype(float))
            for split in (None if self.split is None else self.split[None], None)
        )
        self.synthetic, self.translated = self.seen(flux), own
        fluxes = {"synthetic": self.synthetic, "translated": own}
        self._show_star([fluxes, {"_": own - self.synthetic}, {"_": own - typical}], window)
