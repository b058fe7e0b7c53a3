"""The emulator's spectrum at chosen labels: one figure for print, redrawn in place by the slider widget."""

import textwrap
import warnings

import numpy as np

from specnb.emulator.model import OutsideHullWarning
from specnb.simulator.features import ELEMENTS, element_of, group_of, h_band_lines
from specnb.plots.live import LiveFigure, round_limit
from specnb.plots.style import BLACK, BLUE, GREEN, GREY, PAGE, PURPLE, VERMILLION, styled, symbol
from specnb.surveys.rvs.lines import LINES
from specnb.core.wavelength import detectors

START = {"teff": 5770.0, "logg": 4.45, "m_h": 0.0, "alpha_fe": 0.0, "vmicro": 1.0, "vbroad": 2.0}  # near the Sun
# In the H band, where most stars are giants: the star of the second paper's missing-lines study, all [X/Fe] zero.
GIANT = dict.fromkeys(ELEMENTS.values(), 0.0) | {
    "teff": 4750.0, "logg": 2.5, "fe_h": 0.0, "vmicro": 1.5, "vbroad": 6.0, "c12_c13": 7.5
}  # fmt: skip
GROUP_COLORS = {"CNO": GREEN, "α": BLUE, "odd-Z": PURPLE, "iron peak": VERMILLION}
GRADIENT_STEP = {"K": 100.0, "dex": 0.1, "km / s": 1.0}  # changes of a label, by its unit, that one has a feel for


def start_labels(emulator, labels=None):
    """Labels to begin with, as a dict in the emulator's order.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        All or some labels by name, or all in order; what is missing is near the Sun, in the H band that of a K giant.

    Raises
    ------
    ValueError
        If a name is not one of the emulator's labels or the number of values is wrong.
    """
    if labels is not None and not hasattr(labels, "keys"):
        values = np.asarray(labels, dtype=float).ravel()
        if len(values) != len(emulator.labels):
            raise ValueError(
                f"{len(values)} labels given, the emulator takes {len(emulator.labels)}: {', '.join(emulator.labels)}"
            )
        labels = dict(zip(emulator.labels, values))
    given = {name: float(labels[name]) for name in dict(labels)} if labels is not None else {}
    unknown = set(given) - set(emulator.labels)
    if unknown:
        raise ValueError(
            f"{', '.join(sorted(unknown))}: no label of the emulator, which takes {', '.join(emulator.labels)}"
        )
    start = GIANT if in_h_band(emulator) else START
    return {name: given.get(name, start[name]) for name in emulator.labels}


def in_h_band(emulator) -> bool:
    """Whether an emulator is that of APOGEE, not of the RVS."""
    return "fe_h" in emulator.labels


class SpectrumFigure(LiveFigure):
    """Panels over the wavelength, the first with line markers; the labels of what is shown stand above it.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        See `start_labels`.
    lines : sequence of Line, optional
        See `ExplorerFigure`.
    ratios : sequence of float
        Heights of the panels.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    """

    @styled
    def __init__(self, emulator, labels=None, lines=None, ratios=(2.2, 1, 1)):
        self.emulator = emulator
        self.labels = start_labels(emulator, labels)
        self._window = None
        super().__init__(PAGE, 4.9)
        self._panels = self.figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        above = 0.88 if in_h_band(emulator) else 0.945  # up to three lines of labels, or one
        self.figure.subplots_adjust(left=0.105, right=0.975, bottom=0.085, top=above, hspace=0.09)
        top = self._panels[0]
        self._gaps = [part.start for part in detectors(emulator.wavelength)[1:]]
        self._title = top.text(0, 1.04, "", transform=top.transAxes, fontsize=8, animated=True)
        self.moving = [self._title]
        for axes in self._panels:
            axes.yaxis.set_label_coords(-0.068, 0.5)
        for axes in self._panels[1:]:
            axes.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        self._mark((h_band_lines() if in_h_band(emulator) else LINES) if lines is None else lines)
        top.set(ylabel="Flux / continuum", ylim=(0, 1.22), xlim=emulator.wavelength[[0, -1]])
        self._panels[-1].set_xlabel("Vacuum wavelength (Å)")

    def _curve(self, axes, color, label=None, moving=True):
        """An empty curve; one that moves is drawn anew each time."""
        x = self._with_gaps(self.emulator.wavelength)
        width = 0.9 if moving else 0.8
        (line,) = axes.plot(x, np.full(len(x), np.nan), color=color, linewidth=width, label=label, animated=moving)
        self.moving += [line] * moving
        return line

    def _write_labels(self):
        outside = "" if self.inside else "     outside the training hull"
        self._title.set(text=self._values() + outside, color="black" if self.inside else VERMILLION)

    def _with_gaps(self, values):
        """Pixels (n_pix,) with a NaN in each gap between detectors, so that no curve bridges it."""
        return np.insert(np.asarray(values, dtype=float), self._gaps, np.nan)

    def _mark(self, lines):
        """Ticks above the continuum at every line; names are shown by `_name_lines`."""
        top = self._panels[0]
        colors = [GROUP_COLORS.get(group_of(line.species), BLACK) for line in lines]
        self._ticks = top.vlines([line.wavelength for line in lines], 1.06, 1.1, color=colors, linewidth=0.6)
        style = {"ha": "center", "va": "bottom", "fontsize": 7, "clip_on": True}
        self._lines = lines
        self._names = [
            top.text(line.wavelength, 1.11, line.species, color=color, **style) for line, color in zip(lines, colors)
        ]

    def _name_lines(self, element=None):
        """Set off the lines of an element, and show the names of the lines in the window that do not run into one named
        before, those of the element first."""
        low, high = self._window
        own = np.array([line.species == element for line in self._lines], dtype=bool)
        self._ticks.set_linewidth(np.where(own, 1.6, 0.6))
        shown = []
        room = (0.016 + 0.0052 * max(len(line.species) for line in self._lines)) * (high - low)
        for k in np.argsort(~own, kind="stable"):
            wavelength, text = self._lines[k].wavelength, self._names[k]
            free = low + room / 2 < wavelength < high - room / 2 and all(abs(wavelength - w) > room for w in shown)
            text.set(visible=free, fontweight="bold" if own[k] else "normal")
            if free:
                shown.append(wavelength)

    def _values(self):
        """The labels as text: abundances of single elements, as far as they are not zero, in a second line."""
        units = (unit.replace("dex", "").replace(" ", "") for unit in self.emulator.units)
        general, single = [], []
        for (name, value), unit in zip(self.labels.items(), units):
            if name not in ELEMENTS.values():
                general.append(f"{name} {value:.5g} {unit}".rstrip())
            elif value:
                single.append(f"{element_of(name)}\N{NO-BREAK SPACE}{value:.3g}")
        text = "   ".join(general)
        if in_h_band(self.emulator):
            text += "\n" + textwrap.fill("[X/Fe]   " + ("  ".join(single) or "all 0"), 110, break_on_hyphens=False)
        return text.replace("-", "−")

    @property
    def inside(self) -> bool:
        """Whether the labels lie in the emulator's training hull."""
        return bool(np.ravel(self.emulator.in_hull(np.array([list(self.labels.values())])))[0])

    def _rescale(self, axes, line):
        """Symmetric round limits: they change seldom, and with them the background."""
        low, high = axes.get_xlim()
        x, y = line.get_data()
        y = np.abs(y[(x >= low) & (x <= high)])
        limit = round_limit(max(1.05 * np.nanmax(y, initial=0.0), 1e-3))
        if not np.isclose(axes.get_ylim()[1], limit):
            axes.set_ylim(-limit, limit)
            self._background = None


