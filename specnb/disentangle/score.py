"""Scores of many models: probes of their latents, and reconstructions."""

import joblib
import numpy as np
from astropy.table import Table, vstack

from specnb.core.labels import label_array
from specnb.disentangle.scales import chance
from specnb.evaluate.probes import probe, reconstruction

PROBE_STARS = 15_000  # number of training stars of a probe; twice as many do not improve it
DRAWS = 20  # random draws of noisy latents that are averaged


def chance_levels(model, spectra) -> dict[str, float]:
    """Loss of discriminators that know only how the labels of some stars are distributed, in nats.

    Parameters
    ----------
    model : Disentangler
    spectra : Spectra
        Spectra with a catalogue.

    Returns
    -------
    dict
        One entry for each discriminator, named by its label or ``joint``.
    """
    index = model.scales.targets(model.label_array(spectra.labels), model.config)
    return dict(zip(model.config.discriminators, chance(index).tolist()))


def probe_models(models, stars, n_train: int = PROBE_STARS, lambdas=None, jobs: int = -1) -> Table:
    """Probe the latents of several models for catalogue labels and for true labels.

    The code that is judged is what a user gets from ``model.encode(spectra)``. With a bottleneck
    these are the means of the latents. Discriminators judged random draws of them instead, which
    contain less information. Therefore one draw, and the average of several, are probed as well.

    Parameters
    ----------
    models : mapping of str to sequence of Autoencoder
        For each setting, one model per seed; the seeds are 1, 2, ...
    stars : ReferenceStars
    n_train : int
        Largest number of training stars for a probe. All test stars are used for its score.
    lambdas : mapping, optional
        λ of each label, for models that take λ as input.
    jobs : int
        Number of probes at a time. −1 means one per core.

    Returns
    -------
    Table
        One row for each setting, seed and label: ``setting``, ``seed``, ``label``, ``linear_r2``,
        ``mlp_r2`` and ``mutual_information`` (nats) of the catalogue label, ``mlp_r2_true`` of the
        true label (NaN if it is not known), ``mlp_r2_drawn`` and ``mlp_r2_averaged`` of the
        catalogue label from one random draw of the latents and from the average of `DRAWS` draws
        (NaN without noise), and
        ``discriminator``, the loss of the label's discriminator on validation
        stars minus that of blind guessing (nats), which is NaN without a discriminator.
    """
    parts = stars.train[:n_train], stars.test
    given = {"": parts}
    if stars.truth_test is not None:
        given["true "] = stars.truth_train[:n_train], stars.truth_test

    def one(setting, seed, model):
        labels = model.labels
        y_train, y_test = (
            np.hstack([label_array(each.labels, labels) for each in group])
            for group in zip(*given.values())
        )
        names = [kind + name for kind in given for name in labels]

        def score(n_draws):
            seeds = range(n_draws) if n_draws else [None]
            z_train, z_test = (
                np.mean([model.encode(part, lambdas, k) for k in seeds], axis=0) for part in parts
            )
            return probe(z_train, y_train, z_test, y_test, names, seed)

        found = score(0)
        table = found[: len(labels)]
        table["mlp_r2_true"] = found["mlp_r2"][len(labels) :] if len(given) > 1 else np.nan
        for column, n_draws in (("mlp_r2_drawn", 1), ("mlp_r2_averaged", DRAWS)):
            drawn = score(n_draws)["mlp_r2"] if model.noise else np.full(len(found), np.nan)
            table[column] = drawn[: len(labels)]
        best = min(model.history, key=lambda row: row["loss"], default={})
        levels = chance_levels(model, stars.train) if best else {}
        table["discriminator"] = [
            best.get(f"discriminator_{name}", np.nan) - levels.get(name, np.nan) for name in labels
        ]
        table.add_columns([setting, seed], [0, 0], names=["setting", "seed"])
        return table

    return vstack(_of_all(one, models, jobs))


def reconstruct_models(models, stars, jobs: int = -1) -> Table:
    """Errors of test spectra that models reconstruct from latents and catalogue labels.

    Parameters
    ----------
    models, stars
        As for `probe_models`. All models are compared with those of the setting "plain".
    jobs : int
        Number of models at a time. −1 means one per core.

    Returns
    -------
    Table
        One row for each setting and seed: ``setting``, ``seed``, the entries of
        `specnb.evaluate.probes.reconstruction`, ``rms_other_z``, which is ``rms_truth`` with the
        latents of another star (if it is not larger, the latents contain no information),
        ``rms_drawn``, which is ``rms_truth`` with one random draw of the latents, and ``ratio``, the
        mean squared error divided by the mean of that of the plain models, which is NaN without
        plain models. The mean squared error is that from the observed spectrum, whose noise the
        latents know; ``rms_truth`` is free of this. If no truth is known, ``rms_truth`` is NaN, and
        ``rms_other_z`` and ``rms_drawn`` are differences from the observed spectra.
    """
    test, truth = stars.test, stars.truth_test

    def one(setting, seed, model):
        z = model.encode(test)
        other = np.random.default_rng(seed).permutation(len(z))

        def errors(code):
            return reconstruction(model.decode(code, test.labels), test, truth)

        def rms(found):
            return found.get("rms_truth", np.sqrt(found["mean_squared_error"]))

        own, swapped = errors(z), errors(z[other])
        drawn = errors(model.encode(test, seed=0)) if model.noise else own
        return (
            {"setting": setting, "seed": seed}
            | own
            | {"rms_truth": own.get("rms_truth", np.nan)}
            | {"rms_other_z": rms(swapped), "rms_drawn": rms(drawn)}
        )

    table = Table(_of_all(one, models, jobs))
    plain = table["mean_squared_error"][table["setting"] == "plain"]
    table["ratio"] = table["mean_squared_error"] / (plain.mean() if len(plain) else np.nan)
    return table


def _of_all(one, models, jobs):
    """The results of ``one(setting, seed, model)`` for all models, several at a time.

    They are computed in processes. In threads, the many small steps of networks would wait for each
    other.
    """
    return joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(one)(setting, seed, model)
        for setting, group in models.items()
        for seed, model in enumerate(group, 1)
    )
