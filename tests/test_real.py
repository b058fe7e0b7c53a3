"""Domains of real stars from a catalogue, and what unseen stars tell about a model; shipped emulators."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

import specnb
from specnb.core.spectra import Spectra
from specnb.emulator.model import Emulator
from specnb.fitting.fit import FitConfig, fit_labels
from specnb.fitting.pulls import interior_stars, label_pulls
from specnb.reproduce.shipping import ship_real
from specnb.surveys import APOGEE, RVS
from specnb.surveys.apogee.pixels import APOGEE_CUT
from specnb.surveys.apogee.stars import SPREADS
from specnb.surveys.plain import over_continuum
from specnb.translate.real import FLOOR, LEAST, calibrated, catalogue_domains, excess, usual
from specnb.translate.real_apogee import NAMES, error_patterns, surrogate_sets

DATA = Path(os.environ.get("SPECNB_DATA", "nowhere"))
STARS = Path(os.environ.get("SPECNB_STARS", "nowhere"))
needs_data = pytest.mark.skipif(not (DATA / "gaia_rvs").is_dir(), reason="set SPECNB_DATA")
needs_stars = pytest.mark.skipif(not (STARS / "atlas_hband").is_dir(), reason="set SPECNB_STARS")
KNOWN = ("teff", "logg", "m_h")


def completed_labels(catalogue, rng):
    """A survey whose catalogues lack [alpha/Fe], v_micro and v_broad."""
    labels = {name: np.asarray(catalogue[name], float) for name in KNOWN}
    n = len(catalogue)
    return labels | {
        "alpha_fe": 0.1 - 0.2 * labels["m_h"],
        "vmicro": rng.normal(1.5, 0.1, n),
        "vbroad": np.full(n, 10.0),
    }


SURVEY = replace(RVS, complete_labels=completed_labels, spreads={"vmicro": 0.1, "alpha_fe": 0.05})
PHYSICS = Emulator(specnb.load_emulator("rvs").network, SURVEY)
# A survey whose catalogues know all labels, of which it expects nothing
COMPLETE = Emulator(
    PHYSICS.network,
    replace(
        RVS,
        complete_labels=lambda catalogue, rng: {
            name: np.asarray(catalogue[name], float) for name in RVS.names
        },
    ),
)


def labels_of(spectra):
    return np.column_stack([spectra.labels[name] for name in RVS.names])


def catalogued(n, seed=1):
    """Stars with three labels in a catalogue. Their ids are their numbers."""
    stars = interior_stars(PHYSICS, n, 100.0, seed)
    stars = replace(stars, ids=[str(k) for k in range(n)])
    return replace(stars, labels=stars.labels[list(KNOWN)])


# The domains


def test_the_halves_have_different_stars_and_complete_labels():
    stars = catalogued(101)
    domains = catalogue_domains(PHYSICS, stars)
    assert domains.labels.shape == (50, 6) and domains.labels.dtype == np.float32
    assert np.isfinite(domains.labels).all()
    observed = set(map(int, domains.observed.ids))
    teff = np.float32(stars.labels["teff"])
    synthetic = {int(np.flatnonzero(teff == value)[0]) for value in domains.labels[:, 0]}
    assert observed | synthetic == set(range(101)) and not observed & synthetic
    assert np.allclose(domains.labels[:, 3], 0.1 - 0.2 * domains.labels[:, 2], atol=1e-6)
    again, other = catalogue_domains(PHYSICS, stars), catalogue_domains(PHYSICS, stars, seed=2)
    np.testing.assert_array_equal(again.labels, domains.labels)
    assert set(map(int, other.observed.ids)) != observed


def test_stars_outside_the_emulators_range_give_no_synthetic_spectra():
    stars = catalogued(60)
    stars.labels["teff"][:20] = 30_000.0
    stars.labels["logg"][20:30] = np.nan
    domains = catalogue_domains(PHYSICS, stars)
    teff = np.float32(stars.labels["teff"][30:])
    assert 0 < len(domains.labels) <= 30 and np.isin(domains.labels[:, 0], teff).all()
    assert len(domains.observed) == 30  # spectra are kept, since nobody needs their labels


def test_a_survey_must_tell_how_to_fill_in_labels():
    emulator = SimpleNamespace(survey=replace(RVS, complete_labels=None))
    with pytest.raises(ValueError, match="survey rvs does not tell which labels are usual: give"):
        catalogue_domains(emulator, catalogued(10))


# What is usual


def test_a_linear_relation_and_its_scatter_are_recovered():
    rng = np.random.default_rng(0)
    labels = labels_of(interior_stars(PHYSICS, 2000, 100.0, seed=4))
    labels[:, 3] = 0.15 - 0.3 * labels[:, 2] + 1e-4 * (labels[:, 0] - 5000.0)
    labels[:, 3] += rng.normal(0.0, 0.08, len(labels))
    relations = usual(PHYSICS, labels, KNOWN)
    assert relations.shape == (2, 7)
    alpha = next(row / row[3] for row in relations if row[3])
    scatter = 1.0 / next(row[3] for row in relations if row[3])
    assert scatter == pytest.approx(0.08, rel=0.05)
    np.testing.assert_allclose(alpha[[0, 2, 6]], [-1e-4, 0.3, 0.15 - 0.5], rtol=0.1)
    assert alpha[1] == pytest.approx(0.0, abs=0.01) and (alpha[4:6] == 0).all()
    # Other stars are at 0 ± 1.
    away = relations[:, :-1] @ labels.T - relations[:, -1:]
    np.testing.assert_allclose(away.std(axis=1), 1.0, rtol=0.01)


def test_the_scatter_is_at_least_that_which_the_survey_expects():
    labels = labels_of(interior_stars(PHYSICS, 300, 100.0, seed=4))
    labels[:, 3] = 0.1
    (scatter,) = (1.0 / row[3] for row in usual(PHYSICS, labels, KNOWN) if row[3])
    assert scatter == pytest.approx(SURVEY.spreads["alpha_fe"])


def test_labels_of_the_catalogue_and_labels_without_a_spread_are_free():
    labels = labels_of(interior_stars(PHYSICS, 300, 100.0, seed=4))
    assert (usual(PHYSICS, labels, KNOWN)[:, 5] == 0).all()
    assert len(usual(PHYSICS, labels, (*KNOWN, "alpha_fe"))) == 1
    assert usual(COMPLETE, labels, KNOWN).shape == (0, 7)


# Errors of a model

WRONG = np.where(np.abs(RVS.pixels - 8500.0) < 12.0, 0.03, 0.0)


def test_the_variance_beyond_the_noise_is_found_in_good_pixels():
    rng = np.random.default_rng(1)
    n, sigma = 4000, 0.02
    mask = rng.random((n, 5)) < 0.3
    mask[LEAST - 1 :, 4] = True
    flux = np.ones((n, 5))
    error = np.where(mask, 0.0, sigma)
    stars = Spectra(np.linspace(8500.0, 8501.0, 5), flux, error, mask, np.arange(n).astype(str))
    residual = rng.normal(size=(n, 5)) * np.hypot(sigma, [0.0, 0.01, 0.05, 0.0, 0.0])
    residual[:50] = np.nan  # these could not be fitted
    residual[mask] = 7.0
    found = excess(stars, residual)
    np.testing.assert_allclose(found[:4], [0.0, 1e-4, 25e-4, 0.0], atol=1.2e-4)
    assert found[1] == pytest.approx(1e-4, rel=0.25) and found[4] == np.inf


@pytest.fixture(scope="module")
def calibration_study():
    """Stars with errors of the model in some pixels, and spectra of stars that are 120 K hotter.

    The difference of 120 ± 80 K looks like another temperature, and leaves no residual.
    """

    def observed(n, seed):
        rng = np.random.default_rng(seed)
        stars = interior_stars(COMPLETE, n, 100.0, seed)
        labels = labels_of(stars)
        seen = labels.copy()
        seen[:, 0] += rng.normal(120.0, 80.0, n)
        flux = stars.flux + COMPLETE(seen) - COMPLETE(labels)
        flux += rng.normal(size=flux.shape) * WRONG
        mask = stars.mask.copy()
        mask[:, :20] = True
        return replace(stars, flux=flux, mask=mask)

    domain = labels_of(interior_stars(COMPLETE, 300, 100.0, seed=21))
    model = calibrated(COMPLETE, observed(250, 22), KNOWN, domain)
    return model, observed(200, 23)


def test_the_errors_of_pixels_are_found(calibration_study):
    error = calibration_study[0].calibration.error.numpy()
    assert np.isinf(error[:20]).all()
    wrong = (WRONG > 0) & (np.arange(800) >= 20)
    assert error[wrong].mean() == pytest.approx(0.03, rel=0.05)
    assert np.median(error[20:][WRONG[20:] == 0]) < 1.3 * FLOOR


def test_an_error_that_looks_like_another_temperature_is_found(calibration_study):
    model, unseen = calibration_study
    covariance = model.calibration.covariance(labels_of(unseen), RVS).numpy()
    size = np.sqrt(np.median(covariance[:, 0, 0]))
    assert size == pytest.approx(np.hypot(120.0, 80.0), rel=0.15)
    assert np.sqrt(np.median(covariance[:, 2, 2])) < 0.04


def test_errors_of_further_unseen_stars_hold(calibration_study):
    model, unseen = calibration_study
    fit = fit_labels(unseen, model)
    noise = fit_labels(unseen, model, FitConfig(model_error=False))
    for name in KNOWN:
        pulls = label_pulls(fit, unseen.labels, name)
        # The root of the mean square, since a shift of all temperatures is an error, too
        assert 0.8 < np.sqrt(np.mean(pulls**2)) < 1.25, name
    assert np.sqrt(np.mean(label_pulls(noise, unseen.labels, "teff") ** 2)) > 3
    assert np.median(fit["chi2_reduced"]) == pytest.approx(1.0, abs=0.1)
    assert np.median(noise["chi2_reduced"]) > 1.5
    for flag in ("poor_fit", "outside_domain"):
        assert np.mean([flag in flags for flags in fit["flags"]]) < 0.05, flag


@pytest.mark.parametrize("spread", [0.0, 50.0])
def test_noise_is_not_taken_for_an_error_of_labels(spread):
    """Noise moves T_eff by some 50 K, and the model's errors by as much or by nothing."""
    domain = labels_of(interior_stars(COMPLETE, 300, 100.0, seed=21))
    stars = interior_stars(COMPLETE, 400, 60.0, seed=24)
    rng = np.random.default_rng(25)
    catalogue = stars.labels.copy()
    catalogue["teff"] += rng.normal(0.0, spread, len(stars))
    model = calibrated(COMPLETE, replace(stars, labels=catalogue), KNOWN, domain)
    covariance = model.calibration.covariance(labels_of(stars), RVS).numpy()
    noise = np.median(fit_labels(stars, COMPLETE)["teff_error"])
    assert 40 < noise < 100
    found = np.sqrt(np.median(covariance[:, 0, 0]))
    assert found == pytest.approx(spread, abs=0.4 * noise)


