# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lines that the simulator lacks
#
# No line list is complete. In a survey of stars, a line that the list lacks is a dip that no fit can explain; but which element
# makes it? A laboratory would answer, line by line. O'Briain et al. (2021, Fig. 4) ask the stars instead: a line of
# silicon is deeper where there is more silicon.
#
# **The idea.** Train the translator of notebook 07 between synthetic spectra, which lack lines, and observed ones, which have them.
# With $G$ the emulator, labels $y$ to synthetic spectrum, and $T$ the translator:
#
# - $G(y) - T(G(y))$ shows **where** lines are missing, and how deep they are;
# - $\partial T(G(y))/\partial y - \partial G(y)/\partial y$, label by label, shows **what makes them**: a line that the translator has
#   added and that gets deeper when [Si/Fe] rises is a line of silicon.
#
# Nobody has told the translator which elements there are in an observed star. It never sees a pair, and the labels of observed
# stars are not used. If it names elements all the same, it has learnt how lines go *together*: a missing line of silicon goes along
# with the lines of silicon that the simulator does have.
#
# **Is it true?** The paper shows one star, in one figure. Here we hide lines from a simulator that has them all. So we know what
# should be found, in every pixel and for every element, and can count.

# %% tags=["parameters"]
n_stars: int = 600  # stars of each domain; the paper has about 100,000
n_baseline: int = 150  # observed stars that the baseline fits, at most
iterations: int = 20  # steps of each training
seeds: list[int] = [1]  # of hidden features, stars and trainings, in the sweep
fractions: list[float] = []  # of features hidden, in the sweep, besides 0.3
noises: list[float] = []  # scales of the noise, in the sweep, besides 1
sizes: list[int] = []  # stars of each domain, in the sweep, besides n_stars
elements: list[str] = ["Mg", "Si", "Fe", "C"]  # shown in the figure
window: list[float] = [15926.0, 16001.0]  # of the figure, vacuum Å
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import asdict, replace

import numpy as np
from astropy.table import Table
from IPython.display import Markdown
from tqdm.auto import tqdm

import specnb
from specnb.surveys import APOGEE, RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.rvs.archive import literature
from specnb.core.device import pick_device
from specnb.plots.disagreements import disagreements as disagreements_figure
from specnb.plots.missing import missing_lines_figure
from specnb.plots.recovery import depth_figure, elements_figure, score_figure
from specnb.plots.history import translation_history
from specnb.missing.coherent import coherence, disagreements, robust_fit
from specnb.missing.experiment import MISSING, Experiment, MissingConfig, compare
from specnb.missing.scores import missing_lines
from specnb.simulator.responses import load_responses
from specnb.reproduce.study import Study
from specnb.translate.domains import unseen_stars
from specnb.widgets import explore_missing

# %%
study = Study(output)
for path in [path for survey in (APOGEE, RVS) for path in (survey.emulator_path, survey.responses_path)]:
    study.input(path)

# %% [markdown]
# ## What is hidden
#
# First, what *is* a feature of an element? The simulator itself answers, for one K giant: each element's abundance was raised by
# 0.05 dex, the others held, and the spectrum computed anew. A run of pixels where the flux falls by more than 0.001, and somewhere by
# more than 0.005, is a feature of that element. So features belong to elements, not to atoms: lines of CN count for carbon and for
# nitrogen.
#
# Of every element about 30% of the features are hidden, but one at least, at random: there the synthetic flux is 1 for *all* stars,
# whatever else absorbs in these pixels. The observed stars are others from the same population, by the full emulator, with noise as
# in APOGEE. Apart from noise and hidden lines the domains agree: this is the experiment under ideal conditions.

# %%
device = pick_device(device)
emulator, responses = specnb.load_emulator("apogee").to(device), load_responses(APOGEE)
reference = MissingConfig(n_stars=n_stars)
experiment = Experiment.make(emulator, responses, reference)
truth = experiment.truth

# %%
names, counts = np.unique(truth.features["element"], return_counts=True)
hidden_counts = [int(np.sum(truth.features["element"][truth.hidden] == name)) for name in names]
table = Table([names, counts, hidden_counts], names=("element", "features", "hidden"))
study.result("features", len(truth.features))
study.result("hidden_features", int(truth.hidden.sum()))
study.result("hidden_pixels", float(truth.masked.mean()))
study.table(table[np.argsort(-counts)], "features", "Features of each element at the K giant, and how many are hidden.")

