from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from specnb.disentangle.config import LABELS
from specnb.disentangle.regress import (
    BEST,
    FAITHFUL,
    RegressorConfig,
    errors,
    fit_regressor,
    training_times,
)
from specnb.disentangle.table1 import IMPROVEMENT, PUBLISHED, compare

MIDDLE, WIDTH = np.array([5200.0, 3.5, -0.2, 0.1]), np.array([700.0, 1.2, 0.4, 0.1])


def linear_stars(n, seed):
    """Ten inputs. The labels are four linear combinations of them, without any noise."""
    x = np.random.default_rng(seed).normal(size=(n, 10))
    mixing = np.random.default_rng(0).normal(size=(10, 4)) / np.sqrt(10)
    return x, MIDDLE + WIDTH * (x @ mixing)


@pytest.fixture(scope="module")
def trained():
    return fit_regressor(*linear_stars(600, 1))


def losses(fitted):
    """Training loss after each iteration."""
    return fitted.regressor_[-1].loss_curve_


def table_of(mae, mean=0.0, std=1.0):
    units = ["K", "dex", "dex", "dex"]
    return Table(
        [list(LABELS), units, mae, [mean] * 4, [std] * 4],
        names=("label", "unit", "mae", "mean", "std"),
    )


def test_faithful_setting_is_the_papers():
    assert (FAITHFUL.hidden, FAITHFUL.max_iter, FAITHFUL.early_stopping) == (
        (200, 100),
        1000,
        False,
    )
    assert BEST.early_stopping
    with pytest.raises(TypeError, match="alhpa"):
        RegressorConfig(alhpa=1.0)


@pytest.mark.parametrize("config", [FAITHFUL, BEST])
def test_linear_relation_is_recovered_from_any_scale(config):
    x, y = linear_stars(2000, 1)
    new, truth = linear_stars(300, 2)
    scale, offset = np.logspace(-3, 3, 10), np.linspace(-50, 50, 10)
    predicted = fit_regressor(x * scale + offset, y, config=config).predict(new * scale + offset)
    assert predicted.shape == (300, 4)
    assert np.all(np.abs(predicted - truth).mean(axis=0) < 0.1 * truth.std(axis=0))


def test_predictions_depend_on_training_stars_only(trained):
    new, _ = linear_stars(50, 3)
    alone = trained.predict(new[:1])
    among = trained.predict(np.concatenate([new[:1], 100.0 + 50.0 * new[1:]]))
    np.testing.assert_allclose(among[:1], alone, rtol=1e-5)


def test_seed_decides(trained):
    new, _ = linear_stars(50, 3)
    again, other = (
        fit_regressor(*linear_stars(600, 1), config=replace(FAITHFUL, seed=seed)) for seed in (1, 2)
    )
    assert np.array_equal(again.predict(new), trained.predict(new))
    assert not np.array_equal(other.predict(new), trained.predict(new))


def test_iterations_are_those_of_the_training(trained):
    assert 1 < trained.regressor_[-1].n_iter_ == len(losses(trained)) < FAITHFUL.max_iter
    assert losses(trained)[-1] < 0.1 * losses(trained)[0]
    assert trained.n_features_in_ == 10 and trained.seconds_ > 0
    short = fit_regressor(*linear_stars(100, 1), config=replace(FAITHFUL, max_iter=3))
    assert short.regressor_[-1].n_iter_ == 3


