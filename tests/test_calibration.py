"""Errors of the model in fits, their files, the flags that they give, and the default model."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import specnb
from specnb.core.doppler import doppler_shift
from specnb.core.files import read_tensors, write_tensors
from specnb.core.spectra import Spectra
from specnb.emulator.calibration import Calibration, cleaned, whitening
from specnb.emulator.changes import PixelChange
from specnb.emulator.model import Emulator
from specnb.emulator.shipped import recommended
from specnb.fitting.fit import FitConfig, fit_labels, fitted_flux
from specnb.fitting.forward import ForwardModel
from specnb.fitting.pulls import interior_stars, label_pulls
from specnb.surveys import APOGEE, RVS

PHYSICS = specnb.load_emulator("rvs")
RNG = np.random.default_rng(5)
X = np.linspace(0.0, 1.0, 800)
ERROR = 0.004 * (1.0 + np.sin(9.0 * X) ** 2)
COMPONENTS = 0.01 * np.stack([np.sin(40.0 * X), np.exp(-((X - 0.4) ** 2) / 0.01), np.cos(7.0 * X)])
DOMAIN = interior_stars(PHYSICS, 400, 100.0, seed=7)
STARS = np.column_stack([DOMAIN.labels[name] for name in PHYSICS.labels])


def calibration(error=ERROR, components=COMPONENTS, stars=STARS, **settings):
    return Calibration(error, components, stars, **settings)


def changed(emulator=PHYSICS):
    return emulator.then(PixelChange(np.full(800, 1.2), np.full(800, 0.01)))


def with_errors(stars, rng=RNG):
    """Stars whose spectra have errors of the model, too."""
    amplitudes = rng.normal(size=(len(stars), 3))
    flux = stars.flux + ERROR * rng.normal(size=stars.flux.shape) + amplitudes @ COMPONENTS
    return replace(stars, flux=flux)


def dense_inverse(ivar, components):
    return np.linalg.inv(np.diag(1.0 / ivar) + components.T @ components)


# χ² and errors


def test_the_small_matrix_gives_the_inverse_of_the_covariance_of_all_pixels():
    ivar = torch.rand(2, 30).double() + 0.1
    components, rows = torch.randn(2, 3, 30).double(), torch.randn(2, 4, 30).double()
    weight, directions = (each[:, None] for each in whitening(ivar, components))
    clean = cleaned(rows * weight, directions[:, 0])
    for star in range(2):
        exact = rows[star].numpy() @ dense_inverse(ivar[star].numpy(), components[star].numpy())
        np.testing.assert_allclose(clean[star] * weight[star], exact, rtol=1e-9, atol=1e-11)


def test_a_fit_minimises_chi2_with_the_whole_covariance():
    """The Fisher matrix, χ² and the gradient at the solution are those of the dense covariance."""
    emulator = PHYSICS.calibrated(calibration())
    stars = with_errors(DOMAIN[:4])
    fit = fit_labels(stars, emulator, FitConfig(continuum_order=-1))
    labels = np.column_stack([fit[name] for name in emulator.labels])
    jacobian = emulator.jacobian(labels).astype(float)
    for star in range(4):
        inverse = dense_inverse(1.0 / (stars.flux_error[star] ** 2 + ERROR**2), COMPONENTS)
        residual = stars.flux[star] - emulator(labels[[star]])[0].astype(float)
        covariance = np.linalg.inv(jacobian[star] @ inverse @ jacobian[star].T)
        gradient = jacobian[star] @ inverse @ residual
        assert gradient @ covariance @ gradient < 1e-3
        chi2 = residual @ inverse @ residual / (800 - 6)
        assert fit["chi2_reduced"][star] == pytest.approx(chi2, rel=1e-4)
        noise = np.mean((residual / stars.flux_error[star]) ** 2) * 800 / (800 - 6)
        assert fit["chi2_noise"][star] == pytest.approx(noise, rel=1e-4)
        errors = [fit[f"{name}_error"][star] for name in emulator.labels]
        np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-3)


def test_errors_of_the_model_follow_the_scale_of_the_flux():
    emulator = PHYSICS.calibrated(calibration())
    stars = with_errors(DOMAIN[:4])
    scaled = replace(stars, flux=50.0 * stars.flux, flux_error=50.0 * stars.flux_error)
    one, other = fit_labels(stars, emulator), fit_labels(scaled, emulator)
    for name in (
        "teff",
        "teff_error",
        "logg",
        "chi2_reduced",
    ):  # the level is known to some per cent
        np.testing.assert_allclose(other[name], one[name], rtol=0.06)


@pytest.mark.parametrize("fit_rv", [False, True])
def test_errors_of_labels_hold_only_with_the_errors_of_the_model(fit_rv):
    emulator = PHYSICS.calibrated(calibration())
    stars = with_errors(interior_stars(PHYSICS, 300, 100.0, seed=3), np.random.default_rng(1))
    config = FitConfig(fit_rv=fit_rv, continuum_order=-1)
    fit = fit_labels(stars, emulator, config)
    without = fit_labels(stars, emulator, replace(config, model_error=False))
    for name in ("teff", "logg", "m_h", "alpha_fe"):
        assert 0.85 < np.std(label_pulls(fit, stars.labels, name)) < 1.15, name
        assert np.std(label_pulls(without, stars.labels, name)) > 1.3, name
    assert np.median(fit["chi2_reduced"]) == pytest.approx(1.0, abs=0.03)
    assert np.median(fit["chi2_noise"]) > 1.5
    np.testing.assert_allclose(without["chi2_noise"], without["chi2_reduced"], rtol=1e-5)


def test_a_calibration_without_errors_changes_no_fit():
    stars, plain = DOMAIN[:20], fit_labels(DOMAIN[:20], PHYSICS)
    zero = PHYSICS.calibrated(calibration(0 * ERROR, COMPONENTS[:0]))
    off = PHYSICS.calibrated(calibration())
    assert "chi2_noise" not in plain.colnames
    for fit in (fit_labels(stars, zero), fit_labels(stars, off, FitConfig(model_error=False))):
        for name in PHYSICS.labels:
            assert np.abs((fit[name] - plain[name]) / plain[f"{name}_error"]).max() < 0.02, name


@pytest.mark.parametrize("config", [FitConfig(), FitConfig(model_error=False)])
def test_pixels_that_are_not_trusted_do_not_count(config):
    error = ERROR.copy()
    error[100:300] = np.inf
    stars = DOMAIN[:3]
    bad = replace(stars, flux=np.where(np.isinf(error), 5.0, stars.flux))
    window = tuple(PHYSICS.wavelength[[100, 299]])
    out = fit_labels(
        stars, PHYSICS.calibrated(calibration()), replace(config, windows_out=(window,))
    )
    fit = fit_labels(bad, PHYSICS.calibrated(calibration(error)), config)
    for name in (*PHYSICS.labels, "chi2_reduced", "chi2_noise"):
        np.testing.assert_allclose(fit[name], out[name], rtol=2e-3, atol=2e-3, err_msg=name)


def test_the_errors_move_with_the_star():
    """A line that the model lacks is known at rest. It is found at the velocity of the star."""
    error = np.zeros(800)
    error[400:410] = np.inf
    emulator = PHYSICS.calibrated(calibration(error, COMPONENTS))
    model = ForwardModel(emulator, FitConfig(fit_rv=True))
    rest = torch.from_numpy(DOMAIN.flux[:2])
    velocity = torch.tensor([150.0, -300.0])
    flux = doppler_shift(rest, PHYSICS.wavelength, velocity)
    begun = model.begin(flux, torch.full_like(flux, 1e4), model.library(64))
    step = PHYSICS.wavelength[1] - PHYSICS.wavelength[0]
    for star, v in enumerate(velocity.tolist()):
        shift = round(PHYSICS.wavelength[405] * v / 299_792.458 / step)
        out = np.flatnonzero(begun["ivar"][star, 100:700].numpy() == 0) + 100
        assert abs(out - np.arange(400, 410) - shift).max() <= 1
        component = torch.from_numpy(COMPONENTS).float()
        moved = doppler_shift(component, PHYSICS.wavelength, torch.full((3,), v))
        difference = (begun["components"][star] - moved)[:, 100:700].abs().max()
        assert difference < 0.1 * (component - moved)[:, 100:700].abs().max()


# Label errors of similar stars, and what is usual for labels


def test_label_errors_of_the_nearest_stars_are_added():
    """Hot stars have errors of 100 K that are anti-correlated with log g, cool ones have none."""
    hot = (STARS[:, 0] > np.median(STARS[:, 0]))[:, None]
    drawn = RNG.normal(size=(len(STARS), 1))
    offsets = hot * drawn * np.array([100.0, -0.2, 0.0, 0.0, 0.0, 0.0])
    emulator = PHYSICS.calibrated(calibration(offsets=offsets, names=("teff",)))
    without = fit_labels(DOMAIN[:60], PHYSICS.calibrated(calibration()))
    fit = fit_labels(DOMAIN[:60], emulator)
    off = fit_labels(DOMAIN[:60], emulator, FitConfig(model_error=False))
    noise = fit_labels(DOMAIN[:60], PHYSICS)
    order = np.sort(STARS[:, 0])
    teff = np.asarray(fit["teff"])
    added = np.asarray(fit["teff_error"]) ** 2 - np.asarray(without["teff_error"]) ** 2
    clearly_hot, clearly_cool = teff > order[260], teff < order[140]
    assert np.sqrt(np.mean(added[clearly_hot])) == pytest.approx(100.0, rel=0.15)
    assert np.abs(added[clearly_cool]).max() < 1e-3
    for name in ("m_h", "alpha_fe"):
        np.testing.assert_allclose(fit[f"{name}_error"], without[f"{name}_error"], rtol=1e-6)
    np.testing.assert_allclose(off["teff_error"], noise["teff_error"], rtol=1e-2)
    np.testing.assert_allclose(fit["teff"], without["teff"], rtol=1e-6)
    found = emulator.calibration.covariance(STARS[hot[:, 0]][:5], RVS)
    correlation = found[:, 0, 1] / torch.sqrt(found[:, 0, 0] * found[:, 1, 1])
    np.testing.assert_allclose(correlation, -1.0, atol=1e-6)


def test_the_covariance_is_that_of_the_fifty_nearest_stars():
    offsets = RNG.normal(size=STARS.shape)
    chosen = calibration(offsets=offsets, names=("teff", "logg"))
    place = STARS[:, :2] / np.float32(STARS)[:, :2].std(axis=0)
    nearest = np.argsort(np.linalg.norm(place - place[7], axis=1))[:50]
    expected = offsets[nearest].T @ offsets[nearest] / 50
    np.testing.assert_allclose(chosen.covariance(STARS[[7]], RVS)[0], expected, rtol=1e-5)
    few = calibration(stars=STARS[:3], offsets=offsets[:3])
    expected = offsets[:3].T @ offsets[:3] / 3
    np.testing.assert_allclose(few.covariance(STARS[[7]], RVS)[0], expected, rtol=1e-5)


# [alpha/Fe] = 0.3 - 0.4 [M/H] ± 0.05, in the order of the labels
RELATION = np.array([[0.0, 0.0, 0.4, 1.0, 0.0, 0.0, 0.3]]) / 0.05


def test_a_relation_is_a_prior_with_the_exact_posterior():
    """The fit is where the gradient of χ² and prior is 0, and its errors are those of the sum."""
    emulator = PHYSICS.calibrated(calibration(relations=RELATION))
    stars, config = with_errors(DOMAIN[:4]), FitConfig(continuum_order=-1)
    fit = fit_labels(stars, emulator, config)
    free = fit_labels(stars, PHYSICS.calibrated(calibration()), config)
    labels = np.column_stack([fit[name] for name in emulator.labels])
    jacobian = emulator.jacobian(labels).astype(float)
    weight, value = RELATION[0, :-1], RELATION[0, -1]
    for star in range(4):
        inverse = dense_inverse(1.0 / (stars.flux_error[star] ** 2 + ERROR**2), COMPONENTS)
        residual = stars.flux[star] - emulator(labels[[star]])[0].astype(float)
        fisher = jacobian[star] @ inverse @ jacobian[star].T + np.outer(weight, weight)
        pull = weight * (weight @ labels[star] - value)
        gradient = jacobian[star] @ inverse @ residual - pull
        assert gradient @ np.linalg.inv(fisher) @ gradient < 1e-3
        assert pull @ np.linalg.inv(fisher) @ pull > 1.0  # the spectrum alone says something else
        errors = [fit[f"{name}_error"][star] for name in emulator.labels]
        np.testing.assert_allclose(errors, np.sqrt(np.diag(np.linalg.inv(fisher))), rtol=1e-3)
        # χ² is that of the spectrum alone. It is higher than without the prior.
        chi2 = residual @ inverse @ residual / (800 - 6)
        assert fit["chi2_reduced"][star] == pytest.approx(chi2, rel=1e-4)
        assert fit["chi2_reduced"][star] > free["chi2_reduced"][star]


def test_model_error_switches_relations_off():
    emulator = PHYSICS.calibrated(calibration(relations=RELATION))
    config = FitConfig(model_error=False)
    off, plain = fit_labels(DOMAIN[:8], emulator, config), fit_labels(DOMAIN[:8], PHYSICS)
    on = fit_labels(DOMAIN[:8], emulator)
    for name in ("alpha_fe", "alpha_fe_error"):
        np.testing.assert_allclose(off[name], plain[name], atol=2e-4)
        assert np.abs(on[name] - plain[name]).max() > 0.005


def test_a_relation_without_scatter_holds():
    """A relation without scatter holds exactly, and the errors of its labels are correlated."""
    sharp = 1e4 * RELATION
    fit = fit_labels(DOMAIN[:5], PHYSICS.calibrated(calibration(relations=sharp)))
    np.testing.assert_allclose(fit["alpha_fe"], 0.3 - 0.4 * fit["m_h"], atol=1e-3)
    np.testing.assert_allclose(fit["alpha_fe_error"], 0.4 * fit["m_h_error"], rtol=1e-2)


# Flags


def test_stars_that_the_model_does_not_describe_say_so():
    emulator = PHYSICS.calibrated(calibration(chi2_limit=1.5, names=("teff", "logg", "m_h")))
    good = with_errors(interior_stars(PHYSICS, 200, 100.0, seed=11))
    lacking = replace(good[:50], flux=good.flux[:50] - 0.2 * (np.arange(800) % 40 == 0))
    fit, strange = fit_labels(good, emulator), fit_labels(lacking, emulator)
    assert np.mean(["poor_fit" in flags for flags in fit["flags"]]) < 0.02
    assert np.mean(["outside_domain" in flags for flags in fit["flags"]]) < 0.05
    assert np.mean(["poor_fit" in flags for flags in strange["flags"]]) > 0.9
    ignored = fit_labels(lacking, emulator, FitConfig(model_error=False))
    assert not any("poor_fit" in flags for flags in ignored["flags"])


def test_labels_far_from_all_stars_of_the_domain_are_outside():
    dwarfs = STARS[STARS[:, 1] > 3.8]
    near = dwarfs.mean(axis=0)
    far = near + np.array([0.0, -2.5, 0.0, 0.0, 0.0, 0.0])
    fast = near + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 40.0])
    labels = np.stack([near, far, fast, np.full(6, np.nan)])
    chosen = calibration(stars=dwarfs, names=("teff", "logg", "m_h"))
    assert chosen.outside(labels, RVS).tolist() == [False, True, False, True]
    everywhere = calibration(stars=dwarfs)
    assert everywhere.outside(labels, RVS).tolist() == [False, True, True, True]
    unknown = dwarfs.copy()
    unknown[:, 5] = np.nan  # not among the labels that decide
    again = calibration(stars=unknown, names=("teff", "logg", "m_h"))
    assert again.outside(labels, RVS).tolist() == [False, True, False, True]


# The emulator and its file


def test_the_calibration_stays_with_the_emulator_until_the_next_step():
    emulator = changed().calibrated(calibration())
    for other in (emulator, emulator.of(None), emulator.to(dtype=torch.float64)):
        assert other.calibration.error.dtype == other.network.low.dtype
        np.testing.assert_allclose(other.calibration.components, COMPONENTS, rtol=1e-6)
    np.testing.assert_array_equal(emulator(STARS), changed()(STARS))
    assert changed(emulator).calibration is None and PHYSICS.calibration is None
    assert changed().calibration is None
    fit = fit_labels(DOMAIN[:2], changed(emulator), FitConfig(fit_rv=False))
    assert "chi2_noise" not in fit.colnames


@pytest.mark.parametrize("base", [None, "rvs"])
@pytest.mark.parametrize("half", [False, True])
def test_files_hold_the_calibration_and_little_else_with_a_base(tmp_path, base, half):
    path = tmp_path / "real.safetensors"
    told = calibration(
        chi2_limit=3.0, names=("teff", "logg"), offsets=0.1 * STARS, relations=RELATION
    )
    made = changed().calibrated(told, stars=400)
    made.save(path, base)
    if half:  # as small files are shipped
        tensors, about = read_tensors(path)
        short = {k: v.half() if k.startswith("steps.0") else v for k, v in tensors.items()}
        write_tensors(path, short, about)
    assert (path.stat().st_size < 100_000) == (base is not None)
    again = Emulator.load(path, RVS)
    assert {value.dtype for value in again.network.parameters()} == {torch.float32}
    assert again.steps[0].power.dtype == torch.float32
    np.testing.assert_allclose(again(STARS), made(STARS), atol=1e-3 if half else 0)
    found = again.calibration
    np.testing.assert_array_equal(found.error, np.float32(ERROR))
    np.testing.assert_array_equal(found.components, np.float32(COMPONENTS))
    np.testing.assert_array_equal(found.stars, np.float32(STARS))
    np.testing.assert_array_equal(found.offsets, np.float32(0.1 * STARS))
    np.testing.assert_array_equal(found.relations, np.float32(RELATION))
    assert again.card["stars"] == 400
    assert (found.names, found.chi2_limit) == (("teff", "logg"), 3.0)
    again.save(tmp_path / "again.safetensors", base)
    assert (tmp_path / "again.safetensors").stat().st_size <= path.stat().st_size + 10_000


def test_a_file_needs_the_base_that_it_was_made_from(tmp_path, monkeypatch):
    shipped = RVS.emulator_path
    monkeypatch.setattr("specnb.surveys.survey.DATA", tmp_path)
    (tmp_path / "emulators").mkdir()
    copy, path = tmp_path / "emulators" / "rvs.safetensors", tmp_path / "real.safetensors"
    copy.write_bytes(shipped.read_bytes())
    changed().save(path, "rvs")
    Emulator.load(path, RVS)
    changed().save(copy)
    with pytest.raises(OSError, match=r"real.safetensors .*rvs.safetensors, from which .* changed"):
        Emulator.load(path, RVS)
    copy.unlink()
    with pytest.raises(OSError, match=r"real.safetensors .*No such file.*rvs.safetensors"):
        Emulator.load(path, RVS)


def test_steps_of_shipped_emulators_are_always_known(tmp_path):
    import subprocess
    import sys

    changed().save(tmp_path / "real.safetensors", "rvs")
    code = (
        "from specnb.emulator.model import Emulator; from specnb.surveys import RVS;"
        f"print(Emulator.load({str(tmp_path / 'real.safetensors')!r}, RVS))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "then PixelChange" in done.stdout


@pytest.mark.parametrize(
    "given",
    [
        {"error": -ERROR},
        {"error": ERROR * np.nan},
        {"error": ERROR[1:]},
        {"components": COMPONENTS[:, 1:]},
        {"components": COMPONENTS[0]},
        {"components": np.full((1, 800), np.nan)},
        {"stars": STARS[:, 1:]},
        {"stars": STARS[:0]},
        {"offsets": STARS[:, 1:]},
        {"relations": STARS[:1]},
        {"relations": np.ones(7)},
        {"names": ("teff", "fe_h")},
    ],
)
def test_calibrations_that_do_not_fit_are_refused(given):
    with pytest.raises(ValueError, match="the calibration does not fit <Emulator .*: give errors"):
        PHYSICS.calibrated(calibration(**given))


# The default model


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder with the emulators of physics, and one for real stars of the RVS."""
    (tmp_path / "emulators").mkdir()
    for survey in (RVS, APOGEE):
        link = tmp_path / "emulators" / survey.emulator_path.name
        link.symlink_to(survey.emulator_path)
    monkeypatch.setattr("specnb.surveys.survey.DATA", tmp_path)
    made = changed().calibrated(calibration())
    made.save(tmp_path / "emulators" / "rvs-real.safetensors", "rvs")


