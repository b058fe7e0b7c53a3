"""Compare emulators and translators on stars of a survey, and on mock stars whose truth is known.

An emulator with the steps that follow it is called a chain here. The same stars are fitted with
several chains: with physics only, and with translated spectra. All chains have the same number of
free parameters. In an ablation study translators with one part of the method changed are trained
and scored.
"""

from dataclasses import replace

import numpy as np
from astropy.table import Table

from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.residuals import (
    bias_change,
    chi2_statistics,
    distribution,
    formatted,
    label_differences,
    label_errors,
    resampled_bias,
    z_scores,
)
from specnb.surveys.population import Population, draw_stars
from specnb.translate.config import PAPER, TranslateConfig
from specnb.translate.domains import true_labels
from specnb.translate.model import Translator, translated_emulator
from specnb.translate.train import train

PHYSICS, TYPICAL, OWN = "physics only", "translated", "translated, own z_split"
OTHER_POPULATION = "other population"

# The columns of `summary` that are about labels. All but at_limit need the truth.
OF_LABELS = (
    "bias",
    "bias_error",
    "scatter",
    "largest_scatter",
    "pull_width",
    "at_limit",
    "falls",
    "clearly_falls",
    "clearly_rises",
)

# The changes of the configuration in each variant. One variant changes the synthetic stars instead.
VARIANTS = {
    "full": {},
    "no z_split": {"split": 0},
    "critics without latents": {"critic_latents": False},
    "no cycle": {"cycle": 0.0},
    "not adversarial": {"adversarial": 0.0},
    "means not matched": {"match_means": False},
    "no residual path": {"residual": False},
    "paper's weights": {
        "adversarial": PAPER.adversarial,
        "residual": PAPER.residual,
        "match_means": PAPER.match_means,
    },
    OTHER_POPULATION: {},
}

# A population as if the synthetic stars had been drawn for another survey. It is a choice: most
# stars are dwarfs, and half of the stars belong to the thick disc or the halo. The survey itself
# observes mostly giants of the thin disc.
DWARFS = Population(
    thin_disc=0.5, thick_disc=0.35, halo=0.15, dwarf=0.6, subgiant=0.2, giant=0.15, red_clump=0.05
)


def chains(emulator, translator, stars) -> dict:
    """The emulator alone, and the emulator followed by the translator.

    The translator has one z_split for all stars or, in a further chain, each star's own.

    A z_split that is computed from the fitted spectrum gives the model more freedom. If the fit is
    then better than with the typical z_split, this does not mean that the physics is better.
    """
    models = {PHYSICS: emulator, TYPICAL: translated_emulator(emulator, translator)}
    if translator.config.split:
        models[OWN] = translated_emulator(emulator, translator, translator.encode(stars)[1])
    return models


def fit_chains(stars, models, config: FitConfig = FitConfig()):
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


def summary(fits, residuals, truth: Table | None, labels) -> Table:
    """Summarise the fits of each chain in one row: χ², residuals and errors of the labels.

    Parameters
    ----------
    fits, residuals
        Result of `fit_chains`. The first fit is the one with which the others are compared.
    truth : Table or None
        With None, nobody knows it, and all that needs it is NaN.
    labels : sequence of str
        The labels that count: those that the spectra constrain.

    Returns
    -------
    Table
        ``fit``; ``chi2`` (mean reduced χ²) and ``ratio``, which is that of this fit over that of
        the first; ``mean`` and ``std`` of the residuals in standard errors; ``bias``, the mean over
        the labels of |median bias| / median error of the first fit, and ``bias_error``, its
        standard deviation over bootstrap samples of the stars; ``scatter``, the geometric mean over
        the labels of the scatter over that of the first fit, and ``largest_scatter``, the largest of
        these ratios; ``pull_width``, the median over the labels, which is how many times too small
        the errors are; ``at_limit``, the number of stars at a limit of one of these labels;
        ``falls``, the number of labels whose median bias is closer to 0 than in the first fit;
        ``clearly_falls`` and ``clearly_rises``, the numbers of labels for which the change of the
        bias is more than twice its error (see `bias_change`); ``labels``, the number of all labels.
    """
    limits = {f"at_limit:{label}" for label in labels}
    known = {} if truth is None else _against_truth(fits, truth, labels)
    rows = []
    for chi2, z in zip(chi2_statistics(fits), distribution(residuals)):
        name = chi2["fit"]
        at_limit = sum(bool(limits & set(str(f).split(","))) for f in fits[name]["flags"])
        rows.append(
            {
                "fit": name,
                "chi2": chi2["mean"],
                "ratio": chi2["ratio"],
                "mean": z["mean"],
                "std": z["std"],
            }
            | dict.fromkeys(OF_LABELS, np.nan)
            | known.get(name, {})
            | {"at_limit": at_limit, "labels": len(labels)}
        )
    sizes = ("chi2", "ratio", "std", "bias", "bias_error", "scatter", "largest_scatter")
    return formatted(Table(rows=rows), mean="+.4f", pull_width=".2f", **dict.fromkeys(sizes, ".3f"))


