"""The emulator's spectrum at chosen labels: one figure for print, redrawn in place by the slider widget."""

import warnings

import numpy as np

from specnb.emulator import OutsideHullWarning
from specnb.figures.live import LiveFigure, round_limit
from specnb.figures.style import BLUE, GREY, PAGE, VERMILLION, styled, symbol
from specnb.lines import LINES

START = {"teff": 5770.0, "logg": 4.45, "m_h": 0.0, "alpha_fe": 0.0, "vmicro": 1.0, "vbroad": 2.0}  # near the Sun
GRADIENT_STEP = {"K": 100.0, "dex": 0.1, "km / s": 1.0}  # changes of a label, by its unit, that one has a feel for


def start_labels(emulator, labels=None):
    """Labels to begin with, as a dict in the emulator's order.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping or sequence, optional
        All or some labels by name, or all in order; what is missing is near the Sun, or mid-range.

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
    middle = dict(zip(emulator.labels, 0.5 * (emulator.low + emulator.high)))
    return {name: float(given.get(name, START.get(name, middle[name]))) for name in emulator.labels}


class ExplorerFigure(LiveFigure):
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
    lines : sequence of Line
        Lines to mark, the most important first: they get their names where there is room.

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
    def __init__(self, emulator, labels=None, reference=None, reference_name="start", gradient="teff", lines=LINES):
        self.emulator = emulator
        self.labels = start_labels(emulator, labels)
        self.gradient = self._window = None
        super().__init__(PAGE, 4.9)
        self._panels = self.figure.subplots(3, 1, sharex=True, height_ratios=[2.2, 1, 1])
        self.figure.subplots_adjust(left=0.105, right=0.975, bottom=0.085, top=0.945, hspace=0.09)
        top, middle, bottom = self._panels
        x = emulator.wavelength
        nothing = np.full(len(x), np.nan)
        self._reference = top.plot(x, nothing, color=GREY, linewidth=0.8, label="reference")[0]
        moving = {"animated": True, "linewidth": 0.9}
        self._flux = top.plot(x, nothing, color=BLUE, **moving, label="emulator")[0]
        self._residual = middle.plot(x, nothing, color=BLUE, **moving)[0]
        self._gradient = bottom.plot(x, nothing, color=VERMILLION, **moving)[0]
        self._title = top.text(0, 1.04, "", transform=top.transAxes, fontsize=8, animated=True)
        self.moving = [self._flux, self._residual, self._gradient, self._title]
        for axes in (middle, bottom):
            axes.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        self._mark(lines)
        top.set(ylabel="Flux / continuum", ylim=(0, 1.22))
        middle.set_ylabel("Emulator −\nreference")
        bottom.set_xlabel("Vacuum wavelength (Å)")
        for axes in self._panels:
            axes.yaxis.set_label_coords(-0.068, 0.5)
        self.update(gradient=gradient, window=(x[0], x[-1]))
        self.set_reference(self.flux if reference is None else reference, reference_name)

    def _mark(self, lines):
        """Ticks above the continuum at every line; names are shown by `_name_lines`."""
        top = self._panels[0]
        top.vlines([line.wavelength for line in lines], 1.06, 1.1, color="black", linewidth=0.6)
        style = {"ha": "center", "va": "bottom", "fontsize": 7, "clip_on": True}
        self._names = [(line.wavelength, top.text(line.wavelength, 1.11, line.species, **style)) for line in lines]

    def _name_lines(self, low, high):
        """Show the names of the lines in the window that do not run into one named before."""
        shown = []
        room = 0.042 * (high - low)
        for wavelength, text in self._names:
            free = low + room / 2 < wavelength < high - room / 2 and all(abs(wavelength - w) > room for w in shown)
            text.set_visible(free)
            if free:
                shown.append(wavelength)

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
        self._flux.set_ydata(self.flux)
        self._gradient.set_ydata(self.derivative * step)
        self._residual.set_ydata(self.flux - self._reference.get_ydata())
        units = (unit.replace("dex", "").replace(" ", "") for unit in self.emulator.units)
        values = (f"{name} {value:.5g} {unit}".rstrip() for (name, value), unit in zip(self.labels.items(), units))
        outside = "" if self.inside else "     outside the training hull"
        self._title.set(
            text="   ".join(values).replace("-", "−") + outside, color="black" if self.inside else VERMILLION
        )
        if gradient != self.gradient:
            self.gradient = gradient
            self._panels[2].set_ylabel(f"Flux change per\n{step:g} {unit.replace(' ', '')} in {symbol(gradient)}")
            self._background = None
        if window is not None and tuple(window) != self._window:
            self._window = tuple(window)
            self._panels[0].set_xlim(window)
            self._name_lines(*window)
            self._background = None
        self._rescale(self._panels[1], self._residual)
        self._rescale(self._panels[2], self._gradient)

    @styled
    def set_reference(self, flux, name):
        """Compare with another spectrum (n_pix,) on the emulator's pixels, NaN where bad."""
        self._reference.set_ydata(np.asarray(flux, dtype=float))
        self._reference.set_label(name)
        top = self._panels[0]
        top.legend(handles=[self._flux, self._reference], loc="lower right", bbox_to_anchor=(0.93, 0), fontsize=7)
        self._residual.set_ydata(self.flux - self._reference.get_ydata())
        self._rescale(self._panels[1], self._residual)
        self._background = None

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
