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
# This raises three questions that the paper does not ask. If a discriminator fails, is the label really gone from $z$? Is the
# edited spectrum *right*? And is an adversary needed for it, or does a closed form do as well?

# %% tags=["parameters"]
survey: str = "mock"  # mock, or gaia-dr3: real stars, see specnb data build rvs-reference
seed: int = 1  # random seed of the mock survey, and of the choice of test stars
n_stars: int = 2000  # reference stars; the paper has 64,305
n_seeds: int = 1  # trainings of each setting, with seeds 1, 2, ...
epochs: int = 10  # passes over the training stars
batch: int = 32  # spectra in a step; the paper's code has 64
latent: int = 25  # size of the latent space
n_mapped: int = 500  # test stars in the t-SNE maps
n_joint: int = 400  # reference stars for the comparison with a joint discriminator
lambdas_joint: list[float] = [1e-5]  # values of λ there, of which validation stars choose one
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import time
from dataclasses import replace

import joblib
import numpy as np
from astropy.table import Table, vstack

# %%
import specnb
from specnb.core.device import pick_device
from specnb.disentangle.closed_form import ClosedForm
from specnb.disentangle.conditional import Conditional
from specnb.disentangle.config import LABELS, DisentangleConfig
from specnb.disentangle.counterfactual import counterfactual_changes, counterfactual_errors
from specnb.disentangle.experiment import (
    BOTTLENECK,
    EMULATOR,
    ENTANGLED,
    PAPER,
    REMOVAL,
    reference_sample,
    reference_stars,
    trained,
    without_noise,
)
from specnb.disentangle.joint import discriminator_cost, validation_scores
from specnb.disentangle.score import probe_models, reconstruct_models
from specnb.evaluate.probes import information_ceiling, label_floor, reconstruction
from specnb.evaluate.projection import project
from specnb.evaluate.spread import spread

# %%
from specnb.plots.autoencoder import conditional_latents
from specnb.plots.disentangle import counterfactual_errors as draw_errors
from specnb.plots.disentangle import counterfactual_spectra, probe_bars, tsne_panels
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.public.built import built_path
from specnb.widgets import edit_star, train_live

# %%
study = Study(output)
study.input(EMULATOR)
sample = reference_sample(survey, n_stars, seed)
stars = reference_stars(sample)
there, least = len(stars.train) + len(stars.test), max(20 * latent, 125)  # which the probes need
if there < least or n_joint < 125:
    asked = f"n_stars is {n_stars}, n_joint is {n_joint}, and there are {there} stars"
    raise ValueError(f"{asked}: this notebook needs at least {least} stars, and 125 for n_joint")
truth_known = stars.truth_test is not None  # as it is of mock stars
if not truth_known:
    study.input(built_path(sample.name))
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
#   or with *tenfold λ*; and *labels only*, a bottleneck so narrow that the decoder learns to ignore $z$. *Labels in encoder* is the paper's architecture 1.
# - The **closed form** is the baseline. It has no training: the spectra are projected on 60 principal components, LEACE (Belrose et
#   al. 2023) removes everything that a linear function could tell about the labels and their products, and the four strongest
#   components of the rest are $z$. The decoder is a linear regression on $z$ and cubic polynomials of the labels. *LEACE of plain*
#   removes the same from the latents of the plain autoencoder.
#
# With a bottleneck there are two codes. A discriminator judges a random draw of $z$, and the decoder is trained with such draws. But
# whoever uses the encoder gets the *mean* of $z$, which is a function of the spectrum. All tables and figures here are made with the
# mean, and what is measured for a draw stands beside it.

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
    "labels in encoder, removed": replace(removed, labels_in_encoder=True),
}
runs = [(name, replace(config, seed=k)) for name, config in configs.items() for k in range(1, n_seeds + 1)]
runs += [(name, replace(config, seed=k)) for name, config in controls.items() for k in range(1, min(n_seeds, 2) + 1)]
models = {name: [] for name in configs | controls}
for (name, _), model in zip(runs, trained(stars, sample, [config for _, config in runs])):
    models[name].append(model)

# %%
seconds = {}
for name, some in ENTANGLED.items():
    start = time.perf_counter()
    models[f"closed form, {name}"] = [ClosedForm(stars.train, [label for label in LABELS if label not in some])]
    seconds[f"closed form, {name}"] = time.perf_counter() - start
