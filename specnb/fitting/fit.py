r"""Stellar labels from spectra: batched, bounded maximum likelihood through the emulator.

For a star with flux :math:`f_i \pm \sigma_i` the model is :math:`m_i = c_i(a)\, F_i(y, v)`: the emulator's
flux at labels y, shifted by a radial velocity v if asked, times a low-order Legendre series c that takes up
what is left of the continuum. :math:`\chi^2 = \sum_i (f_i - m_i)^2/\sigma_i^2` is minimised by
Levenberg-Marquardt with the exact Jacobian J of the emulator, for many stars at once; the covariance of the
result is the inverse of the Fisher matrix :math:`F = J^T \mathrm{diag}(\sigma^{-2}) J`.

Where the model is wrong, residuals are large and F is not the curvature of :math:`\chi^2`, in some directions by a
factor of 4: steps of F alone swing about the minimum. What F lacks is learnt from the change of the gradient along each
step: a secant approximation as in NL2SOL (Dennis, Gay & Welsch 1981), by symmetric rank-one updates.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from astropy.table import Column, Table
from tqdm.auto import tqdm

from specnb.fitting.forward import ForwardModel
from specnb.core.rebinning import rebin

JACOBIAN_FLOATS = 2**21  # of a batch of stars
CHI2_NOISE = 1e-5  # relative: χ² of a float32 model is no smoother than this, so a step may "raise" it by as much


@dataclass(frozen=True)
class FitConfig:
    """How to fit. Unknown keys are refused by the constructor.

    Attributes
    ----------
    continuum_order : int
        Order of the Legendre series that multiplies the model on each detector; -1 for none.
    fit_rv : bool
        Also fit a radial velocity, for spectra that are not at rest.
    rv_limit : float
        Bound of the radial velocity, km/s.
    windows_out : tuple of (float, float)
        Wavelength intervals (Å, vacuum) left out of the fit.
    max_iterations : int
        Most steps, refused ones included.
    tolerance : float
        Converged when the minimum is nearer than this many standard errors.
    start_spectra : int
        Model spectra spread over the label space, of which the nearest starts the fit.
    batch : int or None
        Stars fitted at once; None: as many as keep their Jacobian at 8 MB, but 32 or more.
    """

    continuum_order: int = 2  # Gaia normalises spectra itself; what is left is a slope and a curvature
    fit_rv: bool = False  # Gaia's mean spectra are at rest already
    rv_limit: float = 50.0
    windows_out: tuple[tuple[float, float], ...] = ()
    max_iterations: int = 100
    tolerance: float = 1e-2  # far below the error itself
    start_spectra: int = 1024
    batch: int | None = None  # 8 MB stay in the cache: 291 stars of the RVS; below 32 the work of a batch itself counts

    def __post_init__(self):
        least = {"continuum_order": -1, "rv_limit": 0, "tolerance": 0}
        least |= dict.fromkeys(("max_iterations", "start_spectra", "batch"), 1)
        for name, value in least.items():
            if getattr(self, name) is not None and not getattr(self, name) >= value:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give {value} or more")
        for low, high in self.windows_out:
            if not low < high:
                raise ValueError(f"windows_out has ({low}, {high}): each window is (low, high) in Å, low < high")


def fit_labels(spectra, emulator, config: FitConfig = FitConfig(), progress: bool = False) -> Table:
    """Fit the labels of every star.

    Parameters
    ----------
    spectra : Spectra
        On the emulator's pixels, or on the native ones of its survey, which are rebinned to them.
    emulator : Emulator
        If it holds something of each star, such as its z_split, then of these stars in this order.
    config : FitConfig
    progress : bool
        Show a progress bar.

    Returns
    -------
    astropy.table.Table
        One row per star: ``id``; each label and ``<label>_error`` with units; ``rv`` and ``rv_error`` if fitted;
        ``chi2_reduced``; ``converged``; ``flags``, a comma-separated text of: ``no_pixels`` (fewer good
        pixels than parameters), ``no_information`` (the flux is no stellar spectrum, or so noisy or wild that
        some label has no finite error), both with NaN for labels and errors; ``not_converged``,
        ``at_limit:<label>``, ``outside_hull``; ``continuum`` (coefficients).

    Raises
    ------
    ValueError
        If the spectra are on yet other pixels, or the emulator is for other than so many stars.
    """
    if np.array_equal(spectra.wavelength, emulator.survey.native):
        spectra = rebin(spectra, emulator.wavelength)
    if len(spectra.wavelength) != len(emulator.wavelength) or not np.allclose(
        spectra.wavelength, emulator.wavelength, rtol=0, atol=1e-3
    ):
        raise ValueError(
            f"the spectra have {len(spectra.wavelength)} pixels, {spectra.wavelength[0]:.2f}-{spectra.wavelength[-1]:.2f} Å, "
            f"the emulator {len(emulator.wavelength)}, {emulator.wavelength[0]:.2f}-{emulator.wavelength[-1]:.2f} Å: "
            "rebin them first, specnb.rebin(spectra, emulator.wavelength)"
        )
    for step in emulator.steps:
        step.check_stars(len(spectra))
    model = _model(emulator, config)
    return _table(spectra.ids, _minimise(model, spectra, config, progress), model)


def fitted_flux(table: Table, emulator, config: FitConfig = FitConfig()):
    """The best-fitting model of each star, continuum factor included.

    Parameters
    ----------
    table : Table
        Result of `fit_labels` with the same emulator and configuration.

    Returns
    -------
    ndarray, shape (n, n_pix), float32
        NaN for stars that could not be fitted.
    """
    model = _model(emulator, config)
    missing = {*model.names, "continuum"} - set(table.colnames)
    if missing or table["continuum"].shape[1:] != (len(model.legendre),):
        raise ValueError("the table is from a fit with another configuration: give the one it was made with")
    columns = [table[name] for name in model.names] + [*np.asarray(table["continuum"]).T]
    return model.flux(model.tensor(np.column_stack(columns))).cpu().numpy()


def _model(emulator, config):
    rv_limit = config.rv_limit if config.fit_rv else None
    return ForwardModel(emulator, config.continuum_order, rv_limit, config.windows_out)


@dataclass
class _Stars:
    """Stars whose fits are under way: tensors of one row per star.

    Spectra are in the emulator's precision on its device; the algebra of the few parameters is in
    float64 on the CPU.
    """

    row: torch.Tensor  # in the set of spectra
    flux: torch.Tensor
    ivar: torch.Tensor
    parameters: torch.Tensor
    chi2: torch.Tensor  # infinite before the first trial, which any χ² improves
    damping: torch.Tensor
    gradient: torch.Tensor
    fisher: torch.Tensor
    secant: torch.Tensor
    trials: torch.Tensor
    converged: torch.Tensor
    n_free: torch.Tensor

    @classmethod
    def begin(cls, model, library, spectra, ivar, rows):
        """New stars, at the nearest model of the library."""
        flux, ivar = model.tensor(spectra.flux[rows]), model.tensor(ivar[rows]) * model.kept
        p = model.nearest(flux, ivar, library).cpu().double()
        n, k = p.shape
        return cls(
            row=torch.arange(len(spectra))[rows],
            flux=flux,
            ivar=ivar,
            parameters=p,
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
        """Some of the stars, by a mask."""
        arrays = (getattr(self, each.name) for each in fields(self))
        return _Stars(*(array[which.to(array.device)] for array in arrays))

    def join(self, others):
        """These stars and others."""
        pairs = ((getattr(self, each.name), getattr(others, each.name)) for each in fields(self))
        return _Stars(*(torch.cat(pair) for pair in pairs))


def _minimise(model, spectra, config, progress):
    """Levenberg-Marquardt, a batch of stars under way, of which one that is done makes room for the next; a dict of arrays."""
    n, k = len(spectra), len(model.low)
    batch = config.batch or max(32, round(JACOBIAN_FLOATS / (k * len(spectra.wavelength))))
    library, ivar = model.library(config.start_spectra), spectra.ivar  # once, not for every batch
    result = {"parameters": np.empty((n, k)), "error": np.empty((n, k)), "at_limit": np.empty((n, k), bool)}
    result |= {"chi2_reduced": np.empty(n)} | {name: np.empty(n, bool) for name in ("converged", "enough", "informed")}
    stars = _Stars.begin(model, library, spectra, ivar, slice(0, begun := batch))
    with tqdm(total=n, desc="fit", unit="star", disable=not progress) as bar:
        while len(stars):
            _iterate(model, stars, config.tolerance)
            hopeless = (stars.n_free <= 0) | ~torch.isfinite(stars.chi2)
            done = stars.converged | hopeless | (stars.trials > config.max_iterations)
            ended = stars[done]
            for name, values in _ending(model, ended).items():
                result[name][ended.row.numpy()] = values.numpy()
            bar.update(len(ended))
            rows = slice(begun, begun := begun + len(ended))
            stars = stars[~done].join(_Stars.begin(model, library, spectra, ivar, rows))
    return result


def _iterate(model, stars, tolerance):
    """Try a step of each star; the Jacobian is computed only where χ² takes it. Changes ``stars``."""
    low, high = torch.from_numpy(model.low), torch.from_numpy(model.high)
    p, old, damping = stars.parameters.clone(), stars.gradient.clone(), stars.damping
    step, distance = _step(p, old, stars.fisher, stars.secant, damping, low, high)
    # the last step needs no further Jacobian
    stars.converged = torch.isfinite(stars.chi2) & (distance < tolerance)
    trial = torch.clamp(p + step, low, high)
    new = model.of(stars.row).chi2(trial, stars.flux, stars.ivar)
    # wild flux or errors overflow float32
    better = torch.isfinite(new) & (new <= stars.chi2 * (1.0 + CHI2_NOISE))
    stars.parameters[better], stars.chi2[better] = trial[better], new[better]
    damping[~better] = (damping[~better] * 10).clamp(max=1e9)
    stars.trials += 1

    taken = better & ~stars.converged
    some, moved = stars[taken], trial[taken] - p[taken]
    gradient, fisher = model.of(some.row).normal_equations(some.parameters, some.flux, some.ivar)
    # A slope that has turned means that the step went too far, even if χ² is no higher: without more damping
    # such steps would swing about the minimum for ever.
    old, step = old[taken], step[taken]
    too_far = (gradient * step).sum(dim=1) < -0.1 * (old * step).sum(dim=1)
    more, less = (some.damping * 10).clamp(min=1e-4), some.damping / 10
    damping[taken] = torch.where(too_far, more, less).clamp(min=1e-9)
    stars.gradient[taken], stars.fisher[taken] = gradient, fisher
    stars.secant[taken] = _secant(some.secant, fisher, moved, old - gradient)


def _ending(model, stars):
    """What is returned of stars that are done, a dict of tensors."""
    p, n_free = stars.parameters, stars.n_free
    error = _errors(stars.fisher)
    positive = (model.continuum(model.tensor(p)) > 0).all(dim=1).cpu()
    informed = (n_free > 0) & torch.isfinite(stars.chi2) & torch.isfinite(error).all(dim=1) & positive
    at_limit = (p <= torch.from_numpy(model.low)) | (p >= torch.from_numpy(model.high))
    p, error = (torch.where(informed[:, None], a, torch.nan) for a in (p, error))
    chi2_reduced = torch.where(informed, stars.chi2 / n_free.clamp(min=1), torch.nan)
    result = {"parameters": p, "error": error, "chi2_reduced": chi2_reduced, "at_limit": at_limit}
    return result | {"converged": stars.converged & informed, "enough": n_free > 0, "informed": informed}


def _secant(old, fisher, step, fall):
    """The secant matrix S with (F + S) step = fall, the fall of the gradient along the step; the old one first made smaller
    where it claims more curvature along the step than was found, as in NL2SOL, since F may have changed."""
    found = fall - (fisher @ step[:, :, None])[:, :, 0]
    claim, fact = ((v * step).sum(dim=1).abs() for v in ((old @ step[:, :, None])[:, :, 0], found))
    old = old * torch.where(claim > fact, fact / claim, 1.0)[:, None, None]
    missing = found - (old @ step[:, :, None])[:, :, 0]
    slope, scale = (missing * step).sum(dim=1), _scale(fisher)
    sound = slope.abs() > 1e-6 * (missing * scale).norm(dim=1) * (step / scale).norm(dim=1)
    return old + torch.where(sound, 1.0 / slope, 0.0)[:, None, None] * missing[:, :, None] * missing[:, None, :]


def _scale(fisher):
    """Units in which each diagonal element of the Fisher matrix is 1, so that it is well conditioned."""
    diagonal = fisher.diagonal(dim1=1, dim2=2)
    return torch.where(diagonal > 0, diagonal.clamp(min=1e-30).rsqrt(), 1.0)


def _errors(fisher):
    """Standard errors from the inverse of the Fisher matrix; NaN where it has none."""
    scale = _scale(fisher)
    matrix = fisher * scale[:, :, None] * scale[:, None, :]
    sound = torch.isfinite(matrix).all(dim=(1, 2)) & (fisher.diagonal(dim1=1, dim2=2) > 0).all(dim=1)
    eye = torch.eye(fisher.shape[1], dtype=fisher.dtype).expand_as(matrix)
    covariance = torch.linalg.inv_ex(torch.where(sound[:, None, None], matrix, eye)).inverse
    variance = torch.where(sound[:, None], covariance.diagonal(dim1=1, dim2=2), torch.nan)
    return torch.sqrt(variance) * scale  # NaN of a negative variance, which a singular matrix may give


def _step(p, gradient, fisher, secant, damping, low, high):
    """One damped step, and the distance to the minimum in standard errors.

    A parameter at a limit whose gradient points outwards is held. The curvature is the Fisher matrix and the secant one,
    or the Fisher matrix alone where their sum is not positive definite. The distance is that of the undamped Gauss-Newton
    step in the metric of the Fisher matrix, (gᵀ F⁻¹ g)^½: its square is the χ² still to be gained.
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
    step = torch.linalg.solve(torch.where(indefinite[:, None, None], matrix, both), gradient)[:, :, 0]
    return step * scale, distance


def _table(ids, fit, model):
    table = Table({"id": np.asarray(ids)})
    n = len(model.names)
    for k, (name, unit) in enumerate(zip(model.names, model.units)):
        table[name] = Column(fit["parameters"][:, k], unit=unit, format=".4g" if unit != "K" else ".0f")
        table[f"{name}_error"] = Column(fit["error"][:, k], unit=unit, format=".2g")
    table["chi2_reduced"] = Column(fit["chi2_reduced"], format=".3f")
    table["converged"] = fit["converged"]
    labels = fit["parameters"][:, : len(model.emulator.labels)]
    outside = ~model.emulator.in_hull(labels)
    flags = []
    for row in range(len(table)):
        if not fit["informed"][row]:
            flags.append("no_information" if fit["enough"][row] else "no_pixels")
            continue
        found = [] if fit["converged"][row] else ["not_converged"]
        found += [f"at_limit:{name}" for k, name in enumerate(model.names) if fit["at_limit"][row, k]]
        flags.append(",".join(found + ["outside_hull"] * bool(outside[row])))
    table["flags"] = np.array(flags, dtype=str)
    table["continuum"] = fit["parameters"][:, n:]
    return table