# Surrogates in sets


@needs_stars
@needs_data
def test_the_three_sets_have_different_stars_in_the_right_proportions():
    sets = surrogate_sets(164, error_patterns())
    assert [len(part) for part in sets] == [2 * 20, 2 * 25, 2 * 119]
    seen = [
        {tuple(row) for row in np.column_stack([part.labels[name] for name in NAMES])}
        for part in sets
    ]
    assert sum(map(len, seen)) == len(seen[0] | seen[1] | seen[2]) == 328
    for part in sets:
        giants = part.labels["vbroad"].mask
        assert giants.sum() == len(part) / 2 and giants[: len(part) // 2].all()
        assert part.labels["logg"][giants].max() < 3.8 < part.labels["logg"][~giants].max()
    other = surrogate_sets(164, error_patterns(), seed=2)
    assert list(other[0].labels["teff"]) == list(sets[0].labels["teff"])
    assert not np.array_equal(other[0].flux, sets[0].flux)


@needs_stars
@needs_data
def test_surrogates_make_the_domains_of_a_translator():
    emulator = specnb.load_emulator("apogee")
    _, _, domain = surrogate_sets(80, error_patterns())
    domains = catalogue_domains(emulator, domain)
    assert len(domains.labels) == len(domain) // 2 and np.isfinite(domains.labels).all()
    relations = usual(emulator, domains.labels, NAMES)
    assert len(relations) == len(set(SPREADS) - set(NAMES))


def test_masked_labels_of_a_catalogue_are_filled_in():
    emulator = specnb.load_emulator("apogee")
    n = 40
    labels = Table({"teff": np.full(n, 4800.0), "logg": np.full(n, 2.5), "fe_h": np.zeros(n)})
    labels["mg_fe"] = 0.1
    labels["vbroad"] = MaskedColumn(np.full(n, 20.0), mask=np.arange(n) % 2 == 0)
    ones = np.ones((n, len(APOGEE.pixels)), np.float32)
    spectra = Spectra(APOGEE.pixels, ones, 0.01 * ones, ones < 0, np.arange(n).astype(str), labels)
    domains = catalogue_domains(emulator, spectra)
    assert np.isfinite(domains.labels).all() and len(domains.labels) > 5
    broad = domains.labels[:, emulator.labels.index("vbroad")]
    assert 2.0 < np.median(broad[broad != 20.0]) < 9.0 and (broad == 20.0).any()


# The shipped emulators of real spectra


@pytest.mark.parametrize(("survey", "n_labels"), [(RVS, 6), (APOGEE, 25)])
def test_emulators_of_real_spectra_are_shipped_and_know_their_errors(survey, n_labels):
    emulator = specnb.load_emulator(f"{survey.name}-real")
    error = emulator.calibration.error[emulator.calibration.error < np.inf]
    assert len(emulator.labels) == n_labels and emulator.name == f"{survey.name}-real"
    assert len(error) > 0.95 * len(survey.pixels) and 0 < error.median() < 0.01
    assert np.isfinite(emulator.calibration.chi2_limit)
    assert emulator.survey.emulator_path.with_stem(emulator.name).stat().st_size < 12e6


@needs_stars
def test_the_emulator_of_the_rvs_is_made_again_with_its_card(tmp_path):
    path = ship_real("rvs", tmp_path)
    made = Emulator.load(path, RVS)
    shipped = specnb.load_emulator("rvs-real")
    labels = [[5772.0, 4.4, 0.0, 0.0, 1.0, 4.0]]
    np.testing.assert_allclose(made(labels), shipped(labels), atol=1e-4)
    card = path.with_suffix(".md").read_text("utf-8")
    assert f"above {made.calibration.chi2_limit:.2f}" in card and "{{" not in card
    assert {each.name for each in path.parent.iterdir()} == {"rvs-real.safetensors", "rvs-real.md"}


def of_apogee(flux, error, mask, ids):
    return Spectra(APOGEE.pixels, *over_continuum(APOGEE, flux, error, mask), ids)


def combined(name):
    """The combined spectra in one of the files of many stars."""
    with np.load(STARS / name) as file:
        rows = file["visit"] == 0
        flux, error, bits = (file[key][rows][:, APOGEE_CUT] for key in ("flux", "err", "mask"))
        ids = [f"{star}-{k}" for k, star in enumerate(file["stars"]["apogee_id"])]
    return of_apogee(flux, error, (bits & APOGEE.bad_bits) != 0, ids)


# The atlases that the survey's own line list was tuned with; T_eff, log g and [M/H] from the
# literature; and how near a fit must be: the limits for T_eff (K), log g and [M/H].
ATLASES = ("sun_2018", "arcturus_new4")
SUN, ARCTURUS = (5772.0, 4.438, 0.0), (4286.0, 1.66, -0.52)
DWARF, GIANT = (100.0, 0.2, 0.1), (150.0, 0.2, 0.1)


def right(row, teff, logg, m_h, name, within=DWARF):
    """Whether labels are those of the literature. Another seed of a training changes them a little."""
    found = [row["teff"] - teff, row["logg"] - logg, row[name] - m_h]
    return np.all(np.abs(found) <= within), found


@needs_data
def test_the_default_labels_of_a_real_dwarf_are_right():
    """Physics alone finds 800 K too much for Kepler-93."""
    (row,) = fit_labels(specnb.read_spectra(DATA / "gaia_rvs" / "Kepler-93.csv"))
    good, found = right(row, 5669.0, 4.47, -0.18, "m_h")
    assert good, found
    assert 0.5 < row["chi2_reduced"] < 1.5 and "poor_fit" not in row["flags"]


@needs_stars
def test_the_default_labels_of_the_sun_and_arcturus_are_right():
    with np.load(STARS / "atlas_hband" / "hband_observed_on_apogee_grid_R22500.npz") as file:
        flux = np.stack([file[name] for name in ATLASES])
    stars = of_apogee(flux, np.full_like(flux, 0.005), ~np.isfinite(flux), ATLASES)
    fit = fit_labels(stars)
    assert fit.meta["model"] == "apogee-real"
    for row, literature, within in zip(fit, (SUN, ARCTURUS), (DWARF, GIANT)):
        good, found = right(row, *literature, "fe_h", within)
        assert good, (row["id"], found)


@needs_stars
@pytest.mark.parametrize(
    ("name", "fraction"),
    [
        ("apogee_cool_dwarfs/dr13_cool_dwarfs_apstar.npz", 0.95),
        ("apogee_binaries/kepler_eclipsing_binaries_apstar.npz", 7 / 9),
    ],
)
def test_stars_that_no_model_of_ours_describes_carry_flags(name, fraction):
    fit = fit_labels(combined(name))
    flagged = ["poor_fit" in flags or "outside_domain" in flags for flags in fit["flags"]]
    assert np.mean(flagged) >= fraction
