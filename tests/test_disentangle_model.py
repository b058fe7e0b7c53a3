import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy.table import Table
from torch import nn

from specnb.core.labels import label_array
from specnb.core.spectra import Spectra
from specnb.disentangle import DisentangleConfig, Disentangler, train
from specnb.disentangle.losses import bin_cross_entropy
from specnb.disentangle.model import OutsideBinsWarning
from specnb.disentangle.networks import Discriminators
from specnb.disentangle.scales import Scales
from specnb.disentangle.train import DisentangleTraining

LABELS = ("teff", "logg", "m_h", "alpha_fe")
LOW, HIGH = np.array([4000, 0.5, -2, -0.1]), np.array([7000, 5, 0.5, 0.4])
SMALL = {
    "hidden": (24, 12),
    "latent": 5,
    "discriminator": (8, 6),
    "batch": 64,
    "epochs": 3,
    "device": "cpu",
}


def toy(n=200, seed=0):
    """Spectra of 40 pixels that depend on four labels, reach above 1, and have masked pixels."""
    random = np.random.default_rng(seed)
    u = random.uniform(size=(n, 4))
    wavelength = np.linspace(8460, 8700, 40)
    centres = np.array([8490, 8540, 8600, 8660])[:, None]
    profiles = np.exp(-0.5 * ((wavelength - centres) / 15) ** 2)
    flux_error = random.uniform(0.005, 0.05, (n, 40))
    flux = 1.2 - 0.6 * u @ profiles + flux_error * random.normal(size=(n, 40))
    mask = random.uniform(size=(n, 40)) < 0.05
    return Spectra(
        wavelength,
        flux,
        flux_error,
        mask,
        np.arange(n),
        Table(LOW + u * (HIGH - LOW), names=LABELS),
    )


@pytest.fixture(scope="module")
def spectra():
    return toy()


@pytest.fixture(scope="module")
def model(spectra):
    return train(spectra, DisentangleConfig(**SMALL, lambdas={"teff": 0.01}), progress=False)


@pytest.fixture(scope="module")
def conditional(spectra):
    return train(
        spectra, DisentangleConfig(**SMALL, lambda_range=0.02, bottleneck=1e-3), progress=False
    )


def changed(spectra, **columns):
    labels = spectra.labels.copy()
    for name, values in columns.items():
        labels[name] = values
    return replace(spectra, labels=labels)


# --- networks and scales


def test_batched_discriminators_are_separate_perceptrons():
    torch.manual_seed(1)
    batched = Discriminators(3, (5, 8, 6, 10))
    z = torch.randn(3, 7, 5)
    for k, logits in enumerate(batched(z)):
        layers = []
        for weight, bias in zip(batched.weights, batched.biases):
            linear = nn.Linear(*weight.shape[1:])
            linear.weight.data, linear.bias.data = weight[k].T, bias[k, 0]
            layers += [linear, nn.ReLU()]
        torch.testing.assert_close(logits, nn.Sequential(*layers[:-1])(z[k]))


def test_bin_cross_entropy_is_the_binary_cross_entropy_summed_over_bins():
    torch.manual_seed(1)
    logits, index = 5 * torch.randn(4, 9, 10), torch.randint(10, (4, 9))
    target = nn.functional.one_hot(index, 10).float()
    expected = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(
        -1
    )
    torch.testing.assert_close(bin_cross_entropy(logits, index), expected)


def test_scales_leave_masked_pixels_out(spectra):
    scales = Scales.of(spectra, label_array(spectra.labels, LABELS), LABELS)
    flux = np.ma.masked_array(spectra.flux.astype(float), spectra.mask)
    np.testing.assert_allclose(scales.flux_mean, flux.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scales.flux_scale, (flux - flux.mean(axis=0)).std(), rtol=1e-5)


def test_labels_outside_the_bins_fall_in_the_end_bins(spectra):
    values = label_array(spectra.labels, LABELS)
    scales = Scales.of(spectra, values, LABELS)
    step = (scales.label_high - scales.label_low) / 10
    beyond = [scales.label_low - 7 * step, scales.label_low, scales.label_low + 3.5 * step, scales.label_high,
              scales.label_high + 7 * step]  # fmt: skip
    config = DisentangleConfig(bins=10)
    np.testing.assert_array_equal(
        scales.targets(beyond, config), np.repeat([[0], [0], [3], [9], [9]], 4, axis=1)
    )
    counts = np.histogram(values[:, 0], bins=10)[0]
    np.testing.assert_array_equal(
        np.bincount(scales.targets(values, config)[:, 0], minlength=10), counts
    )


