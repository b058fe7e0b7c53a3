# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From synthetic to observed spectra, without pairs
#
# A simulator is wrong in ways that nobody has written down: line strengths, missing lines, the instrument. If we had the
# *same* stars simulated and observed, learning the difference would be a regression. We have not: the labels of observed stars
# come from the very model that is wrong. What we have is **two heaps**: observed spectra, and synthetic spectra of *other* stars
# with about the same distribution of labels. O'Briain et al. (2020, 2021) learn from those alone.
#
# **The idea.** Two autoencoders, one a domain, share their middle. What both kinds of spectra have in common, the star, goes
# into $z_\mathrm{shared}$; what only observed spectra have, such as the sky, the instrument or interstellar matter, goes into
# $z_\mathrm{split}$. A synthetic spectrum $s$ is *translated* when its $z_\mathrm{shared}$ is decoded as an observed one. No
# star is ever seen in both domains, so three things must hold the translation in place: each autoencoder has to reproduce its
# own spectra, going there and back must return the same spectrum, and *critics* must not see the translation.
#
# Here the observed spectra come from a mock survey. So there is a truth that no real survey has, and we can ask what the
# authors could not: is the translated spectrum *right*?

# %% tags=["parameters"]
survey: str = "rvs"  # rvs (6 labels, 800 pixels) or apogee (25 labels, 7,214 pixels)
seed: int = 2  # random seed of the stars; the shipped translators were trained with 1
n_stars: int = 500  # stars of each set that is compared
n_mapped: int = 200  # stars of each set in the t-SNE maps
auc_seeds: int = 1  # repetitions of each two-sample test
star: int = 0  # row of the star that is shown
live_stars: int = 1000  # stars of each domain in the live training
live_steps: int = 300  # its steps
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from itertools import pairwise

import numpy as np
from astropy.table import Table

import specnb
from specnb.core.device import pick_device
from specnb.plots.architecture import architecture
from specnb.plots.translated import TranslatedFigure, compared_spectra, mean_differences, widest_gaps
from specnb.plots.history import translation_history
from specnb.plots.translation import mixing_maps
from specnb.reproduce.study import Study
from specnb.translate import TranslateConfig, load_translator
from specnb.translate.domains import mock_domains, true_labels, unseen_stars
from specnb.evaluate.projection import project_two
from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.translate.model import SHIPPED
from specnb.widgets import explore_translator, train_translator

# %%
study = Study(output)
emulator = specnb.load_emulator(survey).to(pick_device(device))
translator = load_translator(f"{survey}-mock").to(pick_device(device))
for path in (emulator.survey.emulator_path, SHIPPED / f"{survey}-mock.safetensors"):
    study.input(path)

# %%
study.figure(architecture(), "fig1_architecture", "The networks, the cycles that train them, and the fit of labels through them.")

# %% [markdown]
# ## What is learnt
#
# With encoders $E$ and decoders $D$ of either domain, a synthetic spectrum $s$ and an observed one $o$ of another star:
#
# $$z = E_\mathrm{synth}(s), \qquad (z_\mathrm{shared}, z_\mathrm{split}) = E_\mathrm{obs}(o), \qquad
# T(s) = s + D_\mathrm{obs}(z, z_\mathrm{split}) - D_\mathrm{synth}(z)$$
#
# **Reconstruction**, the mean over unmasked pixels, with $\sigma$ the error of the pixel:
#
# $$L_\mathrm{rec} = \left\langle \frac{(D_\mathrm{synth}(z) - s)^2}{\sigma_s^2} \right\rangle +
# \left\langle \frac{(D_\mathrm{obs}(z_\mathrm{shared}, z_\mathrm{split}) - o)^2}{\sigma_o^2} \right\rangle$$
#
# **Cycle**: the same for a way there and back. $T(s)$ is encoded as if observed and decoded as synthetic; $o$ is decoded as
# synthetic, encoded as such, and decoded with its own $z_\mathrm{split}$.
#
# **Adversarial**: a critic $C$ a domain learns to tell *real* from *translated* spectra, of which it sees the latents too;
# with the verdict $C$ as a probability of being real, the generator is to foil both:
#
# $$L_\mathrm{adv} = -\langle \ln C_\mathrm{obs}(D_\mathrm{obs}(z, z_\mathrm{split}), z, z_\mathrm{split}) \rangle
# - \langle \ln C_\mathrm{synth}(D_\mathrm{synth}(z_\mathrm{shared}), z_\mathrm{shared}) \rangle, \qquad
# L = L_\mathrm{rec} + L_\mathrm{cyc} + 0.05\,L_\mathrm{adv}$$
#
# For the critics "real" are *reconstructions*: next to a spectrum with noise and bad pixels any translation would be exposed.

