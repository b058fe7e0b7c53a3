"""Figures of an autoencoder: a star with edited labels and latents (Fig. 2 of Manteiga et al. 2025),
and the latents of a model that takes λ as an input.
"""

import numpy as np

from specnb.plots.panels import SpectrumFigure, round_limit
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREY,
    PAGE,
    SEQUENTIAL,
    SKY,
    VERMILLION,
    Figure,
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
        self._span = bottom.axvspan(-0.5, 0.5, color=SKY, alpha=0.3, linewidth=0)
        self._bars = [
            bar
            for shift, color in ((-0.2, GREY), (0.2, BLUE))
            for bar in bottom.bar(entries + shift, zeros, 0.4, color=color)
        ]
        bottom.axhline(0, color=BLACK, linewidth=0.5)
        bottom.set(xlabel="Entry k of the latent vector", ylabel="$z_k$", ylim=limits,
                   xlim=(-0.7, latent - 0.3))  # fmt: skip
        bottom.yaxis.set_label_coords(-0.068, 0.5)

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


@styled
def conditional_latents(at, start, values, colour: str):
    """Principal components of latents at some λ, coloured by a label, and the R² of probes.

    Parameters
    ----------
    at, start : AtLambda
        What a `specnb.disentangle.conditional.Conditional` gives at these λ, and at λ = 0.
    values : ndarray, shape (n,)
        The label ``colour`` of the stars that are shown.
    colour : str

    Returns
    -------
    Figure
    """
    figure = Figure(PAGE, 3.2, layout="none")
    points_axes, scale, probes = (
        figure.add_axes((left, 0.135, width, 0.76))
        for left, width in ((0.075, 0.4), (0.485, 0.015), (0.655, 0.325))
    )
    # Points are drawn in random order, so that no colour lies on top
    order = np.random.default_rng(0).permutation(len(values))
    low, high = np.percentile(values, (1, 99))
    dots = points_axes.scatter(
        *at.points[order].T, c=np.asarray(values)[order], s=5, cmap=SEQUENTIAL, linewidths=0,
        vmin=low, vmax=high,
    )  # fmt: skip
    figure.colorbar(dots, cax=scale, label=axis_title(colour))
    x, y = (round_limit(1.05 * float(np.abs(side).max())) for side in at.points.T)
    names = [f"{which} principal component of the latents" for which in ("First", "Second")]
    points_axes.set(xlim=(-x, x), ylim=(-y, y), xlabel=names[0], ylabel=names[1])
    error = f"rms flux error {at.error:.4f}, {at.error / start.error:.2f} of that at λ = 0"
    points_axes.text(0, 1.03, error, transform=points_axes.transAxes)
    rows = np.arange(len(at.linear))
    for shift, color, name, r2 in (
        (-0.19, SKY, "linear", at.linear),
        (0.19, BLUE, "nonlinear", at.nonlinear),
    ):
        widths = np.maximum(list(r2.values()), -0.05)
        probes.barh(rows + shift, widths, 0.36, color=color, label=name)
    probes.plot(list(start.nonlinear.values()), rows + 0.19, "|", color=BLACK, markersize=11,
                label="nonlinear, all λ = 0")  # fmt: skip
    probes.set(xlim=(-0.05, 1.05), xlabel="R² of probes on test stars")
    probes.axvline(0, color=BLACK, linewidth=0.5)
    probes.yaxis.set_inverted(True)
    name_ticks(probes.yaxis, [symbol(name) for name in at.linear])
    probes.legend(
        ncols=3, loc="lower right", bbox_to_anchor=(1.03, 1), columnspacing=1, borderaxespad=0.2
    )
    return figure
