"""Figure of the emulator's spectrum at chosen labels. The same figure is used in print and by the
slider widget, which redraws it in place.
"""

import textwrap
import warnings

import numpy as np

from specnb.emulator.model import OutsideHullWarning
from specnb.plots.live import LiveFigure, round_limit
from specnb.plots.panels import WAVELENGTH, with_gaps, with_room
from specnb.plots.style import BLUE, GREY, PAGE, VERMILLION, element_color, styled
from specnb.simulator.features import line_markers


def start_labels(survey, labels=None):
    """The first labels of a figure with sliders, as a dict in the survey's order.

    Parameters
    ----------
    survey : Survey
    labels : mapping or sequence, optional
        Some labels by name, or all of them in order. Labels that are not given are taken from
        `Survey.start`.

    Raises
    ------
    ValueError
        If a name is not one of the survey's labels or the number of values is wrong.
    """
    names = survey.names
    if labels is not None and not hasattr(labels, "keys"):
        values = np.asarray(labels, dtype=float).ravel()
        if len(values) != len(names):
            raise ValueError(
                f"{len(values)} labels given, {survey.name} has {len(names)}: {', '.join(names)}"
            )
        labels = dict(zip(names, values))
    given = {name: float(labels[name]) for name in dict(labels or {})}
    if unknown := set(given) - set(names):
        raise ValueError(
            f"{', '.join(sorted(unknown))}: no label of {survey.name}, which has {', '.join(names)}"
        )
    return {name: given.get(name, survey.start[name]) for name in names}


class SpectrumFigure(LiveFigure):
    """Panels against wavelength. The first has markers of spectral lines, and the title above it
    gives the labels of the spectrum that is shown.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        See `start_labels`.
    lines : sequence of Line, optional
        See `ExplorerFigure`.
    ratios : sequence of float
        Relative heights of the panels.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    """

    @styled
    def __init__(self, emulator, labels=None, lines=None, ratios=(2.2, 1, 1)):
        self.emulator, self.survey = emulator, emulator.survey
        self.labels = start_labels(self.survey, labels)
        self._window = None
        super().__init__(PAGE, 4.9)
        self._panels = self.figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        # Abundances of elements are written below the other labels
        above = 0.88 if self.survey.elements else 0.945
        self.figure.subplots_adjust(left=0.105, right=0.975, bottom=0.085, top=above, hspace=0.09)
        top = self._panels[0]
        self._title = top.text(0, 1.04, "", transform=top.transAxes, fontsize=8, animated=True)
        self.moving = [self._title]
        for axes in self._panels:
            axes.yaxis.set_label_coords(-0.068, 0.5)
        for axes in self._panels[1:]:
            axes.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        self._mark(line_markers(self.survey) if lines is None else lines)
        top.set(ylabel="Flux / continuum", ylim=(0, 1.22), xlim=emulator.wavelength[[0, -1]])
        self._panels[-1].set_xlabel(WAVELENGTH)

    def _curve(self, axes, color, label=None, moving=True):
        """Add an empty curve. A curve that moves is redrawn each time."""
        x = self._with_gaps(self.emulator.wavelength)
        width = 0.9 if moving else 0.8
        (line,) = axes.plot(
            x, np.full(len(x), np.nan), color=color, linewidth=width, label=label, animated=moving
        )
        self.moving += [line] * moving
        return line

    def _name_curves(self, *curves):
        """Write a legend of some of the curves in the first panel."""
        self._panels[0].legend(
            handles=curves, loc="lower right", bbox_to_anchor=(0.93, 0), fontsize=7
        )

    def _write_labels(self):
        outside = "" if self.inside else "     outside the training hull"
        self._title.set(text=self._values() + outside, color="black" if self.inside else VERMILLION)

    def _with_gaps(self, values):
        return with_gaps(self.emulator.wavelength, values)

    def _mark(self, lines):
        """Draw a tick above the continuum at every line. `_name_lines` chooses the lines whose
        names are written.
        """
        top = self._panels[0]
        colors = [element_color(self.survey, line.species) for line in lines]
        self._ticks = top.vlines(
            [line.wavelength for line in lines], 1.06, 1.1, color=colors, linewidth=0.6
        )
        style = {"ha": "center", "va": "bottom", "fontsize": 7, "clip_on": True}
        self._lines = lines
        self._names = [
            top.text(line.wavelength, 1.11, line.species, color=color, **style)
            for line, color in zip(lines, colors)
        ]

    def _name_lines(self, element=None):
        """Highlight the lines of an element, and write the names of lines where there is room. The
        lines of the element come first.
        """
        own = np.array([line.species == element for line in self._lines], dtype=bool)
        self._ticks.set_linewidth(np.where(own, 1.6, 0.6))
        longest = max((len(line.species) for line in self._lines), default=0)
        room = (0.016 + 0.0052 * longest) * np.ptp(self._window)
        order = np.argsort(~own, kind="stable")
        shown = order[with_room([self._lines[k].wavelength for k in order], self._window, room)]
        for k, text in enumerate(self._names):
            text.set(visible=k in shown, fontweight="bold" if own[k] else "normal")

    def _values(self):
        """The labels as text. A second line has the abundances of single elements that are not
        zero.
        """
        survey, general, single, kind = self.survey, [], [], ""
        for label, value in zip(survey.labels, self.labels.values()):
            element = survey.element_of(label.name)
            # An element such as iron is left out here, because all elements rise with it
            if element is None or label.name in survey.compensated:
                unit = label.unit.replace("dex", "").replace(" ", "")
                general.append(f"{label.name} {value:.5g} {unit}".rstrip())
            else:
                kind = label.symbol.replace(element, "X", 1)
                single += [f"{element}\N{NO-BREAK SPACE}{value:.3g}"] * bool(value)
        text = "   ".join(general)
        if kind:
            listed = "  ".join(single) or "all 0"
            text += "\n" + textwrap.fill(f"{kind}   {listed}", 110, break_on_hyphens=False)
        return text.replace("-", "−")

    @property
    def inside(self) -> bool:
        """Whether the labels lie in the emulator's training hull."""
        return bool(np.ravel(self.emulator.in_hull(np.array([list(self.labels.values())])))[0])

    def _emulate(self, labels, compute):
        """Set new values of some labels, and call a function with the labels of the star, an array
        (1, n_labels).
        """
        self.labels = start_labels(self.survey, self.labels | dict(labels or {}))
        with warnings.catch_warnings():
            # The figure itself shows this warning
            warnings.simplefilter("ignore", OutsideHullWarning)
            return compute(np.array([list(self.labels.values())]))

    def _show_window(self, window, changed=False):
        """Show a wavelength range; for None, keep the range. Returns whether the background is
        redrawn.
        """
        window = self._window if window is None else tuple(window)
        changed = changed or window != self._window
        if changed:
            self._window, self._background = window, None
            self._panels[0].set_xlim(window)
        return changed

    def _rescale(self, axes, line):
        """Set symmetric and round limits, which seldom change; a change redraws the background."""
        low, high = axes.get_xlim()
        x, y = line.get_data()
        y = np.abs(y[(x >= low) & (x <= high)])
        limit = round_limit(max(1.05 * np.nanmax(y, initial=0.0), 1e-3))
        if not np.isclose(axes.get_ylim()[1], limit):
            axes.set_ylim(-limit, limit)
            self._background = None


