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
# A simulator has errors that nobody knows exactly: wrong line strengths, missing lines, effects of the instrument. If the *same*
# stars were both simulated and observed, the difference could be learned by a regression. But this is not possible, because the
# labels of observed stars come from the same model that is wrong. We only have **two unpaired sets**: observed spectra, and
# synthetic spectra of *other* stars with about the same distribution of labels. O'Briain et al. (2020, 2021) learn from these alone.
#
# **The idea.** There are two autoencoders, one for each domain, and their middle parts are shared. What both kinds of spectra have
# in common, the star, is encoded in $z_\mathrm{shared}$. What only observed spectra have, such as the sky, the instrument or
# interstellar matter, is encoded in $z_\mathrm{split}$. A synthetic spectrum $s$ is *translated* by decoding its $z_\mathrm{shared}$
# as an observed spectrum. No star is known in both domains. So three conditions constrain the translation: each autoencoder has to
# reproduce its own spectra, a translation to the other domain and back must return the same spectrum, and networks called *critics*
# must not be able to recognise translated spectra.
#
# Here the observed spectra come from a mock survey. So the truth is known, as it is in no real survey, and we can ask a question
# that the authors could not answer: is the translated spectrum *right*?
#
# **Real stars.** With `survey = "apogee-dr14"` the observed spectra are those of real stars, as in the paper: one half of the stars of
# APOGEE DR14 are the observed domain, and of the other half only the labels are used (`specnb data build apogee-dr14`). The labels are those
# of the survey's own catalogue, and not of Ting et al. (2019) as in the paper. What a catalogue lacks is filled in with usual values, and
# stars of both halves that it has outside the emulator's range are left out. A translator is then trained here. No truth is known of real stars, and where it is needed the notebook says so. The paper's search for missing
# lines (its Fig. 4, notebook 10) needs no real stars: it is a controlled experiment with synthetic spectra in the paper, too.

# %% tags=["parameters"]
survey: str = "rvs"  # rvs (6 labels, 800 pixels), apogee (25 labels, 7,214 pixels), or apogee-dr14: real stars
seed: int = 2  # random seed of the stars; the shipped translators were trained with 1
n_stars: int = 500  # stars of each set that is compared
n_mapped: int = 200  # stars of each set in the t-SNE maps
auc_seeds: int = 1  # repetitions of each two-sample test
n_baseline: int = 1000  # stars of each domain to which the baselines are fitted; the shipped translators had 10,000
n_trained: int = 10000  # with apogee-dr14: stars of each domain on which its translator is trained, at most
iterations: int = 0  # with apogee-dr14: steps of this training; 0: as many as the shipped translator of APOGEE had
star: int = 0  # row of the star that is shown
live_stars: int = 1000  # stars of each domain in the live training
live_steps: int = 300  # its steps
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import replace
from itertools import pairwise

import numpy as np
from astropy.table import Table
from IPython.display import display

import specnb
from specnb.core.device import pick_device
from specnb.evaluate.projection import project_two
from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.fitting.residuals import by_pixel
from specnb.plots.absent import absent
from specnb.plots.explorer import TranslatedFigure
from specnb.plots.residuals import mean_differences
from specnb.plots.training import translation_history
from specnb.plots.translate import compared_spectra, mixing_maps, widest_gaps
from specnb.reproduce.study import Study
from specnb.surveys.public.built import STUDIED, built_path
from specnb.translate import TranslateConfig, load_translator
from specnb.translate.baselines import PERFECT, baselines
from specnb.translate.built import FEWEST, built_domains, built_translator
from specnb.translate.domains import STARS, Domains, mock_domains, predictable_flux, true_labels, unseen_stars
from specnb.translate.model import SHIPPED
from specnb.widgets import explore_translator, train_translator

# %%
study = Study(output)
if survey not in ("rvs", "apogee", "apogee-dr14"):
    raise ValueError(f"survey is {survey!r}: give rvs, apogee or apogee-dr14")
