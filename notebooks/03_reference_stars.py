# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The reference stars
#
# To train a network that measures labels of stars, one needs stars whose labels are known. Manteiga et al. (2025) used
# 64,305 stars that both *Gaia* and a high-resolution survey (APOGEE or GALAH) have observed. The spectrum $x$ is from
# *Gaia*, and the labels $y = (T_\mathrm{eff}, \log g, [\mathrm{M/H}], [\alpha/\mathrm{Fe}])$ and their errors are from the
# other survey.
#
# Here we use mock stars instead. They are drawn from a Galactic population in the same magnitude range ($8 \le G \le 14$),
# and their spectra differ from our simulations in the ways in which real ones do. The advantage is that we know the true
# label behind every catalogue label. So we can distinguish what a network has learned from what it could not know.
#
# With `survey="gaia-dr3"` this notebook shows real stars: those of APOGEE DR17 and GALAH DR3 that have a *Gaia* DR3 spectrum
# and pass the paper's cuts. `specnb data build rvs-reference` makes this set. Of real stars nobody knows the true labels,
# the spectrum without noise, or all the ways in which the spectra differ from simulations. What needs them is left out, and
# the figures and tables say so.

# %% tags=["parameters"]
survey: str = "mock"  # mock, or gaia-dr3: real stars, see specnb data build rvs-reference
seed: int = 1  # random seed of the mock survey, and of the choice of test stars
n_stars: int = 3000  # reference stars; the paper has 64,305
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import numpy as np
from astropy.table import Table, vstack
from IPython.display import display

import specnb
from specnb.disentangle.config import LABELS
from specnb.disentangle.experiment import EMULATOR, reference_sample, reference_stars, without_noise
from specnb.evaluate.posterior import posterior_mean
from specnb.evaluate.probes import information_ceiling, label_floor, least_mae
from specnb.plots.absent import absent
from specnb.plots.labels import abundance_plane, kiel, label_histograms
from specnb.plots.spectra import spectra_by_snr
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.population import draw_stars
from specnb.surveys.public.built import built_path

# %%
study = Study(output)
study.input(EMULATOR)
sample = reference_sample(survey, n_stars, seed)
stars = reference_stars(sample)
catalogue = vstack([stars.train.labels, stars.test.labels])
if len(catalogue) < 100:
    raise ValueError(f"n_stars is {n_stars} and there are {len(catalogue)} stars: this notebook needs at least 100")
truth_known = stars.truth_test is not None  # as it is of mock stars
truth = vstack([stars.truth_train.labels, stars.truth_test.labels]) if truth_known else None
if not truth_known:
    study.input(built_path(sample.name))
study.result("train_stars", len(stars.train))
study.result("test_stars", len(stars.test))

# %% [markdown]
# ## What they are
#
# Most of them are FGK dwarfs and giants of nearly solar composition. Some are metal-poor, and some are rich in α elements
# (Fig. 3 of the paper). The ten bins of the paper's discriminators divide the *range* of each label equally. Look how many
# of them are nearly empty.

# %%
figure = label_histograms(catalogue, LABELS)
study.figure(figure, "fig3_histograms", "Catalogue labels of the reference stars (Fig. 3 of the paper).")

# %% [markdown]
# The Kiel diagram (Fig. 4) shows the main sequence, the turn-off, the red-giant branch and the clump. Stars do not fill the
# diagram, because they lie on isochrones. So the labels depend on each other. Remember this when one label is to be removed
# from latents that keep the others.

# %%
study.figure(kiel(catalogue, color="m_h"), "fig4_kiel", "Kiel diagram of the reference stars (Fig. 4 of the paper).")

# %%
study.figure(abundance_plane(catalogue), "fig5_abundances", "[α/Fe] against [M/H] of the reference stars (Fig. 5).")

# %%
figure, caption = (
    absent("The true labels of real stars are not known."),
    "True [α/Fe] and [M/H]: not known of real stars.",
)
if truth_known:
    figure, caption = abundance_plane(truth), "The same stars before the catalogue's errors: two sequences."
study.figure(figure, "true_abundances", caption)

# %% [markdown]
# ## What the spectra are like
#
# Half of the stars are faint. At a signal-to-noise ratio of 40, the depth of a line of 5% is twice the noise of a pixel.