# %% [markdown]
# ## Training
#
# The networks differ from those of notebook 07 and of the paper (kind `principal`): $z_\mathrm{shared}$ is what principal components of
# synthetic spectra make of a spectrum, and the difference of the decoders *starts* as a linear regression of what is left of observed
# spectra on it. It needs neither labels nor pairs. Perceptrons beside it learn the rest, with the losses of notebook 07. Perceptrons
# that start at random soon find the depths of lines, but hardly what makes them (exercise 1).
#
# Three other models stand beside it. The *linear start* is the translator before any training: what principal components and a
# regression do alone. The *baseline*: fit the labels of observed stars by the simulator that lacks the lines, and regress what is left
# in each pixel on the fitted labels (ridge regression). Its slopes are derivatives as well; but the fits are made with the wrong model,
# so that their labels suffer where lines are missing. The *full emulator* is the right answer, scored by the same rules.

# %%
settings = replace(MISSING, iterations=iterations, device=str(device))
models, comparison = compare(experiment, settings, n_baseline, progress=True)
translated = models["translated"]
history = translated.steps[-1].translator.history
study.figure(translation_history(history), "training_history", "Losses of the training, on stars that train nothing.")

# %% [markdown]
# ## Figure 4
#
# The K giant again, with labels of the star for which the features were made. Derivatives are exact, by forward-mode
# differentiation through emulator and translator together; the paper's code has finite differences. "Fe" is iron alone: [Fe/H] rises and
# all other [X/Fe] fall, because [Fe/H] carries all metals along.

# %%
recovered, added = experiment.findings(translated)
shown = {"synthetic": experiment.synthetic, "translated": translated, "truth": emulator}
flux = {name: model(experiment.star)[0] for name, model in shown.items()}
falls = {"translated": added, "truth": truth.falls}
figure = missing_lines_figure(truth, flux, falls, elements, window, "K giant")
caption = "Synthetic and translated K giant, what the translator added, and which elements make it (Fig. 4)."
study.figure(figure, "fig4_missing_lines", caption)

# %% [markdown]
# Read it from the top. *Synthetic*: grey bands are hidden pixels, with the names of the elements that lack a feature there.
# *Translated*: the black line should cover the blue one, the true spectrum, which the translator was never shown for this star.
# *Difference*: what was added, in the colour of the element; it should be the thin line. *The last rows*: by how much the added
# flux falls when one element rises by 0.05 dex. In its coloured bands an element should stand out above all others, and elsewhere
# be silent; thin lines are the simulator's own answer.
#
# Where only the depth is right, something else in the stars goes along with the line, such as temperature or all metals together.
# Depth asks for the mean over stars; the element asks how stars *differ*.

# %% [markdown]
# ## A table to publish
#
# What a survey would have: a row for each run of pixels where the translated spectrum is darker by more than 0.01; its element, and
# the part of that element in what all elements take from the added flux (*probability*: a share, no more). *Truth*, which no
# survey has: which elements are missing there, by the same shares. Empty: nothing is, and the line is an invention.

# %%
lines = missing_lines(APOGEE, recovered, added, truth)
caption = "Missing lines by the translator, with the elements that are really missing there and their shares."
formats = {"wavelength": ".2f", "depth": ".4f", "probability": ".2f"}
study.table(lines, "missing_lines", caption, formats)
study.result("lines", len(lines))
study.result("invented_lines", int(np.sum(lines["truth"] == "")))
lines[np.argsort(-lines["depth"])[:15]]

# %% [markdown]
# ## Scores
#
# *Depth*: of each hidden feature, where the true spectrum is deepest.

# %%
hidden, by_element, _ = experiment.score(translated)
study.table(hidden, "hidden_features", "Each hidden feature: depth, recovered depth, and the element that was named.")
study.figure(depth_figure(hidden), "depths", "Recovered against true depth of the hidden features; the band is ±15%.")

