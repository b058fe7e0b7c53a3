"""The explorers of the shipped models, with mock stars and a user's own."""

import warnings

from specnb.disentangle.shipped import load_autoencoder
from specnb.emulator.shipped import REAL, load_emulator
from specnb.surveys import RVS, SURVEYS, LeftOutWarning, read_spectra
from specnb.surveys.mock import make_mock
from specnb.translate.domains import TEST_SEED
from specnb.translate.model import load_translator
from specnb.widgets.editor import edit_star
from specnb.widgets.emulator import explore_emulator
from specnb.widgets.static import Entry
from specnb.widgets.translator import explore_translator

STARS = {"rvs": 60, "apogee": 40}  # mock stars of each survey, which no training has seen
PROBED = 500  # mock stars whose latents are probed at each λ
BANDS = {"rvs": "RVS", "apogee": "H band"}
FIT = "Choose a star to fit it by hand: χ² and rms are below, the residual is in σ."
TRANSLATE = (
    "A translator turns the simulator's spectrum into an observed one. What differs between stars "
    "of the same labels is z_split: take it from a star, or set it by hand."
)
EDIT = (
    "The autoencoder keeps of a star 25 latents; its decoder is also given the labels. λ says which "
    "labels the latents may keep, and probes tell what they keep. Compare the edited spectrum with "
    "the true one."
)


def entries(files=()):
    """The explorers of the static page, one after the other.

    Parameters
    ----------
    files : iterable of path
        Files or folders with a user's own spectra. They are added to the explorers of emulators and
        translators of their survey.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read or is of no survey of the explorers.
    """
    own = {name: [] for name in SURVEYS}
    for path in files:
        own[_survey_of(path)].append(path)
    mocks = {}
    for name, survey in SURVEYS.items():
        physics = load_emulator(name)
        config = survey.mock(n_stars=STARS[name], seed=TEST_SEED)
        mocks[name] = physics, config, *make_mock(physics, config)
        explorer = explore_emulator(
            load_emulator(name + REAL), stars=mocks[name][2], physics=physics
        )
        yield Entry(name, BANDS[name], survey.title, FIT, _with(explorer, own[name]))
    for key in ("rvs-mock", "apogee-mock", f"apogee{REAL}"):
        name, kind = key.split("-")
        explorer = explore_translator(mocks[name][0], load_translator(key), mocks[name][2])
        title = f"{BANDS[name]}, {kind} stars"
        yield Entry(
            f"translator-{key}", "translators", title, TRANSLATE, _with(explorer, own[name])
        )
    physics, config, observed, truth = mocks["rvs"]
    probed, _ = make_mock(physics, RVS.mock(n_stars=PROBED, seed=TEST_SEED))
    editor = edit_star(load_autoencoder("rvs-mock"), observed, RVS, truth, physics, config, probed)
    yield Entry("editor", "edit a star", "Edit a star", EDIT, editor)


def _survey_of(path):
    """The name of the survey on whose pixels the spectra of a file are."""
    wavelength = read_spectra(path).wavelength
    for name, survey in SURVEYS.items():
        if survey.has(wavelength):
            return name
    raise ValueError(
        f"{path} is of no survey of the explorers ({', '.join(SURVEYS)}): in a notebook, "
        "explore_emulator shows it with your own emulator"
    )


def _with(explorer, files):
    """The explorer with the stars of files that `_survey_of` has read, and warned of, before."""
    with warnings.catch_warnings(action="ignore", category=LeftOutWarning):
        for path in files:
            explorer.open_file(path)
    return explorer
