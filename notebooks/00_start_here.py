# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here
#
# A stellar spectrum is a long list of numbers, but a few physical *labels* (temperature, gravity, composition, motions
# of the gas) explain it almost completely. Two papers train networks that make use of this. These notebooks reproduce
# both papers, figure by figure:
#
# - **Disentangling** ([Manteiga et al. 2025](https://doi.org/10.1051/0004-6361/202451786), GANDALF). An autoencoder squeezes
#   Gaia RVS spectra into 25 numbers. Adversarial networks control which stellar parameters these numbers may contain.
# - **Domain adaptation** ([O'Briain et al. 2020](https://arxiv.org/abs/2007.03109), Cycle-StarNet). Synthetic spectra
#   are never quite like observed ones. A pair of autoencoders learns the difference, although no star is both simulated
#   and observed. It also finds spectral lines that the simulator lacks.
#
# The second paper starts with a slow *simulator*, which is replaced by a fast *emulator*. Here the same simulator and
# emulator are used for both papers, because they can also make mock stars whose truth is known. The first notebooks are
# about this: `01` makes the emulator, and `02` measures the labels of real stars with it.

# %% tags=["parameters"]
seed: int = 1  # random seed of the drawn star
teff: float = 4800.0  # effective temperature of the first picture, K
output: str = ""  # folder for figures and tables; empty: only show them

# %%
import numpy as np
from astropy.table import Table

import specnb
from specnb.fitting.fit import with_errors
from specnb.plots.explorer import ExplorerFigure
from specnb.plots.spectra import best_fit
from specnb.reproduce.study import Study
from specnb.surveys import RVS
from specnb.surveys.archive import real_spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.archive import literature
from specnb.widgets import explore_emulator

study = Study(output)

# %% [markdown]
# ## What the papers claim
#
# Each line is a statement that these notebooks test, with spectra whose truth is known and with real stars. The last column
# names the notebook. Each of them ends with what it found, and the section *What was measured* of the `README.md` collects
# this for runs at the size of the papers.

# %%
claims = Table(
    rows=[
        ("GANDALF", "Table 1", "entangling improves regressors: T_eff MAE", "121 K", "93 K", "05"),
        ("GANDALF", "Table 1", "entangling improves regressors: log g MAE", "0.231 dex", "0.141 dex", "05"),
        ("GANDALF", "Table 1", "entangling improves regressors: [M/H] MAE", "0.099 dex", "0.065 dex", "05"),
        ("GANDALF", "Table 1", "entangling improves regressors: [α/Fe] MAE", "0.039 dex", "0.031 dex", "05"),
        ("Cycle-StarNet", "method", "emulator error over the full range", "", "0.1%", "06"),
        ("Cycle-StarNet", "abstract", "mean reduced χ² of fits falls by translation", "1.97", "1.22", "08"),
    ],
    names=["paper", "where", "claim", "before", "after", "notebook"],
)
study.table(claims, "claims", "Claims of the two papers that these notebooks are built to test.")

# %% [markdown]
# ## A first star
#
# The Radial Velocity Spectrometer of *Gaia* observes the range 8460–8700 Å with a resolving power of 11,500. Three deep
# lines of ionised calcium dominate this range; most of the many small lines are from iron. The next cell takes a real
# star from the folder named by `SPECNB_DATA`, or from the Gaia archive. If both fail, it draws one from the mock survey.

# %%
for survey_model in ("rvs", "rvs-real"):
    study.input(RVS.emulator_path.with_stem(survey_model))
emulator = specnb.load_emulator("rvs")
spectra, source = real_spectra(RVS)
for path in RVS.archive.files():
    study.input(path)
if spectra is None:
    spectra, _ = make_mock(emulator, RVS.mock(n_stars=1, seed=seed))
print(source)
names = list(literature(spectra.ids)["name"])
star = names.index("Kepler-93") if "Kepler-93" in names else 0
name = names[star]

# %% [markdown]
# One line of code is enough to fit its labels. Without a model `fit_labels` takes the one that is recommended for real stars of the survey,
# which was corrected with real stars and knows its own errors. Values are printed with their errors. χ² is `chi2_reduced` with the errors of
# the model, and `chi2_noise` with the noise alone.

# %%
fit = specnb.fit_labels(spectra[star])
print(fit)

# %% [markdown]
# Is it right? Here it is beside the literature, if this star is known there, and beside physics alone, which is what all notebooks up to `10`
# are about. (`02_fitting_stars` shows what is wrong with physics alone, and `11_real_stars` how real stars correct it, and how far.)

# %%
alone = specnb.fit_labels(spectra[star], emulator)
rows = {"default": fit, "physics only": alone}
table = {label: {kind: with_errors(each, label)[0] for kind, each in rows.items()} for label in ("teff", "logg", "m_h")}
known = literature(spectra.ids[[star]])
for label, texts in table.items():
    texts["literature"] = "" if np.ma.is_masked(known[label][0]) else f"{known[label][0]:g} {known[label].unit}"
table = Table(rows=[{"label": label} | texts for label, texts in table.items()])
study.table(table, "first_star_labels", f"{name}: fitted labels, and those of the literature where they are known.")

# %%
model = specnb.fitted_flux(fit)[0]
study.result("first_star", name)
study.result("first_star_teff", float(fit["teff"][0]), "K")
panel = spectra.flux[star], spectra.flux_error[star], spectra.mask[star], model
figure = best_fit(spectra.wavelength, *panel, name=name, survey=RVS)
study.figure(figure, "first_star", "A star's RVS spectrum with its best-fitting model and the residuals.")

# %% [markdown]
# ## A first slider
#
# Move $T_\mathrm{eff}$ and watch the calcium lines. The middle panel shows the change since the start. The bottom panel shows the
# gradient by the label that you moved last: where the spectrum would change if this label changed. Turn the mouse's wheel to
# zoom, drag the spectrum or the strip below it, and click on a line to learn whose it is. Your browser computes all this itself:
# the sliders work while the kernel is busy. If you choose a star at the top, the middle panel shows what the models leave of it. The
# blue model is the one that is recommended for real stars, and the orange one is physics alone. *Fit* finds the labels of the star.

# %%
explorer = explore_emulator(specnb.load_emulator("rvs-real"), {"teff": teff, "logg": 2.5}, spectra, emulator)
explorer

# %% [markdown]
# This is the picture of physics alone as it is drawn without a browser, in a batch run:

# %%
view = ExplorerFigure(
    emulator, {"teff": teff + 400, "logg": 2.5}, emulator([[teff, 2.5, 0, 0, 1, 2]])[0], f"{teff:g} K"
)
study.figure(view.figure, "first_slider", "A giant 400 K hotter than the reference; difference and gradient in T_eff.")

# %% [markdown]
# ## How to go on
#
# - `make paper` makes every figure and table of `paper_figures/` again. `specnb run 02_fitting_stars -p n_stars=1000`
#   runs one notebook with your own parameters.
# - The package is small: open `specnb/emulator/model.py` or `specnb/fitting/fit.py` and read.
#
# **Exercise.** With `explorer.set(teff=..., logg=...)` find two different stars whose spectra differ by less than 1%
# of the continuum everywhere. Which pair of labels did you trade for each other?
