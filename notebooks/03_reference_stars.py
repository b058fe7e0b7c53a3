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

# %% tags=["parameters"]
seed: int = 1  # random seed of the mock survey
n_stars: int = 3000  # reference stars; the paper has 64,305
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import numpy as np
from astropy.table import Table, vstack

import specnb
from specnb.disentangle.config import LABELS
from specnb.disentangle.experiment import EMULATOR, reference_stars
from specnb.evaluate.probes import information_ceiling, label_floor
from specnb.plots.labels import abundance_plane, kiel, label_histograms
from specnb.plots.spectra import spectra_by_snr
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra

study = Study(output)
study.input(EMULATOR)
stars = reference_stars(RVS.mock(n_stars=n_stars, seed=seed))
catalogue, truth = (
    vstack([a.labels, b.labels]) for a, b in ((stars.train, stars.test), (stars.truth_train, stars.truth_test))
)
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
study.figure(abundance_plane(truth), "true_abundances", "The same stars before the catalogue's errors: two sequences.")

# %% [markdown]
# ## What the spectra are like
#
# Half of the stars are faint. At a signal-to-noise ratio of 40, the depth of a line of 5% is twice the noise of a pixel.

# %%
snr = np.median(stars.test.flux / stars.test.flux_error, axis=1)
examples = [int(np.argmin(np.abs(snr - level))) for level in np.percentile(snr, [5, 50, 95])]
figure = spectra_by_snr(stars.test[examples], stars.truth_test[examples], snr[examples])
study.figure(figure, "spectra", "Three reference stars: observed, and without noise.")

# %%
study.result("snr_median", float(np.median(snr)))
emulator = specnb.load_emulator("rvs")
ceiling = information_ceiling(emulator, stars.truth_test, LABELS, stars.test.labels)
ceiling_true = information_ceiling(emulator, stars.truth_test, LABELS)

# %% [markdown]
# ## What can be known
#
# There are two limits, which we can compute because the stars are mock stars:
#
# - **Ceiling.** With the noise of a spectrum (covariance $C$), the emulator's gradient $J$ and the covariance $S$ of the labels
#   in the population, the covariance of the labels after a measurement is at least $(J^T C^{-1} J + S^{-1})^{-1}$. The agreement
#   with a catalogue is even worse, because it has errors of its own. (This is a linear and Gaussian approximation. Because stars
#   lie on isochrones, a network can exceed this R² by some hundredths.)
# - **Floor.** Since stars lie on isochrones, some labels contain information about others. Latents that keep $T_\mathrm{eff}$ and
#   $\log g$ always contain some information about [M/H].

# %%
train, test = (np.column_stack([part.labels[name] for name in LABELS]) for part in (stars.train, stars.test))
floors = {}
for entangled in (("teff", "logg"), ("m_h", "alpha_fe")):
    found = label_floor(train, test, entangled, LABELS, seed)
    floors |= dict(zip(found["label"], found["floor_r2"].tolist()))
error = {name: float(np.sqrt(np.mean(catalogue[f"{name}_error"] ** 2))) for name in LABELS}
rows = [(name, error[name], ceiling_true[name], ceiling[name], floors[name]) for name in LABELS]
table = Table(rows=rows, names=("label", "catalogue_error", "ceiling_true", "ceiling_catalogue", "floor"))
for name in LABELS:
    study.result(f"ceiling_{name}", ceiling[name])
    study.result(f"floor_{name}", floors[name])
caption = (
    "Rms error of the catalogue; highest R² of any prediction from the spectra, of the true and the catalogue label; "
)
study.table(table, "limits", caption + "R² with which the other pair of labels predicts this one.",
            {"catalogue_error": ".3g"} | dict.fromkeys(table.colnames[2:], ".3f"))  # fmt: skip

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
shown = real or stars.test[examples]
figure = spectra_by_snr(shown, None, np.median(shown.flux / shown.flux_error, axis=1))
study.figure(figure, "real_spectra", "Real Gaia RVS spectra." if real else "Mock spectra (no real ones were at hand).")

# %% [markdown]
# **What to see.** [α/Fe] has the lowest ceiling, because its catalogue errors are half as wide as its distribution. The floor
# is one-sided: because of the isochrones, temperature and gravity contain information about metallicity, but metallicity
# contains hardly any about them.
#
# **Exercise.** Collect a hundred times the light with `RVS.mock(snr_faint=240)`. Which ceilings rise? (The catalogue's errors shrink
# as well: they grow as the S/N falls.) Then keep the light and draw a catalogue without errors (`label_errors=0`).
