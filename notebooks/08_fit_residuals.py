# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What fits leave behind
#
# A fit compares the spectrum of a star with the best spectrum that a model can make. If the model were right, the residuals
# divided by their errors would be noise with mean 0 and width 1 in every pixel. With physics alone they are not.
# O'Briain et al. (2020, Fig. 3) show that they nearly are if the model spectra pass through a translator like that of
# notebook 07. Their mean reduced χ² falls from 1.97 to 1.22.
#
# **Is this because the model spectra are better, or only because the model is more flexible?** In the paper every star has its own
# $z_\mathrm{split}$, which the encoder makes from the same spectrum that is then fitted. So here each star is fitted with several
# models, with all labels free and with the same optimiser. *Physics only* has no translation. *Translated* has the same
# $z_\mathrm{split}$ for all stars, so it has no more free parameters than physics only. *Translated with its own* $z_\mathrm{split}$ is
# the way of the paper.
#
# **Is a network needed?** Three baselines have no network, and were fitted to unpaired spectra, too: the *mean spectrum* adds a constant
# in each pixel, *one power a pixel* multiplies the optical depth by a factor, and the *linear start* is a regression on principal
# components. And how good could it be? For a mock survey we can make the spectra of a *perfect translator*, which knows everything
# that depends on labels, and of all else the mean. What its fits lack is due to noise and to effects of single stars.
#
# **Are the labels better, too?** A network can learn to fit a spectrum well with the wrong labels. With a real survey one could not
# notice this. With a mock survey one can, because its true labels are known. This is the most important test.

# %% tags=["parameters"]
n_stars: int = 30  # test stars of each survey
n_baseline: int = 1000  # stars of each domain to which the baselines are fitted; the shipped translators had 10,000
n_classified: int = 100  # spectra of each set from which classifiers learn, and on which they are tested
n_ideal: int = 40  # ideal stars, which tell the labels that spectra constrain
seeds: list = [1]  # of trainings: 1 are the shipped ones, others are trained here, from other stars too
iterations: int = 0  # steps of those trainings; 0: as many as the shipped ones had
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import replace

import numpy as np
from astropy.table import Table, vstack

import specnb
from specnb.core.device import pick_device
from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.fitting.pulls import constrained, interior_stars, pull_statistics
from specnb.fitting.residuals import bias_change, chi2_statistics, distribution, label_errors
from specnb.plots.residuals import label_biases, residual_bands
from specnb.reproduce.study import Study
from specnb.surveys import SURVEYS
from specnb.surveys.archive import real_spectra
from specnb.surveys.rvs.archive import literature
from specnb.translate import TranslateConfig, load_translator, train
from specnb.translate.baselines import LINEAR, MEAN, PERFECT, POWER, baselines, perfect
from specnb.translate.comparison import OWN, PHYSICS, TYPICAL, chains, fit_chains, summary
from specnb.translate.domains import STARS, mock_domains, predictable_flux, true_labels, unseen_stars
from specnb.translate.model import SHIPPED, translated_emulator
from specnb.widgets import explore_emulator

# %%
study = Study(output)
NAMES = {"apogee": "APOGEE, 25 labels", "rvs": "Gaia RVS, 6 labels"}
FITS = (PHYSICS, MEAN, POWER, LINEAR, TYPICAL, OWN, PERFECT)
KEYS = dict(zip(FITS, ("physics", "mean", "power", "linear", "translated", "own_split", "perfect")))

# %% [markdown]
# ## Stars that no training has seen
#
# There are two mock surveys, made by the same code: APOGEE as in the paper, and a similar one in the wavelength range of Gaia's
# spectrograph. A reduced χ² of 1 cannot be reached, because lines of the Earth's atmosphere, persistence and other effects differ
# from star to star and cannot be predicted from labels.

# %%
emulators, translators, unseen, true, predictable = {}, {}, {}, {}, {}
for survey in NAMES:
    for path in (SURVEYS[survey].emulator_path, SHIPPED / f"{survey}-mock.safetensors"):
        study.input(path)
    emulators[survey] = specnb.load_emulator(survey).to(pick_device(device))
    translators[survey] = load_translator(f"{survey}-mock").to(pick_device(device))
    drawn = n_stars + 2 * n_classified
    unseen[survey], true[survey] = unseen_stars(emulators[survey], drawn)
    predictable[survey] = predictable_flux(emulators[survey], drawn)