built = survey in STUDIED  # whether the stars are real
if n_stars < 50 or n_baseline < FEWEST or (built and n_trained < FEWEST):
    asked = f"n_stars is {n_stars}, n_baseline is {n_baseline} and n_trained is {n_trained}"
    raise ValueError(f"{asked}: give at least 50, {FEWEST} and {FEWEST}, or classifiers and translators cannot learn")
emulator = specnb.load_emulator("apogee" if built else survey).to(pick_device(device))
if built:
    config = TranslateConfig.for_survey(emulator.survey, device=device)
    config = replace(config, iterations=iterations) if iterations else config
    training, test = built_domains(emulator, n_trained, 2 * n_stars)
    translator = built_translator(emulator, training, config).to(pick_device(device))
    weights = [built_path(STUDIED[survey], ending) for ending in (".h5", "-labels.fits")]
else:
    translator = load_translator(f"{survey}-mock").to(pick_device(device))
    weights = [SHIPPED / f"{survey}-mock.safetensors"]
for path in (emulator.survey.emulator_path, *weights):
    study.input(path)

# %%
caption = "The networks, the cycles that train them, and the fit of labels through them."
study.drawing("drawings/cyclestarnet.svg", "fig1_architecture", caption)

# %% [markdown]
# ## What is learnt
#
# $E$ and $D$ are the encoders and decoders of the two domains, $s$ is a synthetic spectrum, and $o$ is an observed spectrum of
# another star:
#
# $$z = E_\mathrm{synth}(s), \qquad (z_\mathrm{shared}, z_\mathrm{split}) = E_\mathrm{obs}(o), \qquad
# T(s) = s + D_\mathrm{obs}(z, z_\mathrm{split}) - D_\mathrm{synth}(z)$$
#
# **Reconstruction** (mean over unmasked pixels; $\sigma$ is the error of the pixel):
#
# $$L_\mathrm{rec} = \left\langle \frac{(D_\mathrm{synth}(z) - s)^2}{\sigma_s^2} \right\rangle +
# \left\langle \frac{(D_\mathrm{obs}(z_\mathrm{shared}, z_\mathrm{split}) - o)^2}{\sigma_o^2} \right\rangle$$
#
# **Cycle**: the same loss after a translation to the other domain and back. $T(s)$ is encoded as if it were observed and decoded as
# synthetic. $o$ is decoded as synthetic, encoded again, and decoded with its own $z_\mathrm{split}$.
#
# **Adversarial**: one critic $C$ for each domain learns to distinguish *real* from *translated* spectra. It also sees their latents.
# $C$ is the probability that a spectrum is real, and the generator is trained to make both critics fail:
#
# $$L_\mathrm{adv} = -\langle \ln C_\mathrm{obs}(D_\mathrm{obs}(z, z_\mathrm{split}), z, z_\mathrm{split}) \rangle
# - \langle \ln C_\mathrm{synth}(D_\mathrm{synth}(z_\mathrm{shared}), z_\mathrm{shared}) \rangle, \qquad
# L = L_\mathrm{rec} + L_\mathrm{cyc} + 0.05\,L_\mathrm{adv}$$
#
# As "real" spectra the critics get *reconstructions*. Spectra with noise and bad pixels would make it too easy to recognise a
# translation.