models["LEACE of plain, removed"] = joblib.Parallel(n_jobs=-1)(
    joblib.delayed(ClosedForm)(stars.train, latent=latent, start=each) for each in models["plain"]
)
for name in ("paper, removed", "bottleneck, removed"):  # one epoch, times their number
    seconds[name] = epochs * discriminator_cost(stars.train, configs[name])["seconds"]

# %%
probes = probe_models(models, stars)
emulator = specnb.load_emulator("rvs")
sets = without_noise(emulator, stars, slice(0, 3000))  # test stars that are enough for a mean
ceiling = information_ceiling(emulator, sets[1], LABELS, sets[0].labels)
floors = {}
for name, some in ENTANGLED.items():  # what the true values of the entangled labels tell of the catalogue's others
    pairs = ((stars.train, stars.truth_train or stars.train), (stars.test, stars.truth_test or stars.test))
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
columns = ["discriminator", "linear_r2", "mlp_r2", "mlp_r2_drawn", "mlp_r2_averaged", "mlp_r2_true"]
columns += ["mutual_information", "floor", "ceiling"]
summary = spread(probes, ["setting", "label"], columns)
summary["role"] = [
    roles.get(s.split(", ")[-1], {}).get(label, "free") for s, label in zip(summary["setting"], summary["label"])
]
shown = ["setting", "label", "role", "seeds", "discriminator", "linear_r2"]
shown += ["mlp_r2", "mlp_r2_min", "mlp_r2_max", *columns[3:]]
shown = [name for name in shown if truth_known or name != "mlp_r2_true"]
for row in summary:
    study.result(f"r2_{slug(row['setting'])}_{row['label']}", float(row["mlp_r2"]))
about_true = "mlp_r2_true: about the true ones; " if truth_known else ""
caption = f"What fresh probes read from the latents about catalogue labels ({about_true}mlp_r2_drawn and "
caption += "mlp_r2_averaged: from one random draw and from the average of 20); discriminator: its loss minus that of blind guessing."
study.table(summary[shown], "probes", caption, dict.fromkeys(shown[4:], ".3f"))

# %%
fidelity = reconstruct_models(models, stars)
columns = ["mean_squared_error", "noise_floor", "chi2_reduced", "rms_truth", "rms_drawn", "rms_other_z", "ratio"]
fidelity = spread(fidelity, ["setting"], columns)
fidelity["seconds"] = [seconds.get(name, np.nan) for name in fidelity["setting"]]
for row in fidelity:
    study.result(f"reconstruction_ratio_{slug(row['setting'])}", float(row["ratio"]))
    if truth_known:
        study.result(f"reconstruction_rms_{slug(row['setting'])}", float(row["rms_truth"]))
shown = ["setting", "seeds", *columns, "ratio_min", "ratio_max", "seconds"]
own_rms = "rms_truth" if truth_known else "rms"  # of real stars it contains the noise of the spectra, too
fidelity["rms"] = np.sqrt(fidelity["mean_squared_error"])
shown = [own_rms if name == "rms_truth" else name for name in shown]
caption = "Error of reconstructed test spectra, with their own latents (rms_drawn: with one random draw of them) and with another "
caption += "star's; ratio: to the plain one's. Seconds: of the closed form, and of trainings (from their first epoch)."
study.table(fidelity[shown], "reconstruction", caption)

# %% [markdown]
# Compare *discriminator* and *mlp_r2* of a disentangled label. A discriminator at chance (0) does not mean that the label is gone.
# Judge only by fresh probes, and only if the latents are of use at all. They are if the latents of another star make the
# reconstruction worse (*rms_other_z*). Otherwise they are called empty: so small or so poor that the decoder ignores them. A probe,
# which scales its inputs, may read labels even from such latents.
#
# Compare also *mlp_r2* with *mlp_r2_drawn*. Noise on the latents hides a label from whoever sees one draw. It does not take the label
# away from whoever has the encoder, and who can average draws or take the mean. The decoder was never trained with the mean, so that
# *rms_truth* can be larger than *rms_drawn*. (Of real stars no spectrum without noise is known. Then all errors are differences
# from the observed spectra, noise included.)
#
# The mean squared error contains the noise of the spectrum. A code that carries this noise lowers it below what a noiseless
# reconstruction could reach; *rms_truth* shows what is right.
#
# The *floor* is approximately the R² for latents that contain the entangled labels perfectly: because stars lie on isochrones, these
# labels contain information about the others. The *ceiling* is approximately the R² that the noise of spectra and catalogue permits
# (in a linear, Gaussian approximation).