# %% [markdown]
# *Elements.* A feature is found where the added falls of an element pass for a feature by the rule above. *Precision* is the part of
# the found ones that is right, *recall* the part of the missing ones that was found. The area under the precision-recall curve
# over pixels (*average precision*) needs no threshold; chance has the *base rate*, the part of the pixels that lack the element. Where
# elements share a pixel, it counts for each by its share of the fall. With one or two missing features a score is an anecdote.

# %%
formats = dict.fromkeys(("precision", "recall", "average_precision"), ".3f") | {"base_rate": ".4f"}
for row in by_element[by_element["missing"] > 0]:
    for measure in ("recall", "average_precision"):
        study.result(f"{measure}_{row['element']}", float(row[measure]))
study.table(by_element, "elements", "How well the derivatives find what each element lacks.", formats)

# %%
study.figure(elements_figure(by_element), "elements", "Scores by element; in brackets the number of missing features.")

# %% [markdown]
# ## Does it need a network?
#
# All four models, scored by the same rules. The linear start is the one to beat: the network's training begins where it stands.

# %%
for row in comparison:
    for measure in comparison.colnames[1:]:
        study.result(f"{row['model'].replace(' ', '_')}_{measure}", float(row[measure]))
study.table(comparison, "comparison", "Scores at the K giant.", dict.fromkeys(comparison.colnames[1:], ".3f"))

# %% [markdown]
# *depth* is the median of recovered over true depth (features deeper than 3%), *depth_scatter* the median distance from 1; *named* the
# part of unambiguous features of Mg, Si, Fe and C that is given its own element, *named_all* the same of all elements; *credit* the true
# share of the named element, over the best possible. Said plainly:

# %%
compared, sentences = {row["model"]: row for row in comparison}, []
ours = compared["translated"]
for name in ("baseline", "linear start"):
    theirs = compared[name]
    pairs = {
        "depth of features": (-ours["depth_scatter"], -theirs["depth_scatter"]),
        "element of unambiguous features": (ours["named"], theirs["named"]),
        "average precision": (ours["average_precision"], theirs["average_precision"]),
    }
    for text, (one, other) in pairs.items():
        verdict = "better" if one > other else "no better"
        sentences.append(f"- {text}: the translator is **{verdict}** than the {name} ({abs(one):.3f}, {abs(other):.3f})")
within, right = abs(ours["depth"] - 1) <= 0.15, ours["named"] >= 0.9
sentences.append(f"- median depth within 15% of the truth: **{'yes' if within else 'no'}**")
sentences.append(f"- right element first for 90% of unambiguous features: **{'yes' if right else 'no'}**")
Markdown("\n".join([*sentences, f"\n(The baseline saw {n_baseline:,} stars at most, the others {n_stars:,}.)"]))

# %% [markdown]
# ## What does it depend on?
#
# Each setting by itself: the fraction hidden, the noise, and the number of stars, with other features hidden and other stars for each
# seed. The baseline sees `n_baseline` of the stars at most. (In the profile `quick` nothing is varied.)

# %%
def scores_of(config):
    one = Experiment.make(emulator, responses, config)
    _, table = compare(one, replace(settings, seed=config.seed), n_baseline)
    return [asdict(config) | dict(row) for row in table]


changes = [{}, *({"fraction": each} for each in fractions), *({"noise": each} for each in noises)]
changes += [{"n_stars": each} for each in sizes]
others = dict.fromkeys(replace(reference, seed=seed, **change) for seed in seeds for change in changes)
others.pop(reference, None)
rows = [asdict(reference) | dict(row) for row in comparison]
for config in tqdm(others, desc="sweep", unit="training"):
    rows += scores_of(config)

# %%
sweep = Table(rows=rows)
formats = dict.fromkeys(sweep.colnames[5:], ".3f") | {"fraction": "g", "noise": "g"}
study.table(sweep, "sweep", "Scores of all trainings of the sweep.", formats)

# %%
figure = score_figure(sweep)
study.figure(figure, "sweep", "Scores against the fraction hidden, the noise and the number of stars: each seed, and the median.")

# %% [markdown]
# Bands are goals set before anything was measured. Look first at the spread of the seeds: it says how far another draw of hidden
# features would have led. Then ask which of the three hurts depth, and which the naming of elements.

