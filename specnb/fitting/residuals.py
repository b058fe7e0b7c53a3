"""Residuals of fits in standard errors, and their reduced χ².

Each fit has a name, such as "physics only" or "translated". All fits are for the same stars in the
same order. They are compared with the stars for which all of them succeeded. Stars whose fit ended
at a limit or did not converge are included and counted.
"""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

REACH = 5.0  # largest residual in histograms, in standard errors


def z_scores(observed, flux) -> np.ndarray:
    """Residuals in standard errors, (observed − fit) / σ.

    Parameters
    ----------
    observed : Spectra
    flux : array_like, shape (n, n_pix)
        Best fits of the same stars, as from `specnb.fitted_flux`. NaN for stars that could not be
        fitted.

    Returns
    -------
    ndarray, shape (n, n_pix), float32
        Residuals. NaN where a pixel is masked or a star has no fit.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    flux = np.asarray(flux, dtype=np.float32)
    if flux.shape != observed.flux.shape:
        raise ValueError(f"the fits have shape {flux.shape} and the spectra {observed.flux.shape}: give the fits of "
                         "these stars on these pixels")  # fmt: skip
    return np.where(observed.mask, np.float32(np.nan), (observed.flux - flux) / observed.flux_error)


def by_pixel(wavelength, z) -> Table:
    """Mean and standard deviation of the residuals over the stars in each pixel.

    Parameters
    ----------
    wavelength : array_like, shape (n_pix,)
        Vacuum Å.
    z : array_like, shape (n, n_pix)
        Residuals, as from `z_scores`.

    Returns
    -------
    Table
        One row per pixel: ``wavelength`` (Å), ``mean``, ``std`` and ``stars``, the number of stars
        with a residual there. The mean is NaN without any star, and the standard deviation with
        fewer than two.
    """
    z = np.ma.masked_invalid(np.asarray(z, dtype=float))
    mean, std = (values.filled(np.nan) for values in (z.mean(axis=0), z.std(axis=0, ddof=1)))
    columns = {"wavelength": wavelength, "mean": mean, "std": std, "stars": z.count(axis=0)}
    return Table(columns, units={"wavelength": "Angstrom"})


def distribution(fits: Mapping) -> Table:
    """Mean and standard deviation of all residuals of each fit.

    The residuals of a perfect model have the distribution N(0, 1). After a fit of p parameters to N
    pixels it is narrower by the factor √(1 − p/N).

    Parameters
    ----------
    fits : mapping of str to array_like, shape (n, n_pix)
        `z_scores` of each fit.

    Returns
    -------
    Table
        One row per fit: ``fit``; ``stars``, the number of stars with a residual in all fits, to
        which all but ``not_fitted`` refers; ``not_fitted``, the number of stars without a residual
        in this fit; ``pixels``, the number of good pixels of all stars; ``mean`` and ``std`` of
        their residuals; ``beyond``, the fraction of residuals with an absolute value above 5 (6e-7
        for a normal distribution).

    Raises
    ------
    ValueError
        If the fits differ in shape, or no star has a residual in all of them.
    """
    z = {name: np.asarray(values) for name, values in fits.items()}
    fitted = {name: np.isfinite(values).any(axis=1) for name, values in z.items()}
    common = common_stars(fitted)
    rows = []
    for name, values in z.items():
        residuals = values[common][np.isfinite(values[common])]
        mean, std = residuals.mean(dtype=float), residuals.std(dtype=float)
        beyond = np.mean(np.abs(residuals) > REACH)
        rows.append((name, common.sum(), (~fitted[name]).sum(), len(residuals), mean, std, beyond))
    names = ("fit", "stars", "not_fitted", "pixels", "mean", "std", "beyond")
    return formatted(Table(rows=rows, names=names), mean="+.3f", std=".3f", beyond=".2g")


def histogram(z, bins: int = 100) -> Table:
    """Histogram of the residuals between −5 and 5, with columns ``low``, ``high``, ``density``.

    The density is normalised to all residuals, including those outside this range.
    """
    residuals = np.asarray(z)[np.isfinite(z)]
    counts, edges = np.histogram(residuals, bins, (-REACH, REACH))
    density = counts / (max(len(residuals), 1) * np.diff(edges))
    return Table((edges[:-1], edges[1:], density), names=("low", "high", "density"))


def chi2_statistics(fits: Mapping) -> Table:
    """Reduced χ² of each fit.

    Parameters
    ----------
    fits : mapping of str to Table
        Results of `specnb.fit_labels`.

    Returns
    -------
    Table
        One row per fit: ``fit``; ``stars``, the number of stars that all fits could fit, to which
        all but ``not_fitted`` refers; ``not_fitted``, the number of stars that this fit could not
        fit; ``not_converged`` and ``at_limit``, the numbers of stars whose fit did not converge and
        of those with any label at a limit; ``mean`` and ``median`` of the reduced χ²; ``ratio``,
        that mean over the mean of the first fit (published: 1.22 / 1.97 = 0.62).

    Raises
    ------
    ValueError
        If the fits differ in length, or if no star was fitted in all fits.
    """
    fitted = {name: np.isfinite(np.asarray(fit["chi2_reduced"])) for name, fit in fits.items()}
    common = common_stars(fitted)
    rows = []
    for name, fit in fits.items():
        compared = fit[common]
        not_converged = (~np.asarray(compared["converged"])).sum()
        limit = sum("at_limit:" in flags for flags in compared["flags"])
        counts = (common.sum(), (~fitted[name]).sum(), not_converged, limit)
        chi2 = np.asarray(compared["chi2_reduced"])
        rows.append((name, *counts, chi2.mean(), np.median(chi2)))
    names = ("fit", "stars", "not_fitted", "not_converged", "at_limit", "mean", "median")
    table = Table(rows=rows, names=names)
    table["ratio"] = table["mean"] / table["mean"][0]
    return formatted(table, mean=".3f", median=".3f", ratio=".3f")


def common_stars(fitted: Mapping) -> np.ndarray:
    """The stars that all fits could fit, a bool array, from those that each fit could fit.

    Raises
    ------
    ValueError
        If the fits are of different numbers of stars, or have no star in common.
    """
    if len({len(stars) for stars in fitted.values()}) > 1:
        sizes = ", ".join(f"{name}: {len(stars)}" for name, stars in fitted.items())
        raise ValueError(
            f"the numbers of stars differ ({sizes}): give the same stars in the same order"
        )
    common = np.all(list(fitted.values()), axis=0)
    if not common.any():
        raise ValueError(
            f"no star was fitted in all of {', '.join(fitted)}: there is nothing to compare"
        )
    return common


def formatted(table: Table, **formats: str) -> Table:
    """The table, after the formats of some columns have been set."""
    for name, form in formats.items():
        table[name].format = form
    return table