# %% [markdown]
# **What differs from the paper.**
#
# - *The residual path.* In the paper $T(s) = D_\mathrm{obs}(z)$. Then everything that the autoencoder does not resolve is lost, and
#   with it a part of the derivatives by the labels. Here only the *difference* of the decoders is added to the spectrum. Without this
#   residual path, fits can be as good while their labels are far worse (notebook 09): a small χ² alone does not measure the quality.
# - *$z_\mathrm{split}$ of the rest.* It is encoded from the difference of the spectrum and its reconstruction from $z_\mathrm{shared}$.
#   When it was encoded from the spectrum itself, as in the paper, it contained the labels once more, and almost nothing of what differs
#   between stars with equal labels.
# - *Perceptrons* are used instead of convolutions; they take some minutes on two cores. `specnb.translate.PAPER` is the published
#   configuration.
# - *The weight of the critics* is 0.05 (in the paper 1/3 and 1/9), and $\sigma_s = 0.005$ because synthetic spectra have no noise.
#   Both are our choices. As in the paper $\sigma_o$ is at least 0.005, and pixels with errors above 0.05 are masked.
#
# At the end, the mean $z_\mathrm{split}$ of the observed training stars is kept as the *typical* one. With it, translated spectra
# depend only on the labels. The next figure shows the training of the translator, tested on stars that were not used in it:

# %%
caption = "Training of the translator of real stars." if built else "Training of the shipped translator."
study.figure(translation_history(translator.history), "training_history", caption)

# %% [markdown]
# ## Two domains, and a truth
#
# We use stars of a mock survey that were in no training, with their observed spectra and their true spectra without noise. We also
# use synthetic spectra of other stars from the same population. The translator gets neither the truth nor any pairs.
#
# A translator must be compared with what needs no network, and with what nobody can surpass. There are three **baselines**, fitted to
# unpaired spectra as well: the *mean spectrum* adds a constant in each pixel; *one power a pixel* multiplies the optical depth in
# each pixel by a factor; the *linear start* is a regression on principal components (`specnb.translate.baselines`). The **floor** is a
# *perfect translator*: it knows everything that depends on labels, and of all else, such as residuals of telluric lines, the mean.
#
# With real stars there are unseen observed spectra, and synthetic spectra from the labels of other unseen stars. There is no truth and no
# perfect translator.

# %%
if built:
    observed = test.observed[:n_stars]
    domains, trained_on = Domains(test.labels[:n_stars], test.observed[n_stars:]), len(training.labels)
    training = Domains(training.labels[:n_baseline], training.observed[:n_baseline])
    labels, donors = domains.labels, domains.observed
else:
    unseen, true = unseen_stars(emulator, 2 * n_stars)
    observed, truth, others = unseen[:n_stars], true[:n_stars], true[n_stars:]
    predictable = predictable_flux(emulator, 2 * n_stars)
    domains = mock_domains(emulator, n_stars, seed)
    training = mock_domains(emulator, n_baseline)
    labels, donors = true_labels(truth.labels, emulator), observed
simple = baselines(emulator, training.labels, training.observed)

# %%
synthetic = emulator(labels)
spectra = {
    "synthetic": synthetic,
    "translated": translator.translate(synthetic),
    f"translated, {'z_split of observed stars' if built else 'own z_split'}": translator.translate(
        synthetic, translator.encode(donors)[1]
    ),
}
every = spectra | {name: model(labels) for name, model in simple.items()}
differences = {}
if not built:
    every[PERFECT] = predictable[:n_stars]
    differences = {name: flux - truth.flux for name, flux in every.items()}

# %% [markdown]
# First we look at one star, at the wavelengths where the domains differ most. The labels are the true ones, so nothing has been
# fitted. In the lower panels, the blue line shows the error of the simulator. The green line shows the error that is left after the
# translation, and the dashed line the one after the translation with the star's own z_split.

# %%
if built:
    figure = absent(
        "No truth is known of real stars, neither the true labels of one star nor its spectrum without noise."
    )
    caption = "A single star: it would need the truth, which is not known of real stars."
else:
    gaps = widest_gaps(emulator.wavelength, differences["synthetic"].mean(axis=0))
    one = {"truth": truth.flux[star]} | {name: flux[star] for name, flux in spectra.items()}
    figure = compared_spectra(emulator.wavelength, one, "truth", gaps)
    caption = f"{observed.ids[star]}: synthetic, translated and true spectrum without noise."
