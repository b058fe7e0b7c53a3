"""The losses of both papers against small numbers worked out by hand, and the gradients of the
single backward pass."""

import math

import pytest
import torch

from specnb.disentangle import losses as disentangle
from specnb.translate import losses as translate

LN2, LN3 = math.log(2), math.log(3)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# --- disentangling (Manteiga et al. 2025)


def test_reconstruction_loss_is_the_mean_square_over_unmasked_pixels():
    """Eq. 1: errors 1, 2 and a masked 9 of one star, 0, 0, -3 of another: (1 + 4 + 0 + 0 + 9) /
    5."""
    flux = tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    prediction = tensor([[2.0, 3.0, 10.0], [0.0, 0.0, -3.0]])
    weight = tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    assert disentangle.reconstruction_loss(prediction, flux, weight) == pytest.approx(14 / 5)
    weight[0, 1] = 3.0  # that error counts three times: (1 + 12 + 9) / 7
    assert disentangle.reconstruction_loss(prediction, flux, weight) == pytest.approx(22 / 7)


def test_cross_entropy_of_two_bins():
    """Eq. 2: probabilities 3/4 and 1/2 of the bins; the first is the right one, and then the second
    is."""
    logits = tensor([[[LN3, 0.0], [LN3, 0.0]]])
    found = disentangle.bin_cross_entropy(logits, torch.tensor([[0, 1]]))
    first, second = -math.log(3 / 4) - math.log(1 / 2), -math.log(1 / 4) - math.log(1 / 2)
    torch.testing.assert_close(found, tensor([[first, second]]))


# Two discriminators, two spectra each: L_DISC,1 = (1 + 3) / 2 = 2 and L_DISC,2 = (4 + 6) / 2 = 5.
ENTROPY = tensor([[1.0, 3.0], [4.0, 6.0]])


def test_discriminators_minimise_the_sum_of_their_losses():
    assert disentangle.discriminator_loss(ENTROPY) == 7


def test_autoencoder_loss_is_equation_4():
    """L_AE = 10 − (0.5 · 2 − 0.2 · 5) with one λ for all; with λ per spectrum, 10 − (1·1 − 1·3)/2 −
    (0·4 + 2·6)/2."""
    assert disentangle.autoencoder_loss(10.0, ENTROPY, tensor([[0.5], [-0.2]])) == pytest.approx(
        10 - (1 - 1)
    )
    each = tensor([[1.0, -1.0], [0.0, 2.0]])
    assert disentangle.autoencoder_loss(10.0, ENTROPY, each) == pytest.approx(10 + 1 - 6)


def test_a_discriminator_worse_than_chance_counts_as_one_better_by_as_much():
    """With λ > 0 and L_DISC = 2 the loss is that of 1.4 if chance is 1.7, and unchanged if chance
    is 2.5."""
    lambdas = tensor([[0.5], [-0.2]])
    better, worse = (tensor([level, 0.1]) for level in (2.5, 1.7))
    for chance, expected in ((None, [-1.0, 1.0]), (better, [-1.0, 1.0]), (worse, [-0.7, 1.0])):
        found = [
            disentangle.autoencoder_loss(
                0.0, ENTROPY[[k]], lambdas[[k]], None if chance is None else chance[[k]]
            )
            for k in range(2)
        ]
        assert found == pytest.approx(expected)
    loss = disentangle.autoencoder_loss(10.0, ENTROPY, lambdas, worse)
    assert loss == pytest.approx(10 - 0.7 + 1)


def test_bottleneck_loss_is_the_divergence_from_a_standard_normal():
    """KL(N(μ, σ²) || N(0, 1)) = (μ² + σ² − 1 − ln σ²) / 2 for (μ, σ²) = (0, 1) and (2, 4)."""
    found = disentangle.bottleneck_loss(tensor([[0.0, 2.0]]), tensor([[0.0, math.log(4)]]))
    assert found == pytest.approx((4 + 4 - 1 - math.log(4)) / 2 / 2)


