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
#
# **Real stars.** With `survey = "apogee-dr14"` the stars are real, as in the paper, and a translator is trained here (see notebook 07 and
# `specnb data build apogee-dr14`). No truth is known of them. So there is no perfect translator, and labels can only be compared with those of the
# survey's catalogue. This is agreement of two methods, and both may be wrong.

# %% tags=["parameters"]
survey: str = "mock"  # mock: stars of both mock surveys, or apogee-dr14: real stars, see notebook 07
n_stars: int = 30  # test stars of each survey
n_baseline: int = 1000  # stars of each domain to which the baselines are fitted; the shipped translators had 10,000
n_classified: int = 100  # spectra of each set from which classifiers learn, and on which they are tested
n_ideal: int = 40  # ideal stars, which tell the labels that spectra constrain
seeds: list = [1]  # of trainings: 1 are the shipped ones, others are trained here, from other mock stars too
n_trained: int = 10000  # with apogee-dr14: stars of each domain on which its translator is trained, at most
iterations: int = 0  # steps of trainings that are made here; 0: as many as the shipped ones had
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import replace

import numpy as np
from astropy.table import Table, vstack
from IPython.display import display

import specnb
from specnb.core.device import pick_device
from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.fitting.pulls import constrained, interior_stars, pull_statistics
from specnb.fitting.residuals import bias_change, chi2_statistics, distribution, label_errors
from specnb.plots.residuals import label_biases, residual_bands
from specnb.reproduce.study import Study
from specnb.surveys import SURVEYS
from specnb.surveys.archive import real_spectra
from specnb.surveys.public.built import STUDIED, built_path
from specnb.surveys.rvs.archive import literature
from specnb.translate import TranslateConfig, load_translator, train
from specnb.translate.baselines import LINEAR, MEAN, PERFECT, POWER, baselines, perfect
from specnb.translate.built import FEWEST, LEAST, agreement, built_domains, built_translator
from specnb.translate.comparison import OWN, PHYSICS, TYPICAL, chains, fit_chains, summary
from specnb.translate.domains import STARS, Domains, mock_domains, predictable_flux, true_labels, unseen_stars
from specnb.translate.model import SHIPPED, translated_emulator
from specnb.widgets import explore_emulator

# %%
study = Study(output)
if survey not in ("mock", "apogee-dr14"):
    raise ValueError(f"survey is {survey!r}: give mock or apogee-dr14")
built = survey in STUDIED  # whether the stars are real
if n_classified < 50 or n_baseline < FEWEST or (built and (n_trained < FEWEST or n_stars < LEAST)):
    asked = f"n_classified is {n_classified}, n_baseline {n_baseline}, n_trained {n_trained} and n_stars {n_stars}"
    raise ValueError(f"{asked}: give at least 50, {FEWEST}, {FEWEST} and {LEAST} (the last two for real stars)")
NAMES = {"apogee": "APOGEE, 25 labels", "rvs": "Gaia RVS, 6 labels"}
FITS = (PHYSICS, MEAN, POWER, LINEAR, TYPICAL, OWN, PERFECT)
kind, drawn = "mock stars", n_stars + 2 * n_classified
if built:
    NAMES = {"apogee": "APOGEE DR14, 25 labels"}
    FITS, kind = FITS[:-1], "real stars"
KEYS = dict(zip(FITS, ("physics", "mean", "power", "linear", "translated", "own_split", "perfect")))

# %% [markdown]
# ## Stars that no training has seen
#
# There are two mock surveys, made by the same code: APOGEE as in the paper, and a similar one in the wavelength range of Gaia's
# spectrograph. A reduced χ² of 1 cannot be reached, because lines of the Earth's atmosphere, persistence and other effects differ
# from star to star and cannot be predicted from labels. Real stars, if they were chosen, differ in the same ways and in others.


# %%
def configured(band, seed):
    """The configuration of a training that is made here."""
    config = TranslateConfig.for_survey(SURVEYS[band], seed=seed, device=device)
    return replace(config, iterations=iterations) if iterations else config


