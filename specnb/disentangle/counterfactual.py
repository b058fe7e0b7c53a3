"""Counterfactuals: compare spectra that are decoded for edited labels with the true ones.

For a mock survey the true spectra are known. The decoder takes catalogue labels, so that an edit by
a step Δ replaces the catalogue's y by y + Δ. The truth is the simulator's spectrum at the true y +
Δ. Everything else of the star stays the same: its other labels (including the true v_micro and
v_broad), its interstellar band and its continuum residual. An edit to an absolute value, such as
T_eff = 7500 K in the paper's Fig. 2, differs from this by the error of the star's catalogue label.
`specnb.surveys.mock.remake` gives the truth for such edits.

Of real stars no truth is known. The change of their spectra is compared with that of the emulator's
spectra at the labels of the catalogue.
"""

from itertools import product

import numpy as np
from astropy.table import Table

from specnb.core.labels import label_columns
from specnb.surveys.mock import remake


def shifted(labels, label, step):
    """A copy of a table of labels, in which one label is larger by a step for all stars.

    That label is in its usual unit, whatever unit it had before.
    """
    labels = labels.copy()
    labels[label] = label_columns(labels, [label])[:, 0] + step
    return labels


def true_change(truth, emulator, config, label, step):
    """Change of the true spectra of a mock survey if one label changes by a step.

    Everything else of the stars stays the same.

    Parameters
    ----------
    truth : Spectra
        Stars of the survey, with their true labels.
    emulator : Emulator
    config : MockConfig or None
        Configuration of the survey. None if ``truth`` has the emulator's own spectra, as for real
        stars, see `specnb.disentangle.experiment.without_noise`.
    label : str
    step : float
        Step in the unit of the label.

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


def counterfactual_changes(models, observed, truth, emulator, config, edits=None):
    """Changes of one star's spectrum when its labels are edited, for a figure.

    Parameters
    ----------
    models : mapping of str to Autoencoder
    observed, truth : Spectra
        One star of a mock survey.
    emulator, config
        As for `true_change`.
    edits : mapping of str to float, optional
        Step of each label, with its sign. The default is the steps of the survey.

    Returns
    -------
    dict
        For each label a dict of changes, shape (n_pix,). Its keys are "truth" and the names of the
        models.

    Raises
    ------
    ValueError
        If there is more than one star, or if an edit leads out of the range of the emulator or of a
        model's training labels.
    """
    edits = emulator.survey.edits if edits is None else edits
    if len(truth) != 1:
        raise ValueError(f"{len(truth)} stars: give one, as observed[i:i+1] and truth[i:i+1]")
    out = {}
    for edit, change, decoded, _ in _edited(
        models, observed, truth, emulator, config, edits.items()
    ):
        if not len(change):
            raise ValueError(
                f"{edit['label']} {edit['step']:+g} takes star {truth.ids[0]} out of the range of the emulator "
                "or of the models' training stars: choose another step or star"
            )
        changes = out.setdefault(edit["label"], {"truth": change[0]})
        changes[edit["model"]] = decoded[0]
    return out


def counterfactual_errors(models, observed, truth, emulator, config, edits=None):
    """Errors of decoded spectra of edited stars, for each model and label, and for steps up and
    down.

    Stars are left out if an edit leads out of the emulator's hull or out of the range of any
    model's training labels. All models are therefore tested with the same stars.

    If the latents still contain a label, the decoder depends less on the label that it is given,
    and the slope is well below 1. Even for the best models the slope is below 1, because errors of
    the catalogue make the dependence flatter that can be learnt from it (regression dilution). This
    effect is stronger if the other labels nearly determine the edited one, like T_eff on the giant
    branch. A model whose latents contain nothing (``bottleneck=10``) shows what can be reached with
    the labels alone.

    Parameters
    ----------
    models : mapping of str to Autoencoder
    observed, truth : Spectra, n stars
        Stars of a mock survey that were not used to train any of the models.
    emulator, config
        As for `true_change`.
    edits : mapping of str to float, optional
        Size of the step of each label. The default is the sizes of the survey.

    Returns
    -------
    Table
        One row for each model, label and sign of ``step``. Errors are rms values over pixels and
        stars, in flux:

        - ``stars``, ``left_out``: the numbers of stars that were edited and that were left out;
        - ``reconstruction``: error of the decoded spectra with their own labels, against the
          noiseless truth;
        - ``error``: error of the decoded edited spectra;
        - ``change``: rms of the true change, which is the error of an unchanged spectrum;
        - ``relative``: error of the change, ‖ΔF_decoded − ΔF_true‖ / ‖ΔF_true‖; it is 1 if the
          spectrum does not change;
        - ``slope``: least-squares slope of the decoded change as a function of the true change; 1
          is right, and 0 means that the label is ignored.

    Raises
    ------
    ValueError
        If the stars of ``observed`` and ``truth`` differ, if a model lacks a label, or for the
        reasons given in `true_change`.
    """
    edits = emulator.survey.edits if edits is None else edits
    steps = [(label, step) for label, size in edits.items() for step in (size, -size)]
    rows = []
    for edit, *spectra in _edited(models, observed, truth, emulator, config, steps):
        n = len(spectra[0])
        rows.append(edit | {"stars": n, "left_out": len(truth) - n} | _errors(*spectra))
    return Table(rows)


def _edited(models, observed, truth, emulator, config, steps):
    """Edit each label by its step, and decode the edited stars with each model.

    Stars are left out if the edit takes them out of the emulator's hull or out of the range of any
    model's training labels.

    Parameters
    ----------
    steps : iterable of (str, float)

    Yields
    ------
    edit : dict
        ``model``, ``label`` and ``step``.
    change, decoded, error : ndarray, shape (n, n_pix)
        As for `_errors`, for the n stars that are left.
    """
    if not np.array_equal(observed.ids, truth.ids):
        raise ValueError("observed and truth are not the same stars: cut both by the same index")
    for (label, step), (name, model) in product(steps, models.items()):
        if label not in model.labels:
            raise ValueError(
                f"the decoder of model {name!r} does not take {label}, which an edit changes: "
                f"it takes {', '.join(model.labels)}"
            )
        if not (np.isfinite(step) and step):
            raise ValueError(
                f"the step of {label} is {step}: it must be a finite number other than 0"
            )
    latents = {name: model.encode(observed) for name, model in models.items()}
    for label, step in steps:
        possible = emulator.in_hull(
            label_columns(shifted(truth.labels, label, step), emulator.survey.labels)
        )
        for model in models.values():
            catalogue = label_columns(shifted(observed.labels, label, step), model.labels)
            possible &= model.inside(catalogue)
        stars, catalogue = truth[possible], observed.labels[possible]
        change = true_change(stars, emulator, config, label, step)
        for name, model in models.items():
            before, after = (
                model.decode(latents[name][possible], model.label_array(labels))
                for labels in (catalogue, shifted(catalogue, label, step))
            )
            edit = {"model": name, "label": label, "step": step}
            yield edit, change, after - before, before - stars.flux


def _errors(change, decoded, error):
    """Errors over all stars and pixels. They are NaN without stars.

    Parameters
    ----------
    change, decoded : ndarray, shape (n, n_pix)
        True change of the spectra, and that of the decoded ones.
    error : ndarray, shape (n, n_pix)
        Error of the decoded spectra before the edit.
    """
    wrong, after = decoded - change, error + decoded - change
    pairs = ((change, change), (change, decoded), (wrong, wrong), (error, error), (after, after))
    sums = np.column_stack([(a * b).sum(axis=1, dtype=float) for a, b in pairs])
    size, agreement, wrong, before, after = sums.sum(axis=0)
    pixels = np.float64(change.size)
    with np.errstate(invalid="ignore"):
        return {
            "reconstruction": np.sqrt(before / pixels),
            "error": np.sqrt(after / pixels),
            "change": np.sqrt(size / pixels),
            "relative": np.sqrt(wrong / size),
            "slope": agreement / size,
        }
