# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A survey of your own
#
# The other notebooks use the *Gaia* RVS and APOGEE, which this package knows. Here we take spectra of an instrument that it
# does not know, and do with them what notebooks 04 and 05 do with the RVS: train an autoencoder whose latents should not
# contain the labels, edit a star, probe what the latents still contain, and predict labels. **Nothing in the package has to
# be changed for this**: the survey is declared in a small TOML file.
#
# **The instrument.** SpeX is a near-infrared spectrograph on Mauna Kea. In its prism mode it covers 0.8–2.5 µm at once, with
# a resolving power of about 120, a hundredth of that of the RVS. At this resolution there are few single lines, but wide
# bands of water, metal hydrides and carbon monoxide. The [SpeX Prism
# Library](https://cass.ucsd.edu/~ajb/browndwarfs/spexprism/) collects spectra of the coolest stars and of brown dwarfs, which
# have too little mass to burn hydrogen for long. The Python package [`splat`](https://pypi.org/project/splat/) (Burgasser &
# the SPLAT Development Team 2017, MIT licence) ships it.
#
# **Two labels.** The *spectral type* (here a number: 10 is M0, 20 is L0, 30 is T0) is mostly a scale of temperature. The
# *gravity class* is 0 for old objects of the field, 1 for intermediate gravity, and 2 for very low gravity: young objects
# that have not yet contracted. Both were measured *on these spectra*, by their shapes and by indices. So a network that
# predicts them well has learnt to classify like astronomers do. It has not been compared with an independent truth.
# Made-up stars, see below, have the labels that their spectra were made from.
#
# **Physics to look for.** If gravity is low, pressure is low. Then K I and Na I lines and FeH bands are weaker, VO is
# stronger, and the H band, between two bands of water, has the shape of a triangle, because hydrogen molecules that collide
# (an absorption that needs pressure) no longer fill in its sides.

# %% tags=["parameters"]
source: str = "splat"  # "splat", or "made up" for spectra that the notebook makes itself
n_stars: int = 1400  # largest number of stars with both labels; a quarter of them tests
lambdas: list[float] = [0.0, 0.01, 0.1]  # λ of both labels; 0 is a plain autoencoder
seeds: list[int] = [1]  # of the trainings; the stars that test are always the same
latent: int = 5  # size of the latent space
epochs: int = 60  # largest number of passes over the training stars
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import gzip
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

# %%
import specnb
from specnb.core.paths import data_folder
from specnb.disentangle import DisentangleConfig, Disentangler, train
from specnb.disentangle.closed_form import ClosedForm
from specnb.disentangle.regress import BEST, errors, fit_regressor
from specnb.disentangle.regressor import Regressor
from specnb.evaluate.probes import probe, reconstruction
from specnb.evaluate.spread import spread
from specnb.plots.disentangle import probe_bars
from specnb.plots.labels import predicted_labels
from specnb.plots.translate import compared_spectra
from specnb.reproduce.study import Study
from specnb.reproduce.training import train_from
from specnb.surveys import SURVEYS, Survey
from specnb.surveys.apogee.archive import fetch_wheel
from specnb.surveys.catalogue import with_labels
from specnb.surveys.downloading import download

study = Study(output)
temporary = TemporaryDirectory()
work = Path(temporary.name)  # for the files of this notebook; it is deleted with the kernel
LABELS = ("spt", "gravity")

# %% [markdown]
# ## Declare it
#
# This file is all that the package needs to know. Your own survey needs the same: a name, pixels, labels. Wavelengths may be
# in any unit, in vacuum or in air. Spectra on other wavelengths are rebinned to the pixels when they are read, each from its
# own ones. With `continuum = "median"` each spectrum is divided by its median. A higher order (`continuum = 3`) would take
# the wide bands away, which carry the type. If your files have no errors, add `error = "estimate"` (from the scatter of
# neighbouring pixels) or a number. A key that is misspelt is refused.

