"""The study's stars and its trained models, kept as artifacts that notebooks share."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.model_selection import train_test_split
from tqdm.auto import tqdm

from specnb.core.artifacts import artifact, artifact_path
from specnb.core.device import pick_device
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.train import train
from specnb.emulator.model import load_emulator
from specnb.surveys import RVS
from specnb.surveys.mock import MockConfig, make_mock
from specnb.core.spectra import Spectra

EMULATOR = RVS.emulator_path
TEST = 0.2  # fraction of test stars (paper: 12,861 of 64,305)


class ReferenceStars(NamedTuple):
    """Noisy spectra with a catalogue, and the same stars without noise and with true labels."""

    train: Spectra
    test: Spectra
    truth_train: Spectra
    truth_test: Spectra


def reference_stars(survey: MockConfig) -> ReferenceStars:
    """The mock reference survey, split at random into 80% training and 20% test stars, as the
    paper's.

    Its spectra come from the shipped emulator; its seed also draws the split.
    """
    observed, truth = make_mock(load_emulator("rvs"), survey)
    train_rows, test_rows = train_test_split(
        np.arange(len(observed)), test_size=TEST, random_state=survey.seed
    )
    return ReferenceStars(
        observed[train_rows], observed[test_rows], truth[train_rows], truth[test_rows]
    )


# What the settings of the paper's Table 1 entangle; they disentangle the rest. (The note of that
# table; the text of its Sect. 3.3 numbers the two the other way round.)
ENTANGLED = {"First": ("teff", "logg"), "Second": ("m_h", "alpha_fe"), "removed": ()}


@dataclass(frozen=True)
class Objective:
    """How strongly to disentangle and to entangle, and with which means. The paper does not publish
    its λ.

    Attributes
    ----------
    entangle, disentangle : float
        |λ| of entangled labels, and of the others beside them.
    remove : float
        λ of all labels where none is entangled. Only L_rec, small at the noise of these spectra,
        then pushes back: with a larger λ the cheapest way to foil the discriminators is to empty
        the latents.
    bottleneck, discriminator_steps
        As in `DisentangleConfig`.
    """

    entangle: float
    disentangle: float
    remove: float
    bottleneck: float = 0.0
    discriminator_steps: int = 1

    def config(self, base: DisentangleConfig, entangled=()) -> DisentangleConfig:
        """A configuration in which some labels are entangled (λ < 0) and the others disentangled (λ
        > 0).

        Parameters
        ----------
        base : DisentangleConfig
            Gives all but λ and what this objective sets.
        entangled : sequence of str
            As the values of `ENTANGLED`; empty: all labels are disentangled.

        Raises
        ------
        ValueError
            If an entangled label is not one of the base's.
        """
        if unknown := [name for name in entangled if name not in base.labels]:
            raise ValueError(
                f"entangled names {', '.join(unknown)}, but the labels are {', '.join(base.labels)}: use those"
            )
        others = self.disentangle if entangled else self.remove
        lambdas = {name: -self.entangle if name in entangled else others for name in base.labels}
        return replace(
            base,
            lambdas=lambdas,
            bottleneck=self.bottleneck,
            discriminator_steps=self.discriminator_steps,
        )


PAPER = Objective(entangle=1e-3, disentangle=1e-3, remove=1e-4)
BOTTLENECK = Objective(
    entangle=5e-4, disentangle=5e-4, remove=3e-5, bottleneck=4e-4, discriminator_steps=3
)
REMOVAL = replace(
    BOTTLENECK, bottleneck=1e-4
)  # where all labels go, 4e-4 would let nothing else pass


@dataclass(frozen=True)
class Experiment:
    """One training: on which survey, and how."""

    survey: MockConfig
    model: DisentangleConfig

    def run(self, spectra: Spectra, progress: bool = False):
        """Train, unless that has been done; a killed training goes on from its checkpoint.

        Parameters
        ----------
        spectra : Spectra
            Training stars of that survey: they are not looked at when the model is there already.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Path
            Of the model, for `Disentangler.load`.
        """
        checkpoint = artifact_path("disentangle", self, ".checkpoint", [EMULATOR], code=Experiment)

        def make(path):
            train(spectra, self.model, checkpoint, progress).save(path)

        return artifact("disentangle", self, ".safetensors", make, [EMULATOR])


def trained(
    stars: ReferenceStars, survey: MockConfig, configs, jobs: int = -1
) -> list[Disentangler]:
    """Models of several configurations, trained side by side, or opened where they have been
    trained before.

    Parameters
    ----------
    stars : ReferenceStars
        Of that survey.
    survey : MockConfig
    configs : sequence of DisentangleConfig
    jobs : int
        Trainings at a time on the CPU; −1: one a core. On a GPU they run one after the other.

    Returns
    -------
    list of Disentangler
        In the order of the configurations, on the CPU.
    """
    runs = [Experiment(survey, config) for config in configs]
    on_gpu = any(pick_device(config.device).type != "cpu" for config in configs)
    if on_gpu or jobs == 1 or len(runs) == 1:
        paths = [run.run(stars.train, progress=True) for run in runs]
    else:
        work = joblib.Parallel(n_jobs=jobs, return_as="generator")(
            joblib.delayed(run.run)(stars.train) for run in runs
        )
        paths = list(tqdm(work, total=len(runs), desc="autoencoders", unit="model"))
    return [Disentangler.load(path, config) for path, config in zip(paths, configs)]
