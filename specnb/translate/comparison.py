"""The same stars fitted through several chains, from labels to spectra, with the same freedom:
physics only, and translated.
"""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from specnb.emulator.model import Emulator
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.core.spectra import Spectra
from specnb.translate.model import Translator
from specnb.translate.translation import translated_emulator
from specnb.fitting.label_errors import bias_change
from specnb.fitting.residuals import chi2_statistics, distribution, z_scores

PHYSICS, TYPICAL, OWN = "physics only", "translated", "translated, own z_split"


def chains(emulator: Emulator, translator: Translator, stars: Spectra) -> dict[str, Emulator]:
    """The emulator alone, and with the translator behind it: with one z_split for all stars, and
    with each star's own.

    A z_split from the spectrum that is fitted is further freedom: what it gains beyond the typical
    one is no better physics."""
    found = {PHYSICS: emulator, TYPICAL: translated_emulator(emulator, translator)}
    if translator.config.split:
        found[OWN] = translated_emulator(emulator, translator, translator.encode(stars)[1])
    return found


def fit_chains(stars: Spectra, models: Mapping, config: FitConfig = FitConfig()):
    """Fit all labels of the stars through each chain.

    Parameters
    ----------
    stars : Spectra
        On the emulator's pixels.
    models : mapping of str to Emulator
        As of `chains`.
    config : FitConfig

    Returns
    -------
    fits : dict of str to Table
        Of `specnb.fit_labels`.
    residuals : dict of str to ndarray, shape (n, n_pix)
        In standard errors, of `z_scores`.
    """
    fits = {name: fit_labels(stars, emulator, config) for name, emulator in models.items()}
    residuals = {
        name: z_scores(stars, fitted_flux(fits[name], emulator, config))
        for name, emulator in models.items()
    }
    return fits, residuals


def summary(fits: Mapping, residuals: Mapping, truth: Table, labels) -> Table:
    """One row a chain: mean reduced χ² and residual, and in how many labels the bias is nearer to 0
    than by the first.

    Returns
    -------
    Table
        ``fit``; ``chi2`` (mean reduced) and ``ratio`` to the first fit's; ``mean`` and ``std`` of
        the residuals in standard errors; ``falls``, labels whose median bias is nearer to 0 than in
        the first fit; ``clearly_falls`` and ``clearly_rises``, those where the change is more than
        twice its error (see `bias_change`); ``labels``, of all.
    """
    first = next(iter(fits))
    rows = []
    for chi2, z in zip(chi2_statistics(fits), distribution(residuals)):
        change = bias_change(fits[first], fits[chi2["fit"]], truth, labels)
        clear = np.asarray(change["clear"]) & (np.asarray(change["change"]) != 0)
        falls = np.asarray(change["falls"])
        counts = (falls.sum(), (falls & clear).sum(), (~falls & clear).sum(), len(change))
        rows.append((chi2["fit"], chi2["mean"], chi2["ratio"], z["mean"], z["std"], *counts))
    names = (
        "fit",
        "chi2",
        "ratio",
        "mean",
        "std",
        "falls",
        "clearly_falls",
        "clearly_rises",
        "labels",
    )
    table = Table(rows=rows, names=names)
    for name, form in {"chi2": ".3f", "ratio": ".3f", "mean": "+.4f", "std": ".3f"}.items():
        table[name].format = form
    return table
