"""Steps that bring the spectra of an emulator to those of real stars.

Shipped emulators have them, which is why they are here, and not where they are fitted.
"""

from itertools import combinations_with_replacement
from math import comb

import numpy as np
import torch

from specnb.emulator.step import Step, pushed

DARK = 1e-3  # smallest flux that a power is taken of
DEGREE = 3  # of the polynomials of labels
EDGE = 3.0  # standard deviations beyond which they grow no more, which is a choice


class PixelChange(Step):
    """Raise the flux of each pixel to a power of the pixel, and add an offset.

    A flux is exp(−τ) for the optical depth τ, so that a power multiplies the optical depth.

    Parameters
    ----------
    power, offset : array_like, shape (n_pix,)
    """

    def __init__(self, power, offset):
        super().__init__()
        for name, values in {"power": power, "offset": offset}.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def forward(self, flux, labels):
        return flux.clamp(min=DARK) ** self.power + self.offset

    def push(self, flux, labels, jacobian):
        bright = flux.clamp(min=DARK)
        slope = torch.where(flux >= DARK, self.power * bright ** (self.power - 1.0), 0.0)
        return self(flux, labels), jacobian * slope[:, None]

    @classmethod
    def build(cls, settings, survey):
        return cls(np.ones(len(survey.pixels)), np.zeros(len(survey.pixels)))


class LabelCorrection(Step):
    """Add a polynomial of labels to the flux of each pixel.

    Parameters
    ----------
    columns : sequence of int
        Which of the emulator's labels.
    mean, std : array_like, shape (n,)
        Scales of these labels.
    coefficients : array_like, shape (n_terms, n_pix)
    """

    def __init__(self, columns, mean, std, coefficients):
        super().__init__()
        self.columns = list(columns)
        self.terms = list(combinations_with_replacement(range(len(self.columns) + 1), DEGREE))
        arrays = {"mean": mean, "std": std, "coefficients": coefficients}
        for name, values in arrays.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def features(self, labels):
        """All products (n, n_terms) of up to `DEGREE` labels."""
        x = (labels[:, self.columns] - self.mean) / self.std
        x = torch.cat([torch.ones_like(x[:, :1]), EDGE * torch.tanh(x / EDGE)], dim=1)
        return x[:, self.terms].prod(dim=2)

    def forward(self, flux, labels):
        return flux + self.features(labels) @ self.coefficients

    def push(self, flux, labels, jacobian):
        unit = torch.eye(labels.shape[1]).to(labels)[self.columns].expand(len(labels), -1, -1)
        features, slopes = pushed(self.features, (labels,), (unit,))
        jacobian[:, self.columns] += slopes @ self.coefficients
        return flux + features @ self.coefficients, jacobian

    def settings(self):
        return {"columns": self.columns}

    @classmethod
    def build(cls, settings, survey):
        n = len(settings["columns"])
        coefficients = np.zeros((comb(n + DEGREE, DEGREE), len(survey.pixels)))
        return cls(settings["columns"], np.zeros(n), np.ones(n), coefficients)
