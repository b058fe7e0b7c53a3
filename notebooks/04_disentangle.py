# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Disentangling and entangling
#
# An autoencoder reduces a spectrum $x$ of 800 pixels to 25 numbers, its *latents* $z = E(x)$, and reconstructs it from them,
# $\hat x = D(z, y)$. The decoder is also given the star's labels $y$, so $z$ need not contain them. But without further
# measures it does. Manteiga et al. (2025) control this. Each label $i$ gets a *discriminator* that guesses from $z$ in which
# of ten bins the label lies:
#
# $$L_\mathrm{rec} = \langle (x - \hat x)^2 \rangle, \qquad
# L_{\mathrm{DISC},i} = \text{cross-entropy of its bins}, \qquad
# L_\mathrm{AE} = L_\mathrm{rec} - \sum_i \lambda_i\,L_{\mathrm{DISC},i} \quad (\text{Eq. 4})$$
#
# Every discriminator learns to guess well. The encoder is rewarded if the discriminator fails ($\lambda_i > 0$: the label is
# *disentangled*, which means removed from $z$) or if it succeeds ($\lambda_i < 0$: the label is *entangled*). If the labels are
# removed from $z$, one can edit them: decode the same $z$ with another temperature.
#
# This raises two questions that the paper does not ask. If a discriminator fails, is the label really gone from $z$? And is the
# edited spectrum *right*?

# %% tags=["parameters"]
seed: int = 1  # random seed of the mock survey
n_stars: int = 2000  # reference stars; the paper has 64,305
n_seeds: int = 1  # trainings of each setting, with seeds 1, 2, ...
epochs: int = 10  # passes over the training stars
batch: int = 32  # spectra in a step; the paper's code has 64
latent: int = 25  # size of the latent space
n_mapped: int = 500  # test stars in the t-SNE maps
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
from dataclasses import replace

import numpy as np
from astropy.table import Table, vstack

import specnb
from specnb.disentangle import DisentangleConfig
from specnb.disentangle.config import LABELS
from specnb.disentangle.counterfactual import counterfactual_changes, counterfactual_errors
from specnb.disentangle.experiment import BOTTLENECK, EMULATOR, ENTANGLED, PAPER, REMOVAL, reference_stars, trained
from specnb.disentangle.score import probe_models, reconstruct_models
from specnb.evaluate.probes import information_ceiling, label_floor, reconstruction
from specnb.evaluate.projection import project
from specnb.evaluate.spread import spread
from specnb.plots.disentangle import counterfactual_errors as draw_errors
from specnb.plots.disentangle import counterfactual_spectra, probe_bars, tsne_panels
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.widgets import edit_star, slide_lambdas, train_live

# %%
study = Study(output)
study.input(EMULATOR)
survey = RVS.mock(n_stars=n_stars, seed=seed)
stars = reference_stars(survey)
base = DisentangleConfig(epochs=epochs, patience=epochs, batch=batch, latent=latent, device=device)


def slug(setting):
    """A setting as part of a result's name."""
    return setting.replace(", ", "_").replace(" ", "_")


# %%
caption = "Architecture 1, for synthetic spectra: the labels enter the encoder, too (Fig. 1)."
study.drawing("drawings/gandalf_synthetic.svg", "fig1_synthetic", caption)

# %%
caption = "Architecture 2, for observed spectra: only the spectrum enters the encoder (Fig. 6)."
study.drawing("drawings/gandalf_observed.svg", "fig6_observed", caption)

# %% [markdown]
# Both drawings show the numbers of neurons below the networks. We use the second architecture, because its encoder also works
# for stars whose labels are not known.
#
# ## Train one
#
# Move the λ of a label, press *Train*, and watch the error of the reconstruction (left), the losses of the discriminators,
# compared with those of guessing without any information (dashed), and what a *fresh* regressor, called a probe, reads from
# the latents of test stars (right).

# %%
panel = train_live(stars.train[:4000], stars.test[:2000], replace(base, epochs=15, patience=15, batch=32))
panel

# %%
panel.train(teff=0.001, logg=0.001, m_h=-0.001, alpha_fe=-0.001)
study.figure(panel.figure(), "live_training", "A short training: T_eff and log g disentangled, the others entangled.")

