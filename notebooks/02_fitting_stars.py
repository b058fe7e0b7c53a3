# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Fitting stars
#
# Which labels $y$ belong to a spectrum $f_i \pm \sigma_i$? We minimise
#
# $$\chi^2(y, a) = \sum_i \frac{\left[f_i - c_i(a)\,F_i(y)\right]^2}{\sigma_i^2}$$
#
# over the labels and a low-order continuum factor $c(a)$, with Levenberg–Marquardt steps from the emulator's exact
# Jacobian $J$, for hundreds of stars at once. The errors come from the Fisher matrix $J^T \Sigma^{-1} J$. They are the
# smallest errors that an unbiased method can have *if the model is right*. First we check this with mock stars for which
# the model is right. Then we make the model wrong in known ways. Then we fit real stars, for which it is wrong in unknown
# ways.

# %% tags=["parameters"]
seed: int = 1  # random seed of the mock stars
n_stars: int = 500  # mock stars
snr: float = 100.0  # signal-to-noise per pixel of the mock stars for the pulls
device: str = "auto"  # auto, cpu, cuda or mps
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import numpy as np
from astropy.table import Table, vstack

import specnb
from specnb.core.device import pick_device
from specnb.fitting.pulls import interior_stars, pull_statistics
from specnb.plots.labels import abundance_plane, fit_comparison, kiel
from specnb.plots.residuals import pulls
from specnb.plots.spectra import best_fit
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.archive import literature
from specnb.surveys.rvs.survey import CA_II_WINDOWS
from specnb.widgets import explore_emulator

study = Study(output)
study.input(RVS.emulator_path)
emulator = specnb.load_emulator("rvs").to(pick_device(device))

# %% [markdown]
# ## When the model is right
#
# These mock stars are spread evenly over the labels, away from the edges of the emulator's range. Only noise is added to
# their spectra. The *pull* (fit − truth)/error of each label should follow a Gaussian of mean 0 and width 1.

# %%
ideal = interior_stars(emulator, n_stars, snr, seed)
fit = specnb.fit_labels(ideal, emulator, progress=True)
statistics = pull_statistics(fit, ideal.labels, emulator.labels)
for row in statistics:
    study.result(f"pull_mean_{row['label']}", float(row["mean"]))
    study.result(f"pull_std_{row['label']}", float(row["std"]))
study.table(statistics, "pulls", f"Pulls of {n_stars} mock stars at S/N {snr:g}, and the median error of each label.")

# %%
study.figure(pulls(fit, ideal.labels, emulator.labels), "pulls", "Pulls of mock stars whose model is right.")

# %% [markdown]
# ## When the model is wrong in known ways
#
# The mock reference survey draws stars from a Galactic population like that of the papers (8 ≤ G ≤ 14) and lets the
# "real" spectra differ from the emulator: wrong line strengths, a false and a missing line, continuum residuals, a lower
# resolving power, bad pixels.

# %%
observed, truth = make_mock(emulator, RVS.mock(n_stars=n_stars, seed=seed))
study.figure(kiel(truth.labels), "survey_kiel", "Kiel diagram of the mock reference survey.")

# %%
study.figure(abundance_plane(truth.labels), "survey_abundances", "Abundance plane of the mock reference survey.")

# %%
setups = {
    "whole spectrum": specnb.FitConfig(),
    "untrusted windows out": specnb.FitConfig(windows_out=RVS.untrusted),
    "Ca II lines out": specnb.FitConfig(windows_out=CA_II_WINDOWS),
}
survey_fits = {name: specnb.fit_labels(observed, emulator, config, progress=True) for name, config in setups.items()}
biased = survey_fits["whole spectrum"]
snr_of_stars = np.median(observed.flux / observed.flux_error, axis=1)
figure = fit_comparison(biased, truth.labels, ("teff", "logg", "m_h", "alpha_fe"), snr_of_stars)
study.figure(figure, "survey_fits", "Fitted against true labels when the model lacks what real spectra have.")

# %%
for setup, result in survey_fits.items():
    chi2 = float(np.nanmedian(result["chi2_reduced"]))
    study.result(f"survey_chi2_reduced_median_{setup.replace(' ', '_')}", chi2)
