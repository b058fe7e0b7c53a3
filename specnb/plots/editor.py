"""Figure of a star: its spectrum, the reconstruction, and the spectrum with edited labels and
latents (Fig. 2 of Manteiga et al. 2025).
"""

from dataclasses import dataclass

import numpy as np

from specnb.plots.live import LiveFigure, round_limit
from specnb.plots.panels import WAVELENGTH
from specnb.plots.style import BLACK, BLUE, GREY, PAGE, SKY, VERMILLION, styled

# The curves: name, colour, width and style. The last one of each tuple gets the name of the
# spectrum that the edited one is compared with.
FLUXES = (("original", GREY, 1.6, "-"), ("reconstruction", BLACK, 0.7, "-"), ("edited", BLUE, 0.9, "-"),
          ("_", VERMILLION, 0.9, "--"))  # fmt: skip
DIFFERENCES = (("original − reconstruction", GREY, 0.9, "-"), ("edited − reconstruction", BLUE, 0.9, "-"),
               ("_", VERMILLION, 0.8, "--"))  # fmt: skip


def edit_title(star: str, own, labels) -> str:
    """The name and labels of a star; edited labels are written as "before → after".

    Parameters
    ----------
    star : str
    own, labels : mapping of str to float
        Labels before and after the edit.
    """
    parts = []
    for name, value in labels.items():
        digits = 2 if abs(own[name]) < 100 else 0
        parts.append(
            f"{name} {own[name]:.{digits}f}"
            + (f" → {value:.{digits}f}" if value != own[name] else "")
        )
    # A hyphen in the star's id stays
    return "   ".join([star, *(part.replace("-", "−") for part in parts)])


@dataclass(frozen=True, eq=False)
class EditedStar:
    """A star before and after an edit, as `EditorFigure` shows it.

    Attributes
    ----------
    original, reconstruction, edited : ndarray, shape (n_pix,)
        Flux; NaN where a pixel is bad.
    z_original, z : ndarray, shape (latent,)
        Latents before and after the edit.
    title : str
    inside : bool
        Whether the labels lie in the training range. If they do not, the title says so.
    overlay : ndarray, shape (n_pix,), optional
        Another flux with which the edited flux is compared.
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
    """The flux, the differences to the reconstruction, and the latent vector. The latent editor
    redraws it in place.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    latent : int
        Number of entries of the latent vector.
    limits : (float, float)
        Range of the entries of the latent vector.

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
        self._fluxes, self._differences = (
            [
                axes.plot(
                    x,
                    nothing,
                    color=color,
                    linewidth=width,
                    linestyle=style,
                    label=label,
                    animated=True,
                )[0]
                for label, color, width, style in looks
            ]
            for axes, looks in ((top, FLUXES), (middle, DIFFERENCES))
        )
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
        bottom.set(
            xlabel="Entry k of the latent vector",
            ylabel="$z_k$",
            ylim=limits,
            xlim=(-0.7, latent - 0.3),
        )
        for axes in self._panels:
            axes.yaxis.set_label_coords(-0.066, 0.5)
        self._title = top.text(0, 1.13, "", transform=top.transAxes, fontsize=8, animated=True)
        bars = [*self._bars[0], *self._bars[1]]
        self.moving += [*self._fluxes, *self._differences, self._span, *bars, self._title]

    @styled
    def update(self, star: EditedStar, entry: int = 0, window=None):
        """Show a star and its edit.

        Parameters
        ----------
        star : EditedStar
        entry : int
            The latent entry to mark.
        window : (float, float), optional
            Range of wavelengths to show, in Å. By default all are shown.
        """
        overlay = np.full(len(star.original), np.nan) if star.overlay is None else star.overlay
        fluxes = star.original, star.reconstruction, star.edited, overlay
        differences = fluxes[0] - fluxes[1], fluxes[2] - fluxes[1], fluxes[2] - overlay
        for line, values in zip([*self._fluxes, *self._differences], [*fluxes, *differences]):
            line.set_ydata(values)
        for bar, height in zip([*self._bars[0], *self._bars[1]], [*star.z_original, *star.z]):
            bar.set_height(height)
        self._span.set_x(entry - 0.5)
        outside = "" if star.inside else "   outside the training range"
        self._title.set(text=star.title + outside, color="black" if star.inside else VERMILLION)
        x = self._fluxes[0].get_xdata()
        low, high = window or (x[0], x[-1])
        shown = (x >= low) & (x <= high)
        reach = np.nanmax(np.abs(np.stack(differences)[:, shown]), initial=0.0)
        self._set_frame((low, high), round_limit(max(1.05 * reach, 0.01)), star.overlay_name)

    def _set_frame(self, window, limit, overlay_name):
        """Limits of the axes and legends."""
        self.frame(window, limit, overlay_name)
        if self._background is not None:
            return
        top, middle, _ = self._panels
        top.set_xlim(window)
        middle.set_ylim(-limit, limit)
        count = 4 if overlay_name else 3
        self._fluxes[3].set_label(overlay_name)
        self._differences[2].set_label(f"edited − {overlay_name}")
        style = {"loc": "lower left", "borderaxespad": 0.2, "ncols": 4}
        top.legend(handles=self._fluxes[:count], bbox_to_anchor=(0, 1), **style)
        middle.legend(handles=self._differences[: count - 1], **style)