study.figure(figure, "star", caption)

# %% [markdown]
# Then we look at all stars. The *mean* over the stars is the part of the difference that all stars have in common. After the translation
# it is zero **by construction**: at the end of the training a constant is added in each pixel, which makes the mean translated spectrum
# equal to the mean observed one (`match_means`). Without any network, one could do the same. So the mean proves nothing. What tells
# us something is the *scatter* over the stars. It falls where the error of the simulator depends on the labels and the translator has
# learnt how, and it rises where the translator has errors of its own. A translator with one $z_\mathrm{split}$ for all stars cannot
# predict from labels what differs from star to star, such as interstellar or telluric absorption. The z_split of a star's own spectrum
# might help with this: compare the last rows of the table. Observed spectra differ from the truth by noise alone: what lies below their
# scatter could not be seen in the spectrum of one star, and their mean shows what noise is left in the mean of so many stars. The
# scatter of the *perfect translator* is the floor: effects of single stars, without any error that depends on labels.

# %%
if built:
    figure = absent("No truth is known of real stars, so that nobody can tell how spectra scatter about it.")
    caption = "Mean and scatter of spectrum − truth: the truth is not known of real stars."
else:
    noise = {"observed": np.where(observed.mask, np.nan, observed.flux - truth.flux)}
    shown = {name: differences[name] for name in ("synthetic", "translated", PERFECT)}
    figure = mean_differences(emulator.wavelength, noise | shown)
    caption = (
        f"Mean and scatter of spectrum − truth over {n_stars} unseen stars, in units of the continuum. The mean of translated spectra is "
        "flat by construction, their scatter is not; the perfect translator's is the floor, and that of observed spectra is the noise."
    )
study.figure(figure, "mean_differences", caption)


# %%
def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


SHORT = dict(zip(every, ("synthetic", "translated", "translated_own", "mean", "power", "linear", "perfect")))

# %% [markdown]
# Of real stars only the *mean* spectra of both domains can be compared: synthetic spectra of some stars, translated or not, with observed
# spectra of other ones. What is left for the *mean spectrum* shows how far two samples of so many stars differ by chance, and through the
# errors of the catalogue that chose both. The next two tables compare spectra with the truth, and are left out for real stars.

# %%
if built:
    mean = by_pixel(emulator.wavelength, np.where(observed.mask, np.nan, observed.flux))["mean"]
    means = {name: flux.mean(axis=0) for name, flux in every.items()}
    seen = np.isfinite(mean)  # some pixels are bad in all stars
    rows = [(name, rms((flux - mean)[seen])) for name, flux in means.items()]
    for name, value in rows:
        study.result(f"rms_of_mean_{SHORT[name]}", value, "flux")
    caption = f"Mean spectrum of {n_stars} unseen stars by each model, against the mean of as many observed ones."
    table = Table(rows=rows, names=("spectra", "rms over pixels"))
    display(study.table(table, "mean_spectra_rms", caption, {"rms over pixels": ".5f"}))
    shown = {"observed": mean} | {name: means[name] for name in ("synthetic", "translated")}
    gaps = widest_gaps(emulator.wavelength, means["synthetic"] - mean)
    figure = compared_spectra(emulator.wavelength, shown, "observed", gaps)
    caption = f"Mean spectra of {n_stars} unseen stars of each domain, where they differ most."
    display(study.figure(figure, "mean_spectra", caption))

# %%
rows = []
for name, each in differences.items():
    mean, left = each.mean(axis=0), every[name] - predictable[:n_stars]
    rows.append((name, rms(each), rms(mean), rms(each - mean), rms(left)))
    for key, value in zip(("rms", "rms_of_mean", "rms_removable"), (rms(each), rms(mean), rms(left))):
        study.result(f"{key}_{SHORT[name]}", value, "flux")
