"""What the browser needs to probe the latents of many stars anew at each λ."""

import numpy as np
import torch

from specnb.disentangle.conditional import Conditional
from specnb.evaluate.quick_probes import PENALTIES, kernel_sampler
from specnb.widgets.pages.program import Program

STARS = 500  # largest number of stars; their latents are computed in the browser for each λ
ERRORS = 100  # of them, stars whose spectra are reconstructed for the error


def tail_program(model, arrays) -> dict:
    """The encoder without its first layer as a program: from hidden and lambdas to latents.

    ``hidden`` is what `first_layer` gives, which does not depend on λ. The rest of the encoder costs
    a third of the whole.
    """
    program = Program(arrays, "tail", "hidden", "lambdas")
    config, (first, *others) = model.config, model.networks.encoder
    weight = first.weight[:, -len(model.labels) :] / config.lambda_range
    moved = program.add("linear", "lambdas", weight=weight, bias=None)
    out = program.layers(program.add("add", "hidden", moved), others)
    if config.bottleneck:  # the other half are the log variances
        latents = program.add("select", out, columns=list(range(config.latent)))
    else:
        latents = program.add("sigmoid", out)
    return program.results(latents=latents)


@torch.no_grad()
def first_layer(model, spectra) -> np.ndarray:
    """What the encoder's first layer gives for spectra if all λ are 0, shape (n, width)."""
    n, config = len(spectra), model.config
    parts = [torch.from_numpy(model.scale_flux(spectra.flux, spectra.mask))]
    if config.labels_in_encoder:
        scales, values = model.scales, model.label_array(spectra.labels)
        scaled = (values - scales.label_mean) / scales.label_std
        parts.append(torch.as_tensor(scaled, dtype=torch.float32))
    parts.append(torch.zeros(n, len(model.labels)))
    return model.networks.encoder[0](torch.cat(parts, dim=1).to(model.device)).cpu().numpy()


def probes_part(model, spectra, arrays) -> dict:
    """The stars that are probed, as `browser/src/probe_scores.js` takes them.

    It computes what `specnb.disentangle.conditional.Conditional` does with these stars, whose first
    layer is rounded to half precision here.

    Parameters
    ----------
    model : Disentangler
        A model that takes λ.
    spectra : Spectra
        Stars with a catalogue. At most `STARS` of them are taken, at random.
    arrays : Arrays
        Where the numbers go.

    Raises
    ------
    ValueError
        If the model was trained at fixed λ, or there are too few latents or stars.
    """
    stars = Conditional(model, spectra, STARS)
    sampler = kernel_sampler(model.latent).fit(np.zeros((1, model.latent)))
    shown = stars.shown[:ERRORS]
    numbers = {
        "hidden": (first_layer(model, stars.spectra), np.float16),
        "labels": (stars.values, np.float64),
        "flux": (np.where(shown.mask, np.nan, shown.flux), np.float16),
        "kernel": (sampler.random_weights_, np.float32),
        "offset": (sampler.random_offset_, np.float32),
    }
    names = {name: arrays.add(f"probes.{name}", *each) for name, each in numbers.items()}
    return names | {"fit": stars.half, "penalties": PENALTIES.tolist()}
