import warnings
from dataclasses import replace

import joblib
import numpy as np
import pytest
from astropy.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import specnb.core.artifacts
from specnb.core import training
from specnb.disentangle import DisentangleConfig, Disentangler, train
from specnb.disentangle.closed_form import ClosedForm
from specnb.disentangle.config import LABELS
from specnb.disentangle.experiment import (
    BOTTLENECK,
    ENTANGLED,
    PAPER,
    TEST,
    reference_stars,
    train_once,
    trained,
)
from specnb.disentangle.regress import RegressorConfig, fit_regressor, fit_regressors, fit_settings
from specnb.disentangle.score import chance_levels, probe_models, reconstruct_models
from specnb.disentangle.train import DisentangleTraining
from specnb.evaluate.probes import probe, reconstruction
from specnb.evaluate.spread import spread
from specnb.surveys.rvs.mock import RvsMockConfig

SURVEY = RvsMockConfig(n_stars=300, seed=3)
SMALL = DisentangleConfig(hidden=(16,), latent=4, discriminator=(8,), epochs=2, device="cpu")


@pytest.fixture(scope="module")
def stars():
    return reference_stars(SURVEY)


@pytest.fixture(scope="module")
def models(stars):
    """Two seeds of a plain model and one that reinforces labels."""
    setups = {
        "plain": [SMALL, replace(SMALL, seed=2)],
        "First": [PAPER.config(SMALL, ENTANGLED["First"])],
    }
    return {
        name: [train(stars.train, each, progress=False) for each in group]
        for name, group in setups.items()
    }


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(specnb.core.artifacts, "ARTIFACTS", tmp_path)
    return tmp_path


@pytest.fixture
def epochs(monkeypatch):
    """Counts the epochs that are trained, by seed."""
    seen, epoch = [], DisentangleTraining.advance

    def counted(self):
        seen.append(self.config.seed)
        return epoch(self)

    monkeypatch.setattr(DisentangleTraining, "advance", counted)
    return seen


def assert_same(a, b):
    assert a.history == b.history
    theirs = b.networks.state_dict()
    for name, value in a.networks.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), theirs[name].numpy())


# --- stars


def test_the_split_is_disjoint_complete_and_the_papers(stars):
    train_ids, test_ids = set(stars.train.ids), set(stars.test.ids)
    assert (len(stars.train), len(stars.test)) == (len(train_ids), len(test_ids)) == (240, 60)
    assert not train_ids & test_ids
    assert train_ids | test_ids == {f"mock-{i:07d}" for i in range(300)}
    papers = train_test_split(np.arange(64_305), test_size=TEST, random_state=SURVEY.seed)
    assert [len(rows) for rows in papers] == [51_444, 12_861]


def test_the_split_is_random_and_repeats_with_the_seed(stars):
    again, other = reference_stars(SURVEY), reference_stars(replace(SURVEY, seed=4))
    assert list(again.test.ids) == list(stars.test.ids) != list(other.test.ids)
    assert np.array_equal(again.train.flux, stars.train.flux)
    assert list(stars.test.ids) != sorted(stars.test.ids)


@pytest.mark.parametrize("part", ["train", "test"])
def test_truth_rows_belong_to_observed_rows(stars, part):
    observed, truth = getattr(stars, part), getattr(stars, f"truth_{part}")
    assert np.array_equal(observed.ids, truth.ids)
    assert not truth.mask.any()
    good = ~observed.mask
    pull = ((observed.flux - truth.flux) / truth.flux_error)[good]
    assert np.std(pull) == pytest.approx(1, abs=4 / np.sqrt(2 * pull.size))
    for name in LABELS:
        label_pull = (observed.labels[name] - truth.labels[name]) / observed.labels[f"{name}_error"]
        assert np.std(label_pull) == pytest.approx(1, abs=4 / np.sqrt(2 * len(observed)))


# --- objectives


@pytest.mark.parametrize(
    ("setting", "signs"),
    [("First", [-1, -1, 1, 1]), ("Second", [1, 1, -1, -1]), ("removed", [1, 1, 1, 1])],
)
def test_settings_entangle_and_disentangle_what_the_paper_says(setting, signs):
    for objective in (PAPER, BOTTLENECK):
        config = objective.config(SMALL, ENTANGLED[setting])
        others = objective.remove if setting == "removed" else objective.disentangle
        size = [objective.entangle if sign < 0 else others for sign in signs]
        assert config.labels == LABELS == ("teff", "logg", "m_h", "alpha_fe")
        assert list(config.lambdas.values()) == [s * value for s, value in zip(signs, size)]
        assert (config.bottleneck, config.discriminator_steps) == (
            objective.bottleneck,
            objective.discriminator_steps,
        )
        same = {"lambdas": SMALL.lambdas, "bottleneck": SMALL.bottleneck, "discriminator_steps": 1}
        assert replace(config, **same) == SMALL


