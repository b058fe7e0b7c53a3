"""Two-sample tests: what classifiers must and must not distinguish, and spectra with noise."""

import numpy as np
import pytest
from scipy.stats import norm
from stand_in import StandIn

from specnb.core.spectra import Spectra
from specnb.evaluate.projection import project_two
from specnb.evaluate.two_sample import as_observed, best_auc, two_sample_auc
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs.mock import RvsMockConfig

N = 600  # stars per set
# Four times the scatter of the AUC of so many stars of one population, as of the Mann-Whitney statistic: 0.067.
CHANCE = 4 * np.sqrt((2 * N + 1) / (12 * N * N))


def spectra(flux, error=0.01, mask=None):
    mask = np.zeros(flux.shape, bool) if mask is None else mask
    ids = np.arange(len(flux)).astype(str)
    return Spectra(
        np.arange(flux.shape[1]) + 8500.0, flux, np.broadcast_to(error, flux.shape), mask, ids
    )


def aucs(first, second, **kwargs):
    table = two_sample_auc(first, second, **{"seeds": (0,), **kwargs})
    return dict(zip(table["classifier"], table["auc"]))


@pytest.fixture(scope="module")
def survey():
    """True and observed spectra of a mock survey. Masks and errors differ from star to star."""
    return make_mock(StandIn(), RvsMockConfig(n_stars=2 * N, seed=7, bad_pixels=0.02, bad_ends=20))


def test_one_population_mixes_and_a_shifted_one_does_not():
    random = np.random.default_rng(1)
    a, b = random.normal(size=(2, N, 8))
    table = two_sample_auc(a, b)
    assert list(table["classifier"]) == ["logistic", "mlp"]
    assert np.all(np.abs(table["auc"] - 0.5) < CHANCE)
    assert table["chance_std"] == pytest.approx(CHANCE / 4)
    assert np.all((table["auc_std"] > 0) & (table["auc_std"] < 0.1))
    for auc in aucs(a, b + 3).values():
        assert auc > 0.99
    assert best_auc(table)[0] == max(table["auc"])


def test_auc_of_a_shift_between_gaussians_is_the_theoretical_one():
    random = np.random.default_rng(2)
    a, b = random.normal(size=(2, N, 4))
    # The shift is 1 in units of the scatter, so no classifier exceeds Φ(1/√2) = 0.760
    shift = np.array([0.8, 0.6, 0, 0])
    for auc in aucs(a, b + shift).values():
        assert auc == pytest.approx(norm.cdf(np.sqrt(0.5)), abs=0.05)


def test_a_difference_of_scatter_is_seen_by_the_network_and_a_faint_line_by_the_regression():
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, N, 6))
    wide = aucs(a, 2 * b)
    assert abs(wide["logistic"] - 0.5) < CHANCE
    assert wide["mlp"] > 0.8
    a, b = random.normal(size=(2, N, 400))
    b[:, 200] += 1.5
    faint = aucs(a, b)
    # Principal components do not show a change of one pixel in 400
    assert faint["logistic"] > faint["mlp"] > 0.5
    assert 0.7 < faint["logistic"] < norm.cdf(1.5 / np.sqrt(2))
    assert best_auc(two_sample_auc(a, b, seeds=(0,)))[0] == faint["logistic"]


def test_true_spectra_measured_as_the_survey_mix_with_the_observed_ones(survey):
    observed, truth = survey
    fair = aucs(as_observed(truth.flux[N:], observed[:N]), observed[:N])
    assert all(abs(auc - 0.5) < CHANCE for auc in fair.values())
    # Without noise the domains could be distinguished by the noise
    assert aucs(truth.flux[N:], observed[:N].flux)["mlp"] > 0.9


def test_noise_hides_what_it_hides_and_no_more():
    random = np.random.default_rng(4)
    line = np.zeros(50)
    line[20:24] = 0.01
    for error in (0.002, 0.02):
        observed = spectra(0.9 - line + error * random.normal(size=(N, 50)), error)
        measured = aucs(as_observed(np.full((N, 50), 0.9), observed), observed)["logistic"]
        # known error and shift of the mean: the best AUC is Φ(|shift / error| / √2), 1.00 and 0.76
        assert measured == pytest.approx(
            norm.cdf(np.linalg.norm(line / error) / np.sqrt(2)), abs=0.05
        )


def test_noise_is_that_of_observed_stars_and_repeats_with_the_seed():
    random = np.random.default_rng(5)
    error = np.where(np.arange(40)[:, None] % 2, 0.001, 0.1) * np.ones(300)
    mask = random.random((40, 300)) < 0.1
    observed = spectra(np.ones((40, 300)), error, mask)
    flux = np.full((500, 300), 0.7)
    made = as_observed(flux, observed, seed=3)
    good = ~made.mask
    z = (made.flux - 0.7)[good] / made.flux_error[good]
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)
    known = {each.tobytes() for each in observed.mask}
    used = {each.tobytes() for each in made.mask}
    assert used <= known
    assert len(used) > 35  # many different donors
    for mine, errors in zip(made.mask[:20], made.flux_error[:20]):
        donor = np.flatnonzero((observed.mask == mine).all(axis=1))[0]
        assert np.array_equal(errors, observed.flux_error[donor])
    again, other = as_observed(flux, observed, seed=3), as_observed(flux, observed, seed=4)
    assert np.array_equal(made.flux, again.flux)
    assert not np.array_equal(made.flux, other.flux)
    assert made.labels is None
    assert len(set(made.ids)) == 500


