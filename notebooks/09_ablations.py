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
# A translator has many parts, and a paper shows them at work together. Here we take one away at a time, train again, and
# *measure*. On the mock survey of the RVS this can be done honestly, since of each star we know what no real survey tells: its
# labels, and its spectrum without noise.
#
# With $E$ encoders, $D$ decoders and $C$ critics, the generator minimises
#
# $$L = L_\mathrm{rec} + w_\mathrm{cyc} L_\mathrm{cyc} + w_\mathrm{adv} L_\mathrm{adv}, \qquad
# T(x) = x + D_\mathrm{obs}(z, z_\mathrm{split}) - D_\mathrm{synth}(z), \quad z = E_\mathrm{synth}(x)$$
#
# | variant | what is changed | what the part is for |
# | --- | --- | --- |
# | *no z_split* | observed spectra have no latents of their own | what differs from star to star but is not physics: continuum, interstellar band |
# | *critics without latents* | $C$ sees spectra alone | joint judgement: does this spectrum go with these latents? |
# | *no cycle* | $w_\mathrm{cyc} = 0$ | there and back must lead to the same star |
# | *not adversarial* | $w_\mathrm{adv} = 0$ | translations must look like observed spectra |
# | *means not matched* | no shift to the mean of the observed spectra at the end, as in the paper | what critics are too blind to see |
# | *no residual path* | $T(x) = D_\mathrm{obs}(z, z_\mathrm{split})$, as in the paper | what the latents do not resolve passes untouched |
# | *paper's weights* | the last two, and the paper's larger $w_\mathrm{adv}$ | |
# | *other population* | synthetic stars are mostly dwarfs, many metal-poor; observed ones mostly giants of the thin disc | |

# %% [markdown]
# *Other population* is no part of the method but its silent assumption. Critics compare *distributions*: if the two samples hold
# different stars, the difference between the stars is a difference between the domains, and looks as if it had to be translated.
#
# **What to look at.** Six measures, on stars that no training has seen. The *χ²* of fits and the *AUC*, how well a fresh classifier tells
# translated from observed spectra, need no truth, and are all that one has of a real survey. The *error of spectra* and those of the fitted
# *labels* need it. Ask of each variant whether χ² and AUC would have warned you.

# %% tags=["parameters"]
seed: int = 1  # of the first training, its stars and networks; others follow
n_seeds: int = 1  # trainings of each variant, each with stars of its own
variants: list[str] = ["full", "not adversarial", "no residual path"]  # of `VARIANTS`; empty: all
n_stars: int = 1000  # of each domain
iterations: int = 100  # steps of each training
batch: int = 64  # spectra of each domain in a step
hidden: list[int] = [256, 64]  # widths of the networks' layers
n_test: int = 400  # unseen stars
n_fitted: int = 100  # of these, stars whose labels are fitted
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import re
from dataclasses import replace

from astropy.table import Table
from tqdm.auto import tqdm

import specnb
from specnb.core.device import pick_device
from specnb.evaluate.spread import spread
from specnb.plots.ablation import ablation
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.translate import TranslateConfig
from specnb.translate.ablation import VARIANTS, score, train_variant
from specnb.translate.domains import mock_domains, unseen_stars

study = Study(output)
study.input(RVS.emulator_path)
emulator = specnb.load_emulator("rvs").to(pick_device(device))
changes = {"iterations": iterations, "batch": batch, "hidden": tuple(hidden), "device": device}
base = TranslateConfig.for_survey(RVS, **changes)

# %% [markdown]
# ## Train and score
#
# Each seed has synthetic and observed stars and first weights of its own, so that the range over seeds says how far another
# survey of the same kind would have led. The test stars are the same for all. *Physics only* is the emulator without translation.

# %%
names = variants or list(VARIANTS)
observed, truth = unseen_stars(emulator, n_test)
rows = [{"variant": "physics only", "seed": seed} | score(None, emulator, observed, truth, n_fitted)]
for each in range(seed, seed + n_seeds):
    domains = mock_domains(emulator, n_stars, each)
    for name in tqdm(names, desc=f"seed {each}", unit="variant"):
        translator = train_variant(name, emulator, domains, replace(base, seed=each))
        rows.append({"variant": name, "seed": each} | score(translator, emulator, observed, truth, n_fitted))
