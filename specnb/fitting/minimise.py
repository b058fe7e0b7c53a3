r"""Minimise χ² of many stars at once: Levenberg-Marquardt with the exact Jacobian.

If the model is wrong, the residuals are large, and the Fisher matrix F differs from the curvature
of :math:`\chi^2`, in some directions by a factor of 4. Steps that use F alone then oscillate about
the minimum. The difference between F and the curvature is estimated from the change of the gradient
along each step. This is a secant approximation as in NL2SOL (Dennis, Gay & Welsch 1981).
"""

from types import SimpleNamespace

import numpy as np
import torch
from tqdm.auto import tqdm

from specnb.emulator.calibration import whitening

# Numbers in the Jacobian of a batch of stars: on a CPU they fit in its cache, on a GPU they are 1 GB
# and keep it busy.
JACOBIAN_FLOATS = {"cpu": 2**21, "cuda": 2**28}
# Relative numerical noise of χ² of a float32 model. A step is accepted even if it raises χ² by this
# fraction.
CHI2_NOISE = 1e-5
# A step is short if χ² falls by less than this fraction. The curvature is learnt from short steps,
# because it changes along long ones. This is a choice: up to 0.1 it hardly matters.
SHORT = 0.01


class _Stars(SimpleNamespace):
    """Stars whose fits are not yet finished, as tensors with one row per star.

    Spectra have the emulator's precision and are on its device. The algebra of the parameters is
    done in float64 on the CPU.
    """

    @classmethod
    def begin(cls, model, library, spectra, ivar, rows):
        """Stars whose fits start, each at the nearest model of the library."""
        # copies, because other stars take the places of finished ones
        flux, ivar = (model.tensor(np.array(a[rows], order="C")) for a in (spectra.flux, ivar))
        begun = model.begin(flux, ivar, library)
        p, ivar = begun["parameters"], begun.pop("ivar")
        weight, directions = whitening(ivar, begun.pop("components"))
        n, k = p.shape
        return cls(
            row=torch.arange(len(spectra))[rows],  # index in the set of spectra
            flux=flux,
            weight=weight,
            directions=directions,
            **begun,
            # infinite before the first trial, so that any χ² is an improvement
            chi2=p.new_full((n,), torch.inf),
            damping=p.new_full((n,), 1e-2),
            gradient=torch.zeros_like(p),
            fisher=p.new_zeros(n, k, k),
            secant=p.new_zeros(n, k, k),
            trials=torch.zeros(n, dtype=torch.long),
            converged=torch.zeros(n, dtype=torch.bool),
            n_free=(ivar > 0).sum(dim=1).cpu() - k,
        )

    def __len__(self):
        return len(self.row)

    def __getitem__(self, which):
        """Some of the stars, chosen by a mask."""
        return _Stars(**{name: array[which.to(array.device)] for name, array in vars(self).items()})

    def __setitem__(self, which, others):
        """Put other stars in the place of some."""
        for name, array in vars(self).items():
            array[which.to(array.device)] = getattr(others, name)


def minimise(model, spectra, config, progress) -> dict[str, np.ndarray]:
    """Minimise χ² for every star. In the batch the next star replaces a finished one.

    Parameters
    ----------
    model : ForwardModel
    spectra : Spectra
        n stars on the model's pixels.
    config : FitConfig
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of ndarray
        ``parameters``, ``error`` (standard errors) and ``at_limit`` (bool) have the shape (n,
        n_parameters). ``x_h_error`` (standard errors of [X/H]) has the shape (n, n_x_h).
        ``chi2_reduced``, ``chi2_noise`` (of the noise alone), ``converged``, ``enough`` (there are
        more pixels than parameters), ``informed`` (the star could be fitted and all errors are
        finite) and ``ambiguous`` (the velocity may be quite different) have the shape (n,).
    """
    n, k = len(spectra), len(model.low)
    floats = JACOBIAN_FLOATS.get(model.kept.device.type, JACOBIAN_FLOATS["cpu"])
    batch = config.batch or max(32, round(floats / (k * len(spectra.wavelength))))
    # computed once, and not for every batch
    library, ivar = model.library(config.start_spectra), spectra.ivar
    result = {
        "parameters": np.empty((n, k)),
        "error": np.empty((n, k)),
        "x_h_error": np.empty((n, len(model.x_h))),
        "at_limit": np.empty((n, k), bool),
        "chi2_reduced": np.empty(n),
        "chi2_noise": np.empty(n),
        "converged": np.empty(n, bool),
        "enough": np.empty(n, bool),
        "informed": np.empty(n, bool),
        "ambiguous": np.empty(n, bool),
    }
    stars = _Stars.begin(model, library, spectra, ivar, slice(batch))
    begun = len(stars)
    with tqdm(total=n, desc="fit", unit="star", disable=not progress) as bar:
        while len(stars):
            _iterate(model, stars, config.tolerance)
            hopeless = (stars.n_free <= 0) | ~torch.isfinite(stars.chi2)
            done = stars.converged | hopeless | (stars.trials > config.max_iterations)
            ended = stars[done]
            for name, values in _ending(model, ended, ivar).items():
                result[name][ended.row.numpy()] = values.numpy()
            bar.update(len(ended))
            fresh = _Stars.begin(model, library, spectra, ivar, slice(begun, begun + len(ended)))
            begun += len(fresh)
            place, free = done.nonzero()[:, 0].tensor_split([len(fresh)])
            stars[place] = fresh
            if len(free):
                done[place] = False
                stars = stars[~done]
    return result