# %% [markdown]
# **What differs from the paper.**
#
# - *The residual path.* In the paper $T(s) = D_\mathrm{obs}(z)$: all that the autoencoder does not resolve is lost, and with it
#   part of the derivatives by the labels. Here only the *difference* of the decoders is added to the spectrum. Without it, fits
#   are as good and their labels far worse: a small χ² alone is no measure.
# - *$z_\mathrm{split}$ of the rest*: it is read from what $z_\mathrm{shared}$ leaves of a spectrum. Read from the spectrum itself, as
#   in the paper, it held the labels once more, and of what differs between stars of equal labels next to nothing.
# - *Perceptrons* in place of convolutions: some minutes on two cores. `specnb.translate.PAPER` is the published configuration.
# - *The weight of the critics*, 0.05 (the paper's 1/3 and 1/9), and $\sigma_s = 0.005$, as synthetic spectra have no noise of their
#   own, are choices. As in the paper $\sigma_o$ is at least 0.005, and pixels above 0.05 are masked.
#
# At the end the mean $z_\mathrm{split}$ of the observed training stars is kept as the *typical* one: with it, translated spectra
# depend on the labels alone. The training of the shipped translator, watched on stars that trained nothing:

# %%
study.figure(translation_history(translator.history), "training_history", "Training of the shipped translator.")

# %% [markdown]
# ## Two domains, and a truth
#
# Stars of a mock survey, which no training has seen, with spectra as observed and without noise; and synthetic spectra of
# other stars, drawn from the same population. The translator is given neither the truth nor any pair.

# %%
unseen, true = unseen_stars(emulator, 2 * n_stars)
observed, truth, others = unseen[:n_stars], true[:n_stars], true[n_stars:]
domains = mock_domains(emulator, n_stars, seed)
synthetic = emulator(true_labels(truth.labels, emulator))
spectra = {
    "synthetic": synthetic,
    "translated": translator.translate(synthetic),
    "translated, own z_split": translator.translate(synthetic, translator.encode(observed)[1]),
}
differences = {name: flux - truth.flux for name, flux in spectra.items()}

# %% [markdown]
# First one star, where the domains differ most. The labels are the true ones, so nothing has been fitted: below, the blue
# line shows what the simulator gets wrong, the green ones what the translator leaves of it.

# %%
gaps = widest_gaps(emulator.wavelength, differences["synthetic"].mean(axis=0))
one = {"truth": truth.flux[star]} | {name: flux[star] for name, flux in spectra.items()}
figure = compared_spectra(emulator.wavelength, one, "truth", gaps)
study.figure(figure, "star", f"{observed.ids[star]}: synthetic, translated and true spectrum without noise.")

# %% [markdown]
# Then all stars. The mean over stars is what the domains have as a rule; a translator with one $z_\mathrm{split}$ for all can
# remove it. What single stars have on their own, such as interstellar or telluric absorption, it cannot know from labels. The
# z_split of a star's own spectrum might: compare the last rows of the table.

# %%
figure = mean_differences(emulator.wavelength, {name: differences[name] for name in ("synthetic", "translated")})
study.figure(figure, "mean_differences", f"Mean of spectrum − truth over {n_stars} unseen stars, in units of the continuum.")


