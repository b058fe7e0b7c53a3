"""The stars and the trained models of the study, kept as artifacts that notebooks share."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.model_selection import train_test_split
from tqdm.auto import tqdm

from specnb.core.artifacts import artifact, artifact_path, dropped_if_damaged
from specnb.core.device import pick_device
from specnb.core.files import read_checkpoint
from specnb.core.spectra import Spectra
from specnb.disentangle.config import DisentangleConfig
from specnb.disentangle.model import Disentangler
from specnb.disentangle.train import train
from specnb.emulator.shipped import load_emulator
from specnb.surveys import RVS
from specnb.surveys.mock import MockConfig, make_mock

EMULATOR = RVS.emulator_path
GPU_JOBS = 8  # trainings at a time on a GPU, whose memory they share; one alone leaves it idle
TEST = 0.2  # fraction of stars that are test stars (paper: 12,861 of 64,305)


class ReferenceStars(NamedTuple):
    """Noisy spectra with a catalogue, and the same stars without noise and with true labels."""

    train: Spectra
    test: Spectra
    truth_train: Spectra
    truth_test: Spectra


def reference_stars(survey: MockConfig) -> ReferenceStars:
    """Make the mock reference survey and split it at random into training and test stars.

    As in the paper, 80% are training and 20% test stars.

    The spectra come from the shipped emulator. The survey's seed also determines the split.
    """
    observed, truth = make_mock(load_emulator("rvs"), survey)
    train_rows, test_rows = train_test_split(
        np.arange(len(observed)), test_size=TEST, random_state=survey.seed
    )
    return ReferenceStars(
        observed[train_rows], observed[test_rows], truth[train_rows], truth[test_rows]
    )


# The labels that each setting of the paper's Table 1 entangles. It disentangles the other labels.
# This follows the note of that table. The text of Sect. 3.3 numbers the two settings the other way
# round.
ENTANGLED = {"First": ("teff", "logg"), "Second": ("m_h", "alpha_fe"), "removed": ()}


@dataclass(frozen=True)
class Objective:
    """How strongly and by which means labels are entangled and disentangled.

    The paper does not publish its λ.

    Attributes
    ----------
    entangle, disentangle : float
        |λ| of the entangled labels, and of the other labels if some are entangled.
    remove : float
        λ of all labels if none is entangled. Then only L_rec, which is small at the noise of these
        spectra, keeps information in the latents. With a larger λ the easiest way to deceive the
        discriminators is to remove all information from the latents.
    bottleneck, discriminator_steps
        As in `DisentangleConfig`.
    """

    entangle: float
    disentangle: float
    remove: float
    bottleneck: float = 0.0
    discriminator_steps: int = 1

    def config(self, base: DisentangleConfig, entangled=()) -> DisentangleConfig:
        """Make a configuration in which some labels are entangled and the others are disentangled.

        λ is negative for entangled labels and positive for the others.

        Parameters
        ----------
        base : DisentangleConfig
            Configuration from which everything is taken but λ and the attributes of this objective.
        entangled : sequence of str
            Labels such as the values of `ENTANGLED`. If it is empty, all labels are disentangled.

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
# If all labels are removed, a bottleneck of 4e-4 would also remove all other information.
REMOVAL = replace(BOTTLENECK, bottleneck=1e-4)


def train_once(spectra: Spectra, survey: MockConfig, config: DisentangleConfig, progress=False):
    """Train a model, unless it exists. An interrupted training continues from its checkpoint.

    A damaged model or checkpoint is deleted, which a warning tells, and made again.

    Parameters
    ----------
    spectra : Spectra
        Training stars of the survey. They are not used if the model exists already.
    survey : MockConfig
    config : DisentangleConfig
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        Path of the model, for `Disentangler.load`.
    """
    case = (survey, config)
    checkpoint = artifact_path("disentangle", case, ".checkpoint", [EMULATOR], code=train_once)

    def make(path):
        if checkpoint.exists():
            with dropped_if_damaged(checkpoint):
                read_checkpoint(checkpoint, "cpu", ())
        train(spectra, config, checkpoint, progress).save(path)

    def read(path):
        Disentangler.load(path, config)
        return path

    return artifact("disentangle", case, ".safetensors", make, [EMULATOR], read=read)


def trained(
    stars: ReferenceStars, survey: MockConfig, configs, jobs: int = -1
) -> list[Disentangler]:
    """Models of several configurations, which are trained in parallel.

    Models that were trained before are only loaded.

    Parameters
    ----------
    stars : ReferenceStars
        Stars of that survey.
    survey : MockConfig, or tuple of it and a text
        Names the stars; the text tells which part of the training stars they are, if not all.
    configs : sequence of DisentangleConfig
    jobs : int
        Number of trainings at a time. −1 means one per core, but at most `GPU_JOBS` on a GPU.

    Returns
    -------
    list of Disentangler
        The models in the order of the configurations, on the CPU.
    """
    on_gpu = any(pick_device(config.device).type != "cpu" for config in configs)
    jobs = min(joblib.effective_n_jobs(jobs), GPU_JOBS if on_gpu else len(configs))
    in_turn = jobs == 1
    work = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(train_once)(stars.train, survey, config, progress=in_turn)
        for config in configs
    )
    paths = tqdm(work, "autoencoders", len(configs), unit="model", disable=in_turn)
    return [Disentangler.load(path, config) for path, config in zip(paths, configs)]