# %% [markdown]
# ## What t-SNE shows
#
# The paper judges by eye: t-SNE maps of spectra and latents, coloured by label (Fig. 8). If the latents contain a label, its colours
# should be sorted; if they do not, the colours should mix. Compare each panel with its number in the table above. *First* and
# *Second* are those of the paper's objective. The second figure has the latents from which all labels should be removed.

# %%
some = slice(0, n_mapped)
shown = stars.test[some]
removing = ("paper, removed", "bottleneck, removed", "closed form, removed")
codes = {"spectra": models["plain"][0].scale_flux(shown.flux, shown.mask)}
for title, name in {"plain": "plain", "First": "paper, First", "Second": "paper, Second"}.items():
    codes[title] = models[name][0].encode(shown)
codes |= {name: models[name][0].encode(shown) for name in removing}
maps = dict(zip(codes, joblib.Parallel(n_jobs=-1)(joblib.delayed(project)(code) for code in codes.values())))
figure = tsne_panels({name: maps[name] for name in codes if name not in removing}, shown.labels, LABELS, blocks=2)
caption = "t-SNE of spectra (top left), plain latents (top right) and the paper's two disentanglings (below), coloured by each label "
study.figure(figure, "fig8_tsne", caption + "(Fig. 8 of the paper).")

# %%
figure = tsne_panels({name: maps[name] for name in removing}, shown.labels, LABELS)
study.figure(figure, "tsne_removed", "t-SNE of latents from which all four labels should be removed.")

# %% [markdown]
# ## Edit a star
#
# Decode a star's latents with other labels, as in Fig. 2 of the paper: $T_\mathrm{eff} = 7500$ K and [α/Fe] = 0. For a mock star the
# simulator gives the true spectrum with these labels (dashed); of a real star nobody knows it. If no training star is as hot, the decoder extrapolates, and the figure
# says so. Or drag a bar of the latents $z_k$ (or choose one with ← and →, and change it with ↑ and ↓), and see which part of the
# spectrum it changes. A double click returns the bar to the star's own value.

# %%
chosen = models["bottleneck, removed"][0]
bright = np.argsort(np.median(stars.test.flux_error, axis=1))[:200]
simulated = (stars.truth_test[bright], emulator, sample) if truth_known else ()
editor = edit_star(chosen, stars.test[bright], RVS, *simulated)
editor

# %%
editor.choose(teff=6500.0, logg=4.2, m_h=0.0)
editor.set(teff=7500.0, alpha_fe=0.0, compare="truth" if truth_known else "nothing")
caption = "A star, its latents, its reconstruction, and its spectrum with edited labels"
if truth_known:
    before = stars.truth_test.flux[stars.truth_test.ids == editor.star][0]
    wrong, change = (
        float(np.sqrt(np.mean((editor.flux["truth"] - flux) ** 2))) for flux in (editor.flux["edited"], before)
    )
    study.result("fig2_error", wrong)
    study.result("fig2_change", change)
    caption += f": decoded, and true (rms error {wrong:.4f}; the edit changes the true spectrum by {change:.4f})"
caption += f". The hottest training star has {max(stars.train.labels['teff']):.0f} K"
study.figure(editor.figure(), "fig2_edited", caption + " (Fig. 2 of the paper).")

# %% [markdown]
# ## Is the edited spectrum right?
#
# For mock stars we can answer this. The labels of each test star are changed by a step up and down, one label at a time. The
# change of the spectrum by the decoder is compared with that by the simulator. If the *slope* is 1, the decoder changes the
# spectrum as it should. If it is 0, the decoder ignores the label that it is given, because it reads the label from $z$.
#
# Of real stars nobody knows what an edit should do. There the decoder's change is compared with the change of the *emulator's*
# spectrum at the labels of the catalogue, which is what physics says as far as our simulations are right.

