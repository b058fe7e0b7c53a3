"""The perfect translator of the RVS's mock survey: the gap itself, as a step of an emulator."""

import numpy as np
import torch

from specnb.emulator.step import Step
from specnb.surveys.rvs.departures import SCALES, coefficients
from specnb.surveys.rvs.mock import (
    INTERSTELLAR_BAND,
    MISSING_LINE,
    RvsMockConfig,
    gaussian,
    lowered,
    missing_line_depth,
)
from specnb.surveys.rvs.survey import RVS


class RvsGap(Step):
    """Change spectra as a mock survey does, as far as the labels tell.

    No translator that knows a star's labels only can do better. What differs from star to star in
    another way has its mean: the interstellar band is as deep in all stars, and the continuum is 1.

    Parameters
    ----------
    **effects
        Fields of `specnb.surveys.rvs.mock.RvsMockConfig` that are not the default.
    """

    def __init__(self, **effects):
        super().__init__()
        self.effects, self.config = effects, RvsMockConfig(**effects)
        patterns, slopes, offsets = coefficients(RVS.pixels)
        band = self.config.interstellar_band * gaussian(RVS.pixels, *INTERSTELLAR_BAND)
        values = {
            "scales": np.transpose(list(SCALES.values())),
            "slopes": slopes,
            "offsets": offsets,
            "patterns": self.config.nonlinear * patterns,
            "strength": self.config.line_strength(RVS.pixels),
            "line": gaussian(RVS.pixels, *MISSING_LINE),
            "band": np.exp(-band),
            "kernel": lowered(np.eye(len(RVS.pixels)), RVS.pixels, self.config.resolving_power),
        }
        for name, value in values.items():
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def forward(self, flux, labels):
        known = labels[:, [RVS.names.index(name) for name in SCALES]]
        scaled = (known - self.scales[0]) / self.scales[1]
        factor = torch.exp(torch.tanh(scaled @ self.slopes + self.offsets) @ self.patterns)
        flux = flux.clamp(min=1e-3) ** (self.strength * factor)
        depth = self.config.missing_line * missing_line_depth(known[:, 0], known[:, 2])
        return (flux * torch.exp(-depth[:, None] * self.line) * self.band) @ self.kernel

    def settings(self):
        return self.effects
