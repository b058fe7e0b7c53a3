from dataclasses import replace

import numpy as np
import pytest
import torch

import specnb
from specnb.emulator.model import Emulator, OutsideHullWarning
from specnb.emulator.network import Network
from specnb.surveys import RVS, Survey

SUN = [5772.0, 4.44, 0.0, 0.0, 1.0, 2.0]
GIANT = [4500.0, 2.0, -0.3, 0.1, 1.6, 6.0]


@pytest.fixture(scope="module")
def emulator():
    return specnb.load_emulator("rvs")


def nearest(emulator, wavelength):
    return int(np.argmin(np.abs(emulator.wavelength - wavelength)))


def test_interface(emulator):
    assert emulator.labels == ("teff", "logg", "m_h", "alpha_fe", "vmicro", "vbroad")
    assert emulator.units == ("K", "dex", "dex", "dex", "km / s", "km / s")
    assert emulator.wavelength.shape == (800,)
    assert emulator([SUN, GIANT]).shape == (2, 800)
    assert emulator([SUN, GIANT]).dtype == np.float32
    assert emulator.jacobian([SUN, GIANT]).shape == (2, 6, 800)
    np.testing.assert_array_equal(emulator.in_hull([SUN, GIANT]), [True, True])


def test_calcium_triplet_is_in_vacuum_and_deep(emulator):
    flux = emulator([SUN])[0]
    for line in (8500.35, 8544.44, 8664.52):
        centre = nearest(emulator, line)
        around = flux[centre - 20 : centre + 21]
        assert abs(int(np.argmin(around)) - 20) <= 1
        assert flux[centre] < 0.65


def test_calcium_wings_grow_with_gravity_and_lines_with_metallicity(emulator):
    wing = nearest(emulator, 8537.0)
    by_label = dict(zip(emulator.labels, emulator.jacobian([SUN])[0]))
    assert by_label["logg"][wing] < 0
    iron = nearest(emulator, 8691.0)  # Fe I 8688.62 in air
    assert by_label["m_h"][iron] < -0.05
    assert by_label["teff"][iron] > 0  # the line gets weaker, because neutral iron is ionised


def test_rotation_conserves_equivalent_width(emulator):
    slow, fast = (emulator([[*SUN[:5], v]])[0] for v in (0.0, 40.0))
    assert fast.min() > slow.min() + 0.05
    assert np.mean(1 - fast) == pytest.approx(np.mean(1 - slow), rel=0.01)


def test_jacobian_is_exact():
    emulator = specnb.load_emulator("rvs").to(dtype=torch.float64)
    labels = np.array([SUN, GIANT])
    step = 1e-4 * (emulator.high - emulator.low)
    numeric = np.stack(
        [(emulator(labels + h) - emulator(labels - h)) / (2 * h.sum()) for h in np.diag(step)],
        axis=1,
    )
    exact = emulator.jacobian(labels)
    scale = np.abs(exact).max(axis=2, keepdims=True)  # of each label's derivative
    np.testing.assert_allclose(exact / scale, numeric / scale, rtol=0, atol=1e-6)


def test_tensor_in_tensor_out_is_differentiable(emulator):
    labels = torch.tensor([SUN], requires_grad=True)
    emulator(labels)[0, 100].backward()
    np.testing.assert_allclose(
        labels.grad[0].numpy(), emulator.jacobian([SUN])[0, :, 100], rtol=1e-3, atol=1e-7
    )


@pytest.mark.parametrize(
    ("change", "inside"),
    [
        ({}, True),
        ({"teff": 3000.0}, False),
        ({"teff": 6500.0, "logg": 2.0}, False),
        ({"vbroad": 60.0}, False),
    ],
)
def test_hull(emulator, change, inside):
    labels = [list((dict(zip(emulator.labels, SUN)) | change).values())]
    assert emulator.in_hull(labels)[0] == inside
    if not inside:
        with pytest.warns(OutsideHullWarning, match="1 of 1 stars lie outside"):
            emulator(labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[5000.0, 4.0]], r"give one row per star of teff, logg"),
        ([[np.nan, *SUN[1:]]], "star 0 of the labels has teff = nan"),
    ],
)
def test_bad_labels(emulator, labels, message):
    with pytest.raises(ValueError, match=message):
        emulator(labels)


