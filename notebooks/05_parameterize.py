# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From latents to labels
#
# Can labels be predicted better from latents than from spectra? Manteiga et al. (2025) train the same small network, with two
# hidden layers of 200 and 100 neurons, on four representations of the same stars:
#
# 1. the spectra themselves, 800 pixels;
# 2. the latents of a plain autoencoder (all λ = 0);
# 3. *First*: latents with $T_\mathrm{eff}$ and log g entangled, [M/H] and [α/Fe] disentangled;
# 4. *Second*: the reverse.
#
# (These names are from the note to their Table 1; in the text of their Sect. 3.3 *First* and *Second* are exchanged.) They claim
# that the errors of a regressor on latents in which a label is entangled are 21–39% smaller than those of one on spectra.
#
# What does such a gain mean? Latents are a function of the spectrum, so they cannot know more about a label than the spectrum
# does. But from a finite number of stars, a good representation can be easier to learn from. To find out whether a gain is due
# to entangling, we need simple alternatives, and a limit. With a mock survey we have both, and the *true* labels as well.
# (Of real stars no true labels are known, and there is no perfect reader of them. Then everything is judged by the catalogue.)

# %% tags=["parameters"]
survey: str = "mock"  # mock, or gaia-dr3: real stars, see specnb data build rvs-reference
seed: int = 1  # random seed of the mock survey, and of the choice of test stars
n_stars: int = 2000  # reference stars; the paper has 64,305
n_seeds: int = 1  # trainings of each autoencoder and regressor, with seeds 1, 2, ...
epochs: int = 10  # passes over the training stars of the autoencoders
batch: int = 32  # spectra in a step; the paper's code has 64
max_iter: int = 30  # most passes of a regressor; the paper has 1000
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import replace
from textwrap import TextWrapper, fill

import numpy as np
from astropy.table import Table
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

# %%
import specnb
from specnb.disentangle import DisentangleConfig, regress
from specnb.disentangle.config import LABELS
from specnb.disentangle.experiment import (
    EMULATOR,
    ENTANGLED,
    PAPER,
    reference_sample,
    reference_stars,
    trained,
    without_noise,
)
from specnb.disentangle.table1 import ENTANGLED_IN, IMPROVEMENT, compare
from specnb.evaluate.posterior import posterior_mean
from specnb.evaluate.probes import least_mae
from specnb.plots.absent import absent
from specnb.plots.labels import bias_by_label, mae_bars, predicted_labels
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.population import draw_stars
from specnb.surveys.public.built import built_path
from specnb.surveys.rvs.archive import literature

# %%
study = Study(output)
study.input(EMULATOR)
sample = reference_sample(survey, n_stars, seed)
stars = reference_stars(sample)
base = DisentangleConfig(epochs=epochs, patience=epochs, batch=batch, device=device)
catalogue = stars.test.labels
if (n := len(stars.train) + len(stars.test)) < 100:
    raise ValueError(f"n_stars is {n_stars} and there are {n} stars: this notebook needs at least 100")
references = {"catalogue": catalogue[list(LABELS)]}
if truth_known := stars.truth_test is not None:  # as it is of mock stars
    references["truth"] = stars.truth_test.labels[list(LABELS)]
else:
    study.input(built_path(sample.name))
judge = list(references)[-1]  # what predictions are judged by
truth = references[judge]
SYMBOLS = dict(zip(LABELS, ("T_eff", "log g", "[M/H]", "[α/Fe]")))
DIGITS = dict(zip(LABELS, (".0f", ".3f", ".3f", ".4f")))

# %%
caption = "A new star: the trained encoder gives latents, from which a regressor predicts labels (Fig. 7)."
study.drawing("drawings/gandalf_inference.svg", "fig7_inference", caption)

# %% [markdown]
# ## Representations
#
# The autoencoders are those of notebook 04 (they are not trained twice). We add a code in which all labels are *entangled* at
# once, and a competitor that costs seconds: the first 25 *principal components* of the spectra. They are as many numbers as the
# latents, but no label has shaped them.