# %%
snr = np.median(stars.test.flux / stars.test.flux_error, axis=1)
examples = [int(np.argmin(np.abs(snr - level))) for level in np.percentile(snr, [5, 50, 95])]
figure = spectra_by_snr(stars.test[examples], stars.truth_test[examples] if truth_known else None, snr[examples])
study.figure(figure, "spectra", f"Three reference stars: observed{', and without noise' if truth_known else ''}.")

# %% [markdown]
# ## What can be known
#
# There are limits, which we can compute because the stars are mock stars. (For real stars, ceilings are estimates: they are
# computed from the emulator at the labels of the catalogue, as if its errors were correct, the noise of the pixels independent
# and the emulator right. A perfect reader of real stars would have to know how their spectra differ from the emulator's, and is
# left out.)
#
# - **Ceiling.** With the noise of a spectrum (covariance $C$), the emulator's gradient $J$ and the covariance $S$ of the labels
#   in the population, the covariance of the labels after a measurement is $P = (J^T C^{-1} J + S^{-1})^{-1}$. The agreement
#   with a catalogue is even worse, because it has errors $e$ of its own. From $P$ and $e$ follow the highest R², and the least mean
#   absolute error, which is the average of $\sqrt{2/\pi}\,\sqrt{P_{ii} + e_i^2}$ over the stars. This is a linear and Gaussian
#   approximation. Because stars lie on isochrones, a network can be better.
# - **Perfect reader.** It knows where stars lie, because the population is described by 30 Gaussians instead of one. Its prediction
#   is the mean of the posterior distribution of the labels, for the noise that the spectra have. Only the emulator's
#   curvature is neglected. No regressor should do better.
# - **Floor.** Since stars lie on isochrones, some labels contain information about others. Latents that keep $T_\mathrm{eff}$ and
#   $\log g$ always contain some information about [M/H].

# %%
snr_median = study.result("snr_median", float(np.median(snr)))
emulator = specnb.load_emulator("rvs")
observed, ideal = without_noise(emulator, stars, slice(0, 3000))  # enough for a mean over stars
if truth_known:
    population = draw_stars(RVS, 20_000, np.random.default_rng(seed + 1), sample.population)
    reader = dict(zip(LABELS, posterior_mean(emulator, stars.test, stars.truth_test, population, LABELS).T))
limits, references = Table({"label": LABELS}), {"true": stars.truth_test, "catalogue": stars.test}
for name, reference in references.items() if truth_known else [("catalogue", stars.test)]:
    errors = observed.labels if name == "catalogue" else None
    ceiling, least = (limit(emulator, ideal, LABELS, errors) for limit in (information_ceiling, least_mae))
    limits[f"ceiling_{name}"] = [ceiling[label] for label in LABELS]
    limits[f"least_mae_{name}"] = [least[label] for label in LABELS]
    if truth_known:
        labels = reference.labels
        difference = {label: reader[label] - labels[label] for label in LABELS}
        limits[f"reader_r2_{name}"] = [1 - np.mean(difference[label] ** 2) / np.var(labels[label]) for label in LABELS]
        limits[f"reader_mae_{name}"] = [np.mean(np.abs(difference[label])) for label in LABELS]

# %%
train, test = (np.column_stack([part.labels[name] for name in LABELS]) for part in (stars.train, stars.test))
floors = {}
for entangled in (("teff", "logg"), ("m_h", "alpha_fe")):
    found = label_floor(train, test, entangled, LABELS, seed)
    floors |= dict(zip(found["label"], found["floor_r2"].tolist()))
limits["catalogue_error"] = [np.sqrt(np.mean(catalogue[f"{name}_error"] ** 2)) for name in LABELS]
limits["floor"] = [floors[name] for name in LABELS]
for row in limits:
    study.result(f"ceiling_{row['label']}", float(row["ceiling_catalogue"]))
    study.result(f"floor_{row['label']}", float(row["floor"]))
of_what = ", and that of a perfect reader, of the true and the catalogue" if truth_known else ", of the catalogue's"
caption = f"Highest R² of any prediction from the spectra (ceiling: linear and Gaussian){of_what} "
caption += "label; rms error of the catalogue; R² with which the other pair of labels predicts this one."
r2 = [name for name in limits.colnames if "ceiling" in name or "r2" in name]
study.table(limits["label", *r2, "catalogue_error", "floor"], "limits", caption,
            dict.fromkeys([*r2, "floor"], ".3f") | {"catalogue_error": ".3g"})  # fmt: skip