# %%
def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


rows = []
for (name, each), short in zip(differences.items(), ("synthetic", "translated", "translated_own")):
    mean = each.mean(axis=0)
    rows.append((name, rms(each), rms(mean), rms(each - mean)))
    study.result(f"rms_{short}", rms(each), "flux")
    study.result(f"rms_of_mean_{short}", rms(mean), "flux")
table = Table(rows=rows, names=("spectra", "rms", "rms of the mean over stars", "rms about it"))
caption = f"Spectra of {n_stars} unseen stars from their true labels, against the noiseless truth."
study.table(table, "score", caption, dict.fromkeys(table.colnames[1:], ".5f"))

# %% [markdown]
# Does it help where much was wrong, and harm where nothing was? Pixels by the size of the gap, the rms of synthetic − truth over
# the stars. The first rows hold what stars have on their own, mostly continuum, which nobody can know from labels; where the
# translated spectra are worse there than the synthetic ones, that is the price of the translation.

# %%
size = np.sqrt((differences["synthetic"] ** 2).mean(axis=0))
edges = (0, 0.003, 0.01, 0.03, 1)
rows = []
for low, high in pairwise(edges):
    pixels = (size >= low) & (size < high)
    errors = [rms(each[:, pixels]) if pixels.any() else np.nan for each in differences.values()]
    rows.append((f"{low:g} to {high:g}", int(pixels.sum()), *errors))
table = Table(rows=rows, names=("gap", "pixels", *differences))
study.table(table, "score_by_gap", "Rms error by the size of the gap in a pixel.", dict.fromkeys(differences, ".5f"))

# %% [markdown]
# ## Do the domains mix?
#
# For real stars there is no truth, and one asks whether the two heaps can be told apart. The paper looks at t-SNE maps: spectra
# before, spectra after, and $z_\mathrm{shared}$ of both (Fig. 2). Each map gets a number here: a *fresh* classifier, trained on some
# stars, sorts others; the area under its ROC curve is 0.5 where the heaps mix and 1 where it is never wrong. The sets have no star
# in common, and synthetic spectra are first *measured*: each gets the errors, noise and bad pixels of an observed star, the one
# that lends it its $z_\mathrm{split}$, and is normalised as the survey's spectra are.
#
# The yardstick is the *floor*: the noiseless truth of other stars, measured in the same way. Where that can be told from
# observed spectra, the cause is not the translator.

# %%
drawn = emulator(domains.labels)
split = translator.encode(domains.observed)[1]  # of random observed stars, as in the training
translations = {"after": translator.translate(drawn, split), "after_typical": translator.translate(drawn)}
normalize = emulator.survey.normalize
same = np.arange(n_stars)  # the spectrum's own donor
measured = {
    name: as_observed(flux, domains.observed, seed, same, normalize)
    for name, flux in ({"before": drawn} | translations).items()
}
measured["floor"] = as_observed(others.flux, unseen[n_stars:], seed, same, normalize)
z_observed = translator.encode(observed)[0]
sets = {name: (each, observed) for name, each in measured.items()}
sets["latents"] = translator.encode_synthetic(drawn), z_observed
sets["latents_noise"] = translator.encode_synthetic(measured["before"].flux), z_observed

# %%
rows, auc = [], {}
for name, pair in sets.items():
    table = two_sample_auc(*pair, seeds=range(auc_seeds))
    auc[name] = best_auc(table)
    study.result(f"auc_{name}", auc[name][0])
    study.result(f"auc_{name}_std", auc[name][1])
    rows.append((name, *table["auc"], *auc[name], table["chance_std"][0]))
names = ("sets", "logistic", "mlp", "auc", "auc_std", "chance_std")
caption = "AUC of classifiers that tell the sets apart; auc: the better one's, with its scatter over folds."
study.table(Table(rows=rows, names=names), "mixing", caption, dict.fromkeys(names[1:], ".3f"))