def test_the_trusted_range_lies_in_the_hull(emulator):
    labels = np.tile(SUN, (12, 1))
    for k in range(6):
        labels[2 * k, k], labels[2 * k + 1, k] = emulator.low[k], emulator.high[k]
    labels[labels[:, 1] == emulator.low[1], 0] = 4500.0  # only cool giants have log g = 0
    labels[labels[:, 0] == emulator.high[0], 1] = 4.5
    assert emulator.in_hull(labels).all()


def test_unknown_emulator():
    with pytest.raises(ValueError, match="no emulator named 'rsv' .*choose .*rvs"):
        specnb.load_emulator("rsv")


def test_save_and_load(tmp_path):
    torch.manual_seed(0)
    survey = replace(RVS, pixels=np.linspace(8460.0, 8700.0, 30), native=None, lines=())
    low, high = [4000, 0, -2, 0, 0, 0], [7000, 5, 0, 1, 2, 9]
    emulator = Emulator(
        Network(low, high, [(range(6), (7, 5)), ([0, 3], (4,))], 30), survey, card={"seed": 3}
    )
    emulator.save(tmp_path / "small.safetensors")
    again = Emulator.load(tmp_path / "small.safetensors", survey)
    labels = [[5000.0, 3.0, -1.0, 0.2, 1.0, 5.0]]
    np.testing.assert_array_equal(again(labels), emulator(labels))
    np.testing.assert_array_equal(again.wavelength, survey.pixels)
    assert again.survey is survey and again.steps == []
    assert again.card == {"seed": 3}
    assert [p.name for p in tmp_path.iterdir()] == ["small.safetensors"]


def test_weights_of_other_labels(tmp_path):
    other = Survey("other", "Other", RVS.labels[:5], np.arange(8.0))
    path = tmp_path / "other.safetensors"
    Emulator(Network([0] * 5, [1] * 5, [(range(5), (4,))], 8), other).save(path)
    with pytest.raises(
        OSError, match=r"other.safetensors .*its labels are teff,logg,m_h,alpha_fe,vmicro, not"
    ):
        Emulator.load(path, RVS)
    with pytest.raises(OSError, match=r"other.safetensors .*its 8 pixels are not those of longer"):
        Emulator.load(path, replace(other, name="longer", pixels=np.arange(9.0), native=None))


def test_truncated_weights(tmp_path):
    survey = replace(RVS, pixels=np.arange(8.0), native=None, lines=())
    emulator = Emulator(Network([0] * 6, [1] * 6, [(range(6), (4,))], 8), survey)
    emulator.save(tmp_path / "whole.safetensors")
    path = tmp_path / "cut.safetensors"
    path.write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-100])
    with pytest.raises(OSError, match="cut.safetensors is not a whole emulator file"):
        Emulator.load(path, survey)


@pytest.mark.parametrize("name", ["rvs", "apogee", "rvs-real", "apogee-real"])
def test_the_jacobian_is_the_derivative_of_the_flux(name):
    """Through branches, logarithms and steps, against backward differentiation."""
    emulator = specnb.load_emulator(name).to(dtype=torch.float64)
    fraction = np.array([[0.3], [0.6]])
    labels = torch.tensor(emulator.low + fraction * (emulator.high - emulator.low))
    flux, jacobian = emulator.flux_and_jacobian(labels.requires_grad_())
    expected, some = emulator(labels), torch.randn_like(flux)
    torch.testing.assert_close(flux, expected)
    (slope,) = torch.autograd.grad((some * expected).sum(), labels)
    torch.testing.assert_close((jacobian @ some[:, :, None])[:, :, 0], slope)


def test_a_label_without_a_branch_changes_nothing():
    network = Network([0.0] * 3, [1.0] * 3, [([2], [4]), ([0, 2], [])], 8)
    _, jacobian = network.flux_and_jacobian(torch.rand(5, 3))
    assert (jacobian[:, 1] == 0).all() and (jacobian[:, [0, 2]] != 0).any(dim=2).all()