def mock_stars(band):
    """Stars of a mock survey and their truth, further labels, and stars for the baselines."""
    emulator = emulators[band]
    unseen[band], true[band] = unseen_stars(emulator, drawn)
    predictable[band] = predictable_flux(emulator, drawn)
    labels = true_labels(true[band].labels[-n_classified:], emulator)
    return labels, mock_domains(emulator, n_baseline)


# %%
emulators, translators, unseen, true, predictable, others, training = {}, {}, {}, {}, {}, {}, {}
for band in NAMES:
    study.input(SURVEYS[band].emulator_path)
    emulators[band] = specnb.load_emulator(band).to(pick_device(device))
    if built:
        training[band], test = built_domains(emulators[band], n_trained, drawn)
        translators[band] = built_translator(emulators[band], training[band], configured(band, 1))
        unseen[band], others[band] = test.observed, test.labels[-n_classified:]
        inputs = [built_path(STUDIED[survey], ending) for ending in (".h5", "-labels.fits")]
    else:
        others[band], training[band] = mock_stars(band)
        translators[band] = load_translator(f"{band}-mock")
        inputs = [SHIPPED / f"{band}-mock.safetensors"]
    for path in inputs:
        study.input(path)
    translators[band] = translators[band].to(pick_device(device))
stars = {band: unseen[band][:n_stars] for band in NAMES}

# %%
models, fits, residuals = {}, {}, {}
for band, emulator in emulators.items():
    some = Domains(training[band].labels[:n_baseline], training[band].observed[:n_baseline])
    found = chains(emulator, translators[band], stars[band])
    found |= baselines(emulator, some.labels, some.observed)
    if not built:
        found[PERFECT] = perfect(emulator, true[band].labels[:n_stars], predictable[band][:n_stars])
    models[band] = {name: found[name] for name in KEYS}
    fits[band], residuals[band] = fit_chains(stars[band], models[band])

# %% [markdown]
# ## Figure 3
#
# The first row is physics only, the second row is translated, and the third is the perfect translator, if the truth is known. Each panel shows the mean
# residual over the stars in each pixel (black) and its scatter (blue). In the first row, lines of wrong strength and missing lines are
# visible in all stars alike. In the second row the mean is nearly flat **by construction**, because the translator adds a constant in
# each pixel that makes the mean translated spectrum equal to the mean observed one (`match_means`). The scatter is not flat by
# construction. The last row compares the scatters. The floor is that of the perfect translator; with noise alone it would be 1.

# %%
for band, name in NAMES.items():
    shown = {fit: residuals[band][fit] for fit in (PHYSICS, TYPICAL, PERFECT) if fit in KEYS}
    figure = residual_bands(stars[band].wavelength, shown)
    caption = (
        f"Residuals of fits of {n_stars} {kind} ({name}), before and after. After the translation the mean is flat by construction; "
        f"the last row shows the scatter, which is not{'' if built else ', with that of a perfect translator'}."
    )
    study.figure(figure, f"residuals_{band}", caption)
figure

# %%
parts = []
for band in NAMES:
    part = chi2_statistics(fits[band])
    rest = distribution(residuals[band])
    for column in ("mean", "std", "beyond"):
        part[f"z_{column}"] = rest[column]
    part.add_column([band] * len(part), 0, "survey")
    parts.append(part)
    for fit, key in KEYS.items():
        row = part[part["fit"] == fit][0]
        for column in ("mean", "median", "z_mean", "z_std"):
            name = column if column.startswith("z") else f"chi2_{column}"
            study.result(f"{band}_{key}_{name}", float(row[column]))
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
for band, emulator in emulators.items():
    ideal = interior_stars(emulator, n_ideal, 100.0, seed=1)
    statistics = pull_statistics(specnb.fit_labels(ideal, emulator), ideal.labels, emulator.labels)
    told = constrained(statistics, emulator)
    kept[band] = [label for label, good in zip(emulator.labels, told) if good]
    study.result(f"{band}_labels_constrained", len(kept[band]))
    rows += [(band, row["label"], row["median_error"], bool(good)) for row, good in zip(statistics, told)]
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
#
# Of real stars the *catalogue* has some labels. The figures show the median difference to it and the scatter about it, which contains the
# errors of the catalogue, and labels that ASPCAP calibrated in its own way. A smaller difference is agreement, and no proof.