parts = [pull_statistics(result, truth.labels, emulator.labels) for result in survey_fits.values()]
for setup, part in zip(survey_fits, parts):
    part.add_column([setup] * len(part), 0, "fit")
study.table(vstack(parts), "survey_pulls", "The same pulls when the model is wrong: the errors no longer hold.")

# %% [markdown]
# Look at the branches in $T_\mathrm{eff}$: when the calcium cores are a little too deep, the best fit to a star like the Sun
# is much cooler or much hotter than the star. The stated errors are too small in all three fits, because they contain the
# noise only, and not the errors of the model. The next table shows how far the fits are off in the labels' own units.

# %%
rows = []
for setup, result in survey_fits.items():
    for label in ("teff", "logg", "m_h", "alpha_fe"):
        off = np.asarray(result[label] - truth.labels[label])
        beyond = np.abs(off) > 2 * result[f"{label}_error"]
        rows.append((setup, label, np.nanmedian(off), np.nanmedian(np.abs(off)), np.mean(beyond)))
offsets = Table(rows=rows, names=("fit", "label", "median", "median_size", "beyond_2_errors"))
caption = "Fit − truth in the mock survey: median, median of the size, and share beyond two stated errors (5% would be right)."
study.table(offsets, "survey_offsets", caption, {"beyond_2_errors": ".0%"})

# %% [markdown]
# ## Real stars
#
# Spectra of Gaia DR3, from the folder `SPECNB_DATA` or from the archive, are fitted three times. The first fit uses the
# whole spectrum. The second leaves out the windows where the physics is known to fail: the cores of Ca II, which form
# where LTE does not hold, a blend at 8504 Å, and a false line at 8634 Å. The third leaves out the whole Ca II lines. The
# second paper is about the errors of the model that these windows hide. (All fits of this notebook are by physics alone. Notebook 11
# has the model that is recommended for real stars.)

# %%
stars, source = real_spectra(RVS)
print(source)
kind = "Real stars" if stars else "Mock stars (no real ones were at hand)"
stars = stars or observed[:3]
known = literature(stars.ids)
names = list(known["name"])
for path in RVS.archive.files():
    study.input(path)
fits = {name: specnb.fit_labels(stars, emulator, config) for name, config in setups.items()}

# %%
columns = ["teff", "teff_error", "logg", "logg_error", "m_h", "m_h_error", "alpha_fe", "alpha_fe_error"]
columns += ["vmicro", "vbroad", "chi2_reduced", "flags"]
rows = []
for k, name in enumerate(names):
    for setup, result in fits.items():
        rows.append({"star": name, "fit": setup} | {c: result[c][k] for c in columns})
table = Table(rows=rows)
for c in columns[:-2]:
    table[c].unit = fits["whole spectrum"][c].unit
study.table(table, "real_stars", f"{kind}: labels by physics alone; errors are those of the noise only.")

# %% [markdown]
# The next table compares the fits with the literature, where there is any. (The errors of the fit contain only the noise,
# not the errors of the model.)

# %%
best, best_config = fits["Ca II lines out"], setups["Ca II lines out"]
for k in np.flatnonzero(~np.ma.getmaskarray(known["teff"])):
    star = names[k].replace("-", "_").replace(" ", "_")
    for label in ("teff", "logg", "m_h"):
        study.result(f"{star}_{label}_minus_literature", float(best[label][k] - known[label][k]), str(best[label].unit))
study.table(
    known["name", "teff", "logg", "m_h", "reference"], "literature", "The same stars in the literature, where known."
)

# %%
models = specnb.fitted_flux(best, emulator, best_config)
for k, name in enumerate(names):
    panel = (stars.flux[k], stars.flux_error[k], stars.mask[k], models[k])
    figure = best_fit(stars.wavelength, *panel, name=str(name), masked_windows=CA_II_WINDOWS, survey=RVS)
    study.figure(figure, f"star_{k + 1}", f"{name}: best fit by physics alone.")
figure

# %% [markdown]
# You can also fit by hand. Choose a star at the top: its fitted labels and a continuum come with it. Move a label away, and then the
# others until the residual is as flat as possible. Which labels can make up for each other? χ² below the picture is that of all pixels,
# and *Fit* fits all of them, too, while the fits above leave out the lines of Ca II.

