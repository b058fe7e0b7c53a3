"""Scores of many models: probes of their latents, and reconstructions."""

import warnings

import joblib
import numpy as np
from astropy.table import Table, vstack
from sklearn.exceptions import ConvergenceWarning

from specnb.core.labels import label_array
from specnb.disentangle.scales import chance
from specnb.evaluate.probes import probe, reconstruction

PROBE_STARS = 15_000  # number of training stars of a probe; twice as many do not improve it


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

    Parameters
    ----------
    models : mapping of str to sequence of Disentangler
        For each setting, one model per seed.
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
        true label, and ``discriminator``, the loss of the label's discriminator on validation stars
        minus that of blind guessing (nats), which is NaN without a discriminator.
    """
    train, truth_train = stars.train[:n_train], stars.truth_train[:n_train]

    def one(setting, model):
        labels = model.labels
        z_train, z_test = (model.encode(part, lambdas) for part in (train, stars.test))
        y_train, y_test = (
            np.hstack([label_array(part.labels, labels) for part in parts])
            for parts in ((train, truth_train), (stars.test, stars.truth_test))
        )
        names = [*labels, *(f"true {name}" for name in labels)]
        found = probe(z_train, y_train, z_test, y_test, names, model.config.seed)
        best = min(model.history, key=lambda row: row["loss"])
        levels = chance_levels(model, stars.train)
        table = found[: len(labels)]
        table["mlp_r2_true"] = found["mlp_r2"][len(labels) :]
        table["discriminator"] = [
            best.get(f"discriminator_{name}", np.nan) - levels.get(name, np.nan) for name in labels
        ]
        table.add_columns([setting, model.config.seed], [0, 0], names=["setting", "seed"])
        return table

    # `probe` ignores this warning, too, but threads undo each other's filters.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        tables = joblib.Parallel(n_jobs=jobs, prefer="threads")(
            joblib.delayed(one)(setting, model)
            for setting, group in models.items()
            for model in group
        )
    return vstack(tables)


def reconstruct_models(models, stars) -> Table:
    """Errors of test spectra that models reconstruct from latents and catalogue labels.

    Parameters
    ----------
    models, stars
        As for `probe_models`. All models are compared with those of the setting "plain".

    Returns
    -------
    Table
        One row for each setting and seed: ``setting``, ``seed``, the entries of
        `specnb.evaluate.probes.reconstruction`, ``rms_other_z``, which is ``rms_truth`` with the
        latents of another star (if it is not larger, the latents contain no information), and
        ``ratio``, the mean squared error divided by the mean of that of the plain models, which is
        NaN without plain models.
    """
    rows = []
    for setting, group in models.items():
        for model in group:
            z = model.encode(stars.test)
            other = np.random.default_rng(model.config.seed).permutation(len(z))
            own, swapped = (
                reconstruction(model.decode(x, stars.test.labels), stars.test, stars.truth_test)
                for x in (z, z[other])
            )
            rows.append(
                {"setting": setting, "seed": model.config.seed}
                | own
                | {"rms_other_z": swapped["rms_truth"]}
            )
    table = Table(rows)
    plain = table["mean_squared_error"][table["setting"] == "plain"]
    table["ratio"] = table["mean_squared_error"] / (plain.mean() if len(plain) else np.nan)
    return table
