"""The controlled experiment: which lines a translator finds that a simulator is known to lack.

Observed spectra are made with the full emulator, which has all lines, and have noise as in APOGEE.
Synthetic spectra are made without the hidden features. The domains differ in nothing else. No star
is in both domains (O'Briain et al. 2021, Fig. 4). This is the easy case, because synthetic spectra
do not vary in the hidden pixels, and the domains agree in all others: what is missing there is a
regression of observed pixels on observed pixels. Two harder cases are nearer to a real survey, see
`CASES`. Effects of elements on translated spectra that are
not in the synthetic ones are differences of derivatives, ∂T(G(y))/∂y − ∂G(y)/∂y, for the emulator G
and the translator T at labels y.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy.table import Table

from specnb.core.config import check_fields, within
from specnb.emulator.changes import PixelChange
from specnb.emulator.model import Emulator
from specnb.fitting.fit import FitConfig
from specnb.missing import scores
from specnb.missing.steps import corrected_emulator, masked_emulator
from specnb.surveys.mock import make_mock
from specnb.surveys.population import draw_stars
from specnb.translate.comparison import DWARFS
from specnb.translate.config import TranslateConfig
from specnb.translate.domains import Domains, true_labels
from specnb.translate.model import translated_emulator
from specnb.translate.train import TranslateTraining, train

# Here only lines are missing. 48 components reproduce the synthetic spectra to 0.02%. The networks
# start from the linear solution, which already has the right mean, and longer or faster training
# would move them away from it.
MISSING = TranslateConfig(
    kind="principal", shared=48, split=2, hidden=(64, 64), batch=64, iterations=300, learning_rate=2e-4,
    largest_error=0.5, match_means=False,
)  # fmt: skip
# What the domains differ in besides the hidden lines: nothing; everything by which the mock survey
# differs from the emulator, such as wrong line strengths; the stars, of which the observed ones are
# mostly dwarfs and the synthetic ones mostly giants.
CASES = LINES, GAP, OTHERS = "lines only", "full gap", "other stars"
STEP = 0.05  # dex of the derivatives, the same as for the features


@dataclass(frozen=True)
class MissingConfig:
    """Which features are hidden and which stars are observed.

    Unknown keys are refused by the constructor.

    Raises
    ------
    ValueError
        If a value is outside its limits.
    """

    # fraction of each element's features that is hidden (paper)
    fraction: float = within(0.01, 0.9, default=0.3)
    # number of stars in each domain; the paper has about 100,000
    n_stars: int = within(100, 1_000_000, default=10_000)
    # Factor on the noise. With 1 stars have an S/N of 50-800 with a median of 130, as in APOGEE.
    noise: float = within(0.01, 20.0, default=1.0)
    seed: int = within(0, 2**31 - 1, default=1)  # seed of hidden features, stars and noise
    case: str = LINES  # one of `CASES`

    def __post_init__(self):
        check_fields(self)
        if self.case not in CASES:
            raise ValueError(f"case is {self.case!r}: give one of {', '.join(CASES)}")


@dataclass(frozen=True, eq=False)
class HiddenLines:
    """A simulator that lacks lines, and two domains of spectra.

    Attributes
    ----------
    truth : specnb.missing.scores.Truth
    full, synthetic : Emulator
        Emulators with all lines, and without the hidden ones. In the case "full gap", the lines of
        ``full`` have the strengths that observed stars show. It lacks the survey's broadening and
        the lines that are missing in any case.
    domains : specnb.translate.domains.Domains
    star : ndarray, shape (1, n_labels)
        Labels of the reference star.
    """

    truth: scores.Truth
    full: Emulator
    synthetic: Emulator
    domains: Domains
    star: np.ndarray = field(repr=False)

    @classmethod
    def make(
        cls,
        emulator: Emulator,
        responses,
        config: MissingConfig = MissingConfig(),
        vbroad: float = 6.0,
    ):
        """Hide features, draw the stars of both domains and observe those of one domain.

        Parameters
        ----------
        emulator : Emulator
            An emulator of a survey whose labels are abundances of single elements, such as APOGEE.
        responses : Responses
            Responses of the reference star.
        config : MissingConfig
        vbroad : float
            Broadening of the reference star, km/s.
        """
        truth = scores.Truth.draw(responses, config.fraction, config.seed, vbroad)
        mock = emulator.survey.mock
        kind, changes = {
            LINES: (mock.clean, {}),
            GAP: (mock, {}),
            OTHERS: (mock.clean, {"population": DWARFS}),
        }[config.case]
        survey = kind(n_stars=config.n_stars, seed=2 * config.seed, **changes)
        stars = draw_stars(
            emulator.survey, config.n_stars, np.random.default_rng(2 * config.seed + 1)
        )
        domains = Domains(
            true_labels(stars, emulator), _noisier(*make_mock(emulator, survey), config.noise)
        )
        full, synthetic = emulator, masked_emulator(emulator, truth.masked)
        if config.case == GAP:
            strength = survey.line_strength()
            step = PixelChange(strength, np.zeros(len(strength)))
            full = emulator.then(step.to(emulator.network.low))
        labels = responses.star | {"vbroad": vbroad}
        star = np.array([[labels[name] for name in emulator.labels]])
        return cls(truth, full, synthetic, domains, star)

    def findings(self, model: Emulator):
        """The lines that a model of the observed domain has at the reference star.

        Parameters
        ----------
        model : Emulator
            For example `specnb.translate.translated_emulator` of the synthetic emulator, or the
            full emulator itself.

        Returns
        -------
        recovered : ndarray, shape (n_pix,)
            Synthetic minus translated flux.
        added : ndarray, shape (n_elements, n_pix)
            See `added_falls`.
        """
        recovered = self.synthetic(self.star)[0] - model(self.star)[0]
        return recovered, added_falls(model, self.synthetic, self.star)[0]

    def score(self, model: Emulator):
        """Scores of a model of the observed domain.

        Returns the tables of hidden features and of elements, and the summary.
        """
        recovered, added = self.findings(model)
        hidden = scores.hidden_features(self.truth, self.full(self.star)[0], recovered, added)
        elements = scores.by_element(self.truth, added)
        return hidden, elements, scores.summary(hidden, elements)


def falls(emulator: Emulator, labels) -> np.ndarray:
    """Fall of the flux, to first order, if the abundance of one element rises by `STEP`.

    The derivatives are exact, because they use forward-mode differentiation through emulator and
    translator. The code of O'Briain et al. (2021) uses finite differences.

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


