"""The region of the labels in which a survey's synthetic spectra were computed, as numbers.

Because the limits are numbers and no code, they can be shown, and the explorer in the browser uses
them, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Limit:
    """A limit that labels must keep: Σ weight × label ≥ y.

    Attributes
    ----------
    weights : mapping of str to float
        The weights of labels, by name.
    y : tuple of float
        The limit. It is one number, or one for each of ``x``.
    by : str, optional
        The label on which the limit depends.
    x : tuple of float
        Increasing values of that label. The limit is interpolated linearly between them, and is
        constant beyond them.
    text : str
        What is said of labels that do not keep the limit.
    """

    weights: Mapping[str, float]
    y: tuple[float, ...]
    by: str | None = None
    x: tuple[float, ...] = ()
    text: str = ""

    def __call__(self, stars) -> np.ndarray:
        """Whether labels, values by name, keep the limit."""
        total = sum(weight * np.asarray(stars[name]) for name, weight in self.weights.items())
        return total >= (np.interp(stars[self.by], self.x, self.y) if self.by else self.y[0])


@dataclass(frozen=True)
class Region:
    """Where all of some limits are kept, as `Survey.inside` takes it."""

    limits: tuple[Limit, ...]

    def __call__(self, stars) -> np.ndarray:
        """Whether labels, values by name, lie inside."""
        return np.all([limit(stars) for limit in self.limits], axis=0)