def test_validation_stars_set_no_scale_and_no_bin(spectra):
    config = DisentangleConfig(**SMALL, lambdas={"teff": 0.01})
    before = DisentangleTraining(spectra, config)
    rows = before.validation.numpy()
    assert len(rows) == 20
    flux, teff = spectra.flux.copy(), np.array(spectra.labels["teff"])
    flux[rows], teff[rows] = 9, 9000
    after = DisentangleTraining(replace(changed(spectra, teff=teff), flux=flux), config)
    for name, value in vars(before.model.scales).items():
        np.testing.assert_array_equal(getattr(after.model.scales, name), value)
    assert (after.data[3][rows, 0] == 9).all()


# --- the trained model


def test_flux_may_exceed_one(spectra):
    assert spectra.flux.max() > 1.2
    model = train(spectra, DisentangleConfig(**SMALL), progress=False)
    continuum = spectra.flux.mean(axis=0) > 1.1
    assert continuum.sum() >= 3
    assert (model.reconstruct(spectra)[:, continuum] > 1.05).mean() > 0.9


@pytest.mark.parametrize("name", ["model", "conditional"])
def test_save_and_load(name, spectra, tmp_path, request):
    model = request.getfixturevalue(name)
    model.save(tmp_path / "model.safetensors")
    again = Disentangler.load(tmp_path / "model.safetensors", model.config)
    assert (
        again.config == model.config and again.history == model.history and len(model.history) == 3
    )
    np.testing.assert_array_equal(again.wavelength, model.wavelength)
    for entry, value in vars(model.scales).items():
        np.testing.assert_array_equal(getattr(again.scales, entry), value)
    lambdas = {"teff": 0.01} if name == "conditional" else None
    np.testing.assert_array_equal(again.encode(spectra, lambdas), model.encode(spectra, lambdas))
    np.testing.assert_array_equal(
        again.reconstruct(spectra, lambdas), model.reconstruct(spectra, lambdas)
    )
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_user_gets_the_means(conditional, spectra):
    np.testing.assert_array_equal(
        conditional.encode(spectra), conditional.encode(spectra, seed=None)
    )
    values = conditional.label_array(spectra.labels)
    np.testing.assert_array_equal(
        conditional.reconstruct(spectra), conditional.decode(conditional.encode(spectra), values)
    )
    assert conditional.noise


def test_noise_on_latents_is_seeded(conditional, spectra):
    first, second = conditional.encode(spectra, seed=3), conditional.encode(spectra, seed=3)
    np.testing.assert_array_equal(first, second)
    means = conditional.encode(spectra, seed=None)
    draws = np.stack([conditional.encode(spectra, seed=seed) for seed in range(50)])
    assert np.all(draws.std(axis=0) > 0)
    np.testing.assert_array_less(
        np.abs(draws.mean(axis=0) - means), 5 * draws.std(axis=0) / 50**0.5
    )
    np.testing.assert_array_equal(conditional.encode(spectra, seed=None), means)


def test_lambda_is_an_input(conditional, spectra):
    z = conditional.encode(spectra)
    np.testing.assert_array_equal(conditional.encode(spectra, {"teff": 0.0}), z)
    assert not np.array_equal(conditional.encode(spectra, {"teff": 0.02}), z)
    values = conditional.label_array(spectra.labels)
    assert not np.array_equal(
        conditional.decode(z, values, {"m_h": -0.02}), conditional.decode(z, values)
    )


def test_decode_takes_a_catalogue_or_an_array(model, spectra):
    z = model.encode(spectra)
    assert z.shape == (200, 5) and z.dtype == np.float32 and 0 <= z.min() < z.max() <= 1
    shuffled = spectra.labels["alpha_fe", "m_h", "logg", "teff"]
    flux = model.decode(z, model.label_array(spectra.labels))
    assert flux.shape == (200, 40) and flux.dtype == np.float32
    np.testing.assert_array_equal(model.decode(z, shuffled), flux)
    assert model.encode(spectra[:0]).shape == (0, 5)


