"""Counterfactuals: is the spectrum that an autoencoder decodes for edited labels the one such a
star would have?

On a mock survey the answer is known. The decoder is given catalogue labels, so an edit by a step Δ
replaces the catalogue's y by y + Δ, and the truth is the simulator's spectrum at the true y + Δ:
all else of the star stays, its other labels (the true v_micro and v_broad among them), its
interstellar band and its continuum residual. Edits to an absolute value, as T_eff = 7500 K in the
paper's Fig. 2, differ from that by the error of the star's catalogue label;
`specnb.surveys.mock.remake` gives the truth for those."""

import numpy as np
from astropy.table import Table

from specnb.surveys.mock import remake

BATCH = 4096  # stars at a time: about 0.2 GB at work


def shifted(labels, label, step):
    """A copy of a table of labels with one label larger by a step for all stars."""
    labels = labels.copy()
    labels[label] = labels[label] + step
    return labels


def true_change(truth, emulator, config, label, step):
    """Change of the true spectra of a mock survey when a label changes by a step, all else of the
    stars kept.

    Parameters
    ----------
    truth : Spectra
        Stars of the survey, with their true labels.
    emulator : Emulator
    config : MockConfig
        Of the survey.
    label : str
    step : float
        In units of the label.

    Returns
    -------
    ndarray, shape (n, n_pix), float32

    Raises
    ------
    ValueError
        If the emulator has no such label, or ``truth`` does not come from this emulator and this
        configuration.
    """
    if label not in emulator.labels:
        raise ValueError(
            f"the emulator has no label {label!r} to edit: it has {', '.join(emulator.labels)}"
        )
    again = remake(emulator, config, truth.ids[:1], truth.labels[:1])
    if again.shape[1] != truth.flux.shape[1] or not np.allclose(again, truth.flux[:1], atol=1e-5):
        raise ValueError(
            "the emulator and the mock configuration do not give these true spectra: pass those that did"
        )
    return remake(emulator, config, truth.ids, shifted(truth.labels, label, step)) - truth.flux


def decode_edited(model, z, values, label, step):
    """Decoded spectra with a label larger by a step and the latents as they are.

    Parameters
    ----------
    model : Disentangler
    z : ndarray, shape (n, latent)
        From ``model.encode``.
    values : ndarray, shape (n, n_labels)
        Catalogue labels, from ``model.label_array``.
    label : str
    step : float

    Returns
    -------
    ndarray, shape (n, n_pix), float32
    """
    return model.decode(z, values + step * (np.array(model.labels) == label))


def counterfactual_changes(models, observed, truth, emulator, config, edits=None):
    """Changes of one star's spectrum, for a figure.

    Parameters
    ----------
    models : mapping of str to Disentangler
    observed, truth : Spectra
        One star of a mock survey.
    emulator, config
        As for `true_change`.
    edits : mapping of str to float, optional
        Step of each label; the sign counts. Default: those of the survey.

    Returns
    -------
    dict
        For each label a dict: "truth" and each model's name to the change, shape (n_pix,).

    Raises
    ------
    ValueError
        If there is more than one star, or an edit leaves what the emulator or a model knows.
    """
    edits = emulator.survey.edits if edits is None else edits
    _check(models, observed, truth, edits)
    if len(truth) != 1:
        raise ValueError(f"{len(truth)} stars: give one, as observed[i:i+1] and truth[i:i+1]")
    out = {}
    for label, step in edits.items():
        if not _possible(models, observed, truth, emulator, label, step)[0]:
            raise ValueError(f"{label} {step:+g} takes star {truth.ids[0]} out of the range of the emulator or of the "
                             "models' training stars: choose another step or star")  # fmt: skip
        out[label] = {"truth": true_change(truth, emulator, config, label, step)[0]}
        for name, model in models.items():
            z, values = model.encode(observed), model.label_array(observed.labels)
            out[label][name] = (
                decode_edited(model, z, values, label, step) - model.decode(z, values)
            )[0]
    return out