scores = Table(rows=rows)

# %%
figure = ablation(scores)
study.figure(figure, "ablations", "Six measures of translators with one part changed, on unseen stars. Left is better.")

# %% [markdown]
# ## Spectra

# %%
spectra = ["rms", "rms_own", "rms_mean", "auc", "chi2"]
table = spread(scores, ["variant"], [*spectra, "at_limit"])
for row in table:
    name = re.sub(r"\W+", "_", row["variant"])
    for measure in spectra:
        study.result(f"{measure}_{name}", float(row[measure]))
ranges = [f"{measure}_{end}" for measure in ("rms", "auc", "chi2") for end in ("min", "max")]
shown = table["variant", "seeds", *spectra, "at_limit", *ranges]
formats = {c: ".4f" if c.startswith("rms") else ".3f" for c in shown.colnames[2:]}
caption = "Errors of spectra (rms of flux: typical z_split, own z_split, mean over stars), AUC, χ² and fits at a limit."
study.table(shown, "spectra", caption, formats)

# %% [markdown]
# *rms* is the error of a spectrum made from labels alone, with the typical $z_\mathrm{split}$; *rms_own* knows $z_\mathrm{split}$ of
# the star's own spectrum; *rms_mean* is the part that all stars have in common. Where *rms_mean* is much below *rms*, the mean spectrum
# is right and the single star is not: a mean residual near zero proves little. Below *physics only*, compare variants with the
# range of *full* over seeds: a smaller difference may be the stars that were drawn. One seed tells nothing of it.
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
# ## What the paper's networks cost
#
# All variants here are perceptrons. The convolutions of the paper are there too (`specnb.translate.PAPER`, kind `conv`); a step
# costs many times as much, and the paper takes half a million of them. Here we time nothing: `benchmarks/translate_speed.py` measures
# both kinds on your machine, side by side, and says how long the paper's training would take there. On a GPU set
# `device=cuda` and try.

# %% [markdown]
# **What to see.** (Numbers are of three trainings of each variant, 400 steps each, with `n_stars=6000` and `hidden=[256, 64]`, none of
# which had the means matched. Where the populations agree, matching them about halves the biases and brings the AUC near that of the
# truth: compare *full* with *means not matched* above.)
#
# - *χ² is no measure of labels.* Without the residual path χ² falls by more than the published ratio (1.97 → 1.22), but the scatter of
#   $T_\mathrm{eff}$ is worse than with physics alone, and nine fits in ten end at a limit: the flux is nearly right, and what a label
#   changes in it is not. The paper's larger adversarial weight does not mend it.
# - *Nor does it see another population.* χ² of *other population* is hardly above that of *full*, yet log g is off by 0.2 to 0.3 dex:
#   critics asked for giants, so dwarfs were translated into giants. The AUC is higher (0.70–0.79 against 0.60–0.65); it says that
#   something is wrong, but not what, and not that it is the labels. Matching the means makes it worse by far: it takes the mean of
#   giants for what dwarfs should look like.
# - *The critics matter less than their fame.* Without them spectra are worse by a tenth at most, and χ², AUC and labels nearly as good.
#   Without the cycle the scatter of $T_\mathrm{eff}$ grows by a third: nothing else forbids labels to slide into each other.
# - *No z_split* is as good as *full* after so short a training: the gap of this survey is mostly common to all stars. Trained for longer,
#   as the shipped translator was, z_split takes up the continuum and the interstellar band of single stars (notebook 07).
#
# **Exercise.** 1. Make the adversarial weight ten and a hundred times larger, with and without the residual path
# (`train_variant` takes `base`; the variants change only what they name). What happens to labels first, bias or scatter, and does the
# AUC fall meanwhile? 2. z_split should hold what is *not* physics. Encode the test stars and predict $T_\mathrm{eff}$ from z_split with
# a regressor of scikit-learn. What does that say about *rms_own*, and about spectra translated with the z_split of another star?