def _against_truth(fits, truth, labels):
    """Those columns `OF_LABELS` of `summary` that need the truth, for each fit."""
    first, rows = next(iter(fits)), {}
    errors, differences = (
        label_errors(fits, truth, labels),
        label_differences(fits, truth, labels)[0],
    )
    reference = errors[errors["fit"] == first]
    for name, fit in fits.items():
        change = bias_change(fits[first], fit, truth, labels)
        clear = change["clear"] & (change["change"] != 0)
        own = errors[errors["fit"] == name]
        scatter = own["scatter"] / reference["scatter"]
        bias = np.abs(resampled_bias(differences[name])) / reference["median_error"]
        rows[name] = {
            "bias": np.mean(np.abs(own["median"]) / reference["median_error"]),
            "bias_error": np.mean(bias, axis=1).std(),
            "scatter": np.exp(np.mean(np.log(scatter))),
            "largest_scatter": scatter.max(),
            "pull_width": np.median(own["pull_width"]),
            "falls": change["falls"].sum(),
            "clearly_falls": (change["falls"] & clear).sum(),
            "clearly_rises": (~change["falls"] & clear).sum(),
        }
    return rows


def train_variant(name: str, emulator, domains, base: TranslateConfig, progress: bool = False):
    """Train one of `VARIANTS`.

    Parameters
    ----------
    name : str
    emulator : Emulator
    domains : Domains
        As from `specnb.translate.domains.mock_domains`. "other population" uses only the observed
        stars and draws other synthetic ones.
    base : TranslateConfig
        The configuration that the variant changes.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If there is no such variant.
    """
    if name not in VARIANTS:
        raise ValueError(f"there is no variant {name!r}: choose one of {', '.join(VARIANTS)}")
    labels = domains.labels
    if name == OTHER_POPULATION:
        labels = true_labels(
            draw_stars(emulator.survey, len(labels), np.random.default_rng(base.seed), DWARFS),
            emulator,
        )
    return train(
        emulator, labels, domains.observed, replace(base, **VARIANTS[name]), progress=progress
    )


def score(
    translator: Translator | None, emulator, observed, truth, n_fitted: int = 500, seeds=(0,)
) -> dict:
    """Score a translator on stars that it has not seen, and whose true spectra are known.

    Parameters
    ----------
    translator : Translator or None
        None scores the spectra of the emulator without translation.
    emulator : Emulator
        An emulator without translation.
    observed, truth : Spectra
        As from `specnb.translate.domains.unseen_stars`, 100 stars or more.
    n_fitted : int
        Number of stars that are fitted with the typical z_split, from the first on.
    seeds : sequence of int
        Seeds of the classifiers, see `specnb.evaluate.two_sample.two_sample_auc`.

    Returns
    -------
    dict
        ``rms``: root mean square over stars and pixels of translated − true flux, for the true
        labels and the typical z_split; ``rms_own``: the same with the z_split of each star's own
        spectrum; ``rms_mean``: root mean square over pixels of the mean difference over stars, with
        the typical z_split. ``auc``: how well a new classifier separates observed stars from
        translated ones. The translated spectra are those of other stars, have the z_split of a
        third star, and are given noise and masks like the observed ones. 0.5 means that they cannot
        be separated. ``chi2``: mean reduced χ² of the fits; for each label ``<label>_bias`` and
        ``<label>_scatter``: median of fitted − true, and half of the width from the 16th to the
        84th percentile, in the label's unit; ``at_limit``: fraction of the fitted stars with a
        label at a limit.

    Raises
    ------
    ValueError
        If there are too few stars for the classifiers, or the pixels differ.
    """
    half = len(observed) // 2
    synthetic = emulator(true_labels(truth.labels, emulator))
    typical = own = synthetic
    others, model = synthetic[:half], emulator
    if translator is not None:
        typical = translator.translate(synthetic)
        own = translator.translate(synthetic, translator.encode(observed)[1])
        split = translator.encode(observed[:half])[1]
        others = translator.translate(others, np.roll(split, 1, axis=0))
        model = translated_emulator(emulator, translator)
    # One half of the stars is translated, and the other half is observed, because no star may be in
    # both sets.
    classified = two_sample_auc(as_observed(others, observed[:half]), observed[half:], seeds)
    fits = {"fit": fit_labels(observed[:n_fitted], model)}
    statistics = chi2_statistics(fits)[0]
    row = {
        "rms": _rms(typical - truth.flux),
        "rms_own": _rms(own - truth.flux),
        "rms_mean": _rms((typical - truth.flux).mean(axis=0)),
        "auc": best_auc(classified)[0],
        "chi2": float(statistics["mean"]),
    }
    for label in label_errors(fits, truth.labels[:n_fitted], emulator.labels):
        row[f"{label['label']}_bias"] = float(label["median"])
        row[f"{label['label']}_scatter"] = float(label["scatter"])
    return row | {"at_limit": float(statistics["at_limit"] / statistics["stars"])}


def _rms(difference):
    return float(np.sqrt(np.mean(np.square(difference, dtype=float))))
