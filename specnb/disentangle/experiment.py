"""The stars and the trained models of the study, kept as artifacts that notebooks share."""

from dataclasses import dataclass, replace
from hashlib import file_digest
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
from specnb.surveys.mock import MockConfig, make_mock, remake
from specnb.surveys.public.built import STUDIED, built_file, built_spectra

EMULATOR = RVS.emulator_path
GPU_JOBS = 8  # trainings at a time on a GPU, whose memory they share; one alone leaves it idle
UNKNOWN = 1e6  # error of a flux of which nothing is known
TEST = 0.2  # fraction of stars that are test stars (paper: 12,861 of 64,305)


@dataclass(frozen=True)
class RealSet:
    """Real stars of a set that ``specnb data build`` made. It stands where a `MockConfig` stands.

    Attributes
    ----------
    name : str
        Name of the set, such as "rvs-reference".
    n_stars : int
        The first stars of the set are taken, or all of them if it has fewer.
    seed : int
        Seed of the split into training and test stars.
    content : str
        SHA-256 of the set's file. A set that was built anew gets models of its own.
    """

    name: str
    n_stars: int
    seed: int
    content: str


def reference_sample(survey: str, n_stars: int, seed: int) -> MockConfig | RealSet:
    """What describes the reference stars that a notebook's parameter ``survey`` asks for.

    Parameters
    ----------
    survey : {"mock", "gaia-dr3"}
        Mock stars, or the real stars of the set "rvs-reference".
    n_stars, seed : int

    Raises
    ------
    ValueError
        If there is no such survey.
    OSError
        If the set of real stars was not made.
    """
    if survey == "mock":
        return RVS.mock(n_stars=n_stars, seed=seed)
    if survey != "gaia-dr3":
        raise ValueError(f"survey is {survey!r}: choose mock or gaia-dr3")
    name = STUDIED[survey]
    with built_file(name).open("rb") as file:
        return RealSet(name, n_stars, seed, file_digest(file, "sha256").hexdigest())


class ReferenceStars(NamedTuple):
    """Noisy spectra with a catalogue, and the same stars without noise and with true labels.

    The latter are None for real stars, of which no truth is known.
    """

    train: Spectra
    test: Spectra
    truth_train: Spectra | None
    truth_test: Spectra | None


def reference_stars(sample: MockConfig | RealSet) -> ReferenceStars:
    """The reference stars, split at random into training and test stars.

    As in the paper, 80% are training and 20% test stars.

    The spectra of mock stars come from the shipped emulator. The seed of the sample also determines
    the split.
    """
    if isinstance(sample, RealSet):
        observed, truth = built_spectra(sample.name, sample.n_stars), None
    else:
        observed, truth = make_mock(load_emulator("rvs"), sample)
    split = train_test_split(np.arange(len(observed)), test_size=TEST, random_state=sample.seed)
    return ReferenceStars(
        *(observed[rows] for rows in split),
        *(truth and truth[rows] for rows in split),
    )


def without_noise(emulator, stars: ReferenceStars, rows: slice) -> tuple[Spectra, Spectra]:
    """Some test stars, and the same stars without noise and with all labels of the emulator.

    Of real stars, of which no truth is known, the latter are the emulator's spectra at the labels of
    the catalogue, completed by `Survey.complete_labels`, with the ``flux_error`` of the observed
    spectra, which is `UNKNOWN` in masked pixels. Real stars outside the emulator's hull are left out.
    """
    test = stars.test[rows]
    if stars.truth_test is not None:
        return test, stars.truth_test[rows]
    survey = emulator.survey
    labels = survey.complete_labels(test.labels, np.random.default_rng(0))
    labels = np.column_stack([labels[name] for name in survey.names])
    inside = emulator.in_hull(labels)
    test, labels = test[inside], survey.table(labels[inside])
    flux, error = remake(emulator, None, test.ids, labels), np.minimum(test.flux_error, UNKNOWN)
    return test, Spectra(
        emulator.wavelength, flux, error, np.zeros_like(test.mask), test.ids, labels
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


def train_once(spectra: Spectra, sample, config: DisentangleConfig, progress=False):
    """Train a model, unless it exists. An interrupted training continues from its checkpoint.

    A damaged model or checkpoint is deleted, which a warning tells, and made again.

    Parameters
    ----------
    spectra : Spectra
        Training stars of the sample. They are not used if the model exists already.
    sample : MockConfig or RealSet, or tuple of it and a text
        As for `trained`.
    config : DisentangleConfig
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        Path of the model, for `Disentangler.load`.
    """
    case = (sample, config)
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


def trained(stars: ReferenceStars, sample, configs, jobs: int = -1) -> list[Disentangler]:
    """Models of several configurations, which are trained in parallel.

    Models that were trained before are only loaded.

    Parameters
    ----------
    stars : ReferenceStars
        Stars of that sample.
    sample : MockConfig or RealSet, or tuple of it and a text
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
        joblib.delayed(train_once)(stars.train, sample, config, progress=in_turn)
        for config in configs
    )
    paths = tqdm(work, "autoencoders", len(configs), unit="model", disable=in_turn)
    return [Disentangler.load(path, config) for path, config in zip(paths, configs)]