# %%
configs = {"plain": base, **{name: PAPER.config(base, ENTANGLED[name]) for name in ("First", "Second")}}
configs["all entangled"] = PAPER.config(base, LABELS)
seeded = [replace(config, seed=k) for config in configs.values() for k in range(1, n_seeds + 1)]
models = trained(stars, sample, seeded)
flux = [models[0].scale_flux(part.flux, part.mask) for part in (stars.train, stars.test)]
components = PCA(25, random_state=1).fit(flux[0])
representations = {"spectra": [tuple(flux)] * n_seeds}
representations["principal components"] = [tuple(map(components.transform, flux))] * n_seeds
for i, name in enumerate(configs):
    group = models[i * n_seeds : (i + 1) * n_seeds]
    representations[name] = [(model.encode(stars.train), model.encode(stars.test)) for model in group]

# %% [markdown]
# **Out of fold.** In the paper, encoder and regressor are trained on the same stars. An entangled encoder has learned the labels of
# these stars, with their errors, and its latents may tell the regressor more about them than about new stars. So we also train
# encoders on one half of the training stars, for regressors that are trained on the *same half*, or on the *other half*. (Even this
# is not quite even. With the other half, an entangled code has used the labels of all stars, but spectra those of one half.)

# %%
halves = stars.train[::2], stars.train[1::2]
half_models = trained(stars._replace(train=halves[0]), (sample, "every second training star"), seeded)
half_inputs = []
for half in halves:
    pixels = models[0].scale_flux(half.flux, half.mask), flux[1]
    inputs = {"spectra": [pixels] * n_seeds}
    reduce = PCA(25, random_state=1).fit(models[0].scale_flux(halves[0].flux, halves[0].mask)).transform
    inputs["principal components"] = [tuple(map(reduce, pixels))] * n_seeds
    for i, name in enumerate(configs):
        group = half_models[i * n_seeds : (i + 1) * n_seeds]
        inputs[name] = [(model.encode(half), model.encode(stars.test)) for model in group]
    half_inputs.append(inputs)

# %% [markdown]
# ## Regressors
#
# Each representation gets regressors as in the paper (*faithful*: scikit-learn's defaults until the training loss no longer
# falls), and regressors with early stopping and a penalty on large weights (*best*). Validation stars choose the penalty for
# each representation (with the first seed and all training stars), always from the same values.

# %%
faithful, best_of = (replace(config, max_iter=max_iter) for config in (regress.FAITHFUL, regress.BEST))
first = {name: group[:1] for name, group in representations.items()}
tried, _ = regress.fit_regressors(first, stars.train.labels, best_of)
penalties = {name: fitted.regressor_[-1].alpha for name, (fitted,) in tried.items()}
chosen = {name: replace(best_of, alpha=(penalty,)) for name, penalty in penalties.items()}

# %%
settings = {
    "faithful": (representations, stars.train.labels, faithful),
    "best": (representations, stars.train.labels, chosen),
    "best, same half": (half_inputs[0], halves[0].labels, chosen),
    "best, other half": (half_inputs[1], halves[1].labels, chosen),
}
regressors, predictions = regress.fit_settings(settings)

# %%
grid = regress.BEST.alpha
caption = f"""Penalties of the regressors that stop early, which validation stars chose from {", ".join(f"{a:g}" for a in grid)}
(an end of these values for {sum(alpha in (grid[0], grid[-1]) for alpha in penalties.values())} of {len(penalties)})."""
table = Table(rows=list(penalties.items()), names=("representation", "penalty"))
study.table(table, "penalties", caption, {"penalty": "g"})

# %% [markdown]
# **Closed forms.** Before a network is trained, try what needs no training: *ridge* regression of the labels on the pixels, and a
# *polynomial* in the first principal components, also fitted by ridge regression. The errors of training stars that are left out
# one at a time choose the penalties, and also between products of two of 25 components and of three of 12 components. A polynomial
# can be far off for a star unlike all others; so predictions beyond the labels of the training stars are moved to their limits.


# %%
known = np.column_stack([stars.train.labels[name] for name in LABELS]).astype(np.float32)


def closed_form(*steps):
    """Ridge regression of labels on features, whose penalty has the smallest leave-one-out error."""
    ridge = make_pipeline(*steps, RidgeCV(np.logspace(-2, 4, 7)))
    return TransformedTargetRegressor(ridge, transformer=StandardScaler()).fit(flux[0], known)