def test_early_stopping_spares_noise():
    """With as many inputs as stars, the training loss can fall to 0 while predictions get worse."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(600, 200))
    y = x[:, :1] + rng.normal(size=(600, 1))
    faithful, best = (
        fit_regressor(x[:300], y[:300], ["m_h"], config) for config in (FAITHFUL, BEST)
    )
    assert best.predict(x[300:]).shape == (300, 1)
    mae = [errors(each.predict(x[300:]), y[300:], ["m_h"])["mae"][0] for each in (faithful, best)]
    assert losses(faithful)[-1] < 0.1 * losses(best)[-1]
    assert mae[1] < mae[0]


def test_table_and_array_are_the_same_labels(trained):
    x, y = linear_stars(600, 1)
    shuffled = Table(y[:, ::-1], names=LABELS[::-1])
    assert np.array_equal(fit_regressor(x, shuffled).predict(x), trained.predict(x))


def test_errors_by_hand():
    reference = np.tile(MIDDLE, (4, 1))
    predicted = reference + np.array([1.0, -1.0, 3.0, 5.0])[:, None] * [100, 0.1, 0.1, 0.01]
    found = errors(predicted, Table(reference, names=LABELS))
    np.testing.assert_allclose(found["mae"], [250, 0.25, 0.25, 0.025])
    np.testing.assert_allclose(found["mean"], [200, 0.2, 0.2, 0.02])
    np.testing.assert_allclose(found["std"], np.sqrt(5) * np.array([100, 0.1, 0.1, 0.01]))
    assert list(found["unit"]) == ["K", "dex", "dex", "dex"]


def test_impossible_predictions_count_as_errors():
    reference = np.tile(MIDDLE, (4, 1))
    predicted = reference - [0, 10, 0, 0]  # log g = -6.5
    assert errors(predicted, reference)["mae"][1] == pytest.approx(10)
    with pytest.raises(ValueError, match="star 7 of the predictions has m_h = nan"):
        errors(broken(Y, np.nan), Y)
    with pytest.raises(ValueError, match="star 0 of the labels has logg = -6.5"):
        errors(reference, predicted)


def test_published_values():
    assert [round(IMPROVEMENT[name]) for name in LABELS] == [23, 39, 34, 21]
    published = {tuple(row)[:2]: tuple(row)[2:5] for row in PUBLISHED}
    assert published["spectra", "teff"] == (121, 58, 131)
    assert published["plain", "logg"] == (0.282, -0.012, 0.340)
    assert published["First", "m_h"] == (0.183, -0.017, 0.166)
    assert published["Second", "alpha_fe"] == (0.031, -0.004, 0.033)
    for name in LABELS:  # entangled is better than spectra, disentangled is worse
        low, high = sorted(published[where, name][0] for where in ("First", "Second"))
        assert low < published["spectra", name][0] < high


def test_compare():
    table = compare(
        {
            "spectra": [table_of([100, 0.2, 0.1, 0.04]), table_of([120, 0.2, 0.1, 0.04])],
            "First": [
                table_of([90, 0.1, 0.2, 0.05], mean=2),
                table_of([86, 0.1, 0.2, 0.05], mean=4),
            ],
            "bottleneck": [table_of([55, 0.1, 0.1, 0.02])],
        }
    )
    assert len(table) == 12
    spectra, first, new = (table[table["label"] == "teff"][i] for i in range(3))
    assert (spectra["mae"], spectra["gain"], spectra["published_gain"]) == (110, 0, 0)
    assert (first["mae"], first["mae_min"], first["mae_max"], first["seeds"], first["mean"]) == (
        88,
        86,
        90,
        2,
        3,
    )
    assert first["gain"] == pytest.approx(20) and first["published_gain"] == pytest.approx(
        IMPROVEMENT["teff"]
    )
    assert (first["published_mae"], first["published_mean"], first["published_std"]) == (93, -7, 94)
    assert new["gain"] == pytest.approx(50)
    assert all(np.ma.is_masked(new[f"published_{name}"]) for name in ("mae", "mean", "std", "gain"))
    assert compare({"plain": [table_of([1, 1, 1, 1])]})["gain"].mask.all()


def test_training_times(trained):
    slow = copy(trained)
    slow.seconds_ = 10 * trained.seconds_
    table = training_times({"plain": [trained], "spectra": [slow]})
    assert list(table["inputs"]) == [10, 10]
    np.testing.assert_allclose(table["speedup"], [10, 1])
    np.testing.assert_allclose(table["speedup_per_iteration"], [10, 1])
    np.testing.assert_allclose(
        table["seconds_per_iteration"] * table["iterations"], table["seconds"]
    )


def broken(values, entry):
    values = values.copy()
    values[7, 2] = entry
    return values


X, Y = linear_stars(30, 1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: fit_regressor(broken(X, np.nan), Y), "star 7 of the inputs has column 2 = nan"),
        (lambda: fit_regressor(X, broken(Y, np.inf)), "star 7 of the labels has m_h = inf"),
        (
            lambda: fit_regressor(X, Table(broken(Y, np.nan), names=LABELS)),
            "star 7 of the catalogue has m_h = nan",
        ),
        (lambda: fit_regressor(X[:25], Y), r"inconsistent numbers of samples: \[25, 30\]"),
        (lambda: fit_regressor(X, Y[:, :3]), r"labels of shape \(30, 3\)"),
        (lambda: fit_regressor(X[:9], Y[:9]), "9 training stars: give at least 20"),
        (lambda: fit_regressor(X[:0], Y[:0]), "0 training stars: give at least 20"),
        (lambda: fit_regressor(X, Y, config=replace(FAITHFUL, alpha=(-1.0,))), "alpha"),
        (
            lambda: fit_regressor(X, Y, config=replace(FAITHFUL, max_iter=1)).predict(X[:, :5]),
            "X has 5 features, but StandardScaler is expecting 10",
        ),
        (lambda: errors(Y, Y[:20]), "30 predictions for 20 reference stars"),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)
