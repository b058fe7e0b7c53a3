"""Radial velocities from which fits start, by cross-correlation with model spectra.

The spectra are put on pixels that are even in log λ, where a velocity is the same shift everywhere.
The lines are what remains of a spectrum when a parabola on each detector is taken away. For lines d
± σ of a star and lines t of a model at a velocity v, χ² falls by Δχ² = (Σ d t / σ²)² / Σ t² / σ² if
the depth of the lines is free, and both sums are cross-correlations. The velocity is the one with
the largest fall, of all models that are tried.
"""

import numpy as np
import torch
from scipy.fft import next_fast_len

from specnb.core.wavelength import C_KM_S

TEMPLATES = 32  # number of models that are tried. This number is a choice.
# Numbers in the arrays of a batch of stars, which limits the memory.
FLOATS = 2**21


class CrossCorrelation:
    """Finds velocities of spectra by comparison with some models.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Pixels of all spectra, Å.
    models : Tensor, shape (m, n_pix)
        Flux of models at rest.
    basis : Tensor, shape (k, n_pix)
        Functions that are taken away, such as the parabolas of each detector.
    limit : float
        Largest absolute velocity, km/s.
    """

    def __init__(self, wavelength, models, basis, limit):
        scale = np.log(wavelength)
        step = np.median(np.diff(scale))
        even = np.exp(np.arange(scale[0], scale[-1] + 0.5 * step, step))
        pixel = np.searchsorted(0.5 * (wavelength[1:] + wavelength[:-1]), even)
        inside = np.abs(wavelength[pixel] / even - 1.0) < step  # not in a gap
        self.pixel, self.inside = (
            torch.as_tensor(array, device=models.device) for array in (pixel, inside)
        )
        reach = int(np.log1p(limit / C_KM_S) / step)
        self.lags = torch.arange(-reach, reach + 1, device=models.device)
        self.velocities = torch.expm1(self.lags * step) * C_KM_S
        self.size = next_fast_len(len(even) + reach, real=True)
        self.basis = basis
        lines = self._lines(models, torch.ones_like(models))
        self.lines, self.squares = (self._transform(t).conj() for t in (lines, lines**2))

    def __call__(self, flux, ivar):
        """Velocity (n,) in km/s of spectra (n, n_pix)."""
        batch = max(1, FLOATS // (len(self.lines) * self.size))
        rows = zip(flux.split(batch), ivar.split(batch))
        return torch.cat([self._best(*spectra) for spectra in rows]) if len(flux) else flux[:, 0]

    def _best(self, flux, ivar):
        weighted = self._transform(ivar * self._lines(flux, ivar))
        product = self._correlation(weighted, self.lines)
        norm = self._correlation(self._transform(ivar), self.squares)
        fall = product.clamp(min=0) ** 2 / norm.clamp(min=1e-30)
        best = torch.nan_to_num(fall.amax(dim=1), posinf=0.0).argmax(dim=1)
        return self.velocities.to(flux)[best]

    def _lines(self, flux, ivar):
        """The flux without the combination of the basis that fits it best."""
        products = (self.basis[:, None] * self.basis).flatten(0, 1)
        matrix = (ivar @ products.T).unflatten(1, (len(self.basis), -1))
        scale = ivar.sum(dim=1)[:, None, None].clamp(min=1e-30)
        eye = torch.eye(len(self.basis)).to(flux)  # a detector may have no pixels
        vector = ((ivar * flux) @ self.basis.T)[:, :, None] / scale
        factors = torch.linalg.solve_ex(matrix / scale + 1e-6 * eye, vector).result[:, :, 0]
        return flux - factors @ self.basis

    def _transform(self, spectra):
        even = torch.where(self.inside, spectra[:, self.pixel], 0.0)
        return torch.fft.rfft(even, n=self.size)

    def _correlation(self, spectra, models):
        """Cross-correlation of each star with each model at each velocity, (n, m, n_lags)."""
        return torch.fft.irfft(spectra[:, None] * models, n=self.size)[..., self.lags]