# %%
compare, than_what, differ = label_errors, "true labels", "Bias"
reference = {band: each.labels[:n_stars] for band, each in true.items()}
if built:
    compare, than_what, differ = agreement, "the labels of the catalogue, which are no truth", "Difference"
    reference = {band: stars[band].labels for band in NAMES}
errors = {band: compare(fits[band], reference[band], emulators[band].labels) for band in NAMES}
for band, name in NAMES.items():
    table = errors[band][np.isin(errors[band]["label"], kept[band])]
    caption = f"{differ} and scatter of constrained labels, {n_stars} {kind} ({name})."
    for ending, some in {"baselines": (MEAN, POWER, LINEAR), "biases": (TYPICAL, OWN, PERFECT)}.items():
        figure = label_biases(table, (PHYSICS, *(fit for fit in some if fit in KEYS)), differ.lower())
        study.figure(figure, f"label_{ending}_{band}", caption)
figure

# %%
for row in errors["apogee"] if built else ():
    if row["fit"] in (PHYSICS, TYPICAL) and row["label"] in kept["apogee"]:
        name = f"apogee_{KEYS[row['fit']]}_{row['label']}_minus_catalogue"
        study.result(name, float(row["median"]), row["unit"])
        study.result(f"{name}_scatter", float(row["scatter"]), row["unit"])
for band, name in NAMES.items():
    shown = study.table(errors[band], f"label_errors_{band}", f"Fitted − {than_what} ({name}).")
    for fit in () if built else (TYPICAL, OWN):
        change = bias_change(fits[band][PHYSICS], fits[band][fit], reference[band], kept[band])
        study.result(f"{band}_{KEYS[fit]}_biases_that_fall", int(np.sum(change["falls"])))
        caption = f"Median bias of constrained labels by physics only and by {fit} ({name})."
        shown = study.table(change, f"bias_change_{band}_{KEYS[fit]}", caption)
shown

# %% [markdown]
# ## One table for all models
#
# The AUC tells how well a fresh classifier separates the spectra of a model, for the true labels of other stars and measured like
# observed ones, from observed spectra. A small χ² and a small AUC are different things. A fit may move the labels. The linear start, for
# example, was regressed on components of *observed* spectra, which also contain effects of single stars. So moving its labels can mimic
# such effects. Then χ² is small, although the labels are wrong and the spectra are not like observed ones: compare its scatter and its
# AUC with those of the translator. The next cell tests this with mock stars *without* such effects, where there is nothing to mimic.

# %%
rows = []
for band, emulator in {} if built else emulators.items():
    off = dict.fromkeys(SURVEYS[band].mock.SINGLE, 0.0)
    calm, known = unseen_stars(emulator, min(n_stars, 300), **off)
    some = {name: models[band][name] for name in (LINEAR, TYPICAL)}
    some[PERFECT] = perfect(emulator, known.labels, known.flux)
    for row in chi2_statistics(fit_chains(calm, some)[0]):
        study.result(f"{band}_{KEYS[row['fit']]}_chi2_alike", float(row["mean"]))
        rows.append((band, *row["fit", "stars", "mean", "median"]))
caption = "Stars that have no effects of single stars: reduced χ²."
if not built:
    table = Table(rows=rows, names=("survey", "fit", "stars", "mean", "median"))
    display(study.table(table, "alike", caption, {"mean": ".3f", "median": ".3f"}))


