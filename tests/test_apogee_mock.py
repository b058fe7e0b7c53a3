from dataclasses import replace

import numpy as np
import pytest
import torch

from specnb.core.wavelength import C_KM_S
from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.surveys import APOGEE
from specnb.surveys.apogee.lines import (
    SKY_LINES,
    WATER_LINES,
    carbon_dioxide_lines,
    line_list,
    pattern,
    seen_at_rest,
)
from specnb.surveys.apogee.mock import DETECTORS, PERSISTENT, RESOLVING_POWER, ApogeeMockConfig
from specnb.surveys.apogee.pixels import APOGEE_PIXELS, APOGEE_RESOLVING_POWER, continuum
from specnb.surveys.mock import make_mock
from specnb.surveys.population import Population, draw_stars

PIXELS = np.arange(len(APOGEE_PIXELS))
# Pixels with narrow lines: near the blue end, in the middle and near the red end of each detector
NARROW = np.concatenate([np.linspace(d.start + 60, d.stop - 60, 3).astype(int) for d in DETECTORS])


def emulator():
    """A small network. Its bias has lines of two widths; its weights make them weak in hot ones."""
    low, high = np.array([[label.low, label.high] for label in APOGEE.labels]).T
    rng = np.random.default_rng(0)
    absorbed = 0.5 * np.exp(-0.5 * ((PIXELS - NARROW[:, None]) / 1.5) ** 2).sum(axis=0)
    for centre, depth in zip(rng.uniform(0, len(PIXELS), 500), rng.uniform(0, 0.3, 500)):
        if np.min(np.abs(NARROW - centre)) > 30:
            absorbed += depth * np.exp(-0.5 * ((PIXELS - centre) / 2.0) ** 2)
    absorbed = np.minimum(absorbed, 0.7)
    network = Network(low, high, [(range(len(low)), (1,))], len(PIXELS))
    with torch.no_grad():
        first, last = network.branches[0][0], network.output
        first.weight.zero_(), first.bias.fill_(2.0), first.weight[0, 0].fill_(1.0)
        last.weight[:, 0] = torch.as_tensor(0.1 * absorbed)
        last.bias[:] = torch.as_tensor(1.0 - absorbed)
    return Emulator(network, APOGEE)


EMULATOR = emulator()
SWITCHES = {
    "wrong_lines": 0.3,
    "missing_lines": 1.0,
    "macroturbulence": 1.0,
    "resolution": 1.0,
    "telluric": 0.05,
    "sky": 0.005,
    "persistence": 0.05,
    "continuum": 0.05,
}


def made(**changes):
    return make_mock(EMULATOR, ApogeeMockConfig.clean(**{"n_stars": 40} | changes))


def emulated(truth):
    return EMULATOR(np.column_stack([truth.labels[name] for name in EMULATOR.labels])).astype(float)


def effect(**changes):
    """The true flux with one effect divided by that without it; shape (n, n_pix)."""
    return made(**changes)[1].flux.astype(float) / made(n_stars=changes.get("n_stars", 40))[1].flux


def before_normalising(stars, **changes):
    """Flux of stars with given labels and some effects, before the division by the continuum."""
    streams = {name: np.random.default_rng(0) for name in ApogeeMockConfig.STREAMS}
    config = ApogeeMockConfig.clean(n_stars=len(stars), **changes)
    sky = np.zeros((len(stars), len(PIXELS)))
    return config.changed_flux(EMULATOR, stars, config.own_effects(streams), sky)


def like_the_first(n, **changes):
    """n stars with the labels of a survey's first star, except for some labels."""
    stars = draw_stars(APOGEE, 1, np.random.default_rng(0))[np.zeros(n, int)]
    for name, values in changes.items():
        stars[name] = values
    return stars


def near_lines(observed_wavelength, lines, rv, width):
    """Pixels within `width` km/s of lines at fixed observed wavelengths; stars have velocity rv."""
    at_rest = np.asarray(lines) / (1 + np.asarray(rv)[:, None] / C_KM_S)
    return (
        np.min(np.abs(observed_wavelength[:, None, None] / at_rest - 1), axis=2).T * C_KM_S < width
    )