# %% [markdown]
# ## What probes read
#
# We train the settings of the paper's Table 1, with its objective and with a second one:
#
# - *plain*: all λ are 0. *First*: $T_\mathrm{eff}$ and log g entangled, the others disentangled. *Second*: the reverse.
#   *removed*: all four disentangled.
# - The **bottleneck** objective adds noise to the latents and a penalty on the information that they contain,
#   $\beta\,\mathrm{KL}(\mathcal N(\mu, \sigma^2)\,\|\,\mathcal N(0, 1))$. It also trains the discriminators for three steps per
#   step of the autoencoder. Without noise, a label can hide in the last digits of $z$, where a discriminator has not learned to
#   read it, but a probe can.
# - Controls show which part has the effect: the *bottleneck alone*; the paper's objective with *three steps* of the discriminators,
#   or with *tenfold λ*; and *labels only*, a bottleneck so narrow that $z$ is empty. There are also two variants of the paper: one
#   *joint discriminator* of 10,000 bins instead of four discriminators, and *labels in encoder*, its architecture 1.

# %%
configs = {"plain": base} | {f"paper, {name}": PAPER.config(base, some) for name, some in ENTANGLED.items()}
for name, some in ENTANGLED.items():
    configs[f"bottleneck, {name}"] = (BOTTLENECK if some else REMOVAL).config(base, some)
removed = PAPER.config(base)
controls = {
    "bottleneck alone": replace(base, bottleneck=REMOVAL.bottleneck),
    "labels only": replace(base, bottleneck=10.0),
    "three steps, removed": replace(removed, discriminator_steps=3),
    "tenfold lambda, removed": replace(removed, lambdas={name: 10 * value for name, value in removed.lambdas.items()}),
    "joint discriminator, removed": replace(removed, joint=True),
    "labels in encoder, removed": replace(removed, labels_in_encoder=True),
}
runs = [(name, replace(config, seed=k)) for name, config in configs.items() for k in range(1, n_seeds + 1)]
runs += [(name, replace(config, seed=k)) for name, config in controls.items() for k in range(1, min(n_seeds, 2) + 1)]
models = {name: [] for name in configs | controls}
for (name, _), model in zip(runs, trained(stars, survey, [config for _, config in runs])):
    models[name].append(model)

# %%
probes = probe_models(models, stars)
ceiling = information_ceiling(specnb.load_emulator("rvs"), stars.truth_test, LABELS, stars.test.labels)
floors = {}
for name, some in ENTANGLED.items():  # what the true values of the entangled labels tell of the catalogue's others
    pairs = ((stars.train, stars.truth_train), (stars.test, stars.truth_test))
    y = [np.column_stack([(t if n in some else o).labels[n] for n in LABELS]) for o, t in pairs]
    found = label_floor(*y, some, LABELS)
    floors[name] = dict(zip(found["label"], found["floor_r2"]))
known = [floors.get(setting.split(", ")[-1], {}) for setting in probes["setting"]]
probes["ceiling"] = [ceiling[name] for name in probes["label"]]
probes["floor"] = [floor.get(name, np.nan) for floor, name in zip(known, probes["label"])]
study.figure(probe_bars(probes), "probes", "R² of fresh probes of the latents, all seeds, by setting and label.")

# %%
roles = {
    name: {label: ("entangled" if label in some else "disentangled") for label in LABELS}
    for name, some in ENTANGLED.items()
}
columns = ["discriminator", "linear_r2", "mlp_r2", "mlp_r2_true", "mutual_information", "floor", "ceiling"]
summary = spread(probes, ["setting", "label"], columns)
summary["role"] = [
    roles.get(s.split(", ")[-1], {}).get(label, "free") for s, label in zip(summary["setting"], summary["label"])
]
shown = ["setting", "label", "role", "seeds", "discriminator", "linear_r2"]
shown += ["mlp_r2", "mlp_r2_min", "mlp_r2_max", "mlp_r2_true", "mutual_information", "floor", "ceiling"]
for row in summary:
    study.result(f"r2_{slug(row['setting'])}_{row['label']}", float(row["mlp_r2"]))
caption = "What fresh probes read from the latents about catalogue labels (mlp_r2_true: about the true ones); "
caption += "discriminator: its loss minus that of blind guessing."
study.table(summary[shown], "probes", caption, dict.fromkeys(shown[4:], ".3f"))

# %%
fidelity = reconstruct_models(models, stars)
columns = ["mean_squared_error", "noise_floor", "chi2_reduced", "rms_truth", "rms_other_z", "ratio"]
table = spread(fidelity, ["setting"], columns)
for row in table:
    study.result(f"reconstruction_ratio_{slug(row['setting'])}", float(row["ratio"]))
    study.result(f"reconstruction_rms_{slug(row['setting'])}", float(row["rms_truth"]))
