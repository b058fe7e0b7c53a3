"""One discriminator over the product of all labels' bins, or one discriminator per label.

Manteiga et al. (2025), Sect. 3.3, prefer several discriminators: with d labels of b bins each, they
have d b outputs, but a joint one has b^d. Here both are compared, each with the λ that suits it.
"""

import time

import numpy as np

from specnb.disentangle.score import PROBE_STARS
from specnb.disentangle.train import DisentangleTraining, training_rows
from specnb.evaluate.probes import probe, reconstruction


def discriminator_cost(spectra, config) -> dict[str, float]:
    """What the discriminators of a configuration cost, measured in its first epoch.

    Parameters
    ----------
    spectra : Spectra
        Training stars with a catalogue.
    config : DisentangleConfig
        With any λ other than 0.

    Returns
    -------
    dict
        ``bins``, the number of outputs of one discriminator; ``filled``, the fraction of these bins
        that contain any training star, as the mean over discriminators; ``parameters``, the number
        of all weights of all discriminators; and ``seconds``, the time of one epoch.
    """
    training = DisentangleTraining(spectra, config)
    model, start = training.model, time.perf_counter()
    training.advance()
    seconds = time.perf_counter() - start
    *_, outputs = model.networks.discriminators.biases
    index = model.scales.targets(model.label_array(spectra.labels), config)
    bins = outputs.shape[-1]
    return {
        "bins": bins,
        "filled": float(np.mean([len(np.unique(column)) / bins for column in index.T])),
        "parameters": sum(each.numel() for each in model.networks.discriminators.parameters()),
        "seconds": seconds,
    }


def validation_scores(model, spectra) -> dict[str, float]:
    """Scores of a model on the validation stars of its training, with which λ can be chosen.

    Parameters
    ----------
    model : Disentangler
    spectra : Spectra
        All stars that the model was trained with, including those that validated.

    Returns
    -------
    dict
        ``r2``, that of a probe of the latents, as the mean over the labels (the probe is fitted
        with the other training stars); ``error``, the mean squared error of the reconstructed
        spectra; and ``other_z``, the same with the latents of another star: the latents are empty
        if it is no larger.
    """
    fitted, held_out = (spectra[rows] for rows in training_rows(len(spectra), model.config))
    pairs = [
        (model.encode(part), model.label_array(part.labels))
        for part in (fitted[:PROBE_STARS], held_out)
    ]
    z, values = pairs[1]
    own, other = (
        reconstruction(model.decode(code, values), held_out)["mean_squared_error"]
        for code in (z, np.roll(z, 1, axis=0))
    )
    r2 = probe(*pairs[0], z, values, model.labels, model.config.seed)["mlp_r2"]
    return {"r2": float(np.mean(r2)), "error": own, "other_z": other}