def polynomial(count, degree):
    powers = PolynomialFeatures(degree, include_bias=False)
    return closed_form(PCA(count, random_state=1), StandardScaler(), powers, StandardScaler())


ridge, polynomials = closed_form(), [polynomial(25, 2), polynomial(12, 3)]
polynomial_best = max(polynomials, key=lambda each: each.regressor_[-1].best_score_)
predictions["closed form"] = {
    name: [np.clip(fitted.predict(flux[1]), known.min(axis=0), known.max(axis=0))]
    for name, fitted in {"ridge": ridge, "polynomial": polynomial_best}.items()
}
kinds = ("squares and products of 25", "cubes and products of 12")
study.result("polynomial", f"{kinds[polynomials.index(polynomial_best)]} principal components")

# %% [markdown]
# ## Limits
#
# How small can the errors be? A *perfect reader* knows the emulator, the noise and the continuum of each star, and the population
# that the stars are drawn from. Its prediction is the mean of the posterior distribution of the labels, and no prediction has a
# smaller mean squared error. The population is described by 30 Gaussians, so that the reader knows that stars lie on isochrones.
# The emulator is approximated by its tangent at the true labels. (A reader of real stars would have to know how they differ from
# the emulator, which nobody does. It is left out for them.)
#
# Often, a simpler limit is quoted, in which the population is one Gaussian. Then the errors of a star have the covariance
# $P = (J^T C^{-1} J + S^{-1})^{-1}$, with $J$ the gradient of its spectrum, $C$ its noise and $S$ the covariance of the labels
# in the population. The least mean absolute error is the average of $\sqrt{2/\pi}\,\sqrt{P_{ii} + e_i^2}$ over the stars, with
# $e$ the error of the catalogue label, or 0 for the true label. Because it does not know of isochrones, it is no strict bound.
# (For real stars, $J$ is taken at the labels of the catalogue. It is an estimate.)

# %%
emulator = specnb.load_emulator("rvs")
predictions["limit"] = {}
if truth_known:
    population = draw_stars(RVS, 20_000, np.random.default_rng(seed + 1), sample.population)
    reader = posterior_mean(emulator, stars.test, stars.truth_test, population, LABELS)
    predictions["limit"] = {"perfect reader": [reader]}
observed, ideal = without_noise(emulator, stars, slice(0, 3000))  # enough for a mean over stars
gaussian = {
    against: least_mae(emulator, ideal, LABELS, observed.labels if against == "catalogue" else None)
    for against in references
}

# %% [markdown]
# ## Table 1
#
# The table has the errors against the catalogue, as in the paper. Catalogue labels have errors of their own, which cannot be
# predicted.

# %%
tables, rest = {}, predictions["closed form"] | predictions["limit"]
for setting in settings:
    for against, reference in references.items():
        groups = (predictions[setting] | rest).items()
        found = {name: [regress.errors(p, reference) for p in group] for name, group in groups}
        tables[setting, against] = compare(found)
caption = (
    "Table 1: errors of predicted labels against the catalogue (mean over seeds), and the published ones; gains in %."
)
study.table(tables["faithful", "catalogue"], "table1", caption)

# %%
study.table(tables["best", "catalogue"], "table1_best", "The same with regressors that stop early and are penalised.")

# %%
caption = "Errors against the true labels, with regressors that stop early and are penalised."
if truth_known:
    shown = study.table(tables["best", "truth"], "table1_truth", caption)
else:
    shown = "No true labels are known of real stars."
shown

# %%
table1 = tables["faithful", "catalogue"]
least = {row["label"]: row["mae"] for row in table1 if row["representation"] == "perfect reader"}
limit = "that of a perfect reader" if truth_known else "the Gaussian limit"
least = least or gaussian["catalogue"]
bars = table1[[name not in ("ridge", "perfect reader") for name in table1["representation"]]]
caption = f"Faithful regressors: MAE relative to that of spectra; line: {limit} against the catalogue."
study.figure(mae_bars(bars, least), "table1_mae", caption)