# %%
maes = [name for name in limits.colnames if "mae" in name]
caption = f"Least mean absolute error (linear and Gaussian){of_what} label."
study.table(limits["label", *maes], "least_mae", caption, dict.fromkeys(maes, ".3g"))

# %% [markdown]
# ## How real they are
#
# The next figure shows real *Gaia* spectra for comparison. The mock survey is a guess of how real spectra differ from
# simulations, not a copy of them. Real spectra contain things that a network trained on mock stars has never seen.

# %%
real, source = real_spectra(RVS)
print(source)
for path in RVS.archive.files():
    study.input(path)
if real or truth_known:  # otherwise they would be the real stars of the figure above
    shown = real or stars.test[examples]
    figure = spectra_by_snr(shown, None, np.median(shown.flux / shown.flux_error, axis=1))
    caption = "Real Gaia RVS spectra." if real else "Mock spectra (no real ones were at hand)."
    display(study.figure(figure, "real_spectra", caption))

# %% [markdown]
# ## What was found

# %%
symbols = dict(zip(LABELS, ("T_eff", "log g", "[M/H]", "[α/Fe]")))


def listed(values, form):
    return ", ".join(f"{symbols[name]} {value:{form}}" for name, value in zip(LABELS, values))


highest, lowest = (symbols[LABELS[pick(limits["ceiling_catalogue"])]] for pick in (np.argmax, np.argmin))
scattered = truth if truth_known else catalogue
shares = [np.std(scattered[name]) / error for name, error in zip(LABELS, limits["catalogue_error"])]
origin, scatter = "were drawn as a mock survey of Gaia's RVS", "scatter of the true labels"
if truth_known:
    best = f"""A perfect reader, who also knows that stars lie on isochrones, reaches
  {listed(limits["reader_r2_catalogue"], ".3f")}, and for the true labels {listed(limits["reader_r2_true"], ".3f")}."""
    least = f"""The mean absolute error of the perfect reader is {listed(limits["reader_mae_true"], ".3g")} (K and dex)
  against the true labels, and {listed(limits["reader_mae_catalogue"], ".3g")} against the catalogue. The simpler Gaussian
  limits are {listed(limits["least_mae_true"], ".3g")} and {listed(limits["least_mae_catalogue"], ".3g")}."""
else:
    fewer = f", which has fewer than the {n_stars:,} asked for" if n_stars > len(catalogue) else ""
    origin = f"are real stars of Gaia DR3 (set {sample.name}{fewer}; the paper has 64,305)"
    scatter = "scatter of the labels"
    best = "This is an estimate, because no truth is known of real stars, and the emulator is not exact."
    least = f"""In the same approximation, the least mean absolute error against the catalogue is
  {listed(limits["least_mae_catalogue"], ".3g")} (K and dex)."""

# %%
study.text("summary", f"""
{len(stars.train):,} training and {len(stars.test):,} test stars {origin}; the median
signal-to-noise ratio of the test stars is {snr_median:.0f} per pixel.

- **Highest R².** In the linear, Gaussian approximation the highest R² with which the spectra can predict catalogue labels is
  {listed(limits["ceiling_catalogue"], ".3f")}. {best}
- The ceiling is highest for {highest} and lowest for {lowest}. One reason is the ratio of the {scatter} to the
  errors of the catalogue: {listed(shares, ".1f")}.
- **Least errors.** {least}
- **Floors.** From the catalogue's T_eff and log g alone, or from its [M/H] and [α/Fe] alone, boosted trees predict the other two
  labels of a star with R² = {listed(limits["floor"], ".2f")}. A code that keeps
  two labels as accurately as the catalogue has this information about the others.
""")  # fmt: skip

# %% [markdown]
# **Exercise.** Collect a hundred times the light with `RVS.mock(snr_faint=240)`. Which ceilings rise? (The catalogue's errors shrink
# as well: they grow as the S/N falls.) Then keep the light and draw a catalogue without errors (`label_errors=0`).