# %%
DECLARATION = """
name = "spex"
title = "SpeX prism"
resolving_power = 120
continuum = "median"

[pixels]
start = 0.9
stop = 2.4
log_step = 0.0015
unit = "um"

[windows]
"J band" = [1.1, 1.36]
"H band" = [1.44, 1.8]
"""

# %%
DECLARATION += """
[[labels]]
name = "spt"
low = 14
high = 29
symbol = "SpT"
meaning = "spectral type: 10 is M0, 20 is L0, 30 is T0"

[[labels]]
name = "gravity"
low = -0.5
high = 2.5
symbol = "gravity class"
meaning = "0 in the field, 1 intermediate, 2 very low"
"""
(work / "spex.toml").write_text(DECLARATION, "utf-8")
survey = Survey.from_toml(work / "spex.toml")
SURVEYS[survey.name] = survey  # so that figures know the symbols of its labels
survey

# %% [markdown]
# The same in Python is `Survey("spex", "SpeX prism", labels=(Label(...), ...), pixels=...)`.
#
# ## Get the spectra
#
# The package `splat` is downloaded once from PyPI by pip (82 MB, with its checksum), never installed and never imported. We
# take from it the good spectra of objects of very low mass, the best one of each object, and write what an observer would
# have: one table of spectra, each on its own wavelengths, and one catalogue.

# %%
SPLAT = "splat==1.14 --hash=sha256:398a1ab79c4d25466032c3aad777cc6d1d171dc7ebf17da609296e4dc4ee9d4b"
FILES = ["spectra.fits", "labels.csv"]
GRAVITY = {"FLD-G": 0.0, "INT-G": 1.0, "VL-G": 2.0}


def read_csv(wheel, name):
    return Table.read(wheel.read(f"splat/db/{name}.csv").decode("utf-8-sig"), format="ascii.csv")


def best_spectra(wheel):
    """Rows of the good spectra of objects of very low mass, the best one of each object."""
    table, sources = read_csv(wheel, "spectral_data"), read_csv(wheel, "source_data")
    small = sources["SOURCE_KEY"][sources["OBJECT_TYPE"] == "VLM"]
    typed = [re.fullmatch(r"[MLT]\d(\.\d)?", str(each)) is not None for each in table["SPEX_TYPE"]]
    good = typed & np.isin(table["SOURCE_KEY"], small) & (table["QUALITY_FLAG"] == "OK")
    table = table[np.ma.filled(good & (table["MEDIAN_SNR"] > 20), False)]
    table = table[np.argsort(-table["MEDIAN_SNR"], kind="stable")]
    return table[np.sort(np.unique(table["SOURCE_KEY"], return_index=True)[1])]


# %%
def fetch(folder, names):
    """Download the package and write a table of spectra and a catalogue."""
    parts, rows = [], []
    with ZipFile(fetch_wheel(SPLAT, folder)) as wheel:
        inside = set(wheel.namelist())
        for row in best_spectra(wheel):
            name = f"splat/resources/Spectra/Public/SPEX-PRISM/{row['DATA_FILE']}.gz"
            data = fits.getdata(BytesIO(gzip.decompress(wheel.read(name)))) if name in inside else np.empty((0, 0))
            data = data.T if len(data) > 4 else data
            if len(data) >= 3:  # wavelength, flux and error; some files have no error
                columns = dict(zip(("wavelength", "flux", "flux_error"), data.astype(np.float32)))
                parts.append(Table({"id": np.full(data.shape[1], row["DATA_KEY"])} | columns))
                kind, gravity = row["SPEX_TYPE"], str(row["SPEX_GRAVITY_CLASSIFICATION"])
                spt = 10.0 + 10 * "MLT".index(kind[0]) + float(kind[1:])
                rows.append((row["DATA_KEY"], spt, GRAVITY.get(gravity, np.nan)))
    vstack(parts).write(folder / FILES[0])
    Table(rows=rows, names=("id", *LABELS)).write(folder / FILES[1])


# %% [markdown]
# Without network the next cell makes stars up: smooth spectra with bands that depend on both labels, reddened at random. They
# have nothing to do with real stars, but all steps can be tried.


