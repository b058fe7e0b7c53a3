r"""What an element does to a translated spectrum and not to the synthetic one: :math:`\partial
T(G(y))/\partial y - \partial G(y)/\partial y`.

Exact, by forward mode through emulator and translator (the code of O'Briain et al. 2021 has finite
differences)."""

import numpy as np

from specnb.emulator.model import Emulator

STEP = 0.05  # dex, that of the features


def falls(emulator: Emulator, labels) -> np.ndarray:
    """By how much the flux falls, to first order, when the abundance of one element rises by
    `STEP`.

    Iron alone rises when [Fe/H] does and all other [X/Fe] fall.

    Parameters
    ----------
    emulator : Emulator
        Of a survey whose labels are abundances of single elements, such as APOGEE; of the observed
        domain, too (`specnb.translate.translated_emulator`).
    labels : array_like, shape (n, n_labels)

    Returns
    -------
    ndarray, shape (n, n_elements, n_pix), float32
        In the order of ``survey.elements``.
    """
    survey = emulator.survey
    by_label = dict(zip(emulator.labels, np.moveaxis(emulator.jacobian(labels), 1, 0)))
    return -STEP * np.stack(
        [survey.alone(by_label, name) for name in survey.elements.values()], axis=1
    )


def added_falls(translated: Emulator, synthetic: Emulator, labels) -> np.ndarray:
    """`falls` of the translated spectrum minus those of the synthetic one: of lines that the
    simulator lacks.
    """
    return falls(translated, labels) - falls(synthetic, labels)