class ExplorerFigure(SpectrumFigure):
    """Flux with line markers, difference to a reference, and gradient with respect to one label.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        See `start_labels`.
    reference : ndarray, shape (n_pix,), optional
        Flux to compare with, NaN where bad; by default the emulator's at `labels`.
    reference_name : str
    gradient : str
        Label of the gradient panel.
    lines : sequence of Line, optional
        Lines to mark, the most important first: they get their names where there is room. By default those of the
        band. A species that is an element has its group's colour, and is set off if the gradient is by its abundance.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    flux : ndarray, shape (n_pix,)
        The emulator's flux at `labels`.
    derivative : ndarray, shape (n_pix,)
        Its derivative by the label of the gradient panel, in flux per unit of the label.

    Examples
    --------
    >>> ExplorerFigure(emulator, {"teff": 5000}, gradient="m_h").figure
    """

    @styled
    def __init__(self, emulator, labels=None, reference=None, reference_name="start", gradient="teff", lines=None):
        super().__init__(emulator, labels, lines)
        self.gradient = None
        top, middle, bottom = self._panels
        self._reference = self._curve(top, GREY, "reference", moving=False)
        self._flux = self._curve(top, BLUE, "emulator")
        self._residual = self._curve(middle, BLUE)
        self._gradient = self._curve(bottom, VERMILLION)
        middle.set_ylabel("Emulator −\nreference")
        self.update(gradient=gradient, window=emulator.wavelength[[0, -1]])
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
        new = start_labels(self.emulator, self.labels | dict(labels or {}))
        gradient = gradient or self.gradient
        if gradient not in self.emulator.labels:
            raise ValueError(f"{gradient}: no label of the emulator, which takes {', '.join(self.emulator.labels)}")
        self.labels = new
        row = np.array([list(new.values())])
        column = self.emulator.labels.index(gradient)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutsideHullWarning)  # the figure says so itself
            self.flux = np.asarray(self.emulator(row)[0], dtype=float)
            self.derivative = np.asarray(self.emulator.jacobian(row)[0, column], dtype=float)
        unit = self.emulator.units[column]
        step = GRADIENT_STEP.get(unit, 1.0)
        self._flux.set_ydata(self._with_gaps(self.flux))
        self._gradient.set_ydata(self._with_gaps(self.derivative * step))
        self._residual.set_ydata(self._flux.get_ydata() - self._reference.get_ydata())
        self._write_labels()
        window = self._window if window is None else tuple(window)
        if gradient != self.gradient or window != self._window:
            self.gradient, self._window = gradient, window
            change = f"{step:g} {unit.replace(' ', '')}".strip()
            self._panels[2].set_ylabel(f"Flux change per\n{change} in {symbol(gradient)}")
            self._panels[0].set_xlim(window)
            self._name_lines(element_of(gradient))
            self._background = None
        self._rescale(self._panels[1], self._residual)
        self._rescale(self._panels[2], self._gradient)

    @styled
    def set_reference(self, flux, name):
        """Compare with another spectrum (n_pix,) on the emulator's pixels, NaN where bad."""
        self._reference.set_ydata(self._with_gaps(flux))
        self._reference.set_label(name)
        top = self._panels[0]
        top.legend(handles=[self._flux, self._reference], loc="lower right", bbox_to_anchor=(0.93, 0), fontsize=7)
        self._residual.set_ydata(self._flux.get_ydata() - self._reference.get_ydata())
        self._rescale(self._panels[1], self._residual)
        self._background = None
