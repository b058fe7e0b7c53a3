# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which parts matter?
#
# A translator has many parts, and the paper shows only all of them together. Here we remove one part at a time, train again, and
# *measure* the effect. On the mock survey of the RVS we can do this reliably, because for each star we know what no real survey gives:
# its true labels, and its spectrum without noise.
#
# With $E$ encoders, $D$ decoders and $C$ critics, the generator minimises
#
# $$L = L_\mathrm{rec} + w_\mathrm{cyc} L_\mathrm{cyc} + w_\mathrm{adv} L_\mathrm{adv}, \qquad
# T(x) = x + D_\mathrm{obs}(z, z_\mathrm{split}) - D_\mathrm{synth}(z), \quad z = E_\mathrm{synth}(x)$$
#
# | variant | what is changed | what the part is for |
# | --- | --- | --- |
# | *no z_split* | observed spectra have no latents of their own | to describe what differs from star to star but is not physics: continuum, interstellar band |
# | *critics without latents* | $C$ sees spectra alone | to test whether spectrum and latents belong together |
# | *no cycle* | $w_\mathrm{cyc} = 0$ | a translation to the other domain and back must return the same star |
# | *not adversarial* | $w_\mathrm{adv} = 0$ | it makes translations look like observed spectra |
# | *means not matched* | no shift to the mean of the observed spectra at the end, as in the paper | to correct differences that the critics do not find |
# | *no residual path* | $T(x) = D_\mathrm{obs}(z, z_\mathrm{split})$, as in the paper | to leave unchanged what the latents do not resolve |
# | *paper's weights* | the last two, and the paper's larger $w_\mathrm{adv}$ | |
# | *other population* | synthetic stars are mostly dwarfs, many metal-poor; observed ones mostly giants of the thin disc | |

# %% [markdown]
# *Other population* is not a part of the method. It tests an assumption of the method that is rarely mentioned. Critics compare
# *distributions*. If the two samples contain different kinds of stars, the difference between the stars looks like a difference between
# the domains, and the translator learns to translate it.
#
# **What to look at.** There are six measures, on stars that were in no training. The *χ²* of fits and the *AUC*, which measures how well
# a fresh classifier distinguishes translated from observed spectra, do not need the truth. These two are all that one has for a real
# survey. The *error of spectra* and the errors of the fitted *labels* need the truth. For each variant, ask whether χ² and AUC would
# have warned you.
#
# A number alone says little. So each variant stands between two other kinds of models. Three *baselines* need no network: the difference
# of the mean spectra is added; one power a pixel multiplies optical depths; a linear regression on principal components, from which
# networks of kind `principal` start. The *perfect translator* is the gap itself, as far as the labels of a star tell. Its χ² and AUC are
# the floor for what is translated with a typical $z_\mathrm{split}$; its errors of labels are what noise alone would leave.

# %% tags=["parameters"]
seed: int = 1  # of the first training, its stars and networks; others follow
n_seeds: int = 1  # trainings of each variant, each with stars of its own
variants: list[str] = ["full", "not adversarial", "no residual path"]  # of `VARIANTS`; empty: all
n_stars: int = 1000  # of each domain
iterations: int = 100  # steps of each training
batch: int = 64  # spectra of each domain in a step
hidden: list[int] = [256, 64]  # widths of the networks' layers
nonlinear: float = 0.4  # amplitude of the gap that follows the labels; 0 to 1
n_test: int = 400  # unseen stars
n_fitted: int = 100  # of these, stars whose labels are fitted
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import re
from dataclasses import replace

import numpy as np
from astropy.table import Table, vstack
from tqdm.auto import tqdm

import specnb
from specnb.core.device import pick_device
from specnb.evaluate.spread import spread
from specnb.plots.training import ablation
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.rvs.departures import departures
from specnb.translate import TranslateConfig
from specnb.translate.baselines import LINEAR, MEAN, PERFECT, POWER, baselines
from specnb.translate.comparison import PHYSICS, VARIANTS, score, train_variant
from specnb.translate.domains import mock_domains, unseen_stars
from specnb.translate.rvs_gap import RvsGap

study = Study(output)
study.input(RVS.emulator_path)
emulator = specnb.load_emulator("rvs").to(pick_device(device))
changes = {"iterations": iterations, "batch": batch, "hidden": tuple(hidden), "device": device}
base = TranslateConfig.for_survey(RVS, **changes)