def _noisier(observed, truth, scale):
    """The same spectra with their noise multiplied by a factor."""
    labels = observed.labels.copy()
    labels["snr"] = labels["snr"] / scale
    flux = truth.flux + np.float32(scale) * (observed.flux - truth.flux)
    return replace(
        observed, flux=flux, flux_error=observed.flux_error * np.float32(scale), labels=labels
    )


def compare(
    experiment: HiddenLines, config: TranslateConfig = MISSING, n_fitted: int = 1000, progress=False
):
    """Train a translator, and compare its scores with those of models without a network.

    Parameters
    ----------
    experiment : HiddenLines
    config : TranslateConfig
    n_fitted : int
        Largest number of observed stars whose labels are fitted for the ridge regression.
    progress : bool
        Show a progress bar.

    Returns
    -------
    models : dict of str to Emulator
        Models of the observed domain: "translated"; "linear start", the translated emulator before
        any step of the training; "baseline", see `specnb.missing.steps.corrected_emulator`; and
        "full emulator", which is the truth.
    table : Table
        One row per model, with its name and the numbers of `specnb.missing.scores.summary`.
    """
    synthetic, domains = experiment.synthetic, experiment.domains
    start = TranslateTraining(synthetic, domains.labels, domains.observed, config).finish()
    translator = train(synthetic, domains.labels, domains.observed, config, progress=progress)
    models = {
        "translated": translated_emulator(synthetic, translator),
        "linear start": translated_emulator(synthetic, start),
        "baseline": corrected_emulator(
            synthetic, domains.observed[:n_fitted], FitConfig(continuum_order=-1)
        ),
        "full emulator": experiment.full,
    }
    rows = [{"model": name} | experiment.score(model)[2] for name, model in models.items()]
    return models, Table(rows)