def test_labels_act_on_the_decoder_alone_unless_they_enter_the_encoder(model, spectra):
    both = train(spectra, DisentangleConfig(**SMALL, labels_in_encoder=True), progress=False)
    hotter = changed(spectra, teff=spectra.labels["teff"] + 500)
    np.testing.assert_array_equal(model.encode(replace(spectra, labels=None)), model.encode(hotter))
    assert not np.array_equal(both.encode(hotter), both.encode(spectra))
    with pytest.raises(
        ValueError, match="the spectra have no labels: this needs a catalogue with teff, logg"
    ):
        both.encode(replace(spectra, labels=None))


def test_repr_has_no_arrays(model):
    assert repr(model) == "<Disentangler of teff, logg, m_h, alpha_fe: 40 pixels, 5 latents>"
    assert "flux_mean" not in repr(model.scales) and "flux_scale" in repr(model.scales)


def test_inside(model):
    low, high = model.scales.label_low, model.scales.label_high
    assert model.inside([low, high, (low + high) / 2, high + [1, 0, 0, 0], low - [0, 0, 0, 0.1]]).tolist() == [
        True, True, True, False, False]  # fmt: skip


def test_without_lambda_there_are_no_discriminators(spectra):
    model = train(spectra, DisentangleConfig(**SMALL, lambdas={"teff": 0.0}), progress=False)
    assert not hasattr(model.networks, "discriminators")
    assert set(model.history[0]) == {"epoch", "train", "loss", "reconstruction"}


# --- bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"lambdas": {"tef": 1}},
            "there is a λ for 'tef', which is no label of this model: it has teff, logg",
        ),
        (
            {"lambdas": {"vbroad": 1}},
            "there is a λ for 'vbroad'.*: it has teff, logg, m_h, alpha_fe",
        ),
        ({"lambdas": {"teff": float("nan")}}, "λ of teff is nan: it must be a number from"),
        ({"lambdas": {"teff": "large"}}, "λ of teff is 'large': it must be a number from"),
        ({"labels": "m_h"}, "labels are 'm_h': name columns of the catalogue"),
        ({"labels": ()}, "labels are .*: name columns of the catalogue"),
        ({"labels": ("teff", "teff")}, "each once"),
        ({"latent": 2.5}, "latent is 2.5: it must be an integer"),
        ({"joint": "yes"}, "joint is 'yes': it must be True or False"),
        ({"bins": 1}, "bins is 1: it must be an integer from 2 to 1000"),
        ({"hidden": (0,)}, "each needs at least 1"),
        ({"hidden": (2.5,)}, "each needs at least 1"),
        ({"lambdas": {"teff": 1}, "lambda_range": 0.1}, "exclude each other"),
        ({"joint": True, "lambda_range": 0.1}, "a joint discriminator has one λ for all labels"),
        ({"joint": True, "lambdas": {"teff": 1}}, "a joint discriminator has one λ for all labels"),
    ],
)
def test_bad_configuration(change, message):
    with pytest.raises(ValueError, match=message) as raised:
        DisentangleConfig(**change)
    assert "\n" not in str(raised.value)


def test_any_column_of_the_catalogue_may_be_a_label(spectra):
    config = DisentangleConfig(**SMALL, labels=("teff", "colour"), lambdas={"colour": 0.01})
    with pytest.raises(ValueError, match="the catalogue has no column colour: it has teff"):
        train(spectra, config, progress=False)
    colour = np.linspace(0.2, 1.5, len(spectra))
    model = train(changed(spectra, colour=colour), config, progress=False)
    assert model.labels == ("teff", "colour") and "discriminator_colour" in model.history[-1]


def test_unknown_option():
    with pytest.raises(TypeError, match="lamdas"):
        DisentangleConfig(lamdas={})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: changed(s, m_h=0.1), "all training stars have m_h = 0.1, which has no bins"),
        (
            lambda s: changed(s, logg=np.where(np.arange(200) == 7, np.nan, 4)),
            "star 7 of the catalogue has logg = nan",
        ),
        (
            lambda s: replace(s, labels=s.labels["teff", "m_h"]),
            "the catalogue has no column logg, alpha_fe: it has teff",
        ),
        (
            lambda s: replace(s, labels=None),
            "the spectra have no labels: this needs a catalogue with",
        ),
        (lambda s: s[:19], "19 training spectra: give at least 20"),
        (
            lambda s: replace(s, mask=s.mask | (np.arange(40) == 0)),
            "pixel at 8460.00 Å is masked in all training",
        ),
        (lambda s: replace(s, flux=np.ones((200, 40))), "all training spectra are the same"),
    ],
)
def test_bad_training_stars(spectra, change, message):
    with pytest.raises(ValueError, match=message):
        train(change(spectra), DisentangleConfig(**SMALL), progress=False)