# %%
def separated(band, model, translator=None):
    """AUC of a fresh classifier for a model's spectra of stars that are not fitted, and its scatter."""
    observed, donors = unseen[band][n_stars:][:n_classified], unseen[band][n_stars + n_classified :]
    flux = predictable[band][-n_classified:] if model is None else model.of(None)(others[band])
    if translator is not None:
        flux = translator.translate(flux, translator.encode(donors)[1])
    measured = as_observed(flux, donors, 0, np.arange(n_classified), SURVEYS[band].normalize)
    return best_auc(two_sample_auc(measured, observed, (0,)))


def summarised(band, fits, residuals, translator):
    """The table of `summary` for constrained labels, with the AUC of each model."""
    table = summary(fits, residuals, None if built else reference[band], kept[band])
    every = models[band] | {TYPICAL: translated_emulator(emulators[band], translator), PERFECT: None}
    chosen = {name: (every[name],) for name in fits} | {OWN: (emulators[band], translator)}
    auc = [separated(band, *chosen[name]) for name in fits]
    table.add_columns(list(zip(*auc)), indexes=[3, 3], names=["auc", "auc_std"])
    return table[[name for name in table.colnames if not built or name == "fit" or np.isfinite(table[name]).any()]]


# %%
FORMATS = dict.fromkeys(("chi2", "ratio", "auc", "auc_std"), ".3f") | {"mean": "+.4f", "std": ".3f"}
FORMATS |= dict.fromkeys(("bias", "bias_error", "scatter", "largest_scatter", "pull_width"), ".2f")
COMPACT = ["fit", "chi2", "auc", "bias", "bias_error", "scatter", "largest_scatter", "pull_width", "at_limit"]
if built:  # what needs the truth is left out
    FORMATS = {
        name: form for name, form in FORMATS.items() if name in ("chi2", "ratio", "auc", "auc_std", "mean", "std")
    }
    COMPACT = ["fit", "chi2", "auc", "at_limit"]
tables = {}
for band, name in NAMES.items():
    tables[band] = summarised(band, fits[band], residuals[band], translators[band])
    for row in tables[band]:
        for column in (name for name in COMPACT[1:] if np.isfinite(row[name])):
            study.result(f"{band}_{KEYS[row['fit']]}_{column}", float(row[column]))
    caption = f"All models, {n_stars} {'real stars' if built else 'stars of the mock survey'}, {len(kept[band])} constrained labels ({name})."
    study.table(tables[band], f"models_{band}", caption, FORMATS)
    compact = tables[band][COMPACT]
    study.table(compact, f"summary_{band}", caption, {key: FORMATS[key] for key in COMPACT if key in FORMATS})

# %% [markdown]
# The next table is for the RVS, or for the real stars, for which columns that need the truth are left out. *bias* is the mean over the labels of |median bias| in units of the error that physics only states, with
# its bootstrap error. *scatter* is the geometric mean over the labels of the scatter in units of that of physics only, and
# *largest_scatter* the largest of these ratios. *pull_width* tells how many times the stated errors are too small. *at_limit* counts
# stars with a constrained label at a limit.

# %%
study.table(compact, f"summary_{band}", caption, {key: FORMATS[key] for key in COMPACT if key in FORMATS})

# %% [markdown]
# ## Is it luck?
#
# The next table gives the same results for other trainings, with other training stars, other initial weights and other noise. The test
# stars are the same. With real stars, the training stars are the same, too.

# %%
rows = []
for band, emulator in emulators.items():
    for seed in seeds:
        table = tables[band]
        if seed != 1:
            config = configured(band, seed)
            if built:
                other = built_translator(emulator, training[band], config).to(pick_device(device))
            else:
                domains = mock_domains(emulator, STARS, seed)
                other = train(emulator, domains.labels, domains.observed, config)
            again = chains(emulator, other, stars[band])
            del again[PHYSICS]
            new = fit_chains(stars[band], again)
            some = [{PHYSICS: first[band][PHYSICS]} | part for first, part in zip((fits, residuals), new)]
            table = summarised(band, *some, other)
        compared = table[np.isin(table["fit"], (PHYSICS, TYPICAL, OWN))]
        rows += [{"survey": band, "seed": seed} | dict(zip(table.colnames, row)) for row in compared]