stars = {survey: unseen[survey][:n_stars] for survey in NAMES}
truth = {survey: true[survey][:n_stars] for survey in NAMES}

# %%
models, fits, residuals = {}, {}, {}
for survey, emulator in emulators.items():
    domains = mock_domains(emulator, n_baseline)
    found = chains(emulator, translators[survey], stars[survey])
    found |= baselines(emulator, domains.labels, domains.observed)
    found[PERFECT] = perfect(emulator, truth[survey].labels, predictable[survey][:n_stars])
    models[survey] = {name: found[name] for name in KEYS}
    fits[survey], residuals[survey] = fit_chains(stars[survey], models[survey])

# %% [markdown]
# ## Figure 3
#
# The first row is physics only, the second row is translated, and the third is the perfect translator. Each panel shows the mean
# residual over the stars in each pixel (black) and its scatter (blue). In the first row, lines of wrong strength and missing lines are
# visible in all stars alike. In the second row the mean is nearly flat **by construction**, because the translator adds a constant in
# each pixel that makes the mean translated spectrum equal to the mean observed one (`match_means`). The scatter is not flat by
# construction. The last row compares the scatters. The floor is that of the perfect translator; with noise alone it would be 1.

# %%
for survey, name in NAMES.items():
    shown = {fit: residuals[survey][fit] for fit in (PHYSICS, TYPICAL, PERFECT)}
    figure = residual_bands(stars[survey].wavelength, shown)
    caption = (
        f"Residuals of fits of {n_stars} mock stars ({name}), before and after. After the translation the mean is flat by construction; "
        "the last row shows the scatter, which is not, with that of a perfect translator."
    )
    study.figure(figure, f"residuals_{survey}", caption)
figure

# %%
parts = []
for survey in NAMES:
    part = chi2_statistics(fits[survey])
    rest = distribution(residuals[survey])
    for column in ("mean", "std", "beyond"):
        part[f"z_{column}"] = rest[column]
    part.add_column([survey] * len(part), 0, "survey")
    parts.append(part)
    for fit, key in KEYS.items():
        row = part[part["fit"] == fit][0]
        for column in ("mean", "median", "z_mean", "z_std"):
            name = column if column.startswith("z") else f"chi2_{column}"
            study.result(f"{survey}_{key}_{name}", float(row[column]))
study.table(
    vstack(parts), "residuals", "Reduced χ² of the fits, and residuals in standard errors (z), of the same stars."
)

# %% [markdown]
# Compare *translated* with *translated, own z_split*. The difference is due to information from the star's own spectrum that is not in
# its labels. The improvement with the typical $z_\mathrm{split}$ is due to a better model.

# %% [markdown]
# ## Which labels count?
#
# Some labels have so little effect on a spectrum that a fit cannot tell them, whatever the model. Their biases mean nothing. So only
# *constrained* labels are compared: in fits of ideal stars (S/N 100 per pixel, spread over the emulator's range, for which the model is
# right) the limits of the label are at least four median errors away from these stars.

# %%
kept, rows = {}, []
for survey, emulator in emulators.items():
    ideal = interior_stars(emulator, n_ideal, 100.0, seed=1)
    statistics = pull_statistics(specnb.fit_labels(ideal, emulator), ideal.labels, emulator.labels)
    told = constrained(statistics, emulator)
    kept[survey] = [label for label, good in zip(emulator.labels, told) if good]
    study.result(f"{survey}_labels_constrained", len(kept[survey]))
    rows += [(survey, row["label"], row["median_error"], bool(good)) for row, good in zip(statistics, told)]
table = Table(rows=rows, names=("survey", "label", "median_error", "constrained"))
study.table(
    table, "constrained", f"Errors of the labels of {n_ideal} ideal stars, and which labels count as constrained."
)

# %% [markdown]
# ## Are the labels better?
#
# Bias is the median of fitted − true labels, with its bootstrap error, and scatter is half of the width from the 16th to the 84th
# percentile. Both are in units of the median error that the fits with physics only state. Within the grey band the bias is smaller than
# the stated error of one star. Where the scatter is larger than 1, the stated errors are too small: they know the noise only. This
# holds for the perfect translator, too, if stars with the same labels differ.