def _iterate(model, stars, tolerance):
    """Try a step of each star. Changes ``stars``.

    The Jacobian is computed only for stars whose step is accepted because χ² is not higher.
    """
    low, high = stars.low, stars.high
    p, old, damping = stars.parameters.clone(), stars.gradient.clone(), stars.damping
    step, distance = _step(p, old, stars.fisher, stars.secant, damping, low, high)
    # The last step of a star needs no further Jacobian.
    stars.converged = torch.isfinite(stars.chi2) & (distance < tolerance)
    trial = torch.clamp(p + step, low, high)
    new = model.of(stars.row).chi2(trial, stars.flux, stars.weight, stars.directions)
    new += model.departure(trial).square().sum(dim=1)
    # χ² is not finite where extreme flux or errors overflow float32.
    better = torch.isfinite(new) & (new <= stars.chi2 * (1.0 + CHI2_NOISE))
    short = stars.chi2 - new < SHORT * new
    stars.parameters[better], stars.chi2[better] = trial[better], new[better]
    stars.damping = torch.where(
        better, (damping / 10).clamp(min=1e-9), (damping * 10).clamp(1e-2, 1e9)
    )
    stars.trials += 1

    taken = better & ~stars.converged
    moving = stars[taken]
    gradient, fisher = model.of(moving.row).normal_equations(
        moving.parameters, moving.flux, moving.weight, moving.directions
    )
    moved, fall = moving.parameters - p[taken], old[taken] - gradient
    secant = _secant(moving.secant, (moving.fisher + fisher) / 2, moved, fall)
    stars.gradient[taken], stars.fisher[taken] = gradient, fisher
    stars.secant[taken] = torch.where(short[taken, None, None], secant, 0.0)


def _ending(model, stars, noise):
    """The results for stars that are finished, a dict of tensors.

    ``noise`` is the inverse variance of the noise alone, of all stars.
    """
    p, n_free = stars.parameters, stars.n_free
    # The continuum of a detector without good pixels is 1. It must not make the labels unknown.
    unused = stars.fisher.diagonal(dim1=1, dim2=2) == 0
    unused[:, : len(model.names)] = False
    error, x_h_error = _errors(
        stars.fisher + torch.diag_embed(unused.double()),
        torch.from_numpy(model.x_h).double(),
        model.covariance(p),
    )
    positive = (model.continuum(model.tensor(p)) > 0).all(dim=1).cpu()
    informed = (
        (n_free > 0) & torch.isfinite(stars.chi2) & torch.isfinite(error).all(dim=1) & positive
    )
    at_limit = (p <= stars.low) | (p >= stars.high)
    chi2 = chi2_noise = stars.chi2 - model.departure(p).square().sum(dim=1)
    if model.calibration is not None:
        noise = torch.where(stars.weight > 0, model.tensor(noise[stars.row.numpy()]), 0.0)
        chi2_noise = model.of(stars.row).chi2(p, stars.flux, noise.sqrt(), stars.directions[:, :0])
    p = model.outer(p)
    # The standard error of a label is that of its logarithm, times the label.
    error = error * torch.where(model.logarithmic, p, 1.0)
    p, error, x_h_error = (
        torch.where(informed[:, None], a, torch.nan) for a in (p, error, x_h_error)
    )
    chi2_reduced, chi2_noise = (
        torch.where(informed, chi2 / n_free.clamp(min=1), torch.nan) for chi2 in (chi2, chi2_noise)
    )
    return {
        "parameters": p,
        "error": error,
        "x_h_error": x_h_error,
        "at_limit": at_limit,
        "chi2_reduced": chi2_reduced,
        "chi2_noise": chi2_noise,
        "converged": stars.converged & informed,
        "enough": n_free > 0,
        "informed": informed,
        "ambiguous": stars.ambiguous,
    }