if not built:
    names = ("spectra", "rms", "rms of the mean over stars", "rms about it", "rms to the perfect translator")
    table = Table(rows=rows, names=names)
    caption = f"Spectra of {n_stars} unseen stars from their true labels, against the noiseless truth."
    display(study.table(table, "score", caption, dict.fromkeys(names[1:], ".5f")))

# %% [markdown]
# The last column is the part of the gap that labels can tell, and which a translator could have removed. The rest, the rms of the perfect
# translator, differs from star to star. (With its own z_split a star's spectrum may come nearer to the truth than that.)

# %% [markdown]
# Does the translation help where the error was large, and does it do harm where it was small? The table groups pixels by the size of
# the gap, which is the rms of synthetic − truth over the stars. The first rows are dominated by differences of single stars, mostly in
# the continuum, which cannot be predicted from labels. If translated spectra are worse there than synthetic ones, this is a
# disadvantage of the translation.

# %%
if not built:
    size = np.sqrt((differences["synthetic"] ** 2).mean(axis=0))
    edges = (0, 0.003, 0.01, 0.03, 1)
    grouped, rows = [*spectra, PERFECT], []
    for low, high in pairwise(edges):
        pixels = (size >= low) & (size < high)
        errors = [rms(differences[name][:, pixels]) if pixels.any() else np.nan for name in grouped]
        rows.append((f"{low:g} to {high:g}", int(pixels.sum()), *errors))
    table = Table(rows=rows, names=("gap", "pixels", *grouped))
    caption = "Rms error by the size of the gap in a pixel."
    display(study.table(table, "score_by_gap", caption, dict.fromkeys(grouped, ".5f")))

# %% [markdown]
# ## Do the domains mix?
#
# For real stars the truth is not known. One can only ask whether the two sets of spectra can be distinguished. The paper uses t-SNE
# maps of the spectra before the translation, of the spectra after it, and of $z_\mathrm{shared}$ of both sets (Fig. 2). Here each map
# also gets a number: a *fresh* classifier is trained on some of the stars and tested on others. The area under its ROC curve (AUC) is
# 0.5 if the sets mix, and 1 if the classifier is never wrong. The sets have no star in common. Synthetic spectra are first *measured*:
# each of them gets the errors, noise and bad pixels of an observed star, whose $z_\mathrm{split}$ is used in the translation, and is
# normalised like the spectra of the survey.
#
# For comparison there are two floors. The *floor* are noiseless true spectra of other stars, measured in the same way. If these can be
# distinguished from observed spectra, the translator is not the cause. *floor_typical* are those of the perfect translator: what can be
# distinguished there is due to effects of single stars, and no translator with one z_split for all stars can do better. Real stars have
# no such floors.

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
for name, flux in {} if built else {"floor": others.flux, "floor_typical": predictable[n_stars:]}.items():
    measured[name] = as_observed(flux, unseen[n_stars:], seed, same, normalize)
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
learnt = 8 * n_stars // 5  # of both sets: five folds
caption = f"AUC of classifiers that learn from {learnt} spectra or latents; auc: the better one's, with its scatter over folds."
study.table(Table(rows=rows, names=names), "mixing", caption, dict.fromkeys(names[1:], ".3f"))

# %% [markdown]
# The table compares these sets with observed spectra or with their $z_\mathrm{shared}$: *before* are synthetic spectra, *after* are
# spectra translated with the z_split of random observed stars, and *after_typical* with the typical z_split. The floors are the truth.
# *latents* are the z_shared of synthetic spectra as in the training, and *latents_noise* those of synthetic spectra with noise.

# %%
titles = {
    "Before: spectra": ("before", "synthetic"),
    "After: spectra": ("after", "translated"),
    "$z_\\mathrm{shared}$": ("latents", "synthetic"),
}
panels = {
    title: dict(zip((kind, "observed"), project_two(*sets[name], n=n_mapped))) for title, (name, kind) in titles.items()
}
figure = mixing_maps(panels, {title: auc[name] for title, (name, _) in titles.items()})
study.figure(
    figure, "fig2_mixing", "t-SNE maps of both domains before and after translation, and of z_shared (Fig. 2)."
)

