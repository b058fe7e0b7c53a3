"""Figure of a λ-conditional autoencoder at one λ: a projection of its latents, and what probes read
from them.
"""

import numpy as np

from specnb.plots.live import LiveFigure, round_limit
from specnb.plots.panels import name_ticks
from specnb.plots.style import BLACK, BLUE, PAGE, SEQUENTIAL, SKY, axis_title, styled, symbol


class ConditionalFigure(LiveFigure):
    """A projection of the latents, coloured by a label, and the R² of probes for each label. The λ
    sliders redraw it in place.

    Parameters
    ----------
    labels : sequence of str

    Attributes
    ----------
    figure : Figure
    """

    @styled
    def __init__(self, labels):
        self.labels = tuple(labels)
        super().__init__(PAGE, 3.2)
        self._map = self.figure.add_axes((0.075, 0.135, 0.4, 0.76))
        scale = self.figure.add_axes((0.485, 0.135, 0.015, 0.76))
        self._probes = self.figure.add_axes((0.655, 0.135, 0.325, 0.76))
        self._dots = self._map.scatter(
            [], [], c=[], s=5, cmap=SEQUENTIAL, linewidths=0, animated=True
        )
        self._scale = self.figure.colorbar(self._dots, cax=scale)
        y = np.arange(len(labels))
        nothing = np.zeros(len(labels))
        self._bars = [
            self._probes.barh(y + shift, nothing, 0.36, color=color, label=name, animated=True)
            for shift, color, name in ((-0.19, SKY, "linear"), (0.19, BLUE, "nonlinear"))
        ]
        self._marks = self._probes.plot(
            nothing,
            y + 0.19,
            "|",
            color=BLACK,
            markersize=11,
            label="nonlinear, all λ = 0",
            animated=True,
        )[0]
        self._probes.set(xlim=(-0.05, 1.05), xlabel="R² of probes on test stars")
        self._probes.axvline(0, color=BLACK, linewidth=0.5)
        self._probes.yaxis.set_inverted(True)
        name_ticks(self._probes.yaxis, [symbol(name) for name in labels])
        self._probes.legend(
            ncols=3, loc="lower right", bbox_to_anchor=(1.03, 1), columnspacing=1, borderaxespad=0.2
        )
        self._title = self._map.text(0, 1.03, "", transform=self._map.transAxes, animated=True)
        self.moving += [self._dots, *self._bars[0], *self._bars[1], self._marks, self._title]

    @styled
    def update(
        self, points, values, colour, linear, nonlinear, reference=None, title="", axes=("", "")
    ):
        """Show the latents at one λ.

        Parameters
        ----------
        points : ndarray, shape (n, 2)
            Projected latents.
        values : ndarray, shape (n,)
            Values of the label ``colour`` for these points.
        colour : str
        linear, nonlinear : sequence, shape (n_labels,)
            R² of the probes.
        reference : sequence, optional
            R² to mark, such as that of the nonlinear probe when all λ are 0.
        title : str
        axes : (str, str)
            Titles of the two axes.
        """
        # Points are drawn in random order, so that no colour lies on top
        order = np.random.default_rng(0).permutation(len(points))
        self._dots.set_offsets(points[order])
        self._dots.set_array(np.asarray(values)[order])
        limits = [round_limit(1.05 * float(np.abs(side).max())) for side in points.T]
        colours = tuple(np.percentile(values, (1, 99)).tolist())
        self.frame(*limits, colour, colours, axes)
        if self._background is None:
            self._dots.set_clim(*colours)
            self._scale.set_label(axis_title(colour))
            (x, y), (x_title, y_title) = limits, axes
            self._map.set(xlim=(-x, x), ylim=(-y, y), xlabel=x_title, ylabel=y_title)
        for bars, heights in zip(self._bars, (linear, nonlinear)):
            for bar, height in zip(bars, heights):
                bar.set_width(max(height, -0.05))
        self._marks.set_xdata(np.full(len(self.labels), np.nan) if reference is None else reference)
        self._title.set_text(title)
