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
# No line list is complete. In the spectra of a survey, a line that the list lacks is a dip that no fit can explain. Which element
# causes it? One could measure this in a laboratory, line by line. O'Briain et al. (2021, Fig. 4) use the stars instead: a line of
# silicon is deeper in stars with more silicon.
#
# **The idea.** Train the translator of notebook 07 between synthetic spectra, which lack lines, and observed ones, which have them.
# With $G$ the emulator, labels $y$ to synthetic spectrum, and $T$ the translator:
#
# - $G(y) - T(G(y))$ shows **where** lines are missing, and how deep they are;
# - $\partial T(G(y))/\partial y - \partial G(y)/\partial y$, for each label, shows **which element causes them**: if the translator has
#   added a line, and this line gets deeper when [Si/Fe] rises, then it is a line of silicon.
#
# The translator is not told the abundances of observed stars. It never gets a pair, and the labels of observed stars are not used. If
# it finds the right elements nevertheless, it has learnt which lines vary *together*: a missing line of silicon varies in the same way
# as the lines of silicon that the simulator has.
#
# **Does this work?** The paper shows one star in one figure. Here we hide lines from a simulator that has all of them. So we know what
# should be found in every pixel and for every element, and we can count how much of it is found. (Notebook 11 asks the same of real stars.)

# %% tags=["parameters"]
n_stars: int = 600  # stars of each domain; the paper has about 100,000
n_baseline: int = 150  # observed stars that the baseline fits, at most
iterations: int = 20  # steps of each training
seeds: list[int] = [1]  # of hidden features, stars and trainings, in the sweep
fractions: list[float] = []  # of features hidden, in the sweep, besides 0.3
noises: list[float] = []  # scales of the noise, in the sweep, besides 1
sizes: list[int] = []  # stars of each domain, in the sweep, besides n_stars
cases: list[str] = []  # harder cases, in the sweep: "full gap", "other stars"
elements: list[str] = ["Mg", "Si", "Fe", "C"]  # shown in the figure
window: list[float] = [15900.0, 16250.0]  # of the figure, vacuum Å
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import asdict, replace

import numpy as np
from astropy.table import Table
from tqdm.auto import tqdm

import specnb
from specnb.core.device import pick_device
from specnb.evaluate.spread import spread
from specnb.missing.experiment import GAP, MISSING, OTHERS, HiddenLines, MissingConfig, compare
from specnb.missing.scores import missing_lines
from specnb.plots.missing import missing_lines_figure
from specnb.plots.recovery import depth_figure, elements_figure, score_figure
from specnb.plots.training import translation_history
from specnb.reproduce.study import Study
from specnb.simulator.responses import load_responses
from specnb.surveys import APOGEE
from specnb.widgets import explore_missing

# %%
study = Study(output)
for path in (APOGEE.emulator_path, APOGEE.responses_path):
    study.input(path)

# %% [markdown]
# ## What is hidden
#
# First, what *is* a feature of an element? We define it with the simulator, for one K giant. The abundance of each element was raised
# by 0.05 dex while the others were kept, and the spectrum was computed again. A run of pixels where the flux falls by more than 0.001
# everywhere and by more than 0.005 somewhere is a feature of that element. So features are defined for elements, not for atoms: lines of
# CN count for carbon and for nitrogen.
#
# For every element about 30% of the features, and at least one, are hidden at random. In their pixels the synthetic flux is 1 for *all*
# stars, even if other elements absorb there, too. The observed stars are other stars from the same population. Their spectra come from
# the full emulator, with noise as in APOGEE. Apart from noise and hidden lines the domains agree.
#
# **This is an easy benchmark**, and one should know why. Synthetic spectra do not vary in the hidden pixels, and in all other pixels the
# domains are the same. So the missing flux can be learnt *within the observed stars*, as a regression of their hidden pixels on their
# other pixels. No gap has to be bridged. Two harder cases follow below ("What does it depend on?"): observed spectra with the *full gap*
# of the mock survey of APOGEE (wrong line strengths, other missing lines, broadening, continuum, residuals of the Earth's atmosphere),
# and *other stars*: mostly dwarfs are observed, while the synthetic stars are mostly giants.

