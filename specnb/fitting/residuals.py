"""Residuals of fits: those of the flux in standard errors, reduced χ², and errors of the labels.

Each fit has a name, such as "physics only" or "translated". All fits are for the same stars in the
same order. They are compared with the stars for which all of them succeeded. Stars whose fit ended
at a limit or did not converge are included and counted.
"""

import numpy as np
from astropy.table import Table

from specnb.core.catalogues import check_same_stars
from specnb.core.labels import label_array, label_columns, limits
from specnb.core.values import numbers
from specnb.fitting.pulls import label_pulls

REACH = 5.0  # largest residual in histograms, in standard errors
RESAMPLES = 200  # number of bootstrap samples of the stars, which give the error of a bias to 5%


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
    flux = numbers(flux, "", "flux", np.float32)
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
    z = np.ma.masked_invalid(numbers(z, "", "residuals"))
    mean, std = (values.filled(np.nan) for values in (z.mean(axis=0), z.std(axis=0, ddof=1)))
    columns = {"wavelength": wavelength, "mean": mean, "std": std, "stars": z.count(axis=0)}
    return Table(columns, units={"wavelength": "Angstrom"})


def distribution(fits) -> Table:
    """Mean and standard deviation of all residuals of each fit.

    Those of a perfect model are N(0, 1), or after a fit of p parameters to N pixels narrower by the
    factor √(1 − p/N).

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
    z = {name: numbers(values, "", name) for name, values in fits.items()}
    fitted = {name: np.isfinite(values).any(axis=1) for name, values in z.items()}
    common = common_stars(fitted)
    rows = []
    for name, values in z.items():
        residuals = values[common][np.isfinite(values[common])]
        rows.append(
            {
                "fit": name,
                "stars": common.sum(),
                "not_fitted": (~fitted[name]).sum(),
                "pixels": len(residuals),
                "mean": residuals.mean(dtype=float),
                "std": residuals.std(dtype=float),
                "beyond": np.mean(np.abs(residuals) > REACH),
            }
        )
    return formatted(Table(rows=rows), mean="+.3f", std=".3f", beyond=".2g")


def chi2_statistics(fits) -> Table:
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
    fitted, common = _fitted(fits)
    rows = []
    for name, fit in fits.items():
        compared = fit[common]
        rows.append(
            {
                "fit": name,
                "stars": common.sum(),
                "not_fitted": (~fitted[name]).sum(),
                # A table that was written as text and read again has "True" and "False".
                "not_converged": (compared["converged"].astype(str) != "True").sum(),
                "at_limit": sum("at_limit:" in str(flags) for flags in compared["flags"]),
                "mean": np.mean(compared["chi2_reduced"]),
                "median": np.median(compared["chi2_reduced"]),
            }
        )
    table = Table(rows=rows)
    table["ratio"] = table["mean"] / table["mean"][0]
    return formatted(table, mean=".3f", median=".3f", ratio=".3f")


def label_errors(fits, truth: Table, labels) -> Table:
    """Statistics of the differences between fitted and true labels.

    Parameters
    ----------
    fits : mapping of str to Table
        Results of `specnb.fit_labels`.
    truth : Table
        True labels of the same stars in the same order.
    labels : sequence of str

    Returns
    -------
    Table
        One row per fit and label: ``fit``; ``label``; in the label's ``unit`` the ``median`` and
        ``mean`` of fit − truth, the ``bootstrap_error`` of the median, the ``scatter`` (half of the
        width from the 16th to the 84th percentile), the ``rms``, and the ``median_error``, which is
        the median of the errors that the fit reports; ``pull_width``, such a half width of the
        `label_pulls`, which is 1 if the errors are right; ``at_limit``, the number of stars whose
        fit ended at a limit of this label; ``stars``, the number of stars that all fits could fit,
        to which all these numbers refer; ``not_fitted``, the number of those this fit could not.

    Raises
    ------
    ValueError
        If the lengths differ, or if no star was fitted in all fits.
    """
    differences, fitted, common = label_differences(fits, truth, labels)
    rows = []
    for name, fit in fits.items():
        compared = fit[common]
        flags = [str(flags).split(",") for flags in compared["flags"]]
        uncertain = resampled_bias(differences[name]).std(axis=0)
        for label, difference, error in zip(labels, differences[name].T, uncertain):
            low, median, high = np.percentile(difference, [16, 50, 84])
            pulls = label_pulls(compared, truth[common], label)
            rows.append(
                {
                    "fit": name,
                    "label": label,
                    "unit": str(limits(label).unit or fit[label].unit or ""),
                    "median": median,
                    "bootstrap_error": error,
                    "mean": difference.mean(),
                    "scatter": (high - low) / 2,
                    "rms": np.sqrt(np.mean(difference**2)),
                    "median_error": np.nanmedian(label_columns(compared, [f"{label}_error"])),
                    "pull_width": np.ptp(np.nanpercentile(pulls, [16, 84])) / 2,
                    "at_limit": sum(f"at_limit:{label}" in each for each in flags),
                    "stars": common.sum(),
                    "not_fitted": (~fitted[name]).sum(),
                }
            )
    sizes = ("median", "bootstrap_error", "mean", "scatter", "rms", "median_error", "pull_width")
    return formatted(Table(rows=rows), **dict.fromkeys(sizes, ".3g"))


def bias_change(before: Table, after: Table, truth: Table, labels) -> Table:
    """Find the labels whose bias is closer to 0 in the second of two fits.

    Parameters
    ----------
    before, after : Table
        Results of `specnb.fit_labels` for the same stars.
    truth, labels
        As for `label_errors`, whose errors this function raises, too.

    Returns
    -------
    Table
        One row per label: ``label``; ``before`` and ``after``, the biases, which are the medians of
        fit − truth over the stars; ``change``, which is |after| − |before|; ``change_error``, its
        standard deviation over bootstrap samples of the stars (with the same stars in both fits);
        ``falls``, whether the change is negative; ``clear``, whether its absolute value is more
        than twice its error.
    """
    differences = label_differences({"before": before, "after": after}, truth, labels)[0]
    bias = [np.median(each, axis=0) for each in differences.values()]
    before, after = (np.abs(resampled_bias(each)) for each in differences.values())
    change = np.abs(bias[1]) - np.abs(bias[0])
    error = np.std(after - before, axis=0)
    columns = {"label": list(labels), "before": bias[0], "after": bias[1], "change": change}
    columns |= {"change_error": error, "falls": change < 0, "clear": np.abs(change) > 2 * error}
    return formatted(Table(columns), **dict.fromkeys(list(columns)[1:5], ".3g"))


def resampled_bias(differences) -> np.ndarray:
    """Medians (`RESAMPLES`, n_labels) of fit − truth (n, n_labels) in bootstrap samples of the stars.

    Fits of the same stars have the same samples.
    """
    random, n = np.random.default_rng(0), len(differences)
    draws = (random.integers(n, size=n) for _ in range(RESAMPLES))
    return np.array([np.median(differences[rows], axis=0) for rows in draws])


def label_differences(fits, truth, labels):
    """The differences fit − truth, shape (n_common, n_labels), of each fit, a dict.

    Also returns which stars each fit could fit, and which stars all fits could fit.
    """
    fitted, common = _fitted(fits, truth=truth)
    true = label_array(truth[common], labels)
    differences = {name: label_array(fit[common], labels) - true for name, fit in fits.items()}
    return differences, fitted, common


def _fitted(fits, **truth):
    """Which stars each fit could fit, and which stars all fits could fit."""
    fitted = {
        name: np.isfinite(label_columns(fit, ["chi2_reduced"])[:, 0]) for name, fit in fits.items()
    }
    common = common_stars(fitted | {name: np.ones(len(t), bool) for name, t in truth.items()})
    check_same_stars(*fits.values(), *truth.values())
    return fitted, common


def common_stars(fitted) -> np.ndarray:
    """The stars that all fits could fit, a bool array, from those that each fit could fit.

    Raises
    ------
    ValueError
        If the fits are of different numbers of stars, or have no star in common.
    """
    if len({len(stars) for stars in fitted.values()}) > 1:
        sizes = ", ".join(f"{name}: {len(stars)}" for name, stars in fitted.items())
        raise ValueError(f"the numbers of stars differ ({sizes}): give the same stars in the same order")  # fmt: skip
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