# %%
drawn = ("plain", "labels only", "paper, removed", "bottleneck, removed", "closed form, removed")
names = (*drawn, "paper, Second", "bottleneck, Second", "closed form, Second", "LEACE of plain, removed")
simulator = emulator, sample if truth_known else None
compared = "true" if truth_known else "emulator"  # whose change of the spectra is right
groups = [{name: models[name][k] for name in names if k < len(models[name])} for k in range(min(n_seeds, 3))]
edits = vstack(
    joblib.Parallel(n_jobs=-1)(joblib.delayed(counterfactual_errors)(group, *sets, *simulator) for group in groups)
)
one_seed = edits[: 8 * len(names)]
figure = draw_errors(one_seed[np.isin(one_seed["model"], drawn)], "true change" if truth_known else "change")
study.figure(figure, "counterfactual_errors", "Error and slope of the change of spectra with edited labels.")

# %%
columns = ["stars", "reconstruction", "change", "error", "relative", "slope"]
edits = spread(edits, ["model", "label"], columns)
for row in edits:
    study.result(f"edit_slope_{slug(row['model'])}_{row['label']}", float(row["slope"]))
    study.result(f"edit_relative_{slug(row['model'])}_{row['label']}", float(row["relative"]))
if not truth_known:  # errors of whole spectra would be those of the emulator
    columns = [name for name in columns if name not in ("reconstruction", "error")]
caption = f"Edited spectra against the {'simulator' if truth_known else 'emulator'}'s: rms flux errors, and slope; mean and range of steps up and down and of seeds."
study.table(edits["model", "label", "seeds", *columns, "slope_min", "slope_max"], "counterfactuals", caption)

# %% [markdown]
# *Labels only* is the baseline here: its decoder ignores the latents, so that it edits a mean spectrum of the labels. Only a model
# whose error is smaller has gained something from $z$.
#
# Catalogue errors make the slopes smaller: for the label 5000 ± 70 K, a decoder gives the mean spectrum of all stars with such a
# catalogue label. The next table shows the same kinds of models, trained with a catalogue without errors. (There is none of
# real stars.)

# %%
names, shown = ("plain", "labels only", "bottleneck, removed"), "There is no catalogue of real stars without errors."
if truth_known:
    exact = replace(sample, label_errors=0.0)
    exact_stars = reference_stars(exact)
    pair = dict(zip(names, trained(exact_stars, exact, [(configs | controls)[name] for name in names])))
    pair["closed form, removed"] = ClosedForm(exact_stars.train)
    exact_sets = without_noise(emulator, exact_stars, slice(0, 3000))
    exact_edits = spread(
        counterfactual_errors(pair, *exact_sets, emulator, exact), ["model", "label"], ["relative", "slope"]
    )
    caption = "Edited spectra against the simulator's, of models trained on a catalogue without errors."
    shown = study.table(exact_edits["model", "label", "relative", "slope"], "counterfactuals_exact", caption)
shown

