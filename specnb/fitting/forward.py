"""The forward model of observed spectra, from labels, velocity and continuum to the flux.

It also gives the Jacobian.
"""

from copy import copy

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from scipy.linalg import block_diag
from scipy.stats import qmc

from specnb.core.doppler import STENCIL, doppler_shift
from specnb.core.wavelength import C_KM_S, detectors
from specnb.emulator.network import flux_and_jacobian


class ForwardModel:
    """Flux as one function of a star's parameters: emulator, Doppler shift and continuum factor.

    The parameters are first the labels, then the radial velocity if there is one, and then the
    coefficients c_k of each detector. The flux of a detector is multiplied by the Legendre series 1
    + Σ c_k P_k.

    Parameters
    ----------
    emulator : Emulator
    config : FitConfig

    Attributes
    ----------
    names, units : tuple of str
        Names and units of the labels and the radial velocity.
    low, high : ndarray, shape (n_parameters,)
        Limits of all parameters. They are infinite for the continuum.
    kept : Tensor, shape (n_pix,)
        1 for pixels that count, else 0.
    """

    def __init__(self, emulator, config):
        self.emulator = emulator
        self.rv = config.fit_rv
        self.names = emulator.labels + (("rv",) if self.rv else ())
        self.units = emulator.units + (("km / s",) if self.rv else ())
        wavelength = emulator.wavelength
        series = [
            _legendre(wavelength[part], config.continuum_order) for part in detectors(wavelength)
        ]
        self.legendre = self.tensor(block_diag(*series))
        limit = [config.rv_limit] if self.rv else []
        free = np.full(len(self.legendre), np.inf)
        self.low = np.concatenate([emulator.low, np.negative(limit), -free])
        self.high = np.concatenate([emulator.high, limit, free])
        self.wavelength = self.tensor(wavelength)
        out = np.zeros(len(wavelength), dtype=bool)
        for low, high in config.windows_out:
            out |= (wavelength >= low) & (wavelength <= high)
        if self.rv:  # a shifted model is not known near the ends of the window
            if np.ptp(np.diff(wavelength)) > 1e-6:
                raise ValueError(
                    "a radial velocity needs evenly spaced pixels: shift the spectra to rest, and fit_rv=False"
                )
            reach = config.rv_limit / C_KM_S * wavelength[-1] / (wavelength[-1] - wavelength[-2])
            edge = int(np.ceil(reach)) + len(STENCIL) // 2
            out[:edge] = out[len(out) - edge :] = True
        self.kept = self.tensor(~out)

    def tensor(self, array):
        """Convert an array to a tensor with the emulator's precision, on its device."""
        return torch.as_tensor(np.asarray(array)).to(self.emulator.network.low)

    def continuum(self, p):
        """Continuum factor (n, n_pix) for parameters (n, n_parameters)."""
        return 1.0 + p[:, len(self.names) :] @ self.legendre

    def of(self, rows):
        """The same model for some of the stars, see `Emulator.of`."""
        model = copy(self)
        model.emulator = self.emulator.of(rows)
        return model

    def flux(self, p):
        """Flux (n, n_pix) for parameters (n, n_parameters)."""
        n = len(self.emulator.labels)
        flux = self.emulator.network(p[:, :n])
        if self.rv:
            flux = doppler_shift(flux, self.wavelength, p[:, n])
        return flux * self.continuum(p)

    def flux_and_jacobian(self, p):
        """Flux (n, n_pix) and its exact derivatives (n, n_parameters, n_pix)."""
        n = len(self.emulator.labels)
        flux, jacobian = self.emulator.flux_and_jacobian(p[:, :n])
        if self.rv:
            rest, velocity = flux, p[:, n : n + 1]
            # The shift is linear in the flux, so that it applies to the Jacobian, too.
            jacobian = doppler_shift(jacobian, self.wavelength, velocity)
            flux, by_rv = flux_and_jacobian(
                lambda v: doppler_shift(rest, self.wavelength, v[:, 0]), velocity
            )
            jacobian = torch.cat([jacobian, by_rv], dim=1)
        continuum = self.continuum(p)
        by_continuum = flux[:, None, :] * self.legendre
        return flux * continuum, torch.cat([jacobian * continuum[:, None, :], by_continuum], dim=1)

    def chi2(self, p, flux, ivar):
        """χ² (n,) of some parameters for spectra (n, n_pix).

        The parameters may be on any device and the spectra must be on the emulator's. The result is
        in float64 on the CPU.
        """
        residual = flux - self.flux(self.tensor(p))
        return (ivar * residual**2).sum(dim=1).cpu().double()

    def normal_equations(self, p, flux, ivar):
        """Gradient Jᵀ W r (n, n_parameters) and Fisher matrix Jᵀ W J of each star.

        Arguments and precision are as for `chi2`.
        """
        value, jacobian = self.flux_and_jacobian(self.tensor(p))
        weighted = jacobian * ivar[:, None, :]
        gradient = (weighted @ (flux - value)[:, :, None])[:, :, 0]
        return gradient.cpu().double(), (weighted @ jacobian.transpose(1, 2)).cpu().double()

    def library(self, n_spectra):
        """Models from which fits can start: labels (m, n_labels), flux (m, n_pix) and its square.

        Up to `n_spectra` models are spread over the labels that change the spectrum everywhere.

        The other labels are halfway between their limits, because no feasible number of spectra
        fills 25 dimensions.
        """
        spread = [name in self.emulator.survey.everywhere for name in self.emulator.labels]
        u = np.full((n_spectra, len(spread)), 0.5)
        u[:, spread] = qmc.Sobol(sum(spread), seed=0).random(n_spectra)
        labels = self.emulator.low + (self.emulator.high - self.emulator.low) * (0.05 + 0.9 * u)
        labels = self.tensor(labels[self.emulator.in_hull(labels)])
        models = self.emulator.of(None)(labels)
        return labels, models, models**2

    def nearest(self, flux, ivar, library):
        """Parameters (n, n_parameters) at which the fits start.

        For each star they are those of the model in a library with the lowest χ², at rest and with
        a flat continuum.
        """
        labels, models, squares = library
        # This is Σ w (f - m)² without the constant Σ w f².
        distance = ivar @ squares.T - 2.0 * (ivar * flux) @ models.T
        start = torch.zeros(len(flux), len(self.low), dtype=flux.dtype, device=flux.device)
        start[:, : labels.shape[1]] = labels[distance.argmin(dim=1)]
        return start


def _legendre(wavelength, order):
    """Legendre polynomials of order 0 to `order` on one detector, shape (order + 1, n_pix)."""
    x = np.interp(wavelength, wavelength[[0, -1]], [-1.0, 1.0])
    return legvander(x, max(order, 0)).T[: order + 1]
