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
from specnb.plots.training import ablation
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.translate import TranslateConfig
from specnb.translate.comparison import VARIANTS, score, train_variant
from specnb.translate.domains import mock_domains, unseen_stars

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
caption = "Six measures of translators with one part changed, on unseen stars. Left is better. "
caption += f"Trainings of each variant: {n_seeds}."
study.figure(figure, "ablations", caption)

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
# *rms* is the error of a spectrum that is made only from labels, with the typical $z_\mathrm{split}$. *rms_own* is its error with the
# $z_\mathrm{split}$ of the star's own spectrum. *rms_mean* is the part of the error that all stars have in common. If *rms_mean* is much
# smaller than *rms*, the mean spectrum is right but the single spectra are not, so a mean residual near zero proves little. Compare the
# variants in the rows below *physics only* with the range of *full* over the seeds. A smaller difference can be due to the stars that
# were drawn. With only one seed this range is not known.
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
# All variants here are perceptrons. The convolutional networks of the paper are available, too (`specnb.translate.PAPER`, kind `conv`).
# One step of their training takes many times as long, and the paper takes half a million steps. We do not measure times here.
# `benchmarks/translate_speed.py` measures both kinds on your machine and estimates how long the paper's training would take there. If
# you have a GPU, set `device=cuda` and try it.

# %% [markdown]
# **What to see.** (The numbers are from three trainings of each variant with 400 steps, `n_stars=6000` and `hidden=[256, 64]`. In none of
# them were the means matched. If the populations agree, matching the means about halves the biases and brings the AUC near that of the
# truth: compare *full* with *means not matched* above.)
#
# - *χ² does not measure how good labels are.* Without the residual path χ² falls by more than the published ratio (1.97 → 1.22), but the
#   scatter of $T_\mathrm{eff}$ is larger than with physics alone, and nine in ten fits end at a limit. The flux is nearly right, but its
#   derivatives by the labels are not. The paper's larger adversarial weight does not help.
# - *χ² does not show that the populations differ.* χ² of *other population* is hardly above that of *full*, but log g is wrong by 0.2 to
#   0.3 dex: the critics know mostly giants, so dwarfs are translated into giants. The AUC is higher (0.70–0.79; *full* has 0.60–0.65). It
#   shows that something is wrong, but not what. Matching the means makes the result much worse, because dwarfs get the mean of giants.
# - *The critics matter less than one might think.* Without them spectra are worse by at most a tenth, and χ², AUC and labels are nearly as
#   good. Without the cycle the scatter of $T_\mathrm{eff}$ grows by a third, because nothing else prevents labels from being mixed.
# - *No z_split* is as good as *full* after such a short training, because most of the gap is common to all stars. After a longer training,
#   like that of the shipped translator, z_split describes the continuum and the interstellar band of single stars (notebook 07).
#
# **Exercise.** 1. Make the adversarial weight ten and a hundred times larger, with and without the residual path (`train_variant` takes
# `base`; the variants change only what they name). Which error of the labels grows first, bias or scatter, and does the AUC fall at the
# same time? 2. z_split should contain what is *not* physics. Encode the test stars and predict $T_\mathrm{eff}$ from z_split with a
# regressor of scikit-learn. What does the result mean for *rms_own*, and for spectra translated with the z_split of another star?
