r"""Fit stellar labels to spectra by least squares, with the emulator as the model.

Many stars are fitted at once, and the labels stay within limits. For a star with flux :math:`f_i
\pm \sigma_i` the model is :math:`m_i = c_i(a)\, F_i(y, v)`. F is the emulator's flux at labels y,
shifted by a radial velocity v if the configuration asks for it. c is a low-order Legendre series
that describes the remaining continuum. :math:`\chi^2 = \sum_i (f_i - m_i)^2/\sigma_i^2` is
minimised as described in `specnb.fitting.minimise`. The covariance of the result is the inverse of
the Fisher matrix :math:`F = J^T \mathrm{diag}(\sigma^{-2}) J`, with the exact Jacobian J of the
emulator.

If the emulator has a calibration, its own errors count, too: :math:`\chi^2 = r^T C^{-1} r` and
:math:`F = J^T C^{-1} J` with the residual r and its covariance C, see
`specnb.emulator.calibration.Calibration`. The errors that fits of similar stars made in the labels
are added to the covariance, and labels are expected to be usual for stars of their kind. The errors
then hold for stars like those from which the calibration was learnt. They do not contain how far the
scale of these stars' labels is off.
"""

import re
import warnings
from dataclasses import dataclass, replace
from itertools import zip_longest
from numbers import Integral

import numpy as np
import torch
from astropy.table import Column, Table

from specnb.core.config import check_fields, within
from specnb.core.doppler import known_pixels
from specnb.core.labels import check_limits, label_columns
from specnb.core.values import numbers
from specnb.core.wavelength import check_windows
from specnb.emulator.shipped import load_emulator, recommended
from specnb.fitting.forward import ForwardModel
from specnb.fitting.minimise import minimise

FEW = 6  # stars whose labels are printed one below the other


@dataclass(frozen=True)
class FitConfig:
    """How to fit. Unknown keys are refused by the constructor.

    Attributes
    ----------
    continuum_order : int
        Order of the Legendre series that multiplies the model on each detector. -1 means none.
    fit_rv : bool or None
        Whether to fit a radial velocity, too. With None it is fitted if the spectra are not at rest
        (`Spectra.at_rest`).
    rv_limit : float
        Largest absolute radial velocity, km/s. The fit starts at the velocity of a
        cross-correlation with model spectra, and stays within 50 km/s of it.
    x_h : bool
        Whether to report each abundance [X/Fe] as [X/H] = [X/Fe] + [Fe/H], too.
    model_error : bool
        Whether the errors of a calibrated emulator count, and what it knows of usual labels. If
        False, the spectrum and its noise decide alone, which makes most labels of real stars worse.
        Pixels that are not trusted are left out in any case.
    windows_out : tuple of (float, float)
        Wavelength intervals (Å, vacuum) that are left out of the fit.
    max_iterations : int
        Largest number of steps, including those that are rejected.
    tolerance : float
        The fit has converged when the minimum is closer than this many standard errors.
    start_spectra : int
        Number of model spectra that are spread over the label space. The fit starts at the nearest.
    batch : int or None
        Number of stars that are fitted at once. With None it is so large that their Jacobian needs
        8 MB, but at least 32.
    """

    # Gaia normalises its spectra. A slope and a curvature remain.
    continuum_order: int = within(-1, 100, default=2)
    fit_rv: bool | None = None
    # The escape speed from the Galaxy near the Sun is about 530 km/s.
    rv_limit: float = within(1.0, 3000.0, default=600.0)
    x_h: bool = False
    model_error: bool = True
    windows_out: tuple[tuple[float, float], ...] = ()
    max_iterations: int = within(1, 1_000_000, default=100)
    tolerance: float = within(0.0, 1e3, default=1e-2)  # far below the standard error itself
    start_spectra: int = within(1, 2**20, default=1024)
    # 8 MB fit in the cache and are 291 stars of the RVS. Below 32 stars the overhead of a batch
    # matters.
    batch: int | None = None

    def __post_init__(self):
        check_fields(self)
        if self.batch is not None and not (isinstance(self.batch, Integral) and self.batch >= 1):
            raise ValueError(f"batch is {self.batch!r}: give 1 or more, as an integer, or None")
        windows = numbers(self.windows_out, "Angstrom", "windows_out")
        if windows.size and (windows.ndim != 2 or windows.shape[1] != 2):
            raise ValueError(
                f"windows_out is {self.windows_out}: give pairs, such as ((8490.0, 8511.0),)"
            )
        for low, high in windows.reshape(-1, 2):
            if not low < high:
                raise ValueError(
                    f"windows_out has ({low:g}, {high:g}): each window is (low, high) in Å, low < high"
                )
        object.__setattr__(self, "windows_out", tuple(map(tuple, windows.tolist())))