# %%
explore_emulator(emulator, stars=stars, fits=best, star=0)

# %% [markdown]
# **What to see.** If the reduced χ² is above 1 and grows with the signal-to-noise ratio, the model limits the fit, and not the
# noise. Residuals that recur at the same wavelengths in different stars are missing physics, too. A label at a limit is not
# a measurement: microturbulence at its lower limit, for example, is how a fit weakens lines that are too strong in the line
# list. One star with known labels proves little, and we chose which lines to leave out when we knew the right answer already.
#
# ## In short

# %%
symbols = {"teff": "T_eff", "logg": "log g", "m_h": "[M/H]", "alpha_fe": "[α/Fe]"}
rows = {setup: {"fit": setup, "χ²": np.nanmedian(result["chi2_reduced"])} for setup, result in survey_fits.items()}
for row in offsets:
    symbol = symbols[row["label"]]
    rows[row["fit"]] |= {symbol: row["median_size"], f"{symbol} beyond": row["beyond_2_errors"]}
compact = Table(rows=list(rows.values()))
for label, symbol in symbols.items():
    compact[symbol].unit = emulator.survey.label(label).unit
forms = {"χ²": ".2f", "T_eff": ".0f", "log g": ".2f", "[M/H]": ".2f", "[α/Fe]": ".3f"}
forms |= {f"{symbol} beyond": ".0%" for symbol in symbols.values()}
caption = "Mock survey: median reduced χ², median |fit − truth|, and share of stars beyond two stated errors (5% would be right)."
study.table(compact, "summary_survey", caption, forms)

# %%
off = {}  # fits of stars whose labels are known
for k in np.flatnonzero(~np.ma.getmaskarray(known["teff"])):
    for setup in ("whole spectrum", "Ca II lines out"):
        teff, logg, m_h = (fits[setup][label][k] - known[label][k] for label in ("teff", "logg", "m_h"))
        off[names[k], setup] = f"T_eff {teff:+.0f} K, log g {logg:+.2f}, [M/H] {m_h:+.2f}".replace("-", "−")
snr_of_stars = np.median(stars.flux / stars.flux_error, axis=1)
misfit = [f"{best['chi2_reduced'][k]:.1f} at S/N {snr_of_stars[k]:.0f}" for k in np.argsort(snr_of_stars)]
mean, spread = np.abs(statistics["mean"]).max(), statistics["std"]
lowest = {label: compact["fit"][np.argmin(compact[symbol])] for label, symbol in symbols.items()}
beyond = compact["T_eff beyond"]
one = len(set(lowest.values())) == 1
# %%
summary = f"""**Fits of six labels to RVS spectra by physics alone.**

- If the model is right ({n_stars:,} mock stars, S/N {snr:g}), the pulls of the six labels have means within ±{mean:.3f}
  (chance error {1 / np.sqrt(n_stars):.3f}) and standard deviations of {spread.min():.2f}–{spread.max():.2f} ({1 / np.sqrt(2 * n_stars):.2f}). A standard
  deviation of 1 means that the stated errors are right, and no unbiased method has smaller ones.
- If the model is wrong in known ways ({n_stars:,} stars of the mock survey), {beyond.min():.0%} to {beyond.max():.0%} of the stars
  are off in T_eff by more than two stated errors (5% would be right). T_eff is best in the fit *{lowest["teff"]}*, log g
  in *{lowest["logg"]}*: {"one" if one else "no"} choice of wavelengths is best for all four labels.
- {kind}, Ca II lines left out: reduced χ² {", ".join(misfit)} per pixel.
"""
for (star, setup), text in off.items():
    summary += f"- {star}, fit of *{setup}*, minus literature: {text}.\n"
if off:
    summary += (
        "- Which lines to leave out was chosen when the answer for this star was known: one star proves little.\n"
    )
study.text("summary", summary)

# %% [markdown]
# **Exercise.** Fit with `FitConfig(continuum_order=-1)` and with order 5. Which labels move, and by how many of their
# own errors? The third fit does not use the calcium lines. Use `emulator.jacobian` to find out which other lines depend on
# gravity, and compare the `logg_error` columns.
