"""Figures that a slider redraws many times per second."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from specnb.plots.style import Figure


def round_limit(reach: float) -> float:
    """The next larger round number. With round limits, an axis seldom has to be redrawn."""
    power = 10.0 ** np.floor(np.log10(max(reach, 1e-6)))
    return float(
        next(factor * power for factor in (1, 1.5, 2, 3, 5, 7, 10) if factor * power >= reach)
    )


class LiveFigure:
    """A figure that redraws only the moving parts. The other parts are kept as a background picture
    until they change.

    Attributes
    ----------
    figure : Figure
    moving : list of Artist
        They are made with ``animated=True``, so they are not in the background. savefig draws all.
    """

    def __init__(self, width, height):
        self.figure = Figure(width, height, layout="none", dpi=110)
        self.moving = []
        self._canvas = FigureCanvasAgg(self.figure)
        self._background = self._renderer = self._frame = None

    def frame(self, *state):
        """Set what the background depends on; it is redrawn if this differs from the last time."""
        if state != self._frame:
            self._frame, self._background = state, None

    def pixels(self):
        """The picture on the screen: RGBA, shape (height, width, 4), uint8."""
        canvas = self._canvas
        # savefig leaves a renderer of its own behind
        if self._background is None or canvas.get_renderer() is not self._renderer:
            canvas.draw()
            self._renderer = canvas.get_renderer()
            self._background = canvas.copy_from_bbox(self.figure.bbox)
        else:
            canvas.restore_region(self._background)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())