# %%
def make_up(folder, n, seed=0):
    """Made-up stars in the same two files. Each has wavelengths of its own."""
    rng = np.random.default_rng(seed)
    spt, gravity = rng.uniform(16, 27, n), rng.choice(3, n, p=[0.6, 0.25, 0.15]).astype(float)
    parts = []
    for star in range(n):
        x = np.arange(0.86, 2.46, 0.003) + rng.uniform(0, 0.003)
        depth = (spt[star] - 14) / 20
        flux = np.exp(-0.5 * ((x - 1.15 - 0.02 * depth) / 0.6) ** 2) * x ** rng.normal(0, 0.4)
        for centre, width in ((1.13, 0.03), (1.4, 0.06), (1.88, 0.09)):  # water
            flux *= 1 - depth * np.exp(-0.5 * ((x - centre) / width) ** 2)
        flux *= 1 - 0.15 * (2 - gravity[star]) / 2 * np.exp(-0.5 * ((x - 1.25) / 0.006) ** 2)  # K I
        flux *= 1 - 0.1 * gravity[star] * np.clip(np.abs(x - 1.68) / 0.12, 0, 1) * (np.abs(x - 1.62) < 0.2)
        error = np.median(flux) / rng.uniform(30, 150)
        noisy = 1e-15 * (flux + error * rng.normal(size=x.size))
        parts.append(Table([np.full(x.size, star + 1), x, noisy, np.full(x.size, 1e-15 * error)]))
    table = vstack(parts)
    table.rename_columns(table.colnames, ["id", "wavelength", "flux", "flux_error"])
    table.write(folder / FILES[0])
    Table({"id": np.arange(n) + 1, "spt": spt, "gravity": gravity}).write(folder / FILES[1])


# %%
folder, problem = data_folder() / "spex", ""
missing = [name for name in FILES if not (folder / name).is_file()]
if source == "splat" and missing:
    _, problem = download(fetch, folder, missing, Table.read)
real = source == "splat" and not problem
if real:
    for name in FILES:
        study.input(folder / name)
else:
    folder = work
    make_up(folder, n_stars)
said = "Real spectra of the SpeX Prism Library." if real else "**Made-up spectra**, of no real star."
study.text("source", f"{said} {f'The package splat could not be had: {problem}.' if problem else ''}")

# %% [markdown]
# ## Read and look
#
# Reading takes two lines. The labels are matched by the ids of the stars, and warnings say how many spectra are left out and
# why. The scheme of gravity classes (Allers & Liu 2013) holds from M6 to L7. We leave out other types, and L7, where the
# scheme ends: what is called L7 there can be any object that is too red for the scheme, for instance behind dust.