def test_clean_is_the_emulator_over_the_pseudo_continuum():
    observed, truth = made()
    flux = emulated(truth)
    # Relative errors of the flux before it is normalised, which give the weights
    error = truth.flux_error / truth.flux
    level = continuum(flux, (error * flux) ** -2.0)
    assert np.allclose(truth.flux, flux / level, rtol=1e-6)
    assert np.max(np.abs(level - continuum(flux, np.ones_like(flux)))) < 0.03
    assert not observed.mask.any() and not truth.mask.any()
    assert not np.array_equal(observed.flux, truth.flux)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_does_something_of_the_expected_size(name):
    rms = np.sqrt(np.mean((effect(**{name: SWITCHES[name]}) - 1) ** 2))
    assert 5e-4 < rms < 0.03


@pytest.mark.parametrize(
    ("name", "value"), [*SWITCHES.items(), ("bad_runs", 40.0), ("sky_limit", 2.0)]
)
def test_an_effect_changes_neither_stars_nor_noise(name, value):
    plain, plain_truth = made(n_stars=15)
    observed, truth = made(n_stars=15, **{name: value})
    for table, same in ((truth.labels, plain_truth.labels), (observed.labels, plain.labels)):
        assert all(np.array_equal(table[column], same[column]) for column in same.colnames)
    one, two = (
        (o.flux - t.flux) / t.flux_error for o, t in ((observed, truth), (plain, plain_truth))
    )
    good = ~observed.mask & (np.abs(one) < 4)
    assert good.mean() > 0.9
    # The correlation is not 1, because noise and masks change the continuum
    assert np.corrcoef(one[good], two[good])[0, 1] > 0.99


def test_wrong_lines_scale_the_optical_depth_by_factors_that_all_stars_share():
    stars = draw_stars(APOGEE, 10, np.random.default_rng(1))
    emulated, observed = before_normalising(stars), before_normalising(stars, wrong_lines=0.3)
    deep = emulated < 0.95
    factor = np.where(deep, np.log(observed) / np.log(np.where(deep, emulated, 0.5)), np.nan)
    expected = np.exp(0.3 * line_list(1)[0])
    assert np.allclose(factor[deep], np.broadcast_to(expected, deep.shape)[deep])
    wrong = np.abs(line_list(1)[0]) > 0.1
    assert 0.2 < wrong.mean() < 0.6
    assert 0.15 < np.std(expected[wrong]) < 0.35  # tens of per cent


def test_line_lists_have_their_own_seed():
    one, two, other = (
        made(wrong_lines=0.3)[1],
        made(wrong_lines=0.3, seed=2)[1],
        made(wrong_lines=0.3, line_list=2)[1],
    )
    assert not np.array_equal(one.labels["teff"], two.labels["teff"])
    assert np.array_equal(one.labels["teff"], other.labels["teff"])
    ratio = [
        np.median(truth.flux / (emulated(truth) / continuum(emulated(truth))), axis=0)
        for truth in (one, two, other)
    ]
    assert np.corrcoef(ratio[0], ratio[1])[0, 1] > 0.9
    assert abs(np.corrcoef(ratio[0], ratio[2])[0, 1]) < 0.2


def test_missing_lines_depend_on_temperature_metallicity_and_rotation():
    changes = {"teff": [4500, 4500, 5500, 4500], "fe_h": [0, -1, 0, 0], "vbroad": [4, 4, 4, 20]}
    stars = like_the_first(4, **changes)
    depth = -np.log(before_normalising(stars, missing_lines=1.0) / before_normalising(stars))
    # These are neutral metals, molecules and lines of high excitation, for v_broad = 4 km/s
    kinds = line_list(1)[1][2]
    assert np.allclose(depth[0], kinds.sum(axis=0), atol=1e-6)
    alone = kinds > 0.999 * kinds.sum(axis=0)
    for kind, here, iron, temperature in zip(
        kinds, alone, (0.5, 0.8, 0.5), (-1 / 3, -1 / 1.5, 1 / 4)
    ):
        here = here & (kind > 0.005)
        assert here.sum() > 50
        assert np.allclose(depth[1][here], kind[here] * 10**-iron, rtol=0.01)
        assert np.allclose(depth[2][here], kind[here] * 10**temperature, rtol=0.01)
    at_16, at_22 = line_list(1)[1][5:7].sum(axis=1)
    assert np.allclose(depth[3], (at_16 + 2 * at_22) / 3, atol=1e-6)
    assert depth[3].max() < depth[0].max()
    assert depth[3].sum() == pytest.approx(depth[0].sum(), rel=0.01)