shown = ["setting", "seeds", *columns, "ratio_min", "ratio_max"]
study.table(
    table[shown],
    "reconstruction",
    "Error of reconstructed test spectra, with their own latents and with another star's; ratio: to the plain one's.",
)

# %% [markdown]
# Compare *discriminator* and *mlp_r2* of a disentangled label. A discriminator at chance (0) does not mean that the label is gone.
# Judge only by fresh probes, and only if the latents contain anything at all. They do if the latents of another star make the
# reconstruction worse (*rms_other_z*). Empty latents contain no information about any label, but they are useless.
#
# The *floor* is approximately the R² for latents that contain the entangled labels perfectly: because stars lie on isochrones, these
# labels contain information about the others. The *ceiling* is approximately the R² that the noise of spectra and catalogue permits
# (in a linear, Gaussian approximation).

# %% [markdown]
# ## What t-SNE shows
#
# The paper judges by eye: t-SNE maps of spectra and latents, coloured by label (Fig. 8). Where a label is entangled, colours
# are sorted; where it is disentangled, they mix. Compare each panel with its number in the table above.

# %%
some = slice(0, n_mapped)
maps = {"spectra": project(models["plain"][0].scale_flux(stars.test.flux[some], stars.test.mask[some]))}
for name in ("plain", "paper, First", "paper, Second", "bottleneck, Second", "bottleneck, removed"):
    maps[name] = project(models[name][0].encode(stars.test[some]))
figure = tsne_panels(maps, stars.test.labels[some], LABELS)
study.figure(figure, "fig8_tsne", "t-SNE of spectra and of latents, coloured by each label (Fig. 8 of the paper).")

# %% [markdown]
# ## Edit a star
#
# Decode a star's latents with other labels, as in Fig. 2 of the paper: $T_\mathrm{eff} = 7500$ K and [α/Fe] = 0. For a mock star the
# simulator gives the true spectrum with these labels (dashed). If no training star is as hot, the decoder extrapolates, and the title
# says so. Or move a latent, and see which part of the spectrum it changes.

# %%
emulator = specnb.load_emulator("rvs")
chosen = models["bottleneck, removed"][0]
bright = np.argsort(np.median(stars.test.flux_error, axis=1))[:200]
editor = edit_star(chosen, stars.test[bright], RVS, stars.truth_test[bright], emulator, survey)
editor

# %%
editor.choose(teff=5800.0, logg=4.3, m_h=0.0)
editor.compare.value = "simulator"
editor.set(teff=7500.0, alpha_fe=0.0)
caption = "A star, its latents, its reconstruction, and its spectrum with edited labels: decoded, and true (Fig. 2 of the paper)."
study.figure(editor.figure(), "fig2_edited", caption)

# %% [markdown]
# ## Is the edited spectrum right?
#
# For mock stars we can answer this. The labels of each test star are changed by a step up and down, one label at a time. The
# change of the spectrum by the decoder is compared with that by the simulator. If the *slope* is 1, the decoder changes the
# spectrum as it should. If it is 0, the decoder ignores the label that it is given, because it reads the label from $z$.

# %%
names = ("plain", "labels only", "paper, removed", "paper, Second", "bottleneck, removed", "bottleneck, Second")
few = slice(0, 3000)
edits = vstack([
    counterfactual_errors({n: models[n][k] for n in names if k < len(models[n])}, stars.test[few], stars.truth_test[few], emulator, survey)
    for k in range(min(n_seeds, 3))
])  # fmt: skip
study.figure(
    draw_errors(edits[: 8 * len(names)]),
    "counterfactual_errors",
    "Error and slope of the change of spectra with edited labels.",
)

# %%
columns = ["stars", "reconstruction", "change", "error", "relative", "slope"]
table = spread(edits, ["model", "label"], columns)
for row in table:
    study.result(f"edit_slope_{slug(row['model'])}_{row['label']}", float(row["slope"]))
caption = "Edited spectra against the simulator's: rms flux errors, and slope; mean and range of steps up and down and of seeds."
study.table(table["model", "label", "seeds", *columns, "slope_min", "slope_max"], "counterfactuals", caption)

# %% [markdown]
# Catalogue errors make the slopes smaller: for the label 5000 ± 70 K, a decoder gives the mean spectrum of all stars with such a
# catalogue label. With an exact catalogue the same models do better.