# %%
errors = {survey: label_errors(fits[survey], truth[survey].labels, emulators[survey].labels) for survey in NAMES}
for survey, name in NAMES.items():
    table = errors[survey][np.isin(errors[survey]["label"], kept[survey])]
    caption = f"Bias and scatter of constrained labels, {n_stars} mock stars ({name})."
    study.figure(label_biases(table, (PHYSICS, MEAN, POWER, LINEAR)), f"label_baselines_{survey}", caption)
    figure = label_biases(table, (PHYSICS, TYPICAL, OWN, PERFECT))
    study.figure(figure, f"label_biases_{survey}", caption)
figure

# %%
for survey, name in NAMES.items():
    study.table(errors[survey], f"label_errors_{survey}", f"Fitted − true labels ({name}).")
    for fit in (TYPICAL, OWN):
        change = bias_change(fits[survey][PHYSICS], fits[survey][fit], truth[survey].labels, kept[survey])
        study.result(f"{survey}_{KEYS[fit]}_biases_that_fall", int(np.sum(change["falls"])))
        caption = f"Median bias of constrained labels by physics only and by {fit} ({name})."
        study.table(change, f"bias_change_{survey}_{KEYS[fit]}", caption)
change

# %% [markdown]
# ## One table for all models
#
# The AUC tells how well a fresh classifier separates the spectra of a model, for the true labels of other stars and measured like
# observed ones, from observed spectra. A small χ² and a small AUC are different things. A fit may move the labels. The linear start, for
# example, was regressed on components of *observed* spectra, which also contain effects of single stars. So moving its labels can mimic
# such effects. Then χ² is small, although the labels are wrong and the spectra are not like observed ones: compare its scatter and its
# AUC with those of the translator. The next cell tests this with stars *without* such effects, where there is nothing to mimic.

# %%
rows = []
for survey, emulator in emulators.items():
    off = dict.fromkeys(SURVEYS[survey].mock.SINGLE, 0.0)
    calm, known = unseen_stars(emulator, min(n_stars, 300), **off)
    some = {name: models[survey][name] for name in (LINEAR, TYPICAL)}
    some[PERFECT] = perfect(emulator, known.labels, known.flux)
    for row in chi2_statistics(fit_chains(calm, some)[0]):
        study.result(f"{survey}_{KEYS[row['fit']]}_chi2_alike", float(row["mean"]))
        rows.append((survey, *row["fit", "stars", "mean", "median"]))
table = Table(rows=rows, names=("survey", "fit", "stars", "mean", "median"))
study.table(table, "alike", "Stars that have no effects of single stars: reduced χ².", {"mean": ".3f", "median": ".3f"})


# %%
def separated(survey, model, translator=None):
    """AUC of a fresh classifier for a model's spectra of stars that are not fitted, and its scatter."""
    observed, donors = unseen[survey][n_stars:][:n_classified], unseen[survey][n_stars + n_classified :]
    flux = predictable[survey][n_stars + n_classified :]
    if model is not None:
        flux = model.of(None)(true_labels(true[survey].labels[n_stars + n_classified :], model))
    if translator is not None:
        flux = translator.translate(flux, translator.encode(donors)[1])
    measured = as_observed(flux, donors, 0, np.arange(n_classified), SURVEYS[survey].normalize)
    return best_auc(two_sample_auc(measured, observed, (0,)))


def summarised(survey, fits, residuals, translator):
    """The table of `summary` for constrained labels, with the AUC of each model."""
    table = summary(fits, residuals, truth[survey].labels, kept[survey])
    every = models[survey] | {TYPICAL: translated_emulator(emulators[survey], translator), PERFECT: None}
    chosen = {name: (every[name],) for name in fits} | {OWN: (emulators[survey], translator)}
    auc = [separated(survey, *chosen[name]) for name in fits]
    table.add_columns(list(zip(*auc)), indexes=[3, 3], names=["auc", "auc_std"])
    return table