# %% [markdown]
# ## What is gained by entangling a label?
#
# The next table compares like with like: for each label the code of the paper in which it is *entangled*, the code in which *all*
# labels are *entangled*, and two codes that know no labels, the latents of the *plain* autoencoder and the principal *components*.
# *Possible* is the gain of the perfect reader, and *gaussian* that of the simpler limit. Against the catalogue even a perfect
# prediction gains less than against the truth, because every difference contains the catalogue's errors.

# %%
rows, own = [], ENTANGLED_IN
codes = {"all entangled": "all entangled", "plain": "plain", "components": "principal components"}
for (setting, against), table in tables.items():
    for label in LABELS:
        mine = {row["representation"]: row for row in table if row["label"] == label}
        spectra = mine["spectra"]["mae"]
        row = {"label": label, "regressor": setting, "against": against, "published": IMPROVEMENT[label]}
        for column, name in {"entangled": own[label], **codes}.items():
            row[column] = mine[name]["gain"]
            if n_seeds > 1:
                low, high = (100 * (1 - mine[name][end] / spectra) for end in ("mae_max", "mae_min"))
                row[f"{column}, range"] = f"{low:.0f} to {high:.0f}"
        possible = {"possible": mine["perfect reader"]["gain"]} if truth_known else {}
        rows.append(row | possible | {"gaussian": 100 * (1 - gaussian[against][label] / spectra)})
gains = Table(rows=rows)

# %%
numbers = [name for name in gains.colnames[3:] if not name.endswith("range")]
ranges, limit = (
    ", with its range over seeds" if n_seeds > 1 else "",
    "what is possible" if truth_known else "of the Gaussian limit",
)
caption = f"Gain in MAE (%) over regressors on spectra of the same stars{ranges}, and {limit}."
study.table(gains, "gains", caption, dict.fromkeys(numbers, ".0f"))

# %%
for row in gains[[not setting.endswith("half") for setting in gains["regressor"]]]:
    for name in numbers[1:]:
        key = f"gain_{row['label']}_{row['regressor']}_{row['against']}_{name.replace(' ', '_')}"
        study.result(key, float(row[name]), "%")

# %% [markdown]
# ## How long the training takes

# %%
times = regress.training_times(regressors["faithful"])
speedups = {row["representation"]: row for row in times}
study.result("regressor_speedup", float(speedups["First"]["speedup"]))
caption = "Training of the faithful regressors, one a core; speedup: time on spectra over time on this (published: 3)."
study.table(times, "training_times", caption)

# %% [markdown]
# ## Figures 9 and 10
#
# The figures show the Kiel diagram and the abundance plane as predicted from each representation. If a label were completely
# removed from the latents, the regressor could only predict its mean.

# %%
some = ("spectra", "principal components", "plain", "First", "Second")
panels = {name: dict(zip(LABELS, predictions["faithful"][name][0].T)) for name in some}
figure = predicted_labels(panels, catalogue, "teff", "logg")
study.figure(figure, "fig9_kiel", "Kiel diagrams: catalogue, and predicted from each representation (Fig. 9).")

# %%
figure = predicted_labels(panels, catalogue, "m_h", "alpha_fe")
study.figure(
    figure, "fig10_abundances", "[α/Fe] against [M/H]: catalogue, and predicted from each representation (Fig. 10)."
)

# %% [markdown]
# ## The tails
#
# A regressor that is not sure predicts values near the mean. Rare stars then look too ordinary: *regression to the mean*. Part of
# it cannot be avoided, because it also happens to the perfect reader, who weighs the spectrum against the population. (Real stars
# are chosen by the catalogue. Its errors make some of them look rare, which adds to the effect.)

# %%
tails = {"m_h": (-np.inf, -1.5), "teff": (6500.0, np.inf), "logg": (-np.inf, 1.2)}
inside = {label: (truth[label] > low) & (truth[label] < high) for label, (low, high) in tails.items()}
rare = {label: int(some.sum()) for label, some in inside.items()}
inside = {label: some for label, some in inside.items() if rare[label]}  # what no star shows is left out
rows = []
groups = [(setting, *item) for setting, group in predictions.items() for item in group.items()]
for setting, name, group in groups:
    if not setting.endswith("half"):
        row = {"predicted from": name, "regressor": setting}
        for label, some in inside.items():
            i = LABELS.index(label)
            bias = np.mean([p[some, i] for p in group], axis=0) - truth[label][some]
            row |= {label: bias.mean(), f"{label}_error": bias.std() / np.sqrt(max(len(bias) - 1, 1))}
        rows.append(row)
