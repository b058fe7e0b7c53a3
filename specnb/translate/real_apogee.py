"""Models of real APOGEE spectra, from data-driven emulations of real giants and dwarfs at once.

See `specnb.surveys.apogee.data_driven`. The stars are divided in three: 200 of each kind test the
models, 250 tell the errors, and the others are the observed domain. There are two models: a
translator that is trained without pairs, as in the second paper, and a regression on the catalogue
labels of the observed stars. The second one is recommended: it has half of the scatter in all labels.
"""

import warnings
from itertools import pairwise

import numpy as np
from astropy.table import MaskedColumn

from specnb.core.paths import data_folder, stars_folder
from specnb.core.spectra import Spectra
from specnb.emulator.model import Emulator
from specnb.surveys import LeftOutWarning, read_spectra
from specnb.surveys.apogee.data_driven import MODELS, load_data_driven, stars_of, surrogates
from specnb.surveys.apogee.survey import APOGEE
from specnb.translate.config import TranslateConfig
from specnb.translate.label_correction import corrected_by_labels
from specnb.translate.model import Translator
from specnb.translate.real import calibrated, catalogue_domains
from specnb.translate.train import train

# Labels in which the data-driven models agree with the catalogues of real stars.
NAMES = ("teff", "logg", "fe_h", "mg_fe")
# Stars of each kind. Of the real giants 1,702 are in the model's range.
TEST, LEARN, STARS = 200, 250, 1640


def error_patterns() -> Spectra:
    """Real spectra of APOGEE, of which surrogates take errors and masks.

    They are the files in the folder ``apogee`` of SPECNB_STARS and of SPECNB_DATA.

    Raises
    ------
    ValueError
        If there are none.
    """
    folders = [folder / "apogee" for folder in (stars_folder(), data_folder())]
    with warnings.catch_warnings(action="ignore", category=LeftOutWarning):
        return read_spectra([folder for folder in folders if folder.is_dir()], on_error="skip")


def surrogate_sets(n: int = STARS, patterns: Spectra | None = None, seed: int = 1):
    """Surrogates of giants and dwarfs, n of each, in three sets of different stars.

    Parameters
    ----------
    n : int
        The three sets have this number of stars of each kind in the proportions of `TEST`, `LEARN` and the rest
        of `STARS`.
    patterns : Spectra, optional
        As for `specnb.surveys.apogee.data_driven.surrogates`. The default is `error_patterns`.
    seed : int
        Of noise, scatter, errors and masks. The stars are the same for all seeds.

    Returns
    -------
    test, learn, domain : Spectra
        The labels are `NAMES` and, for dwarfs only, vbroad. First come giants.

    Raises
    ------
    OSError, ValueError
        If a data-driven model or real spectra are missing.
    """
    patterns = error_patterns() if patterns is None else patterns
    cuts = np.round(np.cumsum([0, TEST, LEARN, STARS - TEST - LEARN]) * n / STARS).astype(int)
    parts = []
    for name in MODELS:
        model = load_data_driven(name)
        stars = stars_of(model, APOGEE, n)
        if "vbroad" not in stars.colnames:
            stars["vbroad"] = MaskedColumn(np.zeros(n), unit="km / s", mask=True)
        parts.append(surrogates(model, stars, patterns, APOGEE, seed))
    return [Spectra.join([part[low:high] for part in parts]) for low, high in pairwise(cuts)]


def real_apogee(emulator, learn, domain) -> Emulator:
    """The emulator of real APOGEE spectra, which knows its errors.

    Parameters
    ----------
    emulator : Emulator
        The physics.
    learn, domain : Spectra
        As from `surrogate_sets`, or real spectra with the same labels.
    """
    labels = catalogue_domains(emulator, domain).labels
    return calibrated(
        corrected_by_labels(emulator, domain, (*NAMES, "vbroad")), learn, NAMES, labels
    )


def real_translator(
    emulator, domain, config: TranslateConfig | None = None, **training
) -> Translator:
    """The translator to real APOGEE spectra, which is trained without pairs.

    Parameters
    ----------
    emulator, domain
        As for `real_apogee`.
    config : TranslateConfig, optional
        Default: that of the survey. Its seed also divides the stars.
    **training
        Arguments of `specnb.translate.train`, such as ``checkpoint``.
    """
    config = config or TranslateConfig.for_survey(emulator.survey)
    domains = catalogue_domains(emulator, domain, config.seed)
    return train(emulator, domains.labels, domains.observed, config, **training)