def test_lower_resolution_widens_lines_as_stated_from_end_to_end_of_a_detector():
    stars = like_the_first(1)
    emulated, observed = before_normalising(stars)[0], before_normalising(stars, resolution=1.0)[0]
    for centre in NARROW:
        detector, ends = next(
            (d, ends) for d, ends in zip(DETECTORS, RESOLVING_POWER) if d.start <= centre < d.stop
        )
        window = np.arange(centre - 12, centre + 13)
        variance = [
            np.sum((1 - flux[window]) * (window - centre) ** 2) / np.sum(1 - flux[window])
            for flux in (emulated, observed)
        ]
        extra = np.array([power**-2 - APOGEE_RESOLVING_POWER**-2 for power in ends])
        extra *= (1 / 2.3548 / np.log(10) / 6e-6) ** 2  # variance in pixels
        expected = np.interp(centre, [detector.start, detector.stop - 1], extra)
        assert variance[1] - variance[0] == pytest.approx(expected, rel=0.02)


def test_giants_have_more_macroturbulence_than_dwarfs():
    plain, truth = made(n_stars=200)[1], made(n_stars=200, macroturbulence=1.0)[1]
    core = (truth.flux / plain.flux)[:, NARROW].mean(axis=1)
    stage = truth.labels["stage"]
    fill = [np.median(core[stage == name]) for name in ("dwarf", "subgiant", "red clump", "giant")]
    assert fill[0] > 1 and np.all(np.diff(fill) > 0)


def test_smoothing_does_not_leak_across_the_gaps():
    class Step:
        survey, labels, wavelength = APOGEE, EMULATOR.labels, APOGEE_PIXELS

        def __call__(self, labels):
            flux = np.ones((len(labels), len(PIXELS)), np.float32)
            flux[:, DETECTORS[1]] = 0.5
            return flux

    config = ApogeeMockConfig.clean(n_stars=3, resolution=1.0, macroturbulence=1.0)
    own = config.own_effects(config.streams())
    stars = draw_stars(APOGEE, 3, np.random.default_rng(0))
    assert np.allclose(
        config.changed_flux(Step(), stars, own, np.zeros((3, len(PIXELS)))),
        Step()(stars),
        atol=1e-12,
    )


def test_carbon_dioxide_lines_are_where_they_are_in_the_atmosphere():
    # In vacuum Å, measured in the telluric spectrum of a real DR17 star; lines are 3-5 Å apart
    lines = carbon_dioxide_lines()[:, 0]
    for peak in (15723.33, 15786.64, 16025.34, 16082.08):
        assert np.min(np.abs(lines - peak)) < 0.2


def test_patterns_stand_still_in_the_observed_frame():
    rv = np.array([-480.0, -30.0, 0.0, 3.3, 250.0])
    spectra = seen_at_rest(pattern("sky"), rv)
    assert np.allclose(spectra[2], np.interp(APOGEE_PIXELS, *fine_sky()), atol=0.02)
    for spectrum, velocity in zip(spectra, rv):
        seen = APOGEE_PIXELS * (1 + velocity / C_KM_S)
        for line, peak in ((16030.8, 34.7), (15241.0, 35.0)):
            near = np.abs(seen - line) < 2.0
            assert np.sum(seen[near] * spectrum[near]) / np.sum(spectrum[near]) == pytest.approx(
                line, abs=0.02
            )
            # The nearest pixel is at most 0.1 Å away
            assert spectrum[near].max() == pytest.approx(peak, rel=0.08)


def fine_sky():
    n = len(pattern("sky"))
    return 10 ** (4.179 + 6e-6 / 4 * np.arange(n)), pattern("sky")


