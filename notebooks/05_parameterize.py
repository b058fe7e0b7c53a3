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
# With a mock survey we can add two things: errors against the *true* labels, and approximately the smallest error that the noise
# permits (in a linear, Gaussian approximation).

# %% tags=["parameters"]
seed: int = 1  # random seed of the mock survey
n_stars: int = 2000  # reference stars; the paper has 64,305
n_seeds: int = 1  # trainings of each autoencoder and regressor, with seeds 1, 2, ...
epochs: int = 10  # passes over the training stars of the autoencoders
batch: int = 32  # spectra in a step; the paper's code has 64
max_iter: int = 30  # most passes of a regressor; the paper has 1000
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import replace

import numpy as np
from astropy.table import Table

import specnb
from specnb.disentangle import DisentangleConfig, regress
from specnb.disentangle.config import LABELS
from specnb.disentangle.experiment import EMULATOR, ENTANGLED, PAPER, reference_stars, trained
from specnb.evaluate.probes import information_ceiling
from specnb.plots.labels import mae_bars, predicted_labels
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.rvs.archive import literature

study = Study(output)
study.input(EMULATOR)
survey = RVS.mock(n_stars=n_stars, seed=seed)
stars = reference_stars(survey)
base = DisentangleConfig(epochs=epochs, patience=epochs, batch=batch, device=device)

# %%
caption = "A new star: the trained encoder gives latents, from which a regressor predicts labels (Fig. 7)."
study.drawing("drawings/gandalf_inference.svg", "fig7_inference", caption)

# %% [markdown]
# ## Four representations
#
# The autoencoders are those of notebook 04 (they are not trained twice). To the paper's four representations we add a fifth,
# in which all labels are entangled at once.

# %%
configs = {"plain": base, **{name: PAPER.config(base, ENTANGLED[name]) for name in ("First", "Second")}}
configs["all entangled"] = PAPER.config(base, LABELS)
seeds = range(1, n_seeds + 1)
models = trained(stars, survey, [replace(config, seed=k) for config in configs.values() for k in seeds])
flux = [models[0].scale_flux(part.flux, part.mask) for part in (stars.train, stars.test)]
representations = {"spectra": [tuple(flux)] * n_seeds}
for i, name in enumerate(configs):
    group = models[i * n_seeds : (i + 1) * n_seeds]
    representations[name] = [(model.encode(stars.train), model.encode(stars.test)) for model in group]

# %% [markdown]
# ## Table 1
#
# Regressors as in the paper (*faithful*: scikit-learn's defaults until the training loss no longer falls), and a second time with
# early stopping and a penalty on large weights (*best*). This is done for spectra and latents, so that the comparison is fair.

# %%
regressors, predictions, tables = {}, {}, {}
for setting, config in {"faithful": regress.FAITHFUL, "best": regress.BEST}.items():
    config = replace(config, max_iter=max_iter)
    regressors[setting], predictions[setting] = regress.fit_regressors(representations, stars.train.labels, config)
    for against, reference in {"catalogue": stars.test.labels, "truth": stars.truth_test.labels}.items():
        reference = reference[list(LABELS)]
        found = {name: [regress.errors(p, reference) for p in group] for name, group in predictions[setting].items()}
        tables[setting, against] = regress.compare(found)

# %%
table1 = tables["faithful", "catalogue"]
caption = (
    "Table 1: errors of predicted labels against the catalogue (mean over seeds), and the published ones; gains in %."
)
study.table(table1, "table1", caption)

# %%
study.table(tables["best", "catalogue"], "table1_best", "The same with regressors that stop early and are penalised.")

# %%
limits = information_ceiling(specnb.load_emulator("rvs"), stars.truth_test, LABELS, stars.test.labels)
scatter = {name: float(np.std(stars.test.labels[name])) for name in LABELS}
least = {name: float(np.sqrt(2 / np.pi) * scatter[name] * np.sqrt(1 - limits[name])) for name in LABELS}
figure = mae_bars(table1, least)
study.figure(figure, "table1_mae", "MAE relative to that of spectra; line: the least that noise and catalogue permit.")

# %% [markdown]
# How much is gained by entangling a label? Catalogue labels have errors, which cannot be predicted. Against these labels, even a
# perfect prediction gains only about as much as the column *possible* says. Against the true labels the gain can be larger.