def fit_labels(
    spectra, emulator=None, config: FitConfig = FitConfig(), progress: bool = False
) -> Table:
    """Fit the labels of every star.

    Parameters
    ----------
    spectra : Spectra
        Spectra on the emulator's pixels, or on the native pixels of its survey, from which they are
        rebinned.
    emulator : Emulator, optional
        The default is the one that is `specnb.emulator.shipped.recommended` for the survey of the
        spectra. If it stores something for each star, such as its z_split, it must be for these
        stars in this order.
    config : FitConfig
    progress : bool
        Show a progress bar.

    Returns
    -------
    astropy.table.Table
        One row per star: ``id``; each label and ``<label>_error`` with units; ``rv`` and
        ``rv_error`` in km/s if they are fitted, where ``rv`` is positive for recession and in the
        frame of the wavelengths (barycentric for Gaia DR4's epoch spectra); with ``x_h`` the
        abundances [X/H] such as ``c_h`` and ``c_h_error``, whose errors take the covariance of
        the labels into account; ``chi2_reduced``, and ``chi2_noise``, which is the same without the
        errors of a calibrated emulator; ``converged``; ``flags``; and ``continuum_0``,
        ``continuum_1``, ... (the coefficients). With a calibrated emulator, labels that the spectrum
        tells little about are near those of usual stars. ``meta["model"]`` is the name of the emulator if it
        is shipped, else its description. ``flags`` is a comma-separated text with any of:
        ``no_pixels`` (fewer good pixels than parameters) and ``no_information`` (the flux is not a
        stellar spectrum, or so noisy that some label has no finite error), which both have NaN for
        labels and errors; ``not_converged``, ``at_limit:<label>``, ``outside_hull``,
        ``ambiguous:rv`` (a velocity that differs by more than 50 km/s is nearly as good), and for
        calibrated emulators ``poor_fit`` (χ² is above the limit of the calibration, unless
        ``model_error`` is off) and ``outside_domain`` (the calibration knows no star with such
        labels).

    Raises
    ------
    ValueError
        If the spectra are on other pixels, or, without an emulator, on those of no survey; if the
        emulator is for another number of stars, or a window of ``windows_out`` holds no pixel; if
        a radial velocity or [X/H] is asked for, and the pixels or the survey do not allow it.
    """
    if emulator is None:
        emulator = recommended(spectra)
    spectra = emulator.survey.on_pixels(spectra)
    check_windows(config.windows_out, emulator.wavelength, "windows_out")
    for step in emulator.steps:
        step.check_stars(len(spectra))
    if config.fit_rv is None:
        config = replace(config, fit_rv=not spectra.at_rest)
    elif not config.fit_rv and not spectra.at_rest:
        warnings.warn(
            "the spectra are not at rest, and fit_rv=False fits them as if they were: leave fit_rv out",
            stacklevel=2,
        )
    model = ForwardModel(emulator, config)
    return _table(spectra.ids, minimise(model, spectra, config, progress), model)


def fitted_flux(table: Table, emulator=None, config: FitConfig = FitConfig()):
    """The best-fitting model of each star, including the continuum factor.

    Parameters
    ----------
    table : Table
        The result of `fit_labels` with the same emulator and configuration. It may have been
        written to a file and read again.
    emulator : Emulator, optional
        The default is the shipped one whose name is in ``table.meta["model"]``.
    config : FitConfig

    Returns
    -------
    ndarray, shape (n, n_pix), float32
        Flux of the models. It is NaN for stars that could not be fitted, and in pixels near the
        ends of a detector whose light comes from beyond the model's pixels.
    """
    table = Table(table, copy=False)
    if emulator is None:
        made_by = {key.lower(): value for key, value in table.meta.items()}.get("model")
        emulator = load_emulator(made_by)
    if config.fit_rv is None:
        config = replace(config, fit_rv="rv" in table.colnames)
    model = ForwardModel(emulator, config)
    continuum = [f"continuum_{k}" for k in range(len(model.legendre))]
    needed = {*model.names, *continuum}
    # Other columns are no parameters, except for a velocity and coefficients of the continuum.
    found = {name for name in table.colnames if name in needed or re.match("rv$|continuum_", name)}
    if found != needed:
        raise ValueError(
            "the table is from a fit with another configuration: give the one it was made with"
        )
    names = [*emulator.survey.labels, *model.names[len(emulator.labels) :], *continuum]
    parameters = check_limits(label_columns(table, names), "fit", names)
    flux = model.flux(model.tensor(model.inner(parameters))).cpu().numpy()
    if model.rv:
        rv = torch.as_tensor(parameters[:, len(emulator.labels)])
        flux[~known_pixels(emulator.wavelength, rv, rv).numpy()] = np.nan
    return flux