# %% [markdown]
# Look at maps and numbers together. A map shows the cause of most of the scatter, which is the labels of the stars. A classifier can
# find a faint feature that all spectra of a domain have. So a mixed map is only weak evidence, and the number is better. But even the
# number depends on how good the classifier is.

# %% [markdown]
# ## Move it
#
# Move the sliders of the labels. The upper panel shows the synthetic and the translated spectrum, and the middle panel their
# difference. The lower panel shows the effect of $z_\mathrm{split}$, compared with the typical one. You can use the z_split of an
# observed star or change its numbers by hand, within ±1. Drag the strip below the picture to see a part of the spectrum. Does the difference change with the labels, as it does for wrong line
# strengths, or is it the same for all stars?

# %%
explorer = explore_translator(emulator, translator, observed[:200])
explorer

# %%
giant = {"rvs": {"teff": 4800.0, "logg": 2.5}, "apogee": {"c_fe": 0.2}}[emulator.survey.name]
view = TranslatedFigure(emulator, translator, giant, split=translator.encode(observed[star])[1][0])
view.update(window=emulator.survey.windows.get("CO 6–3 head 16189"))
caption = f"A K giant, synthetic and translated with the z_split of {observed.ids[star]}."
study.figure(view.figure, "explorer", caption)

# %% [markdown]
# ## Train one
#
# This is a small translator for the mock survey of the RVS. Press *Train* and watch the window. It contains a line at 8605 Å that the simulator lacks, an
# interstellar band at 8623 Å that does not depend on the labels, and a simulated line at 8634 Å that the stars do not have. Which of
# them is learnt first? If you press *Stop*, the model so far is kept in `panel.model` and can be used in `explore_translator`.

# %%
rvs = specnb.load_emulator("rvs")
small = TranslateConfig(hidden=(64, 32), batch=32, iterations=live_steps, learning_rate=3e-3, device=device)
panel = train_translator(rvs, mock_domains(rvs, live_stars, seed), small, window=(8595.0, 8640.0))
panel

# %%
live = panel.train()
whose = " of mock stars" if built else ""
caption = f"Mean observed, synthetic and translated spectrum{whose} after a short training."
study.figure(panel.figure(), "live_training", caption)

# %%
stars, known = unseen_stars(rvs, n_stars)
flux = rvs(true_labels(known.labels, rvs))
study.result("live_rms_synthetic", rms(flux - known.flux), "flux")
study.result("live_rms_translated", rms(live.translate(flux) - known.flux), "flux")
study.figure(panel.history_figure(), "live_history", f"Losses of the short training{whose}.")

# %% [markdown]
# ## What was measured

# %%
r = study.values


def than(a, b):
    if abs(a - b) < 0.05 * b:
        return "about as good as"
    return "better than" if a < b else "worse than"


def tells(name):
    return f"{r[f'auc_{name}']:.3f} ± {r[f'auc_{name}_std']:.3f}"


def floor(text, name):
    """A floor in a sentence, or nothing where nobody knows it."""
    return "" if built else text + tells(name)


# %%
score = "rms_of_mean" if built else "rms_removable"
best = min(("mean", "power", "linear"), key=lambda name: r[f"{score}_{name}"])
titles = {short: name for name, short in SHORT.items()}
verdict = ""
if r["auc_latents_noise"] > 0.9:
    verdict = "The shared latents are not shared, whatever the map shows."
elif r["auc_latents"] > 0.9:
    verdict = "So they differ, mostly because only observed spectra have noise."