seeds_table = Table(rows=rows)
what = "χ², AUC and residuals" if built else "χ², AUC, residuals, and errors of constrained labels"
study.table(seeds_table, "seeds", f"Trainings of each translator: {what}.", FORMATS)

# %% [markdown]
# ## Real stars
#
# The translator has learnt to correct the errors of the *mock* surveys. Some of these errors are real: the false line at 8634 Å and
# the blend at 8504 Å of the RVS were put into the mock survey because the physics and real spectra disagree there. The other errors of
# the mock surveys are random, and correcting them can only do harm to real stars. A few real stars are not enough to train on. So the
# next cells only test whether a translator can be used beyond its training; they do not claim that it can. (With `apogee-dr14` the translator has
# learnt from real stars. These are further ones, of another release.)

# %%
real, names = {}, {}
for band in NAMES:
    found, source = real_spectra(SURVEYS[band])
    print(source)
    for path in SURVEYS[band].archive.files() if found else []:
        study.input(path)
    real[band] = found or stars[band][:2]
    names[band] = [str(name) for name in literature(real[band].ids)["name"]]

# %%
shown = {"rvs": ("teff", "logg", "m_h", "alpha_fe"), "apogee": ("teff", "logg", "fe_h", "mg_fe")}
real_fits = {}
for band, title in NAMES.items():
    real_fits[band], _ = fit_chains(real[band], chains(emulators[band], translators[band], real[band]))
    rows = []
    for k, name in enumerate(names[band]):
        for fit, table in real_fits[band].items():
            limits = sum(flag.startswith("at_limit") for flag in str(table["flags"][k]).split(","))
            values = {label: table[label][k] for label in shown[band]}
            rows.append({"star": name, "fit": fit, "chi2": table["chi2_reduced"][k], "at_limit": limits} | values)
    caption = f"Real stars, fitted with translators of {'real stars' if built else 'the mock survey'} ({title})."
    formats = {"chi2": ".2f"} | dict.fromkeys(shown[band], ".4g")
    study.table(Table(rows=rows), f"real_{band}", caption, formats)

# %%
if "rvs" in real:
    known = literature(real["rvs"].ids)
    for k in np.flatnonzero(~np.ma.getmaskarray(known["teff"])):
        for fit, key in ((PHYSICS, "physics"), (TYPICAL, "translated")):
            name = names["rvs"][k].replace("-", "_").replace(" ", "_")
            for label in ("teff", "logg", "m_h"):
                difference = real_fits["rvs"][fit][label][k] - known[label][k]
                study.result(f"{name}_{key}_{label}_minus_literature", float(difference))
    columns = known["name", "teff", "logg", "m_h", "reference"]
    display(study.table(columns, "literature", "The stars of the RVS in the literature."))

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


def spread(band):
    """Smallest and largest values over the trainings, with the typical z_split."""
    if len(seeds) == 1:
        return "*Spread over trainings*: not measured, there is one training."
    rows = seeds_table[(seeds_table["survey"] == band) & (seeds_table["fit"] == TYPICAL)]
    columns = [name for name in ("chi2", "auc", "bias", "scatter") if name in COMPACT]
    each = [f"{name} {rows[name].min():.2f} to {rows[name].max():.2f}" for name in columns]
    which = "" if built else "which the further ones had only "
    steps = f", of {which}{iterations} steps" if iterations else ""
    return f"*Spread over {len(seeds)} trainings* of the translator (typical z_split){steps}: {', '.join(each)}."


# %%
def plain(label):
    """A label's name in a sentence, such as T_eff or [Mg/Fe]."""
    name = {"teff": "T_eff", "logg": "log g", "vmicro": "v_micro", "vbroad": "v_broad", "alpha_fe": "[α/Fe]"}.get(label)
    return name or "[{}/{}]".format(*(part.capitalize() for part in label.split("_")))