@pytest.mark.parametrize(
    "lambdas",
    [[[0.3], [-0.7]], [[0.3, -0.1, 0.0], [-0.7, 2.0, 0.5]]],
    ids=["fixed", "per spectrum"],
)
def test_one_backward_pass_gives_the_gradients_of_equation_4(lambdas):
    """With `scale_gradient`, encoder and decoder get the gradient of Eq. 4 and discriminators that
    of Σ L_DISC."""
    torch.manual_seed(1)
    draw = {"dtype": torch.float64, "requires_grad": True}
    encoder, decoder = torch.randn(5, 4, **draw), torch.randn(4, 5, **draw)
    judges = torch.randn(2, 4, 6, **draw)
    flux, index, lambdas = (
        torch.randn(3, 5, dtype=torch.float64),
        torch.randint(6, (2, 3)),
        tensor(lambdas),
    )
    weight = torch.ones_like(flux)

    z = torch.tanh(flux @ encoder)
    reconstruction = disentangle.reconstruction_loss(z @ decoder, flux, weight)
    entropy = disentangle.bin_cross_entropy(z.expand(2, 3, 4) @ judges, index)
    eq4 = disentangle.autoencoder_loss(reconstruction, entropy, lambdas)
    expected = torch.autograd.grad(eq4, [encoder, decoder], retain_graph=True)
    expected += torch.autograd.grad(disentangle.discriminator_loss(entropy), [judges])

    z = torch.tanh(flux @ encoder)
    scaled = disentangle.scale_gradient(z, -lambdas.unsqueeze(-1))
    entropy = disentangle.bin_cross_entropy(scaled @ judges, index)
    reconstruction = disentangle.reconstruction_loss(z @ decoder, flux, weight)
    found = torch.autograd.grad(
        reconstruction + disentangle.discriminator_loss(entropy), [encoder, decoder, judges]
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


# --- translation (O'Briain et al. 2020, 2021)


def test_chi2_is_the_mean_over_unmasked_pixels():
    """Errors of 2σ, 1σ and a masked one: (4 + 1) / 2. Scaled flux has errors in units of the
    scale."""
    prediction, flux = tensor([[0.2, 0.3, 5.0]]), tensor([[0.0, 0.2, 0.0]])
    weight = tensor([[1 / 0.1**2, 1 / 0.1**2, 0.0]])
    assert translate.chi2(prediction, flux, weight) == pytest.approx(5 / 2)
    assert translate.chi2(prediction / 4, flux / 4, weight, scale=4.0) == pytest.approx(5 / 2)
    assert translate.chi2(prediction[:, :2], flux[:, :2], 1 / 0.1**2) == pytest.approx(5 / 2)
    # Nothing is left to compare
    assert translate.chi2(prediction, flux, torch.zeros_like(weight)) == 0


# Logits of two critics: probability 3/4, 1/4 and 1/2 of being a reconstruction.
LIKELY, UNLIKELY, OPEN = LN3, -LN3, 0.0


def test_adversarial_loss_is_small_where_translations_pass_for_reconstructions():
    """−ln 3/4 and −ln 1/4 in one domain, on average, and −ln 1/2 in the other."""
    found = translate.adversarial_loss([tensor([LIKELY, UNLIKELY]), tensor([OPEN])])
    assert found == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2 + LN2)


def test_critics_loss_and_their_right_verdicts():
    """Reconstructions with 3/4 and 1/4 are judged rightly and wrongly; for translations it is the
    reverse."""
    reconstructions, translations = (
        [tensor([LIKELY]), tensor([LIKELY])],
        [tensor([LIKELY]), tensor([UNLIKELY])],
    )
    right, wrong = -math.log(3 / 4), -math.log(1 / 4)
    assert translate.critics_loss(reconstructions, translations) == pytest.approx(
        (3 * right + wrong) / 4
    )
    assert translate.critics_right(reconstructions, translations) == pytest.approx(3 / 4)
    blind = [tensor([OPEN]), tensor([OPEN])]
    assert translate.critics_loss(blind, blind) == pytest.approx(LN2)


def test_generator_loss_is_the_weighted_sum():
    losses = {"reconstruction_synthetic": tensor(1.0), "reconstruction_observed": tensor(2.0)}
    assert translate.generator_loss(losses, cycle=5.0, adversarial=7.0) == 3
    losses |= {
        "cycle_synthetic": tensor(10.0),
        "cycle_observed": tensor(20.0),
        "adversarial": tensor(100.0),
    }
    assert translate.generator_loss(losses, cycle=0.5, adversarial=0.01) == pytest.approx(
        1 + 2 + 5 + 10 + 1
    )