def counterfactual_errors(models, observed, truth, emulator, config, edits=None):
    """How right decoded spectra of edited stars are: each label by a step up and a step down, each
    model.

    Stars that an edit takes out of the emulator's hull or out of the range of any model's training
    labels are left out, so that all models are judged on the same stars.

    Where the latents still carry a label, the decoder heeds its input less, and the slope is well
    below 1. It is also below 1 for the best of models, since errors of the catalogue flatten what
    can be learnt from it (regression dilution), the more so where the other labels nearly fix the
    one that is edited, as T_eff on the giant branch. A model whose latents carry nothing
    (``bottleneck=10``) shows how far the labels alone go.

    Parameters
    ----------
    models : mapping of str to Disentangler
    observed, truth : Spectra, n stars
        Stars of a mock survey that trained no model.
    emulator, config
        As for `true_change`.
    edits : mapping of str to float, optional
        Size of the step of each label. Default: those of the survey.

    Returns
    -------
    Table
        A row for each model, label and sign of ``step``. Errors are rms over pixels and stars, in
        flux:

        - ``stars``, ``left_out``: how many stars were edited and how many not;
        - ``reconstruction``: error of the decoded spectra with their own labels, against the
          noiseless truth;
        - ``error``: error of the decoded edited spectra;
        - ``change``: rms of the true change, which is the error of doing nothing;
        - ``relative``: error of the change, ‖ΔF_decoded − ΔF_true‖ / ‖ΔF_true‖; 1 is no better than
          no change;
        - ``slope``: of the decoded on the true change by least squares; 1 is right, 0 ignores the
          label.

    Raises
    ------
    ValueError
        If the stars of ``observed`` and ``truth`` differ, a model lacks a label, or as
        `true_change`.
    """
    edits = emulator.survey.edits if edits is None else edits
    _check(models, observed, truth, edits)
    inputs = {
        name: (model.encode(observed), model.label_array(observed.labels))
        for name, model in models.items()
    }
    rows = []
    for label, size in edits.items():
        for step in (size, -size):
            chosen = np.flatnonzero(_possible(models, observed, truth, emulator, label, step))
            sums = {name: [np.empty((0, 5))] for name in models}
            for start in range(0, len(chosen), BATCH):
                some = chosen[start : start + BATCH]
                change = true_change(truth[some], emulator, config, label, step)
                for name, model in models.items():
                    z, values = (each[some] for each in inputs[name])
                    before = model.decode(z, values)
                    after = decode_edited(model, z, values, label, step)
                    sums[name].append(_sums(change, after - before, before - truth.flux[some]))
            counts = {"stars": len(chosen), "left_out": len(truth) - len(chosen)}
            for name in models:
                errors = _summary(np.concatenate(sums[name]), len(truth.wavelength))
                rows.append({"model": name, "label": label, "step": step} | counts | errors)
    return Table(rows)


def _check(models, observed, truth, edits):
    """Raise ValueError where models, stars and edits do not fit together."""
    if not models or not edits:
        raise ValueError("there is nothing to compare: give at least one model and one edit")
    if not np.array_equal(observed.ids, truth.ids):
        raise ValueError("observed and truth are not the same stars: cut both by the same index")
    for name, model in models.items():
        if missing := [label for label in edits if label not in model.labels]:
            raise ValueError(f"the decoder of model {name!r} does not take {', '.join(missing)}, which an edit changes: "
                             f"it takes {', '.join(model.labels)}")  # fmt: skip
    for label, step in edits.items():
        if not (np.isfinite(step) and step):
            raise ValueError(
                f"the step of {label} is {step}: it must be a finite number other than 0"
            )


def _sums(change, decoded, error):
    """Sums over the pixels of each star, shape (n, 5)."""
    products = (
        change**2,
        change * decoded,
        (decoded - change) ** 2,
        error**2,
        (error + decoded - change) ** 2,
    )
    return np.column_stack([product.sum(axis=1, dtype=float) for product in products])


def _summary(sums, n_pix):
    """Errors over all stars; NaN without stars."""
    size, product, wrong, before, after = sums.sum(axis=0)
    pixels = np.float64(len(sums) * n_pix)
    with np.errstate(invalid="ignore"):
        return {
            "reconstruction": np.sqrt(before / pixels),
            "error": np.sqrt(after / pixels),
            "change": np.sqrt(size / pixels),
            "relative": np.sqrt(wrong / size),
            "slope": product / size,
        }


def _possible(models, observed, truth, emulator, label, step):
    """Which stars an edit leaves within the emulator's hull and within the training range of all
    models.
    """
    edited = shifted(truth.labels, label, step)
    possible = emulator.in_hull(np.column_stack([edited[name] for name in emulator.labels]))
    for model in models.values():
        possible &= model.inside(model.label_array(shifted(observed.labels, label, step)))
    return possible
