"""The explorers of the shipped models, with mock stars and a user's own."""

from contextlib import suppress

from specnb.disentangle.shipped import load_autoencoder
from specnb.emulator.shipped import REAL, load_emulator
from specnb.fitting.fit import fit_labels
from specnb.surveys import RVS, SURVEYS, read_spectra, survey_at
from specnb.surveys.mock import make_mock
from specnb.translate.domains import TEST_SEED
from specnb.translate.model import load_translator
from specnb.widgets.editor import edit_star
from specnb.widgets.emulator import EmulatorExplorer
from specnb.widgets.stars import Stars
from specnb.widgets.static import Entry
from specnb.widgets.translator import TranslatorExplorer

STARS = {"rvs": 60, "apogee": 40}  # mock stars of each survey, which no training has seen
PROBED = 500  # mock stars whose latents are probed at each λ
BANDS = {"rvs": "RVS", "apogee": "H band"}
OPENED = {
    "apogee": (16140.0, 16240.0)
}  # Å, about a head of CO; in the whole band lines are too dense
SHARED = ("window", "star", "labels", "velocity", "continuum")  # what translators show, too
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
        Files or folders with a user's own spectra. They are fitted, and added to the explorers of
        emulators and translators of their survey, which show the first of them.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read or is of no survey of the explorers.
    """
    own = {name: [] for name in SURVEYS}
    for path in files:
        spectra = read_spectra(path)
        own[_survey_of(spectra, path)].append(spectra)
    mocks, shown = {}, {}
    for name, survey in SURVEYS.items():
        physics, emulator, stars = load_emulator(name), load_emulator(name + REAL), Stars()
        config = survey.mock(n_stars=STARS[name], seed=TEST_SEED)
        mocks[name] = physics, config, *make_mock(physics, config)
        stars.add(mocks[name][2], fits=mocks[name][3].labels)
        first = [_add(stars, emulator, spectra) for spectra in own[name]][:1]
        window = OPENED.get(name, ())
        explorer = EmulatorExplorer(emulator, stars=stars, physics=physics, window=window)
        if first:
            explorer.set(star=first[0])
            with suppress(ArithmeticError, ValueError):  # it is shown without a fit
                explorer.fit()
        shown[name] = stars, {key: getattr(explorer, key) for key in SHARED}
        yield Entry(name, BANDS[name], survey.title, FIT, explorer)
    for key in ("rvs-mock", "apogee-mock", f"apogee{REAL}"):
        name, kind = key.split("-")
        stars, state = shown[name]
        explorer = TranslatorExplorer(mocks[name][0], load_translator(key), stars=stars, **state)
        title = f"{BANDS[name]}, {kind} stars"
        yield Entry(f"translator-{key}", "translators", title, TRANSLATE, explorer)
    physics, config, observed, truth = mocks["rvs"]
    probed, _ = make_mock(physics, RVS.mock(n_stars=PROBED, seed=TEST_SEED))
    editor = edit_star(load_autoencoder("rvs-mock"), observed, RVS, truth, physics, config, probed)
    yield Entry("editor", "edit a star", "Edit a star", EDIT, editor)


def _survey_of(spectra, path):
    """The name of the survey on whose pixels the spectra of a file are."""
    survey = survey_at(spectra.wavelength)
    if survey is None:
        raise ValueError(
            f"{path} is of no survey of the explorers ({', '.join(SURVEYS)}): in a notebook, "
            "explore_emulator shows it with your own emulator"
        )
    return survey.name


def _add(stars, emulator, spectra):
    """Add spectra to other stars, with fitted labels if they can be fitted. It returns the id of
    the first.
    """
    spectra, fits = emulator.survey.on_pixels(spectra), None
    with suppress(ArithmeticError, ValueError):
        fits = fit_labels(spectra, emulator)
    stars.add(spectra, fits)
    return str(spectra.ids[0])