# %%
rows = []
for label in LABELS:
    row = {"label": label, "published": regress.IMPROVEMENT[label]}
    for (setting, against), table in tables.items():
        mine = table[table["label"] == label]
        mae = dict(zip(mine["representation"], mine["mae"]))
        row[f"{setting}_{against}"] = 100 * (1 - mae[regress.ENTANGLED_IN[label]] / mae["spectra"])
        if against == "catalogue":
            row[f"{setting}_possible"] = 100 * (1 - least[label] / mae["spectra"])
    rows.append(row)
gains = Table(rows=rows)
for row in gains:
    for name in gains.colnames[2:]:
        study.result(f"gain_{row['label']}_{name}", float(row[name]), "%")
caption = (
    "Gain in MAE (%) by entangling a label, over regressors on spectra: published, ours, and the most that is possible."
)
study.table(gains, "gains", caption, dict.fromkeys(gains.colnames[1:], ".0f"))

# %%
times = regress.training_times(regressors["faithful"])
study.result("regressor_speedup", float(times[times["representation"] == "First"]["speedup"][0]))
caption = "Training of the faithful regressors, one a core; speedup: time on spectra over time on this (published: 3)."
study.table(times, "training_times", caption)

# %% [markdown]
# ## Figures 9 and 10
#
# The figures show the Kiel diagram and the abundance plane as predicted from each representation. If a label were completely
# removed from the latents, the regressor could only predict its mean.

# %%
first = {
    name: dict(zip(LABELS, group[0].T)) for name, group in predictions["faithful"].items() if name != "all entangled"
}
figure = predicted_labels(first, stars.test.labels, "teff", "logg")
study.figure(figure, "fig9_kiel", "Kiel diagrams: catalogue, and predicted from each representation (Fig. 9).")

# %%
figure = predicted_labels(first, stars.test.labels, "m_h", "alpha_fe")
study.figure(
    figure, "fig10_abundances", "[α/Fe] against [M/H]: catalogue, and predicted from each representation (Fig. 10)."
)

# %% [markdown]
# ## Real stars
#
# The same networks, which were trained only on mock stars, are now applied to real *Gaia* spectra.

# %%
real, source = real_spectra(RVS)
print(source)
for path in RVS.archive.files():
    study.input(path)
kind = "Real stars" if real else "Mock stars (no real ones were at hand)"
real = real or stars.test[:3]
known = literature(real.ids)
inputs = {"spectra": models[0].scale_flux(real.flux, real.mask)}
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
caption = f"{kind}: labels from regressors trained on mock stars."
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
    own = float(np.median(real.flux[k] / real.flux_error[k]))
    alike = mock[np.argsort(np.abs(np.log(snr / own)))[: len(snr) // 20]]
    rows.append((known["name"][k], own, float(value), float(np.median(alike)), float(np.quantile(alike, 0.95))))
table = Table(rows=rows, names=("star", "snr", "misfit", "mock_median", "mock_95"))
study.table(
    table, "real_misfit", f"{kind}: misfit of the decoded spectrum, and that of mock stars most like it in S/N."
)

# %% [markdown]
# **What to see**, at the paper's size. Compared with the *faithful* regressor on spectra, entangled latents gain about as much as the
# paper reports, if errors are measured against the true labels (25, 37, 21 and 42%; the paper has 23, 39, 34 and 21%). Against the
# catalogue no method can gain so much, because every difference contains the errors of the catalogue (*possible*).
#
# But this regressor on spectra is not a good one. It has 800 noisy inputs, and nothing prevents it from fitting the noise of its
# training stars. If it is stopped early and large weights are penalised (*best*), it is as good on spectra as on any latents. So the
# encoder acts as a regularisation; it adds no information. A disentangled label is predicted worse than from spectra, but much better
# than at random: see notebook 04.
#
# For real stars the misfit is far above that of mock stars of the same brightness. It shows what the mock survey lacks.
#
# **Exercise.** The encoder itself works like a regressor, because the bins of the labels are used in its training. Give the regressor on
# spectra the size of the encoder, `RegressorConfig(hidden=(512, 256, 25, 200, 100))`, and early stopping. What is left of the gain?