def worst(band, fit):
    """The constrained label whose scatter grows most, compared with physics only."""
    rows = errors[band][np.isin(errors[band]["label"], kept[band])]
    ratio = rows["scatter"][rows["fit"] == fit] / rows["scatter"][rows["fit"] == PHYSICS]
    return f"{plain(kept[band][ratio.argmax()])} {ratio.max():.2f}"


# %%
def best(band, column):
    """Name, and value, of the best of the models without a network."""
    values = {name: r[f"{band}_{KEYS[name]}_{column}"] for name in (MEAN, POWER, LINEAR)}
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


def numbers(band, column):
    """A column of the table, by the model's key, as numbers."""
    return {key: r[f"{band}_{key}_{column}"] for key in KEYS.values()}


# %%
def spectra_text(band):
    chi2, auc = numbers(band, "chi2"), numbers(band, "auc")
    (name, value), (closest, least) = best(band, "chi2"), best(band, "auc")
    alike = {key: r[f"{band}_{key}_chi2_alike"] for key in ("linear", "translated", "perfect")}
    return [
        f"""**{NAMES[band]}, of which {len(kept[band])} are constrained.** χ² is {chi2["physics"]:.2f} with physics only and
        {chi2["translated"]:.2f} translated (own z_split {chi2["own_split"]:.2f}); the best model without a network ({name}) has {value:.2f},
        and a perfect translator {chi2["perfect"]:.2f}. The translator is {than(chi2["translated"], value)} that baseline.""",
        f"""*AUC*: physics only {auc["physics"]:.3f}, translated {auc["translated"]:.3f}, best without a network ({closest}) {least:.3f},
        perfect {auc["perfect"]:.3f}; for two sets from one population it would be within about {2 / np.sqrt(6 * n_classified):.2f} of 0.5.""",
        f"""*χ² can be small for a wrong reason*, if moving labels mimics effects of single stars. For {min(n_stars, 300)} stars without
        such effects it is {alike["linear"]:.2f} (linear start), {alike["translated"]:.2f} (translated) and {alike["perfect"]:.2f} (perfect).""",
    ]


# %%
def labels_text(band):
    bias, scatter, width = (numbers(band, column) for column in ("bias", "scatter", "pull_width"))
    error, (name, value) = numbers(band, "bias_error"), best(band, "bias")
    row = tables[band][tables[band]["fit"] == TYPICAL][0]
    limit = errors[band][errors[band]["label"] == "vbroad"]
    stuck = {fit: int(limit["at_limit"][limit["fit"] == fit][0]) for fit in (PHYSICS, TYPICAL, PERFECT)}
    verdict = "better" if bias["translated"] < value else "worse"
    if abs(bias["translated"] - value) < 2 * error["translated"]:
        verdict = "not clearly better or worse"
    return [
        f"""*Bias*: {bias["physics"]:.2f} with physics only, {bias["translated"]:.2f} ± {error["translated"]:.2f} translated, {value:.2f} with the
        best model without a network ({name}), {bias["perfect"]:.2f} ± {error["perfect"]:.2f} with a perfect translator. The
        translator is {verdict} than that baseline. With it {row["falls"]} of {row["labels"]} biases fall;
        {row["clearly_falls"]} fall and {row["clearly_rises"]} rise by more than twice the error of the change.""",
        f"""*Scatter*: {scatter["translated"]:.2f} translated (worst label: {worst(band, TYPICAL)}), {scatter["own_split"]:.2f} with own z_split
        ({worst(band, OWN)}), {scatter["linear"]:.2f} with the linear start ({worst(band, LINEAR)}), {scatter["perfect"]:.2f} perfect
        ({worst(band, PERFECT)}). Actual errors are {width["translated"]:.1f} times the stated ones translated, {width["perfect"]:.1f} times perfect.
        v_broad is at a limit in {stuck[PHYSICS]} stars (physics only), {stuck[TYPICAL]} (translated), {stuck[PERFECT]} (perfect).""",
        spread(band),
    ]