# %%
star = int(bright[len(bright) // 2])
one = stars.test[star : star + 1], stars.truth_test[star : star + 1] if truth_known else None
if not truth_known:  # the star whose labels are nearest to the mean, which can be edited
    values = np.column_stack([sets[1].labels[name] for name in LABELS])
    star = int(np.argmin(np.sum(((values - values.mean(axis=0)) / values.std(axis=0)) ** 2, axis=1)))
    one = tuple(each[star : star + 1] for each in sets)
three = {name: models[name][0] for name in ("plain", "paper, removed", "bottleneck, removed", "closed form, removed")}
changes = counterfactual_changes(three, *one, *simulator, {"teff": -200.0, "m_h": -0.2})
figure = counterfactual_spectra(stars.test.wavelength, changes, (8530.0, 8560.0), compared)
study.figure(figure, "counterfactual_star", f"{one[0].ids[0]}: {compared} and decoded change of the spectrum.")

# %% [markdown]
# ## One discriminator or several?
#
# The paper gives each label its own discriminator. The alternative is one *joint* discriminator over the product of all bins:
# for four labels it has 10,000 outputs instead of 40. It can judge combinations of labels, which the others cannot. Which kind is
# better (Sect. 3.3 of the paper)?
#
# Both kinds remove two, three and four labels. Each gets its own λ, which is the same for all its labels. (The loss of a
# discriminator is summed over its bins. Therefore λ of the joint one is smaller by the ratio of the numbers of bins.) λ is
# chosen with the validation stars, which are training stars. A λ is allowed if the mean squared error is at most 1.1 times that
# of the plain autoencoder, and if the latents are not empty, so that those of another star raise the error by at least 3%. Of the
# allowed λ, the one is taken whose latents tell a probe the least; if none is allowed, the one with the smallest error. Test
# stars only score the choice. The seconds are those of a single epoch, and depend on what else the machine does.

# %%
LARGEST_ERROR, LEAST_LOSS = 1.1, 1.03
joint_sample = reference_sample(survey, n_joint, seed)
joint_stars = reference_stars(joint_sample)
setups = {}
for d in (2, 3, 4):
    part = replace(base, labels=LABELS[:d], lambdas={}, batch=min(batch, 64))
    setups[d, "plain"] = [part]
    for kind, joint in {"one per label": False, "joint": True}.items():
        share = base.bins ** (1 - d) if joint else 1.0  # its loss is summed over so many more bins
        setups[d, kind] = [
            replace(part, lambdas=dict.fromkeys(part.labels, x * share), joint=joint) for x in lambdas_joint
        ]
found = trained(joint_stars, joint_sample, [config for group in setups.values() for config in group])
found = joblib.Parallel(n_jobs=-1)(joblib.delayed(validation_scores)(model, joint_stars.train) for model in found)
rest = iter(found)
scores = {key: [next(rest) for _ in group] for key, group in setups.items()}

# %%
rows, chosen, allowed = [], {}, {}
for (d, kind), group in setups.items():
    plain = scores[d, "plain"][0]["error"]
    table = Table(scores[d, kind])
    table["ratio"], table["loss"] = table["error"] / plain, table["other_z"] / table["error"]
    table["allowed"] = (table["ratio"] <= LARGEST_ERROR) & (table["loss"] >= LEAST_LOSS)
    # R² below 0 tells no less than 0; of equal ones the smallest λ is taken
    order = np.where(table["allowed"], np.maximum(table["r2"], 0.0), 1.0 + table["error"])
    best = int(np.argmin(order))
    for k, (config, row) in enumerate(zip(group, table)):
        rows.append(
            (d, kind, config.lambdas["teff"], *row["r2", "ratio", "loss", "allowed"], kind != "plain" and k == best)
        )
    if kind != "plain":
        chosen[d, kind], allowed[d, kind] = group[best], bool(table["allowed"][best])
table = Table(rows=rows, names=("labels", "discriminator", "lambda", "r2", "ratio", "loss", "allowed", "chosen"))
caption = "The choice of λ with validation stars: R² of a probe (mean over labels), the mean squared error over the "
caption += "plain one's (ratio), and by what another star's latents multiply it (loss)."
study.table(table, "joint_lambdas", caption, {"lambda": ".0e", "r2": ".3f", "ratio": ".3f", "loss": ".3f"})

# %%
seeds = range(1, min(n_seeds, 3) + 1)
found = trained(joint_stars, joint_sample, [replace(config, seed=k) for config in chosen.values() for k in seeds])
groups = {key: found[i * len(seeds) : (i + 1) * len(seeds)] for i, key in enumerate(chosen)}
names = [f"r2_{label}" for label in LABELS]
rows = []
for (d, kind), group in groups.items():
    read = spread(probe_models({kind: group}, joint_stars), ["label"], ["mlp_r2"])
    r2 = dict(zip(names, read["mlp_r2"]))
    errors = spread(reconstruct_models({kind: group}, joint_stars), ["setting"], ["rms_truth", "rms_other_z"])[0]
    row = {"labels": d, "discriminator": kind, "lambda": chosen[d, kind].lambdas["teff"]}
    row |= {"allowed": allowed[d, kind], "seeds": len(seeds)}
    row |= {name: r2.get(name, np.nan) for name in names}
    row |= {"lowest": min(read["mlp_r2_min"]), "highest": max(read["mlp_r2_max"])}
    row |= {name: errors[name] for name in ("rms_truth", "rms_other_z") if truth_known or name != "rms_truth"}
    rows.append(row | discriminator_cost(joint_stars.train, chosen[d, kind]))
joint_table = Table(rows=rows)
for row in joint_table:  # an R² below 0 counts as 0
    mean = np.nanmean(np.maximum([row[name] for name in names], 0.0))
    study.result(f"joint_r2_{row['labels']}_{slug(row['discriminator'])}", float(mean))
caption = "One discriminator per label and a joint one, each with its own λ: R² of probes on test stars, errors, and the cost; "
caption += "allowed: whether this λ keeps the error small and the latents filled, lowest and highest: R² of any label and seed, "
caption += "bins: outputs of a discriminator, filled: the part of them with a training star, seconds: of one epoch."
formats = {"lambda": ".0e", "filled": ".3f", "seconds": ".2f"} | dict.fromkeys([*names, "lowest", "highest"], ".2f")
study.table(joint_table, "joint", caption, formats)

# %% [markdown]
# ## Move λ without waiting
#
# Here one model is trained for all λ. In the training each spectrum gets random values of λ, which are inputs of the encoder, the
# decoder and the discriminators (loss-conditional training). After that, λ can be changed with a slider: the star's latents and its
# spectra follow at once. When the slider rests, so do the probes of the latents of 500 stars (bars; the marks are for λ = 0) and a map
# of these latents. Which other labels does λ($T_\mathrm{eff}$) > 0 remove, too? `load_autoencoder("rvs-mock")`, in
# `specnb.disentangle.shipped`, opens such a model that was trained for longer.

# %%
for_all = replace(BOTTLENECK.config(base), lambdas={}, lambda_range=BOTTLENECK.entangle, bottleneck=2e-4)
flexible = trained(stars, sample, [for_all])[0]
compare = "truth" if truth_known else "nothing"
edit_star(flexible, stars.test[bright], RVS, *simulated, probed=stars.test, compare=compare)


# %%
def four(values):
    """Numbers of the labels as one text."""
    return " / ".join(f"{float(value):z.2f}" for value in values)


def read(setting, column="mlp_r2"):
    """A column of the table of probes for one setting: the values of the four labels."""
    return summary[column][summary["setting"] == setting]


conditional = Conditional(flexible, stars.test)
second = conditional.at(**configs["bottleneck, Second"].lambdas)
caption = f"The λ-conditional model, set to the λ of Second: kernel probes read R² = {four(second.nonlinear.values())} "
caption += f"(T_eff / log g / [M/H] / [α/Fe]). MLP probes of a model trained at these λ read {four(read('bottleneck, Second'))}."
figure = conditional_latents(second, conditional.start, conditional.shown.labels["teff"], "teff")
study.figure(figure, "lambda_slider", caption)

# %% [markdown]
# Is it as good as models that were trained at fixed λ? The table gives the same probes, of the means and of one random draw of the
# latents, and the error of the reconstruction, at the λ of four settings (one seed).

# %%
rows, (test, true) = [], sets if truth_known else (sets[0], None)
names = ("bottleneck alone", "bottleneck, First", "bottleneck, Second", "bottleneck, removed")
at = {name: (configs | controls)[name].lambdas for name in names}
found = joblib.Parallel(n_jobs=-1)(
    joblib.delayed(probe_models)({name: [flexible]}, stars, lambdas=lambdas, jobs=1) for name, lambdas in at.items()
)
for (name, lambdas), conditional_probes in zip(at.items(), found):
    fixed = probes[(probes["setting"] == name) & (probes["seed"] == 1)]
    for kind, model, lam, table in (
        ("conditional", flexible, lambdas, conditional_probes),
        ("fixed λ", models[name][0], None, fixed),
    ):
        for code, column, draw in (("mean", "mlp_r2", None), ("one draw", "mlp_r2_drawn", 0)):
            errors = reconstruction(model.reconstruct(test, lam, draw), test, true)
            rms = errors["rms_truth"] if truth_known else np.sqrt(errors["mean_squared_error"])
            rows.append((name, kind, code, *table[column], rms))
names = ("setting", "model", "code", *(f"r2_{label}" for label in LABELS), own_rms)
conditional_table = table = Table(rows=rows, names=names)
caption = f"MLP-probe R² of the λ-conditional model and of models trained at fixed λ; reconstruction error of {len(test):,} test stars."
study.table(table, "conditional", caption, dict.fromkeys(table.colnames[3:-1], ".3f"))

# %% [markdown]
# ## Summary
#
# First the numbers of the setting that removes all four labels, side by side.

# %%
names = (
    "plain",
    "labels only",
    *(f"{name}, removed" for name in ("paper", "bottleneck", "LEACE of plain", "closed form")),
)
rows = []
for name in names:
    one = edits[edits["model"] == name]
    error = fidelity[fidelity["setting"] == name][0]
    row = {"latents": name, "probe R²": four(read(name)), "highest": max(read(name, "mlp_r2_max"))}
    row |= {"rms": error[own_rms], "rms, other star's": error["rms_other_z"], "edit slope": four(one["slope"])}
    rows.append(row | {"edit error": four(one["relative"]), "seconds": error["seconds"]})
compact = Table(rows=rows)
caption = "All four labels removed (T_eff / log g / [M/H] / [α/Fe], means over seeds): R² of probes of the latents that an encoder "
caption += "gives, and the highest of any label and seed; rms error of the noiseless spectrum, with its own latents and with another "
caption += "star's; slope (1 is right) and relative error (0 is right, 1 is no edit at all) of edited spectra; seconds of a training."
if not truth_known:
    caption = caption.replace("noiseless", "observed")
formats = {"highest": ".2f", "rms": ".5f", "rms, other star's": ".5f", "seconds": ".1f"}
study.table(compact, "summary_removed", caption, formats)

# %%
SYMBOLS = dict(zip(LABELS, ("T_eff", "log g", "[M/H]", "[α/Fe]")))
rms, rms_other = ({row["setting"]: float(row[name]) for row in fidelity} for name in (own_rms, "rms_other_z"))
noise = 0.0 if truth_known else float(fidelity["noise_floor"][0])  # it is in both errors of real spectra
slopes, errors = ({name: edits[edits["model"] == name][column] for name in names} for column in ("slope", "relative"))


def verdict(setting, column="mlp_r2"):
    """What is left of labels in latents, as the end of a sentence."""
    least, most = float(min(read(setting, f"{column}_min"))), float(max(read(setting, f"{column}_max")))
    if rms_other[setting] ** 2 - noise < 1.05**2 * (rms[setting] ** 2 - noise):
        return f"{least:z.2f} to {most:z.2f} by label and seed; the latents are nearly empty, for another star's serve as well"
    if most <= 0.1:
        return f"at most {most:z.2f} for any label and seed: this probe reads next to nothing"
    return f"{least:z.2f} to {most:z.2f} by label and seed"


def better(first, second):
    """Of which labels the edits of one model have a smaller error than those of another, as text."""
    found = [SYMBOLS[name] for name, a, b in zip(LABELS, errors[first], errors[second]) if a < b]
    return ", ".join(found) or "none of the labels"


# %%
paper, noisy, erased, closed = names[2:]
guess = float(np.max(np.abs(read(paper, "discriminator"))))
one_draw = float(fidelity["rms_drawn"][fidelity["setting"] == noisy][0])
fewer = f", which has fewer than the {n_stars:,} asked for" if n_stars > there else ""
origin = "mock RVS stars" if truth_known else f"real stars of Gaia DR3 (set {sample.name}{fewer}; the paper has 64,305)"
start = f"""{len(stars.train) + len(stars.test):,} {origin}, a fifth of them test stars; {n_seeds} training(s) of each setting. Fresh networks, called probes,
predict catalogue labels from the latents of test stars; numbers are their R² for T_eff / log g / [M/H] / [α/Fe], means over
seeds. Noise permits about {four(ceiling.values())} (linear approximation), and plain latents give {four(read("plain"))}."""
if not truth_known:
    start += """
No truth is known of these stars: errors of spectra contain the noise of the observed ones, and the change by
an edit is compared with that of the emulator's spectrum at the catalogue's labels."""
says = {}
says[
    "paper"
] = f"""**The paper's objective**, all four labels removed: {four(read(paper))} ({verdict(paper)}). The losses of its
discriminators differ from blind guessing by at most {guess:.2f} nats."""
says[
    "noisy"
] = f"""**A bottleneck** (noise on the latents), all four removed: {four(read(noisy, "mlp_r2_drawn"))} from one random draw,
{four(read(noisy, "mlp_r2_averaged"))} from the average of 20 draws, and {four(read(noisy))} from the means, which a user of the
encoder gets. The rms error of spectra decoded from means is {rms[noisy]:.4f}, from draws, as in the training, {one_draw:.4f}."""
if max(read(noisy)) > max(0.1, *read(noisy, "mlp_r2_drawn")):
    says["noisy"] += " Noise hides labels in one draw. It does not remove them from the means."

# %%
says["closed"] = f"""**A closed form** (60 principal components, LEACE of quadratic polynomials of the labels,
{models[closed][0].latent} components), all four removed: {four(read(closed))} ({verdict(closed)}). It takes
{seconds[closed]:.1f} s, a training of the paper's objective about {seconds[paper]:.0f} s ({pick_device(device).type}). Removing
the same from the plain latents leaves {four(read(erased))}."""
groups = {name: read(f"{name}, Second") for name in ("paper", "bottleneck", "closed form")}
text = "; ".join(f"{name} {four(values[:2])} and {four(values[2:])}" for name, values in groups.items())
says[
    "Second"
] = f"""**Only T_eff and log g removed** (Second): R² of T_eff / log g, which should be gone, and of [M/H] / [α/Fe],
which should stay: {text}."""
says[
    "edits"
] = f"""**Edited labels.** Compared with the bottleneck's means, the error of an edit is smaller with a decoder that
knows only the labels (for {better("labels only", noisy)}) and with the closed form (for {better(closed, noisy)}). The closed form's is
smaller than from labels alone for {better(closed, "labels only")}."""
if truth_known:
    exact_slopes = {name: exact_edits[exact_edits["model"] == name]["slope"] for name in pair}
    larger = sum(int(np.sum(values > slopes[name])) for name, values in exact_slopes.items())
    says["edits"] += f""" With a catalogue without errors {larger} of {4 * len(pair)} slopes are
larger; those of the closed form are then {four(exact_slopes[closed])}."""

# %%
text = []
for d in (2, 3, 4):
    each = {kind: study.values[f"joint_r2_{d}_{slug(kind)}"] for kind in ("one per label", "joint")}
    words = [f"{r2:.2f}" + ("" if allowed[d, kind] else " (no λ allowed)") for kind, r2 in each.items()]
    text.append(f"{d} labels: {' against '.join(words)}")
several, one = joint_table[-2:]
says[
    "joint"
] = f"""**One discriminator per label against a joint one**, each with the best of {len(lambdas_joint)} λ by validation stars
({n_joint:,} stars; mean R² of the labels to be removed, where less is better, if the squared error exceeds the plain one's by
at most {100 * (LARGEST_ERROR - 1):.0f}%): {"; ".join(text)}. Of the joint one's
{one["bins"]:,} bins for four labels {100 * one["filled"]:.1f}% hold a training star, and it has
{one["parameters"] / several["parameters"]:.0f} times the parameters; an epoch takes
{one["seconds"] / several["seconds"]:.1f} times as long."""
last = conditional_table[(conditional_table["setting"] == noisy) & (conditional_table["model"] == "conditional")]
text = ", ".join(f"{four([row[f'r2_{label}'] for label in LABELS])} ({row['code']})" for row in last)
says["λ"] = f"**One model for all λ**, at the λ of the bottleneck with all labels removed: {text}."

# %%
from textwrap import TextWrapper

items = ["- " + " ".join(text.split()) for text in says.values()]
wrap = TextWrapper(128, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False).fill
study.text("summary", "\n".join([start, "", *map(wrap, items)]) + "\n")

# %% [markdown]
# **Exercise.** Remove only $T_\mathrm{eff}$, with λ = 0 for the other labels. For which *other* label does the R² of the probe fall,
# and why? Then vary the size of the latent space in a sweep, as the paper's grid search does:
# `specnb sweep 04_disentangle -p latent=2,5,10,25 -p seed=1,2,3 --x latent --y reconstruction_rms_plain`. Or remove cubic polynomials of
# the labels in the closed form (`ERASED` in `specnb/disentangle/closed_form.py`): what is lost of the labels that must stay?