# %% [markdown]
# ## Train and score
#
# Each seed has its own synthetic and observed stars and its own initial weights. So the range over the seeds shows how different the
# result of another survey of the same kind would be. The test stars are the same for all. *Physics only* is the emulator without
# translation.

# %%
UNTRAINED = (PHYSICS, MEAN, POWER, LINEAR, PERFECT)


def scored(names, **gap):
    """Scores of models without a network, and of all variants and seeds, for a gap between the domains."""
    observed, truth = unseen_stars(emulator, n_test, **gap)

    def row(name, each, model, translator=None):
        return {"variant": name, "seed": each} | score(translator, model, observed, truth, n_fitted)

    rows = [row(PHYSICS, seed, emulator)]
    for each in range(seed, seed + n_seeds):
        domains = mock_domains(emulator, n_stars, each, **gap)
        for name, model in baselines(emulator, domains.labels, domains.observed).items():
            rows.append(row(name, each, model))
        for name in tqdm(names, desc=f"seed {each}", unit="variant"):
            translator = train_variant(name, emulator, domains, replace(base, seed=each))
            rows.append(row(name, each, emulator, translator))
    return Table(rows=[*rows, row(PERFECT, seed, emulator.then(RvsGap(**gap).to(emulator.network.low)))])


# %%
names = variants or list(VARIANTS)
scores = scored(names)
caption = "Six measures of models without a network (black) and of translators with one part changed, on unseen stars. "
caption += f"Left is better. Trainings of each variant: {n_seeds}."
study.figure(ablation(scores, UNTRAINED), "ablations", caption)

# %% [markdown]
# ## Spectra

# %%
spectra = ["rms", "rms_own", "rms_mean", "auc", "chi2"]
several = spread(scores, ["variant"], [*spectra, "at_limit"])
for row in several:
    name = re.sub(r"\W+", "_", row["variant"])
    for measure in spectra:
        study.result(f"{measure}_{name}", float(row[measure]))
ranges = [f"{measure}_{end}" for measure in ("rms", "auc", "chi2") for end in ("min", "max")]
shown = several["variant", "seeds", *spectra, "at_limit", *ranges]
formats = {c: ".4f" if c.startswith("rms") else ".3f" for c in shown.colnames[2:]}
caption = "Errors of spectra (rms of flux: typical z_split, own z_split, mean over stars), AUC, χ² and fits at a limit."
study.table(shown, "spectra", caption, formats)

# %% [markdown]
# *rms* is the error of a spectrum that is made only from labels, with the typical $z_\mathrm{split}$. *rms_own* is its error with the
# $z_\mathrm{split}$ of the star's own spectrum. *rms_mean* is the part of the error that all stars have in common. If *rms_mean* is much
# smaller than *rms*, the mean spectrum is right but the single spectra are not, so a mean residual near zero proves little. Compare the
# variants in the rows below *physics only* with the range of *full* over the seeds. A smaller difference can be due to the stars that
# were drawn. With only one seed this range is not known. The AUC grows with the number of spectra
# from which the classifier learns (half of `n_test` of each kind), so compare it within one run only.
#
# ## Labels

# %%
labels = [f"{label}_{kind}" for label in emulator.labels for kind in ("bias", "scatter")]
table = spread(scores, ["variant"], labels)
for row in table:
    name = re.sub(r"\W+", "_", row["variant"])
    for label in ("teff", "logg", "m_h"):
        unit = emulator.units[emulator.labels.index(label)]
        study.result(f"bias_{label}_{name}", float(row[f"{label}_bias"]), unit)
        study.result(f"scatter_{label}_{name}", float(row[f"{label}_scatter"]), unit)
formats = {name: ".0f" if name.startswith("teff") else ".3f" for name in labels}
caption = "Median (bias) and half the 16th-84th percentile range (scatter) of fitted − true labels, mean over seeds."
study.table(table["variant", "seeds", *labels], "labels", caption, formats)

# %%
study.table(scores, "scores", "All trainings: scores by variant and seed.")

