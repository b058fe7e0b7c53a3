"""The two domains of a study with real stars, and what unseen real stars tell about its translator.

Real stars have no truth, but some labels in a catalogue. As in the second paper, half of the stars
give the observed spectra. Of the other half only the labels are used, as those of the synthetic
stars. A translator inherits the zero points of these labels. No χ² tells whether they are right, only
stars whose labels are known in another way, such as the Sun.
"""

import numpy as np
from astropy.table import Table

from specnb.core.labels import label_columns
from specnb.emulator.calibration import Calibration
from specnb.fitting.fit import fit_labels, fitted_flux
from specnb.translate.domains import Domains

# The smallest error of a model, in units of the flux, the one with which learning begins, and the
# number of rounds, after which the errors hardly change.
FLOOR, FIRST, ROUNDS = 0.002, 0.005, 2
LEAST = 10  # stars in which a pixel must be good. Others are not trusted.
# Percentile of reduced χ² of unseen stars, and the factor above it from which a fit is poor: other
# stars have percentiles that differ by 3%.
POOR, MARGIN = 99.0, 1.05


def catalogue_domains(emulator, spectra, seed: int = 1) -> Domains:
    """The domains of a translator from spectra of stars with catalogue labels.

    Parameters
    ----------
    emulator : Emulator
        Of a survey with `Survey.complete_labels`.
    spectra : Spectra
        Real spectra of 300 stars or more, or data-driven emulations of some, with the catalogue
        labels in ``labels``.
    seed : int
        Divides the stars in halves, and draws the scatter of labels that the catalogue lacks.

    Returns
    -------
    Domains
        The spectra of one half of the stars, and all labels of those stars of the other half that
        are in the emulator's hull.

    Raises
    ------
    ValueError
        If the survey does not tell how to fill in labels, or the catalogue lacks one that is needed.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(spectra))
    labels = completed(emulator, spectra.labels[order[1::2]], rng)
    labels = labels[emulator.in_hull(labels)].astype(np.float32)
    return Domains(labels, spectra[np.sort(order[::2])])


def completed(emulator, catalogue: Table, rng) -> np.ndarray:
    """All labels of stars of a catalogue, shape (n, n_labels), see `Survey.complete_labels`."""
    survey = emulator.survey
    if survey.complete_labels is None:
        raise ValueError(
            f"survey {survey.name} does not tell which labels are usual: give it complete_labels"
        )
    labels = survey.complete_labels(catalogue, rng)
    return np.column_stack([labels[name] for name in emulator.labels])


def calibrated(emulator, unseen, names, domain):
    """An emulator that knows its errors, which it learns from unseen stars of the observed domain.

    The error of a pixel is what residuals of best fits have beyond the noise. An error that looks
    like a change of labels leaves no residual. It is the difference between the labels of a fit and
    those of the catalogue, less what noise explains.

    Parameters
    ----------
    emulator : Emulator
        It ends with a translation.
    unseen : Spectra
        Some hundred stars, at least `LEAST`, that took no part in the training, with their catalogue
        labels.
    names : sequence of str
        Labels of the catalogue. They decide whether a star is like those of the domain.
    domain : ndarray, shape (m, n_labels)
        Labels of stars of the domain, which tell what is usual for labels that are not in ``names``.

    Returns
    -------
    Emulator

    Raises
    ------
    ValueError
        If there are too few stars, or the catalogue lacks a label that is needed.
    """
    if len(unseen) < LEAST:
        raise ValueError(
            f"{len(unseen)} unseen stars tell no errors: give {LEAST} or more, better 300"
        )
    known = completed(emulator, unseen.labels, np.random.default_rng(0))
    error, none = np.full(len(emulator.wavelength), FIRST), np.zeros((0, len(emulator.wavelength)))
    relations = usual(emulator, domain, names)
    for _ in range(ROUNDS):
        model = emulator.calibrated(Calibration(error, none, known, names, relations=relations))
        fit = fit_labels(unseen, model)
        left = unseen.flux - fitted_flux(fit, model)
        error = np.sqrt(np.maximum(excess(unseen, left), FLOOR**2))
    good = np.isfinite(fit["chi2_reduced"])
    fit, known = fit[good], known[good]
    limit = MARGIN * np.percentile(fit["chi2_reduced"], POOR)
    offsets = _label_errors(emulator, fit, known)
    stars = np.vstack([label_columns(fit, emulator.survey.labels), domain])
    return emulator.calibrated(Calibration(error, none, stars, names, limit, offsets, relations))


def usual(emulator, domain, names) -> np.ndarray:
    """Relations for `Calibration`: how other labels follow those in ``names``, from stars of the domain.

    They are linear, with the scatter that these stars have or, if it is larger, that of
    `Survey.spreads`. Labels without a spread, such as v_broad, are free.
    """
    domain, survey = _inner(emulator, domain), emulator.survey
    known = [emulator.labels.index(name) for name in names]
    design = np.column_stack([domain[:, known], np.ones(len(domain))])
    rows = []
    for name in sorted(set(survey.spreads) - set(names)):
        row, k = np.zeros(domain.shape[1] + 1), emulator.labels.index(name)
        slope = np.linalg.lstsq(design, domain[:, k], rcond=None)[0]
        row[[*known, -1]], row[k] = [*-slope[:-1], slope[-1]], 1.0
        rows.append(row / max(survey.spreads[name], np.std(domain[:, k] - design @ slope)))
    return np.reshape(rows, (-1, domain.shape[1] + 1))  # also if there are none


def _inner(emulator, labels):
    """Labels as they enter a fit, some by their logarithms."""
    logarithmic = [label.logarithmic for label in emulator.survey.labels]
    return np.where(logarithmic, np.log(np.where(logarithmic, labels, 1.0)), labels)


def excess(spectra, residual) -> np.ndarray:
    """Variance (n_pix,) of residuals beyond the noise, infinite where fewer than `LEAST` stars are seen."""
    seen = ~spectra.mask & np.isfinite(residual)
    noise, residual = (np.where(seen, values, 0.0) for values in (spectra.flux_error, residual))
    n = seen.sum(axis=0)
    return np.where(n < LEAST, np.inf, np.sum(residual**2 - noise**2, axis=0) / n.clip(min=1))


def _label_errors(emulator, fit, stars):
    """Differences (m, n_labels) between fitted and catalogue labels, less what noise explains."""
    fitted = label_columns(fit, emulator.survey.labels)
    error = label_columns(fit, [f"{name}_error" for name in emulator.labels])
    logarithmic = [label.logarithmic for label in emulator.survey.labels]
    error = error / np.where(logarithmic, fitted, 1.0)
    difference = _inner(emulator, fitted) - _inner(emulator, stars)
    noise = np.mean(error**2, axis=0) / np.mean(difference**2, axis=0)
    return difference * np.sqrt(np.clip(1.0 - noise, 0.0, 1.0))
