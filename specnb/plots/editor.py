"""A star, its reconstruction and its spectrum with edited labels and latents (Fig. 2 of Manteiga et al. 2025)."""

from dataclasses import dataclass

import numpy as np

from specnb.plots.live import LiveFigure, round_limit
from specnb.plots.panels import WAVELENGTH
from specnb.plots.style import BLACK, BLUE, GREY, PAGE, SKY, VERMILLION, styled


def edit_title(star: str, own, labels) -> str:
    """A star's name and its labels, with those that are edited as "before → after".

    Parameters
    ----------
    star : str
    own, labels : mapping of str to float
        Before and after the edit.
    """
    parts = []
    for name, value in labels.items():
        digits = 2 if abs(own[name]) < 100 else 0
        parts.append(f"{name} {own[name]:.{digits}f}" + (f" → {value:.{digits}f}" if value != own[name] else ""))
    return "   ".join([star, *(part.replace("-", "−") for part in parts)])  # an id keeps its hyphen


@dataclass(frozen=True, eq=False)
class EditedStar:
    """A star before and after an edit, as `EditorFigure` shows it.

    Attributes
    ----------
    original, reconstruction, edited : ndarray, shape (n_pix,)
        Flux, NaN where bad.
    z_original, z : ndarray, shape (latent,)
        Latents before and after the edit.
    title : str
    inside : bool
        Whether the labels lie in the training range. If not, the title says so.
    overlay : ndarray, shape (n_pix,), optional
        Another flux to compare the edited one with.
    overlay_name : str
    """

    original: np.ndarray
    reconstruction: np.ndarray
    edited: np.ndarray
    z_original: np.ndarray
    z: np.ndarray
    title: str = ""
    inside: bool = True
    overlay: np.ndarray | None = None
    overlay_name: str = ""


class EditorFigure(LiveFigure):
    """Flux, differences to the reconstruction, and the latent vector; redrawn in place by the latent editor.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    latent : int
        Entries of the latent vector.
    limits : (float, float)
        Range of the entries.

    Attributes
    ----------
    figure : Figure
    """

    @styled
    def __init__(self, wavelength, latent: int, limits):
        super().__init__(PAGE, 5.3)
        top, middle, bottom = self.figure.subplots(3, 1, height_ratios=[2.2, 1.2, 0.9])
        self.figure.subplots_adjust(left=0.1, right=0.98, bottom=0.085, top=0.92, hspace=0.1)
        middle.sharex(top)
        top.tick_params(labelbottom=False)
        box = bottom.get_position()
        bottom.set_position([box.x0, 0.085, box.width, box.height - 0.045])
        self._panels = top, middle, bottom
        x, nothing = wavelength, np.full(len(wavelength), np.nan)

        def line(axes, color, width, label, **style):
            self.moving += axes.plot(x, nothing, color=color, linewidth=width, label=label, animated=True, **style)
            return self.moving[-1]

        self._original = line(top, GREY, 1.6, "original")
        self._reconstruction = line(top, BLACK, 0.7, "reconstruction")
        self._edited = line(top, BLUE, 0.9, "edited")
        self._overlay = line(top, VERMILLION, 0.9, "_", linestyle="--")
        self._misfit = line(middle, GREY, 0.9, "original − reconstruction")
        self._change = line(middle, BLUE, 0.9, "edited − reconstruction")
        self._error = line(middle, VERMILLION, 0.8, "_", linestyle="--")
        middle.axhline(0, color=GREY, linewidth=0.5, zorder=1)
        entries, zeros = np.arange(latent), np.zeros(latent)
        self._span = bottom.axvspan(-0.5, 0.5, color=SKY, alpha=0.3, linewidth=0, animated=True)
        self._bars = [
            bottom.bar(entries + shift, zeros, 0.4, color=color, animated=True)
            for shift, color in ((-0.2, GREY), (0.2, BLUE))
        ]
        bottom.axhline(0, color=BLACK, linewidth=0.5)
        top.set(ylabel="Flux / continuum", ylim=(0, 1.2), xlim=(x[0], x[-1]))
        middle.set(xlabel=WAVELENGTH, ylabel="Difference")
        bottom.set(xlabel="Entry k of the latent vector", ylabel="$z_k$", ylim=limits, xlim=(-0.7, latent - 0.3))
        for axes in self._panels:
            axes.yaxis.set_label_coords(-0.066, 0.5)
        self._title = top.text(0, 1.13, "", transform=top.transAxes, fontsize=8, animated=True)
        self.moving += [self._span, *self._bars[0], *self._bars[1], self._title]

    @styled
    def update(self, star: EditedStar, entry: int = 0, window=None):
        """Show a star and its edit.

        Parameters
        ----------
        star : EditedStar
        entry : int
            The latent entry to mark.
        window : (float, float), optional
            Wavelengths to show, in Å; by default all.
        """
        overlay = np.full(len(star.original), np.nan) if star.overlay is None else star.overlay
        fluxes = star.original, star.reconstruction, star.edited, overlay
        for line, flux in zip((self._original, self._reconstruction, self._edited, self._overlay), fluxes):
            line.set_ydata(flux)
        differences = self._misfit, self._change, self._error
        values = star.original - star.reconstruction, star.edited - star.reconstruction, star.edited - overlay
        x = self._original.get_xdata()
        low, high = window or (x[0], x[-1])
        shown = (x >= low) & (x <= high)
        for line, difference in zip(differences, values):
            line.set_ydata(difference)
        for bar, height in zip([*self._bars[0], *self._bars[1]], [*star.z_original, *star.z]):
            bar.set_height(height)
        self._span.set_x(entry - 0.5)
        outside = "" if star.inside else "   outside the training range"
        self._title.set(text=star.title + outside, color="black" if star.inside else VERMILLION)
        reach = np.nanmax(np.abs(np.stack(values)[:, shown]), initial=0.0)
        self._set_frame((low, high), round_limit(max(1.05 * reach, 0.01)), star.overlay_name)

    def _set_frame(self, window, limit, overlay_name):
        """Limits of the axes and legends."""
        self.frame(window, limit, overlay_name)
        if self._background is not None:
            return
        top, middle, _ = self._panels
        top.set_xlim(window)
        middle.set_ylim(-limit, limit)
        flux, differences = [self._original, self._reconstruction, self._edited], [self._misfit, self._change]
        if overlay_name:
            self._overlay.set_label(overlay_name)
            self._error.set_label(f"edited − {overlay_name}")
            flux.append(self._overlay)
            differences.append(self._error)
        style = {"loc": "lower left", "borderaxespad": 0.2, "ncols": 4}
        top.legend(handles=flux, bbox_to_anchor=(0, 1), **style)
        middle.legend(handles=differences, **style)
