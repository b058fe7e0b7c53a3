"""The losses of the adversarial autoencoder, as functions of tensors.

They are Eqs. 1-4 of Manteiga et al. (2025). For a spectrum x with labels y, latents z = E(x) and
reconstruction D(z, y):

- L_rec (Eq. 1): mean squared error of the reconstruction.
- L_DISC,i (Eq. 2): cross-entropy of discriminator i, which predicts the bin of label i from z.
- L_AE = L_rec − Σ_i λ_i L_DISC,i (Eq. 4; Eq. 3 is the same with one discriminator): the loss that
  encoder and decoder minimise. With λ_i > 0 it is lower if discriminator i fails, so that label i
  is removed from z. With λ_i < 0 it is lower if the discriminator succeeds, so that label i is kept
  in z.

The discriminators minimise Σ_i L_DISC,i, whatever the sign of λ_i.
"""

from torch.nn import functional as F


def reconstruction_loss(prediction, flux, weight):
    """L_rec (Eq. 1): weighted mean of the squared flux error. Eq. 1 as printed lacks the square.

    Parameters
    ----------
    prediction, flux : Tensor, shape (n, n_pix)
    weight : Tensor, shape (n, n_pix)
        0 for masked pixels. With equal weights elsewhere this is the paper's mean over pixels.
    """
    return (weight * (prediction - flux) ** 2).sum() / weight.sum()


def bin_cross_entropy(logits, index):
    """L_DISC,i of each spectrum (Eq. 2): binary cross-entropy summed over the bins, in nats.

    The paper does not say whether it sums or averages over bins, and its code uses a categorical
    cross-entropy. With the sum, λ has the same meaning for any number of bins.

    Parameters
    ----------
    logits : Tensor, shape (n_discriminators, n, bins)
    index : Tensor of int64, shape (n_discriminators, n)
        The bin of each spectrum.

    Returns
    -------
    Tensor, shape (n_discriminators, n)
    """
    # Σ_b softplus(logit_b) − logit_true equals −Σ_b [y_b log p_b + (1 − y_b) log(1 − p_b)].
    hit = logits.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    return F.softplus(logits).sum(dim=-1) - hit


def discriminator_loss(cross_entropy):
    """Σ_i L_DISC,i, which the discriminators minimise, from a result of `bin_cross_entropy`."""
    return cross_entropy.mean(1).sum()


def autoencoder_loss(reconstruction, cross_entropy, lambdas, chance=None):
    """L_AE = L_rec − Σ_i λ_i L_DISC,i (Eq. 4), which encoder and decoder minimise.

    Parameters
    ----------
    reconstruction : Tensor
        L_rec; with a bottleneck, plus its weight times `bottleneck_loss`.
    cross_entropy : Tensor, shape (n_discriminators, n)
        Result of `bin_cross_entropy`.
    lambdas : Tensor, shape (n_discriminators, 1) or (n_discriminators, n)
        λ_i, the same for all spectra or one for each.
    chance : Tensor, shape (n_discriminators,), optional
        L_DISC,i of a discriminator that knows only how often each bin occurs. If it is given, a
        discriminator with λ_i > 0 that is worse than chance counts as if it were better than
        chance by the same amount. Otherwise an epoch in which the discriminators have not learned
        yet would pass for one in which the latents have lost the label.
    """
    if chance is None:
        return reconstruction - (lambdas * cross_entropy).mean(1).sum()
    removed = (lambdas.clamp(min=0) * cross_entropy).mean(1)
    kept = (lambdas.clamp(max=0) * cross_entropy).mean(1)
    at_chance = lambdas.clamp(min=0).mean(1) * chance
    return reconstruction - (removed.minimum(2 * at_chance - removed) + kept).sum()


def bottleneck_loss(mean, log_variance):
    """Mean over the latents of KL(N(μ, σ²) || N(0, 1)), in nats. It is not part of the paper."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def scale_gradient(z, factor):
    """Repeat latents for each discriminator, and multiply the gradient of each copy by a factor.

    Encoder and discriminators minimise different losses: L_rec − Σ_i λ_i L_DISC,i (Eq. 4) and Σ_i
    L_DISC,i. With −λ_i as the factors, one backward pass of L_rec + Σ_i L_DISC,i gives both
    gradients. The gradient of discriminator i is that of L_DISC,i. What reaches the encoder is
    multiplied by −λ_i, so that the encoder has the gradient of Eq. 4. With λ_i = 1 this is the
    gradient reversal of Ganin & Lempitsky (2015).

    Parameters
    ----------
    z : Tensor, shape (n, latent)
    factor : Tensor, shape (n_discriminators, 1 or n, 1)

    Returns
    -------
    Tensor, shape (n_discriminators, n, latent)
    """
    copies = z.expand(len(factor), *z.shape)
    copies.register_hook(lambda gradient: factor * gradient)
    return copies