# %%
FORMATS = dict.fromkeys(("chi2", "ratio", "auc", "auc_std"), ".3f") | {"mean": "+.4f", "std": ".3f"}
FORMATS |= dict.fromkeys(("bias", "bias_error", "scatter", "largest_scatter", "pull_width"), ".2f")
COMPACT = ["fit", "chi2", "auc", "bias", "bias_error", "scatter", "largest_scatter", "pull_width", "at_limit"]
tables = {}
for survey, name in NAMES.items():
    tables[survey] = summarised(survey, fits[survey], residuals[survey], translators[survey])
    for row in tables[survey]:
        for column in COMPACT[1:]:
            study.result(f"{survey}_{KEYS[row['fit']]}_{column}", float(row[column]))
    caption = f"All models, {n_stars} stars of the mock survey, {len(kept[survey])} constrained labels ({name})."
    study.table(tables[survey], f"models_{survey}", caption, FORMATS)
    compact = tables[survey][COMPACT]
    study.table(compact, f"summary_{survey}", caption, {key: FORMATS[key] for key in COMPACT if key in FORMATS})

# %% [markdown]
# The next table is for the RVS. *bias* is the mean over the labels of |median bias| in units of the error that physics only states, with
# its bootstrap error. *scatter* is the geometric mean over the labels of the scatter in units of that of physics only, and
# *largest_scatter* the largest of these ratios. *pull_width* tells how many times the stated errors are too small. *at_limit* counts
# stars with a constrained label at a limit.

# %%
study.table(compact, f"summary_{survey}", caption, {key: FORMATS[key] for key in COMPACT if key in FORMATS})

# %% [markdown]
# ## Is it luck?
#
# The next table gives the same results for other trainings, with other training stars, other initial weights and other noise. The test
# stars are the same.

# %%
rows = []
for survey, emulator in emulators.items():
    for seed in seeds:
        table = tables[survey]
        if seed != 1:
            config = TranslateConfig.for_survey(SURVEYS[survey], seed=seed, device=device)
            config = replace(config, iterations=iterations) if iterations else config
            domains = mock_domains(emulator, STARS, seed)
            other = train(emulator, domains.labels, domains.observed, config)
            again = chains(emulator, other, stars[survey])
            del again[PHYSICS]
            new = fit_chains(stars[survey], again)
            some = [{PHYSICS: first[survey][PHYSICS]} | part for first, part in zip((fits, residuals), new)]
            table = summarised(survey, *some, other)
        compared = table[np.isin(table["fit"], (PHYSICS, TYPICAL, OWN))]
        rows += [{"survey": survey, "seed": seed} | dict(zip(table.colnames, row)) for row in compared]
seeds_table = Table(rows=rows)
study.table(
    seeds_table, "seeds", "Trainings of each translator: χ², AUC, residuals, and errors of constrained labels.", FORMATS
)

# %% [markdown]
# ## Real stars
#
# The translator has learnt to correct the errors of the *mock* surveys. Some of these errors are real: the false line at 8634 Å and
# the blend at 8504 Å of the RVS were put into the mock survey because the physics and real spectra disagree there. The other errors of
# the mock surveys are random, and correcting them can only do harm to real stars. A few real stars are not enough to train on. So the
# next cells only test whether a translator can be used beyond its training; they do not claim that it can.

# %%
real, names = {}, {}
for survey in NAMES:
    found, source = real_spectra(SURVEYS[survey])
    print(source)
    for path in SURVEYS[survey].archive.files() if found else []:
        study.input(path)
    real[survey] = found or stars[survey][:2]
    names[survey] = [str(name) for name in literature(real[survey].ids)["name"]]

# %%
shown = {"rvs": ("teff", "logg", "m_h", "alpha_fe"), "apogee": ("teff", "logg", "fe_h", "mg_fe")}
real_fits = {}
for survey, title in NAMES.items():
    real_fits[survey], _ = fit_chains(real[survey], chains(emulators[survey], translators[survey], real[survey]))
    rows = []
    for k, name in enumerate(names[survey]):
        for fit, table in real_fits[survey].items():
            limits = sum(flag.startswith("at_limit") for flag in str(table["flags"][k]).split(","))
            values = {label: table[label][k] for label in shown[survey]}
            rows.append({"star": name, "fit": fit, "chi2": table["chi2_reduced"][k], "at_limit": limits} | values)
    table = Table(rows=rows)
    study.table(table, f"real_{survey}", f"Real stars, fitted with translators of the mock survey ({title}).",
                {"chi2": ".2f"} | dict.fromkeys(shown[survey], ".4g"))  # fmt: skip

