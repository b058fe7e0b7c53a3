"""The losses of the translator, and the pass of a batch through its networks that they compare.

They are those of O'Briain et al. (2021, Sect. 2). O'Briain et al. (2020, Sect. 2) describe them in
words, without numbered equations: reconstruction, cycle consistency and adversarial losses as in
UNIT (Liu, Breuel & Kautz 2017), with critics that also see the latents. For synthetic spectra s and
observed spectra o, which are not paired, and with a critic in each domain:

- L_rec = χ²(D_synth(E_synth(s)), s) + χ²(D_obs(E_obs(o)), o): each domain is reconstructed by its
  own autoencoder.
- L_cyc = χ²(s → observed → synthetic, s) + χ²(o → synthetic → observed, o): spectra are translated
  to the other domain and back.
- L_adv = cross-entropy, which is low if the critics take translations for reconstructions.
- L_G = L_rec + w_cyc L_cyc + w_adv L_adv, which encoders and decoders minimise.
- L_C = cross-entropy of the critics' verdicts, which the critics minimise.

Critics compare translations with reconstructions and not with the spectra themselves. Otherwise
noise and masked pixels would show which spectra are not translated.
"""

from torch.nn import functional as F


def chi2(prediction, flux, weight, scale=1.0):
    """Mean of ((prediction − flux) / σ)² over the unmasked pixels, for reconstructions and cycles.

    Parameters
    ----------
    prediction, flux : Tensor, shape (n, n_pix)
        In units of ``scale``.
    weight : Tensor, shape (n, n_pix), or float
        1/σ², which is 0 in masked pixels. A float is used for all pixels.
    scale : Tensor or float
    """
    squares = weight * (prediction - flux) ** 2
    n = flux.numel() if isinstance(weight, float) else (weight > 0).sum().clamp(min=1)
    return squares.sum() / n * scale**2


def adversarial_loss(translations):
    """L_adv, the cross-entropy of both domains, low if translations are taken for reconstructions.

    Parameters
    ----------
    translations : sequence of Tensor, shape (n,)
        The critics' logits that translations into each domain are reconstructions.
    """
    return sum(F.softplus(-logit).mean() for logit in translations)


def generator_loss(losses, cycle: float, adversarial: float):
    """L_G = L_rec + w_cyc L_cyc + w_adv L_adv, which encoders and decoders minimise.

    Parameters
    ----------
    losses : dict of str to Tensor
        ``reconstruction_synthetic``, ``reconstruction_observed``, and those of ``cycle_synthetic``,
        ``cycle_observed`` and ``adversarial`` that are used.
    cycle, adversarial : float
        The weights w_cyc and w_adv.
    """
    weights = {"reconstruction": 1.0, "cycle": cycle, "adversarial": adversarial}
    return sum(weights[name.partition("_")[0]] * loss for name, loss in losses.items())


def critics_loss(reconstructions, translations):
    """L_C: mean binary cross-entropy of the critics' verdicts, in nats; blind guessing gives ln 2.

    Parameters
    ----------
    reconstructions, translations : sequence of Tensor, shape (n,)
        The critics' logits that spectra are reconstructions, one tensor for each domain.
    """
    missed = [F.softplus(-logit).mean() for logit in reconstructions]
    deceived = [F.softplus(logit).mean() for logit in translations]
    return sum(missed + deceived) / 4


def critics_right(reconstructions, translations):
    """Fraction of the critics' verdicts that are right. Arguments are as for `critics_loss`."""
    right = [logit > 0 for logit in reconstructions] + [logit < 0 for logit in translations]
    return sum(verdicts.float().mean() for verdicts in right) / 4


def both_ways(model, synthetic, observed, weight):
    """Reconstruct and translate a batch of each domain, and translate the translations back.

    Parameters
    ----------
    model : Translator
    synthetic, observed : Tensor, shape (n, n_pix)
        Scaled spectra. The synthetic ones are translated with the z_split of the observed ones.
    weight : Tensor, shape (n, n_pix)
        1/σ² of the observed spectra, 0 where masked.

    Returns
    -------
    reconstructions, translations : dict of str to tuple of Tensor
        For each domain, what its critic sees: spectra of the domain, their z_shared and, for
        observed spectra, their z_split.
    losses : dict of str to Tensor
        ``reconstruction_*`` and, if the configuration has them, ``cycle_*`` of each domain.
    """
    networks = model.networks
    z_observed, split = networks.encode_observed(observed)
    z_synthetic = networks.encode_synthetic(synthetic)
    own = networks.decode_synthetic(z_synthetic)
    change = networks.decode_difference(z_synthetic, split)
    reconstructions = {
        "synthetic": (own, z_synthetic),
        "observed": (networks.decode_observed(z_observed, split), z_observed, split),
    }
    translations = {
        "synthetic": (networks.decode_synthetic(z_observed), z_observed),
        "observed": (own + change, z_synthetic, split),
    }
    losses = {
        "reconstruction_synthetic": synthetic_chi2(model, own, synthetic),
        "reconstruction_observed": chi2(
            reconstructions["observed"][0], observed, weight, model.std
        ),
    }
    if model.config.cycle:
        translated = synthetic + change if model.config.residual else translations["observed"][0]
        back = networks.decode_synthetic(networks.encode_observed(translated)[0])
        losses["cycle_synthetic"] = synthetic_chi2(model, back, synthetic)
        back = networks.decode_observed(
            networks.encode_synthetic(translations["synthetic"][0]), split
        )
        losses["cycle_observed"] = chi2(back, observed, weight, model.std)
    return reconstructions, translations, losses


def synthetic_chi2(model, prediction, synthetic):
    """χ² per pixel of scaled synthetic spectra, which all have the same error."""
    return chi2(prediction, synthetic, 1.0 / model.config.synthetic_error**2, model.std)


def detached(seen):
    """The reconstructions or the translations of `both_ways`, without gradients."""
    return {domain: [tensor.detach() for tensor in tensors] for domain, tensors in seen.items()}