@pytest.mark.parametrize(
    ("name", "lines", "width"),
    [
        ("telluric", WATER_LINES, 20.0),
        ("sky", SKY_LINES, 20.0),
    ],
)
def test_residuals_of_the_atmosphere_move_with_the_stars(name, lines, width):
    rv = np.asarray(made(n_stars=60)[1].labels["rv"])
    change = np.abs(np.log(effect(n_stars=60, **{name: 0.05})))
    blue = slice(0, 300)  # here all telluric lines are from water
    wavelength = APOGEE_PIXELS[blue]
    near = near_lines(wavelength, [line for line, _ in lines], rv, width)
    far = ~near_lines(wavelength, [line for line, _ in lines], rv, 2 * width)
    assert near.any() and far.any()
    assert np.mean(change[:, blue][near]) > 4 * np.mean(change[:, blue][far])
    at_other_velocities = near_lines(wavelength, [line for line, _ in lines], rv[::-1], width)
    assert np.mean(change[:, blue][near]) > 1.3 * np.mean(change[:, blue][at_other_velocities])


def test_persistence_fills_lines_of_the_blue_detector_of_some_stars():
    plain, truth = made(n_stars=400)[1], made(n_stars=400, persistence=0.2)[1]
    core = (truth.flux / plain.flux)[:, NARROW]
    hit = core[:, :3].mean(axis=1) > 1.002
    assert hit.mean() == pytest.approx(PERSISTENT, abs=0.06)
    assert np.all(core[hit][:, :3] > 1) and np.allclose(core[:, 3:], 1, atol=1e-5)


def test_continuum_trends_leave_waves_and_change_no_line():
    ratio = effect(n_stars=300, continuum=0.05)
    rms = np.sqrt(np.mean((ratio - 1) ** 2))
    assert 0.001 < rms < 0.01  # the normalisation removes most of the 5%
    for detector in DETECTORS:
        x = np.linspace(-1, 1, detector.stop - detector.start)
        high = (
            ratio[:, detector].T
            - np.polynomial.legendre.legval(
                x, np.polynomial.legendre.legfit(x, ratio[:, detector].T, 16)
            ).T
        )
        assert np.std(high) < 0.1 * rms


def test_noise_has_the_stated_signal_to_noise():
    observed, truth = made(n_stars=300)
    snr = np.asarray(truth.labels["snr"])
    dark = seen_at_rest(pattern("sky"), truth.labels["rv"]) < 1e-4  # no airglow
    top = dark & (np.abs(truth.flux - 1) < 0.02)
    achieved = [
        np.median((flux / error)[where])
        for flux, error, where in zip(truth.flux, truth.flux_error, top)
    ]
    assert np.allclose(achieved, snr, rtol=0.02)
    assert snr.min() < 70 and snr.max() > 350
    pull = (observed.flux - truth.flux) / observed.flux_error
    assert np.std(pull) == pytest.approx(1, abs=0.03) and abs(np.mean(pull)) < 0.02
    # errors depend on the number of photons from the star and from the sky
    bright = seen_at_rest(pattern("sky"), truth.labels["rv"]) > 10
    assert np.median(truth.flux_error[bright] * np.repeat(snr, bright.sum(axis=1))) > 2


def test_bad_pixels_come_in_runs_and_are_harmless():
    observed, truth = made(n_stars=400, bad_runs=15.0)
    assert np.all(observed.flux[observed.mask] == 1) and np.all(
        np.isinf(observed.flux_error[observed.mask])
    )
    assert not truth.mask.any()
    padded = np.pad(observed.mask, ((0, 0), (1, 1))).astype(int)
    starts, ends = np.argwhere(np.diff(padded) == 1), np.argwhere(np.diff(padded) == -1)
    length = ends[:, 1] - starts[:, 1]
    assert len(length) / 400 == pytest.approx(15, rel=0.06)
    assert np.mean(length) == pytest.approx(4, rel=0.06)
    assert np.mean(length == 1) == pytest.approx(1 / 4, abs=0.03)


def test_cores_of_bright_airglow_are_masked_and_wings_are_not():
    observed, truth = made(n_stars=100, sky_limit=2.0)
    light = seen_at_rest(pattern("sky"), truth.labels["rv"])
    assert observed.mask[light > 15].all() and not observed.mask[light < 0.3].any()
    partly = observed.mask[(light > 0.5) & (light < 8)]
    assert 0.2 < partly.mean() < 0.95
    assert 0.01 < observed.mask.mean() < 0.05