# %% [markdown]
# The sets are compared with observed spectra, or their $z_\mathrm{shared}$. *before*: synthetic; *after*: translated with the
# z_split of random observed stars; *after_typical*: with the typical one; *floor*: the truth. *latents*: z_shared of synthetic
# spectra as the networks see them; *latents_noise*: of synthetic spectra with noise.

# %%
titles = {
    "Before: spectra": ("before", "synthetic"),
    "After: spectra": ("after", "translated"),
    "$z_\\mathrm{shared}$": ("latents", "synthetic"),
}
panels = {title: dict(zip((kind, "observed"), project_two(*sets[name], n=n_mapped))) for title, (name, kind) in titles.items()}
figure = mixing_maps(panels, {title: auc[name] for title, (name, _) in titles.items()})
study.figure(figure, "fig2_mixing", "t-SNE maps of both domains before and after translation, and of z_shared (Fig. 2).")

# %% [markdown]
# Look at maps and numbers together. A map shows what most of the scatter is due to, which is the stars' labels; a classifier
# finds a faint trace that all spectra of a domain have. A mixed map is therefore weak evidence: trust the number, and the
# number only as far as the classifier is able to look.

# %% [markdown]
# ## Move it
#
# Sliders for the labels: above the synthetic and the translated spectrum, in the middle their difference, below what
# $z_\mathrm{split}$ does, compared with the typical one. Take that of an observed star, or move its numbers by hand: they are bounded
# to ±1. Does the difference follow the labels, as wrong line strengths do, or is it the same for all stars?

# %%
explorer = explore_translator(emulator, translator, observed[:200])
explorer

# %%
giant = {"rvs": {"teff": 4800.0, "logg": 2.5}, "apogee": {"c_fe": 0.2}}[survey]
view = TranslatedFigure(emulator, translator, giant, split=translator.encode(observed[star])[1][0])
view.update(window=emulator.survey.windows.get("CO 6–3 head 16189"))
caption = f"A K giant, synthetic and translated with the z_split of {observed.ids[star]}."
study.figure(view.figure, "explorer", caption)

# %% [markdown]
# ## Train one
#
# A small translator for the RVS. Press *Train* and watch the window: a line at 8605 Å that the simulator lacks, an interstellar
# band at 8623 Å that knows nothing of the labels, a line at 8634 Å that the stars do not have. Which is learnt first? *Stop* keeps
# what has been learnt in `panel.model`, for `explore_translator`.

# %%
rvs = specnb.load_emulator("rvs")
small = TranslateConfig(hidden=(64, 32), batch=32, iterations=live_steps, learning_rate=3e-3, device=device)
panel = train_translator(rvs, mock_domains(rvs, live_stars, seed), small, window=(8595.0, 8640.0))
panel

# %%
live = panel.train()
study.figure(panel.figure(), "live_training", "Mean observed, synthetic and translated spectrum after a short training.")

# %%
stars, known = unseen_stars(rvs, n_stars)
flux = rvs(true_labels(known.labels, rvs))
study.result("live_rms_synthetic", rms(flux - known.flux), "flux")
study.result("live_rms_translated", rms(live.translate(flux) - known.flux), "flux")
study.figure(panel.history_figure(), "live_history", "Losses of the short training.")

# %% [markdown]
# **What to see.** The translation removes most of what the domains differ by as a rule, without a single pair. What is left are
# features of single stars, which labels do not know, an error of the translator's own, and what the critics did not find. If a
# fresh classifier tells $z_\mathrm{shared}$ of the domains apart, then "shared" is a hope, not a fact, and the map in Fig. 2 hides it. That
# the spectra are nearer to the truth does not yet say that labels fitted with them are: that is notebook 08.
#
# **Exercise.** Train live with `split=0` and with `adversarial=0.0` (`dataclasses.replace(small, ...)`). What do the mean spectra
# lose, and what the verdict of a fresh classifier (`two_sample_auc`)? Then, with the RVS, move the numbers of z_split by hand: is
# there one that deepens the interstellar band alone?
