"""The forward model of observed spectra: flux and Jacobian from labels, velocity and continuum."""

from copy import copy

import numpy as np
import torch
from scipy.stats import qmc

from specnb.core.doppler import doppler_shift, known_pixels
from specnb.core.wavelength import C_KM_S
from specnb.emulator.calibration import cleaned
from specnb.fitting.continuum import legendre
from specnb.fitting.velocity import NEAR, CrossCorrelation

TEMPLATES = 32  # number of models for the cross-correlation. This number is a choice.
# A velocity is ambiguous if Δχ² of another one is less than this worse, which is 3 standard errors.
LEAST_LEAD = 9.0
# Errors of a model are scaled to the flux of a star whose level differs from the model's by more.
NORMALISED = 0.2


class ForwardModel:
    """Flux as one function of a star's parameters: emulator, Doppler shift and continuum factor.

    The parameters are first the labels, then the radial velocity if there is one, and then the
    coefficients c_k of each detector. The flux of a detector is multiplied by the Legendre series 1
    + Σ c_k P_k. A label that is logarithmic (`Label.logarithmic`) enters as its natural logarithm,
    in which the flux is much closer to linear. `inner` and `outer` convert parameters.

    Parameters
    ----------
    emulator : Emulator
    config : FitConfig

    Attributes
    ----------
    names, units : tuple of str
        Names and units of the labels and the radial velocity.
    low, high : Tensor, shape (n_parameters,), float64
        Limits of all parameters. They are infinite for the continuum.
    logarithmic : Tensor of bool, shape (n_parameters,)
        Parameters that are logarithms of labels.
    kept : Tensor, shape (n_pix,)
        1 for pixels that count, else 0.
    calibration : Calibration or None
        That of the emulator.
    counts : bool
        Whether its errors count. False if there is none.
    variance : Tensor, shape (n_pix,)
        Variance of the emulator's errors at rest, infinite in pixels that are not trusted.
    components : Tensor, shape (m, n_pix)
        Correlated errors of the emulator at rest.
    x_h : ndarray of bool, shape (n_x_h, n_parameters)
        The labels whose sum is each [X/H] that is reported, too.

    Raises
    ------
    ValueError
        If a radial velocity or [X/H] is asked for, and the pixels or the survey do not allow it.
    """

    def __init__(self, emulator, config):
        self.emulator = emulator
        self.rv = bool(config.fit_rv)
        self.names = emulator.labels + (("rv",) if self.rv else ())
        self.units = emulator.units + (("km / s",) if self.rv else ())
        wavelength = emulator.wavelength
        self.legendre = self.tensor(legendre(wavelength, config.continuum_order))
        limit = [config.rv_limit] if self.rv else []
        free = np.full(len(self.legendre), np.inf)
        low = np.concatenate([emulator.low, np.negative(limit), -free])
        high = np.concatenate([emulator.high, limit, free])
        logarithmic = [label.logarithmic for label in emulator.survey.labels]
        self.logarithmic = torch.tensor(logarithmic + [False] * (len(low) - len(logarithmic)))
        self.low, self.high = self.inner(low), self.inner(high)
        out = np.zeros(len(wavelength), dtype=bool)
        for low, high in config.windows_out:
            out |= (wavelength >= low) & (wavelength <= high)
        self.rv_limit = config.rv_limit
        if self.rv:
            extremes = torch.tensor([-config.rv_limit, config.rv_limit])
            if not known_pixels(wavelength, extremes, extremes).any(dim=1).all():
                raise ValueError(
                    f"rv_limit is {config.rv_limit:g} km/s, which shifts the spectra beyond their pixels: give less"
                )
        self.kept = self.tensor(~out)
        self.calibration = emulator.calibration
        self.counts = self.calibration is not None and config.model_error
        self.variance, self.components = 0.0 * self.kept, self.kept[None][:0]
        relations = torch.zeros(0, len(emulator.labels) + 1, dtype=torch.float64)
        if self.calibration is not None:
            error = self.calibration.error
            self.variance = torch.where(error < torch.inf, self.counts * error**2, torch.inf)
        if self.counts:
            self.components = self.calibration.components
            relations = self.calibration.relations.cpu().double()
        self.relations, self.usual = relations[:, :-1], relations[:, -1]
        x_h = emulator.survey.x_h if config.x_h else {}
        if config.x_h and not x_h:
            raise ValueError(
                f"survey {emulator.survey.name} does not tell which labels add up to [X/H]: set x_h=False"
            )
        named = np.array([*self.names, *[""] * len(self.legendre)])
        rows = [np.isin(named, added) for added in x_h.values()]
        self.x_h = np.reshape(rows, (len(rows), len(named))).astype(bool)

    def tensor(self, array):
        """Convert an array to a tensor with the emulator's precision, on its device."""
        return torch.as_tensor(np.asarray(array)).to(self.emulator.network.low)

    def inner(self, values):
        """Parameters (..., k) of the fit from labels and further values, as a tensor."""
        values = torch.as_tensor(values)
        log = self.logarithmic[: values.shape[-1]].to(values.device)
        return torch.where(log, torch.where(log, values, 1.0).log(), values)

    def outer(self, p):
        """Labels and further values from parameters (..., k), the inverse of `inner`."""
        log = self.logarithmic[: p.shape[-1]].to(p.device)
        return torch.where(log, torch.where(log, p, 0.0).exp(), p)

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
        flux = self.emulator.network(self.outer(p[:, :n]))
        if self.rv:
            flux = doppler_shift(flux, self.emulator.wavelength, p[:, n])
        return flux * self.continuum(p)

    def weighted_rows(self, p, flux, weight):
        """Derivatives of each parameter, then residuals of spectra (n, n_pix), times their weights.

        The shape is (n, n_parameters + 1, n_pix). The derivatives are exact.
        """
        n = len(self.emulator.labels)
        labels, log = self.outer(p[:, :n]), self.logarithmic[:n]
        model, jacobian = self.emulator.flux_and_jacobian(labels)
        jacobian[:, log] *= labels[:, log, None]
        if self.rv:
            wavelength, velocity = self.emulator.wavelength, p[:, n : n + 1]
            # The shift is linear in the flux, so that it applies to the Jacobian, too.
            jacobian = doppler_shift(jacobian, wavelength, velocity)
            by_rv = doppler_shift(model, wavelength, velocity[:, 0], derivative=True)
            model = doppler_shift(model, wavelength, velocity[:, 0])
            jacobian = torch.cat([jacobian, by_rv[:, None]], dim=1)
        continuum = weight * self.continuum(p)
        rows = jacobian.new_empty(len(p), p.shape[1] + 1, model.shape[1])
        torch.mul(jacobian, continuum[:, None], out=rows[:, : len(self.names)])
        torch.mul((weight * model)[:, None], self.legendre, out=rows[:, len(self.names) : -1])
        rows[:, -1] = weight * flux - continuum * model
        return rows

    def chi2(self, p, flux, weight, directions):
        """χ² (n,) of some parameters for spectra (n, n_pix).

        The parameters may be on any device and the spectra must be on the emulator's. The result is
        in float64 on the CPU.

        Parameters
        ----------
        p : Tensor, shape (n, n_parameters)
        flux : Tensor, shape (n, n_pix)
        weight, directions : Tensor
            Of `whitening`.
        """
        residual = (flux - self.flux(self.tensor(p))) * weight
        return (residual * cleaned(residual[:, None], directions)[:, 0]).sum(dim=1).cpu().double()

    def departure(self, p):
        """How far labels (n, n_parameters) are from what is usual, (n, r), in standard deviations."""
        labels = p[:, : len(self.emulator.labels)].cpu().double()
        return labels @ self.relations.T - self.usual

    def covariance(self, p):
        """Covariance (n, k, k) of errors that fits of similar stars made, see `Calibration.covariance`."""
        n, (rows, k) = len(self.emulator.labels), p.shape
        covariance = torch.zeros(rows, k, k, dtype=torch.float64)
        if self.counts:
            labels = self.outer(p[:, :n]).numpy()
            covariance[:, :n, :n] = self.calibration.covariance(labels, self.emulator.survey)
        return covariance

    def normal_equations(self, p, flux, weight, directions):
        """Gradient Jᵀ C⁻¹ r (n, n_parameters) and Fisher matrix Jᵀ C⁻¹ J of each star.

        Arguments and precision are as for `chi2`. C is the covariance of the residual r. What is
        usual for labels (`departure`) is part of both.
        """
        rows = self.weighted_rows(self.tensor(p), flux, weight)
        products = (cleaned(rows, directions) @ rows.transpose(1, 2)).cpu().double()
        gradient, fisher = products[:, :-1, -1], products[:, :-1, :-1]
        n = len(self.emulator.labels)
        gradient[:, :n] -= self.departure(p) @ self.relations
        fisher[:, :n, :n] += self.relations.T @ self.relations
        return gradient, fisher

    def library(self, n_spectra):
        """Models from which fits can start: parameters (m, n_labels), flux (m, n_pix), its square.

        The last element is the `CrossCorrelation` with some of them, or None without a velocity.

        Up to `n_spectra` models are spread over the labels that change the spectrum everywhere. The
        other labels are halfway between their limits, because no feasible number of spectra fills
        25 dimensions.
        """
        spread = [name in self.emulator.survey.everywhere for name in self.emulator.labels]
        u = np.full((n_spectra, len(spread)), 0.5)
        u[:, spread] = qmc.Sobol(sum(spread), seed=0).random(n_spectra)
        low, high = self.low[: len(spread)], self.high[: len(spread)]
        labels = self.outer(low + (high - low) * (0.05 + 0.9 * torch.from_numpy(u)))
        labels = self.tensor(labels[self.emulator.in_hull(labels.numpy())])
        models = self.emulator.of(None)(labels)
        correlation = None
        if self.rv:
            basis = self.tensor(legendre(self.emulator.wavelength, 2))
            correlation = CrossCorrelation(
                self.emulator.wavelength, models[:TEMPLATES], basis, self.rv_limit
            )
        return self.inner(labels), models, models**2, correlation

    def begin(self, flux, ivar, library):
        """Where the fits of some stars start, between which limits, and with which weights.

        A fit starts at the model in a library with the lowest χ², without correlated errors, with a
        flat continuum. If the velocity is fitted, too, it starts at that of the cross-correlation,
        and the errors of the model are shifted to this velocity by whole pixels, which is exact to
        half a pixel.

        Returns
        -------
        dict of Tensor
            ``parameters``, ``low`` and ``high``, shape (n, n_parameters), float64 on the CPU;
            ``ivar``, shape (n, n_pix), of noise and of the model's error in each pixel, which is 0
            in pixels that do not count; ``components``, shape (n, m, n_pix); ``ambiguous``, shape
            (n,), bool, whether a quite different velocity is nearly as good.
        """
        labels, models, squares, correlation = library
        n, ivar = labels.shape[1], ivar * self.kept
        start = torch.zeros(len(flux), len(self.low), dtype=torch.float64)
        ambiguous = torch.zeros(len(flux), dtype=torch.bool)
        low, high = (limit.repeat(len(flux), 1) for limit in (self.low, self.high))
        rest, weight = flux, ivar
        variance, components = self.variance, self.components.expand(len(flux), -1, -1)
        if self.rv and len(flux):
            velocity, lead = correlation(flux, ivar)
            ambiguous = (lead < LEAST_LEAD).cpu()
            rest, weight = self._at_rest(flux, ivar, velocity)
            start[:, n] = velocity.cpu()
            low[:, n] = (start[:, n] - NEAR).clamp(min=-self.rv_limit)
            high[:, n] = (start[:, n] + NEAR).clamp(max=self.rv_limit)
            ivar = ivar * known_pixels(self.emulator.wavelength, low[:, n], high[:, n]).to(ivar)
            pixel = self._pixels(1.0 / (1.0 + velocity / C_KM_S))
            variance, components = variance[pixel], self.components[:, pixel].transpose(0, 1)
        if self.calibration is not None:
            weight = 1.0 / (1.0 / weight + self.variance)
        # This is Σ w (f - m)² without the constant Σ w f².
        distance = weight @ squares.T - 2.0 * (weight * rest) @ models.T
        best = distance.argmin(dim=1)
        start[:, :n] = labels[best].cpu()
        if self.calibration is not None:
            level = (weight * rest * models[best]).sum(dim=1) / (weight * squares[best]).sum(dim=1)
            known = torch.nan_to_num((level - 1.0).abs()) < NORMALISED
            level = torch.where(known, 1.0, level)[:, None]
            ivar, components = (
                1.0 / (1.0 / ivar + variance * level**2),
                components * level[:, :, None],
            )
        return {
            "parameters": start,
            "low": low,
            "high": high,
            "ivar": ivar,
            "components": components,
            "ambiguous": ambiguous,
        }

    def _at_rest(self, flux, ivar, velocity):
        """Spectra and their weights, moved to rest by whole pixels."""
        pixel = self._pixels(1.0 + velocity / C_KM_S)
        known = known_pixels(self.emulator.wavelength, -velocity, -velocity)
        return flux.gather(1, pixel), ivar.gather(1, pixel) * known

    def _pixels(self, factor):
        """The pixels (n, n_pix) that are nearest to the wavelengths times each of n factors."""
        wavelength = self.tensor(self.emulator.wavelength)
        middle = 0.5 * (wavelength[1:] + wavelength[:-1])
        return torch.searchsorted(middle, wavelength * factor[:, None])
