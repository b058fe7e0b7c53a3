"""An ablation study: translators with one part of the method changed, scored on a mock survey."""

from dataclasses import replace

import numpy as np

from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.fitting.fit import fit_labels
from specnb.fitting.label_errors import label_errors
from specnb.fitting.residuals import chi2_statistics
from specnb.surveys.population import Population, draw_stars
from specnb.translate.config import PAPER, TranslateConfig
from specnb.translate.domains import Domains, true_labels
from specnb.translate.model import Translator
from specnb.translate.train import train
from specnb.translate.model import translated_emulator

OTHER_POPULATION = "other population"

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


def train_variant(
    name: str, emulator, domains: Domains, base: TranslateConfig, progress: bool = False
) -> Translator:
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
    synthetic = emulator(true_labels(truth.labels, emulator))
    typical = own = synthetic
    model = emulator
    if translator is not None:
        _, split = translator.encode(observed)
        typical, own = translator.translate(synthetic), translator.translate(synthetic, split)
        model = translated_emulator(emulator, translator)
    row = {
        "rms": _rms(typical - truth.flux),
        "rms_own": _rms(own - truth.flux),
        "rms_mean": _rms((typical - truth.flux).mean(axis=0)),
        "auc": _auc(translator, synthetic, observed, seeds),
    }
    stars, true = observed[:n_fitted], truth.labels[:n_fitted]
    fits = {"fit": fit_labels(stars, model)}
    statistics = chi2_statistics(fits)[0]
    row["chi2"] = float(statistics["mean"])
    for label in label_errors(fits, true, emulator.labels):
        row[f"{label['label']}_bias"] = float(label["median"])
        row[f"{label['label']}_scatter"] = float(label["scatter"])
    return row | {"at_limit": float(statistics["at_limit"] / statistics["stars"])}


def _auc(translator, synthetic, observed, seeds):
    """AUC of classifiers between translated and observed spectra.

    One half of the stars is translated, and the other half is observed, because no star may be in
    both sets.
    """
    half = len(observed) // 2
    flux = synthetic[:half]
    if translator is not None:
        _, split = translator.encode(observed[:half])
        flux = translator.translate(flux, np.roll(split, 1, axis=0))
    return best_auc(two_sample_auc(as_observed(flux, observed[:half]), observed[half:], seeds))[0]


def _rms(difference):
    return float(np.sqrt(np.mean(np.square(difference, dtype=float))))