def test_catalogue_labels_have_their_errors():
    observed, truth = made(n_stars=1000, label_errors=1.0)
    names = ["teff", "logg", "fe_h"]
    assert observed.labels.colnames == ["snr", "rv", *names, *(f"{name}_error" for name in names)]
    for name in names:
        error = observed.labels[f"{name}_error"]
        pull = (observed.labels[name] - truth.labels[name]) / error
        assert abs(np.mean(pull)) < 0.13 and np.std(pull) == pytest.approx(1, abs=0.09)
        assert error.unit == observed.labels[name].unit == truth.labels[name].unit
    exact = made(n_stars=5, label_errors=0.0)
    assert np.array_equal(exact[0].labels["fe_h"], exact[1].labels["fe_h"])


def test_truth_holds_what_there_is_to_know():
    _, truth = make_mock(EMULATOR, ApogeeMockConfig(n_stars=10))
    assert truth.labels.colnames == [*EMULATOR.labels, "rv", "snr", "component", "stage"]
    assert len(set(truth.ids)) == 10 and np.array_equal(truth.wavelength, APOGEE_PIXELS)


def test_any_batch_gives_the_same_survey(monkeypatch):
    config = ApogeeMockConfig(n_stars=60, seed=4)
    whole = make_mock(EMULATOR, config)
    monkeypatch.setattr(ApogeeMockConfig, "BATCH", 17)
    for one, other in zip(whole, make_mock(EMULATOR, config), strict=True):
        assert other.flux.shape == (60, len(APOGEE_PIXELS))
        assert np.array_equal(other.mask, one.mask) and np.array_equal(other.ids, one.ids)
        assert np.allclose(other.flux, one.flux, atol=2e-6)
        assert np.allclose(other.flux_error, one.flux_error, rtol=1e-5)
        for name in one.labels.colnames:
            assert np.array_equal(other.labels[name], one.labels[name])


def test_same_seed_same_bytes():
    one, two, other = (
        make_mock(EMULATOR, ApogeeMockConfig(n_stars=8, seed=seed)) for seed in (1, 1, 2)
    )
    for a, b, c in zip(one, two, other):
        for name in ("flux", "flux_error", "mask"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()
        assert not np.array_equal(a.flux, c.flux)


def test_population_is_passed_on():
    halo = Population(thin_disc=0, thick_disc=0, halo=1)
    _, truth = make_mock(EMULATOR, ApogeeMockConfig(n_stars=20, population=halo))
    assert np.mean(truth.labels["fe_h"]) < -0.9


def test_an_error_in_the_middle_of_a_survey_is_told(monkeypatch):
    class Broken:
        survey, labels, wavelength, calls = APOGEE, EMULATOR.labels, APOGEE_PIXELS, 0

        def __call__(self, labels):
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError("no flux")
            return EMULATOR(labels)

    monkeypatch.setattr(ApogeeMockConfig, "BATCH", 3)
    broken = Broken()
    with pytest.raises(RuntimeError, match="no flux"):
        make_mock(broken, ApogeeMockConfig(n_stars=10))
    assert broken.calls == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_stars", 0),
        ("n_stars", 10.0),
        ("seed", -1),
        ("line_list", 1.5),
        ("wrong_lines", -0.1),
        ("missing_lines", 9.0),
        ("resolution", float("nan")),
        ("telluric", "0.1"),
        ("continuum", 0.4),
        ("bad_runs", 1e4),
        ("sky_limit", 0.0),
        ("label_errors", True),
    ],
)
def test_refuses_values_that_make_no_sense(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*: it must be an? (integer|number) from"):
        replace(ApogeeMockConfig(), **{name: value})


def test_refuses_what_is_not_a_population_or_a_switch():
    with pytest.raises(TypeError, match="must be a Population"):
        ApogeeMockConfig(population={"halo": 1.0})
    with pytest.raises(TypeError, match="wrong_line"):
        ApogeeMockConfig(wrong_line=1.0)