# %%
known = literature(real["rvs"].ids)
for k in np.flatnonzero(~np.ma.getmaskarray(known["teff"])):
    for fit, key in ((PHYSICS, "physics"), (TYPICAL, "translated")):
        name = names["rvs"][k].replace("-", "_").replace(" ", "_")
        for label in ("teff", "logg", "m_h"):
            difference = real_fits["rvs"][fit][label][k] - known[label][k]
            study.result(f"{name}_{key}_{label}_minus_literature", float(difference))
study.table(known["name", "teff", "logg", "m_h", "reference"], "literature", "The stars of the RVS in the literature.")

# %% [markdown]
# ## Look at single stars

# %%
translated = chains(emulators["apogee"], translators["apogee"], stars["apogee"])[TYPICAL]
explore_emulator(translated, stars=stars["apogee"][:200], fits=fits["apogee"][TYPICAL][:200], star=0)

# %% [markdown]
# ## What was measured

# %%
r = study.values


def than(a, b):
    if abs(a - b) < 0.05 * b:
        return "about as good as"
    return "better than" if a < b else "worse than"


def spread(survey):
    """Smallest and largest values over the trainings, with the typical z_split."""
    if len(seeds) == 1:
        return "*Spread over trainings*: not measured, there is one training."
    rows = seeds_table[(seeds_table["survey"] == survey) & (seeds_table["fit"] == TYPICAL)]
    each = [f"{name} {rows[name].min():.2f} to {rows[name].max():.2f}" for name in ("chi2", "auc", "bias", "scatter")]
    steps = f", of which the further ones had only {iterations} steps" if iterations else ""
    return f"*Spread over {len(seeds)} trainings* of the translator (typical z_split){steps}: {', '.join(each)}."


# %%
def plain(label):
    """A label's name in a sentence, such as T_eff or [Mg/Fe]."""
    name = {"teff": "T_eff", "logg": "log g", "vmicro": "v_micro", "vbroad": "v_broad", "alpha_fe": "[α/Fe]"}.get(label)
    return name or "[{}/{}]".format(*(part.capitalize() for part in label.split("_")))


def worst(survey, fit):
    """The constrained label whose scatter grows most, compared with physics only."""
    rows = errors[survey][np.isin(errors[survey]["label"], kept[survey])]
    ratio = rows["scatter"][rows["fit"] == fit] / rows["scatter"][rows["fit"] == PHYSICS]
    return f"{plain(kept[survey][ratio.argmax()])} {ratio.max():.2f}"


# %%
def best(survey, column):
    """Name, and value, of the best of the models without a network."""
    values = {name: r[f"{survey}_{KEYS[name]}_{column}"] for name in (MEAN, POWER, LINEAR)}
    name = min(values, key=values.get)
    return name, values[name]


# %%
COLUMNS = f"""Stars of two mock surveys that no training has seen ({n_stars:,} of each) are fitted with seven models. The translator is the
shipped one ({STARS:,} stars of each domain, no pairs). The three models without a network were fitted to {n_baseline:,} stars of
each domain. The *perfect translator* knows everything that labels tell; what it leaves differs between stars with the same labels.
It is the floor of models that know only labels, which a star's own z_split can pass. Tables: *chi2* is the mean reduced χ²; *auc* tells how well a classifier that learns from {8 * n_classified // 5:,}
spectra separates a model's spectra from observed ones (0.5: not at all, 1: always). The other columns are for the labels that such
spectra constrain: *bias* is the mean of |median bias| in units of the error that physics only states, *scatter* is relative to physics
only (geometric mean over the labels, and the largest), *pull_width* is the ratio of actual to stated errors, and *at_limit* counts
stars with a label at a limit."""


def numbers(survey, column):
    """A column of the table, by the model's key, as numbers."""
    return {key: r[f"{survey}_{key}_{column}"] for key in KEYS.values()}


