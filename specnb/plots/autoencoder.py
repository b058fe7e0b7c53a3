"""Figures of an autoencoder that sliders redraw in place: a star with edited labels and latents
(Fig. 2 of Manteiga et al. 2025), and the latents of a model that takes λ as an input.
"""

import numpy as np

from specnb.plots.live import LiveFigure, SpectrumFigure, round_limit
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREY,
    SEQUENTIAL,
    SKY,
    VERMILLION,
    axis_title,
    name_ticks,
    styled,
    symbol,
)

PANELS = {
    "Flux / continuum": [(GREY, 1.6, "-"), (BLACK, 0.7, "-"), (BLUE, 0.9, "-"), (VERMILLION, 0.9, "--")],
    "Difference": [(GREY, 0.9, "-"), (BLUE, 0.9, "-"), (VERMILLION, 0.8, "--")],
}  # fmt: skip


class EditorFigure(SpectrumFigure):
    """The flux, the differences to the reconstruction, and the latent vector.

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
        super().__init__(wavelength, PANELS, 5.3, bottom=0.275, top=0.92, room=0.03)
        bottom = self.figure.add_axes((0.105, 0.085, 0.87, 0.12))
        entries, zeros = np.arange(latent), np.zeros(latent)
        self._span = bottom.axvspan(-0.5, 0.5, color=SKY, alpha=0.3, linewidth=0, animated=True)
        self._bars = [
            bar
            for shift, color in ((-0.2, GREY), (0.2, BLUE))
            for bar in bottom.bar(entries + shift, zeros, 0.4, color=color, animated=True)
        ]
        bottom.axhline(0, color=BLACK, linewidth=0.5)
        bottom.set(xlabel="Entry k of the latent vector", ylabel="$z_k$", ylim=limits,
                   xlim=(-0.7, latent - 0.3))  # fmt: skip
        bottom.yaxis.set_label_coords(-0.068, 0.5)
        self.moving += [self._span, *self._bars]

    @styled
    def update(self, flux, latents, title="", outside="", entry=0, window=None):
        """Show a star and its edit.

        Parameters
        ----------
        flux : mapping of str to ndarray, shape (n_pix,)
            Flux by name: "original", "reconstruction", "edited", and possibly a fourth spectrum
            with which the edited one is compared. Bad pixels are NaN.
        latents : (ndarray, ndarray), shape (latent,)
            Latents before and after the edit.
        title : str
        outside : str
            The region in which the labels should lie, but do not.
        entry : int
            The latent entry to mark.
        window : (float, float), optional
            Range of wavelengths to show, in Å. By default it does not change.
        """
        for bar, height in zip(self._bars, np.concatenate(latents)):
            bar.set_height(height)
        self._span.set_x(entry - 0.5)
        pairs = [("original", "reconstruction"), ("edited", "reconstruction")]
        pairs += [("edited", name) for name in list(flux)[3:]]
        differences = {f"{one} − {other}": flux[one] - flux[other] for one, other in pairs}
        self._show([flux, differences], title, outside, window)


class ConditionalFigure(LiveFigure):
    """A projection of the latents, coloured by a label, and the R² of probes for each label.

    Parameters
    ----------
    labels : sequence of str

    Attributes
    ----------
    figure : Figure
    """

    @styled
    def __init__(self, labels):
        super().__init__(3.2)
        self._map, scale, probes = (
            self.figure.add_axes((left, 0.135, width, 0.76))
            for left, width in ((0.075, 0.4), (0.485, 0.015), (0.655, 0.325))
        )
        self._dots = self._map.scatter(
            [], [], c=[], s=5, cmap=SEQUENTIAL, linewidths=0, animated=True
        )
        self._scale = self.figure.colorbar(self._dots, cax=scale)
        y, nothing = np.arange(len(labels)), np.zeros(len(labels))
        self._bars = [
            bar
            for shift, color, name in ((-0.19, SKY, "linear"), (0.19, BLUE, "nonlinear"))
            for bar in probes.barh(y + shift, nothing, 0.36, color=color, label=name, animated=True)
        ]
        (self._marks,) = probes.plot(nothing, y + 0.19, "|", color=BLACK, markersize=11,
                                     label="nonlinear, all λ = 0", animated=True)  # fmt: skip
        probes.set(xlim=(-0.05, 1.05), xlabel="R² of probes on test stars")
        probes.axvline(0, color=BLACK, linewidth=0.5)
        probes.yaxis.set_inverted(True)
        name_ticks(probes.yaxis, [symbol(name) for name in labels])
        probes.legend(
            ncols=3, loc="lower right", bbox_to_anchor=(1.03, 1), columnspacing=1, borderaxespad=0.2
        )
        self._title = self._map.text(0, 1.03, "", transform=self._map.transAxes, animated=True)
        self.moving += [self._dots, *self._bars, self._marks, self._title]

    @styled
    def update(self, points, values, colour, r2, reference, title, axes):
        """Show the latents at one λ.

        Parameters
        ----------
        points : ndarray, shape (n, 2)
            Projected latents.
        values : ndarray, shape (n,)
            Values of the label ``colour`` for these points.
        colour : str
        r2 : ndarray, shape (2, n_labels)
            R² of the linear and of the nonlinear probe.
        reference : ndarray, shape (n_labels,)
            R² to mark, such as that of the nonlinear probe when all λ are 0.
        title : str
        axes : (str, str)
            Titles of the two axes.
        """
        # Points are drawn in random order, so that no colour lies on top
        order = np.random.default_rng(0).permutation(len(points))
        self._dots.set_offsets(points[order])
        self._dots.set_array(np.asarray(values)[order])
        x, y = (round_limit(1.05 * float(np.abs(side).max())) for side in points.T)
        colours = tuple(np.percentile(values, (1, 99)).tolist())
        if self.frame(x, y, colour, colours, axes):
            self._dots.set_clim(*colours)
            self._scale.set_label(axis_title(colour))
            self._map.set(xlim=(-x, x), ylim=(-y, y), xlabel=axes[0], ylabel=axes[1])
        for bar, width in zip(self._bars, np.maximum(np.ravel(r2), -0.05)):
            bar.set_width(width)
        self._marks.set_xdata(reference)
        self._title.set_text(title)