# %%
def on_mock():
    """What is measured where the truth is known."""
    return f"""**The shipped translator of {emulator.survey.title}, on {n_stars} stars of the mock survey that no training has seen.** It was trained
without pairs, from {STARS:,} stars of each domain. The baselines were fitted to {n_baseline:,} stars of each domain. All numbers are for
one training, the shipped one; notebooks 08 and 09 have others.

- *Spectra from the true labels.* The rms difference to the true spectra, in units of the continuum, is
  {r["rms_synthetic"]:.4f} (physics alone) and {r["rms_translated"]:.4f} (translated). But {r["rms_perfect"]:.4f} remain with a perfect translator, because stars with the same
  labels differ. The part that labels can tell falls from {r["rms_removable_synthetic"]:.4f} to {r["rms_removable_translated"]:.4f}.
- *Baselines.* The same part is {r["rms_removable_mean"]:.4f} if the difference of the mean spectra is added,
  {r["rms_removable_power"]:.4f} with one power a pixel, and {r["rms_removable_linear"]:.4f} with the linear start. The translator is
  {than(r["rms_removable_translated"], r[f"rms_removable_{best}"])} the best of them ({titles[best]}).
- *The mean difference* over the stars is {r["rms_of_mean_translated"]:.4f} (rms over pixels) after the translation, but this is so by
  construction: a constant in each pixel matches the means. It is not evidence.
- *A z_split of its own* for each star: rms {r["rms_translated_own"]:.4f},
  {than(r["rms_translated_own"], r["rms_translated"])} the typical one.
"""


# %%
def on_real():
    """What is measured where no truth is known."""
    fewer = f" (all other stars of the set; {n_trained:,} were asked for)" if trained_on < n_trained else ""
    return f"""**A translator of real stars of APOGEE DR14, on {n_stars} stars of each domain that no training has seen.** It was trained here
without pairs, from {trained_on:,} stars of each domain{fewer} in {translator.config.iterations:,} steps. The baselines were fitted to {len(training.labels):,} stars of each domain. No
truth is known of real stars: nobody can tell from these numbers whether a translated spectrum, or a label, is right.

- *Mean spectra* of the two domains, which have different stars, differ by an rms over pixels of {r["rms_of_mean_synthetic"]:.4f} of the continuum
  (physics alone) and {r["rms_of_mean_translated"]:.4f} (translated). With the baselines it is {r["rms_of_mean_mean"]:.4f} if the difference of the mean spectra is added,
  {r["rms_of_mean_power"]:.4f} with one power a pixel, and {r["rms_of_mean_linear"]:.4f} with the linear start. The translator is
  {than(r["rms_of_mean_translated"], r[f"rms_of_mean_{best}"])} the best of them ({titles[best]}). All of them match the means of training stars by
  construction: it is not evidence.
"""


# %%
mixing = f"""- *Can a fresh classifier, trained on {learnt} spectra, tell them from observed ones?* (AUC 0.5: no, 1: always; ±: scatter over folds.) Before the translation
  {tells("before")}; translated with the z_split of random observed stars {tells("after")}{floor(", floor (true spectra) ", "floor")};
  translated with the typical z_split, as in fits, {tells("after_typical")}{floor(", its floor (perfect translator) ", "floor_typical")}.
- *z_shared of both domains* is told apart with an AUC of {tells("latents")} (synthetic spectra without noise, as in the training) and
  {tells("latents_noise")} (with noise). {verdict}
"""
study.text("summary", (on_real() if built else on_mock()) + mixing)

# %% [markdown]
# The translated spectra may be nearer to the truth. Whether the labels fitted with them are, too, is the subject of notebook 08.
#
# **Exercise.** Train live with `split=0` and with `adversarial=0.0` (`dataclasses.replace(small, ...)`). What do the mean spectra
# lose, and how does the AUC of a fresh classifier change (`two_sample_auc`)? Then, with the RVS, change the numbers of z_split by hand:
# is there one that changes only the depth of the interstellar band? At last go the
# other way: `translator.to_synthetic(observed)` shows the observed stars as the simulator would see them. Which features are gone?
