"""Real stars that ``specnb data build`` made a set of: their two domains, and a translator for them.

As in the second paper, half of the stars give the observed spectra. Of the other half only the labels
are used, as those of the synthetic stars. Nobody knows the true spectra and labels of real stars. The
labels of a catalogue are what another method found, with errors of its own, so that a fit can agree
with them or not, but not be proved by them.
"""

from hashlib import sha256

import numpy as np
from astropy.table import Table, vstack

from specnb.core.artifacts import artifact, artifact_path, dropped_if_damaged
from specnb.core.files import read_checkpoint
from specnb.core.labels import label_columns
from specnb.core.spectra import Spectra
from specnb.fitting.residuals import label_errors
from specnb.surveys.public.built import built_labels, built_path
from specnb.translate.config import TranslateConfig
from specnb.translate.domains import Domains
from specnb.translate.model import Translator
from specnb.translate.real import LEAST, completed
from specnb.translate.train import train

FEWEST = 60  # stars that train: the translators start from 48 principal components
LARGEST_ERROR = TranslateConfig.largest_error  # of the flux of observed stars, in usable pixels


def built_domains(emulator, n: int, unseen: int, seed: int = 1, name: str = "apogee-dr14"):
    """The domains of n stars that train a translator, and those of other stars that test it.

    Both halves of the set are cut alike, since translations are shifted to the mean of the observed
    spectra: only stars that the catalogue has in the emulator's range take part. Nothing else uses the
    catalogue labels of the observed stars. Observed stars also need a flux error of at most
    `LARGEST_ERROR` in half of the pixels, because a training can use no others.

    Parameters
    ----------
    emulator : Emulator
        Of the survey of the set, which has `Survey.complete_labels`.
    n, unseen : int
        Numbers of stars of each domain: the first n of the set train, and the next ones test. If the
        set has fewer stars, fewer train, but all tests get theirs.
    seed : int
        Draws the scatter of labels that the catalogue lacks.
    name : str
        Name of the set, which has spectra of one half of the stars and labels of the other half.

    Returns
    -------
    training, test : Domains
        The labels are complete. The spectra keep the labels that the catalogue has for them.

    Raises
    ------
    OSError
        If the set was not made, or a file of it is damaged.
    ValueError
        If fewer stars would train than n and `FEWEST`, or its labels cannot be completed.
    """
    rng, total = np.random.default_rng(seed), n + unseen
    labels, inside = _completed(emulator, built_labels(name), rng)
    labels, found = labels[inside][:total], []
    for batch in Spectra.stream(built_path(name)):
        seen = ~batch.mask & (batch.flux_error <= LARGEST_ERROR)
        inside = _completed(emulator, batch.labels, rng)[1]
        found.append(batch[inside & (seen.mean(axis=1) >= 0.5)])
        if sum(map(len, found)) >= total:
            break
    most = min(len(labels), sum(map(len, found)))
    if most - unseen < (least := min(n, FEWEST)):
        raise ValueError(
            f"{built_path(name)} has {most} stars of each domain that can be used: {unseen} to test and at least "
            f"{least} to train with are needed, so ask for fewer stars to test with, or build a larger set"
        )
    n, spectra = min(n, most - unseen), Spectra.join(found)
    return tuple(Domains(labels[rows], spectra[rows]) for rows in (slice(n), slice(n, n + unseen)))


def _completed(emulator, catalogue, rng):
    """All labels of stars of a catalogue, float32, and whether they are in the emulator's range."""
    labels = completed(emulator, catalogue, rng)
    return labels.astype(np.float32), emulator.in_hull(labels)


def built_translator(
    emulator, domains: Domains, config: TranslateConfig, progress: bool = True
) -> Translator:
    """The translator between two domains, which is trained unless it was trained before.

    An interrupted training continues from its checkpoint. See `specnb.translate.train` for what it
    raises.

    Parameters
    ----------
    emulator : Emulator
        The shipped one of a survey.
    domains : Domains
        Training stars, as from `built_domains`.
    config : TranslateConfig
    progress : bool
        Show a progress bar.
    """
    digest, observed = sha256(np.ascontiguousarray(domains.labels)), domains.observed
    for values in (observed.flux, observed.flux_error, observed.mask):
        digest.update(np.ascontiguousarray(values))
    case, files = (config, digest.hexdigest()), [emulator.survey.emulator_path]
    checkpoint = artifact_path("translator", case, ".checkpoint", files, code=train)

    def read(path):
        return Translator.load(path, config)

    def make(path):
        if checkpoint.exists():
            with dropped_if_damaged(checkpoint):
                read_checkpoint(checkpoint, "cpu", ())
        train(emulator, domains.labels, observed, config, checkpoint, progress).save(path)

    return artifact("translator", case, ".safetensors", make, files, train, read)


def agreement(fits, catalogue: Table, labels) -> Table:
    """Differences between the labels of fits and those of a catalogue, which is not the truth.

    Parameters
    ----------
    fits : mapping of str to Table
        Results of `specnb.fit_labels` for the same stars.
    catalogue : Table
        Labels of these stars. Any of them may be missing.
    labels : sequence of str

    Returns
    -------
    Table
        As from `specnb.fitting.residuals.label_errors`, with the catalogue in place of the truth.
        Each label is compared for the stars that have it in the catalogue. Labels that fewer than
        `LEAST` stars have are left out.

    Raises
    ------
    ValueError
        If no label can be compared.
    """
    parts = []
    for label in (name for name in labels if name in catalogue.colnames):
        rows = np.isfinite(label_columns(catalogue, [label])[:, 0])
        if rows.sum() >= LEAST:
            some = {name: fit[rows] for name, fit in fits.items()}
            parts.append(label_errors(some, catalogue[rows], [label]))
    if not parts:
        raise ValueError(
            f"the catalogue has none of {', '.join(labels)} for {LEAST} stars: fit more stars"
        )
    return vstack(parts)