biases = Table(rows=rows)

# %%
cuts = {"m_h": "[M/H] < −1.5", "teff": "T_eff > 6500 K", "logg": "log g < 1.2"}
*first, last = [f"{rare[label]} with {cuts[label]}" for label in inside] or ["no star"]
which = f"{', '.join(first)} and {last}" if first else last
caption = f"Mean error against the {judge}, and its uncertainty, of {which.replace(' with', ' stars with', 1)} (mean over seeds)."
formats = {"m_h": "+.2f", "m_h_error": ".2f", "teff": "+.0f", "teff_error": ".0f", "logg": "+.2f", "logg_error": ".2f"}
if inside:
    formats = {name: form for name, form in formats.items() if name in biases.colnames}
    shown = study.table(biases, "tails", caption, formats)
else:
    shown = f"No test star has {' or '.join(cuts.values())}."
shown

# %%
shown = {name: predictions["best"][name][0] for name in ("spectra", "principal components", "First", "Second")}
shown["all entangled"] = predictions["best"]["all entangled"][0]
figure, caption = (
    absent("No true labels are known of real stars."),
    "Errors against the true label: not known of real stars.",
)
if truth_known:
    figure = bias_by_label(shown | {"perfect reader": reader}, truth, LABELS)
    caption = "Mean error of predicted labels against the true label, best regressors (first seed)."
study.figure(figure, "bias", caption)

# %% [markdown]
# ## Real stars
#
# The same networks, which were trained only on mock stars, are now applied to real *Gaia* spectra. (With `survey="gaia-dr3"`
# they were trained on real stars.)

# %%
real, source = real_spectra(RVS)
print(source)
for path in RVS.archive.files():
    study.input(path)
kind = "Real stars" if real or not truth_known else "Mock stars (no real ones were at hand)"
real = real or stars.test[:3]
known = literature(real.ids)
inputs = {"spectra": models[0].scale_flux(real.flux, real.mask)}
inputs["principal components"] = components.transform(inputs["spectra"])
inputs |= {name: models[i * n_seeds].encode(real) for i, name in enumerate(configs)}
answers = {name: regressors["best"][name][0].predict(x) for name, x in inputs.items()}

# %%
rows = []
for k, star in enumerate(known["name"]):
    rows += [{"star": star, "labels from": name} | dict(zip(LABELS, found[k])) for name, found in answers.items()]
    paper = {label: known[label][k] for label in LABELS if label in known.colnames}
    if not np.ma.is_masked(paper["teff"]):
        rows.append({"star": star, "labels from": "literature", "alpha_fe": np.nan} | paper)
table = Table(rows=rows)
for label in LABELS:
    table[label].unit = stars.train.labels[label].unit
origin = "mock" if truth_known else "real"
caption = f"{kind}: labels from regressors trained on {origin} stars."
study.table(
    table["star", "labels from", *LABELS], "real_stars", caption, {"teff": ".0f"} | dict.fromkeys(LABELS[1:], ".2f")
)

# %% [markdown]
# Can the predictions be trusted? Decode each star with the predicted labels, and compare the result with its spectrum. For a mock
# star the difference is its noise. For a real star the difference also contains everything that the mock survey lacks.


# %%
def misfit(spectra, z, labels):
    """Median over pixels of |observed − decoded| in units of 0.67 σ: 1 for pure noise."""
    difference = np.abs(models[0].decode(z, labels) - spectra.flux) / spectra.flux_error
    return np.array([np.median(d[~m]) / 0.6745 for d, m in zip(difference, spectra.mask)])