# %% [markdown]
# ## Move it
#
# Choose an element, a window and a star. What is hidden is hidden in all stars; what a line weighs is not. Does the translator's
# answer follow the thin lines when the star gets hotter, or poorer in metals, than those it was trained on?

# %%
title = "$T_\\mathrm{{eff}}$ {teff:.0f} K, log g {logg:.2f}, [Fe/H] {fe_h:.2f}"
explorer = explore_missing(experiment, translated, ("teff", "logg", "fe_h"), window, title)
explorer

# %%
explorer.set("Fe", teff=4300.0, logg=1.6, fe_h=-0.5)
study.figure(explorer.figure, "explorer", "The same for iron in a cooler giant that is poor in metals.")

# %% [markdown]
# ## Real lines
#
# And where the truth is not known? The same question in the window of *Gaia*'s RVS: where do real stars and the physics disagree *in
# all stars alike*? Each star is fitted, pixels in which all disagree are left out, and it is fitted again; nothing but the whole
# lines of Ca II, which do not form in LTE, is left out beforehand. In each pixel the mean residual of the stars is compared with its
# error, in which the typical error of the model counts as well as the noise.
#
# Three stars are too few to train a translator on. But where the simulator's line is false or too strong, the simulator can say which
# element makes it: the candidates are elements by their share of its own derivatives, at the Sun and a K giant. For a line that it
# lacks altogether they say "none".

# %%
rvs = specnb.load_emulator("rvs").to(device)
stars, source = real_spectra(RVS)
print(source)
if found := stars is not None:
    for path in RVS.archive.files():
        study.input(path)
else:
    print("Below stand six stars of the mock survey, into which both wrong lines were put.")
    stars, _ = unseen_stars(rvs, 6)
names = list(literature(stars.ids)["name"]) if found else list(stars.ids)

# %%
fits, best = robust_fit(stars, rvs)
table = disagreements(stars, best)
study.table(fits["id", "teff", "logg", "m_h", "chi2_reduced", "flags"], "real_fits", "The fits, all doubtful pixels left out.")
caption = f"Where {len(stars)} {'real' if found else 'mock'} stars disagree with the physics coherently ({', '.join(names)})."
formats = dict.fromkeys(("wavelength", "first", "last"), ".2f") | {"excess": "+.3f", "error": ".3f", "model_depth": ".3f"}
study.table(table, "real_lines", caption, formats | dict.fromkeys(("significance", "without_one"), "+.1f"))
study.result("real_lines", len(table))
figure = disagreements_figure(stars, best, coherence(stars, best), table, names, (8634.1, 8504.3), "Ca II core")
study.figure(figure, "real_lines", caption)

# %% [markdown]
# Look at 8634 Å (vacuum): the simulator has a line there that no star shows. Its own derivatives blame carbon, and rightly: the line
# list holds two lines of the CH molecule there whose strengths (log gf) are eight dex above those of its other lines of CH. The blend
# at 8504 Å is a matter of silicon and only just significant. *without_one* says what is left of the significance without the star that
# matters most: with three stars little is certain, and runs in the cores of Ca II are no matter of any line list.

# %% [markdown]
# **What to see.** Two questions have two answers. *Where and how deep* is asked of the mean over stars, and a regression may well
# know it, too. *Which element* hangs on how a line differs from star to star; elements rise and fall together in most stars, and
# what cannot be told apart there gets the name of the most common one. So compare the two scores, not two figures: a good panel of
# depths proves no name. And a name is worth as much as the method was right about that element where lines had been hidden: a figure
# of one star in one window tells nothing of it.
#
# **Exercise.** 1. Train with the perceptrons of notebook 07 (`dataclasses.replace(MISSING, kind="mlp")`): what do they get
# right, and how much longer must they be trained? 2. Take the table `hidden`: of features named with a probability above 0.5, how
# many are right, and is that what a probability should say? 3. Which elements are named in place of the true one? Cross
# `hidden["element"]` with `hidden["named"]`, and compare with how these elements go together in the stars
# (`experiment.domains.labels`). 4. In the Galaxy α elements rise together. Would a survey of dwarfs of the thin disc alone find the
# element of a magnesium line?