# %%
spectra = specnb.read_spectra(folder / FILES[0], survey=work / "spex.toml")
stars = with_labels(spectra, folder / FILES[1], LABELS)
stars = stars[(np.asarray(stars.labels["spt"]) >= 16) & (np.asarray(stars.labels["spt"]) < 27)]  # M6 to L6
order = np.random.default_rng(0).permutation(len(stars))[:n_stars]
tested, trained = np.split(order, [len(order) // 4])
test, training = stars[tested], stars[trained]
truth, known = (np.column_stack([part.labels[name] for name in LABELS]) for part in (test, training))
study.result("spectra", len(spectra))
study.result("stars", len(order))
study.result("test_stars", len(test))
noise = study.result("relative_error", float(np.median(stars.flux_error[~stars.mask])))
study.text(
    "read",
    f"{len(spectra):,} spectra on {len(survey.pixels)} pixels; {len(order):,} stars with both labels, "
    f"{len(test)} of which test. Median error of a pixel: {noise:.3f} of the star's median flux.",
)


# %%
def mean_of(part, low, high, gravity):
    """Mean spectrum of the stars of some types and of one gravity class, and their number."""
    spt, own = (np.asarray(part.labels[name]) for name in LABELS)
    chosen = (spt >= low) & (spt < high) & (own == gravity)
    flux = np.ma.array(part.flux[chosen], mask=part.mask[chosen])
    return flux.mean(axis=0).filled(np.nan), int(chosen.sum())


field, n_field = mean_of(stars, 20, 23, 0)
young, n_young = mean_of(stars, 20, 23, 2)
late, n_late = mean_of(stars, 24, 27, 0)
shown = {
    f"L0–L2, field ({n_field})": field,
    f"L0–L2, very low gravity ({n_young})": young,
    f"L4–L6, field ({n_late})": late,
}
ends = [(9000.0, 24000.0), *survey.windows.values()]
figure = compared_spectra(survey.pixels, shown, next(iter(shown)), ends, over="median")
study.figure(
    figure,
    "means",
    "Mean spectra of two types and two gravity classes, and differences to early L dwarfs of the field.",
)

# %% [markdown]
# ## A closed form first
#
# Before any network, the simple way: `ClosedForm` removes from the principal components of the spectra all that a linear
# function can predict of the labels and of their squares and products. It takes a fraction of a second and cannot fail to
# converge. Then autoencoders are trained against discriminators, one for each λ and seed. λ = 0 has no discriminators that
# count.
#
# All models are judged in the same way, on stars that trained nothing: what do new *probes*, a linear regression and a
# perceptron, read about the labels from the latents (R²: 1 is all, 0 nothing), and how well are the spectra reconstructed
# from latents and labels?


# %%
def trained_model(lam, seed):
    config = DisentangleConfig(
        labels=LABELS, lambdas=dict.fromkeys(LABELS, lam), hidden=(256, 64), latent=latent, epochs=epochs,
        patience=epochs, seed=seed, device=device,
    )  # fmt: skip
    return train(training, config, progress=False)


models = {("closed form", 0): ClosedForm(training, LABELS, LABELS, latent)}
cases = [(lam, seed) for lam in lambdas for seed in seeds]
for lam, seed in tqdm(cases, desc="trainings"):
    models[f"λ = {lam:g}", seed] = trained_model(lam, seed)

# %%
codes = {key: (model.encode(training), model.encode(test)) for key, model in models.items()}
codes["spectra", 0] = tuple(models["closed form", 0].scale_flux(part.flux, part.mask) for part in (training, test))
rows = []
for (setting, seed), (z, z_test) in codes.items():
    found = probe(z, known, z_test, truth, LABELS, seed=seed)
    model, about = models.get((setting, seed)), {"mean_squared_error": np.nan}
    if model is not None:
        about = reconstruction(model.reconstruct(test), test)
    for row in found:
        shared = {"setting": setting, "label": row["label"], "seed": seed, "mlp_r2_drawn": np.nan}
        rms = np.sqrt(about["mean_squared_error"])
        rows.append(shared | {"linear_r2": row["linear_r2"], "mlp_r2": row["mlp_r2"], "rms": rms})
probes = Table(rows=rows)
noise_rms = float(np.sqrt(np.mean(test.flux_error[~test.mask].astype(float) ** 2)))

# %%
summary = spread(probes, ["setting", "label"], ["linear_r2", "mlp_r2", "rms"])
caption = (
    "R² of probes for the labels, and rms error of reconstructed spectra (test stars): mean and range over the seeds."
)
study.table(summary, "probes", caption, dict.fromkeys(summary.colnames[3:], ".3f"))

# %%
study.figure(probe_bars(probes), "probe_bars", "What probes read about the labels from spectra and from latents.")


# %%
def of(setting, label, column):
    """A column of the table above for one setting and label."""
    return summary[column][(summary["setting"] == setting) & (summary["label"] == label)][0]


for setting in dict.fromkeys(probes["setting"]):
    key = setting.replace(" = ", "_").replace(" ", "_").replace("λ", "lambda").replace(".", "p")
    for label in LABELS:
        study.result(f"{label}_r2_left_{key}", float(of(setting, label, "mlp_r2")))
    if setting != "spectra":
        study.result(f"reconstruction_rms_{key}", float(of(setting, "spt", "rms")))
for label in LABELS:  # of the last λ, by names that are the same in all runs of a sweep
    study.result(f"{label}_r2_left", float(of(f"λ = {lambdas[-1]:g}", label, "mlp_r2")))
study.result("reconstruction_rms", float(of(f"λ = {lambdas[-1]:g}", "spt", "rms")))
study.result("noise_rms", noise_rms)

# %% [markdown]
# Compare three things. The row *spectra* says how much there is to find. λ = 0 says what an autoencoder keeps without being
# told to lose anything, although its decoder is given the labels. The other rows say what is left, and the column *rms* says
# what this costs. A label that is only *nearly* gone for a linear probe may still be there for a perceptron: the closed form
# shows this best.

# %% [markdown]
# ## Edit a star
#
# Latents without gravity allow a question that no observation can answer: what would this old object of the field look like
# if it were young? We encode field objects that trained nothing, set their gravity class to 2, and decode. Here other stars
# can check the answer, on average: other objects of the same types *are* young. For each type we compare the mean of the
# edited spectra with the mean of young ones that trained nothing. If fewer than ten of the edited objects have three such
# twins, because few young objects are known, twins may be training stars, too. The models have seen those, so that the
# comparison is then kinder than it should be. The caption of the table says which stars they are. The colours of made-up stars
# are random, so that means of few of them differ by chance.


# %%
def edited_to_young(model, part):
    labels = part.labels[list(LABELS)].copy()
    labels["gravity"] = 2.0
    return model.decode(model.encode(part), labels)


old_fields = test[(np.asarray(test.labels["gravity"]) == 0) & (np.abs(np.asarray(test.labels["spt"]) - 20.5) < 3)]
types = np.asarray(old_fields.labels["spt"])


def twins_of(part):
    """Mean spectrum of the young stars of each type, and whether each field object has three of them."""
    twins = {spt: mean_of(part, spt - 0.5, spt + 0.51, 2) for spt in sorted(set(types))}
    return twins, np.array([twins[spt][1] >= 3 for spt in types])


# %%
twins, chosen = twins_of(test)
alone = chosen.sum() >= 10
if not alone:
    twins, chosen = twins_of(stars)
twins_are = "young ones of the same types " + ("that trained nothing" if alone else "(training stars among them)")
old_fields, types = old_fields[chosen], types[chosen]
target = np.mean([twins[spt][0] for spt in types], axis=0)
before = np.ma.array(old_fields.flux, mask=old_fields.mask).mean(axis=0).filled(np.nan)
gap = np.sqrt(np.mean((before - target) ** 2))
edits = {key: edited_to_young(model, old_fields).mean(axis=0) for key, model in models.items()}
left = {key: float(np.sqrt(np.mean((flux - target) ** 2)) / gap) for key, flux in edits.items()}

# %%
rows = [{"setting": setting, "seed": seed, "gap_left": value} for (setting, seed), value in left.items()]
edit_table = spread(Table(rows=rows), ["setting"], ["gap_left"])
caption = (
    f"Rms difference between {len(types)} edited field objects and {twins_are}, as a fraction of that without the edit."
)
study.result("edited_stars", len(types))
for row in edit_table:
    key = row["setting"].replace(" = ", "_").replace(" ", "_").replace("λ", "lambda").replace(".", "p")
    study.result(f"gap_left_{key}", float(row["gap_left"]))
study.table(edit_table, "edits", caption, dict.fromkeys(edit_table.colnames[2:], ".2f"))

# %%
middle = f"λ = {lambdas[len(lambdas) // 2]:g}", seeds[0]
shown = {"young": target, "field": before, "closed form": edits["closed form", 0], middle[0]: edits[middle]}
figure = compared_spectra(survey.pixels, shown, "young", ends, over="median")
caption = f"Field objects, the same edited to very low gravity by two models, and {twins_are}: means."
study.figure(figure, "edit", caption)

# %% [markdown]
# The closed form decodes with a regression of spectra on labels, so that its edit is the mean difference between the classes.
# A mean over stars is just what it is good at. What this test cannot see is whether the edit of *one* star is right, because
# no star is observed both old and young.

# %% [markdown]
# ## Predict labels
#
# Now the second use (notebook 05): regressors on latents and on spectra, for stars that trained nothing. Beside them are a
# linear regression with a penalty (ridge) on the spectra, and no spectrum at all: the mean of the training stars.

# %%
inputs = {"spectra": [codes["spectra", 0]] * len(seeds)}
inputs |= {f"latents, λ = {lam:g}": [codes[f"λ = {lam:g}", seed] for seed in seeds] for lam in lambdas}
predictions = {
    (name, seed): fit_regressor(x, known, LABELS, replace(BEST, seed=seed)).predict(x_test)
    for name, group in tqdm(inputs.items(), desc="regressors")
    for seed, (x, x_test) in zip(seeds, group)
}
x, x_test = codes["spectra", 0]
ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13))).fit(x, known)
predictions["ridge on spectra", 0] = ridge.predict(x_test)
predictions["no spectrum", 0] = np.tile(known.mean(axis=0), (len(test), 1))
rows = [
    {"predicted from": name, "label": row["label"], "mae": row["mae"], "bias": row["mean"]}
    for (name, _), found in predictions.items()
    for row in errors(found, truth, LABELS)
]
maes = spread(Table(rows=rows), ["predicted from", "label"], ["mae", "bias"])
study.table(
    maes,
    "errors",
    "Mean absolute errors for stars that test: mean and range over the seeds.",
    dict.fromkeys(maes.colnames[3:], ".3f"),
)