mock = misfit(stars.test, representations["plain"][0][1], predictions["best"]["plain"][0])
snr = np.median(stars.test.flux / stars.test.flux_error, axis=1)
rows = []
for k, value in enumerate(misfit(real, inputs["plain"], answers["plain"])):
    level = float(np.median(real.flux[k] / real.flux_error[k]))
    alike = mock[np.argsort(np.abs(np.log(snr / level)))[: len(snr) // 20]]
    rows.append((known["name"][k], level, float(value), float(np.median(alike)), float(np.quantile(alike, 0.95))))
peers = "mock" if truth_known else "test"  # stars on which the networks were not trained
misfits = Table(rows=rows, names=("star", "snr", "misfit", f"{peers}_median", f"{peers}_95"))
study.table(
    misfits, "real_misfit", f"{kind}: misfit of the decoded spectrum, and that of {peers} stars most like it in S/N."
)

# %% [markdown]
# ## What was found
#
# The sentences below are made from the numbers of this run, and so are the words *smaller* and *larger* in them.


# %%
def of(name, setting, against, key="mae"):
    """The errors of the four labels in one version of Table 1."""
    table = tables[setting, against]
    return np.asarray(table[key][table["representation"] == name], dtype=float)


def listed(values):
    return ", ".join(f"{value:{digits}}" for value, digits in zip(values, DIGITS.values()))


def gained(column, setting, against):
    rows = gains[(gains["regressor"] == setting) & (gains["against"] == against)]
    return ", ".join(f"{value:.0f}" if column in numbers else value for value in rows[column]) + "%"


# %%
def ahead(setting, against, rival):
    """Labels for which the better of the two entangled codes has smaller errors than a rival with every seed."""
    found = []
    for i, label in enumerate(LABELS):
        largest = min(of(name, setting, against, "mae_max")[i] for name in (own[label], "all entangled"))
        if largest < of(rival, setting, against, "mae_min")[i]:
            found.append(SYMBOLS[label])
    return ", ".join(found) or "none of the labels"


# %%
fewer = f", which has fewer than the {n_stars:,} asked for" if n_stars > len(stars.train) + len(stars.test) else ""
origin = (
    "mock Gaia RVS stars" if truth_known else f"real stars of Gaia DR3 (set {sample.name}{fewer}; the paper has 64,305)"
)
every, means = ("every seed", f"means over {n_seeds} seed(s)") if n_seeds > 1 else ("the one seed", "one seed")
they = "*All entangled* gains"

# %%
if truth_known:
    they = f"Against the true labels they gain {gained('entangled', 'faithful', judge)}, *all entangled*"
claim = f"""
Regressors predicted T_eff, log g, [M/H] and [α/Fe] (all numbers are in this order) of {len(stars.test):,} {origin}
after training on {len(stars.train):,} ({means}). A gain is the part by which the mean absolute error is
smaller than that of the same kind of regressor on spectra; it is negative if the error is larger. *Entangled* is the code of the
paper in which the label is entangled; in *all entangled* all four are.

- **The paper's regressor.** Against the catalogue entangled codes gain {gained("entangled", "faithful", "catalogue")}
  (published: {gained("published", "faithful", "catalogue")}). {they}
  {gained("all entangled", "faithful", judge)}, and two codes that
  know no labels, 25 principal components and plain latents, {gained("components", "faithful", judge)} and
  {gained("plain", "faithful", judge)}. An entangled code, of either kind, is better than principal components, with {every}, for
  {ahead("faithful", judge, "principal components")}.
- **Early stopping and a penalty** change the errors from spectra, against the {judge}, from
  {listed(of("spectra", "faithful", judge))} to {listed(of("spectra", "best", judge))} (K and dex). Over these, entangled
  codes gain {gained("entangled", "best", judge)}, *all entangled* {gained("all entangled", "best", judge)}, and principal
  components {gained("components", "best", judge)}. With {every}, an entangled code is better than spectra for
  {ahead("best", judge, "spectra")}, and than principal components for {ahead("best", judge, "principal components")}.
"""

# %%
fold, same = "best, other half", "best, same half"
learning = f"""- **Out of fold.** If the encoder is trained on one half of the training stars and the regressor on the other half, entangled codes
  gain {gained("entangled", fold, judge)}, *all entangled* {gained("all entangled", fold, judge)}, and principal components
  {gained("components", fold, judge)} over spectra of that half, against the {judge}. If both are trained on the same half, the first two gain
  {gained("entangled", same, judge)} and {gained("all entangled", same, judge)}.
"""

# %%
network = {name: of(name, "best", judge) for name in representations}
best = [min(network, key=lambda name: network[name][i]) for i in range(len(LABELS))]
polynomial_mae = of("polynomial", "best", judge)
smaller = [SYMBOLS[k] for i, k in enumerate(LABELS) if polynomial_mae[i] < network["all entangled"][i]]
limits = f"""- **A closed form**, ridge regression on {study.values["polynomial"]}, has errors of {listed(polynomial_mae)} against the
  {judge}. They are smaller than those of the penalised network on *all entangled* for {", ".join(smaller) or "none of the labels"}.
"""
if truth_known:
    ratios = [network[name][i] / of("perfect reader", "best", judge)[i] for i, name in enumerate(best)]
    limits += f"""- **Limits.** A perfect reader, who knows emulator, noise and population, has errors of
  {listed(of("perfect reader", "best", judge))} against the truth. It gains {gained("possible", "faithful", "catalogue")} over
  the paper's regressor against the catalogue, whose errors nobody can predict, and {gained("possible", "best", judge)} over
  the penalised one against the truth. The best codes ({", ".join(dict.fromkeys(best))}) have
  {", ".join(f"{ratio:.1f}" for ratio in ratios)} times its error.
"""
else:
    limits += f"""- **Limits.** In the linear, Gaussian approximation, at the labels of the catalogue, the least errors against the
  catalogue are {listed(gaussian["catalogue"].values())}. This is an estimate: no truth is known of real stars.
"""

# %%
bias = {(row["predicted from"], row["regressor"]): row for row in biases}
tail_rows = [
    ("spectra", "best"),
    ("principal components", "best"),
    ("all entangled", "best"),
    ("perfect reader", "limit"),
]
tail_rows = [row for row in tail_rows if row in bias]
tail_text = f"""- **Rare stars look too ordinary.** The mean error of [M/H], against the {judge}, of the {rare["m_h"]} test stars with [M/H] < −1.5 is
  {", ".join(f"{bias[row]['m_h']:+.2f} ({row[0]})" for row in [*tail_rows, (own["m_h"], "best")])}.
""" if rare["m_h"] else ""  # fmt: skip
strange = [row["star"] for row in misfits if row["misfit"] > row[f"{peers}_95"]]
speed = ", ".join(f"{row['speedup']:.1f} ({row['representation']})" for row in times[1:])
rest_text = f"""- **Speed.** The paper's regressor trains faster on codes than on spectra by factors of {speed}
  (less than 1 is slower); published: about 3.
- **{kind}.** The misfit of {len(strange)} of {len(misfits)} exceeds that of 95% of {peers} stars of similar signal-to-noise ratio.
"""

# %%
text = claim + learning + limits + tail_text + rest_text
start, *items = (" ".join(part.split()) for part in text.split("\n- "))
wrap = TextWrapper(128, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False).fill
study.text("summary", "\n".join([fill(start, 128), "", *(wrap(f"- {item}") for item in items)]) + "\n")

# %%
shown = [(name, setting) for name in ("spectra", "principal components", "plain") for setting in ("faithful", "best")]
shown += [("entangled", "faithful"), ("entangled", "best"), ("all entangled", "faithful"), ("all entangled", "best")]
shown += [(name, "best") for name in ("ridge", "polynomial", "perfect reader") if name in rest]
rows = []
for name, setting in shown:
    row = {"predicted from": name, "regressor": setting if name in (*representations, "entangled") else "–"}
    for against in references:
        for i, label in enumerate(LABELS):
            error = of(own[label] if name == "entangled" else name, setting, against)[i]
            row[f"{SYMBOLS[label]}, {against}"] = error
    rows.append(row)
against_what = "catalogue and against the true labels" if truth_known else "catalogue"
caption = f"Mean absolute errors against the {against_what} (K and dex), means over seeds. *Entangled*: of each "
caption += "label in that code of the paper in which it is entangled. *Faithful*: the paper's regressor; *best*: penalised, stops early."
digits = {f"{SYMBOLS[label]}, {against}": DIGITS[label] for against in references for label in LABELS}
study.table(Table(rows=rows), "summary_errors", caption, digits)

# %% [markdown]
# **Exercise.** The encoder itself works like a regressor, because the bins of the labels are used in its training. Give the regressor on
# spectra the size of the encoder, `RegressorConfig(hidden=(512, 256, 25, 200, 100))`, and early stopping. What is left of the gain?