def _secant(old, fisher, step, fall):
    """The secant matrix S, so that (F + S) step = fall, with the update of NL2SOL.

    ``fall`` is the decrease of the gradient along the step and F the mean of the Fisher matrices at
    both ends. If the old S predicts more curvature along the step than was found, it is first made
    smaller. S is not updated if the curvature along the step is negative.
    """
    needed = fall - (fisher @ step[:, :, None])[:, :, 0]
    predicted, measured = (
        (v * step).sum(dim=1).abs() for v in ((old @ step[:, :, None])[:, :, 0], needed)
    )
    old = old * torch.where(predicted > measured, measured / predicted, 1.0)[:, None, None]
    missing = needed - (old @ step[:, :, None])[:, :, 0]
    curvature = (fall * step).sum(dim=1)
    fall = fall * torch.where(curvature > 0, 1.0 / curvature, 0.0)[:, None]
    mixed = missing[:, :, None] * fall[:, None, :]
    again = (missing * step).sum(dim=1)[:, None, None] * fall[:, :, None] * fall[:, None, :]
    return old + mixed + mixed.transpose(1, 2) - again


def _scale(fisher):
    """Units of the parameters in which each diagonal element of the Fisher matrix is 1.

    In these units the matrix is well conditioned.
    """
    diagonal = fisher.diagonal(dim1=1, dim2=2)
    return torch.where(diagonal > 0, diagonal.clamp(min=1e-30).rsqrt(), 1.0)


def _errors(fisher, sums, further):
    """Standard errors from the inverse of the Fisher matrix. NaN where there is no inverse.

    They are those of the parameters (n, k) and of their sums (n, m) with weights (m, k). A further
    covariance (n, k, k) is added to the inverse.
    """
    scale = _scale(fisher)
    matrix = fisher * scale[:, :, None] * scale[:, None, :]
    sound = torch.isfinite(matrix).all(dim=(1, 2)) & (fisher.diagonal(dim1=1, dim2=2) > 0).all(
        dim=1
    )
    eye = torch.eye(fisher.shape[1], dtype=fisher.dtype).expand_as(matrix)
    covariance = torch.linalg.inv_ex(torch.where(sound[:, None, None], matrix, eye)).inverse
    covariance = covariance + further / (scale[:, :, None] * scale[:, None, :])
    variance = torch.where(sound[:, None], covariance.diagonal(dim1=1, dim2=2), torch.nan)
    # The root of a negative variance, which a singular matrix may have, is NaN.
    weights = sums * scale[:, None, :]
    of_sums = ((weights @ covariance) * weights).sum(dim=2)
    return torch.sqrt(variance) * scale, torch.sqrt(of_sums)


def _step(p, gradient, fisher, secant, damping, low, high):
    """One damped step, and the distance to the minimum in standard errors.

    A parameter at a limit is fixed if its step would lead beyond the limit. The curvature is the
    sum of the Fisher matrix and the secant matrix, or the Fisher matrix alone if the sum is not
    positive definite. The distance is the length of the undamped Gauss-Newton step in the metric of
    the Fisher matrix, (gᵀ F⁻¹ g)^½. Its square is the amount by which χ² can still fall.
    """
    held = ((p <= low) & (gradient < 0)) | ((p >= high) & (gradient > 0))
    scale = _scale(fisher)
    free = (~held).double()
    units = (scale * free)[:, :, None] * (scale * free)[:, None, :]
    eye = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    matrix = fisher * units + torch.diag_embed(1.0 - free)
    gradient = (gradient * scale * free)[:, :, None]
    undamped = torch.linalg.solve(matrix + 1e-10 * eye, gradient)
    distance = (gradient * undamped).sum(dim=(1, 2)).clamp(min=0).sqrt()
    matrix = matrix + damping[:, None, None] * eye
    both = matrix + secant * units
    indefinite = torch.linalg.cholesky_ex(both).info > 0
    step = torch.linalg.solve(torch.where(indefinite[:, None, None], matrix, both), gradient)[
        :, :, 0
    ]
    return step * scale, distance