# %%
mae = {(row["predicted from"], row["label"]): row["mae"] for row in maes}
for (name, label), value in mae.items():
    key = re.sub(r"\W+", "_", name.replace("λ =", "lambda").replace(".", "p"))
    study.result(f"{label}_mae_{key}", float(value))
last, plain = f"latents, λ = {lambdas[-1]:g}", f"latents, λ = {lambdas[0]:g}"
tables = {name: dict(zip(LABELS, predictions[name, seeds[0]].T)) for name in ("spectra", plain, last)}
figure = predicted_labels(tables, dict(zip(LABELS, truth.T)), "spt", "gravity")
study.figure(
    figure, "predicted", "Labels from the catalogue, and predicted from spectra and from latents, for stars that test."
)

# %% [markdown]
# ## The same with commands
#
# All of this can be done without Python. A training is described by a file like the survey. Paths in it are relative to the
# file.

# %%
ENCODER = f"""
output = "encoder.safetensors"
spectra = "training.h5"
survey = "spex.toml"

[config]
labels = ["spt", "gravity"]
lambdas = {{spt = {lambdas[-1]}, gravity = {lambdas[-1]}}}
hidden = [256, 64]
latent = {latent}
epochs = {epochs}
device = "{device}"
"""

# %%
REGRESSOR = """
output = "regressor.safetensors"
spectra = "training.h5"
survey = "spex.toml"
encoder = "encoder.safetensors"

[config]
early_stopping = true
alpha = [0.1]
"""
(work / "encoder.toml").write_text(ENCODER, "utf-8")
(work / "regressor.toml").write_text(REGRESSOR, "utf-8")
training.write(work / "training.h5")

