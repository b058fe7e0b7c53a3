"""Simulated spectra of edited stars of a mock survey, whose truth is known."""

import warnings
from dataclasses import dataclass

import numpy as np

from specnb.core.spectra import Spectra
from specnb.emulator.model import Emulator, OutsideHullWarning
from specnb.surveys.mock import MockConfig, remake


@dataclass(frozen=True, eq=False)
class SimulatedStars:
    """Stars of a mock survey without noise, their true labels, and how they were made.

    Attributes
    ----------
    truth : Spectra
    emulator : Emulator
    mock : MockConfig

    Raises
    ------
    ValueError
        If one of the three is None, or the emulator and the configuration do not give the true
        spectra.
    """

    truth: Spectra | None
    emulator: Emulator | None
    mock: MockConfig | None

    def __post_init__(self):
        if any(part is None for part in (self.truth, self.emulator, self.mock)):
            raise ValueError(
                "the simulator's spectrum needs truth, emulator and mock (a MockConfig): give all or none"
            )
        if not np.allclose(self.edited(0, {}), self.truth.flux[0], atol=1e-5):
            raise ValueError(
                "emulator and mock do not give these true spectra: pass those that did"
            )

    def edited(self, row: int, labels) -> np.ndarray:
        """The true flux (n_pix,) of a star with some labels changed; all others keep their true
        values.
        """
        one = slice(row, row + 1)
        stars = self.truth.labels[one].copy()
        for name, value in labels.items():
            stars[name] = value
        with warnings.catch_warnings():
            # No warning here: the editor warns already outside the autoencoder's narrower range.
            warnings.simplefilter("ignore", OutsideHullWarning)
            return remake(self.emulator, self.mock, self.truth.ids[one], stars)[0]