def native(wavelength):
    ones = np.ones((1, len(wavelength)))
    return Spectra(wavelength, ones, 0.01 * ones, ones < 0, ["a"])


def test_the_recommended_model_is_that_of_the_survey(shipped):
    for spectra in (native(RVS.pixels), native(RVS.native)):
        assert recommended(spectra).name == "rvs-real"
    for spectra in (native(APOGEE.pixels), *map(native, APOGEE.grids)):
        with pytest.raises(
            ValueError, match="no emulator named 'apogee-real' is shipped: .*choose apogee, rvs"
        ):
            recommended(spectra)
    with pytest.raises(ValueError, match=r"50 pixels .* no survey \(rvs, apogee\): give the emul"):
        fit_labels(native(np.linspace(5000.0, 5100.0, 50)))
    real = specnb.load_emulator("rvs-real")
    assert real.to(dtype=torch.float64).name == real.of(None).name == "rvs-real"
    assert changed(real).name is None and PHYSICS.name == "rvs"
    with pytest.raises(ValueError, match="choose apogee, rvs, rvs-real"):
        specnb.load_emulator("rvs-false")


def test_a_table_tells_its_model(shipped, tmp_path):
    stars = replace(DOMAIN[:3], flux=changed()(STARS[:3]))
    fit = fit_labels(stars)
    assert fit.meta["model"] == "rvs-real" and "chi2_noise" in fit.colnames
    fit.write(tmp_path / "fit.ecsv")
    again = type(fit).read(tmp_path / "fit.ecsv")
    for table in (fit, again, fit[:2], again[[0, 2]]):
        assert table.meta["model"] == "rvs-real"
    np.testing.assert_array_equal(
        fitted_flux(again), fitted_flux(fit, specnb.load_emulator("rvs-real"))
    )
    np.testing.assert_allclose(fitted_flux(fit), stars.flux, atol=0.01)
    physics = fit_labels(stars, specnb.load_emulator("rvs"))
    assert physics.meta["model"] == "rvs"
    np.testing.assert_array_equal(fitted_flux(physics), fitted_flux(physics, PHYSICS))
    own = fit_labels(stars, changed())
    assert "then PixelChange" in own.meta["model"]
    with pytest.raises(ValueError, match="no emulator named '<Emulator of .*give your own"):
        fitted_flux(own)
    json.dumps(dict(own.meta))