def test_an_objective_refuses_labels_that_the_model_lacks():
    with pytest.raises(
        ValueError, match="entangled names tef, but the labels are teff, logg, m_h, alpha_fe"
    ):
        PAPER.config(SMALL, ("tef", "logg"))


# --- trainings


def test_a_second_run_does_not_train(stars, folder, epochs):
    path = train_once(stars.train, SURVEY, SMALL)
    assert len(epochs) == SMALL.epochs
    assert train_once(stars.train, SURVEY, SMALL) == path and len(epochs) == SMALL.epochs
    assert_same(Disentangler.load(path, SMALL), train(stars.train, SMALL, progress=False))
    others = [(replace(SURVEY, seed=9), SMALL), (SURVEY, replace(SMALL, seed=2))]
    assert len({path, *(train_once(stars.train, *other) for other in others)}) == 3
    assert len(list(folder.iterdir())) == 3


def test_damaged_models_and_checkpoints_are_named_and_trained_anew(stars, folder, epochs):
    path = train_once(stars.train, SURVEY, SMALL)
    whole = Disentangler.load(path, SMALL)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    path.with_suffix(".checkpoint").write_bytes(b"half")
    with pytest.warns(UserWarning, match="made again") as warned:
        (model,) = trained(stars, SURVEY, [SMALL])
    told = [str(warning.message) for warning in warned if "made again" in str(warning.message)]
    assert [name in text for name, text in zip((path.name, f"{path.stem}.checkpoint"), told)] == [
        True,
        True,
    ]
    assert len(epochs) == 2 * SMALL.epochs and list(folder.iterdir()) == [path]
    assert_same(model, whole)


