"""The departures of the RVS mock survey as a step of an emulator: what a perfect translator knows."""

import numpy as np
import torch

from specnb.emulator.step import Step
from specnb.surveys.rvs.departures import SCALES, at_pixels, coefficients
from specnb.surveys.rvs.survey import RVS


class Departures(Step):
    """Multiply optical depths by `specnb.surveys.rvs.departures.departures`, as the survey does.

    Parameters
    ----------
    amplitude : float
        The field ``nonlinear`` of `specnb.surveys.rvs.mock.RvsMockConfig`.
    """

    def __init__(self, amplitude):
        super().__init__()
        self.amplitude = amplitude
        self.columns = [RVS.names.index(name) for name in SCALES]
        _, _, slopes, offsets = coefficients()
        centres, widths = np.transpose(list(SCALES.values()))
        patterns = amplitude * at_pixels(RVS.pixels)
        values = {"centres": centres, "widths": widths, "slopes": slopes, "offsets": offsets}
        for name, value in (values | {"patterns": patterns}).items():
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def forward(self, flux, labels):
        scaled = (labels[:, self.columns] - self.centres) / self.widths
        factor = torch.exp(torch.tanh(scaled @ self.slopes + self.offsets) @ self.patterns)
        return flux.clamp(min=1e-3) ** factor

    def settings(self):
        return {"amplitude": self.amplitude}