# %%
trained_on = len(training["apogee"].labels)
fewer = f", all other stars of the set; {n_trained:,} were asked for" if trained_on < n_trained else ""
ON_REAL = f"""{n_stars:,} real stars of APOGEE DR14 that no training has seen are fitted with six models. The translator was trained here
({trained_on:,} stars of each domain{fewer}; no pairs, {translators["apogee"].config.iterations:,} steps). The three models without a network were fitted to {min(n_baseline, trained_on):,} of
these stars. **No truth is known of real stars.** So there is no perfect translator, and nobody can tell from these numbers which labels
are right: a smaller χ² or AUC means that spectra are more like the observed ones. The labels of the survey's catalogue have errors of
their own, and to be near them is agreement, and not truth. *auc* tells how well a classifier that learns from {8 * n_classified // 5:,} spectra
separates a model's spectra from observed ones (0.5: not at all, 1: always), and *at_limit* counts stars with a constrained label at a limit."""


def agreement_text(label):
    """How far the fits of one label are from the catalogue."""
    (unit,) = {str(row["unit"]) for row in errors["apogee"] if row["label"] == label}
    form = ".0f" if unit == "K" else ".2f"
    each = []
    for fit in (PHYSICS, TYPICAL):
        middle, width = (r[f"apogee_{KEYS[fit]}_{label}_minus_catalogue{end}"] for end in ("", "_scatter"))
        each.append(f"{middle:+{form}} ± {width:{form}} {unit} {fit}".replace("-", "−"))
    return f"{plain(label)} {', '.join(each)}"


# %%
def real_text(band):
    chi2, auc = numbers(band, "chi2"), numbers(band, "auc")
    mean, width = numbers(band, "z_mean"), numbers(band, "z_std")
    (name, value), (closest, least) = best(band, "chi2"), best(band, "auc")
    both = [label for label in ("teff", "logg", "fe_h", "mg_fe") if f"{band}_physics_{label}_minus_catalogue" in r]
    return [
        f"""**{NAMES[band]}, of which {len(kept[band])} are constrained.** χ² is {chi2["physics"]:.2f} with physics only and
        {chi2["translated"]:.2f} translated (own z_split {chi2["own_split"]:.2f}); the best model without a network ({name}) has {value:.2f}.
        The translator is {than(chi2["translated"], value)} that baseline.""",
        f"""*Residuals* in standard errors are {mean["physics"]:+.2f} ± {width["physics"]:.2f} with physics only (mean ± standard deviation) and
        {mean["translated"]:+.2f} ± {width["translated"]:.2f} translated; with a perfect model they would be 0 ± 1.""".replace(
            "-0", "−0"
        ),
        f"""*AUC*: physics only {auc["physics"]:.3f}, translated {auc["translated"]:.3f}, best without a network ({closest}) {least:.3f};
        for two sets from one population it would be within about {2 / np.sqrt(6 * n_classified):.2f} of 0.5.""",
        f"""*Agreement with the catalogue* (median difference ± scatter over the stars): {"; ".join(map(agreement_text, both))}.""",
        spread(band),
    ]


# %%
def points(band):
    return real_text(band) if built else [*spectra_text(band), *labels_text(band)]


joined = "\n".join(f"- {' '.join(point.split())}" for band in NAMES for point in points(band))
study.text("summary", f"{' '.join((ON_REAL if built else COLUMNS).split())}\n\n{joined}")

# %% [markdown]
# **Why biases can remain.** Unpaired spectra only determine the *distribution* of translated spectra, and this distribution hardly changes
# if labels that can compensate for each other, such as $T_\mathrm{eff}$, [Fe/H] and $v_\mathrm{micro}$, are slightly mixed. And a
# $z_\mathrm{split}$ that is encoded from the fitted spectrum may take a part of what the labels should explain: compare the worst scatter.
#
# **Exercise.** Take only the stars with S/N below 80, and then those above 200. For which of them does the translator help more, and
# why? (`stars["apogee"].labels["snr"]` gives the S/N; compare the reduced χ² of both fits.)