class ExplorerFigure(SpectrumFigure):
    """The flux with line markers, its difference to a reference, and its gradient by one label.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        See `start_labels`.
    reference : ndarray, shape (n_pix,), optional
        Flux to compare with, NaN in bad pixels. By default it is the emulator's at `labels`.
    reference_name : str
    gradient : str, optional
        Label of the gradient panel; by default the first label of the survey.
    lines : sequence of Line, optional
        Lines to mark, the most important first; by default the lines of the survey. The name of a
        line is written if there is room. The lines of an element have the colour of its group. They
        are highlighted if the gradient is by the abundance of this element.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    flux : ndarray, shape (n_pix,)
        The emulator's flux at `labels`.
    derivative : ndarray, shape (n_pix,)
        Its derivative by the label of the gradient panel, in units of flux per unit of the label.

    Examples
    --------
    >>> ExplorerFigure(emulator, {"teff": 5000}, gradient="m_h").figure
    """

    @styled
    def __init__(
        self,
        emulator,
        labels=None,
        reference=None,
        reference_name="start",
        gradient=None,
        lines=None,
    ):
        super().__init__(emulator, labels, lines)
        self.gradient = None
        top, middle, bottom = self._panels
        self._reference = self._curve(top, GREY, "reference", moving=False)
        self._flux = self._curve(top, BLUE, "emulator")
        self._residual = self._curve(middle, BLUE)
        self._gradient = self._curve(bottom, VERMILLION)
        middle.set_ylabel("Emulator −\nreference")
        self.update(gradient=gradient or emulator.labels[0], window=emulator.wavelength[[0, -1]])
        self.set_reference(self.flux if reference is None else reference, reference_name)

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
        label = self.survey.label(gradient or self.gradient)
        column, change = self.survey.labels.index(label), label.steps.change
        flux, slopes = self._emulate(
            labels, lambda row: (self.emulator(row)[0], self.emulator.jacobian(row)[0])
        )
        self.flux, self.derivative = flux.astype(float), slopes[column].astype(float)
        self._flux.set_ydata(self._with_gaps(self.flux))
        self._gradient.set_ydata(self._with_gaps(self.derivative * change))
        self._write_labels()
        if self._show_window(window, changed=label.name != self.gradient):
            self.gradient = label.name
            amount = f"{change:g} {label.unit.replace(' ', '')}".strip()
            self._panels[2].set_ylabel(f"Flux change per\n{amount} in {label.symbol}")
            self._name_lines(self.survey.element_of(label.name))
        self._compare()
        self._rescale(self._panels[2], self._gradient)

    @styled
    def set_reference(self, flux, name):
        """Compare with another spectrum (n_pix,) on the emulator's pixels, NaN in bad pixels."""
        self._reference.set_ydata(self._with_gaps(flux))
        self._reference.set_label(name)
        self._name_curves(self._flux, self._reference)
        self._compare()
        self._background = None

    def _compare(self):
        """Draw the difference between the emulator's spectrum and the reference."""
        self._residual.set_ydata(self._flux.get_ydata() - self._reference.get_ydata())
        self._rescale(self._panels[1], self._residual)
