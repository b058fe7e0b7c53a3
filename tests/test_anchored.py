"""Models of real spectra from anchors: powers and offsets, what is learnt about errors, real stars."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import specnb
from specnb.core.spectra import Spectra
from specnb.emulator.changes import PixelChange
from specnb.emulator.model import Emulator
from specnb.surveys.population import draw_stars
from specnb.surveys.rvs.survey import RVS
from specnb.translate.anchored import FLOOR, anchored, learnt_errors, pixel_change
from specnb.translate.domains import true_labels
from specnb.translate.real_rvs import SUN, UNTRUSTED, real_rvs, solar_spectrum

ATLASES = Path(os.environ.get("SPECNB_STARS", "nowhere"), "rvs_highres")
needs_atlases = pytest.mark.skipif(
    not ATLASES.is_dir(), reason="the Sun's atlases: set SPECNB_STARS"
)
SIGMA = 0.002
RNG = np.random.default_rng


@pytest.fixture(scope="module")
def physics():
    return specnb.load_emulator("rvs")


@pytest.fixture(scope="module")
def real():
    return real_rvs(ATLASES)


def observed(model, n, seed, extra=0.0):
    """Stars with the spectra of a model, with noise, a slope of the continuum and `extra` flux."""
    rng = RNG(seed)
    stars = draw_stars(RVS, n, rng)
    flux = model(true_labels(stars, model)) * np.linspace(0.99, 1.01, 800) + extra
    flux = flux + rng.normal(0.0, SIGMA, flux.shape)
    error = np.full(flux.shape, SIGMA)
    return Spectra(RVS.pixels, flux, error, np.zeros(flux.shape), np.arange(n).astype(str), stars)


def test_a_known_power_and_offset_a_pixel_are_recovered(physics):
    """Line strengths and weak missing lines of a made-up truth, from 40 stars with free continua."""
    rng = RNG(1)
    power = 1 + rng.normal(0.0, 0.2, 800)
    offset = rng.normal(0.0, 0.005, 800)
    stars = observed(physics.then(PixelChange(power, offset)), 40, seed=2)
    found = pixel_change(physics, stars)
    lines = physics([SUN])[0] < 0.9
    assert np.abs(found.power.numpy() - power)[lines].max() < 0.1
    assert np.abs(found.offset.numpy() - offset)[~lines].mean() < 0.002


def test_one_anchor_gets_its_own_labels_back(physics):
    """Physics gives this star another temperature."""
    power = np.where(physics([SUN])[0] < 0.98, 0.8, 1.0)
    star = observed(physics.then(PixelChange(power, np.zeros(800))), 1, seed=5)
    model = anchored(physics, star, stars=true_labels(draw_stars(RVS, 50, RNG(0)), physics))
    (fit,), (before,) = specnb.fit_labels(star, model), specnb.fit_labels(star, physics)
    for name, floor in (("teff", 60.0), ("logg", 0.12), ("m_h", 0.06)):
        assert abs(fit[name] - star.labels[name][0]) < floor
    assert abs(before["teff"] - star.labels["teff"][0]) > 5 * before["teff_error"]
    assert fit["chi2_reduced"] < 1.0 and before["chi2_reduced"] > 5


def test_the_error_follows_the_change_and_untrusted_pixels_do_not_count(physics):
    power = np.where(np.abs(RVS.pixels - 8690.0) < 3, 0.5, 1.0)
    star = observed(physics.then(PixelChange(power, np.zeros(800))), 1, seed=5)
    others = true_labels(draw_stars(RVS, 50, RNG(0)), physics)
    error = anchored(
        physics, star, (), others, untrusted=((8500.0, 8510.0),)
    ).calibration.error.numpy()
    out = (RVS.pixels >= 8500) & (RVS.pixels <= 8510)
    assert np.isinf(error[out]).all() and np.isfinite(error[~out]).all()
    assert error.min() >= FLOOR
    deep = (physics(true_labels(star.labels, physics))[0] < 0.8) & (power < 1)
    assert error[deep].min() > 3 * np.median(error[~out])


def test_errors_are_learnt_from_stars_that_took_no_part(physics):
    """A pixel error and a pattern whose strength differs from star to star are both found."""
    rng = RNG(3)
    pattern = 0.03 * np.exp(-0.5 * ((RVS.pixels - 8600.0) / 2.0) ** 2)
    pixel = np.where(RVS.pixels < 8500.0, 0.02, 0.0)
    extra = rng.normal(size=(150, 1)) * pattern + rng.normal(size=(150, 800)) * pixel
    error, components = learnt_errors(physics, observed(physics, 150, 4, extra))
    assert np.median(error[RVS.pixels < 8500.0]) == pytest.approx(0.02, rel=0.15)
    assert np.median(error[RVS.pixels > 8620.0]) == FLOOR
    near = pattern > 0.003
    learnt = components.T @ components + np.diag(error**2)
    along = pattern / np.linalg.norm(pattern)
    assert np.sqrt(along @ learnt @ along) == pytest.approx(np.linalg.norm(pattern), rel=0.15)
    assert np.sqrt(np.diag(learnt))[near].max() == pytest.approx(0.03, rel=0.2)


def test_fits_of_unseen_stars_have_errors_that_hold(physics):
    """With many anchors: bias is gone, and pulls are those of a normal distribution."""
    rng = RNG(6)
    truth = physics.then(PixelChange(1 + rng.normal(0.0, 0.2, 800), rng.normal(0.0, 0.005, 800)))
    own = rng.normal(size=(200, 800)) * 0.008
    model = anchored(physics, observed(truth, 120, 7, own[:120]))
    stars = observed(truth, 80, 8, own[120:])
    fit = specnb.fit_labels(stars, model)
    for name in ("teff", "logg", "m_h"):
        pull = (fit[name] - stars.labels[name]) / fit[f"{name}_error"]
        assert abs(np.median(pull)) < 0.5 and 0.7 < np.std(np.clip(pull, -5, 5)) < 1.4
    assert 0.8 < np.median(fit["chi2_reduced"]) < 1.2
    assert np.median(fit["chi2_noise"]) > 5


def test_it_is_written_and_read_again(physics, tmp_path):
    model = anchored(physics, observed(physics, 35, 9))
    model.save(tmp_path / "mine.safetensors")
    again = Emulator.load(tmp_path / "mine.safetensors", RVS)
    assert np.array_equal(again([SUN]), model([SUN]))
    assert np.array_equal(again.calibration.error, model.calibration.error)


def test_stars_that_are_no_anchors_are_refused(physics):
    stars = observed(physics, 2, 10)
    with pytest.raises(ValueError, match="not at rest"):
        anchored(physics, replace(stars, at_rest=False))
    stars.labels.remove_column("logg")
    with pytest.raises(ValueError, match="logg"):
        anchored(physics, stars)


@needs_atlases
def test_the_sun_anchors_itself(real):
    sun = solar_spectrum(ATLASES)
    (fit,) = specnb.fit_labels(sun, real)
    assert (
        abs(fit["teff"] - 5772) < 50 and abs(fit["logg"] - 4.438) < 0.1 and abs(fit["m_h"]) < 0.05
    )
    assert fit["flags"] == ""
    (before,) = specnb.fit_labels(sun, specnb.load_emulator("rvs"))
    assert abs(before["teff"] - 5772) > 500


@needs_atlases
def test_the_lines_of_water_in_the_atlas_do_not_count(physics):
    """At 8514.3 Å the atlas of the disc has a line of our atmosphere, 11% deep on these pixels."""
    sun = solar_spectrum(ATLASES)
    water = np.argmin(np.abs(RVS.pixels - 8514.3))
    assert sun.flux_error[0, water] > 0.02 > 5 * np.median(sun.flux_error)
    power = pixel_change(physics, sun).power.numpy()
    assert abs(power[water] - 1) < 0.1


@needs_atlases
@pytest.mark.skipif("SPECNB_DATA" not in os.environ, reason="real spectra: set SPECNB_DATA")
def test_real_stars_that_took_no_part(real):
    """Kepler-93 has labels (5669, 4.47, −0.18), which physics alone misses by 800 K and 0.5 dex."""
    folder = Path(os.environ["SPECNB_DATA"], "gaia_rvs")
    names = "Kepler-93", "HD176650", "GaiaDR3-1535964555128078720"
    stars = Spectra.join(specnb.read_spectra(folder / f"{name}.csv") for name in names)
    fit = specnb.fit_labels(stars, real)
    assert abs(fit["teff"][0] - 5669) < 80
    assert abs(fit["logg"][0] - 4.47) < 0.1
    assert abs(fit["m_h"][0] + 0.18) < 0.05
    assert (fit["chi2_reduced"] < 1.3).all() and (fit["chi2_reduced"] > 0.7).all()
    assert all("," not in flags and "poor_fit" not in flags for flags in fit["flags"])
    error = real.calibration.error.numpy()
    assert np.median(error) < 0.01
    for low, high in UNTRUSTED:
        assert np.isinf(error[(RVS.pixels > low) & (RVS.pixels < high)]).all()


def test_a_missing_atlas_is_named(tmp_path):
    with pytest.raises(OSError, match="sun_8450_8750.npz.*name the folder"):
        solar_spectrum(tmp_path)
