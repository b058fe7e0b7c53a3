from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from sklearn.linear_model import LinearRegression

from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.evaluate.posterior import posterior_mean
from specnb.evaluate.probes import (
    information_ceiling,
    label_floor,
    least_mae,
    probe,
    reconstruction,
)
from specnb.evaluate.projection import project
from specnb.surveys import RVS
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig

LABELS = ("teff", "logg", "m_h", "alpha_fe")
HALF = 1500  # training stars, and as many test stars


def probe_of(z, y, labels, seed=0):
    return probe(z[:HALF], y[:HALF], z[HALF:], y[HALF:], labels, seed)


@pytest.fixture(scope="module")
def codes():
    """Latents z and labels y that depend on them in known ways; two latents are pure noise."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2 * HALF, 5))
    contained = 5000.0 + 500.0 * z[:, 0]
    quadratic = 0.2 * z[:, 1] ** 2
    channel = z[:, 2] + rng.normal(size=len(z))
    absent = rng.normal(size=len(z))
    return z, np.column_stack([contained, quadratic, channel, absent])


@pytest.fixture(scope="module")
def result(codes):
    table = probe_of(*codes, ("contained", "quadratic", "channel", "absent"))
    return {row["label"]: row for row in table}


def test_a_label_in_z_is_read(result):
    assert result["contained"]["linear_r2"] == pytest.approx(1)
    assert result["contained"]["mlp_r2"] > 0.99
    assert result["contained"]["mutual_information"] > 2


def test_a_label_that_is_not_in_z_is_not_read(result):
    assert abs(result["absent"]["linear_r2"]) < 0.05
    assert -0.2 < result["absent"]["mlp_r2"] < 0.05
    assert 0 <= result["absent"]["mutual_information"] < 0.06


def test_a_quadratic_dependence_is_seen_by_the_network_alone(result):
    assert result["quadratic"]["linear_r2"] < 0.05
    assert result["quadratic"]["mlp_r2"] > 0.9
    assert result["quadratic"]["mutual_information"] > 1


@pytest.mark.parametrize("snr", [0.5, 3.0, 20.0])
def test_gaussian_channel(snr):
    rng = np.random.default_rng(2)
    y = rng.normal(size=(2 * HALF, 1))
    z = np.column_stack(
        [np.sqrt(snr) * y[:, 0] + rng.normal(size=len(y)), rng.normal(size=(len(y), 3))]
    )
    row = probe_of(z, y, ["m_h"])[0]
    assert row["linear_r2"] == pytest.approx(snr / (1 + snr), abs=0.03)
    assert row["mlp_r2"] == pytest.approx(snr / (1 + snr), abs=0.04)
    capacity = 0.5 * np.log1p(snr)
    # This is a lower limit, except for its own scatter
    assert capacity - 0.1 < row["mutual_information"] < capacity + 0.06


def test_a_weak_label_among_strong_ones_is_read_as_well_as_alone(codes, result):
    z, y = codes
    alone = probe_of(z, y[:, [2]], ["channel"])["mlp_r2"][0]
    assert alone == pytest.approx(0.5, abs=0.06)
    assert result["channel"]["mlp_r2"] > alone - 0.02


def test_units_and_offsets_of_labels_and_latents_do_not_matter(codes):
    z, y = (array[:: HALF // 250] for array in codes)
    names = ("contained", "quadratic", "channel", "absent")
    table = probe(z[:300], y[:300], z[300:], y[300:], names)
    z, y = 7.0 + 1e-3 * z, 1e3 * y - 40.0
    scaled = probe(z[:300], y[:300], z[300:], y[300:], names)
    assert scaled["linear_r2"] == pytest.approx(table["linear_r2"], abs=1e-4)
    assert scaled["mlp_r2"] == pytest.approx(table["mlp_r2"], abs=0.01)


def test_a_seed_repeats_the_probe(codes):
    z, y = (array[:300] for array in codes)
    first, again, other = (probe(z, y, z, y, ("a", "b", "c", "d"), seed) for seed in (3, 3, 4))
    for name in first.colnames:
        assert np.array_equal(first[name], again[name])
    assert not np.array_equal(first["mlp_r2"], other["mlp_r2"])
    assert np.array_equal(first["linear_r2"], other["linear_r2"])


def test_bad_input_of_probes(codes):
    z, y = codes
    names = ("a", "b", "c", "d")
    broken = y.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="star 3 of the training labels has b = nan"):
        probe(z, broken, z, y, names)
    constant = y.copy()
    constant[:, 2] = 1.0
    with pytest.raises(ValueError, match="test stars all have the same c"):
        probe(z, y, z, constant, names)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[100, 3000\]"):
        probe(z[:100], y, z, y, names)
    with pytest.raises(ValueError, match="has column 0 = inf"):
        probe(z, y, z * np.inf, y, names)
    with pytest.raises(ValueError, match="X has 4 features"):
        probe(z, y, z[:, :4], y, names)
    with pytest.raises(
        ValueError, match=r"labels of shape \(3000, 4\): give one row per star of a, b"
    ):
        probe(z, y, z, y, ("a", "b"))


def test_floor_is_what_the_entangled_labels_tell():
    rng = np.random.default_rng(1)
    teff, noise = rng.normal(size=(2, 4000))
    y = np.column_stack([teff, np.abs(teff) + 0.6 * noise, rng.normal(size=4000)])
    variance = 1 - 2 / np.pi  # of |teff|
    floor = label_floor(y[:3000], y[3000:], ["teff"], ["teff", "logg", "m_h"])
    assert list(floor["label"]) == ["logg", "m_h"]
    assert floor["floor_r2"][0] == pytest.approx(variance / (variance + 0.36), abs=0.06)
    assert abs(floor["floor_r2"][1]) < 0.05
    again = label_floor(y[:3000], y[3000:], ["teff"], ["teff", "logg", "m_h"])
    assert np.array_equal(floor["floor_r2"], again["floor_r2"])
    nothing = label_floor(y[:3000], y[3000:], [], ["teff", "logg", "m_h"])
    assert list(nothing["floor_r2"]) == [0, 0, 0]
    with pytest.raises(ValueError, match="entangled names tef, but the labels are teff"):
        label_floor(y, y, ["tef"], ["teff", "logg", "m_h"])


def test_the_floor_is_scored_on_the_test_stars():
    """Where their labels are unrelated, training stars do not hide it."""
    teff, noise = np.random.default_rng(4).normal(size=(2, 4000))
    y = np.column_stack([teff, np.where(np.arange(4000) < 3000, teff, noise)])
    assert label_floor(y[:3000], y[:3000], ["teff"], ["teff", "logg"])["floor_r2"][0] > 0.95
    assert label_floor(y[:3000], y[3000:], ["teff"], ["teff", "logg"])["floor_r2"][0] < -0.5


NOISE = 0.05
# All pixels of all stars have the same noise
CLEAN = RvsMockConfig.clean(n_stars=4000, snr_faint=1e4, noise_floor=NOISE)


class Linear:
    """An emulator with flux 1 + (y - centre) J, for which the linear-Gaussian result is exact."""

    wavelength = np.linspace(8460.0, 8700.0, 24)
    survey = replace(RVS, pixels=wavelength, native=None, lines=())
    labels = survey.names
    centre = np.array([5000.0, 3.0, -0.3, 0.1, 1.2, 8.0])

    def __init__(self, rows):
        """`rows`, shape (6, 24): flux per unit of each label."""
        self.rows = rows

    def __call__(self, labels):
        return 1 + (labels - self.centre) @ self.rows

    def jacobian(self, labels):
        return np.broadcast_to(self.rows, (len(labels), *self.rows.shape))


def test_ceiling_of_one_measured_label_is_that_of_a_gaussian_channel():
    rows = np.zeros((6, 24))
    rows[0] = 3e-5
    emulator = Linear(rows)
    _, truth = make_mock(emulator, CLEAN)
    y = label_array(truth.labels, emulator.labels)
    snr = y[:, 0].var() * np.sum(rows[0] ** 2) / NOISE**2
    assert 1 < snr < 10
    ceiling = information_ceiling(emulator, truth, LABELS)
    assert ceiling["teff"] == pytest.approx(snr / (1 + snr), rel=1e-3)
    # Spectra contain information about the other labels only by their correlation with it
    for i, name in enumerate(LABELS[1:], 1):
        correlation = np.corrcoef(y[:, 0], y[:, i])[0, 1]
        assert ceiling[name] == pytest.approx(correlation**2 * snr / (1 + snr), rel=1e-3)
    assert ceiling["logg"] > 0.1  # so the correlations are important


@pytest.fixture(scope="module")
def mock():
    rng = np.random.default_rng(5)
    emulator = Linear(
        0.02 * rng.normal(size=(6, 24)) / np.array([500.0, 1.0, 0.3, 0.1, 0.3, 10.0])[:, None]
    )
    return emulator, *make_mock(emulator, CLEAN)


def test_ceiling_is_reached_by_the_best_linear_predictor_and_not_exceeded(mock):
    emulator, observed, truth = mock
    for table, errors in ((truth.labels, None), (observed.labels, observed.labels)):
        ceiling = information_ceiling(emulator, truth, LABELS, errors)
        y = label_array(table, LABELS)
        for i, name in enumerate(LABELS):
            fit = LinearRegression().fit(observed.flux[:3000], y[:3000, i])
            r2 = fit.score(observed.flux[3000:], y[3000:, i])
            assert 0.05 < ceiling[name] < 0.97
            assert r2 == pytest.approx(ceiling[name], abs=0.03)


def test_masked_pixels_tell_nothing(mock):
    emulator, _, truth = mock
    masked = np.zeros_like(truth.mask)
    masked[:, :12] = True
    half = Spectra(truth.wavelength, truth.flux, truth.flux_error, masked, truth.ids, truth.labels)
    without = Linear(np.where(np.arange(24) < 12, 0, emulator.rows))
    lower, expected = (
        information_ceiling(emulator, half, LABELS),
        information_ceiling(without, truth, LABELS),
    )
    assert lower == pytest.approx(expected)
    assert lower["teff"] < information_ceiling(emulator, truth, LABELS)["teff"] - 0.01


def gaussian_stars(emulator, n=4000, seed=1):
    """Stars whose labels have one Gaussian distribution; half of them are ten times as noisy."""
    rng = np.random.default_rng(seed)
    scale = np.array([200.0, 0.3, 0.2, 0.05, 0.1, 1.0])
    mixing = np.eye(6) + 0.5 * np.eye(6, k=1)  # labels next to each other are correlated
    y = emulator.centre + rng.normal(size=(n, 6)) @ mixing * scale
    labels, flux = Table(y, names=emulator.labels), emulator(y)
    error = np.where(np.arange(n) % 2, 0.3 * NOISE, 3 * NOISE)[:, None] * np.ones_like(flux)
    ids, mask = [f"star {i:04d}" for i in range(n)], np.zeros(flux.shape, bool)
    observed = flux + error * rng.normal(size=flux.shape)
    return (
        Spectra(emulator.wavelength, each, error, mask, ids, labels) for each in (observed, flux)
    )


def test_least_error_is_averaged_over_stars(mock):
    emulator = mock[0]
    _, truth = gaussian_stars(emulator)
    prior = np.linalg.inv(np.cov(label_array(truth.labels, emulator.labels).T, ddof=0))
    noisy, clean = (
        np.linalg.inv(emulator.rows @ emulator.rows.T / error**2 + prior).diagonal()
        for error in (3 * NOISE, 0.3 * NOISE)
    )
    expected = (np.sqrt(2 / np.pi) * (np.sqrt(noisy) + np.sqrt(clean)) / 2)[:4]
    assert np.all(expected < 0.95 * np.sqrt((noisy + clean)[:4] / np.pi))  # of the rms error
    assert list(least_mae(emulator, truth, LABELS).values()) == pytest.approx(expected)
    catalogue = Table({f"{name}_error": np.full(len(truth), 1e6) for name in LABELS})
    for mae in least_mae(emulator, truth, LABELS, catalogue).values():
        assert mae == pytest.approx(np.sqrt(2 / np.pi) * 1e6, rel=1e-3)


def test_perfect_reader_of_gaussian_labels_reaches_the_limits(mock):
    emulator = mock[0]
    observed, truth = gaussian_stars(emulator)
    population = Table(next(gaussian_stars(emulator, 20_000, seed=2)).labels)
    read = posterior_mean(emulator, observed, truth, population, LABELS)
    y = label_array(truth.labels, LABELS)
    r2 = 1 - np.mean((read - y) ** 2, axis=0) / y.var(axis=0)
    ceiling, least = (limit(emulator, truth, LABELS) for limit in (information_ceiling, least_mae))
    np.testing.assert_allclose(r2, [ceiling[name] for name in LABELS], atol=0.02)
    np.testing.assert_allclose(
        np.abs(read - y).mean(axis=0), [least[name] for name in LABELS], rtol=0.04
    )


def test_perfect_reader_of_mock_stars_uses_where_stars_lie(mock):
    emulator, observed, truth = mock
    population = truth.labels[:3000]
    read = posterior_mean(emulator, observed[3000:], truth[3000:], population, LABELS)
    y = label_array(truth.labels, LABELS)
    for i in range(len(LABELS)):
        fit = LinearRegression().fit(observed.flux[:3000], y[:3000, i])
        linear = np.mean((fit.predict(observed.flux[3000:]) - y[3000:, i]) ** 2)
        assert np.mean((read[:, i] - y[3000:, i]) ** 2) < 0.98 * linear
    wanted = posterior_mean(emulator, observed[:5], truth[:5], population, ["m_h", "teff"])
    whole = posterior_mean(emulator, observed[:5], truth[:5], population, LABELS)
    np.testing.assert_allclose(wanted, whole[:, [2, 0]])


def test_bad_input_of_the_ceiling(mock):
    emulator, observed, truth = mock
    with pytest.raises(ValueError, match="choose among the emulator's, teff"):
        information_ceiling(emulator, truth, ["age"])
    with pytest.raises(ValueError, match="no column vmicro"):
        information_ceiling(emulator, observed, ["teff"])
    with pytest.raises(ValueError, match="no column vmicro_error"):
        information_ceiling(emulator, truth, ["vmicro"], observed.labels)
    shifted = Spectra(
        truth.wavelength + 1, truth.flux, truth.flux_error, truth.mask, truth.ids, truth.labels
    )
    with pytest.raises(ValueError, match="not on this model's"):
        information_ceiling(emulator, shifted, ["teff"])
    same = Table(truth.labels, copy=True)
    same["vbroad"] = 3.0
    constant = Spectra(truth.wavelength, truth.flux, truth.flux_error, truth.mask, truth.ids, same)
    with pytest.raises(ValueError, match="all have the same vbroad"):
        information_ceiling(emulator, constant, ["teff"])


def test_reconstruction_by_the_truth_is_at_the_noise_floor(mock):
    _, observed, truth = mock
    # The assumed errors are wrong
    error = np.where(np.arange(24) < 12, 0.5, 2.0) * observed.flux_error
    measured = Spectra(observed.wavelength, observed.flux, error, observed.mask, observed.ids)
    result = reconstruction(truth.flux, measured, truth)
    assert result["mean_squared_error"] == pytest.approx(NOISE**2, rel=0.03)
    assert result["noise_floor"] == pytest.approx(NOISE**2 * (0.5**2 + 2.0**2) / 2, rel=1e-3)
    assert result["chi2_reduced"] == pytest.approx((0.5**-2 + 2.0**-2) / 2, rel=0.03)
    assert result["rms_truth"] == 0


def test_reconstruction_leaves_masked_pixels_out(mock):
    _, observed, truth = mock
    mask = np.zeros_like(observed.mask)
    mask[:, 5] = True
    masked = Spectra(observed.wavelength, observed.flux, observed.flux_error, mask, observed.ids)
    flux = masked.flux + 0.1
    flux[:, 5] = 50.0
    result = reconstruction(flux, masked)
    assert set(result) == {"mean_squared_error", "noise_floor", "chi2_reduced"}
    assert result["mean_squared_error"] == pytest.approx(0.01, rel=1e-4)
    assert result["noise_floor"] == pytest.approx(NOISE**2, rel=1e-3)
    assert result["chi2_reduced"] == pytest.approx(0.01 / NOISE**2, rel=1e-3)
    flux = np.where(mask, 50.0, truth.flux + 0.1)
    assert reconstruction(flux, masked, truth)["rms_truth"] == pytest.approx(0.1, rel=1e-4)


def test_bad_input_of_reconstructions(mock):
    _, observed, truth = mock
    with pytest.raises(ValueError, match=r"flux of shape \(3999, 24\) for \(4000, 24\)"):
        reconstruction(truth.flux[1:], observed)
    for others in (truth[:10], truth[::-1]):
        with pytest.raises(ValueError, match="or a truth of other stars: give the same stars"):
            reconstruction(truth.flux, observed, others)
    with pytest.raises(ValueError, match="not finite"):
        reconstruction(np.full(truth.flux.shape, np.nan), observed)


def test_projection_keeps_groups_and_repeats_with_its_seed():
    rng = np.random.default_rng(1)
    group = np.arange(150) % 3
    values = rng.normal(size=(150, 6)) + 20.0 * np.eye(6)[group]
    points = project(values, seed=1, n=120, perplexity=10)
    assert points.shape == (120, 2)
    centres = np.array([points[group[:120] == i].mean(axis=0) for i in range(3)])
    nearest = np.argmin(np.linalg.norm(points[:, None] - centres, axis=2), axis=1)
    assert np.array_equal(nearest, group[:120])
    assert np.array_equal(points, project(values[:120], seed=1, perplexity=10))


def test_bad_input_of_projections():
    with pytest.raises(ValueError, match=r"perplexity \(30.0\) must be less than n_samples \(30\)"):
        project(np.random.default_rng(1).normal(size=(100, 3)), n=30)
    with pytest.raises(ValueError, match="n_components=2 must be between"):
        project(np.ones((100, 1)))
    with pytest.raises(ValueError, match="= nan"):
        project(np.full((100, 3), np.nan))