# %% [markdown]
# `specnb train` calls the function `train_from`, which is called here. Its summary has the loss of the stars that validate,
# and what a linear probe still finds of each label. For a regressor it has the mean absolute errors of stars that it was not
# trained on, beside those of a linear regression.

# %%
summaries = {}
summaries["encoder"] = train_from("disentangle", work / "encoder.toml", progress=False)
summaries["regressor"] = train_from("regressor", work / "regressor.toml", progress=False)
again = Disentangler.load(work / "encoder.safetensors")
regressor = Regressor.load(work / "regressor.safetensors")
regressor.check_encoder(work / "encoder.safetensors")
commands = errors(regressor.predict(again.encode(test)), truth, LABELS)
for row in commands:
    study.result(f"{row['label']}_mae_commands", float(row["mae"]))
study.table(commands, "commands", "Errors of the saved regressor on latents of the saved encoder, for stars that test.")

# %% [markdown]
# In a terminal these are the commands. `encode` and `predict` take any files of spectra, also those of stars without labels
# (Fig. 7 of the paper). `predict` refuses an encoder that is not the one on whose latents the regressor was trained.
#
# ```sh
# specnb train disentangle encoder.toml
# specnb train regressor regressor.toml
# specnb encode spectra.fits --survey spex.toml --model encoder.safetensors -o latents.csv
# specnb predict spectra.fits --survey spex.toml --encoder encoder.safetensors --regressor regressor.safetensors -o labels.csv
# ```

