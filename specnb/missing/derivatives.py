r"""Effects of elements on translated spectra that are not in the synthetic ones.

They are the difference :math:`\partial T(G(y))/\partial y - \partial G(y)/\partial y` of the
emulator G and the translator T for labels y.

The derivatives are exact, because they use forward-mode differentiation through emulator and
translator. The code of O'Briain et al. (2021) uses finite differences.
"""

import numpy as np

from specnb.emulator.model import Emulator

STEP = 0.05  # dex, the same as for the features


def falls(emulator: Emulator, labels) -> np.ndarray:
    """Fall of the flux, to first order, if the abundance of one element rises by `STEP`.

    If iron alone rises, [Fe/H] rises and [X/Fe] of all other elements falls.

    Parameters
    ----------
    emulator : Emulator
        An emulator of a survey whose labels are abundances of single elements, such as APOGEE. It
        may also be an emulator of the observed domain (`specnb.translate.translated_emulator`).
    labels : array_like, shape (n, n_labels)

    Returns
    -------
    ndarray, shape (n, n_elements, n_pix), float32
        The falls of the flux, in the order of ``survey.elements``.
    """
    survey = emulator.survey
    by_label = dict(zip(emulator.labels, np.moveaxis(emulator.jacobian(labels), 1, 0)))
    return -STEP * np.stack(
        [survey.alone(by_label, name) for name in survey.elements.values()], axis=1
    )


def added_falls(translated: Emulator, synthetic: Emulator, labels) -> np.ndarray:
    """`falls` of the translated spectrum minus those of the synthetic one.

    They belong to lines that the simulator lacks.
    """
    return falls(translated, labels) - falls(synthetic, labels)