# %% [markdown]
# ## When is the network needed?
#
# The gap of the mock survey is nearly *linear*: most of it is the same in all stars, or grows with the depth of the lines. For such a gap
# one should ask whether a network is needed at all. Real gaps need not be so simple. Departures from LTE change the depth of a line by a
# factor that follows $T_\mathrm{eff}$, log g and [M/H], differently from line to line. So we add such a gap (`nonlinear` of
# `specnb.surveys.rvs.mock.RvsMockConfig`): in each stretch of 2 Å the optical depth is multiplied by
#
# $$\exp\Big(a \sum_k p_k(\lambda) \tanh(\mathbf{a}_k \cdot \mathbf{u} + b_k)\Big)$$
#
# with the scaled labels $\mathbf{u}$ and coefficients that were drawn once. It is no physics, but has a plausible size. Everything else
# is as before. The same models are fitted and scored again; *full* is the network.

# %%
harder = scored(["full"], nonlinear=nonlinear)
caption = f"The same measures if optical depths also follow the labels (amplitude {nonlinear:g}); black: no network."
study.figure(ablation(harder, UNTRAINED), "ablations_nonlinear", caption)

# %%
measures = {"chi2": "χ²", "auc": "AUC", "rms": "error of spectra", "teff_bias": "bias of T_eff"}
measures |= {"logg_bias": "bias of log g", "teff_scatter": "scatter of T_eff", "logg_scatter": "scatter of log g"}
measures["m_h_scatter"] = "scatter of [M/H]"
gaps = {"nearly linear": scores, "follows the labels": harder}
parts = []
for gap, table in gaps.items():
    part = table[np.isin(table["variant"], [*UNTRAINED, "full"])]
    for name in ("teff_bias", "logg_bias"):
        part[name] = np.abs(part[name])
    part.add_column([gap] * len(part), name="gap")
    parts.append(part)
both = spread(vstack(parts), ["gap", "variant"], [*measures, "at_limit"])
formats = {c: ".4f" if c.startswith("rms") else ".0f" if c.startswith("teff") else ".3f" for c in both.colnames[3:]}
study.table(both, "gaps", "Models without a network, the network (full) and the floor, for two gaps.", formats)
shown = both["gap", "variant", "seeds", *measures]
caption = "Two gaps between mock RVS domains: scores on unseen stars (K, dex; biases without sign), mean over seeds."
study.table(shown, "summary_gaps", caption, {name: formats[name] for name in measures})

# %% [markdown]
# ## What the paper's networks cost
#
# All variants here are perceptrons. The convolutional networks of the paper are available, too (`specnb.translate.PAPER`, kind `conv`).
# One step of their training takes many times as long, and the paper takes half a million steps. We do not measure times here.
# `benchmarks/translate_speed.py` measures both kinds on your machine and estimates how long the paper's training would take there. If
# you have a GPU, set `device=cuda` and try it.

# %% [markdown]
# ## Summary of this run
#
# A model is called *better* than another in a measure if all its trainings are better than all of the other's, and there are two
# trainings or more. Biases are compared without their signs. They must also differ by more than twice the error of a median, because all
# are measured with the same stars.


# %%
def sizes(table, variant, measure):
    """Sizes of a measure in all trainings of a variant."""
    return np.abs(np.asarray(table[measure][table["variant"] == variant]))


def verdict(table, one, other):
    """In which measures one variant is better than another, and in which it is worse, in words."""
    if n_seeds == 1:
        return "not judged, because one training does not show the spread"
    better, worse = [], []
    for name, text in measures.items():
        (mine, theirs), margin = (sizes(table, which, name) for which in (one, other)), 0.0
        if name.endswith("bias"):
            scatters = [sizes(table, which, name.replace("bias", "scatter")).mean() for which in (one, other)]
            margin = 2 * 1.25 * max(scatters) / np.sqrt(n_fitted)
        if mine.max() + margin < theirs.min():
            better.append(text)
        if mine.min() - margin > theirs.max():
            worse.append(text)
    return f"better in {', '.join(better) or 'nothing'}; worse in {', '.join(worse) or 'nothing'}"