def test_labels_that_the_catalogue_lacks_are_refused_before_training(spectra):
    config = DisentangleConfig(**SMALL | {"labels": ("teff", "colour")})
    with pytest.raises(ValueError, match="the catalogue has no column colour: it has teff"):
        train(spectra, config, progress=False)


def test_bad_calls(model, conditional, spectra):
    z, values = model.encode(spectra), model.label_array(spectra.labels)
    shifted = replace(spectra, wavelength=spectra.wavelength + 0.1)
    with pytest.raises(
        ValueError, match=r"not on this model's 40 pixels, 8460.00-8700.00 Å: rebin them"
    ):
        model.encode(shifted)
    with pytest.raises(ValueError, match="was trained at fixed λ: leave lambdas out"):
        model.encode(spectra, {"teff": 0.01})
    with pytest.raises(ValueError, match="was trained at fixed λ: leave lambdas out"):
        model.decode(z, values, {"teff": 0.01})
    with pytest.raises(
        ValueError, match="λ of teff is 0.03: it must be a number from -0.02 to 0.02"
    ):
        conditional.encode(spectra, {"teff": 0.03})
    with pytest.raises(ValueError, match="λ of teff is nan: it must be a number from -0.02"):
        conditional.encode(spectra, {"teff": np.nan})
    with pytest.raises(
        ValueError,
        match="there is a λ for 'vbroad', which is no label of this model: it has teff, logg",
    ):
        conditional.decode(z, values, {"vbroad": 0.01})
    values[3, 1] = np.inf
    with pytest.raises(ValueError, match="star 3 of the labels has logg = inf: leave out"):
        model.decode(z, values)
    with pytest.raises(ValueError, match=r"labels of shape \(200, 3\): give one row per star of t"):
        model.decode(z, values[:, :3])
    with pytest.raises(
        ValueError, match=r"latents of shape \(200, 4\): give one row per star of z"
    ):
        model.decode(z[:, :4], spectra.labels)
    with pytest.raises(ValueError, match="199 rows of latents and 200 of labels: give as many"):
        model.decode(z[1:], spectra.labels)
    with pytest.raises(ValueError, match="the spectra have no labels"):
        model.reconstruct(replace(spectra, labels=None))


def test_bad_model_files(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    with pytest.raises(
        ValueError,
        match=r"model.safetensors was made with another configuration \(latent 5, not 6\): delete it",
    ):
        Disentangler.load(path, replace(model.config, latent=6))
    data = path.read_bytes()
    for length in (0, 5, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(
            OSError, match="model.safetensors is not a whole autoencoder file .*: train it anew"
        ):
            Disentangler.load(path)
    with pytest.raises(OSError, match="absent.safetensors is not a whole autoencoder file"):
        Disentangler.load(tmp_path / "absent.safetensors")
    other = Disentangler(
        replace(model.config, hidden=(7,)), model.wavelength, model.scales, model.networks
    )
    other.save(path)  # the networks do not agree with the configuration
    with pytest.raises(OSError, match="not a whole autoencoder file") as raised:
        Disentangler.load(path)
    assert "\n" not in str(raised.value)


def test_a_model_that_cannot_be_saved_leaves_nothing(model, tmp_path):
    (tmp_path / "model.safetensors").mkdir()  # a file cannot take the place of a folder
    with pytest.raises(OSError, match="model.safetensors"):
        model.save(tmp_path / "model.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_labels_beyond_the_bins_warn_once(model, spectra):
    z, values = model.encode(spectra[:3]), np.tile((LOW + HIGH) / 2, (3, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.decode(z, values)
        # Labels in the last bin, and up to one bin beyond, give no warning
        model.decode(z, np.tile(model.scales.label_high, (3, 1)))
    values[1, 0] = 40_000
    with pytest.warns(
        OutsideBinsWarning, match=r"1 of 3 stars .* the first teff = 40000 .* see inside\(\)"
    ) as caught:
        flux = model.decode(z, values)
    assert caught[0].filename == __file__  # the line that a user should look at
    assert np.isfinite(flux).all()
    assert model.inside(values).tolist() == [True, False, True]
