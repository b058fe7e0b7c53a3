"""A small analytic emulator with the interface of the real one: Gaussian lines on a flat continuum."""

import numpy as np

from specnb.surveys import RVS
from specnb.surveys.rvs.survey import LINES

SUN = np.array([5772.0, 4.44, 0.0, 0.0, 1.0, 2.0])
_CENTRES = np.array([line.wavelength for line in LINES])
_METAL = np.array([line.species[0] != "P" for line in LINES])
_DEPTH = np.where(np.arange(len(LINES)) < 3, 0.6, 0.3)


class StandIn:
    survey = RVS
    labels = RVS.names
    units = tuple(label.unit for label in RVS.labels)
    low = np.array([label.low for label in RVS.labels])
    high = np.array([label.high for label in RVS.labels])
    wavelength = RVS.pixels

    def of(self, rows):
        return self

    def __call__(self, labels):
        teff, logg, m_h, alpha_fe, vmicro, vbroad = np.atleast_2d(
            np.asarray(labels, dtype=float)
        ).T[:, :, None]
        metal = 10 ** (0.3 * m_h + 0.2 * alpha_fe) * 5772 / teff * (1 + 0.1 * (vmicro - 1))
        depth = _DEPTH * np.clip(np.where(_METAL, metal, (teff / 7500) ** 4 * 0.5), 0, 1.4)
        width = np.sqrt(0.5**2 + (vbroad / 50) ** 2 + 0.2 * (5 - logg) * ~_METAL)
        profile = np.exp(-0.5 * ((self.wavelength - _CENTRES[:, None]) / width[:, :, None]) ** 2)
        return np.prod(1 - depth[:, :, None] * profile, axis=1).astype(np.float32)

    def jacobian(self, labels):
        labels = np.atleast_2d(np.asarray(labels, dtype=float))
        step = 1e-3 * (self.high - self.low)
        columns = [
            (np.float64(self(labels + shift)) - self(labels - shift)) / (2 * shift.sum())
            for shift in np.diag(step)
        ]
        return np.stack(columns, axis=1)

    def in_hull(self, labels):
        labels = np.atleast_2d(labels)
        inside = np.all((labels >= self.low) & (labels <= self.high), axis=1)
        return inside & RVS.inside(dict(zip(self.labels, labels.T)))