# %%
device = pick_device(device)
emulator, responses = specnb.load_emulator("apogee").to(device), load_responses(APOGEE)
reference = MissingConfig(n_stars=n_stars)
experiment = HiddenLines.make(emulator, responses, reference)
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
# The networks differ from those of notebook 07 and of the paper (kind `principal`). $z_\mathrm{shared}$ are the coefficients of a
# spectrum for the principal components of synthetic spectra. The difference of the decoders *starts* as a linear regression of the
# residuals of observed spectra on these coefficients. This start needs neither labels nor pairs. In addition, perceptrons learn the rest,
# with the losses of notebook 07. Perceptrons that start from random weights soon find the depths of lines, but hardly the elements that
# cause them (exercise 1).
#
# We compare this with three other models. The *linear start* is the translator before any training, which consists only of principal
# components and a regression. The *baseline* fits the labels of observed stars with the simulator that lacks the lines, and then fits the
# residuals in each pixel as a function of these labels (ridge regression). The slopes of this regression are derivatives, too. But its
# labels come from a wrong model, so missing lines make them worse. The *full emulator* is the right answer, scored by the same rules.

# %%
settings = replace(MISSING, iterations=iterations, device=str(device))
models, comparison = compare(experiment, settings, n_baseline, progress=True)
translated = models["translated"]
history = translated.steps[-1].translator.history
study.figure(translation_history(history), "training_history", "Losses of the training, on stars that train nothing.")

# %% [markdown]
# ## Figure 4
#
# The figure is for the K giant with which the features were defined. The derivatives are exact, by forward-mode differentiation through
# emulator and translator together; the paper's code uses finite differences. "Fe" means iron alone: [Fe/H] rises and all other [X/Fe]
# fall by the same amount, because a change of [Fe/H] alone would change all metals.

# %%
recovered, added = experiment.findings(translated)
shown = {"synthetic": experiment.synthetic, "translated": translated, "truth": emulator}
flux = {name: model(experiment.star)[0] for name, model in shown.items()}
falls = {"translated": added, "truth": truth.falls}
figure = missing_lines_figure(truth, flux, falls, elements, window, "K giant")
caption = "Synthetic and translated K giant, what the translator added, and which elements make it (Fig. 4)."
study.figure(figure, "fig4_missing_lines", caption)

# %% [markdown]
# In all panels the wide blue line is the truth, which the translator has never seen for this star, and the thin black line is the model;
# each panel says which spectrum or difference they are.
# Read the figure from the top. *Synthetic*: the simulator without the lines. Grey bands are hidden pixels, with the names of the elements
# that lack a feature there. *Translated*: the black line should lie on the blue one. *Difference*: what the translator added, in the
# colour of the element. *The last rows*: by how much the added flux falls when one element rises by 0.05 dex. In its coloured bands an
# element should have larger values than all other elements, and its values should be zero elsewhere.
#
# If only the depth of a line is right, the translator has connected the line with something else that varies in the stars, such as the
# temperature or all metals together. The depth depends on the mean over stars. The element depends on how stars *differ*.

# %% [markdown]
# ## A table to publish
#
# This is the table that a survey could publish. It has one row for each run of pixels where the translated spectrum is darker by more
# than 0.01, with its element. *Probability* is only a share: the fall of the added flux due to this element, divided by the sum over all
# elements. *Truth*, which no survey has, gives the elements that are missing there, with the same kind of shares. If it is empty, nothing
# is missing there and the line is false.

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
# *Depth* is measured for each hidden feature in the pixel where the true spectrum is deepest.

# %%
hidden, by_element, _ = experiment.score(translated)
study.table(hidden, "hidden_features", "Each hidden feature: depth, recovered depth, and the element that was named.")
study.figure(depth_figure(hidden), "depths", "Recovered against true depth of the hidden features; the band is ±15%.")

# %% [markdown]
# *Elements.* A feature is found where the added falls of an element fulfil the definition of a feature given above. *Precision* is the
# fraction of the found features that are right, and *recall* is the fraction of the missing features that were found. The area under the
# precision-recall curve over pixels (*average precision*) needs no threshold. A random result has the *base rate*, which is the fraction
# of the pixels that lack the element. If several elements share a pixel, it counts for each of them by its share of the fall. For
# elements with one or two missing features the scores mean little.

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
# All four models are scored by the same rules. The most important comparison is that with the linear start, because the training of the
# network begins there.

# %%
for row in comparison:
    for measure in comparison.colnames[1:]:
        study.result(f"{row['model'].replace(' ', '_')}_{measure}", float(row[measure]))
study.table(comparison, "comparison", "Scores at the K giant.", dict.fromkeys(comparison.colnames[1:], ".3f"))

# %% [markdown]
# *depth* is the median of recovered / true depth for features deeper than 3%, and *depth_scatter* is the median distance of this ratio from
# 1. *named* is the fraction of the unambiguous features of Mg, Si, Fe and C for which the right element is named, and *named_all* is the
# same for all elements. *credit* is the true share of the named element, divided by the largest share of any element. The next cell
# says the result in words:

