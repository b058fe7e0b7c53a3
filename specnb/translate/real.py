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
# number of rounds, after which the errors change no more.
FLOOR, FIRST, ROUNDS = 0.002, 0.005, 2
LEAST = 10  # stars in which a pixel must be good. Others are not trusted.
POOR = 99.0  # percentile of reduced χ² of unseen stars above which a fit is poor
# How much labels that the catalogue lacks may differ from what is usual for stars with the labels that
# it has, by unit. That of a label without a unit, ¹²C/¹³C, is the difference of its logarithm. The
# spreads that surveys find are of this size.
SPREADS = {"dex": 0.1, "km / s": 0.1, "": 0.5}


def catalogue_domains(emulator, spectra, seed: int = 1) -> Domains:
    """The domains of a translator from spectra of stars with catalogue labels.

    Parameters
    ----------
    emulator : Emulator
        Of a survey whose `Survey.complete_labels` tells how to fill in labels.
    spectra : Spectra
        Real spectra, 300 or more, or data-driven emulations of some. ``labels`` must have the
        catalogue labels.
    seed : int
        Divides the stars in halves, and draws labels that the catalogue lacks.

    Returns
    -------
    Domains
        The spectra of one half of the stars, and the labels of the others, without those outside
        the emulator's training range.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(spectra))
    seen, others = order[::2], order[1::2]
    labels = completed(emulator, spectra.labels[others], rng)
    low, high = (limit.cpu().numpy() for limit in (emulator.network.low, emulator.network.high))
    inside = ((labels >= low) & (labels <= high)).all(axis=1)
    return Domains(labels[inside].astype(np.float32), spectra[seen])


def completed(emulator, catalogue: Table, rng) -> np.ndarray:
    """All labels of stars of a catalogue, shape (n, n_labels), see `Survey.complete_labels`."""
    labels = emulator.survey.complete_labels(catalogue, rng)
    return np.column_stack([labels[name] for name in emulator.labels])


def calibrated(emulator, unseen, names, others):
    """An emulator that knows its errors, which it learns from unseen stars of the observed domain.

    The error of a pixel is what the residuals of the best fits have beyond the noise. Errors that look
    like a change of labels are not seen in residuals. They are the differences between the labels of
    fits and of the catalogue, less the part that noise explains, see `Calibration`.

    Parameters
    ----------
    emulator : Emulator
        Ends with a translation.
    unseen : Spectra
        Some hundred stars that took no part in the training, with their catalogue labels.
    names : sequence of str
        The labels of the catalogue that decide whether a star belongs to the domain.
    others : array_like, shape (m, n_labels)
        Labels of stars of the domain, from which it is learnt how labels depend on those in ``names``.

    Returns
    -------
    Emulator
    """
    rng = np.random.default_rng(0)
    stars = completed(emulator, unseen.labels, rng)
    relations = usual_relations(emulator.survey, np.asarray(others, float), names)
    error, none = np.full(len(emulator.wavelength), FIRST), np.zeros((0, len(emulator.wavelength)))
    offsets, limit = 0 * stars, np.inf
    for _ in range(ROUNDS):
        model = emulator.calibrated(Calibration(error, none, stars, names, limit, offsets, relations))
        fit = fit_labels(unseen, model)
        residual = np.where(unseen.mask, np.nan, unseen.flux - fitted_flux(fit, model))
        noise = np.where(unseen.mask, np.nan, unseen.flux_error)
        seen = np.isfinite(residual) 
        variance = np.nanmean(residual**2, axis=0) - np.nanmean(np.where(seen, noise, np.nan) ** 2, axis=0)
        error = np.sqrt(np.maximum(variance, FLOOR**2))
        error[seen.sum(axis=0) < LEAST] = np.inf
    fitted, stated = (
        label_columns(fit, [f"{name}{part}" for name in emulator.labels]) for part in ("", "_error")
    )
    difference = fitted - stars
    ...