# How a table is printed


def test_few_stars_are_printed_as_columns_with_all_labels_and_flags():
    fit = fit_labels(DOMAIN[:3], PHYSICS)
    fit["flags"] = np.array(["at_limit:teff,poor_fit", "", "outside_domain"])
    fit["teff"][:2], fit["teff_error"][:2] = [5772.4, np.nan], [12.3, np.nan]
    fit["logg"][0], fit["logg_error"][0] = 4.4377, 0.0342
    assert "ideal-00000" in str(fit).splitlines()[0]
    assert {*PHYSICS.labels} <= set(str(fit).split()) and "continuum_0" not in str(fit)
    assert (
        "5772 ± 12 K" in str(fit) and "4.438 ± 0.034 dex" in str(fit) and "nan ± nan K" in str(fit)
    )
    flags = [line.split() for line in str(fit).splitlines() if line.startswith("flags")]
    assert flags == [["flags", "at_limit:teff", "outside_domain"], ["flags", "poor_fit"]]
    assert "5772 ± 12 K" in fit._repr_html_() and "<td>" in fit._repr_html_()
    alone = fit[1:2]
    assert type(alone) is type(fit) and "ideal-00001" in str(alone) and "at_limit" not in str(alone)


@pytest.mark.parametrize("n", [0, 40])
def test_the_flags_of_many_stars_are_not_cut_off(n):
    fit = fit_labels(DOMAIN[:n], PHYSICS)
    flags = "at_limit:teff,at_limit:logg"
    fit["flags"] = np.full(n, flags)
    assert str(fit).splitlines()[0].split()[-1] == "flags"
    assert (flags in str(fit)) == (n > 0) and "continuum_0" not in str(fit)
    assert str(fit["id", "flags"]).count(flags) > 5 or n == 0