# %%
changed = [name for name in names if name != "full"]
few = spread(scores[np.isin(scores["variant"], names)], ["variant"], ["chi2", "auc", "rms", "teff_scatter", "at_limit"])
few = few["variant", "seeds", "chi2", "auc", "rms", "teff_scatter", "at_limit"]
caption = f"One part of the translator changed, {iterations:,} steps each: mean over the trainings. *rms* is the error of spectra (continuum 1), "
caption += "*teff_scatter* is in K, and *at_limit* is the fraction of fits with a label at a limit."
formats = {"chi2": ".2f", "auc": ".3f", "rms": ".4f", "teff_scatter": ".0f", "at_limit": ".2f"}
study.table(few, "summary_variants", caption, formats)

# %%
seeds_run = f"{n_seeds} trainings" if n_seeds > 1 else "one training (the spread over seeds is not known)"
parts = ". ".join(f"*{name}*: {verdict(scores, name, 'full')}" for name in changed)
points = [
    f"""Mock RVS, {n_stars:,} stars in each domain, {iterations:,} steps, {seeds_run} of each variant, scored on {n_test:,} unseen
stars ({n_fitted:,} fitted; the classifiers of the AUC learn from {4 * n_test // 5:,} spectra). *Better* and *worse* mean: in all
trainings, in {len(measures)} measures (χ², AUC, error of spectra, biases of T_eff and log g, scatters of T_eff, log g and [M/H]).""",
    f"**One part removed or changed, against the *full* translator**. {parts}.",
]
for gap, table in gaps.items():
    points.append(f"""**Gap: {gap}**. The network against the linear start: {verdict(table, "full", LINEAR)};
against one power a pixel: {verdict(table, "full", POWER)}; against the mean spectrum: {verdict(table, "full", MEAN)}.""")

# %%
ours, floor, start = (sizes(harder, name, "chi2").mean() for name in ("full", PERFECT, LINEAR))
closed = (start - ours) / (start - floor)
_, truth = unseen_stars(emulator, n_test)
size = nonlinear * np.sqrt(np.mean(departures(emulator.wavelength, truth.labels) ** 2))
gained = "The network is no better than the linear start."
if closed > 0:
    gained = f"Of what the linear start leaves above the floor, the network removes {closed:.0%}."
points.append(f"""In the gap that follows the labels (ln of the optical depths is wrong by {size:.2f} rms more) physics has
χ² {sizes(harder, PHYSICS, "chi2").mean():.2f}, the linear start {start:.2f}, the network {ours:.2f} and a perfect translator
{floor:.2f}. {gained}""")
scatter = {name: sizes(harder, name, "teff_scatter").mean() for name in (MEAN, LINEAR, "full", PERFECT)}
points.append(f"""In the same gap the scatter of fitted T_eff is {", ".join(f"{k:.0f} K ({name})" for name, k in scatter.items())}. The
network's spectra (AUC {sizes(harder, "full", "auc").mean():.2f}) leave {scatter["full"] / scatter[MEAN]:.1f} times the scatter of the
mean spectrum and {scatter["full"] / scatter[PERFECT]:.1f} times that of a perfect translator, to which this gap itself tells the
labels. Besides right spectra, fits need right derivatives by the labels.""")
study.result("closed_by_network", float(closed))
study.text("summary", "\n".join(f"- {' '.join(point.split())}" for point in points))

# %% [markdown]
# **What to see.** Three things are true of fits with any model of this kind, and each can be checked above.
#
# - *χ² does not measure how good labels are.* A model may reproduce the flux and still have wrong derivatives by the labels. Look for
#   variants whose χ² is far below that of physics, while their labels scatter more or end at a limit.
# - *χ² alone does not show that the populations differ.* Critics compare distributions, and matching the means gives the synthetic stars
#   the mean of the others. Compare *other population* with *full* in χ² and in log g.
# - *What a network adds depends on the gap.* If the gap is nearly linear, look at what the baselines reach without a network. If it
#   follows the labels, a constant or a power a pixel cannot describe it. But better spectra need not give better labels: compare the
#   scatter of labels with that of the simplest baseline and with that of the perfect translator.
#
# **Exercise.** 1. Make the adversarial weight ten and a hundred times larger, with and without the residual path (`train_variant` takes
# `base`; the variants change only what they name). Which error of the labels grows first, bias or scatter, and does the AUC fall at the
# same time? 2. z_split should contain what is *not* physics. Encode the test stars and predict $T_\mathrm{eff}$ from z_split with a
# regressor of scikit-learn. What does the result mean for *rms_own*, and for spectra translated with the z_split of another star?
