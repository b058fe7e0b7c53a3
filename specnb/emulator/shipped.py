"""The emulators that the repository ships, and the one that is recommended for some spectra."""

from specnb.emulator.model import Emulator
from specnb.surveys import SURVEYS, survey_at

REAL = "-real"  # how the names of emulators end that are corrected with real stars


def load_emulator(name: str = "rvs") -> Emulator:
    """Open a shipped emulator.

    Parameters
    ----------
    name : str
        ``"rvs"`` has six labels and the 800 pixels of the Gaia RVS, 8460-8700 Å. ``"apogee"`` has
        25 labels and 7,214 pixels of APOGEE, 15,168-16,937 Å. Its flux is divided by the papers'
        pseudo-continuum. Both are physics alone. ``"rvs-real"`` and ``"apogee-real"`` are corrected
        with real stars and know their own errors.

    Returns
    -------
    Emulator

    Raises
    ------
    ValueError
        If there is no emulator of that name.
    """
    surveys = {f"{key}{end}": survey for key, survey in SURVEYS.items() for end in ("", REAL)}
    paths = {key: survey.emulator_path.with_stem(key) for key, survey in surveys.items()}
    known = sorted(key for key, path in paths.items() if path.is_file())
    if name not in known:
        raise ValueError(
            f"no emulator named {name!r} is shipped: give your own one, or choose {', '.join(known) or 'none'}"
        )
    return Emulator.load(paths[name], surveys[name], name)


def recommended(spectra) -> Emulator:
    """The shipped emulator that is recommended for real stars of a survey.

    It is the one whose name ends in "-real".

    Parameters
    ----------
    spectra : Spectra
        On the pixels, the native pixels or one of the grids of any of `SURVEYS`.

    Raises
    ------
    ValueError
        If no survey has these pixels, or no such emulator of the survey is shipped.
    """
    survey = survey_at(spectra.wavelength)
    if survey is None:
        raise ValueError(
            f"the {len(spectra.wavelength)} pixels of the spectra are those of no survey ({', '.join(SURVEYS)}): "
            "give the emulator, or rebin the spectra with specnb.rebin"
        )
    return load_emulator(f"{survey.name}{REAL}")
