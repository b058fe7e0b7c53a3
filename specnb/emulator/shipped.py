"""The emulators that the repository ships, and the one that is recommended for some spectra."""

import warnings

from specnb.emulator.model import Emulator
from specnb.surveys import SURVEYS

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
    paths = {
        f"{key}{end}": (survey.emulator_path.with_stem(f"{key}{end}"), survey)
        for key, survey in SURVEYS.items()
        for end in ("", REAL)
    }
    known = sorted(key for key, (path, _) in paths.items() if path.is_file())
    if name not in known:
        raise ValueError(
            f"there is no emulator {name!r}: choose one of {', '.join(known) or 'none (none is shipped)'}"
        )
    emulator = Emulator.load(*paths[name])
    emulator.name = name
    return emulator


def recommended(spectra) -> Emulator:
    """The shipped emulator that is recommended for real stars of a survey.

    It is the one whose name ends in "-real". If there is none, it is the one of physics alone, and
    a warning says so.

    Parameters
    ----------
    spectra : Spectra or Survey
        Spectra on the pixels, the native pixels or one of the grids of any of `SURVEYS`.

    Raises
    ------
    ValueError
        If no survey has these pixels, or no emulator of the survey is shipped.
    """
    pixels = getattr(spectra, "pixels", None)
    pixels = spectra.wavelength if pixels is None else pixels
    found = [survey for survey in SURVEYS.values() if survey.has(pixels)]
    if not found:
        raise ValueError(
            f"the {len(pixels)} pixels of the spectra are those of no survey ({', '.join(SURVEYS)}): "
            "give the emulator, or rebin the spectra with specnb.rebin"
        )
    name = found[0].name
    if found[0].emulator_path.with_stem(f"{name}{REAL}").is_file():
        return load_emulator(f"{name}{REAL}")
    warnings.warn(
        f"no emulator '{name}{REAL}' is shipped: {name!r} is used, which is physics alone and has "
        "errors of its own in real stars",
        stacklevel=3,
    )
    return load_emulator(name)
