"""Spectra and their differences for print, in panels with round limits that seldom change."""

from itertools import zip_longest

import numpy as np

from specnb.plots.style import (
    BLACK,
    GREY,
    PAGE,
    VERMILLION,
    WAVELENGTH,
    Figure,
    plain_text,
    with_gaps,
)

MARGINS = {"left": 0.105, "right": 0.975, "hspace": 0.09}  # as fractions of the figure
LEGEND = {"loc": "lower left", "borderaxespad": 0.2, "ncols": 4, "fontsize": 7}


def round_limit(reach: float) -> float:
    """The next larger round number."""
    power = 10.0 ** np.floor(np.log10(max(reach, 1e-6)))
    return float(
        next(factor * power for factor in (1, 1.5, 2, 3, 5, 7, 10) if factor * power >= reach)
    )


def flux_limits(flux, room: float) -> tuple[float, float]:
    """Round ends of an axis on which normalised flux is drawn.

    Parameters
    ----------
    flux : array_like
        Flux, NaN where there is none. Noise beyond 0 to 1.2 is cut off.
    room : float
        Fraction of the axis that stays free above the flux.
    """
    flux = np.clip(flux, 0, 1.2)
    low, high = np.nanmin(flux, initial=0.99), np.nanmax(flux, initial=1.0)
    step = min(0.05, 0.5 * 10 ** np.floor(np.log10(high - low)))
    # A fifth of a step is left free below the flux, and as much may lie above the upper end
    low, high = max(step * np.floor(low / step - 0.2), 0), step * np.ceil(high / step - 0.2)
    return float(low), float(low + (high - low) / (1 - room))


def label_text(label, value: float, before: float | None = None) -> str:
    """The symbol, value and unit of a `Label`; an edited value is written as "before → after"."""
    values = [value] if before in (None, value) else [before, value]
    shown = " → ".join(f"{each:z.{label.steps.decimals}f}".replace("-", "−") for each in values)
    unit = label.unit.replace("dex", "").replace(" ", "")
    return f"{label.symbol} = {shown} {unit}".rstrip()


def start_labels(survey, labels=None) -> dict[str, float]:
    """The first labels of a figure with sliders, in the survey's order.

    Parameters
    ----------
    survey : Survey
    labels : mapping, optional
        Some labels by name. Labels that are not given are taken from `Survey.start`.

    Raises
    ------
    ValueError
        If a name is not one of the survey's labels.
    """
    labels = dict(labels or {})
    if unknown := set(labels) - set(survey.names):
        raise ValueError(
            f"{', '.join(sorted(unknown))}: no label of {survey.name}, which has {', '.join(survey.names)}"
        )
    return {name: float(labels.get(name, survey.start[name])) for name in survey.names}


class SpectrumFigure:
    """Spectra against wavelength, and panels of differences below them. Subclasses call `_show`.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    panels : mapping of str to sequence of (str, float, str)
        For the title of each vertical axis, colour, width and style of each curve. The first panel
        has the flux.
    height : float
        Height of the figure, in inches.
    bottom, top : float
        Ends of the panels, as fractions of the figure.
    room : float
        Fraction of the first panel that stays free above the flux.

    Attributes
    ----------
    figure : Figure
    window : (float, float)
        The range of wavelengths that is shown, in Å.
    """

    def __init__(self, wavelength, panels, height, bottom, top, room):
        self.figure = Figure(PAGE, height, layout="none", dpi=110)
        self.wavelength, self.window, self._room = wavelength, tuple(wavelength[[0, -1]]), room
        self._panels = self.figure.subplots(
            len(panels), 1, sharex=True, height_ratios=[2.2] + [1.0] * (len(panels) - 1),
            gridspec_kw=MARGINS | {"bottom": bottom, "top": top},
        )  # fmt: skip
        for axes in self._panels[1:]:
            axes.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        x = with_gaps(wavelength, wavelength)
        self._curves = []
        for axes, (title, looks) in zip(self._panels, panels.items()):
            axes.set_ylabel(title)
            axes.yaxis.set_label_coords(-0.068, 0.5)
            self._curves.append(
                [
                    axes.plot(x, 0 * x, color=color, linewidth=width, linestyle=style)[0]
                    for color, width, style in looks
                ]
            )
        self._panels[-1].set_xlabel(WAVELENGTH)
        # The title is above the legend, and a warning beside the legend
        self._title, self._warning = (
            self._panels[0].annotate(
                "", (x, 1), (0, y), "axes fraction", "offset points", ha=side, color=color,
                fontsize=8,
            )
            for x, y, side, color in ((0, 17, "left", BLACK), (1, 4.5, "right", VERMILLION))
        )  # fmt: skip

    def __repr__(self):
        return f"<{type(self).__name__}: use .figure and .update()>"

    def _show(self, values, title, outside="", window=None):
        """Show other spectra.

        Parameters
        ----------
        values : sequence of mapping of str to ndarray, shape (n_pix,)
            For each panel, the values of its curves by name. Names that begin with "_" are not in
            the legend.
        title : str
        outside : str
            The region in which the labels should lie, but do not.
        window : (float, float), optional
            Another range of wavelengths.
        """
        self.window = self.window if window is None else tuple(window)
        shown = (self.wavelength >= self.window[0]) & (self.wavelength <= self.window[1])
        limits = []
        for curves, fluxes in zip(self._curves, values):
            for curve, name in zip_longest(curves, fluxes, fillvalue="_"):
                flux = fluxes.get(name, np.full(len(shown), np.nan))
                curve.set(ydata=with_gaps(self.wavelength, flux), label=plain_text(name))
            inside = np.stack(list(fluxes.values()))[:, shown]
            limit = round_limit(max(1.05 * np.nanmax(np.abs(inside), initial=0.0), 1e-3))
            # Numbers with four decimals would touch the title of the axis
            limit = {0.001: 0.0015, 0.005: 0.007}.get(limit, limit)
            limits.append((-limit, limit) if limits else flux_limits(inside, self._room))
        self._title.set_text(title)
        self._warning.set_text(f"outside the {outside}" if outside else "")
        for axes, curves, ends in zip(self._panels, self._curves, limits):
            axes.set(xlim=self.window, ylim=ends)
            named = [curve for curve in curves if not curve.get_label().startswith("_")]
            above = {"bbox_to_anchor": (0, 1)} if axes is self._panels[0] else {}
            if named:
                axes.legend(handles=named, **LEGEND, **above)
