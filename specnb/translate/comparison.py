"""Fit the same stars with several emulators: with physics only, and with translated spectra.

An emulator with the steps that follow it is called a chain here. All chains have the same number of
free parameters.
"""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from specnb.core.spectra import Spectra
from specnb.emulator.model import Emulator
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.label_errors import bias_change
from specnb.fitting.residuals import chi2_statistics, distribution, formatted, z_scores
from specnb.translate.model import Translator
from specnb.translate.model import translated_emulator

PHYSICS, TYPICAL, OWN = "physics only", "translated", "translated, own z_split"


def chains(emulator: Emulator, translator: Translator, stars: Spectra) -> dict[str, Emulator]:
    """The emulator alone, and the emulator followed by the translator.

    The translator has one z_split for all stars or, in a further chain, each star's own.

    A z_split that is computed from the fitted spectrum gives the model more freedom. If the fit is
    then better than with the typical z_split, this does not mean that the physics is better.
    """
    models = {PHYSICS: emulator, TYPICAL: translated_emulator(emulator, translator)}
    if translator.config.split:
        models[OWN] = translated_emulator(emulator, translator, translator.encode(stars)[1])
    return models


def fit_chains(stars: Spectra, models: Mapping, config: FitConfig = FitConfig()):
    """Fit all labels of the stars with each chain.

    Parameters
    ----------
    stars : Spectra
        Spectra on the emulator's pixels.
    models : mapping of str to Emulator
        As from `chains`.
    config : FitConfig

    Returns
    -------
    fits : dict of str to Table
        Results of `specnb.fit_labels`.
    residuals : dict of str to ndarray, shape (n, n_pix)
        Residuals in standard errors, from `z_scores`.
    """
    fits = {name: fit_labels(stars, emulator, config) for name, emulator in models.items()}
    residuals = {
        name: z_scores(stars, fitted_flux(fits[name], emulator, config))
        for name, emulator in models.items()
    }
    return fits, residuals


def summary(fits: Mapping, residuals: Mapping, truth: Table, labels) -> Table:
    """Summarise the fits of each chain in one row: χ², residuals and biases of the labels.

    Returns
    -------
    Table
        ``fit``; ``chi2`` (mean reduced χ²) and ``ratio``, which is that of this fit over that of
        the first; ``mean`` and ``std`` of the residuals in standard errors; ``falls``, the number
        of labels whose median bias is closer to 0 than in the first fit; ``clearly_falls`` and
        ``clearly_rises``, the numbers of labels for which the change of the bias is more than twice
        its error (see `bias_change`); ``labels``, the number of all labels.
    """
    first = next(iter(fits))
    rows = []
    for chi2, z in zip(chi2_statistics(fits), distribution(residuals)):
        change = bias_change(fits[first], fits[chi2["fit"]], truth, labels)
        clear = np.asarray(change["clear"]) & (np.asarray(change["change"]) != 0)
        falls = np.asarray(change["falls"])
        counts = (falls.sum(), (falls & clear).sum(), (~falls & clear).sum(), len(change))
        rows.append((chi2["fit"], chi2["mean"], chi2["ratio"], z["mean"], z["std"], *counts))
    names = ("fit", "chi2", "ratio", "mean", "std", "falls", "clearly_falls", "clearly_rises")
    table = Table(rows=rows, names=(*names, "labels"))
    return formatted(table, chi2=".3f", ratio=".3f", mean="+.4f", std=".3f")