def test_a_killed_training_goes_on(stars, folder, monkeypatch):
    config = replace(SMALL, epochs=4)
    whole = train(stars.train, config, progress=False)
    epoch, seen = DisentangleTraining.advance, []

    def killed(self):
        if len(self.history) == 3:
            raise KeyboardInterrupt
        return epoch(self)

    def counted(self):
        seen.append(len(self.history) + 1)
        return epoch(self)

    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(DisentangleTraining, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        train_once(stars.train, SURVEY, config)
    (checkpoint,) = folder.iterdir()
    assert checkpoint.suffix == ".checkpoint"
    monkeypatch.setattr(DisentangleTraining, "advance", counted)
    path = train_once(stars.train, SURVEY, config)
    assert seen == [4]
    assert list(folder.iterdir()) == [path]
    assert path.with_suffix(".checkpoint") == checkpoint
    assert_same(Disentangler.load(path, config), whole)


@pytest.mark.parametrize("jobs", [1, 2])
def test_trained_models_are_in_the_order_of_the_configurations(stars, folder, epochs, jobs):
    configs = [replace(SMALL, seed=seed) for seed in (5, 2, 7, 1)]
    configs[0] = replace(configs[0], epochs=6)  # the first training takes the longest time
    # Other processes would not know the folder of this test
    with joblib.parallel_config(backend="threading"):
        models = trained(stars, SURVEY, configs, jobs=jobs)
        again = trained(stars, SURVEY, configs[::-1], jobs=jobs)
    assert [model.config for model in models] == configs
    assert sorted(epochs) == [1] * 2 + [2] * 2 + [5] * 6 + [7] * 2
    assert len(list(folder.iterdir())) == 4
    for one, two in zip(models, again[::-1]):
        assert_same(one, two)
    assert not np.array_equal(models[1].encode(stars.test), models[2].encode(stars.test))


# --- scores


def test_probes_of_models(models, stars):
    with warnings.catch_warnings(record=True) as shown:
        table = probe_models(models, stars, n_train=200, jobs=2)
    assert not [each for each in shown if issubclass(each.category, ConvergenceWarning)]
    scores = ["linear_r2", "mlp_r2", "mutual_information", "mlp_r2_true"]
    drawn = ["mlp_r2_drawn", "mlp_r2_averaged"]
    assert table.colnames == ["setting", "seed", "label", *scores, *drawn, "discriminator"]
    assert all(np.isnan(table[name]).all() for name in drawn)  # these latents have no noise
    assert (
        np.isnan(table["discriminator"][:8]).all() and np.isfinite(table["discriminator"][8:]).all()
    )
    entangling = models["First"][0]
    levels = chance_levels(entangling, stars.train)
    kept = min(entangling.history, key=lambda row: row["loss"])
    expected = [kept[f"discriminator_{name}"] - levels[name] for name in LABELS]
    assert np.allclose(table["discriminator"][8:], expected, rtol=0, atol=1e-12)
    rows = [("plain", 1), ("plain", 2), ("First", 1)]
    assert list(zip(table["setting"], table["seed"], table["label"])) == [
        (*row, name) for row in rows for name in LABELS
    ]
    for name in scores:
        assert np.isfinite(table[name]).all()
        assert len(set(table[name])) > 8

    model = models["plain"][1]  # the same computed here: one probe for catalogue and true labels
    z = [model.encode(part) for part in (stars.train[:200], stars.test)]
    pairs = ((stars.train[:200], stars.truth_train[:200]), (stars.test, stars.truth_test))
    y = [np.column_stack([part.labels[name] for part in pair for name in LABELS]) for pair in pairs]
    expected = probe(z[0], y[0], z[1], y[1], [f"{i}" for i in range(8)], seed=2)
    for name in scores[:3]:
        assert np.array_equal(table[name][4:8], expected[name][:4])
    assert np.array_equal(table["mlp_r2_true"][4:8], expected["mlp_r2"][4:])


def test_noise_hides_labels_from_a_draw_but_not_from_the_mean(stars):
    noisy = replace(SMALL, bottleneck=1e-4, epochs=6, batch=16)
    model = train(stars.train, noisy, progress=False)
    closed = ClosedForm(stars.train)
    table = probe_models({"noisy": [model], "closed": [closed]}, stars, jobs=1)
    scores = {name: table[name][0] for name in ("mlp_r2", "mlp_r2_drawn", "mlp_r2_averaged")}
    z = [model.encode(part) for part in (stars.train, stars.test)]
    assert np.array_equal(z[1], model.encode(stars.test, seed=None))
    pairs = ((stars.train, stars.truth_train), (stars.test, stars.truth_test))
    y = [np.column_stack([part.labels[name] for part in pair for name in LABELS]) for pair in pairs]
    expected = probe(z[0], y[0], z[1], y[1], [f"{i}" for i in range(8)], seed=1)
    assert scores["mlp_r2"] == expected["mlp_r2"][0]
    assert scores["mlp_r2_drawn"] + 0.05 < scores["mlp_r2_averaged"] < scores["mlp_r2"]
    assert np.isnan(table["discriminator"]).all()  # neither has discriminators
    errors = reconstruct_models({"noisy": [model], "closed": [closed]}, stars)
    draw = reconstruction(model.reconstruct(stars.test, seed=0), stars.test, stars.truth_test)
    assert errors["rms_drawn"][0] == draw["rms_truth"] != errors["rms_truth"][0]
    assert errors["rms_drawn"][1] == errors["rms_truth"][1]


def test_probes_of_a_model_that_takes_lambda(stars):
    model = train(stars.train, replace(SMALL, lambda_range=0.02, bottleneck=1e-3), progress=False)
    kept, removed = (
        probe_models({"any": [model]}, stars, lambdas={"teff": value}, jobs=1)["linear_r2"]
        for value in (-0.02, 0.02)
    )
    assert not np.array_equal(kept, removed)


def test_reconstructions_of_models(models, stars):
    table = reconstruct_models(models, stars)
    entries = ["mean_squared_error", "noise_floor", "chi2_reduced", "rms_truth"]
    assert table.colnames == ["setting", "seed", *entries, "rms_other_z", "rms_drawn", "ratio"]
    swapped = np.random.default_rng(1).permutation(len(stars.test))
    first = models["First"][0]
    other = first.decode(first.encode(stars.test)[swapped], stars.test.labels)
    assert (
        table["rms_other_z"][2] == reconstruction(other, stars.test, stars.truth_test)["rms_truth"]
    )
    assert list(zip(table["setting"], table["seed"])) == [("plain", 1), ("plain", 2), ("First", 1)]
    plain = table[:2]
    assert np.mean(plain["ratio"]) == pytest.approx(1, rel=1e-12)
    assert plain["ratio"][0] != plain["ratio"][1]
    last = reconstruction(models["First"][0].reconstruct(stars.test), stars.test, stars.truth_test)
    assert [table[name][2] for name in entries] == [last[name] for name in entries]
    expected = 2 * last["mean_squared_error"] / sum(plain["mean_squared_error"])
    assert table["ratio"][2] == pytest.approx(expected, rel=1e-12)
    alone = reconstruct_models({"First": models["First"]}, stars)
    assert np.isnan(alone["ratio"]).all() and len(alone) == 1


def test_spread_over_seeds_by_hand():
    table = Table(
        {
            "setting": ["plain", "First", "plain", "First", "plain"],
            "label": ["teff", "teff", "teff", "logg", "logg"],
            "r2": [0.5, 0.1, 0.8, 0.3, -1.0],
            "rms": [1.0, 2.0, 4.0, 3.0, 7.0],
        },
        units={"rms": "K"},
    )
    out = spread(table, ["setting", "label"], ["r2", "rms"])
    assert out.colnames == [
        "setting",
        "label",
        "seeds",
        "r2",
        "r2_min",
        "r2_max",
        "rms",
        "rms_min",
        "rms_max",
    ]
    keys = [("plain", "teff"), ("First", "teff"), ("First", "logg"), ("plain", "logg")]
    assert list(zip(out["setting"], out["label"])) == keys
    assert list(out["seeds"]) == [2, 1, 1, 1]
    assert list(out["r2"]) == pytest.approx([0.65, 0.1, 0.3, -1.0])
    assert list(out["r2_min"]) == [0.5, 0.1, 0.3, -1.0]
    assert list(out["r2_max"]) == [0.8, 0.1, 0.3, -1.0]
    assert list(out["rms"]) == [2.5, 2.0, 3.0, 7.0]
    assert list(out["rms_max"]) == [4.0, 2.0, 3.0, 7.0]
    assert out["r2"].unit is None
    assert out["rms"].unit == out["rms_min"].unit == out["rms_max"].unit == "K"
    one = spread(table, ["setting"], ["rms"])
    assert list(one["seeds"]) == [3, 2]
    assert [list(one[name]) for name in ("rms", "rms_min", "rms_max")] == [
        [4.0, 2.5],
        [1.0, 2.0],
        [7.0, 3.0],
    ]


def test_the_first_seed_chooses_a_penalty_and_settings_are_trained_as_alone(models, stars):
    config = RegressorConfig(hidden=(8,), max_iter=5, early_stopping=True, alpha=(1e-4, 30.0))
    latents = {
        name: [(model.encode(stars.train), model.encode(stars.test)) for model in group]
        for name, group in models.items()
    }
    each = {name: replace(config, alpha=(0.5,)) for name in latents}
    settings = {"grid": (latents, stars.train.labels, config)}
    settings["fixed"] = (latents, stars.train.labels, each)
    regressors, predictions = fit_settings(settings, jobs=1)
    alphas = {
        setting: {
            name: [fitted.regressor_[-1].alpha for fitted in group] for name, group in found.items()
        }
        for setting, found in regressors.items()
    }
    assert alphas["fixed"] == {"plain": [0.5, 0.5], "First": [0.5]}
    for name, (first, *others) in alphas["grid"].items():
        alone = fit_regressor(
            latents[name][0][0], stars.train.labels, config=replace(config, seed=1)
        )
        assert first == alone.regressor_[-1].alpha and all(alpha == first for alpha in others)
        assert np.array_equal(predictions["grid"][name][0], alone.predict(latents[name][0][1]))


def test_regressors_are_the_same_for_any_number_of_jobs(models, stars):
    config = RegressorConfig(hidden=(8,), max_iter=5, seed=99)
    latents = {
        name: [(model.encode(stars.train), model.encode(stars.test)) for model in group]
        for name, group in models.items()
    }
    regressors, predictions = fit_regressors(latents, stars.train.labels, config, jobs=1)
    _, parallel = fit_regressors(latents, stars.train.labels, config, jobs=2)
    assert {name: len(group) for name, group in predictions.items()} == {"plain": 2, "First": 1}
    assert list(regressors) == list(predictions) == list(parallel) == list(latents)
    assert [each.regressor_[-1].random_state for each in regressors["plain"]] == [1, 2]
    for name, group in predictions.items():
        for k, (x_train, x_test) in enumerate(latents[name]):
            fitted = fit_regressor(x_train, stars.train.labels, config=replace(config, seed=k + 1))
            assert group[k].shape == (60, 4)
            assert np.array_equal(group[k], fitted.predict(x_test))
            assert np.array_equal(group[k], parallel[name][k])
    assert not np.array_equal(predictions["plain"][0], predictions["plain"][1])
