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

# Velocities that differ by less are the same maximum of a cross-correlation, km/s.
NEAR = 50.0


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
        even = np.arange(scale[0], scale[-1] + 0.5 * step, step)
        pixel = np.searchsorted(0.5 * (scale[1:] + scale[:-1]), even)
        self.pixel = torch.as_tensor(pixel, device=models.device)
        inside = np.abs(scale[pixel] - even) < step  # not in a gap
        self.inside = torch.as_tensor(inside).to(models)
        reach = int(np.log1p(limit / C_KM_S) / step)
        self.lags = torch.arange(-reach, reach + 1, device=models.device)
        self.velocities = (torch.expm1(self.lags * step) * C_KM_S).to(models)
        self.size = next_fast_len(len(even) + reach, real=True)
        self.basis = basis
        lines = self._lines(models, torch.ones_like(models))
        self.models = [(self._transform(t), self._transform(t**2)) for t in lines]

    def __call__(self, flux, ivar):
        """Velocities of spectra, and by how much they are better than others.

        Parameters
        ----------
        flux, ivar : Tensor, shape (n, n_pix)

        Returns
        -------
        velocity : Tensor, shape (n,)
            In km/s.
        lead : Tensor, shape (n,)
            Difference of Δχ² from the best velocity that is further away than `NEAR`.
        """
        weighted, ivar = self._transform(ivar * self._lines(flux, ivar)), self._transform(ivar)
        fall = torch.zeros(len(flux), len(self.lags)).to(flux)
        for lines, squares in self.models:
            product = self._correlation(weighted, lines).clamp(min=0)
            norm = self._correlation(ivar, squares)
            # If there are hardly any lines at a velocity, rounding errors would matter.
            norm = norm.clamp(min=1e-30).maximum(1e-3 * norm.amax(dim=1, keepdim=True))
            fall = torch.maximum(fall, torch.nan_to_num(product**2 / norm, posinf=0.0))
        velocity = self.velocities[fall.argmax(dim=1)]
        near = (self.velocities - velocity[:, None]).abs() < NEAR
        return velocity, fall.amax(dim=1) - torch.where(near, 0.0, fall).amax(dim=1)

    def _lines(self, flux, ivar):
        """The flux without the combination of the basis that fits it best."""
        products = (self.basis[:, None] * self.basis).flatten(0, 1)
        scale = ivar.sum(dim=1, keepdim=True).clamp(min=1e-30)
        matrix = (ivar / scale @ products.T).unflatten(1, (len(self.basis), -1))
        vector = (ivar / scale * flux) @ self.basis.T
        eye = 1e-6 * torch.eye(len(self.basis)).to(flux)  # for detectors without pixels
        return flux - torch.linalg.solve_ex(matrix + eye, vector).result @ self.basis

    def _transform(self, spectra):
        return torch.fft.rfft(spectra[..., self.pixel] * self.inside, n=self.size)

    def _correlation(self, spectra, model):
        """Cross-correlation (n, n_lags) of spectra with a model, from their transforms."""
        return torch.fft.irfft(spectra * model.conj(), n=self.size)[:, self.lags]
