import numpy as np
import pytest
import torch
from pooch import file_hash

from specnb import Spectra
from specnb.core.files import write_tensors
from specnb.disentangle.regress import RegressorConfig, fit_regressor
from specnb.disentangle.regressor import Regressor

LABELS, UNITS = ("teff", "age"), ("K", "Gyr")
WAVELENGTH = np.linspace(5000.0, 5005.0, 6)


@pytest.fixture(scope="module")
def fitted():
    x = np.random.default_rng(1).normal(1, 0.2, (200, 6))
    y = np.column_stack([5000 + 900 * x[:, 0], 5 + 3 * x[:, 1] * x[:, 2]])
    return x, fit_regressor(x, y, LABELS, RegressorConfig(hidden=(20, 10), max_iter=200))


@pytest.mark.parametrize("wavelength", [None, WAVELENGTH])
def test_a_saved_regressor_predicts_what_scikit_learn_does(fitted, wavelength, tmp_path):
    x, network = fitted
    Regressor.of(network, LABELS, UNITS, "", wavelength).save(tmp_path / "r.safetensors")
    again = Regressor.load(tmp_path / "r.safetensors")
    assert (again.labels, again.units, again.encoder) == (LABELS, UNITS, "")
    assert again.wavelength is None or np.array_equal(again.wavelength, WAVELENGTH)
    expected = network.predict(x.astype(np.float32))
    np.testing.assert_allclose(again.predict(x), expected, rtol=2e-5, atol=2e-5)
    assert again.predict(x[:1]).shape == (1, 2)


def test_masked_pixels_are_the_mean_of_the_training_stars(fitted):
    x, network = fitted
    regressor = Regressor.of(network, LABELS, UNITS, "", WAVELENGTH)
    mask = np.zeros((2, 6), bool)
    mask[1, 3] = True
    spectra = Spectra(WAVELENGTH, x[:2], np.full((2, 6), 0.1), mask, ["a", "b"])
    inputs = regressor.inputs(spectra)
    np.testing.assert_allclose(inputs[~mask], x[:2][~mask], rtol=1e-6)
    assert inputs[1, 3] == pytest.approx(x[:, 3].mean(), rel=1e-6)
    with pytest.raises(ValueError, match="pixels"):
        regressor.inputs(Spectra(WAVELENGTH + 3, x[:1], np.ones((1, 6)), np.zeros((1, 6)), ["a"]))


def test_inputs_of_another_number_or_not_finite_are_refused(fitted):
    regressor = Regressor.of(fitted[1], LABELS, UNITS)
    with pytest.raises(ValueError, match="5 inputs a star, but the regressor takes 6"):
        regressor.predict(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="star 1"):
        regressor.predict([[0.0] * 6, [np.nan] * 6])


def test_another_encoder_is_refused(fitted, tmp_path):
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("1")
    wrong.write_text("2")
    regressor = Regressor.of(fitted[1], LABELS, UNITS, file_hash(right))
    regressor.check_encoder(right)
    with pytest.raises(
        ValueError, match="latents of the encoder with SHA-256 .*, not of .*wrong .*: give its file"
    ):
        regressor.check_encoder(wrong)
    with pytest.raises(ValueError, match="no encoder is given: give its file"):
        regressor.check_encoder()
    of_spectra = Regressor.of(fitted[1], LABELS, UNITS)
    of_spectra.check_encoder()
    with pytest.raises(ValueError, match="leave the encoder out"):
        of_spectra.check_encoder(right)


def test_files_that_are_none_are_refused_in_one_sentence(fitted, tmp_path):
    good = tmp_path / "good.safetensors"
    Regressor.of(fitted[1], LABELS, UNITS).save(good)
    other, cut = tmp_path / "other.safetensors", tmp_path / "cut.safetensors"
    write_tensors(other, {"a": torch.zeros(1)}, {"config": "{}"})
    cut.write_bytes(good.read_bytes()[:-50])
    for path in (other, cut, tmp_path / "missing.safetensors"):
        with pytest.raises(OSError, match=rf"{path.name} is not a whole regressor file"):
            Regressor.load(path)