# %%
compared, sentences = {row["model"]: row for row in comparison}, []
ours = compared["translated"]
for name in ("baseline", "linear start"):
    theirs = compared[name]
    pairs = {
        "depth of features (median distance from the truth)": (-ours["depth_scatter"], -theirs["depth_scatter"]),
        "element of unambiguous features": (ours["named"], theirs["named"]),
        "average precision": (ours["average_precision"], theirs["average_precision"]),
    }
    for text, (one, other) in pairs.items():
        verdict = "better" if one > other else "no better"
        sentences.append(
            f"- {text}: the translator is **{verdict}** than the {name} ({abs(one):.3f}, {abs(other):.3f})"
        )
within, right = abs(ours["depth"] - 1) <= 0.15, ours["named"] >= 0.9
sentences.append(f"- median depth within 15% of the truth: **{'yes' if within else 'no'}**")
sentences.append(f"- right element first for 90% of unambiguous features: **{'yes' if right else 'no'}**")
sentences.append(f"\n(The baseline saw {n_baseline:,} stars at most, the others {n_stars:,}.)")
study.text("network", "\n".join(sentences))

# %% [markdown]
# ## What does it depend on?
#
# We vary one setting at a time: the hidden fraction, the noise, the number of stars, and what differs besides the hidden lines (*lines
# only*, *full gap* or *other stars*). Each seed has other hidden features and other stars. The baseline uses at most `n_baseline` of the
# stars. (In the profile `quick` nothing is varied.)


# %%
def scores_of(config):
    one = HiddenLines.make(emulator, responses, config)
    _, table = compare(one, replace(settings, seed=config.seed), n_baseline)
    return [asdict(config) | dict(row) for row in table]


changes = [{}, *({"fraction": each} for each in fractions), *({"noise": each} for each in noises)]
changes += [*({"n_stars": each} for each in sizes), *({"case": each} for each in cases)]
others = dict.fromkeys(replace(reference, seed=seed, **change) for seed in seeds for change in changes)
others.pop(reference, None)
rows = [asdict(reference) | dict(row) for row in comparison]
for config in tqdm(others, desc="sweep", unit="training"):
    rows += scores_of(config)

# %%
sweep = Table(rows=rows)
formats = dict.fromkeys(comparison.colnames[1:], ".3f") | {"fraction": "g", "noise": "g"}
study.table(sweep, "sweep", "Scores of all trainings of the sweep.", formats)

# %%
figure = score_figure(sweep)
study.figure(
    figure,
    "sweep",
    "Scores against hidden fraction, noise, number of stars and what differs: each seed, and the median.",
)

# %% [markdown]
# The bands are goals that were set before anything was measured. Look first at the spread of the seeds, which shows how different the
# result would be for other hidden features. Then ask which of the settings makes the depths worse, and which the names of elements.
#
# With the *full gap* the observed lines have other strengths than the simulator's, and some lines are missing that we did not hide. The
# *full emulator* then has the strengths of the survey, so that depths are compared with what is observed. The scores count only what we
# hid: lines of another strength count as wrong, although they differ. The precision of the full emulator shows how much this costs. With *other stars* a translator takes differences between the stars for differences between the
# domains. The baseline fits the labels of each star, so it is not deceived in this way: compare the depths.

# %% [markdown]
# ### The cases side by side

# %%
usual = asdict(reference)
same = np.all([sweep[name] == usual[name] for name in ("fraction", "noise", "n_stars")], axis=0)
measures = ("named", "precision", "recall", "average_precision", "depth", "depth_scatter", "base_rate")
by_case = spread(sweep[same], ["case", "model"], measures)


def ranged(row, name):
    """Mean over the seeds, with the smallest and the largest value if there are several."""
    low, mean, high = (row[name + end] for end in ("_min", "", "_max"))
    return f"{mean:.2f}" if row["seeds"] == 1 else f"{mean:.2f} ({low:.2f}–{high:.2f})"


texts = {name: [ranged(row, name) for row in by_case] for name in measures[:-1]}
table = Table({"case": by_case["case"], "model": by_case["model"], "seeds": by_case["seeds"]} | texts)
caption = "Hidden lines that are found, by case and model: mean over the seeds (range). 0.3 of the features are hidden."
study.table(table, "summary_cases", caption)

# %% [markdown]
# ## Move it
#
# Choose an element, a window and a star. The same pixels are hidden in all stars, but the strength of a line differs from star to star.
# Do the results of the translator still agree with the truth if the star is hotter or more metal-poor than those in the training?

