"""Pass a batch of each domain through all networks of a translator, and compute the losses."""

from typing import NamedTuple

import torch

from specnb.translate.losses import chi2


class Decoded(NamedTuple):
    """Latents of a batch from one domain, and the spectra that both decoders make from them."""

    shared: torch.Tensor
    split: torch.Tensor  # z_split of the observed spectra, with which the synthetic are translated
    reconstruction: torch.Tensor  # made by the decoder of its own domain
    translation: torch.Tensor  # made by the decoder of the other domain

    def detached(self):
        """The same without gradients."""
        return Decoded(*(tensor.detach() for tensor in self))


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
    s, o : Decoded
        The results for the synthetic and for the observed spectra.
    losses : dict of str to Tensor
        ``reconstruction_*`` and, if the configuration has them, ``cycle_*`` of each domain.
    """
    networks = model.networks
    z_observed, split = networks.encode_observed(observed)
    z_synthetic = networks.encode_synthetic(synthetic)
    own = networks.decode_synthetic(z_synthetic)
    change = networks.decode_difference(z_synthetic, split)
    s = Decoded(z_synthetic, split, reconstruction=own, translation=own + change)
    o = Decoded(
        shared=z_observed,
        split=split,
        reconstruction=networks.decode_observed(z_observed, split),
        translation=networks.decode_synthetic(z_observed),
    )
    losses = {
        "reconstruction_synthetic": synthetic_chi2(model, s.reconstruction, synthetic),
        "reconstruction_observed": chi2(o.reconstruction, observed, weight, model.std),
    }
    if model.config.cycle:
        translated = synthetic + change if model.config.residual else s.translation
        back = networks.decode_synthetic(networks.encode_observed(translated)[0])
        losses["cycle_synthetic"] = synthetic_chi2(model, back, synthetic)
        back = networks.decode_observed(networks.encode_synthetic(o.translation), split)
        losses["cycle_observed"] = chi2(back, observed, weight, model.std)
    return s, o, losses


def synthetic_chi2(model, prediction, synthetic):
    """χ² per pixel of scaled synthetic spectra, which all have the same error."""
    return chi2(prediction, synthetic, 1.0 / model.config.synthetic_error**2, model.std)


def judge_translations(networks, s: Decoded, o: Decoded):
    """The critics' logits for translations into the synthetic and the observed domain."""
    return [
        networks.judge("synthetic", o.translation, o.shared),
        networks.judge("observed", s.translation, s.shared, s.split),
    ]


def judge_reconstructions(networks, s: Decoded, o: Decoded):
    """The critics' logits for reconstructions of synthetic and observed spectra."""
    return [
        networks.judge("synthetic", s.reconstruction, s.shared),
        networks.judge("observed", o.reconstruction, o.shared, o.split),
    ]