class FitTable(Table):
    """A table of fits, whose values are printed with their errors and without the continuum.

    Up to `FEW` stars are printed as columns, which fit on a screen with all their labels.
    """

    def __str__(self):
        return self._printed()

    def _repr_html_(self):
        return self._printed(html=True)

    def _printed(self, html=False):
        shown = [name for name in self.colnames if not re.search("_error$|^continuum_", name)]
        texts, few = {name: with_errors(self, name) for name in shown}, 0 < len(self) <= FEW
        if few:
            flags = zip_longest(*(each.split(",") for each in texts.pop("flags", [])), fillvalue="")
            rows = [*texts.items(), *(("flags", each) for each in flags)]
            texts = Table(rows=[[name, *values] for name, values in rows])
        size = (-1, -1) if few else (None, -1 if html else None)
        return "\n".join(Table(texts).pformat(*size, show_name=not few, html=html, align="<"))


def with_errors(table, name: str) -> list[str]:
    """Values of a column as texts, with errors and the unit if there is a column of errors."""
    if f"{name}_error" not in table.colnames:
        return list(table[name].iter_str_vals())
    error, unit = np.asarray(table[f"{name}_error"], float), table[name].unit or ""
    places = np.nan_to_num(1 - np.floor(np.log10(error.clip(1e-5, 10.0)))).astype(int)
    rows = zip(table[name], error, places)  # errors have two digits
    return [f"{value:z.{n}f} ± {error:.{n}f} {unit}".rstrip() for value, error, n in rows]


def _table(ids, fit, model):
    table = FitTable(
        {"id": np.asarray(ids)}, meta={"model": model.emulator.name or repr(model.emulator)}
    )
    for k, (name, unit) in enumerate(zip(model.names, model.units)):
        table[name] = Column(
            fit["parameters"][:, k], unit=unit, format=".6g" if unit != "K" else ".2f"
        )
        table[f"{name}_error"] = Column(fit["error"][:, k], unit=unit, format=".3g")
    for name, added, error in zip(model.emulator.survey.x_h, model.x_h, fit["x_h_error"].T):
        table[name] = Column(fit["parameters"][:, added].sum(axis=1), unit="dex", format=".6g")
        table[f"{name}_error"] = Column(error, unit="dex", format=".3g")
    table["chi2_reduced"] = Column(fit["chi2_reduced"], format=".3f")
    if model.calibration is not None:
        table["chi2_noise"] = Column(fit["chi2_noise"], format=".3f")
    table["converged"] = fit["converged"]
    labels = fit["parameters"][:, : len(model.emulator.labels)]
    informed, enough = fit["informed"], fit["enough"]
    where = {
        "no_information": ~informed & enough,
        "no_pixels": ~informed & ~enough,
        "not_converged": informed & ~fit["converged"],
        **{f"at_limit:{name}": informed & at for name, at in zip(model.names, fit["at_limit"].T)},
        "ambiguous:rv": informed & fit["ambiguous"],
        "outside_hull": informed & ~model.emulator.in_hull(labels),
    }
    if model.calibration is not None:
        poor = fit["chi2_reduced"] > model.calibration.chi2_limit
        outside = model.calibration.outside(labels, model.emulator.survey)
        where |= {"poor_fit": model.counts & poor, "outside_domain": informed & outside}
    flags = [",".join(flag for flag in where if where[flag][row]) for row in range(len(table))]
    table["flags"] = np.array(flags, dtype=str)
    for k, values in enumerate(fit["parameters"][:, len(model.names) :].T):
        table[f"continuum_{k}"] = values
    return table