# %%
def spectra_text(survey):
    chi2, auc = numbers(survey, "chi2"), numbers(survey, "auc")
    (name, value), (closest, least) = best(survey, "chi2"), best(survey, "auc")
    alike = {key: r[f"{survey}_{key}_chi2_alike"] for key in ("linear", "translated", "perfect")}
    return [
        f"""**{NAMES[survey]}, of which {len(kept[survey])} are constrained.** χ² is {chi2["physics"]:.2f} with physics only and
        {chi2["translated"]:.2f} translated (own z_split {chi2["own_split"]:.2f}); the best model without a network ({name}) has {value:.2f},
        and a perfect translator {chi2["perfect"]:.2f}. The translator is {than(chi2["translated"], value)} that baseline.""",
        f"""*AUC*: physics only {auc["physics"]:.3f}, translated {auc["translated"]:.3f}, best without a network ({closest}) {least:.3f},
        perfect {auc["perfect"]:.3f}; for two sets from one population it would be within about {2 / np.sqrt(6 * n_classified):.2f} of 0.5.""",
        f"""*χ² can be small for a wrong reason*, if moving labels mimics effects of single stars. For {min(n_stars, 300)} stars without
        such effects it is {alike["linear"]:.2f} (linear start), {alike["translated"]:.2f} (translated) and {alike["perfect"]:.2f} (perfect).""",
    ]


# %%
def labels_text(survey):
    bias, scatter, width = (numbers(survey, column) for column in ("bias", "scatter", "pull_width"))
    error, (name, value) = numbers(survey, "bias_error"), best(survey, "bias")
    row = tables[survey][tables[survey]["fit"] == TYPICAL][0]
    limit = errors[survey][errors[survey]["label"] == "vbroad"]
    stuck = {fit: int(limit["at_limit"][limit["fit"] == fit][0]) for fit in (PHYSICS, TYPICAL, PERFECT)}
    verdict = "better" if bias["translated"] < value else "worse"
    if abs(bias["translated"] - value) < 2 * error["translated"]:
        verdict = "not clearly better or worse"
    return [
        f"""*Bias*: {bias["physics"]:.2f} with physics only, {bias["translated"]:.2f} ± {error["translated"]:.2f} translated, {value:.2f} with the
        best model without a network ({name}), {bias["perfect"]:.2f} ± {error["perfect"]:.2f} with a perfect translator. The
        translator is {verdict} than that baseline. With it {row["falls"]} of {row["labels"]} biases fall;
        {row["clearly_falls"]} fall and {row["clearly_rises"]} rise by more than twice the error of the change.""",
        f"""*Scatter*: {scatter["translated"]:.2f} translated (worst label: {worst(survey, TYPICAL)}), {scatter["own_split"]:.2f} with own z_split
        ({worst(survey, OWN)}), {scatter["linear"]:.2f} with the linear start ({worst(survey, LINEAR)}), {scatter["perfect"]:.2f} perfect
        ({worst(survey, PERFECT)}). Actual errors are {width["translated"]:.1f} times the stated ones translated, {width["perfect"]:.1f} times perfect.
        v_broad is at a limit in {stuck[PHYSICS]} stars (physics only), {stuck[TYPICAL]} (translated), {stuck[PERFECT]} (perfect).""",
        spread(survey),
    ]


# %%
points = [point for survey in NAMES for point in (*spectra_text(survey), *labels_text(survey))]
joined = "\n".join(f"- {' '.join(point.split())}" for point in points)
study.text("summary", f"{' '.join(COLUMNS.split())}\n\n{joined}")

# %% [markdown]
# **Why biases can remain.** Unpaired spectra only determine the *distribution* of translated spectra, and this distribution hardly changes
# if labels that can compensate for each other, such as $T_\mathrm{eff}$, [Fe/H] and $v_\mathrm{micro}$, are slightly mixed. And a
# $z_\mathrm{split}$ that is encoded from the fitted spectrum may take a part of what the labels should explain: compare the worst scatter.
#
# **Exercise.** Take only the stars with S/N below 80, and then those above 200. For which of them does the translator help more, and
# why? (`stars["apogee"].labels["snr"]` gives the S/N; compare the reduced χ² of both fits.)