# %%
exact = replace(survey, label_errors=0.0)
exact_stars = reference_stars(exact)
names = ("plain", "labels only", "bottleneck, removed")
pair = trained(exact_stars, exact, [(configs | controls)[name] for name in names])
sets = exact_stars.test[few], exact_stars.truth_test[few]
table = spread(
    counterfactual_errors(dict(zip(names, pair)), *sets, emulator, exact), ["model", "label"], ["relative", "slope"]
)
caption = "Edited spectra against the simulator's, of models trained on a catalogue without errors."
study.table(table["model", "label", "relative", "slope"], "counterfactuals_exact", caption)

# %%
star = int(bright[len(bright) // 2])
three = {name: models[name][0] for name in ("plain", "paper, removed", "bottleneck, removed")}
one = stars.test[star : star + 1], stars.truth_test[star : star + 1]
changes = counterfactual_changes(three, *one, emulator, survey, {"teff": -200.0, "m_h": -0.2})
figure = counterfactual_spectra(stars.test.wavelength, changes, window=(8530.0, 8560.0))
study.figure(figure, "counterfactual_star", f"{one[0].ids[0]}: true and decoded change of the spectrum.")

# %% [markdown]
# ## Move λ without waiting
#
# Here one model is trained for all λ. In the training each spectrum gets random values of λ, which are inputs of the encoder, the
# decoder and the discriminators (loss-conditional training). After that, λ can be changed with a slider.

# %%
conditional = replace(BOTTLENECK.config(base), lambdas={}, lambda_range=BOTTLENECK.entangle, bottleneck=2e-4)
flexible = trained(stars, survey, [conditional])[0]
slider = slide_lambdas(flexible, stars.test)
slider

# %%
slider.set(**configs["bottleneck, Second"].lambdas)
study.figure(slider.figure(), "lambda_slider", "The λ-conditional model, set to what Second is.")

# %% [markdown]
# Is it as good as models that were trained at fixed λ? The table gives the same probes and reconstructions at the λ of four settings
# (one seed).

# %%
rows = []
test = stars.test
for name in ("bottleneck alone", "bottleneck, First", "bottleneck, Second", "bottleneck, removed"):
    lambdas = (configs | controls)[name].lambdas
    found = probe_models({name: [flexible]}, stars, lambdas=lambdas)["mlp_r2"]
    fixed = probes[(probes["setting"] == name) & (probes["seed"] == 1)]["mlp_r2"]
    errors = [reconstruction(m.reconstruct(test, lam), test, stars.truth_test)["rms_truth"]
              for m, lam in ((flexible, lambdas), (models[name][0], None))]  # fmt: skip
    rows += [(name, kind, *r2, rms) for kind, r2, rms in zip(("conditional", "fixed λ"), (found, fixed), errors)]
table = Table(rows=rows, names=("setting", "model", *(f"r2_{label}" for label in LABELS), "rms_truth"))
caption = "MLP-probe R² and reconstruction error of the λ-conditional model, and of models trained at fixed λ."
study.table(table, "conditional", caption, dict.fromkeys(table.colnames[2:-1], ".3f"))

# %% [markdown]
# **What to see.** (Numbers of the run at the paper's size, `paper_figures_full/`.) With the paper's objective all discriminators
# end at chance and the t-SNE maps look mixed, but a fresh probe can still predict from 7% to 90% of the variance of $T_\mathrm{eff}$,
# depending on the seed. With noise on the latents it can predict nothing, for any seed. The error of the reconstruction becomes only
# a little larger. The reason is that without the label in $z$ the decoder must rely on the catalogue, including its errors.
#
# A plain autoencoder does not react to an edited label (slopes below 0.1), because it knows the old one from $z$. Without labels in
# $z$ it reacts, with about half of the right change. The catalogue's errors are the cause of the missing half: with an exact catalogue
# the slopes are 0.87 to 0.97. Look also at *labels only*: its latents are empty, and its edits are as right as those of any other model.
#
# **Exercise.** Remove only $T_\mathrm{eff}$, with λ = 0 for the other labels. For which *other* label does the R² of the probe fall,
# and why? Then vary the size of the latent space in a sweep, as the paper's grid search does:
# `specnb sweep 04_disentangle -p latent=2,5,10,25 -p seed=1,2,3 --x latent --y reconstruction_rms_plain`.
