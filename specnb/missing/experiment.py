"""The controlled experiment: a simulator with known gaps, a survey that shows all lines, and what
is found by training.

The observed stars are those of the full emulator with noise as in APOGEE; nothing else differs from
the synthetic domain but the hidden features. No star is in both domains (O'Briain et al. 2021, Fig.
4)."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from specnb.surveys.mock import make_mock
from specnb.surveys.population import draw_stars
from specnb.emulator.model import Emulator
from specnb.fitting.fit import FitConfig
from specnb.core.config import check_fields, within
from specnb.missing import scores
from specnb.missing.baseline import corrected_emulator
from specnb.missing.derivatives import added_falls
from specnb.missing.masking import masked_emulator
from specnb.simulator.responses import Responses
from specnb.core.spectra import Spectra
from specnb.translate.config import TranslateConfig
from specnb.translate.domains import Domains, true_labels
from specnb.translate.translation import translated_emulator
from specnb.translate.train import TranslateTraining, train

# Nothing but lines is missing: 48 components leave 0.02% of the synthetic spectra, longer or faster
# training moves them away from the linear start, and that has the right mean already.
MISSING = TranslateConfig(
    kind="principal", shared=48, split=2, hidden=(64, 64), batch=64, iterations=300, learning_rate=2e-4,
    largest_error=0.5, match_means=False,
)  # fmt: skip


@dataclass(frozen=True)
class MissingConfig:
    """What is hidden and what is observed. Unknown keys are refused by the constructor.

    Raises
    ------
    ValueError
        If a value is outside its limits.
    """

    # of each element's features that are hidden (paper)
    fraction: float = within(0.01, 0.9, default=0.3)
    # of each domain; the paper has about 100,000
    n_stars: int = within(100, 1_000_000, default=10_000)
    # scale of the noise: APOGEE's stars have S/N 50-800, with a median of 130, over this
    noise: float = within(0.01, 20.0, default=1.0)
    seed: int = within(0, 2**31 - 1, default=1)  # of hidden features, stars and noise

    def __post_init__(self):
        check_fields(self)


@dataclass(frozen=True, eq=False)
class Experiment:
    """A simulator that lacks lines, and two domains of spectra.

    Attributes
    ----------
    truth : specnb.missing.scores.Truth
    full, synthetic : Emulator
        With all lines, and without the hidden ones.
    domains : specnb.translate.domains.Domains
    star : ndarray, shape (1, n_labels)
        Labels of the reference star.
    """

    truth: scores.Truth
    full: Emulator
    synthetic: Emulator
    domains: Domains
    star: np.ndarray

    @classmethod
    def make(
        cls,
        emulator: Emulator,
        responses: Responses,
        config: MissingConfig = MissingConfig(),
        vbroad: float = 6.0,
    ):
        """Hide features, draw the stars of both domains and observe one.

        Parameters
        ----------
        emulator : Emulator
            Of a survey whose labels are abundances of single elements, such as APOGEE.
        responses : Responses
            Of the reference star.
        config : MissingConfig
        vbroad : float
            Of the reference star, km/s.
        """
        truth = scores.Truth.draw(responses, config.fraction, config.seed, vbroad)
        clean = emulator.survey.mock.clean(n_stars=config.n_stars, seed=2 * config.seed)
        stars = draw_stars(
            emulator.survey, config.n_stars, np.random.default_rng(2 * config.seed + 1)
        )
        domains = Domains(
            true_labels(stars, emulator), _noisier(*make_mock(emulator, clean), config.noise)
        )
        labels = responses.star | {"vbroad": vbroad}
        star = np.array([[labels[name] for name in emulator.labels]])
        return cls(truth, emulator, masked_emulator(emulator, truth.masked), domains, star)

    def findings(self, model: Emulator):
        """What a model of the observed domain shows at the reference star.

        Parameters
        ----------
        model : Emulator
            Such as `specnb.translate.translated_emulator` of the synthetic one, or the full
            emulator itself.

        Returns
        -------
        recovered : ndarray, shape (n_pix,)
            Synthetic minus translated flux.
        added : ndarray, shape (n_elements, n_pix)
            See `specnb.missing.derivatives.added_falls`.
        """
        recovered = self.synthetic(self.star)[0] - model(self.star)[0]
        return recovered, added_falls(model, self.synthetic, self.star)[0]

    def score(self, model: Emulator):
        """Scores of a model of the observed domain: tables of hidden features and of elements, and
        the summary.
        """
        recovered, added = self.findings(model)
        hidden = scores.hidden_features(self.truth, self.full(self.star)[0], recovered, added)
        elements = scores.by_element(self.truth, added)
        return hidden, elements, scores.summary(hidden, elements)


def _noisier(observed: Spectra, truth: Spectra, scale):
    """The same spectra with noise of another size."""
    labels = observed.labels.copy()
    labels["snr"] = labels["snr"] / scale
    flux = truth.flux + np.float32(scale) * (observed.flux - truth.flux)
    return replace(
        observed, flux=flux, flux_error=observed.flux_error * np.float32(scale), labels=labels
    )


def compare(
    experiment: Experiment, config: TranslateConfig = MISSING, n_fitted: int = 1000, progress=False
):
    """Train a translator and score it beside what needs no network.

    Parameters
    ----------
    experiment : Experiment
    config : TranslateConfig
    n_fitted : int
        Most observed stars whose labels are fitted, for the ridge regression.
    progress : bool
        Show a progress bar.

    Returns
    -------
    models : dict of str to Emulator
        Of the observed domain: "translated"; "linear start", the same before any step of its
        training; "baseline", see `specnb.missing.baseline`; "full emulator", the right answer.
    table : Table
        A row a model: its name and the numbers of `specnb.missing.scores.summary`.
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