def test_each_spectrum_may_have_a_donor_of_its_own_and_is_normalised_as_the_survey_does():
    errors = np.linspace(0.01, 0.1, 40)[:, None] * np.ones(300)
    observed = spectra(np.ones((40, 300)), errors)
    made = as_observed(np.full((40, 300), 0.7), observed, donors=np.arange(40)[::-1])
    np.testing.assert_array_equal(made.flux_error, errors[::-1].astype(np.float32))
    lost = np.arange(300) < 7

    def level(flux, ivar):
        return np.where(
            lost, np.nan, (flux * ivar).sum(axis=1, keepdims=True) / ivar.sum(axis=1, keepdims=True)
        )

    made = as_observed(np.full((40, 300), 0.7), observed, normalize=level)
    mean = np.average(made.flux[:, ~lost], weights=made.flux_error[:, ~lost] ** -2.0, axis=1)
    np.testing.assert_allclose(mean, 1.0, atol=0.01)
    assert np.array_equal(made.mask, np.broadcast_to(lost, made.mask.shape))
    errors_before = 0.7 * made.flux_error[:, ~lost][:, :1]  # errors depend on the flux
    assert np.abs(errors_before / errors[:, 0] - 1).min(axis=1).max() < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_masks_are_no_cue(seed):
    random = np.random.default_rng(6)
    flux = 1 + 0.1 * random.normal(size=(2, N, 60))
    mask = np.zeros((N, 60), bool)
    mask[:, 10:20] = True
    mask[random.random(mask.shape) < 0.3] = True
    a, b = spectra(flux[0]), spectra(flux[1], mask=mask)
    assert all(abs(auc - 0.5) < CHANCE for auc in aucs(a, b, seeds=(seed,)).values())
    assert aucs(a.flux, b.flux, seeds=(seed,))["mlp"] > 0.9  # as they would be
    # drawn masks and borrowed ones must not be the same, which the same random numbers would make of them
    few = flux[:, :, :20]
    d = spectra(
        few[1] + 0.1 * random.normal(size=few[1].shape), 0.1, random.random(few[1].shape) < 0.5
    )
    c = as_observed(few[0], d, seed)
    assert all(abs(auc - 0.5) < CHANCE for auc in aucs(c, d, seeds=(seed,)).values())


def test_a_line_in_masked_pixels_is_not_seen_and_one_beside_them_is():
    random = np.random.default_rng(7)
    flux = 1 + 0.01 * random.normal(size=(2, N, 60))
    flux[1, :, 30:33] -= 0.05
    mask = np.zeros((N, 60), bool)
    mask[:, 30:33] = True
    hidden = aucs(spectra(flux[0]), spectra(flux[1], mask=mask))
    assert all(abs(auc - 0.5) < CHANCE for auc in hidden.values())
    assert (
        aucs(spectra(flux[0]), spectra(flux[1], mask=np.roll(mask, 5, axis=1)))["logistic"] > 0.99
    )


def test_latents_of_convolutions_and_sets_of_unequal_size():
    random = np.random.default_rng(8)
    a, b = random.normal(size=(N, 5, 4)), random.normal(size=(N // 3, 5, 4))
    table = two_sample_auc(a, b, seeds=(0,))
    chance = np.sqrt((N + N // 3 + 1) / (12 * N * (N // 3)))
    assert np.all(np.abs(table["auc"] - 0.5) < 4 * chance)
    assert table["chance_std"] == pytest.approx(chance)
    assert aucs(a, b + 2)["logistic"] > 0.99


def test_maps_are_of_both_sets_together():
    random = np.random.default_rng(9)
    a, b = random.normal(size=(80, 6)), random.normal(size=(70, 6)) + 30
    one, other = project_two(a, b, n=75)
    assert one.shape == (75, 2)
    assert other.shape == (70, 2)
    distance = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    assert distance > one.std() + other.std()  # very different sets stay apart


def test_bad_input_is_told():
    random = np.random.default_rng(10)
    a = random.normal(size=(N, 5))
    with pytest.raises(ValueError, match="at least 50"):
        two_sample_auc(a, a[:20])
    with pytest.raises(ValueError, match="at least 50"):
        two_sample_auc(a, a[:0])
    with pytest.raises(ValueError, match="has size 5 and .* has size 4"):
        two_sample_auc(a, a[:, :4])
    with pytest.raises(ValueError, match="not finite"):
        two_sample_auc(a, np.where(a > 2, np.nan, a))
    one = spectra(np.ones((60, 5)))
    shifted = Spectra(one.wavelength + 1, one.flux, one.flux_error, one.mask, one.ids)
    with pytest.raises(ValueError, match="different pixels"):
        two_sample_auc(one, shifted)
    with pytest.raises(ValueError, match="same pixels"):
        as_observed(np.ones((3, 4)), one)
    with pytest.raises(ValueError, match="one or more stars"):
        as_observed(np.ones((3, 5)), one[:0])
    with pytest.raises(ValueError, match="star synthetic-0000000 has flux nan"):
        as_observed(np.full((3, 5), np.nan), one)
    with pytest.raises(ValueError, match=r"perplexity \(80.0\) must be less than n_samples \(60\)"):
        project_two(a[:30], a[:30])
