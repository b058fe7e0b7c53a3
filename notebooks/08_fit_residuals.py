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
# $z_\mathrm{split}$, which the encoder makes from the same spectrum that is then fitted. So here each star is fitted three times, with
# all labels free and with the same optimiser. The first model is *physics only*. The second is *translated* with the same
# $z_\mathrm{split}$ for all stars, so it has no more free parameters than physics only. The third is *translated with its own*
# $z_\mathrm{split}$, as in the paper.
#
# **Are the labels better, too?** A network can learn to fit a spectrum well with the wrong labels. With a real survey one could not
# notice this. With a mock survey one can, because its true labels are known. This is the most important test.

# %% tags=["parameters"]
n_stars: int = 40  # test stars of each survey
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
from specnb.fitting.residuals import bias_change, chi2_statistics, distribution, label_errors
from specnb.plots.residuals import label_biases, residual_bands
from specnb.reproduce.study import Study
from specnb.surveys import SURVEYS
from specnb.surveys.archive import real_spectra
from specnb.surveys.rvs.archive import literature
from specnb.translate import TranslateConfig, load_translator, train
from specnb.translate.comparison import OWN, PHYSICS, TYPICAL, chains, fit_chains, summary
from specnb.translate.domains import STARS, mock_domains, unseen_stars
from specnb.translate.model import SHIPPED
from specnb.widgets import browse_fits

study = Study(output)
NAMES = {"apogee": "APOGEE, 25 labels", "rvs": "Gaia RVS, 6 labels"}

# %% [markdown]
# ## Stars that no training has seen
#
# There are two mock surveys, made by the same code: APOGEE as in the paper, and a similar one in the wavelength range of Gaia's
# spectrograph. A reduced χ² of 1 cannot be reached, because lines of the Earth's atmosphere, persistence and other effects differ
# from star to star and cannot be predicted from labels.

# %%
emulators, translators, stars, truth = {}, {}, {}, {}
for survey in NAMES:
    for path in (SURVEYS[survey].emulator_path, SHIPPED / f"{survey}-mock.safetensors"):
        study.input(path)
    emulators[survey] = specnb.load_emulator(survey).to(pick_device(device))
    translators[survey] = load_translator(f"{survey}-mock").to(pick_device(device))
    stars[survey], truth[survey] = unseen_stars(emulators[survey], n_stars)

# %%
fits, residuals = {}, {}
for survey in NAMES:
    models = chains(emulators[survey], translators[survey], stars[survey])
    fits[survey], residuals[survey] = fit_chains(stars[survey], models)

# %% [markdown]
# ## Figure 3
#
# The first row is physics only, and the second row is translated. Each panel shows the mean residual over the stars in each pixel
# (black) and its scatter (blue). In the first row, lines of wrong strength and missing lines are visible in all stars alike. In the
# second row the mean is nearly flat **by construction**, because the translator adds a constant in each pixel that makes the mean
# translated spectrum equal to the mean observed one (`match_means`). The scatter is not flat by construction. The last row compares it
# for both fits with its floor: with noise alone it would be 1.

# %%
for survey, name in NAMES.items():
    figure = residual_bands(stars[survey].wavelength, {fit: residuals[survey][fit] for fit in (PHYSICS, TYPICAL)})
    caption = (
        f"Residuals of fits of {n_stars} mock stars ({name}), before and after. After the translation the mean is flat by construction; "
        "the last row shows the scatter, which is not, and its floor."
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
    for key, fit in (("physics", PHYSICS), ("translated", TYPICAL), ("own_split", OWN)):
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
# ## Are the labels better?
#
# Bias is the median of fitted − true labels, in units of the median error of the fits. Within the grey band it is smaller than the
# noise of one star. The numbers at the right are the numbers of stars that ended at a limit of the label.

# %%
errors = {survey: label_errors(fits[survey], truth[survey].labels, emulators[survey].labels) for survey in NAMES}
for survey, name in NAMES.items():
    figure = label_biases(errors[survey], (PHYSICS, TYPICAL))
    study.figure(figure, f"label_biases_{survey}", f"Bias of fitted labels, {n_stars} mock stars ({name}).")
figure

# %%
for survey, name in NAMES.items():
    study.table(errors[survey], f"label_errors_{survey}", f"Fitted − true labels ({name}).")
    for fit, key in ((TYPICAL, "translated"), (OWN, "own_split")):
        change = bias_change(fits[survey][PHYSICS], fits[survey][fit], truth[survey].labels, emulators[survey].labels)
        study.result(f"{survey}_{key}_biases_that_fall", int(np.sum(change["falls"])))
        study.table(change, f"bias_change_{survey}_{key}", f"Median bias by physics only and by {fit} ({name}).")
change

# %% [markdown]
# ## Is it luck?
#
# The next table gives the same results for other trainings, with other training stars, other initial weights and other noise. The test
# stars are the same.

# %%
rows = []
for survey in NAMES:
    for seed in seeds:
        some = fits[survey], residuals[survey]
        if seed != 1:
            config = TranslateConfig.for_survey(SURVEYS[survey], seed=seed, device=device)
            config = replace(config, iterations=iterations) if iterations else config
            domains = mock_domains(emulators[survey], STARS, seed)
            other = train(emulators[survey], domains.labels, domains.observed, config)
            models = chains(emulators[survey], other, stars[survey])
            del models[PHYSICS]
            new = fit_chains(stars[survey], models)
            some = [{PHYSICS: first[survey][PHYSICS]} | part for first, part in zip((fits, residuals), new)]
        table = summary(*some, truth[survey].labels, emulators[survey].labels)
        rows += [{"survey": survey, "seed": seed} | dict(zip(table.colnames, row)) for row in table]
seeds_table = Table(rows=rows)
for column, form in {"chi2": ".3f", "ratio": ".3f", "mean": "+.4f", "std": ".3f"}.items():
    seeds_table[column].format = form
study.table(seeds_table, "seeds", "Trainings of each translator: χ², residuals, and labels whose bias falls.")

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
fitted = specnb.fitted_flux(fits["apogee"][TYPICAL], translated)
browse_fits(stars["apogee"], fitted, fits["apogee"][TYPICAL])

# %% [markdown]
# **What to see.** χ² falls. With the typical $z_\mathrm{split}$ it falls nearly as far as with each star's own z_split. So the
# translator makes better spectra, and not only a more flexible model. Most biases become smaller as well. The others belong to labels
# that the spectrum hardly constrains, or to labels that can compensate for each other, such as $T_\mathrm{eff}$, [Fe/H] and
# $v_\mathrm{micro}$. The reason is that unpaired spectra only determine the *distribution* of translated spectra, and this distribution
# hardly changes if such labels are slightly mixed with each other.
#
# **Exercise.** Take only the stars with S/N below 80, and then those above 200. For which of them does the translator help more, and
# why? (`stars["apogee"].labels["snr"]` gives the S/N; compare the reduced χ² of both fits.)