# %%
title = "$T_\\mathrm{{eff}}$ {teff:.0f} K, log g {logg:.2f}, [Fe/H] {fe_h:.2f}"
explorer = explore_missing(experiment, translated, ("teff", "logg", "fe_h"), title=title)
explorer

# %%
explorer.set("Fe", teff=4300.0, logg=1.6, fe_h=-0.5)
study.figure(explorer.figure(), "explorer", "The same for iron in a cooler giant that is poor in metals.")

# %% [markdown]
# ## Summary of this run

# %%
numbers = {(row["case"], row["model"]): row for row in by_case}
seeds_run = numbers[reference.case, "translated"]["seeds"]


def line(case, model):
    """How well a model names the elements, in words."""
    named, area = (ranged(numbers[case, model], name) for name in ("named", "average_precision"))
    return f"right for {named} of the unambiguous features of Mg, Si, Fe and C, average precision {area}"


def network_gain(case):
    """In how many sets of hidden features the trained network is better than its linear start, in words."""
    own, start = (sweep[same & (sweep["case"] == case) & (sweep["model"] == m)] for m in ("translated", "linear start"))
    gain = np.asarray(own["average_precision"] - start["average_precision"])
    change = f"{gain.mean():+.3f}; {gain.min():+.3f} to {gain.max():+.3f}"
    return f"raise the average precision in {np.sum(gain > 0)} of {len(gain)} sets of hidden features ({change})"


# %%
hidden_in_all, ceiling = study.values["hidden_features"], numbers[reference.case, "full emulator"]
many = f"{seeds_run} sets of hidden features: mean (range)" if seeds_run > 1 else "one set of hidden features"
points = [
    f"""Mock APOGEE: {hidden_in_all} of {study.values["features"]} features of single elements are hidden from the
simulator, {n_stars:,} stars in each domain, {many}. Scored is a K giant of solar abundances: which element a model names
for a hidden feature, and the average precision of its derivatives over all pixels (chance
{ceiling["base_rate"]:.3f}, full emulator {ranged(ceiling, "average_precision")})."""
]
points.append(f"**Translated spectra**: {line(reference.case, 'translated')}.")
points.append(f"""**Linear start**, a regression without training: {line(reference.case, "linear start")}. {iterations} steps
of the network {network_gain(reference.case)}. This benchmark is easy, because hidden pixels do not vary in synthetic
spectra and all others agree: it is a regression within the observed stars.""")
points.append(f"""**Baseline**, fitted labels and a ridge regression of the residuals ({n_baseline:,} stars at most):
{line(reference.case, "baseline")}.""")

# %%
titles = {GAP: "Observed through the full mock gap", OTHERS: "Other stars, mostly dwarfs, are observed"}
for case in cases:
    near = min(("translated", "linear start", "baseline"), key=lambda name: abs(numbers[case, name]["depth"] - 1))
    ours, theirs = (ranged(numbers[case, name], "depth") for name in ("translated", near))
    best_depth = "none is nearer to 1" if near == "translated" else f"nearest to 1 is the {near} ({theirs})"
    points.append(f"""**{titles[case]}**: {line(case, "translated")}; the steps of the network {network_gain(case)}. Recovered /
true depth is {ours} (median over features); of the models without the truth, {best_depth}. The full emulator, scored alike,
has an average precision of {ranged(numbers[case, "full emulator"], "average_precision")}.""")
points.append(f"""Of the {study.values["lines"]} lines deeper than 0.01 that the translator lists in the easy case,
{study.values["invented_lines"]} are false.""")
study.text("summary", "\n".join(f"- {' '.join(point.split())}" for point in points))

# %% [markdown]
# **What to see.** There are two different questions. *Where lines are missing and how deep they are* depends on the mean over stars, and
# a regression may answer it equally well. *Which element causes them* depends on how a line differs from star to star. In most stars the
# elements rise and fall together. Elements that cannot be distinguished in this way get the name of the most common one. So compare the
# scores of both questions, not two figures: a good figure of depths does not prove that an element is right. How reliable the name of
# an element is can be seen from how often it was right for hidden lines. A figure of one star in one window does not show this.
#
# **Exercise.** 1. Train with the perceptrons of notebook 07 (`dataclasses.replace(MISSING, kind="mlp")`): what do they get
# right, and how much longer must they be trained? 2. Take the table `hidden`: how many of the features named with a probability above 0.5
# are right, and does this agree with the meaning of a probability? 3. Which elements are named instead of the true one? Make a cross
# table of `hidden["element"]` and `hidden["named"]`, and compare it with the correlations of these elements in the stars
# (`experiment.domains.labels`). 4. In the Galaxy α elements rise together. Could a survey that contains only dwarfs of the thin disc find
# the element of a magnesium line?