# %% [markdown]
# ## Summary of this run

# %%
where = (
    "Real spectra of brown dwarfs and cool stars (SpeX prism, R ≈ 120)" if real else "Made-up spectra, of no real star"
)
origin = "which were\nmeasured on the same spectra" if real else "from which the spectra were made"
several = f", means of {len(seeds)} seeds" if len(seeds) > 1 else ", one seed"
nets = [f"λ = {lam:g}" for lam in lambdas]


def left_of(setting):
    """What a perceptron reads about both labels, and the rms of the reconstruction, in words."""
    spt, gravity = (of(setting, label, "mlp_r2") for label in LABELS)
    return f"{spt:.2f} and {gravity:.2f} (rms {of(setting, 'spt', 'rms'):.3f})"


points = [
    f"""{where}: {len(training):,} stars train, {len(test)} test; labels are the spectral type and the gravity class,
{origin}{several}. R² of a perceptron for both: {of("spectra", "spt", "mlp_r2"):.2f} and
{of("spectra", "gravity", "mlp_r2"):.2f} from spectra."""
]
points.append(
    "**Left in the latents**: "
    + "; ".join(f"{setting}: {left_of(setting)}" for setting in ("closed form", *nets))
    + f". Noise alone has an rms of {noise_rms:.3f}."
)


# %%
def ranged(row, name):
    """Mean over the seeds, with the smallest and the largest value if there are several."""
    low, mean, high = (row[name + end] for end in ("_min", "", "_max"))
    return f"{mean:.2f}" if row["seeds"] == 1 else f"{mean:.2f} ({low:.2f}–{high:.2f})"


gaps = {row["setting"]: row for row in edit_table}
nearest = min(gaps, key=lambda name: gaps[name]["gap_left"])
points.append(
    f"**Edited to very low gravity**, {len(types)} objects of the field keep this fraction of the difference to {twins_are}: "
    + ", ".join(f"{setting} {ranged(row, 'gap_left')}" for setting, row in gaps.items())
    + f". In the mean {nearest} comes nearest."
)
points.append(
    "**Mean absolute errors** of the type (subtypes) and of the class: "
    + "; ".join(
        f"{name} {mae[name, 'spt']:.2f} and {mae[name, 'gravity']:.2f}"
        for name in dict.fromkeys(maes["predicted from"])
    )
    + "."
)
# %%
worse = [name for name in inputs if mae[name, "spt"] > mae["spectra", "spt"] and name != "spectra"]
points.append(
    f"For {len(worse)} of {len(lambdas)} values of λ the latents, {latent} numbers for a spectrum, give larger errors of the type "
    "than the spectra do. What they have lost is gone for every regressor."
)
study.text("summary", "\n".join(f"- {' '.join(point.split())}" for point in points))

# %% [markdown]
# **What to see.** A survey of one's own needs a declaration, not a program. What it cannot replace is judgement. How many
# stars are there for each of the network's weights? Were the labels measured independently of the spectra? What does the
# closed form reach in a second? If a network is not clearly better than it, more λ will not help, but more stars may.
#
# **Exercise.** 1. Misspell a key of the declaration, or give a label `low = 30`. What is said? 2. Take `continuum = 3` in
# place of the median. Which label suffers more, and why? 3. Set one spectral type in `training.labels` to 5600. What happens
# to the bins, and what does the training say? 4. Run `specnb sweep 12 -p "lambdas=[0.0],[0.003],[0.01],[0.03],[0.1]" -p
# "seeds=[1],[2],[3]"` and draw what is left in the latents against the rms of the reconstruction. Is there a λ that loses the
# labels and keeps the spectra? 5. Declare the instrument that you work with.
